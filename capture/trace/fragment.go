package trace

import (
	"net/netip"
	"time"
)

// fragmentKey is what reassembly goes by, RFC 791 section 3.2 and RFC 8200 section 4.5.
type fragmentKey struct {
	src, dst netip.Addr
	proto    uint8
	id       uint32
}

func (p *PacketRecord) fragmentKey() fragmentKey {
	return fragmentKey{p.Src.Addr(), p.Dst.Addr(), p.Protocol, p.IPID}
}

// laterFragments are the fragments that do not hold the transport header.
func laterFragments(packets []*PacketRecord) map[fragmentKey][]*PacketRecord {
	m := map[fragmentKey][]*PacketRecord{}
	for _, p := range packets {
		if p.Fragment.Is && p.Fragment.Offset > 0 {
			m[p.fragmentKey()] = append(m[p.fragmentKey()], p)
		}
	}
	return m
}

// claim takes the later fragments of a segment: those with its identification, on the wire within the time
// that reassembly allows (ip_fragment.c: 30 s), that no other first fragment has taken.
func (p *PacketRecord) claim(later []*PacketRecord) []*PacketRecord {
	var parts []*PacketRecord
	for _, q := range later {
		if q.first == nil && q.Fragment.Offset >= p.TransportHeader && (q.Time-p.Time).Abs() < 30*time.Second {
			q.first = p
			q.From, q.To, q.Also = p.From, p.To, p.Also
			parts = append(parts, q)
		}
	}
	return parts
}

// ranges is a set of offsets: disjoint, in order.
type ranges []span64

type span64 struct{ from, to int64 }

// add puts from:to into the set and returns how many of its bytes were not in it.
func (r *ranges) add(from, to int64) int64 {
	fresh := to - from
	out := make(ranges, 0, len(*r)+1)
	placed := false
	for _, x := range *r {
		fresh -= max(0, min(to, x.to)-max(from, x.from))
	}
	for _, x := range *r {
		switch {
		case x.to < from:
			out = append(out, x)
		case x.from > to:
			if !placed {
				out, placed = append(out, span64{from, to}), true
			}
			out = append(out, x)
		default:
			from, to = min(from, x.from), max(to, x.to)
		}
	}
	if !placed {
		out = append(out, span64{from, to})
	}
	*r = out
	return fresh
}
