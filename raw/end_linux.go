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
	s.state = e.Outcome
	if s.host != nil && (e.Outcome == probe.Answered || e.Outcome == probe.Late) {
		s.host.alive = true
		e.Reordered = s.seq < s.host.heard
		s.host.heard = max(s.host.heard, s.seq)
	}
	if !s.over {
		r.again(s, e)
	}
	r.closeSlot(s, e)
	r.out = append(r.out, *e)
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
		e.Done, e.Alive = true, e.Outcome == probe.Answered || e.Outcome == probe.Late
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
	if r.p.Retries == 0 || e.Outcome == probe.Answered || e.Outcome == probe.Late || s.host != nil && s.host.alive {
		return
	}
	if e.Cause == probe.SendFailed || e.Cause == probe.NetworkError || int(s.level) >= r.p.Retries {
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
		if s := r.firstPending(&r.timeouts[level]); s != nil && now >= s.sent+r.timeout(level) {
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
		timeouts, finals := &r.timeouts[level], &r.finals[level]
		for s := r.firstPending(timeouts); s != nil && now >= s.sent+r.timeout(level); s = r.firstPending(timeouts) {
			n := timeouts.pop()
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

// remembered is how many echoes are kept at least, if they have ended, to know duplicates by: as many as a sequence number
// tells apart. More than are needed would cost the processor's caches dear.
const remembered = 1 << 16

// forget lets go of the oldest echoes that have ended: those for which no duplicate is waited for either, those beyond
// the number remembered or, when there is need, all.
func (r *Run) forget(now time.Duration, need bool) {
	for r.table.tail < r.table.next {
		s := r.table.get(r.table.tail)
		kept := !need && r.table.next-r.table.tail < remembered && now < r.finalAt(s)
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
	case s.asked && l.stamps && l.stamped > 0 && s.stamp == 0 && s.sched == 0:
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
