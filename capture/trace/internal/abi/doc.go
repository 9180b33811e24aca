// Package abi reads Linux system calls about sockets as the kernel sees them: numbers, six registers and the
// caller's memory become a trace.Call with names instead of numbers. It is shared by the engines, which
// differ in how they get at the registers and the memory.
package abi
