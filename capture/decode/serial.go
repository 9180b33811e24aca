package decode

import "sockwire/raw/wire"

// Framings of serial lines and of the buses that look like them.

// slarp decodes Cisco's Serial Line Address Resolution Protocol, which has the EtherType of RARP on such a line.
func (c *cursor) slarp(t Type, h []byte) Type {
	c.add(t, len(h))
	return TypePayload
}

var (
	fSLARPType        = Define("slarp.ptype", "Packet type", KindUint).At(0, 4).Means(slarpType)
	fSLARPAddress     = Define("slarp.address", "Address", KindIP).At(4, 4)
	fSLARPMask        = Define("slarp.netmask", "Netmask", KindIP).At(8, 4)
	fSLARPMine        = Define("slarp.mysequence", "Outgoing sequence number", KindUint).At(4, 4)
	fSLARPYours       = Define("slarp.yoursequence", "Returned sequence number", KindUint).At(8, 4)
	fSLARPReliability = Define("slarp.reliability", "Reliability", KindHex).At(12, 2)
)

const slarpKeepalive = 2

var slarpType = Names{0: "request", 1: "reply", slarpKeepalive: "keepalive"}.Of

func slarpFields(w *FieldWriter) {
	w.Add(0, fSLARPType)
	if len(w.data) >= 4 && be32(w.data) == slarpKeepalive {
		w.Add(0, fSLARPMine, fSLARPYours, fSLARPReliability)
	} else {
		w.Add(0, fSLARPAddress, fSLARPMask)
	}
}

// slip decodes the header that BSD systems capture before a packet: its direction and its header as it was compressed
// (RFC 1144). The packet is whole behind it.
func (c *cursor) slip(t Type, h []byte) Type {
	c.add(t, len(h))
	return c.ipVersion(TypePayload)
}

var (
	fSLIPDirection = Define("slip.direction", "Direction", KindUint).At(0, 1).Means(Names{0: "in", 1: "out"}.Of)
	fSLIPHeader    = Define("slip.compressed", "Compressed header", KindBytes).At(1, 15)
)

// Protocols of ARCNET, RFC 1201 and RFC 1051.
const (
	arcnetIPv6   = 0xc4
	arcnetBACnet = 0xcd
	arcnetIP     = 0xd4
	arcnetARP    = 0xd5
	arcnetRARP   = 0xd6
	arcnetIPOld  = 0xf0
	arcnetARPOld = 0xf1
)

var arcnetProtocol = Names{
	arcnetIPv6: "IPv6", arcnetBACnet: "BACnet", arcnetIP: "IP", arcnetARP: "ARP", arcnetRARP: "RARP", 0xdd: "AppleTalk",
	arcnetIPOld: "IP (RFC 1051)", arcnetARPOld: "ARP (RFC 1051)", 0xfa: "IPX",
}.Of

// arcnet decodes the header up to the protocol, and behind it the flag and the sequence number of RFC 1201, before
// which a frame of an exceptional length has four bytes more. Linux captures two bytes more, and packets put together.
func (c *cursor) arcnet(t Type, h []byte) Type {
	n := len(h)
	protocol := h[n-1]
	first := true
	switch protocol {
	case arcnetIPOld, arcnetARPOld, arcnetBACnet:
	default:
		more := c.need(t, n+3)
		if more == nil {
			return TypeNone
		}
		if t == TypeARCNET && more[n] == 0xff {
			n += 4
			if more = c.need(t, n+3); more == nil {
				return TypeNone
			}
		}
		first = more[n] == 0 || more[n]&1 != 0 || t == TypeARCNETLinux
		n += 3
		if c.need(t, n) == nil {
			return TypeNone
		}
	}
	c.add(t, n)
	if !first { // a later part of a packet
		return TypePayload
	}
	switch protocol {
	case arcnetIP, arcnetIPOld:
		return TypeIPv4
	case arcnetIPv6:
		return TypeIPv6
	case arcnetARP, arcnetARPOld, arcnetRARP:
		return TypeARP
	case arcnetBACnet:
		return TypeLLC
	}
	return TypePayload
}

var (
	fARCNETSrc       = Define("arcnet.src", "Source", KindHex).At(0, 1)
	fARCNETDst       = Define("arcnet.dst", "Destination", KindHex).At(1, 1)
	fARCNETOffset    = Define("arcnet.offset", "Offset", KindBytes).At(2, 2)
	fARCNETProtocol  = Define("arcnet.protID", "Protocol", KindHex).As("protocol").Means(arcnetProtocol).At(0, 1)
	fARCNETException = Define("arcnet.exception_flag", "Exception flag", KindHex).At(0, 1)
	fARCNETPadding   = Define("arcnet.padding", "Padding", KindHex).At(1, 2)
	fARCNETSplit     = Define("arcnet.split_flag", "Split flag", KindHex).At(0, 1)
	fARCNETSequence  = Define("arcnet.sequence", "Sequence number", KindUint).At(1, 2)
)

func arcnetFields(w *FieldWriter, linux bool) {
	w.Add(0, fARCNETSrc, fARCNETDst)
	off := 2
	if linux {
		w.Add(0, fARCNETOffset)
		off += 2
	}
	w.Add(off, fARCNETProtocol)
	if off++; off+7 <= len(w.data) {
		w.Add(off, fARCNETException, fARCNETPadding)
		off += 4
	}
	w.Add(off, fARCNETSplit, fARCNETSequence)
}

// Network layer protocol identifiers, ISO/IEC TR 9577 and RFC 2427.
const (
	nlpidSNAP = 0x80
	nlpidIPv6 = 0x8e
	nlpidIPv4 = 0xcc
	nlpidPPP  = 0xcf
)

var nlpidName = Names{
	0x08: "Q.933", nlpidSNAP: "SNAP", 0x81: "CLNP", 0x82: "ES-IS", 0x83: "IS-IS", nlpidIPv6: "IPv6", 0xb1: "FRF.12",
	nlpidIPv4: "IPv4", nlpidPPP: "PPP",
}.Of

const unnumberedInformation = 3

// frameRelay decodes a Q.922 address of 2 to 4 bytes and, behind it, either the control and the NLPID of RFC 2427 or
// Cisco's EtherType.
func (c *cursor) frameRelay(t Type, h []byte) Type {
	n := 2
	for ; h[n-1]&1 == 0; n++ {
		if n == 4 {
			return c.malformed(t, "the address has no end")
		}
		if h = c.need(t, n+1); h == nil {
			return TypeNone
		}
	}
	if h = c.need(t, n+2); h == nil {
		return TypeNone
	}
	if h[n] != unnumberedInformation {
		c.add(t, n+2)
		return serialType(be16(h[n:]))
	}
	n++
	if h[n] == 0 { // a byte to have the packet begin at an even place
		n++
		if h = c.need(t, n+1); h == nil {
			return TypeNone
		}
	}
	id := h[n]
	n++
	if id != nlpidSNAP {
		c.add(t, n)
		switch id {
		case nlpidIPv4:
			return TypeIPv4
		case nlpidIPv6:
			return TypeIPv6
		case nlpidPPP:
			return TypePPP
		}
		return TypePayload
	}
	if h = c.need(t, n+5); h == nil {
		return TypeNone
	}
	c.add(t, n+5)
	switch oui := be32(h[n-1:]) & 0xffffff; oui {
	case ouiEncapsulated:
		return etherType(be16(h[n+3:]))
	case ouiBridged:
		switch be16(h[n+3:]) {
		case 7: // 802.3 without its FCS; 1 is with it
			return TypeEthernet
		}
	}
	return TypePayload
}

// ouiBridged announces a whole frame of another medium (RFC 2427 section 4.2).
const ouiBridged = 0x0080c2

// serialType is etherType for Cisco's framing of serial lines, where RARP's number means another protocol.
func serialType(t uint16) Type {
	if t == wire.EtherTypeRARP {
		return TypeSLARP
	}
	return etherType(t)
}

var (
	fFRFirst     = Define("fr.first_addr_octet", "First address octet", KindHex).At(0, 1)
	fFRCommand   = Define("fr.cr", "C/R", KindBool).Bits(6, 1)
	fFRSecond    = Define("fr.second_addr_octet", "Second address octet", KindHex).At(1, 1)
	fFRFECN      = Define("fr.fecn", "FECN", KindBool).Bits(12, 1)
	fFRBECN      = Define("fr.becn", "BECN", KindBool).Bits(13, 1)
	fFRDiscard   = Define("fr.de", "Discard eligible", KindBool).Bits(14, 1)
	fFRDLCI      = Define("fr.dlci", "DLCI", KindUint)
	fFRControl   = Define("fr.control", "Control", KindHex).At(0, 1)
	fFRNLPID     = Define("fr.nlpid", "NLPID", KindHex).At(0, 1).Means(nlpidName)
	fFROUI       = Define("fr.snap.oui", "Organization Code", KindHex).At(0, 3)
	fFRType      = Define("fr.snaptype", "Type", KindHex).At(3, 2).Means(etherTypeName)
	fFRPID       = Define("fr.snap.pid", "Protocol ID", KindHex).At(3, 2)
	fFRCiscoType = Define("fr.chdlctype", "Type", KindHex).At(0, 2).Means(etherTypeName)
)

func frameRelayFields(w *FieldWriter) {
	h := w.data
	if len(h) < 2 {
		return
	}
	w.Add(0, fFRFirst, fFRCommand, fFRSecond, fFRFECN, fFRBECN, fFRDiscard)
	n, dlci := 2, uint64(h[0]>>2)<<4|uint64(h[1]>>4)
	for ; n < len(h) && n < 4 && h[n-1]&1 == 0; n++ {
		switch {
		case h[n]&1 == 0:
			dlci = dlci<<7 | uint64(h[n]>>1)
		case h[n]&2 == 0: // else the last byte is for control
			dlci = dlci<<6 | uint64(h[n]>>2)
		}
	}
	w.Value(fFRDLCI, 0, n, dlci)
	if n >= len(h) {
		return
	}
	if h[n] != unnumberedInformation {
		w.Add(n, fFRCiscoType)
		return
	}
	w.Add(n, fFRControl)
	if n++; n < len(h) && h[n] == 0 {
		n++
	}
	w.Add(n, fFRNLPID)
	if n++; n+5 > len(h) {
		return
	}
	w.Add(n, fFROUI)
	if be32(h[n-1:])&0xffffff == ouiEncapsulated {
		w.Add(n, fFRType)
	} else {
		w.Add(n, fFRPID)
	}
}

func (c *cursor) mtp2Header(t Type, h []byte) Type {
	c.add(t, len(h))
	if h[1] == 1 { // annex A, whose header has six bytes
		return TypePayload
	}
	return TypeMTP2
}

var (
	fMTP2BIB    = Define("mtp2.bib", "Backward indicator bit", KindUint).Bits(0, 1)
	fMTP2BSN    = Define("mtp2.bsn", "Backward sequence number", KindUint).Bits(1, 7)
	fMTP2FIB    = Define("mtp2.fib", "Forward indicator bit", KindUint).Bits(8, 1)
	fMTP2FSN    = Define("mtp2.fsn", "Forward sequence number", KindUint).Bits(9, 7)
	fMTP2Spare  = Define("mtp2.spare", "Spare", KindUint).Bits(16, 2)
	fMTP2Length = Define("mtp2.li", "Length indicator", KindUint).Bits(18, 6).Means(mtp2Unit)
	fMTP2Sent   = Define("mtp2.phdr.sent", "Sent", KindUint).At(0, 1)
	fMTP2Annex  = Define("mtp2.phdr.annex_a", "Annex A used", KindUint).At(1, 1)
	fMTP2Link   = Define("mtp2.phdr.link", "Link number", KindUint).At(2, 2)
)

func mtp2Unit(length uint64) string {
	switch length {
	case 0:
		return "fill-in signal unit"
	case 1, 2:
		return "link status signal unit"
	}
	return "message signal unit"
}

// mstp decodes a frame of BACnet's master-slave/token-passing bus (ASHRAE 135 clause 9).
func (c *cursor) mstp(t Type, h []byte) Type {
	l := c.add(t, len(h))
	if n := int(be16(h[5:])); n > 0 {
		c.limit(l, len(h)+n) // two bytes of checksum follow it
	} else {
		l.Length, c.end = len(h), c.off
	}
	return TypePayload
}

var (
	fMSTPType   = Define("mstp.frame_type", "Frame type", KindUint).At(2, 1).Means(mstpType)
	fMSTPDst    = Define("mstp.dst", "Destination", KindUint).At(3, 1)
	fMSTPSrc    = Define("mstp.src", "Source", KindUint).At(4, 1)
	fMSTPLength = Define("mstp.len", "Length", KindUint).At(5, 2)
	fMSTPCRC    = Define("mstp.hdr_crc", "Header CRC", KindHex).At(7, 1)
)

var mstpType = Names{
	0: "Token", 1: "Poll For Master", 2: "Reply To Poll For Master", 3: "Test Request", 4: "Test Response",
	5: "BACnet Data Expecting Reply", 6: "BACnet Data Not Expecting Reply", 7: "Reply Postponed",
}.Of

// can decodes a frame of SocketCAN.
func (c *cursor) can(t Type, h []byte) Type {
	l := c.add(t, len(h))
	if h[4]&0x80 == 0 { // else CAN XL, whose lengths are elsewhere
		c.limit(l, len(h)+int(h[4]))
	}
	return TypePayload
}

var (
	fCANExtended = Define("can.flags.xtd", "Extended format", KindBool).Bits(0, 1)
	fCANRemote   = Define("can.flags.rtr", "Remote transmission request", KindBool).Bits(1, 1)
	fCANError    = Define("can.flags.err", "Error message", KindBool).Bits(2, 1)
	fCANID       = Define("can.id", "Identifier", KindHex)
	fCANLength   = Define("can.len", "Length", KindUint).At(4, 1)
)

func canFields(w *FieldWriter) {
	if len(w.data) < 8 {
		return
	}
	bits := 11
	if w.data[0]&0x80 != 0 {
		bits = 29
	}
	w.Bits(fCANID, 32-bits, bits, nil)
	w.Add(0, fCANExtended, fCANRemote, fCANError, fCANLength)
}

// vsock decodes a packet of Linux's vsockmon device.
func (c *cursor) vsock(t Type, h []byte) Type {
	n := len(h) + int(leUint16(h[28:]))
	if c.need(t, n) == nil {
		return TypeNone
	}
	c.add(t, n)
	return TypePayload
}

var vsockOp = Names{0: "unknown", 1: "connect", 2: "disconnect", 3: "control", 4: "payload"}.Of

var (
	fVSOCKSrc       = Define("vsock.src_cid", "Source CID", KindUint).At(0, 8).Little()
	fVSOCKDst       = Define("vsock.dst_cid", "Destination CID", KindUint).At(8, 8).Little()
	fVSOCKSrcPort   = Define("vsock.src_port", "Source port", KindUint).At(16, 4).Little()
	fVSOCKDstPort   = Define("vsock.dst_port", "Destination port", KindUint).At(20, 4).Little()
	fVSOCKOp        = Define("vsock.op", "Operation", KindUint).At(24, 2).Little().Means(vsockOp)
	fVSOCKTransport = Define("vsock.trans", "Transport", KindUint).At(26, 2).Little().Means(
		Names{0: "unknown", 1: "none", 2: "virtio"}.Of)
	fVSOCKLength = Define("vsock.trans_len", "Transport header length", KindUint).At(28, 2).Little()
)
