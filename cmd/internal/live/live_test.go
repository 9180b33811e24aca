package live

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// demo is a source with n rows on each of two pages, every third of them bad.
type demo struct {
	n              int
	paused, resets int
}

var demoColumns = []Column{
	{Name: "no", Width: 3, Keep: true}, {Name: "address", Width: 15, Grow: 24, Keep: true, Left: true}, {Name: "loss", Width: 6}, {Name: "sent", Width: 6},
	{Name: "strip", Width: 8, Grow: 20, Left: true}, {Name: "said", Width: 8, Keep: true, Left: true, Grow: 1000},
}

func (d *demo) look(a Ask) View {
	v := View{Title: fmt.Sprintf("page %d", a.Page), Page: "page", Pages: 2, State: []string{"round 42"}, Columns: demoColumns, Orders: []string{"number", "loss"},
		Notes: []string{"what is known in a sentence, which is so long that it does not fit into one line of the screen; and more"}}
	var list []int
	for i := range d.n {
		list = append(list, i+1)
	}
	loss := func(i int) int { return i % 3 * i }
	order := cmp.Compare[int]
	if a.Order == 1 {
		order = func(a, b int) int { return cmp.Or(cmp.Compare(loss(b), loss(a)), cmp.Compare(a, b)) }
	}
	for _, i := range Pick(a, list, order, func(i int) string { return fmt.Sprint(i) }) {
		r := Row{Key: fmt.Sprint(i), Name: fmt.Sprintf("number %d", i), Detail: []string{fmt.Sprintf("evidence of %d", i)},
			Cells: []string{fmt.Sprint(i), fmt.Sprintf("198.51.100.%d", i), fmt.Sprintf("%d%%", loss(i)), "42",
				Bars(8, func(j int) float64 { return float64(i*j*j) - 1 }), ""}}
		if loss(i) > 0 {
			r.Mood, r.Cells[5] = Bad, "real"
		}
		v.Rows = append(v.Rows, r)
	}
	return v
}

func (d *demo) source() Source {
	return Source{Look: d.look, Reset: func() { d.resets++ }}
}

func newScreen(d *demo) screen {
	s := screen{name: "demo", source: d.source()}
	m, cmd := s.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	return perform(m, cmd).(screen)
}

// press sends keys to a model, and runs the commands that come back, but for the clock's.
func press(m tea.Model, keys ...tea.KeyPressMsg) tea.Model {
	for _, k := range keys {
		var cmd tea.Cmd
		m, cmd = m.Update(k)
		m = perform(m, cmd)
	}
	return m
}

func perform(m tea.Model, cmd tea.Cmd) tea.Model {
	if cmd == nil {
		return m
	}
	msg := cmd()
	switch msg := msg.(type) {
	case seen:
		m, _ = m.Update(msg)
	case nil, tea.QuitMsg, tea.SuspendMsg:
	default: // of Sequence, which has no name outside
		v := reflect.ValueOf(msg)
		for i := range v.Len() {
			m = perform(m, v.Index(i).Interface().(tea.Cmd))
		}
	}
	return m
}

func letter(r rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: r, Text: string(r)} }

// TestFits: whatever the size of the terminal, no line is longer and no more lines are drawn, and the chosen row is
// among them.
func TestFits(t *testing.T) {
	for _, width := range []int{1, 5, 20, 39, 40, 79, 80, 81, 120, 300, 400} {
		for _, height := range []int{1, 2, 5, 6, 10, 24, 50, 100} {
			for _, n := range []int{0, 1, 30, 255} {
				s := newScreen(&demo{n: n})
				s.width, s.height = width, height
				s.ask.Chosen = fmt.Sprint(n)
				s = perform(s, s.see(false)).(screen)
				for _, detail := range []bool{false, true} {
					s.detail = detail
					lines := s.lines()
					if len(lines) != height {
						t.Errorf("%dx%d, %d rows: %d lines", width, height, n, len(lines))
					}
					for _, line := range lines {
						if w := ansi.StringWidth(line); w > width {
							t.Errorf("%dx%d: %d columns: %q", width, height, w, line)
						}
					}
					text := strings.Join(lines, "\n")
					if n > 1 && height >= 5 && !detail && width >= 5 && !strings.Contains(text, fmt.Sprintf(">%3d", n)) {
						t.Errorf("%dx%d: the chosen row %d is not shown:\n%s", width, height, n, text)
					}
				}
			}
		}
	}
}

// TestKeys: each key does what it says.
func TestKeys(t *testing.T) {
	d := &demo{n: 12}
	first := func(m tea.Model) string { return m.(screen).view.Rows[0].Key }
	m := press(newScreen(d), letter('o'))
	if first(m) != "11" || !strings.Contains(m.View().Content, "by loss") {
		t.Errorf("by loss: %v", m.(screen).view.Rows)
	}
	if m = press(m, letter('o')); first(m) != "1" || !strings.Contains(m.View().Content, "by number") {
		t.Errorf("by number: %v", first(m))
	}
	m = press(m, letter('j'), letter('j'), letter('k'), tea.KeyPressMsg{Code: tea.KeyEnter})
	if text := m.View().Content; !strings.Contains(text, "evidence of 2") {
		t.Errorf("no detail of 2:\n%s", text)
	}
	if m = press(m, tea.KeyPressMsg{Code: tea.KeyEscape}); strings.Contains(m.View().Content, "evidence") {
		t.Error("escape does not close the detail")
	}
	for i, want := range []string{"page 1  page 2 of 2", "page 0  page 1 of 2"} {
		if m = press(m, tea.KeyPressMsg{Code: tea.KeyTab}); !strings.Contains(m.View().Content, want) {
			t.Errorf("tab %d: %s", i, m.View().Content)
		}
	}
	m = press(m, letter('p'))
	if !strings.Contains(m.View().Content, "HELD") {
		t.Errorf("not held: %s", m.View().Content)
	}
	d.n = 3
	held, _ := m.Update(m.(screen).see(true)())
	if n := len(held.(screen).view.Rows); n != 12 {
		t.Errorf("%d rows of what is held", n)
	}
	m = press(m, letter('p'))
	if n := len(m.(screen).view.Rows); n != 3 || strings.Contains(m.View().Content, "HELD") {
		t.Errorf("%d rows, and then held: %s", n, m.View().Content)
	}
	s := m.(screen)
	s.source.Pause = func() { d.paused++ }
	press(s, letter('p'), tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}, letter('r'))
	if d.paused != 2 || d.resets != 1 {
		t.Errorf("paused %d times, reset %d times", d.paused, d.resets)
	}
	for _, k := range []tea.KeyPressMsg{letter('q'), {Code: tea.KeyEscape}, {Code: 'c', Mod: tea.ModCtrl}} {
		if _, cmd := m.Update(k); cmd == nil {
			t.Errorf("%v does not quit", k)
		} else if _, ok := cmd().(tea.QuitMsg); !ok {
			t.Errorf("%v does not quit", k)
		}
	}
	if _, cmd := m.Update(letter('z')); cmd != nil {
		t.Error("a key without a meaning has one")
	}
}

// TestPick: of many rows, those around the chosen one are drawn, however far down it is.
func TestPick(t *testing.T) {
	m := tea.Model(newScreen(&demo{n: 5000}))
	for range 300 {
		m = press(m, tea.KeyPressMsg{Code: tea.KeyPgDown})
	}
	s := m.(screen)
	if s.ask.Chosen != "3601" || len(s.view.Rows) != 49 || !strings.Contains(m.View().Content, ">361") && !strings.Contains(m.View().Content, ">3601") && !strings.Contains(m.View().Content, ">3…1") {
		t.Errorf("chosen %s of %d rows:\n%s", s.ask.Chosen, len(s.view.Rows), m.View().Content)
	}
}

// TestPickIsSorted: what is picked is what sorting all of it shows, and nothing is lost.
func TestPickIsSorted(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 60 {
		list := make([]int, n)
		for i := range list {
			list[i] = random.IntN(40)
		}
		all := slices.Sorted(slices.Values(list))
		for _, rows := range []int{0, 1, 7, 80} {
			got := Pick(Ask{Rows: rows}, list, cmp.Compare[int], strconv.Itoa)
			if !slices.Equal(got, all[:min(rows+1, n)]) {
				t.Errorf("%d rows of %v: %v", rows, all, got)
			}
			if rest := slices.Sorted(slices.Values(list)); !slices.Equal(rest, all) {
				t.Errorf("%v was left of %v", rest, all)
			}
		}
	}
}

// TestSeldom: looking and drawing cost the run little. A tick draws nothing, and the time between looks grows to a
// second.
func TestSeldom(t *testing.T) {
	d := &demo{n: 12}
	s := newScreen(d)
	looked := s.text
	d.n = 3
	m, _ := s.Update(tickMsg{})
	if m.(screen).text != looked || looked == "" {
		t.Errorf("a tick draws %q after %q", m.(screen).text, looked)
	}
	var total time.Duration
	looks := 0
	for ; total < time.Minute; looks++ {
		m, _ = m.Update(m.(screen).see(true)())
		total += m.(screen).wait
	}
	if looks < 55 || looks > 75 || m.(screen).wait != lastWait {
		t.Errorf("%d looks in a minute, the last after %v", looks, m.(screen).wait)
	}
	if !strings.Contains(m.View().Content, "198.51.100.3") || strings.Contains(m.View().Content, "198.51.100.4") {
		t.Errorf("what is shown is old: %s", m.View().Content)
	}
}

// TestStyles: colour only where it is wanted, ASCII where the locale has no more.
func TestStyles(t *testing.T) {
	s := newScreen(&demo{n: 12})
	s.view.Rows[0].Cells[1] = strings.Repeat("name", 20)
	if text := drawn(s); strings.Contains(text, "\x1b") || !strings.Contains(text, "…") {
		t.Errorf("without colour: %q", text)
	}
	s.color = true
	if text := drawn(s); !strings.Contains(text, "\x1b[31m ") {
		t.Errorf("bad is not red: %q", text)
	}
	s.ascii = true
	if text := drawn(s); strings.Contains(text, "…") || !strings.Contains(text, "...") {
		t.Errorf("in ASCII: %q", text)
	}
}

func drawn(s screen) string { return strings.Join(s.lines(), "\n") }

// BenchmarkDraw is what a screen costs.
func BenchmarkDraw(b *testing.B) {
	s := newScreen(&demo{n: 100})
	s.width, s.height, s.color = 120, 50, true
	for b.Loop() {
		s.view = s.source.Look(s.ask)
		s.lines()
	}
}
