package raw

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
)

const (
	burstMost = 64 // echoes made up for at once by Gap's timetable
	catchUp   = 3  // intervals that one target makes up for at once

	stampsMost = 20_000 // echoes per second up to which StampsAuto has each stamped
	sampled    = 16     // beyond that, one of so many
)

// prepare takes what is due at now, enters it in the table and writes the messages. It returns how many there are.
func (r *Run) prepare() (n int) {
	// One reading gives both clocks; what is compared with the kernel's stamps must be of the same instant.
	call := r.now()
	now := call.steady
	if r.idle {
		r.schedule.Rest(now)
	}
	room := r.schedule.Due(now)
	if r.p.Gap == 0 {
		room = sendBatch
	}
	if r.p.Window > 0 {
		room = min(room, r.free(now))
	}
	for _, l := range r.links {
		if l != nil {
			room = min(room, cap(l.out))
			l.out, l.outN = l.out[:0], l.outN[:0]
		}
	}
	for n < room && r.one(call) {
		n++
	}
	r.idle = n < room
	if n > 0 {
		if r.firstSend == 0 {
			r.firstSend = now
		}
		r.lastSend = now
		if r.p.Gap > 0 {
			r.schedule.Take(n)
		}
	}
	return n
}

// one enters one echo, if one is due.
func (r *Run) one(call moment) bool {
	now := call.steady
	if r.stuck() {
		return false
	}
	var h *host
	switch {
	case r.urgent.len() > 0:
		h = r.urgent.pop()
	case r.regular.len() > 0 && (r.p.Window > 0 || r.regular.front().due(r.p.Interval) <= now):
		h = r.regular.pop()
		if behind := now - h.due(r.p.Interval); r.p.Window == 0 && behind > catchUp*r.p.Interval {
			h.start += behind
			r.report.Slipped += behind
		}
	default:
		return r.fromFeed(call)
	}
	if h.alive && r.p.Retries > 0 {
		// A late answer came while the retry waited for its turn.
		h.finished = true
		return r.one(call)
	}
	r.begin(h.target, h, h.index, call)
	return true
}

// fromFeed begins the next target, if one is there.
func (r *Run) fromFeed(call moment) bool {
	select {
	case target := <-r.feed:
		target = target.Unmap()
		index := r.fresh
		r.fresh++
		var h *host
		if r.p.Count != 1 {
			h = &host{target: target, index: index, start: call.steady}
		}
		r.begin(target, h, index, call)
		return true
	default:
		return false
	}
}

// begin enters an echo to the target in the table and its message in the family's batch.
func (r *Run) begin(target netip.Addr, h *host, index uint32, call moment) {
	s, n, _ := r.table.add()
	s.target, s.host, s.index, s.sent, s.wall, s.seq = target, h, index, call.steady, call.wall, 1
	r.several = r.several || r.p.Broadcast || target.IsMulticast()
	r.rate.add(call.steady, 1)
	if h != nil {
		h.sent++
		h.open++
		s.seq = uint32(h.sent)
		if r.p.Retries > 0 {
			s.level = uint8(h.sent - 1)
		}
		r.plan(h)
	}
	r.waiting++
	r.open++
	r.levels = max(r.levels, int(s.level)+1)
	r.timeouts[s.level].push(n)
	r.finals[s.level].push(n)
	l := r.link(target)
	if l == nil {
		r.refuse(n, s, syscall.EAFNOSUPPORT, 0)
		return
	}
	l.used = true
	i := len(l.out)
	l.out, l.outN = l.out[:i+1], append(l.outN, n)
	m := &l.out[i]
	m.Buf = l.codec.build(m.Buf, n, target)
	m.Addr = netip.AddrPortFrom(target.WithZone(""), 0)
	m.Scope = r.local.scope(target.Zone())
	m.OOB = m.OOB[:0]
	if l.codec.six && r.p.FlowLabel != 0 {
		m.OOB = cmsg.AppendFlowInfo(m.OOB, r.p.FlowLabel)
	}
	if s.asked = l.stamps && r.stampNow(n); s.asked {
		m.OOB = cmsg.AppendTimestampID(cmsg.AppendTimestamping(m.OOB, r.devices.wanted()), uint32(n))
	}
	s.byCall = !s.asked || r.report.Unstamped > 0
}

// stampNow tells whether the kernel is asked to stamp echo n.
func (r *Run) stampNow(n uint64) bool {
	if r.p.Stamps == StampsAuto && r.rate.perSecond() > stampsMost && n%sampled != 0 {
		r.report.Unstamped++
		return false
	}
	return true
}

// plan queues the next echo to h, if there is to be one.
func (r *Run) plan(h *host) {
	switch {
	case r.p.Count == 1:
		// Retries are planned when a timeout passes.
	case r.p.Count > 0 && h.sent >= r.p.Count:
		h.finished = true
	case h.sent < r.p.Preload:
		r.urgent.push(h)
		h.start -= r.p.Interval // the timetable goes on one interval after the start
	default:
		r.regular.push(h)
	}
}

func (r *Run) transmitAll() {
	for _, l := range r.links {
		if l != nil && len(l.out) > 0 {
			r.transmit(l)
		}
	}
}

// transmit sends the batch of a link. A message that cannot be sent has ended; those behind it go on.
func (r *Run) transmit(l *link) {
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
		if errno == syscall.EINVAL && l.codec.six && r.p.FlowLabel != 0 && !l.leased {
			// Where somebody has a label for himself, all others have to ask for theirs.
			l.leased = true
			if errno = leaseFlowLabel(l.conn, r.p.FlowLabel, ms[0].Addr.Addr(), labelAnybody); errno == 0 {
				continue
			}
		}
		if errno == syscall.EINVAL && l.stamps && l.stamped == 0 && len(ms[0].OOB) > 0 {
			r.unstamp(l, ms)
			continue
		}
		// An ICMP error about an earlier echo fails one send after it.
		if tries < 3 && queued(err) {
			tries++
			continue
		}
		if full := errno == syscall.ENOBUFS && l.conn.sendBufferFull(); full || errno == syscall.ENOBUFS && l.filled {
			// Of a raw socket the kernel says this too, not only of a queue that throws away. If the buffer has been full,
			// it may have been, and have room now.
			l.filled = full
			if full && !r.awaitRoom(l, ns) {
				return
			}
			continue
		}
		tries = 0
		r.mu.Lock()
		if s := r.table.get(ns[0]); s != nil && s.state == probe.Pending {
			r.unsent(l, ns[0], s, errno)
		}
		r.mu.Unlock()
		ms, ns = ms[1:], ns[1:]
	}
}

// awaitRoom waits a while for room in the send buffer, where echoes lie whose next hop is still looked for, and goes on
// with the rest of the run meanwhile. It returns false if the run has ended.
func (r *Run) awaitRoom(l *link, unsent []uint64) bool {
	const most = 50 * time.Millisecond // so that what times out meanwhile is told
	if r.ctx.Err() != nil {
		return false
	}
	r.pollAll()
	now := r.now()
	r.mu.Lock()
	for _, n := range unsent {
		// It leaves now at the earliest, and its time runs from then on.
		if s := r.table.get(n); s != nil {
			s.sent, s.wall = now.steady, now.wall
		}
	}
	r.lastSend = now.steady
	r.expire(now.steady)
	r.mu.Unlock()
	r.announce()
	l.awaitRoom(most)
	return true
}

// unstamp gives up send timestamps: this kernel does not let the sender number them.
func (r *Run) unstamp(l *link, ms []cmsg.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.stamps = false
	r.report.Warnings = append(r.report.Warnings, "this kernel has no numbered send timestamps (Linux 6.13 has): times are from the call on")
	for i := range ms {
		ms[i].OOB = ms[i].OOB[:0]
		if l.codec.six && r.p.FlowLabel != 0 {
			ms[i].OOB = cmsg.AppendFlowInfo(ms[i].OOB, r.p.FlowLabel)
		}
	}
}

// sent counts echoes for the pace that are not counted by their stamp. Those of one call are put at even distances from
// its begin to its end.
func (r *Run) sent(ns []uint64, before time.Duration) {
	if len(ns) == 0 {
		return
	}
	after := r.clock.Now()
	step := (after - before) / time.Duration(len(ns))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handed = after
	for i, n := range ns {
		if s := r.table.get(n); s != nil && s.byCall {
			r.pace.Sent(before + time.Duration(i)*step)
		}
	}
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
