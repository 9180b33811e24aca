package trace_test

import (
	"testing"
	"time"

	"sockwire/capture/trace"
)

// TestClock checks that a wall clock time taken between two readings of the clock is mapped between them.
func TestClock(t *testing.T) {
	c := trace.NewClock()
	type reading struct {
		before, after time.Duration
		wall          time.Time
	}
	var all []reading
	for range 100 {
		r := reading{before: c.Now()}
		r.wall = time.Unix(0, time.Now().UnixNano()) // without a monotonic reading, as a packet's
		r.after = c.Now()
		all = append(all, r)
	}
	c.Stop()
	const tolerance = 20 * time.Microsecond // a preempted measurement; a slewed clock is far below
	for _, r := range all {
		if got := c.At(r.wall); got < r.before-tolerance || got > r.after+tolerance {
			t.Errorf("%v is mapped to %v, it was between %v and %v", r.wall, got, r.before, r.after)
		}
	}
	if got := c.Start(); c.At(got) < -tolerance || c.At(got) > tolerance {
		t.Errorf("the start is mapped to %v", c.At(got))
	}
}
