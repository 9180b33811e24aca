package wire

// AddressFamilyName names an address family by its number in Linux (include/linux/socket.h): AF_INET is 2. It is "" for
// a number without a name here.
func AddressFamilyName(n int) string { return at(families[:], n) }

var families = [...]string{
	"AF_UNSPEC", "AF_UNIX", "AF_INET", "AF_AX25", "AF_IPX", "AF_APPLETALK", "AF_NETROM", "AF_BRIDGE", "AF_ATMPVC", "AF_X25",
	"AF_INET6", "AF_ROSE", "AF_DECnet", "AF_NETBEUI", "AF_SECURITY", "AF_KEY", "AF_NETLINK", "AF_PACKET", "AF_ASH",
	"AF_ECONET", "AF_ATMSVC", "AF_RDS", "AF_SNA", "AF_IRDA", "AF_PPPOX", "AF_WANPIPE", "AF_LLC", "AF_IB",
	"AF_MPLS", "AF_CAN", "AF_TIPC", "AF_BLUETOOTH", "AF_IUCV", "AF_RXRPC", "AF_ISDN", "AF_PHONET",
	"AF_IEEE802154", "AF_CAIF", "AF_ALG", "AF_NFC", "AF_VSOCK", "AF_KCM", "AF_QIPCRTR", "AF_SMC", "AF_XDP",
	"AF_MCTP",
}

// SocketTypeName names a type of socket by its number in Linux, without the flags that may be or-ed to it: SOCK_STREAM
// is 1. It is "" for a number without a name. (On MIPS the first two are the other way round.)
func SocketTypeName(n int) string { return at(socketTypes[:], n) }

var socketTypes = [...]string{
	1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 4: "SOCK_RDM", 5: "SOCK_SEQPACKET", 6: "SOCK_DCCP", 10: "SOCK_PACKET",
}

// IPProtocolSymbol names the third argument of socket(2) for AF_INET and AF_INET6 (include/uapi/linux/in.h, in6.h):
// IPPROTO_TCP is 6. It is "" for a number without a name.
func IPProtocolSymbol(n int) string { return at(ipProtocolSymbols[:], n) }

var ipProtocolSymbols = [...]string{
	0: "IPPROTO_IP", ProtoICMP: "IPPROTO_ICMP", ProtoIGMP: "IPPROTO_IGMP", ProtoIPv4: "IPPROTO_IPIP",
	ProtoTCP: "IPPROTO_TCP", ProtoEGP: "IPPROTO_EGP", 12: "IPPROTO_PUP", ProtoUDP: "IPPROTO_UDP", 22: "IPPROTO_IDP",
	29: "IPPROTO_TP", ProtoDCCP: "IPPROTO_DCCP", ProtoIPv6: "IPPROTO_IPV6", ProtoRouting: "IPPROTO_ROUTING",
	ProtoFragment: "IPPROTO_FRAGMENT", ProtoRSVP: "IPPROTO_RSVP", ProtoGRE: "IPPROTO_GRE", ProtoESP: "IPPROTO_ESP",
	ProtoAH: "IPPROTO_AH", ProtoICMPv6: "IPPROTO_ICMPV6", ProtoNone: "IPPROTO_NONE", ProtoDstOpts: "IPPROTO_DSTOPTS",
	92: "IPPROTO_MTP", 94: "IPPROTO_BEETPH", 98: "IPPROTO_ENCAP", ProtoPIM: "IPPROTO_PIM",
	ProtoIPComp: "IPPROTO_COMP", ProtoL2TP: "IPPROTO_L2TP", ProtoSCTP: "IPPROTO_SCTP", ProtoMobility: "IPPROTO_MH",
	ProtoUDPLite: "IPPROTO_UDPLITE", ProtoMPLS: "IPPROTO_MPLS", ProtoEthernet: "IPPROTO_ETHERNET",
	ProtoReserved: "IPPROTO_RAW", 256: "IPPROTO_SMC", 262: "IPPROTO_MPTCP",
}

// at returns the name at n, "" outside the table.
func at(names []string, n int) string {
	if uint(n) < uint(len(names)) {
		return names[n]
	}
	return ""
}
