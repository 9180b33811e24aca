package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture/report/plot/plottest"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// A report says what --json says of the same run: each round trip, each loss, causes and percentiles; and compares it
// with another run.
func TestReportAsJSON(t *testing.T) {
	netlab.Need(t)
	loss, err := impair.Parse("seed=3,loss=20%")
	if err != nil {
		t.Fatal(err)
	}
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	var hosts [2]*netlab.Host
	for i, name := range []string{"a", "b"} {
		if hosts[i], err = lab.Host(name); err != nil {
			t.Fatal(err)
		}
	}
	a, b := hosts[0], hosts[1]
	if _, err := lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{AtoB: loss}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder := filepath.Join(dir, "run") + "/"
	ping := func(args ...string) (stdout, stderr string) {
		t.Helper()
		err := a.Do(func() error {
			var code int
			stdout, stderr, code = clitest.Run(t, run, "", append([]string{"-c", "60", "-i", "5ms", "-W", "200ms", "--json", b.Addr4().String()}, args...)...)
			if code != cli.ExitOK {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return stdout, stderr
	}
	stdout, _ := ping("--report", folder)
	trips := plottest.Read(t, folder+"round-trips.svg")
	answered, lost := 0, 0
	var first time.Time
	var summary summaryRecord
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, `{"type":"summary"`) {
			if err := json.Unmarshal([]byte(line), &summary); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var r echoRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.N == 1 {
			first = r.Time
		}
	}
	for line := range strings.Lines(stdout) {
		var r echoRecord
		if !strings.HasPrefix(line, `{"type":"echo"`) || json.Unmarshal([]byte(line), &r) != nil {
			continue
		}
		at := r.Time.Sub(first).Seconds()
		series, y := b.Addr4().String(), float64(r.RTT)/1e9
		if r.RTT == 0 {
			series = "lost"
			lost++
		} else {
			answered++
		}
		found := false
		for _, p := range trips.Series[series] {
			found = found || math.Abs(p.X-at) <= trips.X && (r.RTT == 0 || math.Abs(p.Y-y) <= 1e-4*y)
		}
		if !found {
			t.Errorf("%s has no point at %v, %v: %s", series, at, y, line)
		}
	}
	if n := len(trips.Series[b.Addr4().String()]); n != answered || len(trips.Series["lost"]) != lost || answered < 30 || lost == 0 {
		t.Errorf("%d answered and %d lost are drawn, want %d and %d", n, len(trips.Series["lost"]), answered, lost)
	}
	bars := plottest.Read(t, folder+"losses.svg").Bars
	if len(bars) != len(summary.Causes) || bars[0].Name != "this run: unanswered" || !strings.HasPrefix(bars[0].Text, fmt.Sprint(lost)+", ") || summary.Causes["unanswered"] != uint64(lost) {
		t.Errorf("bars %v, want %v", bars, summary.Causes)
	}
	for _, p := range plottest.Read(t, folder+"distribution.svg").Series["this run"] {
		if math.Abs(p.Y-100) < 0.01 && math.Abs(p.X*1e9-float64(summary.RTT.Max)) > 1e-3*float64(summary.RTT.Max) {
			t.Errorf("the longest is %v, want %d ns", p.X, summary.RTT.Max)
		}
	}
	before, page := filepath.Join(dir, "before.jsonl"), filepath.Join(dir, "page.html")
	if err := os.WriteFile(before, []byte(stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr := ping("--report", page, "--compare", before)
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "before.jsonl") || !strings.Contains(string(text), "Mann–Whitney") || !strings.Contains(stderr, "95 % confidence") {
		t.Errorf("the runs are not compared: %v\n%s", err, stderr)
	}
}

// What is no run of --json is refused before anything is sent.
func TestCompareRefuses(t *testing.T) {
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong")
	page := filepath.Join(dir, "page.html")
	for _, c := range []struct{ content, want string }{
		{"PING 127.0.0.1\n", "line 1"}, {`{"type":"summary","reordered":3}` + "\n", "no echoes"}, {"", "no echoes"},
		{strings.Repeat("x", longestRecord+1), "line 1 is longer than"},
	} {
		if err := os.WriteFile(wrong, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := clitest.Run(t, run, "", "-c", "1", "--report", page, "--compare", wrong, "127.0.0.1"); code != cli.ExitError || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit %d: %s", c.content, code, stderr)
		}
	}
	folder := filepath.Join(dir, "folder.html")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--compare", wrong}, {"--report", filepath.Join(dir, "x.pdf")}, {"--report", folder},
		{"--report", "/proc/x.html"}, {"--report", "/proc/x/"}, {"--report", filepath.Join(dir, "absent", "x.html")}, {"--report="}} {
		// Nothing is sent first.
		if stdout, stderr, code := clitest.Run(t, run, "", append([]string{"-c", "1", "127.0.0.1"}, args...)...); code != cli.ExitError || stdout != "" {
			t.Errorf("%q: exit %d: %s%s", args, code, stdout, stderr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v %v", left, err)
	}
}
