package wire

import "strconv"

// ICMPv4 types (https://www.iana.org/assignments/icmp-parameters).
const (
	ICMPv4EchoReply      = 0
	ICMPv4Unreachable    = 3
	ICMPv4SourceQuench   = 4
	ICMPv4Redirect       = 5
	ICMPv4Echo           = 8
	ICMPv4RouterAdvert   = 9
	ICMPv4RouterSolicit  = 10
	ICMPv4TimeExceeded   = 11
	ICMPv4ParamProblem   = 12
	ICMPv4Timestamp      = 13
	ICMPv4TimestampReply = 14
	ICMPv4Info           = 15
	ICMPv4InfoReply      = 16
	ICMPv4AddrMask       = 17
	ICMPv4AddrMaskReply  = 18
	ICMPv4ExtendedEcho   = 42 // RFC 8335
	ICMPv4ExtendedReply  = 43
)

// Codes of ICMPv4 destination unreachable (RFC 792, RFC 1122, RFC 1812).
const (
	ICMPv4NetUnreachable      = 0
	ICMPv4HostUnreachable     = 1
	ICMPv4ProtocolUnreachable = 2
	ICMPv4PortUnreachable     = 3
	ICMPv4FragmentationNeeded = 4
	ICMPv4SourceRouteFailed   = 5
	ICMPv4AdminProhibited     = 13
)

// ICMPv6 types (https://www.iana.org/assignments/icmpv6-parameters).
const (
	ICMPv6Unreachable     = 1
	ICMPv6PacketTooBig    = 2
	ICMPv6TimeExceeded    = 3
	ICMPv6ParamProblem    = 4
	ICMPv6Echo            = 128
	ICMPv6EchoReply       = 129
	ICMPv6MLDQuery        = 130
	ICMPv6MLDReport       = 131
	ICMPv6MLDDone         = 132
	ICMPv6RouterSolicit   = 133
	ICMPv6RouterAdvert    = 134
	ICMPv6NeighborSolicit = 135
	ICMPv6NeighborAdvert  = 136
	ICMPv6Redirect        = 137
	ICMPv6NodeInfo        = 139
	ICMPv6NodeInfoReply   = 140
	ICMPv6MLDv2Report     = 143
	ICMPv6ExtendedEcho    = 160 // RFC 8335
	ICMPv6ExtendedReply   = 161
)

// Codes of ICMPv6 destination unreachable (RFC 4443, section 3.1).
const (
	ICMPv6NoRoute            = 0
	ICMPv6AdminProhibited    = 1
	ICMPv6BeyondScope        = 2
	ICMPv6AddressUnreachable = 3
	ICMPv6PortUnreachable    = 4
)

// Flags of a neighbour advertisement, in byte 4 of the message (RFC 4861, section 4.4), and of a router advertisement,
// in byte 5 (section 4.2).
const (
	NDRouter    = 0x80
	NDSolicited = 0x40
	NDOverride  = 0x20
	RAManaged   = 0x80
	RAOther     = 0x40
)

// icmpType is what is known of a type of ICMP.
type icmpType struct {
	name   string
	symbol string   // in Linux: include/uapi/linux/icmp.h, icmpv6.h
	codes  []string // what its codes say, whole; "" where a code says no more than the type
}

var icmpv4Types = [256]icmpType{
	0: {"echo reply", "ICMP_ECHOREPLY", nil},
	3: {"destination unreachable", "ICMP_DEST_UNREACH", []string{"network unreachable", "host unreachable", "protocol unreachable", "port unreachable",
		"fragmentation needed", "source route failed", "network unknown", "host unknown", "source host isolated", "network prohibited", "host prohibited",
		"network unreachable for TOS", "host unreachable for TOS", "administratively prohibited", "host precedence violation", "precedence cutoff"}},
	4: {"source quench", "ICMP_SOURCE_QUENCH", nil},
	5: {"redirect", "ICMP_REDIRECT", []string{"redirect for network", "redirect for host", "redirect for TOS and network", "redirect for TOS and host"}},
	8: {"echo request", "ICMP_ECHO", nil},
	9: {"router advertisement", "", nil}, 10: {"router solicitation", "", nil},
	11: {"time exceeded", "ICMP_TIME_EXCEEDED", []string{"TTL exceeded", "reassembly time exceeded"}},
	12: {"parameter problem", "ICMP_PARAMETERPROB", []string{"", "required option missing", "bad length"}},
	13: {"timestamp request", "ICMP_TIMESTAMP", nil}, 14: {"timestamp reply", "ICMP_TIMESTAMPREPLY", nil},
	15: {"information request", "ICMP_INFO_REQUEST", nil}, 16: {"information reply", "ICMP_INFO_REPLY", nil},
	17: {"address mask request", "ICMP_ADDRESS", nil}, 18: {"address mask reply", "ICMP_ADDRESSREPLY", nil},
	40: {"security failure", "", nil},
	42: {"extended echo request", "", nil}, 43: {"extended echo reply", "", []string{"", "malformed query", "no such interface", "no such table entry",
		"several interfaces satisfy the query"}},
}

var icmpv6Types = [256]icmpType{
	1: {"destination unreachable", "ICMPV6_DEST_UNREACH", []string{"no route", "administratively prohibited", "beyond scope of source address", "address unreachable",
		"port unreachable", "source address failed policy", "reject route", "error in source routing header", "headers too long"}},
	2: {"packet too big", "ICMPV6_PKT_TOOBIG", nil},
	3: {"time exceeded", "ICMPV6_TIME_EXCEED", []string{"hop limit exceeded", "reassembly time exceeded"}},
	4: {"parameter problem", "ICMPV6_PARAMPROB", []string{"wrong header field", "unknown next header", "unknown option", "incomplete header chain in first fragment",
		"segment routing: upper-layer header error", "unknown next header at an intermediate node", "extension header too big",
		"extension header chain too long", "too many extension headers", "too many options in an extension header", "option too big"}},
	128: {"echo request", "ICMPV6_ECHO_REQUEST", nil}, 129: {"echo reply", "ICMPV6_ECHO_REPLY", nil},
	130: {"multicast listener query", "ICMPV6_MGM_QUERY", nil}, 131: {"multicast listener report", "ICMPV6_MGM_REPORT", nil},
	132: {"multicast listener done", "ICMPV6_MGM_REDUCTION", nil},
	133: {"router solicitation", "ROUTER_SOLICITATION", nil}, 134: {"router advertisement", "ROUTER_ADVERTISEMENT", nil},
	135: {"neighbor solicitation", "NEIGHBOUR_SOLICITATION", nil}, 136: {"neighbor advertisement", "NEIGHBOUR_ADVERTISEMENT", nil},
	137: {"redirect", "REDIRECT", nil}, 138: {"router renumbering", "", nil},
	139: {"node information query", "", nil}, 140: {"node information reply", "", nil},
	141: {"inverse neighbor solicitation", "", nil}, 142: {"inverse neighbor advertisement", "", nil},
	143: {"multicast listener report v2", "", nil},
	144: {"home agent discovery request", "", nil}, 145: {"home agent discovery reply", "", nil},
	146: {"mobile prefix solicitation", "", nil}, 147: {"mobile prefix advertisement", "", nil},
	148: {"certification path solicitation", "", nil}, 149: {"certification path advertisement", "", nil},
	151: {"multicast router advertisement", "", nil}, 152: {"multicast router solicitation", "", nil}, 153: {"multicast router termination", "", nil},
	155: {"RPL control", "", nil}, 157: {"duplicate address request", "", nil}, 158: {"duplicate address confirmation", "", nil},
	160: {"extended echo request", "", nil}, 161: {"extended echo reply", "", []string{"", "malformed query", "no such interface", "no such table entry",
		"several interfaces satisfy the query"}},
}

func icmpTable(six bool) *[256]icmpType {
	if six {
		return &icmpv6Types
	}
	return &icmpv4Types
}

// ICMPTypeName names a type of ICMPv4, or with six of ICMPv6; "" for one without a name here.
func ICMPTypeName(six bool, typ uint8) string { return icmpTable(six)[typ].name }

// ICMPTypeSymbol names a type as Linux's headers do, ICMP_ECHO; "" for one that they have no name for.
func ICMPTypeSymbol(six bool, typ uint8) string { return icmpTable(six)[typ].symbol }

// ICMPCodeName says what a code of a type means, whole, without the name of the type: "port unreachable". It is ""
// where the code says no more than the type does, or is not known.
func ICMPCodeName(six bool, typ, code uint8) string { return at(icmpTable(six)[typ].codes, int(code)) }

// ICMPName says what a message means: what its code says, else its type; "port unreachable", "echo request". What has
// no name is "destination unreachable, code 99" or "type 99, code 1".
func ICMPName(six bool, typ, code uint8) string {
	t := &icmpTable(six)[typ]
	if s := at(t.codes, int(code)); s != "" {
		return s
	}
	b := make([]byte, 0, 48)
	if t.name != "" {
		b = append(b, t.name...)
	} else {
		b = strconv.AppendUint(append(b, "type "...), uint64(typ), 10)
	}
	if code == 0 {
		return string(b)
	}
	return string(strconv.AppendUint(append(b, ", code "...), uint64(code), 10))
}

// IsICMPError reports whether messages of the type quote the packet that they are about: of ICMPv4 unreachable, source
// quench, redirect, time exceeded and parameter problem (RFC 1122, section 3.2.2), of ICMPv6 all below 128 (RFC 4443,
// section 2.1).
func IsICMPError(six bool, typ uint8) bool {
	if six {
		return typ < 128
	}
	switch typ {
	case ICMPv4Unreachable, ICMPv4SourceQuench, ICMPv4Redirect, ICMPv4TimeExceeded, ICMPv4ParamProblem:
		return true
	}
	return false
}

// ICMPReplyType returns the type of the messages that answer one of this type; ok is false for one that asks nothing. A
// router or neighbour solicitation is answered by an advertisement.
func ICMPReplyType(six bool, typ uint8) (reply uint8, ok bool) {
	if six {
		switch typ {
		case ICMPv6Echo, ICMPv6RouterSolicit, ICMPv6NeighborSolicit, ICMPv6NodeInfo, ICMPv6ExtendedEcho:
			return typ + 1, true
		}
		return 0, false
	}
	switch typ {
	case ICMPv4Echo:
		return ICMPv4EchoReply, true
	case ICMPv4RouterSolicit:
		return ICMPv4RouterAdvert, true
	case ICMPv4Timestamp, ICMPv4Info, ICMPv4AddrMask, ICMPv4ExtendedEcho:
		return typ + 1, true
	}
	return 0, false
}

// ICMPHeaderLen returns how many bytes of a message of the type come before its payload, such as the data of an echo or
// the packet that an error quotes. It is 0 for a message that has none and is all header, as those of neighbour
// discovery are.
func ICMPHeaderLen(six bool, typ uint8) int {
	if six {
		switch typ {
		case ICMPv6Unreachable, ICMPv6PacketTooBig, ICMPv6TimeExceeded, ICMPv6ParamProblem,
			ICMPv6Echo, ICMPv6EchoReply, ICMPv6ExtendedEcho, ICMPv6ExtendedReply:
			return 8
		}
		return 0
	}
	switch typ {
	case ICMPv4RouterAdvert:
		return 0
	case ICMPv4Timestamp, ICMPv4TimestampReply:
		return 20
	case ICMPv4AddrMask, ICMPv4AddrMaskReply:
		return 12
	}
	return 8
}

// ICMPMTU returns the MTU of the next hop that a message tells, in bytes, of fragmentation needed (RFC 1191) and packet
// too big (RFC 4443, section 3.2); 0 where it tells none.
func ICMPMTU(six bool, h ICMP) int {
	if len(h) < ICMPLen {
		return 0
	}
	switch {
	case six && h.Type() == ICMPv6PacketTooBig:
		return int(min(h.MTU(), 1<<31-1))
	case !six && h.Type() == ICMPv4Unreachable && h.Code() == ICMPv4FragmentationNeeded:
		return int(h.MTU() & 0xffff)
	}
	return 0
}

// ICMPQuoteLen returns how many bytes of what follows the first 8 of an error are the packet quoted. ok is false for a
// message behind whose quote no extensions can stand; n is 0 where the message does not tell (RFC 4884, sections 4 and
// 5).
func ICMPQuoteLen(six bool, h ICMP) (n int, ok bool) {
	if len(h) < ICMPLen {
		return 0, false
	}
	switch t := h.Type(); {
	case six && (t == ICMPv6Unreachable || t == ICMPv6TimeExceeded):
		return 8 * int(h[4]), true
	case !six && (t == ICMPv4Unreachable || t == ICMPv4TimeExceeded || t == ICMPv4ParamProblem):
		return 4 * int(h[5]), true
	}
	return 0, false
}
