package raw

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
)

// launch begins the echoes that are due, with their messages in the batch of each family. It returns how many there
// are.
func (r *run) launch() (n int) {
	// One reading gives both clocks; what is compared with the kernel's stamps must be of the same instant.
	call := r.now()
	room := r.flight.room(call.Steady)
	for _, l := range r.links {
		room = min(room, cap(l.out))
		l.out, l.outN = l.out[:0], l.outN[:0]
	}
	for n < room && !r.flight.full() && r.launchOne(call) {
		n++
	}
	r.flight.sending(n, room, call.Steady)
	return n
}

// launchOne begins one echo, if one is due.
func (r *run) launchOne(call Reading) bool {
	s, n, ok := r.flight.again(call)
	if !ok {
		select {
		case target := <-r.feed:
			s, n = r.flight.first(target, call)
		default:
			return false
		}
	}
	l := r.link(s.target)
	if l == nil {
		r.flight.unsent(n, s, syscall.EAFNOSUPPORT, 0, call.Steady)
		return true
	}
	var stamps cmsg.Set
	if s.asked = l.stamps && r.flight.stampNow(n); s.asked {
		stamps = r.devices.wanted()
	}
	s.byCall = !s.asked || r.flight.report.Unstamped > 0
	l.put(n, s.target, r.local.scope(s.target.Zone()), r.flight.p.FlowLabel, stamps)
	return true
}

func (r *run) transmitAll() {
	for _, l := range r.links {
		if len(l.out) > 0 {
			r.transmit(l)
		}
	}
}

// transmit sends the batch of a link. A message that cannot be sent has ended; those behind it go on.
func (r *run) transmit(l *link) {
	ms, ns := l.out, l.outN
	for tries := 0; len(ms) > 0; {
		before := r.clock.Now()
		k, err := l.send.TrySend(ms)
		r.sent(ns[:k], before)
		ms, ns = ms[k:], ns[k:]
		if k > 0 {
			tries = 0
		}
		if err == nil {
			if len(ms) > 0 && !r.awaitRoom(l, ns) {
				return
			}
			continue
		}
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			if r.ctx.Err() == nil {
				r.fail(fmt.Errorf("raw: ping: %w", err))
			}
			return
		}
		if errno == syscall.EINVAL && l.codec.six && r.flight.p.FlowLabel != 0 && !l.leased {
			// Where somebody has a label for himself, all others have to ask for theirs.
			l.leased = true
			if errno = leaseFlowLabel(l.conn, r.flight.p.FlowLabel, ms[0].Addr.Addr(), labelAnybody); errno == 0 {
				continue
			}
		}
		if errno == syscall.EINVAL && l.stamps && len(ms[0].OOB) > 0 && r.unstamp(l, ms, ns) {
			continue
		}
		// An ICMP error about an earlier echo fails one send after it.
		if tries < 3 && cmsg.Earlier(err) {
			tries++
			continue
		}
		if full := errno == syscall.ENOBUFS && l.conn.sendBufferFull(); full || errno == syscall.ENOBUFS && l.filled {
			// Of a raw socket the kernel says this too, not only of a queue that throws away. If the buffer has been
			// full, it may have been, and have room now.
			l.filled = full
			if full && !r.awaitRoom(l, ns) {
				return
			}
			continue
		}
		tries = 0
		r.mu.Lock()
		if s := r.flight.table.get(ns[0]); s != nil && s.state == probe.Pending {
			r.unsent(l, ns[0], s, errno)
		}
		r.mu.Unlock()
		ms, ns = ms[1:], ns[1:]
	}
}

// awaitRoom waits a while for room in the send buffer, where echoes lie whose next hop is still looked for, and goes on
// with the rest of the run meanwhile. It returns false if the run has ended.
func (r *run) awaitRoom(l *link, unsent []uint64) bool {
	const most = 50 * time.Millisecond // so that what times out meanwhile is told
	if r.ctx.Err() != nil {
		return false
	}
	r.pollAll()
	now := r.now()
	r.mu.Lock()
	r.flight.retime(unsent, now)
	r.expire(now.Steady)
	r.mu.Unlock()
	r.announce(1)
	l.awaitRoom(most)
	return true
}

// unstamp gives up send timestamps, if there never was one: this kernel does not let the sender number them.
func (r *run) unstamp(l *link, ms []cmsg.Message, ns []uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight.stamped {
		return false
	}
	l.stamps = false
	r.warnings = append(r.warnings, "this kernel has no numbered send timestamps (Linux 6.13 has): times are from the call on")
	for i := range ms {
		ms[i].OOB = ms[i].OOB[:0]
		if l.codec.six && r.flight.p.FlowLabel != 0 {
			ms[i].OOB = cmsg.AppendFlowInfo(ms[i].OOB, r.flight.p.FlowLabel)
		}
		if s := r.flight.table.get(ns[i]); s != nil {
			s.asked, s.byCall = false, true
		}
	}
	return true
}

// sent counts what was sent by a call that began at a time.
func (r *run) sent(ns []uint64, before time.Duration) {
	after := r.clock.Now()
	r.mu.Lock()
	r.flight.sent(ns, before, after)
	r.mu.Unlock()
}

// unsent ends an echo that the system refused to send. One that is too large waits for the entry of the error queue
// that tells the path's MTU, if that was not read before; without it the echo ends when its answer would be overdue.
func (r *run) unsent(l *link, n uint64, s *slot, errno syscall.Errno) {
	now := r.clock.Now()
	if errno != syscall.EMSGSIZE {
		r.flight.unsent(n, s, errno, 0, now)
		return
	}
	if mtu, ok := l.paths.take(s.target.WithZone("")); ok {
		r.flight.unsent(n, s, errno, mtu, now)
		return
	}
	s.tooLarge = true
	l.paths.large = append(l.paths.large, n)
}

// tooLarge takes in an entry of the error queue about a message that was too large to be sent.
func (r *run) tooLarge(l *link, m pathMTU, now time.Duration) {
	waiting := l.paths.large
	for i, n := range waiting {
		s := r.flight.table.get(n)
		if s == nil || s.state != probe.Pending || s.target.WithZone("") != m.target {
			continue
		}
		l.paths.large = slices.Delete(waiting, i, i+1)
		r.flight.unsent(n, s, syscall.EMSGSIZE, m.mtu, now)
		return
	}
	l.paths.large = slices.DeleteFunc(waiting, func(n uint64) bool {
		s := r.flight.table.get(n)
		return s == nil || s.state != probe.Pending
	})
	l.paths.tell(m)
}
