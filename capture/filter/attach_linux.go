package filter

import (
	"errors"
	"fmt"
	"os"
	"syscall"

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
		err := os.NewSyscallError("setsockopt(SO_DETACH_FILTER)",
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
		if errors.Is(err, unix.ENOENT) {
			return nil // it had none
		}
		return err
	}
	if err := cmsg.Silence(fd); err != nil {
		return err
	}
	return cmsg.AttachFilter(fd, p.raw)
}
