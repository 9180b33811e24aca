package inject

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// Cookie marks packets so that their answers are known without remembering them: ports, sequence numbers and ids that
// are a keyed hash of the destination, which direct answers and quotes bring back. It is for one goroutine.
type Cookie struct {
	mac hash.Hash
	sum []byte
}

// NewCookie returns a cookie that only those who know the key can forge.
func NewCookie(key []byte) *Cookie {
	return &Cookie{mac: hmac.New(sha256.New, key)}
}

// mark is what a destination's packets carry.
type mark struct {
	port uint16 // source port, or ICMP id
	seq  uint32 // TCP sequence number; its low half is an ICMP sequence number
	id   uint16 // of IPv4
}

func (c *Cookie) mark(dst netip.Addr, protocol uint8, port uint16) mark {
	a := dst.As16()
	var tail [3]byte
	tail[0] = protocol
	binary.BigEndian.PutUint16(tail[1:], port)
	c.mac.Reset()
	c.mac.Write(a[:])
	c.mac.Write(tail[:])
	c.sum = c.mac.Sum(c.sum[:0])
	return mark{
		port: 32768 + binary.BigEndian.Uint16(c.sum)%28000,
		seq:  binary.BigEndian.Uint32(c.sum[2:]),
		id:   max(1, binary.BigEndian.Uint16(c.sum[6:])),
	}
}

// Stamp writes the cookie into layers: the outermost IP layer and the transport header behind it.
func (c *Cookie) Stamp(layers []packet.Layer) {
	var ip4 *packet.IPv4
	var dst netip.Addr
	for _, l := range layers {
		switch l := l.(type) {
		case *packet.IPv4:
			ip4, dst = l, l.Dst
		case *packet.IPv6:
			dst = l.Dst
		case *packet.UDP:
			m := c.mark(dst, wire.ProtoUDP, l.DstPort)
			l.SrcPort = m.port
			stampID(ip4, m)
			return
		case *packet.TCP:
			m := c.mark(dst, wire.ProtoTCP, l.DstPort)
			l.SrcPort, l.Seq = m.port, m.seq
			stampID(ip4, m)
			return
		case *packet.SCTP:
			m := c.mark(dst, wire.ProtoSCTP, l.DstPort)
			l.SrcPort = m.port
			stampID(ip4, m)
			return
		case *packet.ICMPv4:
			m := c.mark(dst, wire.ProtoICMP, 0)
			l.ID, l.Seq = m.port, uint16(m.seq)
			stampID(ip4, m)
			return
		case *packet.ICMPv6:
			if l.Type == wire.ICMPv6Echo {
				m := c.mark(dst, wire.ProtoICMPv6, 0)
				l.ID, l.Seq = m.port, uint16(m.seq)
			}
			return
		}
	}
}

func stampID(ip *packet.IPv4, m mark) {
	if ip != nil {
		ip.ID = m.id
	}
}

// Check tells whether a packet, given without its link header, answers one that Stamp has marked, how, and the
// destination of that one. ARP replies and neighbour advertisements carry no cookie and are believed.
func (c *Cookie) Check(p []byte) (probed netip.AddrPort, o Outcome, ok bool) {
	h, ok := ParseHeader(p)
	if !ok {
		return probed, 0, false
	}
	if quoted, isError := h.Quote(); isError {
		m := c.mark(quoted.Dst, quoted.Protocol, quoted.DstPort)
		ok := false
		switch quoted.Protocol {
		case wire.ProtoUDP, wire.ProtoSCTP:
			ok = quoted.SrcPort == m.port && (!quoted.Dst.Is4() || quoted.ID == m.id)
		case wire.ProtoTCP:
			ok = quoted.SrcPort == m.port && quoted.Seq == m.seq
		case wire.ProtoICMP, wire.ProtoICMPv6:
			ok = quoted.Word == uint32(m.port)<<16|m.seq&0xffff
		}
		return netip.AddrPortFrom(quoted.Dst, quoted.DstPort), ICMPError, ok
	}
	m := c.mark(h.Src, h.Protocol, h.SrcPort)
	switch h.Protocol {
	case protocolARP:
		ok = h.Type == 2
	case wire.ProtoUDP, wire.ProtoSCTP:
		ok = h.DstPort == m.port
	case wire.ProtoTCP:
		ok = h.DstPort == m.port && (h.Ack == m.seq+1 || h.Ack == m.seq)
	case wire.ProtoICMP:
		m = c.mark(h.Src, h.Protocol, 0)
		ok = h.Type == wire.ICMPv4EchoReply && h.Word == uint32(m.port)<<16|m.seq&0xffff
	case wire.ProtoICMPv6:
		m = c.mark(h.Src, h.Protocol, 0)
		ok = h.Type == wire.ICMPv6NeighborAdvert || h.Type == wire.ICMPv6EchoReply && h.Word == uint32(m.port)<<16|m.seq&0xffff
	default:
		ok = false
	}
	return netip.AddrPortFrom(h.Src, h.SrcPort), Reply, ok
}
