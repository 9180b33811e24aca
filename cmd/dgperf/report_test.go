package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture/drop"
	"sockwire/capture/report/plot/plottest"
	"sockwire/capture/report/runs"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/dgram/perf"
)

// A report says what --json says of the same run: what was asked and answered each time, the round trips, and how they
// are spread.
func TestReportAsJSON(t *testing.T) {
	addr, dir := server(t), t.TempDir()
	folder := filepath.Join(dir, "run") + "/"
	out, stderr, code := clitest.Run(t, run, "", "--requests", "--rate", "500pps", "-T", "600ms", "-i", "100ms", "--histogram", "--json", "--report", folder, addr)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	rates, means := plottest.Read(t, folder+"rates.svg"), plottest.Read(t, folder+"mean-round-trips.svg")
	spread := plottest.Read(t, folder+"distribution.svg")
	intervals, buckets := 0, 0
	for line := range strings.Lines(out) {
		var i intervalRecord
		var d distribution
		switch {
		case strings.HasPrefix(line, `{"type":"interval"`):
			if err := json.Unmarshal([]byte(line), &i); err != nil {
				t.Fatal(err)
			}
			x, length := time.Duration(i.At-i.Length).Seconds(), time.Duration(i.Length).Seconds()
			point(t, rates, "up: sent", x, float64(i.Up.Sent)/length, rates.Y)
			point(t, rates, "answered", x, float64(*i.Replies)/length, rates.Y)
			if i.RoundTrip > 0 {
				y := float64(i.RoundTrip) / 1e9
				point(t, means, "mean of each piece", float64(i.At)/1e9, y, 1e-4*y)
			}
			intervals++
		case strings.HasPrefix(line, `{"type":"distribution","name":"rtt"`):
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatal(err)
			}
			seen := uint64(0)
			for _, b := range d.Buckets {
				seen += b.Count
				x := float64(b.To) / 1e9
				found := false
				for _, p := range spread.Series["this run"] {
					found = found || math.Abs(p.X-x) <= 1e-3*x && math.Abs(p.Y-100*float64(seen)/float64(d.Count)) <= spread.Y
				}
				if !found {
					t.Errorf("%d of %d are at most %d ns: not drawn", seen, d.Count, b.To)
				}
				buckets++
			}
		}
	}
	if intervals < 4 || buckets < 2 {
		t.Errorf("%d intervals and %d buckets were compared", intervals, buckets)
	}
	before, page := filepath.Join(dir, "before.jsonl"), filepath.Join(dir, "page.html")
	if err := os.WriteFile(before, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, code = clitest.Run(t, run, "", "--requests", "-c", "100", "--report", page, "--compare", before, addr)
	text, err := os.ReadFile(page)
	if err != nil || code != 0 || !strings.Contains(string(text), "before.jsonl") || !strings.Contains(stderr, "95 % confidence") {
		t.Errorf("the runs are not compared: %v, exit %d\n%s", err, code, stderr)
	}
}

// A report draws each one-way delay that --json says, and how they are spread.
func TestReportHasOneWayDelays(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "run") + "/"
	out, stderr, code := clitest.Run(t, run, "", "--rate", "500pps", "-T", "600ms", "-i", "100ms", "--both", "--json", "--report", folder, server(t))
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	drawn, delays := plottest.Read(t, folder+"delays.svg"), 0
	var again runs.Run
	for line := range strings.Lines(out) {
		var i intervalRecord
		if !strings.HasPrefix(line, `{"type":"interval"`) {
			continue
		}
		if err := json.Unmarshal([]byte(line), &i); err != nil {
			t.Fatal(err)
		}
		for way, c := range map[string]*counts{"up": i.Up, "down": i.Down} {
			if c.Delay > 0 {
				point(t, drawn, way, float64(i.At)/1e9, float64(c.Delay)/1e9, drawn.Y)
				delays++
			}
		}
	}
	if delays < 4 {
		t.Errorf("%d delays were compared", delays)
	}
	if err := readRun(strings.NewReader(out), &again, false); err != nil {
		t.Fatal(err)
	}
	if len(again.Delays) != 2 || !again.Delays[0].Known || again.Delays[0].Least <= 0 || again.Delays[0].P50 > again.Delays[0].Max {
		t.Errorf("one-way delays of the run: %+v", again.Delays)
	}
}

func point(t *testing.T, d plottest.Drawing, series string, x, y, by float64) {
	t.Helper()
	for _, p := range d.Series[series] {
		if math.Abs(p.X-x) <= d.X && math.Abs(p.Y-y) <= by {
			return
		}
	}
	t.Errorf("%s has no %v at %v: %v", series, y, x, d.Series[series])
}

// All that is lost is drawn, by its cause.
func TestReportHasAllLosses(t *testing.T) {
	var r runs.Run
	rec := directionRecord{Direction: "up", Sent: 100, Lost: 21, SendErrors: 1, LostDropped: 2, LostCheck: 3, LostICMP: 4, LostCorrupt: 5, LostNetwork: 6}
	addDirection(&r, &rec)
	rec.Direction = "down"
	addDirection(&r, &rec)
	if r.LostCount() != 2*rec.Lost || r.Sent != 200 || len(r.Causes) != 12 || r.Causes["up: in the network"] != 6 {
		t.Errorf("%d lost: %v", r.LostCount(), r.Causes)
	}
}

// What cannot be drawn or compared is refused before anything is sent.
func TestReportRefuses(t *testing.T) {
	dir := t.TempDir()
	wrong, page := filepath.Join(dir, "wrong"), filepath.Join(dir, "page.html")
	if err := os.WriteFile(wrong, []byte(`{"type":"summary","direction":"requests"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--compare", wrong}, "give both"}, {[]string{"--report", "x.pdf"}, "neither"}, {[]string{"--report", page, "--mtu"}, "--mtu"},
		{[]string{"--report", page, "--requests", "--compare", wrong}, "--histogram"}, {[]string{"--report", page, "--compare", filepath.Join(dir, "none")}, "none"},
	} {
		if _, stderr, code := clitest.Run(t, run, "", append(c.args, "127.0.0.1:9")...); code != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d: %s", c.args, code, stderr)
		}
	}
}

// broken is a source of drops that ends with an error.
type broken struct{}

func (broken) Stop() error       { return nil }
func (broken) Stats() drop.Stats { return drop.Stats{} }
func (broken) Close() error      { return nil }

// A report is of what was measured: it is saved although --drops fails, and both are told.
func TestReportIsSavedWithoutDrops(t *testing.T) {
	cfg := perf.Config{Network: "udp", Target: server(t), Requests: &perf.Load{Count: 20}}
	page := filepath.Join(t.TempDir(), "page.html")
	var out bytes.Buffer
	env := &cli.Env{Name: "dgperf", Stdout: cli.NewOutput(&out), Stderr: &out}
	r := &renderer{env: env, o: &options{report: page, requests: true, quiet: true}, cfg: &cfg}
	var err error
	if r.drawn, err = newDrawn(t.Context(), env, r.o); err != nil {
		t.Fatal(err)
	}
	r.draws()
	result, err := perf.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	lost, gone := errors.New("the ring is gone"), errors.New("the server is gone")
	h := &hostDrops{src: broken{}, done: make(chan error, 1)}
	h.done <- lost
	if err := r.conclude(result, h, gone); !errors.Is(err, lost) || !strings.Contains(err.Error(), gone.Error()) {
		t.Errorf("the error is %v", err)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("the report is not saved: %v, %d bytes", err, len(text))
	}
}
