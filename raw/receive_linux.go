package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// receive takes in what arrives on a link until the run ends.
func (r *Run) receive(l *link) {
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
func (r *Run) pollAll() {
	for _, l := range r.links {
		if r.inline && l != nil && l.used {
			r.poll(l)
		}
	}
}

// poll takes in what has arrived on a link, without waiting.
func (r *Run) poll(l *link) {
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
func (r *Run) goesOn(err error) bool {
	switch {
	case err == nil || queued(err):
		return true
	case !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded):
		r.fail(fmt.Errorf("raw: ping: receive: %w", err))
	}
	return false
}

// takeIn takes in a batch of packets and of entries of the error queue. It tells whether there is something to do now.
func (r *Run) takeIn(l *link, nd, ne int) (useful bool) {
	now := r.now()
	r.mu.Lock()
	if l.backlog += nd; nd < len(l.data) {
		l.peak, l.backlog = max(l.peak, l.backlog), 0
		l.emptied = l.recv.Began.Sub(r.clock.Start())
	}
	// The send timestamp of an echo is queued before its answer: look at all of them first. An error may have come after
	// the answer.
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
		r.takeErrors(l)
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
		r.takeErrors(l)
	}
	useful = r.drained && r.open == 0 || r.p.Window > 0 && r.free(now.steady) > 0 || r.urgent.len() > 0
	r.mu.Unlock()
	r.announceSoon()
	return useful
}

// moment is a reading of both clocks: the run's, which nobody moves, and the system's, which the kernel stamps with.
type moment struct {
	steady time.Duration
	wall   int64
}

// now reads both clocks. If this thread was stopped between the two readings, they are not of one moment: then again.
func (r *Run) now() moment {
	const close = 3 * time.Microsecond
	for try := 0; ; try++ {
		before := r.clock.Now()
		t := time.Now()
		m := moment{t.Sub(r.clock.Start()), t.UnixNano()}
		if m.steady-before < close || try == 3 {
			return m
		}
	}
}

// takePacket takes in one received packet.
func (r *Run) takePacket(l *link, m *cmsg.Message, now moment) {
	i := &l.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	if i.Has&cmsg.Drops != 0 {
		r.dropped(l, i.Drops, now.steady)
	}
	b, from, ttl, tos := m.Buf[:m.N], m.Addr.Addr(), i.TTL, i.TOS
	options := i.Options
	badSum, size := false, len(b)
	if l.conn.headers {
		if len(b) < 20 {
			r.report.Foreign++
			return
		}
		ttl, tos = int(b[8]), int(b[1])
		header := headerLen(b)
		options = b[20:header]
		b = b[header:]
		size = len(b)
		if m.Flags&unix.MSG_TRUNC != 0 {
			// Longer than any answer to what was sent. What was cut off was under the checksum too, which so says nothing.
			size = int(binary.BigEndian.Uint16(m.Buf[2:])) - header
		} else {
			badSum = wire.Checksum(b) != 0
		}
	}
	f := l.codec.match(b, badSum, r.table.next-1)
	s := r.table.get(f.n)
	if other := r.table.get(f.alt); other != nil && l.codec.carriesProof(b, f.alt, other.target) {
		f.n, s = f.alt, other
	}
	if f.kind == foreign || s == nil || s.target.Is6() != l.codec.six {
		r.report.Foreign++
		return
	}
	if m.Scope != 0 {
		from = from.WithZone(r.local.zone(m.Scope, s.target))
	}
	if f.kind == failure {
		if f.quoted != s.target.WithZone("") || !l.codec.proofAgrees(f.quoteProof, f.n, s.target) {
			r.report.Foreign++
			return
		}
		r.refused(f.n, s, Echo{From: from, Type: f.typ, Code: f.code, MTU: f.mtu, TTL: ttl, TOS: tos, Unproven: !l.codec.proved(f.quoteProof)})
		return
	}
	v, at := l.codec.verify(&f, f.n, s.target, from)
	if v == spoofed {
		r.report.Spoofed++
		return
	}
	e := r.echo(f.n, s)
	e.From, e.TTL, e.TOS, e.Size, e.At = from, ttl, tos, size, at
	if len(options) > 0 {
		e.Options = append([]byte(nil), options...)
	}
	l.codec.contents(&f, &e)
	r.times(s, &e, i, now)
	timeout := r.timeout(int(s.level))
	switch {
	case answers(s.state) || s.state != probe.Pending && v == damaged:
		e.Duplicate = true
		e.Outcome = s.state
		r.out = append(r.out, e)
		return
	case v == damaged:
		e.Outcome, e.Cause = probe.Corrupt, probe.BadPayload
		if f.badSum {
			e.Cause = probe.BadChecksum
		}
		e.Unproven = !l.codec.carriesCookie(b, f.n, s.target)
	case s.over, s.state != probe.Pending && e.RTT > timeout:
		e.Outcome, e.Over = probe.Late, max(now.steady-s.sent-timeout, 0)
	default:
		e.Outcome = probe.Answered
	}
	if s.state != probe.Pending {
		r.revise(s, &e)
		return
	}
	r.longest = max(r.longest, e.RTT)
	r.end(s, &e)
}

// contents reads what other messages than echoes bring back.
func (c *codec) contents(f *found, e *Echo) {
	b := f.message
	switch c.message {
	case TimestampRequest:
		if len(b) >= icmpHeader+12 {
			for i := range e.Times {
				p := b[icmpHeader+4*i:]
				e.Times[i] = uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
			}
		}
	case ExtendedEcho:
		e.State = b[1]<<4 | b[7]&7
		e.Code = b[1]
	}
}

// refused ends an echo that an ICMP error is about, or explains why nothing was heard of it.
func (r *Run) refused(n uint64, s *slot, about Echo) {
	e := r.echo(n, s)
	e.From, e.Type, e.Code, e.MTU, e.Err, e.Local, e.TTL, e.TOS = about.From, about.Type, about.Code, about.MTU, about.Err, about.Local, about.TTL, about.TOS
	e.Outcome, e.Cause = probe.Refused, probe.NetworkError
	// An error contradicts itself if it says that the echo was too large for an MTU that it fits.
	e.Unproven = about.Unproven || about.MTU >= r.packetSize(s)
	if r.unresolved(s, &e) {
		e.Outcome, e.Cause = probe.Lost, probe.Unresolved
	}
	switch {
	case s.state == probe.Pending:
		r.end(s, &e)
	case !e.Unproven && (s.cause == probe.Unanswered || s.doubt):
		r.revise(s, &e)
	}
	// Else it is known: the error queue and the raw socket both tell.
}

// packetSize is the length of the IP packet of an echo.
func (r *Run) packetSize(s *slot) int {
	header := ipv4.HeaderLen + len(r.p.Options)
	if s.target.Is6() {
		header = ipv6.HeaderLen
	}
	return header + len(r.link(s.target).codec.template)
}

// unresolved tells whether an ICMP error is this host's own word that it has not found the link-layer address of the next
// hop: what its routes refuse it refuses at the send.
func (r *Run) unresolved(s *slot, e *Echo) bool {
	if !e.From.IsValid() || !r.local.own(e.From) || e.From.WithZone("") == s.target.WithZone("") {
		return false
	}
	if s.target.Is6() {
		return e.Type == wire.ICMPv6Unreachable && e.Code == 3
	}
	return e.Type == wire.ICMPv4Unreachable && e.Code == 1
}

// takeStamp takes in one entry of the error queue if it is a send timestamp.
func (r *Run) takeStamp(l *link, m *cmsg.Message, now moment) bool {
	i := &l.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	at, id, ok := i.Error.Timestamp()
	if i.Has&cmsg.Errors == 0 || !ok {
		return false
	}
	last := r.table.next - 1
	n := last - uint64(uint32(last)-id)
	s := r.table.get(n)
	if s != nil && i.Has&cmsg.RxSoftware != 0 {
		r.stamp(l, n, s, at, i.Software.UnixNano(), now)
	}
	if s != nil && i.Has&cmsg.RxHardware != 0 && at == cmsg.StampSent {
		s.hard = i.Hardware.UnixNano()
	}
	return true
}

// takeErrors takes in the entries of the error queue that were put aside.
func (r *Run) takeErrors(l *link) {
	for _, i := range l.icmp {
		r.takeError(l, &l.errs[i])
	}
	l.icmp = l.icmp[:0]
}

// takeError takes in one entry of the error queue that is no send timestamp.
func (r *Run) takeError(l *link, m *cmsg.Message) {
	i := &l.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	if i.Has&cmsg.Errors == 0 {
		return
	}
	last := r.table.next - 1
	if i.Error.Origin == cmsg.OriginLocal && i.Error.Errno == syscall.EMSGSIZE && m.N == 0 {
		r.tooLarge(l, pathMTU{m.Addr.Addr(), i.Error.MTU()})
		return
	}
	f := l.codec.matchQuote(m.Buf[:m.N], last, found{})
	s := r.table.get(f.n)
	if f.kind != failure || s == nil || m.Addr.Addr() != s.target.WithZone("") || !l.codec.proofAgrees(f.quoteProof, f.n, s.target) {
		if i.Error.Origin == cmsg.OriginICMP || i.Error.Origin == cmsg.OriginICMPv6 {
			r.report.Foreign++
		}
		return
	}
	e := Echo{From: i.Error.Offender, Type: i.Error.Type, Code: i.Error.Code, MTU: i.Error.MTU(), Err: i.Error.Errno,
		Local: i.Error.Origin == cmsg.OriginLocal, Unproven: i.Error.Origin != cmsg.OriginLocal && !l.codec.proved(f.quoteProof)}
	if i.Error.OffenderScope != 0 {
		e.From = e.From.WithZone(r.local.zone(i.Error.OffenderScope, s.target))
	}
	if !e.Local && !l.codec.isError(e.Type) {
		return
	}
	r.refused(f.n, s, e)
}

// stamp notes when the kernel passed an echo on.
func (r *Run) stamp(l *link, n uint64, s *slot, at cmsg.Stamp, wall int64, now moment) {
	switch at {
	case cmsg.StampScheduled:
		s.sched = wall
	case cmsg.StampSent:
		if s.stamp == 0 && !s.byCall {
			queued := time.Duration(wall - s.wall)
			if queued < 0 || queued > now.steady-s.sent {
				queued = 0 // the system's clock was moved
			}
			r.pace.Sent(s.sent + queued)
		}
		s.stamp = wall
	}
	l.stamped = max(l.stamped, n)
}

// times works out the round trip of an answer. Kernel timestamps are readings of the system's clock, which may have
// been moved since the echo was sent: then, or if they contradict this process's own clock, they are not used.
func (r *Run) times(s *slot, e *Echo, i *cmsg.Info, now moment) {
	var received int64
	if i.Has&cmsg.RxSoftware != 0 {
		received = i.Software.UnixNano()
	}
	var stepped bool
	e.Total = now.steady - s.sent
	e.RTT, e.Source, e.Split, stepped = roundTrip(moment{s.sent, s.wall}, s.stamp, received, now)
	if stepped {
		r.report.ClockSteps++
	}
	if e.Source == TimeKernel && s.hard != 0 && i.Has&cmsg.RxHardware != 0 {
		if rtt, ok := hardwareTrip(s.hard, i.Hardware.UnixNano(), e.RTT); ok {
			e.RTT, e.Split.Network, e.Source = rtt, rtt, TimeHardware
			r.devices.note(i.Ifindex)
		}
	}
}

// hardwareTrip works out a round trip from a device's stamps of the send and of the reception. It lies within the one that
// the kernel stamped; if not, the stamps are of two devices whose clocks differ, or of a clock that was set, and say nothing.
func hardwareTrip(sent, received int64, kernel time.Duration) (rtt time.Duration, ok bool) {
	const tolerance = time.Microsecond
	rtt = time.Duration(received - sent)
	return rtt, rtt >= 0 && rtt <= kernel+kernel/500+tolerance
}

// roundTrip works out how long a round trip took and where, from the moments of the call and of the read in this
// process, and the kernel's stamps of the send and of the reception, 0 where there is none.
func roundTrip(call moment, sent, received int64, read moment) (rtt time.Duration, source TimeSource, split Split, stepped bool) {
	const tolerance = 20 * time.Microsecond // between two readings of two clocks
	whole := read.steady - call.steady
	if received == 0 {
		return whole, TimeProcess, split, false
	}
	slack := tolerance + whole/500 // clocks are slewed by up to 500 parts in a million
	moved := time.Duration(read.wall-call.wall) - whole
	if sent > received {
		// The kernel hands back a copy of what this host sends to a group that it is in, and so answers, before the device
		// has got the echo. If the clock was moved instead, the other readings show it.
		sent = 0
	}
	from := sent
	if sent == 0 {
		from = call.wall
	}
	network := time.Duration(received - from)
	if moved > slack || moved < -slack || network < 0 || network > whole+slack || received > read.wall+int64(slack) || from < call.wall-int64(slack) {
		return whole, TimeProcess, split, true
	}
	split.Receive = max(time.Duration(read.wall-received), 0)
	if sent == 0 {
		return network, TimeProcess, split, false
	}
	split.Queue = max(time.Duration(sent-call.wall), 0)
	split.Network = network
	return network, TimeKernel, split, false
}
