package inject

import (
	"context"
	"errors"
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

// outermost returns the place of the first IP or ARP layer, and where its source and its destination are set; -1 for
// none. With behind it may stand behind a payload, which no route is looked for by.
func outermost(layers []packet.Layer, behind bool) (at int, src, dst *netip.Addr) {
	for i, l := range layers {
		switch l := l.(type) {
		case *packet.IPv4:
			return i, &l.Src, &l.Dst
		case *packet.IPv6:
			return i, &l.Src, &l.Dst
		case *packet.ARP:
			return i, &l.SenderIP, &l.TargetIP
		case *packet.Payload, packet.Payload:
			if !behind {
				return -1, nil, nil
			}
		}
	}
	return -1, nil, nil
}

// destinationField returns where the outermost IP or ARP layer has its destination, nil if there is none.
func destinationField(layers []packet.Layer) *netip.Addr {
	_, _, dst := outermost(layers, true)
	return dst
}

// Destination returns where the outermost IP or ARP layer goes; invalid if there is none or it does not say.
func Destination(layers []packet.Layer) netip.Addr {
	if _, _, dst := outermost(layers, false); dst != nil {
		return *dst
	}
	return netip.Addr{}
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

// ErrNoNeighbour means that nobody answered for an address on the link.
var ErrNoNeighbour = errors.New("nobody answers for it on this link")

// Device returns the way out through the interface given to OpenResolver, to no destination in particular.
func (r *Resolver) Device() (*Route, error) { return r.Route(netip.Addr{}) }

// Fill sets what the expression of t leaves out of the layers of a packet: the source address of the outermost IP
// layer, the addresses of the Ethernet header, and what an ARP request says of the sender. It returns the route.
func (r *Resolver) Fill(ctx context.Context, t *packet.Template, layers []packet.Layer) (*Route, error) {
	route, err := r.FillSource(t, layers)
	if err != nil {
		return nil, err
	}
	ethernet, ok := layers[0].(*packet.Ethernet)
	if !ok {
		return route, nil
	}
	if !t.Given(0, "dst") {
		if ethernet.Dst, err = r.destinationMAC(ctx, layers, Destination(layers), route); err != nil {
			return nil, err
		}
	}
	return route, nil
}

// FillSource is Fill without the Ethernet destination, which the network may have to be asked for.
func (r *Resolver) FillSource(t *packet.Template, layers []packet.Layer) (*Route, error) {
	at, src, _ := outermost(layers, false)
	route, err := r.Route(Destination(layers))
	if err != nil {
		return nil, err
	}
	for i, l := range layers {
		switch l := l.(type) {
		case *packet.Ethernet:
			if i == 0 && !t.Given(i, "src") {
				l.Src = route.MAC
			}
		case *packet.IPv4, *packet.IPv6:
			if !t.Given(i, "src") && i == at {
				*src = route.Src
			}
		case *packet.ARP:
			if !t.Given(i, "spa") {
				l.SenderIP = route.Src
			}
			if !t.Given(i, "sha") {
				l.SenderMAC = route.MAC
			}
		}
	}
	return route, nil
}

func (r *Resolver) destinationMAC(ctx context.Context, layers []packet.Layer, dst netip.Addr, route *Route) (packet.MAC, error) {
	for _, l := range layers {
		if _, ok := l.(*packet.ARP); ok {
			return packet.BroadcastMAC, nil
		}
	}
	switch {
	case route.Loopback || !dst.IsValid():
		return packet.MAC{}, nil
	case dst.IsMulticast():
		return GroupMAC(dst), nil
	case route.Broadcast || dst == limitedBroadcast:
		return packet.BroadcastMAC, nil
	}
	return r.Neighbour(ctx, route)
}
