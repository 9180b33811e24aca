package main

import (
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw"
	"sockwire/raw/probe"
)

func TestGenerated(t *testing.T) { clitest.Generated(t, "rawping", run) }

// TestSchema freezes the names and the order of everything in the JSON records.
func TestSchema(t *testing.T) {
	clitest.Schema(t, "testdata/schema.jsonl", new(echoRecord), new(hostRecord), new(summaryRecord))
}

func testSession(o *options) (*session, *bytes.Buffer) {
	var b bytes.Buffer
	p := &plan{pinger: raw.Pinger{Size: 56, Count: o.count}, changed: func(string) bool { return true }}
	h := &hosts{ctx: nil, names: map[int]string{1: "host,with \"quotes\"\x1b"}}
	return &session{opt: o, plan: p, env: &cli.Env{Stdout: cli.NewOutput(&b)}, hosts: h}, &b
}

func TestEndText(t *testing.T) {
	target := netip.MustParseAddr("192.0.2.1")
	router := netip.MustParseAddr("198.51.100.1")
	reply := raw.Echo{Target: target, From: target, Seq: 3, Outcome: probe.Answered, TTL: 64, Size: 64, RTT: 1234567, Source: raw.TimeKernel,
		Split: raw.Split{Queue: 9 * time.Millisecond, Network: 1234567, Receive: 20 * time.Microsecond}, Total: 11 * time.Millisecond}
	with := func(change func(*raw.Echo)) raw.Echo { e := reply; change(&e); return e }
	for _, tc := range []struct {
		o    options
		e    raw.Echo
		want string
	}{
		{options{}, reply, "64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=1.23 ms (and 9.00 ms in the local queue)"},
		{options{userTime: true}, reply, "64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=11.0 ms"},
		{options{verbose: true}, reply, "64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=1.23 ms (queue 9.00, network 1.23, receive 0.020 ms)"},
		{options{userTime: true}, with(func(e *raw.Echo) { e.Duplicate = true }), "64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=11.0 ms (DUP!)"},
		{options{userTime: true}, with(func(e *raw.Echo) { e.Outcome, e.Over = probe.Late, 150*time.Millisecond }), "64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=11.0 ms (late by 150 ms)"},
		{options{userTime: true}, with(func(e *raw.Echo) { e.Outcome, e.Cause, e.At = probe.Corrupt, probe.BadChecksum, 17 }), "64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=11.0 ms (BAD CHECKSUM! byte 17 differs)"},
		{options{userTime: true}, with(func(e *raw.Echo) { e.From = router }), "64 bytes from 198.51.100.1: icmp_seq=3 ttl=64 time=11.0 ms (DIFFERENT ADDRESS!)"},
		{options{}, raw.Echo{Target: target, From: router, Seq: 1, Outcome: probe.Refused, Type: 11}, "From 198.51.100.1 icmp_seq=1 Time to live exceeded"},
		{options{}, raw.Echo{Target: target, From: router, Seq: 1, Outcome: probe.Refused, Type: 3, Code: 4, MTU: 1400}, "From 198.51.100.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)"},
		{options{}, raw.Echo{Target: target, Seq: 1, Outcome: probe.Refused, Local: true, MTU: 1400}, "icmp_seq=1 message too long, mtu=1400"},
		{options{}, raw.Echo{Target: target, Seq: 7, Outcome: probe.Lost, Cause: probe.LocalQueue}, "icmp_seq=7 dropped in the local queue"},
		{options{}, raw.Echo{Target: target, Seq: 7, Outcome: probe.Lost, Cause: probe.ReceiveBuffer}, "icmp_seq=7 answer dropped in the receive buffer"},
		{options{}, raw.Echo{Target: target, Seq: 7, Outcome: probe.Lost, Cause: probe.Unanswered}, ""},
		{options{verbose: true}, raw.Echo{Target: target, Seq: 7, Outcome: probe.Lost, Cause: probe.Unanswered}, "icmp_seq=7 unanswered"},
	} {
		s, _ := testSession(&tc.o)
		if got := s.endText(&tc.e); got != tc.want {
			t.Errorf("got  %q\nwant %q", got, tc.want)
		}
	}
	s, _ := testSession(&options{})
	e := with(func(e *raw.Echo) { e.Index = 1; e.Split.Queue = 0 })
	if got := s.endText(&e); !strings.HasPrefix(got, `64 bytes from host,with "quotes"\x1b (192.0.2.1): `) {
		t.Errorf("a name is not made safe: %q", got)
	}
}

func TestCSV(t *testing.T) {
	s, b := testSession(&options{csv: true})
	target := netip.MustParseAddr("192.0.2.1")
	s.csvEcho(&raw.Echo{Target: target, Index: 1, Seq: 2, Outcome: probe.Refused, Cause: probe.NetworkError, Sent: time.Unix(1, 5), From: target, Type: 3, Code: 1})
	s.env.Stdout.Flush()
	want := `1970-01-01T00:00:01.000000005Z,192.0.2.1,"host,with ""quotes""\x1b",2,refused,network error,,192.0.2.1,,,,,,,,,,,,3,1,,` + "\n"
	if got := b.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if fields := strings.Count(csvHeader, ","); fields != 22 {
		t.Errorf("%d commas in the header", fields)
	}
}

func TestLossText(t *testing.T) {
	var a account
	for seq, c := range []probe.Cause{probe.LocalQueue, probe.LocalQueue, probe.NoCause, probe.Unanswered} {
		o := probe.Lost
		if c == probe.NoCause {
			o = probe.Answered
		}
		a.add(&raw.Echo{Seq: seq + 1, Outcome: o, Cause: c}, 0)
	}
	if got, want := lossText(&a), "lost 3: 2 in the local queue, 1 unanswered; up to 2 in a row"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := lossText(&account{}); got != "" {
		t.Errorf("nothing lost: %q", got)
	}
}

// TestRevised has answers come after other ends, and expects the counts to be as if those had not been.
func TestRevised(t *testing.T) {
	target := netip.MustParseAddr("192.0.2.1")
	lost := raw.Echo{Target: target, Outcome: probe.Lost, Cause: probe.Unanswered, Done: true}
	refused := raw.Echo{Target: target, Outcome: probe.Refused, Cause: probe.NetworkError, Unproven: true, Done: true}
	late := raw.Echo{Target: target, Outcome: probe.Late, RTT: time.Second, Total: 2 * time.Second, Revised: true, Was: probe.Lost, WasCause: probe.Unanswered, Done: true, Alive: true}
	answer := late
	answer.Outcome, answer.Was, answer.WasCause = probe.Answered, probe.Refused, probe.NetworkError
	numbered := func(e raw.Echo, seq int) *raw.Echo { e.Seq = seq; return &e }
	for _, many := range []bool{false, true} {
		s, _ := testSession(&options{userTime: true})
		s.plan.many, s.plan.pinger.Count = many, 1
		m, _, err := serveMetrics("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		s.metrics = m
		for _, e := range []*raw.Echo{numbered(lost, 1), numbered(refused, 2), numbered(late, 1), numbered(answer, 2)} {
			s.count(e)
		}
		a := &s.all
		if a.tally.Sent != 2 || a.tally.Received() != 2 || a.tally.Count(probe.Late) != 1 || a.tally.CausedBy(probe.Unanswered)+a.tally.CausedBy(probe.NetworkError) != 0 ||
			a.runs.Lost != 0 || a.runs.Longest != 0 || a.contradicted != 1 || lossText(a) != "" || s.errors() != 0 || s.no != 0 {
			t.Errorf("%+v", a)
		}
		if a.rtt.Count() != 2 || a.rtt.Max() != 2*time.Second {
			t.Errorf("with -U the statistics are of %v, not of what is shown", a.rtt.Max())
		}
		if s.up.n != 1 || s.down.n != 0 {
			t.Errorf("%d hosts up, %d down", s.up.n, s.down.n)
		}
	}
}

// TestTableWidth prints hosts with long names and large numbers.
func TestTableWidth(t *testing.T) {
	s, b := testSession(&options{})
	s.plan.many = true
	for i, target := range []string{"192.0.2.1", "2001:db8:1111:2222:3333:4444:5555:6666"} {
		for seq := range 3 {
			s.count(&raw.Echo{Target: netip.MustParseAddr(target), Index: 2 * i, Seq: seq + 1, Outcome: probe.Answered, RTT: 12345 * time.Millisecond})
		}
		s.count(&raw.Echo{Target: netip.MustParseAddr(target), Index: 2 * i, Seq: 4, Outcome: probe.Lost, Cause: probe.Unresolved})
	}
	s.byHost[0].tally.Sent = 1234567
	s.manySummary(&raw.Report{Rate: 123456})
	s.env.Stdout.Flush()
	for line := range strings.Lines(b.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if !strings.Contains(b.String(), "\n2001:db8:1111:2222:3333:4444:5555:6666\n") || !strings.Contains(b.String(), "12345.000") {
		t.Error(b.String())
	}
}

func TestRanges(t *testing.T) {
	for _, tc := range []struct {
		text  string
		first string
		count uint64
	}{
		{"192.0.2.0/24", "192.0.2.1", 254}, {"192.0.2.8/31", "192.0.2.8", 2}, {"192.0.2.9/32", "192.0.2.9", 1}, {"2001:db8::/112", "2001:db8::", 65536},
		{"192.0.2.250-192.0.3.5", "192.0.2.250", 12}, {"2001:db8::1-2001:db8::ff", "2001:db8::1", 255}, {"192.0.2.1", "192.0.2.1", 1},
	} {
		r, err := parseRange(tc.text)
		if err != nil || r.first.String() != tc.first || r.count != tc.count {
			t.Errorf("%s: %v, %v", tc.text, r, err)
			continue
		}
		// Every address once, in another order, whatever the shards.
		for _, n := range []uint64{1, 3} {
			var all []netip.Addr
			for i := range n {
				all = slices.AppendSeq(all, r.shuffled(shard{i, n}, 42))
			}
			sorted := slices.SortedFunc(slices.Values(all), netip.Addr.Compare)
			if uint64(len(all)) != tc.count || uint64(len(slices.Compact(sorted))) != tc.count || sorted[0] != r.first || sorted[len(sorted)-1] != r.at(tc.count-1) {
				t.Errorf("%s in %d shards: %d addresses, %v to %v", tc.text, n, len(all), sorted[0], sorted[len(sorted)-1])
			}
			if tc.count > 100 && slices.IsSortedFunc(all, netip.Addr.Compare) {
				t.Errorf("%s is not shuffled", tc.text)
			}
		}
	}
	for _, text := range []string{"", "x", "192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::1", "2001:db8::/32", "192.0.2.0/33", "::-ffff::"} {
		if r, err := parseRange(text); err == nil {
			t.Errorf("%q was taken for %v", text, r)
		}
	}
	for _, text := range []string{"0/3", "4/3", "1", "a/b", "1/0"} {
		if _, err := parseShard(text); err == nil {
			t.Errorf("shard %q was taken", text)
		}
	}
}

func TestMetrics(t *testing.T) {
	m, address, err := serveMetrics("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	m.echo("192.0.2.1", &raw.Echo{Outcome: probe.Answered, RTT: 3 * time.Millisecond})
	m.echo("192.0.2.1", &raw.Echo{Outcome: probe.Answered, Duplicate: true})
	m.echo("192.0.2.1", &raw.Echo{Outcome: probe.Lost, Cause: probe.LocalQueue})
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`rawping_rtt_seconds_count{target="192.0.2.1"} 1`, `rawping_duplicates_total{target="192.0.2.1"} 1`,
		`rawping_echoes_total{cause="local queue",outcome="lost",target="192.0.2.1"} 1`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if _, _, err := serveMetrics(address); err == nil {
		t.Error("an address in use was taken")
	}
}

func TestOptionText(t *testing.T) {
	route := raw.RecordRoute()
	copy(route[4:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	route[3] = 12
	if got := optionText(route); got != "\nRR:\t192.0.2.1\n\t192.0.2.2" {
		t.Errorf("%q", got)
	}
	if got := optionText([]byte{7, 200, 4}); got != "\nunreadable options" {
		t.Errorf("%q", got)
	}
	if got := optionText([]byte{68, 12, 13, 0x31, 0, 0, 0, 0, 0, 0, 0, 1, 0}); !strings.Contains(got, "3 more routers") {
		t.Errorf("%q", got)
	}
}

func FuzzOptionText(f *testing.F) {
	f.Add(raw.RecordRoute())
	f.Add([]byte{68, 12, 13, 1, 192, 0, 2, 1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if text := optionText(b); len(text) > 100*(len(b)+1) || strings.ContainsRune(text, '\x1b') {
			t.Fatalf("%q", text)
		}
	})
}

func TestStrip(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	var s strip
	for _, ms := range []time.Duration{1, 2, 4, 8} {
		s.add(ms*time.Millisecond, true)
	}
	s.add(0, false)
	if got := s.text(); got != "▁▃▆█x" {
		t.Errorf("%s", got)
	}
	t.Setenv("LC_ALL", "C")
	if got := s.text(); got != "_-*@x" {
		t.Errorf("%s", got)
	}
}

func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]string{39 * time.Microsecond: "0.039", 1234567: "1.23", 12345678: "12.3", 123456789: "123", 0: "0.000"} {
		if got := milliseconds(d); got != want {
			t.Errorf("%v is printed %s, want %s", d, got, want)
		}
	}
}
