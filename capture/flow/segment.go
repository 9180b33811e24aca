package flow

import (
	"encoding/binary"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// segment is what the tracker reads from a packet: one TCP segment, or a super-packet of several.
type segment struct {
	number uint64
	time   int64 // nanoseconds since 1970, 0 if not known
	drops  uint64

	seq, ack uint32
	flags    wire.TCPFlags
	window   uint16
	payload  []byte // as far as it was captured
	length   int    // of the payload on the wire
	sum      uint16 // the checksum field

	id       uint16 // IPv4 identification
	hasID    bool
	label    uint16 // of the IPv6 flow label, see identity
	ttl      uint8
	marked   bool // CE
	outgoing capture.Direction
	offload  bool // left to the device: it was captured at its sender
	corrupt  bool
	verified bool   // the checksum is right
	place    uint32 // where it was captured: interface, direction, link header

	tsval, tsecr  uint32
	hasTimestamps bool
	sack          [4][2]uint32
	sacks         int

	mss           uint16
	scale         uint8 // plus 1
	sackPermitted bool
	fastOpen      bool
}

// has reports whether the flags are all set.
func (g *segment) has(f wire.TCPFlags) bool { return g.flags&f == f }

// counted reports whether the identification may be one of a counter: many systems do not count 0, and give a SYN one
// of its own.
func (g *segment) counted() bool { return g.hasID && g.id != 0 && g.flags&wire.SYN == 0 }

// identity is what tells two packets apart that say the same: the identification, or where there is none, the flow
// label. Linux takes another one for what it says again.
func (g *segment) identity() uint16 {
	if g.hasID {
		return g.id
	}
	return g.label
}

// extent is how many sequence numbers the segment takes.
func (g *segment) extent() int64 {
	n := int64(g.length)
	if g.flags&wire.SYN != 0 {
		n++
	}
	if g.flags&wire.FIN != 0 {
		n++
	}
	return n
}

// Segment is what a Tracker reads of a packet, see Tracker.Read. The zero value is of a packet without a TCP segment.
type Segment struct {
	segment
	key      key
	hash     uint64 // of the key
	forward  bool   // the key's first end sent it
	ok       bool   // there is a segment
	fragment bool
}

// Fragment reports whether the packet is a fragment, which a Defragmenter should see before.
func (s *Segment) Fragment() bool { return s.fragment }

// Read fills s with what AddSegment needs of a packet, from whose data it borrows. It changes nothing in the Tracker:
// packets can be read ahead, by several goroutines, also while another adds.
func (t *Tracker) Read(p *decode.Packet, s *Segment) {
	s.fragment = fragmentLayer(p) >= 0
	s.drops = p.Frame.Drops
	if s.forward, s.ok = read(p, &s.segment, &s.key, t.cfg.Interfaces); s.ok {
		s.hash = t.table.hash(&s.key)
	}
}

// read fills g and k from the innermost TCP header of p. It reports false where there is none that is whole: also for
// fragments, whose datagram comes when a Defragmenter has put it together.
func read(p *decode.Packet, g *segment, k *key, interfaces bool) (forward, ok bool) {
	layers := p.Layers()
	at := len(layers) - 1
	for at >= 0 && (layers[at].Type != decode.TypeTCP || layers[at].Flags&decode.Quoted != 0) {
		if layers[at].Flags&decode.Quoted != 0 {
			return false, false
		}
		at--
	}
	t := p.TCP(at)
	if t == nil {
		return false, false
	}
	l := &layers[at]
	*g = segment{
		payload: p.Payload(at), length: p.PayloadLength(at),
		offload: p.Frame.Offload.ChecksumPending || l.Checksum == decode.ChecksumOffloaded,
		corrupt: l.Checksum == decode.ChecksumBad, verified: l.Checksum == decode.ChecksumGood,
	}
	g.read(&p.Frame, t)
	k.begin(&p.Frame, interfaces)
	if !k.read(p, at, g) {
		return false, false
	}
	k.ports = binary.BigEndian.Uint32(t)
	return k.order(), true
}

// read takes what the frame and the TCP header say.
func (g *segment) read(f *capture.Frame, t wire.TCP) {
	g.drops, g.outgoing = f.Drops, f.Direction
	if !f.Time.IsZero() {
		g.time = f.Time.UnixNano()
	}
	g.place = uint32(f.Interface)<<8 ^ uint32(f.Ifindex)<<16 ^ uint32(f.Direction)
	g.seq, g.ack, g.flags, g.window, g.sum = t.Sequence(), t.Acknowledgment(), t.Flags(), t.Window(), t.Checksum()
	g.options(t.Options())
}

// begin makes k the key of nothing so far.
func (k *key) begin(f *capture.Frame, interfaces bool) {
	k.link, k.family = Link{}, 0
	if interfaces {
		k.link.Interface = int32(f.Interface)
	}
}

// ipv4 takes the addresses of the innermost header.
func (k *key) ipv4(h wire.IPv4, g *segment) {
	k.family = 4
	k.a, k.b = [16]byte{}, [16]byte{}
	copy(k.a[:4], h[wire.IPv4SourceAt:])
	copy(k.b[:4], h[wire.IPv4DestinationAt:])
	g.id, g.hasID, g.ttl, g.marked = h.ID(), true, h.TTL(), h.ECN() == 3
}

func (k *key) ipv6(h wire.IPv6, g *segment) {
	k.family = 6
	copy(k.a[:], h[wire.IPv6SourceAt:wire.IPv6DestinationAt])
	copy(k.b[:], h[wire.IPv6DestinationAt:wire.IPv6Len])
	label := h.FlowLabel()
	g.ttl, g.marked, g.label = h.HopLimit(), h.ECN() == 3, uint16(label^label>>16)
}

// ethernet takes the addresses: a router changes them.
func (g *segment) ethernet(h []byte) {
	g.place ^= binary.BigEndian.Uint32(h[2:]) * 31
	g.place ^= binary.BigEndian.Uint32(h[8:]) * 37
}

// read takes the addresses and the link context from the layers before that of TCP.
func (k *key) read(p *decode.Packet, tcp int, g *segment) bool {
	layers := p.Layers()
	for i := tcp - 1; i >= 0; i-- {
		switch layers[i].Type {
		case decode.TypeIPv4:
			if k.family == 0 {
				h := p.IPv4(i)
				if h.Fragmented() {
					return false
				}
				k.ipv4(h, g)
				g.corrupt = g.corrupt || layers[i].Checksum == decode.ChecksumBad
			}
		case decode.TypeIPv6:
			if k.family == 0 {
				k.ipv6(p.IPv6(i), g)
			}
		case decode.TypeIPv6Fragment:
			if h := p.IPv6Fragment(i); k.family == 0 && (h.FragmentOffset() != 0 || h.MoreFragments()) {
				return false
			}
		case decode.TypeVLAN:
			if k.link.VLAN>>16 == 0 {
				k.link.VLAN |= uint32(p.VLAN(i).ID()) << (16 * uint(min(k.link.VLAN, 1)))
			}
		case decode.TypeVXLAN:
			k.tunnel(p.VXLAN(i).VNI())
		case decode.TypeGeneve:
			k.tunnel(p.Geneve(i).VNI())
		case decode.TypeGRE:
			k.tunnel(p.GRE(i).Key())
		case decode.TypeMPLS:
			k.tunnel(p.MPLS(i).Label())
		case decode.TypeEthernet:
			if h := p.Header(i); len(h) >= 12 {
				g.ethernet(h)
			}
		case decode.TypeSLL, decode.TypeSLL2:
			for _, c := range p.Header(i) {
				g.place = g.place*31 + uint32(c)
			}
		}
	}
	return k.family != 0
}

func (k *key) tunnel(id uint32) {
	if k.link.Tunnel == 0 {
		k.link.Tunnel = id
	}
}

// options reads those that the tracker knows.
func (g *segment) options(b []byte) {
	if len(b) >= 12 && binary.BigEndian.Uint32(b) == 0x0101080a { // as nearly all segments have them
		g.hasTimestamps = true
		g.tsval, g.tsecr = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		b = b[12:]
	}
	for off := 0; off < len(b); {
		o := wire.OptionAt(b, off)
		if o.Cut || o.Kind == wire.TCPOptionEnd {
			return
		}
		off += o.Length
		g.option(o)
	}
}

func (g *segment) option(o wire.Option) {
	switch d := o.Data; {
	case o.Kind == wire.TCPOptionTimestamps && len(d) == 8:
		g.hasTimestamps = true
		g.tsval, g.tsecr = binary.BigEndian.Uint32(d), binary.BigEndian.Uint32(d[4:])
	case o.Kind == wire.TCPOptionSACK:
		for ; len(d) >= 8 && g.sacks < len(g.sack); d = d[8:] {
			g.sack[g.sacks] = [2]uint32{binary.BigEndian.Uint32(d), binary.BigEndian.Uint32(d[4:])}
			g.sacks++
		}
	case g.flags&wire.SYN == 0:
	case o.Kind == wire.TCPOptionMSS && len(d) == 2:
		g.mss = binary.BigEndian.Uint16(d)
	case o.Kind == wire.TCPOptionWindowScale && len(d) == 1:
		g.scale = min(d[0], 14) + 1
	case o.Kind == wire.TCPOptionSACKPermitted:
		g.sackPermitted = true
	case o.Kind == wire.TCPOptionFastOpen, o.Kind == wire.TCPOptionExperiment2 && len(d) >= 2 && d[0] == 0xf9 && d[1] == 0x89:
		g.fastOpen = true
	}
}
