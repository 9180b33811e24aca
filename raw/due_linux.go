package raw

import (
	"math"
	"time"

	"sockwire/raw/probe"
)

// complete tells whether all is sent and nothing is waited for.
func (r *Run) complete(now time.Duration) bool {
	r.skipFinished()
	if !r.fed || r.urgent.len() > 0 || r.regular.len() > 0 || len(r.feed) > 0 {
		return false
	}
	if !r.drained {
		r.drained = true
		r.expire(now)
	}
	return r.open == 0 && r.doubts == 0 && now >= r.settledAt()
}

// skipFinished takes targets off the timetable whose answer came before their retry was due.
func (r *Run) skipFinished() {
	for r.regular.len() > 0 && r.regular.front().finished {
		r.regular.pop()
	}
}

// settledAt returns until when the run goes on for answers to echoes that have ended.
func (r *Run) settledAt() time.Duration {
	if !r.several {
		return r.contested
	}
	return max(r.contested, r.gathered())
}

// gathered returns until when further answers to the last echo are waited for, if several hosts may answer it.
func (r *Run) gathered() time.Duration {
	if r.p.QuickEnd && r.longest > 0 {
		return min(r.lastSend+r.p.Timeout, r.quickEnd())
	}
	return r.lastSend + r.p.Timeout
}

// next returns when something will be due.
func (r *Run) next(now time.Duration) time.Duration {
	next := now + time.Hour
	sendable := r.regular.len() > 0
	if sendable {
		next = r.regular.front().due(r.p.Interval)
	}
	if r.urgent.len() > 0 || len(r.feed) > 0 {
		sendable, next = true, now
	}
	if r.p.Window > 0 && sendable {
		next = now
		if r.free(now) == 0 {
			next = r.lastSend + r.p.Interval
		}
	}
	if sendable && r.p.Gap > 0 {
		next = max(next, r.schedule.Next())
	}
	if r.p.Slack > 0 {
		if next > now {
			next += r.p.Slack
		}
		if r.open > 0 {
			next = min(next, now+r.p.Slack)
		}
	}
	if sendable && r.stuck() {
		next = now + time.Hour
	}
	if r.drained && r.open == 0 && r.settledAt() > now {
		next = min(next, r.settledAt())
	}
	for level := range r.levels {
		if s := r.firstTimed(level); s != nil {
			next = min(next, r.timeoutAt(s))
		}
		if s := r.firstPending(&r.finals[level]); s != nil {
			next = min(next, r.finalAt(s))
		}
	}
	return next
}

// firstPending takes ended echoes off the front of q and returns the one then in front, nil if there is none.
func (r *Run) firstPending(q *queue[uint64]) *slot {
	for ; q.len() > 0; q.pop() {
		if s := r.table.get(q.front()); s != nil && s.state == probe.Pending {
			return s
		}
	}
	return nil
}

// firstTimed is firstPending for the timeouts of a level, which echoes that ended without a proof wait for too.
func (r *Run) firstTimed(level int) *slot {
	q := &r.timeouts[level]
	for ; q.len() > 0; q.pop() {
		if s := r.table.get(q.front()); s != nil && (s.state == probe.Pending || s.doubt) {
			return s
		}
	}
	return nil
}

// timeoutAt returns when the timeout of an echo passes, or when an answer in the place of an unproven end is no longer
// waited for.
func (r *Run) timeoutAt(s *slot) time.Duration {
	at := s.sent + r.timeout(int(s.level))
	if s.doubt && r.drained && r.p.QuickEnd && r.longest > 0 {
		at = min(at, r.quickEnd())
	}
	return at
}

// finalAt returns when nothing is waited for any longer. Without a Late of its own, a late answer is waited for only
// while there is something else to wait for.
func (r *Run) finalAt(s *slot) time.Duration {
	at := s.sent + r.timeout(int(s.level))
	if !r.drained || r.p.Late > 0 {
		at += r.late()
	}
	if r.drained && r.p.QuickEnd && r.longest > 0 {
		at = min(at, r.quickEnd())
	}
	return at
}

// quickEnd returns when an answer to what was sent last should have come, by the answers before. What is only about to be
// sent is later than the last call was.
func (r *Run) quickEnd() time.Duration {
	return max(r.lastSend, r.handed) + max(2*r.longest, r.p.Interval, quickLeast)
}

// quickLeast is how long this host itself may take over an answer when it has much else to do.
const quickLeast = 50 * time.Millisecond

// due returns when the next regular echo to h is due.
func (h *host) due(interval time.Duration) time.Duration {
	return h.start + time.Duration(h.sent)*interval
}

// stuck tells whether the table is full: nothing can be sent until its oldest echo ends.
func (r *Run) stuck() bool {
	if r.table.next-r.table.tail >= r.table.limit {
		r.forget(0, true)
	}
	return r.table.next-r.table.tail >= r.table.limit
}

// free returns how many echoes the window has room for. A large window is filled in batches.
func (r *Run) free(now time.Duration) int {
	free := r.p.Window - r.waiting
	if free < r.p.Window/4 {
		free = 0
	}
	if free <= 0 && now-r.lastSend >= r.p.Interval {
		free = 1
	}
	return free
}

func (r *Run) timeout(level int) time.Duration {
	if level == 0 {
		return r.p.Timeout
	}
	return time.Duration(float64(r.p.Timeout) * math.Pow(r.p.Backoff, float64(level)))
}

func (r *Run) late() time.Duration {
	if r.p.Late > 0 {
		return r.p.Late
	}
	return min(r.p.Timeout, lateMost)
}
