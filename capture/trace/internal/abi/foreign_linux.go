package abi

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A process of 64 bits can make calls of another table: those of 32 bits with int $0x80, and on some kernels those of
// x32. What such a call is passed is not understood, only whether it is about sockets.

// ForeignCall is what is known of a call of another table.
type ForeignCall struct {
	Number uint32
	Class  Class // Network or Descriptor, of its first argument
	Makes  bool  // it makes, copies or closes descriptors
}

// LookupForeign returns what is known of a call by the architecture and number that seccomp(2) tells; Class is 0 for
// one that is not about sockets. Native tells that it is one of the table of this package.
func LookupForeign(arch uint32, number uint64) (f ForeignCall, native bool) {
	switch {
	case arch == AuditArch && (OtherTable == 0 || number&OtherTable == 0):
		return f, true
	case arch == AuditArch:
		return ForeignCall{uint32(number), Network, true}, false // hardly any program makes these
	case arch == ForeignArch:
		for _, f := range ForeignCalls {
			if f.Number == uint32(number) {
				return f, false
			}
		}
	}
	return f, false
}

// ForeignNote is what is said of a process that makes such calls.
func ForeignNote(name string, pid int) string {
	return fmt.Sprintf("%s (process %d) makes system calls of 32 bits (int $0x80): what it does with sockets in that way is not seen", name, pid)
}

// Untraced returns whether a call makes a process or thread that no tracer is to follow by itself (CLONE_UNTRACED,
// clone(2)): in its first argument, or in the structure that this is the address of.
func Untraced(number uint64, args [6]uint64, m Memory) (inMemory, yes bool) {
	switch number {
	case unix.SYS_CLONE:
		return false, args[0]&unix.CLONE_UNTRACED != 0
	case unix.SYS_CLONE3:
		b := make([]byte, 8)
		return true, m.ReadMemory(b, args[0]) == len(b) && order.Uint64(b)&unix.CLONE_UNTRACED != 0
	}
	return false, false
}
