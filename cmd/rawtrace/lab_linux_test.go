package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/raw/netlab"
	"sockwire/raw/path/pathlab"
)

// output is what a command printed, and its exit status.
type output struct {
	stdout, stderr string
	code           int
}

// on runs a command on a host of a lab.
func on(t *testing.T, h *netlab.Host, name string, args ...string) output {
	t.Helper()
	cmd := h.Command(t.Context(), name, args...)
	cmd.Env = append(cmd.Environ(), "NO_COLOR=1", "GORACE=atexit_sleep_ms=0")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if _, ended := err.(*exec.ExitError); !ended {
			t.Fatal(err)
		}
	}
	return output{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// last is the last line of a text, wrapped ones put together.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\n   ", " ")), "\n")
	return lines[len(lines)-1]
}

// TestVerdicts: loss behind a hop is real, a router that limits its answers is not losing anything.
func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  pathlab.Config
		with func(n *pathlab.Net) error
		want string // of the sentence
		code int
	}{
		{"real", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1, Links: map[string]pathlab.Link{"r2-r3": {There: 0.3}}}, nil, `: reached in 5 hops, [\d.]+ ms; loses [23]\d(\.\d)? % from hop 3 on, first at 10\.0\.3\.2$`, 1},
		{"limit", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1}, func(n *pathlab.Net) error { return n.LimitPerHost("r2", time.Second) }, `: reached in 5 hops, [\d.]+ ms; hop 2 only answers seldom$`, 0},
		{"silent", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1}, func(n *pathlab.Net) error { return n.Silence("r3") }, `: reached in 5 hops, [\d.]+ ms; hop 3 is silent$`, 0},
		{"clean", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1}, nil, `: reached in 5 hops, [\d.]+ ms$`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if testing.Short() && (tc.name == "limit" || tc.name == "real") {
				t.Skip("what it asks at two rates takes a quarter of a minute")
			}
			t.Parallel()
			n := pathlab.New(t, tc.cfg)
			if tc.with != nil {
				if err := tc.with(n); err != nil {
					t.Fatal(err)
				}
			}
			o := on(t, n.Source, "rawtrace", "-q", "10", "-w", "300ms", "--decide=60s", n.Dst4.String())
			if sentence := last(o.stdout); !regexp.MustCompile(tc.want).MatchString(sentence) || o.code != tc.code {
				t.Errorf("exit status %d\n%s%s", o.code, o.stdout, o.stderr)
			}
		})
	}
}

// TestProcessesSideBySide: each of 20 processes on one host hears the answers of all, and takes its own alone.
func TestProcessesSideBySide(t *testing.T) {
	const processes, hops, probes = 20, 4, 5
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(hops), Seed: 1})
	outputs := make([]output, processes)
	var all sync.WaitGroup
	for i := range outputs {
		all.Go(func() {
			outputs[i] = on(t, n.Source, "rawtrace", "--json", "-q", strconv.Itoa(probes), "-m", "8", []string{"-U", "-I", "-T"}[i%3], n.Dst4.String())
		})
	}
	all.Wait()
	for i, o := range outputs {
		counted := map[int]int{}
		for line := range strings.Lines(o.stdout) {
			var r struct {
				Type, Outcome, From string
				TTL                 int
				Sent, Received      int
				Duplicate           bool
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if r.Type == "hop" {
				if counted[r.TTL] = r.Received; r.Sent != r.Received {
					t.Errorf("process %d: %s", i, line)
				}
			}
			if r.Type != "probe" || r.Outcome != "answered" {
				continue
			}
			want := fmt.Sprintf("10.0.%d.2", r.TTL)
			if r.TTL >= hops {
				want = n.Dst4.String()
			}
			if r.From != want || r.Duplicate {
				t.Errorf("process %d: %s", i, line)
			}
		}
		for ttl := 1; ttl <= hops; ttl++ {
			if counted[ttl] != probes {
				t.Errorf("process %d: %d answers at hop %d, exit status %d\n%s", i, counted[ttl], ttl, o.code, o.stderr)
			}
		}
	}
}

// TestPathsLab: a diamond by flow, drawn, as JSON and for Graphviz.
func TestPathsLab(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Diamonds(3, 2), Seed: 1})
	o := on(t, n.Source, "rawtrace", "--paths", n.Dst4.String())
	const want = `paths to 10.255.255.1, UDP
  1 ●      10.0.1.2  splits by flow
    ├─┬─┐
  2 ● │ │  10.0.2.2
  2 │ ● │  10.0.3.2
  2 │ │ ●  10.0.4.2
    ├─┴─┘
  3 ●      10.0.5.2  splits by flow
    ├─┐
  4 ● │    10.0.8.2
  4 │ ●    10.0.9.2
    ├─┘
  5 ●      10.0.10.2
  6 ●      10.255.255.1
10.255.255.1: 6 paths of 6 hops; no other with a confidence of N %; hops 1 and 3 split them by flow; N probes
`
	drawn := measured.ReplaceAllString(strings.ReplaceAll(o.stdout, "\n   and", " and"), "")
	drawn = regexp.MustCompile(`of [\d.]+ %`).ReplaceAllString(drawn, "of N %")
	if drawn = regexp.MustCompile(`\d+ probes`).ReplaceAllString(drawn, "N probes"); drawn != want || o.code != 0 {
		t.Errorf("%d\n%s%s%s", o.code, o.stdout, o.stderr, drawn)
	}
	o = on(t, n.Source, "rawtrace", "--paths", "--no-measure", "--json", n.Dst4.String())
	line := strings.Split(o.stdout, "\n")[1]
	var r pathsRecord
	if err := json.Unmarshal([]byte(line), &r); err != nil || len(r.Nodes) != 10 || len(r.Edges) != 12 || !r.Complete || r.Nodes[2].Address != "10.0.2.2" {
		t.Errorf("%v: %s", err, o.stdout)
	}
	o = on(t, n.Source, "rawtrace", "--dot", "--no-measure", n.Dst4.String())
	if got := strings.Count(o.stdout, " -> "); got != 12 || !strings.HasPrefix(o.stdout, "digraph") {
		t.Errorf("%d edges: %s%s", got, o.stdout, o.stderr)
	}
}

// measured is what stands behind an address in a drawing: times and the like, and lines of their own for edges.
var measured = regexp.MustCompile(`(?m)(^.*  by [\d.]+.*\n)|  [\d.]+ ms|  MTU \d+`)

// TestMTULab: the hop that sets the MTU, and a black hole.
func TestMTULab(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cfg  pathlab.Config
		want string
	}{
		{pathlab.Config{Edges: pathlab.Chain(5), Links: map[string]pathlab.Link{"r2-r3": {MTU: 1400}}}, `: reached in 5 hops, [\d.]+ ms; MTU 1400, set by 10\.0\.2\.2 before hop 3, while the kernel believes 1500$`},
		{pathlab.Config{Edges: "s-a a-b b-x x-c c-t", Boxes: map[string]pathlab.Box{"x": func(in string, packet []byte) (string, []byte) {
			if in == "c" {
				return "b", packet
			}
			if len(packet) > 1400 {
				return "", nil
			}
			return "c", packet
		}}}, `: reached in 4 hops, [\d.]+ ms; MTU 1400, while the kernel believes 1500; packets of 1401 bytes vanish before hop 3, and nobody says so$`},
	} {
		n := pathlab.New(t, tc.cfg)
		o := on(t, n.Source, "rawtrace", "-w", "300ms", "--mtu", n.Dst4.String())
		if !regexp.MustCompile(tc.want).MatchString(last(o.stdout)) || o.code != 0 {
			t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
		}
	}
}

// TestFar: with a server at the far end it is told on which of the two ways packets are lost.
func TestFar(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(3), Seed: 1, Links: map[string]pathlab.Link{"r1-r2": {Back: 0.1}}})
	server := n.Target.Command(t.Context(), "server")
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "serving\n" {
		t.Fatal(line, err)
	}
	o := on(t, n.Source, "rawtrace", "-q", "1", "-w", "300ms", "--far", n.Dst4.String())
	if want := `the far end counts 0 % of \d{4} lost on the way there, and (\d|1[0-3])\.?\d? % of \d{4} on the way back$`; !regexp.MustCompile(want).MatchString(last(o.stdout)) || o.code != 1 {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
	server.Process.Kill()
	server.Wait()
	o = on(t, n.Source, "rawtrace", "-q", "1", "-w", "300ms", "--far=7208", n.Dst4.String())
	if !strings.Contains(last(o.stdout), "the way back was not measured: ") {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
}

// TestProbeInterface: hops are asked after an interface of theirs.
func TestProbeInterface(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(3), Seed: 1})
	if err := n.Host("r1").Sysctl("net.ipv4.icmp_echo_enable_probe", "1"); err != nil {
		t.Fatal(err)
	}
	o := on(t, n.Source, "rawtrace", "-q", "1", "-w", "300ms", "--probe-interface", "lo", n.Dst4.String())
	for _, want := range []string{`(?m)^ 1  10\.0\.1\.2: lo: interface is active, runs IPv4`, `(?m)^ 2  10\.0\.2\.2: lo: no answer: few routers give one$`} {
		if !regexp.MustCompile(want).MatchString(o.stdout) {
			t.Errorf("no %s in\n%s%s", want, o.stdout, o.stderr)
		}
	}
}

// TestLoop: a way that goes round is said to, and the trace ends there.
func TestLoop(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(5), Seed: 1})
	if err := n.Reroute("r3", "r2"); err != nil {
		t.Fatal(err)
	}
	o := on(t, n.Source, "rawtrace", "-w", "300ms", n.Dst4.String())
	if want := `: not reached: from hop 2 on the way goes round, in a loop of 2 hops`; !strings.Contains(last(o.stdout), want) || o.code != 1 || strings.Count(o.stdout, "\n") > 12 {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
}
