package flow

// deliver hands out the bytes of a segment that are next, and holds those that are not. Where bytes were seen before,
// the first stay.
func (t *Tracker) deliver(s *Stream, d Direction, r *record, g *segment, from int64) {
	b := &r.buffer
	if !t.wants(s, b) {
		return
	}
	if b.gone > b.out && from >= b.gone { // not at once: some captures have an acknowledgement before what it is for
		t.skip(s, d, r, b.gone, NoCause)
	}
	t.compare(s, d, r, g, from)
	to := from + int64(g.length)
	for pos := max(from, b.out); pos < to; {
		i := b.find(pos)
		end := to
		if i < len(b.pieces) {
			if p := &b.pieces[i]; p.from <= pos {
				pos = p.to
				continue
			}
			end = min(to, b.pieces[i].from)
		}
		data := bytesOf(g.payload, from, pos, end)
		if pos == b.out {
			t.hand(s, d, b, pos, end, data, g.number)
			t.drain(s, d, b)
		} else {
			b.put(i, pos, end, data, g.number)
		}
		pos = max(end, b.out)
	}
	if b.held > int64(t.cfg.StreamBytes) {
		t.skip(s, d, r, b.pieces[0].from, BytesLimit)
	}
	t.account(r)
}

// wants tells whether the bytes of a stream are handed out. It asks once.
func (t *Tracker) wants(s *Stream, b *buffer) bool {
	if !b.begun {
		b.begun = true
		b.wanted = t.cfg.Reassemble && (t.cfg.Only == nil || t.cfg.Only(s))
	}
	return b.wanted
}

// hand hands out [from, to), of which data was captured.
func (t *Tracker) hand(s *Stream, d Direction, b *buffer, from, to int64, data []byte, packet uint64) {
	c := Chunk{Stream: s, Direction: d, Offset: from, Packet: packet}
	if len(data) > 0 {
		c.Data = data
		t.result.Chunks = append(t.result.Chunks, c)
		if n := len(t.spare); b.kept.data == nil && n > 0 {
			b.kept.data, t.spare = t.spare[n-1], t.spare[:n-1]
		}
		most := t.cfg.StreamBytes
		if !s.half[d.Other()].has(acksSeen) {
			most = min(most, keepAlone)
		}
		b.kept.add(data, from+int64(len(data)), most)
	}
	if cut := to - from - int64(len(data)); cut > 0 {
		c.Offset, c.Data, c.Gap, c.Cut = from+int64(len(data)), nil, cut, true
		t.result.Chunks = append(t.result.Chunks, c)
	}
	b.out = to
}

// drain hands out the pieces that are next now.
func (t *Tracker) drain(s *Stream, d Direction, b *buffer) {
	n := 0
	for n < len(b.pieces) && b.pieces[n].from == b.out {
		p := &b.pieces[n]
		t.hand(s, d, b, p.from, p.to, p.data, p.packet)
		n++
	}
	if n > 0 {
		b.drop(n)
	}
}

// skip hands out what is held up to position to, with gaps for what is not there, and what follows.
func (t *Tracker) skip(s *Stream, d Direction, r *record, to int64, why Cause) {
	b := &r.buffer
	if !t.wants(s, b) {
		return
	}
	for b.out < to {
		end, packet := to, s.lastOf(d)
		if len(b.pieces) > 0 && b.pieces[0].from < to {
			end, packet = b.pieces[0].from, b.pieces[0].packet
		}
		t.result.Chunks = append(t.result.Chunks, Chunk{Stream: s, Direction: d, Offset: b.out, Gap: end - b.out, Packet: packet})
		if why != NoCause {
			t.lost.Holes++
			t.say(s, d, Verdict{Packet: t.number, Kind: GivenUp, Cause: why, Offset: b.out, Bytes: int(end - b.out)})
		}
		b.out = end
		t.drain(s, d, b)
	}
	t.drain(s, d, b)
}

// end says that the direction has no more bytes, when it does.
func (t *Tracker) end(s *Stream, d Direction) {
	h := &s.half[d]
	if !t.cfg.Reassemble || !h.has(finSeen) || h.rec == nil {
		return
	}
	if b := &h.rec.buffer; b.wanted && !b.ended && b.out == h.dataEnd() {
		b.ended = true
		t.result.Chunks = append(t.result.Chunks, Chunk{Stream: s, Direction: d, Offset: b.out, Packet: s.lastOf(d), End: true})
	}
}

// compare says where the segment has other bytes than those seen before.
func (t *Tracker) compare(s *Stream, d Direction, r *record, g *segment, from int64) {
	b := &r.buffer
	n := 0
	if from < b.out {
		n = b.kept.differ(g.payload, from)
	}
	var unlike uint64
	for i := b.find(from); i < len(b.pieces) && b.pieces[i].from < from+int64(len(g.payload)); i++ {
		p := &b.pieces[i]
		at := max(p.from, from)
		if m := different(g.payload[at-from:], p.data[min(at-p.from, int64(len(p.data))):]); m > 0 {
			n += m
			unlike = p.packet
		}
	}
	if n > 0 {
		v := Verdict{Packet: g.number, Kind: Conflict, Offset: from, Bytes: n}
		if i := r.find(from); unlike == 0 && i < len(r.parts) && !r.parts[i].has(hole) {
			if unlike = r.parts[i].last.packet; unlike == g.number {
				unlike = r.previous(&r.parts[i]).packet
			}
		}
		v.evidence[0] = unlike
		t.say(s, d, v)
	}
}
