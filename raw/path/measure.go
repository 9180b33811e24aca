package path

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
)

// Measure fills in what is known of each edge of a graph: loss with its verdict, round trips and MTU. It asks along as
// few of the graph's flows as lead over every edge, all at once.
type Measure struct {
	Inquiry Inquiry // how each flow is asked; Flow and LastTTL are set here
	NoLoss  bool    // leave loss and round trips out
	NoMTU   bool    // leave the MTU out
	Size    int     // the largest probe for the MTU, bytes of IP packet; 0 is 1500
	Flows   int     // at most so many flows are asked along; 0 is 64
}

// flowMeasure is what was measured along one flow.
type flowMeasure struct {
	flow     int
	way      []int // nodes by TTL-1
	edges    []int // the edge into each of them
	series   *Series
	verdicts []Verdict
	mtu      []int
	hole     []bool
}

// Run measures. What was measured when an error comes stands in the graph.
func (m Measure) Run(ctx context.Context, prober Prober, g *Graph) error {
	ways, err := g.ways(ctx, prober)
	if err != nil {
		return err
	}
	flows := g.cover(ways, or(m.Flows, 64))
	errs := make([]error, len(flows))
	var wg sync.WaitGroup
	for i, f := range flows {
		wg.Go(func() { errs[i] = m.along(ctx, prober, g, f) })
	}
	wg.Wait()
	for _, f := range flows {
		f.fill(g)
	}
	return errors.Join(errs...)
}

// ways asks along each flow that the graph names for an edge, and returns where they go. Exploring has asked most
// flows at a few hops only.
func (g *Graph) ways(ctx context.Context, prober Prober) ([]*flowMeasure, error) {
	number, last := map[place]int{}, 0
	for i, n := range g.Nodes {
		number[place{n.TTL, n.Addr}] = i
		last = max(last, n.TTL)
	}
	between := map[[2]int]int{}
	heard := map[int]map[int]Answer{} // by flow, by TTL
	for i, e := range g.Edges {
		between[[2]int{e.From, e.To}] = i
		if heard[e.Flow] == nil {
			heard[e.Flow] = map[int]Answer{}
		}
	}
	flows := slices.Sorted(maps.Keys(heard))
	for range 4 {
		var round []Probe
		for _, flow := range flows {
			for ttl := 1; ttl <= last; ttl++ {
				switch heard[flow][ttl].Kind {
				case Reached:
					ttl = last
				case Silent:
					round = append(round, Probe{Flow: flow, TTL: ttl})
				}
			}
		}
		for a, err := range prober.Probe(ctx, round) {
			if err != nil {
				return nil, err
			}
			if a.Kind != Silent {
				heard[a.Flow][a.TTL] = a
			}
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
	}
	var ways []*flowMeasure
	for _, flow := range flows {
		f := &flowMeasure{flow: flow}
		at := 0
		for ttl := 1; ttl <= last; ttl++ {
			next, ok := number[place{ttl, heard[flow][ttl].From}]
			edge, joined := between[[2]int{at, next}]
			if !ok || !joined {
				break
			}
			f.way, f.edges = append(f.way, next), append(f.edges, edge)
			at = next
		}
		ways = append(ways, f)
	}
	return ways, nil
}

// cover chooses few of the ways, that lead over every edge together: each time the one that adds most.
func (g *Graph) cover(ways []*flowMeasure, most int) (chosen []*flowMeasure) {
	covered := make([]bool, len(g.Edges))
	for len(chosen) < most {
		var best *flowMeasure
		most := 0
		for _, f := range ways {
			adds := 0
			for _, e := range f.edges {
				if !covered[e] {
					adds++
				}
			}
			if adds > most {
				best, most = f, adds
			}
		}
		if best == nil {
			break
		}
		for _, e := range best.edges {
			covered[e] = true
		}
		chosen = append(chosen, best)
	}
	return chosen
}

// along measures along one flow.
func (m Measure) along(ctx context.Context, prober Prober, g *Graph, f *flowMeasure) (err error) {
	if !m.NoLoss {
		q := m.Inquiry
		q.Flow, q.LastTTL = f.flow, len(f.way)
		if f.series, f.verdicts, err = q.Run(ctx, prober); err != nil {
			return err
		}
	}
	if m.NoMTU {
		return nil
	}
	hops := make([]netip.Addr, len(f.way))
	for i, n := range f.way {
		hops[i] = g.Nodes[n].Addr
	}
	f.mtu, f.hole, err = pathMTU(ctx, prober, f.flow, hops, or(m.Size, 1500))
	return err
}

// fill puts what was measured into the edges.
func (f *flowMeasure) fill(g *Graph) {
	for i, n := range f.way {
		e, addr := &g.Edges[f.edges[i]], g.Nodes[n].Addr
		if f.series != nil && i < len(f.verdicts) {
			e.Count = e.Count.plus(f.series.hops[i+1].count(0).all())
			least, mean := f.series.Trips(i+1, addr)
			if e.RTT == 0 || least > 0 && least < e.RTT {
				e.RTT, e.Mean = least, mean
			}
			if v := f.verdicts[i]; e.Loss == nil || more(v, *e.Loss) {
				e.Loss = &v
			}
		}
		if i < len(f.mtu) && f.mtu[i] > 0 && (e.MTU == 0 || f.mtu[i] > e.MTU) {
			e.MTU, e.Hole = f.mtu[i], f.hole[i]
		}
	}
}

// more says that a verdict of a hop says more than another one, by another flow: that loss begins at it, or that it is decided.
func more(a, b Verdict) bool {
	rank := func(v Verdict) int {
		switch {
		case v.Finding == Real && v.From == v.TTL:
			return 3
		case v.Finding == Undecided:
			return 0
		case v.Finding == Clean:
			return 2
		}
		return 1
	}
	return rank(a) > rank(b)
}

// Sizes for which routers that do not say their MTU are asked (RFC 1191 section 7.1, those of today).
var plateaus = []int{9000, 4352, 2002, 1500, 1492, 1480, 1400, 1280, 1006, 576, 508, 296, 68}

// pathMTU finds, along a flow, how large packets pass the link to each hop; hole says that no router tells so.
func pathMTU(ctx context.Context, prober Prober, flow int, hops []netip.Addr, size int) (mtu []int, hole []bool, err error) {
	mtu, hole = make([]int, len(hops)), make([]bool, len(hops))
	m := mtuSearch{ctx: ctx, prober: prober, flow: flow}
	at := 0 // up to this hop it is known
	for range len(hops) + 2 {
		a, err := m.pass(0, size)
		if err != nil {
			return mtu, hole, err
		}
		switch a.Kind {
		case TooBig:
			k := max(slices.Index(hops, a.From)+1, at) // who is not on the way is this host itself
			for ; at < k && at < len(hops); at++ {
				mtu[at] = size
			}
			next := a.MTU
			if next <= 0 || next >= size {
				next = smaller(size)
			}
			size = next
			continue
		case Silent:
			first, err := m.firstLost(at, len(hops), size)
			if err != nil || first > len(hops) {
				return mtu, hole, err // nobody answers: nothing is known behind here
			}
			for ; at < first-1; at++ {
				mtu[at] = size
			}
			if size, err = m.largest(first, size); err != nil || size == 0 {
				return mtu, hole, err
			}
			mtu[at], hole[at] = size, true
			at++
			continue
		}
		for ; at < len(hops); at++ {
			mtu[at] = size
		}
		return mtu, hole, nil
	}
	return mtu, hole, nil
}

func smaller(size int) int {
	for _, p := range plateaus {
		if p < size {
			return p
		}
	}
	return size - 1
}

type mtuSearch struct {
	ctx    context.Context
	prober Prober
	flow   int
}

// pass asks up to three times whether a size comes to a TTL.
func (m *mtuSearch) pass(ttl, size int) (Answer, error) {
	for range 3 {
		for a, err := range m.prober.Probe(m.ctx, []Probe{{Flow: m.flow, TTL: ttl, Size: size}}) {
			if err != nil || a.Kind != Silent {
				return a, err
			}
		}
		if err := context.Cause(m.ctx); err != nil {
			return Answer{}, err
		}
	}
	return Answer{}, nil
}

// firstLost returns the first hop behind known that packets of a size do not come to, while small ones do; last+1 when there is none.
func (m *mtuSearch) firstLost(known, last, size int) (int, error) {
	var round []Probe
	for ttl := known + 1; ttl <= last; ttl++ {
		for range 3 {
			round = append(round, Probe{Flow: m.flow, TTL: ttl, Size: size}, Probe{Flow: m.flow, TTL: ttl})
		}
	}
	large, small := make([]bool, last+2), make([]bool, last+2)
	for a, err := range m.prober.Probe(m.ctx, round) {
		if err != nil {
			return 0, err
		}
		if a.Kind != Silent && a.Kind != TooBig {
			if a.Size == 0 {
				small[a.TTL] = true
			} else {
				large[a.TTL] = true
			}
		}
	}
	if err := context.Cause(m.ctx); err != nil {
		return 0, err
	}
	first := last + 1
	for ttl := last; ttl > known && !large[ttl]; ttl-- {
		if small[ttl] {
			first = ttl
		}
	}
	return first, nil
}

// largest finds the largest size below one that comes to a TTL, by halving; 0 when none of 68 bytes and more does.
func (m *mtuSearch) largest(ttl, below int) (int, error) {
	low, high := 67, below
	for high-low > 1 {
		size := (low + high) / 2
		a, err := m.pass(ttl, size)
		if err != nil {
			return 0, err
		}
		if a.Kind == Silent || a.Kind == TooBig {
			high = size
		} else {
			low = size
		}
	}
	if low == 67 {
		return 0, nil
	}
	return low, nil
}
