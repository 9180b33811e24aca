package trace

import (
	"sync/atomic"
	"time"
)

// Clock is the one clock of a timeline: monotonic time since its start. The kernel stamps packets with
// CLOCK_REALTIME; the offset between the two is measured when the clock is made and again by Stop, so
// that a clock being slewed meanwhile is followed. A Clock is safe for concurrent use.
type Clock struct{ now atomic.Pointer[reading] }

// reading is what a clock counts from. It is not changed.
type reading struct {
	start       time.Time // with its monotonic reading
	first, last offset
}

// offset is the real time that belongs to a monotonic one.
type offset struct {
	mono time.Duration
	real int64 // nanoseconds since 1970
}

// NewClock starts a clock.
func NewClock() *Clock {
	r := &reading{start: time.Now()}
	r.first = r.measure()
	r.last = r.first
	c := new(Clock)
	c.now.Store(r)
	return c
}

// measure reads both clocks several times and keeps the pair read closest together: time.Now reads
// them one after the other, and a preempted reading would be off by the time it was away.
func (r *reading) measure() offset {
	var best offset
	shortest := time.Duration(-1)
	for range 8 {
		before := time.Since(r.start)
		now := time.Now()
		took := time.Since(r.start) - before
		if shortest < 0 || took < shortest {
			shortest, best = took, offset{now.Sub(r.start), now.UnixNano()}
		}
	}
	return best
}

// Now returns the time since the start.
func (c *Clock) Now() time.Duration { return time.Since(c.now.Load().start) }

// Start returns the wall clock time of the start.
func (c *Clock) Start() time.Time {
	r := c.now.Load()
	return time.Unix(0, r.first.real-int64(r.first.mono))
}

// Advance makes the start what was d after it. Engines do so when the program that they trace begins: what was told
// before has times of the former start.
func (c *Clock) Advance(d time.Duration) {
	r := *c.now.Load()
	r.start = r.start.Add(d)
	r.first.mono -= d
	r.last.mono -= d
	c.now.Store(&r)
}

// Stop measures the offset for the last time. Packets are mapped best after it.
func (c *Clock) Stop() {
	r := *c.now.Load()
	r.last = r.measure()
	c.now.Store(&r)
}

// At maps a time of CLOCK_REALTIME, as a packet carries it, onto this clock.
func (c *Clock) At(real time.Time) time.Duration {
	r := c.now.Load()
	since := real.UnixNano() - r.first.real
	span := r.last.real - r.first.real
	if span <= 0 {
		return r.first.mono + time.Duration(since)
	}
	drift := float64(r.last.mono-r.first.mono-time.Duration(span)) / float64(span)
	return r.first.mono + time.Duration(since) + time.Duration(drift*float64(since))
}
