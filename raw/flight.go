package raw

import (
	"math"
	"net/netip"
	"time"

	"sockwire/raw/probe"
)

const (
	burstMost = 64 // echoes made up for at once by Gap's timetable
	catchUp   = 3  // intervals that one target makes up for at once

	stampsMost = 20_000 // echoes per second up to which StampsAuto has each stamped
	sampled    = 16     // beyond that, one of so many

	lateMost = time.Second

	// quickLeast is how long this host itself may take over an answer when it has much else to do.
	quickLeast = 50 * time.Millisecond
)

// flight is what is on its way in a run: which echoes, when the next are due and the others are given up, and what
// became of each. It knows no socket, reads no clock and has no lock: who uses it says what time it is, and takes
// turns. Times are since the start of the run, by a clock that nobody moves.
type flight struct {
	p      Pinger // with its defaults
	batch  int    // echoes that are sent at once, at most
	table  table
	report Report // what is counted here
	ends   []Echo // not yet taken by the caller

	// What is to be sent.
	schedule probe.Schedule // of Gap
	idle     bool           // there was less to send than the schedule allows
	begun    uint32         // targets
	urgent   queue[*host]   // preloads and retries: due now
	regular  queue[*host]   // due in order
	drained  bool           // all is sent; nothing is waited for but the last timeouts
	several  bool           // more than one host may answer an echo

	// What is waited for. Echoes of one level of retry time out in the order in which they were sent.
	timeouts  [maxLevels]queue[uint64]
	finals    [maxLevels]queue[uint64] // when they are given up
	levels    int
	waiting   int           // echoes neither ended nor overdue
	open      int           // echoes that have not ended
	doubts    int           // echoes that have, without a proof, before their timeout
	contested time.Duration // until when an answer may still contradict the latest error that is proven

	firstSend time.Duration
	lastSend  time.Duration
	handed    time.Duration // when the last call that sends returned
	longest   time.Duration // round trip
	rate      rateMeter
	pace      probe.Pace

	stamping bool // the kernel stamps sends: what has no stamp was not sent
	stamped  bool // it has
	losses   bufferLosses
}

func newFlight(p Pinger, batch int, limit uint64) flight {
	return flight{p: p, batch: batch, table: newTable(limit), schedule: probe.Schedule{Interval: p.Gap, Burst: burstMost}}
}

// room returns how many echoes may be sent at now.
func (f *flight) room(now time.Duration) int {
	if f.idle {
		f.schedule.Rest(now)
	}
	room := f.schedule.Due(now)
	if f.p.Gap == 0 {
		room = f.batch
	}
	if f.p.Window > 0 {
		room = min(room, f.free(now))
	}
	return room
}

// free returns how many echoes the window has room for. A large window is filled in batches.
func (f *flight) free(now time.Duration) int {
	free := f.p.Window - f.waiting
	if free < f.p.Window/4 {
		free = 0
	}
	if free <= 0 && now-f.lastSend >= f.p.Interval {
		free = 1
	}
	return free
}

// full tells whether nothing can be sent until the oldest echo ends.
func (f *flight) full() bool {
	if f.table.next-f.table.tail >= f.table.limit {
		f.forget(0, true)
	}
	return f.table.next-f.table.tail >= f.table.limit
}

// again begins a further echo to a target to which one is due; ok is false if there is none.
func (f *flight) again(call Reading) (s *slot, n uint64, ok bool) {
	now := call.Steady
	for {
		var h *host
		switch {
		case f.urgent.len() > 0:
			h = f.urgent.pop()
		case f.regular.len() > 0 && (f.p.Window > 0 || f.regular.front().nextDue(f.p.Interval) <= now):
			h = f.regular.pop()
			if behind := now - h.nextDue(f.p.Interval); f.p.Window == 0 && behind > catchUp*f.p.Interval {
				h.start += behind
				f.report.Slipped += behind
			}
		default:
			return nil, 0, false
		}
		if h.alive && f.p.Retries > 0 {
			h.finished = true // an answer came while the retry waited for its turn
			continue
		}
		s, n = f.begin(h.target, h, h.index, call)
		return s, n, true
	}
}

// first begins the first echo to a target.
func (f *flight) first(target netip.Addr, call Reading) (s *slot, n uint64) {
	target = target.Unmap()
	index := f.begun
	f.begun++
	var h *host
	if f.p.Count != 1 {
		h = &host{target: target, index: index, start: call.Steady}
	}
	return f.begin(target, h, index, call)
}

func (f *flight) begin(target netip.Addr, h *host, index uint32, call Reading) (*slot, uint64) {
	s, n, _ := f.table.add()
	s.target, s.host, s.index, s.sent, s.wall, s.seq = target, h, index, call.Steady, call.Wall, 1
	f.several = f.several || f.p.Broadcast || target.IsMulticast()
	f.rate.add(call.Steady, 1)
	if h != nil {
		h.sent++
		h.open++
		s.seq = uint32(h.sent)
		if f.p.Retries > 0 {
			s.level = uint8(h.sent - 1)
		}
		f.plan(h)
	}
	f.waiting++
	f.open++
	f.levels = max(f.levels, int(s.level)+1)
	f.timeouts[s.level].push(n)
	f.finals[s.level].push(n)
	return s, n
}

// plan queues the next echo to h, if there is to be one.
func (f *flight) plan(h *host) {
	switch {
	case f.p.Count == 1:
		// Retries are planned when a timeout passes.
	case f.p.Count > 0 && h.sent >= f.p.Count:
		h.finished = true
	case h.sent < f.p.Preload:
		f.urgent.push(h)
		h.start -= f.p.Interval // the timetable goes on one interval after the start
	default:
		f.regular.push(h)
	}
}

// sending notes that n echoes, all that were due or as many as there was room for, are sent at now.
func (f *flight) sending(n, room int, now time.Duration) {
	f.idle = n < room
	if n == 0 {
		return
	}
	if f.firstSend == 0 {
		f.firstSend = now
	}
	f.lastSend = now
	if f.p.Gap > 0 {
		f.schedule.Take(n)
	}
}

// retime has echoes that are still to be sent be sent at now: their time runs from then on.
func (f *flight) retime(unsent []uint64, now Reading) {
	for _, n := range unsent {
		if s := f.table.get(n); s != nil {
			s.sent, s.wall = now.Steady, now.Wall
		}
	}
	f.lastSend = now.Steady
}

// sent counts echoes for the pace that are not counted by their stamp. Those of one call are put at even distances from
// its begin to its end.
func (f *flight) sent(ns []uint64, before, after time.Duration) {
	if len(ns) == 0 {
		return
	}
	step := (after - before) / time.Duration(len(ns))
	f.handed = after
	for i, n := range ns {
		if s := f.table.get(n); s != nil && s.byCall {
			f.pace.Sent(before + time.Duration(i)*step)
		}
	}
}

// stampNow tells whether the kernel is to stamp echo n.
func (f *flight) stampNow(n uint64) bool {
	if f.p.Stamps == StampsAuto && f.rate.perSecond() > stampsMost && n%sampled != 0 {
		f.report.Unstamped++
		return false
	}
	return true
}

// nothingToSend tells whether no echo is to be sent any more; targets says that there are some not yet begun.
func (f *flight) nothingToSend(targets bool) bool {
	// An answer may have come before the retry was due.
	for f.regular.len() > 0 && f.regular.front().finished {
		f.regular.pop()
	}
	return !targets && f.urgent.len() == 0 && f.regular.len() == 0
}

// complete tells whether, all being sent, nothing is waited for.
func (f *flight) complete(now time.Duration) bool {
	return f.open == 0 && f.doubts == 0 && now >= f.lingersUntil()
}

// lingersUntil returns until when the run goes on for answers to echoes that have ended.
func (f *flight) lingersUntil() time.Duration {
	if !f.several {
		return f.contested
	}
	until := f.lastSend + f.p.Timeout
	if f.p.QuickEnd && f.longest > 0 {
		until = min(until, f.quickEnd())
	}
	return max(f.contested, until)
}

// turn tells whether there is something to do now: to send, or to end the run.
func (f *flight) turn(now time.Duration) bool {
	return f.drained && f.open == 0 || f.p.Window > 0 && f.free(now) > 0 || f.urgent.len() > 0
}

// next returns when something will be due; targets says that there are some not yet begun.
func (f *flight) next(now time.Duration, targets bool) time.Duration {
	next := now + time.Hour
	sendable := f.regular.len() > 0
	if sendable {
		next = f.regular.front().nextDue(f.p.Interval)
	}
	if f.urgent.len() > 0 || targets {
		sendable, next = true, now
	}
	if f.p.Window > 0 && sendable {
		next = now
		if f.free(now) == 0 {
			next = f.lastSend + f.p.Interval
		}
	}
	if sendable && f.p.Gap > 0 {
		next = max(next, f.schedule.Next())
	}
	if f.p.Slack > 0 {
		if next > now {
			next += f.p.Slack
		}
		if f.open+f.doubts > 0 {
			next = min(next, now+f.p.Slack)
		}
	}
	if sendable && f.full() {
		next = now + time.Hour
	}
	if f.drained && f.open == 0 && f.lingersUntil() > now {
		next = min(next, f.lingersUntil())
	}
	for level := range f.levels {
		if s := f.firstTimed(level); s != nil {
			next = min(next, f.timeoutAt(s))
		}
		if s := f.firstPending(level); s != nil {
			next = min(next, f.finalAt(s))
		}
	}
	return next
}

// firstTimed takes echoes off the front of a level's timeouts that wait for theirs no more, and returns the one then in
// front, nil if there is none. Those that ended without a proof wait for it.
func (f *flight) firstTimed(level int) *slot {
	q := &f.timeouts[level]
	for ; q.len() > 0; q.pop() {
		if s := f.table.get(q.front()); s != nil && (s.state == probe.Pending || s.doubt) {
			return s
		}
	}
	return nil
}

// firstPending takes ended echoes off the front of a level's finals and returns the one then in front, nil if there is
// none.
func (f *flight) firstPending(level int) *slot {
	q := &f.finals[level]
	for ; q.len() > 0; q.pop() {
		if s := f.table.get(q.front()); s != nil && s.state == probe.Pending {
			return s
		}
	}
	return nil
}

// timeoutAt returns when the timeout of an echo passes, or when an answer in the place of an unproven end is no longer
// waited for.
func (f *flight) timeoutAt(s *slot) time.Duration {
	at := s.sent + f.timeout(s.level)
	if s.doubt && f.drained && f.p.QuickEnd && f.longest > 0 {
		at = min(at, f.quickEnd())
	}
	return at
}

// finalAt returns when nothing is waited for any longer. Without a Late of its own, a late answer is waited for only
// while there is something else to wait for.
func (f *flight) finalAt(s *slot) time.Duration {
	at := s.sent + f.timeout(s.level)
	if !f.drained || f.p.Late > 0 {
		at += f.late()
	}
	if f.drained && f.p.QuickEnd && f.longest > 0 {
		at = min(at, f.quickEnd())
	}
	return at
}

// quickEnd returns when an answer to what was sent last should have come, by the answers before. What is only about to
// be sent is later than the last call was.
func (f *flight) quickEnd() time.Duration {
	return max(f.lastSend, f.handed) + max(2*f.longest, f.p.Interval, quickLeast)
}

func (f *flight) timeout(level uint8) time.Duration {
	if level == 0 {
		return f.p.Timeout
	}
	return time.Duration(float64(f.p.Timeout) * math.Pow(f.p.Backoff, float64(level)))
}

func (f *flight) late() time.Duration {
	if f.p.Late > 0 {
		return f.p.Late
	}
	return min(f.p.Timeout, lateMost)
}

// takeReport returns what is counted here.
func (f *flight) takeReport() Report {
	report := f.report
	report.Slipped += f.schedule.Slipped()
	report.Sending = f.lastSend - f.firstSend
	if report.Sending >= 100*time.Millisecond || f.table.next > 100 {
		report.Rate = f.pace.Rate()
	}
	report.Gaps = Gaps{f.pace.Gaps.Quantile(.5), f.pace.Gaps.Quantile(.99), f.pace.Gaps.Max()}
	return report
}

// rateMeter counts events in windows of 100 ms.
type rateMeter struct {
	start time.Duration
	n     int
	last  int
}

func (m *rateMeter) add(now time.Duration, n int) {
	const window = 100 * time.Millisecond
	if now-m.start >= window {
		m.last = m.n
		if now-m.start >= 2*window {
			m.last = 0
		}
		m.start, m.n = now, 0
	}
	m.n += n
}

func (m *rateMeter) perSecond() int { return max(m.n, m.last) * 10 }
