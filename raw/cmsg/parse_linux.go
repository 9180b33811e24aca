package cmsg

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	wordSize   = unix.SizeofPtr
	headerSize = unix.SizeofCmsghdr

	scmTimestampNew   = 63 // SO_TIMESTAMP_NEW and its sisters carry 64-bit times on every architecture
	scmTimestampNSNew = 64
	scmTimestamping2  = 65
	soRcvMark         = 75
	ipv6FlowInfo      = 11
	ipv6FragSize      = 77
)

var ne = binary.NativeEndian

func align(n int) int { return (n + wordSize - 1) &^ (wordSize - 1) }

// Parse resets i and fills it from the control bytes oob and the message flags of a received datagram.
// It reads every message in any order. Messages it does not know are counted, those broken off are noted in
// Malformed; arbitrary bytes do no harm. Options keeps a view into oob, everything else is copied.
func (i *Info) Parse(oob []byte, flags int) {
	i.Reset()
	i.Truncated = flags&unix.MSG_CTRUNC != 0
	for len(oob) > 0 {
		level, kind, data, rest, ok := Split(oob)
		if !ok {
			i.Malformed = true
			return
		}
		switch i.message(level, kind, data) {
		case unknown:
			i.Unknown++
		case malformed:
			i.Malformed = true
		}
		oob = rest
	}
}

// Split takes the first control message off b: whose it is and of which kind (cmsg_level and cmsg_type), its data, and
// what follows with the padding left out. ok is false when b begins with no whole message. data and rest are views into
// b. One message alone, b without rest, can be given to Parse.
func Split(b []byte) (level, kind int32, data, rest []byte, ok bool) {
	if len(b) < headerSize {
		return
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
	n := int(h.Len)
	if n < headerSize || n > len(b) {
		return
	}
	return h.Level, h.Type, b[headerSize:n:n], b[min(align(n), len(b)):], true
}

type verdict uint8

const (
	good verdict = iota
	unknown
	malformed
)

func (i *Info) message(level, kind int32, d []byte) verdict {
	switch level {
	case unix.SOL_SOCKET:
		return i.socketMessage(kind, d)
	case unix.SOL_IP:
		return i.ip4Message(kind, d)
	case unix.SOL_IPV6:
		return i.ip6Message(kind, d)
	case unix.SOL_UDP:
		if kind != unix.UDP_GRO {
			return unknown
		}
		return i.integer(GRO, &i.SegmentSize, d)
	}
	return unknown
}

func (i *Info) socketMessage(kind int32, d []byte) verdict {
	switch kind {
	case unix.SCM_TIMESTAMPNS, scmTimestampNSNew:
		return i.timestamp(d, 1)
	case unix.SCM_TIMESTAMP, scmTimestampNew:
		return i.timestamp(d, 1000)
	case unix.SCM_TIMESTAMPING, scmTimestamping2:
		return i.timestamping(d)
	case unix.SO_RXQ_OVFL:
		return i.word(Drops, &i.Drops, d)
	case unix.SO_MARK, soRcvMark:
		return i.word(Mark, &i.Mark, d)
	case unix.SCM_CREDENTIALS:
		if len(d) < unix.SizeofUcred {
			return malformed
		}
		i.Has |= Credentials
		i.Pid, i.UID, i.GID = int32(ne.Uint32(d)), ne.Uint32(d[4:]), ne.Uint32(d[8:])
		return good
	case unix.SCM_RIGHTS:
		i.Has |= Rights
		for ; len(d) >= 4; d = d[4:] {
			i.Rights = append(i.Rights, int(int32(ne.Uint32(d))))
		}
		return good
	}
	return unknown
}

func (i *Info) ip4Message(kind int32, d []byte) verdict {
	switch kind {
	case unix.IP_PKTINFO:
		if len(d) < unix.SizeofInet4Pktinfo {
			return malformed
		}
		// A dual-stack socket gets the IPv6 kind too, with the same address in mapped form; either may come first.
		i.Has |= PacketInfo
		i.Ifindex = int(int32(ne.Uint32(d)))
		i.Local = netip.AddrFrom4([4]byte(d[4:8]))
		i.Dst = netip.AddrFrom4([4]byte(d[8:12]))
		return good
	case unix.IP_TTL:
		return i.integer(TTL, &i.TTL, d)
	case unix.IP_TOS:
		return i.integer(TOS, &i.TOS, d)
	case unix.IP_RECVERR:
		return i.extendedError(d)
	case unix.IP_ORIGDSTADDR:
		return i.originalDst(d)
	case unix.IP_RECVOPTS:
		i.Has |= Options
		i.Options = d
		return good
	case unix.IP_RECVFRAGSIZE:
		return i.integer(FragmentSize, &i.FragmentSize, d)
	}
	return unknown
}

func (i *Info) ip6Message(kind int32, d []byte) verdict {
	switch kind {
	case unix.IPV6_PKTINFO:
		if len(d) < unix.SizeofInet6Pktinfo {
			return malformed
		}
		i.Has |= PacketInfo
		i.Dst = netip.AddrFrom16([16]byte(d[:16])).Unmap()
		i.Ifindex = int(int32(ne.Uint32(d[16:])))
		return good
	case unix.IPV6_HOPLIMIT:
		return i.integer(TTL, &i.TTL, d)
	case unix.IPV6_TCLASS:
		return i.integer(TOS, &i.TOS, d)
	case unix.IPV6_RECVERR:
		return i.extendedError(d)
	case unix.IPV6_ORIGDSTADDR:
		return i.originalDst(d)
	case ipv6FlowInfo:
		if len(d) < 4 {
			return malformed
		}
		i.Has |= FlowInfo
		i.FlowInfo = binary.BigEndian.Uint32(d)
		return good
	case ipv6FragSize:
		return i.integer(FragmentSize, &i.FragmentSize, d)
	}
	return unknown
}

// integer reads a number the kernel sends as a byte (IP_TOS), as 16 bits (UDP_GRO of old kernels) or as an int.
func (i *Info) integer(has Set, to *int, d []byte) verdict {
	switch {
	case len(d) >= 4:
		*to = int(int32(ne.Uint32(d)))
	case len(d) >= 2:
		*to = int(ne.Uint16(d))
	case len(d) == 1:
		*to = int(d[0])
	default:
		return malformed
	}
	i.Has |= has
	return good
}

func (i *Info) word(has Set, to *uint32, d []byte) verdict {
	if len(d) < 4 {
		return malformed
	}
	*to = ne.Uint32(d)
	i.Has |= has
	return good
}

func (i *Info) timestamp(d []byte, unit int64) verdict {
	if len(d) != 8 && len(d) != 16 {
		return malformed
	}
	if t, ok := clock(d, len(d)/2, unit); ok {
		i.Software = t
		i.Has |= RxSoftware
	}
	return good
}

// timestamping reads struct scm_timestamping: a software time, an unused one, a raw hardware time; zero is absent.
func (i *Info) timestamping(d []byte) verdict {
	if len(d) != 24 && len(d) != 48 {
		return malformed
	}
	size := len(d) / 3
	if t, ok := clock(d, size/2, 1); ok {
		i.Software = t
		i.Has |= RxSoftware
	}
	if t, ok := clock(d[2*size:], size/2, 1); ok {
		i.Hardware = t
		i.Has |= RxHardware
	}
	return good
}

// clock reads a pair of numbers of the given width in bytes: seconds and a fraction in units of so many nanoseconds.
func clock(d []byte, width int, unit int64) (time.Time, bool) {
	var sec, frac int64
	if width == 8 {
		sec, frac = int64(ne.Uint64(d)), int64(ne.Uint64(d[8:]))
	} else {
		sec, frac = int64(int32(ne.Uint32(d))), int64(int32(ne.Uint32(d[4:])))
	}
	if sec == 0 && frac == 0 || frac < 0 || frac >= int64(time.Second)/unit {
		return time.Time{}, false
	}
	return time.Unix(sec, frac*unit), true
}

// extendedError reads struct sock_extended_err and the offender's address behind it.
func (i *Info) extendedError(d []byte) verdict {
	const size = 16
	if len(d) < size {
		return malformed
	}
	e := &i.Error
	*e = Error{
		Errno:  syscall.Errno(ne.Uint32(d)),
		Origin: Origin(d[4]),
		Type:   d[5],
		Code:   d[6],
		Info:   ne.Uint32(d[8:]),
		Data:   ne.Uint32(d[12:]),
	}
	if e.Origin == OriginICMP || e.Origin == OriginICMPv6 {
		e.ExtensionOffset = int(ne.Uint16(d[12:]))
		e.ExtensionsInvalid = d[14]&1 != 0
		offender, scope := sockaddr(d[size:])
		e.Offender, e.OffenderScope = offender.Addr(), scope
	}
	i.Has |= Errors
	return good
}

func (i *Info) originalDst(d []byte) verdict {
	addr, _ := sockaddr(d)
	if !addr.IsValid() {
		return malformed
	}
	i.OriginalDst = addr
	i.Has |= OriginalDst
	return good
}

// sockaddr reads a struct sockaddr_in or sockaddr_in6; the result is not valid for anything else.
func sockaddr(d []byte) (addr netip.AddrPort, scope uint32) {
	if len(d) < 2 {
		return
	}
	switch ne.Uint16(d) {
	case unix.AF_INET:
		if len(d) >= 8 {
			ip := netip.AddrFrom4([4]byte(d[4:8]))
			return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(d[2:])), 0
		}
	case unix.AF_INET6:
		if len(d) >= unix.SizeofSockaddrInet6 {
			ip := netip.AddrFrom16([16]byte(d[8:24])).Unmap()
			return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(d[2:])), ne.Uint32(d[24:])
		}
	}
	return
}
