package decode

import (
	"encoding/binary"

	"sockwire/capture"
)

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// EtherTypes, https://www.iana.org/assignments/ieee-802-numbers.
const (
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherRARP   = 0x8035
	etherVLAN   = 0x8100
	etherIPv6   = 0x86dd
	etherMPLS   = 0x8847
	etherMPLSMC = 0x8848
	etherPPPoED = 0x8863
	etherPPPoES = 0x8864
	etherQinQ   = 0x88a8
	etherLLDP   = 0x88cc
	etherQinQ1  = 0x9100
	etherTEB    = 0x6558 // transparent Ethernet bridging, in GRE and Geneve
)

// link returns the first layer of a link type.
func (c *cursor) link(l capture.LinkType) Type {
	switch l {
	case capture.LinkEthernet:
		return TypeEthernet
	case capture.LinkRaw:
		return c.ipVersion(TypePayload)
	case capture.LinkIPv4:
		return TypeIPv4
	case capture.LinkIPv6:
		return TypeIPv6
	case capture.LinkLinuxSLL:
		return TypeSLL
	case capture.LinkLinuxSLL2:
		return TypeSLL2
	case capture.LinkNull:
		return TypeNull
	case capture.LinkLoop:
		return TypeLoop
	case capture.LinkPPP:
		return TypePPP
	case capture.LinkPPPHDLC:
		return TypeHDLC
	case capture.LinkPPPEthernet:
		return TypePPPoE
	case capture.LinkIEEE80211:
		return TypeIEEE80211
	case capture.LinkIEEE80211Radio:
		return TypeRadiotap
	}
	c.fail(TypePayload, UnknownLink, 0, "")
	return TypePayload
}

// ipVersion tells IPv4 from IPv6 by the first nibble, as LINKTYPE_RAW asks for.
func (c *cursor) ipVersion(otherwise Type) Type {
	if c.off >= min(len(c.data), c.end) {
		return otherwise
	}
	switch c.data[c.off] >> 4 {
	case 4:
		return TypeIPv4
	case 6:
		return TypeIPv6
	}
	return otherwise
}

// etherType returns the layer that an EtherType announces.
func etherType(t uint16) Type {
	switch t {
	case etherIPv4:
		return TypeIPv4
	case etherIPv6:
		return TypeIPv6
	case etherARP, etherRARP:
		return TypeARP
	case etherVLAN, etherQinQ, etherQinQ1:
		return TypeVLAN
	case etherMPLS, etherMPLSMC:
		return TypeMPLS
	case etherPPPoED, etherPPPoES:
		return TypePPPoE
	case etherLLDP:
		return TypeLLDP
	case etherTEB:
		return TypeEthernet
	}
	return TypePayload
}

// Ethernet is the view of an Ethernet II or 802.3 header, 14 bytes.
type Ethernet []byte

func (h Ethernet) Destination() []byte { return h[0:6:6] }
func (h Ethernet) Source() []byte      { return h[6:12:12] }

// Type returns the EtherType, or the length of an 802.3 frame when it is at most 1500.
func (h Ethernet) Type() uint16 { return be16(h[12:]) }

// Ethernet returns the view of layer i, nil when it is another layer.
func (p *Packet) Ethernet(i int) Ethernet { return p.view(i, TypeEthernet) }

// view returns the header of layer i if that is of type t.
func (p *Packet) view(i int, t Type) []byte {
	if uint(i) >= uint(p.n) || p.layers[i].Type != t {
		return nil
	}
	return p.Header(i)
}

func (c *cursor) ethernet() Type {
	h := c.need(TypeEthernet, 14)
	if h == nil {
		return TypeNone
	}
	c.add(TypeEthernet, 14)
	return c.typeOrLength(be16(h[12:]))
}

// typeOrLength returns what follows a field that is an EtherType from 1536 on and a length up to 1500.
func (c *cursor) typeOrLength(t uint16) Type {
	if t > 1500 {
		return etherType(t)
	}
	c.end = min(c.end, c.off+int(t))
	if c.off+2 <= min(len(c.data), c.end) && be16(c.data[c.off:]) == 0xffff {
		return TypePayload // Novell's IPX without LLC
	}
	return TypeLLC
}

// VLAN is the view of an 802.1Q or 802.1ad tag, from its control information on: 4 bytes. The type that
// announced the tag is the last field of the layer before.
type VLAN []byte

func (h VLAN) Priority() uint8    { return h[0] >> 5 }
func (h VLAN) DropEligible() bool { return h[0]&0x10 != 0 }
func (h VLAN) ID() uint16         { return be16(h) & 0xfff }

// Type returns the EtherType of what is tagged, or an 802.3 length.
func (h VLAN) Type() uint16 { return be16(h[2:]) }

// VLAN returns the view of layer i, nil when it is another layer.
func (p *Packet) VLAN(i int) VLAN { return p.view(i, TypeVLAN) }

func (c *cursor) vlan() Type {
	h := c.need(TypeVLAN, 4)
	if h == nil {
		return TypeNone
	}
	c.add(TypeVLAN, 4)
	return c.typeOrLength(be16(h[2:]))
}

// SLL is the view of a LINKTYPE_LINUX_SLL header, 16 bytes.
type SLL []byte

// PacketType is the kernel's packet type: 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 sent by us.
func (h SLL) PacketType() uint16 { return be16(h) }

// Hardware is the kernel's ARPHRD_ type of the device.
func (h SLL) Hardware() uint16 { return be16(h[2:]) }
func (h SLL) Address() []byte  { n := min(int(be16(h[4:])), 8); return h[6 : 6+n : 6+n] }
func (h SLL) Protocol() uint16 { return be16(h[14:]) }

// SLL returns the view of layer i, nil when it is another layer.
func (p *Packet) SLL(i int) SLL { return p.view(i, TypeSLL) }

func (c *cursor) sll() Type {
	h := SLL(c.need(TypeSLL, 16))
	if h == nil {
		return TypeNone
	}
	c.add(TypeSLL, 16)
	return cooked(h.Hardware(), h.Protocol())
}

// SLL2 is the view of a LINKTYPE_LINUX_SLL2 header, 20 bytes.
type SLL2 []byte

func (h SLL2) Protocol() uint16 { return be16(h) }
func (h SLL2) Ifindex() uint32  { return be32(h[4:]) }

// Hardware is the kernel's ARPHRD_ type of the device.
func (h SLL2) Hardware() uint16 { return be16(h[8:]) }

// PacketType is the kernel's packet type: 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 sent by us.
func (h SLL2) PacketType() uint8 { return h[10] }
func (h SLL2) Address() []byte   { n := min(int(h[11]), 8); return h[12 : 12+n : 12+n] }

// SLL2 returns the view of layer i, nil when it is another layer.
func (p *Packet) SLL2(i int) SLL2 { return p.view(i, TypeSLL2) }

func (c *cursor) sll2() Type {
	h := SLL2(c.need(TypeSLL2, 20))
	if h == nil {
		return TypeNone
	}
	c.add(TypeSLL2, 20)
	return cooked(h.Hardware(), h.Protocol())
}

// cooked returns what follows a cooked header. Some devices redefine the protocol field.
func cooked(hardware, protocol uint16) Type {
	switch hardware {
	case 824, 802, 803: // netlink, 802.11 with a Prism header or radiotap: the field is no EtherType
		return TypePayload
	}
	if protocol == 4 {
		return TypeLLC
	}
	return etherType(protocol)
}

// ARP is the view of an ARP or RARP packet (RFC 826, RFC 903) with its addresses.
type ARP []byte

func (h ARP) HardwareType() uint16  { return be16(h) }
func (h ARP) ProtocolType() uint16  { return be16(h[2:]) }
func (h ARP) HardwareLength() uint8 { return h[4] }
func (h ARP) ProtocolLength() uint8 { return h[5] }

// Operation is 1 for a request, 2 for a reply, 3 and 4 for those of RARP.
func (h ARP) Operation() uint16         { return be16(h[6:]) }
func (h ARP) SenderHardware() []byte    { return h.address(0, int(h[4])) }
func (h ARP) SenderProtocol() []byte    { return h.address(int(h[4]), int(h[5])) }
func (h ARP) TargetHardware() []byte    { return h.address(int(h[4])+int(h[5]), int(h[4])) }
func (h ARP) TargetProtocol() []byte    { return h.address(2*int(h[4])+int(h[5]), int(h[5])) }
func (h ARP) address(off, n int) []byte { return h[8+off : 8+off+n : 8+off+n] }

// ARP returns the view of layer i, nil when it is another layer.
func (p *Packet) ARP(i int) ARP { return p.view(i, TypeARP) }

func (c *cursor) arp() Type {
	h := c.need(TypeARP, 8)
	if h == nil {
		return TypeNone
	}
	n := 8 + 2*(int(h[4])+int(h[5]))
	if c.need(TypeARP, n) == nil {
		return TypeNone
	}
	c.add(TypeARP, n).Length = n
	return TypeNone
}
