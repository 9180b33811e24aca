package flow

import "sockwire/raw/wire"

// flags of a half.
type flags uint16

const (
	based         flags = 1 << iota // a sequence number was seen to count from
	hasSYN                          // and that was the SYN's
	sackPermitted                   // in its SYN
	timestamps                      // its last packet had the option
	fastOpen
	ecnAgreed
	finSeen
	rstSeen
	goodSum  // a packet with a right checksum was seen
	acksSeen // it has acknowledged something
	outgoing // the capture is at this sender
	sumsLie  // what had a wrong checksum was acknowledged all the same
	doubted  // all that it has sent had a wrong checksum
	unsummed // its first packets had, and no other had a right one so far
)

// half is what one side of a stream sends. Positions count bytes from the one behind the SYN, or the first that was
// seen. It is small: a million streams have two million of it. What only a lively stream needs is in its record.
type half struct {
	next     int64 // behind the highest position seen
	acked    int64 // the other side has acknowledged all before
	rec      *record
	seq      uint32 // the sequence number of position next
	window   uint32 // that this side takes, scaled
	flight   uint32 // the most that was
	packets  uint32 // that are part of the stream; see Stream.count
	segments uint32 // with data
	rtt      uint32 // the first round trip, in ticks
	mss      uint16
	largest  uint16
	state    flags
	scale    uint8 // plus 1; 0 for none
}

func (h *half) has(f flags) bool { return h.state&f != 0 }
func (h *half) set(f flags)      { h.state |= f }
func (h *half) anchored() bool   { return h.has(hasSYN) }

// dataEnd is the position behind the last byte of data: a FIN takes one behind it.
func (h *half) dataEnd() int64 {
	if h.has(finSeen) {
		return h.next - 1
	}
	return h.next
}

// position returns where sequence number seq is, taken to be the nearest to next.
func (h *half) position(seq uint32) int64 { return h.next + int64(int32(seq-h.seq)) }

// base starts to count: the byte with sequence number seq is at position at.
func (h *half) base(seq uint32, at int64) {
	h.next, h.seq, h.acked = at, seq, at
	h.set(based)
}

// spoils reports whether g is damaged: its checksum is wrong, and those of the direction mean something.
func (h *half) spoils(g *segment) bool { return g.corrupt && h.has(goodSum) && !h.has(sumsLie) }

// advance moves next on.
func (h *half) advance(to int64) {
	h.seq += uint32(to - h.next)
	h.next = to
}

// announce takes the options of a SYN.
func (h *half) announce(g *segment) {
	h.mss, h.scale = g.mss, g.scale
	if g.sackPermitted {
		h.set(sackPermitted)
	}
	if g.fastOpen || g.length > 0 {
		h.set(fastOpen)
	}
	if g.flags&wire.ECE != 0 {
		h.set(ecnAgreed)
	}
}

// offered returns the window that the header of g tells, scaled where both SYNs agreed on that (RFC 7323, section 2.2).
func (h *half) offered(g *segment, other *half) uint32 {
	w := uint32(g.window)
	if g.flags&wire.SYN == 0 && h.scale > 0 && other.scale > 0 {
		w <<= h.scale - 1
	}
	return w
}

// reach is how far from where a direction stands its next packet can be.
func (h *half) reach(receiver *half) int64 {
	if h.anchored() && receiver.anchored() {
		scale := uint8(0)
		if h.scale > 0 && receiver.scale > 0 {
			scale = receiver.scale - 1
		}
		return 2*(65535<<scale) + 1<<16
	}
	return 1 << 30
}

// payload is how many bytes of data a stretch has: a SYN and a FIN take a place in it, and are none.
func (p *stretch) payload(h *half) int64 { return max(min(p.to, h.dataEnd())-max(p.from, 0), 0) }

func (p *stretch) bytes(h *half) int { return int(p.payload(h)) }

// ends reports whether part p has the FIN: a receiver in TIME-WAIT echoes the timestamp of one that comes again too.
func (h *half) ends(p *stretch) bool { return h.has(finSeen) && p.to == h.next }
