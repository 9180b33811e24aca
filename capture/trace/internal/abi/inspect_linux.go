package abi

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// FamilyOf and KindOf translate AF_… and SOCK_…; what has no translation is unknown.
func FamilyOf(af int) trace.Family { return socketFamilies[af] }

// KindOf translates SOCK_….
func KindOf(typ int) trace.Kind { return socketKinds[typ] }

var (
	socketFamilies = map[int]trace.Family{unix.AF_INET: trace.FamilyIPv4, unix.AF_INET6: trace.FamilyIPv6, unix.AF_UNIX: trace.FamilyUnix, unix.AF_PACKET: trace.FamilyPacket}
	socketKinds    = map[int]trace.Kind{unix.SOCK_STREAM: trace.KindStream, unix.SOCK_DGRAM: trace.KindDatagram, unix.SOCK_RAW: trace.KindRaw, unix.SOCK_SEQPACKET: trace.KindSeqpacket}
)

// Inspect asks what a socket, of which fd is a descriptor of ours, is and how it is called.
func Inspect(fd int, st *trace.State) {
	if family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil {
		st.Family = FamilyOf(family)
	}
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
		st.Kind = KindOf(kind)
	}
	if proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err == nil {
		st.Protocol = uint8(proto)
	}
	st.Local, st.Remote = name(fd, unix.SYS_GETSOCKNAME), name(fd, unix.SYS_GETPEERNAME)
}

// name asks for the local or the remote name of a socket.
func name(fd int, call uintptr) trace.Addr {
	var b [128]byte
	n := uint32(len(b))
	if _, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&n))); errno != 0 {
		return trace.Addr{}
	}
	return Sockaddr(b[:min(int(n), len(b))])
}

// dropsIndex is SK_MEMINFO_DROPS of include/uapi/linux/sock_diag.h.
const dropsIndex = 8

// Dropped tells how many packets a socket, of which fd is a descriptor of ours, has dropped, by its own count
// (SO_MEMINFO, Linux 4.12): 0 where it does not tell. That of a stream counts also segments that had done all that they
// were for, as the acknowledgement of its end.
func Dropped(fd int) uint32 {
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind == unix.SOCK_STREAM {
		return 0
	}
	var counts [dropsIndex + 1]uint32
	n := uint32(unsafe.Sizeof(counts))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&counts)), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 || n < uint32(unsafe.Sizeof(counts)) {
		return 0
	}
	return counts[dropsIndex]
}
