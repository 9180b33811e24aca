package flow

import (
	"slices"
	"time"

	"sockwire/raw/wire"
)

// asking is what the acknowledgements of a direction are at.
type asking struct {
	first uint64 // the first packet that acknowledged so much
	last  uint64 // the last packet with an acknowledgement
	count int    // duplicates of it since
	probe uint64 // a keep-alive that is not answered
	tsval uint32 // of the acknowledgements: the newest, and when it was first seen
	at    int64
	// follows: the packet at hand is the next that the receiver sent.
	follows bool
	answers answers
}

// acknowledge takes what segment g of direction d says about the other direction.
func (t *Tracker) acknowledge(s *Stream, d Direction, g *segment) {
	e := d.Other()
	data, acker := &s.half[e], &s.half[d]
	window := acker.offered(g, data)
	before := acker.window
	first := !acker.has(acksSeen)
	acker.set(acksSeen)
	acker.window = window
	if !data.has(based) {
		data.base(g.ack, 0)
	}
	ack := data.position(g.ack)
	if d := ack - data.next; d > data.reach(acker) || d < -(1<<30) {
		if data.rec != nil {
			data.rec.beyond = g.ack
		}
		return // it acknowledges what cannot have been sent
	}
	switch {
	case ack > data.next:
		t.acknowledgedUnseen(s, e, g, ack)
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
	r.asking.follows = g.hasID && g.id == r.asking.answers.id+1
	r.asking.answers.take(g, int(acker.largest))
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
		if !r.peer.selects && g.length == 0 && g.flags&wire.FIN == 0 {
			t.mayHaveHad(s, e, r, g)
		}
	}
	if moved > 0 || selected || repeats {
		r.peer.hears(ack, moved > 0, g.time)
	}
	if moved >= 0 {
		r.asking.last = g.number
	}
	if moved > 0 {
		t.forget(s, e, r, g.time)
		t.account(r)
		r.buffer.kept.trim(ack)
	}
}

// duplicate says that g is a duplicate acknowledgement, if it is (RFC 5681, section 2; RFC 6675, section 2). It reports
// whether the packet is explained.
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

// acknowledgedUnseen notes that bytes up to ack were sent, for they are acknowledged, and not seen.
func (t *Tracker) acknowledgedUnseen(s *Stream, e Direction, g *segment, ack int64) {
	data := &s.half[e]
	if data.next == -1 && data.packets == 0 { // the SYN, of which nothing else is known
		data.advance(0)
	}
	if ack <= data.next {
		return
	}
	r := t.record(s, e)
	for c := r.order.at(data.next); c != nil && c.to <= ack && t.sumsMayLie(s, e); c = r.order.at(data.next) {
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
	end := r.cutFrom(r.acked, ack)
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
	if p.sends > 1 && !(g.hasTimestamps && p.last.stamped && g.tsecr == p.last.tsval && p.last.tsval != r.previous(p).tsval) {
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
	t.result.RoundTrip = time.Duration(ns)
	r.peer.turned(ns)
}

// passed says that a hole was passed by, and missed by the capture.
func (t *Tracker) passed(s *Stream, e Direction, r *record, p *stretch, shown uint64, how Cause) {
	if p.has(missed) {
		return
	}
	r.close(p)
	if c := r.order.at(p.from); c != nil && p.to <= c.to && t.sumsMayLie(s, e) {
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

// sumsMayLie reports whether so many packets with data have a wrong checksum, of those of direction e, that they may
// have been left to a device, or changed by the capture. A few that are wrong were damaged: if their bytes are
// acknowledged, the capture has missed what brought them.
func (t *Tracker) sumsMayLie(s *Stream, e Direction) bool {
	return 2*uint64(s.trouble(e).counts[Corrupt]) >= uint64(s.half[e].segments)
}

// believe takes back that a packet was corrupt, for the receiver acknowledged its bytes from a position on, and nothing
// else brought them: the sum was left to a device, or the capture changed the packet.
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
	if p.has(needless | lostBehind | overtook) {
		return
	}
	how, previous := NoCause, r.previous(p)
	differ := stamped && p.last.tsval != previous.tsval
	switch {
	case s.half[e.Other()].has(outgoing) && previous.packet != 0 && !r.refused(p, &previous):
		how = Acknowledged // it was captured at the receiver, which has what comes there
	case differ && tells && cumulative && int32(g.tsecr-p.last.tsval) < 0:
		// It was acknowledged when the newest that the receiver had was older. But Linux takes no timestamp from a
		// segment whose acknowledgement number is old when it comes.
		if acker := &s.half[e.Other()]; acker.position(p.last.ack) >= acker.acked {
			how = Timestamp
		}
	case differ && tells && cumulative && g.tsecr == p.last.tsval && (r.asking.follows || !s.half[e].ends(p) && r.alone(p, s.half[e].position(g.ack))):
		p.is |= arrived
	case g.time-p.last.time < r.peer.floor():
		how = Time
	}
	switch {
	case how != NoCause:
		t.wasNeedless(s, e, r, p, how, g.number)
		if how == Timestamp && g.tsecr == previous.tsval && !s.half[e].repeats(g, p) {
			t.formersLost(s, e, r, p, g.number)
		}
		t.unansweredFormers(s, e, r, p, g.number)
	case p.has(arrived):
		t.wasLost(s, e, p, &previous, p.last.packet, g.number)
		t.formersLost(s, e, r, p, g.number)
	case r.asking.answers.counting > 0 && p.sends == 2 && p.from >= 0 && r.apart(p) && g.time-p.last.time >= r.peer.turn-r.peer.turn/8: // so soon, it was rather the second that was lost
		p.is |= provisional
		t.wasLost(s, e, p, &previous, p.last.packet, g.number)
	default:
		t.unanswered(s, e, r, p, g.number)
	}
}

// repeats reports whether acknowledgement g says of part p that it came again (RFC 2883).
func (h *half) repeats(g *segment, p *stretch) bool {
	return g.sacks > 0 && h.position(g.sack[0][0]) <= p.from && h.position(g.sack[0][1]) >= p.to && p.to <= h.position(g.ack)
}

// refused reports whether the receiver, whose own capture this is, has said what it has since sending o of part p came,
// and p was not among it: it had no room for it.
func (r *record) refused(p *stretch, o *send) bool {
	return !p.has(sacked) && r.peer.selected > p.to && r.peer.repeated-o.time > 3e6
}

// alone reports whether nothing but part p, of all up to position to, was last sent with its timestamp.
func (r *record) alone(p *stretch, to int64) bool {
	for i := r.find(p.to); i < len(r.parts) && r.parts[i].from < to; i++ {
		if q := &r.parts[i]; q.last.packet != p.last.packet && q.last.tsval == p.last.tsval {
			return false
		}
	}
	return true
}

// apart reports whether the last packet that carried part p carried nothing else.
func (r *record) apart(p *stretch) bool {
	i := r.find(p.from)
	return (i == r.head || r.parts[i-1].last.packet != p.last.packet) && (i+1 >= len(r.parts) || r.parts[i+1].last.packet != p.last.packet)
}

// unanswered says that it cannot be told which sending of part p came to the receiver: an answer that tells was not
// seen.
func (t *Tracker) unanswered(s *Stream, e Direction, r *record, p *stretch, shown uint64) {
	p.is &^= provisional
	v := Verdict{Packet: r.previous(p).packet, Kind: Undecided, Cause: NoAnswer, Offset: p.from, Bytes: p.bytes(&s.half[e]), Places: 1}
	v.evidence = [2]uint64{p.last.packet, shown}
	if v.Packet != 0 {
		t.say(s, e, v)
	}
	t.unansweredFormers(s, e, r, p, shown)
}

// unansweredFormers says the same of the sendings before the last two.
func (t *Tracker) unansweredFormers(s *Stream, e Direction, r *record, p *stretch, shown uint64) {
	r.eachFormer(p, func(o *former) {
		v := Verdict{Packet: o.packet, Kind: Undecided, Cause: NoAnswer, Offset: p.from, Bytes: p.bytes(&s.half[e]), Places: 1}
		v.evidence = [2]uint64{p.last.packet, shown}
		t.say(s, e, v)
	})
}

// formersLost says of all sendings of part p before the last two that they were lost behind.
func (t *Tracker) formersLost(s *Stream, e Direction, r *record, p *stretch, ack uint64) {
	r.eachFormer(p, func(o *former) { t.wasLost(s, e, p, &o.send, p.last.packet, ack) })
}

// eachFormer takes out the sendings of part p before the last two.
func (r *record) eachFormer(p *stretch, yield func(*former)) {
	if len(r.formers) > 0 {
		r.formers = slices.DeleteFunc(r.formers, func(o former) bool {
			if o.from < p.to && p.from < o.to {
				yield(&o)
				return true
			}
			return false
		})
	}
}

// forget drops acknowledged parts beyond the history; not at once those for which an answer may still come.
func (t *Tracker) forget(s *Stream, e Direction, r *record, now int64) {
	over := r.acked - r.head - history
	for i := 0; i < over; i++ {
		p := &r.parts[r.head]
		if p.has(provisional) && over < maxParts/2 && now-p.last.time < r.peer.patience() {
			break
		}
		t.confirm(s, e, r, p, now)
		if p.has(lostBehind) {
			r.claim(former{p.from, p.to, r.previous(p)})
		}
		r.close(p)
		r.head++
	}
	if r.head > len(r.parts)/2 && r.head > 2*history {
		r.compact()
	}
}

// confirm looks whether what was said of part p is shown by the answers that came since: had both sendings come to the
// receiver, it would have said so. Where one of its answers was not seen, it may have.
func (t *Tracker) confirm(s *Stream, e Direction, r *record, p *stretch, now int64) {
	if !p.has(provisional) {
		return
	}
	p.is &^= provisional
	if !p.has(lostBehind) || now-p.last.time >= 2*r.peer.turn && r.asking.answers.complete(p.last.time, p.last.time+r.peer.patience()) {
		return
	}
	t.retractBehind(s, e, r, p)
	t.unanswered(s, e, r, p, 0)
}

// retractBehind takes back that the sending of part p before the last was lost behind.
func (t *Tracker) retractBehind(s *Stream, e Direction, r *record, p *stretch) {
	if p.has(lostBehind) {
		p.is &^= lostBehind
		t.say(s, e, Verdict{Packet: r.previous(p).packet, Kind: LostBehind, Offset: p.from, Bytes: p.bytes(&s.half[e]), Retracted: true})
	}
}

// resent reports whether what the receiver got in place of part p must have been sent later than all that it has
// selected: its timestamp says so.
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
func (t *Tracker) wasNeedless(s *Stream, e Direction, r *record, p *stretch, how Cause, shown uint64) {
	t.retractBehind(s, e, r, p)
	p.is |= needless
	v := Verdict{Packet: p.last.packet, Kind: Spurious, Cause: how, Offset: p.from, Bytes: p.bytes(&s.half[e])}
	v.evidence = [2]uint64{r.previous(p).packet, shown}
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
			// Some repeat old blocks, and Linux tells of one that ends where it has all when what was missing before it
			// came.
			old := to <= ack && (g.sacks > 1 && data.position(g.sack[1][1]) <= ack || from >= was && (r.selected(from, to, true) || from > was && to == ack && r.selected(from, to, false)))
			if !old {
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

// selected reports whether the receiver had said before that it has something of [from, to), or all.
func (r *record) selected(from, to int64, all bool) bool {
	for i := r.find(from); i < len(r.parts) && r.parts[i].from < to; i++ {
		if r.parts[i].has(sacked) != all {
			return !all
		}
	}
	return all
}

// hadIt takes a DSACK: the receiver got [from, to) more than once (RFC 2883).
func (t *Tracker) hadIt(s *Stream, e Direction, r *record, g *segment, from, to int64) {
	vague := r.single(from, to)
	for i := range r.claims {
		if c := &r.claims[i]; c.packet != 0 && c.from < to && from < c.to { // it was not lost but late, or came twice
			p := stretch{from: c.from, to: c.to, is: lostBehind, before: r.keep(c.send)}
			t.retractBehind(s, e, r, &p)
			t.unanswered(s, e, r, &p, g.number)
			c.packet = 0
		}
	}
	for i := r.find(from); i < len(r.parts) && r.parts[i].from < to; i++ {
		p := &r.parts[i]
		switch {
		case vague:
			if p.has(lostBehind) {
				t.retractBehind(s, e, r, p)
				t.unanswered(s, e, r, p, g.number)
			}
			continue
		case p.has(twice): // that is what it is about, if nothing else
			p.is &^= twice
			if p.has(lostBehind) {
				t.retractBehind(s, e, r, p)
				t.unanswered(s, e, r, p, g.number)
			}
			continue
		case p.sends > 2 && !p.has(once): // which of them came is not told by one
			p.is |= once
			if p.has(lostBehind) {
				t.retractBehind(s, e, r, p)
				t.unanswered(s, e, r, p, g.number)
			}
			continue
		case p.sends == 3 && r.previous(p).packet != 0: // all three came
			v := Verdict{Packet: r.previous(p).packet, Kind: Spurious, Cause: DSACK, Offset: p.from, Bytes: p.bytes(&s.half[e])}
			r.eachFormer(p, func(o *former) { v.evidence[0] = o.packet })
			v.evidence[1] = g.number
			t.say(s, e, v)
		}
		switch {
		case p.has(needless) || p.sends > 3:
			continue
		case p.has(arrived):
			// The network made two of the retransmission, or the first sending was not lost but late.
			if p.has(lostBehind) {
				t.retractBehind(s, e, r, p)
				t.unanswered(s, e, r, p, g.number)
			}
			continue
		}
		if p.sends >= 2 {
			p.is &^= provisional
			t.wasNeedless(s, e, r, p, DSACK, g.number)
			t.cameToo(s, e, r, p, g.number)
		} else if p.has(filled) {
			t.retractLoss(s, e, r, p, g)
		}
	}
}

// single reports whether something of [from, to) was sent once only: then the block is rather an old one that is
// repeated, or tells of what the network made two of.
func (r *record) single(from, to int64) bool {
	for i := r.find(from); i < len(r.parts) && r.parts[i].from < to; i++ {
		if p := &r.parts[i]; p.sends == 1 && !p.has(filled|twice) {
			return true
		}
	}
	return false
}

// cameToo takes back that other parts of the packet before were lost: part p of it came.
func (t *Tracker) cameToo(s *Stream, e Direction, r *record, p *stretch, shown uint64) {
	for i := r.head; i < len(r.parts) && r.parts[i].from <= p.to; i++ {
		q := &r.parts[i]
		if q.to >= p.from && q != p && q.has(lostBehind) && r.previous(q).packet == r.previous(p).packet {
			t.retractBehind(s, e, r, q)
			t.unanswered(s, e, r, q, shown)
		}
	}
}

// mayHaveHad takes a repeated acknowledgement of a receiver that has no SACK: that it got something twice is one of its
// reasons.
func (t *Tracker) mayHaveHad(s *Stream, e Direction, r *record, g *segment) {
	for i := r.head; i < r.acked; i++ {
		if p := &r.parts[i]; p.has(provisional) && p.has(lostBehind) && g.time-p.last.time < r.peer.patience() {
			t.retractBehind(s, e, r, p)
			t.unanswered(s, e, r, p, g.number)
		}
	}
}

// retractLoss takes a DSACK of what filled a hole. Where the receiver had not asked for it, or the hole was known to be
// one of the capture, the first sending came to the receiver, and the other was not needed. Else it may be so, or the
// network made two of the other.
func (t *Tracker) retractLoss(s *Stream, e Direction, r *record, p *stretch, g *segment) {
	p.is &^= filled
	v := Verdict{Packet: p.last.packet, Kind: LostBefore, Offset: p.from, Bytes: p.bytes(&s.half[e]), Retracted: true}
	known := p.has(dropped) || s.half[e].has(outgoing)
	if !known {
		t.say(s, e, v)
	}
	v.Retracted, v.Places = false, 1
	v.evidence = [2]uint64{p.last.packet, g.number}
	if !known && p.has(asked) {
		v.Kind, v.Cause = Undecided, NoAnswer
		t.say(s, e, v)
		return
	}
	p.is |= needless
	if v.Cause = DSACK; !known {
		v.Kind = Missed
		t.say(s, e, v)
	}
	v.Kind = Spurious
	t.say(s, e, v)
}
