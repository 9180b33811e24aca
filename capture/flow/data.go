package flow

import "sockwire/raw/wire"

// data takes what segment g of direction d brings: bytes, a SYN or a FIN. from is its position.
func (t *Tracker) data(s *Stream, d Direction, g *segment, from, to int64) {
	h := &s.half[d]
	if g.flags&(wire.SYN|wire.FIN) == wire.SYN && g.length == 0 && h.rec == nil {
		if from == h.next {
			h.advance(to)
			return
		}
		if t.crossed {
			return
		}
		if t.firstSYN && to == 0 { // the answer was captured before it
			v := Verdict{Packet: g.number, Kind: Reordered, Cause: Acknowledged}
			v.evidence[0] = s.lastOf(d.Other())
			t.say(s, d, v)
			return
		}
		t.recall(s, d, from, to)
	}
	r := t.record(s, d)
	if r.fresh > 0 {
		t.stale(s, d, r, from, to)
	}
	switch {
	case from >= h.next:
		t.progress(s, d, r, g, from, to)
	case to <= h.next && from >= h.acked-1 && t.probe(s, d, r, g, from):
		return
	default:
		t.behind(s, d, r, g, from, to)
	}
	if flight := h.next - h.acked; flight > int64(h.flight) {
		h.flight = uint32(min(flight, 1<<32-1))
	}
	if g.flags&wire.FIN != 0 && to == h.next {
		h.set(finSeen)
	}
	if g.length > 0 {
		t.fills(s, d, g, to)
		at := from
		if g.flags&wire.SYN != 0 {
			at++
		}
		t.deliver(s, d, r, g, at)
	}
	t.end(s, d)
	r.peer.sent = g.time
}

// recall makes a record of the SYN, which has none as long as it is alone.
func (t *Tracker) recall(s *Stream, d Direction, from, to int64) {
	if s.half[d].next != to {
		return
	}
	p := stretch{from: from, to: to, sends: 1, last: send{packet: s.first, time: s.start}}
	if d == Backward {
		p.last = send{packet: t.before, time: s.start + int64(s.synTime)*int64(tick)}
	}
	t.record(s, d).push(p)
}

// progress takes a segment that goes on where the direction stands, or behind a hole.
func (t *Tracker) progress(s *Stream, d Direction, r *record, g *segment, from, to int64) {
	h := &s.half[d]
	if from > h.next {
		t.open(s, d, r, g, from)
	}
	r.order.take(g)
	p := stretch{from: from, to: to, last: sendOf(g), sends: 1}
	if len(r.parts)-r.head >= maxParts {
		t.overflow(r)
	}
	r.push(p)
	if again := &r.order.again; again.packet != 0 && g.length > 0 && from == r.parts[len(r.parts)-1].from {
		if later, how := r.order.compare(g, again); later < 0 {
			v := Verdict{Packet: g.number, Kind: Reordered, Cause: how, Offset: from, Bytes: g.length, Delay: durationOf(g.time - again.time)}
			v.Places = r.overtakers(g, len(r.parts), 0)
			v.evidence[0] = again.packet
			t.say(s, d, v)
		}
	}
	if corrupt := r.order.spoilt(from, to); corrupt != 0 {
		t.afresh(s, d, r, g, corrupt)
	}
	h.advance(to)
	if cap(r.parts) > 4 {
		t.account(r)
	}
}

// open notes the hole between where the direction stands and from.
func (t *Tracker) open(s *Stream, d Direction, r *record, g *segment, from int64) {
	h := &s.half[d]
	p := stretch{from: h.next, to: from, is: hole}
	p.last = sendOf(g)
	if t.drops != r.order.drops && r.order.newest.packet != 0 {
		p.is |= dropped
	}
	r.order.drops = t.drops
	r.push(p)
	h.advance(from)
}

// overflow gives up the older half of what is on its way, when it is too much.
func (t *Tracker) overflow(r *record) {
	s, d := r.owner, r.direction
	n := maxParts / 2
	t.stale(s, d, r, 0, 0)
	for i := r.head; i < r.head+n; i++ {
		t.confirm(s, d, r, &r.parts[i], s.latest)
		if p := &r.parts[i]; p.has(hole) && !p.has(missed) {
			t.undecided(s, d, r, p, NoMore)
		}
	}
	r.head += n
	r.acked = max(r.acked, r.head)
	r.compact()
	t.lost.Records++
}

// undecided says that what became of a hole cannot be told.
func (t *Tracker) undecided(s *Stream, d Direction, r *record, p *stretch, why Cause) {
	r.close(p)
	p.is |= missed | decided
	n := p.payload(&s.half[d])
	s.trouble(d).missing += uint64(n)
	v := Verdict{Packet: p.last.packet, Kind: Undecided, Cause: why, Offset: p.from, Bytes: int(n), Places: segments(n, s.half[d].largest)}
	v.evidence[0] = p.last.packet
	t.say(s, d, v)
}

// behind takes a segment with bytes of before: they fill a hole, or were seen.
func (t *Tracker) behind(s *Stream, d Direction, r *record, g *segment, from, to int64) {
	h := &s.half[d]
	if len(r.parts)-r.head >= maxParts-2 {
		t.overflow(r)
	}
	edge := min(to, h.next)
	i, end := r.cut(from), r.cut(edge)
	if i >= end { // nothing is known of it any more
		t.forgotten(s, d, r, g, from, edge)
	} else if first := r.firstHole(i, end); first >= 0 {
		t.fill(s, d, r, g, i, end, first)
	} else {
		t.again(s, d, r, g, i, end)
	}
	if to > h.next {
		r.push(stretch{from: h.next, to: to, sends: 1, last: sendOf(g)})
		h.advance(to)
	}
	r.order.take(g)
}

// firstHole returns the first of the parts [i, end) that nobody carried so far, or -1.
func (r *record) firstHole(i, end int) int {
	if r.holes == 0 {
		return -1
	}
	for ; i < end; i++ {
		if r.parts[i].has(hole) && !r.parts[i].has(missed|fresh) {
			return i
		}
	}
	return -1
}

// fill takes a segment that fills the hole at index first of [i, end), and what else it covers.
func (t *Tracker) fill(s *Stream, d Direction, r *record, g *segment, i, end, first int) {
	h := &s.half[d]
	p := &r.parts[first]
	from, to := p.from, r.parts[end-1].to
	later, how := t.after(s, d, r, g, p)
	fin := int64(g.flags & wire.FIN)                                                     // which is 1
	if c := r.order.at(from); later <= 0 && c != nil && p.to <= c.to+fin && !c.like(g) { // it was sent before, and damaged
		together, _ := r.order.compare(g, &p.last)
		if again, known := r.order.compare(g, &c.send); again > 0 && together == 0 {
			later, how = again, known
		}
	}
	behind, bytes, seen := p.last, int64(0), send{}
	v := Verdict{Packet: g.number, Offset: from, Cause: how, Delay: durationOf(g.time - behind.time)}
	v.evidence[0] = behind.packet
	corrupt := r.order.spoilt(from, p.to)
	end64 := r.parts[end-1].to // of the data
	if g.flags&wire.FIN != 0 && end64 == h.position(g.seq)+g.extent() {
		end64--
	}
	wasDropped := p.has(dropped)
	if later < 0 {
		v.Places = r.overtakers(g, first, behind.packet)
	}
	for j := i; j < end; j++ {
		q := &r.parts[j]
		if !q.has(hole) {
			if later >= 0 && q.last.packet != 0 {
				seen = q.last
				r.supersede(q, g)
			}
			continue
		}
		r.close(q)
		if !q.has(missed) {
			bytes += r.order.unspoilt(min(q.from, end64), min(q.to, end64))
		}
		q.is &= sacked | decided
		q.last, q.sends = sendOf(g), 1
		if later > 0 {
			q.is |= filled
			if how == Time {
				q.is |= guessed
			}
			if r.peer.selected > q.from || r.peer.repeats > 0 {
				q.is |= asked
			}
		}
	}
	v.Bytes = int(bytes)
	switch {
	case later < 0:
		v.Kind = Reordered
		r.order.late = max(r.order.late, g.time-behind.time)
		t.say(s, d, v)
		return
	case later == 0:
		v.Kind, v.Cause, v.Places = Undecided, NoOrder, 1
		t.say(s, d, v)
		return
	}
	r.peer.back = t.back(s, d, r)
	cause := r.peer.why(from, to, h.next, h.acked, &behind, false, g.time)
	for j := i; j < end; j++ {
		r.parts[j].last.cause = cause
	}
	r.order.again = sendOf(g)
	s.trouble(d).again += uint64(g.length)
	w := Verdict{Packet: g.number, Kind: Retransmission, Cause: cause, Offset: from, Bytes: g.length}
	w.evidence = [2]uint64{max(corrupt, seen.packet), r.asking.last}
	if seen.packet != 0 {
		w.Delay = durationOf(g.time - seen.time)
	}
	t.say(s, d, w)
	switch v.Places = 1; {
	case corrupt != 0 || v.Bytes == 0 && to > from+1:
	case wasDropped:
		v.Kind, v.Cause = Missed, Drops
		t.say(s, d, v)
	case h.has(outgoing): // what its own host captured cannot have been lost before
		v.Kind, v.Cause = Missed, Acknowledged
		v.evidence[1] = g.number
		t.say(s, d, v)
	default:
		v.Kind = LostBefore
		v.evidence[1] = r.asking.last
		t.say(s, d, v)
	}
}

// overtakers counts the packets that went before segment g, and were sent after it: it fills the hole at index i, and
// since is the packet that came first behind it.
func (r *record) overtakers(g *segment, i int, since uint64) (n int) {
	var last uint64
	for j := range r.parts[r.head:] {
		q := &r.parts[r.head+j]
		if q.has(hole) || q.last.packet < since || q.last.packet == last || q.last.packet == g.number {
			continue
		}
		later, _ := r.order.compare(g, &q.last)
		if later < 0 || later == 0 && r.head+j > i { // what was sent again in the same tick may have been sent before
			n++
			last = q.last.packet
		}
	}
	return max(n, 1)
}

// after tells whether segment g was sent after the packet behind hole p (1), or before it (-1), and how it is known.
func (t *Tracker) after(s *Stream, d Direction, r *record, g *segment, p *stretch) (int, Cause) {
	if later, how := r.order.compare(g, &p.last); later != 0 {
		return later, how
	}
	if s.half[d].has(outgoing) { // its own host has them in the order in which they were sent
		return 1, Time
	}
	gone, round := g.time-p.last.time, t.round(s, d, r)
	// What comes sooner behind the last progress than a timer runs can have been sent again only because the receiver
	// asked, a round trip after the packet behind the hole was sent.
	moved := r.peer.moved
	if moved == 0 && s.half[d].has(hasSYN) {
		moved = s.start // nothing of the stream was sent before its SYN
	}
	timer := moved == 0 || g.time-moved >= minimumTimeout
	switch asked := r.peer.selected > p.from || r.peer.repeats > 0; {
	case p.last.stamped && g.hasTimestamps: // and they are equal
		if !timer && round >= 4*r.order.tick(g) {
			return -1, Timestamp
		}
	case !timer && gone < round/2:
		return -1, Time
	case gone < 2*r.order.late:
	case gone >= minimumTimeout, r.peer.repeats >= 3 && gone >= round, asked && round > 0 && gone >= round:
		return 1, Time
	case !asked && gone < 3e6 && !timer:
		return -1, Time
	}
	return 0, NoOrder
}

// round is the shortest round trip between the two ends, as far as it is known; 0 if not at all.
func (t *Tracker) round(s *Stream, d Direction, r *record) int64 {
	there, back := r.peer.turn, t.back(s, d, r)
	if there == 0 {
		there = int64(s.synTime) * int64(tick)
		if d == Backward {
			there = int64(s.ackTime) * int64(tick)
		}
	}
	if there == 0 || back == 0 {
		return 0
	}
	return there + back
}

// back is the shortest time from the place of the capture to the sender of direction d and back; 0 if it is not known.
func (t *Tracker) back(s *Stream, d Direction, r *record) int64 {
	back := r.peer.back
	if q := s.half[d.Other()].rec; q != nil && q.peer.turn > 0 && (back == 0 || q.peer.turn < back) {
		back = q.peer.turn
	}
	shake := int64(s.ackTime) * int64(tick)
	if d == Backward {
		shake = int64(s.synTime) * int64(tick)
	}
	if shake > 0 && (back == 0 || shake < back) {
		back = shake
	}
	return back
}

// again takes a segment of which all bytes were seen before, in the parts [i, end).
func (t *Tracker) again(s *Stream, d Direction, r *record, g *segment, i, end int) {
	h := &s.half[d]
	p := &r.parts[i]
	from, to := p.from, r.parts[end-1].to
	if p.has(hole) { // it was acknowledged, and comes all the same
		t.late(s, d, r, g, i, end)
		return
	}
	if later, how := r.order.compare(g, &p.last); later < 0 && g.flags&wire.SYN == 0 {
		t.overtaken(s, d, r, g, p, how)
		return
	}
	if p.has(guessed) {
		t.guessedWrong(s, d, r, p)
	}
	before := p.last
	r.peer.back = t.back(s, d, r)
	cause := Timer
	if g.flags&wire.SYN == 0 {
		cause = r.peer.why(from, to, h.next, h.acked, &before, p.sends > 1, g.time)
	}
	s.trouble(d).again += uint64(g.length)
	v := Verdict{Packet: g.number, Kind: Retransmission, Cause: cause, Offset: from, Bytes: g.length, Delay: durationOf(g.time - before.time)}
	v.evidence = [2]uint64{before.packet, r.asking.last}
	t.say(s, d, v)
	had := true
	r.order.again = sendOf(g)
	for j := i; j < end; j++ {
		q := &r.parts[j]
		known := q.has(sacked) || q.to <= h.acked || s.half[d.Other()].has(outgoing) && !r.refused(q, &before)
		had = had && known
		if q.sends > 1 && !q.has(decided) && r.previous(q).packet != 0 && q.last.packet == before.packet {
			t.keepFormer(s, d, r, q)
		}
		t.confirm(s, d, r, q, g.time) // before nothing is known of the sending before the last
		r.supersede(q, g)
		q.last.cause = cause
		q.is &^= lostBehind | needless | arrived | overtook | once | provisional
		if known {
			q.is |= decided | needless
		}
	}
	if had {
		w := Verdict{Packet: g.number, Kind: Spurious, Cause: Acknowledged, Offset: from, Bytes: g.length}
		w.evidence = [2]uint64{before.packet, r.asking.last}
		t.say(s, d, w)
	}
}

// keepFormer notes the sending before the last of part p, which is sent a third time.
func (t *Tracker) keepFormer(s *Stream, d Direction, r *record, p *stretch) {
	if len(r.formers) == maxFormers {
		o := &r.formers[0]
		t.say(s, d, Verdict{Packet: o.packet, Kind: Undecided, Cause: NoMore, Offset: o.from, Bytes: int(o.to - o.from), Places: 1})
		r.formers = append(r.formers[:0], r.formers[1:]...)
	}
	r.formers = append(r.formers, former{p.from, p.to, r.previous(p)})
}

// stale says of bytes that were acknowledged and not seen, but for those in [from, to), that the capture missed them.
// It is not said at once, for some captures have an acknowledgement before what it is for.
func (t *Tracker) stale(s *Stream, d Direction, r *record, from, to int64) {
	for i := len(r.parts) - 1; i >= r.head && r.fresh > 0; i-- {
		p := &r.parts[i]
		if !p.has(fresh) || p.from < to && from < p.to {
			continue
		}
		t.passed(s, d, r, p, p.last.packet, Acknowledged)
	}
}

// late takes a segment whose bytes were acknowledged before they were seen: the capture has the packets in another
// order.
func (t *Tracker) late(s *Stream, d Direction, r *record, g *segment, i, end int) {
	later, how := r.order.compare(g, &r.order.newest)
	before := r.repeated(g, i, end)
	behind, _ := r.order.compare(g, &r.parts[i].last)
	if behind > 0 && before == 0 && g.time-r.peer.moved <= 3e6 && t.unmiss(s, d, r, i, end) {
		t.fill(s, d, r, g, i, end, r.firstHole(i, end)) // what was acknowledged a moment ago: it had been sent again
		return
	}
	if gone := g.time - r.parts[i].last.time; before != 0 || (later > 0 || behind > 0) && gone > 3e6 { // it is not the one that was missed, but one behind it
		h := &s.half[d]
		s.trouble(d).again += uint64(g.length)
		v := Verdict{Packet: g.number, Kind: Retransmission, Offset: r.parts[i].from, Bytes: g.length}
		v.Cause = r.peer.why(v.Offset, r.parts[end-1].to, h.next, h.acked, nil, true, g.time)
		v.evidence = [2]uint64{before, r.asking.last}
		t.say(s, d, v)
		v.Kind, v.Cause = Spurious, Acknowledged
		v.evidence[1] = r.parts[i].last.packet
		t.say(s, d, v)
		return
	}
	places := 0
	if later < 0 {
		places = r.overtakers(g, i, 0)
	} else {
		how = Acknowledged
	}
	for j := i; j < end; j++ {
		q := &r.parts[j]
		if !q.has(missed | fresh) {
			continue
		}
		v := Verdict{Packet: g.number, Kind: Reordered, Cause: how, Offset: q.from, Bytes: int(q.to - q.from), Delay: durationOf(g.time - q.last.time), Places: places}
		v.evidence[0] = q.last.packet
		t.say(s, d, v)
		if q.has(fresh) {
			r.close(q)
			q.is &^= hole
			q.last, q.sends = sendOf(g), 1
			continue
		}
		k := s.trouble(d)
		k.missing -= min(k.missing, uint64(q.to-q.from))
		t.found(s, d, r, j)
		q.is &^= hole | missed
		q.last, q.sends = sendOf(g), 1
	}
}

// repeated returns the packet that brought some bytes of the parts [i, end) before, if segment g, which has all of them,
// was sent after it; or 0.
func (r *record) repeated(g *segment, i, end int) uint64 {
	for j := i; j < end; j++ {
		if p := &r.parts[j]; !p.has(hole) {
			if later, _ := r.order.compare(g, &p.last); later > 0 {
				return p.last.packet
			}
		}
	}
	return 0
}

// unmiss takes back that the parts [i, end) were missed: they are holes again. It reports false where they were not.
func (t *Tracker) unmiss(s *Stream, d Direction, r *record, i, end int) (any bool) {
	for j := i; j < end; j++ {
		if q := &r.parts[j]; q.has(hole) && q.has(missed) && !q.has(sacked) {
			k := s.trouble(d)
			k.missing -= min(k.missing, uint64(q.to-q.from))
			t.found(s, d, r, j)
			q.is &^= missed
			r.holes++
			any = true
		}
	}
	return any
}

// found takes back that part j was missed. What was said with it of the parts around it holds on.
func (t *Tracker) found(s *Stream, d Direction, r *record, j int) {
	lo, hi := j, j+1
	for lo > r.head && r.parts[lo-1].joined {
		lo--
	}
	for hi < len(r.parts) && r.parts[hi-1].joined {
		hi++
	}
	t.missing(s, d, r, lo, hi, true)
	if lo < j {
		r.parts[j-1].joined = false
		t.missing(s, d, r, lo, j, false)
	}
	if r.parts[j].joined = false; j+1 < hi {
		t.missing(s, d, r, j+1, hi, false)
	}
}

// missing says, or takes back, that the parts [lo, hi) were missed.
func (t *Tracker) missing(s *Stream, d Direction, r *record, lo, hi int, retracted bool) {
	h, p := &s.half[d], &r.parts[lo]
	all := stretch{from: p.from, to: r.parts[hi-1].to}
	v := Verdict{Packet: p.last.packet, Kind: Missed, Offset: p.from, Bytes: all.bytes(h), Retracted: retracted}
	if !retracted {
		v.Cause, v.Places = Acknowledged, segments(all.payload(h), h.largest)
		if v.evidence[1] = r.asking.last; p.last.packet != r.asking.last {
			v.evidence[0] = p.last.packet
		}
	}
	t.say(s, d, v)
}

// overtaken takes a segment that was sent before the one that brought its bytes: that was a retransmission, and this
// one was not lost but late.
func (t *Tracker) overtaken(s *Stream, d Direction, r *record, g *segment, p *stretch, how Cause) {
	v := Verdict{Packet: g.number, Kind: Reordered, Cause: how, Offset: p.from, Bytes: g.length, Delay: durationOf(g.time - p.last.time)}
	v.Places = r.overtakers(g, r.find(p.from), 0)
	v.evidence[0] = p.last.packet
	t.say(s, d, v)
	if previous := r.previous(p); p.sends > 1 && previous.packet != 0 {
		switch later, _ := r.order.compare(g, &previous); {
		case later > 0: // it was sent again too
			t.overtakenAgain(s, d, p, g.number, previous.packet)
		case later < 0 && p.has(overtook): // the one that came so late was not the first
			t.overtakenAgain(s, d, p, previous.packet, g.number)
		}
	}
	if p.has(filled) {
		p.is &^= filled
		t.say(s, d, Verdict{Packet: r.firstOf(p), Kind: LostBefore, Offset: p.from, Bytes: p.bytes(&s.half[d]), Retracted: true})
	}
	if p.sends == 1 { // a DSACK tells whether both came to the receiver
		r.setPrevious(p, sendOf(g))
		p.sends = 2
		p.is |= overtook
	}
	if s.half[d.Other()].has(outgoing) { // they did: this is its own capture
		t.wasNeedless(s, d, r, p, how, g.number)
	}
}

// firstOf returns the first packet that brought part p, of those that are known.
func (r *record) firstOf(p *stretch) uint64 {
	first := p.last.packet
	if previous := r.previous(p); previous.packet != 0 {
		first = min(first, previous.packet)
	}
	for i := range r.formers {
		if o := &r.formers[i]; o.from < p.to && p.from < o.to {
			first = min(first, o.packet)
		}
	}
	return first
}

// overtakenAgain says of a packet that carried part p, and that a newer retransmission overtook, that it was one itself:
// the other packet was sent before.
func (t *Tracker) overtakenAgain(s *Stream, d Direction, p *stretch, packet, before uint64) {
	v := Verdict{Packet: packet, Kind: Retransmission, Cause: p.last.cause, Offset: p.from, Bytes: p.bytes(&s.half[d])}
	v.evidence[0] = before
	t.say(s, d, v)
}

// guessedWrong takes back that a segment was a retransmission of what was lost, now that there is another one: it was
// only late.
func (t *Tracker) guessedWrong(s *Stream, d Direction, r *record, p *stretch) {
	places := 0
	for j := range r.parts[r.head:] {
		if q := &r.parts[r.head+j]; q.from >= p.to && !q.has(hole) && q.sends == 1 && q.last.packet < p.last.packet {
			places++
		}
	}
	p.is &^= guessed | filled
	v := Verdict{Packet: p.last.packet, Kind: LostBefore, Offset: p.from, Bytes: p.bytes(&s.half[d]), Retracted: true}
	t.say(s, d, v)
	v.Kind, v.Cause = Retransmission, p.last.cause
	t.say(s, d, v)
	k := s.trouble(d)
	k.again -= min(k.again, uint64(v.Bytes))
	v.Kind, v.Cause, v.Retracted, v.Places = Reordered, Time, false, max(places, 1)
	t.say(s, d, v)
}

// forgotten takes a segment of which nothing is known any more.
func (t *Tracker) forgotten(s *Stream, d Direction, r *record, g *segment, from, to int64) {
	s.trouble(d).again += uint64(g.length)
	r.peer.back = t.back(s, d, r)
	v := Verdict{Packet: g.number, Kind: Retransmission, Offset: from, Bytes: g.length}
	v.Cause = r.peer.why(from, to, s.half[d].next, s.half[d].acked, nil, true, g.time)
	t.say(s, d, v)
	if to <= s.half[d].acked {
		v.Kind, v.Cause = Spurious, Acknowledged
		v.evidence[1] = r.asking.last
		t.say(s, d, v)
	}
}

// afresh takes a segment that goes on as if nothing was, where a corrupt one claimed to have the same bytes.
func (t *Tracker) afresh(s *Stream, d Direction, r *record, g *segment, corrupt uint64) {
	h := &s.half[d]
	p := &r.parts[len(r.parts)-1]
	if c := r.order.at(p.from); c != nil && c.like(g) {
		return
	}
	p.last.cause = r.peer.why(p.from, p.to, h.next, h.acked, nil, false, g.time)
	r.order.again = sendOf(g)
	s.trouble(d).again += uint64(g.length)
	v := Verdict{Packet: g.number, Kind: Retransmission, Cause: p.last.cause, Offset: p.from, Bytes: g.length}
	v.evidence = [2]uint64{corrupt, r.asking.last}
	t.say(s, d, v)
}

// probe says what a segment is that has one byte or none, before what was acknowledged, and asks for an answer. It
// reports whether it is one.
func (t *Tracker) probe(s *Stream, d Direction, r *record, g *segment, from int64) bool {
	h, receiver := &s.half[d], &s.half[d.Other()]
	if g.length > 1 || g.flags&(wire.SYN|wire.FIN|wire.RST) != 0 || from != h.acked-1 || h.packets < 2 {
		return false
	}
	if later, _ := r.order.compare(g, &r.order.newest); later < 0 {
		return false // it was sent before the last that was acknowledged
	}
	kind := KeepAlive
	if receiver.window == 0 && receiver.has(acksSeen) {
		kind = WindowProbe
	} else if h.next != h.acked {
		return false
	}
	r.asking.probe = g.number
	t.say(s, d, Verdict{Packet: g.number, Kind: kind, Offset: from, Bytes: g.length})
	return true
}

// fills says where a segment fills the receiver's window to the last byte.
func (t *Tracker) fills(s *Stream, d Direction, g *segment, to int64) {
	h, receiver := &s.half[d], &s.half[d.Other()]
	if !receiver.has(acksSeen) || receiver.window == 0 && to == h.acked {
		return
	}
	if receiver.scale > 0 || h.anchored() && receiver.anchored() { // else the scale is not known
		if to == h.acked+int64(receiver.window) {
			kind := WindowFull
			t.say(s, d, Verdict{Packet: g.number, Kind: kind, Offset: to, Bytes: int(receiver.window)})
		}
	}
}
