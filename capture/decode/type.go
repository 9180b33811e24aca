package decode

import "sockwire/raw/wire"

// Type is the kind of a layer.
type Type uint8

// Layer types. TypePayload is what no decoder here knows, or the bytes that a transport carries.
const (
	TypeNone Type = iota
	TypePayload
	TypeFragment // the bytes of a fragment that does not start with the upper header

	TypeEthernet
	TypeVLAN
	TypeLLC
	TypeSNAP
	TypeSLL
	TypeSLL2
	TypeNull
	TypeLoop
	TypePPP
	TypeHDLC // Cisco's framing on serial lines
	TypePPPoE
	TypeMPLS
	TypeIEEE80211
	TypeRadiotap
	TypeSTP
	TypeLLDP
	TypeARP

	TypeIPv4
	TypeIPv6
	TypeIPv6HopByHop
	TypeIPv6Routing
	TypeIPv6Fragment
	TypeIPv6Destination
	TypeIPv6Mobility
	TypeAH
	TypeESP

	TypeICMPv4
	TypeICMPv6
	TypeICMPExtension // the RFC 4884 extension structure of an ICMP error
	TypeIGMP
	TypeTCP
	TypeUDP
	TypeUDPLite
	TypeSCTP
	TypeDCCP
	TypeGRE
	TypeVXLAN
	TypeGeneve
	TypeVRRP
	TypeOSPF
	TypePIM

	firstApplication // and what is above the transport, see TypeDNS
)

var typeNames = [firstApplication]string{
	TypeNone: "none", TypePayload: "payload", TypeFragment: "fragment",
	TypeEthernet: "eth", TypeVLAN: "vlan", TypeLLC: "llc", TypeSNAP: "snap", TypeSLL: "sll", TypeSLL2: "sll2",
	TypeNull: "null", TypeLoop: "loop", TypePPP: "ppp", TypeHDLC: "chdlc", TypePPPoE: "pppoe", TypeMPLS: "mpls",
	TypeIEEE80211: "wlan", TypeRadiotap: "radiotap", TypeSTP: "stp", TypeLLDP: "lldp", TypeARP: "arp",
	TypeIPv4: "ip", TypeIPv6: "ipv6", TypeIPv6HopByHop: "ipv6.hopopts", TypeIPv6Routing: "ipv6.routing",
	TypeIPv6Fragment: "ipv6.fraghdr", TypeIPv6Destination: "ipv6.dstopts", TypeIPv6Mobility: "mipv6",
	TypeAH: "ah", TypeESP: "esp",
	TypeICMPv4: "icmp", TypeICMPv6: "icmpv6", TypeICMPExtension: "icmp.ext", TypeIGMP: "igmp",
	TypeTCP: "tcp", TypeUDP: "udp", TypeUDPLite: "udplite", TypeSCTP: "sctp", TypeDCCP: "dccp",
	TypeGRE: "gre", TypeVXLAN: "vxlan", TypeGeneve: "geneve", TypeVRRP: "vrrp", TypeOSPF: "ospf", TypePIM: "pim",
}

var typeTitles = [firstApplication]string{
	TypeNone: "None", TypePayload: "Payload", TypeFragment: "Fragment data",
	TypeEthernet: "Ethernet", TypeVLAN: "802.1Q VLAN", TypeLLC: "Logical-Link Control", TypeSNAP: "SNAP",
	TypeSLL: "Linux cooked capture v1", TypeSLL2: "Linux cooked capture v2", TypeNull: "BSD loopback",
	TypeLoop: "OpenBSD loopback", TypePPP: "PPP", TypeHDLC: "Cisco HDLC", TypePPPoE: "PPPoE", TypeMPLS: "MPLS",
	TypeIEEE80211: "IEEE 802.11", TypeRadiotap: "Radiotap", TypeSTP: "Spanning Tree", TypeLLDP: "LLDP", TypeARP: "ARP",
	TypeIPv4: "IPv4", TypeIPv6: "IPv6", TypeIPv6HopByHop: "IPv6 hop-by-hop options", TypeIPv6Routing: "IPv6 routing header",
	TypeIPv6Fragment: "IPv6 fragment header", TypeIPv6Destination: "IPv6 destination options", TypeIPv6Mobility: "IPv6 mobility header",
	TypeAH: "Authentication Header", TypeESP: "Encapsulating Security Payload",
	TypeICMPv4: "ICMPv4", TypeICMPv6: "ICMPv6", TypeICMPExtension: "ICMP extensions", TypeIGMP: "IGMP",
	TypeTCP: "TCP", TypeUDP: "UDP", TypeUDPLite: "UDP-Lite", TypeSCTP: "SCTP", TypeDCCP: "DCCP",
	TypeGRE: "GRE", TypeVXLAN: "VXLAN", TypeGeneve: "Geneve", TypeVRRP: "VRRP", TypeOSPF: "OSPF", TypePIM: "PIM",
}

// Network reports whether the layer carries the addresses of an Endpoint: IPv4 or IPv6.
func (t Type) Network() bool { return t == TypeIPv4 || t == TypeIPv6 }

// Transport reports whether the layer begins with a source and a destination port.
func (t Type) Transport() bool {
	switch t {
	case TypeTCP, TypeUDP, TypeUDPLite, TypeSCTP, TypeDCCP:
		return true
	}
	return false
}

// etherType returns the layer that an EtherType announces.
func etherType(t uint16) Type {
	switch t {
	case wire.EtherTypeIPv4:
		return TypeIPv4
	case wire.EtherTypeIPv6:
		return TypeIPv6
	case wire.EtherTypeARP, wire.EtherTypeRARP:
		return TypeARP
	case wire.EtherTypeVLAN, wire.EtherTypeQinQ, wire.EtherTypeQinQOld:
		return TypeVLAN
	case wire.EtherTypeMPLS, wire.EtherTypeMPLSMC:
		return TypeMPLS
	case wire.EtherTypePPPoEDisc, wire.EtherTypePPPoE:
		return TypePPPoE
	case wire.EtherTypeLLDP:
		return TypeLLDP
	case wire.EtherTypeTEB:
		return TypeEthernet
	}
	return TypePayload
}

// ipProtocol returns the layer that an IP protocol number announces.
func ipProtocol(n uint8) Type {
	switch n {
	case wire.ProtoTCP:
		return TypeTCP
	case wire.ProtoUDP:
		return TypeUDP
	case wire.ProtoICMP:
		return TypeICMPv4
	case wire.ProtoICMPv6:
		return TypeICMPv6
	case wire.ProtoIPv4:
		return TypeIPv4
	case wire.ProtoIPv6:
		return TypeIPv6
	case wire.ProtoHopByHop:
		return TypeIPv6HopByHop
	case wire.ProtoRouting:
		return TypeIPv6Routing
	case wire.ProtoFragment:
		return TypeIPv6Fragment
	case wire.ProtoDstOpts:
		return TypeIPv6Destination
	case wire.ProtoMobility:
		return TypeIPv6Mobility
	case wire.ProtoAH:
		return TypeAH
	case wire.ProtoEthernet:
		return TypeEthernet
	case wire.ProtoESP:
		return TypeESP
	case wire.ProtoGRE:
		return TypeGRE
	case wire.ProtoIGMP:
		return TypeIGMP
	case wire.ProtoSCTP:
		return TypeSCTP
	case wire.ProtoDCCP:
		return TypeDCCP
	case wire.ProtoUDPLite:
		return TypeUDPLite
	case wire.ProtoVRRP:
		return TypeVRRP
	case wire.ProtoOSPF:
		return TypeOSPF
	case wire.ProtoPIM:
		return TypePIM
	}
	return TypePayload
}
