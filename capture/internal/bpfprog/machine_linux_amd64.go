package bpfprog

// Registers are where struct pt_regs has the number and the six arguments of a system call, also when it
// returns (arch/x86/include/asm/syscall.h).
var Registers = [...]string{"orig_ax", "di", "si", "dx", "r10", "r8", "r9"}

const (
	NumberSize = 8
	// A thread in a call of the 32-bit table has TS_COMPAT in its status (arch/x86/include/asm/thread_info.h).
	CompatField = "thread_info.status"
	CompatBit   = 1 << 1
	// ForeignFirst is where the first argument of such a call is.
	ForeignFirst = "bx"
)
