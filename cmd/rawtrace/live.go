package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"sockwire/cmd/internal/cli"
)

// live is the table of --watch on a terminal. It is a pure function of the messages it gets: what it shows comes in snapshots, and
// what its keys do to the run goes through its controls.
type live struct {
	controls
	snap          snapshot
	width, height int
	host          int // that is shown
	chosen        int // TTL of the row that is chosen, 0 for none yet
	order         int // in orders
	detail        bool
	color, ascii  bool
}

// controls are what the keys reach.
type controls struct {
	look  func(host int) snapshot
	pause func() (paused bool) // turns pausing on and off
	reset func()
}

// snapshot is what is known of a host at a moment, as texts that are safe to show.
type snapshot struct {
	hosts    int
	title    string // of the host
	sentence string
	rounds   int
	paused   bool
	rows     []row
}

// row is a hop.
type row struct {
	ttl                            int
	address                        string // the name, where it is known
	others                         int    // more addresses that answer at this TTL
	loss                           float64
	sent                           uint64
	answered                       uint64
	last, mean, best, worst, stdev time.Duration
	verdict                        string
	bad                            bool // real loss
	detail                         []string
}

type tickMsg struct{}

const drawEvery = 200 * time.Millisecond

func tick() tea.Cmd { return tea.Tick(drawEvery, func(time.Time) tea.Msg { return tickMsg{} }) }

// see is the command that looks at a host.
func (l live) see() tea.Cmd {
	look, host := l.look, l.host
	return func() tea.Msg { return look(host) }
}

// Init looks for the first time.
func (l live) Init() tea.Cmd { return tea.Batch(l.see(), tick()) }

// Update takes in a key, a snapshot or the terminal's size.
func (l live) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		l.width, l.height = msg.Width, msg.Height
	case tickMsg:
		return l, tea.Batch(l.see(), tick())
	case snapshot:
		l.snap = msg
		l.sort()
	case tea.KeyPressMsg:
		return l.key(msg.String())
	}
	return l, nil
}

func (l live) key(key string) (tea.Model, tea.Cmd) {
	switch key {
	case "q", "ctrl+c", "Q":
		return l, tea.Quit
	case "esc":
		if !l.detail {
			return l, tea.Quit
		}
		l.detail = false
	case "ctrl+z":
		return l, tea.Suspend
	case "p", " ", "space":
		pause := l.pause
		return l, tea.Sequence(func() tea.Msg { pause(); return nil }, l.see())
	case "r":
		reset := l.reset
		return l, tea.Sequence(func() tea.Msg { reset(); return nil }, l.see())
	case "o":
		l.order = (l.order + 1) % len(orders)
		l.sort()
	case "enter", "d":
		l.detail = !l.detail
	case "up", "k":
		l.move(-1)
	case "down", "j":
		l.move(1)
	case "tab", "right", "n":
		return l.other(1)
	case "shift+tab", "left", "b":
		return l.other(-1)
	}
	return l, nil
}

// other shows another host.
func (l live) other(step int) (tea.Model, tea.Cmd) {
	if l.snap.hosts < 2 {
		return l, nil
	}
	l.host = (l.host + step + l.snap.hosts) % l.snap.hosts
	l.chosen = 0
	return l, l.see()
}

// orders are those of the rows.
var orders = []struct {
	name  string
	order func(a, b row) int
}{
	{"hop", func(a, b row) int { return 0 }},
	{"loss", func(a, b row) int { return cmp.Compare(b.loss, a.loss) }},
	{"mean", func(a, b row) int { return cmp.Compare(b.mean, a.mean) }},
	{"worst", func(a, b row) int { return cmp.Compare(b.worst, a.worst) }},
}

func (l *live) sort() {
	rows := slices.Clone(l.snap.rows)
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(orders[l.order].order(a, b), cmp.Compare(a.ttl, b.ttl)) })
	l.snap.rows = rows
}

// at is where the chosen row stands.
func (l *live) at() int {
	return max(slices.IndexFunc(l.snap.rows, func(r row) bool { return r.ttl == l.chosen }), 0)
}

func (l *live) move(step int) {
	if n := len(l.snap.rows); n > 0 {
		l.chosen = l.snap.rows[min(max(l.at()+step, 0), n-1)].ttl
	}
}

// View draws the table.
func (l live) View() tea.View {
	v := tea.NewView(strings.Join(l.lines(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "rawtrace " + l.snap.title
	return v
}

const (
	leastWidth, leastHeight = 40, 6
	keys                    = "q quit  p pause  r reset  o order  enter detail"
)

// lines are those of the screen, each no longer than it is wide, and no more than it is high.
func (l *live) lines() []string {
	width, height := max(l.width, leastWidth), max(l.height, leastHeight)
	title := "rawtrace " + l.snap.title
	state := fmt.Sprintf("  round %d, by %s", l.snap.rounds, orders[l.order].name)
	if l.snap.hosts > 1 {
		state = fmt.Sprintf("  host %d of %d,%s", l.host+1, l.snap.hosts, strings.TrimPrefix(state, " "))
	}
	if l.snap.paused {
		state += ", PAUSED"
	}
	top := []string{l.style(lipgloss.NewStyle().Bold(true), cut(title, width-len(state))+state)}
	top = append(top, firstOf(strings.Split(ansi.Wordwrap(l.snap.sentence, width, ""), "\n"), 2)...)
	columns := columnsOf(width)
	top = append(top, l.style(lipgloss.NewStyle().Reverse(true), columns.head(width)))
	foot := keys
	if l.snap.hosts > 1 {
		foot = "tab host  " + foot
	}
	var below []string
	if l.detail && len(l.snap.rows) > 0 {
		r := l.snap.rows[l.at()]
		below = append(below, "", fmt.Sprintf("hop %d", r.ttl))
		for _, text := range r.detail {
			for _, line := range strings.Split(ansi.Wordwrap(text, width-2, ""), "\n") {
				below = append(below, "  "+line)
			}
		}
		below = firstOf(below, max(height/2, 2))
	}
	room := max(height-len(top)-len(below)-1, 1)
	var rows []string
	from := min(max(l.at()-room+1, 0), max(len(l.snap.rows)-room, 0))
	for i := from; i < len(l.snap.rows) && i < from+room; i++ {
		r := l.snap.rows[i]
		text := columns.row(&r, width)
		style := lipgloss.NewStyle()
		switch {
		case r.bad:
			style = style.Foreground(lipgloss.Red)
		case r.verdict != "" && r.loss > 0:
			style = style.Foreground(lipgloss.Yellow)
		}
		mark := " "
		if l.detail && i == l.at() || l.chosen == r.ttl {
			mark = ">"
		}
		rows = append(rows, l.style(style, mark+text))
	}
	lines := append(append(top, rows...), below...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(firstOf(lines, height-1), foot)
	for i := range lines {
		if l.ascii {
			lines[i] = string(cli.ToASCII([]byte(lines[i])))
		}
		lines[i] = ansi.Truncate(lines[i], width, "")
	}
	return lines
}

// style gives a text a style where colour is wanted: NO_COLOR is obeyed.
func (l *live) style(s lipgloss.Style, text string) string {
	if !l.color {
		return text
	}
	return s.Render(text)
}

func firstOf(lines []string, n int) []string { return lines[:min(len(lines), n)] }

// cut shortens a text to a width, the middle of it left out: the ends of addresses tell most.
func cut(text string, width int) string {
	w := ansi.StringWidth(text)
	if w <= width || width < 1 {
		return text
	}
	left := (width - 1) / 2
	return ansi.Truncate(text, left, "") + "…" + ansi.TruncateLeft(text, w-(width-1-left), "")
}

// column is a column of the table with numbers in it.
type column struct {
	name  string
	width int
	text  func(r *row) string
}

func ms(f func(r *row) time.Duration) func(*row) string {
	return func(r *row) string {
		if r.answered == 0 {
			return "-"
		}
		return shortMilliseconds(f(r))
	}
}

// shortMilliseconds prints a time in seven columns.
func shortMilliseconds(d time.Duration) string {
	v := float64(d) / 1e6
	switch {
	case v < 1:
		return fmt.Sprintf("%.3f", v)
	case v < 100:
		return fmt.Sprintf("%.2f", v)
	case v < 10000:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// table is how a line is divided.
type table struct {
	columns          []column
	address, verdict int // widths
}

// columnsOf chooses the columns for a width: the verdict is always among them, for a percentage alone misleads.
func columnsOf(width int) table {
	all := []column{
		{"loss", 6, func(r *row) string { return cli.Percent(r.loss) }},
		{"sent", 6, func(r *row) string { return fmt.Sprint(r.sent) }},
		{"last", 7, ms(func(r *row) time.Duration { return r.last })},
		{"mean", 7, ms(func(r *row) time.Duration { return r.mean })},
		{"worst", 7, ms(func(r *row) time.Duration { return r.worst })},
		{"best", 7, ms(func(r *row) time.Duration { return r.best })},
		{"stdev", 7, ms(func(r *row) time.Duration { return r.stdev })},
	}
	const leastAddress, leastVerdict = 15, 17
	t := table{address: leastAddress, verdict: leastVerdict}
	left := width - 4 - leastAddress - 1 - leastVerdict // mark and hop
	for _, c := range all {
		if left < c.width+1 {
			break
		}
		left -= c.width + 1
		t.columns = append(t.columns, c)
	}
	more := min(left, 24)
	t.address += more
	t.verdict += left - more
	return t
}

func (t *table) head(width int) string {
	text := " hop" + " " + pad("address", t.address)
	for _, c := range t.columns {
		text += fmt.Sprintf(" %*s", c.width, c.name)
	}
	return pad(text+" verdict", width)
}

func (t *table) row(r *row, width int) string {
	address := r.address
	if r.others > 0 {
		more := fmt.Sprintf(" +%d", r.others)
		address = cut(address, t.address-len(more)) + more
	}
	text := fmt.Sprintf("%3d ", r.ttl) + pad(cut(address, t.address), t.address)
	for _, c := range t.columns {
		text += fmt.Sprintf(" %*s", c.width, c.text(r))
	}
	return strings.TrimRight(text+" "+r.verdict, " ")
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-ansi.StringWidth(text), 0))
}
