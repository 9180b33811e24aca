package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
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
	t.Parallel() // or the tests behind it would wait for its parts
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

// TestFar: with a server at the far end it is told on which of the two ways packets are lost, and where on the way
// back.
func TestFar(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(3), Seed: 1, Links: map[string]pathlab.Link{"r1-r2": {Back: 0.2}}})
	serveAt(t, n, "server")
	o := on(t, n.Source, "rawtrace", "-w", "300ms", "--far", n.Dst4.String())
	// Of 2,000 probes a fifth is lost, give or take 1 %, of the some 80 to each hop give or take 4 %.
	const want = `the far end counts 0 % of \d{4} lost on the way there, and (1[6-9]|2[0-4])\.?\d? % of \d{4} on the way back; ` +
		`the way back has 3 hops, loses ([5-9]|[1-3]\d)(\.\d)? % from hop 2 on, first at 10\.0\.2\.1; both ways have 3 hops, probably by the same routers: 2 of 3 links show both ends$`
	const table = `(?m)^the way back, seen from 10\.255\.255\.1, the hop next to it first
 hop address +loss +sent +last +mean +worst verdict *
 +1 10\.0\.3\.1 +0% .*
 +2 10\.0\.2\.1 +([5-9]|[1-3]\d)\D.* real from here on
 +3 10\.0\.1\.1 +([5-9]|[1-3]\d)\D.* real from hop 2
10\.255`
	if !regexp.MustCompile(want).MatchString(last(o.stdout)) || !regexp.MustCompile(table).MatchString(o.stdout) || o.code != 1 {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
	o = on(t, n.Source, "rawtrace", "-q", "1", "-w", "300ms", "--far=7208", n.Dst4.String())
	if want := "the way back was not measured: nothing listens on UDP port 7208 there; run dgperf serve"; !strings.HasSuffix(last(o.stdout), want) || o.code != 1 {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
}

// TestFarRecords: another way back, in JSON and for Prometheus; and what is said of a server that does not list its
// hops.
func TestFarRecords(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(4) + " t~p p~r1", Back: map[string]string{"t": "p", "p": "r1"}})
	if err := n.Reroute("p", "t"); err != nil { // its answers to the far end
		t.Fatal(err)
	}
	serveAt(t, n, "server")
	file := filepath.Join(t.TempDir(), "far.prom")
	o := on(t, n.Source, "rawtrace", "-q", "1", "-w", "300ms", "--far", "--json", "--metrics", file, n.Dst4.String())
	var told farRecord
	var hops []string
	for line := range strings.Lines(o.stdout) {
		var r struct {
			Type      string
			TTL       int
			Addresses []answererRecord
			Finding   string
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch r.Type {
		case "far":
			if err := json.Unmarshal([]byte(line), &told); err != nil {
				t.Errorf("%v: %s", err, line)
			}
		case "backhop":
			for _, a := range r.Addresses {
				hops = append(hops, n.Name(netip.MustParseAddr(a.Address)))
			}
		case "backverdict":
			hops = append(hops, r.Finding)
		}
	}
	if got := strings.Join(hops, " "); got != "p r1 s clean clean clean" || o.code != 0 || told.Hops != 3 || told.Ways == nil || !told.Ways.Differ || told.Ways.There != 4 {
		t.Errorf("%d, %s, %+v\n%s%s", o.code, got, told, o.stdout, o.stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`rawtrace_far_loss_ratio{target="10.255.255.1",way="back"} 0`, `rawtrace_far_loss_ratio{target="10.255.255.1",way="there"} 0`,
		`rawtrace_back_hops{target="10.255.255.1"} 3`, `rawtrace_back_loss_ratio{hop="2",target="10.255.255.1",verdict="clean"} 0`} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	n = pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(2)})
	serveAt(t, n, "hopless")
	o = on(t, n.Source, "rawtrace", "-q", "1", "-w", "300ms", "--far", "--summary", n.Dst4.String())
	if want := "the hops of the way back are not known: perf: the server does not list the hops of the way back: its system does not tell them, or it was told not to"; !strings.HasSuffix(last(o.stdout), want) || o.code != 0 {
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
	if !strings.Contains(o.stdout, "\n    the way goes round: a loop of 2 hops\n") {
		t.Errorf("the last hop says nothing of it:\n%s", o.stdout)
	}
	// An address of nobody here would only send the answers elsewhere.
	for _, source := range []string{"198.51.100.77", "2001:db8:77::7"} {
		to := n.Dst4
		if source[4] == ':' {
			to = netip.MustParseAddr("2001:db8:78::8")
		}
		o = on(t, n.Source, "rawtrace", "-w", "300ms", "--source", source, to.String())
		if o.code != 2 || !strings.Contains(o.stderr, "trace: source "+source+": cannot assign requested address") {
			t.Errorf("%d: %s%s", o.code, o.stdout, o.stderr)
		}
	}
}

// TestAllHopsAtOnce: hops are not asked one after the other, so each that is silent is not waited for on its own.
func TestAllHopsAtOnce(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(30)})
	if err := n.Silence("r4", "r9", "r14", "r15", "r21", "r28"); err != nil {
		t.Fatal(err)
	}
	took := time.Duration(math.MaxInt64)
	for run := 0; run < 5 && took > 2*time.Second; run++ { // the machine may be busy
		start := time.Now()
		o := on(t, n.Source, "rawtrace", n.Dst4.String())
		took = time.Since(start)
		if !strings.Contains(last(o.stdout), "reached in 30 hops") || o.code != 0 {
			t.Fatalf("%d\n%s%s", o.code, o.stdout, o.stderr)
		}
	}
	t.Logf("30 hops, six of them silent, took %v", took)
	if took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}
