package decode

import "sockwire/capture"

// Local networks with LLC, and others whose headers hold addresses and a type.

// tokenRing decodes a header of 802.5 with the route that it may have.
func (c *cursor) tokenRing(t Type, h []byte) Type {
	n := len(h)
	if h[8]&0x80 != 0 {
		r := c.need(t, n+2)
		if r == nil {
			return TypeNone
		}
		n += max(int(r[n]&0x1f), 2)
		if c.need(t, n) == nil {
			return TypeNone
		}
	}
	c.add(t, n)
	if h[1]>>6 == 1 {
		return TypeLLC
	}
	return TypePayload
}

var (
	fTRAccess  = Define("tr.ac", "Access control", KindHex).At(0, 1)
	fTRControl = Define("tr.fc", "Frame control", KindHex).At(1, 1)
	fTRDst     = Define("tr.dst", "Destination", KindMAC).At(2, 6)
	fTRSrc     = Define("tr.src", "Source", KindMAC)
	fTRRouted  = Define("tr.sr", "Source routed", KindBool).Bits(64, 1)
	fTRRoute   = Define("tr.rif_bytes", "Length of the route", KindUint)
)

func tokenRingFields(w *FieldWriter) {
	w.Add(0, fTRAccess, fTRControl, fTRDst)
	w.Bytes(fTRSrc, 8, 6)
	w.Add(0, fTRRouted)
	if len(w.data) > 14 {
		w.Bits(fTRRoute, 14*8+3, 5, nil)
	}
}

func (c *cursor) fddi(t Type, h []byte) Type {
	c.add(t, len(h))
	if h[0]&0xf0 == 0x50 {
		return TypeLLC
	}
	return TypePayload
}

var (
	fFDDIControl = Define("fddi.fc", "Frame control", KindHex).At(0, 1)
	fFDDIDst     = Define("fddi.dst", "Destination", KindMAC).At(1, 6)
	fFDDISrc     = Define("fddi.src", "Source", KindMAC).At(7, 6)
)

// fibreChannel decodes the network header of RFC 2625.
func (c *cursor) fibreChannel(t Type, h []byte) Type {
	c.add(t, len(h))
	return TypeLLC
}

var (
	fFCDst = Define("ipfc.nh.da", "Destination", KindBytes).As("dst").At(0, 8)
	fFCSrc = Define("ipfc.nh.sa", "Source", KindBytes).As("src").At(8, 8)
)

// sunATM decodes the header of SunATM's driver: direction and traffic, and the circuit.
func (c *cursor) sunATM(t Type, h []byte) Type {
	c.add(t, len(h))
	switch h[0] & 15 {
	case 1: // LANE: the number of the client, then the frame
		if c.need(t, 2) == nil {
			return TypeNone
		}
		c.p.layers[c.p.n-1].Header += 2
		c.off += 2
		return TypeEthernet
	case 2:
		return TypeLLC
	}
	return TypePayload
}

var (
	fATMDirection = Define("sunatm.sent", "Sent", KindBool).Bits(0, 1)
	fATMTraffic   = Define("sunatm.traffic_type", "Traffic type", KindUint).Bits(4, 4).Means(atmTraffic)
	fATMVPI       = Define("atm.vpi", "VPI", KindUint).At(1, 1)
	fATMVCI       = Define("atm.vci", "VCI", KindUint).At(2, 2)
	fATMClient    = Define("atm.le_client.client", "LE client", KindHex).At(4, 2)
)

var atmTraffic = Names{1: "LANE", 2: "LLC multiplexed", 3: "MARS", 4: "IFMP", 5: "ILMI", 6: "signalling"}.Of

// typed decodes a header whose type is at off.
func (c *cursor) typed(t Type, h []byte, off int) Type {
	c.add(t, len(h))
	return etherType(be16(h[off:]))
}

var (
	fIPoIBType = Define("ipoib.type", "Type", KindHex).At(40, 2).Means(etherTypeName)
	fIPoIBRes  = Define("ipoib.reserved", "Reserved", KindHex).At(42, 2)

	fSymantecType = Define("symantec.type", "Type", KindHex).At(6, 2).Means(etherTypeName)

	f1394Dst  = Define("ieee1394.dst", "Destination", KindBytes).At(0, 8)
	f1394Src  = Define("ieee1394.src", "Source", KindBytes).At(8, 8)
	f1394Type = Define("ieee1394.type", "Type", KindHex).At(16, 2).Means(etherTypeName)

	fLLAPDst  = Define("llap.dst", "Destination node", KindUint).At(0, 1)
	fLLAPSrc  = Define("llap.src", "Source node", KindUint).At(1, 1)
	fLLAPType = Define("llap.type", "Type", KindHex).At(2, 1).Means(llapType)

	fAnalyzerHeader = Define("netanalyzer.header", "Header", KindBytes).At(0, 4)
)

// netAnalyzer decodes the header that Hilscher's analyzer puts before a frame with its FCS, and before its preamble.
func (c *cursor) netAnalyzer(t Type, h []byte) Type {
	n := len(h)
	if c.on == capture.LinkNetAnalyzerPlain {
		n += 8
		if c.need(t, n) == nil {
			return TypeNone
		}
	}
	c.add(t, n)
	c.end = max(c.end-4, c.off)
	return TypeEthernet
}

var llapType = Names{1: "short DDP", 2: "DDP", 0x81: "enquiry", 0x82: "acknowledgment"}.Of
