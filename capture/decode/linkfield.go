package decode

import "sockwire/raw/wire"

var (
	fEthDst  = Define("eth.dst", "Destination", KindMAC).At(0, 6)
	fEthSrc  = Define("eth.src", "Source", KindMAC).At(6, 6)
	fEthType = Define("eth.type", "Type", KindHex)
	fEthLen  = Define("eth.len", "Length", KindUint)
)

func typeOrLengthField(w *FieldWriter, typ, length *Definition, off int) {
	if h := w.data; len(h) >= off+2 && be16(h[off:]) <= 1500 {
		w.Uint(length, off, 2)
		return
	}
	w.Enum(typ, off, 2, etherTypeName)
}

func etherTypeName(t uint64) string { return wire.EtherTypeName(uint16(t)) }

var (
	fVLANPriority = Define("vlan.priority", "Priority", KindUint).Bits(0, 3)
	fVLANDEI      = Define("vlan.dei", "Drop eligible", KindBool).Bits(3, 1)
	fVLANID       = Define("vlan.id", "VLAN ID", KindUint).Bits(4, 12)
	fVLANType     = Define("vlan.etype", "Type", KindHex)
	fVLANLen      = Define("vlan.len", "Length", KindUint)
	fQinQPriority = Define("ieee8021ad.priority", "Priority", KindUint).Bits(0, 3)
	fQinQDEI      = Define("ieee8021ad.dei", "Drop eligible", KindBool).Bits(3, 1)
	fQinQType     = Define("ieee8021ad.etype", "Type", KindHex)
	fQinQID       = Define("ieee8021ad.id", "VLAN ID", KindUint).Bits(4, 12)
)

// tag returns the EtherType that announced the VLAN tag of layer i.
func (p *Packet) tag(i int) uint16 {
	if o := p.layers[i].Offset; i > 0 && o >= 2 {
		return be16(p.Frame.Data[o-2:])
	}
	return 0
}

func vlanFields(w *FieldWriter, tag uint16) {
	if tag == wire.EtherTypeQinQ {
		w.Add(0, fQinQPriority, fQinQDEI, fQinQID)
		typeOrLengthField(w, fQinQType, fVLANLen, 2)
	} else {
		w.Add(0, fVLANPriority, fVLANDEI, fVLANID)
		typeOrLengthField(w, fVLANType, fVLANLen, 2)
	}
}

var (
	fARPHardware   = Define("arp.hw.type", "Hardware type", KindUint).As("hardware_type").At(0, 2)
	fARPProtocol   = Define("arp.proto.type", "Protocol type", KindHex).As("protocol_type").At(2, 2).Means(etherTypeName)
	fARPHardLength = Define("arp.hw.size", "Hardware address length", KindUint).As("hardware_length")
	fARPProtLength = Define("arp.proto.size", "Protocol address length", KindUint).As("protocol_length")
	fARPOperation  = Define("arp.opcode", "Operation", KindUint).As("operation")
	fARPSrcMAC     = Define("arp.src.hw_mac", "Sender hardware address", KindMAC).As("sender_hardware")
	fARPSrcHard    = Define("arp.src.hw", "Sender hardware address", KindBytes).As("sender_hardware")
	fARPSrcIP      = Define("arp.src.proto_ipv4", "Sender protocol address", KindIP).As("sender_protocol")
	fARPSrcProt    = Define("arp.src.proto", "Sender protocol address", KindBytes).As("sender_protocol")
	fARPDstMAC     = Define("arp.dst.hw_mac", "Target hardware address", KindMAC).As("target_hardware")
	fARPDstHard    = Define("arp.dst.hw", "Target hardware address", KindBytes).As("target_hardware")
	fARPDstIP      = Define("arp.dst.proto_ipv4", "Target protocol address", KindIP).As("target_protocol")
	fARPDstProt    = Define("arp.dst.proto", "Target protocol address", KindBytes).As("target_protocol")
)

func arpFields(w *FieldWriter) {
	hard, prot := int(w.Uint(fARPHardLength, 4, 1)), int(w.Uint(fARPProtLength, 5, 1))
	w.Enum(fARPOperation, 6, 2, arpOperation)
	h := ARP(w.data)
	hards, prots := [2]*Definition{fARPSrcHard, fARPDstHard}, [2]*Definition{fARPSrcProt, fARPDstProt}
	if t := h.HardwareType(); hard == 6 && (t == 1 || t == 6) {
		hards = [2]*Definition{fARPSrcMAC, fARPDstMAC}
	}
	if prot == 4 && h.ProtocolType() == wire.EtherTypeIPv4 {
		prots = [2]*Definition{fARPSrcIP, fARPDstIP}
	}
	off := 8
	for i := range 2 {
		if hard > 0 {
			w.Bytes(hards[i], off, hard)
		}
		if prot > 0 {
			w.Bytes(prots[i], off+hard, prot)
		}
		off += hard + prot
	}
}

var arpOperation = Names{
	1: "request", 2: "reply", 3: "RARP request", 4: "RARP reply", 8: "InARP request", 9: "InARP reply",
}.Of

var (
	fSLLPacketType = Define("sll.pkttype", "Packet type", KindUint).As("packet_type")
	fSLLHardware   = Define("sll.hatype", "Device type (ARPHRD_)", KindUint).As("hardware_type")
	fSLLAddrLength = Define("sll.halen", "Address length", KindUint).As("address_length")
	fSLLAddress    = Define("sll.src.eth", "Source", KindMAC).As("source")
	fSLLOther      = Define("sll.src.other", "Source", KindBytes).As("source")
	fSLLProtocol   = Define("sll.etype", "Protocol", KindHex).As("protocol")
	fSLLIfindex    = Define("sll.ifindex", "Interface index", KindUint)
)

func sllFields(w *FieldWriter) {
	w.Enum(fSLLPacketType, 0, 2, packetTypeName)
	w.Uint(fSLLHardware, 2, 2)
	sllAddress(w, 6, int(w.Uint(fSLLAddrLength, 4, 2)))
	w.Enum(fSLLProtocol, 14, 2, etherTypeName)
}

func sll2Fields(w *FieldWriter) {
	w.Enum(fSLLProtocol, 0, 2, etherTypeName)
	w.Uint(fSLLIfindex, 4, 4)
	w.Uint(fSLLHardware, 8, 2)
	w.Enum(fSLLPacketType, 10, 1, packetTypeName)
	sllAddress(w, 12, int(w.Uint(fSLLAddrLength, 11, 1)))
}

func sllAddress(w *FieldWriter, off, n int) {
	switch {
	case n == 6:
		w.Bytes(fSLLAddress, off, 6)
	case n > 0:
		w.Bytes(fSLLOther, off, min(n, 8))
	}
}

var packetTypeName = Names{
	0: "to us", 1: "broadcast", 2: "multicast", 3: "to another host", 4: "sent by us",
}.Of
