package packet

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// SCTP is an SCTP common header (RFC 9260). The checksum is the CRC32c of header and chunks, as the four bytes are
// read in network order.
type SCTP struct {
	SrcPort  uint16      `field:"sport"`
	DstPort  uint16      `field:"dport"`
	Tag      uint32      `field:"tag"`
	Checksum Opt[uint32] `field:"chksum"`
}

// SCTPChunk is one chunk with its value as bytes, padded with zeros to a multiple of four. Length counts the
// 4-byte header and the value without padding.
type SCTPChunk struct {
	Type   uint8       `field:"type"`
	Flags  uint8       `field:"flags"`
	Length Opt[uint16] `field:"len"`
	Value  []byte      `field:"value"`
}

// castagnoli is made when it is first asked for: it costs each start of a command a quarter of a millisecond.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (*SCTP) layer()      {}
func (*SCTPChunk) layer() {}

func (h *SCTP) append(b []byte) []byte {
	b = append16(b, h.SrcPort, h.DstPort)
	return append32(b, h.Tag, 0)
}

func (h *SCTP) finish(b []byte, start int) {
	if check, given := h.Checksum.Get(); given {
		binary.BigEndian.PutUint32(b[start+8:], check)
		return
	}
	binary.LittleEndian.PutUint32(b[start+8:], crc32.Checksum(b[start:], castagnoli())) // section 6.8: the CRC's bytes go reversed
}

func (h *SCTPChunk) append(b []byte) ([]byte, error) {
	if n := 4 + len(h.Value); n > 0xffff && !h.Length.given {
		return b, fmt.Errorf("the chunk has %d bytes, its length can say 65535: give Length", n)
	}
	start := len(b)
	b = append(b, h.Type, h.Flags)
	b = binary.BigEndian.AppendUint16(b, h.Length.Or(uint16(4+len(h.Value))))
	return appendPadded(b, h.Value, start, 4), nil
}

func (h *SCTP) read(r *reader) content {
	h.SrcPort, h.DstPort, h.Tag, h.Checksum = r.u16(), r.u16(), r.u32(), U32(r.u32())
	return r.chunk()
}

func (h *SCTPChunk) read(r *reader) content {
	h.Type, h.Flags, h.Length = r.u8(), r.u8(), U16(r.u16())
	h.Value = r.bytes(int(h.Length.value) - 4)
	r.bytes((4 - r.pos%4) % 4)
	return r.chunk()
}

// chunk says that a chunk follows, if one can.
func (r *reader) chunk() content {
	if r.left() >= 4 {
		return content{by: byChunk}
	}
	return content{}
}
