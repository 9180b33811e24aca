package flow

// A packet that is seen twice is the same in all that a sender changes, above all the IP identification and the
// timestamp; one that was sent twice is not.

// same reports whether the packet g is s, seen again.
func (g *segment) same(s *send) bool {
	if s.packet == 0 || g.sum != s.sum || g.ack != s.ack || g.identity() != s.id || g.hasTimestamps != s.stamped || g.tsval != s.tsval || g.tsecr != s.tsecr {
		return false
	}
	return g.near(s.time)
}

// near reports whether the packet came so soon after another, or before, that it can be the same.
func (g *segment) near(other int64) bool {
	most := shortTime
	if g.hasTimestamps || g.hasID && g.id != 0 {
		most = twinTime
	}
	gone := g.time - other
	return gone <= most && gone >= -most
}

// twin returns the packet of the record that g is the same as; its number is 0 where there is none.
func (r *record) twin(g *segment, from int64) send {
	i := r.find(from)
	if i == len(r.parts) || r.parts[i].from != from || r.parts[i].has(hole) {
		return send{}
	}
	p := &r.parts[i]
	if g.same(&p.last) {
		return p.last
	}
	if previous := r.previous(p); g.same(&previous) {
		return previous
	}
	return send{}
}

// twins knows the packets without data of a moment ago. Each has a place in one row, where the oldest goes first.
type twins [][twinRow]twin

type twin struct {
	hash   uint64
	packet uint64
	time   int64
	place  uint32
	ttl    uint8
}

const (
	twinBits = 9
	twinRow  = 4
)

// Without an identification or a timestamp, a packet that is the same but for later is one that was sent again.
const (
	twinTime  = int64(3e9) // with either of them
	shortTime = int64(3e6) // with none
)

// find returns the packet that g is the same as, and whether it was captured at another place; or 0. It notes g.
func (t twins) find(s *Stream, d Direction, g *segment) (packet uint64, at int64, elsewhere bool) {
	h := mix((s.number<<1|uint64(d))^0x9e3779b97f4a7c15, uint64(g.seq)<<32|uint64(g.ack))
	h = mix(h^uint64(g.tsval)<<32^uint64(g.tsecr)^0xe7037ed1a0b428db, uint64(g.flags)<<48^uint64(g.window)<<32^uint64(g.length)<<16^uint64(g.sum)^0x8ebc6af09c88c6e3)
	h ^= uint64(g.identity()) * 0xff51afd7ed558ccd
	for i := range g.sacks {
		h = mix(h^0xa0761d6478bd642f, uint64(g.sack[i][0])<<32|uint64(g.sack[i][1])^0x589965cc75374cc3)
	}
	row := &t[h>>(64-twinBits)]
	oldest := &row[0]
	for i := range row {
		e := &row[i]
		if e.hash == h && e.packet != 0 && g.near(e.time) {
			return e.packet, e.time, e.place != g.place || e.ttl != g.ttl
		}
		if e.packet < oldest.packet {
			oldest = e
		}
	}
	*oldest = twin{h, g.number, g.time, g.place, g.ttl}
	return 0, 0, false
}
