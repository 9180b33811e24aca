package path

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// edge finds an edge of a graph by the names of its ends.
func (n *network) edge(t *testing.T, g *Graph, from, to string) *Edge {
	t.Helper()
	for i := range g.Edges {
		e := &g.Edges[i]
		a := n.name(g.Nodes[e.From].Addr)
		if e.From == 0 {
			a = n.names[0]
		}
		if a == from && n.name(g.Nodes[e.To].Addr) == to {
			return e
		}
	}
	t.Fatalf("the graph has no edge %s-%s", from, to)
	return nil
}

func TestMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong, undecided, judged := 0, 0, 0
		for seed := range uint64(20) {
			n := draw(diamonds(3), seed)
			n.loss = map[string]float64{"a0-b0.1": 0.2}
			n.mtu = map[string]int{"a0-b0.0": 1400, "b0.2-a1": 1300}
			n.hole = map[string]bool{"b0.2": true}
			g, err := Explorer{Confidence: 0.999}.Explore(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := (Measure{}).Run(t.Context(), n, g); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 10*time.Minute {
				t.Errorf("seed %d took %v", seed, took)
			}
			for edge, want := range map[[2]string]Finding{
				{"s", "a0"}: Clean, {"a0", "b0.0"}: Clean, {"a0", "b0.1"}: Real, {"a0", "b0.2"}: Clean,
			} {
				e := n.edge(t, g, edge[0], edge[1])
				if judged++; e.Loss == nil || e.Loss.Finding == Undecided {
					undecided++
				} else if e.Loss.Finding != want {
					wrong++
					t.Errorf("seed %d: %v: %+v, expected %v", seed, edge, e.Loss, want)
				}
				if e.RTT == 0 || e.Count.Sent < 50 {
					t.Errorf("seed %d: %v: round trip %v, %+v", seed, edge, e.RTT, e.Count)
				}
			}
			for edge, want := range map[[2]string]int{
				{"s", "a0"}: 1500, {"a0", "b0.0"}: 1400, {"a0", "b0.1"}: 1500, {"a0", "b0.2"}: 1500, {"b0.2", "a1"}: 1300, {"a1", "t"}: 1500,
			} {
				e := n.edge(t, g, edge[0], edge[1])
				if e.MTU != want || e.Hole != (want == 1300) {
					t.Errorf("seed %d: %v: MTU %d, hole %v, expected %d", seed, edge, e.MTU, e.Hole, want)
				}
			}
		}
		if undecided*10 > judged {
			t.Errorf("%d of %d edges are undecided", undecided, judged)
		}
	})
}

// TestMTUThroughLoss: where packets of all sizes are lost now and then, none of them makes a black hole, and the size
// that passes one is found.
func TestMTUThroughLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := 0
		const seeds = 1000
		for seed := range uint64(seeds) {
			n := draw("s-a a-b b-t", seed)
			n.loss = map[string]float64{"a-b": 0.4}
			want := 1500
			if seed%4 == 0 {
				n.mtu, n.hole = map[string]int{"b-t": 1300}, map[string]bool{"b": true}
				want = 1300
			}
			search := mtuSearch{ctx: t.Context(), prober: n}
			mtu, hole, err := search.path([]netip.Addr{n.addr("a"), n.addr("b"), n.addr("t")}, 1500)
			if err != nil {
				t.Fatal(err)
			}
			if mtu[0] != 1500 || mtu[1] != 1500 || mtu[2] != want || hole[2] != (want == 1300) || hole[0] || hole[1] {
				wrong++
				t.Logf("seed %d: %v %v, expected %d", seed, mtu, hole, want)
			}
		}
		if t.Logf("%d of %d wrong", wrong, seeds); wrong > seeds/100 {
			t.Errorf("%d of %d searches are wrong", wrong, seeds)
		}
	})
}
