package trace

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"sockwire/raw/inject"
	"sockwire/raw/probe"
)

// hops is the strategy of a plain trace: each TTL of each flow is asked so many times, until the target's distance is
// known. Of all targets those come first whose next probe is least far ahead of what is known: with many, next to no
// probe goes beyond its target; with one there is nothing else to send, and all TTLs are asked at once.
type hops struct {
	t       *Tracer
	next    func() (netip.Addr, bool)
	stop    func()
	fed     bool // there are no more targets
	several bool // there were several
	targets map[netip.Addr]*target
	free    []*target              // to be used again
	least   func(netip.Addr) int   // the size of small probes to a target
	local   func(netip.Addr) Local // what is known of the way out
	ready   [256]queue             // targets with something to send, by how far ahead their next probe is
	lowest  int                    // no queue before it has any
	time    time.Duration
	resting []rest // in order of time
}

// rest is a target that is not asked before a time: the kernel's reset is to come there before the next SYN.
type rest struct {
	t     *target
	until time.Duration
}

// resetTime is how much later than an answer the next SYN leaves: the kernel resets a connection that it knows nothing
// of after this process has been given the answer.
const resetTime = 10 * time.Millisecond

// queue is targets in order, each linked to its neighbours.
type queue struct{ head, tail *target }

// target is what is known of the path to one.
type target struct {
	addr         netip.Addr
	before, next *target
	place        int           // queue that it is in, -1 for none
	asked        time.Duration // when its latest probe was handed out
	flows        []flow
	left         int           // flows that are not done
	trip         time.Duration // the longest seen
	mtu          *mtuSearch    // once all else is known, if it is asked for
}

// flow is one flow to a target.
type flow struct {
	hops    []hop // by TTL
	known   int   // the farthest TTL that answered, First-1 if none
	last    int   // TTL to go to: where the target, or the end of the way, is known to be; until then Tracer.Last
	ended   bool  // last is known
	reached bool  // last is the target
	beyond  int   // answers to probes that went farther than last: they came from there
	open    int   // probes up to last that have not ended
	done    bool
	rested  time.Duration // when the target may be asked again, of TCP
}

// hop is the probes of one TTL.
type hop struct {
	sent, open, answered uint16
	from                 netip.Addr // who answered last
}

const targetsMost = 4096 // at once

func newHops(t *Tracer, targets iter.Seq[netip.Addr], local func(netip.Addr) Local) *hops {
	c := codec{protocol: t.Protocol, size: t.Size}
	h := &hops{t: t, targets: map[netip.Addr]*target{}, local: local}
	h.least = func(a netip.Addr) int { return c.sizeOf(&Probe{Target: a}) }
	h.lowest = len(h.ready)
	h.next, h.stop = iter.Pull(targets)
	return h
}

func (h *hops) close() { h.stop() }

// Done reports whether every target is done.
func (h *hops) Done() bool { return h.fed && len(h.targets) == 0 }

// Next returns the probe that is least far ahead of what is known.
func (h *hops) Next(now time.Duration) (p Probe, wake time.Duration, ok bool) {
	h.time = now
	for len(h.resting) > 0 && h.resting[0].until <= now {
		t := h.resting[0].t
		h.resting = h.resting[1:]
		if h.targets[t.addr] == t {
			h.queue(t)
		}
	}
	for {
		for h.lowest < len(h.ready) && h.ready[h.lowest].head == nil {
			h.lowest++
		}
		if h.lowest > 0 && !h.fed && len(h.targets) < targetsMost {
			h.begin() // of a new target nothing is known: its first hop is next
			continue
		}
		if h.lowest == len(h.ready) {
			if len(h.resting) > 0 {
				wake = h.resting[0].until
			}
			return p, wake, false
		}
		t := h.ready[h.lowest].head
		if due := t.asked + aheadWait; h.lowest > 0 && h.several && t.trip > 0 && t.trip <= quantum && now < due {
			return p, due, false
		}
		h.unqueue(t)
		p, ok = h.take(t)
		h.queue(t)
		if ok {
			t.asked = now
			return p, 0, true
		}
	}
}

// aheadWait is how long a target that answers within a quantum is waited for before it is asked ahead of what is known.
// At the end of a list, when no other has anything to be asked, probes would else go beyond their targets, and the rate
// is spent on them.
const aheadWait = 2 * quantum

// begin takes the next target in. One that is being asked already is not asked twice.
func (h *hops) begin() {
	addr, ok := h.next()
	if !ok {
		h.fed = true
		return
	}
	addr = addr.Unmap()
	if h.targets[addr] != nil {
		return
	}
	var t *target
	if n := len(h.free); n > 0 {
		t, h.free = h.free[n-1], h.free[:n-1]
	} else {
		t = &target{flows: make([]flow, h.t.Flows), place: -1}
		for i := range t.flows {
			t.flows[i].hops = make([]hop, h.t.Last+1)
		}
	}
	t.addr, t.left, t.trip, t.mtu, t.asked = addr, len(t.flows), 0, nil, 0
	for i := range t.flows {
		hops := t.flows[i].hops
		clear(hops)
		t.flows[i] = flow{hops: hops, known: h.t.First - 1, last: h.t.Last}
	}
	h.several = h.several || len(h.targets) > 0
	h.targets[addr] = t
	h.queue(t)
}

// queue puts a target among those with something to send, or where it belongs now: an answer brings it forward.
func (h *hops) queue(t *target) {
	_, _, ahead := h.pick(t)
	if ahead == t.place {
		return
	}
	h.unqueue(t)
	if ahead < len(h.ready) {
		t.place = ahead
		h.ready[ahead].push(t)
		h.lowest = min(h.lowest, ahead)
	}
}

// unqueue takes a target out of its queue.
func (h *hops) unqueue(t *target) {
	if t.place >= 0 {
		h.ready[t.place].remove(t)
		t.place = -1
	}
}

// pick returns the probe to a target that is next, and how far ahead of what is known it is; beyond all if there is
// none.
func (h *hops) pick(t *target) (flow, ttl, ahead int) {
	ahead = len(h.ready)
	if t.mtu != nil {
		ready, wake := t.mtu.wants(h.time)
		if ready {
			ahead = 0
		} else if wake > 0 {
			h.rest(t, wake)
		}
		return 0, 0, ahead
	}
	for i := range t.flows {
		if at, a := h.pickOf(&t.flows[i]); a < ahead {
			flow, ttl, ahead = i, at, a
		}
	}
	return flow, ttl, ahead
}

// pickOf is pick for one flow: all probes of a hop, then those of the next. A target that answers seldom, as most do,
// so spends its answers on the probes that just reach it, and not on those that would have gone farther.
func (h *hops) pickOf(f *flow) (ttl, ahead int) {
	if f.done {
		return 0, len(h.ready)
	}
	for ttl := h.t.First; ttl <= f.last; ttl++ {
		if f.have(ttl) < h.t.Probes && !h.blocked(f, ttl) {
			return ttl, min(max(ttl-f.known-1, 0), len(h.ready)-1)
		}
	}
	return 0, len(h.ready)
}

// have is how many probes a hop has had.
func (f *flow) have(ttl int) int {
	n := int(f.hops[ttl].sent)
	if ttl == f.last {
		n += f.beyond
	}
	return n
}

// rest has a target looked at again at a time.
func (h *hops) rest(t *target, until time.Duration) {
	i := len(h.resting)
	for i > 0 && h.resting[i-1].until > until {
		i--
	}
	if i > 0 && h.resting[i-1] == (rest{t, until}) {
		return
	}
	h.resting = slices.Insert(h.resting, i, rest{t, until})
}

// complete tells whether every hop has had its probes.
func (f *flow) complete(t *Tracer) bool {
	for ttl := t.First; ttl <= f.last; ttl++ {
		if f.have(ttl) < t.Probes {
			return false
		}
	}
	return true
}

// blocked tells whether a hop must not be asked now: a target that has just opened a connection takes no other from
// there until that is reset, so of TCP what may be the target is asked once at a time.
func (h *hops) blocked(f *flow, ttl int) bool {
	if h.t.Protocol != TCP {
		return false
	}
	target := f.ended && ttl == f.last
	return target && h.time < f.rested || f.hops[ttl].open > 0 && (target || ttl > f.known)
}

// take returns the next probe of a target.
func (h *hops) take(t *target) (p Probe, ok bool) {
	i, ttl, ahead := h.pick(t)
	if ahead == len(h.ready) {
		return p, false
	}
	if t.mtu != nil {
		ttl, size, tag, ok := t.mtu.next(h.time)
		wait := min(h.t.Wait, max(leastWait, fewTrips*t.trip))
		return Probe{Target: t.addr, TTL: uint8(ttl), Size: uint16(size), Tag: tag, Wait: wait}, ok
	}
	f := &t.flows[i]
	p = Probe{Target: t.addr, Flow: uint16(i), TTL: uint8(ttl), Tag: uint32(f.hops[ttl].sent)}
	f.hops[ttl].sent++
	f.hops[ttl].open++
	f.open++
	return p, true
}

// Take learns of a fate.
func (h *hops) Take(now time.Duration, r *Reply) {
	h.time = now
	t := h.targets[r.Target]
	if t == nil || r.Duplicate || int(r.Flow) >= len(t.flows) {
		return
	}
	if r.Tag&mtuTag != 0 {
		h.takeLarge(t, r)
		return
	}
	t.trip = max(t.trip, r.RTT)
	f := &t.flows[r.Flow]
	if f.done || int(r.TTL) > h.t.Last || int(r.TTL) < h.t.First {
		return
	}
	ttl := int(r.TTL)
	if !r.Revised {
		f.hops[ttl].open--
		if ttl <= f.last {
			f.open--
		}
	}
	if r.Outcome == probe.Answered || r.Outcome == probe.Late {
		if r.Port == inject.Open && h.t.Protocol == TCP {
			f.rested = now + resetTime
			h.rest(t, f.rested)
		}
		f.hops[ttl].answered++
		f.hops[ttl].from = r.From
		f.known = max(f.known, ttl)
		switch {
		case ttl > f.last:
			f.beyond++
			f.reached = f.reached || r.Kind == Reached
		case ttl < f.last && (r.Kind == Reached || r.Kind == Unreachable):
			f.end(ttl)
			f.reached = r.Kind == Reached
		case ttl < f.last && r.Kind == Exceeded:
			if end, round := f.loop(ttl); round > 0 {
				f.end(end)
				r.Loop = round
			}
		case ttl == f.last && (r.Kind == Reached || r.Kind == Unreachable):
			f.ended, f.reached = true, r.Kind == Reached
		}
	}
	h.gap(f)
	if f.open == 0 && f.complete(h.t) {
		f.done = true
		t.left--
	}
	if t.left == 0 {
		if h.t.MTU {
			t.mtu = newMTUSearch(h.local(t.addr), f.hears(), f.reached, h.least(t.addr))
		}
		if t.mtu == nil || t.mtu.over {
			h.finish(t, r)
			return
		}
	}
	h.queue(t)
}

// takeLarge learns of the fate of a large probe.
func (h *hops) takeLarge(t *target, r *Reply) {
	if t.mtu == nil || t.mtu.over {
		return
	}
	if t.mtu.take(r); t.mtu.over {
		h.finish(t, r)
		return
	}
	h.queue(t)
}

// finish ends a target with the reply that was the last it waited for.
func (h *hops) finish(t *target, r *Reply) {
	if t.mtu != nil {
		r.Found = &t.mtu.found
	}
	delete(h.targets, t.addr)
	h.unqueue(t)
	h.free = append(h.free, t)
}

// hears tells which hops answer small probes, by TTL.
func (f *flow) hears() []bool {
	hears := make([]bool, f.last+1)
	for ttl := range hears {
		hears[ttl] = f.hops[ttl].answered > 0
	}
	hears[f.last] = hears[f.last] || f.beyond > 0
	return hears
}

// loop tells whether the answer at a TTL shows that the way goes round: the same router has answered three times at
// even distances, and another between. It returns the last of the three TTLs and how many hops it is round; 0 if it
// does not.
func (f *flow) loop(ttl int) (end, round int) {
	same := func(at int) bool { return at > 0 && at < len(f.hops) && f.hops[at].from == f.hops[ttl].from }
	for d := 2; d < len(f.hops)/2; d++ {
		for last := ttl; last <= ttl+2*d; last += d {
			between := last - 1
			if same(last) && same(last-d) && same(last-2*d) && f.hops[between].from.IsValid() && !same(between) {
				return last, d
			}
		}
	}
	return 0, 0
}

// gap ends a flow whose last hops are all silent.
func (h *hops) gap(f *flow) {
	if h.t.Gap == 0 || f.ended || f.known+h.t.Gap >= f.last {
		return
	}
	for ttl := f.known + 1; ttl <= f.known+h.t.Gap; ttl++ {
		if p := f.hops[ttl]; int(p.sent) < h.t.Probes || p.open > 0 || p.answered > 0 {
			return
		}
	}
	f.end(f.known + h.t.Gap)
}

// end notes that the way ends at a TTL: probes that went farther are not waited for, and what they brought came from
// there.
func (f *flow) end(ttl int) {
	f.last, f.ended, f.beyond = ttl, true, 0
	f.open = 0
	for i := range f.hops {
		if i <= ttl {
			f.open += int(f.hops[i].open)
		} else {
			f.beyond += int(f.hops[i].answered)
		}
	}
}

func (q *queue) push(t *target) {
	t.before, t.next = q.tail, nil
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
}

func (q *queue) remove(t *target) {
	if t.before == nil {
		q.head = t.next
	} else {
		t.before.next = t.next
	}
	if t.next == nil {
		q.tail = t.before
	} else {
		t.next.before = t.before
	}
	t.before, t.next = nil, nil
}
