package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"sockwire/raw/wire"
)

func (*Ethernet) layer() {}
func (*VLAN) layer()     {}
func (*ARP) layer()      {}

// Ethernet is an Ethernet II header. EtherType follows from the next layer. Trailer comes after everything below, such
// as the padding of a short frame, which Append does not add by itself.
type Ethernet struct {
	Dst       MAC         `field:"dst"`
	Src       MAC         `field:"src"`
	EtherType Opt[uint16] `field:"type"`
	Trailer   []byte      `field:"trailer"`
}

// VLAN is an 802.1Q tag. TPID goes where the layer before says what follows: give QinQ's outer tag
// [wire.EtherTypeQinQ] there. EtherType follows from the next layer.
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

func (e *Ethernet) append(b []byte, next following) ([]byte, error) {
	t, err := numberOf(e.EtherType, next, "EtherType", "it")
	if err != nil {
		return b, err
	}
	b = append(b, e.Dst[:]...)
	b = append(b, e.Src[:]...)
	return binary.BigEndian.AppendUint16(b, t), nil
}

func (v *VLAN) append(b []byte, next following) ([]byte, error) {
	t, err := numberOf(v.EtherType, next, "EtherType", "it")
	if err != nil {
		return b, err
	}
	if v.Priority > 7 || v.DropOK > 1 || v.ID > 0xfff {
		return b, fmt.Errorf("priority %d, drop %d, id %d do not fit in 3, 1 and 12 bits", v.Priority, v.DropOK, v.ID)
	}
	return append16(b, uint16(v.Priority)<<13|uint16(v.DropOK)<<12|v.ID, t), nil
}

func (a *ARP) append(b []byte) ([]byte, error) {
	b = append16(b, a.HardwareType.Or(1), a.ProtocolType.Or(wire.EtherTypeIPv4))
	b = append(b, a.HardwareLength.Or(6), a.ProtocolLength.Or(4))
	b = binary.BigEndian.AppendUint16(b, a.Operation.Or(1))
	b = append(b, a.SenderMAC[:]...)
	b, err := appendAddrs(b, 32, a.SenderIP)
	if err != nil {
		return b, err
	}
	b = append(b, a.TargetMAC[:]...)
	return appendAddrs(b, 32, a.TargetIP)
}

func (e *Ethernet) read(r *reader) content {
	e.Dst, e.Src = r.mac(), r.mac()
	e.EtherType = U16(r.u16())
	return content{byEtherType, e.EtherType.value}
}

func (v *VLAN) read(r *reader) content {
	tci := r.u16()
	v.Priority, v.DropOK, v.ID = uint8(tci>>13), uint8(tci>>12&1), tci&0xfff
	v.EtherType = U16(r.u16())
	return content{byEtherType, v.EtherType.value}
}

func (a *ARP) read(r *reader) content {
	a.HardwareType, a.ProtocolType, a.HardwareLength, a.ProtocolLength = U16(r.u16()), U16(r.u16()), U8(r.u8()), U8(r.u8())
	a.Operation = U16(r.u16())
	a.SenderMAC, a.SenderIP, a.TargetMAC, a.TargetIP = r.mac(), r.addr4(), r.mac(), r.addr4()
	r.bad = r.bad || a.HardwareLength.value != 6 || a.ProtocolLength.value != 4
	r.end = r.pos
	return content{}
}
