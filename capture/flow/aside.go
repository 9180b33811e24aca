package flow

import "sockwire/raw/wire"

// follow takes segment g of a stream that is not watched: it does what tells later whether a SYN begins another stream,
// as segment does for others. It reports false where g does not follow what was there before: then the stream is
// watched from now on, and g is still to be taken.
func (t *Tracker) follow(s *Stream, d Direction, g *segment) bool {
	h, o := &s.half[d], &s.half[d.Other()]
	if !h.likely(o, g) {
		s.watch()
		return false
	}
	s.count(d, g)
	if g.flags&wire.SYN != 0 {
		t.synchronize(s, d, g)
	} else if !h.has(based) {
		h.base(g.seq, 0)
	}
	from := h.position(g.seq)
	if g.flags&wire.RST != 0 {
		h.set(rstSeen)
		if s.state < WasReset {
			s.end(WasReset, d, g.number)
		}
		return true
	}
	if g.flags&wire.ACK != 0 {
		h.acknowledges(o, g)
	}
	to := from + g.extent()
	if again := g.flags&(wire.SYN|wire.FIN) == wire.SYN && g.length == 0 && from != h.next && (t.crossed || t.firstSYN && to == 0); to > h.next && !again {
		h.advance(to)
	}
	if g.flags&wire.FIN != 0 {
		if to == h.next {
			h.set(finSeen)
		}
		if h.has(finSeen) {
			t.finish(s, d, g)
		}
	}
	return true
}

// likely reports whether g goes on where its direction stands, or is of before, and acknowledges nothing that was not
// seen: then nothing has to be known of earlier packets.
func (h *half) likely(o *half, g *segment) bool {
	if g.flags&wire.ACK != 0 && o.has(based) {
		ack := o.position(g.ack)
		if first := o.next == -1 && o.packets == 0 && ack == 0; ack > o.next && !first || ack-o.next < -(1<<30) {
			return false
		}
	}
	if !h.has(based) {
		return g.flags&wire.RST == 0
	}
	from := h.position(g.seq)
	switch {
	case from > h.next || g.flags&wire.RST != 0 && from < h.next:
		return false
	case g.flags&wire.SYN != 0:
		return true
	}
	return h.acked-from-g.extent() <= h.reach(o)
}

// acknowledges takes what segment g of side h acknowledges of what o sends.
func (h *half) acknowledges(o *half, g *segment) {
	first := !h.has(acksSeen)
	h.set(acksSeen)
	h.window = h.offered(g, o)
	if !o.has(based) {
		o.base(g.ack, 0)
	}
	ack := o.position(g.ack)
	if ack > o.next { // the SYN, of which nothing else is known
		o.advance(ack)
	}
	if ack > o.acked || first {
		o.acked = ack
	}
}
