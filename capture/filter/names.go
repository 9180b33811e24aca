package filter

import (
	"bufio"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Names resolves the names in an expression. Its methods are called by Compile only for names that the
// expression holds and must be safe for concurrent use.
type Names interface {
	// Port is the number of a service for "tcp", "udp" or "sctp".
	Port(service, transport string) (uint16, bool)
	// Protocol is an IP protocol number.
	Protocol(name string) (uint8, bool)
	// Hosts are all addresses of a host.
	Hosts(name string) []netip.Addr
	// Network is an IPv4 network number with the host part zero, such as 10.0.0.0.
	Network(name string) (netip.Addr, bool)
	// Ether is the Ethernet address of a host.
	Ether(name string) ([6]byte, bool)
}

// Files resolves names from the files services, protocols, hosts, networks and ethers of a directory;
// it opens no network and starts no process. Each file is read once, when first needed; what is missing
// or unreadable knows no names. Well-known services and protocols are known without the files. The zero
// value reads /etc.
type Files struct {
	// Dir is where the files are, "/etc" when empty.
	Dir string

	services, protocols, hosts, networks, ethers sync.Once

	ports  map[string]uint16
	protos map[string]uint8
	addrs  map[string][]netip.Addr
	nets   map[string]netip.Addr
	macs   map[string][6]byte
}

// systemNames is used where Options name no other.
var systemNames = &Files{}

// lines calls f with the words of every line of the file that is not a comment.
func (s *Files) lines(name string, f func(words []string)) {
	dir := s.Dir
	if dir == "" {
		dir = "/etc"
	}
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return
	}
	defer file.Close()
	for sc := bufio.NewScanner(file); sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		if words := strings.Fields(line); len(words) >= 2 {
			f(words)
		}
	}
}

// Port implements Names. Case matters in services.
func (s *Files) Port(service, transport string) (uint16, bool) {
	s.services.Do(func() {
		s.ports = map[string]uint16{}
		s.lines("services", func(words []string) {
			port, proto, _ := strings.Cut(words[1], "/")
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return
			}
			for i, name := range words {
				if i == 1 {
					continue
				}
				if _, dup := s.ports[name+"/"+proto]; !dup {
					s.ports[name+"/"+proto] = uint16(n)
				}
			}
		})
		if len(s.ports) == 0 {
			for name, n := range wellKnownPorts {
				s.ports[name] = n
			}
		}
	})
	n, ok := s.ports[service+"/"+transport]
	return n, ok
}

// wellKnownPorts are used where there is no services file.
var wellKnownPorts = map[string]uint16{
	"ftp-data/tcp": 20, "ftp/tcp": 21, "ssh/tcp": 22, "telnet/tcp": 23, "smtp/tcp": 25, "time/tcp": 37, "time/udp": 37,
	"domain/tcp": 53, "domain/udp": 53, "bootps/udp": 67, "bootpc/udp": 68, "tftp/udp": 69, "http/tcp": 80,
	"kerberos/tcp": 88, "kerberos/udp": 88, "pop3/tcp": 110, "sunrpc/tcp": 111, "sunrpc/udp": 111, "ntp/udp": 123,
	"netbios-ns/udp": 137, "netbios-dgm/udp": 138, "netbios-ssn/tcp": 139, "imap2/tcp": 143, "imap/tcp": 143,
	"snmp/udp": 161, "snmp/tcp": 161, "snmp-trap/udp": 162, "snmp-trap/tcp": 162, "bgp/tcp": 179, "ldap/tcp": 389,
	"ldap/udp": 389, "https/tcp": 443, "https/udp": 443, "microsoft-ds/tcp": 445, "isakmp/udp": 500, "syslog/udp": 514,
	"submission/tcp": 587, "ldaps/tcp": 636, "domain-s/tcp": 853, "imaps/tcp": 993, "pop3s/tcp": 995,
	"radius/udp": 1812, "nfs/tcp": 2049, "nfs/udp": 2049, "mysql/tcp": 3306, "postgresql/tcp": 5432, "sip/tcp": 5060,
	"sip/udp": 5060, "mdns/udp": 5353, "x11/tcp": 6000, "http-alt/tcp": 8080, "http-alt/udp": 8080,
}

// Protocol implements Names.
func (s *Files) Protocol(name string) (uint8, bool) {
	s.protocols.Do(func() {
		s.protos = map[string]uint8{}
		s.lines("protocols", func(words []string) {
			n, err := strconv.ParseUint(words[1], 10, 8)
			if err != nil {
				return
			}
			for i, w := range words {
				if _, dup := s.protos[w]; i != 1 && !dup {
					s.protos[w] = uint8(n)
				}
			}
		})
		if len(s.protos) == 0 {
			for name, n := range wellKnownProtocols {
				s.protos[name] = n
			}
		}
	})
	n, ok := s.protos[name]
	return n, ok
}

// wellKnownProtocols are used where there is no protocols file.
var wellKnownProtocols = map[string]uint8{
	"ip": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "ipv6": 41, "ipv6-route": 43,
	"ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
	"eigrp": 88, "ospf": 89, "ipip": 94, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}

// Hosts implements Names. Case does not matter; the addresses are sorted and each is given once.
func (s *Files) Hosts(name string) []netip.Addr {
	s.hosts.Do(func() {
		s.addrs = map[string][]netip.Addr{}
		s.lines("hosts", func(words []string) {
			a, err := netip.ParseAddr(words[0])
			if err != nil {
				return
			}
			for _, w := range words[1:] {
				w = strings.ToLower(w)
				s.addrs[w] = append(s.addrs[w], a.Unmap().WithZone(""))
			}
		})
		for w, a := range s.addrs {
			slices.SortFunc(a, netip.Addr.Compare)
			s.addrs[w] = slices.Compact(a)
		}
	})
	return s.addrs[strings.ToLower(name)]
}

// Network implements Names. Case does not matter.
func (s *Files) Network(name string) (netip.Addr, bool) {
	s.networks.Do(func() {
		s.nets = map[string]netip.Addr{}
		s.lines("networks", func(words []string) {
			v, bits, err := parseDotted(words[1])
			if err != nil || bits > 32 {
				return
			}
			for i, w := range words {
				if i != 1 {
					s.nets[strings.ToLower(w)] = ipv4(v << (32 - bits))
				}
			}
		})
	})
	a, ok := s.nets[strings.ToLower(name)]
	return a, ok
}

// Ether implements Names. Case does not matter.
func (s *Files) Ether(name string) ([6]byte, bool) {
	s.ethers.Do(func() {
		s.macs = map[string][6]byte{}
		s.lines("ethers", func(words []string) {
			if lenMAC(words[0]) == len(words[0]) {
				s.macs[strings.ToLower(words[1])] = parseMAC(words[0])
			}
		})
	})
	m, ok := s.macs[strings.ToLower(name)]
	return m, ok
}
