package packet

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"sockwire/raw/wire"
)

// MAC is an Ethernet address.
type MAC [6]byte

// BroadcastMAC is ff:ff:ff:ff:ff:ff.
var BroadcastMAC = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ParseMAC reads an Ethernet address in any form [net.ParseMAC] knows.
func ParseMAC(s string) (MAC, error) {
	a, err := net.ParseMAC(s)
	if err != nil || len(a) != 6 {
		return MAC{}, fmt.Errorf("packet: %q is not an Ethernet address", s)
	}
	return MAC(a), nil
}

// String returns the address as 02:00:00:00:00:01.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Ethernet is an Ethernet II header. EtherType follows from the next layer. Trailer comes after everything below, such
// as the padding of a short frame, which Append does not add by itself.
type Ethernet struct {
	Dst       MAC         `field:"dst"`
	Src       MAC         `field:"src"`
	EtherType Opt[uint16] `field:"type"`
	Trailer   []byte      `field:"trailer"`
}

// VLAN is an 802.1Q tag. TPID goes where the layer before says what follows: give QinQ's outer tag
// [EtherTypeQinQ] there. EtherType follows from the next layer.
type VLAN struct {
	TPID      Opt[uint16] `field:"tpid"`
	Priority  uint8       `field:"pcp" bits:"3"`
	DropOK    uint8       `field:"dei" bits:"1"`
	ID        uint16      `field:"id" bits:"12"`
	EtherType Opt[uint16] `field:"type"`
}

// ARP is an ARP packet for Ethernet and IPv4 (RFC 826). Operation 1 is a request, 2 a reply.
type ARP struct {
	HardwareType   Opt[uint16] `field:"htype"` // 1, Ethernet
	ProtocolType   Opt[uint16] `field:"ptype"` // 0x0800, IPv4
	HardwareLength Opt[uint8]  `field:"hlen"`  // 6
	ProtocolLength Opt[uint8]  `field:"plen"`  // 4
	Operation      Opt[uint16] `field:"op"`    // 1, request
	SenderMAC      MAC         `field:"sha"`
	SenderIP       netip.Addr  `field:"spa"`
	TargetMAC      MAC         `field:"tha"`
	TargetIP       netip.Addr  `field:"tpa"`
}

func (e *Ethernet) append(b []byte, next Layer) ([]byte, error) {
	t, known := e.EtherType.Get()
	if !known {
		if t, known = etherType(next); !known && next != nil {
			return b, fmt.Errorf("no EtherType is known for %s after it: give it", name(next))
		}
	}
	b = append(b, e.Dst[:]...)
	b = append(b, e.Src[:]...)
	return binary.BigEndian.AppendUint16(b, t), nil
}

func (v *VLAN) append(b []byte, next Layer) ([]byte, error) {
	t, known := v.EtherType.Get()
	if !known {
		if t, known = etherType(next); !known && next != nil {
			return b, fmt.Errorf("no EtherType is known for %s after it: give it", name(next))
		}
	}
	if v.Priority > 7 || v.DropOK > 1 || v.ID > 0xfff {
		return b, fmt.Errorf("priority %d, drop %d, id %d do not fit in 3, 1 and 12 bits", v.Priority, v.DropOK, v.ID)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(v.Priority)<<13|uint16(v.DropOK)<<12|v.ID)
	return binary.BigEndian.AppendUint16(b, t), nil
}

func (a *ARP) append(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint16(b, a.HardwareType.Or(1))
	b = binary.BigEndian.AppendUint16(b, a.ProtocolType.Or(wire.EtherTypeIPv4))
	b = append(b, a.HardwareLength.Or(6), a.ProtocolLength.Or(4))
	b = binary.BigEndian.AppendUint16(b, a.Operation.Or(1))
	b = append(b, a.SenderMAC[:]...)
	b, err := appendAddr4(b, a.SenderIP)
	if err != nil {
		return b, err
	}
	b = append(b, a.TargetMAC[:]...)
	return appendAddr4(b, a.TargetIP)
}

// appendAddr4 writes an IPv4 address, zeros for none.
func appendAddr4(b []byte, a netip.Addr) ([]byte, error) {
	if !a.IsValid() {
		return append(b, 0, 0, 0, 0), nil
	}
	if !a.Is4() {
		return b, fmt.Errorf("%v is not an IPv4 address", a)
	}
	v := a.As4()
	return append(b, v[:]...), nil
}

// appendAddr6 writes an IPv6 address, zeros for none.
func appendAddr6(b []byte, a netip.Addr) ([]byte, error) {
	if a.Is4() {
		return b, fmt.Errorf("%v is not an IPv6 address", a)
	}
	var v [16]byte
	if a.IsValid() {
		v = a.As16()
	}
	return append(b, v[:]...), nil
}
