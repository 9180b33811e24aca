package cmsg

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ipRecvErrRFC4884   = 26 // IP_RECVERR_RFC4884, Linux 5.9
	ipv6RecvErrRFC4884 = 31 // IPV6_RECVERR_RFC4884
)

// Enable has the kernel report what want names on the socket fd. It tries all of it and returns what was granted;
// the error names each refusal, so that a caller may take what there is. On a dual-stack IPv6 socket the IPv4
// options are set as well.
func Enable(fd int, want Set) (granted Set, err error) {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return 0, os.NewSyscallError("cmsg: getsockopt SO_DOMAIN", err)
	}
	e := enabler{fd: fd, want: want}
	switch domain {
	case unix.AF_INET:
		e.ip4()
	case unix.AF_INET6:
		e.ip6()
		if only, err := unix.GetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_V6ONLY); err == nil && only == 0 {
			e.ip4Also()
		}
	}
	e.set(Drops, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	e.set(GRO, unix.SOL_UDP, unix.UDP_GRO, 1)
	e.set(Credentials, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	e.set(Mark, unix.SOL_SOCKET, soRcvMark, 1)
	e.timestamps()
	if left := want &^ (e.granted | e.refused); left != 0 {
		e.errs = append(e.errs, fmt.Errorf("cmsg: enable %v on this kind of socket: %w", left, errors.ErrUnsupported))
	}
	return e.granted, errors.Join(e.errs...)
}

type enabler struct {
	fd                     int
	want, granted, refused Set
	errs                   []error
}

func (e *enabler) set(what Set, level, opt, value int) {
	if e.want&what == 0 {
		return
	}
	if err := unix.SetsockoptInt(e.fd, level, opt, value); err != nil {
		e.refused |= what
		e.errs = append(e.errs, fmt.Errorf("cmsg: enable %v: %w", what, os.NewSyscallError("setsockopt", err)))
		return
	}
	e.granted |= what
}

func (e *enabler) ip4() {
	e.set(PacketInfo, unix.SOL_IP, unix.IP_PKTINFO, 1)
	e.set(TTL, unix.SOL_IP, unix.IP_RECVTTL, 1)
	e.set(TOS, unix.SOL_IP, unix.IP_RECVTOS, 1)
	e.set(Errors, unix.SOL_IP, unix.IP_RECVERR, 1)
	e.set(ErrorExtensions, unix.SOL_IP, ipRecvErrRFC4884, 1)
	e.set(OriginalDst, unix.SOL_IP, unix.IP_RECVORIGDSTADDR, 1)
	e.set(Options, unix.SOL_IP, unix.IP_RECVOPTS, 1)
	e.set(FragmentSize, unix.SOL_IP, unix.IP_RECVFRAGSIZE, 1)
}

func (e *enabler) ip6() {
	e.set(PacketInfo, unix.SOL_IPV6, unix.IPV6_RECVPKTINFO, 1)
	e.set(TTL, unix.SOL_IPV6, unix.IPV6_RECVHOPLIMIT, 1)
	e.set(TOS, unix.SOL_IPV6, unix.IPV6_RECVTCLASS, 1)
	e.set(Errors, unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
	e.set(ErrorExtensions, unix.SOL_IPV6, ipv6RecvErrRFC4884, 1)
	e.set(OriginalDst, unix.SOL_IPV6, unix.IPV6_RECVORIGDSTADDR, 1)
	e.set(FlowInfo, unix.SOL_IPV6, ipv6FlowInfo, 1)
	e.set(FragmentSize, unix.SOL_IPV6, unix.IPV6_RECVFRAGSIZE, 1)
}

// ip4Also sets the IPv4 options of a dual-stack socket. Raw IPv6 sockets have none and refuse; that is no loss,
// since they carry no IPv4 either, so only what IPv6 has no option for is missed.
func (e *enabler) ip4Also() {
	four := enabler{fd: e.fd, want: e.want}
	four.ip4()
	e.granted |= four.granted
}

func (e *enabler) timestamps() {
	const tx = TxSched | TxSoftware | TxHardware | TxPerCall
	if e.want&(tx|RxHardware) == 0 {
		e.set(RxSoftware, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		return
	}
	flags := txFlags(e.want) | unix.SOF_TIMESTAMPING_SOFTWARE
	if e.want&RxSoftware != 0 {
		flags |= unix.SOF_TIMESTAMPING_RX_SOFTWARE
	}
	if e.want&RxHardware != 0 {
		flags |= unix.SOF_TIMESTAMPING_RX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE
	}
	if e.want&TxHardware != 0 || e.want&TxPerCall != 0 && e.want&RxHardware != 0 {
		flags |= unix.SOF_TIMESTAMPING_RAW_HARDWARE | unix.SOF_TIMESTAMPING_OPT_TX_SWHW
	}
	if e.want&tx != 0 {
		flags |= unix.SOF_TIMESTAMPING_OPT_ID | unix.SOF_TIMESTAMPING_OPT_TSONLY
	}
	e.set(e.want&(tx|RxSoftware|RxHardware), unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags)
}

// txFlags returns the SO_TIMESTAMPING flags that record the send timestamps in want.
func txFlags(want Set) int {
	flags := 0
	if want&TxSched != 0 {
		flags |= unix.SOF_TIMESTAMPING_TX_SCHED
	}
	if want&TxSoftware != 0 {
		flags |= unix.SOF_TIMESTAMPING_TX_SOFTWARE
	}
	if want&TxHardware != 0 {
		flags |= unix.SOF_TIMESTAMPING_TX_HARDWARE
	}
	return flags
}

// ReadDrops returns how many datagrams this socket has lost in its receive buffer since it was made, to the last
// one (SO_MEMINFO), modulo 2^32.
func ReadDrops(fd int) (uint32, error) {
	info, err := memory(fd)
	return info[8], err // SK_MEMINFO_DROPS
}

// ReadQueued returns how many bytes of the receive buffer are taken by datagrams and error queue entries not yet read,
// with the kernel's bookkeeping (SO_MEMINFO).
func ReadQueued(fd int) (int, error) {
	info, err := memory(fd)
	return int(info[0]), err // SK_MEMINFO_RMEM_ALLOC
}

// ReadUnsent returns how many bytes what was sent on this socket and has not left this host takes up, with the kernel's
// bookkeeping, and the size of the send buffer, to be compared with that (SO_MEMINFO).
func ReadUnsent(fd int) (unsent, size int, err error) {
	info, err := memory(fd)
	return int(info[2]), int(info[3]), err // SK_MEMINFO_WMEM_ALLOC, SK_MEMINFO_SNDBUF
}

func memory(fd int) (info [9]uint32, err error) {
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return info, os.NewSyscallError("cmsg: getsockopt SO_MEMINFO", errno)
	}
	if size < uint32(unsafe.Sizeof(info)) {
		return info, fmt.Errorf("cmsg: read drops: this kernel does not count them: %w", errors.ErrUnsupported)
	}
	return info, nil
}

// SetReadBuffer asks for a receive buffer of size bytes, beyond the system's limit if the process may
// (SO_RCVBUFFORCE, needs CAP_NET_ADMIN), and returns the size granted; below 0 leaves it as it is. The kernel doubles
// what is asked to pay for its own bookkeeping, and charges each datagram more than its length: a small one about 768
// bytes.
func SetReadBuffer(fd, size int) (granted int, err error) {
	return setBuffer(fd, size, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)
}

// SetWriteBuffer is [SetReadBuffer] for the send buffer.
func SetWriteBuffer(fd, size int) (granted int, err error) {
	return setBuffer(fd, size, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
}

func setBuffer(fd, size, force, plain int) (int, error) {
	if size >= 0 && unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size); err != nil {
			return 0, os.NewSyscallError("cmsg: set buffer size", err)
		}
	}
	granted, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, plain)
	return granted, os.NewSyscallError("cmsg: get buffer size", err)
}
