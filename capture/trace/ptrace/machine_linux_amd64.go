package ptrace

import "golang.org/x/sys/unix"

// instruction is what makes a system call.
const instruction = "\x0f\x05" // syscall

// registers are those of a thread that is stopped at the end of a call.
type registers unix.PtraceRegs

func (r *registers) place() uint64 { return r.Rip }
func (r *registers) result() int64 { return int64(r.Rax) }

// repeat makes the thread, which is stopped at the beginning of a call, make it again.
func (r *registers) repeat() {
	r.Rip -= uint64(len(instruction))
	r.Rax = r.Orig_rax
}

// call makes the thread make a call.
func (r *registers) call(number uint64, args [6]uint64) {
	r.Rip -= uint64(len(instruction))
	r.Rax = number
	r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
}

// skip makes a thread that is stopped at the beginning of a call not make it.
func skip(tid int) error {
	r, err := getRegisters(tid)
	if err != nil {
		return err
	}
	r.Orig_rax = ^uint64(0)
	return setRegisters(tid, &r)
}

// first is the first argument. The result of a call is in another register.
func (r *registers) first() *uint64 { return &r.Rdi }

const resultElsewhere = true
