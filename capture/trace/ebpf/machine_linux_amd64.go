package ebpf

// registers are where struct pt_regs has the number and the six arguments of a system call, also when it
// returns (arch/x86/include/asm/syscall.h).
var registers = [...]string{"orig_ax", "di", "si", "dx", "r10", "r8", "r9"}

const (
	numberSize = 8
	// A thread in a call of the 32-bit table has TS_COMPAT in its status (arch/x86/include/asm/thread_info.h).
	compatField = "thread_info.status"
	compatBit   = 1 << 1
	// foreignFirst is where the first argument of such a call is.
	foreignFirst = "bx"
)
