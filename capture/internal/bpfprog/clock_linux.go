//go:build amd64 || arm64

package bpfprog

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// Clock reads one of the kernel's clocks, clock_gettime(2).
func Clock(id int32) func() time.Duration {
	return func() time.Duration {
		var t unix.Timespec
		_ = unix.ClockGettime(id, &t) // of a clock that there is
		return time.Duration(t.Nano())
	}
}

// soon is how long a reading takes at most that was not interrupted.
const soon = 300 * time.Nanosecond

// Offset is what a clock shows at the zero of another. A reading during which this thread had to wait is off by half of
// that, so there are several where none was short, and the shortest is the best.
func Offset(clock, other func() time.Duration) (best time.Duration) {
	shortest := time.Duration(math.MaxInt64)
	for range 8 {
		before, at, after := other(), clock(), other()
		if after-before < shortest {
			shortest, best = after-before, at-(before+after)/2
		}
		if shortest < soon {
			break
		}
	}
	return best
}
