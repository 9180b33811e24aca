package cmsg

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// AttachFilter puts a classic BPF program on a socket in place of the one it has (socket(7), SO_ATTACH_FILTER). What is
// queued stays. It must have 1 to 4096 instructions.
func AttachFilter(fd int, program []bpf.RawInstruction) error {
	code := make([]unix.SockFilter, len(program))
	for i, in := range program {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: unsafe.SliceData(code)})
	runtime.KeepAlive(code)
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
}

// RejectAll puts a program on a socket that lets nothing in.
func RejectAll(fd int) error {
	return AttachFilter(fd, []bpf.RawInstruction{{Op: unix.BPF_RET | unix.BPF_K}})
}

// Silence keeps packets out of a socket until it has its filter: some receive from the moment they exist. First nothing
// more is let in, then what came before is thrown away.
func Silence(fd int) error {
	if err := RejectAll(fd); err != nil {
		return err
	}
	return Drain(fd)
}

// Drain throws away what is queued on a socket, waiting errors included. An error that comes back more than 100 times
// is the socket's own, and returned.
func Drain(fd int) error {
	var b [1]byte
	for errs := 0; ; {
		_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == nil || err == unix.EINTR:
		case errs == 100:
			return os.NewSyscallError("recvfrom", err)
		default:
			errs++
		}
	}
}
