package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"sockwire/raw/inject"
	"sockwire/raw/path"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

// hopPool keeps what is known of hops once nobody will ask for it, so that the next host's take its room: a new page of
// memory costs more than all else that is done for a hop.
type hopPool struct {
	hops  []*hop
	rooms []room
}

// room is the slices of a trail.
type room struct {
	hops    []*hop
	samples []path.Sample
	arrived []trace.Reply
}

// get returns an empty hop.
func (p *hopPool) get(ttl int) *hop {
	if p == nil || len(p.hops) == 0 {
		return &hop{ttl: ttl, rtt: probe.Stats{Compact: true}}
	}
	last := len(p.hops) - 1
	h := p.hops[last]
	p.hops = p.hops[:last]
	h.rtt.Reset()
	*h = hop{ttl: ttl, rtt: h.rtt, who: h.who[:0], shots: h.shots[:0]}
	return h
}

// put takes back what a trail has.
func (p *hopPool) put(w *trail) {
	for i, h := range w.hops {
		if h != nil {
			p.hops = append(p.hops, h)
			w.hops[i] = nil
		}
	}
	p.rooms = append(p.rooms, room{w.hops[:0], w.samples[:0], w.arrived[:0]})
	w.room = room{}
}

// room returns empty slices for a trail.
func (p *hopPool) room() (r room) {
	if p != nil && len(p.rooms) > 0 {
		last := len(p.rooms) - 1
		r, p.rooms = p.rooms[last], p.rooms[:last]
	}
	return r
}

// target is a host that is traced.
type target struct {
	addr netip.Addr
	name string // as it was given, "" if by its address
}

// label is what a host is called where its address alone would do: by the name that was given.
func (t target) label() string {
	if t.name != "" {
		return t.name
	}
	return t.addr.String()
}

// trail is what is known of the way to one host.
type trail struct {
	target
	first, last int // TTLs probed
	probes      int // of each TTL in a plain trace
	room            // hops, samples for verdicts, and answers in a plain trace that said that the way ends, whatever their TTL
	// distance is the TTL at which the host answers, 0 if it has not. end is the last TTL that is of interest:
	// distance, or that of the router that says it goes no further, or last.
	distance, end int
	refused       *trace.Reply // who says so
	loop          int          // hops of the circle that the way ends in, 0 if it does not
	once          bool         // a plain trace is under way

	mtu *trace.MTU // nil where it is not known
	far *far       // nil where it was not asked
	// graph is what was found of all paths, with --paths; nil before.
	graph       *path.Graph
	graphChange string // how it last became another, with --watch

	slowly   bool // it is asked at a rate that no router limits, but for short rounds
	verdicts []path.Verdict
	explain  bool // verdicts are wanted of hops without loss too
	final    bool // they are what an inquiry found
	judged   bool // they are of all samples

	said *conclusion // what is known is printed, and forgotten but for this; nil otherwise
	pool *hopPool    // where hops come from; nil is the heap
}

// hop is what is known of the routers at one TTL.
type hop struct {
	ttl   int
	ended int // probes whose fate is known
	tally probe.Tally
	rtt   probe.Stats
	who   []*answerer
	shots []shot        // of a plain trace, by round
	errno syscall.Errno // why the latest that was not sent was not
	heard netip.Addr    // who answered latest
}

// answerer is one address that answers at a TTL.
type answerer struct {
	from     netip.Addr
	n        int
	rtt      probe.Stats
	latest   trace.Reply
	changes  []inject.Change
	replyTTL uint8
}

func newTrail(t target, first, last, probes int) *trail {
	w := &trail{target: t, first: first, last: last, probes: probes, end: last}
	return w
}

// answered tells whether a reply is an answer, in time or late.
func answered(r *trace.Reply) bool {
	return !r.Duplicate && (r.Outcome == probe.Answered || r.Outcome == probe.Late)
}

// hop returns the hop of a TTL, nil for one that is not probed. It is made when it is first asked for: of a thousand
// hosts few have thirty.
func (w *trail) hop(ttl int) *hop {
	if ttl < w.first || ttl > w.last {
		return nil
	}
	if w.hops == nil {
		w.room = w.pool.room()
	}
	for len(w.hops) <= ttl-w.first {
		w.hops = append(w.hops, nil)
	}
	at := &w.hops[ttl-w.first]
	if *at == nil {
		*at = w.pool.get(ttl)
	}
	return *at
}

// upTo are the hops to a TTL.
func (w *trail) upTo(ttl int) []*hop {
	for t := w.first; t <= ttl; t++ {
		w.hop(t)
	}
	return w.hops[:max(ttl-w.first+1, 0)]
}

// take takes in the fate of a probe.
func (w *trail) take(r *trace.Reply) {
	if r.Found != nil {
		w.mtu = r.Found
	}
	h := w.hop(int(r.TTL))
	if h == nil || r.Size > 0 { // what looks for the MTU says nothing of loss
		return
	}
	h.take(r)
	if !answered(r) {
		return
	}
	if w.once && ends(r) {
		w.arrived = append(w.arrived, *r)
	}
	if r.Loop > 0 && w.distance == 0 && int(r.TTL) <= w.end {
		w.loop, w.end = r.Loop, int(r.TTL)
	}
	switch ttl := int(r.TTL); r.Kind {
	case trace.Reached:
		if w.distance == 0 || ttl < w.distance {
			w.distance = ttl
			w.end = min(w.end, ttl)
		}
	case trace.Unreachable:
		if w.distance == 0 && ttl <= w.end {
			copied := *r
			w.end, w.refused = ttl, &copied
		}
	}
}

// ends tells whether an answer says that the way goes no further.
func ends(r *trace.Reply) bool { return r.Kind == trace.Reached || r.Kind == trace.Unreachable }

// standIn tells whether an answer to a probe that was sent with a larger TTL before the end of the way was known is one
// of who is there.
func (w *trail) standIn(ttl int, from netip.Addr, ends bool) bool {
	return ends && ttl > w.end && (w.reached() || w.refused != nil && from == w.refused.From)
}

// fold counts answers to probes with a larger TTL at the hop where the way ends: as many as that hop was asked less for
// them. It is called once, when the fate of all probes is known, and returns those that it counted.
func (w *trail) fold() (folded []trace.Reply) {
	h := w.hop(w.end)
	for _, r := range w.arrived {
		if h.ended >= w.probes {
			break
		}
		if !w.standIn(int(r.TTL), r.From, true) {
			continue
		}
		for i := range w.samples {
			if one := &w.samples[i]; one.TTL == int(r.TTL) && one.Sent.Equal(r.Sent) {
				one.TTL, w.judged = w.end, false
				break
			}
		}
		r.TTL, r.Revised = uint8(w.end), false
		h.take(&r)
		folded = append(folded, r)
	}
	w.arrived, w.once = nil, false
	return folded
}

func (h *hop) take(r *trace.Reply) {
	switch {
	case r.Duplicate:
		h.tally.Duplicates++
		return
	case r.Revised:
		h.tally.Revise(probe.Lost, probe.Unanswered, r.Outcome, r.Cause)
	default:
		h.ended++
		h.tally.Sent++
		h.tally.End(r.Outcome, r.Cause)
	}
	if r.Errno != 0 {
		h.errno = r.Errno
	}
	if !answered(r) {
		return
	}
	h.rtt.Add(r.RTT)
	h.heard = r.From
	i := slices.IndexFunc(h.who, func(a *answerer) bool { return a.from == r.From })
	if i < 0 {
		if len(h.who) == mostAnswerers {
			return
		}
		i = len(h.who)
		h.answers(r.From)
	}
	a := h.who[i]
	a.n++
	a.rtt.Add(r.RTT)
	loop := max(a.latest.Loop, r.Loop) // only the answer that showed it says so
	a.latest, a.replyTTL = *r, r.ReplyTTL
	a.latest.Loop = loop
	for _, c := range r.Changes {
		if !slices.Contains(a.changes, c) && len(a.changes) < mostChanges {
			a.changes = append(a.changes, c)
		}
	}
}

// answers adds an address that answers. One that is left from another host is used again.
func (h *hop) answers(from netip.Addr) {
	n := len(h.who)
	if n == cap(h.who) || h.who[:n+1][n] == nil {
		h.who = append(h.who, &answerer{from: from, rtt: probe.Stats{Compact: true}})
		return
	}
	h.who = h.who[:n+1]
	a := h.who[n]
	a.rtt.Reset()
	*a = answerer{from: from, rtt: a.rtt}
}

const (
	mostAnswerers = 64 // addresses of one hop that are told apart: more are made up, or a path of its own for each packet
	mostChanges   = 32
)

// shot is what is printed of one probe.
type shot struct {
	n     uint64
	round uint32
	fate  fate
	from  netip.Addr
	rtt   time.Duration
	mark  string // behind the time
	ends  bool   // the way goes no further
}

type fate uint8

const (
	onItsWay fate = iota
	heard
	unheard
	notSent
)

// keep keeps a reply to be printed in the order of the probes.
func (h *hop) keep(r *trace.Reply) {
	if r.Duplicate {
		return
	}
	one := shot{n: r.N, round: r.Tag}
	switch {
	case answered(r):
		one.fate, one.from, one.rtt, one.mark, one.ends = heard, r.From, r.RTT, mark(r), ends(r)
	case r.Cause == probe.SendFailed:
		one.fate = notSent
	case r.Outcome != probe.Pending:
		one.fate = unheard
	}
	if i := slices.IndexFunc(h.shots, func(k shot) bool { return k.n == r.N }); i >= 0 {
		h.shots[i] = one
		return
	}
	h.shots = append(h.shots, one)
	slices.SortStableFunc(h.shots, func(a, b shot) int { return cmp.Compare(a.round, b.round) })
}

// loss is the part of the probes that ended without an answer; those stopped on the way are left out.
func (h *hop) loss() float64 {
	ended := h.tally.Sent - h.tally.Count(probe.Pending)
	if ended == 0 {
		return 0
	}
	return 1 - float64(h.tally.Received())/float64(ended)
}

// silent tells whether nobody has answered.
func (h *hop) silent() bool { return h.tally.Received() == 0 }

// reached tells whether the host answered.
func (w *trail) reached() bool { return w.distance > 0 }

// shown are the hops that are shown: those up to the end, but for silent ones behind the last that answered.
func (w *trail) shown() []*hop {
	to := w.end
	for to > w.first && !w.reached() && w.hop(to).silent() {
		to--
	}
	if to < w.first || w.hop(to).silent() && !w.reached() {
		return nil
	}
	return w.upTo(to)
}

// notSent is why no probe to the host could be sent at all, 0 if one was.
func (w *trail) notSent() syscall.Errno {
	var errno syscall.Errno
	for _, h := range w.hops {
		if h == nil {
			continue
		}
		if h.tally.CausedBy(probe.SendFailed)+h.tally.Count(probe.Pending) < h.tally.Sent {
			return 0
		}
		if h.errno != 0 {
			errno = h.errno
		}
	}
	return errno
}

// loopFrom is the first hop of the circle that the way ends in.
func (w *trail) loopFrom() int {
	for ttl := w.first; ttl+w.loop <= w.end; ttl++ {
		if here, again := w.hop(ttl).heard, w.hop(ttl+w.loop).heard; here.IsValid() && here == again {
			return ttl
		}
	}
	return w.end
}

// mark is what traceroute writes behind a time when the answer is not the usual one.
func mark(r *trace.Reply) string {
	text := ""
	switch six := r.Target.Is6(); {
	case r.Outcome == probe.Late:
		text = " late"
	case r.Kind == trace.Unreachable && r.ICMP && six:
		text = map[uint8]string{0: " !N", 1: " !X", 2: " !S", 3: " !H", 4: " !p", 5: " !X", 6: " !R"}[r.Code]
	case r.Kind == trace.Unreachable && r.ICMP:
		text = map[uint8]string{0: " !N", 1: " !H", 2: " !P", 3: " !p", 5: " !S", 6: " !U", 7: " !W", 8: " !I", 9: " !A", 10: " !Z", 11: " !Q", 12: " !T", 13: " !X", 14: " !V", 15: " !C"}[r.Code]
	case r.Kind == trace.TooBig:
		return fmt.Sprintf(" !F-%d", r.MTU)
	}
	if text == "" && r.Kind == trace.Unreachable {
		return fmt.Sprintf(" !<%d-%d>", r.Type, r.Code)
	}
	return text
}

// waiting tells whether a probe was on its way when the run was stopped.
func (w *trail) waiting() bool {
	return slices.ContainsFunc(w.hops, func(h *hop) bool { return h != nil && h.tally.Count(probe.Pending) > 0 })
}

// shots are those of a hop. Where the way ends, answers to probes that were sent farther before that was known stand in
// for those that are missing.
func (w *trail) shots(h *hop) []shot {
	if h.ttl != w.end || len(h.shots) >= w.probes {
		return h.shots
	}
	all := slices.Clip(h.shots)
	for _, beyond := range w.hops[h.ttl-w.first+1:] {
		if beyond == nil {
			continue
		}
		for _, one := range beyond.shots {
			if one.fate == heard && len(all) < w.probes && w.standIn(beyond.ttl, one.from, one.ends) {
				all = append(all, one)
			}
		}
	}
	return all
}

// mostRounds is how many probes --decide sends to each hop at most, if its time does not end it before.
const mostRounds = 100_000
