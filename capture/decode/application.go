package decode

import "sockwire/raw/wire"

// Layer types that package app shows: those above the transport, and others that are taken apart there. To add one: a
// type here, its row below in the same group, what tells it by its bytes in a file detect_GROUP.go where numbers do
// not, and a file in package app that shows it.
const (
	// Names, addresses, time and management.
	TypeDNS Type = iota + firstApplication
	TypeMDNS
	TypeDHCPv4
	TypeDHCPv6
	TypeNTP
	TypeTFTP
	TypeSyslog
	TypeSNMP

	// Routing and infrastructure.
	TypeBGP
	TypeRADIUS
	TypeRIP
	TypeRIPng
	TypeBFD
	TypeHSRP
	TypeLDP

	// Applications.

	// The web and what is encrypted.
	TypeHTTP
	TypeTLS
	TypeQUIC

	// Calls and media.
	TypeSTUN
	TypeRTP

	// Links.

	numTypes
)

// applications are the rows of the registry, a line for each: what is at the same number asks the one before first.
var applications = []application{
	// Names, addresses, time and management.
	{Type: TypeDNS, name: "dns", title: "DNS", udp: ports(wire.PortDNS, wire.PortLLMNR), tcp: ports(wire.PortDNS), is: isDNS, elsewhere: datagrams | streams, length: lengthDNS, whole: true},
	{Type: TypeMDNS, name: "mdns", title: "mDNS", udp: ports(wire.PortMDNS)},
	{Type: TypeDHCPv4, name: "dhcp", title: "DHCPv4", udp: ports(wire.PortDHCPServer, wire.PortDHCPClient), is: isDHCP},
	{Type: TypeDHCPv6, name: "dhcpv6", title: "DHCPv6", udp: ports(wire.PortDHCPv6, wire.PortDHCPv6Srv)},
	{Type: TypeNTP, name: "ntp", title: "NTP", udp: ports(wire.PortNTP)},
	{Type: TypeTFTP, name: "tftp", title: "TFTP", udp: ports(wire.PortTFTP)},
	{Type: TypeSyslog, name: "syslog", title: "Syslog", udp: ports(wire.PortSyslog), is: isSyslog},
	{Type: TypeSNMP, name: "snmp", title: "SNMP", udp: ports(wire.PortSNMP, wire.PortSNMPTrap), is: isSNMP},

	// Routing and infrastructure.
	{Type: TypeBGP, name: "bgp", title: "BGP", tcp: ports(179), is: isBGP, elsewhere: streamsFirst, starts: "\xff", length: lengthBGP, whole: true},
	{Type: TypeRADIUS, name: "radius", title: "RADIUS", udp: ports(1645, 1646, 1700, 1812, 1813, 3799), is: isRADIUS},
	{Type: TypeRIP, name: "rip", title: "RIP", udp: ports(520)},
	{Type: TypeRIPng, name: "ripng", title: "RIPng", udp: ports(521)},
	{Type: TypeBFD, name: "bfd", title: "BFD", udp: ports(3784, 4784, 6784, 7784), is: isBFD},
	{Type: TypeHSRP, name: "hsrp", title: "HSRP", udp: ports(1985, 2029)},
	{Type: TypeLDP, name: "ldp", title: "LDP", udp: ports(646), tcp: ports(646), is: isLDP, length: lengthLDP, whole: true},

	// Applications.

	// The web and what is encrypted.
	{Type: TypeHTTP, name: "http", title: "HTTP", tcp: ports(80, 591, 3128, 5985, 8000, 8008, 8080, 8081, 8888), is: isHTTP, elsewhere: streams, starts: httpStarts},
	{Type: TypeTLS, name: "tls", title: "TLS", tcp: ports(443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8443), is: isTLS, elsewhere: streamsFirst, starts: "\x14\x15\x16\x17\x18"},
	{Type: TypeQUIC, name: "quic", title: "QUIC", udp: ports(wire.PortHTTPS), is: isQUIC, elsewhere: datagrams, starts: bytesFrom(0x80, 0xff)},

	// Calls and media.
	{Type: TypeSTUN, name: "stun", title: "STUN", is: isSTUN, elsewhere: datagramsFirst, starts: bytesFrom(0, 0x3f)},
	{Type: TypeRTP, name: "rtp", title: "RTP"}, // Decoder.Ports tells

	// Links.
}
