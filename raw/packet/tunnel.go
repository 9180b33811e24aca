package packet

import (
	"encoding/binary"
	"fmt"

	"sockwire/raw/wire"
)

// GRE is a GRE header (RFC 2784, RFC 2890). Key, Sequence and the checksum are written when they are given;
// WithChecksum asks for a computed one. Flags are the first two bytes, computed from that when left out.
type GRE struct {
	Flags        Opt[uint16] `field:"flags"`
	Protocol     Opt[uint16] `field:"proto"` // an EtherType
	WithChecksum bool        `field:"csum"`
	Checksum     Opt[uint16] `field:"chksum"`
	Reserved1    uint16      `field:"res1"` // after the checksum
	Key          Opt[uint32] `field:"key"`
	Sequence     Opt[uint32] `field:"seq"`
}

// VXLAN is a VXLAN header (RFC 7348).
type VXLAN struct {
	Flags     Opt[uint8] `field:"flags"` // 8: the VNI is valid
	Reserved  uint32     `field:"res" bits:"24"`
	VNI       uint32     `field:"vni" bits:"24"`
	Reserved2 uint8      `field:"res2"`
}

// Geneve is a Geneve header (RFC 8926) with its options as bytes, padded with zeros to a multiple of four.
type Geneve struct {
	Version      uint8       `field:"version" bits:"2"`
	OptionLength Opt[uint8]  `field:"optlen" bits:"6"` // in 4 bytes
	Flags        uint8       `field:"flags"`           // 0x80 control packet, 0x40 critical options
	Protocol     Opt[uint16] `field:"proto"`           // an EtherType
	VNI          uint32      `field:"vni" bits:"24"`
	Reserved     uint8       `field:"res"`
	Options      []byte      `field:"options"`
}

func (*GRE) layer()    {}
func (*VXLAN) layer()  {}
func (*Geneve) layer() {}

func (h *GRE) append(b []byte, next following) ([]byte, error) {
	proto, err := numberOf(h.Protocol, next, "EtherType", "Protocol")
	if err != nil {
		return b, err
	}
	var flags uint16
	if h.hasChecksum() {
		flags |= wire.GREChecksum
	}
	if h.Key.given {
		flags |= wire.GREKey
	}
	if h.Sequence.given {
		flags |= wire.GRESequence
	}
	b = append16(b, h.Flags.Or(flags), proto)
	if h.hasChecksum() {
		b = append16(b, 0, h.Reserved1)
	}
	for _, o := range [...]Opt[uint32]{h.Key, h.Sequence} {
		if o.given {
			b = append32(b, o.value)
		}
	}
	return b, nil
}

func (h *GRE) hasChecksum() bool { return h.WithChecksum || h.Checksum.given }

func (h *GRE) finish(b []byte, start int) {
	if h.hasChecksum() {
		binary.BigEndian.PutUint16(b[start+4:], h.Checksum.Or(wire.Checksum(b[start:])))
	}
}

func (h *VXLAN) append(b []byte) ([]byte, error) {
	if h.Reserved > 0xffffff || h.VNI > 0xffffff {
		return b, fmt.Errorf("reserved %d, VNI %d do not fit in 24 bits each", h.Reserved, h.VNI)
	}
	return append32(b, uint32(h.Flags.Or(8))<<24|h.Reserved, h.VNI<<8|uint32(h.Reserved2)), nil
}

func (h *Geneve) append(b []byte, next following) ([]byte, error) {
	proto, err := numberOf(h.Protocol, next, "EtherType", "Protocol")
	if err != nil {
		return b, err
	}
	words := (len(h.Options) + 3) / 4
	if words > 63 && !h.OptionLength.given {
		return b, fmt.Errorf("options take %d bytes, 252 fit", len(h.Options))
	}
	if h.Version > 3 || h.OptionLength.value > 63 || h.VNI > 0xffffff {
		return b, fmt.Errorf("version %d, option length %d, VNI %d do not fit in 2, 6 and 24 bits", h.Version, h.OptionLength.value, h.VNI)
	}
	b = append(b, h.Version<<6|h.OptionLength.Or(uint8(words)), h.Flags)
	b = binary.BigEndian.AppendUint16(b, proto)
	b = binary.BigEndian.AppendUint32(b, h.VNI<<8|uint32(h.Reserved))
	return appendPadded(b, h.Options, len(b), 4), nil
}

func (h *GRE) read(r *reader) content {
	flags := r.u16()
	h.Flags, h.Protocol = U16(flags), U16(r.u16())
	if flags&wire.GREChecksum != 0 {
		h.Checksum, h.Reserved1 = U16(r.u16()), r.u16()
	}
	if flags&wire.GREKey != 0 {
		h.Key = U32(r.u32())
	}
	if flags&wire.GRESequence != 0 {
		h.Sequence = U32(r.u32())
	}
	if flags&0x4007 != 0 { // routing (RFC 1701) or another version: other fields follow
		return content{}
	}
	return content{byTunnelType, h.Protocol.value}
}

func (h *VXLAN) read(r *reader) content {
	v, w := r.u32(), r.u32()
	h.Flags, h.Reserved, h.VNI, h.Reserved2 = U8(uint8(v>>24)), v&0xffffff, w>>8, uint8(w)
	if r.left() >= 14 {
		return content{byTunnelType, wire.EtherTypeTEB}
	}
	return content{}
}

func (h *Geneve) read(r *reader) content {
	v := r.u8()
	h.Version, h.OptionLength, h.Flags, h.Protocol = v>>6, U8(v&63), r.u8(), U16(r.u16())
	w := r.u32()
	h.VNI, h.Reserved = w>>8, uint8(w)
	h.Options = r.bytes(4 * int(h.OptionLength.value))
	return content{byTunnelType, h.Protocol.value}
}
