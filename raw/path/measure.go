package path

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Measure fills in what is known of each edge of a graph: loss with its verdict, round trips and MTU. It asks along as
// few of the graph's flows as lead over every edge, all at once.
type Measure struct {
	Inquiry Inquiry // how each flow is asked; Flow and LastTTL are set here
	NoLoss  bool    // leave loss and round trips out
	NoMTU   bool    // leave the MTU out
	Size    int     // the largest probe for the MTU, bytes of IP packet; 0 is 1500
	Flows   int     // at most so many flows are asked along; 0 is 64
	// Pace is how long a hop is left alone that did not answer most of what it was asked, as an [Explorer] does; 0 is 1
	// s. Behind such hops ways are measured one after the other.
	Pace time.Duration
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
	pace     time.Duration // between attempts, where hops limit their answers; 0 is none
}

// Run measures. What was measured when an error comes stands in the graph.
func (m Measure) Run(ctx context.Context, prober Prober, g *Graph) error {
	pace := or(m.Pace, time.Second)
	ways, hops, err := g.ways(ctx, prober, pace)
	if err != nil {
		return err
	}
	flows := g.cover(ways, or(m.Flows, 64))
	errs := make([]error, len(flows))
	slow := slices.ContainsFunc(hops, func(h hopPace) bool { return h.answers && h.window > 0 })
	limited := slices.ContainsFunc(hops, func(h hopPace) bool { return h.limits })
	var wg sync.WaitGroup
	for i, f := range flows {
		if slow {
			f.pace = pace
		}
		wg.Go(func() { errs[i] = m.lossAlong(ctx, prober, f) })
		if limited {
			wg.Wait() // ways that share a router would take each other's answers
		}
	}
	wg.Wait()
	for i, f := range flows {
		if errs[i] != nil || m.NoMTU {
			continue
		}
		wg.Go(func() { errs[i] = m.mtuAlong(ctx, prober, g, f) })
		if limited {
			wg.Wait()
		}
	}
	wg.Wait()
	for _, f := range flows {
		f.fill(g)
	}
	return errors.Join(errs...)
}

// walk asks along flows where they go, each hop at its pace: a router that limits its answers, many to one a second, is
// not silent for that.
type walk struct {
	flows []int
	hops  []hopPace              // by TTL
	heard map[int]map[int]Answer // by flow, by TTL
	tries map[Probe]int
}

// hopPace is how a hop may be asked: all at once, until most of that is not answered.
type hopPace struct {
	window  int // at most so many probes at once; 0 is as many as there are
	after   time.Time
	answers bool // it did, to a probe of some flow
	silent  bool // a router there answers nobody
	limits  bool // of several at once most were not answered
}

// tries is how often a flow is asked at a hop before it counts as silent there.
func (h *hopPace) tries() int {
	if h.silent || !h.answers {
		return 4
	}
	return 20
}

// due returns what may be asked now; next is when more may be, the zero time if nothing is left.
func (w *walk) due(now time.Time) (round []Probe, next time.Time) {
	planned := make([]int, len(w.hops))
	for _, flow := range w.flows {
		for ttl := 1; ttl < len(w.hops) && w.heard[flow][ttl].Kind != Reached; ttl++ {
			p, hop := Probe{Flow: flow, TTL: ttl}, &w.hops[ttl]
			switch {
			case w.heard[flow][ttl].Kind != Silent || w.tries[p] >= hop.tries():
			case hop.after.After(now) || hop.window > 0 && planned[ttl] >= hop.window:
				if next.IsZero() || hop.after.Before(next) {
					next = hop.after
				}
			default:
				planned[ttl]++
				round = append(round, p)
			}
		}
	}
	return round, next
}

// ask sends a round and learns from it.
func (w *walk) ask(ctx context.Context, prober Prober, round []Probe, pace time.Duration) error {
	now := time.Now()
	sent, answered := make([]int, len(w.hops)), make([]int, len(w.hops))
	for a, err := range prober.Probe(ctx, round) {
		if err != nil {
			return err
		}
		sent[a.TTL]++
		w.tries[Probe{Flow: a.Flow, TTL: a.TTL}]++
		if a.Kind != Silent {
			w.heard[a.Flow][a.TTL] = a
			answered[a.TTL]++
		}
	}
	for ttl := range w.hops {
		hop := &w.hops[ttl]
		hop.answers = hop.answers || answered[ttl] > 0
		switch {
		case answered[ttl]*2 < sent[ttl] && !(hop.silent && !hop.answers):
			hop.window, hop.after = max(answered[ttl], 1), now.Add(pace)
			hop.limits = hop.limits || hop.answers && sent[ttl] > 2
		case answered[ttl] == sent[ttl] && hop.window > 0:
			hop.window *= 2
		}
	}
	return context.Cause(ctx)
}

// ways asks along each flow that the graph names for an edge, and returns where they go. Exploring has asked most
// flows at a few hops only. How hops may be asked is what was learnt meanwhile.
func (g *Graph) ways(ctx context.Context, prober Prober, pace time.Duration) (ways []*flowMeasure, hops []hopPace, err error) {
	last := 0
	for _, n := range g.Nodes {
		last = max(last, n.TTL)
	}
	w := walk{hops: make([]hopPace, last+1), heard: map[int]map[int]Answer{}, tries: map[Probe]int{}}
	for _, n := range g.Nodes[1:] {
		w.hops[n.TTL].silent = w.hops[n.TTL].silent || !n.Addr.IsValid()
		w.hops[n.TTL].answers = w.hops[n.TTL].answers || n.Addr.IsValid()
	}
	for _, e := range g.Edges {
		w.heard[e.Flow] = map[int]Answer{}
	}
	w.flows = slices.Sorted(maps.Keys(w.heard))
	for {
		round, next := w.due(time.Now())
		if len(round) == 0 && next.IsZero() {
			return g.follow(w.flows, w.heard), w.hops, nil
		}
		if len(round) == 0 {
			if err := rest(ctx, time.Until(next)); err != nil {
				return nil, nil, err
			}
			continue
		}
		if err := w.ask(ctx, prober, round, pace); err != nil {
			return nil, nil, err
		}
	}
}

// rest waits, or until ctx ends, which it returns the cause of.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow finds the nodes and edges that flows go along by what was heard of them.
func (g *Graph) follow(flows []int, heard map[int]map[int]Answer) (ways []*flowMeasure) {
	for _, flow := range flows {
		f := &flowMeasure{flow: flow}
		at := 0
		for edge := g.step(at, heard[flow]); edge >= 0; edge = g.step(at, heard[flow]) {
			at = g.Edges[edge].To
			f.way, f.edges = append(f.way, at), append(f.edges, edge)
		}
		ways = append(ways, f)
	}
	return ways
}

// step returns the edge that a flow takes from a node, by what was heard of it; -1 if it is none that is known.
func (g *Graph) step(at int, heard map[int]Answer) int {
	ttl := g.Nodes[at].TTL + 1
	var before netip.Addr // who answers next, of a silent node
	for behind := ttl + 1; behind < 256 && !before.IsValid(); behind++ {
		before = heard[behind].From
	}
	perhaps := -1
	for i, e := range g.Edges {
		n := &g.Nodes[e.To]
		switch {
		case e.From != at || n.Addr != heard[ttl].From:
		case n.Addr.IsValid() || n.Before == before:
			return i
		default:
			perhaps = i
		}
	}
	return perhaps
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

// lossAlong measures loss and round trips along one flow.
func (m Measure) lossAlong(ctx context.Context, prober Prober, f *flowMeasure) (err error) {
	if m.NoLoss {
		return nil
	}
	q := m.Inquiry
	q.Flow, q.LastTTL = f.flow, len(f.way)
	f.series, f.verdicts, err = q.Run(ctx, prober)
	return err
}

// mtuAlong measures the MTU along one flow.
func (m Measure) mtuAlong(ctx context.Context, prober Prober, g *Graph, f *flowMeasure) (err error) {
	hops := make([]netip.Addr, len(f.way))
	for i, n := range f.way {
		hops[i] = g.Nodes[n].Addr
	}
	search := mtuSearch{ctx: ctx, prober: prober, flow: f.flow, pace: f.pace}
	f.mtu, f.hole, err = search.path(hops, or(m.Size, 1500))
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

// more says that a verdict of a hop says more than another one, by another flow: that loss begins at it, or that it is
// decided.
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

// path finds, along a flow, how large packets pass the link to each hop; hole says that no router tells so.
func (m *mtuSearch) path(hops []netip.Addr, size int) (mtu []int, hole []bool, err error) {
	mtu, hole = make([]int, len(hops)), make([]bool, len(hops))
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
			first, err := m.firstLost(at, len(hops), size, hops[len(hops)-1].IsValid())
			if err != nil || first > len(hops) {
				return mtu, hole, err // nobody answers: nothing is known behind here
			}
			if first == 0 {
				continue
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
	pace   time.Duration // as in flowMeasure
	tries  int           // how often a size is asked for that nobody answers; 0 is 3
}

const (
	mtuTries  = 3
	mtuRounds = 10   // of as many probes, until a hole is told from loss
	falseHole = 1e-4 // chance that sizes which vanish were only lost
	falseSize = 1e-3 // and that of one of them
)

// pass asks several times whether a size comes to a TTL.
func (m *mtuSearch) pass(ttl, size int) (Answer, error) {
	for range or(m.tries, mtuTries) {
		for a, err := range m.prober.Probe(m.ctx, []Probe{{Flow: m.flow, TTL: ttl, Size: size}}) {
			if err != nil || a.Kind != Silent {
				return a, err
			}
		}
		if err := rest(m.ctx, m.pace); err != nil {
			return Answer{}, err
		}
	}
	return Answer{}, nil
}

// firstLost returns the first hop behind known that packets of a size do not come to, while small ones do; last+1 when
// nobody answers small ones either, and 0 when they come to the last. Where small ones are lost too it asks until it is
// clear that large ones are not lost by the same chance. answers says that somebody answered at the last hop before.
func (m *mtuSearch) firstLost(known, last, size int, answers bool) (first int, err error) {
	large, small := make([]bool, last+2), make([]int, last+2) // what came of each TTL
	sent := 0                                                 // of each size to each TTL
	for range mtuRounds {
		if err := m.bothSizes(known, last, size, large, small); err != nil {
			return 0, err
		}
		if sent += mtuTries; large[last] {
			return 0, nil
		}
		first = last + 1
		for ttl := last; ttl > known && !large[ttl]; ttl-- {
			if small[ttl] > 0 {
				first = ttl
			}
		}
		if first > last {
			if !answers {
				break
			}
			continue
		}
		lost := 1 - float64(small[first]+1)/float64(sent+2)
		if small[first] < sent {
			m.tries = int(math.Ceil(math.Log(falseSize) / math.Log(lost)))
		}
		if math.Pow(lost, float64(sent+mtuTries)) < falseHole { // with those of pass
			break
		}
	}
	return first, nil
}

// bothSizes asks each hop behind known several times with both sizes, and says what came.
func (m *mtuSearch) bothSizes(known, last, size int, large []bool, small []int) error {
	rounds := make([][]Probe, 1)
	for range mtuTries {
		for _, size := range []int{size, 0} {
			for ttl := known + 1; ttl <= last; ttl++ {
				rounds[len(rounds)-1] = append(rounds[len(rounds)-1], Probe{Flow: m.flow, TTL: ttl, Size: size})
			}
			if m.pace > 0 {
				rounds = append(rounds, nil) // one probe a hop at its pace, and not all at once
			}
		}
	}
	for _, round := range rounds {
		for a, err := range m.prober.Probe(m.ctx, round) {
			if err != nil {
				return err
			}
			if a.Kind != Silent && a.Kind != TooBig {
				if a.Size == 0 {
					small[a.TTL]++
				} else {
					large[a.TTL] = true
				}
			}
		}
		if err := rest(m.ctx, m.pace); err != nil {
			return err
		}
	}
	return nil
}

// largest finds the largest size below one that comes to a TTL, by halving; 0 when none of 68 bytes and more does. What
// seemed to vanish is asked once more in the end: where packets are lost, it may have been that.
func (m *mtuSearch) largest(ttl, below int) (int, error) {
	low, high := 67, below
	for high-low > 1 {
		size := (low + high) / 2
		passes, err := m.passes(ttl, size)
		switch {
		case err != nil:
			return 0, err
		case passes:
			low = size
		default:
			high = size
		}
		if high-low > 1 || high == below {
			continue
		}
		if passes, err = m.passes(ttl, high); err != nil {
			return 0, err
		} else if passes {
			low, high = high, below
		}
	}
	if low == 67 {
		return 0, nil
	}
	return low, nil
}

// passes tells whether a size comes to a TTL.
func (m *mtuSearch) passes(ttl, size int) (bool, error) {
	a, err := m.pass(ttl, size)
	return a.Kind != Silent && a.Kind != TooBig, err
}
