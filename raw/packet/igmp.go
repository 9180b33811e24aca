package packet

import (
	"encoding/binary"
	"net/netip"

	"sockwire/raw/wire"
)

// IGMP types (RFC 2236, RFC 3376).
const (
	IGMPQuery    = 0x11
	IGMPv1Report = 0x12
	IGMPv2Report = 0x16
	IGMPLeave    = 0x17
	IGMPv3Report = 0x22
)

// IGMP is an IGMP message of version 1, 2 (RFC 2236) or 3 (RFC 3376). Of version 3 are a query with any of the fields
// Flags to Sources, and the report, which has Records and, unless Group is given, their number where others have the
// group.
type IGMP struct {
	Type        uint8         `field:"type"`
	MaxResponse uint8         `field:"maxresp"` // in 100 ms
	Checksum    Opt[uint16]   `field:"chksum"`
	Group       netip.Addr    `field:"group"`
	Flags       Opt[uint8]    `field:"flags"` // reserved bits, S and QRV
	Interval    Opt[uint8]    `field:"qqic"`  // of the querier, as a code
	NumSources  Opt[uint16]   `field:"nsrc"`
	Sources     []netip.Addr  `field:"sources"`
	Records     []GroupRecord `field:"records"`
}

func (*IGMP) layer() {}

func (h *IGMP) query() SourceQuery {
	return SourceQuery{h.Flags, h.Interval, h.NumSources, h.Sources}
}

func (h *IGMP) append(b []byte) ([]byte, error) {
	b = append(b, h.Type, h.MaxResponse, 0, 0)
	if h.Type == IGMPv3Report && !h.Group.IsValid() {
		b = binary.BigEndian.AppendUint32(b, uint32(len(h.Records)))
		return appendRecords(b, h.Records, 32)
	}
	b, err := appendAddrs(b, 32, h.Group)
	if q := h.query(); err == nil && h.Type == IGMPQuery && q.given() {
		b, err = q.append(b, 32)
	}
	if err == nil && h.Type == IGMPv3Report {
		b, err = appendRecords(b, h.Records, 32)
	}
	return b, err
}

func (h *IGMP) finish(b []byte, start int) {
	binary.BigEndian.PutUint16(b[start+2:], h.Checksum.Or(wire.Checksum(b[start:])))
}

func (h *IGMP) read(r *reader) content {
	h.Type, h.MaxResponse, h.Checksum, h.Group = r.u8(), r.u8(), U16(r.u16()), r.addr4()
	switch h.Type {
	case IGMPQuery:
		if start := r.pos; r.left() >= 4 {
			q := r.sourceQuery(32)
			if r.bad {
				r.pos, r.bad = start, false
				return content{}
			}
			h.Flags, h.Interval, h.NumSources, h.Sources = q.Flags, q.Interval, q.NumSources, q.Sources
		}
	case IGMPv3Report:
		count := scalarOf(h.Group).lo
		if h.Records = r.records(int(count), 32); h.Records != nil || count == 0 {
			h.Group = netip.Addr{}
		}
	}
	return content{}
}
