package flow

import (
	"bytes"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// Add takes the next packet, in the order of the capture; p.Number must be set (decode.History does). Fragments are
// passed over: add the datagram that a Defragmenter made of them. Add allocates nothing for plain progress.
func (t *Tracker) Add(p *decode.Packet) Result {
	t.Read(p, &t.own)
	return *t.AddSegment(&t.own, p.Number)
}

// AddSegment is Add for a packet that was read before, with its number. The Result is valid until the next call.
func (t *Tracker) AddSegment(g *Segment, number uint64) *Result {
	t.begin()
	t.drops += g.drops
	if !g.ok {
		return &t.result
	}
	g.number, t.number = number, number
	s := t.stream(g)
	d := Backward
	if g.forward != s.swapped {
		d = Forward
	}
	t.result.Stream, t.result.Direction = s, d
	t.segment(s, d, &g.segment)
	for t.bytes > t.cfg.Bytes && t.oldest != t.newest {
		t.giveUp(t.oldest)
	}
	return &t.result
}

// stream finds the stream of a segment, or begins one.
func (t *Tracker) stream(g *Segment) *Stream {
	forward := g.forward
	s := t.table.find(&g.key, g.hash, forward)
	if s != nil && s.again(&g.segment, forward) {
		if s.state < Closed {
			s.state = Replaced
		}
		t.leave(s)
		s = nil
	}
	if s != nil {
		if s.link() != g.key.link && !s.apart() {
			d := Backward
			if forward != s.swapped {
				d = Forward
			}
			s.handshake |= linksApart
			s.trouble(d).link = g.key.link
		}
		t.table.touch(s)
		return s
	}
	if t.table.used >= t.cfg.Streams {
		t.evict()
	}
	s = t.table.add(&g.key, g.hash)
	s.number, s.first, s.start, s.latest = t.next, g.number, g.time, g.time
	s.swapped = !forward
	if g.has(wire.SYN | wire.ACK) {
		s.swapped = forward
	}
	t.next++
	if t.cfg.Watch != nil && !t.cfg.Watch(s) {
		s.handshake |= unwatched
	}
	return s
}

// again reports whether the segment begins a new connection between the ends of s.
func (s *Stream) again(g *segment, forward bool) bool {
	if g.flags&wire.SYN == 0 || g.flags&wire.RST != 0 {
		return false
	}
	d := Backward
	if forward != s.swapped {
		d = Forward
	}
	h, o := &s.half[d], &s.half[d.Other()]
	switch {
	case h.spoils(g):
		return false
	case g.flags&wire.ACK != 0 && !h.has(based):
		return o.has(based) && o.anchored() && o.packets > 0 && o.position(g.ack) != 0 && o.position(g.ack) > o.next
	case !h.has(based):
		return s.state >= Closed || o.segments > 0
	case h.anchored():
		return h.position(g.seq) != -1
	}
	return h.position(g.seq) != -1 || s.came(d) > 8
}

// evict takes the stream that was not used for longest away.
func (t *Tracker) evict() {
	s := t.table.at(t.table.oldest)
	if s.state < Closed {
		t.lost.Streams++
		// not by say: a million streams that come and go cost nothing
		t.result.Verdicts = append(t.result.Verdicts, Verdict{Packet: t.number, Stream: s, Kind: GivenUp, Cause: StreamLimit})
	}
	t.leave(s)
}

// leave takes s out of the table and into Result.Ended.
func (t *Tracker) leave(s *Stream) {
	t.settleAll(s)
	t.table.unlink(s)
	t.leaving = append(t.leaving, s)
	t.result.Ended = t.leaving
}

// settleAll ends the records of s.
func (t *Tracker) settleAll(s *Stream) {
	for d := range s.half {
		if r := s.half[d].rec; r != nil {
			t.conclude(r)
			t.dismiss(r)
		}
	}
}

// giveUp takes a record away, for the memory.
func (t *Tracker) giveUp(r *record) {
	if h := &r.owner.half[r.direction]; h.acked < h.next {
		t.lost.Records++
	}
	t.conclude(r)
	t.skip(r.owner, r.direction, r, r.owner.half[r.direction].dataEnd(), BytesLimit)
	t.dismiss(r)
}

// conclude says what stays open in a record, and hands out what it holds.
func (t *Tracker) conclude(r *record) {
	s, d := r.owner, r.direction
	t.stale(s, d, r, 0, 0)
	for i := r.head; i < len(r.parts); i++ {
		t.confirm(s, d, r, &r.parts[i], s.latest)
	}
	for i := r.head; r.holes > 0 && i < len(r.parts); i++ {
		if p := &r.parts[i]; p.has(hole) && !p.has(missed) {
			why := NoAcknowledgment
			if r.peer.selected > p.from || r.peer.repeats > 0 {
				why = NoMore
			}
			t.undecided(s, d, r, p, why)
		}
	}
	if n := len(r.buffer.pieces); n > 0 {
		t.skip(s, d, r, r.buffer.pieces[n-1].to, NoCause)
	}
	t.end(s, d)
}

// Finish is the end of the capture: it says what stays undecided, and gives all streams as Ended.
func (t *Tracker) Finish() Result {
	t.begin()
	t.leaving = t.all()
	for _, s := range t.leaving {
		t.settleAll(s)
		t.table.unlink(s)
	}
	t.result.Ended = t.leaving
	return t.result
}

// segment takes a segment of direction d.
func (t *Tracker) segment(s *Stream, d Direction, g *segment) {
	h := &s.half[d]
	if h.spoils(g) {
		s.watch()
		t.spoilt(s, d, g)
		return
	}
	t.trust(s, d, g)
	if s.aside() && t.follow(s, d, g) {
		return
	}
	if t.twin(s, d, g) {
		return
	}
	if !t.plausible(s, d, g) {
		return
	}
	t.before = s.lastOf(d)
	s.count(d, g)
	t.marks(s, d, g)
	if g.outgoing == capture.DirectionOut && (g.ttl == 64 || g.ttl == 128 || g.ttl == 255) { // and no router before
		h.set(outgoing)
	}
	if g.flags&wire.SYN != 0 {
		t.synchronize(s, d, g)
	} else if !h.has(based) {
		h.base(g.seq, 0)
	}
	from := h.position(g.seq)
	if g.flags&wire.RST != 0 {
		t.reset(s, d, g, from)
		return
	}
	if g.flags&wire.ACK != 0 {
		t.acknowledge(s, d, g)
		t.shake(s, d, g)
	}
	if to := from + g.extent(); to > from {
		t.data(s, d, g, from, to)
	} else {
		t.empty(s, d, g, from)
	}
	if g.flags&wire.FIN != 0 && h.has(finSeen) {
		t.finish(s, d, g)
	}
	t.weigh(s, d, g)
	t.echoes(s, d, g)
}

// trust notes what is known of the checksums of a direction. One packet with a wrong one, in front of others with right
// ones, was damaged: what it said is forgotten. Is there no other, it is said as long as others are right.
func (t *Tracker) trust(s *Stream, d Direction, g *segment) {
	h := &s.half[d]
	switch {
	case g.corrupt && h.packets == 0 && !h.has(sumsLie):
		h.set(doubted)
		if t.sums {
			t.say(s, d, Verdict{Packet: g.number, Kind: Corrupt, Bytes: g.length})
		}
	case g.verified && h.has(doubted) && h.packets == 1 && !s.half[d.Other()].has(acksSeen):
		if s.trouble(d).counts[Corrupt] == 0 {
			t.say(s, d, Verdict{Packet: s.lastOf(d), Kind: Corrupt})
		}
		if h.rec != nil {
			t.dismiss(h.rec)
		}
		*h = half{packets: 1}
	case h.has(doubted) && h.packets > 0: // more of them: the sums mean nothing
		h.state &^= doubted
		if g.corrupt {
			h.set(unsummed)
		}
		if s.more != nil && s.trouble(d).counts[Corrupt] > 0 {
			t.say(s, d, Verdict{Packet: s.lastOf(d), Kind: Corrupt, Retracted: true})
		}
	}
	if !g.verified || h.has(sumsLie) {
		return
	}
	if h.has(unsummed) && !h.has(goodSum) && h.packets > fewUnsummed { // by chance, as one of 65,536 is
		h.set(sumsLie)
		return
	}
	h.set(goodSum)
	t.sums = true
}

// fewUnsummed is how many packets of a direction may be damaged before one is right.
const fewUnsummed = 3

// twin reports whether g is a packet that was seen before, and says so.
func (t *Tracker) twin(s *Stream, d Direction, g *segment) bool {
	v := Verdict{Packet: g.number, Kind: Duplicate, Bytes: g.length}
	if g.length == 0 {
		packet, at, elsewhere := t.twins.find(s, d, g)
		if packet == 0 {
			return false
		}
		v.evidence[0], v.Delay = packet, durationOf(g.time-at)
		if elsewhere {
			v.Kind = Copy
		}
	} else {
		h := &s.half[d]
		if g.seq == h.seq || h.rec == nil || !h.has(based) {
			return false
		}
		from := h.position(g.seq)
		first := h.rec.twin(g, from)
		if first.packet == 0 {
			return false
		}
		v.evidence[0], v.Delay = first.packet, durationOf(g.time-first.time)
		if first.place != g.place || first.ttl != g.ttl {
			v.Kind = Copy
		} else {
			h.rec.parts[h.rec.find(from)].is |= twice
		}
	}
	t.say(s, d, v)
	return true
}

// plausible reports whether g can be a part of the stream where it stands; else it says that it is stray.
func (t *Tracker) plausible(s *Stream, d Direction, g *segment) bool {
	h, o := &s.half[d], &s.half[d.Other()]
	if g.flags&(wire.RST|wire.ACK) == wire.RST|wire.ACK && !h.has(based) && o.anchored() && o.position(g.ack) != o.next {
		t.say(s, d, Verdict{Packet: g.number, Kind: Stray}) // it refuses a SYN that was not sent (RFC 9293, section 3.10.7.3)
		return false
	}
	if s.ofTheOneBefore(d, g) {
		t.say(s, d, Verdict{Packet: g.number, Kind: Stray, Bytes: g.length})
		return false
	}
	if !h.has(based) || g.flags&wire.SYN != 0 {
		return true
	}
	from, reach := h.position(g.seq), h.reach(o)
	if g.flags&wire.RST != 0 {
		reach = int64(o.window) + 1
		if !o.has(acksSeen) {
			reach = 1 << 30
		}
		if g.flags&wire.ACK == 0 && g.seq == 0 && h.packets == 0 { // it answers something with no acknowledgement
			return true
		}
		if from >= h.acked-1 && from <= h.next+reach {
			return true
		}
	} else if from-h.next <= reach && h.acked-from-g.extent() <= reach {
		return true
	}
	if g.flags&wire.RST == 0 {
		r := t.record(s, d)
		if r.strays > 0 && uint32(g.seq-r.strayAt) < 1<<20 {
			r.strays++
		} else {
			r.strays = 1
		}
		r.strayAt = g.seq + uint32(g.extent())
		// So many in a row are no accident, nor is one that goes on where the receiver is: the capture has a great gap.
		if r.strays >= 4 || o.has(acksSeen) && r.beyond != 0 && r.beyond-g.seq-uint32(g.extent()) < 1<<20 {
			t.leap(s, d, r, g)
			return true
		}
	}
	t.say(s, d, Verdict{Packet: g.number, Kind: Stray, Bytes: g.length})
	return false
}

// ofTheOneBefore reports whether g belongs to a connection that was before s, of which a host still knows: in TIME-WAIT
// it answers a SYN that it cannot take with what it acknowledged last, and is reset for that (RFC 9293, sections 3.10.7.3
// and 3.10.7.4). The SYN is then sent again.
func (s *Stream) ofTheOneBefore(d Direction, g *segment) bool {
	h, o := &s.half[d], &s.half[d.Other()]
	switch g.flags & (wire.SYN | wire.RST | wire.ACK) {
	case wire.ACK:
		return g.length == 0 && !h.has(based) && onlySYN(o) && !o.near(g.ack)
	case wire.RST:
		return onlySYN(h) && !o.has(based) && !h.near(g.seq)
	}
	return false
}

// onlySYN reports whether nothing but a SYN is known of a direction.
func onlySYN(h *half) bool { return h.anchored() && h.next == 0 && h.segments == 0 }

// near reports whether a number may be of this direction, though what is before it was missed.
func (h *half) near(seq uint32) bool { p := h.position(seq); return p >= h.next && p < 1<<24 }

// leap goes on at segment g, behind a gap that is too great for any window.
func (t *Tracker) leap(s *Stream, d Direction, r *record, g *segment) {
	h := &s.half[d]
	gap := int64(g.seq - h.seq) // of more than 4 GB, the rest is not told
	r.strays, r.beyond = 0, 0
	t.conclude(r)
	s.trouble(d).missing += uint64(gap)
	v := Verdict{Packet: g.number, Kind: Missed, Cause: Acknowledged, Offset: h.next, Bytes: int(gap), Places: segments(gap, h.largest)}
	v.evidence = [2]uint64{g.number, r.asking.last}
	t.say(s, d, v)
	r.push(stretch{from: h.next, to: h.next + gap, is: hole | missed | decided, last: sendOf(g)})
	h.advance(h.next + gap)
	t.skip(s, d, r, h.next, NoCause)
	h.acked = h.next
	r.acked = len(r.parts)
	t.account(r)
}

// spoilt takes a packet with a wrong checksum.
func (t *Tracker) spoilt(s *Stream, d Direction, g *segment) {
	h := &s.half[d]
	t.say(s, d, Verdict{Packet: g.number, Kind: Corrupt, Bytes: g.length})
	if from := h.position(g.seq); g.length > 0 && h.has(based) && from >= h.acked && from-h.next < h.reach(&s.half[d.Other()]) {
		t.record(s, d).order.spoil(corruptPart{from, from + int64(g.length), sendOf(g), bytes.Clone(g.payload)})
	}
}

// marks counts what routers and hosts said about congestion, and urgent data.
func (t *Tracker) marks(s *Stream, d Direction, g *segment) {
	if g.hasTimestamps {
		s.half[d].set(timestamps)
	}
	if !g.marked && g.flags&(wire.ECE|wire.CWR|wire.URG) == 0 || g.flags&wire.SYN != 0 {
		return
	}
	k := s.trouble(d)
	if g.marked {
		k.ce++
	}
	if g.flags&wire.ECE != 0 {
		k.ece++
	}
	if g.flags&wire.CWR != 0 {
		k.cwr++
	}
	if g.flags&wire.URG != 0 {
		k.urgent++
	}
}

// synchronize takes a SYN.
func (t *Tracker) synchronize(s *Stream, d Direction, g *segment) {
	h := &s.half[d]
	t.crossed = g.flags&wire.ACK != 0 && h.anchored() && !h.has(acksSeen)
	if t.firstSYN = !h.anchored(); !t.firstSYN {
		return
	}
	if h.has(based) { // others came first
		if h.position(g.seq) == -1 {
			h.set(hasSYN)
			h.announce(g)
		}
		return
	}
	h.base(g.seq, -1)
	h.set(hasSYN)
	h.announce(g)
}

// shake takes the times of the handshake.
func (t *Tracker) shake(s *Stream, d Direction, g *segment) {
	const (
		synAck = 1 << iota
		done
	)
	f, b := &s.half[Forward], &s.half[Backward]
	switch {
	case s.handshake&done != 0:
	case d == Backward && g.flags&wire.SYN != 0 && f.anchored() && s.handshake&synAck == 0:
		if f.packets == 1 && g.time > s.start {
			s.synTime = ticks(g.time - s.start)
		}
		s.handshake |= synAck
	case d == Forward && g.flags&wire.SYN == 0 && s.handshake&synAck != 0:
		if b.packets == 1 && s.synTime > 0 {
			s.ackTime = ticks(g.time - s.start - int64(s.synTime)*int64(tick))
		} else {
			s.ackTime = 0
		}
		s.handshake |= done
	}
}

// empty takes a segment without data.
func (t *Tracker) empty(s *Stream, d Direction, g *segment, from int64) {
	h := &s.half[d]
	switch {
	case from == h.next:
		if r := h.rec; r != nil {
			t.stale(s, d, r, from, from)
			r.order.take(g)
			r.order.drops = t.drops
		}
	case from > h.next: // what was before it did not come
		r := t.record(s, d)
		t.open(s, d, r, g, from)
		r.order.take(g)
		t.account(r)
	case from == h.acked-1:
		r := t.record(s, d)
		t.probe(s, d, r, g, from)
		r.order.take(g)
	}
	if g.window == 0 && g.flags&(wire.SYN|wire.FIN|wire.RST) == 0 {
		t.say(s, d, Verdict{Packet: g.number, Kind: ZeroWindow})
	}
}

// finish takes a FIN.
func (t *Tracker) finish(s *Stream, d Direction, g *segment) {
	switch {
	case s.state == Open:
		s.end(HalfOpen, d, g.number)
	case s.state == HalfOpen && s.half[d.Other()].has(finSeen):
		s.state = Closed
	}
}

// reset takes an RST, and says what it answers: the packet whose acknowledgement number it has as its sequence number,
// or the SYN that it acknowledges (RFC 9293, section 3.5.2).
func (t *Tracker) reset(s *Stream, d Direction, g *segment, from int64) {
	h, o := &s.half[d], &s.half[d.Other()]
	v := Verdict{Packet: g.number, Kind: Reset, Offset: from}
	how := WasReset
	switch {
	case g.flags&wire.ACK != 0 && o.anchored() && !h.anchored() && o.position(g.ack) == o.next:
		v.evidence[0], how = s.lastOf(d.Other()), Refused
	case g.flags&wire.ACK == 0 && s.lastOf(d.Other()) != 0 && o.has(acksSeen) && from == h.acked:
		v.evidence[0] = s.lastOf(d.Other())
	}
	h.set(rstSeen)
	if s.state < WasReset {
		s.end(how, d, g.number)
	}
	t.say(s, d, v)
}

// weigh notes what holds both directions back from now on.
func (t *Tracker) weigh(s *Stream, d Direction, g *segment) {
	if r := s.half[d].rec; r != nil && g.length > 0 {
		full := int64(s.half[d].largest)
		r.limit.short = int64(g.length)%max(full, 1) != 0 && g.flags&wire.PSH != 0 && !r.peer.repairing()
		t.held(s, d, r, g.time)
	}
	if r := s.half[d.Other()].rec; r != nil && g.flags&wire.ACK != 0 && r.limit.begun {
		t.held(s, d.Other(), r, g.time)
	}
	if g.length > 0 || g.flags&wire.FIN != 0 {
		if r := s.half[d.Other()].rec; r != nil {
			r.peer.chatty = true
		}
	}
	if r := s.half[d].rec; r != nil && g.flags&wire.ACK != 0 && g.ack == s.half[d.Other()].seq {
		r.peer.chatty = false
	}
}

func (t *Tracker) held(s *Stream, d Direction, r *record, now int64) {
	h, o := &s.half[d], &s.half[d.Other()]
	window := int64(o.window)
	if !o.has(acksSeen) || !(h.anchored() && o.anchored()) && window > 0 {
		window = 1 << 40 // not known, or its scale is not
	}
	r.limit.set(judgeLimit(h.next-h.acked, window, int64(max(h.largest, 1)), r.limit.short, r.peer.repairing()), now)
}

// echoes measures the way to the sender of direction d and back: by what it sends, and the timestamp in it that it got.
func (t *Tracker) echoes(s *Stream, d Direction, g *segment) {
	if !g.hasTimestamps || g.time == 0 {
		return
	}
	e := d.Other()
	if q := s.half[e].rec; q != nil && g.tsval != q.asking.tsval { // d acknowledges what e sends: a new value of d
		q.asking.tsval, q.asking.at = g.tsval, g.time
	}
	if r := s.half[d].rec; r != nil && r.asking.at != 0 && g.tsecr == r.asking.tsval {
		if ns := g.time - r.asking.at; ns > 0 && (r.peer.back == 0 || ns < r.peer.back) {
			r.peer.back = ns
		}
	}
}
