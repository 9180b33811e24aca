package path_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/raw/path"
	"sockwire/raw/path/pathlab"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
	"sockwire/raw/wire"
)

// traced is what a trace found.
type traced struct {
	way     string           // names by TTL, up to the first that is the target; * where nobody answers
	changes map[int][]string // by TTL, what fields were changed
	loop    int
	mtu     *trace.MTU
}

func traceTo(t *testing.T, n *pathlab.Net, tracer trace.Tracer, dst netip.Addr) traced {
	t.Helper()
	if tracer.Wait == 0 {
		tracer.Wait = 500 * time.Millisecond
	}
	s := open(t, n, tracer)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	found := traced{changes: map[int][]string{}}
	names, reached, last := map[int]string{}, 256, 0
	for r, err := range s.Trace(ctx, slices.Values([]netip.Addr{dst})) {
		if err != nil {
			t.Fatal(err)
		}
		found.loop = max(found.loop, r.Loop)
		if r.Found != nil {
			found.mtu = r.Found
		}
		if r.Outcome != probe.Answered || r.Duplicate || r.Kind == trace.TooBig {
			continue
		}
		ttl := int(r.TTL)
		if name := n.Name(r.From); names[ttl] == "" {
			names[ttl] = name
		} else if names[ttl] != name {
			t.Errorf("TTL %d: %s answered, and %s", ttl, names[ttl], name)
		}
		for _, c := range r.Changes {
			if !slices.Contains(found.changes[ttl], c.Field) {
				found.changes[ttl] = append(found.changes[ttl], c.Field)
			}
		}
		last = max(last, ttl)
		if r.Kind == trace.Reached {
			reached = min(reached, ttl)
		}
	}
	var way []string
	for ttl := 1; ttl <= min(reached, last); ttl++ {
		name := names[ttl]
		if name == "" {
			name = "*"
		}
		way = append(way, name)
	}
	found.way = strings.Join(way, " ")
	return found
}

// A chain of every length, over both families.
func TestChains(t *testing.T) {
	t.Parallel()
	for hops := 1; hops <= 30; hops++ {
		if testing.Short() && hops > 2 && hops < 30 {
			continue
		}
		cfg := pathlab.Config{Edges: pathlab.Chain(hops), IPv6: hops%5 == 0}
		n := pathlab.New(t, cfg)
		want := cfg.Paths()[0]
		if got := traceTo(t, n, trace.Tracer{}, n.Dst4); got.way != want || len(got.changes) > 0 {
			t.Errorf("%d hops: %+v", hops, got)
		}
		if cfg.IPv6 {
			if got := traceTo(t, n, trace.Tracer{}, n.Dst6); got.way != want || len(got.changes) > 0 {
				t.Errorf("%d hops, IPv6: %+v", hops, got)
			}
		}
		n.Lab.Close()
	}
}

// keep is a box between two neighbours that drops what the function says.
func keep(a, b string, passes func(in string, packet []byte) bool) pathlab.Box {
	return func(in string, packet []byte) (string, []byte) {
		switch {
		case !passes(in, packet):
			return "", nil
		case in == a:
			return b, packet
		}
		return a, packet
	}
}

func TestTopologies(t *testing.T) {
	small := func(_ string, packet []byte) bool { return len(packet) <= 1400 }
	noTooBig := func(_ string, p []byte) bool {
		l := wire.IPv4(p)
		return len(p) < 28 || p[0]>>4 != 4 || l.Protocol() != wire.ProtoICMP || p[20] != 3 || p[21] != 4
	}
	bleach := func(a, b string) pathlab.Box {
		return func(in string, p []byte) (string, []byte) {
			if in == b {
				return a, p
			}
			if p[0]>>4 == 4 {
				wire.IPv4(p).SetTOS(0)
				wire.IPv4(p)[:wire.IPv4Len].UpdateChecksum()
			}
			return b, p
		}
	}
	for _, tt := range []struct {
		name    string
		cfg     pathlab.Config
		setUp   func(n *pathlab.Net) error
		tracer  trace.Tracer
		six     bool
		way     string
		changes string
		loop    int
		mtu     string
	}{
		{name: "silent hops", cfg: pathlab.Config{Edges: pathlab.Chain(7)},
			setUp: func(n *pathlab.Net) error { return n.Silence("r2", "r4", "r5") }, way: "r1 * r3 * * r6 t"},
		{name: "silent target", cfg: pathlab.Config{Edges: pathlab.Chain(4)},
			setUp: func(n *pathlab.Net) error { return n.Silence("t") }, way: "r1 r2 r3"},
		{name: "loop", cfg: pathlab.Config{Edges: pathlab.Chain(5)},
			setUp: func(n *pathlab.Net) error { return n.Reroute("r3", "r2") }, loop: 2},
		{name: "MTU step", cfg: pathlab.Config{Edges: pathlab.Chain(5), Links: map[string]pathlab.Link{"r2-r3": {MTU: 1400}}},
			tracer: trace.Tracer{MTU: true}, way: "r1 r2 r3 r4 t", mtu: "1400 to 5, step 3 r2 1400"},
		{name: "two MTU steps", cfg: pathlab.Config{Edges: pathlab.Chain(5), Links: map[string]pathlab.Link{"r1-r2": {MTU: 1400}, "r4-t": {MTU: 1300}}},
			tracer: trace.Tracer{MTU: true}, way: "r1 r2 r3 r4 t", mtu: "1300 to 5, step 2 r1 1400, step 5 r4 1300"},
		{name: "MTU step, IPv6", cfg: pathlab.Config{Edges: pathlab.Chain(5), IPv6: true, Links: map[string]pathlab.Link{"r2-r3": {MTU: 1400}}},
			six: true, tracer: trace.Tracer{MTU: true}, way: "r1 r2 r3 r4 t", mtu: "1400 to 5, step 3 r2 1400"},
		{name: "MTU step without its message", cfg: pathlab.Config{Edges: "s-r1 r1-x x-r2 r2-r3 r3-t", Links: map[string]pathlab.Link{"r2-r3": {MTU: 1400}},
			Boxes: map[string]pathlab.Box{"x": keep("r1", "r2", noTooBig)}},
			tracer: trace.Tracer{MTU: true}, way: "r1 r2 r3 t", mtu: "1400 to 4, hole before 3 after 2"},
		{name: "large ones vanish", cfg: pathlab.Config{Edges: "s-r1 r1-r2 r2-x x-r3 r3-t", Boxes: map[string]pathlab.Box{"x": keep("r2", "r3", small)}},
			tracer: trace.Tracer{MTU: true}, way: "r1 r2 r3 t", mtu: "1400 to 4, hole before 3 after 2"},
		{name: "DSCP bleached", cfg: pathlab.Config{Edges: "s-r1 r1-r2 r2-x x-r3 r3-t", Boxes: map[string]pathlab.Box{"x": bleach("r2", "r3")}},
			tracer: trace.Tracer{TrafficClass: 0xb8}, way: "r1 r2 r3 t", changes: "3 [tos] 4 [tos]"},
		{name: "NAT", cfg: pathlab.Config{Edges: "s-r1 r1-x x-r2 r2-r3 r3-t", Boxes: map[string]pathlab.Box{"x": pathlab.NAT("r1", "r2", true)}},
			way: "r1 r2 r3 t"},
		{name: "NAT, ICMP", cfg: pathlab.Config{Edges: "s-r1 r1-x x-r2 r2-r3 r3-t", Boxes: map[string]pathlab.Box{"x": pathlab.NAT("r1", "r2", true)}},
			tracer: trace.Tracer{Protocol: trace.ICMP}, way: "r1 r2 r3 t"},
		{name: "NAT, TCP", cfg: pathlab.Config{Edges: "s-r1 r1-x x-r2 r2-r3 r3-t", Boxes: map[string]pathlab.Box{"x": pathlab.NAT("r1", "r2", true)}},
			tracer: trace.Tracer{Protocol: trace.TCP}, way: "r1 r2 r3 t"},
		{name: "NAT that leaves quotes alone", cfg: pathlab.Config{Edges: "s-r1 r1-x x-r2 r2-r3 r3-t", Boxes: map[string]pathlab.Box{"x": pathlab.NAT("r1", "r2", false)}},
			way: "r1 r2 r3 t", changes: "2 [src sport transport chksum] 3 [src sport transport chksum] 4 [src sport transport chksum]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := pathlab.New(t, tt.cfg)
			if tt.setUp != nil {
				if err := tt.setUp(n); err != nil {
					t.Fatal(err)
				}
			}
			dst := n.Dst4
			if tt.six {
				dst = n.Dst6
			}
			got := traceTo(t, n, tt.tracer, dst)
			if got.way != tt.way && tt.loop == 0 {
				t.Errorf("the way is %s, expected %s", got.way, tt.way)
			}
			if got.loop != tt.loop {
				t.Errorf("a loop of %d, expected %d", got.loop, tt.loop)
			}
			var changes []string
			for ttl := range len(strings.Fields(got.way)) + 1 { // behind the target it is the target again
				if fields := got.changes[ttl]; len(fields) > 0 {
					changes = append(changes, fmt.Sprint(ttl, fields))
				}
			}
			if text := strings.Join(changes, " "); text != tt.changes {
				t.Errorf("changed is %q, expected %q", text, tt.changes)
			}
			if tt.mtu != "" {
				if text := describe(n, got.mtu); text != tt.mtu {
					t.Errorf("MTU %q, expected %q", text, tt.mtu)
				}
			}
		})
	}
}

func describe(n *pathlab.Net, m *trace.MTU) string {
	if m == nil {
		return "none"
	}
	text := fmt.Sprintf("%d to %d", m.Size, m.To)
	for _, s := range m.Steps {
		text += fmt.Sprintf(", step %d %s %d", s.TTL, n.Name(s.From), s.MTU)
	}
	if m.Hole != nil {
		text += fmt.Sprintf(", hole before %d after %d", m.Hole.Before, m.Hole.After)
	}
	return text
}

// Loss, round trip and MTU of each edge of a diamond are what was done to the link.
func TestMeasureLab(t *testing.T) {
	t.Parallel()
	cfg := pathlab.Config{Edges: pathlab.Diamonds(3), Links: map[string]pathlab.Link{
		"a0-b1.1": {MTU: 1400}, "a0-b1.2": {There: 0.3}, "a0-b1.3": {Delay: 10 * time.Millisecond},
	}}
	seeds := 2
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		n := pathlab.New(t, cfg)
		if err := n.Reseed(uint64(seed)); err != nil {
			t.Fatal(err)
		}
		prober := open(t, n, trace.Tracer{Flows: 1024, SourcePort: 20000, Wait: time.Second, Rate: 20000}).Prober(n.Dst4)
		g, err := path.Explorer{Confidence: 0.999, Flows: 1024, Pace: 100 * time.Millisecond}.Explore(t.Context(), prober)
		if err != nil {
			t.Fatal(err)
		}
		inquiry := path.Inquiry{Gap: 10 * time.Millisecond, Rounds: 40, MaxRounds: 300, Judge: path.Judge{Ratio: 4, Confidence: sure}}
		measure := path.Measure{Inquiry: inquiry}
		if testing.Short() { // round trips and the MTU; loss takes time
			measure.Inquiry.Rounds, measure.Inquiry.MaxRounds = 5, 5
		}
		if err := measure.Run(t.Context(), prober, g); err != nil {
			t.Fatal(err)
		}
		for _, e := range g.Edges {
			from, to := n.Name(g.Nodes[e.From].Addr), n.Name(g.Nodes[e.To].Addr)
			name := from + "-" + to
			lossy := e.Loss != nil && e.Loss.Finding == path.Real && e.Loss.From == e.Loss.TTL
			if lossy != (name == "a0-b1.2") && !testing.Short() {
				t.Errorf("seed %d: %s: %+v", seed, name, e.Loss)
			}
			if want := map[string]int{"a0-b1.1": 1400, "b1.1-a1": 1400}[name]; want > 0 && e.MTU != want || want == 0 && e.MTU != 1500 || e.Hole {
				t.Errorf("seed %d: %s: MTU %d, hole %v", seed, name, e.MTU, e.Hole)
			}
			if slow := e.RTT >= 20*time.Millisecond; to != "t" && to != "a1" && slow != (name == "a0-b1.3") {
				t.Errorf("seed %d: %s: round trip %v", seed, name, e.RTT)
			}
		}
		n.Lab.Close()
	}
}

// A path that changes while it is explored, and packets that go round.
func TestExploreChangingLabs(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: "s-a a-b a-c b-d c-d d-t"})
	if err := n.Reroute("a", "b"); err != nil {
		t.Fatal(err)
	}
	prober := &after{Prober: open(t, n, trace.Tracer{Flows: 1024, Wait: 300 * time.Millisecond}).Prober(n.Dst4), rounds: 3, do: func() {
		if err := n.Reroute("a", "c"); err != nil {
			t.Error(err)
		}
	}}
	g, err := path.Explorer{Flows: 1024, Pace: 100 * time.Millisecond}.Explore(t.Context(), prober)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ways(n, g), ","); got != "a c d t" || len(g.Changes) != 1 || g.Changes[0].TTL != 2 {
		t.Errorf("paths %s, changes %+v", got, g.Changes)
	}
	if err := n.Reroute("d", "c"); err != nil {
		t.Fatal(err)
	}
	g, err = path.Explorer{Flows: 1024, Pace: 100 * time.Millisecond}.Explore(t.Context(), prober)
	if err != nil {
		t.Fatal(err)
	}
	loops := 0
	for _, node := range g.Nodes {
		if node.Loop {
			loops++
		}
	}
	if got := strings.Join(ways(n, g), ","); got != "a c d c" || loops != 1 || g.Reached {
		t.Errorf("round: paths %s, %d loops", got, loops)
	}
}
