package wire

// AddressFamilyName names an address family by its number in Linux (include/linux/socket.h): AF_INET is 2. It is "" for a
// number without a name here.
func AddressFamilyName(n int) string { return at(families[:], n) }

var families = [...]string{
	"AF_UNSPEC", "AF_UNIX", "AF_INET", "AF_AX25", "AF_IPX", "AF_APPLETALK", "AF_NETROM", "AF_BRIDGE", "AF_ATMPVC", "AF_X25",
	"AF_INET6", "AF_ROSE", "AF_DECnet", "AF_NETBEUI", "AF_SECURITY", "AF_KEY", "AF_NETLINK", "AF_PACKET", "AF_ASH",
	"AF_ECONET", "AF_ATMSVC", "AF_RDS", "AF_SNA", "AF_IRDA", "AF_PPPOX", "AF_WANPIPE", "AF_LLC", "AF_IB",
	"AF_MPLS", "AF_CAN", "AF_TIPC", "AF_BLUETOOTH", "AF_IUCV", "AF_RXRPC", "AF_ISDN", "AF_PHONET",
	"AF_IEEE802154", "AF_CAIF", "AF_ALG", "AF_NFC", "AF_VSOCK", "AF_KCM", "AF_QIPCRTR", "AF_SMC", "AF_XDP",
	"AF_MCTP",
}

// SocketTypeName names a type of socket by its number in Linux, without the flags that may be or-ed to it: SOCK_STREAM is 1.
// It is "" for a number without a name. (On MIPS the first two are the other way round.)
func SocketTypeName(n int) string { return at(socketTypes[:], n) }

var socketTypes = [...]string{
	1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 4: "SOCK_RDM", 5: "SOCK_SEQPACKET", 6: "SOCK_DCCP", 10: "SOCK_PACKET",
}

// IPProtocolSymbol names the third argument of socket(2) for AF_INET and AF_INET6 (include/uapi/linux/in.h, in6.h):
// IPPROTO_TCP is 6. It is "" for a number without a name.
func IPProtocolSymbol(n int) string {
	switch n {
	case 0:
		return "IPPROTO_IP"
	case ProtoICMP:
		return "IPPROTO_ICMP"
	case ProtoIGMP:
		return "IPPROTO_IGMP"
	case ProtoIPv4:
		return "IPPROTO_IPIP"
	case ProtoTCP:
		return "IPPROTO_TCP"
	case ProtoEGP:
		return "IPPROTO_EGP"
	case 12:
		return "IPPROTO_PUP"
	case ProtoUDP:
		return "IPPROTO_UDP"
	case 22:
		return "IPPROTO_IDP"
	case 29:
		return "IPPROTO_TP"
	case ProtoDCCP:
		return "IPPROTO_DCCP"
	case ProtoIPv6:
		return "IPPROTO_IPV6"
	case ProtoRouting:
		return "IPPROTO_ROUTING"
	case ProtoFragment:
		return "IPPROTO_FRAGMENT"
	case ProtoRSVP:
		return "IPPROTO_RSVP"
	case ProtoGRE:
		return "IPPROTO_GRE"
	case ProtoESP:
		return "IPPROTO_ESP"
	case ProtoAH:
		return "IPPROTO_AH"
	case ProtoICMPv6:
		return "IPPROTO_ICMPV6"
	case ProtoNone:
		return "IPPROTO_NONE"
	case ProtoDstOpts:
		return "IPPROTO_DSTOPTS"
	case 92:
		return "IPPROTO_MTP"
	case 94:
		return "IPPROTO_BEETPH"
	case 98:
		return "IPPROTO_ENCAP"
	case ProtoPIM:
		return "IPPROTO_PIM"
	case ProtoIPComp:
		return "IPPROTO_COMP"
	case ProtoL2TP:
		return "IPPROTO_L2TP"
	case ProtoSCTP:
		return "IPPROTO_SCTP"
	case ProtoMobility:
		return "IPPROTO_MH"
	case ProtoUDPLite:
		return "IPPROTO_UDPLITE"
	case ProtoMPLS:
		return "IPPROTO_MPLS"
	case ProtoEthernet:
		return "IPPROTO_ETHERNET"
	case ProtoReserved:
		return "IPPROTO_RAW"
	case 256:
		return "IPPROTO_SMC"
	case 262:
		return "IPPROTO_MPTCP"
	}
	return ""
}

// at returns the name at n, "" outside the table.
func at(names []string, n int) string {
	if uint(n) < uint(len(names)) {
		return names[n]
	}
	return ""
}
