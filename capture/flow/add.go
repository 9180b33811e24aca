package flow

import (
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// Add takes the next packet, in the order of the capture; p.Number must be set (decode.History does). Fragments are passed over: add the
// datagram that a Defragmenter made of them. Add allocates nothing for plain progress.
func (t *Tracker) Add(p *decode.Packet) Result {
	t.begin()
	forward, ok := read(p, &t.seg, &t.key, t.cfg.Interfaces)
	if !ok {
		return t.result
	}
	s := t.stream(&t.seg, forward)
	d := Backward
	if forward != s.swapped {
		d = Forward
	}
	t.result.Stream, t.result.Direction = s, d
	t.segment(s, d, &t.seg)
	return t.result
}

// stream finds the stream of a segment, or begins one.
func (t *Tracker) stream(g *segment, forward bool) *Stream {
	hash := t.table.hash(&t.key)
	s := t.table.find(&t.key, hash)
	if s != nil && s.again(g, forward) {
		s.state = max(s.state, s.replaced())
		t.leave(s)
		s = nil
	}
	if s == nil {
		if t.table.used >= t.cfg.Streams {
			t.evict()
		}
		s = t.table.add(&t.key, hash)
		s.number, s.first, s.start = t.next, g.number, g.time
		s.swapped = !forward
		if g.has(wire.SYN | wire.ACK) {
			s.swapped = forward
		}
		t.next++
	} else {
		t.table.touch(s)
	}
	return s
}

// again reports whether the segment begins a new connection between the ends of s.
func (s *Stream) again(g *segment, forward bool) bool {
	if g.flags&(wire.SYN|wire.ACK|wire.RST) != wire.SYN {
		return false
	}
	h := &s.half[Backward]
	if forward != s.swapped {
		h = &s.half[Forward]
	}
	if !h.anchored() {
		return h.has(based) || s.half[0].anchored() && s.half[1].anchored()
	}
	return h.position(g.seq) != -1
}

func (s *Stream) replaced() End {
	if s.state < Closed {
		return Replaced
	}
	return s.state
}

// leave takes s out of the table and into Result.Ended.
func (t *Tracker) leave(s *Stream) {
	t.table.unlink(s)
	s.leaving = true
	t.leaving = append(t.leaving, s)
	t.result.Ended = t.leaving
}

func (t *Tracker) evict() {
	s := t.table.at(t.table.oldest)
	if s.state < Closed {
		t.lost.Streams++
		t.say(s, Forward, Verdict{Packet: t.seg.number, Kind: GivenUp, Cause: StreamLimit})
	}
	t.leave(s)
}

// Finish is the end of the capture: it says what stays undecided, and gives all streams as Ended.
func (t *Tracker) Finish() Result {
	t.begin()
	for s := range t.Streams() {
		t.leave(s)
	}
	return t.result
}
