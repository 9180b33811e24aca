package ptrace

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture/trace/internal/abi"
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
	var b [1]byte
	for {
		n, err := unix.Read(fd, b[:])
		if err == unix.EINTR {
			continue
		}
		if n != 1 {
			return int(unix.ECHILD) // the tracer is gone
		}
		break
	}
	if filter != filterNone {
		if err := install(filter == filterWait); err != nil {
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

// program is the seccomp filter: calls of the table stop for the tracer, all others run.
func program(wait bool) ([]bpf.RawInstruction, error) {
	const (
		number = 0 // offsets in struct seccomp_data
		arch   = 4
	)
	numbers := abi.Numbers(wait)
	slices.Sort(numbers)
	code := []bpf.Instruction{
		bpf.LoadAbsolute{Off: arch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: abi.AuditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		bpf.LoadAbsolute{Off: number, Size: 4},
	}
	for i, n := range numbers {
		code = append(code, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipTrue: uint8(len(numbers) - i)})
	}
	code = append(code, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}, bpf.RetConstant{Val: unix.SECCOMP_RET_TRACE})
	return bpf.Assemble(code)
}

// install gives the calling thread the filter. Without CAP_SYS_ADMIN it may only have one when it gives up
// gaining rights by executing files, which a traced program of an ordinary user has given up anyway.
func install(wait bool) error {
	raw, err := program(wait)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	set := func() error {
		p := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p)))
		if errno != 0 {
			return fmt.Errorf("seccomp: %w", errno)
		}
		return nil
	}
	if err := set(); err == nil {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return set()
}
