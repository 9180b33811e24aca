package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// onTerminal runs rawping with its output on a terminal and returns all that came out.
func onTerminal(t *testing.T, h *netlab.Host, env []string, args ...string) string {
	t.Helper()
	tty, out := clitest.Terminal(t)
	cmd := h.Command(t.Context(), "rawping", args...)
	cmd.Stdout, cmd.Stderr = tty, tty
	cmd.Env = append(cmd.Environ(), env...)
	var text bytes.Buffer
	var group sync.WaitGroup
	group.Go(func() { io.Copy(&text, out) }) // ends with EIO when the last user of the terminal has gone
	err := cmd.Run()
	tty.Close()
	group.Wait()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestTerminal looks at what only a terminal gets: the strip of round trips, colour, the progress line.
func TestTerminal(t *testing.T) {
	l := mustLab(t)
	b4 := l.b.Addr4().String()
	plain := []string{"NO_COLOR=1", "TERM=xterm"}
	if text := onTerminal(t, l.a, plain, "-c", "10", "-i", "0.01", b4); !regexp.MustCompile(`(?m)^[▁▂▃▄▅▆▇█]{10}\r?$`).MatchString(text) || strings.Contains(text, "\x1b[3") {
		t.Errorf("no strip of ten round trips: %q", text)
	}
	refused := []string{"-c", "1", "-t", "1", b4}
	if text := onTerminal(t, l.a, []string{"NO_COLOR=", "TERM=xterm"}, refused...); !strings.Contains(text, "\x1b[31mFrom ") {
		t.Errorf("an error is not red: %q", text)
	}
	for _, env := range [][]string{plain, {"NO_COLOR=", "TERM=dumb"}} {
		if text := onTerminal(t, l.a, env, refused...); strings.Contains(text, "\x1b") || !strings.Contains(text, "Time to live exceeded") {
			t.Errorf("%v: %q", env, text)
		}
	}
	if text := onTerminal(t, l.a, plain, "--loop", "-w", "1", "-i", "0.1", b4); !strings.Contains(text, "echoes ended, ") {
		t.Errorf("no progress line: %q", text)
	}
	if o, err := on(l.a, "rawping", "-c", "10", "-i", "0.01", b4); err != nil || strings.ContainsAny(o.stdout+o.stderr, "▁█\x1b") {
		t.Errorf("without a terminal: %+v, %v", o, err)
	}
}

// sharedText is text that is read while it is still being written.
type sharedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sharedText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sharedText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// running is rawping at work, its lines as they come.
type running struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	stderr sharedText
}

func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{cmd: cmd}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = &r.stderr
	cmd.Env = append(cmd.Environ(), "NO_COLOR=1", "GORACE=atexit_sleep_ms=0")
	r.lines = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return r
}

// until reads lines up to one that has text.
func (r *running) until(t *testing.T, text string) {
	t.Helper()
	for r.lines.Scan() {
		if strings.Contains(r.lines.Text(), text) {
			return
		}
	}
	t.Fatalf("no line with %q", text)
}

// end reads the rest and returns it with the exit status.
func (r *running) end() (rest string, code int) {
	for r.lines.Scan() {
		rest += r.lines.Text() + "\n"
	}
	r.cmd.Wait()
	return rest, r.cmd.ProcessState.ExitCode()
}

// TestSignals: SIGQUIT asks how far it is, SIGINT stops with the summary, and a sweep that is stopped prints what it
// has.
func TestSignals(t *testing.T) {
	l := mustLab(t)
	b4 := l.b.Addr4().String()
	r := start(t, l.a.Command(t.Context(), "rawping", "-i", "0.05", b4))
	r.until(t, "icmp_seq=1 ")
	r.cmd.Process.Signal(syscall.SIGQUIT)
	r.until(t, "icmp_seq=4 ")
	r.cmd.Process.Signal(syscall.SIGINT)
	rest, code := r.end()
	if code != 0 || !strings.Contains(rest, " ping statistics ---") || !strings.Contains(rest, "packet loss") || !regexp.MustCompile(`(?m)^\d+/\d+ packets, \d+% loss, last [\d.]+ ms$`).MatchString(r.stderr.String()) {
		t.Errorf("exit %d\n%s%s", code, rest, r.stderr.String())
	}

	r = start(t, l.a.Command(t.Context(), "rawping", "-i", "0.05", "-O", "203.0.113.1"))
	r.until(t, "no answer yet for icmp_seq=2")
	r.cmd.Process.Signal(syscall.SIGINT)
	if rest, code = r.end(); code != 1 || !strings.Contains(rest, "100% packet loss") || !strings.Contains(rest, "on the way when stopped") {
		t.Errorf("nothing was answered: exit %d\n%s", code, rest)
	}

	sweep := []string{"--json", "--rate", "100", "-r", "0", "-W", "100ms", b4, "203.0.113.1", "--generate", "203.0.113.0/24"}
	r = start(t, l.a.Command(t.Context(), "rawping", sweep...))
	r.until(t, `"outcome":"lost"`)
	r.cmd.Process.Signal(syscall.SIGINT)
	rest, code = r.end()
	var s struct {
		Type        string
		Sent        int
		Alive       int `json:"hosts_alive"`
		Unreachable int `json:"hosts_unreachable"`
		Interrupted bool
	}
	lines := strings.Split(strings.TrimSpace(rest), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil || code != 1 || s.Type != "summary" || !s.Interrupted || s.Alive != 1 || s.Unreachable < 1 || s.Sent >= 256 {
		t.Errorf("exit %d, %v: %+v\n%s", code, err, s, rest)
	}
}

// TestScrape reads the metrics of a run as Prometheus would.
func TestScrape(t *testing.T) {
	netlab.Need(t)
	r := start(t, exec.CommandContext(t.Context(), "rawping", "--metrics", "127.0.0.1:0", "-c", "1000", "-i", "0.02", "127.0.0.1"))
	r.until(t, "icmp_seq=3 ")
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+/metrics`)
	url := address.FindString(r.stderr.String())
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`(?m)^# TYPE rawping_rtt_seconds histogram$`, `(?m)^rawping_rtt_seconds_bucket\{target="127\.0\.0\.1",le="\+Inf"\} [1-9]`,
		`(?m)^rawping_echoes_total\{cause="none",outcome="answered",target="127\.0\.0\.1"\} [1-9]`} {
		if !regexp.MustCompile(want).Match(body) {
			t.Errorf("%s does not match\n%s", want, body)
		}
	}
	r.cmd.Process.Signal(syscall.SIGINT)
	if rest, code := r.end(); code != 0 {
		t.Errorf("exit %d\n%s", code, rest)
	}
}

// TestFigures works the statistics out anew from the records of the echoes.
func TestFigures(t *testing.T) {
	l := mustLab(t)
	const count = 300
	o, err := on(l.a, "rawping", "--json", "-c", fmt.Sprint(count), "-i", "0.002", l.b.Addr4().String())
	if err != nil || o.code != 0 {
		t.Fatalf("%+v, %v", o, err)
	}
	var rtt []float64
	var sum struct {
		Type     string
		Received int
		Floor    int64            `json:"clock_floor_ns"`
		Clock    string           `json:"clock"`
		RTT      map[string]int64 `json:"rtt"`
	}
	for line := range strings.Lines(o.stdout) {
		var e struct {
			Type string
			RTT  float64 `json:"rtt_ns"`
		}
		sum.Type = ""
		if json.Unmarshal([]byte(line), &e); e.Type == "echo" {
			rtt = append(rtt, e.RTT)
		} else if err := json.Unmarshal([]byte(line), &sum); err != nil {
			t.Fatal(err)
		}
	}
	if len(rtt) != count || sum.Received != count || sum.Clock != "kernel" || sum.Floor <= 0 {
		t.Fatalf("%d echoes, %+v", len(rtt), sum)
	}
	var total, squares, jitter, ipdv float64
	for i, v := range rtt {
		total += v
		if i > 0 {
			d := math.Abs(v - rtt[i-1])
			jitter += (d - jitter) / 16
			ipdv += d / (count - 1)
		}
	}
	for _, v := range rtt {
		squares += (v - total/count) * (v - total/count)
	}
	sorted := slices.Sorted(slices.Values(rtt))
	rank := func(q float64) float64 { return sorted[int(math.Ceil(q*count))-1] }
	for name, want := range map[string]float64{"min_ns": sorted[0], "max_ns": sorted[count-1], "mean_ns": total / count, "stddev_ns": math.Sqrt(squares / count),
		"p50_ns": rank(.5), "p90_ns": rank(.9), "p99_ns": rank(.99), "p999_ns": rank(.999), "jitter_ns": jitter, "ipdv_ns": ipdv} {
		tolerance := 2.0
		if name[0] == 'p' {
			tolerance = want / 500 // the histogram keeps three digits
		}
		if got := float64(sum.RTT[name]); math.Abs(got-want) > tolerance {
			t.Errorf("%s is %v, computed anew %v", name, got, want)
		}
	}
}

// TestDeadlineCountsAnswers: with -w it is answers that -c counts, as with ping, whose status scripts go by.
func TestDeadlineCountsAnswers(t *testing.T) {
	l := mustLab(t)
	if err := l.b.Sysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	r := start(t, l.a.Command(t.Context(), "rawping", "-O", "-c", "2", "-w", "30", "-i", "0.05", l.b.Addr4().String()))
	begin := time.Now()
	r.until(t, "no answer yet for icmp_seq=3")
	if err := l.b.Sysctl("net.ipv4.icmp_echo_ignore_all", "0"); err != nil {
		t.Fatal(err)
	}
	rest, code := r.end()
	if code != 0 || !strings.Contains(rest, " packets transmitted, 2 received, ") || time.Since(begin) > 25*time.Second {
		t.Errorf("exit %d after %v\n%s", code, time.Since(begin), rest)
	}
}
