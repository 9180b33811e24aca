package inject

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"sockwire/raw/wire"
)

// Header is what matching needs of an IP or ARP packet: who talks to whom, and what tells one exchange from another.
type Header struct {
	Src, Dst netip.Addr
	Final    netip.Addr // where a source route (RFC 791, RFC 8200, RFC 8754) ends that is not used up; otherwise Dst
	Protocol uint8      // of the transport header; protocolARP for ARP
	TTL, TOS uint8
	ID       uint16 // of IPv4
	Checksum uint16 // of the IPv4 header
	// Ports of UDP, TCP, SCTP and UDP-Lite.
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            wire.TCPFlags
	Data             int // bytes behind the TCP header
	// ICMP: type, code, and the second word; ARP: the operation in Type; SCTP: the first chunk's type.
	Type, Code uint8
	Word       uint32
	Target     netip.Addr // neighbour discovery
	Transport  []byte     // the transport header and what follows
}

const protocolARP = 255 // no IP protocol; what ARP is filed under

// ParseHeader reads an IPv4, IPv6 or ARP packet without its link header. It reports false for anything else, for later
// fragments, and for what is cut before the fields that matching needs; quoted packets, of which there may be no more
// than 8 bytes of transport header, are read.
func ParseHeader(p []byte) (h Header, ok bool) {
	ok = h.parse(p)
	return h, ok
}

// parse is ParseHeader into a zero header. It does not allocate.
func (h *Header) parse(p []byte) bool {
	if h.parseARP(p) {
		return true
	}
	l, ok := wire.Parse(p)
	if !ok || l.Stop != wire.StopTransport {
		return false
	}
	if l.Version == 4 {
		ip := wire.IPv4(p)
		h.Src, h.Dst = ip.Source(), ip.Destination()
		h.TOS, h.TTL, h.ID, h.Checksum = ip.TOS(), ip.TTL(), ip.ID(), ip.Checksum()
		h.Final = netip.AddrFrom4([4]byte(p[l.Destination:]))
	} else {
		ip := wire.IPv6(p)
		h.Src, h.Dst = ip.Source(), ip.Destination()
		h.TOS, h.TTL = ip.TrafficClass(), ip.HopLimit()
		h.Final = netip.AddrFrom16([16]byte(p[l.Destination:]))
		if ip.PayloadLength() == 0 {
			l.End = len(p) // as it was crafted
		}
	}
	h.Protocol, h.Transport = l.Protocol, p[l.Transport:l.End]
	return kindOf(h.Protocol).read(h, h.Transport)
}

func (h *Header) parseARP(p []byte) bool {
	a, ok := wire.ParseARP(p)
	if !ok || a.HardwareType() != 1 || a.HardwareLength() != 6 || a.ProtocolLength() != 4 {
		return false
	}
	h.Protocol, h.Type = protocolARP, uint8(a.Operation())
	h.Src, h.Dst = netip.AddrFrom4([4]byte(a.SenderProtocol())), netip.AddrFrom4([4]byte(a.TargetProtocol()))
	h.Final = h.Dst
	return true
}

// Quote returns the header of the packet that an ICMP error quotes.
func (h *Header) Quote() (quoted Header, ok bool) {
	six := h.Protocol == wire.ProtoICMPv6
	if !six && h.Protocol != wire.ProtoICMP || !wire.IsICMPError(six, h.Type) || len(h.Transport) < wire.ICMPQuoteAt {
		return quoted, false
	}
	return ParseHeader(h.Transport[wire.ICMPQuoteAt:])
}

// Carried returns the header of the packet that a tunnel carries: IP in IP, GRE, MPLS in IP or GRE, VXLAN, Geneve.
func (h *Header) Carried() (inner Header, ok bool) {
	t := h.Transport
	switch h.Protocol {
	case wire.ProtoIPv4, wire.ProtoIPv6:
		return ParseHeader(t)
	case wire.ProtoMPLS:
		return parseMPLS(t)
	case wire.ProtoGRE:
		return parseGRE(t)
	case wire.ProtoEthernet:
		return parseEthernet(t)
	case wire.ProtoUDP:
		switch {
		case len(t) < 16:
		case wire.IsVXLANPort(h.DstPort):
			return parseEthernet(t[16:])
		case h.DstPort == wire.PortGeneve:
			return parseEtherType(binary.BigEndian.Uint16(t[10:]), after(t, 16+4*int(t[8]&0x3f)))
		}
	}
	return inner, false
}

// after returns what stands behind the first n bytes, nil if there are fewer.
func after(p []byte, n int) []byte {
	if n > len(p) {
		return nil
	}
	return p[n:]
}

func parseGRE(p []byte) (h Header, ok bool) {
	if len(p) < 4 || p[1]&7 != 0 {
		return h, false
	}
	size := 4
	for _, bit := range []byte{0x80, 0x20, 0x10} { // checksum, key, sequence number (RFC 2890)
		if p[0]&bit != 0 {
			size += 4
		}
	}
	return parseEtherType(binary.BigEndian.Uint16(p[2:]), after(p, size))
}

func parseMPLS(p []byte) (h Header, ok bool) {
	for len(p) >= 4 {
		bottom := p[2]&1 != 0
		if p = p[4:]; bottom {
			return ParseHeader(p)
		}
	}
	return h, false
}

func parseEthernet(p []byte) (h Header, ok bool) {
	if len(p) < 14 {
		return h, false
	}
	return parseEtherType(binary.BigEndian.Uint16(p[12:]), p[14:])
}

func parseEtherType(t uint16, p []byte) (h Header, ok bool) {
	for (t == wire.EtherTypeVLAN || t == wire.EtherTypeQinQ) && len(p) >= 4 {
		t, p = binary.BigEndian.Uint16(p[2:]), p[4:]
	}
	switch t {
	case wire.EtherTypeIPv4, wire.EtherTypeIPv6, wire.EtherTypeARP:
		return ParseHeader(p)
	case wire.EtherTypeMPLS:
		return parseMPLS(p)
	case wire.EtherTypeTEB:
		return parseEthernet(p)
	}
	return h, false
}

// levels is how many headers of a packet are looked at: the outermost, and those of packets that tunnels carry.
const levels = 3

// parseLevels reads the header of a packet and of what it carries, the outermost first, into room.
func parseLevels(p []byte, room *[levels]Header) []Header {
	room[0] = Header{}
	if !room[0].parse(p) {
		return nil
	}
	n := 1
	for ; n < levels && room[n-1].carries(); n++ {
		var ok bool
		if room[n], ok = room[n-1].Carried(); !ok {
			break
		}
	}
	return room[:n]
}

// carries reports whether the packet may carry another, for most do not.
func (h *Header) carries() bool {
	switch h.Protocol {
	case wire.ProtoTCP, wire.ProtoICMP, wire.ProtoICMPv6, protocolARP:
		return false
	case wire.ProtoUDP:
		return h.DstPort == wire.PortGeneve || wire.IsVXLANPort(h.DstPort)
	}
	return true
}

// NetworkPart returns where the network packet starts in an Ethernet frame: behind its header and tags; len(b) if
// nowhere.
func NetworkPart(b []byte) int {
	for at := 12; len(b) >= at+2; at += 4 {
		switch binary.BigEndian.Uint16(b[at:]) {
		case wire.EtherTypeVLAN, wire.EtherTypeQinQ:
			continue
		}
		return at + 2
	}
	return len(b)
}

// String says where the packet goes, for people.
func (h *Header) String() string {
	k := kindOf(h.Protocol)
	switch {
	case k.ports:
		return fmt.Sprintf("%s %s port %d ttl %d", h.Dst, k.name, h.DstPort, h.TTL)
	case k.protocol == wire.ProtoICMP || k.protocol == wire.ProtoICMPv6:
		return fmt.Sprintf("%s icmp type %d ttl %d", h.Dst, h.Type, h.TTL)
	}
	return h.Dst.String()
}

// Name returns the name of the packet's protocol: tcp, udp, udplite, sctp, icmp, icmp6, igmp, arp; "" for others.
func (h *Header) Name() string { return kindOf(h.Protocol).name }
