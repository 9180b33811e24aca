package filter

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// Attach puts the program on a socket (socket(7), SO_ATTACH_FILTER) so that no packet gets by that the
// program does not accept: first a program that rejects everything, then what the socket has queued is
// dropped, then the program. A socket that needs this order only at its start does best to attach before
// it is bound. The zero Program removes the socket's filter.
//
// What the program sees depends on the socket: AF_PACKET the frame from the link header (compile for the
// link type, live), a raw socket the IP header (LinkRaw or LinkIPv4), a datagram socket its UDP or ICMP
// header. Queued datagrams are lost to the reader; none is counted as a drop of the kernel.
func (p Program) Attach(c syscall.RawConn) error {
	if err := cmsg.Control(c, p.attach); err != nil {
		return fmt.Errorf("filter: attach: %w", err)
	}
	return nil
}

func (p Program) attach(fd int) error {
	if len(p.raw) == 0 {
		err := os.NewSyscallError("setsockopt(SO_DETACH_FILTER)", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
		if errors.Is(err, unix.ENOENT) {
			return nil // it had none
		}
		return err
	}
	if err := setFilter(fd, []bpf.RawInstruction{{Op: opRET | srcK}}); err != nil {
		return err
	}
	if err := drain(fd); err != nil {
		return err
	}
	return setFilter(fd, p.raw)
}

func setFilter(fd int, raw []bpf.RawInstruction) error {
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: unsafe.SliceData(code)}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
	runtime.KeepAlive(code)
	return os.NewSyscallError("setsockopt(SO_ATTACH_FILTER)", err)
}

// drain empties the receive queue without waiting.
func drain(fd int) error {
	var one [1]byte
	for {
		_, _, err := unix.Recvfrom(fd, one[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case err == nil || err == unix.EINTR:
		case err == unix.EAGAIN:
			return nil
		case isQueuedError(err):
			// An ICMP error was waiting; it is taken out like a packet.
		default:
			return os.NewSyscallError("recvfrom", err)
		}
	}
}

func isQueuedError(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH) ||
		errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENETDOWN)
}
