package flow

import "unsafe"

// send is one sending of bytes, as the capture saw it.
type send struct {
	packet  uint64
	time    int64
	tsval   uint32
	tsecr   uint32
	ack     uint32
	id      uint16
	sum     uint16
	ttl     uint8
	cause   Cause // of a retransmission
	stamped bool  // it has a timestamp
	counted bool  // its id may be that of a counter
	place   uint32
}

func sendOf(g *segment) send {
	return send{
		packet: g.number, time: g.time, tsval: g.tsval, tsecr: g.tsecr, ack: g.ack, id: g.id, stamped: g.hasTimestamps,
		sum: g.sum, ttl: g.ttl, place: g.place, counted: g.counted(),
	}
}

// stretch is a run of a direction's bytes that the same packets carried; or a hole, which no packet did so far.
type stretch struct {
	from, to int64
	// last is the last packet that carried it, previous the one before, if it was sent again. Of a hole, last is the first
	// packet that was seen behind it.
	last, previous send
	sends          uint8
	is             traits
}

// traits of a stretch.
type traits uint16

const (
	hole       traits = 1 << iota
	sacked            // the receiver has it, out of order
	dropped           // a hole: the capture says that it dropped packets there
	fresh             // a hole that was acknowledged a moment ago, and may still come
	missed            // it is known to have passed, and the capture does not have it
	filled            // it was a hole, and a retransmission filled it: LostBefore was said
	lostBehind        // LostBehind was said of previous
	arrived           // a timestamp shows that the receiver had last, and nothing before
	needless          // Spurious was said of last
	decided           // nothing more is to be said when it is acknowledged
	asked             // the receiver had asked for it before it was filled
	guessed           // only the time told that what filled the hole was a retransmission
)

func (p *stretch) has(t traits) bool { return p.is&t != 0 }

// record is what is known about the segments of one direction that are on their way, or were a moment ago. It comes with the first
// data and goes when others need the memory.
type record struct {
	newer, older *record // in the order of last use
	owner        *Stream
	direction    Direction
	size         int64 // as it was counted

	parts []stretch // in order, without gaps, from some point on up to the half's next
	head  int       // of parts: what is before is forgotten
	acked int       // of parts: the ones before are acknowledged; those from head on are kept as history
	holes int       // of parts that are holes and not missed
	fresh int       // of them, those that are fresh

	peer   sender // what the sender of the direction is at, as far as the capture shows
	order  order
	buffer buffer
	asking asking
	limit  limiter

	strays  uint8 // segments in a row that were far off, and followed each other
	strayAt uint32
}

const (
	maxParts    = 8192 // of a direction: when there are more, the oldest half is given up
	history     = 48   // acknowledged parts that are kept, so that what comes again can be told
	stretchSize = int64(unsafe.Sizeof(stretch{}))
	recordSize  = int64(unsafe.Sizeof(record{}))
	smallRecord = 64 // parts that a record may keep when it is used for another stream
)

// memory is how many bytes the record takes.
func (r *record) memory() int64 {
	return recordSize + int64(cap(r.parts))*stretchSize + r.buffer.memory()
}

// find returns the index of the first part that reaches behind pos.
func (r *record) find(pos int64) int {
	lo, hi := r.head, len(r.parts)
	if hi > lo && r.parts[hi-1].to <= pos {
		return hi
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
	if len(r.parts) == cap(r.parts) && r.head > 0 {
		r.compact()
	}
	if p.has(hole) && !p.has(missed) {
		r.holes++
	}
	r.parts = append(r.parts, p)
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
	r.parts = append(r.parts, stretch{})
	copy(r.parts[i+1:], r.parts[i:])
	r.parts[i].to, r.parts[i+1].from = pos, pos
	if i < r.acked {
		r.acked++
	}
}

// cut makes pos a border between parts, if it lies inside one, and returns the index of the part that begins there.
func (r *record) cut(pos int64) int {
	i := r.find(pos)
	if i < len(r.parts) && r.parts[i].from < pos {
		r.split(i, pos)
		i++
	}
	return i
}

// forget drops acknowledged parts beyond the history.
func (r *record) forget() {
	if over := r.acked - r.head - history; over > 0 {
		for i := r.head; i < r.head+over; i++ {
			r.close(&r.parts[i])
		}
		r.head += over
	}
	if r.head > len(r.parts)/2 && r.head > 2*history {
		r.compact()
	}
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
