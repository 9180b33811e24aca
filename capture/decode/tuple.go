package decode

import "net/netip"

// extension reports whether the layer is a header between IP and a transport.
func (t Type) extension() bool {
	switch t {
	case TypeIPv6HopByHop, TypeIPv6Destination, TypeIPv6Routing, TypeIPv6Mobility, TypeIPv6Fragment, TypeAH:
		return true
	}
	return false
}

// transport returns the index of the transport layer that IP layer i carries, or -1.
func (p *Packet) transport(i int) int {
	for i++; i < p.n && p.layers[i].Type.extension(); i++ {
	}
	if i < p.n && p.layers[i].Type.Transport() {
		return i
	}
	return -1
}

// protocol returns the IP protocol number of what IP layer i carries, behind its extension headers.
func (p *Packet) protocol(i int) uint8 {
	var n uint8
	if h := p.IPv4(i); h != nil {
		n = h.Protocol()
	} else if h := p.IPv6(i); h != nil {
		n = h.NextHeader()
	}
	for i++; i < p.n && p.layers[i].Type.extension(); i++ {
		n = p.Frame.Data[p.layers[i].Offset]
	}
	return n
}

// Tuple names the two ends of a packet. Ports are 0 where the protocol has none or the header is not here.
type Tuple struct {
	Protocol uint8 // IP protocol number of the transport
	Src, Dst netip.AddrPort
}

// Outer returns the ends by the outermost IP header.
func (p *Packet) Outer() (Tuple, bool) {
	for i := range p.layers[:p.n] {
		if p.layers[i].Type.Network() {
			return p.tuple(i), true
		}
	}
	return Tuple{}, false
}

// Inner returns the ends by the innermost IP header that is not quoted: those that talk through all tunnels.
func (p *Packet) Inner() (Tuple, bool) {
	for i := p.n - 1; i >= 0; i-- {
		if p.layers[i].Type.Network() && p.layers[i].Flags&Quoted == 0 {
			return p.tuple(i), true
		}
	}
	return Tuple{}, false
}

// Quote returns the ends of the packet that an ICMP error quotes.
func (p *Packet) Quote() (Tuple, bool) {
	for i := range p.layers[:p.n] {
		if p.layers[i].Type.Network() && p.layers[i].Flags&Quoted != 0 {
			return p.tuple(i), true
		}
	}
	return Tuple{}, false
}

func (p *Packet) tuple(ip int) Tuple {
	src, dst := p.addresses(ip)
	sport, dport, _ := p.Ports(p.transport(ip))
	return Tuple{p.protocol(ip), netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)}
}

// addresses returns the addresses of IP layer i.
func (p *Packet) addresses(i int) (src, dst netip.Addr) {
	if h := p.IPv4(i); h != nil {
		return h.Source(), h.Destination()
	}
	if h := p.IPv6(i); h != nil {
		return h.Source(), h.Destination()
	}
	return
}

// Segments returns how many frames on the wire this one stands for: 1, or more for a segment-offload
// super-packet whose source says so, or 0 for a super-packet whose segment count the source does not say.
func (p *Packet) Segments() int {
	o := p.Frame.Offload
	if o.Segments > 1 {
		return int(o.Segments)
	}
	if o.SegmentSize > 0 {
		for i := p.n - 1; i >= 0; i-- {
			if t := p.layers[i].Type; t == TypeTCP || t == TypeUDP {
				return max(1, (p.PayloadLength(i)+int(o.SegmentSize)-1)/int(o.SegmentSize))
			}
		}
	}
	for i := range p.layers[:p.n] {
		if p.layers[i].Flags&Superpacket != 0 {
			return 0
		}
	}
	return 1
}

// inIPv6 reports whether the IP layer around layer i is IPv6.
func (p *Packet) inIPv6(i int) bool {
	for ; i >= 0; i-- {
		if t := p.layers[i].Type; t.Network() {
			return t == TypeIPv6
		}
	}
	return false
}
