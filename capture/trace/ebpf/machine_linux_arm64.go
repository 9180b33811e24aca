package ebpf

// registers are where struct pt_regs has the number and the six arguments of a system call, also when it
// returns (arch/arm64/include/asm/syscall.h). The numbers after @ are indices.
var registers = [...]string{"syscallno", "orig_x0", "regs@1", "regs@2", "regs@3", "regs@4", "regs@5"}

const (
	numberSize = 4
	// A thread of 32 bits has TIF_32BIT (arch/arm64/include/asm/thread_info.h).
	compatField = "thread_info.flags"
	compatBit   = 1 << 22
	// foreignFirst is where the first argument of such a call is.
	foreignFirst = "orig_x0"
)
