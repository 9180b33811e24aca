package flow

import "sockwire/raw/wire"

// segment takes a segment of direction d.
func (t *Tracker) segment(s *Stream, d Direction, g *segment) {
	h := &s.half[d]
	h.packets++
	h.time, h.last = g.time, g.number
	if g.length > 0 {
		h.segments++
		h.largest = max(h.largest, uint32(g.length))
	}
	if g.flags&wire.SYN != 0 && !h.anchored() {
		h.base(g.seq, -1)
		h.set(hasSYN)
		h.announce(g)
	}
	if !h.has(based) {
		h.base(g.seq, 0)
	}
	from := h.position(g.seq)
	to := from + g.extent()
	if to > from && to <= h.next {
		s.side(d).again += uint64(g.length)
		t.say(s, d, Verdict{Packet: g.number, Kind: Retransmission, Cause: Unknown, Offset: from, Bytes: g.length})
	}
	if t.cfg.Reassemble && g.length > 0 && to > h.next {
		t.result.Chunks = append(t.result.Chunks, Chunk{Stream: s, Direction: d, Offset: from, Data: g.payload, Packet: g.number})
	}
	if to > h.next {
		h.advance(to)
	}
	if g.flags&wire.FIN != 0 {
		h.set(finSeen)
		if s.half[d.Other()].has(finSeen) {
			s.state = Closed
		} else {
			s.state, s.ender, s.ending = HalfOpen, d, g.number
		}
	}
	if g.flags&wire.RST != 0 {
		h.set(rstSeen)
		s.state, s.ender, s.ending = WasReset, d, g.number
		t.say(s, d, Verdict{Packet: g.number, Kind: Reset})
	}
}
