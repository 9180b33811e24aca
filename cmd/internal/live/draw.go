package live

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"sockwire/cmd/internal/cli"
)

// lines are those of the screen, each no longer than it is wide, and no more than it is high.
func (s *screen) lines() []string {
	width, height := s.columnCount(), s.lineCount()
	top := []string{s.style(lipgloss.NewStyle().Bold(true), s.head(width))}
	notes := 0 // lines of them
	switch {
	case height >= 10:
		notes = max(height/5, 2)
	case height > 5:
		notes = 1
	}
	var wrapped []string
	for _, note := range s.view.Notes {
		wrapped = append(wrapped, wrap(note, width)...)
	}
	top = append(top, firstOf(wrapped, notes)...)
	table := Layout(s.view.Columns, width)
	if len(table.columns) > 0 {
		top = append(top, s.style(lipgloss.NewStyle().Reverse(true), pad(" "+table.Head(), width)))
	}
	below := s.below(width, height)
	lines := append(top, s.rows(table, max(height-len(top)-len(below)-1, 1))...)
	lines = append(lines, below...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	foot := keys
	if s.view.Pages > 1 {
		foot = "tab " + s.view.Page + "  " + foot
	}
	lines = append(firstOf(lines, height-1), foot)
	for i := range lines {
		if s.ascii {
			lines[i] = string(cli.ToASCII([]byte(lines[i])))
		}
		if len(lines[i]) > width { // no text has more columns than bytes
			lines[i] = ansi.Truncate(lines[i], width, "")
		}
	}
	return lines
}

// head is the first line: what is shown, and the state of it as far as there is room.
func (s *screen) head(width int) string {
	title := s.name + " " + s.view.Title
	var state []string
	if s.view.Pages > 1 {
		state = append(state, fmt.Sprintf("%s %d of %d", s.view.Page, s.viewed.Page+1, s.view.Pages))
	}
	state = append(state, s.view.State...)
	if s.viewed.Order < len(s.view.Orders) {
		state = append(state, "by "+s.view.Orders[s.viewed.Order])
	}
	switch {
	case s.view.Paused:
		state = append(state, "PAUSED")
	case s.held:
		state = append(state, "HELD, the run goes on")
	}
	least := min(len(s.name), width)
	for len(state) > 1 && least+2+ansi.StringWidth(strings.Join(state, ", ")) > width {
		state = state[1:]
	}
	text := "  " + strings.Join(state, ", ")
	return cut(title, max(width-ansi.StringWidth(text), least)) + text
}

// rows draws as many rows as there is room for, the chosen one among them.
func (s *screen) rows(table Table, room int) (lines []string) {
	if len(s.view.Rows) == 0 && s.view.Empty != "" {
		return []string{" " + s.view.Empty}
	}
	at := s.at()
	from := min(max(at-room+1, 0), max(len(s.view.Rows)-room, 0))
	for i := from; i < len(s.view.Rows) && i < from+room; i++ {
		r := &s.view.Rows[i]
		style := lipgloss.NewStyle()
		switch r.Mood {
		case Bad:
			style = style.Foreground(lipgloss.Red)
		case Warning:
			style = style.Foreground(lipgloss.Yellow)
		}
		mark := " "
		if s.detail && i == at || s.ask.Chosen == r.Key {
			mark = ">"
		}
		lines = append(lines, s.style(style, mark+table.Row(r.Cells)))
	}
	return lines
}

// below is what is known of the chosen row, if that is asked for.
func (s *screen) below(width, height int) []string {
	if !s.detail || len(s.view.Rows) == 0 {
		return nil
	}
	r := &s.view.Rows[s.at()]
	lines := []string{"", r.Name}
	if height < 10 {
		lines = nil // the row itself says whose it is
	}
	for _, text := range r.Detail {
		for _, line := range wrap(text, max(width-2, 1)) {
			lines = append(lines, "  "+line)
		}
	}
	return firstOf(lines, max(height/2, 2))
}

// style gives a text a style where colour is wanted: NO_COLOR is obeyed.
func (s *screen) style(style lipgloss.Style, text string) string {
	if !s.color {
		return text
	}
	return style.Render(text)
}

func wrap(text string, width int) []string {
	return strings.Split(ansi.Wrap(text, width, ""), "\n")
}

func firstOf(lines []string, n int) []string { return lines[:max(min(len(lines), n), 0)] }

// cut shortens a text to a width, the middle of it left out: the ends of addresses tell most.
func cut(text string, width int) string {
	w := columns(text)
	if w <= width || width < 1 {
		return text
	}
	left := (width - 1) / 2
	return ansi.Truncate(text, left, "") + "…" + ansi.TruncateLeft(text, w-(width-1-left), "")
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-columns(text), 0))
}

// columns is how wide a text is. Most are ASCII, where that needs no tables.
func columns(text string) int {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return ansi.StringWidth(text)
		}
	}
	return len(text)
}

// Table is how lines of a width are divided among columns.
type Table struct {
	columns []Column // with the widths they have got
	from    []int    // their places among all
}

// Layout chooses the columns for lines of a width, the first of which is for a mark.
func Layout(all []Column, width int) Table {
	left := width - 1 + 1 // one column has no space before it
	for _, c := range all {
		if c.Keep {
			left -= c.Width + 1
		}
	}
	var t Table
	full := false
	for i, c := range all {
		if !c.Keep {
			full = full || left < c.Width+1
			if full {
				continue
			}
			left -= c.Width + 1
		}
		t.columns, t.from = append(t.columns, c), append(t.from, i)
	}
	for i := range t.columns {
		c := &t.columns[i]
		if left < 0 && c.Grow > 0 { // too narrow for all that is kept: names are cut
			less := min(-left, c.Width-min(c.Width, 6))
			c.Width, left = c.Width-less, left+less
			continue
		}
		more := min(max(left, 0), c.Grow)
		c.Width, left = c.Width+more, left-more
	}
	return t
}

// Head is the line of names.
func (t *Table) Head() string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.Name)
	}
	return t.line(names)
}

// Row is the line of a row, which has a cell for each of all columns.
func (t *Table) Row(cells []string) string {
	texts := make([]string, len(t.columns))
	for i, from := range t.from {
		if from < len(cells) {
			texts[i] = cells[from]
		}
	}
	return t.line(texts)
}

func (t *Table) line(texts []string) string {
	var b strings.Builder
	for i, c := range t.columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		text := cut(texts[i], c.Width)
		if c.Recent {
			text = ansi.TruncateLeft(texts[i], columns(texts[i])-c.Width, "")
		}
		switch {
		case c.Left && !c.Recent && i == len(t.columns)-1: // the edge of the screen is its own
			b.WriteString(texts[i])
		case c.Left:
			b.WriteString(pad(text, c.Width))
		default:
			b.WriteString(strings.Repeat(" ", max(c.Width-columns(text), 0)))
			b.WriteString(text)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
