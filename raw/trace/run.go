package trace

import (
	"context"
	"net/netip"
	"syscall"
	"time"

	"sockwire/raw/probe"
)

// network carries probes and brings what answers them. Sockets are one; tests have others, in which time is a number.
type network interface {
	// now is the time since the network was opened.
	now() time.Duration
	// send takes a probe that is to leave at once, perhaps with the next flush. An errno is why it cannot be sent.
	send(n uint64, p *Probe) syscall.Errno
	flush()
	// cause says why a probe that was sent has no answer, as far as it can be told.
	cause(n uint64) probe.Cause
	// receive waits until a time at most, or until something came or ctx ended; it need not look before idle.
	receive(ctx context.Context, idle, until time.Duration) error
	// next returns what came, piece by piece; false when that was all. What it points to is valid until the next
	// receive.
	next(a *arrival) bool
	// wake ends a receive, or the next; it may be called from any goroutine.
	wake()
	// local is what is known of the way to a target.
	local(target netip.Addr) Local
	limits() []string
	close() error
}

// arrival is something that became known of a probe. The fields of its reply that the network knows are filled in.
type arrival struct {
	n  uint64        // of the probe
	at time.Duration // when it came, by the network's clock
	// failed: the probe was not sent: Outcome, Cause and Errno say why.
	failed bool
	reply  Reply
}

const (
	windowMost = 1 << 15                // probes remembered: their numbers have 16 bits on the wire
	sendMost   = 64                     // probes sent before what came is looked at
	expiryTick = 5 * time.Millisecond   // how often overdue probes are looked for
	quantum    = 2 * time.Millisecond   // at high rates probes leave together that often
	catchUp    = 25 * time.Millisecond  // how far sending may lag behind the rate and still catch up
	leastWait  = 200 * time.Millisecond // for an answer
	fewTrips   = 3                      // round trips of a hop behind that are enough to wait for one before it
)

// slot is a probe until its number is used again.
type slot struct {
	probe  Probe
	n      uint64
	sent   time.Duration
	wall   int64 // ns
	hop    *pace
	ended  bool
	lost   bool // it ended without an answer
	answer bool // it has one
}

// pace is what is known of how fast the path to a target answers: how far the farthest that did is, and the longest
// round trip.
type pace struct {
	far  uint8
	trip time.Duration
}

// runner sends what a strategy asks for and tells it what became of it. It is for one goroutine.
type runner struct {
	tracer *Tracer
	net    network
	slots  []slot
	first  uint64 // slots from here on may not have ended
	last   uint64 // number of the latest probe
	paces  map[netip.Addr]*pace
	open   int // probes that have not ended
	ticked time.Duration
	a      arrival
	gone   Reply // of a probe without an answer
	probe  Probe // that is being sent
}

func newRunner(t *Tracer, n network) *runner {
	return &runner{tracer: t, net: n, slots: make([]slot, 256), first: 1, paces: map[netip.Addr]*pace{}}
}

func (r *runner) slot(n uint64) *slot { return &r.slots[n&uint64(len(r.slots)-1)] }

// full tells whether the oldest probe must end before another is sent.
func (r *runner) full() bool {
	if r.last+2-r.first < uint64(len(r.slots)) {
		return false
	}
	if len(r.slots) >= windowMost {
		return true
	}
	bigger := make([]slot, 2*len(r.slots))
	for i := range r.slots {
		s := &r.slots[i]
		bigger[s.n&uint64(len(bigger)-1)] = *s
	}
	r.slots = bigger
	return false
}

func (r *runner) run(ctx context.Context, strategy Strategy, yield func(Reply, error) bool) {
	timing := probe.Timing{}
	if r.tracer.Rate > 0 {
		timing.Packets = r.tracer.Rate
	}
	table := probe.NewTimetable(timing)
	table.Skip(r.net.now() - catchUp) // the rate counts from when the sockets were opened
	defer clear(r.paces)
	for {
		if now := r.net.now(); now-r.ticked >= expiryTick {
			r.ticked = now
			if !r.expire(now, strategy, yield) {
				return
			}
		}
		wake, more, going := r.sendDue(strategy, table, yield)
		if !going {
			return
		}
		now := r.net.now()
		if strategy.Done() || ctx.Err() != nil || !more && r.open == 0 && wake <= now {
			r.abandon(strategy, yield)
			return
		}
		if !r.await(ctx, wake, more, table, strategy, yield) {
			return
		}
	}
}

// sendDue sends what is due. more tells whether the strategy had another probe, or may have; otherwise it is asked
// again at wake.
func (r *runner) sendDue(strategy Strategy, table *probe.Timetable, yield func(Reply, error) bool) (wake time.Duration, more, going bool) {
	defer r.net.flush()
	for range sendMost {
		now := r.net.now()
		if table.Due() > now || r.full() {
			return 0, true, true
		}
		if r.probe, wake, more = strategy.Next(now); !more {
			return wake, false, true
		}
		table.Skip(now - catchUp)
		table.Take(0)
		if !r.launch(&r.probe, now, strategy, yield) {
			return 0, true, false
		}
	}
	return 0, true, true
}

// launch sends a probe. It returns false if the caller wants no more.
func (r *runner) launch(p *Probe, now time.Duration, strategy Strategy, yield func(Reply, error) bool) bool {
	if p.Wait == 0 {
		p.Wait = r.tracer.Wait
	}
	hop := r.paces[p.Target]
	if hop == nil {
		hop = new(pace)
		r.paces[p.Target] = hop
	}
	if r.last++; !Numbered(r.last) {
		*r.slot(r.last) = slot{n: r.last, ended: true}
		r.last++
	}
	s := r.slot(r.last)
	*s = slot{probe: *p, n: r.last, sent: now, wall: time.Now().UnixNano(), hop: hop}
	r.open++
	if errno := r.net.send(r.last, p); errno != 0 {
		r.gone = Reply{Outcome: probe.Lost, Cause: probe.SendFailed, Errno: errno, QuotedTTL: -1}
		return r.end(s, &r.gone, now, strategy, yield)
	}
	return true
}

// end tells the fate of a probe.
func (r *runner) end(s *slot, reply *Reply, now time.Duration, strategy Strategy, yield func(Reply, error) bool) bool {
	if !s.ended {
		s.ended = true
		r.open--
	}
	reply.Probe, reply.N, reply.Sent = s.probe, s.n, time.Unix(0, s.wall)
	strategy.Take(now, reply)
	return yield(*reply, nil)
}

// await waits for what comes next, and takes it in.
func (r *runner) await(ctx context.Context, wake time.Duration, more bool, table *probe.Timetable, strategy Strategy, yield func(Reply, error) bool) bool {
	now := r.net.now()
	until := now + time.Second
	if r.open > 0 {
		until = now + expiryTick
	}
	idle := time.Duration(0)
	if more && !r.full() {
		until = min(until, table.Due())
		if r.tracer.Rate > 1/quantum.Seconds() && table.Due() > now {
			// What is due by then leaves in one call, and what came is read in one: neither the rate nor the stamps
			// suffer.
			idle = now + quantum
			until = max(until, idle)
		}
	}
	if wake > now {
		until = min(until, wake)
	}
	if err := r.net.receive(ctx, idle, until); err != nil {
		yield(Reply{}, err)
		return false
	}
	for r.net.next(&r.a) {
		if !r.take(&r.a, strategy, yield) {
			return false
		}
	}
	return true
}

// take takes in what became known of a probe.
func (r *runner) take(a *arrival, strategy Strategy, yield func(Reply, error) bool) bool {
	s := r.slot(a.n)
	if s.n != a.n || a.n == 0 {
		return true // forgotten
	}
	reply := &a.reply
	if a.failed {
		if s.ended {
			return true
		}
		return r.end(s, reply, a.at, strategy, yield)
	}
	switch {
	case s.answer:
		reply.Duplicate, reply.Outcome = true, probe.Answered
	case s.lost:
		reply.Revised, reply.Outcome = true, probe.Late
	default:
		reply.Outcome = probe.Answered
		if reply.RTT > s.probe.Wait {
			reply.Outcome = probe.Late
		}
	}
	s.answer = true
	if !reply.Duplicate {
		s.hop.trip = max(s.hop.trip, reply.RTT)
		s.hop.far = max(s.hop.far, s.probe.TTL)
	}
	return r.end(s, reply, a.at, strategy, yield)
}

// patience is how long to wait for an answer. Where a hop farther away has answered, that tells how long it takes at
// most; where none has, nothing does.
func (s *slot) patience() time.Duration {
	if s.hop.far > s.probe.TTL {
		return min(s.probe.Wait, max(leastWait, fewTrips*s.hop.trip))
	}
	return s.probe.Wait
}

// expire ends the probes that have been waited for long enough.
func (r *runner) expire(now time.Duration, strategy Strategy, yield func(Reply, error) bool) bool {
	oldest := true
	for n := r.first; n <= r.last; n++ {
		s := r.slot(n)
		if !s.ended && now-s.sent > s.patience() {
			s.lost = true
			r.gone = Reply{Outcome: probe.Lost, Cause: r.net.cause(n), QuotedTTL: -1}
			if !r.end(s, &r.gone, now, strategy, yield) {
				return false
			}
		}
		if oldest = oldest && s.ended; oldest {
			r.first = n + 1
		}
	}
	return true
}

// abandon yields what is not waited for any longer.
func (r *runner) abandon(strategy Strategy, yield func(Reply, error) bool) {
	now := r.net.now()
	for n := r.first; n <= r.last; n++ {
		r.gone = Reply{Outcome: probe.Pending, QuotedTTL: -1}
		if s := r.slot(n); !s.ended && !r.end(s, &r.gone, now, strategy, yield) {
			return
		}
	}
	r.first = r.last + 1
}
