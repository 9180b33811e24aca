package decode

import (
	"time"

	"sockwire/raw/wire"
)

// History knows what the line of a packet needs of the packets before it: its number, the first and the
// previous time, and where the sequence numbers of its TCP connection start. It is the one step that has
// to see the packets in order; decoding before it and rendering after it can run in parallel, a batch of
// Packets at a time. The zero value is ready. It is not for use by several goroutines at once.
//
// Memory is bounded: after Connections directions (0 means 65,536, about 5 MB) those not seen for longest
// are forgotten, and their numbers then start anew at the next packet.
type History struct {
	Connections int
	// Followed leaves sequence numbers to a caller who follows the streams himself and calls Packet.Relate; Again still
	// finds them.
	Followed bool

	number      uint64
	first, last time.Time
	young, old  map[flowKey]uint32 // sequence number that is 0, by direction of a connection
}

// flowKey is one direction of a connection.
type flowKey struct {
	src, dst [16]byte
	ports    uint32
}

// reverse is the other direction.
func (k flowKey) reverse() flowKey {
	return flowKey{src: k.dst, dst: k.src, ports: k.ports<<16 | k.ports>>16}
}

// Add takes the next packet into account and notes in it what the renderers want to know.
func (h *History) Add(p *Packet) {
	h.number++
	p.Number = h.number
	if t := p.Frame.Time; !t.IsZero() {
		if h.first.IsZero() {
			h.first, h.last = t, t
		}
		p.sinceFirst, p.sincePrevious = t.Sub(h.first), t.Sub(h.last)
		h.last = t
	} else {
		p.sinceFirst, p.sincePrevious = 0, 0
	}
	if p.relative = false; !h.Followed {
		h.Again(p)
	}
}

// Relate sets the sequence numbers that those of the innermost TCP layer are relative to: of what sent it, and of the
// other side.
func (p *Packet) Relate(seq, ack uint32) { p.seqBase, p.ackBase, p.relative = seq, ack, true }

// Again takes into account what the packet that was added last turned out to be when its fragments were put together
// and decoded into it: its sequence numbers. It is not counted again.
func (h *History) Again(p *Packet) {
	p.relative = false
	if i := p.FindInner(TypeTCP); i >= 0 {
		h.relate(p, i)
	}
}

// relate finds the sequence numbers that those of TCP layer i are relative to: one before the first byte of
// data, so that a SYN has 0 and data starts at 1, also when the start of the connection was not seen.
func (h *History) relate(p *Packet, i int) {
	key, ok := p.flowKey(i)
	if !ok {
		return
	}
	t := p.TCP(i)
	seq, ack, flags := t.Sequence(), t.Acknowledgment(), t.Flags()
	base, known := h.lookup(key)
	switch {
	case flags&wire.SYN != 0:
		if !known || base != seq {
			base = seq
			h.store(key, base)
		}
	case !known:
		base = seq - 1
		h.store(key, base)
	}
	p.seqBase, p.ackBase, p.relative = base, 0, true
	if flags&wire.ACK == 0 {
		return
	}
	back := key.reverse()
	base, known = h.lookup(back)
	if !known || flags&wire.SYN != 0 && base != ack-1 {
		base = ack - 1
		h.store(back, base)
	}
	p.ackBase = base
}

func (h *History) lookup(k flowKey) (uint32, bool) {
	if base, ok := h.young[k]; ok {
		return base, true
	}
	if base, ok := h.old[k]; ok {
		h.store(k, base)
		return base, true
	}
	return 0, false
}

// store keeps two generations: when the young one is full it becomes the old one.
func (h *History) store(k flowKey, base uint32) {
	limit := h.Connections
	if limit <= 0 {
		limit = 1 << 16
	}
	if h.young == nil || len(h.young) >= max(limit/2, 1) {
		h.young, h.old = h.old, h.young
		if h.young == nil {
			h.young = make(map[flowKey]uint32)
		}
		clear(h.young)
	}
	h.young[k] = base
}

// flowKey returns the direction that TCP layer i belongs to.
func (p *Packet) flowKey(i int) (flowKey, bool) {
	var k flowKey
	t := p.TCP(i)
	if t == nil {
		return k, false
	}
	k.ports = be32(t)
	for j := i - 1; j >= 0; j-- {
		if h := p.IPv4(j); h != nil {
			copy(k.src[:], h[12:16])
			copy(k.dst[:], h[16:20])
			return k, true
		}
		if h := p.IPv6(j); h != nil {
			copy(k.src[:], h[8:24])
			copy(k.dst[:], h[24:40])
			return k, true
		}
	}
	return k, false
}
