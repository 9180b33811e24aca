package main

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// The arguments of a call as strace has them and as we do, in one style. Left out is what an address says of its own
// length, and what is another at every run of a program: ports that the kernel chose, numbers of processes, times.

// straceArguments are the arguments that strace shows of a call, which writes strings in hex (-xx).
func straceArguments(name, text string, result int64, failed bool) []string {
	text = strings.TrimRight(text, " ")
	if strings.Count(text, "(") < strings.Count(text, ")") {
		text = strings.TrimSuffix(text, ")")
	}
	a := splitTop(straceDescriptor.ReplaceAllString(text, "$1"))
	arg := func(i int) string {
		if i < len(a) {
			return a[i]
		}
		return ""
	}
	fd := func() string { return "fd " + arg(0) }
	flags := func(i int) string { return "flags " + flagSet(arg(i)) }
	received := func(i int) string {
		if failed {
			return "data"
		}
		return "data " + dataText(literal(arg(i)))
	}
	switch name {
	case "socket", "socketpair":
		all := []string{"domain " + constant(arg(0)), "type " + constant(arg(1)), "protocol " + protocol(arg(0), arg(2))}
		if name == "socketpair" {
			all = append(all, "sv "+arg(3))
		}
		return all
	case "bind", "connect":
		return []string{fd(), "addr " + straceAddress(arg(1))}
	case "getsockname", "getpeername", "accept":
		return []string{fd(), "addr " + straceAddress(arg(1))}
	case "accept4":
		return []string{fd(), "addr " + straceAddress(arg(1)), flags(3)}
	case "listen":
		return []string{fd(), "backlog " + arg(1)}
	case "shutdown":
		return []string{fd(), "how " + constant(arg(1))}
	case "sendto":
		return []string{fd(), "data " + dataText(literal(arg(1))), "len " + arg(2), flags(3), "addr " + straceAddress(arg(4))}
	case "recvfrom":
		return []string{fd(), received(1), "size " + arg(2), flags(3), "addr " + straceAddress(arg(4))}
	case "read":
		return []string{fd(), received(1), "size " + arg(2)}
	case "write":
		return []string{fd(), "data " + dataText(literal(arg(1))), "len " + arg(2)}
	case "writev", "pwritev2", "readv", "preadv2":
		data, size := straceVectors(arg(1))
		all := []string{fd(), "data " + dataText(data), "len " + strconv.Itoa(size)}
		if strings.HasPrefix(name, "r") || strings.HasPrefix(name, "pr") {
			all[1], all[2] = "data "+dataText(data[:min(len(data), max(int(result), 0))]), "size "+strconv.Itoa(size)
			if failed {
				all[1] = "data"
			}
		}
		if strings.HasPrefix(name, "p") {
			all = append(all, "offset "+arg(3), flags(4))
		}
		return all
	case "sendmsg":
		return append([]string{fd()}, append(straceMessage(arg(1), true, failed, result), flags(2))...)
	case "recvmsg":
		return append([]string{fd()}, append(straceMessage(arg(1), false, failed, result), flags(2))...)
	case "sendmmsg", "recvmmsg":
		all := []string{fd(), "vlen " + arg(2), flags(3)}
		for i, m := range splitTop(inside(arg(1))) {
			if failed || int64(i) >= result {
				break
			}
			f := structure(m)
			n, _ := strconv.ParseInt(f["msg_len"], 0, 64)
			all = append(all, straceMessage(f["msg_hdr"], name == "sendmmsg", false, n)...)
		}
		return all
	case "setsockopt", "getsockopt":
		all := []string{fd(), "level " + constant(arg(1)), "optname " + constant(arg(2))}
		size := arg(4)
		if failed && name == "getsockopt" {
			return append(all, "optlen "+cmp.Or(first(inside(arg(4))), "none"))
		}
		if name == "getsockopt" {
			size = last(inside(arg(4)))
		}
		return append(all, "optval "+straceValue(constant(arg(2)), arg(3)), "optlen "+size)
	case "sendfile":
		return []string{fd(), "in_fd " + arg(1), "offset " + strings.TrimSuffix(first(inside(arg(2))), "]"), "count " + arg(3)}
	case "splice":
		return []string{"fd_in " + arg(0), "fd_out " + arg(2), "len " + arg(4), flags(5)}
	case "dup2":
		return []string{fd(), "newfd " + arg(1)}
	case "dup3":
		return []string{fd(), "newfd " + arg(1), flags(2)}
	case "fcntl":
		return []string{fd(), "cmd " + constant(arg(1)), "arg " + flagSet(strings.NewReplacer("FASYNC", "O_ASYNC", "SIGIO", "29").Replace(arg(2)))}
	case "close", "dup":
		return []string{fd()}
	}
	return nil
}

var straceDescriptor = regexp.MustCompile(`(-?\b\d+)<[^>]*>(?:\(deleted\))?`)

// splitTop splits at the commas that stand outside of all brackets and strings.
func splitTop(s string) (all []string) {
	depth, quoted, start := 0, false, 0
	for i, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("([{", r):
			depth++
		case strings.ContainsRune(")]}", r):
			depth--
		case r == ',' && depth == 0:
			all = append(all, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	if rest := strings.TrimSpace(s[start:]); rest != "" {
		all = append(all, rest)
	}
	return all
}

// inside is what stands in brackets.
func inside(s string) string {
	if len(s) >= 2 && strings.ContainsRune("[{(", rune(s[0])) {
		return s[1 : len(s)-1]
	}
	return s
}

// first and last are the lengths of "112 => 16": as passed, and as returned.
func first(s string) string { f, _, _ := strings.Cut(s, " => "); return f }
func last(s string) string  { return s[strings.LastIndex(s, " ")+1:] }

// structure are the fields of {a=1, b=2}. What has no name has that of the pointer it ends with: inet_pton(AF_INET6,
// "::1", &a).
func structure(s string) map[string]string {
	all := map[string]string{}
	for _, f := range splitTop(inside(s)) {
		name, value, _ := strings.Cut(f, "=")
		if strings.HasPrefix(f, "inet_pton(") {
			a := splitTop(inside(strings.TrimPrefix(f, "inet_pton")))
			name, value = strings.TrimPrefix(a[2], "&"), a[1]
		}
		all[name] = value
	}
	return all
}

// literal are the bytes of a string in hex.
func literal(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(strings.TrimPrefix(s, "@"), `"`), `\x`, ""))
	if err != nil {
		return nil
	}
	return b
}

// kept is how much data we keep of a call.
const kept = 65535

// dataText is data to be compared, as far as we keep it.
func dataText(b []byte) string {
	b = b[:min(len(b), kept)]
	if len(b) <= 32 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%.16q… %d bytes %08x", b, len(b), crc32.ChecksumIEEE(b))
}

var comment = regexp.MustCompile(` ?/\*.*?\*/`)

// constant is a number by name, or in decimal.
func constant(s string) string {
	s = comment.ReplaceAllString(s, "")
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	switch s {
	case "SOL_IP", "SOL_TCP", "SOL_UDP", "SOL_IPV6", "SOL_ICMPV6", "SOL_RAW", "SOL_SCTP", "SOL_UDPLITE":
		return "IPPROTO_" + s[4:] // as the manual pages have it
	}
	return strings.TrimSuffix(s, "_OLD") // as programs know it
}

// protocol is given by name for the families that we know the protocols of.
func protocol(domain, s string) string {
	switch domain {
	case "AF_INET", "AF_INET6", "AF_NETLINK":
		return constant(s)
	case "AF_PACKET":
		return "htons(" + constant(inside(strings.TrimPrefix(s, "htons"))) + ")"
	}
	return "*"
}

// flagSet are flags in an order of ours.
func flagSet(s string) string {
	s = newFlags.Replace(s)
	all := strings.Split(comment.ReplaceAllString(s, ""), "|")
	slices.Sort(all)
	return strings.Join(all, "|")
}

var newFlags = strings.NewReplacer("MSG_SENDPAGE_DECRYPTED", "0x100000", "MSG_SOCK_DEVMEM", "0x200000", "MSG_SPLICE_PAGES", "0x8000000")

var number = regexp.MustCompile(`\d{4,}`)

// endText is an address without what is another at every run.
func endText(a netip.AddrPort) string {
	if a.Port() >= 32768 {
		return a.Addr().String() + " port *"
	}
	return fmt.Sprintf("%v port %d", a.Addr(), a.Port())
}

func straceAddress(s string) string {
	if !strings.HasPrefix(s, "{") {
		return "" // there is none, or nothing was written to it
	}
	f := structure(s)
	name := func(address, port string) string {
		n, _ := strconv.ParseUint(inside(strings.TrimPrefix(f[port], "htons")), 10, 16)
		text := string(literal(inside(strings.TrimPrefix(f[address], "inet_addr"))))
		a, err := netip.ParseAddr(text)
		if err != nil {
			return "no address: " + text
		}
		return endText(netip.AddrPortFrom(a, uint16(n)))
	}
	switch f["sa_family"] {
	case "AF_INET":
		return name("sin_addr", "sin_port")
	case "AF_INET6":
		return name("sin6_addr", "sin6_port")
	case "AF_UNIX":
		path := f["sun_path"]
		if path == "" {
			return "no name"
		}
		text := strings.TrimRight(string(literal(path)), "\x00")
		if strings.HasPrefix(path, "@") {
			text = "@" + text
		}
		return number.ReplaceAllString(text, "N")
	}
	switch family := f["sa_family"]; family {
	case "AF_NETLINK":
		groups, _ := strconv.ParseUint(strings.TrimPrefix(f["nl_groups"], "0x"), 16, 32)
		return netlinkNumber.ReplaceAllString(fmt.Sprintf("{sa_family=%s, nl_pid=%s, nl_groups=%#x}", family, f["nl_pid"], groups), "nl_pid=*")
	case "AF_PACKET":
		return fmt.Sprintf("{sa_family=%s, sll_protocol=%s, sll_ifindex=%s, …", family, f["sll_protocol"], interfaces.Replace(f["sll_ifindex"]))
	default:
		return family
	}
}

var (
	netlinkNumber = regexp.MustCompile(`nl_pid=[1-9]\d*`)
	linkLayer     = regexp.MustCompile(`, sll_hatype=.*`)
)

// straceVectors are the bytes of struct iovec, and how many there is room for.
func straceVectors(s string) (data []byte, size int) {
	for _, v := range splitTop(inside(s)) {
		f := structure(v)
		n, _ := strconv.Atoi(f["iov_len"])
		if strings.HasPrefix(f["iov_base"], `"`) {
			data = append(data, literal(f["iov_base"])...)
		}
		size += n
	}
	return data, size
}

// straceMessage are the parts of a struct msghdr.
func straceMessage(s string, sends, failed bool, result int64) []string {
	f := structure(s)
	data, size := straceVectors(f["msg_iov"])
	all := []string{"addr " + straceAddress(f["msg_name"]), "control " + straceControl(f["msg_control"])}
	if sends {
		return append(all, "data "+dataText(data), "len "+strconv.Itoa(size))
	}
	if failed {
		return []string{"data"} // strace does not show what there was room for
	}
	return append(all, "data "+dataText(data[:min(len(data), max(int(result), 0))]), "size "+strconv.Itoa(size), "returned "+flagSet(strings.ReplaceAll(f["msg_flags"], "MSG_CMSG_CLOEXEC", "0")))
}

// unnamed are control messages that strace has no names for, by level and number.
var unnamed = map[string]string{
	"SOL_IPV6 0x34": "IPV6_HOPLIMIT", "SOL_IPV6 0x43": "IPV6_TCLASS", "SOL_IPV6 0x32": "IPV6_PKTINFO", "SOL_IPV6 0x19": "IPV6_RECVERR", "SOL_UDP 0x67": "UDP_SEGMENT",
	"SOL_UDP 0x68": "UDP_GRO", "0x4d 0x63": "77:99",
}

var (
	inetAddress = regexp.MustCompile(`inet_addr\("([^"]*)"\)`)
	interfaces  = strings.NewReplacer(`if_nametoindex("\x6c\x6f")`, "1")
)

// plainStruct writes the values in a structure without the functions that make them.
func plainStruct(s string) string {
	return inetAddress.ReplaceAllStringFunc(interfaces.Replace(s), func(m string) string { return string(literal(inside(strings.TrimPrefix(m, "inet_addr")))) })
}

// straceControl are control messages in our style, with those of times and numbers of processes, and those whose values
// strace does not show, by name alone.
func straceControl(s string) string {
	var all []string
	for _, m := range splitTop(inside(s)) {
		f := structure(m)
		name := constant(f["cmsg_type"])
		if n, ok := unnamed[comment.ReplaceAllString(f["cmsg_level"], "")+" "+f["cmsg_type"]]; ok {
			name = n
		}
		value := f["cmsg_data"]
		switch {
		case hiddenValue(name):
			value = "*"
		case name == "IP_TOS":
			value = first(splitTop(inside(value))[0])
			if value == "0" {
				value = "0x0"
			}
		case name == "IP_RECVERR":
			e := structure(value)
			errno, _ := strconv.Atoi(e["ee_errno"])
			origin := map[string]string{"2": "ICMP", "4": "TIMESTAMPING", "5": "ZEROCOPY"}[e["ee_origin"]]
			info := e["ee_info"]
			if origin == "TIMESTAMPING" {
				info = "SCM_TSTAMP_SND"
			}
			value = fmt.Sprintf("{ee_errno=%s, ee_origin=SO_EE_ORIGIN_%s, ee_type=%s, ee_code=%s, ee_info=%s, ee_data=%s", cmp.Or(unix.ErrnoName(unix.Errno(errno)), "0"), origin,
				e["ee_type"], e["ee_code"], info, e["ee_data"])
			if a := straceAddress(e["offender"]); a != "" && a != "AF_UNSPEC" {
				value += ", offender=" + strings.TrimSuffix(a, " port 0")
			}
			value += "}"
		case name == "IP_ORIGDSTADDR":
			value = straceAddress(value)
		case name == "SCM_RIGHTS":
		case strings.HasPrefix(value, "["):
			value = inside(value)
		default:
			value = withoutProcess(plainStruct(value))
		}
		all = append(all, name+" "+value)
	}
	return strings.Join(all, ", ")
}

// hiddenValue tells that the value of a control message is not compared.
func hiddenValue(name string) bool {
	for _, n := range unnamed {
		if n == name {
			return true
		}
	}
	return strings.HasPrefix(name, "SO_TIMESTAMP")
}

var processNumber = regexp.MustCompile(`\bpid=[1-9]\d*`)

func withoutProcess(s string) string { return processNumber.ReplaceAllString(s, "pid=*") }

// changing are the options whose values are others at every run: only their length is compared.
var changing = []string{"TCP_INFO", "SO_COOKIE", "SO_MEMINFO", "SO_INCOMING_CPU", "SO_INCOMING_NAPI_ID", "TCP_MAXSEG"}

// straceValue is the value of an option: bytes in hex, or a structure.
func straceValue(name, s string) string {
	switch {
	case slices.Contains(changing, name), strings.HasPrefix(s, "0x"):
		return "*"
	case s == "NULL":
		return s
	case strings.HasPrefix(s, `"`):
		return hex.EncodeToString(literal(s))
	case strings.HasPrefix(s, "~["): // bits that are not set
		return "passes [" + strings.ReplaceAll(inside(s[1:]), " ", ", ") + "]"
	case strings.HasPrefix(s, "{len="):
		return "{" + splitTop(inside(s))[0] + "}"
	case strings.HasPrefix(s, "{"):
		f := structure(s)
		if a, ok := f["ipv6mr_multiaddr"]; ok {
			return fmt.Sprintf("{ipv6mr_multiaddr=%s, ipv6mr_interface=%s}", literal(a), interfaces.Replace(f["ipv6mr_interface"]))
		}
		return withoutProcess(strings.Replace(plainStruct(s), ", mr_address=}", "}", 1))
	}
	n, err := strconv.ParseInt(inside(s), 0, 64)
	if err != nil {
		return s
	}
	return hex.EncodeToString(binary.NativeEndian.AppendUint32(nil, uint32(n)))
}

// arguments are the arguments of one of our records.
func (c *call) arguments() []string {
	a := map[string]json.RawMessage{}
	for _, x := range c.Args {
		if x.Name == "optlen" && x.Returned || x.Name != "optlen" || a["optlen"] == nil {
			a[x.Name] = x.Value
		}
	}
	text := func(name string) string {
		var s string
		if v := a[name]; json.Unmarshal(v, &s) != nil {
			return string(v)
		}
		return s
	}
	data := func(name string) trace.Arg {
		var d struct {
			Hex, Text string
			Length    int
		}
		json.Unmarshal(a[name], &d)
		b, _ := hex.DecodeString(d.Hex)
		return trace.Arg{Data: b, Size: d.Length, Text: d.Text}
	}
	fd := "fd " + text("fd")
	if c.FD != nil {
		fd = fmt.Sprintf("fd %d", *c.FD)
	}
	flags := "flags " + flagSet(cmp.Or(text("flags"), "0"))
	address := "addr " + ourAddress(text("addr"))
	sent := []string{"data " + dataText(data("buf").Data), "len " + text("len")}
	received := []string{"data", "size " + text("size")}
	if c.Errno == "" {
		b, _ := hex.DecodeString(c.Data)
		received[0] = "data " + dataText(b)
	}
	control := "control " + ourControl(data("control").Text)
	returned := "returned " + flagSet(cmp.Or(strings.Join(c.Returned, "|"), "0"))
	join := func(parts ...any) (all []string) {
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				all = append(all, p)
			case []string:
				all = append(all, p...)
			}
		}
		return all
	}
	switch c.Name {
	case "socket", "socketpair":
		protocol := known(text("protocol"))
		if n, ok := strings.CutPrefix(protocol, "htons("); ok {
			protocol = "htons(" + constant(strings.TrimSuffix(n, ")")) + ")"
		}
		if d := text("domain"); !slices.Contains([]string{"AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET"}, d) {
			protocol = "*"
		}
		all := []string{"domain " + text("domain"), "type " + text("type"), "protocol " + protocol}
		if c.Name == "socketpair" {
			all = append(all, "sv "+text("sv"))
		}
		return all
	case "bind", "connect", "getsockname", "getpeername", "accept":
		return join(fd, address)
	case "accept4":
		return join(fd, address, flags)
	case "listen":
		return join(fd, "backlog "+text("backlog"))
	case "shutdown":
		return join(fd, "how "+text("how"))
	case "sendto":
		return join(fd, sent, flags, address)
	case "recvfrom":
		return join(fd, received, flags, address)
	case "read":
		return join(fd, received)
	case "write", "writev":
		return join(fd, sent)
	case "readv":
		return join(fd, received)
	case "pwritev2":
		return join(fd, sent, "offset "+text("offset"), flags)
	case "preadv2":
		return join(fd, received, "offset "+text("offset"), flags)
	case "sendmsg":
		return join(fd, address, control, sent, flags)
	case "recvmsg":
		if c.Errno != "" {
			return join(fd, "data", flags)
		}
		return join(fd, address, control, received, returned, flags)
	case "sendmmsg", "recvmmsg":
		all := join(fd, "vlen "+text("vlen"), flags)
		for _, m := range c.Messages {
			b, _ := hex.DecodeString(m.Data)
			all = append(all, "addr "+ourAddress(m.Addr), "control "+ourControl(m.Control.Text), "data "+dataText(b))
			if c.Name == "sendmmsg" {
				all = append(all, fmt.Sprintf("len %d", m.Length))
			} else {
				all = append(all, fmt.Sprintf("size %d", m.Room), "returned "+flagSet(cmp.Or(strings.Join(m.Returned, "|"), "0")))
			}
		}
		return all
	case "setsockopt", "getsockopt":
		all := join(fd, "level "+known(text("level")), "optname "+known(text("optname")))
		if c.Name == "getsockopt" && c.Errno != "" {
			return join(all, "optlen "+cmp.Or(text("optlen"), "none"))
		}
		return join(all, "optval "+ourValue(text("optname"), a["optval"], text("optlen")), "optlen "+text("optlen"))
	case "sendfile":
		return join(fd, "in_fd "+text("in_fd"), "offset "+cmp.Or(text("offset"), "NULL"), "count "+text("count"))
	case "splice":
		return join("fd_in "+text("fd_in"), "fd_out "+text("fd_out"), "len "+text("len"), flags)
	case "dup2":
		return join(fd, "newfd "+text("newfd"))
	case "dup3":
		return join(fd, "newfd "+text("newfd"), flags)
	case "fcntl":
		return join(fd, "cmd "+text("cmd"), "arg "+flagSet(text("arg")))
	case "close", "dup":
		return join(fd)
	}
	return nil
}

// unknownToStrace are the names that strace 6.1 does not have.
var unknownToStrace = map[string]int{
	"IP_LOCAL_PORT_RANGE": 51, "IP_PROTOCOL": 52, "SO_ORIGINAL_DST": 80, "IP6T_SO_ORIGINAL_DST": 80, "SO_PASSPIDFD": 76, "SO_PEERPIDFD": 77, "SO_DEVMEM_LINEAR": 78,
	"SO_DEVMEM_DMABUF": 79, "SO_DEVMEM_DONTNEED": 80, "SO_RCVPRIORITY": 82, "SO_PASSRIGHTS": 83, "SO_INQ": 84, "TCP_AO_ADD_KEY": 38, "TCP_AO_DEL_KEY": 39,
	"TCP_AO_INFO": 40, "TCP_AO_GET_KEYS": 41, "TCP_AO_REPAIR": 42, "TCP_IS_MPTCP": 43, "TCP_RTO_MAX_MS": 44, "TCP_RTO_MIN_US": 45, "TCP_DELACK_MAX_US": 46,
	"PACKET_VNET_HDR_SZ": 24, "TLS_TX_ZEROCOPY_RO": 3, "TLS_RX_EXPECT_NO_PAD": 4, "ICMPV6_FILTER": 1, "SOL_MPTCP": 284, "SOL_MCTP": 285, "SOL_SMC": 286, "SOL_VSOCK": 287,
	"IPPROTO_SMC": 256,
}

// known is a name as strace has it.
func known(s string) string {
	if n, ok := unknownToStrace[s]; ok {
		return strconv.Itoa(n)
	}
	return s
}

func ourAddress(s string) string {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return endText(a)
	}
	if strings.HasPrefix(s, "{") {
		return linkLayer.ReplaceAllString(netlinkNumber.ReplaceAllString(s, "nl_pid=*"), ", …")
	}
	return number.ReplaceAllString(s, "N")
}

func ourControl(s string) string {
	all := splitTop(inside(s))
	for i, m := range all {
		name, value, _ := strings.Cut(m, " ")
		if hiddenValue(name) {
			value = "*"
		}
		if name == "IP_ORIGDSTADDR" {
			value = ourAddress(value)
		}
		all[i] = name + " " + withoutProcess(value)
	}
	return strings.Join(all, ", ")
}

var named = map[string]uint32{
	"SOCK_STREAM": 1, "SOCK_DGRAM": 2, "SOCK_RAW": 3, "AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "IPPROTO_IP": 0, "IPPROTO_TCP": 6, "IPPROTO_UDP": 17, "IPPROTO_ICMP": 1,
	"IP_PMTUDISC_DONT": 0, "IP_PMTUDISC_WANT": 1, "IP_PMTUDISC_DO": 2, "IP_PMTUDISC_PROBE": 3, "IP_PMTUDISC_INTERFACE": 4, "IP_PMTUDISC_OMIT": 5, "IPV6_PMTUDISC_DO": 2,
	"TPACKET_V3": 2, "ECONNREFUSED": uint32(unix.ECONNREFUSED), "ECONNRESET": uint32(unix.ECONNRESET), "EPIPE": uint32(unix.EPIPE),
}

var multicastInterface = regexp.MustCompile(`imr_address=([^,]*), imr_ifindex=\d+`)

func ourValue(name string, value json.RawMessage, size string) string {
	var d struct {
		Hex, Text *string
	}
	var s string
	var n int64
	switch {
	case slices.Contains(changing, name):
		return "*"
	case json.Unmarshal(value, &n) == nil:
		b := binary.NativeEndian.AppendUint32(nil, uint32(n))
		if size == "1" {
			b = b[:1]
		}
		return hex.EncodeToString(b)
	case json.Unmarshal(value, &s) == nil:
		if n, ok := named[s]; ok {
			return hex.EncodeToString(binary.NativeEndian.AppendUint32(nil, n))
		}
		return s
	case json.Unmarshal(value, &d) != nil || d.Hex == nil:
		return string(value)
	case d.Text != nil && strings.HasPrefix(*d.Text, "{flags="): // of SO_TIMESTAMPING strace shows the first half
		return (*d.Hex)[:8]
	case d.Text != nil && (strings.HasPrefix(*d.Text, "{") && !strings.HasPrefix(*d.Text, "{tv_sec") && name != "IP_MULTICAST_IF" && name != "IP_ADD_SOURCE_MEMBERSHIP" || name == "ICMP_FILTER"):
		return withoutProcess(multicastInterface.ReplaceAllString(*d.Text, "imr_interface=$1"))
	}
	return *d.Hex
}

// TestStraceArguments reads lines of strace.
func TestStraceArguments(t *testing.T) {
	for line, want := range map[string]string{
		`socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0x12b /* IPPROTO_??? */) = -1 EINVAL (Invalid argument)`:                                                                                  "domain AF_INET; type SOCK_DGRAM|SOCK_CLOEXEC; protocol 299",
		`sendto(5<socket:[77]>, "\x6f\x6e\x65", 3, MSG_NOSIGNAL|MSG_DONTWAIT, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("\x31\x39\x32\x2e\x30\x2e\x32\x2e\x31")}, 16) = 3`: `fd 5; data "one"; len 3; flags MSG_DONTWAIT|MSG_NOSIGNAL; addr 192.0.2.1 port 80`,
		`recvfrom(5, 0xc000, 8, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)`:                                                                                              `fd 5; data; size 8; flags 0; addr `,
		`getsockopt(5, SOL_SOCKET, SO_BINDTODEVICE, "\x6c\x6f\x00", [16 => 3]) = 0`:                                                                                                         `fd 5; level SOL_SOCKET; optname SO_BINDTODEVICE; optval 6c6f00; optlen 3`,
		`setsockopt(5, SOL_IP, IP_TTL, [3], 4) = 0`:                                                                                                                                         `fd 5; level IPPROTO_IP; optname IP_TTL; optval 03000000; optlen 4`,
		`connect(5, {sa_family=AF_UNIX, sun_path=@"\x61"}, 4) = 0`:                                                                                                                          `fd 5; addr @a`,
	} {
		c := straceCall(t, "1700000000.5 "+line)
		if c == nil || strings.Join(c.theirs, "; ") != want {
			t.Errorf("%s: %+v, want %s", line, c, want)
		}
	}
}
