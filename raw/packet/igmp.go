package packet

import (
	"encoding/binary"
	"net/netip"
)

// IGMP types (RFC 2236, RFC 3376).
const (
	IGMPQuery    = 0x11
	IGMPv1Report = 0x12
	IGMPv2Report = 0x16
	IGMPLeave    = 0x17
	IGMPv3Report = 0x22
)

// IGMP is the 8 bytes that every IGMP message starts with (RFC 2236). What version 3 adds follows as a payload; in
// its report, Group holds the number of records.
type IGMP struct {
	Type        uint8       `field:"type"`
	MaxResponse uint8       `field:"maxresp"` // in 100 ms
	Checksum    Opt[uint16] `field:"chksum"`
	Group       netip.Addr  `field:"group"`
}

func (h *IGMP) append(b []byte) ([]byte, error) {
	return appendAddr4(append(b, h.Type, h.MaxResponse, 0, 0), h.Group)
}

func (h *IGMP) finish(b []byte, start int) {
	check, given := h.Checksum.Get()
	if !given {
		check = Checksum(b[start:])
	}
	binary.BigEndian.PutUint16(b[start+2:], check)
}
