package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// testTable is a table of a path of n hops, the loss of every third real.
func testTable(n int) snapshot {
	s := snapshot{hosts: 2, title: "192.0.2.9", sentence: "reached in 12 hops, 12.345 ms; loses 2.1 % from hop 7 on, first at 192.0.2.9; hop 4 only answers seldom", rounds: 42}
	for ttl := 1; ttl <= n; ttl++ {
		r := row{ttl: ttl, address: fmt.Sprintf("198.51.100.%d", ttl), sent: 42, answered: 40, last: time.Duration(ttl) * time.Millisecond, mean: time.Duration(100-ttl) * time.Millisecond,
			worst: time.Second, detail: []string{fmt.Sprintf("evidence of hop %d", ttl)}}
		if ttl%3 == 0 {
			r.loss, r.verdict, r.bad = float64(ttl)/100, "real", true
		}
		s.rows = append(s.rows, r)
	}
	return s
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
	case snapshot:
		m, _ = m.Update(msg)
	case tea.BatchMsg:
		for _, c := range msg {
			m = perform(m, c)
		}
	case nil, tea.QuitMsg, tea.SuspendMsg:
	default: // of Sequence, which has no name outside
		if list, ok := sequence(msg); ok {
			for _, c := range list {
				m = perform(m, c)
			}
		}
	}
	return m
}

func letter(r rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: r, Text: string(r)} }

func newLive(n int) live {
	l := live{width: 80, height: 24}
	l.look = func(host int) snapshot { s := testTable(n); s.title = fmt.Sprintf("host %d", host); return s }
	l.pause, l.reset = func() bool { return true }, func() {}
	m, _ := l.Update(testTable(n))
	return m.(live)
}

func TestLiveTable(t *testing.T) {
	l := newLive(12)
	lines := l.lines()
	want := []string{
		"rawtrace 192.0.2.9  host 1 of 2, round 42, by hop",
		"reached in 12 hops, 12.345 ms; loses 2.1 % from hop 7 on, first at 192.0.2.9;",
		"hop 4 only answers seldom",
		" hop address                loss   sent    last    mean   worst verdict",
		"   1 198.51.100.1             0%     42    1.00   99.00  1000.0",
		"   2 198.51.100.2             0%     42    2.00   98.00  1000.0",
		"   3 198.51.100.3             3%     42    3.00   97.00  1000.0 real",
	}
	for i, line := range want {
		if strings.TrimRight(lines[i], " ") != strings.TrimRight(line, " ") {
			t.Errorf("line %d\n%q\nwant\n%q", i, lines[i], line)
		}
	}
	if len(lines) != 24 || lines[23] != "tab host  "+keys {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// TestLiveFits: whatever the size of the terminal, no line is longer and no more lines are drawn, and the chosen hop is among them.
func TestLiveFits(t *testing.T) {
	for _, width := range []int{0, 1, 39, 40, 79, 80, 81, 120, 200, 400} {
		for _, height := range []int{0, 1, 5, 6, 10, 24, 50, 100} {
			for _, n := range []int{0, 1, 30, 255} {
				m, _ := newLive(n).Update(tea.WindowSizeMsg{Width: width, Height: height})
				for range n - 1 {
					m = press(m, tea.KeyPressMsg{Code: tea.KeyDown})
				}
				for _, detail := range []bool{false, true} {
					l := m.(live)
					l.detail = detail
					lines := l.lines()
					if len(lines) > max(height, leastHeight) {
						t.Errorf("%dx%d, %d hops: %d lines", width, height, n, len(lines))
					}
					for _, line := range lines {
						if w := ansi.StringWidth(line); w > max(width, leastWidth) {
							t.Errorf("%dx%d: %d columns: %q", width, height, w, line)
						}
					}
					if text := strings.Join(lines, "\n"); n > 1 && height >= 10 && !strings.Contains(text, fmt.Sprintf(">%3d ", n)) {
						t.Errorf("%dx%d: the chosen hop %d is not shown:\n%s", width, height, n, text)
					}
				}
			}
		}
	}
}

// TestLiveKeys: each key does what it says.
func TestLiveKeys(t *testing.T) {
	first := func(m tea.Model) int { l := m.(live); return l.snap.rows[0].ttl }
	m := press(newLive(12), letter('o'))
	if first(m) != 12 || m.(live).snap.rows[11].ttl != 11 {
		t.Errorf("by loss: %v", m.(live).snap.rows)
	}
	m, _ = m.Update(testTable(12)) // the order stays
	if first(m) != 12 {
		t.Errorf("by loss, then: %v", first(m))
	}
	if m = press(m, letter('o')); first(m) != 1 || !strings.Contains(m.View().Content, "by mean") {
		t.Errorf("by mean: %v", first(m))
	}
	m = press(m, letter('j'), letter('j'), letter('k'), tea.KeyPressMsg{Code: tea.KeyEnter})
	if text := m.View().Content; !strings.Contains(text, "evidence of hop 2") {
		t.Errorf("no detail of hop 2:\n%s", text)
	}
	if m = press(m, tea.KeyPressMsg{Code: tea.KeyEscape}); strings.Contains(m.View().Content, "evidence") {
		t.Error("escape does not close the detail")
	}
	if m = press(m, tea.KeyPressMsg{Code: tea.KeyTab}); !strings.Contains(m.View().Content, "rawtrace host 1") {
		t.Errorf("tab: %s", m.View().Content)
	}
	if m = press(m, tea.KeyPressMsg{Code: tea.KeyTab}); !strings.Contains(m.View().Content, "rawtrace host 0") {
		t.Errorf("tab again: %s", m.View().Content)
	}
	paused, resets := 0, 0
	l := m.(live)
	l.pause, l.reset = func() bool { paused++; return true }, func() { resets++ }
	press(l, letter('p'), tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}, letter('r'))
	if paused != 2 || resets != 1 {
		t.Errorf("paused %d times, reset %d times", paused, resets)
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

// TestLiveStyles: colour only where it is wanted, ASCII where the locale has no more.
func TestLiveStyles(t *testing.T) {
	l := newLive(12)
	l.snap.rows[0].address = strings.Repeat("name", 20)
	if text := l.View().Content; strings.Contains(text, "\x1b") || !strings.Contains(text, "…") {
		t.Errorf("without colour: %q", text)
	}
	l.color = true
	if text := l.View().Content; !strings.Contains(text, "\x1b[31m>") && !strings.Contains(text, "\x1b[31m ") {
		t.Errorf("real loss is not red: %q", text)
	}
	l.ascii = true
	if text := l.View().Content; strings.Contains(text, "…") || !strings.Contains(text, "...") {
		t.Errorf("in ASCII: %q", text)
	}
}

// sequence returns the commands of what tea.Sequence makes.
func sequence(msg tea.Msg) ([]tea.Cmd, bool) {
	v := reflect.ValueOf(msg)
	if v.Kind() != reflect.Slice {
		return nil, false
	}
	var list []tea.Cmd
	for i := range v.Len() {
		c, ok := v.Index(i).Interface().(tea.Cmd)
		if !ok {
			return nil, false
		}
		list = append(list, c)
	}
	return list, true
}
