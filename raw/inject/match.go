package inject

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// Header is what matching needs of an IP or ARP packet: who talks to whom, and what tells one exchange from another.
type Header struct {
	Src, Dst netip.Addr
	Protocol uint8 // of the transport header; protocolARP for ARP
	TTL, TOS uint8
	ID       uint16 // of IPv4
	Checksum uint16 // of the IPv4 header
	// Ports of UDP, TCP, SCTP and UDP-Lite.
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            wire.TCPFlags
	Data             int // bytes behind the TCP header
	// ICMP: type, code, and the second word; ARP: the operation in Type.
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
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		size := 4 * int(p[0]&15)
		if size < 20 || size > len(p) || binary.BigEndian.Uint16(p[6:])&0x1fff != 0 {
			return h, false
		}
		h.Src, h.Dst = netip.AddrFrom4([4]byte(p[12:])), netip.AddrFrom4([4]byte(p[16:]))
		h.TOS, h.TTL, h.Protocol = p[1], p[8], p[9]
		h.ID, h.Checksum = binary.BigEndian.Uint16(p[4:]), binary.BigEndian.Uint16(p[10:])
		end := len(p)
		if n := int(binary.BigEndian.Uint16(p[2:])); n >= size && n < end {
			end = n
		}
		h.Transport = p[size:end]
	case len(p) >= 40 && p[0]>>4 == 6:
		h.Src, h.Dst = netip.AddrFrom16([16]byte(p[8:])), netip.AddrFrom16([16]byte(p[24:]))
		h.TOS, h.TTL = p[0]<<4|p[1]>>4, p[7]
		end := len(p)
		if n := 40 + int(binary.BigEndian.Uint16(p[4:])); n > 40 && n < end {
			end = n
		}
		if h.Protocol, h.Transport, ok = skipExtensions(p[6], p[40:end]); !ok {
			return h, false
		}
	case len(p) >= 28 && p[0] == 0 && p[1] == 1 && p[4] == 6 && p[5] == 4:
		h.Protocol, h.Type = protocolARP, p[7]
		h.Src, h.Dst = netip.AddrFrom4([4]byte(p[14:])), netip.AddrFrom4([4]byte(p[24:]))
		return h, true
	default:
		return h, false
	}
	return h, h.parseTransport()
}

// skipExtensions walks over IPv6 extension headers.
func skipExtensions(next uint8, p []byte) (protocol uint8, transport []byte, ok bool) {
	for {
		size := 0
		switch next {
		case wire.ProtoHopByHop, wire.ProtoRouting, wire.ProtoDstOpts:
			if len(p) < 8 {
				return 0, nil, false
			}
			size = 8 + 8*int(p[1])
		case wire.ProtoFragment:
			if len(p) < 8 || binary.BigEndian.Uint16(p[2:])&^7 != 0 {
				return 0, nil, false
			}
			size = 8
		case wire.ProtoAH:
			if len(p) < 8 {
				return 0, nil, false
			}
			size = 8 + 4*int(p[1])
		default:
			return next, p, true
		}
		if size > len(p) {
			return 0, nil, false
		}
		next, p = p[0], p[size:]
	}
}

func (h *Header) parseTransport() bool {
	t := h.Transport
	switch h.Protocol {
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP:
		if len(t) < 8 {
			return false
		}
		h.SrcPort, h.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
		if h.Protocol == wire.ProtoTCP {
			h.Seq = binary.BigEndian.Uint32(t[4:])
			if len(t) >= 20 {
				h.Ack, h.Flags = binary.BigEndian.Uint32(t[8:]), wire.TCPFlags(binary.BigEndian.Uint16(t[12:])&0xfff)
				h.Data = max(0, len(t)-4*int(t[12]>>4))
			}
		}
	case wire.ProtoICMP, wire.ProtoICMPv6:
		if len(t) < 8 {
			return false
		}
		h.Type, h.Code, h.Word = t[0], t[1], binary.BigEndian.Uint32(t[4:])
		if h.Protocol == wire.ProtoICMPv6 && (h.Type == wire.ICMPv6NeighborSolicit || h.Type == wire.ICMPv6NeighborAdvert) && len(t) >= 24 {
			h.Target = netip.AddrFrom16([16]byte(t[8:]))
		}
	}
	return true
}

// Quote returns the header of the packet that an ICMP error quotes.
func (h *Header) Quote() (quoted Header, ok bool) {
	isError := false
	switch h.Protocol {
	case wire.ProtoICMP:
		isError = h.Type == 3 || h.Type == 4 || h.Type == 5 || h.Type == 11 || h.Type == 12
	case wire.ProtoICMPv6:
		isError = h.Type < 128
	}
	if !isError || len(h.Transport) < 8 {
		return quoted, false
	}
	return ParseHeader(h.Transport[8:])
}

// key is what an exchange is known by.
type key struct {
	use      uint8 // of the key: what the fields mean
	protocol uint8
	a, b     netip.Addr
	x, y     uint32
}

const (
	useReply      = iota // a direct answer: from a to b
	useQuote             // the packet itself: from a to b
	useQuoteByDst        // the packet with its source changed on the way
	useQuoteBySrc        // the packet with its destination changed on the way
)

// replyTypes are the ICMP messages that answer, by what they answer.
var replyTypes4 = map[uint8]uint8{8: 0, 10: 9, 13: 14, 15: 16, 17: 18, 42: 43}
var replyTypes6 = map[uint8]uint8{128: 129, 133: 134, 135: 136, 139: 140, 160: 161}

// replyKey returns what a direct answer to the packet is known by. Packets to a group or broadcast address are
// answered from any address.
func (h *Header) replyKey(anyone bool) (k key, ok bool) {
	k = key{use: useReply, protocol: h.Protocol, a: h.Dst, b: h.Src}
	switch h.Protocol {
	case protocolARP:
		return key{use: useReply, protocol: protocolARP, a: h.Dst}, h.Type == 1
	case wire.ProtoICMP:
		answer, known := replyTypes4[h.Type]
		k.x, k.y = uint32(answer), h.Word
		if h.Type == 42 {
			k.y &^= 0xff // the reply has its state where the request has a flag
		}
		ok = known
		if h.Type == 10 {
			k.a, k.b, k.y = netip.Addr{}, netip.Addr{}, 0
		}
	case wire.ProtoICMPv6:
		answer, known := replyTypes6[h.Type]
		k.x, k.y, ok = uint32(answer), h.Word, known
		switch h.Type {
		case wire.ICMPv6NeighborSolicit:
			return key{use: useReply, protocol: h.Protocol, a: h.Target, x: uint32(answer)}, true
		case wire.ICMPv6RouterSolicit:
			return key{use: useReply, protocol: h.Protocol, x: uint32(answer)}, true
		}
	case wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP, wire.ProtoTCP:
		k.x, ok = uint32(h.DstPort)<<16|uint32(h.SrcPort), true
	default:
		ok = true
	}
	if anyone {
		k.a = netip.Addr{}
	}
	return k, ok
}

// answerKeys returns what a packet could be filed under as a direct answer.
func (h *Header) answerKeys() [2]key {
	k := key{use: useReply, protocol: h.Protocol, a: h.Src, b: h.Dst}
	switch h.Protocol {
	case protocolARP:
		if h.Type != 2 {
			return [2]key{}
		}
		k = key{use: useReply, protocol: protocolARP, a: h.Src}
	case wire.ProtoICMP:
		k.x, k.y = uint32(h.Type), h.Word
		switch h.Type {
		case 43:
			k.y &^= 0xff
		case 9:
			k.a, k.b, k.y = netip.Addr{}, netip.Addr{}, 0
		}
	case wire.ProtoICMPv6:
		k.x, k.y = uint32(h.Type), h.Word
		switch h.Type {
		case wire.ICMPv6NeighborAdvert:
			k = key{use: useReply, protocol: h.Protocol, a: h.Target, x: uint32(h.Type)}
		case wire.ICMPv6RouterAdvert:
			k = key{use: useReply, protocol: h.Protocol, x: uint32(h.Type)}
		}
	case wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoSCTP, wire.ProtoTCP:
		k.x = uint32(h.SrcPort)<<16 | uint32(h.DstPort)
	}
	anyone := k
	anyone.a = netip.Addr{}
	return [2]key{k, anyone}
}

// quoteKeys returns what the packet, quoted by an ICMP error, is known by: whole, and with either side rewritten by
// an address translator on the way.
func (h *Header) quoteKeys() [3]key {
	x, y := uint32(h.SrcPort)<<16|uint32(h.DstPort), h.Seq
	if h.Protocol == wire.ProtoICMP || h.Protocol == wire.ProtoICMPv6 {
		x, y = h.Word, uint32(h.Type)
	}
	whole := key{useQuote, h.Protocol, h.Src, h.Dst, x, y}
	byDst := key{useQuoteByDst, h.Protocol, netip.Addr{}, h.Dst, uint32(h.DstPort), uint32(h.ID)}
	bySrc := key{useQuoteBySrc, h.Protocol, h.Src, netip.Addr{}, uint32(h.SrcPort), uint32(h.ID)}
	return [3]key{whole, byDst, bySrc}
}

// Probe is a packet whose answer is waited for.
type Probe struct {
	Number uint64    // of the packet in its template
	Sent   time.Time // when it was handed over, or by the kernel's clock when that is known
	Header Header    // its Transport is not kept
	// Replies and Errors count what came back.
	Replies, Errors int
	stamped         bool
	next            int32 // expected acknowledgement bytes: SYN, FIN and data
}

// Outcome says what a packet from the network means to a probe.
type Outcome uint8

// Outcomes.
const (
	Reply     Outcome = iota + 1 // a direct answer
	ICMPError                    // an ICMP error that quotes it
	Departure                    // it is the probe itself, leaving
)

func (o Outcome) String() string {
	return [...]string{"nothing", "reply", "icmp-error", "departure"}[o]
}

// Matcher remembers probes and tells which one a packet answers. It is for one goroutine.
type Matcher struct {
	Probes []Probe
	index  map[key]*bucket
}

// bucket is the probes of one key, in the order in which they were sent.
type bucket struct {
	probes   []int32
	departed int // those before were seen leaving
}

// Sent adds a probe: packet number n, given without its link header, handed over at the time. anyone says that its
// answer may come from any address, as it does for groups and broadcasts. It returns the probe's place in Probes; -1
// when the packet cannot be followed.
func (m *Matcher) Sent(n uint64, p []byte, anyone bool, at time.Time) int {
	h, ok := ParseHeader(p)
	if !ok {
		return -1
	}
	i := int32(len(m.Probes))
	probe := Probe{Number: n, Sent: at, Header: h, next: int32(h.Data)}
	if h.Flags&wire.SYN != 0 {
		probe.next++
	}
	if h.Flags&wire.FIN != 0 {
		probe.next++
	}
	probe.Header.Transport = nil
	m.Probes = append(m.Probes, probe)
	if k, ok := h.replyKey(anyone); ok {
		m.file(k, i)
	}
	for _, k := range h.quoteKeys() {
		m.file(k, i)
	}
	return int(i)
}

func (m *Matcher) file(k key, i int32) {
	if m.index == nil {
		m.index = map[key]*bucket{}
	}
	b := m.index[k]
	if b == nil {
		b = new(bucket)
		m.index[k] = b
	}
	b.probes = append(b.probes, i)
}

// Match says which probe a packet, given without its link header, has to do with and how; ok is false for none. Of
// several probes that it could answer it is the last one sent before it that has no answer yet; if all have one, the
// last. A departure sets the probe's time of sending.
func (m *Matcher) Match(p []byte, at time.Time, leaving bool) (i int, o Outcome, ok bool) {
	h, ok := ParseHeader(p)
	if !ok {
		return 0, 0, false
	}
	if leaving {
		return m.departure(&h, at)
	}
	if quoted, ok := h.Quote(); ok {
		keys := quoted.quoteKeys()
		sameID := func(p *Probe) bool { return p.Header.ID == quoted.ID }
		for _, k := range keys {
			if i, ok := m.choose(m.index[k], at, sameID); ok {
				m.Probes[i].Errors++
				return i, ICMPError, true
			}
		}
		if i, ok := m.choose(m.index[keys[0]], at, func(*Probe) bool { return true }); ok { // the id was changed
			m.Probes[i].Errors++
			return i, ICMPError, true
		}
		return 0, 0, false
	}
	for _, k := range h.answerKeys() {
		if i, ok := m.choose(m.index[k], at, func(p *Probe) bool { return p.acknowledgedBy(&h) }); ok {
			m.Probes[i].Replies++
			return i, Reply, true
		}
	}
	return 0, 0, false
}

// departure finds the probe that is seen leaving, the first with its key that has not been.
func (m *Matcher) departure(h *Header, at time.Time) (int, Outcome, bool) {
	b := m.index[h.quoteKeys()[0]]
	if b == nil {
		return 0, 0, false
	}
	for _, i := range b.probes[b.departed:] {
		if p := &m.Probes[i]; !p.stamped && p.Header.ID == h.ID {
			p.stamped, p.Sent = true, at
			for b.departed < len(b.probes) && m.Probes[b.probes[b.departed]].stamped {
				b.departed++
			}
			return int(i), Departure, true
		}
	}
	return 0, 0, false
}

// choose returns the last probe sent before at that fits and has no answer; if all have one, the last that fits.
func (m *Matcher) choose(b *bucket, at time.Time, fits func(*Probe) bool) (int, bool) {
	if b == nil {
		return 0, false
	}
	best := -1
	for k := len(b.probes) - 1; k >= 0; k-- {
		i := int(b.probes[k])
		p := &m.Probes[i]
		if !fits(p) || p.Sent.After(at) && len(b.probes) > 1 {
			continue
		}
		if p.Replies+p.Errors == 0 {
			return i, true
		}
		if best < 0 {
			best = i
		}
	}
	return best, best >= 0
}

// acknowledgedBy reports whether a TCP segment answers the probe by its numbers (RFC 9293, section 3.10.7): it
// acknowledges what the probe took up, or resets from where the probe acknowledged. Other protocols have no numbers.
func (p *Probe) acknowledgedBy(h *Header) bool {
	if h.Protocol != wire.ProtoTCP {
		return true
	}
	if h.Flags&wire.ACK != 0 && h.Ack == p.Header.Seq+uint32(p.next) {
		return true
	}
	return p.Header.Flags&wire.ACK != 0 && h.Flags&wire.RST != 0 && h.Seq == p.Header.Ack ||
		p.Header.Flags&wire.ACK != 0 && h.Flags&wire.ACK != 0 && h.Seq == p.Header.Ack // a challenge ACK, RFC 5961
}

// Change is a field that a quote shows changed on the way.
type Change struct {
	Field  string `json:"field"`
	Sent   string `json:"sent"`
	Quoted string `json:"quoted"`
}

func (c Change) String() string { return c.Field + " " + c.Sent + "→" + c.Quoted }

// Changes compares a probe with what an ICMP error quotes of it. What every router changes, the TTL and with it the
// header's checksum, is among them.
func Changes(sent, quoted *Header) []Change {
	var list []Change
	add := func(field string, differs bool, a, b any) {
		if differs {
			list = append(list, Change{field, fmt.Sprint(a), fmt.Sprint(b)})
		}
	}
	hex := func(v uint16) string { return fmt.Sprintf("%#04x", v) }
	add("src", sent.Src != quoted.Src, sent.Src, quoted.Src)
	add("dst", sent.Dst != quoted.Dst, sent.Dst, quoted.Dst)
	add("tos", sent.TOS != quoted.TOS, fmt.Sprintf("%#02x", sent.TOS), fmt.Sprintf("%#02x", quoted.TOS))
	add("ttl", sent.TTL != quoted.TTL, sent.TTL, quoted.TTL)
	add("id", sent.ID != quoted.ID, hex(sent.ID), hex(quoted.ID))
	add("chksum", sent.Checksum != quoted.Checksum, hex(sent.Checksum), hex(quoted.Checksum))
	add("sport", sent.SrcPort != quoted.SrcPort, sent.SrcPort, quoted.SrcPort)
	add("dport", sent.DstPort != quoted.DstPort, sent.DstPort, quoted.DstPort)
	add("seq", sent.Seq != quoted.Seq, sent.Seq, quoted.Seq)
	add("icmp", sent.Word != quoted.Word, fmt.Sprintf("%#08x", sent.Word), fmt.Sprintf("%#08x", quoted.Word))
	return list
}

// AnswerFilter returns a pcap-filter expression that all packets matching needs pass, and as little else as can be
// said: answers to the template's packets, ICMP errors, and the packets themselves as they leave. "" is everything.
func AnswerFilter(t *packet.Template) string {
	layers := t.Layers(0)
	host, seenIP := "", 0
	if t.Fragments() {
		return "ip or ip6"
	}
	for i, l := range layers {
		switch l := l.(type) {
		case *packet.Ethernet:
		case *packet.VLAN, *packet.MPLS, *packet.PPPoE:
			return ""
		case *packet.ARP:
			return "arp"
		case *packet.IPv4:
			if seenIP = seenIP + 1; seenIP > 1 {
				return "ip or ip6"
			}
			if l.Protocol != (packet.Opt[uint8]{}) && i+1 == len(layers) {
				return "ip"
			}
		case *packet.IPv6:
			if seenIP = seenIP + 1; seenIP > 1 {
				return "ip or ip6"
			}
			host = hostTerm(t, &l.Dst)
		case *packet.UDP:
			return "icmp or icmp6 or (" + host + "udp" + portTerm(t, &l.SrcPort) + ")"
		case *packet.TCP:
			return "icmp or icmp6 or (" + host + "tcp" + portTerm(t, &l.SrcPort) + ")"
		case *packet.ICMPv4, *packet.ICMPv6:
			return "icmp or icmp6"
		default:
			return "ip or ip6"
		}
	}
	return "ip or ip6"
}

// hostTerm narrows direct answers to those from a constant IPv6 destination that answers itself. An IPv4 destination
// may be a broadcast address, which anybody answers for.
func hostTerm(t *packet.Template, dst *netip.Addr) string {
	if t.VariesAt(dst) || !dst.IsValid() || dst.IsMulticast() {
		return ""
	}
	return "host " + dst.String() + " and "
}

func portTerm(t *packet.Template, port *uint16) string {
	if t.VariesAt(port) {
		return ""
	}
	return fmt.Sprintf(" port %d", *port)
}
