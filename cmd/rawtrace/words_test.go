package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"sockwire/raw/path"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

func TestDSCP(t *testing.T) {
	for text, want := range map[string]uint8{"EF": 46, "ef": 46, "AF11": 10, "AF43": 38, "CS0": 0, "CS7": 56, "VA": 44, "LE": 1, "DF": 0, "0": 0, "63": 63, "0x2e": 46} {
		if got, err := parseDSCP(text); err != nil || got != want<<2 {
			t.Errorf("%s: %#x, %v", text, got, err)
		}
	}
	for _, text := range []string{"64", "-1", "AF14", "AF51", "AF01", "CS8", "CS", "EFF", "", "0x40", "AF1", " EF"} {
		if got, err := parseDSCP(text); err == nil {
			t.Errorf("%q is taken for %#x", text, got)
		}
	}
}

func TestHopList(t *testing.T) {
	for want, ttls := range map[string][]int{"hop 4": {4}, "hops 4 and 5": {4, 5}, "hops 4-6": {4, 5, 6}, "hops 1, 3-5 and 9": {1, 3, 4, 5, 9}, "hops 2, 3 and 7": {2, 3, 7}} {
		if got := hopList(ttls); got != want {
			t.Errorf("%v: %s, want %s", ttls, got, want)
		}
	}
}

// TestSentence: verdicts as a sentence reads them.
func TestSentence(t *testing.T) {
	router := netip.MustParseAddr("198.51.100.7")
	w := newTrail(target{addr: here}, 1, 9, 3)
	w.distance, w.end = 9, 9
	w.hop(7).who = []*answerer{{from: router}}
	verdicts := func(list ...path.Verdict) { w.verdicts, w.final = list, true }
	for _, tc := range []struct {
		verdicts []path.Verdict
		mtu      *trace.MTU
		want     string
		bad      bool
	}{
		{nil, nil, "reached in 9 hops", false},
		{[]path.Verdict{
			{TTL: 4, Finding: path.Seldom, Loss: path.Count{Sent: 100, Answered: 10}}, {TTL: 7, Finding: path.Real, From: 7, Loss: path.Count{Sent: 1000, Answered: 979}},
			{TTL: 8, Finding: path.Real, From: 7, Loss: path.Count{Sent: 1000, Answered: 979}},
		}, nil, "reached in 9 hops; loses 2.1 % from hop 7 on, first at 198.51.100.7; hop 4 only answers seldom", true},
		{[]path.Verdict{{TTL: 2, Finding: path.Seldom, Loss: path.Count{Sent: 10}}, {TTL: 3, Finding: path.Undecided, Loss: path.Count{Sent: 3}}}, nil, "reached in 9 hops; hops 2 and 3 are silent", false},
		{[]path.Verdict{{TTL: 2, Finding: path.Undecided, More: 40, Loss: path.Count{Sent: 3, Answered: 2}}, {TTL: 3, Finding: path.Asymmetric, Loss: path.Count{Sent: 3, Answered: 2}}}, nil,
			"reached in 9 hops; loss at hop 3 may be of the way back: that cannot be told; whether loss at hop 2 is real is undecided: 40 more probes to each would decide", false},
		{[]path.Verdict{{TTL: 2, Finding: path.PathChange, Switch: &path.Switch{From: router, To: here}}}, nil, "reached in 9 hops; hop 2 changed from 198.51.100.7 to 192.0.2.9", false},
		{nil, &trace.MTU{Size: 1400, Reached: true, Local: trace.Local{Believed: 1400}, Steps: []trace.MTUStep{{TTL: 7, From: router, MTU: 1400}}}, "reached in 9 hops; MTU 1400, set by 198.51.100.7 before hop 7", false},
		{nil, &trace.MTU{Size: 1300, To: 5, Local: trace.Local{Believed: 1500}, Hole: &trace.Hole{After: 4, Before: 6, Size: 1301}},
			"reached in 9 hops; MTU 1300 to hop 5, while the kernel believes 1500; packets of 1301 bytes vanish between hops 4 and 6, and nobody says so", false},
	} {
		verdicts(tc.verdicts...)
		w.mtu = tc.mtu
		if c := w.conclusion(); c.text != tc.want || c.bad != tc.bad {
			t.Errorf("%v %s\nwant %v %s", c.bad, c.text, tc.bad, tc.want)
		}
	}
}

// TestNames: a name is asked for once, hops wait for theirs, and what a name server says is made safe.
func TestNames(t *testing.T) {
	n := newNames(t.Context())
	asked := make(chan string, 10)
	let := make(chan struct{})
	n.lookup = func(ctx context.Context, addr string) ([]string, error) {
		asked <- addr
		<-let
		if addr == "198.51.100.2" {
			return nil, errors.New("no such name")
		}
		return []string{"router\x1b[31m.example."}, nil
	}
	s, b := testSession(options{probes: 1})
	s.names = n
	w := &way{target: here}
	told(t, s, b, w.reply(1, 0, "198.51.100.1"), w.reply(2, 0, "198.51.100.2"), w.reply(3, 0, "192.0.2.9"))
	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("hops are printed before their names are known: %q", b.String())
	}
	close(let)
	n.wait()
	if err := s.finish(t.Context(), nil); err != nil {
		t.Error(err)
	}
	s.env.Stdout.Flush()
	if got := b.String(); !strings.Contains(got, ` 1  router\x1b[31m.example (198.51.100.1)  1.000 ms`) || !strings.Contains(got, " 2  198.51.100.2  2.000 ms") || len(asked) != 3 {
		t.Errorf("%d asked: %q", len(asked), got)
	}
}

// TestMetrics: labels are escaped and bounded, and what is known of a path is served.
func TestMetrics(t *testing.T) {
	m := newMetrics()
	address, err := m.serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	w := &way{target: here}
	for i := range mostSeries + 5 {
		m.probe(fmt.Sprintf("host-%d", i), w.reply(1, 0, "198.51.100.1"))
	}
	name := "a\"b\x1b" // as it is typed
	m.labels = map[[2]string]bool{}
	trail := newTrail(target{addr: here, name: name}, 1, 4, 1)
	for ttl, from := range []string{"198.51.100.1", "*", "192.0.2.9"} {
		r := w.reply(ttl+1, 0, from)
		trail.take(r)
		m.probe(name, r)
	}
	trail.verdicts = []path.Verdict{{TTL: 2, Finding: path.Seldom}}
	trail.mtu = &trace.MTU{Size: 1400}
	m.trail(trail)
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	served, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if err := m.write(&written); err != nil {
		t.Fatal(err)
	}
	label := `target="a\"b\\x1b"`
	for _, text := range []string{string(served), written.String()} {
		for _, want := range []string{
			`rawtrace_probes_total{cause="none",hop="other",outcome="answered",target="other"} 5`, `rawtrace_hops{` + label + `} 3`, `rawtrace_mtu_bytes{` + label + `} 1400`,
			`rawtrace_loss_ratio{hop="2",` + label + `,verdict="answers seldom"} 1`, `rawtrace_loss_ratio{hop="1",` + label + `,verdict="clean"} 0`,
			`rawtrace_probes_total{cause="unanswered",hop="2",outcome="lost",` + label + `} 1`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s", want)
			}
		}
	}
}

// TestOrdered: samples come to the judge in the order of sending, whatever order replies come in; what this host lost
// is none.
func TestOrdered(t *testing.T) {
	w := newTrail(target{addr: here}, 1, 8, 3)
	v := &way{target: here}
	var o ordered
	first, second, third := v.reply(1, 0, "*"), v.reply(2, 0, "198.51.100.2"), v.reply(3, 0, "*", func(r *trace.Reply) { r.Cause = probe.LocalQueue })
	large := v.reply(4, 0, "*", func(r *trace.Reply) { r.Size = 1500 })
	fifth := v.reply(5, 0, "198.51.100.5")
	for _, r := range []*trace.Reply{second, fifth, third, large} {
		o.take(w, r)
	}
	if len(w.samples) != 0 {
		t.Errorf("%d samples before the first", len(w.samples))
	}
	o.take(w, first)
	o.take(w, v.reply(5, 0, "198.51.100.5", func(r *trace.Reply) { r.Duplicate = true }))
	var ttls []int
	for _, s := range w.samples {
		ttls = append(ttls, s.TTL)
	}
	if fmt.Sprint(ttls) != "[1 2 5]" {
		t.Errorf("samples of TTLs %v", ttls)
	}
}

// TestOrderedForLong: numbers that no probe has hold nothing up.
func TestOrderedForLong(t *testing.T) {
	w := newTrail(target{addr: here}, 1, 8, 3)
	v := &way{target: here}
	var o ordered
	const probes = 1<<16 + 100
	for range probes {
		if v.n++; !trace.Numbered(v.n) {
			v.n++
		}
		v.n--
		o.take(w, v.reply(1, 0, "198.51.100.1"))
	}
	if len(w.samples) != probes || len(o.waiting) > 64 {
		t.Errorf("%d samples of %d probes, room for %d", len(w.samples), probes, len(o.waiting))
	}
}

// TestSettled: what is known of a host is forgotten once it is printed and nothing will be asked of it, and its memory
// used for the next; what comes afterwards changes nothing, and a host with loss is not forgotten.
func TestSettled(t *testing.T) {
	far, lossy := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.11")
	s, b := testSession(options{probes: 1}, target{addr: here}, target{addr: lossy}, target{addr: far})
	w := &way{target: here}
	late := w.reply(2, 0, "192.0.2.9", func(r *trace.Reply) { r.N, r.Duplicate = 2, true })
	w.n = 0
	told(t, s, b, w.reply(1, 0, "198.51.100.1"), w.reply(2, 0, "192.0.2.9"))
	if s.trails[0].said == nil || s.trails[0].hops != nil || len(s.pool.hops) != 1 { // the next has one
		t.Fatalf("%+v is kept, %d hops are free", s.trails[0], len(s.pool.hops))
	}
	told(t, s, b, late)
	w.target = lossy
	told(t, s, b, w.reply(1, 0, "*"), w.reply(2, 0, "192.0.2.11"))
	if s.trails[1].said != nil || len(s.pool.hops) != 0 {
		t.Errorf("a host with loss is forgotten, or the hops of the one before were not used: %d free", len(s.pool.hops))
	}
	w.target = far
	told(t, s, b, w.reply(1, 0, "198.51.100.1"), w.reply(2, 0, "192.0.2.10"))
	if err := s.finish(t.Context(), nil); err != nil {
		t.Error(err)
	}
	s.env.Stdout.Flush()
	const want = `rawtrace to 192.0.2.9, 8 hops max, UDP port 33434
 1  198.51.100.1  1.000 ms
 2  192.0.2.9  2.000 ms

rawtrace to 192.0.2.11, 8 hops max, UDP port 33434
 1  *
 2  192.0.2.11  2.000 ms

rawtrace to 192.0.2.10, 8 hops max, UDP port 33434
 1  198.51.100.1  1.000 ms
 2  192.0.2.10  2.000 ms
192.0.2.9: reached in 2 hops, 2.000 ms
192.0.2.11: reached in 2 hops, 2.000 ms; hop 1 is silent
192.0.2.10: reached in 2 hops, 2.000 ms
`
	if got := b.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestTranslatedDestination: a router that answers with the host's own address, as behind a NAT of Linux, is said to be
// one.
func TestTranslatedDestination(t *testing.T) {
	s, b := testSession(options{probes: 1})
	w := &way{target: here}
	told(t, s, b, w.reply(1, 0, "198.51.100.1"), w.reply(2, 0, here.String(), func(r *trace.Reply) { r.Kind, r.Type, r.Code = trace.Exceeded, 11, 0 }), w.reply(3, 0, here.String()))
	s.finish(t.Context(), nil)
	s.env.Stdout.Flush()
	const want = " 2  192.0.2.9  2.000 ms\n    a router under the host's address: a NAT translates the destination\n 3  192.0.2.9  3.000 ms\n192.0.2.9: reached in 3 hops, 3.000 ms\n"
	if !strings.HasSuffix(b.String(), want) {
		t.Errorf("%s", b)
	}
}
