package flow

import "sockwire/raw/wire"

// asking is what the acknowledgements of a direction are at.
type asking struct {
	first uint64 // the first packet that acknowledged so much
	last  uint64 // the last packet with an acknowledgement
	count int    // duplicates of it since
	probe uint64 // a keep-alive that is not answered
	tsval uint32 // of the acknowledgements: the newest, and when it was first seen
	at    int64
	id    uint16 // the identification of the last packet with an acknowledgement
	// follows: the packet at hand is the next that the receiver sent.
	follows bool
}

// acknowledge takes what segment g of direction d says about the other direction.
func (t *Tracker) acknowledge(s *Stream, d Direction, g *segment) {
	e := d.Other()
	data, acker := &s.half[e], &s.half[d]
	window := acker.told(g, data)
	before := acker.window
	first := !acker.has(acksSeen)
	acker.set(acksSeen)
	acker.window = window
	if !data.has(based) {
		data.base(g.ack, 0)
	}
	ack := data.position(g.ack)
	if d := ack - data.next; d > data.reach(acker) || d < -(1<<30) {
		return // it acknowledges what cannot have been sent
	}
	switch {
	case ack > data.next:
		t.unseen(s, e, g, ack)
	case first && data.acked > ack:
		data.acked = ack
	}
	moved := ack - data.acked
	r := data.rec
	if r == nil {
		if moved > 0 {
			data.acked = ack
		}
		if moved == 0 && !first {
			t.windowMoves(s, d, g, before, window)
		}
		return
	}
	was := data.acked
	r.asking.follows = g.hasID && g.id == r.asking.id+1
	r.asking.id = g.id
	if moved > 0 {
		t.covers(s, e, r, g, ack)
		data.acked = ack
		r.asking.first, r.asking.count = g.number, 0
	}
	selected := false
	if g.sacks > 0 {
		selected = t.selective(s, e, r, g, was, ack)
	}
	repeats := false
	if moved == 0 && !first {
		if repeats = t.duplicate(s, d, r, g, before == window, selected); !repeats {
			t.windowMoves(s, d, g, before, window)
		}
	}
	if moved > 0 || selected || repeats {
		r.peer.hears(ack, moved > 0, g.time)
	}
	if moved >= 0 {
		r.asking.last = g.number
	}
	if moved > 0 {
		r.forget()
		t.account(r)
		r.buffer.kept.trim(ack)
	}
}

// duplicate says that g is a duplicate acknowledgement, if it is (RFC 5681, section 2; RFC 6675, section 2). It reports whether the packet is explained.
func (t *Tracker) duplicate(s *Stream, d Direction, r *record, g *segment, sameWindow, selected bool) bool {
	data := &s.half[d.Other()]
	if g.length > 0 || g.flags&(wire.SYN|wire.FIN|wire.RST) != 0 || g.ack != data.seq-uint32(data.next-data.acked) {
		return false
	}
	if r.asking.probe != 0 && data.next == data.acked {
		v := Verdict{Packet: g.number, Kind: KeepAliveAck}
		v.evidence[0], r.asking.probe = r.asking.probe, 0
		t.say(s, d, v)
		return true
	}
	if data.next <= data.acked || !(sameWindow || selected) || g.window == 0 {
		return false
	}
	r.asking.count++
	r.peer.repeats, r.peer.repeated = uint8(min(r.asking.count, 255)), g.time
	v := Verdict{Packet: g.number, Kind: DuplicateAck, Offset: data.acked, Places: r.asking.count}
	v.evidence[0] = r.asking.first
	t.say(s, d, v)
	return true
}

// windowMoves says what a packet that acknowledges nothing new says about the window.
func (t *Tracker) windowMoves(s *Stream, d Direction, g *segment, before, now uint32) {
	if g.length == 0 && now > before && g.flags&(wire.SYN|wire.FIN|wire.RST) == 0 {
		t.say(s, d, Verdict{Packet: g.number, Kind: WindowUpdate, Bytes: int(now - before)})
	}
}

// unseen notes that bytes up to ack were sent, for they are acknowledged, and not seen.
func (t *Tracker) unseen(s *Stream, e Direction, g *segment, ack int64) {
	data := &s.half[e]
	if data.next == -1 && data.packets == 0 { // the SYN, of which nothing else is known
		data.advance(0)
	}
	if ack <= data.next {
		return
	}
	r := t.record(s, e)
	for c := r.order.at(data.next); c != nil && c.to <= ack; c = r.order.at(data.next) {
		from := data.next
		r.push(stretch{from: from, to: c.to, sends: 1, last: send{packet: c.packet, time: g.time}})
		data.advance(c.to)
		t.believe(s, e, r, c, from)
	}
	if ack == data.next {
		return
	}
	p := stretch{from: data.next, to: ack, is: hole | fresh, last: send{packet: g.number, time: g.time}}
	r.fresh++
	r.push(p)
	data.advance(ack)
	t.account(r)
}

// covers takes a cumulative acknowledgement up to ack.
func (t *Tracker) covers(s *Stream, e Direction, r *record, g *segment, ack int64) {
	data := &s.half[e]
	if len(r.parts) == r.head {
		return
	}
	end := r.cut(ack)
	var sample *stretch
	left := true // the first part that was not acknowledged: what came last to the receiver was there (RFC 7323, section 4.3)
	for i := r.acked; i < end; i++ {
		p := &r.parts[i]
		switch {
		case p.has(fresh):
			r.buffer.gone = ack
		case p.has(hole):
			t.passed(s, e, r, p, g.number, Acknowledged)
			r.buffer.gone = ack
		case !p.has(decided):
			t.settle(s, e, r, p, g, true, left && p.from <= data.acked)
			if !p.has(sacked) {
				sample = p
			}
		}
		left = false
	}
	r.acked = max(end, r.acked)
	if sample != nil {
		t.measure(s, e, r, sample, g)
	}
}

// measure takes the round trip from part p to its acknowledgement g.
func (t *Tracker) measure(s *Stream, e Direction, r *record, p *stretch, g *segment) {
	if p.sends > 1 && !(g.hasTimestamps && p.last.stamped && g.tsecr == p.last.tsval && p.last.tsval != p.previous.tsval) {
		return // Karn's rule
	}
	if g.time == 0 || p.last.time == 0 {
		return
	}
	ns := g.time - p.last.time
	if ns < 0 {
		return
	}
	s.trip(e, ns)
	r.peer.turned(ns)
}

// passed says that a hole was passed by, and missed by the capture.
func (t *Tracker) passed(s *Stream, e Direction, r *record, p *stretch, shown uint64, how Cause) {
	if p.has(missed) {
		return
	}
	r.close(p)
	if c := r.order.at(p.from); c != nil && p.to <= c.to {
		p.is = p.is&^hole | decided
		p.last, p.sends = send{packet: c.packet, time: p.last.time}, 1
		t.believe(s, e, r, c, p.from)
		return
	}
	p.is |= missed | decided
	n := p.payload(&s.half[e])
	k := s.trouble(e)
	k.missing += uint64(n)
	v := Verdict{Packet: p.last.packet, Kind: Missed, Cause: how, Offset: p.from, Bytes: int(n), Places: segments(n, s.half[e].largest)}
	v.evidence = [2]uint64{p.last.packet, shown}
	if p.last.packet == shown {
		v.evidence[0] = 0
	}
	t.say(s, e, v)
}

// believe takes back that a packet was corrupt, for the receiver acknowledged its bytes from a position on, and nothing else brought them:
// the sum was left to a device, or the capture changed the packet.
func (t *Tracker) believe(s *Stream, e Direction, r *record, c *corruptPart, from int64) {
	s.half[e].set(sumsLie)
	t.say(s, e, Verdict{Packet: c.packet, Kind: Corrupt, Offset: from, Bytes: int(c.to - from), Retracted: true})
	g := segment{number: c.packet, payload: c.data, length: int(c.to - c.from)}
	t.deliver(s, e, r, &g, c.from)
}

// segments is how many segments n bytes take.
func segments(n int64, full uint16) int {
	if full == 0 {
		return 1
	}
	return int(max((n+int64(full)-1)/int64(full), 1))
}

// settle decides which of the sendings of a part the receiver got, now that it acknowledges it.
func (t *Tracker) settle(s *Stream, e Direction, r *record, p *stretch, g *segment, cumulative, left bool) {
	p.is |= decided
	stamped := g.hasTimestamps && p.last.stamped
	tells := left && stamped
	if p.sends < 2 {
		if tells && r.asking.follows && p.sends == 1 && !p.has(filled|sacked) && int32(g.tsecr-p.last.tsval) > 0 && r.peer.selected > p.to && t.resent(g, r, p) {
			t.unseenAgain(s, e, r, p, g)
		}
		return
	}
	if p.has(needless | lostBehind) {
		return
	}
	how := NoCause
	switch {
	case stamped && cumulative && p.last.tsval != p.previous.tsval && int32(g.tsecr-p.last.tsval) < 0:
		// It was acknowledged when the newest that the receiver had was older. But Linux takes no timestamp from a segment whose
		// acknowledgement number is old when it comes.
		if acker := &s.half[e.Other()]; acker.position(p.last.ack) >= acker.acked {
			how = Timestamp
		}
	case tells && g.tsecr == p.last.tsval && p.last.tsval != p.previous.tsval:
		p.is |= arrived
	case r.peer.turn > 1e6 && g.time-p.last.time < r.peer.floor():
		how = Time
	}
	if how == NoCause && s.half[e.Other()].has(outgoing) && p.previous.packet != 0 {
		how = Acknowledged // it was captured at the receiver, which has what comes there
	}
	if how != NoCause {
		t.wasNeedless(s, e, p, how, g.number)
		return
	}
	if cumulative && !left && !stamped && !r.peer.selects { // it may have been here all the time, and waited for others
		v := Verdict{Packet: p.previous.packet, Kind: Undecided, Cause: NoOrder, Offset: p.from, Bytes: p.bytes(&s.half[e]), Places: 1}
		v.evidence = [2]uint64{p.last.packet, g.number}
		t.say(s, e, v)
		return
	}
	t.wasLost(s, e, p, &p.previous, p.last.packet, g.number)
}

// resent reports whether what the receiver got in place of part p must have been sent later than all that it has selected: its
// timestamp says so.
func (t *Tracker) resent(g *segment, r *record, p *stretch) bool {
	for i := r.find(p.to); i < len(r.parts); i++ {
		q := &r.parts[i]
		if q.from >= r.peer.selected {
			break
		}
		if q.has(sacked) && q.last.stamped && int32(g.tsecr-q.last.tsval) <= 0 {
			return false
		}
	}
	return true
}

// unseenAgain says that part p was lost behind, and that the capture missed what brought it again.
func (t *Tracker) unseenAgain(s *Stream, e Direction, r *record, p *stretch, g *segment) {
	p.is |= lostBehind
	v := Verdict{Packet: p.last.packet, Kind: LostBehind, Cause: Timestamp, Offset: p.from, Bytes: p.bytes(&s.half[e]), Places: 1}
	v.evidence = [2]uint64{0, g.number}
	t.say(s, e, v)
	v.Kind, v.Packet = Missed, g.number
	t.say(s, e, v)
}

// wasLost says that sending of part p was lost behind the capture; again is the packet that shows it.
func (t *Tracker) wasLost(s *Stream, e Direction, p *stretch, sending *send, again, ack uint64) {
	if sending.packet == 0 {
		return
	}
	p.is |= lostBehind
	v := Verdict{Packet: sending.packet, Kind: LostBehind, Offset: p.from, Bytes: p.bytes(&s.half[e]), Places: 1, Delay: durationOf(p.last.time - sending.time)}
	v.evidence = [2]uint64{again, ack}
	t.say(s, e, v)
}

// wasNeedless says that the last sending of part p was not needed.
func (t *Tracker) wasNeedless(s *Stream, e Direction, p *stretch, how Cause, shown uint64) {
	if p.has(lostBehind) {
		p.is &^= lostBehind
		t.say(s, e, Verdict{Packet: p.previous.packet, Kind: LostBehind, Offset: p.from, Bytes: p.bytes(&s.half[e]), Retracted: true})
	}
	p.is |= needless
	v := Verdict{Packet: p.last.packet, Kind: Spurious, Cause: how, Offset: p.from, Bytes: p.bytes(&s.half[e])}
	v.evidence = [2]uint64{p.previous.packet, shown}
	t.say(s, e, v)
}

// selective takes the selective acknowledgements of g. It reports whether one of them is new.
func (t *Tracker) selective(s *Stream, e Direction, r *record, g *segment, was, ack int64) (news bool) {
	data := &s.half[e]
	for n := range g.sacks {
		from, to := data.position(g.sack[n][0]), data.position(g.sack[n][1])
		if from >= to || to > data.next || to-from > 1<<30 {
			continue
		}
		if n == 0 && (to <= ack || g.sacks > 1 && from >= data.position(g.sack[1][0]) && to <= data.position(g.sack[1][1])) {
			if !(to <= ack && (g.sacks > 1 && data.position(g.sack[1][1]) <= ack || from >= was && r.selectedAll(from, to))) { // else it is an old one
				t.hadIt(s, e, r, g, from, to)
			}
			continue
		}
		if from < ack {
			continue
		}
		news = t.selects(s, e, r, g, from, to) || news
	}
	return news
}

// selects marks [from, to) as what the receiver has.
func (t *Tracker) selects(s *Stream, e Direction, r *record, g *segment, from, to int64) (news bool) {
	if len(r.parts)-r.head >= maxParts {
		return false
	}
	r.peer.selected = max(r.peer.selected, to)
	i, end := r.cut(from), r.cut(to)
	for ; i < end; i++ {
		p := &r.parts[i]
		if p.has(sacked) {
			continue
		}
		p.is |= sacked
		news = true
		if p.sends == 1 && !p.has(hole) {
			r.peer.turned(g.time - p.last.time)
		}
		if p.has(hole) {
			t.passed(s, e, r, p, g.number, SACK)
		} else if !p.has(decided) {
			t.settle(s, e, r, p, g, false, false)
		}
	}
	return news
}

// selectedAll reports whether the receiver had said before that it has all of [from, to).
func (r *record) selectedAll(from, to int64) bool {
	for i := r.find(from); i < len(r.parts) && r.parts[i].from < to; i++ {
		if !r.parts[i].has(sacked) {
			return false
		}
	}
	return true
}

// hadIt takes a DSACK: the receiver got [from, to) more than once (RFC 2883).
func (t *Tracker) hadIt(s *Stream, e Direction, r *record, g *segment, from, to int64) {
	for i := r.find(from); i < len(r.parts) && r.parts[i].from < to; i++ {
		p := &r.parts[i]
		if p.has(needless) || p.has(arrived) && g.time-p.last.time < 2*r.peer.turn {
			continue // a copy that the network made of the retransmission, which came first
		}
		if p.sends >= 2 {
			t.wasNeedless(s, e, p, DSACK, g.number)
		} else if p.has(filled) && !p.has(asked) { // else it came twice: the receiver had not got it before
			t.retractLoss(s, e, r, p, g)
		}
	}
}

// retractLoss says that what filled a hole was not needed: the first sending came to the receiver, and the capture missed it.
func (t *Tracker) retractLoss(s *Stream, e Direction, r *record, p *stretch, g *segment) {
	p.is = p.is&^filled | needless
	v := Verdict{Packet: p.last.packet, Kind: LostBefore, Offset: p.from, Bytes: p.bytes(&s.half[e]), Retracted: true}
	t.say(s, e, v)
	v.Retracted, v.Kind, v.Cause, v.Places = false, Missed, DSACK, 1
	v.evidence = [2]uint64{p.last.packet, g.number}
	t.say(s, e, v)
	v.Kind = Spurious
	t.say(s, e, v)
}
