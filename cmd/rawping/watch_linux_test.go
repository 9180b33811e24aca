package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/cmd/internal/live"
	"sockwire/raw"
	"sockwire/raw/probe"
)

// TestWatch: the table shows what every host does, follows keys and the size of the terminal, and leaves the summary
// behind.
func TestWatch(t *testing.T) {
	l := mustLab(t)
	nobody := l.b.Addr4().Next().Next().String()
	s := clitest.OnScreen(t, l.a.Command(t.Context(), "rawping", "--watch", "-i", "20ms", "-W", "100ms", "127.0.0.1", l.b.Addr4().String(), nobody), 80, 24, "NO_COLOR=1")
	shown := func(text string) string { // of the run only what does not change
		return regexp.MustCompile(`(?m)[.x]{2,}`).ReplaceAllString(clitest.Masked(text), "~")
	}
	whole := `127\.0\.0\.1 .*0%.*\.{8} [▁-█]{8}\n(.*\n)*.*100% .*x{8} x{8}\n`
	s.Take("testdata/screens/watch.txt", whole, shown)
	s.Key("o")
	s.Take("testdata/screens/watch-loss.txt", `by loss\n(.*\n)* `+regexp.QuoteMeta(nobody), shown)
	s.Key("jk\r")
	s.Await(`(?s)\n` + regexp.QuoteMeta(nobody) + `\n  lost \d+: \d+ `)
	s.Resize(20, 5)
	s.Await(`^raw.*by loss\n host .*\n>.*\n  lost.*\nq quit  p pause  r r`)
	s.Resize(300, 100)
	s.Await(`p99 +x lost +times\n`)
	s.Key("p")
	s.Await(`HELD, the run goes on`)
	s.Key("r")
	s.Key("pq")
	text, code := s.End()
	if code != 1 || !strings.Contains(text, "2 hosts alive, 1 unreachable") || !strings.Contains(text, "min ms") {
		t.Errorf("status %d, %q", code, text)
	}
}

// TestWatchChangesNothing: the figures of a run are the same with the table, without, and where there is no terminal
// for it.
func TestWatchChangesNothing(t *testing.T) {
	l := mustLab(t)
	args := []string{"-c", "20", "-i", "5ms", "-W", "100ms", "--rate", "max", "127.0.0.1", l.b.Addr4().String(), l.b.Addr4().Next().Next().String()}
	figures := func(text string) string {
		return strings.Join(regexp.MustCompile(`(?m)^[0-9.]+ +\d+ +\d+ +\d+%|\d+ hosts? alive, \d+ unreachable|\d+ echoes sent, \d+ answered|lost \d+`).FindAllString(text, -1), "\n")
	}
	plain, err := on(l.a, "rawping", append([]string{"--many"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	want := figures(plain.stdout)
	if !strings.Contains(want, "60 echoes sent, 40 answered") || !strings.Contains(want, "lost 20") {
		t.Fatalf("figures %q of %q", want, plain.stdout)
	}
	piped, err := on(l.a, "rawping", append([]string{"--watch"}, args...)...)
	if err != nil || figures(piped.stdout) != want || strings.Contains(piped.stdout, "\x1b") {
		t.Errorf("without a terminal %v: %q, want %q", err, piped.stdout, want)
	}
	s := clitest.OnScreen(t, l.a.Command(t.Context(), "rawping", append([]string{"--watch"}, args...)...), 80, 24)
	text, _ := s.End()
	if got := figures(strings.ReplaceAll(text, "\r", "")); got != want {
		t.Errorf("with the table %q, want %q", got, want)
	}
}

// TestWatchResets: after a reset what is shown is counted anew, and the run's own accounts go on; names do no harm.
func TestWatchResets(t *testing.T) {
	w := &watch{start: time.Now()}
	account := newAccount()
	end := func(seq int, o probe.Outcome, c probe.Cause) {
		e := raw.Echo{Target: netip.MustParseAddr("192.0.2.1"), Seq: seq, N: uint64(seq)}
		e.Outcome, e.Cause = o, c
		account.add(&e, 5*time.Millisecond)
		w.add(&e, account, func() string { return "evil\x1b[2J\u202e" }, 5*time.Millisecond)
	}
	cells := func() string { return strings.Join(w.look(live.Ask{Rows: 10}).Rows[0].Cells, " ") }
	end(1, probe.Answered, probe.NoCause)
	end(2, probe.Lost, probe.Unanswered)
	if got, want := cells(), `evil\x1b[2J\u{202e} 2 1 50% 5.00 5.00 5.00 .x ▁x`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.reset()
	end(3, probe.Answered, probe.NoCause)
	if got, want := cells(), `evil\x1b[2J\u{202e} 1 0 0% 5.00 5.00 5.00 . ▁`; got != want || account.tally.Sent != 3 {
		t.Errorf("%q of %d, want %q", got, account.tally.Sent, want)
	}
	for order := range watchOrders {
		if n := len(w.look(live.Ask{Rows: 10, Order: order}).Rows); n != 1 {
			t.Errorf("%d rows by %s", n, watchOrders[order])
		}
	}
}

// BenchmarkWatch is what a look at many hosts costs.
func BenchmarkWatch(b *testing.B) {
	w := &watch{start: time.Now()}
	for i := range 65534 {
		e := raw.Echo{Index: i, Outcome: probe.Answered}
		a := newAccount()
		a.add(&e, time.Duration(i))
		w.add(&e, a, func() string { return fmt.Sprint(i) }, time.Duration(i))
	}
	for b.Loop() {
		w.look(live.Ask{Rows: 50, Order: 4})
	}
}
