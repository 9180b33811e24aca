package flow

import "sockwire/raw/wire"

// order knows in which order the packets of a direction were sent: by the IP identification, which many systems count
// up with every packet of a connection, and by the timestamps.
type order struct {
	newest  send  // of those that came, the one that was sent last
	again   send  // the last that was a retransmission
	steps   uint8 // steps up by little, of late
	jumps   uint8 // other steps
	drops   uint64
	late    int64  // the most that a packet was late, which others overtook
	first   uint32 // the first timestamp, and when
	begun   int64
	corrupt []corruptPart // the last few
}

// corruptPart is where a corrupt packet claimed to be.
type corruptPart struct {
	from, to int64
	send
	data []byte
}

// like reports whether g is what the corrupt packet was before it was damaged, which the network delivered whole too:
// of what a sender changes from packet to packet, one thing differs at most.
func (c *corruptPart) like(g *segment) bool {
	n := 0
	for _, differs := range []bool{g.sum != c.sum, g.ack != c.ack, g.identity() != c.id, g.tsval != c.tsval, g.tsecr != c.tsecr} {
		if differs {
			n++
		}
	}
	return n <= 1 && g.near(c.time)
}

// step is how far the identification may go on between two packets of a direction: the packets of a super-packet count.
const step = 256

// take notes a packet that came.
func (o *order) take(g *segment) {
	if o.newest.packet == 0 {
		o.newest, o.first, o.begun = sendOf(g), g.tsval, g.time
		return
	}
	if up := g.id - o.newest.id; g.counted() && o.newest.counted {
		switch {
		case up == 0:
			o.rate(&o.jumps, &o.steps) // two packets with one identification: it is no counter
		case up < step:
			o.rate(&o.steps, &o.jumps)
		case -up < step:
			if o.counts() {
				return // an older packet
			}
		default:
			o.rate(&o.jumps, &o.steps)
		}
	}
	if later, _ := o.compare(g, &o.newest); later >= 0 {
		o.newest = sendOf(g)
	}
}

func (o *order) rate(up, other *uint8) {
	if *up++; *up == 64 {
		*up, *other = 32, *other/2
	}
}

// counts reports whether the identification counts up.
func (o *order) counts() bool { return o.steps > 0 && o.jumps <= o.steps/8 }

// near is how far two identifications may be apart that are believed before it is known that they count: of two that
// mean nothing, one pair in 2,000 is so near.
const near = 16

// between tells how many identifications s is behind g, and whether that means anything.
func (o *order) between(g *segment, s *send) (int, bool) {
	d := int(int16(g.id - s.id))
	if !g.counted() || !s.counted || d == 0 {
		return 0, false
	}
	if o.steps == 0 && o.jumps == 0 {
		return d, d > -near && d < near
	}
	return d, o.counts() && d > -(1<<14) && d < 1<<14
}

// compare tells whether g was sent after the packet s (1), before it (-1), or that it cannot be told (0), and how it is
// known.
func (o *order) compare(g *segment, s *send) (int, Cause) {
	if d, ok := o.between(g, s); ok {
		if d > 0 {
			return 1, IPID
		}
		return -1, IPID
	}
	if g.hasTimestamps && s.stamped && g.tsval != s.tsval {
		if int32(g.tsval-s.tsval) > 0 {
			return 1, Timestamp
		}
		return -1, Timestamp
	}
	// What a sender acknowledges, and echoes, does not go back. A SYN acknowledges nothing: its 0 is no number.
	if g.flags&wire.ACK != 0 && s.ack != 0 && g.ack != s.ack {
		if int32(g.ack-s.ack) > 0 {
			return 1, Acknowledged
		}
		return -1, Acknowledged
	}
	if g.hasTimestamps && s.stamped && g.tsecr != s.tsecr {
		if int32(g.tsecr-s.tsecr) > 0 {
			return 1, Timestamp
		}
		return -1, Timestamp
	}
	return 0, Unknown
}

// tick is the time in which the timestamp counts on by one: about a millisecond on most systems, as far as is known.
func (o *order) tick(g *segment) int64 {
	if n := int64(int32(o.newest.tsval - o.first)); n > 8 && g.time > o.begun {
		return (g.time - o.begun) / n
	}
	return 1e6
}

// maxCorrupt is how many corrupt packets are remembered.
const maxCorrupt = 16

// spoil notes a corrupt packet.
func (o *order) spoil(c corruptPart) {
	if len(o.corrupt) == maxCorrupt {
		o.corrupt = append(o.corrupt[:0], o.corrupt[1:]...)
	}
	o.corrupt = append(o.corrupt, c)
}

// at returns the corrupt packet that claimed to have the byte at pos, or nil.
func (o *order) at(pos int64) *corruptPart {
	for i := range o.corrupt {
		if c := &o.corrupt[i]; c.from <= pos && pos < c.to {
			return c
		}
	}
	return nil
}

// spoilt returns the corrupt packet that claimed to have the bytes from on, or 0.
func (o *order) spoilt(from, to int64) uint64 {
	for i := range o.corrupt {
		if c := &o.corrupt[i]; c.packet != 0 && c.from <= from && to <= c.to {
			return c.packet
		}
	}
	return 0
}

// unspoilt counts the bytes of [from, to) that no corrupt packet claimed to have.
func (o *order) unspoilt(from, to int64) (n int64) {
	for from < to {
		if c := o.at(from); c != nil && c.packet != 0 {
			from = min(c.to, to)
			continue
		}
		end := to
		for i := range o.corrupt {
			if c := &o.corrupt[i]; c.packet != 0 && c.from > from {
				end = min(end, c.from)
			}
		}
		n += end - from
		from = end
	}
	return n
}
