package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// GroupRecord is a record of an IGMPv3 report (RFC 3376, section 4.2.4) or an MLDv2 report (RFC 3810, section 5.2.4).
type GroupRecord struct {
	Type       uint8       // 1 to 6: mode is include, exclude, change to include, to exclude, allow new sources, block old
	AuxLength  Opt[uint8]  // in 4 bytes
	NumSources Opt[uint16] // how many the record says it has
	Group      netip.Addr
	Sources    []netip.Addr
	Aux        []byte // padded with zeros to a multiple of four
}

// SourceQuery is what IGMPv3 (RFC 3376, section 4.1) and MLDv2 (RFC 3810, section 5.1) add to a query. It is written
// when any of it is set.
type SourceQuery struct {
	Flags      Opt[uint8] // reserved bits, S flag and robustness variable
	Interval   Opt[uint8] // of the querier, as a code
	NumSources Opt[uint16]
	Sources    []netip.Addr
}

func (q *SourceQuery) given() bool {
	return q.Flags.given || q.Interval.given || q.NumSources.given || len(q.Sources) > 0
}

func (q *SourceQuery) append(b []byte, bits int) ([]byte, error) {
	if len(q.Sources) > 0xffff && !q.NumSources.given {
		return b, fmt.Errorf("%d sources, their number can say 65535", len(q.Sources))
	}
	b = append(b, q.Flags.Or(0), q.Interval.Or(0))
	b = binary.BigEndian.AppendUint16(b, q.NumSources.Or(uint16(len(q.Sources))))
	return appendAddrs(b, bits, q.Sources...)
}

func appendRecords(b []byte, records []GroupRecord, bits int) (_ []byte, err error) {
	for i := range records {
		r := &records[i]
		words := (len(r.Aux) + 3) / 4
		switch {
		case words > 255 && !r.AuxLength.given:
			return b, fmt.Errorf("record %d has %d bytes of auxiliary data, its length can say 1020", i+1, len(r.Aux))
		case len(r.Sources) > 0xffff && !r.NumSources.given:
			return b, fmt.Errorf("record %d has %d sources, their number can say 65535", i+1, len(r.Sources))
		}
		b = append(b, r.Type, r.AuxLength.Or(uint8(words)))
		b = binary.BigEndian.AppendUint16(b, r.NumSources.Or(uint16(len(r.Sources))))
		if b, err = appendAddrs(b, bits, r.Group); err == nil {
			b, err = appendAddrs(b, bits, r.Sources...)
		}
		if err != nil {
			return b, err
		}
		b = appendPadded(b, r.Aux, len(b), 4)
	}
	return b, nil
}

func (r *reader) sourceQuery(bits int) (q SourceQuery) {
	q.Flags, q.Interval, q.NumSources = U8(r.u8()), U8(r.u8()), U16(r.u16())
	q.Sources = r.addrs(int(q.NumSources.value), bits)
	return q
}

// records reads n group records; none if there are not as many.
func (r *reader) records(n, bits int) []GroupRecord {
	start := r.pos
	var list []GroupRecord
	for range min(n, r.left()/8) {
		rec := GroupRecord{Type: r.u8()}
		words, sources := r.u8(), r.u16()
		rec.Group = r.addr(bits)
		rec.Sources = r.addrs(int(sources), bits)
		rec.Aux = r.bytes(4 * int(words))
		if r.bad {
			break
		}
		list = append(list, rec)
	}
	if r.bad || len(list) != n {
		r.pos, r.bad = start, false
		return nil
	}
	return list
}
