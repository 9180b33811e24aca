package ptrace

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shimName is argv[0] of the copy of this executable that becomes the program: it waits on a descriptor
// until it is traced, installs the filter and executes the program.
const shimName = "sockwire-trace-shim"

// Exit statuses of a shim that did not become the program are error numbers, but for this one.
const shimNoFilter = 255

// What a shim is told to install.
const (
	filterNone  = "none"
	filterCalls = "calls"
	filterWait  = "wait" // calls that wait too
)

func init() {
	if len(os.Args) < 5 || os.Args[0] != shimName {
		return
	}
	// Package initialisation runs on the main thread, the one that is traced and that executes.
	runtime.LockOSThread()
	os.Exit(shim(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]))
}

func shim(gate, filter, path string, args []string) int {
	fd, err := strconv.Atoi(gate)
	if err != nil {
		return int(unix.EINVAL)
	}
	unix.CloseOnExec(fd)
	told, err := io.ReadAll(os.NewFile(uintptr(fd), "gate"))
	if err != nil || len(told) == 0 {
		return int(unix.ECHILD) // the tracer is gone
	}
	if filter != filterNone {
		if err := install(filter == filterWait, parseSpans(told[1:])); err != nil {
			return shimNoFilter
		}
	}
	if err := syscall.Exec(path, args, os.Environ()); err != nil {
		if errno, ok := err.(syscall.Errno); ok {
			return int(errno)
		}
	}
	return int(unix.EINVAL)
}

// appendSpans appends what parseSpans reads.
func appendSpans(b []byte, spans []span) []byte {
	for _, s := range spans {
		b = binary.NativeEndian.AppendUint32(b, s.first)
		b = binary.NativeEndian.AppendUint32(b, s.last)
	}
	return b
}

func parseSpans(b []byte) (spans []span) {
	for ; len(b) >= 8; b = b[8:] {
		spans = append(spans, span{binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])})
	}
	return spans
}

// install gives the calling thread the filters that a program begins with. Without CAP_SYS_ADMIN it may only have them
// when it gives up gaining rights by executing files, which a traced program of an ordinary user has given up anyway.
func install(wait bool, spans []span) error {
	var filters []filter
	for _, s := range spans {
		filters = append(filters, s.filter())
	}
	filters = append(filters, firstFilter(wait)) // the last one: it stops who adds another
	for i, f := range filters {
		program, err := f.program()
		if err != nil {
			return err
		}
		err = set(program)
		if err != nil && i == 0 {
			if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return err
			}
			err = set(program)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func set(program []unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
