package abi

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/raw/wire"
)

// Numbers by name: include/linux/socket.h, include/uapi/linux/in.h, netlink.h.
var (
	families  = tableOf(64, wire.AddressFamilyName)
	types     = tableOf(16, wire.SocketTypeName)
	protocols = tableOf(512, wire.IPProtocolSymbol)
)

// tableOf lists the numbers below n that have a name.
func tableOf(n int, name func(int) string) map[int]string {
	m := map[int]string{}
	for i := range n {
		if s := name(i); s != "" {
			m[i] = s
		}
	}
	return m
}

var netlinkProtocols = map[int]string{
	0: "NETLINK_ROUTE", 1: "NETLINK_UNUSED", 2: "NETLINK_USERSOCK", 3: "NETLINK_FIREWALL", 4: "NETLINK_SOCK_DIAG", 5: "NETLINK_NFLOG", 6: "NETLINK_XFRM",
	7: "NETLINK_SELINUX", 8: "NETLINK_ISCSI", 9: "NETLINK_AUDIT", 10: "NETLINK_FIB_LOOKUP", 11: "NETLINK_CONNECTOR", 12: "NETLINK_NETFILTER",
	13: "NETLINK_IP6_FW", 14: "NETLINK_DNRTMSG", 15: "NETLINK_KOBJECT_UEVENT", 16: "NETLINK_GENERIC", 18: "NETLINK_SCSITRANSPORT",
	19: "NETLINK_ECRYPTFS", 20: "NETLINK_RDMA", 21: "NETLINK_CRYPTO", 22: "NETLINK_SMC",
}

// Protocols of packet sockets, include/uapi/linux/if_ether.h.
var etherTypes = map[uint16]string{
	0x0003: "ETH_P_ALL", 0x0800: "ETH_P_IP", 0x0806: "ETH_P_ARP", 0x8100: "ETH_P_8021Q", 0x86dd: "ETH_P_IPV6", 0x8863: "ETH_P_PPP_DISC", 0x8864: "ETH_P_PPP_SES",
	0x888e: "ETH_P_PAE", 0x88a8: "ETH_P_8021AD", 0x88cc: "ETH_P_LLDP", 0x88f7: "ETH_P_1588",
}

var levels = map[int]string{
	0: "IPPROTO_IP", 1: "SOL_SOCKET", 6: "IPPROTO_TCP", 17: "IPPROTO_UDP", 40: "AF_VSOCK", 41: "IPPROTO_IPV6", 58: "IPPROTO_ICMPV6", 100: "SOL_CAN_BASE", 101: "SOL_CAN_RAW",
	132: "IPPROTO_SCTP", 136: "IPPROTO_UDPLITE", 255: "IPPROTO_RAW", 256: "SOL_IPX", 257: "SOL_AX25", 258: "SOL_ATALK", 259: "SOL_NETROM", 260: "SOL_ROSE", 261: "SOL_DECNET", 262: "SOL_X25",
	263: "SOL_PACKET", 264: "SOL_ATM", 265: "SOL_AAL", 266: "SOL_IRDA", 267: "SOL_NETBEUI", 268: "SOL_LLC", 269: "SOL_DCCP", 270: "SOL_NETLINK",
	271: "SOL_TIPC", 272: "SOL_RXRPC", 273: "SOL_PPPOL2TP", 274: "SOL_BLUETOOTH", 275: "SOL_PNPIPE", 276: "SOL_RDS", 277: "SOL_IUCV", 278: "SOL_CAIF",
	279: "SOL_ALG", 280: "SOL_NFC", 281: "SOL_KCM", 282: "SOL_TLS", 283: "SOL_XDP", 284: "SOL_MPTCP", 285: "SOL_MCTP", 286: "SOL_SMC", 287: "SOL_VSOCK",
}

var hows = map[int]string{0: "SHUT_RD", 1: "SHUT_WR", 2: "SHUT_RDWR"}

// messageFlags are MSG_… in the order of their bits.
var messageFlags = []string{
	"MSG_OOB", "MSG_PEEK", "MSG_DONTROUTE", "MSG_CTRUNC", "MSG_PROBE", "MSG_TRUNC", "MSG_DONTWAIT", "MSG_EOR", "MSG_WAITALL", "MSG_FIN", "MSG_SYN",
	"MSG_CONFIRM", "MSG_RST", "MSG_ERRQUEUE", "MSG_NOSIGNAL", "MSG_MORE", "MSG_WAITFORONE",
	"MSG_SENDPAGE_NOTLAST", "MSG_BATCH", "MSG_NO_SHARED_FRAGS", "MSG_SENDPAGE_DECRYPTED", "MSG_SOCK_DEVMEM", "", "", "", "", "MSG_ZEROCOPY",
	"MSG_SPLICE_PAGES", "", "MSG_FASTOPEN", "MSG_CMSG_CLOEXEC", "MSG_CMSG_COMPAT",
}

// flagNames splits flags of send and recv into names.
func flagNames(flags uint32) []string {
	var all []string
	for i, name := range messageFlags {
		if flags&(1<<i) == 0 {
			continue
		}
		if name == "" {
			name = fmt.Sprintf("%#x", 1<<i)
		}
		all = append(all, name)
	}
	return all
}

func flagText(flags uint32) string {
	if flags == 0 {
		return "0"
	}
	return strings.Join(flagNames(flags), "|")
}

func nameOr(names map[int]string, n int) string {
	if s, ok := names[n]; ok {
		return s
	}
	return fmt.Sprint(n)
}

func typeText(t int) string {
	s := nameOr(types, t&0xf)
	if t&unix.SOCK_CLOEXEC != 0 {
		s += "|SOCK_CLOEXEC"
	}
	if t&unix.SOCK_NONBLOCK != 0 {
		s += "|SOCK_NONBLOCK"
	}
	return s
}

func protocolText(family, typ, protocol int) string {
	switch {
	case family == unix.AF_NETLINK:
		return nameOr(netlinkProtocols, protocol)
	case family == unix.AF_PACKET:
		p := uint16(protocol)<<8 | uint16(protocol)>>8
		if name, ok := etherTypes[p]; ok {
			return "htons(" + name + ")"
		}
		return fmt.Sprintf("htons(%#x)", p)
	case family == unix.AF_INET, family == unix.AF_INET6:
		return nameOr(protocols, protocol)
	}
	return fmt.Sprint(protocol)
}

var fcntls = map[int]string{
	0: "F_DUPFD", 1: "F_GETFD", 2: "F_SETFD", 3: "F_GETFL", 4: "F_SETFL", 5: "F_GETLK", 6: "F_SETLK", 7: "F_SETLKW", 8: "F_SETOWN", 9: "F_GETOWN",
	10: "F_SETSIG", 11: "F_GETSIG", 15: "F_SETOWN_EX", 16: "F_GETOWN_EX", 17: "F_GETOWNER_UIDS", 36: "F_OFD_GETLK", 37: "F_OFD_SETLK",
	38: "F_OFD_SETLKW", 1024: "F_SETLEASE", 1025: "F_GETLEASE", 1026: "F_NOTIFY", 1027: "F_DUPFD_QUERY", 1028: "F_CREATED_QUERY",
	1029: "F_CANCELLK", 1030: "F_DUPFD_CLOEXEC", 1031: "F_SETPIPE_SZ", 1032: "F_GETPIPE_SZ", 1033: "F_ADD_SEALS", 1034: "F_GET_SEALS",
}

var leases = map[int]string{unix.F_RDLCK: "F_RDLCK", unix.F_WRLCK: "F_WRLCK", unix.F_UNLCK: "F_UNLCK"}

func fileFlags(n int) string {
	modes := []string{"O_RDONLY", "O_WRONLY", "O_RDWR"}
	s := fmt.Sprint(n & 3)
	if n&3 < len(modes) {
		s = modes[n&3]
	}
	for _, f := range []struct {
		bit  int
		name string
	}{
		{unix.O_CREAT, "O_CREAT"}, {unix.O_EXCL, "O_EXCL"}, {unix.O_NOCTTY, "O_NOCTTY"}, {unix.O_TRUNC, "O_TRUNC"}, {unix.O_APPEND, "O_APPEND"},
		{unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_DSYNC, "O_DSYNC"}, {unix.O_ASYNC, "O_ASYNC"}, {unix.O_DIRECT, "O_DIRECT"}, {0o100000, "O_LARGEFILE"},
		{unix.O_DIRECTORY, "O_DIRECTORY"}, {unix.O_NOFOLLOW, "O_NOFOLLOW"}, {unix.O_NOATIME, "O_NOATIME"}, {unix.O_CLOEXEC, "O_CLOEXEC"},
		{0o4000000, "__O_SYNC"}, {unix.O_PATH, "O_PATH"}, {0o20000000, "__O_TMPFILE"},
	} {
		if n&f.bit != 0 {
			s += "|" + f.name
			n &^= f.bit
		}
	}
	if rest := n &^ 3; rest != 0 {
		s += fmt.Sprintf("|%#x", rest)
	}
	return s
}

// Restarts of system calls that a tracer sees and a program does not; linux/errno.h.
var restarts = map[int64]string{512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK"}

// ErrnoName names an error number.
func ErrnoName(n int64) string {
	if s, ok := restarts[n]; ok {
		return s
	}
	if unix.Errno(n) == unix.EOPNOTSUPP {
		return "EOPNOTSUPP" // sockets never mean ENOTSUP, another name of the same number
	}
	if s := unix.ErrnoName(unix.Errno(n)); s != "" {
		return s
	}
	return fmt.Sprintf("errno %d", n)
}
