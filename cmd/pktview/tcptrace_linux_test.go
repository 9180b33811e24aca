package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/capture/report/plot/plottest"
)

// stroke is a line of a file for xplot: from a time and a number to others, in a colour.
type stroke struct {
	color           string
	at, until       float64
	number, number2 float64
}

func (s stroke) upright() bool { return s.at == s.until && s.number != s.number2 }

// strokes reads a file for xplot.
func strokes(t *testing.T, file string) (all []stroke) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	color, label := "", false // label: the next line is a text
	for line := range strings.Lines(string(b)) {
		s := stroke{color: color}
		fields := strings.Fields(line)
		switch {
		case label:
			label = false
		case len(fields) > 1 && strings.HasSuffix(fields[0], "text"):
			label = true
		case len(fields) == 1:
			color = fields[0]
		case len(fields) > 4 && fields[0] == "line":
			_, err := fmt.Sscan(strings.Join(fields[1:5], " "), &s.at, &s.number, &s.until, &s.number2)
			must(t, err)
			all = append(all, s)
		}
	}
	return all
}

// The time-sequence graph of a lossy stream has the strokes that tcptrace's has of the same capture: each segment,
// those that were sent again, each acknowledgement, window and SACK block, at the same time and of the same bytes, and
// no more.
func TestReportBesideTcptrace(t *testing.T) {
	if _, err := exec.LookPath("tcptrace"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("REQUIRE_PEERS is set and there is no tcptrace")
		}
		t.Skip("no tcptrace here")
	}
	t.Parallel()
	dir, _ := lossy(t)
	inDir(t, dir, "-r", "plain.pcapng", "-w", "plain.pcap")
	cmd := exec.Command("tcptrace", "-S", "-n", "plain.pcap")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tcptrace: %v: %s", err, out)
	}
	theirs := strokes(t, filepath.Join(dir, "a2b_tsg.xpl"))
	chart := drawn(t, dir, "-r", "plain.pcap")["stream-0-sequence-from-client"]
	start := jsonOf[packetJSON](t, dir, "-r", "plain.pcap", "-c", "1")[0].Time
	var isn float64 // of the client's first byte
	for _, s := range theirs {
		if s.color == "orange" && s.upright() {
			isn = s.number2
			break
		}
	}
	begin := float64(start.UnixMicro()) / 1e6
	const micro = 2e-6 // they count microseconds, in decimals of a second of this century
	has := func(points []plottest.Point, s stroke, upright bool) bool {
		return slices.ContainsFunc(points, func(q plottest.Point) bool {
			return near(q.X, s.at-begin, chart.X+micro) && near(q.Y, s.number-isn, chart.Y) && (!upright || near(q.To, s.number2-isn, chart.Y))
		})
	}
	var first, again []plottest.Point
	for _, name := range chart.Names {
		switch {
		case strings.HasPrefix(name, "again: "):
			again = append(again, chart.Series[name]...)
		case name == "data", name == "reordered":
			first = append(first, chart.Series[name]...)
		}
	}
	for _, c := range []struct {
		what, color string
		upright     bool
		ours        []plottest.Point
		less        int // strokes that they do not draw
	}{
		{"segments", "white", true, first, 0}, {"segments that were sent again", "red", true, again, 0}, {"SACK blocks", "purple", true, chart.Series["selected (SACK)"], 0},
		// A level is drawn up to the one that follows it: the last is not.
		{"acknowledgements", "green", false, chart.Series["acknowledged"], 1}, {"windows", "yellow", false, chart.Series["window"], 1},
	} {
		n := 0
		for _, s := range theirs {
			if s.color != c.color || s.upright() != c.upright || c.upright == (s.at != s.until) {
				continue
			}
			n++
			if !has(c.ours, s, c.upright) {
				t.Errorf("%s: ours has no %v to %v at %v", c.what, s.number-isn, s.number2-isn, s.at-begin)
			}
		}
		t.Logf("%s: %d of tcptrace, %d of ours", c.what, n, len(c.ours))
		if n == 0 || n != len(c.ours)-c.less {
			t.Errorf("%s: %d of tcptrace, %d of ours", c.what, n, len(c.ours))
		}
	}
}
