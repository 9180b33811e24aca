package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
)

// receive takes in what arrives on a link until the run ends.
func (r *run) receive(l *link) {
	for {
		nd, ne, err := l.recv.ReceiveBoth(l.data, l.errs)
		if useful := r.takeIn(l, nd, ne); useful {
			r.nudge()
		}
		if !r.goesOn(err) {
			return
		}
	}
}

// pollAll takes in what has arrived, if no other goroutine does.
func (r *run) pollAll() {
	for _, l := range r.links {
		if r.inline && l.used {
			r.poll(l)
		}
	}
}

// poll takes in what has arrived on a link, without waiting.
func (r *run) poll(l *link) {
	for {
		nd, ne, err := l.recv.TryReceiveBoth(l.data, l.errs)
		if nd+ne > 0 {
			r.takeIn(l, nd, ne)
		}
		if !r.goesOn(err) || nd < len(l.data) {
			return
		}
	}
}

// goesOn tells whether an error of receiving leaves the socket usable; one that ends the run is told to the caller.
func (r *run) goesOn(err error) bool {
	switch {
	case err == nil || cmsg.Earlier(err):
		return true
	case !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded):
		r.fail(fmt.Errorf("raw: ping: receive: %w", err))
	}
	return false
}

// takeIn takes in a batch of packets and of entries of the error queue. It tells whether there is something to do now.
func (r *run) takeIn(l *link, nd, ne int) (useful bool) {
	now := r.now()
	r.mu.Lock()
	l.took(nd, l.recv.Began.Sub(r.clock.Start()))
	// The send timestamp of an echo is queued before its answer: look at all of them first. An error may have come
	// after the answer.
	for {
		l.icmp = l.icmp[:0]
		for i := range l.errs[:ne] {
			if !r.takeStamp(l, &l.errs[i], now) {
				l.icmp = append(l.icmp, i)
			}
		}
		if ne < len(l.errs) {
			break
		}
		r.takeErrors(l, now)
		if ne, _ = l.recv.TryReceiveErrors(l.errs); ne == 0 {
			break
		}
	}
	for i := range l.data[:nd] {
		r.takePacket(l, &l.data[i], now)
	}
	if len(l.icmp) > 0 {
		// The packets were looked at before the error queue: an answer may have come between, before the error.
		nd, _ = l.recv.TryReceive(l.data)
		for i := range l.data[:nd] {
			r.takePacket(l, &l.data[i], now)
		}
		r.takeErrors(l, now)
	}
	useful = r.flight.turn(now.Steady)
	r.mu.Unlock()
	r.announceSoon()
	return useful
}

// now reads both clocks. If this thread was stopped between the two readings, they are not of one moment: then again.
func (r *run) now() Reading {
	const close = 3 * time.Microsecond
	for try := 0; ; try++ {
		before := r.clock.Now()
		t := time.Now()
		m := Reading{t.Sub(r.clock.Start()), t.UnixNano()}
		if m.Steady-before < close || try == 3 {
			return m
		}
	}
}

// takePacket takes in one received packet.
func (r *run) takePacket(l *link, m *cmsg.Message, now Reading) {
	f := &r.flight
	a, ok := l.read(m)
	if l.info.Has&cmsg.Drops != 0 {
		r.dropped(l, l.info.Drops, now.Steady)
	}
	if !ok {
		f.report.Foreign++
		return
	}
	found := l.codec.match(a.message, a.badSum, f.table.last())
	s := f.table.get(found.n)
	if other := f.table.get(found.alt); other != nil && l.codec.carriesProof(a.message, found.alt, other.target) {
		found.n, s = found.alt, other
	}
	if found.kind == foreign || s == nil || s.target.Is6() != l.codec.six {
		f.report.Foreign++
		return
	}
	from := a.from
	if a.scope != 0 {
		from = from.WithZone(r.local.zone(a.scope, s.target))
	}
	if found.kind == failure {
		if found.quoted != s.target.WithZone("") || !l.codec.proofAgrees(found.quoteProof, found.n, s.target) {
			f.report.Foreign++
			return
		}
		e := f.echo(found.n, s)
		e.From, e.TTL, e.TOS = from, a.ttl, a.tos
		e.Type, e.Code, e.MTU, e.Unproven = found.typ, found.code, found.mtu, !l.codec.proved(found.quoteProof)
		r.refused(l, s, &e, now)
		return
	}
	v, at := l.codec.verify(&found, found.n, s.target, from)
	if v == spoofed {
		f.report.Spoofed++
		return
	}
	e := f.echo(found.n, s)
	e.From, e.TTL, e.TOS, e.Size, e.At = from, a.ttl, a.tos, a.size, at
	if len(a.options) > 0 {
		e.Options = append([]byte(nil), a.options...)
	}
	l.codec.contents(&found, &e)
	f.trip(s, &e, a.received, now)
	r.devices.trip(s, &e, &l.info)
	if v == damaged {
		e.Cause = probe.BadPayload
		if found.badSum {
			e.Cause = probe.BadChecksum
		}
		e.Unproven = !l.codec.carriesCookie(a.message, found.n, s.target)
	}
	f.answer(s, &e, v == damaged, now.Steady)
}

// refused takes in an ICMP error, of which e says all that is known.
func (r *run) refused(l *link, s *slot, e *Echo, now Reading) {
	byUs := e.From.IsValid() && r.local.own(e.From) && e.From.WithZone("") != s.target.WithZone("")
	r.flight.refused(s, e, l.packetSize(len(r.flight.p.Options)), byUs, now.Steady)
}

// contents reads what other messages than echoes bring back.
func (c *codec) contents(f *found, e *Echo) {
	b := f.message
	switch c.message {
	case TimestampRequest:
		if len(b) >= icmpHeader+12 {
			for i := range e.Times {
				e.Times[i] = binary.BigEndian.Uint32(b[icmpHeader+4*i:])
			}
		}
	case ExtendedEcho:
		e.State = b[1]<<4 | b[7]&7
		e.Code = b[1]
	}
}

// takeStamp takes in one entry of the error queue if it is a send timestamp.
func (r *run) takeStamp(l *link, m *cmsg.Message, now Reading) bool {
	i := &l.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	at, id, ok := i.Error.Timestamp()
	if i.Has&cmsg.Errors == 0 || !ok {
		return false
	}
	last := r.flight.table.last()
	s := r.flight.table.get(last - uint64(uint32(last)-id))
	switch {
	case s == nil:
	case at == cmsg.StampScheduled && i.Has&cmsg.RxSoftware != 0:
		r.flight.stampScheduled(s, i.Software.UnixNano())
	case at == cmsg.StampSent:
		if i.Has&cmsg.RxSoftware != 0 {
			r.flight.stampSent(s, i.Software.UnixNano(), now)
		}
		if i.Has&cmsg.RxHardware != 0 {
			s.hard = i.Hardware.UnixNano()
		}
	}
	return true
}

// takeErrors takes in the entries of the error queue that were put aside.
func (r *run) takeErrors(l *link, now Reading) {
	for _, i := range l.icmp {
		r.takeError(l, &l.errs[i], now)
	}
	l.icmp = l.icmp[:0]
}

// takeError takes in one entry of the error queue that is no send timestamp.
func (r *run) takeError(l *link, m *cmsg.Message, now Reading) {
	i := &l.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	if i.Has&cmsg.Errors == 0 {
		return
	}
	if i.Error.Origin == cmsg.OriginLocal && i.Error.Errno == syscall.EMSGSIZE && m.N == 0 {
		r.tooLarge(l, pathMTU{m.Addr.Addr(), i.Error.MTU()}, now.Steady)
		return
	}
	found := l.codec.matchQuote(m.Buf[:m.N], r.flight.table.last(), found{})
	s := r.flight.table.get(found.n)
	if found.kind != failure || s == nil || m.Addr.Addr() != s.target.WithZone("") ||
		!l.codec.proofAgrees(found.quoteProof, found.n, s.target) {
		if i.Error.Origin == cmsg.OriginICMP || i.Error.Origin == cmsg.OriginICMPv6 {
			r.flight.report.Foreign++
		}
		return
	}
	local := i.Error.Origin == cmsg.OriginLocal
	e := r.flight.echo(found.n, s)
	e.From, e.Type, e.Code, e.MTU = i.Error.Offender, i.Error.Type, i.Error.Code, i.Error.MTU()
	e.Err, e.Local, e.Unproven = i.Error.Errno, local, !local && !l.codec.proved(found.quoteProof)
	if i.Error.OffenderScope != 0 {
		e.From = e.From.WithZone(r.local.zone(i.Error.OffenderScope, s.target))
	}
	if !local && !l.codec.isError(e.Type) {
		return
	}
	r.refused(l, s, &e, now)
}
