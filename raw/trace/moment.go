package trace

import "time"

// moment is a reading of both clocks: the network's, which nobody moves, and the system's, which the kernel stamps
// with.
type moment struct {
	steady time.Duration
	wall   int64 // ns
}
