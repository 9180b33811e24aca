//go:build amd64 || arm64

package ptrace

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is made with CLONE_UNTRACED (clone(2)) is traced by nobody, but has the filters of its maker: each call that
// they stop would fail with ENOSYS. So the flag is taken away for the time of the call.

// revealed is where the flag was.
type revealed struct {
	inMemory bool
	word     uint64 // the first argument: the flags, or the address of the structure that begins with them
}

// reveal takes CLONE_UNTRACED away from a call that a thread is at the beginning of.
func (t *Tracer) reveal(th *thread, word uint64, inMemory bool) {
	r := &revealed{inMemory, word}
	if err := r.set(th.tid, false); err != nil {
		t.note("%s (process %d) makes a process that may not be traced: its calls about sockets fail with ENOSYS (%v)", th.process.Name, th.process.PID, err)
		return
	}
	th.revealed = r
}

// undo brings the flag back, in the thread that has made the call or in what it has made. One that has ended is not
// there.
func (r *revealed) undo(tid int) {
	if r.inMemory || resultElsewhere {
		_ = r.set(tid, true)
	}
}

func (r *revealed) set(tid int, flag bool) error {
	if !r.inMemory {
		regs, err := getRegisters(tid)
		if err != nil {
			return err
		}
		*regs.first() = withFlag(*regs.first(), flag)
		return setRegisters(tid, &regs)
	}
	// poke writes where the program may only read, too.
	var b [8]byte
	if _, err := unix.PtracePeekData(tid, uintptr(r.word), b[:]); err != nil {
		return err
	}
	flags := withFlag(binary.NativeEndian.Uint64(b[:]), flag)
	_, err := unix.PtracePokeData(tid, uintptr(r.word), (*[8]byte)(unsafe.Pointer(&flags))[:])
	return err
}

func withFlag(flags uint64, flag bool) uint64 {
	if flag {
		return flags | unix.CLONE_UNTRACED
	}
	return flags &^ unix.CLONE_UNTRACED
}
