package abi

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Class says when a system call is worth recording.
type Class uint8

// Classes.
const (
	Network    Class = iota + 1 // always: it is about sockets, even when it fails
	Descriptor                  // when its descriptor is a socket
	Wait                        // when waiting is to be shown
	Table                       // never; it changes which descriptors there are
	Ring                        // io_uring: it is said that it is used
)

// Syscall is one system call of the table.
type Syscall struct {
	Name  string
	Class Class
	// Maker tells whether success makes new descriptors.
	Maker bool
}

// table has the calls that both architectures have; numbers_linux_amd64.go adds those of that one.
var table = map[uint64]Syscall{
	unix.SYS_SOCKET:      {"socket", Network, true},
	unix.SYS_SOCKETPAIR:  {"socketpair", Network, true},
	unix.SYS_BIND:        {"bind", Network, false},
	unix.SYS_CONNECT:     {"connect", Network, false},
	unix.SYS_LISTEN:      {"listen", Network, false},
	unix.SYS_ACCEPT:      {"accept", Network, true},
	unix.SYS_ACCEPT4:     {"accept4", Network, true},
	unix.SYS_GETSOCKNAME: {"getsockname", Network, false},
	unix.SYS_GETPEERNAME: {"getpeername", Network, false},
	unix.SYS_SENDTO:      {"sendto", Network, false},
	unix.SYS_RECVFROM:    {"recvfrom", Network, false},
	unix.SYS_SENDMSG:     {"sendmsg", Network, false},
	unix.SYS_RECVMSG:     {"recvmsg", Network, true},
	unix.SYS_SENDMMSG:    {"sendmmsg", Network, false},
	unix.SYS_RECVMMSG:    {"recvmmsg", Network, true},
	unix.SYS_SHUTDOWN:    {"shutdown", Network, false},
	unix.SYS_SETSOCKOPT:  {"setsockopt", Network, false},
	unix.SYS_GETSOCKOPT:  {"getsockopt", Network, false},

	unix.SYS_READ:     {"read", Descriptor, false},
	unix.SYS_WRITE:    {"write", Descriptor, false},
	unix.SYS_READV:    {"readv", Descriptor, false},
	unix.SYS_WRITEV:   {"writev", Descriptor, false},
	unix.SYS_PREADV2:  {"preadv2", Descriptor, false},
	unix.SYS_PWRITEV2: {"pwritev2", Descriptor, false},
	unix.SYS_SENDFILE: {"sendfile", Descriptor, false},
	unix.SYS_SPLICE:   {"splice", Descriptor, false},
	unix.SYS_CLOSE:    {"close", Descriptor, false},
	unix.SYS_DUP:      {"dup", Descriptor, true},
	unix.SYS_DUP3:     {"dup3", Descriptor, true},
	unix.SYS_FCNTL:    {"fcntl", Descriptor, true},

	unix.SYS_CLOSE_RANGE: {"close_range", Table, false},
	unix.SYS_PIDFD_GETFD: {"pidfd_getfd", Table, false},
	unix.SYS_UNSHARE:     {"unshare", Table, false},

	unix.SYS_PPOLL:        {"ppoll", Wait, false},
	unix.SYS_PSELECT6:     {"pselect6", Wait, false},
	unix.SYS_EPOLL_PWAIT:  {"epoll_pwait", Wait, false},
	unix.SYS_EPOLL_PWAIT2: {"epoll_pwait2", Wait, false},
	unix.SYS_EPOLL_CTL:    {"epoll_ctl", Wait, false},

	unix.SYS_EPOLL_CREATE1: {"epoll_create1", Wait, false},

	unix.SYS_IO_URING_SETUP: {"io_uring_setup", Ring, false},
}

// Lookup returns the system call with that number, if it is in the table.
func Lookup(number uint64) (Syscall, bool) {
	s, ok := table[number]
	return s, ok
}

// Numbers returns the numbers of the calls to watch, with those that wait if asked for.
func Numbers(wait bool) []uint32 {
	var all []uint32
	for n, s := range table {
		if wait || s.Class != Wait {
			all = append(all, uint32(n))
		}
	}
	return all
}

// Names are the names of the calls that are recorded, in their order; with wait also of those that wait.
func Names(wait bool) []string {
	var names []string
	for _, s := range table {
		if s.Class == Network || s.Class == Descriptor || s.Class == Wait && wait {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}
