package decode

import "sockwire/raw/wire"

// DCCP is the view of a DCCP header with its options (RFC 4340).
type DCCP []byte

func (h DCCP) SourcePort() uint16      { return be16(h) }
func (h DCCP) DestinationPort() uint16 { return be16(h[2:]) }

// DataOffset is the header length in bytes.
func (h DCCP) DataOffset() int { return 4 * int(h[4]) }
func (h DCCP) Type() uint8     { return h[8] >> 1 & 15 }

// Extended reports whether sequence numbers have 48 bits instead of 24.
func (h DCCP) Extended() bool { return h[8]&1 != 0 }

// Sequence returns the sequence number.
func (h DCCP) Sequence() uint64 {
	if !h.Extended() {
		return uint64(be32(h[8:]) & 0xffffff)
	}
	return uint64(be16(h[10:]))<<32 | uint64(be32(h[12:]))
}

// generic is the length of the generic header.
func (h DCCP) generic() int {
	if h.Extended() {
		return 16
	}
	return 12
}

// DCCP returns the view of layer i, nil when it is another layer or quoted with less than 12 bytes.
func (p *Packet) DCCP(i int) DCCP {
	if h := p.view(i, TypeDCCP); len(h) >= 12 && len(h) >= DCCP(h).generic() {
		return h
	}
	return nil
}

func (c *cursor) dccp(t Type, _ []byte) Type {
	if c.quoted && c.off+8 <= min(len(c.data), c.end) {
		return c.quotedStart(TypeDCCP)
	}
	h := DCCP(c.need(TypeDCCP, 12))
	if h == nil {
		return TypeNone
	}
	n := h.DataOffset()
	if n < h.generic() {
		return c.malformed(TypeDCCP, "the data offset is less than the generic header")
	}
	if h = c.need(TypeDCCP, n); h == nil {
		return TypeNone
	}
	l := c.add(TypeDCCP, n)
	to := c.end
	if coverage := int(h[5] & 15); coverage > 0 {
		to = min(to, l.Offset+n+4*(coverage-1))
	}
	c.verifyPart(l, be16(h[6:]), to, c.end, wire.ProtoDCCP)
	return c.application(h, wire.ProtoDCCP)
}

var dccpNames = [16]string{"request", "response", "data", "ack", "dataack", "closereq", "close", "reset", "sync",
	"syncack"}

func dccpName(n uint64) string { return dccpNames[n&15] }

var (
	fDCCPSource   = Define("dccp.srcport", "Source Port", KindUint).As("src_port").At(0, 2)
	fDCCPDest     = Define("dccp.dstport", "Destination Port", KindUint).As("dst_port").At(2, 2)
	fDCCPOffset   = Define("dccp.data_offset", "Data Offset, in 32-bit words", KindUint).At(4, 1)
	fDCCPCCVal    = Define("dccp.ccval", "CCVal", KindUint).Bits(40, 4)
	fDCCPCoverage = Define("dccp.cscov", "Checksum Coverage", KindUint).Bits(44, 4)
	fDCCPChecksum = Define("dccp.checksum", "Checksum", KindHex).At(6, 2)
	fDCCPStatus   = Define("dccp.checksum.status", "Checksum status", KindState).At(6, 2)
	fDCCPType     = Define("dccp.type", "Type", KindUint)
	fDCCPExtended = Define("dccp.x", "Extended Sequence Numbers", KindBool)
	fDCCPSequence = Define("dccp.seq_raw", "Sequence Number", KindUint).As("seq")
	fDCCPAck      = Define("dccp.ack_raw", "Acknowledgment Number", KindUint).As("ack")
	fDCCPService  = Define("dccp.service_code", "Service Code", KindUint)
	fDCCPReset    = Define("dccp.reset_code", "Reset Code", KindUint)
)

func dccpFields(w *FieldWriter) {
	h := DCCP(w.data)
	if len(h) < 12 || len(h) < h.generic() {
		return
	}
	w.Add(0, fDCCPOffset, fDCCPCCVal, fDCCPCoverage, fDCCPChecksum, fDCCPStatus)
	t := w.Bits(fDCCPType, 67, 4, dccpName)
	w.Bit(fDCCPExtended, 71)
	off := h.generic()
	if h.Extended() {
		w.Uint(fDCCPSequence, 10, 6)
	} else {
		w.Uint(fDCCPSequence, 9, 3)
	}
	switch {
	case t == 0: // a request has no acknowledgment
	case t == 2:
		return
	case h.Extended():
		w.Uint(fDCCPAck, off+2, 6)
		off += 8
	default:
		w.Uint(fDCCPAck, off+1, 3)
		off += 4
	}
	switch t {
	case 0, 1:
		w.Uint(fDCCPService, off, 4)
	case 7:
		w.Uint(fDCCPReset, off, 1)
	}
}

func (*Printer) appendDCCP(b []byte, p *Packet, i int) []byte {
	b = append(b, "DCCP"...)
	if h := p.DCCP(i); h != nil {
		b = append(append(b, ' '), dccpName(uint64(h.Type()))...)
		b = appendUint(append(b, ", seq "...), h.Sequence())
	}
	return appendInt(append(b, ", length "...), p.PayloadLength(i))
}
