package raw

import (
	"context"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// alarm waits for times by a timer of the kernel's. A timer of the runtime's would also wake its monitor, a thread that
// then looks around every few microseconds while anything runs: a run that wakes often and does little at a time spends
// more on that than on its echoes.
type alarm struct {
	conn *cmsg.Socket
	rang chan struct{}
	spec unix.ItimerSpec
	set  func(fd uintptr)      // sets the timer to spec; bound once, as is take
	take func(fd uintptr) bool // takes the timer's count; false if it has not rung
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	a := &alarm{conn: cmsg.NewSocket(fd, "timer"), rang: make(chan struct{}, 1)}
	count := new(uint64)
	a.take = func(fd uintptr) bool {
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(count)), unsafe.Sizeof(*count))
		return errno != unix.EAGAIN && errno != unix.EINTR
	}
	a.set = func(fd uintptr) {
		unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&a.spec)), 0, 0, 0)
	}
	return a, nil
}

// listen passes on that the timer rang, until the alarm is closed.
func (a *alarm) listen() {
	for a.conn.Read(a.take) == nil {
		signal(a.rang)
	}
}

// wait waits for d. It may return early: when ctx ends, when wake is readable, or for a time waited for before.
func (a *alarm) wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	a.spec.Value = unix.NsecToTimespec(int64(max(d, 1)))
	_ = a.conn.Control(a.set)
	select {
	case <-a.rang:
	case <-wake:
	case <-ctx.Done():
	}
}

// close ends listen.
func (a *alarm) close() error { return a.conn.Close() }

// signal has whoever waits on a channel of room for one look around.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
