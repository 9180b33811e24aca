package flow

import (
	"encoding/binary"
	"net/netip"
)

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

// Link is where on the wire a stream lives. Connections with the same addresses and ports in two of them are two
// streams.
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

// ends is a key as a stream keeps it. It is small where it is of IPv4 and the link says nothing: a million streams have
// as many.
type ends struct {
	far    *far   // nil where it says nothing
	a, b   uint32 // the first bytes of the addresses: of IPv4, all
	ports  uint32
	family uint8
	course
}

// course is how far a stream has come. It stands here where there is room for it: see ends.
type course struct {
	swapped   bool  // the key's first end is not the one that opened
	handshake uint8 // what was seen of it, linksApart, unwatched and endedBackward
	state     End
}

// far is what only some keys have.
type far struct {
	a, b [16]byte
	link Link
}

// keep makes e the ends of a key.
func (e *ends) keep(k *key) {
	*e = ends{a: binary.LittleEndian.Uint32(k.a[:]), b: binary.LittleEndian.Uint32(k.b[:]), ports: k.ports, family: k.family}
	if k.family != 4 || k.link != (Link{}) {
		e.far = &far{k.a, k.b, k.link}
	}
}

// whole returns the key.
func (e *ends) whole() key {
	k := key{ports: e.ports, family: e.family}
	if e.far != nil {
		k.a, k.b, k.link = e.far.a, e.far.b, e.far.link
		return k
	}
	binary.LittleEndian.PutUint32(k.a[:], e.a)
	binary.LittleEndian.PutUint32(k.b[:], e.b)
	return k
}

func (e *ends) link() Link {
	if e.far != nil {
		return e.far.link
	}
	return Link{}
}

// between reports whether k has the same ends, wherever its link is.
func (e *ends) between(k *key) bool {
	if e.ports != k.ports || e.a != binary.LittleEndian.Uint32(k.a[:]) || e.b != binary.LittleEndian.Uint32(k.b[:]) || e.family != k.family {
		return false
	}
	return e.family == 4 || e.far.a == k.a && e.far.b == k.b
}

// is reports whether k is the key.
func (e *ends) is(k *key) bool { return e.between(k) && e.link() == k.link }

func (k *key) address(a [16]byte) netip.Addr {
	if k.family == 4 {
		return netip.AddrFrom4([4]byte(a[:4]))
	}
	return netip.AddrFrom16(a)
}
