package cli

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// ErrKeptPrivilege says that capabilities could not be given up. The command goes on with them, and says so.
var ErrKeptPrivilege = errors.New("capabilities kept")

// DropPrivilege gives up every capability of the process, on all its threads and for good, and forbids gaining new
// ones by executing a file. Call it once the sockets are open, and before anything that comes from outside is read: a
// file that is read is opened before it and parsed behind it. A program without capabilities loses nothing.
// See capabilities(7).
//
// Go itself cannot run a system call on every thread once cgo is linked in, as package net does where it can; psx does
// it in either build. Where the system refuses, the error is ErrKeptPrivilege: see Env.DropPrivilege.
func DropPrivilege() error { return KeepPrivilege() }

// KeepPrivilege is Env.DropPrivilege but for the capabilities given.
func (e *Env) KeepPrivilege(kept ...int) error {
	return e.giveUp(func() error { return KeepPrivilege(kept...) })
}

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
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("%w: prctl: %w", ErrKeptPrivilege, errno)
	}
	data = only(data, kept...)
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	runtime.KeepAlive(&header)
	runtime.KeepAlive(&data)
	if errno != 0 {
		return fmt.Errorf("%w: capset: %w", ErrKeptPrivilege, errno)
	}
	return nil
}

// Unprivileged runs f, which reads what somebody else wrote, on a thread without any capability but root's to open
// files, and waits for it. It is for what has to be read before it is known which sockets to open. Goroutines that f
// begins run elsewhere.
func Unprivileged(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread is not given back: it ends with this goroutine. No other is made from it.
		runtime.LockOSThread()
		var header unix.CapUserHeader
		var data [2]unix.CapUserData
		header.Version = unix.LINUX_CAPABILITY_VERSION_3
		if err := unix.Capget(&header, &data[0]); err == nil {
			data = only(data, unix.CAP_DAC_OVERRIDE)
			_ = unix.Capset(&header, &data[0]) // giving up is always allowed
		}
		f()
	}()
	<-done
}

// only returns what data has of some capabilities.
func only(data [2]unix.CapUserData, kept ...int) (keep [2]unix.CapUserData) {
	for _, c := range kept {
		bit := uint32(1) << (c % 32)
		keep[c/32].Effective |= bit & data[c/32].Effective
		keep[c/32].Permitted |= bit & data[c/32].Permitted
	}
	return keep
}
