package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sockwire/capture/golden"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram/perf"
)

func TestMain(m *testing.M) { datagramtest.Main(m, "dgperf", main) }

func TestScripts(t *testing.T) { datagramtest.Run(t) }

func TestGenerated(t *testing.T) { clitest.Generated(t, "dgperf", run) }

// server starts one on loopback.
func server(t *testing.T) string {
	t.Helper()
	s, err := perf.NewServer(t.Context(), "127.0.0.1:0", nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s.Addr().String()
}

// numbers of a record vary from run to run, but for these.
var stable = map[string]bool{"flow": true, "sent": true, "unique": true, "lost": true, "count": true, "timeouts": true, "bytes": true, "duplicate": true,
	"corrupt": true}

// blanked replaces every number and time that varies.
func blanked(t *testing.T, out string) string {
	t.Helper()
	number := regexp.MustCompile(`"(\w+)":(-?[0-9][0-9.e+-]*)`)
	out = number.ReplaceAllStringFunc(out, func(s string) string {
		m := number.FindStringSubmatch(s)
		if stable[m[1]] {
			return s
		}
		return `"` + m[1] + `":0`
	})
	out = regexp.MustCompile(`"skew":0,`).ReplaceAllString(out, "")
	out = regexp.MustCompile(`"sender_stack":\{[^}]*\},`).ReplaceAllString(out, "") // Linux 6.13 on
	return regexp.MustCompile(`127.0.0.1:\d+`).ReplaceAllString(out, "LOCAL")
}

// The fields of the records are a promise.
func TestSchema(t *testing.T) {
	addr := server(t)
	for name, args := range map[string][]string{
		"stream":   {"--both", "--rate", "2kpps", "-c", "50", "--size", "100"},
		"flows":    {"--rate", "2kpps", "-c", "50", "-P", "2"},
		"requests": {"--requests", "-c", "20"},
		"mtu":      {"--mtu"},
	} {
		out, stderr, code := clitest.Run(t, run, "", append(args, "--json", "-q", "--settle", "30ms", addr)...)
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
		golden.Check(t, "testdata/"+name+".jsonl", blanked(t, out))
	}
}

func TestIntervalsAndText(t *testing.T) {
	addr := server(t)
	out, stderr, code := clitest.Run(t, run, "", "--rate", "500pps", "-T", "1200ms", "--settle", "30ms", addr)
	for _, want := range []string{`(?m)^ +1\.\ds  up +sent .* received .* lost \d+  \+\S+s$`, `(?m)^sending to 127.0.0.1:\d+: 1400 bytes, 500 datagrams/s, 1.2s$`, `\nup\n  sent        \d{3}\n  received    \d{3}, `, `lost        0 \(0 %\)`,
		`delay       \S+ at least, half within`, `jitter`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	narrow(t, out)
	out, _, _ = clitest.Run(t, run, "", "--rate", "500pps", "-T", "600ms", "-i", "200ms", "--both", "-v", addr)
	for _, want := range []string{`(?m)^ +0\.4s  down`, `\d once, `, `duplicate   0, reordered 0`, `clocks: same`, `left late`, `read late`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	narrow(t, out)
	out, _, _ = clitest.Run(t, run, "", "--requests", "-c", "50", addr)
	if !regexp.MustCompile(`(?m)^asking .*, one request at a time, 50 datagrams$`).MatchString(out) || !strings.Contains(out, "round trip  ") || strings.Contains(out, "queue") {
		t.Error(out)
	}
	narrow(t, out)
	out, _, _ = clitest.Run(t, run, "", "--requests", "-c", "50", "--histogram", "-v", addr)
	narrow(t, out)
	for _, want := range []string{`rtt +\S+`, `network +\S+`, `server +\S+`, `below +\S+ +\d+ #`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// narrow fails the test where a line is longer than a terminal is wide.
func narrow(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// Whatever there is to say fits, and nothing of it is lost.
func TestSummaryIsNarrow(t *testing.T) {
	d := &directionRecord{Direction: "up", Flow: 1, Clock: "independent", Sent: 1 << 40, Unique: 1 << 39, Lost: 1 << 39, SendErrors: 1 << 30, LostDropped: 1 << 30,
		LostCheck: 1 << 30, LostICMP: 1 << 30, LostCorrupt: 1 << 30, LostNetwork: 1 << 30, Unheard: 1 << 30, Unsent: 1 << 40, Runs: 1 << 39, RunMax: 1 << 39, Tail: 1 << 39,
		Duplicate: 1 << 39, Reordered: 1 << 39, Late: 1 << 39, Corrupt: 1 << 39, ExtentMax: 1 << 39, Bytes: 1 << 50, Mangled: "most of what arrives has a wrong checksum",
		Split: true, OneWay: &perf.Variation{Min: time.Hour, Max: time.Hour}, Queued: &perf.Variation{}, Stack: &perf.Variation{}, Waited: &perf.Variation{},
		Contradiction: "of 50 it received 20 and lost 18446744073709551615, which is a long story", Error: strings.Repeat("the server said no ", 9)}
	for _, verbose := range []bool{false, true} {
		var b bytes.Buffer
		r := &renderer{env: &cli.Env{Stdout: cli.NewOutput(&b)}, o: &options{verbose: verbose, rate: cli.Rate{Packets: 1}}}
		r.show(d)
		r.env.Stdout.Flush()
		narrow(t, b.String())
		words := strings.Join(strings.Fields(b.String()), " ")
		for _, want := range []string{"1073741824 refused by the sending host, 1073741824 because the receive buffer was full, 1073741824 with a wrong checksum, 1073741824 told by ICMP, " +
			"1073741824 damaged, 1073741824 in the network", "1099511627776: this host does not reach the rate that was asked for", "switched off at the receiver: joined datagrams were damaged",
			"and lost 18446744073709551615, which is a long story", strings.TrimSpace(d.Error), "549755813888"} {
			if !strings.Contains(words, want) {
				t.Errorf("no %q in\n%s", want, &b)
			}
		}
	}
}

// An interrupt stops the run and keeps what was measured.
func TestInterrupt(t *testing.T) {
	addr := server(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	var stdout, stderr bytes.Buffer
	start := time.Now()
	code := run(ctx, []string{"--json", "--rate", "1kpps", "-T", "1m", "--settle", "20ms", addr}, strings.NewReader(""), &stdout, &stderr)
	var rec directionRecord
	first, _, _ := strings.Cut(stdout.String(), "\n")
	if err := json.Unmarshal([]byte(first), &rec); err != nil || !rec.Final || rec.Unique == 0 || rec.Lost != 0 {
		t.Errorf("%v: %s", err, first)
	}
	if code != 0 || time.Since(start) > 10*time.Second {
		t.Errorf("exit %d after %v: %s", code, time.Since(start), &stderr)
	}
}

func TestParseSizes(t *testing.T) {
	for in, want := range map[string]int{"1400": 1, "64,512": 2, "64..128/16": 5, "imix": 12, "100..109": 10, "64..1472": 60} {
		if got, err := parseSizes(in); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v, want %d sizes", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "10", "70000", "128..64", "64..128/0", "48..1000/2", "64,,64"} {
		if got, err := parseSizes(in); err == nil {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestWithPort(t *testing.T) {
	for in, want := range map[string]string{"host": "host:7207", "host:1": "host:1", "::1": "[::1]:7207", "[::1]": "[::1]:7207", "[::1]:5": "[::1]:5", ":5": ":5"} {
		if got := withPort(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

// Ten gigabytes would take too long here: many times what any buffer holds must do. DGPERF_LONG=1 sends all of it.
func TestMemoryIsFlat(t *testing.T) {
	addr := server(t)
	bytes := 64 << 20
	if os.Getenv("DGPERF_LONG") != "" {
		bytes = 10e9
	}
	count := bytes / 1400
	before := memory()
	if _, stderr, code := clitest.Run(t, run, "", "--rate", "0", "-q", "--json", "-c", strconv.Itoa(count), addr); code != 0 {
		t.Fatal(stderr)
	}
	after := memory()
	t.Logf("%d bytes sent; %d bytes of memory in use before, %d after", bytes, before, after)
	if int64(after)-int64(before) > 32<<20 {
		t.Errorf("memory grew by %d", int64(after)-int64(before))
	}
}

// memory is what is in use after a collection.
func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
