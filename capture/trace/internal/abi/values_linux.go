package abi

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/raw/wire"
)

// maxValue is how many bytes of an option's value are read: struct tcp_info has about so many.
const maxValue = 256

// MaxValue is the same for those who record memory.
const MaxValue = maxValue

// option is an option of a level.
type option struct{ level, name int }

// members of a C structure, one after the other: name=value.
type members []string

func (f *members) add(name, format string, value any) {
	*f = append(*f, name+"="+fmt.Sprintf(format, value))
}

func (f members) String() string { return "{" + strings.Join(f, ", ") + "}" }

// numbered are the options whose value is a number that has a name.
var numbered = map[option]map[int]string{
	{unix.SOL_SOCKET, unix.SO_TYPE}: types, {unix.SOL_SOCKET, unix.SO_DOMAIN}: families, {unix.SOL_SOCKET, unix.SO_PROTOCOL}: protocols,
	{unix.SOL_IP, unix.IP_MTU_DISCOVER}: {0: "IP_PMTUDISC_DONT", 1: "IP_PMTUDISC_WANT", 2: "IP_PMTUDISC_DO", 3: "IP_PMTUDISC_PROBE", 4: "IP_PMTUDISC_INTERFACE", 5: "IP_PMTUDISC_OMIT"},
	{unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER}: {0: "IPV6_PMTUDISC_DONT", 1: "IPV6_PMTUDISC_WANT", 2: "IPV6_PMTUDISC_DO", 3: "IPV6_PMTUDISC_PROBE",
		4: "IPV6_PMTUDISC_INTERFACE", 5: "IPV6_PMTUDISC_OMIT"},
	{unix.SOL_PACKET, unix.PACKET_VERSION}: {0: "TPACKET_V1", 1: "TPACKET_V2", 2: "TPACKET_V3"},
}

// texts are the options whose value is a string.
var texts = map[option]bool{
	{unix.SOL_SOCKET, unix.SO_BINDTODEVICE}: true, {unix.SOL_SOCKET, unix.SO_PEERSEC}: true, {unix.SOL_TCP, unix.TCP_CONGESTION}: true,
	{unix.SOL_TCP, unix.TCP_ULP}: true,
}

// structures are the options whose value is a structure, how many bytes it has at least, and how it reads: "" for what
// is none.
var structures = map[option]struct {
	least int
	text  func(b []byte) string
}{
	{unix.SOL_SOCKET, unix.SO_LINGER}: {4, lingerText}, {unix.SOL_SOCKET, unix.SO_PEERCRED}: {4, credentialsText},
	{unix.SOL_SOCKET, unix.SO_RCVTIMEO}: {16, timevalText}, {unix.SOL_SOCKET, unix.SO_SNDTIMEO}: {16, timevalText},
	{unix.SOL_SOCKET, unix.SO_RCVTIMEO_NEW}: {16, timevalText}, {unix.SOL_SOCKET, unix.SO_SNDTIMEO_NEW}: {16, timevalText},
	{unix.SOL_SOCKET, unix.SO_ATTACH_FILTER}: {4, programText}, {unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF}: {4, programText},
	{unix.SOL_SOCKET, unix.SO_TIMESTAMPING}: {4, timestampingText}, {unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW}: {4, timestampingText},
	{unix.SOL_SOCKET, unix.SO_TXTIME}: {8, txTimeText}, {unix.SOL_SOCKET, unix.SO_COOKIE}: {8, cookieText}, {unix.SOL_SOCKET, unix.SO_NETNS_COOKIE}: {8, cookieText},
	{unix.SOL_SOCKET, unix.SO_PEERNAME}:   {4, sockaddrText},
	{unix.SOL_TCP, unix.TCP_INFO}:         {4, tcpInfoText},
	{unix.SOL_IP, unix.IP_ADD_MEMBERSHIP}: {8, membershipText}, {unix.SOL_IP, unix.IP_DROP_MEMBERSHIP}: {8, membershipText},
	{unix.SOL_IP, unix.IP_MULTICAST_IF}:          {4, multicastInterfaceText},
	{unix.SOL_IP, unix.IP_ADD_SOURCE_MEMBERSHIP}: {12, sourceText}, {unix.SOL_IP, unix.IP_DROP_SOURCE_MEMBERSHIP}: {12, sourceText},
	{unix.SOL_IP, unix.IP_BLOCK_SOURCE}: {12, sourceText}, {unix.SOL_IP, unix.IP_UNBLOCK_SOURCE}: {12, sourceText},
	{unix.SOL_IP, unix.MCAST_JOIN_GROUP}: {8 + 16, groupText}, {unix.SOL_IP, unix.MCAST_LEAVE_GROUP}: {8 + 16, groupText},
	{unix.SOL_IPV6, unix.MCAST_JOIN_GROUP}: {8 + 16, groupText}, {unix.SOL_IPV6, unix.MCAST_LEAVE_GROUP}: {8 + 16, groupText},
	{unix.SOL_IPV6, unix.IPV6_ADD_MEMBERSHIP}: {20, membership6Text}, {unix.SOL_IPV6, unix.IPV6_DROP_MEMBERSHIP}: {20, membership6Text},
	{unix.SOL_IP, 80}: {4, sockaddrText}, {unix.SOL_IPV6, 80}: {4, sockaddrText}, // SO_ORIGINAL_DST
	{unix.SOL_RAW, 1}: {4, icmpFilterText}, {unix.SOL_ICMPV6, unix.ICMPV6_FILTER}: {32, icmp6FilterText},
	{unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP}: {16, packetMembershipText}, {unix.SOL_PACKET, unix.PACKET_DROP_MEMBERSHIP}: {16, packetMembershipText},
	{unix.SOL_PACKET, unix.PACKET_STATISTICS}: {4, packetStatisticsText},
}

// optionValue is what an option is set to, or was: a number by name where it has one, a text, a structure, or bytes.
func (d *Decoder) optionValue(level, name int, at uint64, length int) trace.Arg {
	if at == 0 {
		return word("optval", "NULL")
	}
	b := d.bytes(at, min(max(length, 0), maxValue))
	return optionArg(option{level, name}, b, max(length, len(b)))
}

func optionArg(o option, b []byte, length int) trace.Arg {
	value := trace.Arg{Name: "optval", Kind: trace.ArgData, Data: b, Size: length}
	structure, ok := structures[o]
	switch {
	case texts[o]:
		s, _, _ := strings.Cut(string(b), "\x00")
		value.Text = `"` + s + `"`
		return value
	case ok && len(b) >= structure.least:
		if value.Text = structure.text(b); value.Text != "" {
			return value
		}
	}
	var n int64
	switch {
	case length == 1 && len(b) == 1:
		n = int64(b[0])
	case length == 4 && len(b) == 4:
		n = int64(int32(order.Uint32(b)))
	default:
		return value
	}
	value = number("optval", n)
	switch names := numbered[o]; {
	case names != nil:
		value.Text = names[int(n)]
	case o == option{unix.SOL_SOCKET, unix.SO_ERROR} && n > 0:
		value.Text = ErrnoName(n)
	}
	return value
}

func int32At(b []byte, at int) int32 { return int32(order.Uint32(b[at:])) }

func ip4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }
func ip6(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)) }

// prefixed writes the 32-bit numbers of a structure that are there: the kernel returns as many bytes as there is room
// for.
func prefixed(b []byte, format string, names ...string) string {
	var f members
	for i, name := range names {
		if len(b) < 4*(i+1) {
			break
		}
		if format == "%d" {
			f.add(name, format, int32At(b, 4*i))
		} else {
			f.add(name, format, order.Uint32(b[4*i:]))
		}
	}
	return f.String()
}

func lingerText(b []byte) string { return prefixed(b, "%d", "l_onoff", "l_linger") }

func credentialsText(b []byte) string {
	var f members
	f.add("pid", "%d", int32At(b, 0))
	if len(b) >= 12 {
		for i, name := range []string{"uid", "gid"} {
			if n := int32At(b, 4+4*i); n == -1 {
				f.add(name, "%d", -1) // nobody's
			} else {
				f.add(name, "%d", uint32(n))
			}
		}
	}
	return f.String()
}

func timevalText(b []byte) string {
	return fmt.Sprintf("{tv_sec=%d, tv_usec=%d}", int64(order.Uint64(b)), int64(order.Uint64(b[8:])))
}

// programText is a struct sock_fprog, whose instructions are elsewhere.
func programText(b []byte) string { return fmt.Sprintf("{len=%d}", order.Uint16(b)) }

// timestampings are SOF_TIMESTAMPING_… in the order of their bits (include/uapi/linux/net_tstamp.h).
var timestampings = []string{
	"TX_HARDWARE", "TX_SOFTWARE", "RX_HARDWARE", "RX_SOFTWARE", "SOFTWARE", "SYS_HARDWARE", "RAW_HARDWARE", "OPT_ID", "TX_SCHED", "TX_ACK", "OPT_CMSG",
	"OPT_TSONLY", "OPT_STATS", "OPT_PKTINFO", "OPT_TX_SWHW", "BIND_PHC", "OPT_ID_TCP", "OPT_RX_FILTER", "TX_COMPLETION",
}

// bitsText names bits, the lowest first; what has no name stays a number.
func bitsText(n uint32, prefix string, names []string) string {
	if n == 0 {
		return "0"
	}
	var all []string
	for i, name := range names {
		if n&(1<<i) != 0 {
			all = append(all, prefix+name)
			n &^= 1 << i
		}
	}
	if n != 0 {
		all = append(all, fmt.Sprintf("%#x", n))
	}
	return strings.Join(all, "|")
}

func timestampingFlags(n uint32) string { return bitsText(n, "SOF_TIMESTAMPING_", timestampings) }

// timestampingText is an int, or a struct so_timestamping.
func timestampingText(b []byte) string {
	s := timestampingFlags(order.Uint32(b))
	if len(b) >= 8 {
		return fmt.Sprintf("{flags=%s, bind_phc=%d}", s, int32At(b, 4))
	}
	return s
}

var clocks = map[int]string{0: "CLOCK_REALTIME", 1: "CLOCK_MONOTONIC", 11: "CLOCK_TAI"}

func txTimeText(b []byte) string {
	return fmt.Sprintf("{clockid=%s, flags=%s}", nameOr(clocks, int(int32At(b, 0))), bitsText(order.Uint32(b[4:]), "SOF_TXTIME_", []string{"DEADLINE_MODE", "REPORT_ERRORS"}))
}

func cookieText(b []byte) string {
	return fmt.Sprint(order.Uint64(b))
}

func sockaddrText(b []byte) string {
	if a := Sockaddr(b); a.IP.IsValid() {
		return a.IP.String()
	} else if a.Unix != "" {
		return `"` + a.Unix + `"`
	}
	return ""
}

func membershipText(b []byte) string {
	var f members
	f.add("imr_multiaddr", "%v", ip4(b[:4]))
	if len(b) < 12 {
		f.add("imr_interface", "%v", ip4(b[4:8]))
	} else {
		f.add("imr_address", "%v", ip4(b[4:8]))
		f.add("imr_ifindex", "%d", int32At(b, 8))
	}
	return f.String()
}

// multicastInterfaceText is an address, or a structure as for a membership.
func multicastInterfaceText(b []byte) string {
	if len(b) < 8 {
		return ip4(b[:4]).String()
	}
	return membershipText(b)
}

func sourceText(b []byte) string {
	return fmt.Sprintf("{imr_multiaddr=%v, imr_interface=%v, imr_sourceaddr=%v}", ip4(b[:4]), ip4(b[4:8]), ip4(b[8:12]))
}

// groupText is a struct group_req: an interface and, aligned, a struct sockaddr_storage.
func groupText(b []byte) string {
	group := Sockaddr(b[8:])
	if !group.IP.IsValid() {
		return ""
	}
	return fmt.Sprintf("{gr_interface=%d, gr_group=%v}", order.Uint32(b), group.IP.Addr())
}

func membership6Text(b []byte) string {
	return fmt.Sprintf("{ipv6mr_multiaddr=%v, ipv6mr_interface=%d}", ip6(b[:16]), int32At(b, 16))
}

// Types of ICMP, include/uapi/linux/icmp.h and icmpv6.h.
var (
	icmpTypes  = tableOf(256, func(n int) string { return wire.ICMPTypeSymbol(false, uint8(n)) })
	icmp6Types = tableOf(256, func(n int) string { return wire.ICMPTypeSymbol(true, uint8(n)) })
)

// A filter of a raw socket has a bit for each type, set for those that it does not want.
func icmpFilterText(b []byte) string { return filterText(b[:4], icmpTypes) }

func icmp6FilterText(b []byte) string {
	return filterText(b[:32], icmp6Types)
}

// filterText names the types that a filter passes, or where they are many those that it blocks.
func filterText(b []byte, names map[int]string) string {
	const many = 16
	var passes, blocks []string
	for i := range len(b) * 8 {
		name := nameOr(names, i)
		if order.Uint32(b[i/32*4:])&(1<<(i%32)) == 0 {
			passes = append(passes, name)
		} else {
			blocks = append(blocks, name)
		}
	}
	switch {
	case len(passes) <= many:
		return "passes [" + strings.Join(passes, ", ") + "]"
	case len(blocks) <= many:
		return "blocks [" + strings.Join(blocks, ", ") + "]"
	}
	return fmt.Sprintf("passes %d types", len(passes))
}

var packetMemberships = map[int]string{0: "PACKET_MR_MULTICAST", 1: "PACKET_MR_PROMISC", 2: "PACKET_MR_ALLMULTI", 3: "PACKET_MR_UNICAST"}

func packetMembershipText(b []byte) string {
	var f members
	f.add("mr_ifindex", "%d", int32At(b, 0))
	f.add("mr_type", "%s", nameOr(packetMemberships, int(order.Uint16(b[4:]))))
	n := order.Uint16(b[6:])
	f.add("mr_alen", "%d", n)
	if n > 0 {
		f.add("mr_address", "%x", b[8:8+min(n, 8)])
	}
	return f.String()
}

func packetStatisticsText(b []byte) string {
	return prefixed(b, "%d", "tp_packets", "tp_drops", "tp_freeze_q_cnt")
}

// States of a TCP connection and of its congestion control (include/net/tcp_states.h, include/uapi/linux/tcp.h).
var (
	tcpStates = map[int]string{
		1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK",
		10: "LISTEN", 11: "CLOSING", 12: "NEW_SYN_RECV",
	}
	tcpControls = map[int]string{0: "Open", 1: "Disorder", 2: "CWR", 3: "Recovery", 4: "Loss"}
)

// tcpInfoText shows of a struct tcp_info what tells how the connection does. Times are as the kernel gives them, in
// microseconds.
func tcpInfoText(b []byte) string {
	var f members
	f.add("tcpi_state", "%s", nameOr(tcpStates, int(b[0])))
	f.add("tcpi_ca_state", "%s", nameOr(tcpControls, int(b[1])))
	f.add("tcpi_retransmits", "%d", b[2])
	for _, x := range []struct {
		name string
		at   int
	}{
		{"tcpi_rto", 8}, {"tcpi_snd_mss", 16}, {"tcpi_rcv_mss", 20}, {"tcpi_unacked", 24}, {"tcpi_sacked", 28}, {"tcpi_lost", 32}, {"tcpi_retrans", 36},
		{"tcpi_pmtu", 60}, {"tcpi_rtt", 68}, {"tcpi_rttvar", 72}, {"tcpi_snd_ssthresh", 76}, {"tcpi_snd_cwnd", 80}, {"tcpi_rcv_space", 96},
		{"tcpi_total_retrans", 100},
	} {
		if len(b) >= x.at+4 {
			f.add(x.name, "%d", order.Uint32(b[x.at:]))
		}
	}
	return f.String()
}

// quoted shows the start of data as text when it is text, else in hex, and tells how much there is in all when that is
// more. It is not escaped yet.
func quoted(b []byte, size int) string {
	const shown = 32
	more := ""
	if b = b[:min(len(b), shown, max(size, 0))]; len(b) < size {
		more = "…"
	}
	if bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f || r == '�' }) {
		return fmt.Sprintf("<% x%s>", b, more)
	}
	return `"` + string(b) + more + `"`
}

// stampText is a time as the kernel's clock tells it: seconds and nanoseconds since 1970.
func stampText(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

var packetKinds = map[int]string{
	0: "PACKET_HOST", 1: "PACKET_BROADCAST", 2: "PACKET_MULTICAST", 3: "PACKET_OTHERHOST", 4: "PACKET_OUTGOING", 5: "PACKET_LOOPBACK", 6: "PACKET_USER",
	7: "PACKET_KERNEL",
}

// otherAddress is an address of neither IP nor Unix sockets: the fields of those that are met often, of the others the
// family.
func otherAddress(b []byte) string {
	family := int(order.Uint16(b))
	f := members{"sa_family=" + nameOr(families, family)}
	switch {
	case family == unix.AF_NETLINK && len(b) >= 12:
		f.add("nl_pid", "%d", order.Uint32(b[4:]))
		f.add("nl_groups", "%#x", order.Uint32(b[8:]))
	case family == unix.AF_PACKET && len(b) >= 12:
		f.add("sll_protocol", "%s", protocolText(family, 0, int(order.Uint16(b[2:]))))
		f.add("sll_ifindex", "%d", int32At(b, 4))
		f.add("sll_hatype", "%d", order.Uint16(b[8:]))
		f.add("sll_pkttype", "%s", nameOr(packetKinds, int(b[10])))
		if n := min(int(b[11]), len(b)-12, 8); n > 0 {
			f.add("sll_addr", "%x", b[12:12+n])
		}
	case family == unix.AF_VSOCK && len(b) >= 12:
		f.add("svm_cid", "%d", order.Uint32(b[8:]))
		f.add("svm_port", "%d", order.Uint32(b[4:]))
	default:
		return nameOr(families, family)
	}
	return f.String()
}
