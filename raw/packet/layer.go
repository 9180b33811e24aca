package packet

import (
	"errors"
	"fmt"
	"net/netip"

	"sockwire/raw/wire"
)

// Layer is one layer of a packet: a pointer to one of this package's header structs, or a [Payload]. The set is
// closed.
type Layer interface{ layer() }

// Payload is bytes as they are: the data of the layer before, or any layer this package does not build. A *Payload is a
// layer too, which spares a program that changes it from packet to packet an allocation each.
type Payload []byte

func (*Ethernet) layer()           {}
func (*VLAN) layer()               {}
func (*ARP) layer()                {}
func (*IPv4) layer()               {}
func (*IPv6) layer()               {}
func (*HopByHop) layer()           {}
func (*DestinationOptions) layer() {}
func (*Routing) layer()            {}
func (*Fragment) layer()           {}
func (*IPv6Extension) layer()      {}
func (*AH) layer()                 {}
func (*ESP) layer()                {}
func (*ICMPv4) layer()             {}
func (*ICMPv6) layer()             {}
func (*UDP) layer()                {}
func (*TCP) layer()                {}
func (*MPLS) layer()               {}
func (*PPPoE) layer()              {}
func (*IGMP) layer()               {}
func (*SCTP) layer()               {}
func (*SCTPChunk) layer()          {}
func (*GRE) layer()                {}
func (*VXLAN) layer()              {}
func (*Geneve) layer()             {}
func (*UDPLite) layer()            {}
func (Payload) layer()             {}

var errNoPseudoHeader = errors.New("a computed checksum needs an IP layer before it: give Checksum")

// layerError says which layer cannot be built, and why.
type layerError struct {
	index int
	name  string
	err   error
}

func (e *layerError) Error() string { return fmt.Sprintf("layer %d, %s: %v", e.index+1, e.name, e.err) }
func (e *layerError) Unwrap() error { return e.err }

// Append appends the packet made of layers, the outermost first, to b and returns the longer slice. On an error,
// which names the layer, it returns b as it was. It allocates only when b has too little room or the packet more
// than 16 layers.
func Append(b []byte, layers ...Layer) ([]byte, error) {
	var room [17]int
	b, _, err := appendStarts(b, room[:0], layers)
	if err != nil {
		return b, fmt.Errorf("packet: %w", err)
	}
	return b, nil
}

// appendStarts is Append that also appends to starts where each layer starts in b, and the end.
func appendStarts(b []byte, starts []int, layers []Layer) ([]byte, []int, error) {
	// The layers are told apart by type, not called through the interface: so they stay on the caller's stack.
	start := len(b)
	for i, l := range layers {
		starts = append(starts, len(b))
		var err error
		if b, err = appendLayer(b, l, layers[i+1:]); err != nil {
			return b[:start], starts, &layerError{i, name(l), err}
		}
	}
	starts = append(starts, len(b))
	for i := len(layers) - 1; i >= 0; i-- {
		var err error
		if b, err = finishLayer(b, layers, i, starts); err != nil {
			return b[:start], starts, &layerError{i, name(layers[i]), err}
		}
	}
	return b, starts, nil
}

// appendLayer writes what is known before the layers below.
func appendLayer(b []byte, l Layer, below []Layer) ([]byte, error) {
	var next Layer
	if len(below) > 0 {
		next = below[0]
	}
	switch l := l.(type) {
	case *Ethernet:
		return l.append(b, next)
	case *VLAN:
		return l.append(b, next)
	case *ARP:
		return l.append(b)
	case *IPv4:
		return l.append(b, next)
	case *IPv6:
		return l.append(b, next, below)
	case *HopByHop:
		return appendOptionsHeader(b, l.NextHeader, l.Length, l.Options, next)
	case *DestinationOptions:
		return appendOptionsHeader(b, l.NextHeader, l.Length, l.Options, next)
	case *Routing:
		return l.append(b, next)
	case *Fragment:
		return l.append(b, next)
	case *IPv6Extension:
		return l.append(b, next)
	case *AH:
		return l.append(b, next)
	case *ESP:
		return l.append(b), nil
	case *ICMPv4:
		return l.append(b)
	case *ICMPv6:
		return l.append(b)
	case *UDP:
		return l.append(b), nil
	case *TCP:
		return l.append(b)
	case *MPLS:
		return l.append(b, next)
	case *PPPoE:
		return l.append(b, next)
	case *IGMP:
		return l.append(b)
	case *SCTP:
		return l.append(b), nil
	case *SCTPChunk:
		return l.append(b)
	case *GRE:
		return l.append(b, next)
	case *VXLAN:
		return l.append(b)
	case *Geneve:
		return l.append(b, next)
	case *UDPLite:
		return l.append(b), nil
	case Payload:
		return append(b, l...), nil
	case *Payload:
		return append(b, *l...), nil
	}
	return b, errors.New("nil is no layer")
}

// finishLayer writes what depends on the layers below, which are whole by now. b ends with layer i.
func finishLayer(b []byte, layers []Layer, i int, starts []int) ([]byte, error) {
	start := starts[i]
	switch l := layers[i].(type) {
	case *IPv4:
		return b, l.finish(b, start, starts[i+1]-start)
	case *IPv6:
		var next Layer
		if i+1 < len(layers) {
			next = layers[i+1]
		}
		return b, l.finish(b, start, next)
	case *ICMPv4:
		return l.finish(b, start)
	case *ICMPv6:
		return l.finish(b, start, layers[:i])
	case *UDP:
		return b, l.finish(b, start, layers[:i])
	case *TCP:
		return b, l.finish(b, start, layers[:i])
	case *UDPLite:
		return b, l.finish(b, start, layers[:i])
	case *PPPoE:
		return b, l.finish(b, start)
	case *IGMP:
		l.finish(b, start)
	case *SCTP:
		l.finish(b, start)
	case *GRE:
		l.finish(b, start)
	case *Ethernet:
		return append(b, l.Trailer...), nil
	}
	return b, nil
}

// pseudoHeader returns the sum of the pseudo-header of the nearest IP layer of outer.
func pseudoHeader(outer []Layer, protocol uint8, length int) (wire.Sum, bool) {
	var final, home netip.Addr
	for i := len(outer) - 1; i >= 0; i-- {
		switch l := outer[i].(type) {
		case *Routing:
			if a, ok := l.final(); ok {
				final = a
			}
		case *DestinationOptions:
			if a, ok := l.home(); ok {
				home = a
			}
		case *IPv4:
			return wire.PseudoHeader(l.Src, l.final(), protocol, length), true
		case *IPv6:
			src, dst := l.Src, l.Dst
			if final.IsValid() {
				dst = final
			}
			if home.IsValid() {
				src = home
			}
			return wire.PseudoHeader(src, dst, protocol, length), true
		}
	}
	return 0, false
}

// ipProtocol returns the protocol number of a layer that follows an IP header; no layer at all is 59, none.
func ipProtocol(l Layer) (proto uint8, known bool) {
	switch l := l.(type) {
	case nil:
		return wire.ProtoNone, true
	case *Ethernet:
		return wire.ProtoEthernet, true
	case *IPv4:
		return wire.ProtoIPv4, true
	case *IPv6:
		return wire.ProtoIPv6, true
	case *HopByHop:
		return wire.ProtoHopByHop, true
	case *DestinationOptions:
		return wire.ProtoDstOpts, true
	case *Routing:
		return wire.ProtoRouting, true
	case *Fragment:
		return wire.ProtoFragment, true
	case *IPv6Extension:
		return l.Protocol, true
	case *AH:
		return wire.ProtoAH, true
	case *ESP:
		return wire.ProtoESP, true
	case *ICMPv4:
		return wire.ProtoICMP, true
	case *ICMPv6:
		return wire.ProtoICMPv6, true
	case *UDP:
		return wire.ProtoUDP, true
	case *TCP:
		return wire.ProtoTCP, true
	case *MPLS:
		return wire.ProtoMPLS, true
	case *IGMP:
		return wire.ProtoIGMP, true
	case *SCTP:
		return wire.ProtoSCTP, true
	case *GRE:
		return wire.ProtoGRE, true
	case *UDPLite:
		return wire.ProtoUDPLite, true
	}
	return 0, false
}

// etherType returns the EtherType of a layer that follows an Ethernet header or tag.
func etherType(l Layer) (t uint16, known bool) {
	switch l := l.(type) {
	case *VLAN:
		return l.TPID.Or(wire.EtherTypeVLAN), true
	case *ARP:
		return wire.EtherTypeARP, true
	case *MPLS:
		return wire.EtherTypeMPLS, true
	case *PPPoE:
		if l.Code != 0 {
			return wire.EtherTypePPPoEDisc, true
		}
		return wire.EtherTypePPPoE, true
	case *IPv4:
		return wire.EtherTypeIPv4, true
	case *IPv6:
		return wire.EtherTypeIPv6, true
	}
	return 0, false
}

// name returns what errors call a layer.
func name(l Layer) string {
	switch l.(type) {
	case nil:
		return "nothing"
	case *Ethernet:
		return "Ethernet"
	case *VLAN:
		return "VLAN"
	case *ARP:
		return "ARP"
	case *IPv4:
		return "IPv4"
	case *IPv6:
		return "IPv6"
	case *HopByHop:
		return "HopByHop"
	case *DestinationOptions:
		return "DestinationOptions"
	case *Routing:
		return "Routing"
	case *Fragment:
		return "Fragment"
	case *IPv6Extension:
		return "IPv6Extension"
	case *AH:
		return "AH"
	case *ESP:
		return "ESP"
	case *ICMPv4:
		return "ICMPv4"
	case *ICMPv6:
		return "ICMPv6"
	case *UDP:
		return "UDP"
	case *TCP:
		return "TCP"
	case *MPLS:
		return "MPLS"
	case *PPPoE:
		return "PPPoE"
	case *IGMP:
		return "IGMP"
	case *SCTP:
		return "SCTP"
	case *SCTPChunk:
		return "SCTPChunk"
	case *GRE:
		return "GRE"
	case *VXLAN:
		return "VXLAN"
	case *Geneve:
		return "Geneve"
	case *UDPLite:
		return "UDPLite"
	}
	return "Payload"
}
