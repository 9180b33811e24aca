package decode

import (
	"sockwire/raw/wire"
)

// The views of headers are those of raw/wire.
type (
	Ethernet = wire.Ethernet
	VLAN     = wire.VLAN
	ARP      = wire.ARP
)

// Ethernet returns the view of layer i, nil when it is another layer.
func (p *Packet) Ethernet(i int) Ethernet { return p.view(i, TypeEthernet) }

func (c *cursor) ethernet(t Type, h []byte) Type {
	c.add(TypeEthernet, 14)
	return c.typeOrLength(be16(h[12:]))
}

// VLAN returns the view of layer i, nil when it is another layer.
func (p *Packet) VLAN(i int) VLAN { return p.view(i, TypeVLAN) }

func (c *cursor) vlan(t Type, h []byte) Type {
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

func (c *cursor) sll(t Type, b []byte) Type {
	h := SLL(b)
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

func (c *cursor) sll2(t Type, b []byte) Type {
	h := SLL2(b)
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

// ARP returns the view of layer i, nil when it is another layer.
func (p *Packet) ARP(i int) ARP { return p.view(i, TypeARP) }

func (c *cursor) arp(t Type, h []byte) Type {
	n := 8 + 2*(int(h[4])+int(h[5]))
	if c.need(TypeARP, n) == nil {
		return TypeNone
	}
	c.add(TypeARP, n).Length = n
	return TypeNone
}
