package decode

import "sockwire/capture"

// What leads from the type of a layer to what reads and shows it is here. To add a layer: its type, row and number in
// type.go, here a case that reads it, one for its fields and the function for its line, and a file. The cases are
// switches and not tables, so that what they are handed stays on the stack.

// links are the first layers of the link types.
var links = [...]Type{
	capture.LinkEthernet: TypeEthernet, capture.LinkIPv4: TypeIPv4,
	capture.LinkIPv6: TypeIPv6, capture.LinkLinuxSLL: TypeSLL,
	capture.LinkLinuxSLL2: TypeSLL2, capture.LinkNull: TypeNull, capture.LinkLoop: TypeLoop, capture.LinkPPP: TypePPP,
	capture.LinkPPPEthernet: TypePPPoE, capture.LinkIEEE80211: TypeIEEE80211,
	capture.LinkIEEE80211Radio: TypeRadiotap,
	capture.LinkCHDLC:          TypeHDLC, capture.LinkFrameRelay: TypeFrameRelay, capture.LinkSLIP: TypeSLIP,
	capture.LinkARCNET: TypeARCNET, capture.LinkARCNETLinux: TypeARCNETLinux, capture.LinkMPLS: TypeMPLS,
	capture.LinkTokenRing: TypeTokenRing, capture.LinkFDDI: TypeFDDI, capture.LinkIPOverFC: TypeFibreChannel,
	capture.LinkATM: TypeLLC, capture.LinkSunATM: TypeSunATM, capture.LinkIPoIB: TypeIPoIB,
	capture.LinkSymantec: TypeSymantec, capture.LinkAppleIEEE1394: TypeIEEE1394, capture.LinkLocalTalk: TypeLocalTalk,
	capture.LinkNetAnalyzer: TypeNetAnalyzer, capture.LinkNetAnalyzerPlain: TypeNetAnalyzer,
	capture.LinkENC: TypeENC, capture.LinkPFLog: TypePFLog, capture.LinkIPNet: TypeIPNet, capture.LinkNFLOG: TypeNFLOG,
	capture.LinkPKTAP: TypePKTAP, capture.LinkVSOCK: TypeVSOCK, capture.LinkCAN: TypeCAN,
	capture.LinkUSBLinux: TypeUSB, capture.LinkUSBLinuxMmapped: TypeUSBMmapped, capture.LinkUSBPcap: TypeUSBPcap,
	capture.LinkBluetoothH4: TypeHCI, capture.LinkBluetoothH4PHDR: TypeHCIPHDR,
	capture.LinkPPI: TypePPI, capture.LinkPrism: TypePrism, capture.LinkAVS: TypeAVS,
	capture.LinkIEEE802154: TypeIEEE802154, capture.LinkIEEE802154NoFCS: TypeIEEE802154,
	capture.LinkMTP2: TypeMTP2, capture.LinkMTP2WithHeader: TypeMTP2PHDR, capture.LinkMSTP: TypeMSTP,
	capture.LinkDSA: TypeDSA, capture.LinkEDSA: TypeEDSA, capture.LinkDSABroadcom: TypeBroadcom,
	capture.LinkDSABroadcomFirst: TypeBroadcomPrefix,
	capture.LinkJuniperEther:     TypeJuniper, capture.LinkJuniperPPP: TypeJuniper, capture.LinkJuniperFrelay: TypeJuniper,
	capture.LinkJuniperCHDLC: TypeJuniper, capture.LinkJuniperATM1: TypeJuniper, capture.LinkJuniperATM2: TypeJuniper,
	capture.LinkJuniperPPPoE: TypeJuniper, capture.LinkJuniperPPPoEATM: TypeJuniper, capture.LinkJuniperMLPPP: TypeJuniper,
	capture.LinkJuniperMLFR: TypeJuniper, capture.LinkJuniperMFR: TypeJuniper, capture.LinkJuniperES: TypeJuniper,
	capture.LinkJuniperGGSN: TypeJuniper, capture.LinkJuniperServices: TypeJuniper, capture.LinkJuniperMonitor: TypeJuniper,
	capture.LinkJuniperPICPeer: TypeJuniper, capture.LinkJuniperVP: TypeJuniper, capture.LinkJuniperISM: TypeJuniper,
	capture.LinkJuniperST: TypeJuniper, capture.LinkJuniperVS: TypeJuniper, capture.LinkJuniperSRX: TypeJuniper,
	capture.LinkJuniperFC: TypeJuniper, capture.LinkJuniperATMCEMIC: TypeJuniper,
}

// link returns the first layer of a link type.
func (c *cursor) link(l capture.LinkType) Type {
	c.on = l
	switch l {
	case capture.LinkRaw:
		return c.ipVersion(TypePayload)
	case capture.LinkPPPHDLC:
		return c.hdlcOrPPP()
	case capture.LinkATMCLIP:
		return c.llcOrIP()
	case capture.LinkUser2:
		if len(c.data)-c.off >= pktapLen && leUint32(c.data[c.off:]) == pktapLen {
			return TypePKTAP // the number that Apple used before it had its own
		}
	}
	if int(l) < len(links) && links[l] != TypeNone {
		return links[l]
	}
	if t, ok := linkTypes[l]; ok {
		return t
	}
	c.fail(TypePayload, UnknownLink, 0, l.Name())
	return TypePayload
}

// innerLink returns the layer that a header names by a link type.
func (c *cursor) innerLink(n uint32, ok bool) Type {
	if !ok {
		return TypeNone
	}
	switch l := capture.LinkType(n); {
	case n > 0xffff || l == capture.LinkPKTAP || l == capture.LinkPPI || l == capture.LinkUser2:
		c.fail(TypePayload, UnknownLink, 0, "")
		return TypePayload
	case l == 12 || l == 14: // of systems, which such headers may have
		return c.link(capture.LinkRaw)
	default:
		return c.link(l)
	}
}

// layer decodes one layer and returns the type of the one it carries.
func (c *cursor) layer(t Type) Type {
	if t >= firstApplication {
		return c.shown(t)
	}
	var h []byte
	if n := kinds[t].size; n > 0 {
		to := c.off + n
		if to > min(len(c.data), c.end) {
			c.need(t, n) // says so
			return TypeNone
		}
		h = c.data[c.off:to:to]
	}
	switch t {
	case TypeEthernet:
		return c.ethernet(t, h)
	case TypeIPv4:
		return c.ipv4(t, h)
	case TypeIPv6:
		return c.ipv6(t, h)
	case TypeTCP:
		return c.tcp(t, h)
	case TypeUDP:
		return c.udp(t, h)
	case TypeVLAN:
		return c.vlan(t, h)
	case TypeLLC:
		return c.llc(t, h)
	case TypeSNAP:
		return c.snap(t, h)
	case TypeSLL:
		return c.sll(t, h)
	case TypeSLL2:
		return c.sll2(t, h)
	case TypeNull, TypeLoop:
		return c.loopback(t, h)
	case TypePPP:
		return c.ppp(t, h)
	case TypeHDLC:
		return c.hdlc(t, h)
	case TypePPPoE:
		return c.pppoe(t, h)
	case TypeMPLS:
		return c.mpls(t, h)
	case TypeIEEE80211:
		return c.wlan(t, h)
	case TypeRadiotap:
		return c.radiotap(t, h)
	case TypeSTP:
		return c.stp(t, h)
	case TypeLLDP:
		return c.lldp(t, h)
	case TypeARP:
		return c.arp(t, h)
	case TypeSLARP:
		return c.slarp(t, h)
	case TypeDSA, TypeEDSA, TypeBroadcom:
		return c.tagged(t, h)
	case TypeBroadcomPrefix:
		return c.broadcomPrefix(t, h)
	case TypeARCNET, TypeARCNETLinux:
		return c.arcnet(t, h)
	case TypeSLIP:
		return c.slip(t, h)
	case TypeFrameRelay:
		return c.frameRelay(t, h)
	case TypeJuniper:
		return c.juniper(t, h)
	case TypeUSB, TypeUSBMmapped:
		return c.usb(t, h)
	case TypeUSBPcap:
		return c.usbPcap(t, h)
	case TypeHCI, TypeHCIPHDR, TypeLocalTalk, TypeMTP2:
		return c.lastHeader(t, h)
	case TypeCAN:
		return c.can(t, h)
	case TypeNFLOG:
		return c.nflog(t, h)
	case TypePKTAP:
		return c.innerLink(c.pktap(t, h))
	case TypeVSOCK:
		return c.vsock(t, h)
	case TypeIEEE802154:
		return c.ieee802154(t, h)
	case TypePFLog:
		return c.pflog(t, h)
	case TypePPI:
		return c.innerLink(c.ppi(t, h))
	case TypePrism:
		return c.prism(t, h)
	case TypeAVS:
		return c.avs(t, h)
	case TypeTokenRing:
		return c.tokenRing(t, h)
	case TypeFDDI:
		return c.fddi(t, h)
	case TypeMTP2PHDR:
		return c.mtp2Header(t, h)
	case TypeSunATM:
		return c.sunATM(t, h)
	case TypeMSTP:
		return c.mstp(t, h)
	case TypeIPoIB:
		return c.typed(t, h, 40)
	case TypeSymantec:
		return c.typed(t, h, 6)
	case TypeIEEE1394:
		return c.typed(t, h, 16)
	case TypeFibreChannel:
		return c.fibreChannel(t, h)
	case TypeIPNet:
		return c.ipnet(t, h)
	case TypeENC:
		return c.enc(t, h)
	case TypeNetAnalyzer:
		return c.netAnalyzer(t, h)
	case TypeIPv6HopByHop, TypeIPv6Routing, TypeIPv6Destination, TypeIPv6Mobility:
		return c.ipv6Extension(t, h)
	case TypeIPv6Fragment:
		return c.ipv6Fragment(t, h)
	case TypeAH:
		return c.ah(t, h)
	case TypeESP:
		return c.esp(t, h)
	case TypeICMPv4:
		return c.icmpv4(t, h)
	case TypeICMPv6:
		return c.icmpv6(t, h)
	case TypeIGMP:
		return c.igmp(t, h)
	case TypeUDPLite:
		return c.udpLite(t, h)
	case TypeSCTP:
		return c.sctp(t, h)
	case TypeDCCP:
		return c.dccp(t, h)
	case TypeGRE:
		return c.gre(t, h)
	case TypeVXLAN:
		return c.vxlan(t, h)
	case TypeGeneve:
		return c.geneve(t, h)
	case TypeVRRP:
		return c.vrrp(t, h)
	case TypeOSPF:
		return c.ospf(t, h)
	case TypePIM:
		return c.pim(t, h)
	}
	return c.rest(t)
}

// headers are the fields that a header starts with, at places that are always the same.
var headers = [firstApplication][]*Definition{
	TypeEthernet: {fEthDst, fEthSrc},
	TypeLLC:      {fLLCDSAP, fLLCSSAP},
	TypeHDLC:     {fHDLCAddress, fHDLCControl, fHDLCProtocol},
	TypePPPoE:    {fPPPoEVersion, fPPPoEType, fPPPoECode, fPPPoESession, fPPPoELength},
	TypeMPLS:     {fMPLSLabel, fMPLSExp, fMPLSBottom, fMPLSTTL},
	TypeARP:      {fARPHardware, fARPProtocol},
	TypeDSA:      {fEthDst, fEthSrc}, TypeEDSA: {fEthDst, fEthSrc}, TypeBroadcom: {fEthDst, fEthSrc},
	TypeSLIP: {fSLIPDirection, fSLIPHeader},
	TypeUSB: {
		fUSBID, fUSBType, fUSBTransfer, fUSBEndpoint, fUSBDevice, fUSBBus, fUSBSetup, fUSBData, fUSBSeconds, fUSBMicro,
		fUSBURBLength, fUSBLength,
	},
	TypeUSBMmapped: {
		fUSBID, fUSBType, fUSBTransfer, fUSBEndpoint, fUSBDevice, fUSBBus, fUSBSetup, fUSBData, fUSBSeconds, fUSBMicro,
		fUSBURBLength, fUSBLength,
	},
	TypeUSBPcap: {fPcapLength, fPcapID, fPcapStatus, fPcapFunction, fPcapInfo},
	TypeVSOCK: {
		fVSOCKSrc, fVSOCKDst, fVSOCKSrcPort, fVSOCKDstPort, fVSOCKOp, fVSOCKTransport, fVSOCKLength,
	},
	TypeAVS:          {fAVSMagic, fAVSVersion, fAVSLength, fAVSMACTime, fAVSHostTime, fAVSPhy, fAVSChannel},
	TypeFDDI:         {fFDDIControl, fFDDIDst, fFDDISrc},
	TypeMTP2:         {fMTP2BIB, fMTP2BSN, fMTP2FIB, fMTP2FSN, fMTP2Spare, fMTP2Length},
	TypeMTP2PHDR:     {fMTP2Sent, fMTP2Annex, fMTP2Link},
	TypeSunATM:       {fATMDirection, fATMTraffic, fATMVPI, fATMVCI},
	TypeMSTP:         {fMSTPType, fMSTPDst, fMSTPSrc, fMSTPLength, fMSTPCRC},
	TypeIPoIB:        {fIPoIBType, fIPoIBRes},
	TypeSymantec:     {fSymantecType},
	TypeIEEE1394:     {f1394Dst, f1394Src, f1394Type},
	TypeFibreChannel: {fFCDst, fFCSrc},
	TypeLocalTalk:    {fLLAPDst, fLLAPSrc, fLLAPType},
	TypeNetAnalyzer:  {fAnalyzerHeader},
	TypeIPNet: {
		fIPNetVersion, fIPNetFamily, fIPNetHook, fIPNetLength, fIPNetIndex, fIPNetGroup, fIPNetSrc, fIPNetDst,
	},
	TypeIPv4: {
		fIPVersion, fIPHdrLen, fIPDSCP, fIPECN, fIPLen, fIPID, fIPReserved, fIPDF, fIPMF, fIPFragment, fIPTTL,
		fIPProtocol, fIPChecksum, fIPStatus, fIPSource, fIPDest,
	},
	TypeIPv6:          {fIP6Version, fIP6DSCP, fIP6ECN, fIP6Flow, fIP6Plen, fIP6Next, fIP6Hop, fIP6Source, fIP6Dest},
	TypeIPv6Routing:   {fRoutingNext, fRoutingLength},
	TypeIPv6Fragment:  {fFragNext, fFragOffset, fFragMore, fFragID},
	TypeIPv6Mobility:  {fMobilityNext, fMobilityLength, fMobilityType, fMobilityChecksum},
	TypeAH:            {fAHNext, fAHLength, fAHSPI, fAHSequence, fAHICV},
	TypeESP:           {fESPSPI, fESPSequence},
	TypeICMPExtension: {fExtVersion, fExtChecksum, fExtStatus},
	TypeTCP:           {fTCPSource, fTCPDest, fTCPSequence},
	TypeUDP:           {fUDPSource, fUDPDest, fUDPLength, fUDPChecksum, fUDPStatus},
	TypeUDPLite:       {fUDPSource, fUDPDest, fUDPCoverage, fUDPChecksum, fUDPStatus},
	TypeSCTP:          {fSCTPSource, fSCTPDest, fSCTPTag},
	TypeDCCP:          {fDCCPSource, fDCCPDest},
	TypeGeneve:        {fGeneveVersion, fGeneveOAM, fGeneveCritical, fGeneveProtocol, fGeneveVNI},
	TypeOSPF:          {fOSPFVersion, fOSPFType, fOSPFLength, fOSPFRouter, fOSPFArea, fOSPFChecksum, fOSPFStatus},
}

// AppendFields adds the fields of layer i in the order of the header. It does not allocate beyond the
// growth of dst; the fields borrow from the frame.
func (p *Packet) AppendFields(dst []Field, i int) []Field {
	l := &p.layers[:p.n][i]
	w := NewFieldWriter(dst, p, l.Offset, l.Offset+l.Header)
	w.sum = l.Checksum
	if l.Type < firstApplication {
		w.Add(0, headers[l.Type]...)
	}
	switch l.Type {
	case TypeEthernet:
		typeOrLengthField(&w, fEthType, fEthLen, 12)
	case TypeVLAN:
		vlanFields(&w, p.tag(i))
	case TypeARP:
		arpFields(&w)
	case TypeSLL:
		sllFields(&w)
	case TypeSLL2:
		sll2Fields(&w)
	case TypeIPv4:
		ipv4Fields(&w)
	case TypeIPv6HopByHop:
		ipv6OptionFields(&w, fHopNext, fHopLength)
	case TypeIPv6Destination:
		ipv6OptionFields(&w, fDstNext, fDstLength)
	case TypeIPv6Routing:
		ipv6RoutingFields(&w)
	case TypeICMPv4:
		icmpv4Fields(&w)
	case TypeICMPv6:
		icmpv6Fields(&w)
	case TypeICMPExtension:
		icmpExtensionFields(&w)
	case TypeTCP:
		tcpFields(&w, l)
	case TypeGRE:
		greFields(&w)
	case TypeVXLAN:
		vxlanFields(&w)
	case TypeGeneve:
		geneveFields(&w)
	case TypePPP:
		pppFields(&w)
	case TypeLLC:
		llcFields(&w)
	case TypeSNAP:
		snapFields(&w)
	case TypeSTP:
		stpFields(&w)
	case TypeLLDP:
		lldpFields(&w)
	case TypeIGMP:
		igmpFields(&w)
	case TypeSCTP:
		sctpFields(&w, l)
	case TypeDCCP:
		dccpFields(&w)
	case TypeVRRP:
		vrrpFields(&w, p.inIPv6(i))
	case TypeOSPF:
		ospfFields(&w)
	case TypePIM:
		pimFields(&w)
	case TypeNull, TypeLoop:
		loopbackFields(&w)
	case TypeRadiotap:
		radiotapLayer(&w)
	case TypeIEEE80211:
		wlanFields(&w)
	case TypeSLARP:
		slarpFields(&w)
	case TypeDSA:
		dsaFields(&w)
	case TypeEDSA:
		edsaFields(&w)
	case TypeBroadcom:
		broadcomFields(&w, 12)
	case TypeBroadcomPrefix:
		broadcomFields(&w, 0)
	case TypeARCNET:
		arcnetFields(&w, false)
	case TypeARCNETLinux:
		arcnetFields(&w, true)
	case TypeFrameRelay:
		frameRelayFields(&w)
	case TypeJuniper:
		juniperFields(&w)
	case TypeUSBPcap:
		usbPcapFields(&w)
	case TypeHCI:
		hciFields(&w, 0)
	case TypeHCIPHDR:
		hciFields(&w, 4)
	case TypeCAN:
		canFields(&w)
	case TypeNFLOG:
		nflogFields(&w)
	case TypePKTAP:
		pktapFields(&w)
	case TypeIEEE802154:
		wpanFields(&w)
	case TypePFLog:
		pflogFields(&w)
	case TypePPI:
		ppiFields(&w)
	case TypePrism:
		prismFields(&w)
	case TypeTokenRing:
		tokenRingFields(&w)
	case TypeSunATM:
		w.Add(0, fATMClient)
	case TypeENC:
		encFields(&w)
	}
	return w.Fields
}

// lines add what a line shows of a layer.
var lines = [firstApplication]func(r *Printer, b []byte, p *Packet, i int) []byte{
	TypeVLAN: (*Printer).appendVLAN, TypeLLC: (*Printer).appendLLC,
	TypeSNAP: (*Printer).appendSNAP, TypeSLL: (*Printer).appendCooked, TypeSLL2: (*Printer).appendCooked,
	TypeNull: (*Printer).appendLoopback, TypeLoop: (*Printer).appendLoopback, TypePPP: (*Printer).appendPPP,
	TypeHDLC: (*Printer).appendHDLC, TypePPPoE: (*Printer).appendPPPoE, TypeMPLS: (*Printer).appendMPLS,
	TypeIEEE80211: (*Printer).appendWLAN, TypeRadiotap: (*Printer).appendRadiotap, TypeSTP: (*Printer).appendSTP,
	TypeLLDP: (*Printer).appendLLDP, TypeARP: (*Printer).appendARP,
	TypeIPv6HopByHop: (*Printer).appendIPv6Extension,
	TypeIPv6Routing:  (*Printer).appendIPv6Extension, TypeIPv6Fragment: (*Printer).appendIPv6Extension,
	TypeIPv6Destination: (*Printer).appendIPv6Extension, TypeIPv6Mobility: (*Printer).appendIPv6Extension,
	TypeAH: (*Printer).appendAH, TypeESP: (*Printer).appendESP, TypeICMPv4: (*Printer).appendICMPv4,
	TypeICMPv6: (*Printer).appendICMPv6, TypeIGMP: (*Printer).appendIGMP,
	TypeUDPLite: (*Printer).appendUDPLite, TypeSCTP: (*Printer).appendSCTP,
	TypeDCCP: (*Printer).appendDCCP, TypeGRE: (*Printer).appendGRE, TypeVXLAN: (*Printer).appendVNI,
	TypeGeneve: (*Printer).appendVNI, TypeVRRP: (*Printer).appendVRRP, TypeOSPF: (*Printer).appendOSPF,
	TypePIM: (*Printer).appendPIM,
}

// appendLayers adds what a line says of the layers.
func (r *Printer) appendLayers(b []byte, p *Packet) []byte {
	for i := 0; i < p.n; i++ {
		// What most packets have is called as such, which is faster than through the table.
		switch t := p.layers[i].Type; t {
		case TypeEthernet:
			b = r.appendEthernet(b, p, i)
		case TypeIPv4, TypeIPv6:
			b = r.appendIP(b, p, i)
		case TypeTCP:
			b, i = r.appendCarried(r.appendTCP(b, p, i), p, i)
		case TypeUDP:
			b, i = r.appendCarried(r.appendUDP(b, p, i), p, i)
		default:
			if t >= firstApplication {
				b, i = r.appendShown(b, p, i)
				continue
			}
			if t >= firstStation && t <= lastStation {
				b = r.appendStation(b, p, i)
				continue
			}
			if lines[t] == nil {
				b = r.appendRest(b, p, i)
				continue
			}
			b = lines[t](r, b, p, i)
			switch kinds[t].then {
			case showCarried:
				b, i = r.appendCarried(b, p, i)
			case showNothing:
				return b
			}
		}
	}
	return b
}

// maxStationFields is how many fields of a header are in a line.
const maxStationFields = 8

// appendStation adds the name of a link header and its fields, where link headers are asked for or nothing is known of
// what it carries.
func (r *Printer) appendStation(b []byte, p *Packet, i int) []byte {
	if next := p.next(i); !r.Link && next != TypePayload && next != TypeNone {
		return b
	}
	t := p.layers[i].Type
	b = append(b, t.Title()...)
	r.fields = p.AppendFields(r.fields[:0], i)
	shown := 0
	for k := range r.fields {
		f := &r.fields[k]
		if shown == maxStationFields {
			break
		}
		if f.Kind == KindBool && f.Number == 0 || len(f.Bytes) == 0 && f.Kind > KindState {
			continue
		}
		shown++
		b = append(append(b, ", "...), f.JSON...)
		if f.Kind == KindBool {
			continue
		}
		b = append(b, ' ')
		if f.Note != "" {
			b = append(b, f.Note...)
		} else {
			b = AppendValue(b, f)
		}
	}
	return append(b, ", "...)
}
