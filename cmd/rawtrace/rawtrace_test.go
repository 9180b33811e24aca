package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/inject"
	"sockwire/raw/path"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

func TestGenerated(t *testing.T) { clitest.Generated(t, "rawtrace", run) }

// TestSchema freezes the names and the order of everything in the JSON records.
func TestSchema(t *testing.T) {
	clitest.Schema(t, "testdata/schema.jsonl", new(startRecord), new(probeRecord), new(hopRecord), new(verdictRecord), new(mtuRecord), new(farRecord), new(backHopRecord), new(backVerdictRecord), new(stateRecord), new(pathsRecord), new(hostRecord), new(summaryRecord))
}

var here = netip.MustParseAddr("192.0.2.9")

// testSession returns a session for some hosts, and what it prints.
func testSession(o options, hosts ...target) (*session, *bytes.Buffer) {
	var b bytes.Buffer
	if o.last == 0 {
		o.first, o.last = 1, 8
	}
	if o.probes == 0 {
		o.probes = 3
	}
	if hosts == nil {
		hosts = []target{{addr: here}}
	}
	p := &plan{protocol: protocol{"udp", 33434}, changed: func(string) bool { return false }}
	return newSession(&o, p, &cli.Env{Stdout: cli.NewOutput(&b)}, hosts), &b
}

// way makes the replies of a trace to a host: what each word says is at each TTL. It is an address, * for a silent hop,
// or nothing behind the host.
type way struct {
	target netip.Addr
	n      uint64
}

func (w *way) reply(ttl, round int, from string, change ...func(*trace.Reply)) *trace.Reply {
	w.n++
	r := &trace.Reply{Probe: trace.Probe{Target: w.target, TTL: uint8(ttl), Tag: uint32(round)}, N: w.n, Sent: time.Unix(1_700_000_000, int64(w.n)).UTC(), QuotedTTL: -1}
	if from == "*" {
		r.Outcome, r.Cause = probe.Lost, probe.Unanswered
	} else {
		r.Outcome, r.Kind, r.From, r.ICMP, r.Type, r.QuotedTTL = probe.Answered, trace.Exceeded, netip.MustParseAddr(from), true, 11, 1
		r.RTT, r.ReplyTTL = time.Duration(ttl)*time.Millisecond+time.Duration(round)*10*time.Microsecond, uint8(65-ttl)
		if r.From == w.target {
			r.Kind, r.Type, r.Code = trace.Reached, 3, 3
		}
	}
	for _, f := range change {
		f(r)
	}
	return r
}

// told feeds a session with the replies of several hops, three each in the order that rounds come, and returns what it
// printed.
func told(t *testing.T, s *session, b *bytes.Buffer, replies ...*trace.Reply) string {
	t.Helper()
	for _, r := range replies {
		if err := s.take(r); err != nil {
			t.Fatal(err)
		}
	}
	s.env.Stdout.Flush()
	return b.String()
}

// TestHopByHop: each hop is printed as soon as it and those before it are known.
func TestHopByHop(t *testing.T) {
	s, b := testSession(options{})
	w := &way{target: here}
	var all []*trace.Reply
	for _, hop := range []string{"198.51.100.1", "*", "198.51.100.3", "192.0.2.9"} {
		for round := range 3 {
			all = append(all, w.reply(len(all)/3+1, round, hop))
		}
	}
	const header = "rawtrace to 192.0.2.9, 8 hops max, UDP port 33434\n"
	const first = header + " 1  198.51.100.1  1.000 ms  1.010 ms  1.020 ms\n"
	if got := told(t, s, b, all[3], all[4], all[5], all[0], all[1]); got != header {
		t.Errorf("two of three probes: %q", got)
	}
	if got := told(t, s, b, all[2]); got != first {
		t.Errorf("hop 1 known: %q", got)
	}
	if got := told(t, s, b, all[9:]...); got != first {
		t.Errorf("hop 4 known before 3: %q", got)
	}
	const whole = first + " 2  * * *\n 3  198.51.100.3  3.000 ms  3.010 ms  3.020 ms\n 4  192.0.2.9  4.000 ms  4.010 ms  4.020 ms\n"
	if got := told(t, s, b, all[6:9]...); got != whole {
		t.Errorf("all known: %q", got)
	}
	if err := s.finish(t.Context(), nil); err != nil {
		t.Error(err)
	}
	s.env.Stdout.Flush()
	if got := b.String(); got != whole+"192.0.2.9: reached in 4 hops, 4.010 ms; hop 2 is silent\n" {
		t.Errorf("%q", got)
	}
}

// TestSeveralAtOnce: the lines of hosts do not mix, and come in the order given.
func TestSeveralAtOnce(t *testing.T) {
	other := netip.MustParseAddr("2001:db8::9")
	s, b := testSession(options{probes: 1, numeric: false}, target{addr: here, name: "host\x1b"}, target{addr: other}, target{addr: here})
	v, w := &way{target: here}, &way{target: other}
	if got := told(t, s, b, w.reply(1, 0, "2001:db8::9")); got != "rawtrace to host\\x1b (192.0.2.9), 8 hops max, UDP port 33434\n" {
		t.Errorf("%q", got)
	}
	got := told(t, s, b, v.reply(1, 0, "198.51.100.1"), v.reply(2, 0, "192.0.2.9"))
	want := "rawtrace to host\\x1b (192.0.2.9), 8 hops max, UDP port 33434\n 1  198.51.100.1  1.000 ms\n 2  host\\x1b (192.0.2.9)  2.000 ms\n" +
		"\nrawtrace to 2001:db8::9, 8 hops max, UDP port 33434\n 1  2001:db8::9  1.000 ms\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestHopLines looks at all that a hop can tell.
func TestHopLines(t *testing.T) {
	w := &way{target: here}
	six := &way{target: netip.MustParseAddr("2001:db8::9")}
	unreachable := func(code uint8) func(*trace.Reply) {
		return func(r *trace.Reply) { r.Kind, r.Type, r.Code = trace.Unreachable, 3, code }
	}
	for _, tc := range []struct {
		replies []*trace.Reply
		want    string
	}{
		{[]*trace.Reply{w.reply(3, 0, "198.51.100.1"), w.reply(3, 1, "*"), w.reply(3, 2, "198.51.100.2")},
			" 3  198.51.100.1  3.000 ms  *\n    198.51.100.2  3.020 ms\n"},
		{[]*trace.Reply{w.reply(3, 0, "198.51.100.1", unreachable(13))}, " 3  198.51.100.1  3.000 ms !X\n    Packet filtered\n"},
		{[]*trace.Reply{w.reply(3, 0, "198.51.100.1", unreachable(1))}, " 3  198.51.100.1  3.000 ms !H\n    Destination Host Unreachable\n"},
		{[]*trace.Reply{six.reply(3, 0, "2001:db8::1", func(r *trace.Reply) { r.Kind, r.Type, r.Code = trace.Unreachable, 1, 0 })},
			" 3  2001:db8::1  3.000 ms !N\n    Destination unreachable: No route\n"},
		{[]*trace.Reply{w.reply(3, 0, "198.51.100.1", unreachable(77))}, " 3  198.51.100.1  3.000 ms !<3-77>\n    Destination unreachable, code 77\n"},
		{[]*trace.Reply{w.reply(3, 0, "198.51.100.1", func(r *trace.Reply) { r.Kind, r.MTU = trace.TooBig, 1400 })}, " 3  198.51.100.1  3.000 ms !F-1400\n"},
		{[]*trace.Reply{w.reply(3, 0, "*", func(r *trace.Reply) { r.Cause, r.Errno = probe.SendFailed, syscall.EPERM })}, " 3  not sent: operation not permitted\n"},
		{[]*trace.Reply{w.reply(3, 0, "198.51.100.1", func(r *trace.Reply) { r.Outcome = probe.Late })}, " 3  198.51.100.1  3.000 ms late\n"},
		{[]*trace.Reply{w.reply(3, 0, "198.51.100.1", func(r *trace.Reply) {
			r.Changes = []inject.Change{{Field: "src", Sent: "10.0.0.1", Quoted: "192.0.2.1"}, {Field: "sport", Sent: "40000", Quoted: "61000"}, {Field: "tos", Sent: "0xb8", Quoted: "0x00"}}
			r.Labels = []trace.Label{{Label: 16012, TC: 1, TTL: 254, Bottom: true}}
			r.Interfaces = []trace.Interface{{Role: trace.Incoming, Index: 7, Name: "ge-0/0/0\x1b[31m", Addr: netip.MustParseAddr("192.0.2.5"), MTU: 1500}, {Role: trace.NextHop, Addr: netip.MustParseAddr("192.0.2.6")}}
			r.QuotedTTL = 3
		})}, " 3  198.51.100.1  3.000 ms\n" +
			"    changed on the way here: src 10.0.0.1 → 192.0.2.1, sport 40000 → 61000, tos\n       0xb8 → 0x00\n" +
			"    got it with TTL 3, not 1\n    MPLS label 16012, class 1, TTL 254\n" +
			"    incoming interface ge-0/0/0\\x1b[31m index 7 address 192.0.2.5 MTU 1500\n    next hop address 192.0.2.6\n"},
	} {
		s, _ := testSession(options{})
		h := &hop{ttl: 3}
		for _, r := range tc.replies {
			h.take(r)
			h.keep(r)
		}
		got := string(s.appendHop(nil, h, h.shots))
		if got != tc.want {
			t.Errorf("got\n%s(%q)\nwant\n%s", got, got, tc.want)
		}
		for line := range strings.Lines(got) {
			if len([]rune(line)) > lineWidth+1 {
				t.Errorf("%d columns: %s", len(line)-1, line)
			}
		}
	}
}

// TestManyProbes: a line is no longer than 80 columns, however many answers there are.
func TestManyProbes(t *testing.T) {
	s, _ := testSession(options{probes: 20})
	w := &way{target: netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666")}
	h := &hop{ttl: 12}
	for round := range 20 {
		r := w.reply(12, round, []string{"2001:db8:1111:2222:3333:4444:5555:7777", "*", "2001:db8:1111:2222:3333:4444:5555:8888"}[round%3])
		h.take(r)
		h.keep(r)
	}
	got := string(s.appendHop(nil, h, h.shots))
	if n := strings.Count(got, " ms"); n != 13 || !strings.Contains(got, "  * x7\n") {
		t.Errorf("%d times in\n%s", n, got)
	}
	for line := range strings.Lines(got) {
		if len(line) > lineWidth+1 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

// TestNotReached: what is silent at the end is one line, and the sentence says where the way ends.
func TestNotReached(t *testing.T) {
	for _, tc := range []struct {
		hops       []string
		last       func(*trace.Reply)
		text, want string
	}{
		{[]string{"198.51.100.1", "*", "*", "*", "*", "*", "*", "*"}, nil, " 1  198.51.100.1  1.000 ms\n 2-8  *\n", "not reached: nobody answers behind hop 1, 198.51.100.1"},
		{[]string{"*", "*", "*", "*", "*", "*", "*", "*"}, nil, " 1-8  *\n", "not reached: nobody answers"},
		{[]string{"198.51.100.1", "198.51.100.2"}, func(r *trace.Reply) { r.Kind, r.Type, r.Code = trace.Unreachable, 3, 1 },
			" 1  198.51.100.1  1.000 ms\n 2  198.51.100.2  2.000 ms !H\n    Destination Host Unreachable\n", "not reached: 198.51.100.2 says at hop 2: Destination Host Unreachable"},
	} {
		s, b := testSession(options{probes: 1})
		w := &way{target: here}
		for i, hop := range tc.hops {
			r := w.reply(i+1, 0, hop)
			if tc.last != nil && i == len(tc.hops)-1 {
				tc.last(r)
			}
			if err := s.take(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.finish(t.Context(), nil); err != cli.ErrNo {
			t.Errorf("%v: %v", tc.hops, err)
		}
		s.env.Stdout.Flush()
		_, got, _ := strings.Cut(b.String(), "\n")
		if want := tc.text + fmt.Sprintf("192.0.2.9: %s\n", tc.want); got != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
}

// TestBeyondTheTarget: probes that were sent before the distance was known, and went on to the host, are answers of the
// host: it is not asked for more.
func TestBeyondTheTarget(t *testing.T) {
	s, b := testSession(options{}, target{addr: here}, target{addr: netip.MustParseAddr("192.0.2.8")})
	w := &way{target: here}
	got := told(t, s, b, w.reply(1, 0, "192.0.2.9"), w.reply(2, 0, "192.0.2.9"), w.reply(3, 0, "*"), w.reply(4, 0, "192.0.2.9"), w.reply(5, 0, "192.0.2.9"))
	if !strings.Contains(got, "\n 1  192.0.2.9  1.000 ms  2.000 ms  4.000 ms\n\n") {
		t.Errorf("%q", got)
	}
}

// TestBeyondCounts: what is shown of such probes is what JSON, verdicts and metrics count of them.
func TestBeyondCounts(t *testing.T) {
	for _, kind := range []trace.Kind{trace.Reached, trace.Unreachable} {
		from, other := here.String(), "198.51.100.2"
		end := func(r *trace.Reply) { r.Kind = kind }
		if kind == trace.Unreachable {
			from, other = "198.51.100.1", here.String()
			end = func(r *trace.Reply) { r.Kind, r.Type, r.Code = kind, 3, 1 }
		}
		s, _ := testSession(options{json: true})
		s.metrics = newMetrics()
		w := &way{target: here}
		for _, r := range []*trace.Reply{w.reply(4, 0, from, end), w.reply(2, 0, from, end), w.reply(1, 0, "198.51.100.9"), w.reply(3, 0, "*"),
			w.reply(6, 0, other, func(r *trace.Reply) { r.Kind = trace.Exceeded }), w.reply(7, 0, from, end), w.reply(8, 0, from, end)} {
			if err := s.take(r); err != nil {
				t.Fatal(err)
			}
		}
		s.fold()
		trail := s.trails[0]
		got := s.hopRecord(trail, trail.hop(2))
		if got.Sent != 3 || got.Received != 3 || got.Loss != 0 || len(got.Addresses) != 1 || got.Addresses[0].Answers != 3 || got.RTT.Max != int64(7*time.Millisecond) {
			t.Errorf("%v: %+v", kind, got)
		}
		trail.judge(usualConfidence)
		if v := trail.verdict(2); kind == trace.Reached && (v == nil || v.Loss != (path.Count{Sent: 3, Answered: 3})) {
			t.Errorf("%v: %+v", kind, v)
		}
		var b bytes.Buffer
		if err := s.metrics.write(&b); err != nil {
			t.Fatal(err)
		}
		if text := b.String(); strings.Contains(text, `hop="4"`) || strings.Contains(text, `hop="3"`) ||
			!strings.Contains(text, `rawtrace_probes_total{cause="none",hop="2",outcome="answered",target="192.0.2.9"} 3`) {
			t.Errorf("%v: %s", kind, text)
		}
	}
}
