package packet

import (
	"encoding/binary"
	"fmt"

	"sockwire/raw/wire"
)

// TCP is a TCP header (RFC 9293). A missing window is written as 65535. A computed checksum needs an IP layer
// before it.
type TCP struct {
	SrcPort    uint16        `field:"sport"`
	DstPort    uint16        `field:"dport"`
	Seq        uint32        `field:"seq"`
	Ack        uint32        `field:"ack"`
	DataOffset Opt[uint8]    `field:"doff" bits:"4"` // header length in 4 bytes
	Flags      wire.TCPFlags `field:"flags" bits:"12"`
	Window     Opt[uint16]   `field:"win"`
	Checksum   Opt[uint16]   `field:"chksum"`
	Urgent     uint16        `field:"urp"`
	Options    []Option      `field:"options"`
}

func (*TCP) layer() {}

func (h *TCP) append(b []byte) ([]byte, error) {
	start := len(b)
	if h.Flags > 0xfff || h.DataOffset.value > 15 {
		return b, fmt.Errorf("flags %#x, data offset %d do not fit in 12 and 4 bits", uint16(h.Flags), h.DataOffset.value)
	}
	b = append16(b, h.SrcPort, h.DstPort)
	b = append32(b, h.Seq, h.Ack)
	b = append16(b, uint16(h.Flags), h.Window.Or(0xffff), 0, h.Urgent)
	b, err := appendOptions4(b, h.Options)
	if err != nil {
		return b, err
	}
	size := len(b) - start
	if size > 60 && !h.DataOffset.given {
		return b, fmt.Errorf("options take %d bytes, 40 fit", size-20)
	}
	b[start+12] |= h.DataOffset.Or(uint8(size/4)) << 4
	return b, nil
}

func (h *TCP) finish(b []byte, start int, outer []Layer) error {
	data := b[start:]
	check, err := transportChecksum(h.Checksum, outer, wire.ProtoTCP, data, data)
	binary.BigEndian.PutUint16(data[16:], check)
	return err
}

func (h *TCP) read(r *reader) content {
	h.SrcPort, h.DstPort, h.Seq, h.Ack = r.u16(), r.u16(), r.u32(), r.u32()
	v := r.u16()
	h.DataOffset, h.Flags, h.Window, h.Checksum, h.Urgent = U8(uint8(v>>12)), wire.TCPFlags(v&0xfff), U16(r.u16()), U16(r.u16()), r.u16()
	h.Options = readOptions4(r, r.bytes(4*int(h.DataOffset.value)-20))
	return content{}
}
