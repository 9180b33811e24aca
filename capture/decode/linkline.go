package decode

import "sockwire/raw/wire"

func (r *Printer) appendEthernet(b []byte, p *Packet, i int) []byte {
	h := p.Ethernet(i)
	if !r.Link && p.n > i+1 && p.layers[i+1].Type != TypePayload {
		return b
	}
	b = append(AppendMAC(b, h.Source()), " > "...)
	b = append(AppendMAC(b, h.Destination()), ", "...)
	if t := h.Type(); t > 1500 {
		b = append(b, "ethertype "...)
		b = append(appendHexN(b, uint64(t), 4), ", "...)
	} else {
		b = append(b, "802.3, "...)
	}
	if p.n > i+1 && p.layers[i+1].Type != TypePayload {
		b = append(b, "length "...)
		b = appendInt(b, p.layers[i].Length)
		b = append(b, ": "...)
	}
	return b
}

var packetTypes = [...]string{"In", "B", "M", "P", "Out"}

func (r *Printer) appendCooked(b []byte, p *Packet, i int) []byte {
	var kind, protocol uint16
	var addr []byte
	if h := p.SLL2(i); h != nil {
		kind, protocol, addr = uint16(h.PacketType()), h.Protocol(), h.Address()
		if r.Names == nil {
			b = append(b, "ifindex "...)
			b = append(appendUint(b, uint64(h.Ifindex())), ' ')
		}
	} else {
		h := p.SLL(i)
		kind, protocol, addr = h.PacketType(), h.Protocol(), h.Address()
	}
	if int(kind) < len(packetTypes) {
		b = append(b, packetTypes[kind]...)
	} else {
		b = append(b, '?')
	}
	b = append(b, ' ')
	unknown := p.n > i+1 && p.layers[i+1].Type == TypePayload
	if r.Link || unknown {
		b = append(AppendMAC(b, addr), ' ')
	}
	if unknown {
		b = append(b, "ethertype "...)
		b = append(appendHexN(b, uint64(protocol), 4), ", "...)
	}
	return b
}

func (*Printer) appendVLAN(b []byte, p *Packet, i int) []byte {
	h := p.VLAN(i)
	b = append(b, "vlan "...)
	b = append(appendUint(b, uint64(h.ID())), ", p "...)
	b = append(appendUint(b, uint64(h.Priority())), ", "...)
	if h.DropEligible() {
		b = append(b, "DEI, "...)
	}
	if p.n > i+1 && p.layers[i+1].Type == TypePayload {
		b = append(b, "ethertype "...)
		b = append(appendHexN(b, uint64(h.Type()), 4), ", "...)
	}
	return b
}

func (*Printer) appendARP(b []byte, p *Packet, i int) []byte {
	h := p.ARP(i)
	if h.ProtocolType() == wire.EtherTypeIPv4 && h.ProtocolLength() == 4 {
		switch op := h.Operation(); op {
		case 1:
			b = append(b, "ARP, Request who-has "...)
			b = appendIPv4(b, h.TargetProtocol())
			b = append(b, " tell "...)
			b = appendIPv4(b, h.SenderProtocol())
		case 2:
			b = append(b, "ARP, Reply "...)
			b = appendIPv4(b, h.SenderProtocol())
			b = append(b, " is-at "...)
			b = AppendMAC(b, h.SenderHardware())
		case 3:
			b = append(b, "RARP, Request who-is "...)
			b = AppendMAC(b, h.TargetHardware())
			b = append(b, " tell "...)
			b = AppendMAC(b, h.SenderHardware())
		case 4:
			b = append(b, "RARP, Reply "...)
			b = AppendMAC(b, h.TargetHardware())
			b = append(b, " at "...)
			b = appendIPv4(b, h.TargetProtocol())
		default:
			b = append(b, "ARP, operation "...)
			b = appendUint(b, uint64(op))
		}
	} else {
		b = append(b, "ARP, hardware "...)
		b = appendUint(b, uint64(h.HardwareType()))
		b = append(b, ", protocol "...)
		b = appendHexN(b, uint64(h.ProtocolType()), 4)
		b = append(b, ", operation "...)
		b = appendUint(b, uint64(h.Operation()))
	}
	b = append(b, ", length "...)
	return appendInt(b, p.layers[i].Length)
}
