package path_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/raw/path"
	"sockwire/raw/path/pathlab"
	"sockwire/raw/trace"
)

// open opens a tracer on the source of a network.
func open(t *testing.T, n *pathlab.Net, tracer trace.Tracer) *trace.Session {
	t.Helper()
	var s *trace.Session
	if err := n.Source.Do(func() (err error) { s, err = tracer.Open(t.Context()); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ways are the ways through a graph by the names of the nodes.
func ways(n *pathlab.Net, g *path.Graph) []string {
	var all []string
	for _, way := range g.Paths(100000) {
		var names []string
		for _, i := range way {
			names = append(names, n.Name(g.Nodes[i].Addr))
		}
		all = append(all, strings.Join(names, " "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// alternate is a box that hands what comes from one neighbour to others in turn, packet by packet.
func alternate(from string, to ...string) pathlab.Box {
	turn := 0
	return func(in string, packet []byte) (string, []byte) {
		if in != from {
			return from, packet
		}
		// Not quite in turn: rounds of probes must not fall in step with it.
		turn = (turn*5 + 3) % 8192
		return to[turn/16%len(to)], packet
	}
}

// The paths found are those of the drawing.
func TestExploreLabs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cfg    pathlab.Config
		seeds  int
		six    bool
		silent string
		tracer trace.Tracer
	}{
		{name: "chain of 30", cfg: pathlab.Config{Edges: pathlab.Chain(30)}, seeds: 1},
		{name: "chain of 1", cfg: pathlab.Config{Edges: pathlab.Chain(1)}, seeds: 1},
		{name: "two", cfg: pathlab.Config{Edges: pathlab.Diamonds(2)}, seeds: 20},
		{name: "four by TCP", cfg: pathlab.Config{Edges: pathlab.Diamonds(4)}, seeds: 5, tracer: trace.Tracer{Protocol: trace.TCP}},
		{name: "sixteen", cfg: pathlab.Config{Edges: pathlab.Diamonds(16)}, seeds: 3},
		{name: "several in a row", cfg: pathlab.Config{Edges: pathlab.Diamonds(2, 4, 3)}, seeds: 20},
		{name: "unequal", cfg: pathlab.Config{Edges: "s-a a-b a-c b-d c-e e-d d-f f-t"}, seeds: 20},
		{name: "silent branch", cfg: pathlab.Config{Edges: "s-a a-b1 a-b2 b1-c b2-c c-t"}, silent: "b2", seeds: 1},
		{name: "silent branches", cfg: pathlab.Config{Edges: "s-a a-b1 a-b2 b1-x1 b2-x2 x1-c1 x2-c2 c1-d c2-d d-t"}, silent: "x1 x2", seeds: 3},
		{name: "by packet", cfg: pathlab.Config{Edges: "s-a a-x x-b1 x-b2 b1-c b2-c c-t",
			Boxes: map[string]pathlab.Box{"x": alternate("a", "b1", "b2")}}, seeds: 3},
		{name: "flow labels", cfg: pathlab.Config{Edges: pathlab.Diamonds(3), IPv6: true}, six: true, seeds: 5, tracer: trace.Tracer{}},
		{name: "IPv6 ports", cfg: pathlab.Config{Edges: pathlab.Diamonds(3), IPv6: true, HashPolicy6: 1}, six: true, seeds: 5},
		{name: "loss on one edge", cfg: pathlab.Config{Edges: pathlab.Diamonds(3), Links: map[string]pathlab.Link{"a0-b1.2": {There: 0.3}}}, seeds: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := pathlab.New(t, tt.cfg)
			if tt.silent != "" {
				if err := n.Silence(strings.Fields(tt.silent)...); err != nil {
					t.Fatal(err)
				}
			}
			tracer := tt.tracer
			tracer.Flows, tracer.SourcePort, tracer.Wait = 2048, 20000, 300*time.Millisecond
			if testing.Short() {
				tracer.Wait /= 2
			}
			s := open(t, n, tracer)
			dst := n.Dst4
			if tt.six {
				dst = n.Dst6
			}
			want := tt.cfg.Paths()
			for i := range want {
				for _, name := range strings.Fields(tt.silent) {
					want[i] = strings.ReplaceAll(want[i], name, "*")
				}
			}
			slices.Sort(want)
			if testing.Short() {
				tt.seeds = 1
			}
			for seed := range uint64(tt.seeds) {
				if err := n.Reseed(seed); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				g, err := path.Explorer{Confidence: 0.999, Flows: 2048, Pace: 100 * time.Millisecond}.Explore(t.Context(), s.Prober(dst))
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("seed %d: %d probes, %v", seed, g.Probes, time.Since(start).Round(time.Millisecond))
				if got := ways(n, g); !slices.Equal(got, want) {
					t.Errorf("seed %d: paths\n%s\nexpected\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				if !g.Complete || !g.Reached || g.Changes != nil {
					t.Errorf("seed %d: complete %v (%s), reached %v, changes %v", seed, g.Complete, g.Why, g.Reached, g.Changes)
				}
				for _, node := range g.Nodes {
					if tt.name == "by packet" && n.Name(node.Addr) == "a" && node.Balance != path.ByPacket {
						t.Errorf("seed %d: a balances %v", seed, node.Balance)
					}
				}
			}
		})
	}
}

// Routers that limit their answers as the kernel does by default, six at once and one a second, are one node each,
// right after another run as well: an answer that does not come is no branch.
func TestExploreLimited(t *testing.T) {
	t.Parallel()
	type run struct {
		n       *pathlab.Net
		want    []string
		session *trace.Session
		name    string
		pace    time.Duration
	}
	var runs []run
	for _, tt := range []struct {
		name, edges string
		pace        time.Duration // four times the kernel's own, to be done four times as soon; or 0
		seeds       int
	}{
		{"chain", pathlab.Chain(6), 250 * time.Millisecond, 20}, {"diamond", pathlab.Diamonds(2), 250 * time.Millisecond, 20},
		{"the kernel's own", pathlab.Chain(6), 0, 2},
	} {
		if testing.Short() {
			if tt.pace == 0 || tt.name == "diamond" {
				continue
			}
			tt.seeds, tt.pace = 2, 120*time.Millisecond
		}
		cfg := pathlab.Config{Edges: tt.edges, Limits: true}
		n := pathlab.New(t, cfg)
		sources, err := n.Sources(tt.seeds)
		if err != nil {
			t.Fatal(err)
		}
		wait := time.Duration(0)
		if tt.pace > 0 {
			wait = tt.pace + 150*time.Millisecond
			for _, name := range strings.Fields(strings.Join(cfg.Paths(), " ")) {
				if err := n.LimitPerHost(name, tt.pace); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, source := range sources {
			tracer := trace.Tracer{Flows: 1024, SourcePort: 20000, Source: source, Wait: wait}
			runs = append(runs, run{n, cfg.Paths(), open(t, n, tracer), fmt.Sprint(tt.name, " ", i), tt.pace})
		}
	}
	var wg sync.WaitGroup
	for _, r := range runs {
		wg.Go(func() {
			for again := range 2 {
				if again > 0 && r.pace == 0 {
					break // once takes ten seconds
				}
				start := time.Now()
				g, err := path.Explorer{Flows: 1024, Pace: r.pace}.Explore(t.Context(), r.session.Prober(r.n.Dst4))
				if err != nil {
					t.Error(err)
					return
				}
				t.Logf("%s: %d probes, %v", r.name, g.Probes, time.Since(start).Round(time.Millisecond))
				if got := ways(r.n, g); !slices.Equal(got, r.want) || !g.Complete || g.Changes != nil {
					t.Errorf("%s, run %d: paths %q, expected %q; complete %v, changes %v", r.name, again, got, r.want, g.Complete, g.Changes)
				}
			}
		})
	}
	wg.Wait()
}

// Edges behind routers that limit their answers, by the kernel's own token bucket, are measured all the same: no way
// ends at a router that has just answered enough, and no packet is too large for one that says nothing then.
func TestMeasureLimited(t *testing.T) {
	t.Parallel()
	const pace = 250 * time.Millisecond
	cfg := pathlab.Config{Edges: pathlab.Diamonds(10), Links: map[string]pathlab.Link{"a0-b1.2": {MTU: 1400}}}
	n := pathlab.New(t, cfg)
	prober := open(t, n, trace.Tracer{Flows: 1024, Wait: 100 * time.Millisecond}).Prober(n.Dst4)
	g, err := path.Explorer{Flows: 1024, Confidence: 0.999}.Explore(t.Context(), prober)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a0", "b1.1", "b1.2", "b1.3", "a1", "t"} {
		if err := n.LimitPerHost(name, pace); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	if err := (path.Measure{NoLoss: true, Pace: pace + 20*time.Millisecond}).Run(t.Context(), prober, g); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d edges, %v", len(g.Edges), time.Since(start).Round(time.Millisecond))
	for _, e := range g.Edges {
		from, to := n.Name(g.Nodes[e.From].Addr), n.Name(g.Nodes[e.To].Addr)
		want := 1500
		if from == "b1.2" || to == "b1.2" {
			want = 1400
		}
		if e.MTU != want || e.Hole {
			t.Errorf("%s-%s: MTU %d, hole %v, want %d", from, to, e.MTU, e.Hole, want)
		}
	}
	if len(g.Edges) != 22 {
		t.Errorf("%d edges", len(g.Edges))
	}
}
