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
