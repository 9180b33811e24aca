package ptrace

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// instruction is what makes a system call.
const instruction = "\x01\x00\x00\xd4" // svc #0

// registers are those of a thread that is stopped at the end of a call. The kernel uses x7 for itself while the
// thread is stopped at a call, and brings it back.
type registers unix.PtraceRegs

func (r *registers) place() uint64 { return r.Pc }
func (r *registers) result() int64 { return int64(r.Regs[0]) }

// repeat makes the thread, which is stopped at the beginning of a call, make it again: its number and arguments are
// where they were.
func (r *registers) repeat() { r.Pc -= uint64(len(instruction)) }

// call makes the thread make a call.
func (r *registers) call(number uint64, args [6]uint64) {
	r.Pc -= uint64(len(instruction))
	r.Regs[8] = number
	copy(r.Regs[:], args[:])
}

// skip makes a thread that is stopped at the beginning of a call not make it.
func skip(tid int) error {
	none := int32(-1)
	return regset(unix.PTRACE_SETREGSET, tid, unix.NT_ARM_SYSTEM_CALL, unsafe.Pointer(&none), unsafe.Sizeof(none))
}

// first is the first argument. The result of a call takes its place.
func (r *registers) first() *uint64 { return &r.Regs[0] }

const resultElsewhere = false
