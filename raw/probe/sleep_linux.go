package probe

import (
	"time"

	"golang.org/x/sys/unix"
)

const precise = true

// preciseSleep sleeps for d in the kernel, which wakes a thread within some 50 µs; the runtime's own timers go through
// epoll_wait and its whole milliseconds.
func preciseSleep(d time.Duration) bool {
	ts := unix.NsecToTimespec(int64(d))
	unix.Nanosleep(&ts, nil) // woken early by a signal is no harm: the caller looks at the clock again
	return true
}
