package decode

import (
	"hash/crc32"

	"sockwire/raw/wire"
)

// SCTP is the view of an SCTP packet with all its chunks (RFC 9260).
type SCTP []byte

func (h SCTP) SourcePort() uint16      { return be16(h) }
func (h SCTP) DestinationPort() uint16 { return be16(h[2:]) }
func (h SCTP) Checksum() uint32        { return be32(h[8:]) }

// chunk is one chunk of an SCTP packet.
type chunk struct {
	Type   uint8
	Flags  uint8
	Offset int    // from the start of the SCTP header
	Length int    // as the chunk says, without padding
	Data   []byte // behind the chunk header, as far as it is here
	Cut    bool   // the chunk ends behind the packet; it is the last
}

func (h SCTP) chunk(off int) chunk {
	c := chunk{Type: h[off], Flags: h[off+1], Offset: off, Length: int(be16(h[off+2:]))}
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

// castagnoli is made when it is first asked for: it costs each start of a command a quarter of a millisecond.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (c *cursor) sctp(t Type, _ []byte) Type {
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
	if c.part || c.quoted {
		return TypeNone
	}
	c.stream = false
	more := &c.p.later
	more.chunk, more.chunksEnd, more.ports = l.Offset+12, c.off, [2]uint16{h.SourcePort(), h.DestinationPort()}
	c.chunks = true
	return c.sctpChunk()
}

// sctpChunk moves to the data of the next chunk that is a whole message and of which it is known what it is; it returns
// TypeNone where there is none. The layer lies inside of SCTP's, which is all chunks.
func (c *cursor) sctpChunk() Type {
	more := &c.p.later
	for more.chunk+4 <= more.chunksEnd {
		b := c.data[more.chunk:more.chunksEnd]
		n := int(be16(b[2:]))
		at := more.chunk
		if n < 4 || n > len(b) {
			break
		}
		more.chunk += (n + 3) &^ 3
		header := 16
		if b[0] == sctpIData {
			header = 20
		} else if b[0] != sctpData {
			continue
		}
		if b[1]&3 != 3 || n <= header { // not whole
			continue
		}
		var ppid uint32
		if b[0] == sctpData {
			ppid = be32(b[12:])
		} else {
			ppid = be32(b[16:])
		}
		if t := c.sctpCarries(ppid, b[header:n]); t != TypeNone {
			c.off, c.end = at+header, at+n
			return t
		}
	}
	c.chunks = false
	return TypeNone
}

func (c *cursor) sctpCarries(ppid uint32, b []byte) Type {
	src, dst := c.p.later.ports[0], c.p.later.ports[1]
	t := c.d.named(wire.ProtoSCTP, src, dst, b)
	switch {
	case t == TypePayload || c.d.SkipApplications && (t == TypeNone || t >= firstApplication):
		return TypeNone
	case t != TypeNone:
		return t
	case ppidTypes[ppid] != TypeNone:
		return ppidTypes[ppid]
	}
	for _, p := range [...]uint16{min(src, dst), max(src, dst)} {
		if t := sctpTypes[p]; t != TypeNone && rowOf[t].may(b) {
			return t
		}
	}
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
	crc := crc32.Update(0, castagnoli(), all[:8])
	crc = crc32.Update(crc, castagnoli(), zeroes[:])
	crc = crc32.Update(crc, castagnoli(), all[12:])
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
	fSCTPSource    = Define("sctp.srcport", "Source Port", KindUint).As("src_port").At(0, 2)
	fSCTPDest      = Define("sctp.dstport", "Destination Port", KindUint).As("dst_port").At(2, 2)
	fSCTPTag       = Define("sctp.verification_tag", "Verification Tag", KindHex).At(4, 4)
	fSCTPChecksum  = Define("sctp.checksum", "Checksum", KindHex).At(8, 4)
	fSCTPStatus    = Define("sctp.checksum.status", "Checksum status", KindState).At(8, 4)
	fSCTPChunk     = Define("sctp.chunk", "Chunk", KindGroup).As("chunks").Several()
	fSCTPType      = Define("sctp.chunk_type", "Type", KindUint).As("type").At(0, 1).Means(sctpName)
	fSCTPFlags     = Define("sctp.chunk_flags", "Flags", KindHex).As("flags").At(1, 1)
	fSCTPLength    = Define("sctp.chunk_length", "Length", KindUint).As("length").At(2, 2)
	fSCTPTSN       = Define("sctp.data_tsn_raw", "TSN", KindUint).As("tsn").At(0, 4)
	fSCTPStream    = Define("sctp.data_sid", "Stream Identifier", KindUint).As("stream").At(4, 2)
	fSCTPSSN       = Define("sctp.data_ssn", "Stream Sequence Number", KindUint).As("ssn").At(6, 2)
	fSCTPPPID      = Define("sctp.data_payload_proto_id", "Payload Protocol Identifier", KindUint).As("ppid").At(8, 4)
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
	fSCTPCumTSN    = Define("sctp.sack_cumulative_tsn_ack_raw", "Cumulative TSN Ack", KindUint).As("cumulative_tsn").At(0, 4)
	fSCTPSACKWin   = Define("sctp.sack_a_rwnd", "Advertised Receiver Window", KindUint).As("a_rwnd").At(4, 4)
	fSCTPGaps      = Define("sctp.sack_number_of_gap_blocks", "Gap Ack Blocks", KindUint).As("gap_count").At(8, 2)
	fSCTPDups      = Define("sctp.sack_number_of_duplicated_tsns", "Duplicate TSNs", KindUint).As("duplicate_count").At(10, 2)
	fSCTPShutdown  = Define("sctp.shutdown_cumulative_tsn_ack", "Cumulative TSN Ack", KindUint).As("cumulative_tsn")
	fSCTPForward   = Define("sctp.forward_tsn_tsn", "New Cumulative TSN", KindUint).As("cumulative_tsn")
	fSCTPChunkData = Define("sctp.chunk_value", "Value", KindBytes).As("data")
)

func sctpFields(w *FieldWriter, l *Layer) {
	if len(w.data) < 12 {
		return
	}
	w.Add(0, fSCTPChecksum, fSCTPStatus)
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

func sctpChunkFields(w *FieldWriter, c chunk) {
	w.Add(c.Offset, fSCTPType, fSCTPFlags, fSCTPLength)
	off, n := c.Offset+4, len(c.Data)
	switch {
	case c.Type == sctpData && n >= 12:
		w.Add(off, fSCTPTSN, fSCTPStream, fSCTPSSN, fSCTPPPID)
	case c.Type == sctpInit && n >= 16:
		sctpInitFields(w, off, fSCTPInitTag, fSCTPInitWin, fSCTPInitOut, fSCTPInitIn, fSCTPInitTSN)
	case c.Type == sctpInitAck && n >= 16:
		sctpInitFields(w, off, fSCTPAckTag, fSCTPAckWin, fSCTPAckOut, fSCTPAckIn, fSCTPAckTSN)
	case c.Type == sctpSACK && n >= 12:
		w.Add(off, fSCTPCumTSN, fSCTPSACKWin, fSCTPGaps, fSCTPDups)
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

var sctpName = Names{
	sctpData: "DATA", sctpInit: "INIT", sctpInitAck: "INIT ACK", sctpSACK: "SACK", 4: "HB REQ", 5: "HB ACK",
	6: "ABORT", sctpShutdown: "SHUTDOWN", 8: "SHUTDOWN ACK", 9: "ERROR", 10: "COOKIE ECHO", 11: "COOKIE ACK",
	12: "ECNE", 13: "CWR", 14: "SHUTDOWN COMPLETE", 15: "AUTH", sctpIData: "I-DATA", 128: "ASCONF ACK",
	130: "RE-CONFIG", 132: "PAD", sctpForwardTSN: "FORWARD TSN", 193: "ASCONF", 194: "I-FORWARD TSN",
}.Of

func (*Printer) appendSCTP(b []byte, p *Packet, i int) []byte {
	b = append(b, "sctp"...)
	h := p.SCTP(i)
	for off, n := 12, 1; off+4 <= len(h); n++ {
		c := h.chunk(off)
		b = appendInt(append(b, " ("...), n)
		b = append(b, ") ["...)
		b = AppendName(b, sctpName(uint64(c.Type)), "chunk ", uint64(c.Type))
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
