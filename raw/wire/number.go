package wire

// EtherTypes (IEEE 802 numbers, https://www.iana.org/assignments/ieee-802-numbers).
const (
	EtherTypeNS        = 0x0600 // Xerox NS
	EtherTypeIPv4      = 0x0800
	EtherTypeARP       = 0x0806
	EtherTypeMOPDL     = 0x6001 // DEC dump/load
	EtherTypeMOPRC     = 0x6002 // DEC remote console
	EtherTypeDECnet    = 0x6003
	EtherTypeLAT       = 0x6004
	EtherTypeSCA       = 0x6007
	EtherTypeTEB       = 0x6558 // transparent Ethernet bridging: an Ethernet frame inside GRE or Geneve
	EtherTypeRARP      = 0x8035
	EtherTypeAppleTalk = 0x809b
	EtherTypeAARP      = 0x80f3
	EtherTypeVLAN      = 0x8100 // 802.1Q
	EtherTypeIPX       = 0x8137
	EtherTypeIPv6      = 0x86dd
	EtherTypeSlow      = 0x8809 // slow protocols: LACP, OAM
	EtherTypeMPLS      = 0x8847
	EtherTypeMPLSMC    = 0x8848 // multicast, or a label that is upstream-assigned (RFC 5332)
	EtherTypePPPoEDisc = 0x8863
	EtherTypePPPoE     = 0x8864
	EtherTypeEAPOL     = 0x888e
	EtherTypeQinQ      = 0x88a8 // 802.1ad, the outer tag of two
	EtherTypeLLDP      = 0x88cc
	EtherTypePTP       = 0x88f7
	EtherTypeLoop      = 0x9000
	EtherTypeQinQOld   = 0x9100 // an outer tag before 802.1ad

	// EtherMaxLength is the largest value of the type field that is a length (IEEE 802.3).
	EtherMaxLength = 1500
)

// IsVLAN reports whether the EtherType announces a VLAN tag.
func IsVLAN(etherType uint16) bool {
	return etherType == EtherTypeVLAN || etherType == EtherTypeQinQ || etherType == EtherTypeQinQOld
}

// EtherTypeName names an EtherType; "" for one without a name here.
func EtherTypeName(t uint16) string {
	switch t {
	case EtherTypeIPv4:
		return "IPv4"
	case EtherTypeARP:
		return "ARP"
	case EtherTypeDECnet:
		return "DECnet"
	case EtherTypeTEB:
		return "Ethernet"
	case EtherTypeRARP:
		return "RARP"
	case EtherTypeAppleTalk:
		return "AppleTalk"
	case EtherTypeAARP:
		return "AARP"
	case EtherTypeVLAN:
		return "802.1Q"
	case EtherTypeIPX:
		return "IPX"
	case EtherTypeIPv6:
		return "IPv6"
	case EtherTypeSlow:
		return "slow protocols"
	case EtherTypeMPLS, EtherTypeMPLSMC:
		return "MPLS"
	case EtherTypePPPoEDisc:
		return "PPPoE discovery"
	case EtherTypePPPoE:
		return "PPPoE session"
	case EtherTypeEAPOL:
		return "EAPOL"
	case EtherTypeQinQ:
		return "802.1ad"
	case EtherTypeLLDP:
		return "LLDP"
	case EtherTypePTP:
		return "PTP"
	case EtherTypeLoop:
		return "loopback"
	case EtherTypeQinQOld:
		return "QinQ"
	}
	return ""
}

// IP protocol numbers (https://www.iana.org/assignments/protocol-numbers).
const (
	ProtoHopByHop = 0 // IPv6 hop-by-hop options
	ProtoICMP     = 1
	ProtoIGMP     = 2
	ProtoIPv4     = 4 // IPv4 in IP
	ProtoTCP      = 6
	ProtoEGP      = 8
	ProtoIGP      = 9
	ProtoUDP      = 17
	ProtoDCCP     = 33
	ProtoIPv6     = 41 // IPv6 in IP
	ProtoRouting  = 43 // IPv6 routing header
	ProtoFragment = 44 // IPv6 fragment header
	ProtoRSVP     = 46
	ProtoGRE      = 47
	ProtoESP      = 50
	ProtoAH       = 51
	ProtoICMPv6   = 58
	ProtoNone     = 59 // no next header
	ProtoDstOpts  = 60 // IPv6 destination options
	ProtoEIGRP    = 88
	ProtoOSPF     = 89
	ProtoPIM      = 103
	ProtoIPComp   = 108
	ProtoVRRP     = 112
	ProtoL2TP     = 115
	ProtoSCTP     = 132
	ProtoMobility = 135 // IPv6 mobility header
	ProtoUDPLite  = 136
	ProtoMPLS     = 137
	ProtoHIP      = 139
	ProtoShim6    = 140
	ProtoEthernet = 143
	ProtoTesting  = 253 // for experiments, RFC 3692
	ProtoTesting2 = 254
	ProtoReserved = 255
)

// protocol is a row of the table of IP protocols.
type protocol struct {
	number uint8
	name   string // as RFCs write it
	key    string // as /etc/protocols has it
}

var protocols = [...]protocol{
	{ProtoHopByHop, "IPv6 hop-by-hop options", "hopopt"}, {ProtoICMP, "ICMP", "icmp"}, {ProtoIGMP, "IGMP", "igmp"}, {ProtoIPv4, "IPv4", "ipencap"},
	{ProtoTCP, "TCP", "tcp"}, {ProtoEGP, "EGP", "egp"}, {ProtoIGP, "IGP", "igp"}, {ProtoUDP, "UDP", "udp"}, {ProtoDCCP, "DCCP", "dccp"},
	{ProtoIPv6, "IPv6", "ipv6"}, {ProtoRouting, "IPv6 routing header", "ipv6-route"}, {ProtoFragment, "IPv6 fragment header", "ipv6-frag"},
	{ProtoRSVP, "RSVP", "rsvp"}, {ProtoGRE, "GRE", "gre"}, {ProtoESP, "ESP", "esp"}, {ProtoAH, "AH", "ah"}, {ProtoICMPv6, "ICMPv6", "ipv6-icmp"},
	{ProtoNone, "no next header", "ipv6-nonxt"}, {ProtoDstOpts, "IPv6 destination options", "ipv6-opts"}, {ProtoEIGRP, "EIGRP", "eigrp"},
	{ProtoOSPF, "OSPF", "ospf"}, {94, "IPIP", "ipip"}, {ProtoPIM, "PIM", "pim"}, {ProtoIPComp, "IPComp", "ipcomp"}, {ProtoVRRP, "VRRP", "vrrp"},
	{ProtoL2TP, "L2TP", "l2tp"}, {ProtoSCTP, "SCTP", "sctp"}, {ProtoMobility, "IPv6 mobility header", "mobility-header"},
	{ProtoUDPLite, "UDP-Lite", "udplite"}, {ProtoMPLS, "MPLS", "mpls-in-ip"}, {ProtoHIP, "HIP", "hip"}, {ProtoShim6, "Shim6", "shim6"},
	{ProtoEthernet, "Ethernet", "ethernet"},
}

// ProtocolName names an IP protocol as RFCs do; "" for one without a name here.
func ProtocolName(number uint8) string {
	for i := range protocols {
		if protocols[i].number == number {
			return protocols[i].name
		}
	}
	return ""
}

// ProtocolKey names an IP protocol as /etc/protocols has it, in lower case: "tcp", "ipv6-icmp"; "" for one without a
// name here.
func ProtocolKey(number uint8) string {
	for i := range protocols {
		if protocols[i].number == number {
			return protocols[i].key
		}
	}
	return ""
}

// ProtocolNumber returns the IP protocol of a name as /etc/protocols has it, in lower case: "tcp", "ipv6-icmp". "ip" is
// 0.
func ProtocolNumber(name string) (uint8, bool) {
	for i := range protocols {
		if protocols[i].key == name {
			return protocols[i].number, true
		}
	}
	return 0, name == "ip"
}

// PPP protocol numbers (https://www.iana.org/assignments/ppp-numbers).
const (
	PPPIPv4   = 0x0021
	PPPOSI    = 0x0023
	PPPNS     = 0x0025
	PPPDECnet = 0x0027
	PPPAtalk  = 0x0029
	PPPIPX    = 0x002b
	PPPBridge = 0x0031
	PPPIPv6   = 0x0057
	PPPMPLS   = 0x0281
)

// LLC service access points (IEEE 802.2).
const (
	SAPIP      = 0x06
	SAPSTP     = 0x42
	SAPSNAP    = 0xaa
	SAPIPX     = 0xe0
	SAPNetBEUI = 0xf0
	SAPISO     = 0xfe
)
