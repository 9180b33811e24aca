package packet

import (
	"encoding/binary"
	"fmt"

	"sockwire/raw/wire"
)

// MPLS is one entry of a label stack (RFC 3032). Bottom is computed from whether another entry follows.
type MPLS struct {
	Label  uint32     `field:"label" bits:"20"`
	TC     uint8      `field:"tc" bits:"3"` // traffic class, RFC 5462
	Bottom Opt[uint8] `field:"s" bits:"1"`
	TTL    Opt[uint8] `field:"ttl"` // 64
}

// PPPoE is a PPPoE header (RFC 2516). In a session, Code 0, the PPP protocol number follows it.
type PPPoE struct {
	Version   Opt[uint8]  `field:"version" bits:"4"` // 1
	Type      Opt[uint8]  `field:"type" bits:"4"`    // 1
	Code      uint8       `field:"code"`
	SessionID uint16      `field:"session"`
	Length    Opt[uint16] `field:"len"`
	Protocol  Opt[uint16] `field:"proto"` // of PPP; not written when Code is not 0
}

func (*MPLS) layer()  {}
func (*PPPoE) layer() {}

// append writes the entry; more says that another follows.
func (h *MPLS) append(b []byte, more bool) ([]byte, error) {
	var bottom uint8 = 1
	if more {
		bottom = 0
	}
	if h.Label > 0xfffff || h.TC > 7 || h.Bottom.value > 1 {
		return b, fmt.Errorf("label %d, class %d, bottom %d do not fit in 20, 3 and 1 bits", h.Label, h.TC, h.Bottom.value)
	}
	return binary.BigEndian.AppendUint32(b, h.Label<<12|uint32(h.TC)<<9|uint32(h.Bottom.Or(bottom))<<8|uint32(h.TTL.Or(64))), nil
}

func (h *PPPoE) append(b []byte, next following) ([]byte, error) {
	if h.Version.value > 15 || h.Type.value > 15 {
		return b, fmt.Errorf("version %d, type %d do not fit in 4 bits each", h.Version.value, h.Type.value)
	}
	b = append(b, h.Version.Or(1)<<4|h.Type.Or(1), h.Code)
	b = append16(b, h.SessionID, 0)
	if h.Code != 0 {
		return b, nil
	}
	proto, err := numberOf(h.Protocol, next, "PPP protocol number", "Protocol")
	if err != nil {
		return b, err
	}
	return binary.BigEndian.AppendUint16(b, proto), nil
}

func (h *PPPoE) finish(b []byte, start int) error {
	n := len(b) - start - 6
	if n > 0xffff && !h.Length.given {
		return fmt.Errorf("the payload has %d bytes, its length can say 65535: give Length", n)
	}
	binary.BigEndian.PutUint16(b[start+4:], h.Length.Or(uint16(n)))
	return nil
}

func (h *MPLS) read(r *reader) content {
	v := r.u32()
	h.Label, h.TC, h.Bottom, h.TTL = v>>12, uint8(v>>9&7), U8(uint8(v>>8&1)), U8(uint8(v))
	if h.Bottom.value == 0 {
		return content{byEtherType, wire.EtherTypeMPLS}
	}
	if r.left() > 0 {
		return r.version()
	}
	return content{}
}

func (h *PPPoE) read(r *reader) content {
	v := r.u8()
	h.Version, h.Type, h.Code, h.SessionID, h.Length = U8(v>>4), U8(v&15), r.u8(), r.u16(), U16(r.u16())
	if r.end = 6 + int(h.Length.value); h.Code != 0 {
		return content{}
	}
	h.Protocol = U16(r.u16())
	return content{byPPP, h.Protocol.value}
}
