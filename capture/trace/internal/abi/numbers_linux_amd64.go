package abi

import "golang.org/x/sys/unix"

// AuditArch is how seccomp(2) names this architecture.
const AuditArch = unix.AUDIT_ARCH_X86_64

func init() {
	table[unix.SYS_DUP2] = Syscall{"dup2", Descriptor, true}
	table[unix.SYS_POLL] = Syscall{"poll", Wait, false}
	table[unix.SYS_SELECT] = Syscall{"select", Wait, false}
	table[unix.SYS_EPOLL_CREATE] = Syscall{"epoll_create", Wait, false}
	table[unix.SYS_EPOLL_WAIT] = Syscall{"epoll_wait", Wait, false}
}

// ForeignArch is how seccomp(2) names the architecture of 32 bits whose calls this one makes too, OtherTable the bit
// that numbers of that table have (arch/x86/include/uapi/asm/unistd.h). Those of 32 bits are in
// arch/x86/entry/syscalls/syscall_32.tbl.
const (
	ForeignArch = unix.AUDIT_ARCH_I386
	OtherTable  = 0x40000000
)

// ForeignCalls are the calls of ForeignArch that are about sockets, or use a descriptor that may be one.
var ForeignCalls = []ForeignCall{
	{102, Network, true},                                              // socketcall
	{337, Network, true}, {345, Network, false}, {417, Network, true}, // recvmmsg, sendmmsg, recvmmsg_time64
	{359, Network, true}, {360, Network, true}, {361, Network, false}, {362, Network, false}, {363, Network, false}, {364, Network, true}, // socket to accept4
	{365, Network, false}, {366, Network, false}, {367, Network, false}, {368, Network, false}, {369, Network, false}, {370, Network, false}, // getsockopt to sendmsg
	{371, Network, false}, {372, Network, true}, {373, Network, false}, // recvfrom, recvmsg, shutdown

	{3, Descriptor, false}, {4, Descriptor, false}, {6, Descriptor, true}, {41, Descriptor, true}, {63, Descriptor, true}, // read, write, close, dup, dup2
	{145, Descriptor, false}, {146, Descriptor, false}, {187, Descriptor, false}, {239, Descriptor, false}, {330, Descriptor, true}, // readv, writev, sendfile, sendfile64, dup3
	{55, Descriptor, true}, {221, Descriptor, true}, // fcntl, fcntl64
}
