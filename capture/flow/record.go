package flow

import (
	"slices"
	"unsafe"
)

// send is one sending of bytes, as the capture saw it.
type send struct {
	packet  uint64
	time    int64
	tsval   uint32
	tsecr   uint32
	ack     uint32
	id      uint16 // see segment.identity
	sum     uint16
	ttl     uint8
	cause   Cause // of a retransmission
	stamped bool  // it has a timestamp
	counted bool  // its id may be that of a counter
	place   uint32
}

func sendOf(g *segment) send {
	return send{
		packet: g.number, time: g.time, tsval: g.tsval, tsecr: g.tsecr, ack: g.ack, id: g.identity(), stamped: g.hasTimestamps,
		sum: g.sum, ttl: g.ttl, place: g.place, counted: g.counted(),
	}
}

// stretch is a run of a direction's bytes that the same packets carried; or a hole, which no packet did so far.
type stretch struct {
	from, to int64
	// last is the last packet that carried it. Of a hole, it is the first packet that was seen behind it.
	last   send
	before uint32 // the place of the packet before last in the record's earlier, plus 1; 0 for none
	is     traits
	sends  uint8
	joined bool // Missed was said of it and of the next part in one
}

// previous returns the packet that carried p before the last, if it was sent again.
func (r *record) previous(p *stretch) send {
	if p.before == 0 {
		return send{}
	}
	return r.earlier[p.before-1]
}

func (r *record) setPrevious(p *stretch, s send) {
	if p.before == 0 {
		p.before = r.keep(s)
	} else {
		r.earlier[p.before-1] = s
	}
}

// supersede notes that g carries p again.
func (r *record) supersede(p *stretch, g *segment) {
	r.setPrevious(p, p.last)
	p.last, p.sends = sendOf(g), min(p.sends+1, 255)
}

// keep adds to earlier. Where that is full, what no part has any more goes first.
func (r *record) keep(s send) uint32 {
	if n := len(r.earlier); n >= 16 && n == cap(r.earlier) {
		var now []send
		for i := range r.parts[r.head:] {
			if p := &r.parts[r.head+i]; p.before != 0 {
				now = append(now, r.earlier[p.before-1])
				p.before = uint32(len(now))
			}
		}
		r.earlier = slices.Grow(now, max(len(now), 16))
	}
	r.earlier = append(r.earlier, s)
	return uint32(len(r.earlier))
}

// traits of a stretch.
type traits uint16

const (
	hole        traits = 1 << iota
	sacked             // the receiver has it, out of order
	dropped            // a hole: the capture says that it dropped packets there
	fresh              // a hole that was acknowledged a moment ago, and may still come
	missed             // it is known to have passed, and the capture does not have it
	filled             // it was a hole, and a retransmission filled it: LostBefore was said
	lostBehind         // LostBehind was said of previous
	arrived            // a timestamp shows that the receiver had last, and nothing before
	needless           // Spurious was said of last
	decided            // nothing more is to be said when it is acknowledged
	asked              // the receiver had asked for it before it was filled
	guessed            // only the time told that what filled the hole was a retransmission
	twice              // the network made two of a packet that carried it, so a DSACK may be about these
	once               // a DSACK told of it, and it was sent more than twice
	overtook           // previous came here behind last, and was sent before
	provisional        // LostBehind was said, and the answers to come must show no DSACK
)

func (p *stretch) has(t traits) bool { return p.is&t != 0 }

// record is what is known about the segments of one direction that are on their way, or were a moment ago. It comes
// with the first data and goes when others need the memory.
type record struct {
	newer, older *record // in the order of last use
	owner        *Stream
	direction    Direction
	size         int64 // as it was counted

	rooms *rooms    // for parts
	parts []stretch // in order, without gaps, from some point on up to the half's next
	head  int       // of parts: what is before is forgotten
	acked int       // of parts: the ones before are acknowledged; those from head on are kept as history
	holes int       // of parts that are holes and not missed
	fresh int       // of them, those that are fresh

	peer    sender // what the sender of the direction is at, as far as the capture shows
	order   order
	buffer  buffer
	asking  asking
	limit   limiter
	earlier []send   // those before the last of what is in parts
	formers []former // sendings before the last two of what is not acknowledged
	claims  []former // the last of which LostBehind was said, and that are forgotten otherwise

	strays  uint8 // segments in a row that were far off, and followed each other
	strayAt uint32
	beyond  uint32 // what an acknowledgement said that was far beyond all, 0 for none
}

const (
	maxParts    = 8192 // of a direction: when there are more, the oldest half is given up
	history     = 48   // acknowledged parts that are kept, so that what comes again can be told
	stretchSize = int64(unsafe.Sizeof(stretch{}))
	sendSize    = int64(unsafe.Sizeof(send{}))
	recordSize  = int64(unsafe.Sizeof(record{}))
	formerSize  = int64(unsafe.Sizeof(former{}))
)

// memory is how many bytes the record takes.
func (r *record) memory() int64 {
	return recordSize + int64(cap(r.parts))*stretchSize + int64(cap(r.earlier))*sendSize + int64(cap(r.formers)+cap(r.claims))*formerSize + r.buffer.memory()
}

// find returns the index of the first part that reaches behind pos.
func (r *record) find(pos int64) int { return r.findFrom(r.head, pos) }

// findFrom is find where the parts before index lo do not reach behind pos. It looks at the ends before it looks into
// the middle: what is new is at the end, what is acknowledged now is where the acknowledgements are.
func (r *record) findFrom(lo int, pos int64) int {
	hi := len(r.parts)
	if hi > lo && r.parts[hi-1].to <= pos {
		return hi
	}
	for end := min(lo+4, hi); lo < end; lo++ {
		if r.parts[lo].to > pos {
			return lo
		}
	}
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); r.parts[mid].to > pos {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// push adds a part at the end.
func (r *record) push(p stretch) {
	if len(r.parts) == cap(r.parts) {
		if r.head > 0 && r.head >= cap(r.parts)/4 {
			r.compact()
		} else {
			r.grow()
		}
	}
	if p.has(hole) && !p.has(missed) {
		r.holes++
	}
	r.parts = append(r.parts, p)
}

// grow makes room for more parts.
func (r *record) grow() {
	old := r.parts
	r.parts = append(r.rooms.take(cap(old)+1), old...)
	r.rooms.give(old)
}

// rooms are memory for parts that records have outgrown, of each size in use: so a stream that begins takes warm
// memory, which is not to be cleared. More than the largest size is left to the collector.
type rooms [3][][]stretch

// roomSizes are in parts. The middle one is enough for most streams, the last for one that goes on with a window of a
// few segments, beside its history.
var roomSizes = [...]int{4, 16, 96}

// maxRooms is how many of a size are kept.
const maxRooms = 1024

// take returns room for at least n parts.
func (m *rooms) take(n int) []stretch {
	for i, size := range roomSizes {
		if n > size {
			continue
		}
		if k := len(m[i]); k > 0 {
			room := m[i][k-1]
			m[i] = m[i][:k-1]
			return room
		}
		return make([]stretch, 0, size)
	}
	return make([]stretch, 0, 2*n)
}

// give takes room back.
func (m *rooms) give(room []stretch) {
	for i, size := range roomSizes {
		if cap(room) == size && len(m[i]) < maxRooms {
			m[i] = append(m[i], room[:0])
		}
	}
}

// compact moves the parts to the front of the memory.
func (r *record) compact() {
	n := copy(r.parts, r.parts[r.head:])
	r.parts = r.parts[:n]
	r.acked -= r.head
	r.head = 0
}

// split cuts part i in two at pos, which lies inside of it.
func (r *record) split(i int, pos int64) {
	if r.parts[i].has(hole) && !r.parts[i].has(missed) {
		r.holes++
	}
	if len(r.parts) == cap(r.parts) {
		r.grow() // and nothing moves: the caller may know other places
	}
	r.parts = append(r.parts, stretch{})
	copy(r.parts[i+1:], r.parts[i:])
	r.parts[i].to, r.parts[i+1].from = pos, pos
	r.parts[i].joined = r.parts[i].has(missed)
	if p := &r.parts[i+1]; p.before != 0 {
		old := r.previous(p)
		p.before = 0
		r.setPrevious(p, old)
	}
	if i < r.acked {
		r.acked++
	}
}

// cut makes pos a border between parts, if it lies inside one, and returns the index of the part that begins there.
func (r *record) cut(pos int64) int { return r.cutFrom(r.head, pos) }

// cutFrom is cut where the parts before index lo do not reach behind pos.
func (r *record) cutFrom(lo int, pos int64) int {
	i := r.findFrom(lo, pos)
	if i < len(r.parts) && r.parts[i].from < pos {
		r.split(i, pos)
		i++
	}
	return i
}

// former is a sending of bytes that were sent twice since.
type former struct {
	from, to int64
	send
}

// maxFormers is how many of them are kept.
const maxFormers = 64

// claim notes that LostBehind was said of a sending.
func (r *record) claim(f former) {
	if len(r.claims) == maxFormers {
		r.claims = append(r.claims[:0], r.claims[1:]...)
	}
	r.claims = append(r.claims, f)
}

// close takes a hole out of the count.
func (r *record) close(p *stretch) {
	if p.has(hole) && !p.has(missed) {
		r.holes--
	}
	if p.has(fresh) {
		r.fresh--
		p.is &^= fresh
	}
}
