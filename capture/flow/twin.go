package flow

// twins knows the packets of a moment ago, so that one that is seen twice is told from one that was sent twice: it is
// the same in all that a sender changes, above all the IP identification and the timestamp.
type twins []twin

type twin struct {
	hash   uint64
	packet uint64
	time   int64
	place  uint32
	ttl    uint8
}

const twinBits = 12

// Without an identification or a timestamp, a packet that is the same but for later is one that was sent again.
const (
	twinTime  = int64(3e9) // with either of them
	shortTime = int64(3e6) // with none
)

// find returns the packet that g is the same as, and whether it was captured at another place; or 0. It notes g.
func (t twins) find(s *Stream, d Direction, g *segment) (packet uint64, at int64, elsewhere bool) {
	h := mix((uint64(s.slot)<<1|uint64(d))^0x9e3779b97f4a7c15, uint64(g.seq)<<32|uint64(g.ack))
	h = mix(h^uint64(g.tsval)<<32^uint64(g.tsecr)^0xe7037ed1a0b428db, uint64(g.flags)<<48^uint64(g.window)<<32^uint64(g.length)<<16^uint64(g.sum)^0x8ebc6af09c88c6e3)
	h ^= uint64(g.id) * 0xff51afd7ed558ccd
	for i := range g.sacks {
		h = mix(h^0xa0761d6478bd642f, uint64(g.sack[i][0])<<32|uint64(g.sack[i][1])^0x589965cc75374cc3)
	}
	e := &t[h>>(64-twinBits)]
	if e.hash == h && e.packet != 0 {
		most := shortTime
		if g.hasTimestamps || g.hasID && g.id != 0 {
			most = twinTime
		}
		elsewhere = e.place != g.place || e.ttl != g.ttl
		gone := g.time - e.time
		if gone <= most && gone >= -most {
			return e.packet, e.time, elsewhere
		}
	}
	*e = twin{h, g.number, g.time, g.place, g.ttl}
	return 0, 0, false
}
