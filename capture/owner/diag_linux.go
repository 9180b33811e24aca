//go:build amd64 || arm64

package owner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// diag asks the kernel for the sockets of a network namespace (sock_diag(7)).
type diag struct {
	fd      int
	network uint32
}

// ends are the addresses of a socket, as it has them: without a remote end it is not connected.
type ends struct {
	protocol      uint8
	local, remote netip.AddrPort
}

// standing is a socket that was there when the kernel was asked.
type standing struct {
	ends
	inode  uint64 // 0: no process has it any more
	cookie uint64
}

// openDiag opens a way to ask for the sockets of the thread's network namespace.
func openDiag() (*diag, error) {
	network, err := Network()
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("sock_diag: %w", err)
	}
	wait := unix.Timeval{Sec: 1}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("sock_diag: %w", err)
	}
	return &diag{fd, network}, nil
}

// The messages (include/uapi/linux/inet_diag.h).
const (
	sockDiagByFamily = 20
	diagRequest      = unix.SizeofNlMsghdr + 56 // struct inet_diag_req_v2
	diagMessage      = 72                       // struct inet_diag_msg
)

var errDiag = errors.New("sock_diag: an answer that the kernel does not give")

// dump gives the sockets of a family and protocol to take, which says whether it wants more.
func (d *diag) dump(family, protocol uint8, take func(*standing) bool) error {
	b := make([]byte, diagRequest, 1<<16)
	order.PutUint32(b, diagRequest)
	order.PutUint16(b[4:], sockDiagByFamily)
	order.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b[16], b[17] = family, protocol
	order.PutUint32(b[20:], 1<<32-1) // in all states
	if err := unix.Sendto(d.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	b = b[:cap(b)]
	more := true
	for {
		n, _, err := unix.Recvfrom(d.fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("sock_diag: %w", err)
		}
		done, err := parseDiag(b[:n], protocol, func(s *standing) {
			more = more && take(s)
		})
		if done || err != nil {
			return err
		}
	}
}

// parseDiag reads the messages of one answer, and tells whether it is the last.
func parseDiag(b []byte, protocol uint8, take func(*standing)) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(order.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return false, errDiag
		}
		m := b[unix.SizeofNlMsghdr:size]
		switch order.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(m) < 4 {
				return false, errDiag
			}
			return true, fmt.Errorf("sock_diag: %w", unix.Errno(-int32(order.Uint32(m))))
		case sockDiagByFamily:
			if len(m) < diagMessage {
				return false, errDiag
			}
			s := standing{ends{protocol, diagEnd(m, 8, 4), diagEnd(m, 24, 6)}, uint64(order.Uint32(m[68:])), uint64(order.Uint32(m[44:])) | uint64(order.Uint32(m[48:]))<<32}
			if s.remote.Port() == 0 {
				s.remote = netip.AddrPort{}
			}
			take(&s)
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return false, nil
}

// diagEnd is an end of a socket in a struct inet_diag_msg.
func diagEnd(m []byte, address, port int) netip.AddrPort {
	a := netip.AddrFrom16([16]byte(m[address:])).Unmap()
	if m[0] == unix.AF_INET {
		a = netip.AddrFrom4([4]byte(m[address:]))
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(m[port:]))
}

func (d *diag) close() { unix.Close(d.fd) }
