package decode

import (
	"hash/crc32"
	"iter"
)

// SCTP is the view of an SCTP packet with all its chunks (RFC 9260).
type SCTP []byte

func (h SCTP) SourcePort() uint16      { return be16(h) }
func (h SCTP) DestinationPort() uint16 { return be16(h[2:]) }
func (h SCTP) VerificationTag() uint32 { return be32(h[4:]) }
func (h SCTP) Checksum() uint32        { return be32(h[8:]) }

// Chunk is one chunk of an SCTP packet.
type Chunk struct {
	Type   uint8
	Flags  uint8
	Offset int    // from the start of the SCTP header
	Length int    // as the chunk says, without padding
	Data   []byte // behind the chunk header, as far as it is here
	Cut    bool   // the chunk ends behind the packet; it is the last
}

// Chunks gives the chunks.
func (h SCTP) Chunks() iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {
		for off := 12; off+4 <= len(h); {
			c := h.chunk(off)
			if !yield(c) || c.Cut {
				return
			}
			off += (c.Length + 3) &^ 3
		}
	}
}

func (h SCTP) chunk(off int) Chunk {
	c := Chunk{Type: h[off], Flags: h[off+1], Offset: off, Length: int(be16(h[off+2:]))}
	end := off + c.Length
	if c.Length < 4 || end > len(h) {
		c.Cut, end = true, len(h)
	}
	c.Data = h[off+4 : end : end]
	return c
}

// SCTP returns the view of layer i, nil when it is another layer or quoted with less than 12 bytes.
func (p *Packet) SCTP(i int) SCTP {
	if h := p.view(i, TypeSCTP); len(h) >= 12 {
		return h
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (c *cursor) sctp() Type {
	if c.quoted && c.off+8 <= min(len(c.data), c.end) {
		return c.quotedStart(TypeSCTP)
	}
	h := SCTP(c.need(TypeSCTP, 12))
	if h == nil {
		return TypeNone
	}
	if c.end > len(c.data) {
		c.need(TypeSCTP, c.end-c.off)
	}
	l := c.add(TypeSCTP, min(len(c.data), c.end)-c.off)
	l.Checksum = c.sctpChecksum(h, c.data[l.Offset:c.off])
	return TypeNone
}

// sctpChecksum verifies the CRC32c, which is stored with its low byte first and takes the checksum for 0.
func (c *cursor) sctpChecksum(h SCTP, all []byte) Checksum {
	if c.part || c.short || c.d.SkipChecksums || !c.captured() {
		return ChecksumUnverified
	}
	if c.p.Frame.Offload.ChecksumPending {
		return ChecksumOffloaded
	}
	crc := crc32.Update(0, castagnoli, all[:8])
	crc = crc32.Update(crc, castagnoli, zeroes[:])
	crc = crc32.Update(crc, castagnoli, all[12:])
	stored := uint32(all[8]) | uint32(all[9])<<8 | uint32(all[10])<<16 | uint32(all[11])<<24
	switch {
	case crc == stored, c.p.Frame.Offload.ChecksumValid:
		return ChecksumGood
	case stored == 0:
		return ChecksumZero // RFC 9653
	case sctpAdler(all) == h.Checksum():
		return ChecksumGood
	}
	return ChecksumBad
}

var zeroes [4]byte

// sctpAdler computes the checksum that SCTP had before RFC 3309.
func sctpAdler(all []byte) uint32 {
	a, b := uint32(1), uint32(0)
	for i, x := range all {
		if i < 8 || i >= 12 {
			a += uint32(x)
		}
		b += a
		if i&1023 == 1023 { // before the sums can overflow
			a, b = a%65521, b%65521
		}
	}
	return b%65521<<16 | a%65521
}

// SCTP chunk types.
const (
	sctpData       = 0
	sctpInit       = 1
	sctpInitAck    = 2
	sctpSACK       = 3
	sctpShutdown   = 7
	sctpIData      = 64
	sctpForwardTSN = 192
)

var (
	fSCTPSource    = Define("sctp.srcport", "Source Port", KindUint).As("src_port")
	fSCTPDest      = Define("sctp.dstport", "Destination Port", KindUint).As("dst_port")
	fSCTPTag       = Define("sctp.verification_tag", "Verification Tag", KindHex)
	fSCTPChecksum  = Define("sctp.checksum", "Checksum", KindHex)
	fSCTPStatus    = Define("sctp.checksum.status", "Checksum status", KindState)
	fSCTPChunk     = Define("sctp.chunk", "Chunk", KindGroup).As("chunks").Several()
	fSCTPType      = Define("sctp.chunk_type", "Type", KindUint).As("type")
	fSCTPFlags     = Define("sctp.chunk_flags", "Flags", KindHex).As("flags")
	fSCTPLength    = Define("sctp.chunk_length", "Length", KindUint).As("length")
	fSCTPTSN       = Define("sctp.data_tsn_raw", "TSN", KindUint).As("tsn")
	fSCTPStream    = Define("sctp.data_sid", "Stream Identifier", KindUint).As("stream")
	fSCTPSSN       = Define("sctp.data_ssn", "Stream Sequence Number", KindUint).As("ssn")
	fSCTPPPID      = Define("sctp.data_payload_proto_id", "Payload Protocol Identifier", KindUint).As("ppid")
	fSCTPInitTag   = Define("sctp.init_initiate_tag", "Initiate Tag", KindHex).As("initiate_tag")
	fSCTPInitWin   = Define("sctp.init_credit", "Advertised Receiver Window", KindUint).As("a_rwnd")
	fSCTPInitOut   = Define("sctp.init_nr_out_streams", "Outbound Streams", KindUint).As("outbound")
	fSCTPInitIn    = Define("sctp.init_nr_in_streams", "Inbound Streams", KindUint).As("inbound")
	fSCTPInitTSN   = Define("sctp.init_initial_tsn", "Initial TSN", KindUint).As("tsn")
	fSCTPAckTag    = Define("sctp.initack_initiate_tag", "Initiate Tag", KindHex).As("initiate_tag")
	fSCTPAckWin    = Define("sctp.initack_credit", "Advertised Receiver Window", KindUint).As("a_rwnd")
	fSCTPAckOut    = Define("sctp.initack_nr_out_streams", "Outbound Streams", KindUint).As("outbound")
	fSCTPAckIn     = Define("sctp.initack_nr_in_streams", "Inbound Streams", KindUint).As("inbound")
	fSCTPAckTSN    = Define("sctp.initack_initial_tsn", "Initial TSN", KindUint).As("tsn")
	fSCTPCumTSN    = Define("sctp.sack_cumulative_tsn_ack_raw", "Cumulative TSN Ack", KindUint).As("cumulative_tsn")
	fSCTPSACKWin   = Define("sctp.sack_a_rwnd", "Advertised Receiver Window", KindUint).As("a_rwnd")
	fSCTPGaps      = Define("sctp.sack_number_of_gap_blocks", "Gap Ack Blocks", KindUint).As("gap_count")
	fSCTPDups      = Define("sctp.sack_number_of_duplicated_tsns", "Duplicate TSNs", KindUint).As("duplicate_count")
	fSCTPShutdown  = Define("sctp.shutdown_cumulative_tsn_ack", "Cumulative TSN Ack", KindUint).As("cumulative_tsn")
	fSCTPForward   = Define("sctp.forward_tsn_tsn", "New Cumulative TSN", KindUint).As("cumulative_tsn")
	fSCTPChunkData = Define("sctp.chunk_value", "Value", KindBytes).As("data")
)

func sctpFields(w *FieldWriter, l *Layer) {
	w.Uint(fSCTPSource, 0, 2)
	w.Uint(fSCTPDest, 2, 2)
	w.Uint(fSCTPTag, 4, 4)
	if len(w.data) < 12 {
		return
	}
	w.Uint(fSCTPChecksum, 8, 4)
	w.status(fSCTPStatus, 8, 4, l.Checksum)
	if l.Flags&Quoted != 0 {
		return
	}
	h := SCTP(w.data)
	for off := 12; off+4 <= len(h); {
		c := h.chunk(off)
		w.Group(fSCTPChunk, off, c.Length)
		sctpChunkFields(w, c)
		w.End()
		if c.Cut {
			return
		}
		off += (c.Length + 3) &^ 3
	}
}

func sctpChunkFields(w *FieldWriter, c Chunk) {
	w.Enum(fSCTPType, c.Offset, 1, sctpName)
	w.Uint(fSCTPFlags, c.Offset+1, 1)
	w.Uint(fSCTPLength, c.Offset+2, 2)
	off, n := c.Offset+4, len(c.Data)
	switch {
	case c.Type == sctpData && n >= 12:
		w.Uint(fSCTPTSN, off, 4)
		w.Uint(fSCTPStream, off+4, 2)
		w.Uint(fSCTPSSN, off+6, 2)
		w.Uint(fSCTPPPID, off+8, 4)
	case c.Type == sctpInit && n >= 16:
		sctpInitFields(w, off, fSCTPInitTag, fSCTPInitWin, fSCTPInitOut, fSCTPInitIn, fSCTPInitTSN)
	case c.Type == sctpInitAck && n >= 16:
		sctpInitFields(w, off, fSCTPAckTag, fSCTPAckWin, fSCTPAckOut, fSCTPAckIn, fSCTPAckTSN)
	case c.Type == sctpSACK && n >= 12:
		w.Uint(fSCTPCumTSN, off, 4)
		w.Uint(fSCTPSACKWin, off+4, 4)
		w.Uint(fSCTPGaps, off+8, 2)
		w.Uint(fSCTPDups, off+10, 2)
	case c.Type == sctpShutdown && n >= 4:
		w.Uint(fSCTPShutdown, off, 4)
	case c.Type == sctpForwardTSN && n >= 4:
		w.Uint(fSCTPForward, off, 4)
	case sctpName(uint64(c.Type)) == "" && n > 0:
		w.Bytes(fSCTPChunkData, off, n)
	}
}

func sctpInitFields(w *FieldWriter, off int, tag, window, out, in, tsn *Definition) {
	w.Uint(tag, off, 4)
	w.Uint(window, off+4, 4)
	w.Uint(out, off+8, 2)
	w.Uint(in, off+10, 2)
	w.Uint(tsn, off+12, 4)
}

func sctpName(n uint64) string {
	switch n {
	case sctpData:
		return "DATA"
	case sctpInit:
		return "INIT"
	case sctpInitAck:
		return "INIT ACK"
	case sctpSACK:
		return "SACK"
	case 4:
		return "HB REQ"
	case 5:
		return "HB ACK"
	case 6:
		return "ABORT"
	case sctpShutdown:
		return "SHUTDOWN"
	case 8:
		return "SHUTDOWN ACK"
	case 9:
		return "ERROR"
	case 10:
		return "COOKIE ECHO"
	case 11:
		return "COOKIE ACK"
	case 12:
		return "ECNE"
	case 13:
		return "CWR"
	case 14:
		return "SHUTDOWN COMPLETE"
	case 15:
		return "AUTH"
	case sctpIData:
		return "I-DATA"
	case 128:
		return "ASCONF ACK"
	case 130:
		return "RE-CONFIG"
	case 132:
		return "PAD"
	case sctpForwardTSN:
		return "FORWARD TSN"
	case 193:
		return "ASCONF"
	case 194:
		return "I-FORWARD TSN"
	}
	return ""
}

func appendSCTP(b []byte, p *Packet, i int) []byte {
	b = append(b, "sctp"...)
	h := p.SCTP(i)
	for off, n := 12, 1; off+4 <= len(h); n++ {
		c := h.chunk(off)
		b = appendInt(append(b, " ("...), n)
		b = append(b, ") ["...)
		if s := sctpName(uint64(c.Type)); s != "" {
			b = append(b, s...)
		} else {
			b = appendUint(append(b, "chunk "...), uint64(c.Type))
		}
		b = append(b, ']')
		switch {
		case c.Type == sctpData && len(c.Data) >= 12:
			b = appendUint(append(b, " [TSN: "...), uint64(be32(c.Data)))
			b = appendUint(append(b, "] [SID: "...), uint64(be16(c.Data[4:])))
			b = appendUint(append(b, "] [SSEQ "...), uint64(be16(c.Data[6:])))
			b = append(appendUint(append(b, "] [PPID "...), uint64(be32(c.Data[8:]))), ']')
		case c.Type == sctpSACK && len(c.Data) >= 12:
			b = appendUint(append(b, " [cum ack "...), uint64(be32(c.Data)))
			b = append(appendUint(append(b, "] [a_rwnd "...), uint64(be32(c.Data[4:]))), ']')
		case (c.Type == sctpInit || c.Type == sctpInitAck) && len(c.Data) >= 16:
			b = appendUint(append(b, " [init tag: "...), uint64(be32(c.Data)))
			b = append(appendUint(append(b, "] [rwnd: "...), uint64(be32(c.Data[4:]))), ']')
		}
		if c.Cut || n == 16 {
			break
		}
		off += (c.Length + 3) &^ 3
	}
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}

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

func (c *cursor) dccp() Type {
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
	c.verifyPart(l, be16(h[6:]), to, c.end, protoDCCP)
	return TypePayload
}

var dccpNames = [16]string{"request", "response", "data", "ack", "dataack", "closereq", "close", "reset", "sync", "syncack"}

func dccpName(n uint64) string { return dccpNames[n&15] }

var (
	fDCCPSource   = Define("dccp.srcport", "Source Port", KindUint).As("src_port")
	fDCCPDest     = Define("dccp.dstport", "Destination Port", KindUint).As("dst_port")
	fDCCPOffset   = Define("dccp.data_offset", "Data Offset, in 32-bit words", KindUint)
	fDCCPCCVal    = Define("dccp.ccval", "CCVal", KindUint)
	fDCCPCoverage = Define("dccp.cscov", "Checksum Coverage", KindUint)
	fDCCPChecksum = Define("dccp.checksum", "Checksum", KindHex)
	fDCCPStatus   = Define("dccp.checksum.status", "Checksum status", KindState)
	fDCCPType     = Define("dccp.type", "Type", KindUint)
	fDCCPExtended = Define("dccp.x", "Extended Sequence Numbers", KindBool)
	fDCCPSequence = Define("dccp.seq_raw", "Sequence Number", KindUint).As("seq")
	fDCCPAck      = Define("dccp.ack_raw", "Acknowledgment Number", KindUint).As("ack")
	fDCCPService  = Define("dccp.service_code", "Service Code", KindUint)
	fDCCPReset    = Define("dccp.reset_code", "Reset Code", KindUint)
)

func dccpFields(w *FieldWriter, l *Layer) {
	w.Uint(fDCCPSource, 0, 2)
	w.Uint(fDCCPDest, 2, 2)
	h := DCCP(w.data)
	if len(h) < 12 || len(h) < h.generic() {
		return
	}
	w.Uint(fDCCPOffset, 4, 1)
	w.Bits(fDCCPCCVal, 40, 4, nil)
	w.Bits(fDCCPCoverage, 44, 4, nil)
	w.Uint(fDCCPChecksum, 6, 2)
	w.status(fDCCPStatus, 6, 2, l.Checksum)
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

func appendDCCP(b []byte, p *Packet, i int) []byte {
	b = append(b, "DCCP"...)
	if h := p.DCCP(i); h != nil {
		b = append(append(b, ' '), dccpName(uint64(h.Type()))...)
		b = appendUint(append(b, ", seq "...), h.Sequence())
	}
	return appendInt(append(b, ", length "...), p.PayloadLength(i))
}

// UDPLite is the view of a UDP-Lite header, 8 bytes (RFC 3828).
type UDPLite []byte

func (h UDPLite) SourcePort() uint16      { return be16(h) }
func (h UDPLite) DestinationPort() uint16 { return be16(h[2:]) }

// Coverage is how many bytes the checksum covers, 0 for all.
func (h UDPLite) Coverage() uint16 { return be16(h[4:]) }
func (h UDPLite) Checksum() uint16 { return be16(h[6:]) }

// UDPLite returns the view of layer i, nil when it is another layer.
func (p *Packet) UDPLite(i int) UDPLite { return p.view(i, TypeUDPLite) }

func (c *cursor) udpLite() Type {
	h := UDPLite(c.need(TypeUDPLite, 8))
	if h == nil {
		return TypeNone
	}
	coverage := int(h.Coverage())
	if coverage != 0 && coverage < 8 || coverage > c.end-c.off {
		return c.malformed(TypeUDPLite, "the checksum coverage is neither 0 nor within the packet")
	}
	l := c.add(TypeUDPLite, 8)
	to := c.end
	if coverage != 0 {
		to = l.Offset + coverage
	}
	c.verifyPart(l, h.Checksum(), to, c.end, protoUDPLite)
	return c.application(h, false)
}

var fUDPCoverage = Define("udp.checksum_coverage", "Checksum Coverage", KindUint)

func udpLiteFields(w *FieldWriter, l *Layer) {
	w.Uint(fUDPSource, 0, 2)
	w.Uint(fUDPDest, 2, 2)
	w.Uint(fUDPCoverage, 4, 2)
	w.Uint(fUDPChecksum, 6, 2)
	w.status(fUDPStatus, 6, 2, l.Checksum)
}
