package decode

import (
	"encoding/binary"

	"sockwire/capture"
)

// Headers that say how a frame of 802.11 was received, other than radiotap, and the frames of 802.15.4.

const ppiCommon = 2 // the field of PPI that says whether an FCS is there

// ppi decodes a Per-Packet Information header, all of which is little-endian. It names the link type of the frame.
func (c *cursor) ppi(t Type, h []byte) (link uint32, ok bool) {
	n := int(leUint16(h[2:]))
	if n < len(h) {
		c.malformed(t, "the header length is less than 8")
		return 0, false
	}
	link = leUint32(h[4:])
	if h = c.need(t, n); h == nil {
		return 0, false
	}
	c.add(t, n)
	for off := 8; off+4 <= n; {
		size := int(leUint16(h[off+2:]))
		if leUint16(h[off:]) == ppiCommon && size >= 20 && off+4+size <= n && h[off+12]&1 != 0 {
			c.end = max(c.end-4, c.off)
		}
		off += 4 + size
	}
	return link, true
}

var (
	fPPIVersion = Define("ppi.version", "Version", KindUint).At(0, 1)
	fPPIFlags   = Define("ppi.flags", "Flags", KindHex).At(1, 1)
	fPPILength  = Define("ppi.length", "Header length", KindUint).At(2, 2).Little()
	fPPILink    = Define("ppi.dlt", "Link type", KindUint).At(4, 4).Little()
	fPPIType    = Define("ppi.field_type", "Field type", KindUint).At(0, 2).Little().Several()
	fPPISize    = Define("ppi.field_len", "Field length", KindUint).At(2, 2).Little().Several()
	fPPITSFT    = Define("ppi.80211-common.tsft", "TSFT", KindUint).As("tsft").At(4, 8).Little()
	fPPICommon  = Define("ppi.80211-common.flags", "802.11 flags", KindHex).As("wlan_flags").At(12, 2).Little()
	fPPIFreq    = Define("ppi.80211-common.chan.freq", "Channel frequency", KindUint).As("frequency").At(16, 2).Little()
)

func ppiFields(w *FieldWriter) {
	w.Add(0, fPPIVersion, fPPIFlags, fPPILength, fPPILink)
	h := w.data
	for off := 8; off+4 <= len(h); off += 4 + int(leUint16(h[off+2:])) {
		w.Add(off, fPPIType)
	}
	for off := 8; off+4 <= len(h); off += 4 + int(leUint16(h[off+2:])) {
		w.Add(off, fPPISize)
	}
	for off := 8; off+4 <= len(h); off += 4 + int(leUint16(h[off+2:])) {
		if leUint16(h[off:]) == ppiCommon && leUint16(h[off+2:]) >= 20 {
			w.Add(off, fPPITSFT, fPPICommon, fPPIFreq)
			return
		}
	}
}

const avsMagic = 0x80211000 // of which the last digits are the version

// prism decodes the header of 144 bytes that the first drivers of such cards wrote; some write an AVS header instead.
func (c *cursor) prism(t Type, h []byte) Type {
	if be32(h)&^0xfff == avsMagic {
		return TypeAVS
	}
	if c.need(t, prismLen) == nil {
		return TypeNone
	}
	c.add(t, prismLen)
	return TypeIEEE80211
}

const prismLen = 144

var (
	fPrismCode   = Define("prism.msgcode", "Message code", KindHex).At(0, 4)
	fPrismLength = Define("prism.msglen", "Message length", KindUint).At(4, 4)
	fPrismName   = Define("prism.devname", "Device", KindText)
)

// prismFields reads the numbers in the order of the capturing host, in which the code is a small number.
func prismFields(w *FieldWriter) {
	if len(w.data) < prismLen {
		return
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if w.data[0] == 0 {
		order = binary.BigEndian
	}
	w.Value(fPrismCode, 0, 4, uint64(order.Uint32(w.data)))
	w.Value(fPrismLength, 4, 4, uint64(order.Uint32(w.data[4:])))
	w.cString(fPrismName, 8, 16)
}

// avs decodes the header of the AVS capture format, which is big-endian and says how long it is.
func (c *cursor) avs(t Type, h []byte) Type {
	n := be32(h[4:])
	if be32(h)&^0xfff != avsMagic || n < uint32(len(h)) || n > 1<<16 {
		return c.malformed(t, "neither the magic number nor a length of at least 64")
	}
	if c.need(t, int(n)) == nil {
		return TypeNone
	}
	c.add(t, int(n))
	return TypeIEEE80211
}

var (
	fAVSMagic    = Define("wlancap.magic", "Magic number", KindHex).Bits(0, 28)
	fAVSVersion  = Define("wlancap.version", "Version", KindUint).Bits(28, 4)
	fAVSLength   = Define("wlancap.length", "Header length", KindUint).At(4, 4)
	fAVSMACTime  = Define("wlancap.mactime", "MAC timestamp", KindUint).At(8, 8)
	fAVSHostTime = Define("wlancap.hosttime", "Host timestamp", KindUint).At(16, 8)
	fAVSPhy      = Define("wlancap.phytype", "PHY type", KindUint).At(24, 4)
	fAVSChannel  = Define("wlancap.channel", "Channel", KindUint).At(28, 4)
)

// ieee802154 decodes the header of an 802.15.4 frame up to its addresses; the numbers are little-endian.
func (c *cursor) ieee802154(t Type, h []byte) Type {
	a := wpanAddressing(h)
	n := a.end
	if c.need(t, n) == nil {
		return TypeNone
	}
	c.add(t, n)
	if c.on == capture.LinkIEEE802154 {
		c.end = max(c.end-2, c.off) // the FCS
	}
	return TypePayload
}

// wpan says where the fields of an 802.15.4 header are; an absent one has a length of 0.
type wpan struct {
	seq                           bool
	dstPAN, dst, srcPAN, src, end int // places
	dstPANs, dsts, srcPANs, srcs  int // lengths
}

// wpanAddressing reads the frame control field (IEEE 802.15.4-2015 section 7.2.2).
func wpanAddressing(h []byte) (a wpan) {
	control := leUint16(h)
	version := control >> 12 & 3
	a.seq = version < 2 || control&0x100 == 0
	dst, src := control>>10&3, control>>14
	compressed := control&0x40 != 0
	sizes := [4]int{0, 0, 2, 8}
	a.dsts, a.srcs = sizes[dst], sizes[src]
	switch {
	case version < 2:
		if dst != 0 {
			a.dstPANs = 2
		}
		if src != 0 && (dst == 0 || !compressed) {
			a.srcPANs = 2
		}
	case dst == 0 && src == 0:
		if compressed {
			a.dstPANs = 2
		}
	case src == 0:
		if !compressed {
			a.dstPANs = 2
		}
	case dst == 0:
		if !compressed {
			a.srcPANs = 2
		}
	case dst == 3 && src == 3:
		if !compressed {
			a.dstPANs = 2
		}
	default:
		a.dstPANs = 2
		if !compressed {
			a.srcPANs = 2
		}
	}
	at := 2
	if a.seq {
		at++
	}
	a.dstPAN = at
	a.dst = a.dstPAN + a.dstPANs
	a.srcPAN = a.dst + a.dsts
	a.src = a.srcPAN + a.srcPANs
	a.end = a.src + a.srcs
	return a
}

var (
	fWPANControl  = Define("wpan.fcf", "Frame control", KindHex).At(0, 2).Little()
	fWPANType     = Define("wpan.frame_type", "Frame type", KindHex).Bits(5, 3).Means(wpanType)
	fWPANSecurity = Define("wpan.security", "Security enabled", KindBool).Bits(4, 1)
	fWPANPending  = Define("wpan.pending", "Frame pending", KindBool).Bits(3, 1)
	fWPANAck      = Define("wpan.ack_request", "Acknowledge request", KindBool).Bits(2, 1)
	fWPANCompress = Define("wpan.pan_id_compression", "PAN ID compression", KindBool).Bits(1, 1)
	fWPANDstMode  = Define("wpan.dst_addr_mode", "Destination addressing mode", KindHex).Bits(12, 2)
	fWPANVersion  = Define("wpan.version", "Version", KindUint).Bits(10, 2)
	fWPANSrcMode  = Define("wpan.src_addr_mode", "Source addressing mode", KindHex).Bits(8, 2)
	fWPANSequence = Define("wpan.seq_no", "Sequence number", KindUint).At(0, 1)
	fWPANDstPAN   = Define("wpan.dst_pan", "Destination PAN", KindHex).Little()
	fWPANDst16    = Define("wpan.dst16", "Destination", KindHex).Little()
	fWPANDst64    = Define("wpan.dst64", "Destination", KindHex).Little()
	fWPANSrcPAN   = Define("wpan.src_pan", "Source PAN", KindHex).Little()
	fWPANSrc16    = Define("wpan.src16", "Source", KindHex).Little()
	fWPANSrc64    = Define("wpan.src64", "Source", KindHex).Little()
)

var wpanType = Names{
	0: "beacon", 1: "data", 2: "acknowledgment", 3: "command", 5: "multipurpose", 6: "fragment", 7: "extended",
}.Of

func wpanFields(w *FieldWriter) {
	w.Add(0, fWPANControl, fWPANType, fWPANSecurity, fWPANPending, fWPANAck, fWPANCompress, fWPANDstMode, fWPANVersion,
		fWPANSrcMode)
	if len(w.data) < 2 {
		return
	}
	a := wpanAddressing(w.data)
	if a.seq {
		w.Add(2, fWPANSequence)
	}
	address := func(short, long *Definition, at, n int) {
		switch n {
		case 2:
			w.Uint(short, at, 2)
		case 8:
			w.Uint(long, at, 8)
		}
	}
	address(fWPANDstPAN, nil, a.dstPAN, a.dstPANs)
	address(fWPANDst16, fWPANDst64, a.dst, a.dsts)
	address(fWPANSrcPAN, nil, a.srcPAN, a.srcPANs)
	address(fWPANSrc16, fWPANSrc64, a.src, a.srcs)
}
