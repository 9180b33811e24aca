package cli

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrKeptPrivilege says that capabilities could not be given up. The command goes on with them.
var ErrKeptPrivilege = errors.New("capabilities kept")

// DropPrivilege gives up every capability of the process, on all its threads and for good, and forbids gaining new
// ones by executing a file. Call it once the sockets are open. A program without capabilities loses nothing.
//
// With cgo linked in, Go cannot run a system call on every thread; then nothing changes and the error is
// ErrKeptPrivilege. Build with CGO_ENABLED=0, as the README says, where it matters. See capabilities(7).
func DropPrivilege() error { return KeepPrivilege() }

// KeepPrivilege is DropPrivilege but for the capabilities given, of those that the process has: CAP_… of package unix.
func KeepPrivilege(kept ...int) error {
	var header unix.CapUserHeader
	var data [2]unix.CapUserData
	header.Version = unix.LINUX_CAPABILITY_VERSION_3
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	if data[0].Permitted|data[1].Permitted == 0 {
		return nil
	}
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		if errno == unix.ENOTSUP {
			return fmt.Errorf("%w: this program is linked with cgo; build it with CGO_ENABLED=0", ErrKeptPrivilege)
		}
		return fmt.Errorf("%w: prctl: %w", ErrKeptPrivilege, errno)
	}
	var keep [2]unix.CapUserData
	for _, c := range kept {
		bit := uint32(1) << (c % 32)
		keep[c/32].Effective |= bit & data[c/32].Effective
		keep[c/32].Permitted |= bit & data[c/32].Permitted
	}
	data = keep
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return fmt.Errorf("%w: capset: %w", ErrKeptPrivilege, errno)
	}
	return nil
}
