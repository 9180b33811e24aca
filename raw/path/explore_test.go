package path

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// The paths found are those of the drawing, whatever the seed.
func TestExploreDrawings(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 5
	}
	for _, tt := range []struct {
		name, edges string
		silent      string
		packet      string
		loss        map[string]float64
	}{
		{name: "chain", edges: "s-a a-b b-c c-t"},
		{name: "neighbour", edges: "s-t"},
		{name: "two", edges: diamonds(2)},
		{name: "sixteen", edges: diamonds(16)},
		{name: "several in a row", edges: diamonds(2, 4, 3)},
		{name: "at the source", edges: "s-a s-b a-t b-t"},
		{name: "unequal", edges: "s-a a-b a-c b-d c-e e-d d-f f-t"},
		{name: "unequal to the target", edges: "s-a a-b a-c b-t c-d d-e e-t"},
		{name: "nested", edges: "s-a a-b a-c b-d b-e c-f d-g e-g f-g g-t"},
		{name: "meshed", edges: "s-a a-b1 a-b2 b1-c1 b1-c2 b2-c1 b2-c2 c1-d c2-d d-t"},
		{name: "crossed", edges: "s-a a-b1 a-b2 b1-c1 b1-c2 b2-c2 b2-c3 c1-d c2-d c3-d d-t"},
		{name: "silent in the chain", edges: "s-a a-b b-c c-d d-t", silent: "b c"},
		{name: "silent branch", edges: "s-a a-b1 a-b2 b1-c b2-c c-t", silent: "b2"},
		{name: "silent end", edges: "s-a a-b b-t", silent: "t"},
		{name: "by packet", edges: "s-a a-b1 a-b2 b1-c b2-c c-t", packet: "a"},
		{name: "by packet, then by flow", edges: diamonds(3, 4), packet: "a0"},
		{name: "lossy edge", edges: diamonds(3), loss: map[string]float64{"a0-b0.1": 0.3}},
		{name: "lossy all over", edges: diamonds(2, 3), loss: map[string]float64{"s-a0": 0.2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				probes := 0
				for seed := range uint64(seeds) {
					n := draw(tt.edges, seed)
					n.loss = tt.loss
					n.silent, n.packet = set(tt.silent), set(tt.packet)
					g, err := Explorer{Confidence: 0.999}.Explore(t.Context(), n)
					if err != nil {
						t.Fatal(err)
					}
					probes += g.Probes
					want := n.paths()
					if tt.name == "silent end" {
						want = []string{"a b"}
					}
					if got := n.found(g); strings.Join(got, ",") != strings.Join(want, ",") {
						t.Errorf("seed %d: paths\n%s\nexpected\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
					if !g.Complete || g.Confidence < 0.999 || g.Changes != nil {
						t.Errorf("seed %d: complete %v (%s), confidence %g, changes %v", seed, g.Complete, g.Why, g.Confidence, g.Changes)
					}
					if g.Reached != (tt.name != "silent end") {
						t.Errorf("seed %d: reached %v", seed, g.Reached)
					}
					for i, node := range g.Nodes {
						want, name := Alone, n.name(node.Addr)
						if i == 0 {
							name = "s"
						}
						if len(n.next[name]) > 1 {
							if want = ByFlow; n.packet[name] {
								want = ByPacket
							}
						}
						if node.Balance != want && name != "*" {
							t.Errorf("seed %d: %s balances %v, expected %v", seed, name, node.Balance, want)
						}
					}
				}
				t.Logf("%d probes on average", probes/seeds)
			})
		})
	}
}

func set(names string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

func TestExploreChange(t *testing.T) {
	for seed := range uint64(20) {
		n := draw("s-a a-b a-c b-d c-d d-t", seed)
		old := n.next["a"]
		n.next["a"] = old[:1]
		n.at, n.change = 30+int(seed), func(n *network) { n.next["a"] = old[1:] }
		g, err := Explorer{}.Explore(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(n.found(g), ","); got != "a c d t" {
			t.Errorf("seed %d: after the change the path is %s", seed, got)
		}
		if len(g.Changes) != 1 || g.Changes[0].TTL != 2 || n.name(g.Changes[0].From) != "b" || n.name(g.Changes[0].To) != "c" {
			t.Errorf("seed %d: changes %v", seed, g.Changes)
		}
	}
}

// A loop is said to be one, and not followed for ever.
func TestExploreLoop(t *testing.T) {
	n := draw("s-a a-b b-c c-t", 1)
	n.next["c"] = []string{"b"}
	n.next["t"] = nil
	g, err := Explorer{}.Explore(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	loops := 0
	for _, node := range g.Nodes {
		if node.Loop {
			loops++
		}
	}
	if got := strings.Join(n.found(g), ","); got != "a b c b" || loops != 1 || g.Probes > 200 {
		t.Errorf("paths %s, %d loops, %d probes", got, loops, g.Probes)
	}
}

func TestExploreBounds(t *testing.T) {
	n := draw(diamonds(16, 16), 1)
	g, err := Explorer{MaxProbes: 300}.Explore(t.Context(), n)
	if err != nil || g.Complete || n.probes > 600 || !strings.Contains(g.Why, "300 probes") {
		t.Errorf("%d probes sent, complete %v: %q, %v", n.probes, g.Complete, g.Why, err)
	}
	n = draw(diamonds(16), 1)
	g, err = Explorer{Flows: 64}.Explore(t.Context(), n)
	if err != nil || g.Complete || !strings.Contains(g.Why, "64 flows") {
		t.Errorf("complete %v: %q, %v", g.Complete, g.Why, err)
	}
	// What was found before the end of ctx is no proof that there is nothing else.
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	if g, err = (Explorer{}).Explore(ctx, n); err == nil || g == nil || g.Complete || g.Why != "interrupted" {
		t.Errorf("%+v, %v", g, err)
	}
}

// TestSilentBranches: silent routers at one TTL are told apart by who answers before and behind them, and no way is
// drawn that leads from one branch into the other.
func TestSilentBranches(t *testing.T) {
	for _, tt := range []struct {
		edges, silent string
		want          []string // the silent nodes, by who is before and behind
	}{
		{"s-a a-b1 a-b2 b1-x1 b2-x2 x1-c1 x2-c2 c1-t c2-t", "x1 x2", []string{"b1 c1", "b2 c2"}},
		{"s-a a-x1 a-x2 x1-c1 x2-c2 c1-t c2-t", "x1 x2", []string{"a c1", "a c2"}},
		{"s-x1 s-x2 x1-y1 x2-y2 y1-c1 y2-c2 c1-t c2-t", "x1 x2 y1 y2", []string{"* c1", "* c2", "* c1", "* c2"}},
		{"s-a a-x1 a-x2 x1-c x2-c c-t", "x1 x2", []string{"a c"}}, // nothing tells these apart
	} {
		synctest.Test(t, func(t *testing.T) {
			for seed := range uint64(20) {
				n := draw(tt.edges, seed)
				n.silent = set(tt.silent)
				g, err := Explorer{Confidence: 0.999}.Explore(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				if err := (Measure{NoLoss: true}).Run(t.Context(), n, g); err != nil {
					t.Fatal(err)
				}
				var got []string
				dot := g.DOT(nil)
				for i := range g.Nodes {
					node := &g.Nodes[i]
					if node.TTL == 0 || node.Addr.IsValid() {
						continue
					}
					got = append(got, n.name(node.After)+" "+n.name(node.Before))
					if several := len(tt.want) > 1; several != (node.Branch > 0) || !strings.Contains(dot, quote(node.Label())) ||
						several && !strings.Contains(node.Label(), " before "+node.Before.String()) {
						t.Errorf("seed %d: branch %d is labelled %q in\n%s", seed, node.Branch, node.Label(), dot)
					}
				}
				slices.Sort(got)
				want := slices.Sorted(slices.Values(tt.want))
				if paths := g.Paths(100); !slices.Equal(got, want) || len(paths) != len(slices.Compact(want)) || !g.Complete {
					t.Errorf("seed %d: %q silent, want %q; %d paths, complete %v", seed, got, want, len(paths), g.Complete)
				}
				for _, e := range g.Edges {
					if e.MTU == 0 {
						t.Errorf("seed %d: edge %+v is not measured", seed, e)
					}
				}
			}
		})
	}
}
