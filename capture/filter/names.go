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

	"sockwire/raw/wire"
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
	})
	if len(s.ports) == 0 { // no services file
		return wellKnownPort(service, transport)
	}
	n, ok := s.ports[service+"/"+transport]
	return n, ok
}

func wellKnownPort(service, transport string) (uint16, bool) {
	switch transport {
	case "tcp":
		return wire.ServicePort(service, wire.ProtoTCP)
	case "udp":
		return wire.ServicePort(service, wire.ProtoUDP)
	}
	return 0, false
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
	})
	if len(s.protos) == 0 { // no protocols file
		return wire.ProtocolNumber(name)
	}
	n, ok := s.protos[name]
	return n, ok
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
