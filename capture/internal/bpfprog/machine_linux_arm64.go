package bpfprog

// Registers are where struct pt_regs has the number and the six arguments of a system call, also when it
// returns (arch/arm64/include/asm/syscall.h). The numbers after @ are indices.
var Registers = [...]string{"syscallno", "orig_x0", "regs@1", "regs@2", "regs@3", "regs@4", "regs@5"}

const (
	NumberSize = 4
	// A thread of 32 bits has TIF_32BIT (arch/arm64/include/asm/thread_info.h).
	CompatField = "thread_info.flags"
	CompatBit   = 1 << 22
	// ForeignFirst is where the first argument of such a call is.
	ForeignFirst = "orig_x0"
)
