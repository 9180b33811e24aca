package main

import (
	"bytes"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// exercises whose arguments are compared with strace's, one by one.
func init() {
	exercises["names"] = exerciseNames
	exercises["values"] = exerciseValues
	exercises["control"] = exerciseControl
	exercises["errqueue"] = exerciseErrorQueue
}

// setsockopt passes any memory.
func setsockopt(fd, level, option int, value []byte) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(unsafe.SliceData(value))), uintptr(len(value)), 0)
	return errno
}

// getsockopt asks for up to room bytes.
func getsockopt(fd, level, option, room int) []byte {
	b, n := make([]byte, room), uint32(room)
	unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(&n)), 0)
	return b[:min(int(n), room)]
}

func bytesOf[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

// exerciseNames makes calls that fail, with every number that may have a name.
func exerciseNames() {
	for _, level := range []int{unix.SOL_IP, unix.SOL_SOCKET, unix.SOL_TCP, unix.SOL_UDP, unix.SOL_IPV6, unix.SOL_ICMPV6, unix.SOL_RAW, unix.SOL_PACKET, unix.SOL_NETLINK, unix.SOL_TLS} {
		for option := range 140 {
			getsockopt(-1, level, option, 0)
			setsockopt(-1, level, option, nil)
		}
	}
	for level := range 290 {
		getsockopt(-1, level, 299, 0)
	}
	for family := range 46 {
		unix.Socket(family, 15, 0)
	}
	for typ := range 16 {
		unix.Socket(99, typ, 0)
	}
	for protocol := range 263 {
		unix.Socket(unix.AF_INET, 15, protocol) // a type that is not: the kernel would look for modules otherwise
	}
	for protocol := range 24 {
		unix.Socket(unix.AF_NETLINK, 15, protocol)
	}
	for bit := range 32 {
		unix.Syscall6(unix.SYS_SENDTO, ^uintptr(0), 0, 0, 1<<bit, 0, 0)
	}
	for how := range 4 {
		unix.Shutdown(-1, how)
	}
	s := got(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	for _, cmd := range []int{unix.F_GETFD, unix.F_GETFL, unix.F_GETOWN, unix.F_GETSIG, unix.F_GETLEASE, unix.F_GETPIPE_SZ, unix.F_GET_SEALS} {
		unix.FcntlInt(uintptr(s), cmd, 0)
	}
	for bit := range 31 {
		if 1<<bit != unix.O_ASYNC {
			unix.FcntlInt(uintptr(s), unix.F_SETFL, 1<<bit)
		}
	}
	unix.FcntlInt(uintptr(s), unix.F_SETFD, 1)
	unix.FcntlInt(uintptr(s), unix.F_SETFD, 0)
	unix.FcntlInt(uintptr(s), unix.F_SETOWN, 0)
	unix.FcntlInt(uintptr(s), unix.F_SETSIG, int(unix.SIGIO))
	unix.Close(s)
}

// exerciseValues sets and asks for options whose values are not plain numbers.
func exerciseValues() {
	c, p := connected(false)
	did(unix.SetsockoptLinger(c, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 10}))
	getsockopt(c, unix.SOL_SOCKET, unix.SO_LINGER, 8)
	getsockopt(c, unix.SOL_SOCKET, unix.SO_LINGER, 4)
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		did(unix.SetsockoptTimeval(c, unix.SOL_SOCKET, option, &unix.Timeval{Sec: 5, Usec: 250000}))
		getsockopt(c, unix.SOL_SOCKET, option, 16)
	}
	for _, option := range []int{unix.SO_ERROR, unix.SO_TYPE, unix.SO_DOMAIN, unix.SO_PROTOCOL, unix.SO_ACCEPTCONN, unix.SO_SNDLOWAT, unix.SO_COOKIE, unix.SO_MEMINFO, unix.SO_PEERCRED} {
		getsockopt(c, unix.SOL_SOCKET, option, 4)
	}
	did(unix.SetsockoptString(c, unix.SOL_TCP, unix.TCP_CONGESTION, "reno"))
	getsockopt(c, unix.SOL_TCP, unix.TCP_CONGESTION, 16)
	getsockopt(c, unix.SOL_TCP, unix.TCP_INFO, 104)
	getsockopt(c, unix.SOL_TCP, unix.TCP_INFO, 10)
	for _, option := range []int{unix.TCP_NODELAY, unix.TCP_USER_TIMEOUT, unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT, unix.TCP_QUICKACK, unix.TCP_DEFER_ACCEPT} {
		did(unix.SetsockoptInt(c, unix.SOL_TCP, option, 1))
		getsockopt(c, unix.SOL_TCP, option, 4)
	}
	getsockopt(c, unix.SOL_TCP, unix.TCP_MAXSEG, 4)
	setsockopt(c, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, []byte("lo\x00"))
	getsockopt(c, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, 16)
	accept := []unix.SockFilter{{Code: 0x06, K: 0xffffffff}}
	did(unix.SetsockoptSockFprog(c, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &accept[0]}))
	setsockopt(c, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, make([]byte, 4))
	unix.Close(c)
	unix.Close(p)

	u, _ := bound(false, unix.SOCK_DGRAM)
	did(unix.SetsockoptInt(u, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE|unix.SOF_TIMESTAMPING_OPT_ID))
	getsockopt(u, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, 8)
	for mode := range 6 {
		did(unix.SetsockoptInt(u, unix.SOL_IP, unix.IP_MTU_DISCOVER, mode))
		getsockopt(u, unix.SOL_IP, unix.IP_MTU_DISCOVER, 4)
	}
	did(unix.SetsockoptInt(u, unix.SOL_IP, unix.IP_TOS, 0x10))
	did(unix.SetsockoptInt(u, unix.SOL_IP, unix.IP_TTL, 3))
	// On an interface that is not there: of one that is the kernel would tell the network.
	group, nowhere := [4]byte{239, 1, 2, 3}, [4]byte{192, 0, 2, 55}
	expect(unix.SetsockoptIPMreq(u, unix.SOL_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreq{Multiaddr: group, Interface: nowhere}) != nil, "joined")
	expect(unix.SetsockoptIPMreqn(u, unix.SOL_IP, unix.IP_DROP_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group, Address: nowhere, Ifindex: 999}) != nil, "left")
	did(unix.SetsockoptInet4Addr(u, unix.SOL_IP, unix.IP_MULTICAST_IF, [4]byte{127, 0, 0, 1}))
	getsockopt(u, unix.SOL_IP, unix.IP_MULTICAST_IF, 4)
	setsockopt(u, unix.SOL_IP, unix.IP_MULTICAST_IF, bytesOf(&unix.IPMreqn{Address: [4]byte{127, 0, 0, 1}, Ifindex: 1}))
	setsockopt(u, unix.SOL_IP, unix.IP_MULTICAST_TTL, []byte{4})
	setsockopt(u, unix.SOL_IP, unix.IP_ADD_SOURCE_MEMBERSHIP, append(append([]byte{232, 1, 2, 3}, nowhere[:]...), 127, 0, 0, 2))
	did(unix.SetsockoptInt(u, unix.SOL_UDP, unix.UDP_SEGMENT, 1000))
	did(unix.SetsockoptInt(u, unix.SOL_UDP, unix.UDP_GRO, 1))
	setsockopt(u, unix.SOL_UDP, unix.UDP_GRO, nil)
	setsockopt(u, unix.SOL_SOCKET, 1234, []byte("an option that is not there"))
	unix.Close(u)

	v, _ := bound(true, unix.SOCK_DGRAM)
	group6 := [16]byte{0: 0xff, 1: 0x12, 15: 1}
	expect(unix.SetsockoptIPv6Mreq(v, unix.SOL_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group6, Interface: 999}) != nil, "joined")
	expect(unix.SetsockoptIPv6Mreq(v, unix.SOL_IPV6, unix.IPV6_LEAVE_GROUP, &unix.IPv6Mreq{Multiaddr: group6, Interface: 1}) != nil, "left")
	did(unix.SetsockoptInt(v, unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO))
	did(unix.SetsockoptInt(v, unix.SOL_IPV6, unix.IPV6_TCLASS, 8))
	did(unix.SetsockoptInt(v, unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, 9))
	did(unix.SetsockoptInt(v, unix.SOL_IPV6, unix.IPV6_MULTICAST_IF, 1))
	unix.Close(v)

	w := got(unix.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6))
	filter := unix.ICMPv6Filter{Data: [8]uint32{0xffffffff, 1}}
	did(unix.SetsockoptICMPv6Filter(w, unix.SOL_ICMPV6, unix.ICMPV6_FILTER, &filter))
	unix.Close(w)
	r := got(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP))
	setsockopt(r, unix.SOL_RAW, 1, []byte{0xfe, 0xff, 0xff, 0xff})
	unix.Close(r)

	k := got(unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0))
	setsockopt(k, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, bytesOf(&unix.PacketMreq{Ifindex: 1, Type: unix.PACKET_MR_PROMISC}))
	getsockopt(k, unix.SOL_PACKET, unix.PACKET_STATISTICS, 8)
	setsockopt(k, unix.SOL_PACKET, unix.PACKET_VERSION, []byte{2, 0, 0, 0})
	did(unix.Bind(k, &unix.SockaddrLinklayer{Protocol: 0x0608, Ifindex: 1})) // ARP, in network order
	unix.Close(k)
	n := got(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE))
	did(unix.Bind(n, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}))
	got(unix.Getsockname(n))
	unix.Close(n)

	pair := got(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	getsockopt(pair[0], unix.SOL_SOCKET, unix.SO_PEERCRED, 12)
	unix.Close(pair[0])
	unix.Close(pair[1])
}

// control is a control message with its padding.
func control(level, kind int32, value []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(value)))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(len(value)))
	copy(b[unix.CmsgLen(0):], value)
	return b
}

func integer(n int32) []byte { return bytesOf(&n) }

// exerciseControl passes and receives control messages of all kinds.
func exerciseControl() {
	u, name := bound(false, unix.SOCK_DGRAM)
	for _, o := range [][3]int{
		{unix.SOL_SOCKET, unix.SO_TIMESTAMP, 1}, {unix.SOL_IP, unix.IP_PKTINFO, 1}, {unix.SOL_IP, unix.IP_RECVTTL, 1}, {unix.SOL_IP, unix.IP_RECVTOS, 1},
		{unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1}, {unix.SOL_IP, unix.IP_RECVORIGDSTADDR, 1},
	} {
		did(unix.SetsockoptInt(u, o[0], o[1], o[2]))
	}
	s := got(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	b, oob := make([]byte, 100), make([]byte, 512)
	info := unix.Inet4Pktinfo{Ifindex: 1, Spec_dst: [4]byte{127, 0, 0, 1}}
	out := bytes.Join([][]byte{control(unix.SOL_IP, unix.IP_TTL, integer(5)), control(unix.SOL_IP, unix.IP_TOS, integer(0x08)), control(unix.SOL_IP, unix.IP_PKTINFO, bytesOf(&info))}, nil)
	did(unix.Sendmsg(s, []byte("with options"), out, name, 0))
	_, _, _, _, err := unix.Recvmsg(u, b, oob, 0)
	did(err)
	did(unix.SetsockoptInt(u, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	did(unix.Sendmsg(s, []byte("a later one"), nil, name, 0))
	_, _, _, _, err = unix.Recvmsg(u, b, oob[:64], 0) // room for the first ones only
	did(err)
	did(unix.SetsockoptInt(u, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 0))
	did(unix.SetsockoptInt(u, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE))
	did(unix.Sendmsg(s, []byte("and another"), nil, name, 0))
	_, _, _, _, err = unix.Recvmsg(u, b, oob, 0)
	did(err)
	// Several messages, and one that is of no use.
	messages := messagesOf(nil, [][]byte{[]byte("one"), []byte("two")})
	for i := range messages {
		raw := &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port(name), Addr: [4]byte{127, 0, 0, 1}}
		ttl := control(unix.SOL_IP, unix.IP_TTL, integer(int32(7+i)))
		messages[i].header.Name, messages[i].header.Namelen = (*byte)(unsafe.Pointer(raw)), unix.SizeofSockaddrInet4
		messages[i].header.Control = &ttl[0]
		messages[i].header.SetControllen(len(ttl))
	}
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s), uintptr(unsafe.Pointer(&messages[0])), 2, 0, 0, 0)
	expect(n == 2, "sendmmsg: %d %v", int(n), errno)
	in := messagesOf([]*unix.RawSockaddrInet4{{}, {}}, [][]byte{make([]byte, 10), make([]byte, 10)})
	for i := range in {
		in[i].header.Control = &make([]byte, 256)[0]
		in[i].header.SetControllen(256)
	}
	n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(u), uintptr(unsafe.Pointer(&in[0])), 2, 0, 0, 0)
	expect(n == 2, "recvmmsg: %d %v", int(n), errno)
	err = unix.Sendmsg(s, []byte("unknown"), control(77, 99, []byte("what is this?")), name, 0)
	expect(err == nil || err == unix.EINVAL, "sendmsg: %v", err)
	unix.Close(u)
	unix.Close(s)

	v, name6 := bound(true, unix.SOCK_DGRAM)
	for _, o := range []int{unix.IPV6_RECVPKTINFO, unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVTCLASS} {
		did(unix.SetsockoptInt(v, unix.SOL_IPV6, o, 1))
	}
	s6 := got(unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0))
	info6 := unix.Inet6Pktinfo{Ifindex: 1, Addr: [16]byte{15: 1}}
	out = bytes.Join([][]byte{control(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, integer(6)), control(unix.SOL_IPV6, unix.IPV6_TCLASS, integer(4)), control(unix.SOL_IPV6, unix.IPV6_PKTINFO, bytesOf(&info6))}, nil)
	did(unix.Sendmsg(s6, []byte("over IPv6"), out, name6, 0))
	_, _, _, _, err = unix.Recvmsg(v, b, oob, 0)
	did(err)
	unix.Close(v)
	unix.Close(s6)

	g, nameG := bound(false, unix.SOCK_DGRAM)
	did(unix.SetsockoptInt(g, unix.SOL_UDP, unix.UDP_GRO, 1))
	f := dial(nameG, false, unix.SOCK_DGRAM)
	size := uint16(50)
	did(unix.Sendmsg(f, pattern(120), control(unix.SOL_UDP, unix.UDP_SEGMENT, bytesOf(&size)), nil, 0))
	for left := 120; left > 0; left -= int(n) { // where offload is off, in three
		got, _, _, _, err := unix.Recvmsg(g, make([]byte, 200), oob, 0)
		did(err)
		n = uintptr(got)
	}
	unix.Close(g)
	unix.Close(f)

	pair := got(unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0))
	did(unix.SetsockoptInt(pair[1], unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
	did(unix.SetsockoptInt(pair[1], unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	cred := unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	did(unix.Sendmsg(pair[0], []byte("who I am"), append(unix.UnixCredentials(&cred), unix.UnixRights(pair[0], pair[1])...), nil, 0))
	_, oobn, _, _, err := unix.Recvmsg(pair[1], b, oob, unix.MSG_CMSG_CLOEXEC)
	did(err)
	for _, m := range got(unix.ParseSocketControlMessage(oob[:oobn])) {
		if m.Header.Type == unix.SCM_RIGHTS {
			for _, fd := range got(unix.ParseUnixRights(&m)) {
				unix.Close(fd)
			}
		}
	}
	unix.Close(pair[0])
	unix.Close(pair[1])
}

// port is that of a name, as it stands in a struct sockaddr_in.
func port(name unix.Sockaddr) uint16 {
	p := name.(*unix.SockaddrInet4).Port
	return uint16(p>>8) | uint16(p)<<8
}

// exerciseErrorQueue reads what the kernel puts into error queues: ICMP errors, send timestamps, ends of transmissions.
func exerciseErrorQueue() {
	b, oob := make([]byte, 100), make([]byte, 512)
	wait := func(fd int) {
		got(unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, 5000))
	}
	for _, v6 := range []bool{false, true} {
		r, name := bound(v6, unix.SOCK_DGRAM)
		unix.Close(r)
		s := dial(name, v6, unix.SOCK_DGRAM)
		if v6 {
			did(unix.SetsockoptInt(s, unix.SOL_IPV6, unix.IPV6_RECVERR, 1))
		} else {
			did(unix.SetsockoptInt(s, unix.SOL_IP, unix.IP_RECVERR, 1))
		}
		got(unix.Write(s, []byte("nobody there")))
		wait(s)
		n, _, flags, _, err := unix.Recvmsg(s, b, oob, unix.MSG_ERRQUEUE)
		expect(err == nil && n == 12 && flags&unix.MSG_ERRQUEUE != 0, "error queue: %d %x %v", n, flags, err)
		_, _, _, _, err = unix.Recvmsg(s, b, oob, unix.MSG_ERRQUEUE)
		expect(err == unix.EAGAIN, "error queue: %v", err)
		unix.Close(s)
	}
	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	did(unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_TX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE|unix.SOF_TIMESTAMPING_OPT_ID|unix.SOF_TIMESTAMPING_OPT_TSONLY))
	got(unix.Write(s, []byte("stamp it")))
	wait(s)
	_, _, _, _, err := unix.Recvmsg(s, b, oob, unix.MSG_ERRQUEUE)
	did(err)
	take(r, []byte("stamp it"))
	unix.Close(r)
	unix.Close(s)
	c, p := connected(false)
	did(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1))
	did(unix.Sendto(c, []byte("not copied"), unix.MSG_ZEROCOPY, nil))
	take(p, []byte("not copied"))
	wait(c)
	_, _, _, _, err = unix.Recvmsg(c, b, oob, unix.MSG_ERRQUEUE)
	did(err)
	unix.Close(c)
	unix.Close(p)
}
