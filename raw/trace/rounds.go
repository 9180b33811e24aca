package trace

import (
	"net/netip"
	"sync/atomic"
	"time"

	"sockwire/raw/probe"
)

// Rounds is a strategy that asks every hop of its targets once a round, round after round. The probes of a round are
// spread over it. Hops behind a target that answers are not asked again, nor those far behind the last that answers,
// until the path is seen to have become longer. Replies carry their round as Tag: see [RoundOf].
//
// A router that answers seldom is told from one behind a link that loses packets by asking at two rates: [Rounds.Hurry]
// makes rounds shorter for a while.
type Rounds struct {
	Targets     []netip.Addr
	Flow        uint16
	First, Last int           // TTLs; 0 is 1 and 30
	Probes      int           // to each hop in each round; 0 is 1
	Interval    time.Duration // of a round; 0 is one second
	Count       int           // rounds, short ones not counted; 0 is until the context ends
	// Paused keeps a new round from beginning, and Ending every other one: when those under way have ended, all has.
	// They may be set from any goroutine.
	Paused, Ending atomic.Bool

	hurry atomic.Int32 // rounds still to be made short
	short bool         // this round is

	begun bool
	round int
	long  int           // rounds that were no short ones
	start time.Duration // of the round
	todo  []Probe       // of the round, in order
	sent  int           // of todo
	ends  map[netip.Addr]*reach
	open  []int // probes on their way, by round from whole on
	whole int   // rounds before it have ended
}

// reach is how far the path to a target is known to go.
type reach struct {
	far    int // farthest TTL that answered
	length int // TTL at which the target answers, or a router says that it goes no further; 0 is not known
	missed int // rounds since something at length answered
}

const (
	beyondFar  = 5 // silent hops asked behind the farthest that answers
	missedMost = 3 // rounds in which the end may stay silent before the hops behind it are asked again
	pauseLook  = 50 * time.Millisecond
)

// Ratio is how many times as often hops are asked in a short round.
const Ratio = 10

const shortRound = 1 << 31 // in a Tag

// RoundOf tells of which round a reply of [Rounds] is, from 0, and whether that was a short one.
func RoundOf(tag uint32) (round int, short bool) { return int(tag &^ shortRound), tag&shortRound != 0 }

// Hurry makes the next n rounds a tenth as long as the others. It may be called from any goroutine.
func (r *Rounds) Hurry(n int) { r.hurry.Store(int32(n)) }

// Hurrying tells whether short rounds are still to come.
func (r *Rounds) Hurrying() bool { return r.hurry.Load() > 0 }

// Whole is the number of rounds whose probes have all ended.
func (r *Rounds) Whole() int { return r.whole }

// Done tells whether all rounds have ended.
func (r *Rounds) Done() bool { return r.over() && r.whole > r.round }

// over tells whether no other round is to begin.
func (r *Rounds) over() bool {
	counted := r.Count > 0 && r.long >= r.Count && r.hurry.Load() == 0
	return r.begun && r.sent == len(r.todo) && (counted || r.Ending.Load())
}

// Next returns the next probe of the round once it is due.
func (r *Rounds) Next(now time.Duration) (p Probe, wake time.Duration, ok bool) {
	if r.sent == len(r.todo) {
		if r.over() {
			return p, 0, false
		}
		due := r.start + r.interval()
		switch {
		case r.begun && now < due:
			return p, due, false
		case r.Paused.Load():
			return p, now + pauseLook, false
		}
		r.begin(now, due)
	}
	due := r.start + time.Duration(r.sent)*r.interval()/time.Duration(len(r.todo))
	if now < due {
		return p, due, false
	}
	p = r.todo[r.sent]
	r.sent++
	r.open[r.round-r.whole]++
	r.skip()
	return p, 0, true
}

// skip passes what is behind a target whose distance has become known since the round began.
func (r *Rounds) skip() {
	for ; r.sent < len(r.todo); r.sent++ {
		p := &r.todo[r.sent]
		if e := r.ends[p.Target.Unmap()]; e.length == 0 || int(p.TTL) <= e.length {
			return
		}
	}
}

// interval is how long this round is.
func (r *Rounds) interval() time.Duration {
	d := r.Interval
	if d <= 0 {
		d = time.Second
	}
	if r.short {
		d /= Ratio
	}
	return d
}

// begin begins a round, where it would have begun if nothing had held it up.
func (r *Rounds) begin(now, due time.Duration) {
	if r.begun {
		r.round++
	} else {
		r.begun, due = true, now
		r.ends = make(map[netip.Addr]*reach, len(r.Targets))
		for _, a := range r.Targets {
			r.ends[a.Unmap()] = new(reach)
		}
	}
	if r.start = due; now-due > r.interval() {
		r.start = now
	}
	if r.short = r.hurry.Load() > 0; r.short {
		r.hurry.Add(-1)
	} else {
		r.long++
	}
	tag := uint32(r.round)
	if r.short {
		tag |= shortRound
	}
	r.open = append(r.open, 0)
	first, last, probes := max(r.First, 1), r.Last, max(r.Probes, 1)
	if last == 0 {
		last = DefaultLast
	}
	r.todo, r.sent = r.todo[:0], 0
	for _, e := range r.ends {
		if e.missed++; e.missed > missedMost+1 {
			e.length = 0
		}
	}
	for range probes {
		for ttl := first; ttl <= last; ttl++ {
			for _, a := range r.Targets {
				if ttl <= r.end(r.ends[a.Unmap()], last) {
					r.todo = append(r.todo, Probe{Target: a, Flow: r.Flow, TTL: uint8(ttl), Tag: tag})
				}
			}
		}
	}
}

// end is the TTL to which a target is asked in the round that begins.
func (r *Rounds) end(e *reach, last int) int {
	switch {
	case r.round == 0:
		return last
	case e.length > 0:
		return e.length
	}
	return min(last, e.far+beyondFar)
}

// Take learns of a fate.
func (r *Rounds) Take(_ time.Duration, reply *Reply) {
	if e := r.ends[reply.Target.Unmap()]; e != nil && !reply.Duplicate && (reply.Outcome == probe.Answered || reply.Outcome == probe.Late) {
		e.take(int(reply.TTL), reply.Kind)
		r.skip()
	}
	if reply.Duplicate || reply.Revised {
		return
	}
	round, _ := RoundOf(reply.Tag)
	if i := round - r.whole; i >= 0 && i < len(r.open) {
		r.open[i]--
	}
	for len(r.open) > 0 && r.open[0] == 0 && (r.whole < r.round || r.sent == len(r.todo)) {
		r.open = r.open[1:]
		r.whole++
	}
}

func (e *reach) take(ttl int, kind Kind) {
	switch kind {
	case Reached, Unreachable:
		if e.length == 0 || ttl < e.length {
			e.length = ttl
		}
		e.far, e.missed = e.length, 0
	case Exceeded:
		e.far = max(e.far, ttl)
		if e.length > 0 && ttl >= e.length {
			e.length = 0 // the path has become longer
		}
	}
}
