package packet

import (
	"encoding/binary"
	"fmt"
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

func (h *MPLS) append(b []byte, next Layer) ([]byte, error) {
	var bottom uint8 = 1
	if _, more := next.(*MPLS); more {
		bottom = 0
	}
	if h.Label > 0xfffff || h.TC > 7 || h.Bottom.value > 1 {
		return b, fmt.Errorf("label %d, class %d, bottom %d do not fit in 20, 3 and 1 bits", h.Label, h.TC, h.Bottom.value)
	}
	return binary.BigEndian.AppendUint32(b, h.Label<<12|uint32(h.TC)<<9|uint32(h.Bottom.Or(bottom))<<8|uint32(h.TTL.Or(64))), nil
}

func (h *PPPoE) append(b []byte, next Layer) ([]byte, error) {
	if h.Version.value > 15 || h.Type.value > 15 {
		return b, fmt.Errorf("version %d, type %d do not fit in 4 bits each", h.Version.value, h.Type.value)
	}
	b = append(b, h.Version.Or(1)<<4|h.Type.Or(1), h.Code)
	b = binary.BigEndian.AppendUint16(b, h.SessionID)
	b = append(b, 0, 0)
	if h.Code != 0 {
		return b, nil
	}
	proto, known := h.Protocol.Get()
	if !known {
		switch next.(type) {
		case *IPv4:
			proto = 0x0021
		case *IPv6:
			proto = 0x0057
		case *MPLS:
			proto = 0x0281
		case nil:
		default:
			return b, fmt.Errorf("no PPP protocol number is known for %s after it: give Protocol", name(next))
		}
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
