package inject

import (
	"net/netip"

	"sockwire/raw/packet"
)

// Route is the way to a destination.
type Route struct {
	Interface string
	Ifindex   int
	MTU       int
	Loopback  bool
	Ethernet  bool       // frames of the device have an Ethernet header
	MAC       packet.MAC // the device's own
	Src       netip.Addr // what the system would send from
	NextHop   netip.Addr // the router, or the destination itself
	Broadcast bool       // the destination is a broadcast address of the network
}

// outermost returns the first IP or ARP layer's destination, where it can be set, and its source.
func outermost(layers []packet.Layer) (dst netip.Addr, src *netip.Addr) {
	for _, l := range layers {
		switch l := l.(type) {
		case *packet.IPv4:
			return l.Dst, &l.Src
		case *packet.IPv6:
			return l.Dst, &l.Src
		case *packet.ARP:
			return l.TargetIP, &l.SenderIP
		case *packet.Payload, packet.Payload:
			return netip.Addr{}, nil
		}
	}
	return netip.Addr{}, nil
}

// Destination returns where the outermost IP or ARP layer goes; invalid if there is none or it does not say.
func Destination(layers []packet.Layer) netip.Addr {
	dst, _ := outermost(layers)
	return dst
}

// GroupMAC returns the Ethernet address of an IP multicast group (RFC 1112, RFC 2464).
func GroupMAC(a netip.Addr) packet.MAC {
	if a.Is4() {
		b := a.As4()
		return packet.MAC{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	b := a.As16()
	return packet.MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

// sameField reports whether src is the source field of l.
func sameField(l packet.Layer, src *netip.Addr) bool {
	switch l := l.(type) {
	case *packet.IPv4:
		return &l.Src == src
	case *packet.IPv6:
		return &l.Src == src
	case *packet.ARP:
		return &l.SenderIP == src
	}
	return false
}
