// Package ptrace traces the socket calls of a program with ptrace(2), as a source of trace events. A
// started program gets seccomp filters that stop it at calls about sockets; a running one, which cannot be given
// any, stops at every system call. Threads, forks and executed programs are followed.
//
// A filter sees the number of a descriptor and not what it is. So the filter that a program begins with stops what
// only sockets are used with, such as socket(2) and recvmsg(2). When a descriptor becomes a socket, the process is
// made to install another one, for all its threads, that stops read(2), write(2), close(2) and their like on that
// number (from 16 on, on all numbers of as many bits). Reading and writing files runs at full speed, unless their
// numbers have been those of sockets. Before a program installs a filter of its own or gives up privileges, it gets the
// filter for all numbers; one that can be given none, for want of memory or privilege, stops at every call. Of sockets
// that are made by none of the calls known here (SIOCKCMCLONE, SCTP_SOCKOPT_PEELOFF) reads and writes are seen from the
// first call on that only sockets have.
//
// It needs Linux 5.6 or later on amd64 or arm64 and no privilege for programs of the same user, unless the
// system forbids it (kernel.yama.ptrace_scope). A started program ends with its tracer; a program that was
// attached to goes on. Programs of 32 bits are not understood.
//
// The tests run where they are started, which has been Linux 6.18 on amd64; those of short mode have passed once, as
// root, in an emulated machine with Debian's Linux 6.12 for arm64, before there were filters for single descriptors. On
// Debian's 6.1 for amd64 a short program was traced.
//
// Starting a program runs a copy of this executable first, which installs the filter and becomes the program:
// importing the package makes os.Args[0] = "sockwire-trace-shim" do that and nothing else.
package ptrace

import (
	"errors"

	"sockwire/capture/trace"
)

// Command is a program to start, Status how it ended, Error why it could not be traced.
type (
	Command = trace.Command
	Status  = trace.Status
	Error   = trace.Error
)

// ErrForeign is trace.ErrForeign.
var ErrForeign = trace.ErrForeign

// Config says what to record. The zero value is ready, but for Clock.
type Config struct {
	Clock *trace.Clock // stamps the events; nil makes one
	// Data is how many bytes of what a call sends or receives are kept: 0 means 32, less than 0 none. Of
	// raw sockets all are kept, for packets are told apart by them, unless it is less than 0.
	Data int
	Wait bool   // poll, select and epoll too, with what they wait for
	Host string // the name of the network namespace, for the events

	everything bool // stop at every system call instead of installing a filter
}

// ErrSetuid says that a program would not get the rights of its file while an unprivileged user traces it.
var ErrSetuid = errors.New("a set-user-ID program would run without the rights of its owner while it is traced")

func refuse(op, on string, err error, remedy string) error {
	return &Error{Engine: "ptrace", Op: op, On: on, Err: err, Remedy: remedy}
}
