package raw

import (
	"syscall"
	"time"

	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// echo begins the account of echo n.
func (f *flight) echo(n uint64, s *slot) Echo {
	return Echo{Target: s.target, Index: int(s.index), Seq: int(s.seq), N: n, Sent: time.Unix(0, s.wall)}
}

// endWith ends an echo with what e says.
func (f *flight) endWith(s *slot, e *Echo, now time.Duration) {
	s.state, s.cause = e.Outcome, e.Cause
	if answers(e.Outcome) {
		s.host.answered(s, e)
	}
	switch refused := e.Outcome == probe.Refused || e.Outcome == probe.Corrupt; {
	case !refused || s.over:
	case e.Unproven:
		s.doubt = true
		f.doubts++
	default:
		f.contested = now + min(f.p.Timeout, quickLeast)
	}
	if !s.over {
		f.retryLater(s, e)
	}
	f.closeSlot(s, e)
	f.ends = append(f.ends, *e)
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
func (f *flight) revise(s *slot, e *Echo) {
	e.Revised, e.Was, e.WasCause = true, s.state, s.cause
	if s.cause == probe.ReceiveBuffer {
		f.report.Claimed--
	}
	f.endDoubt(s)
	s.state, s.cause = e.Outcome, e.Cause
	h := s.host
	wasAlive := h != nil && h.alive
	if answers(e.Outcome) {
		h.answered(s, e)
		if h != nil && f.p.Retries > 0 {
			h.finished = true
		}
		// That the target is done was told before; that it is alive is new.
		e.Done, e.Alive = !wasAlive && (h == nil || h.finished && h.open == 0), true
	} else {
		e.Alive = wasAlive
	}
	f.ends = append(f.ends, *e)
}

// endDoubt ends the wait for an answer to an echo that has ended without a proof.
func (f *flight) endDoubt(s *slot) {
	if s.doubt {
		s.doubt = false
		f.doubts--
	}
}

// duplicatesMost is with how many ends not yet taken by the caller duplicates are only counted: a host that sends as
// many as it can is not to fill the memory of one that cannot print them as fast.
const duplicatesMost = 1 << 16

// answer takes in an answer to an echo that proves to be one, or a damaged one. e says what came, and how long it took.
func (f *flight) answer(s *slot, e *Echo, isDamaged bool, now time.Duration) {
	timeout := f.timeout(s.level)
	ended := s.state != probe.Pending
	switch {
	case answers(s.state) || ended && isDamaged:
		if len(f.ends) >= duplicatesMost {
			f.report.Duplicates++
			return
		}
		e.Duplicate, e.Outcome, e.Cause, e.Unproven = true, s.state, probe.NoCause, false
		f.ends = append(f.ends, *e)
		return
	case isDamaged:
		e.Outcome = probe.Corrupt
	case s.over, ended && e.RTT > timeout:
		e.Outcome, e.Over = probe.Late, max(now-s.sent-timeout, 0)
	default:
		e.Outcome = probe.Answered
	}
	if !e.Unproven {
		f.longest = max(f.longest, e.RTT)
	}
	if ended {
		f.revise(s, e)
		return
	}
	f.endWith(s, e, now)
}

// refused ends an echo that an ICMP error is about, or explains why nothing was heard of it. e says which and from
// whom; size is the length of the echo's IP packet, and byUs that the error is from this host.
func (f *flight) refused(s *slot, e *Echo, size int, byUs bool, now time.Duration) {
	e.Outcome, e.Cause = probe.Refused, probe.NetworkError
	if e.MTU >= size {
		e.Unproven = true // it contradicts itself: the echo was not too large for that MTU
	}
	if byUs && hostUnreachable(s.target.Is6(), e.Type, e.Code) {
		// What its routes refuse this host refuses at the send.
		e.Outcome, e.Cause = probe.Lost, probe.Unresolved
	}
	switch {
	case s.state == probe.Pending:
		f.endWith(s, e, now)
	case !e.Unproven && (s.cause == probe.Unanswered || s.doubt):
		f.revise(s, e)
	}
	// Else it is known: the error queue and the raw socket both tell.
}

func hostUnreachable(six bool, typ, code uint8) bool {
	if six {
		return typ == wire.ICMPv6Unreachable && code == wire.ICMPv6AddressUnreachable
	}
	return typ == wire.ICMPv4Unreachable && code == wire.ICMPv4HostUnreachable
}

// unsent ends an echo that could not be sent; mtu is what is known of the way's.
func (f *flight) unsent(n uint64, s *slot, errno syscall.Errno, mtu int, now time.Duration) {
	e := f.echo(n, s)
	e.Outcome, e.Cause, e.Err, e.MTU = probe.Lost, probe.SendFailed, errno, mtu
	if errno == syscall.ENOBUFS {
		e.Cause = probe.LocalQueue
	}
	f.endWith(s, &e, now)
}

func (f *flight) closeSlot(s *slot, e *Echo) {
	f.open--
	if !s.over {
		f.waiting--
	}
	if s.host == nil {
		e.Done, e.Alive = true, answers(e.Outcome)
		return
	}
	s.host.open--
	if f.p.Retries > 0 && s.host.alive {
		s.host.finished = true
	}
	e.Done, e.Alive = s.host.finished && s.host.open == 0, s.host.alive
}

// retryLater plans a retry for an echo that ended before its timeout without an answer. Where the network or the system
// gave a definite no, there is none; otherwise it is sent when the timeout would have passed.
func (f *flight) retryLater(s *slot, e *Echo) {
	if f.p.Retries == 0 || answers(e.Outcome) || s.host != nil && s.host.alive {
		return
	}
	no := e.Cause == probe.SendFailed || e.Cause == probe.Unresolved || e.Cause == probe.NetworkError && !e.Unproven
	if no {
		if s.host != nil {
			s.host.finished = true
		}
		return
	}
	if h := f.retryable(s); h != nil {
		h.start = s.sent + f.timeout(s.level) - time.Duration(h.sent)*f.p.Interval
		f.regular.push(h)
	}
}

// retry has the target of s sent another echo now, if retries are left.
func (f *flight) retry(s *slot) {
	if f.p.Retries == 0 || s.host != nil && s.host.alive {
		return
	}
	if h := f.retryable(s); h != nil && h.sent == int(s.level)+1 {
		f.urgent.push(h)
	}
}

// retryable returns the target of s if it has retries left, else nil: then it is finished.
func (f *flight) retryable(s *slot) *host {
	if int(s.level) >= f.p.Retries {
		if s.host != nil {
			s.host.finished = true
		}
		return nil
	}
	if s.host == nil {
		s.host = &host{target: s.target, index: s.index, sent: 1, open: 1}
	}
	return s.host
}

// expiring tells whether at now a timeout has passed, and whether an echo is to be given up.
func (f *flight) expiring(now time.Duration) (overdue, final bool) {
	for level := range f.levels {
		if s := f.firstTimed(level); s != nil && now >= f.timeoutAt(s) {
			overdue = true
		}
		if s := f.firstPending(level); s != nil && now >= f.finalAt(s) {
			final = true
		}
	}
	return overdue, final
}

// expire ends what is not waited for at now any longer.
func (f *flight) expire(now time.Duration) {
	for level := range f.levels {
		for s := f.firstTimed(level); s != nil && now >= f.timeoutAt(s); s = f.firstTimed(level) {
			n := f.timeouts[level].pop()
			if s.doubt {
				f.endDoubt(s)
				continue
			}
			s.over = true
			f.waiting--
			f.retry(s)
			if f.p.Overdue {
				e := f.echo(n, s)
				e.Overdue = true
				f.ends = append(f.ends, e)
			}
		}
		for s := f.firstPending(level); s != nil && now >= f.finalAt(s); s = f.firstPending(level) {
			f.lose(f.finals[level].pop(), s, now)
		}
	}
}

// remembered is how many echoes are kept at least, if they have ended, to know duplicates and very late answers by: as
// many as a sequence number tells apart. More than are needed would cost the processor's caches dear.
const remembered = 1 << 16

// forget lets go of the oldest echoes that have ended: those for which neither a duplicate nor an answer is waited for,
// those beyond the number remembered or, when there is need, all.
func (f *flight) forget(now time.Duration, need bool) {
	for f.table.tail < f.table.next {
		s := f.table.get(f.table.tail)
		kept := !need && f.table.next-f.table.tail < remembered && (now < f.finalAt(s) || !answers(s.state))
		if s.state == probe.Pending || kept {
			return
		}
		f.table.tail++
	}
}

// lose ends an echo that nothing was heard of, and says what can be known about why.
func (f *flight) lose(n uint64, s *slot, now time.Duration) {
	e := f.echo(n, s)
	e.Outcome, e.Cause = probe.Lost, probe.Unanswered
	switch {
	case s.tooLarge:
		e.Cause, e.Err = probe.SendFailed, syscall.EMSGSIZE
	case f.losses.claim(s.sent, now):
		e.Cause = probe.ReceiveBuffer
		f.report.Claimed++
	case s.asked && f.stamping && s.stamp == 0 && s.sched == 0:
		e.Cause = probe.Unresolved
	case s.asked && f.stamping && s.stamp == 0:
		e.Cause = probe.LocalQueue
	}
	f.endWith(s, &e, now)
}

// stop yields what is still on its way as Pending.
func (f *flight) stop() {
	for n := f.table.tail; n < f.table.next; n++ {
		if s := f.table.get(n); s.state == probe.Pending && s.seq > 0 {
			e := f.echo(n, s)
			s.state = probe.Lost
			f.closeSlot(s, &e)
			f.ends = append(f.ends, e)
		}
	}
}

// lost notes that n packets were lost in a receive buffer between two moments.
func (f *flight) lost(n uint32, from, to time.Duration) {
	f.losses.add(n, from, to)
	f.report.Drops += uint64(n)
}

// bufferLosses are the packets lost in receive buffers that no echo has ended for yet.
type bufferLosses struct{ windows []dropWindow }

// dropWindow says that packets were lost in a receive buffer within a time, and how many are not yet accounted for.
type dropWindow struct {
	from, to time.Duration
	left     uint32
}

func (b *bufferLosses) add(n uint32, from, to time.Duration) {
	b.windows = append(b.windows, dropWindow{from, to, n})
}

// claim puts one packet down as the answer to an echo sent at from.
func (b *bufferLosses) claim(from, now time.Duration) bool {
	for i := range b.windows {
		w := &b.windows[i]
		if w.left > 0 && w.to >= from && w.from <= now {
			w.left--
			return true
		}
	}
	return false
}

// prune forgets what was lost before the oldest echo was sent, or all if there is none.
func (b *bufferLosses) prune(oldest *slot) {
	keep := b.windows[:0]
	for _, w := range b.windows {
		if w.left > 0 && oldest != nil && w.to >= oldest.sent {
			keep = append(keep, w)
		}
	}
	b.windows = keep
}
