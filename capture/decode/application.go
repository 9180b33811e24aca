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
	TypeISIS
	TypeESIS
	TypeCLNP
	TypeRSVP
	TypeEIGRP
	TypeSlow
	TypeCDP
	TypeVTP
	TypeDTP
	TypeUDLD
	TypeCFM
	TypeEAPOL
	TypeEAP
	TypeMACsec
	TypePTP
	TypeNetFlow
	TypeSFlow
	TypeGTP
	TypeGTPv2
	TypePFCP
	TypeL2TP
	TypeNHRP
	TypeERSPAN
	TypeNSH
	TypeTeredo
	TypeLISPData
	TypeLISP
	TypeOpenFlow
	TypeBabel
	TypeAODV
	TypeOLSR
	TypePGM
	TypeIPComp
	TypeLSPPing
	TypeAoE
	TypeIPX
	TypeTIPC
	TypeAutoRP

	// Applications.
	TypeSMTP
	TypeFTP
	TypePOP
	TypeIMAP
	TypeNNTP
	TypeIRC
	TypeSIP
	TypeRTSP
	TypeSSDP
	TypeRESP
	TypeTelnet
	TypeMemcached
	TypeLLMNR
	TypeNBNS
	TypeNBDGM
	TypeSMB
	TypeSMB2
	TypeNBSS
	TypeDCERPC
	TypeLDAP
	TypeKerberos
	TypePgSQL
	TypeMySQL
	TypeKafka
	TypeMongo
	TypeCQL
	TypeMQTT
	TypeAMQP
	TypePortmap
	TypeMount
	TypeNFS
	TypeRPC
	TypeRX
	TypeRTCP
	TypeS7
	TypeRDP
	TypeTPKT
	TypeCOTP
	TypeModbus
	TypeDNP3
	TypeSOMEIP
	TypeENIP
	TypeIEC104
	TypeBACnet
	TypeX11
	TypeVNC
	TypeSOCKS
	TypeRsync
	TypeBitTorrent
	TypeBTDHT
	TypeDiameter
	TypeTACACS
	TypeCoAP
	TypeISCSI
	TypeGELF
	TypeStatsD
	TypeXMPP
	TypeGit
	TypeZabbix
	TypeRTMP
	TypeOpenVPN
	TypeWebSocket
	TypePPTP
	TypeRPKI
	TypeWhois
	TypeFinger
	TypeIdent
	TypeDaytime
	TypeEcho
	TypeChargen
	TypeDropbox
	TypeFTPData

	// The web and what is encrypted.
	TypeHTTP
	TypeTLS
	TypeQUIC
	TypeHTTP2
	TypeSSH
	TypeWireGuard
	TypeDTLS
	TypeISAKMP

	// Calls and media.
	TypeSTUN
	TypeRTP

	// Links.

	// Named, and not yet taken apart.
	TypeDECnet
	TypeGeoNet

	// The long tail, shown by package gopackets.
	TypeECTP
	TypeRUDP
	TypeNortelDiscovery
	TypeLCM
	TypeRMCP
	TypeASF
	TypeEtherIP

	numTypes
)

// applications are the rows of the registry, a line for each: what is at the same number asks the one before first.
var applications = []application{
	// Names, addresses, time and management.
	{Type: TypeDNS, name: "dns", title: "DNS", udp: ports(wire.PortDNS), tcp: ports(wire.PortDNS), is: isDNS, elsewhere: datagrams | streams, heads: []string{"0001", "00:....0001", "01:....0001"}, length: lengthDNS, whole: true},
	{Type: TypeMDNS, name: "mdns", title: "mDNS", udp: ports(wire.PortMDNS)},
	{Type: TypeDHCPv4, name: "dhcp", title: "DHCPv4", udp: ports(wire.PortDHCPServer, wire.PortDHCPClient), is: isDHCP},
	{Type: TypeDHCPv6, name: "dhcpv6", title: "DHCPv6", udp: ports(wire.PortDHCPv6, wire.PortDHCPv6Srv)},
	{Type: TypeNTP, name: "ntp", title: "NTP", udp: ports(wire.PortNTP)},
	{Type: TypeTFTP, name: "tftp", title: "TFTP", udp: ports(wire.PortTFTP), is: isTFTP, elsewhere: datagrams, starts: "\x00"},
	{Type: TypeSyslog, name: "syslog", title: "Syslog", udp: ports(wire.PortSyslog), tcp: ports(514, 601), is: isSyslog},
	{Type: TypeSNMP, name: "snmp", title: "SNMP", udp: ports(wire.PortSNMP, wire.PortSNMPTrap), is: isSNMP},

	// Routing and infrastructure.
	{Type: TypeBGP, name: "bgp", title: "BGP", tcp: ports(179), is: isBGP, elsewhere: streamsFirst, starts: "\xff", length: lengthBGP, whole: true},
	{Type: TypeRADIUS, name: "radius", title: "RADIUS", udp: ports(1645, 1646, 1700, 1812, 1813, 3799), is: isRADIUS},
	{Type: TypeRIP, name: "rip", title: "RIP", udp: ports(520)},
	{Type: TypeRIPng, name: "ripng", title: "RIPng", udp: ports(521)},
	{Type: TypeBFD, name: "bfd", title: "BFD", udp: ports(3784, 4784, 6784, 7784), is: isBFD},
	{Type: TypeHSRP, name: "hsrp", title: "HSRP", udp: ports(1985, 2029)},
	{Type: TypeLDP, name: "ldp", title: "LDP", udp: ports(646), tcp: ports(646), is: isLDP, length: lengthLDP, whole: true},
	{Type: TypeISIS, name: "isis", title: "IS-IS", in: []Type{TypeLLC}, is: isISIS},
	{Type: TypeESIS, name: "esis", title: "ES-IS", in: []Type{TypeLLC}, is: isESIS},
	{Type: TypeCLNP, name: "clnp", title: "CLNP", in: []Type{TypeLLC}, is: isCLNP},
	{Type: TypeRSVP, name: "rsvp", title: "RSVP", ip: []uint8{46}},
	{Type: TypeEIGRP, name: "eigrp", title: "EIGRP", ip: []uint8{88}},
	{Type: TypeSlow, name: "slow", title: "Slow Protocols", ether: []uint16{0x8809}},
	{Type: TypeCDP, name: "cdp", title: "CDP", ether: []uint16{0x2000}, snap: []uint64{snapID(0x00000c, 0x2000)}},
	{Type: TypeVTP, name: "vtp", title: "VTP", snap: []uint64{snapID(0x00000c, 0x2003)}},
	{Type: TypeDTP, name: "dtp", title: "DTP", snap: []uint64{snapID(0x00000c, 0x2004)}},
	{Type: TypeUDLD, name: "udld", title: "UDLD", snap: []uint64{snapID(0x00000c, 0x0111)}},
	{Type: TypeCFM, name: "cfm", title: "CFM", ether: []uint16{0x8902}},
	{Type: TypeEAPOL, name: "eapol", title: "EAPOL", ether: []uint16{0x888e, 0x88c7}, carries: carriesEAPOL},
	{Type: TypeEAP, name: "eap", title: "EAP", ppp: []uint16{0xc227}, in: []Type{TypeEAPOL}, is: isEAP},
	{Type: TypeMACsec, name: "macsec", title: "MACsec", ether: []uint16{0x88e5}, carries: carriesMACsec},
	{Type: TypePTP, name: "ptp", title: "PTP", udp: ports(319, 320), ether: []uint16{0x88f7}},
	{Type: TypeNetFlow, name: "cflow", title: "NetFlow", udp: ports(2055, 4739, 9995, 9996), is: isNetFlow},
	{Type: TypeSFlow, name: "sflow", title: "sFlow", udp: ports(6343), is: isSFlow},
	{Type: TypeGTP, name: "gtp", title: "GTP", udp: ports(2123, 2152, 3386), is: isGTP, carries: carriesGTP},
	{Type: TypeGTPv2, name: "gtpv2", title: "GTPv2", udp: ports(2123), is: isGTPv2},
	{Type: TypePFCP, name: "pfcp", title: "PFCP", udp: ports(8805), is: isPFCP},
	{Type: TypeL2TP, name: "l2tp", title: "L2TP", udp: ports(1701), is: isL2TP, carries: carriesL2TP},
	{Type: TypeNHRP, name: "nhrp", title: "NHRP", ether: []uint16{0x2001}, ip: []uint8{54}},
	{Type: TypeERSPAN, name: "erspan", title: "ERSPAN", ether: []uint16{0x88be, 0x22eb}, carries: carriesERSPAN},
	{Type: TypeNSH, name: "nsh", title: "NSH", ether: []uint16{0x894f}, in: []Type{TypeVXLAN}, is: isNSH, carries: carriesNSH},
	{Type: TypeTeredo, name: "teredo", title: "Teredo", udp: ports(3544), is: isTeredo, carries: carriesTeredo},
	{Type: TypeLISPData, name: "lisp-data", title: "LISP data", udp: ports(4341), is: isLISPData, carries: carriesLISP},
	{Type: TypeLISP, name: "lisp", title: "LISP", udp: ports(4342), is: isLISP, carries: carriesLISPControl},
	{Type: TypeOpenFlow, name: "openflow", title: "OpenFlow", tcp: ports(6633, 6653), is: isOpenFlow, length: lengthOpenFlow},
	{Type: TypeBabel, name: "babel", title: "Babel", udp: ports(6696, 6697), is: isBabel},
	{Type: TypeAODV, name: "aodv", title: "AODV", udp: ports(654)},
	{Type: TypeOLSR, name: "olsr", title: "OLSR", udp: ports(698)},
	{Type: TypePGM, name: "pgm", title: "PGM", ip: []uint8{113}},
	{Type: TypeIPComp, name: "ipcomp", title: "IPComp", ip: []uint8{108}, carries: carriesIPComp},
	{Type: TypeLSPPing, name: "mpls-echo", title: "LSP Ping", udp: ports(3503), is: isLSPPing},
	{Type: TypeAoE, name: "aoe", title: "ATA over Ethernet", ether: []uint16{0x88a2}},
	{Type: TypeIPX, name: "ipx", title: "IPX", ether: []uint16{0x8137}, sap: []uint8{0xe0}},
	{Type: TypeTIPC, name: "tipc", title: "TIPC", ether: []uint16{0x88ca}},
	{Type: TypeAutoRP, name: "auto_rp", title: "Auto-RP", udp: ports(496)},

	// Applications.
	{Type: TypeSMTP, name: "smtp", title: "SMTP", tcp: ports(25, 587), is: isText},
	{Type: TypeFTP, name: "ftp", title: "FTP", tcp: ports(21), is: isText},
	{Type: TypePOP, name: "pop", title: "POP", tcp: ports(110), is: isText},
	{Type: TypeIMAP, name: "imap", title: "IMAP", tcp: ports(143), is: isText},
	{Type: TypeNNTP, name: "nntp", title: "NNTP", tcp: ports(119), is: isText},
	{Type: TypeIRC, name: "irc", title: "IRC", tcp: ports(6667, 57000), is: isText},
	{Type: TypeSIP, name: "sip", title: "SIP", udp: ports(5060), tcp: ports(5060), is: isSIP, elsewhere: datagrams | streams, starts: "SIABCORPNMU", length: headersLength, whole: true},
	{Type: TypeRTSP, name: "rtsp", title: "RTSP", tcp: ports(554, 8554, 322), is: isRTSP, elsewhere: streams, starts: "RODSPTAG", length: headersLength, whole: true},
	{Type: TypeSSDP, name: "ssdp", title: "SSDP", udp: ports(1900), is: isSSDP, elsewhere: datagrams, starts: "MN"},
	{Type: TypeRESP, name: "resp", title: "RESP", tcp: ports(6379), is: isRESP},
	{Type: TypeTelnet, name: "telnet", title: "Telnet", tcp: ports(23, 2323)},
	{Type: TypeMemcached, name: "memcache", title: "memcached", udp: ports(11211), tcp: ports(11211), is: isMemcached},
	{Type: TypeLLMNR, name: "llmnr", title: "LLMNR", udp: ports(wire.PortLLMNR), tcp: ports(wire.PortLLMNR)},
	{Type: TypeNBNS, name: "nbns", title: "NetBIOS Name Service", udp: ports(137)},
	{Type: TypeNBDGM, name: "nbdgm", title: "NetBIOS Datagram Service", udp: ports(138), carries: nbdgmCarries},
	{Type: TypeSMB, name: "smb", title: "SMB", in: []Type{TypeNBSS, TypeNBDGM}, is: isSMB},
	{Type: TypeSMB2, name: "smb2", title: "SMB2", in: []Type{TypeNBSS}, is: isSMB2},
	{Type: TypeNBSS, name: "nbss", title: "NetBIOS Session Service", tcp: ports(139, 445), is: isNBSS, elsewhere: streams, starts: "\x00", length: nbssLength, carries: nbssCarries},
	{Type: TypeDCERPC, name: "dcerpc", title: "DCE/RPC", tcp: ports(135), is: isDCERPC, elsewhere: datagrams | streams, starts: "\x04\x05", length: dcerpcLength, whole: true},
	{Type: TypeLDAP, name: "ldap", title: "LDAP", udp: ports(389, 3268), tcp: ports(389, 3268), is: isLDAP, length: ldapLength, whole: true},
	{Type: TypeKerberos, name: "kerberos", title: "Kerberos", udp: ports(88), tcp: ports(88), is: isKerberos, length: prefixed(0, 4, 4), whole: true},
	{Type: TypePgSQL, name: "pgsql", title: "PostgreSQL", tcp: ports(5432), is: isPgSQL, length: pgsqlLength, whole: true},
	{Type: TypeMySQL, name: "mysql", title: "MySQL", tcp: ports(3306), is: isMySQL, length: mysqlLength, whole: true},
	{Type: TypeKafka, name: "kafka", title: "Kafka", tcp: ports(9092), is: isKafka, length: prefixed(0, 4, 4), whole: true},
	{Type: TypeMongo, name: "mongo", title: "MongoDB", tcp: ports(27017), is: isMongo, length: prefixedLittle(0, 4, 0), whole: true},
	{Type: TypeCQL, name: "cql", title: "Cassandra", tcp: ports(9042), is: isCQL, length: cqlLength, whole: true},
	{Type: TypeMQTT, name: "mqtt", title: "MQTT", tcp: ports(1883), is: isMQTT, elsewhere: streams, starts: "\x10", length: mqttLength, whole: true},
	{Type: TypeAMQP, name: "amqp", title: "AMQP", tcp: ports(5672), is: isAMQP, elsewhere: streams, starts: "A", length: amqpLength, whole: true},
	{Type: TypePortmap, name: "portmap", title: "Portmap", udp: ports(111), tcp: ports(111), is: isRPCOf(100000), length: rpcLength, whole: true},
	{Type: TypeMount, name: "mount", title: "Mount", is: isRPCOf(100005), elsewhere: datagrams | streams, heads: []string{"0000000000000002", "80:........00000000"}, length: rpcLength, whole: true},
	{Type: TypeNFS, name: "nfs", title: "NFS", udp: ports(2049), tcp: ports(2049), is: isRPCOf(100003), length: rpcLength, whole: true},
	{Type: TypeRPC, name: "rpc", title: "RPC", is: isRPCOf(0), elsewhere: datagrams | streams, heads: []string{"0000000000000002", "80:........00000000"}, length: rpcLength, whole: true},
	{Type: TypeRX, name: "rx", title: "RX", udp: ports(7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007, 7008, 7009, 7021), is: isRX},
	{Type: TypeRTCP, name: "rtcp", title: "RTCP", udp: ports(5005), is: isRTCP, elsewhere: datagrams, starts: bytesFrom(0x80, 0x9f), beside: TypeRTP, length: rtcpLength, whole: true},
	{Type: TypeS7, name: "s7comm", title: "S7", in: []Type{TypeCOTP}, is: isS7},
	{Type: TypeRDP, name: "rdp", title: "RDP", in: []Type{TypeCOTP}, is: isRDP},
	{Type: TypeTPKT, name: "tpkt", title: "TPKT", tcp: ports(102, 3389, 1720), is: isTPKT, elsewhere: streams, starts: "\x03", length: tpktLength, carries: tpktCarries},
	{Type: TypeCOTP, name: "cotp", title: "COTP", in: []Type{TypeTPKT}, is: isCOTP, carries: cotpCarries},
	{Type: TypeModbus, name: "modbus", title: "Modbus", tcp: ports(502), is: isModbus, length: prefixed(4, 2, 6), whole: true},
	{Type: TypeDNP3, name: "dnp3", title: "DNP3", udp: ports(20000), tcp: ports(20000), is: isDNP3, length: dnp3Length, whole: true},
	{Type: TypeSOMEIP, name: "someip", title: "SOME/IP", udp: ports(30490, 30491, 30501, 30502, 30503, 30504), tcp: ports(30490, 30491, 30501, 30502, 30503, 30504), is: isSOMEIP, length: prefixed(4, 4, 8), whole: true},
	{Type: TypeENIP, name: "enip", title: "EtherNet/IP", udp: ports(44818), tcp: ports(44818), is: isENIP, length: prefixedLittle(2, 2, 24), whole: true},
	{Type: TypeIEC104, name: "iec60870_104", title: "IEC 104", tcp: ports(2404), is: isIEC104, length: prefixed(1, 1, 2), whole: true},
	{Type: TypeBACnet, name: "bacnet", title: "BACnet", udp: ports(47808), is: isBACnet},
	{Type: TypeX11, name: "x11", title: "X11", tcp: ports(6000, 6001, 6002, 6003, 6010, 6011, 6012), is: isX11},
	{Type: TypeVNC, name: "vnc", title: "VNC", tcp: ports(5900, 5901, 5902, 5903), is: isVNC, elsewhere: streams, starts: "R"},
	{Type: TypeSOCKS, name: "socks", title: "SOCKS", tcp: ports(1080), is: isSOCKS},
	{Type: TypeRsync, name: "rsync", title: "rsync", tcp: ports(873), is: isRsync, elsewhere: streams, starts: "@"},
	{Type: TypeBitTorrent, name: "bittorrent", title: "BitTorrent", tcp: ports(6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889), is: isBitTorrent, elsewhere: streams, starts: "\x13", length: bittorrentLength, whole: true},
	{Type: TypeBTDHT, name: "bt-dht", title: "BitTorrent DHT", is: isBTDHT, elsewhere: datagrams, starts: "d"},
	{Type: TypeDiameter, name: "diameter", title: "Diameter", tcp: ports(3868), is: isDiameter, length: prefixed(1, 3, 0), whole: true},
	{Type: TypeTACACS, name: "tacplus", title: "TACACS+", tcp: ports(49), is: isTACACS, length: prefixed(8, 4, 12), whole: true},
	{Type: TypeCoAP, name: "coap", title: "CoAP", udp: ports(5683), is: isCoAP},
	{Type: TypeISCSI, name: "iscsi", title: "iSCSI", tcp: ports(3260), is: isISCSI, length: iscsiLength, whole: true},
	{Type: TypeGELF, name: "gelf", title: "GELF", udp: ports(12201), is: isGELF},
	{Type: TypeStatsD, name: "statsd", title: "StatsD", udp: ports(8125), is: isStatsD},
	{Type: TypeXMPP, name: "xmpp", title: "XMPP", tcp: ports(5222, 5269), is: isXMPP, elsewhere: streams, starts: "<"},
	{Type: TypeGit, name: "git", title: "git", tcp: ports(9418), is: isGit, length: gitLength, whole: true},
	{Type: TypeZabbix, name: "zabbix", title: "Zabbix", tcp: ports(10050, 10051), is: isZabbix, length: zabbixLength, whole: true},
	{Type: TypeRTMP, name: "rtmpt", title: "RTMP", tcp: ports(1935), is: isRTMP},
	{Type: TypeOpenVPN, name: "openvpn", title: "OpenVPN", udp: ports(1194), tcp: ports(1194), is: isOpenVPN, length: prefixed(0, 2, 2), whole: true},
	{Type: TypeWebSocket, name: "websocket", title: "WebSocket", length: websocketLength, whole: true},
	{Type: TypePPTP, name: "pptp", title: "PPTP", tcp: ports(1723), is: isPPTP, length: prefixed(0, 2, 0), whole: true},
	{Type: TypeRPKI, name: "rpkirtr", title: "RPKI-Router", tcp: ports(323), is: isRPKI, length: prefixed(4, 4, 0), whole: true},
	{Type: TypeWhois, name: "whois", title: "Whois", tcp: ports(43), is: isText},
	{Type: TypeFinger, name: "finger", title: "Finger", tcp: ports(79), is: isText},
	{Type: TypeIdent, name: "ident", title: "Ident", tcp: ports(113), is: isText},
	{Type: TypeDaytime, name: "daytime", title: "Daytime", udp: ports(13), tcp: ports(13)},
	{Type: TypeEcho, name: "echo", title: "Echo", udp: ports(7), tcp: ports(7)},
	{Type: TypeChargen, name: "chargen", title: "Chargen", udp: ports(19), tcp: ports(19)},
	{Type: TypeDropbox, name: "db-lsp-disc", title: "Dropbox LAN sync discovery", udp: ports(17500), is: isDropbox},
	{Type: TypeFTPData, name: "ftp-data", title: "FTP-DATA", tcp: ports(20)},

	// The web and what is encrypted.
	{Type: TypeHTTP, name: "http", title: "HTTP", tcp: ports(80, 591, 3128, 5985, 8000, 8008, 8080, 8081, 8888), is: isHTTP, elsewhere: streams, starts: httpStarts},
	{Type: TypeTLS, name: "tls", title: "TLS", tcp: ports(443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8443), is: isTLS, elsewhere: streamsFirst, starts: "\x14\x15\x16\x17\x18"},
	{Type: TypeQUIC, name: "quic", title: "QUIC", udp: ports(wire.PortHTTPS), is: isQUIC, elsewhere: datagrams, starts: bytesFrom(0x80, 0xff)},
	{Type: TypeHTTP2, name: "http2", title: "HTTP/2", is: isHTTP2, elsewhere: streams, starts: "\x00P", length: lengthHTTP2},
	{Type: TypeSSH, name: "ssh", title: "SSH", tcp: ports(22), is: isSSH, elsewhere: streams, starts: "S"},
	{Type: TypeWireGuard, name: "wg", title: "WireGuard", udp: ports(51820), is: isWireGuard, elsewhere: datagrams, starts: "\x01\x02\x03"},
	{Type: TypeDTLS, name: "dtls", title: "DTLS", udp: ports(853, 4433, 5684), is: isDTLS, elsewhere: datagramsFirst, starts: bytesFrom(20, 25)},
	{Type: TypeISAKMP, name: "isakmp", title: "ISAKMP", udp: ports(500, 4500), is: isISAKMP},

	// Calls and media.
	{Type: TypeSTUN, name: "stun", title: "STUN", is: isSTUN, elsewhere: datagramsFirst, starts: bytesFrom(0, 0x3f), heads: []string{"2112a442"}},
	{Type: TypeRTP, name: "rtp", title: "RTP"}, // Decoder.Ports tells

	// Links.

	// Named, and not yet taken apart.
	{Type: TypeDECnet, name: "dec_dna", title: "DECnet", ether: []uint16{0x6003}},
	{Type: TypeGeoNet, name: "gnw", title: "GeoNetworking", ether: []uint16{0x8947}},

	// The long tail, shown by package gopackets.
	{Type: TypeECTP, name: "ectp", title: "Ethernet Configuration Testing", ether: []uint16{0x9000}},
	{Type: TypeRUDP, name: "rudp", title: "RUDP", ip: []uint8{27}},
	{Type: TypeNortelDiscovery, name: "ndp", title: "Nortel Discovery", snap: []uint64{snapID(0x000081, 0x01a2)}},
	{Type: TypeLCM, name: "lcm", title: "LCM", is: isLCM, elsewhere: datagrams, starts: "L"},
	{Type: TypeRMCP, name: "rmcp", title: "RMCP", udp: ports(623, 664), is: isRMCP, carries: carriesRMCP},
	{Type: TypeASF, name: "asf", title: "ASF", in: []Type{TypeRMCP}, is: isASF},
	{Type: TypeEtherIP, name: "etherip", title: "EtherIP", ip: []uint8{97}, carries: carriesEtherIP},
}
