package ptrace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// action is struct sigaction of the kernel (include/linux/signal_types.h).
type action struct {
	handler, flags, restorer, mask uint64
}

const noStops = 1 // SA_NOCLDSTOP

// setStops says whether the kernel raises SIGCHLD in this process when a child, or what it traces, has stopped. A
// tracer hears of that from wait4, and the signal would interrupt one of its other threads at each stop. What has
// ended raises it anyway.
func setStops(raise bool) {
	var a action
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), 0, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a.mask), 0, 0); errno != 0 {
		return
	}
	a.flags |= noStops
	if raise {
		a.flags &^= noStops
	}
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&a)), 0, unsafe.Sizeof(a.mask), 0, 0)
}
