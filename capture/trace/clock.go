package trace

import "time"

// Clock is the one clock of a timeline: monotonic time since its start. The kernel stamps packets with
// CLOCK_REALTIME; the offset between the two is measured when the clock is made and again by Stop, so
// that a clock being slewed meanwhile is followed. A Clock is safe for concurrent use until Stop.
type Clock struct {
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
	c := &Clock{start: time.Now()}
	c.first = c.measure()
	c.last = c.first
	return c
}

// measure reads both clocks several times and keeps the pair read closest together: time.Now reads
// them one after the other, and a preempted reading would be off by the time it was away.
func (c *Clock) measure() offset {
	var best offset
	shortest := time.Duration(-1)
	for range 8 {
		before := time.Since(c.start)
		now := time.Now()
		took := time.Since(c.start) - before
		if shortest < 0 || took < shortest {
			shortest, best = took, offset{now.Sub(c.start), now.UnixNano()}
		}
	}
	return best
}

// Now returns the time since the start.
func (c *Clock) Now() time.Duration { return time.Since(c.start) }

// Start returns the wall clock time of the start.
func (c *Clock) Start() time.Time { return time.Unix(0, c.first.real-int64(c.first.mono)) }

// Stop measures the offset for the last time. Packets are mapped best after it.
func (c *Clock) Stop() { c.last = c.measure() }

// At maps a time of CLOCK_REALTIME, as a packet carries it, onto this clock.
func (c *Clock) At(real time.Time) time.Duration {
	since := real.UnixNano() - c.first.real
	span := c.last.real - c.first.real
	if span <= 0 {
		return c.first.mono + time.Duration(since)
	}
	drift := float64(c.last.mono-c.first.mono-time.Duration(span)) / float64(span)
	return c.first.mono + time.Duration(since) + time.Duration(drift*float64(since))
}
