package abi

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

var families = map[int]string{
	unix.AF_UNSPEC: "AF_UNSPEC", unix.AF_UNIX: "AF_UNIX", unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6", unix.AF_NETLINK: "AF_NETLINK",
	unix.AF_PACKET: "AF_PACKET", unix.AF_VSOCK: "AF_VSOCK", unix.AF_ALG: "AF_ALG", unix.AF_BLUETOOTH: "AF_BLUETOOTH", unix.AF_CAN: "AF_CAN",
	unix.AF_XDP: "AF_XDP", unix.AF_KEY: "AF_KEY", unix.AF_TIPC: "AF_TIPC",
}

var types = map[int]string{
	unix.SOCK_STREAM: "SOCK_STREAM", unix.SOCK_DGRAM: "SOCK_DGRAM", unix.SOCK_RAW: "SOCK_RAW", unix.SOCK_SEQPACKET: "SOCK_SEQPACKET",
	unix.SOCK_RDM: "SOCK_RDM", unix.SOCK_PACKET: "SOCK_PACKET",
}

var protocols = map[int]string{
	0: "IPPROTO_IP", 1: "IPPROTO_ICMP", 2: "IPPROTO_IGMP", 6: "IPPROTO_TCP", 17: "IPPROTO_UDP", 58: "IPPROTO_ICMPV6", 132: "IPPROTO_SCTP",
	136: "IPPROTO_UDPLITE", 255: "IPPROTO_RAW", 262: "IPPROTO_MPTCP",
}

var netlinkProtocols = map[int]string{0: "NETLINK_ROUTE", 4: "NETLINK_SOCK_DIAG", 9: "NETLINK_AUDIT", 12: "NETLINK_NETFILTER", 15: "NETLINK_KOBJECT_UEVENT", 16: "NETLINK_GENERIC"}

var levels = map[int]string{
	unix.SOL_SOCKET: "SOL_SOCKET", 0: "IPPROTO_IP", 6: "IPPROTO_TCP", 17: "IPPROTO_UDP", 41: "IPPROTO_IPV6", 58: "IPPROTO_ICMPV6", 255: "IPPROTO_RAW",
	unix.SOL_PACKET: "SOL_PACKET", unix.SOL_NETLINK: "SOL_NETLINK", unix.SOL_TLS: "SOL_TLS", 284: "SOL_MPTCP",
}

var socketOptions = map[int]string{
	1: "SO_DEBUG", 2: "SO_REUSEADDR", 3: "SO_TYPE", 4: "SO_ERROR", 5: "SO_DONTROUTE", 6: "SO_BROADCAST", 7: "SO_SNDBUF", 8: "SO_RCVBUF",
	9: "SO_KEEPALIVE", 10: "SO_OOBINLINE", 11: "SO_NO_CHECK", 12: "SO_PRIORITY", 13: "SO_LINGER", 14: "SO_BSDCOMPAT", 15: "SO_REUSEPORT",
	16: "SO_PASSCRED", 17: "SO_PEERCRED", 18: "SO_RCVLOWAT", 19: "SO_SNDLOWAT", 20: "SO_RCVTIMEO", 21: "SO_SNDTIMEO", 25: "SO_BINDTODEVICE",
	26: "SO_ATTACH_FILTER", 27: "SO_DETACH_FILTER", 28: "SO_PEERNAME", 29: "SO_TIMESTAMP", 30: "SO_ACCEPTCONN", 31: "SO_PEERSEC",
	32: "SO_SNDBUFFORCE", 33: "SO_RCVBUFFORCE", 34: "SO_PASSSEC", 35: "SO_TIMESTAMPNS", 36: "SO_MARK", 37: "SO_TIMESTAMPING", 38: "SO_PROTOCOL",
	39: "SO_DOMAIN", 40: "SO_RXQ_OVFL", 41: "SO_WIFI_STATUS", 42: "SO_PEEK_OFF", 43: "SO_NOFCS", 44: "SO_LOCK_FILTER", 45: "SO_SELECT_ERR_QUEUE",
	46: "SO_BUSY_POLL", 47: "SO_MAX_PACING_RATE", 48: "SO_BPF_EXTENSIONS", 49: "SO_INCOMING_CPU", 50: "SO_ATTACH_BPF",
	51: "SO_ATTACH_REUSEPORT_CBPF", 52: "SO_ATTACH_REUSEPORT_EBPF", 53: "SO_CNX_ADVICE", 55: "SO_MEMINFO", 56: "SO_INCOMING_NAPI_ID",
	57: "SO_COOKIE", 59: "SO_PEERGROUPS", 60: "SO_ZEROCOPY", 61: "SO_TXTIME", 62: "SO_BINDTOIFINDEX", 63: "SO_TIMESTAMP_NEW",
	64: "SO_TIMESTAMPNS_NEW", 65: "SO_TIMESTAMPING_NEW", 66: "SO_RCVTIMEO_NEW", 67: "SO_SNDTIMEO_NEW", 68: "SO_DETACH_REUSEPORT_BPF",
	69: "SO_PREFER_BUSY_POLL", 70: "SO_BUSY_POLL_BUDGET", 71: "SO_NETNS_COOKIE", 72: "SO_BUF_LOCK", 73: "SO_RESERVE_MEM", 74: "SO_TXREHASH",
	75: "SO_RCVMARK", 76: "SO_PASSPIDFD", 77: "SO_PEERPIDFD",
}

var ipOptions = map[int]string{
	1: "IP_TOS", 2: "IP_TTL", 3: "IP_HDRINCL", 4: "IP_OPTIONS", 5: "IP_ROUTER_ALERT", 6: "IP_RECVOPTS", 7: "IP_RETOPTS", 8: "IP_PKTINFO",
	9: "IP_PKTOPTIONS", 10: "IP_MTU_DISCOVER", 11: "IP_RECVERR", 12: "IP_RECVTTL", 13: "IP_RECVTOS", 14: "IP_MTU", 15: "IP_FREEBIND",
	19: "IP_TRANSPARENT", 20: "IP_ORIGDSTADDR", 21: "IP_MINTTL", 22: "IP_NODEFRAG", 23: "IP_CHECKSUM", 24: "IP_BIND_ADDRESS_NO_PORT",
	25: "IP_RECVFRAGSIZE", 26: "IP_RECVERR_RFC4884", 32: "IP_MULTICAST_IF", 33: "IP_MULTICAST_TTL", 34: "IP_MULTICAST_LOOP",
	35: "IP_ADD_MEMBERSHIP", 36: "IP_DROP_MEMBERSHIP", 49: "IP_MULTICAST_ALL", 50: "IP_UNICAST_IF", 51: "IP_LOCAL_PORT_RANGE", 52: "IP_PROTOCOL",
}

var ip6Options = map[int]string{
	1: "IPV6_ADDRFORM", 7: "IPV6_CHECKSUM", 16: "IPV6_UNICAST_HOPS", 17: "IPV6_MULTICAST_IF", 18: "IPV6_MULTICAST_HOPS", 19: "IPV6_MULTICAST_LOOP",
	20: "IPV6_ADD_MEMBERSHIP", 21: "IPV6_DROP_MEMBERSHIP", 22: "IPV6_ROUTER_ALERT", 23: "IPV6_MTU_DISCOVER", 24: "IPV6_MTU", 25: "IPV6_RECVERR",
	26: "IPV6_V6ONLY", 29: "IPV6_MULTICAST_ALL", 31: "IPV6_RECVERR_RFC4884", 36: "IPV6_HDRINCL", 49: "IPV6_RECVPKTINFO", 50: "IPV6_PKTINFO",
	51: "IPV6_RECVHOPLIMIT", 52: "IPV6_HOPLIMIT", 53: "IPV6_RECVHOPOPTS", 54: "IPV6_HOPOPTS", 56: "IPV6_RECVRTHDR", 57: "IPV6_RTHDR",
	58: "IPV6_RECVDSTOPTS", 59: "IPV6_DSTOPTS", 60: "IPV6_RECVPATHMTU", 61: "IPV6_PATHMTU", 62: "IPV6_DONTFRAG", 66: "IPV6_RECVTCLASS",
	67: "IPV6_TCLASS", 70: "IPV6_AUTOFLOWLABEL", 72: "IPV6_ADDR_PREFERENCES", 74: "IPV6_ORIGDSTADDR", 75: "IPV6_TRANSPARENT", 76: "IPV6_UNICAST_IF",
	78: "IPV6_FREEBIND",
}

var tcpOptions = map[int]string{
	1: "TCP_NODELAY", 2: "TCP_MAXSEG", 3: "TCP_CORK", 4: "TCP_KEEPIDLE", 5: "TCP_KEEPINTVL", 6: "TCP_KEEPCNT", 7: "TCP_SYNCNT", 8: "TCP_LINGER2",
	9: "TCP_DEFER_ACCEPT", 10: "TCP_WINDOW_CLAMP", 11: "TCP_INFO", 12: "TCP_QUICKACK", 13: "TCP_CONGESTION", 14: "TCP_MD5SIG",
	16: "TCP_THIN_LINEAR_TIMEOUTS", 17: "TCP_THIN_DUPACK", 18: "TCP_USER_TIMEOUT", 19: "TCP_REPAIR", 20: "TCP_REPAIR_QUEUE", 21: "TCP_QUEUE_SEQ",
	22: "TCP_REPAIR_OPTIONS", 23: "TCP_FASTOPEN", 24: "TCP_TIMESTAMP", 25: "TCP_NOTSENT_LOWAT", 26: "TCP_CC_INFO", 27: "TCP_SAVE_SYN",
	28: "TCP_SAVED_SYN", 29: "TCP_REPAIR_WINDOW", 30: "TCP_FASTOPEN_CONNECT", 31: "TCP_ULP", 32: "TCP_MD5SIG_EXT", 33: "TCP_FASTOPEN_KEY",
	34: "TCP_FASTOPEN_NO_COOKIE", 35: "TCP_ZEROCOPY_RECEIVE", 36: "TCP_INQ", 37: "TCP_TX_DELAY",
}

var udpOptions = map[int]string{1: "UDP_CORK", 100: "UDP_ENCAP", 101: "UDP_NO_CHECK6_TX", 102: "UDP_NO_CHECK6_RX", 103: "UDP_SEGMENT", 104: "UDP_GRO"}

var packetOptions = map[int]string{
	1: "PACKET_ADD_MEMBERSHIP", 2: "PACKET_DROP_MEMBERSHIP", 5: "PACKET_RX_RING", 6: "PACKET_STATISTICS", 8: "PACKET_AUXDATA", 10: "PACKET_VERSION",
	12: "PACKET_RESERVE", 13: "PACKET_TX_RING", 14: "PACKET_LOSS", 15: "PACKET_VNET_HDR", 18: "PACKET_FANOUT", 20: "PACKET_QDISC_BYPASS", 23: "PACKET_IGNORE_OUTGOING",
}

var rawOptions = map[int]string{1: "ICMP_FILTER"}
var icmp6Options = map[int]string{1: "ICMP6_FILTER"}

var optionsOf = map[int]map[int]string{
	unix.SOL_SOCKET: socketOptions, 0: ipOptions, 6: tcpOptions, 17: udpOptions, 41: ip6Options, unix.SOL_PACKET: packetOptions, 255: rawOptions, 58: icmp6Options,
}

var hows = map[int]string{0: "SHUT_RD", 1: "SHUT_WR", 2: "SHUT_RDWR"}

// messageFlags are MSG_… in the order of their bits.
var messageFlags = []string{
	"MSG_OOB", "MSG_PEEK", "MSG_DONTROUTE", "MSG_CTRUNC", "MSG_PROBE", "MSG_TRUNC", "MSG_DONTWAIT", "MSG_EOR", "MSG_WAITALL", "MSG_FIN", "MSG_SYN",
	"MSG_CONFIRM", "MSG_RST", "MSG_ERRQUEUE", "MSG_NOSIGNAL", "MSG_MORE", "MSG_WAITFORONE", "", "MSG_BATCH", "", "", "", "", "", "", "", "MSG_ZEROCOPY",
	"", "", "MSG_FASTOPEN", "MSG_CMSG_CLOEXEC", "",
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
		return fmt.Sprintf("htons(%#x)", uint16(protocol)<<8|uint16(protocol)>>8)
	case family == unix.AF_INET, family == unix.AF_INET6:
		return nameOr(protocols, protocol)
	}
	return fmt.Sprint(protocol)
}

func optionText(level, option int) string { return nameOr(optionsOf[level], option) }

var fcntls = map[int]string{
	unix.F_DUPFD: "F_DUPFD", unix.F_GETFD: "F_GETFD", unix.F_SETFD: "F_SETFD", unix.F_GETFL: "F_GETFL", unix.F_SETFL: "F_SETFL",
	unix.F_SETOWN: "F_SETOWN", unix.F_GETOWN: "F_GETOWN", unix.F_DUPFD_CLOEXEC: "F_DUPFD_CLOEXEC", unix.F_SETSIG: "F_SETSIG",
}

func fileFlags(n int) string {
	modes := []string{"O_RDONLY", "O_WRONLY", "O_RDWR"}
	s := fmt.Sprint(n & 3)
	if n&3 < len(modes) {
		s = modes[n&3]
	}
	for _, f := range []struct {
		bit  int
		name string
	}{{unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_APPEND, "O_APPEND"}, {unix.O_ASYNC, "O_ASYNC"}} {
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
