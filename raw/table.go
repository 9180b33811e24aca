package raw

import (
	"net/netip"
	"time"

	"sockwire/raw/probe"
)

// host is a target that gets more than one echo.
type host struct {
	target   netip.Addr
	index    uint32
	sent     int           // echoes so far
	start    time.Duration // when its timetable starts
	open     int           // echoes that have not ended
	heard    uint32        // the latest echo answered
	finished bool          // no more echoes will be sent
	alive    bool
}

// nextDue returns when the next regular echo to h is due.
func (h *host) nextDue(interval time.Duration) time.Duration {
	return h.start + time.Duration(h.sent)*interval
}

// slot is one echo until it is forgotten.
type slot struct {
	target netip.Addr
	host   *host // nil if the target gets this echo only
	sent   time.Duration
	wall   int64 // the system's clock when it was sent, ns
	sched  int64 // kernel: entered the queueing discipline, 0 if not known
	stamp  int64 // kernel: handed to the device, 0 if not known
	hard   int64 // the device's clock when it sent, 0 if not known
	index  uint32
	seq    uint32
	level  uint8 // of retry
	state  probe.Outcome
	cause  probe.Cause
	over   bool // its timeout has passed
	doubt  bool // it has ended without a proof: until its timeout the run waits for one
	asked  bool // for timestamps
	byCall bool // counted for the pace by its call, not by its stamp
	// tooLarge: it was not sent, and the error queue is to say what would have passed.
	tooLarge bool
}

// table holds the echoes on their way, by number: a ring that grows to its limit.
type table struct {
	ring       []slot
	tail, next uint64 // echoes tail to next-1 are in the ring
	limit      uint64
}

func newTable(limit uint64) table {
	return table{ring: make([]slot, min(256, limit)), tail: 1, next: 1, limit: limit}
}

// last returns the number of the latest echo.
func (t *table) last() uint64 { return t.next - 1 }

// get returns the slot of echo n, nil if it is forgotten or unknown.
func (t *table) get(n uint64) *slot {
	if n < t.tail || n >= t.next {
		return nil
	}
	return &t.ring[n&uint64(len(t.ring)-1)]
}

// add returns a new slot and its number; ok is false when the ring is full and may not grow.
func (t *table) add() (s *slot, n uint64, ok bool) {
	if t.next-t.tail == uint64(len(t.ring)) && !t.grow() {
		return nil, 0, false
	}
	n = t.next
	t.next++
	s = &t.ring[n&uint64(len(t.ring)-1)]
	*s = slot{}
	return s, n, true
}

func (t *table) grow() bool {
	if uint64(len(t.ring)) >= t.limit {
		return false
	}
	bigger := make([]slot, 2*len(t.ring))
	for n := t.tail; n < t.next; n++ {
		bigger[n&uint64(len(bigger)-1)] = t.ring[n&uint64(len(t.ring)-1)]
	}
	t.ring = bigger
	return true
}

// queue is a first-in, first-out queue in one slice.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(v T) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, v)
}

func (q *queue[T]) front() T { return q.items[q.head] }

func (q *queue[T]) pop() T {
	var zero T
	v := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return v
}
