package impair

import "time"

// bucket is a token bucket with a queue before it. It is computed, not simulated: a packet's time of
// departure is known when it arrives, and the queue is the packets whose departure is still to come.
type bucket struct {
	bitsPerSecond float64 // 0: no limit
	depth         int     // bytes
	maxBytes      int     // 0: no bound
	maxPackets    int     // 0: no bound

	// empty is when the bucket would be empty and all packets so far gone, were no tokens saved: a
	// bucket filled to b bytes is one whose empty lies b bytes' worth of time in the past.
	empty   time.Time
	waiting []departure // a ring would save copying; a queue is short and popped rarely enough
	head    int
	bytes   int // of waiting[head:]
}

type departure struct {
	at   time.Time
	size int
}

// send returns when a packet that arrives at now departs, or false when the queue has no room for it.
func (b *bucket) send(now time.Time, size int) (time.Time, bool) {
	if b.bitsPerSecond == 0 {
		return now, true
	}
	b.forget(now)
	full := now.Add(-b.duration(b.depth))
	if b.empty.Before(full) {
		b.empty = full
	}
	departs := b.empty.Add(b.duration(size))
	if !departs.After(now) {
		b.empty = departs
		return now, true
	}
	if b.maxBytes != 0 && b.bytes+size > b.maxBytes || b.maxPackets != 0 && len(b.waiting)-b.head+1 > b.maxPackets {
		return time.Time{}, false
	}
	b.empty = departs
	b.waiting = append(b.waiting, departure{departs, size})
	b.bytes += size
	return departs, true
}

// forget removes from the queue what has departed by now.
func (b *bucket) forget(now time.Time) {
	for b.head < len(b.waiting) && !b.waiting[b.head].at.After(now) {
		b.bytes -= b.waiting[b.head].size
		b.head++
	}
	if b.head > len(b.waiting)/2 {
		n := copy(b.waiting, b.waiting[b.head:])
		b.waiting, b.head = b.waiting[:n], 0
	}
}

func (b *bucket) duration(bytes int) time.Duration {
	return time.Duration(float64(bytes) * 8 / b.bitsPerSecond * float64(time.Second))
}
