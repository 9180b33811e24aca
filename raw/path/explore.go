package path

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"
)

// Explorer finds every path to a target by the multipath detection algorithm: at each node it sends as many flows to
// the next hop as it takes to say that all of them were seen. The zero value is ready.
type Explorer struct {
	Confidence float64 // that no branch was missed, of the whole graph; 0 is 0.99
	Flows      int     // the engine has flows 0 to Flows-1; 0 is 4096
	LastTTL    int     // 0 is 30
	MaxProbes  int     // 0 is 20,000
	Tries      int     // how often a flow that gets no answer is asked again, where others are answered; 0 is 16
	// Pace is how long a hop is left alone once it did not answer most of what it was asked: routers limit their
	// answers, many to one a second, and what they do not answer then says nothing of the path. 0 is 1 s.
	Pace time.Duration
}

// place is who answers at a TTL.
type place struct {
	ttl  int
	addr netip.Addr
}

func (p place) compare(q place) int { return cmp.Or(cmp.Compare(p.ttl, q.ttl), p.addr.Compare(q.addr)) }

// sight is what is known of one flow at one TTL.
type sight struct {
	tries int
	kind  Kind
	addr  netip.Addr
}

// asking is how a hop may be asked.
type asking struct {
	window   int       // at most so many probes at once; 0 is as many as there are
	after    time.Time // not before
	last     time.Time // when it was asked last
	failures int       // in a row, at the pace: rounds of which none was answered, or single probes where others were before
	flows    int       // at most asked in such a round
	answers  bool      // it did answer once
}

// hopeless says that asking slower is of no use: who does not answer here answers nobody.
func (a *asking) hopeless() bool {
	if a.answers {
		return a.failures >= 5
	}
	return a.failures >= 3 && a.flows >= 8
}

// search is one run of an Explorer.
type search struct {
	cfg     Explorer
	prober  Prober
	seen    []map[int]*sight // by TTL, by flow
	hops    []asking         // by TTL
	firsts  int              // the first TTL of a run of silent hops that goes on to the end; what is behind is not asked
	probes  int
	turns   map[place]bool // places that share out packets, not flows
	nodes   int
	patient map[int]int // see patience; until there is news
	ended   string      // why the search ended early
}

// Explore finds the paths. An error is the Prober's, or the cause of ctx; the graph is then what was found before, and
// not Complete.
func (e Explorer) Explore(ctx context.Context, prober Prober) (*Graph, error) {
	s := &search{cfg: e, prober: prober}
	s.cfg.Confidence = or(e.Confidence, 0.99)
	s.cfg.Flows = or(e.Flows, 4096)
	s.cfg.LastTTL = or(e.LastTTL, 30)
	s.cfg.MaxProbes = or(e.MaxProbes, 20000)
	s.cfg.Tries = or(e.Tries, 16)
	s.cfg.Pace = or(e.Pace, time.Second)
	var changes []Change
	for again := 0; ; again++ {
		s.begin()
		err := s.explore(ctx)
		var change *Change
		if err == nil {
			change, err = s.verify(ctx)
		}
		if change != nil {
			changes = append(changes, *change)
			if err == nil && again < 2 {
				continue
			}
			s.ended = "the path keeps changing"
		}
		if err != nil {
			s.ended = err.Error()
		}
		g := s.graph()
		g.Changes = changes
		return g, err
	}
}

func (s *search) begin() {
	s.seen = make([]map[int]*sight, s.cfg.LastTTL+2)
	for ttl := range s.seen {
		s.seen[ttl] = map[int]*sight{}
	}
	s.hops = make([]asking, len(s.seen))
	s.turns, s.patient, s.firsts, s.ended = map[place]bool{}, map[int]int{}, s.cfg.LastTTL+1, ""
}

// wrong is the share of the chance to be wrong that each node has.
func (s *search) wrong() float64 {
	return (1 - s.cfg.Confidence) / float64(max(s.nodes, 32))
}

// explore asks in rounds until every node has been asked enough. At first it goes along one flow, some hops at a time,
// to see how long the path is.
func (s *search) explore(ctx context.Context) error {
	const step = 6
	for from := 1; from <= s.cfg.LastTTL; from += step {
		var round []Probe
		for ttl := from; ttl < from+step && ttl <= s.cfg.LastTTL; ttl++ {
			round = append(round, Probe{TTL: ttl})
		}
		heard := false
		if _, err := s.ask(ctx, round, func(a Answer) { heard = heard || a.Kind != Silent }); err != nil {
			return err
		}
		if s.cut(); !heard || s.endsBefore(from+step, 0) {
			break
		}
	}
	for {
		wishes := s.next()
		if len(wishes) == 0 || s.ended != "" && s.probes > s.cfg.MaxProbes {
			return nil
		}
		if s.probes+len(wishes) > s.cfg.MaxProbes {
			s.ended = fmt.Sprintf("more than %d probes would be needed", s.cfg.MaxProbes)
			return nil
		}
		if _, err := s.ask(ctx, wishes, nil); err != nil {
			return err
		}
		s.cut()
	}
}

// ask sends of the probes those that hops may be asked now, once it may ask any, learns from the answers, and hands
// them on. It returns the probes that it did not send.
func (s *search) ask(ctx context.Context, probes []Probe, hear func(Answer)) (left []Probe, err error) {
	round, wait := s.allowed(probes, &left)
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return left, context.Cause(ctx)
		}
		left = nil
		round, _ = s.allowed(probes, &left)
	}
	s.probes += len(round)
	now := time.Now()
	var answers []Answer
	for a, err := range s.prober.Probe(ctx, round) {
		if err != nil {
			return left, err
		}
		if a.TTL < 1 || a.TTL >= len(s.seen) {
			continue
		}
		answers = append(answers, a)
		if hear != nil {
			hear(a)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return left, err
	}
	fair := s.adapt(answers, now)
	for _, a := range answers {
		s.learn(a, fair[a.TTL])
	}
	clear(s.patient)
	return left, nil
}

// allowed chooses of the probes those that may be sent now. When it is none, wait is how long until some may.
func (s *search) allowed(probes []Probe, left *[]Probe) (round []Probe, wait time.Duration) {
	now, sent := time.Now(), map[int]int{}
	for _, p := range probes {
		hop := &s.hops[p.TTL]
		until := hop.after.Sub(now)
		switch {
		case hop.hopeless(), until <= 0 && (hop.window == 0 || sent[p.TTL] < hop.window):
			sent[p.TTL]++
			round = append(round, p)
			continue
		case until > 0 && (wait == 0 || until < wait):
			wait = until
		}
		*left = append(*left, p)
	}
	if len(round) > 0 {
		wait = 0
	}
	return round, wait
}

// adapt takes from what was answered how each hop may be asked further on, and tells at which hops not to be answered
// counts: not where most was lost of much that was asked at once, as a router does that limits its answers.
func (s *search) adapt(answers []Answer, now time.Time) (fair map[int]bool) {
	fair = map[int]bool{}
	sent, answered, late := map[int]int{}, map[int]int{}, map[int]bool{}
	for _, a := range answers {
		sent[a.TTL]++
		if a.Kind != Silent {
			answered[a.TTL]++
			before := s.seen[a.TTL][a.Flow]
			late[a.TTL] = late[a.TTL] || before != nil && before.kind == Silent // asking again was of use
		}
	}
	for ttl, n := range sent {
		hop, heard := &s.hops[ttl], answered[ttl]
		rested := now.Sub(hop.last) >= s.cfg.Pace
		hop.last = now
		switch {
		case hop.hopeless() && !late[ttl]:
			fair[ttl] = true
			continue
		case heard > 0:
			hop.answers, hop.failures = true, 0
		case !hop.answers: // many at once do no harm, and are many flows
			if hop.after = now.Add(s.cfg.Pace); rested {
				hop.failures, hop.flows = hop.failures+1, max(hop.flows, n)
			}
			continue
		case rested && n == 1:
			hop.failures++
		}
		fair[ttl] = rested && n == 1 || heard*2 >= n
		switch {
		case heard*2 < n:
			hop.window, hop.after = max(heard, 1), now.Add(s.cfg.Pace)
		case heard == n && hop.window > 0:
			if hop.window *= 2; hop.window > 64 {
				hop.window = 0
			}
		}
	}
	return fair
}

// learn takes an answer, or that there was none, if that counts.
func (s *search) learn(a Answer, fair bool) {
	at := s.seen[a.TTL][a.Flow]
	if at == nil {
		at = &sight{}
		s.seen[a.TTL][a.Flow] = at
	}
	switch {
	case a.Kind != Silent && a.Kind != TooBig:
		at.kind, at.addr = a.Kind, a.From
		at.tries++
	case fair:
		at.tries++
	}
}

// cut finds out from where on nobody answers at all: three hops behind the last that answered are asked, and no more.
func (s *search) cut() {
	last := 0
	for ttl, flows := range s.seen {
		for flow, at := range flows {
			if at.kind != Silent && !s.endsBefore(ttl, flow) {
				last = max(last, ttl)
			}
		}
	}
	s.firsts = last + 4
}

// known returns what is known for good of a flow at a TTL: that it was answered, or that asking again is useless. A
// flow whose path has ended before has no place there.
func (s *search) known(ttl, flow int) (at *sight, ok bool) {
	at = s.seen[ttl][flow]
	if at == nil {
		return nil, false
	}
	return at, at.kind != Silent || at.tries >= s.patience(ttl)
}

// patience is how often a flow is asked at a TTL at which it gets no answer: seldom where nobody was ever answered, and
// otherwise so often that it is not loss, by the most that flows lost which were answered at one place there or before.
func (s *search) patience(ttl int) int {
	if n, ok := s.patient[ttl]; ok {
		return n
	}
	n := s.count(ttl)
	s.patient[ttl] = n
	return n
}

func (s *search) count(ttl int) int {
	tries, answered := map[place]int{}, map[place]int{}
	for at := 1; at <= ttl; at++ {
		for _, sight := range s.seen[at] {
			p := place{at, sight.addr}
			tries[p] += sight.tries
			if sight.kind != Silent {
				answered[p]++
			}
		}
	}
	loss, here := 0.0, false
	for p, n := range answered {
		loss = max(loss, float64(tries[p]-n+1)/float64(tries[p]+2))
		here = here || p.ttl == ttl
	}
	switch enough := 3; {
	case !here && s.hops[ttl].hopeless():
		return 0
	case !here:
		return math.MaxInt // until it is settled
	default:
		return min(max(int(math.Ceil(math.Log(s.wrong())/math.Log(loss))), enough), s.cfg.Tries)
	}
}

// ends says that a flow goes no further than a TTL: its target, a router that refuses it, or one that it met before.
func (s *search) ends(ttl, flow int) bool {
	at := s.seen[ttl][flow]
	if at == nil || at.kind == Silent {
		return false
	}
	return at.kind == Reached || at.kind == Unreachable || s.loops(ttl, flow)
}

// loops says that a flow was answered by the same router two or more hops before.
func (s *search) loops(ttl, flow int) bool {
	at := s.seen[ttl][flow]
	for before := ttl - 2; before > 0 && at.kind == Exceeded; before-- {
		if b := s.seen[before][flow]; b != nil && b.kind == Exceeded && b.addr == at.addr {
			return true
		}
	}
	return false
}

// members returns the flows that come to a TTL by place, each list rising; those not known yet are in none.
func (s *search) members(ttl int) map[place][]int {
	places := map[place][]int{}
	if ttl == 0 {
		all := make([]int, s.cfg.Flows)
		for flow := range all {
			all[flow] = flow
		}
		places[place{}] = all
		return places
	}
	for _, flow := range slices.Sorted(maps.Keys(s.seen[ttl])) {
		if at, ok := s.known(ttl, flow); ok && !s.endsBefore(ttl, flow) {
			p := place{ttl, at.addr}
			places[p] = append(places[p], flow)
		}
	}
	return places
}

// next plans a round: for each node, the flows through it that are to be asked at the next hop, and where there are not
// enough of them, more flows at the node itself.
func (s *search) next() []Probe {
	planned := map[Probe]bool{}
	var round []Probe
	silent := false
	plan := func(ttl, flow int) {
		p := Probe{Flow: flow, TTL: ttl}
		if hop := &s.hops[ttl]; !hop.answers && hop.hopeless() {
			if s.seen[ttl][flow] == nil {
				s.seen[ttl][flow] = &sight{} // nobody is answered here: that needs no probe
				silent = true
			}
		} else if !planned[p] {
			planned[p] = true
			round = append(round, p)
		}
	}
	s.nodes = 0
	for ttl := 0; ttl+1 < min(s.firsts, len(s.seen)); ttl++ {
		// Flows that got no answer are asked again first, each time twice as often as before.
		patience := s.patience(ttl + 1)
		for _, flow := range slices.Sorted(maps.Keys(s.seen[ttl+1])) {
			at := s.seen[ttl+1][flow]
			if at.kind == Silent && at.tries < patience && !s.endsBefore(ttl+1, flow) {
				plan(ttl+1, flow)
				for n := min(patience-at.tries, at.tries*2); n > 1 && s.hops[ttl+1].window == 0; n-- {
					round = append(round, Probe{Flow: flow, TTL: ttl + 1})
				}
			}
		}
		places := s.members(ttl)
		total := 0
		for _, flows := range places {
			total += len(flows)
		}
		for _, p := range slices.SortedFunc(maps.Keys(places), place.compare) {
			flows := places[p]
			s.nodes++
			if ttl > 1 && !slices.ContainsFunc(flows, func(flow int) bool { return s.seen[ttl-1][flow] != nil }) {
				plan(ttl-1, flows[0]) // or it would not be known where it comes from
			}
			if flows = slices.DeleteFunc(flows, func(flow int) bool { return ttl > 0 && s.ends(ttl, flow) }); len(flows) == 0 {
				continue
			}
			if !p.addr.IsValid() && ttl > 0 {
				s.neighbours(ttl, flows, plan)
			}
			asked, behind := 0, map[netip.Addr]bool{}
			var fresh []int
			for _, flow := range flows {
				if at := s.seen[ttl+1][flow]; at == nil {
					fresh = append(fresh, flow)
				} else if _, ok := s.known(ttl+1, flow); ok || planned[Probe{Flow: flow, TTL: ttl + 1}] {
					asked++
					if ok {
						behind[at.addr] = true
					}
				}
			}
			lack := Enough(max(len(behind), 1), s.wrong()) - asked
			for _, flow := range fresh[:max(min(lack, len(fresh)), 0)] {
				plan(ttl+1, flow)
				lack--
			}
			if lack <= 0 || ttl == 0 {
				continue
			}
			// So many of all flows come through here.
			more := int(math.Ceil(float64(lack) * float64(total) / float64(len(flows))))
			more = min(more, 256)
			for _, q := range round {
				if q.TTL == p.ttl {
					more-- // on the way already, for another node of this TTL
				}
			}
			for flow := 0; flow < s.cfg.Flows && more > 0; flow++ {
				if s.seen[ttl][flow] == nil && !planned[Probe{Flow: flow, TTL: ttl}] && !s.endsBefore(ttl, flow) {
					plan(ttl, flow)
					more--
				}
			}
			if more > 0 {
				s.ended = fmt.Sprintf("more than %d flows would be needed", s.cfg.Flows)
			}
		}
	}
	if silent && len(round) == 0 {
		clear(s.patient)
		return s.next()
	}
	return round
}

// neighbours has flows at a silent place asked before and behind it, where it is not known otherwise which lead where:
// one for each who answers on the other side.
func (s *search) neighbours(ttl int, flows []int, plan func(ttl, flow int)) {
	for _, step := range []int{-1, +1} {
		other := ttl - step
		if ttl+step < 1 || ttl+step >= min(s.firsts, len(s.seen)) || other < 1 || other >= len(s.seen) {
			continue
		}
		led, ask := map[netip.Addr]bool{}, map[netip.Addr]int{}
		for _, flow := range flows {
			at, ok := s.known(other, flow)
			if !ok || !at.addr.IsValid() {
				continue
			}
			if s.seen[ttl+step][flow] != nil {
				led[at.addr] = true
			} else if _, chosen := ask[at.addr]; !chosen {
				ask[at.addr] = flow
			}
		}
		for _, addr := range slices.SortedFunc(maps.Keys(ask), netip.Addr.Compare) {
			if !led[addr] {
				plan(ttl+step, ask[addr])
			}
		}
	}
}

// endsBefore says that a flow is known not to come to a TTL.
func (s *search) endsBefore(ttl, flow int) bool {
	for before := ttl - 1; before > 0; before-- {
		if s.ends(before, flow) {
			return true
		}
	}
	return false
}

// askAll asks until all probes are sent.
func (s *search) askAll(ctx context.Context, probes []Probe, hear func(Answer)) (err error) {
	before := s.seen
	defer func() { s.seen = before }() // what is heard now is compared with what was known
	s.seen = make([]map[int]*sight, len(before))
	for ttl := range s.seen {
		s.seen[ttl] = map[int]*sight{}
	}
	for len(probes) > 0 && err == nil {
		probes, err = s.ask(ctx, probes, hear)
	}
	return err
}

// witness is a flow at a TTL that is asked again.
type witness struct{ ttl, flow int }

func (w witness) compare(v witness) int {
	return cmp.Or(cmp.Compare(w.ttl, v.ttl), cmp.Compare(w.flow, v.flow))
}

// verify asks again, for each edge, one flow that went that way. Where a flow goes both ways in turns, packets are
// shared out and not flows; where it goes another way now, and only that, the path has changed.
func (s *search) verify(ctx context.Context) (*Change, error) {
	again := map[witness][]netip.Addr{}
	var round []Probe
	for ttl := 0; ttl+1 < min(s.firsts, len(s.seen)); ttl++ {
		places := s.members(ttl)
		for _, p := range slices.SortedFunc(maps.Keys(places), place.compare) {
			flows := places[p]
			first := map[netip.Addr]int{}
			for _, flow := range flows {
				if at, ok := s.known(ttl+1, flow); ok && at.kind != Silent {
					if _, ok := first[at.addr]; !ok {
						first[at.addr] = flow
					}
				}
			}
			if len(first) == 0 {
				continue
			}
			// A balancer by packet sends all of so many probes of one flow one way with a small probability only.
			repeats := 1
			if k := len(first); k > 1 {
				repeats = max(2, int(math.Ceil(-math.Log(s.wrong())/math.Log(float64(k))/float64(k)))+1)
			}
			for _, flow := range slices.Sorted(maps.Values(first)) {
				for range repeats {
					round = append(round, Probe{Flow: flow, TTL: ttl + 1})
				}
			}
		}
	}
	hear := func(a Answer) {
		if a.Kind != Silent && a.Kind != TooBig {
			w := witness{a.TTL, a.Flow}
			again[w] = append(again[w], a.From)
		}
	}
	if err := s.askAll(ctx, round, hear); err != nil {
		return nil, err
	}
	// Who answers otherwise than before is asked some more, for one answer does not tell turns from a change.
	round = nil
	for _, w := range slices.SortedFunc(maps.Keys(again), witness.compare) {
		answers := again[w]
		for _, addr := range answers {
			if addr != s.seen[w.ttl][w.flow].addr {
				for range 8 {
					round = append(round, Probe{Flow: w.flow, TTL: w.ttl})
				}
				break
			}
		}
	}
	if err := s.askAll(ctx, round, hear); err != nil {
		return nil, err
	}
	var change *Change
	for _, w := range slices.SortedFunc(maps.Keys(again), witness.compare) {
		answers := again[w]
		now := answers[len(answers)-1]
		runs := slices.Compact(slices.Clone(answers))
		mixed := slices.Index(runs, now) < len(runs)-1 // it was heard before another was
		before := s.seen[w.ttl][w.flow].addr
		switch {
		case mixed:
			s.turns[place{w.ttl, before}] = true
			for _, addr := range answers {
				s.turns[place{w.ttl, addr}] = true
			}
		case now != before && (change == nil || w.ttl < change.TTL):
			change = &Change{TTL: w.ttl, From: before, To: now}
		}
	}
	if change != nil {
		for p := range s.turns {
			if p.ttl <= change.TTL {
				return nil, nil // behind a balancer by packet flows are not steady, and nothing has changed
			}
		}
	}
	return change, nil
}

// branch is where a flow is at a TTL. A silent router is known by who answers next before and next behind it on the
// flow's way.
type branch struct {
	place
	after, before           netip.Addr
	knownAfter, knownBefore bool
}

func (s *search) branch(ttl, flow int) branch {
	b := branch{place: place{ttl, s.seen[ttl][flow].addr}}
	if !b.addr.IsValid() {
		b.after, b.knownAfter = s.neighbour(ttl, flow, -1)
		b.before, b.knownBefore = s.neighbour(ttl, flow, +1)
	}
	return b
}

// neighbour is who answers next on the way of a flow, in a direction; ok is false where the flow was not asked.
func (s *search) neighbour(ttl, flow, step int) (addr netip.Addr, ok bool) {
	for at := ttl + step; at > 0; at += step {
		if at >= min(s.firsts, len(s.seen)) {
			return addr, true
		}
		if sight, ok := s.known(at, flow); !ok {
			return addr, false
		} else if sight.addr.IsValid() {
			return sight.addr, true
		}
	}
	return addr, true
}

// fits tells whether a branch may be another, of which all is known.
func (b *branch) fits(n *Node) bool {
	return n.TTL == b.ttl && !n.Addr.IsValid() && (!b.knownAfter || b.after == n.After) && (!b.knownBefore || b.before == n.Before)
}

// nodesAt makes the nodes of a TTL, and returns which of them each flow is at.
func (s *search) nodesAt(g *Graph, ttl int, places map[place][]int) map[int]int {
	number, at, first := map[branch]int{}, map[int]int{}, len(g.Nodes)
	add := func(b branch, flow int) {
		n, ok := number[b]
		if !ok {
			n = len(g.Nodes)
			number[b] = n
			g.Nodes = append(g.Nodes, Node{TTL: ttl, Addr: b.addr, Kind: s.seen[ttl][flow].kind, After: b.after, Before: b.before})
		}
		at[flow] = n
	}
	var partly []int // flows at a silent place of which not both neighbours are known
	for _, p := range slices.SortedFunc(maps.Keys(places), place.compare) {
		for _, flow := range places[p] {
			if b := s.branch(ttl, flow); b.addr.IsValid() || b.knownAfter && b.knownBefore {
				add(b, flow)
			} else {
				partly = append(partly, flow)
			}
		}
	}
	for _, flow := range partly {
		b := s.branch(ttl, flow)
		if i := slices.IndexFunc(g.Nodes[first:], func(n Node) bool { return b.fits(&n) }); i >= 0 {
			at[flow] = first + i
		} else {
			add(b, flow)
		}
	}
	for flow, n := range at {
		node := &g.Nodes[n]
		node.Flows++
		node.Loop = node.Loop || s.seen[ttl][flow].kind == Exceeded && s.loops(ttl, flow)
	}
	return at
}

// graph puts together what was seen.
func (s *search) graph() *Graph {
	g := &Graph{Probes: s.probes, Complete: s.ended == "", Why: s.ended, Nodes: []Node{{Kind: Exceeded}}}
	edges := map[[2]int]int{}
	end := min(s.firsts, len(s.seen))
	loose := false // packets, not flows, were shared out, and the ways have not met again
	before := 1
	var above map[int]int // nodes of flows at the TTL before
	for ttl := 1; ttl < end; ttl++ {
		for p := range s.turns {
			loose = loose || p.ttl == ttl-1
		}
		loose = loose && before > 1
		places := s.members(ttl)
		before = len(places)
		here := s.nodesAt(g, ttl, places)
		for _, flow := range slices.Sorted(maps.Keys(here)) {
			at, n := s.seen[ttl][flow], here[flow]
			g.Reached = g.Reached || at.kind == Reached
			from := 0
			if ttl > 1 {
				var ok bool
				if from, ok = above[flow]; !ok {
					continue // this flow was not asked there
				}
			}
			if at.kind == Unreachable && g.Nodes[from].Addr == at.addr {
				continue // the router before refuses it, whatever the TTL
			}
			key := [2]int{from, n}
			if _, ok := edges[key]; !ok {
				edges[key] = len(g.Edges)
				g.Edges = append(g.Edges, Edge{From: from, To: n, Flow: flow, Guess: loose && len(places) > 1})
			}
		}
		above = here
	}
	s.balance(g)
	g.trim()
	g.sort()
	g.Confidence = 1 - s.wrong()*float64(max(len(g.Nodes)-1, 1))
	return g
}

// balance says how nodes share out packets.
func (s *search) balance(g *Graph) {
	next := map[int]int{}
	for _, e := range g.Edges {
		next[e.From]++
	}
	for _, e := range g.Edges {
		n := &g.Nodes[e.From]
		switch to := g.Nodes[e.To]; {
		case next[e.From] < 2:
		case s.turns[place{to.TTL, to.Addr}] && !e.Guess:
			n.Balance = ByPacket
		case n.Balance == Alone:
			n.Balance = ByFlow
		}
	}
}

// trim takes away nodes that nothing leads to, and silent ones behind which nobody answers.
func (g *Graph) trim() {
	useful := make([]bool, len(g.Nodes))
	for ttl := 255; ttl >= 0; ttl-- {
		for i, n := range g.Nodes {
			if n.TTL != ttl {
				continue
			}
			useful[i] = useful[i] || n.Addr.IsValid() || ttl == 0
			for _, e := range g.Edges {
				useful[i] = useful[i] || e.From == i && useful[e.To]
			}
		}
	}
	led := make([]bool, len(g.Nodes))
	led[0] = true
	for ttl := range 256 {
		for _, e := range g.Edges {
			if g.Nodes[e.From].TTL == ttl && led[e.From] {
				led[e.To] = true
			}
		}
	}
	at := make([]int, len(g.Nodes))
	var nodes []Node
	for i, n := range g.Nodes {
		if at[i] = -1; useful[i] && led[i] {
			at[i] = len(nodes)
			nodes = append(nodes, n)
		}
	}
	var edges []Edge
	for _, e := range g.Edges {
		if e.From, e.To = at[e.From], at[e.To]; e.From >= 0 && e.To >= 0 {
			edges = append(edges, e)
		}
	}
	g.Nodes, g.Edges = nodes, edges
}
