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
// are a keyed hash of the destination, which direct answers and quotes bring back. It is for one goroutine; one that
// sends and one that receives have one each, of the same key.
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

// word is the mark as ICMP echoes carry it.
func (m mark) word() uint32 { return uint32(m.port)<<16 | m.seq&0xffff }

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

// Stamp writes the cookie into layers: the first transport header and the IP layer before it.
func (c *Cookie) Stamp(layers []packet.Layer) {
	var ip4 *packet.IPv4
	var dst netip.Addr // where the packet ends up, which is who answers
	for _, l := range layers {
		switch l := l.(type) {
		case *packet.IPv4:
			ip4, dst = l, endOfRoute(l)
		case *packet.IPv6:
			ip4, dst = nil, l.Dst
		case *packet.Routing:
			if n := len(l.Addresses); n > 0 && l.SegmentsLeft.Or(1) > 0 {
				if dst = l.Addresses[n-1]; l.Type == 4 {
					dst = l.Addresses[0]
				}
			}
		}
		k := kindOfLayer(l)
		if k == nil || k.stamp == nil {
			continue
		}
		m := c.mark(dst, k.protocol, k.port(l))
		k.stamp(l, m)
		if ip4 != nil {
			ip4.ID = m.id
		}
		return
	}
}

// endOfRoute returns where a source route ends, the destination if there is none.
func endOfRoute(ip *packet.IPv4) netip.Addr {
	for i := range ip.Options {
		o := &ip.Options[i]
		route := o.Type == wire.IPv4OptionLSRR || o.Type == wire.IPv4OptionSSRR
		if n := len(o.Data); route && n >= 5 && int(o.Data[0]) <= n {
			return netip.AddrFrom4([4]byte(o.Data[n-4:]))
		}
	}
	return ip.Dst
}

// port returns the port that a layer goes to, 0 where there are none.
func (k *kind) port(l packet.Layer) uint16 {
	switch l := l.(type) {
	case *packet.UDP:
		return l.DstPort
	case *packet.TCP:
		return l.DstPort
	case *packet.SCTP:
		return l.DstPort
	}
	return 0
}

// Check tells whether a packet, given without its link header, answers one that Stamp has marked, how, and the
// destination of that one. ARP replies and neighbour advertisements carry no cookie and are believed.
func (c *Cookie) Check(p []byte) (probed netip.AddrPort, r Role, ok bool) {
	var room [levels]Header
	_, probed, r, ok = c.checkLevels(parseLevels(p, &room))
	return probed, r, ok
}

// checkLevels is Check of a packet's headers, and says which of them answers.
func (c *Cookie) checkLevels(headers []Header) (h *Header, probed netip.AddrPort, r Role, ok bool) {
	for i := len(headers) - 1; i >= 0 && !ok; i-- {
		h = &headers[i]
		probed, r, ok = c.check(h)
	}
	return h, probed, r, ok
}

func (c *Cookie) check(h *Header) (probed netip.AddrPort, r Role, ok bool) {
	if quoted, isError := h.Quote(); isError {
		for inner, ok := quoted.Carried(); ok && kindOf(quoted.Protocol).provesQuote == nil; inner, ok = quoted.Carried() {
			quoted = inner
		}
		k := kindOf(quoted.Protocol)
		ok := k.provesQuote != nil && k.provesQuote(&quoted, c.mark(quoted.Final, quoted.Protocol, quoted.DstPort))
		return netip.AddrPortFrom(quoted.Final, quoted.DstPort), ICMPError, ok
	}
	k := kindOf(h.Protocol)
	ok = k.proves != nil && k.proves(h, c.mark(h.Src, h.Protocol, h.SrcPort))
	return netip.AddrPortFrom(h.Src, h.SrcPort), Reply, ok
}
