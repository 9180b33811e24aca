package flow

import "net/netip"

// Direction is one of the two ways of a stream.
type Direction uint8

// Forward is from the side that opened the connection, or where no SYN was seen, from the sender of the first packet.
const (
	Forward Direction = iota
	Backward
)

// Other returns the other way.
func (d Direction) Other() Direction { return d ^ 1 }

// String returns "forward" or "backward".
func (d Direction) String() string {
	if d == Forward {
		return "forward"
	}
	return "backward"
}

// MarshalText implements [encoding.TextMarshaler].
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Link is where on the wire a stream lives. Connections with the same addresses and ports in two of them are two streams.
type Link struct {
	Interface int32  // Frame.Interface where Config.Interfaces asks for it, else 0
	VLAN      uint32 // the innermost VLAN id, and above 16 bits the one around it; 0 for none
	Tunnel    uint32 // VXLAN or Geneve network id, GRE key or MPLS label of the innermost tunnel that has one; 0 for none
}

// key tells streams apart.
type key struct {
	a, b   [16]byte
	ports  uint32
	link   Link
	family uint8 // 4 or 6
}

// order puts the ends in the order that both directions have in common, and reports whether the first was the sender.
func (k *key) order() (forward bool) {
	src, dst := k.ports>>16, k.ports&0xffff
	if src < dst || src == dst && string(k.a[:]) <= string(k.b[:]) {
		return true
	}
	k.a, k.b, k.ports = k.b, k.a, dst<<16|src
	return false
}

func (k *key) address(a [16]byte) netip.Addr {
	if k.family == 4 {
		return netip.AddrFrom4([4]byte(a[:4]))
	}
	return netip.AddrFrom16(a)
}
