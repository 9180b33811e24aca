package cmsg

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

const scmTSOptID = 81 // SCM_TS_OPT_ID, Linux 6.13

// appendHeader appends the header of a message with n bytes of data and the padding those bytes need;
// it returns the extended slice and the data's place in it, zeroed.
func appendHeader(b []byte, level, kind int32, n int) (all, data []byte) {
	start, size := len(b), align(headerSize+n)
	b = slices.Grow(b, size)[:start+size]
	h := b[start:]
	clear(h)
	if wordSize == 8 {
		ne.PutUint64(h, uint64(headerSize+n))
	} else {
		ne.PutUint32(h, uint32(headerSize+n))
	}
	ne.PutUint32(h[wordSize:], uint32(level))
	ne.PutUint32(h[wordSize+4:], uint32(kind))
	return b, h[headerSize : headerSize+n]
}

func appendUint32(b []byte, level, kind int32, v uint32) []byte {
	b, d := appendHeader(b, level, kind, 4)
	ne.PutUint32(d, v)
	return b
}

// AppendPacketInfo sets the source address and, if ifindex is not 0, the outgoing interface of a datagram
// (IP_PKTINFO or IPV6_PKTINFO by the family of src). An unspecified src (0.0.0.0, ::) sets the interface only.
func AppendPacketInfo(b []byte, src netip.Addr, ifindex int) []byte {
	if src.Is4() {
		b, d := appendHeader(b, unix.SOL_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		ne.PutUint32(d, uint32(ifindex))
		ip := src.As4()
		copy(d[4:], ip[:])
		return b
	}
	b, d := appendHeader(b, unix.SOL_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
	ip := src.As16()
	copy(d, ip[:])
	ne.PutUint32(d[16:], uint32(ifindex))
	return b
}

// AppendTTL sets the time to live of an IPv4 datagram, 1 to 255.
func AppendTTL(b []byte, ttl int) []byte {
	return appendUint32(b, unix.SOL_IP, unix.IP_TTL, uint32(ttl))
}

// AppendHopLimit sets the hop limit of an IPv6 datagram, 0 to 255; -1 is the system's default.
func AppendHopLimit(b []byte, limit int) []byte {
	return appendUint32(b, unix.SOL_IPV6, unix.IPV6_HOPLIMIT, uint32(limit))
}

// AppendTOS sets the type of service of an IPv4 datagram, 0 to 255.
func AppendTOS(b []byte, tos int) []byte {
	return appendUint32(b, unix.SOL_IP, unix.IP_TOS, uint32(tos))
}

// AppendTrafficClass sets the traffic class of an IPv6 datagram, 0 to 255; -1 is the socket's.
func AppendTrafficClass(b []byte, class int) []byte {
	return appendUint32(b, unix.SOL_IPV6, unix.IPV6_TCLASS, uint32(class))
}

// AppendFlowInfo sets the flow label of an IPv6 datagram, 0 to 0xfffff.
func AppendFlowInfo(b []byte, label uint32) []byte {
	b, d := appendHeader(b, unix.SOL_IPV6, ipv6FlowInfo, 4)
	binary.BigEndian.PutUint32(d, label)
	return b
}

// AppendSegmentSize has the kernel or the device cut the payload into UDP datagrams of so many bytes (UDP_SEGMENT).
func AppendSegmentSize(b []byte, size int) []byte {
	b, d := appendHeader(b, unix.SOL_UDP, unix.UDP_SEGMENT, 2)
	ne.PutUint16(d, uint16(size))
	return b
}

// AppendTimestamping asks for send timestamps of this datagram only: any of TxSched, TxSoftware, TxHardware.
// The socket must have been prepared by [Enable] with TxPerCall.
func AppendTimestamping(b []byte, want Set) []byte {
	return appendUint32(b, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, uint32(txFlags(want)))
}

// AppendTimestampID gives the identifier that comes back in [Error.Data] with the send timestamps of this datagram
// (SCM_TS_OPT_ID, Linux 6.13; older kernels refuse the send with EINVAL and count datagrams themselves).
func AppendTimestampID(b []byte, id uint32) []byte {
	return appendUint32(b, unix.SOL_SOCKET, scmTSOptID, id)
}

// AppendRights passes open file descriptors over a Unix socket (SCM_RIGHTS).
func AppendRights(b []byte, fds ...int) []byte {
	b, d := appendHeader(b, unix.SOL_SOCKET, unix.SCM_RIGHTS, 4*len(fds))
	for i, fd := range fds {
		ne.PutUint32(d[4*i:], uint32(fd))
	}
	return b
}
