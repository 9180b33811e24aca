package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/cmd/internal/live"
	"sockwire/dgram/perf"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// TestWatch: the screen shows rate, loss and delay of a path that loses a tenth, at several sizes; the summary is left
// behind.
func TestWatch(t *testing.T) {
	a, b, _ := twoHosts(t, impair.Config{Seed: 1, Loss: .1})
	serveOn(t, b)
	on := func(args ...string) *clitest.Screen {
		args = append(args, "--watch", "-i", "20ms", "--rate", "500pps", "-s", "200", b.Addr4().String())
		return clitest.OnScreen(t, datagramtest.Command(t.Context(), t, a, args...), 80, 24, "NO_COLOR=1")
	}
	s := on("-T", "1m")
	s.Take("testdata/screens/watch.txt", `(?s)lost: \d+ in the network.*\n *\d+\.\ds up .*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\nq quit`, func(text string) string {
		return regexp.MustCompile(`(?m)\n # up .*`).ReplaceAllString(clitest.Masked(text), "")
	})
	s.Key("oo\r")
	s.Await(`(?s)by delay.*\nup, up to .*\n  up: \d+ sent`)
	s.Resize(20, 5)
	s.Await(`^dg.*by delay\n +at +recei.*\n>? *\d.*\n.*\nq quit`)
	s.Resize(300, 100)
	s.Await(`damaged +twice +order\n`)
	s.Key("q")
	text, code := s.End()
	if code != 0 || !strings.Contains(text, "lost") {
		t.Errorf("status %d, %q", code, text)
	}
	s = on("--both", "-T", "300ms")
	s.Await(`(?s)up: .*down: .*s down `)
	if text, code := s.End(); code != 0 || !strings.Contains(text, "down") {
		t.Errorf("status %d, %q", code, text)
	}
}

// TestWatchRequests: round trips are shown, and a run with a screen counts what one without does.
func TestWatchRequests(t *testing.T) {
	_, a, b := netlab.Two(t)
	serveOn(t, b)
	s := clitest.OnScreen(t, datagramtest.Command(t.Context(), t, a, "--requests", "--watch", "-i", "50ms", "-c", "600", "--rate", "1000pps", b.Addr4().String()), 80, 24)
	s.Await(`(?s)asked: .*round trip.*s asked`)
	text, code := s.End()
	figures := regexp.MustCompile(`(?m)^ *(sent|received|lost) +\d+`)
	plain := run2(t, a, "--requests", "-i", "50ms", "-c", "600", "--rate", "1000pps", b.Addr4().String())
	with, without := figures.FindAllString(text, -1), figures.FindAllString(plain, -1)
	if code != 0 || len(without) == 0 || strings.Join(with, ",") != strings.Join(without, ",") {
		t.Errorf("status %d: %q with the screen, %q without:\n%s", code, with, without, text)
	}
}

func run2(t *testing.T, h *netlab.Host, args ...string) string {
	t.Helper()
	out, err := datagramtest.Command(t.Context(), t, h, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestWatchSums: what is shown adds up, in each order, and begins anew after a reset.
func TestWatchSums(t *testing.T) {
	w := newWatch(&perf.Config{Target: "evil\x1b[2J", Up: &perf.Load{}, Down: &perf.Load{}})
	for i := range mostSpans {
		w.add(perf.Interval{At: time.Duration(i+1) * time.Second, Length: time.Second, UpDelay: 2 * time.Millisecond, UpJitter: time.Millisecond,
			Up: perf.Counts{Sent: 10, Unique: 9, Bytes: 90, Lost: 1, Dropped: uint64(i % 2)}, Down: perf.Counts{Sent: 5, Unique: 5}})
	}
	for order, want := range []string{"down", "up", "up"} {
		v := w.look(live.Ask{Rows: 10, Width: 80, Order: order})
		if v.Rows[0].Cells[1] != want || len(v.Rows) != 11 || v.Title != `evil\x1b[2J` ||
			v.Notes[0] != "up: 36000 sent, 32400 received, 3600 lost: 1800 buffer full, 1800 in the network or not known yet" {
			t.Errorf("by %s: %q %+v", watchOrders[order], v.Notes, v.Rows[0])
		}
		delays := "- -" // of the way down nothing is known
		if want == "up" {
			delays = "2.00 1.00"
		}
		if got := strings.Join(v.Rows[0].Cells[6:8], " "); got != delays {
			t.Errorf("delay and jitter %q, want %q", got, delays)
		}
	}
	w.reset()
	if v := w.look(live.Ask{Rows: 10, Width: 80}); len(v.Rows) != 0 || v.Notes[0] != "up: 0 sent, 0 received, 0 lost" {
		t.Errorf("after a reset: %+v", v)
	}
}
