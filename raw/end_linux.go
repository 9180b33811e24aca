package raw

import (
	"syscall"
	"time"

	"sockwire/raw/probe"
)

// echo begins the account of echo n.
func (r *Run) echo(n uint64, s *slot) Echo {
	return Echo{Target: s.target, Index: int(s.index), Seq: int(s.seq), N: n, Sent: time.Unix(0, s.wall)}
}

// end ends an echo with what e says.
func (r *Run) end(s *slot, e *Echo) {
	s.state, s.cause = e.Outcome, e.Cause
	if answers(e.Outcome) {
		s.host.answered(s, e)
	}
	switch refused := e.Outcome == probe.Refused || e.Outcome == probe.Corrupt; {
	case !refused || s.over:
	case e.Unproven:
		s.doubt = true
		r.doubts++
	default:
		r.contested = r.clock.Now() + min(r.p.Timeout, quickLeast)
	}
	if !s.over {
		r.again(s, e)
	}
	r.closeSlot(s, e)
	r.out = append(r.out, *e)
}

// answers tells whether an outcome is that of an answer.
func answers(o probe.Outcome) bool { return o == probe.Answered || o == probe.Late }

// answered notes that an echo to h was; h may be nil.
func (h *host) answered(s *slot, e *Echo) {
	if h == nil {
		return
	}
	h.alive = true
	e.Reordered = s.seq < h.heard
	h.heard = max(h.heard, s.seq)
}

// revise puts what e says in the place of the end of an echo: proof wins over what has none, knowing over not knowing.
func (r *Run) revise(s *slot, e *Echo) {
	e.Revised, e.Was, e.WasCause = true, s.state, s.cause
	if s.cause == probe.ReceiveBuffer {
		r.report.Claimed--
	}
	r.settle(s)
	s.state, s.cause = e.Outcome, e.Cause
	h := s.host
	wasAlive := h != nil && h.alive
	if answers(e.Outcome) {
		h.answered(s, e)
		if h != nil && r.p.Retries > 0 {
			h.finished = true
		}
		// That the target is done was told before; that it is alive is new.
		e.Done, e.Alive = !wasAlive && (h == nil || h.finished && h.open == 0), true
	} else {
		e.Alive = wasAlive
	}
	r.out = append(r.out, *e)
}

// settle ends the wait for an answer to an echo that has ended without a proof.
func (r *Run) settle(s *slot) {
	if s.doubt {
		s.doubt = false
		r.doubts--
	}
}

// refuse ends an echo that could not be sent.
func (r *Run) refuse(n uint64, s *slot, errno syscall.Errno, mtu int) {
	e := r.echo(n, s)
	e.Outcome, e.Cause, e.Err, e.MTU = probe.Lost, probe.SendFailed, errno, mtu
	if errno == syscall.ENOBUFS {
		e.Cause = probe.LocalQueue
	}
	r.end(s, &e)
}

func (r *Run) closeSlot(s *slot, e *Echo) {
	r.open--
	if !s.over {
		r.waiting--
	}
	if s.host == nil {
		e.Done, e.Alive = true, answers(e.Outcome)
		return
	}
	s.host.open--
	if r.p.Retries > 0 && s.host.alive {
		s.host.finished = true
	}
	e.Done, e.Alive = s.host.finished && s.host.open == 0, s.host.alive
}

// again plans a retry for an echo that ended before its timeout without an answer. Where the network or the system
// gave a definite no, there is none; otherwise it is sent when the timeout would have passed.
func (r *Run) again(s *slot, e *Echo) {
	if r.p.Retries == 0 || answers(e.Outcome) || s.host != nil && s.host.alive {
		return
	}
	no := e.Cause == probe.SendFailed || e.Cause == probe.Unresolved || e.Cause == probe.NetworkError && !e.Unproven
	if no || int(s.level) >= r.p.Retries {
		if s.host != nil {
			s.host.finished = true
		}
		return
	}
	if s.host == nil {
		s.host = &host{target: s.target, index: s.index, sent: 1, open: 1}
	}
	s.host.start = s.sent + r.timeout(int(s.level)) - time.Duration(s.host.sent)*r.p.Interval
	r.regular.push(s.host)
}

// retry has the target of s sent another echo, if retries are left.
func (r *Run) retry(s *slot) {
	if r.p.Retries == 0 || s.host != nil && s.host.alive {
		return
	}
	if int(s.level) >= r.p.Retries {
		if s.host != nil {
			s.host.finished = true
		}
		return
	}
	if s.host == nil {
		s.host = &host{target: s.target, index: s.index, sent: 1, open: 1}
	}
	if s.host.sent == int(s.level)+1 {
		r.urgent.push(s.host)
	}
}

// expire deals with what has timed out at now.
func (r *Run) expire(now time.Duration) {
	if r.mayExpire(now) {
		r.endOverdue(r.heardUntil(now))
	}
	r.forget(now, false)
}

// mayExpire tells whether a timeout has passed.
func (r *Run) mayExpire(now time.Duration) bool {
	for level := range r.levels {
		if s := r.firstTimed(level); s != nil && now >= r.timeoutAt(s) {
			return true
		}
		if s := r.firstPending(&r.finals[level]); s != nil && now >= r.finalAt(s) {
			return true
		}
	}
	return false
}

func (r *Run) endOverdue(now time.Duration) {
	for level := range r.levels {
		finals := &r.finals[level]
		for s := r.firstTimed(level); s != nil && now >= r.timeoutAt(s); s = r.firstTimed(level) {
			n := r.timeouts[level].pop()
			if s.doubt {
				r.settle(s)
				continue
			}
			s.over = true
			r.waiting--
			r.retry(s)
			if r.p.Overdue {
				e := r.echo(n, s)
				e.Overdue = true
				r.out = append(r.out, e)
			}
		}
		s := r.firstPending(finals)
		if s == nil || now < r.finalAt(s) {
			continue
		}
		r.readDrops(now)
		for ; s != nil && now >= r.finalAt(s); s = r.firstPending(finals) {
			r.lose(finals.pop(), s, now)
		}
	}
}

// remembered is how many echoes are kept at least, if they have ended, to know duplicates and very late answers by: as many
// as a sequence number tells apart. More than are needed would cost the processor's caches dear.
const remembered = 1 << 16

// forget lets go of the oldest echoes that have ended: those for which neither a duplicate nor an answer is waited for,
// those beyond the number remembered or, when there is need, all.
func (r *Run) forget(now time.Duration, need bool) {
	for r.table.tail < r.table.next {
		s := r.table.get(r.table.tail)
		kept := !need && r.table.next-r.table.tail < remembered && (now < r.finalAt(s) || !answers(s.state))
		if s.state == probe.Pending || kept {
			return
		}
		r.table.tail++
	}
}

// lose ends an echo that nothing was heard of, and says what can be known about why.
func (r *Run) lose(n uint64, s *slot, now time.Duration) {
	e := r.echo(n, s)
	e.Outcome, e.Cause = probe.Lost, probe.Unanswered
	l := r.link(s.target)
	switch {
	case l.forgetLarge(n):
		e.Cause, e.Err = probe.SendFailed, syscall.EMSGSIZE
	case r.claimDrop(s.sent, now):
		e.Cause = probe.ReceiveBuffer
	case s.asked && l.stamps && (l.stamped > 0 || r.stamping) && s.stamp == 0 && s.sched == 0:
		e.Cause = probe.Unresolved
	case s.asked && l.stamps && l.stamped > 0 && s.stamp == 0:
		e.Cause = probe.LocalQueue
	}
	r.end(s, &e)
}

// dropWindow says that packets were lost in a receive buffer within a time, and how many are not yet accounted for.
type dropWindow struct {
	from, to time.Duration
	left     uint32
}

// claimDrop puts one packet lost in a receive buffer down as the answer to an echo sent at from.
func (r *Run) claimDrop(from, now time.Duration) bool {
	for i := range r.drops {
		w := &r.drops[i]
		if w.left > 0 && w.to >= from && w.from <= now {
			w.left--
			r.report.Claimed++
			return true
		}
	}
	return false
}

// readDrops asks the sockets how many packets they lost since they were last asked.
func (r *Run) readDrops(now time.Duration) {
	for _, l := range r.links {
		if l == nil {
			continue
		}
		if drops, err := l.conn.Drops(); err == nil {
			r.dropped(l, drops, now)
		}
	}
	keep := r.drops[:0]
	for _, w := range r.drops {
		oldest := r.table.get(r.table.tail)
		if w.left > 0 && oldest != nil && w.to >= oldest.sent {
			keep = append(keep, w)
		}
	}
	r.drops = keep
}

// dropped takes in how many packets a socket has dropped in all. An IPv6 raw socket also counts those that the kernel
// threw away for their checksum; its buffer cannot have been full if few packets were ever found waiting in it.
func (r *Run) dropped(l *link, drops uint32, now time.Duration) {
	lost := drops - l.drops
	if lost != 0 && lost < 1<<31 {
		const overhead = 1024 // bytes that a packet costs the buffer beside its own, at most
		full := 4*l.peak*(r.p.Size+overhead) >= l.conn.ReadBuffer()
		if l.codec.six && l.conn.ID() == 0 && !full {
			r.report.Damaged += uint64(lost)
		} else {
			r.drops = append(r.drops, dropWindow{l.dropsAt, now, lost})
			r.report.Drops += uint64(lost)
		}
		l.drops, l.peak = drops, 0
	}
	l.dropsAt = now
}
