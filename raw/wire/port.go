package wire

// Ports that something in this module knows by number (https://www.iana.org/assignments/service-names-port-numbers).
const (
	PortEcho       = 7
	PortDiscard    = 9
	PortDaytime    = 13
	PortChargen    = 19
	PortFTPData    = 20
	PortFTP        = 21
	PortSSH        = 22
	PortTelnet     = 23
	PortSMTP       = 25
	PortTime       = 37
	PortDNS        = 53
	PortDHCPServer = 67
	PortDHCPClient = 68
	PortTFTP       = 69
	PortHTTP       = 80
	PortNTP        = 123
	PortSNMP       = 161
	PortSNMPTrap   = 162
	PortHTTPS      = 443 // QUIC over UDP
	PortSyslog     = 514
	PortDHCPv6     = 546 // of the client
	PortDHCPv6Srv  = 547 // of servers and relays
	PortDNSOverTLS = 853
	PortNATT       = 4500 // IPsec behind address translators, RFC 3948
	PortMDNS       = 5353
	PortLLMNR      = 5355
	PortVXLAN      = 4789 // RFC 7348
	PortVXLANGPE   = 4790 // the generic protocol extension
	PortGeneve     = 6081 // RFC 8926
	PortMPLS       = 6635 // RFC 7510
	PortVXLANLinux = 8472 // what Linux uses where it is told no other, from before there was a number
)

// VXLANPorts returns the UDP destination ports at which a VXLAN header is looked for.
func VXLANPorts() [3]uint16 { return [...]uint16{PortVXLAN, PortVXLANLinux, PortVXLANGPE} }

// IsVXLANPort reports whether the UDP destination port is one of [VXLANPorts].
func IsVXLANPort(dst uint16) bool {
	return dst == PortVXLAN || dst == PortVXLANLinux || dst == PortVXLANGPE
}

// Tunnel is a protocol over UDP that carries frames or packets.
type Tunnel uint8

// Tunnels over UDP.
const (
	TunnelNone   Tunnel = iota
	TunnelVXLAN         // an Ethernet frame behind 8 bytes, RFC 7348
	TunnelGeneve        // what its header says, RFC 8926
	TunnelMPLS          // MPLS labels, RFC 7510
	TunnelESP           // ESP without its own IP header, RFC 3948
)

// TunnelOverUDP tells which tunnel a UDP payload is. The port of a tunnel is that of the destination: the source port
// is a hash. Only ESP has it on either side. A payload whose first bytes say that they are no such header is no tunnel;
// one that is cut in the header may be one.
func TunnelOverUDP(src, dst uint16, payload []byte) Tunnel {
	switch dst {
	case PortVXLANLinux: // other tunnels had this port before
		if len(payload) >= 8 && payload[0]&VXLANFlagVNI != 0 && payload[7] == 0 {
			return TunnelVXLAN
		}
	case PortVXLAN, PortVXLANGPE: // reserved bits are ignored, RFC 7348 section 5
		if len(payload) >= 8 && payload[0]&VXLANFlagVNI != 0 {
			return TunnelVXLAN
		}
	case PortGeneve:
		return TunnelGeneve
	case PortMPLS:
		return TunnelMPLS
	}
	if (dst == PortNATT || src == PortNATT) && len(payload) >= 8 && be32(payload) != 0 {
		return TunnelESP
	}
	return TunnelNone
}

// VXLANFlagVNI is the flag, in the first byte of a VXLAN header, that says that there is an identifier.
const VXLANFlagVNI = 0x08

// Flags of a GRE header, in its first two bytes (RFC 2784, RFC 2890).
const (
	GREChecksum = 0x8000
	GRERouting  = 0x4000 // RFC 1701, retired
	GREKey      = 0x2000
	GRESequence = 0x1000
	GREVersion  = 0x0007 // a mask
)

// service is a row of the table of services: one name, and the ports it has over TCP and UDP.
type service struct {
	name     string
	tcp, udp uint16 // 0: not over this
}

var services = [...]service{
	{"echo", PortEcho, PortEcho}, {"discard", PortDiscard, PortDiscard}, {"daytime", PortDaytime, PortDaytime}, {"chargen", PortChargen, PortChargen},
	{"ftp-data", PortFTPData, 0}, {"ftp", PortFTP, 0}, {"ssh", PortSSH, 0}, {"telnet", PortTelnet, 0}, {"smtp", PortSMTP, 0}, {"time", PortTime, PortTime},
	{"domain", PortDNS, PortDNS}, {"bootps", 0, PortDHCPServer}, {"bootpc", 0, PortDHCPClient}, {"tftp", 0, PortTFTP}, {"http", PortHTTP, 0},
	{"kerberos", 88, 88}, {"pop3", 110, 0}, {"sunrpc", 111, 111}, {"ntp", 0, PortNTP}, {"netbios-ns", 0, 137}, {"netbios-dgm", 0, 138},
	{"netbios-ssn", 139, 0}, {"imap2", 143, 0}, {"imap", 143, 0}, {"snmp", PortSNMP, PortSNMP}, {"snmp-trap", PortSNMPTrap, PortSNMPTrap},
	{"bgp", 179, 0}, {"ldap", 389, 389}, {"https", PortHTTPS, PortHTTPS}, {"microsoft-ds", 445, 0}, {"isakmp", 0, 500}, {"syslog", 0, PortSyslog},
	{"dhcpv6-client", 0, PortDHCPv6}, {"dhcpv6-server", 0, PortDHCPv6Srv}, {"submission", 587, 0}, {"ldaps", 636, 0},
	{"domain-s", PortDNSOverTLS, 0}, {"imaps", 993, 0}, {"pop3s", 995, 0}, {"radius", 0, 1812}, {"nfs", 2049, 2049}, {"mysql", 3306, 0},
	{"ipsec-nat-t", 0, PortNATT}, {"postgresql", 5432, 0}, {"sip", 5060, 5060}, {"mdns", 0, PortMDNS}, {"x11", 6000, 0}, {"http-alt", 8080, 8080},
}

// ServicePort returns the port of a well-known service over the IP protocol [ProtoTCP] or [ProtoUDP]. Names are in
// lower case, as /etc/services has them.
func ServicePort(name string, protocol uint8) (uint16, bool) {
	for i := range services {
		if s := &services[i]; s.name == name {
			if p := s.port(protocol); p != 0 {
				return p, true
			}
		}
	}
	return 0, false
}

func (s *service) port(protocol uint8) uint16 {
	switch protocol {
	case ProtoTCP:
		return s.tcp
	case ProtoUDP:
		return s.udp
	}
	return 0
}
