package inject

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// kind is one kind of probe: how its packets are read, what a direct answer is known by, how a packet is marked so that
// its answer is known without memory, and what an answer means. What differs between protocols is here and nowhere
// else.
type kind struct {
	name     string
	protocol uint8
	ports    bool // it goes from port to port

	// read takes what matching needs from the transport header, false where it is cut before that.
	read func(h *Header, t []byte) bool
	// asks completes the key of direct answers to h, false where nothing answers it directly.
	asks func(h *Header, k *key) bool
	// answers completes the key under which h is a direct answer, false where it answers nothing.
	answers func(h *Header, k *key) bool
	// fits reports whether an answer belongs to what was sent by its numbers.
	fits func(sent, h *Header) bool
	// mute says why nothing, not even an error, comes back for h; "" if something may. nil: something may.
	mute func(h *Header) string
	// quoted is what a quote of h brings back besides addresses.
	quoted func(h *Header) (x, y uint32)

	// stamp writes a mark into a layer; proves and provesQuote report whether an answer, or the packet that an ICMP
	// error quotes, has it. nil: none is written.
	stamp       func(l packet.Layer, m mark)
	proves      func(h *Header, m mark) bool
	provesQuote func(h *Header, m mark) bool

	// verdict says what a direct answer means to what was sent, silent what no answer does. nil: nothing.
	verdict func(sent, h *Header) Verdict
	silent  func(sent *Header) Verdict

	// term is the pcap-filter expression of direct answers to packets with this layer; nil: "ip or ip6".
	term func(t *packet.Template, l packet.Layer) string
}

var (
	tcpKind = &kind{
		name: "tcp", protocol: wire.ProtoTCP, ports: true,
		read: readTCP, asks: asksPorts, answers: answersPorts, fits: acknowledged, quoted: quotedPorts,
		stamp:       func(l packet.Layer, m mark) { t := l.(*packet.TCP); t.SrcPort, t.Seq = m.port, m.seq },
		proves:      func(h *Header, m mark) bool { return h.DstPort == m.port && (h.Ack == m.seq+1 || h.Ack == m.seq) },
		provesQuote: func(h *Header, m mark) bool { return h.SrcPort == m.port && h.Seq == m.seq },
		verdict:     verdictTCP, silent: silentTCP,
		term: func(t *packet.Template, l packet.Layer) string { return "tcp" + portTerm(t, &l.(*packet.TCP).SrcPort) },
	}
	udpKind = &kind{
		name: "udp", protocol: wire.ProtoUDP, ports: true,
		read: readUDP, asks: asksUDP, answers: answersUDP, fits: sameMessage, quoted: quotedPorts,
		stamp:  func(l packet.Layer, m mark) { l.(*packet.UDP).SrcPort = m.port },
		proves: provesPort, provesQuote: provesQuotedPort,
		verdict: isOpen, silent: openOrFiltered,
		term: func(t *packet.Template, l packet.Layer) string { return "udp" + portTerm(t, &l.(*packet.UDP).SrcPort) },
	}
	udpliteKind = &kind{
		name: "udplite", protocol: wire.ProtoUDPLite, ports: true,
		read: readPorts, asks: asksPorts, answers: answersPorts, quoted: quotedPorts,
		verdict: isOpen, silent: openOrFiltered,
	}
	sctpKind = &kind{
		name: "sctp", protocol: wire.ProtoSCTP, ports: true,
		read: readSCTP, asks: asksPorts, answers: answersPorts, quoted: quotedPorts,
		stamp:  func(l packet.Layer, m mark) { l.(*packet.SCTP).SrcPort = m.port },
		proves: provesPort, provesQuote: provesQuotedPort,
		verdict: verdictSCTP, silent: func(*Header) Verdict { return Filtered },
	}
	icmpKind = &kind{
		name: "icmp", protocol: wire.ProtoICMP, mute: muteICMP,
		read: readICMP, asks: asksICMP, answers: answersICMP, quoted: quotedICMP,
		stamp:       func(l packet.Layer, m mark) { i := l.(*packet.ICMPv4); i.ID, i.Seq = m.port, uint16(m.seq) },
		proves:      func(h *Header, m mark) bool { return h.Type == wire.ICMPv4EchoReply && h.Word == m.word() },
		provesQuote: func(h *Header, m mark) bool { return h.Word == m.word() },
		term:        func(*packet.Template, packet.Layer) string { return "" },
	}
	icmp6Kind = &kind{
		name: "icmp6", protocol: wire.ProtoICMPv6, mute: muteICMPv6,
		read: readICMPv6, asks: asksICMP, answers: answersICMP, quoted: quotedICMP,
		stamp: func(l packet.Layer, m mark) {
			if i := l.(*packet.ICMPv6); i.Type == wire.ICMPv6Echo {
				i.ID, i.Seq = m.port, uint16(m.seq)
			}
		},
		proves: func(h *Header, m mark) bool { // neighbour discovery carries no mark
			return h.Type == wire.ICMPv6NeighborAdvert || h.Type == wire.ICMPv6EchoReply && h.Word == m.word()
		},
		provesQuote: func(h *Header, m mark) bool { return h.Word == m.word() },
		term:        func(*packet.Template, packet.Layer) string { return "" },
	}
	arpKind = &kind{
		name: "arp", protocol: protocolARP, mute: muteARP,
		read: readNothing, asks: asksARP, answers: answersARP, quoted: quotedNothing,
		proves: func(h *Header, m mark) bool { return h.Type == wire.ARPReply },
	}
	igmpKind = &kind{
		name: "igmp", protocol: wire.ProtoIGMP, mute: muteIGMP,
		read: readIGMP, asks: always, answers: always, quoted: quotedNothing,
	}
	anyKind = &kind{read: readNothing, asks: always, answers: always, quoted: quotedNothing}
)

var kinds = [256]*kind{wire.ProtoTCP: tcpKind, wire.ProtoUDP: udpKind, wire.ProtoUDPLite: udpliteKind, wire.ProtoSCTP: sctpKind,
	wire.ProtoICMP: icmpKind, wire.ProtoICMPv6: icmp6Kind, wire.ProtoIGMP: igmpKind, protocolARP: arpKind}

// kindOf returns the kind of packets with a transport protocol.
func kindOf(protocol uint8) *kind {
	if k := kinds[protocol]; k != nil {
		return k
	}
	return anyKind
}

// kindOfLayer returns the kind of packets with a transport layer, nil for layers that are none.
func kindOfLayer(l packet.Layer) *kind {
	switch l.(type) {
	case *packet.TCP:
		return tcpKind
	case *packet.UDP:
		return udpKind
	case *packet.UDPLite:
		return udpliteKind
	case *packet.SCTP:
		return sctpKind
	case *packet.ICMPv4:
		return icmpKind
	case *packet.ICMPv6:
		return icmp6Kind
	case *packet.ARP:
		return arpKind
	case *packet.IGMP:
		return igmpKind
	}
	return nil
}

func readNothing(*Header, []byte) bool { return true }

func always(*Header, *key) bool { return true }

func quotedNothing(*Header) (x, y uint32) { return 0, 0 }

// What goes from port to port.

func readPorts(h *Header, t []byte) bool {
	if len(t) < 8 {
		return false
	}
	h.SrcPort, h.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	return true
}

func asksPorts(h *Header, k *key) bool {
	k.x = uint32(h.DstPort)<<16 | uint32(h.SrcPort)
	return true
}

func answersPorts(h *Header, k *key) bool {
	k.x = uint32(h.SrcPort)<<16 | uint32(h.DstPort)
	return true
}

func quotedPorts(h *Header) (x, y uint32) { return uint32(h.SrcPort)<<16 | uint32(h.DstPort), h.Seq }

func provesPort(h *Header, m mark) bool { return h.DstPort == m.port }

func provesQuotedPort(h *Header, m mark) bool {
	return h.SrcPort == m.port && (!h.Dst.Is4() || h.ID == m.id)
}

// portTerm narrows direct answers to those to a constant source port.
func portTerm(t *packet.Template, port *uint16) string {
	if t.VariesAt(port) {
		return ""
	}
	return " port " + strconv.Itoa(int(*port))
}

// readUDP also reads the number by which DNS and DHCP tell an answer from another, and which of the two a message is:
// in Word DNS's id, with QR in Type; or DHCP's xid, with its op in Type.
func readUDP(h *Header, t []byte) bool {
	if !readPorts(h, t) {
		return false
	}
	data := t[8:]
	switch {
	case len(data) >= 12 && (isNameServer(h.SrcPort) || isNameServer(h.DstPort)):
		h.Type, h.Word = 1+data[2]>>7, uint32(binary.BigEndian.Uint16(data))
	case len(data) >= 240 && binary.BigEndian.Uint32(data[236:]) == dhcpCookie:
		h.Type, h.Word = data[0], binary.BigEndian.Uint32(data[4:])
	}
	return true
}

// question and answer are what Type says of a DNS message, and the op of DHCP.
const (
	question = 1
	answer   = 2

	dhcpCookie = 0x63825363 // RFC 2132, section 2
)

func isNameServer(port uint16) bool {
	return port == wire.PortDNS || port == wire.PortMDNS || port == wire.PortLLMNR
}

// sameMessage reports whether a datagram may answer another: a DNS answer has the question's id (RFC 5452, section
// 9.1).
func sameMessage(sent, h *Header) bool {
	return sent.Type != question || h.Type != answer || sent.Word == h.Word
}

// asksUDP: a DHCP server answers a client that has no address yet, and by broadcast or to the one that it offers; the
// xid is what tells (RFC 2131, section 4.1).
func asksUDP(h *Header, k *key) bool {
	if h.DstPort == wire.PortDHCPServer && h.Type == question {
		return k.dhcp(h)
	}
	return asksPorts(h, k)
}

func answersUDP(h *Header, k *key) bool {
	if h.SrcPort == wire.PortDHCPServer && h.Type == answer {
		return k.dhcp(h)
	}
	return answersPorts(h, k)
}

func (k *key) dhcp(h *Header) bool {
	k.a, k.b, k.x, k.y = keyAddr{}, keyAddr{}, wire.PortDHCPServer, h.Word
	return true
}

func readTCP(h *Header, t []byte) bool {
	if !readPorts(h, t) {
		return false
	}
	h.Seq = binary.BigEndian.Uint32(t[4:])
	if len(t) >= 20 {
		h.Ack, h.Flags = binary.BigEndian.Uint32(t[8:]), wire.TCPFlags(binary.BigEndian.Uint16(t[12:])&0xfff)
		h.Data = max(0, len(t)-4*int(t[12]>>4))
	}
	return true
}

// acknowledged reports whether a TCP segment answers another by its numbers (RFC 9293, section 3.10.7): it acknowledges
// what that one took up, or resets from where it acknowledged.
func acknowledged(sent, h *Header) bool {
	next := sent.Seq + uint32(sent.Data)
	for _, f := range [...]wire.TCPFlags{wire.SYN, wire.FIN} {
		if sent.Flags&f != 0 {
			next++
		}
	}
	if h.Flags&wire.ACK != 0 && h.Ack == next {
		return true
	}
	// A reset, or a challenge ACK (RFC 5961).
	return sent.Flags&wire.ACK != 0 && h.Flags&(wire.RST|wire.ACK) != 0 && h.Seq == sent.Ack
}

func readSCTP(h *Header, t []byte) bool {
	if len(t) >= 13 {
		h.Type = t[12]
	}
	return readPorts(h, t)
}

// ICMP.

func readICMP(h *Header, t []byte) bool {
	if len(t) < 8 {
		return false
	}
	h.Type, h.Code, h.Word = t[0], t[1], binary.BigEndian.Uint32(t[4:])
	return true
}

func asksICMP(h *Header, k *key) bool {
	answer, known := wire.ICMPReplyType(h.Protocol == wire.ProtoICMPv6, h.Type)
	k.icmp(h, answer)
	return known
}

func answersICMP(h *Header, k *key) bool {
	k.icmp(h, h.Type)
	return true
}

// icmp completes the key of an answer of a type.
func (k *key) icmp(h *Header, answer uint8) {
	k.x, k.y = uint32(answer), h.Word
	switch six := h.Protocol == wire.ProtoICMPv6; {
	case !six && answer == wire.ICMPv4ExtendedReply:
		k.y &^= 0xff // it has its state where the request has a flag
	case !six && answer == wire.ICMPv4RouterAdvert, six && answer == wire.ICMPv6RouterAdvert:
		k.a, k.b, k.y = keyAddr{}, keyAddr{}, 0
	case six && answer == wire.ICMPv6NeighborAdvert:
		k.a, k.b, k.y = addrKey(h.Target), keyAddr{}, 0
	}
}

func readICMPv6(h *Header, t []byte) bool {
	if !readICMP(h, t) {
		return false
	}
	if (h.Type == wire.ICMPv6NeighborSolicit || h.Type == wire.ICMPv6NeighborAdvert) && len(t) >= 24 {
		h.Target = netip.AddrFrom16([16]byte(t[8:]))
	}
	return true
}

func quotedICMP(h *Header) (x, y uint32) { return h.Word, uint32(h.Type) }

// ARP.

// asksARP: a gratuitous request asks for nobody but its sender.
func asksARP(h *Header, k *key) bool {
	*k = key{use: useReply, protocol: protocolARP, a: addrKey(h.Dst)}
	return h.Type == wire.ARPRequest && h.Src != h.Dst
}

func answersARP(h *Header, k *key) bool {
	*k = key{use: useReply, protocol: protocolARP, a: addrKey(h.Src)}
	return h.Type == wire.ARPReply
}

// What nothing comes back for.

func muteARP(h *Header) string {
	switch {
	case h.Type != wire.ARPRequest:
		return "an ARP reply asks nothing"
	case h.Src == h.Dst:
		return "a gratuitous ARP request asks for its own sender"
	}
	return ""
}

// No error is sent about an error (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
func muteICMP(h *Header) string {
	switch h.Type {
	case 3, 4, 5, 11, 12:
		return "nothing answers an ICMP error"
	case 9:
		return "nothing answers a router advertisement"
	}
	return ""
}

func muteICMPv6(h *Header) string {
	switch {
	case h.Type < 128 || h.Type == 137:
		return "nothing answers an ICMPv6 error or redirect"
	case h.Type == wire.ICMPv6RouterAdvert:
		return "nothing answers a router advertisement"
	case h.Type == wire.ICMPv6NeighborAdvert:
		return "nothing answers a neighbour advertisement"
	case h.Type == 131 || h.Type == 132 || h.Type == 143:
		return "nothing answers a report of group members"
	}
	return ""
}

func readIGMP(h *Header, t []byte) bool {
	if len(t) > 0 {
		h.Type = t[0]
	}
	return true
}

func muteIGMP(h *Header) string {
	if h.Type != 0x11 {
		return "nothing answers a report of group members"
	}
	return ""
}

// Verdict is what an answer, or silence, says of the port that was asked, in nmap's words. "" is nothing.
type Verdict string

// Verdicts.
const (
	Open           Verdict = "open"          // somebody listens
	Closed         Verdict = "closed"        // the host answers, and nobody listens
	Filtered       Verdict = "filtered"      // something on the way keeps the question or the answer from passing
	Unfiltered     Verdict = "unfiltered"    // the question arrived: it does not tell whether somebody listens
	OpenOrFiltered Verdict = "open|filtered" // silence, which means the one or the other
)

// verdicts are in the order of what they tell, the most first.
var verdicts = []Verdict{Open, Closed, Unfiltered, Filtered, OpenOrFiltered}

// better returns which of two verdicts on one port tells more.
func better(a, b Verdict) Verdict {
	for _, v := range verdicts {
		if a == v || b == v {
			return v
		}
	}
	return b
}

func isOpen(sent, h *Header) Verdict { return Open }

func openOrFiltered(*Header) Verdict { return OpenOrFiltered }

const questionFlags = wire.SYN | wire.ACK | wire.RST

func verdictTCP(sent, h *Header) Verdict {
	asked := sent.Flags & questionFlags
	switch {
	case h.Flags&wire.RST != 0 && asked == wire.ACK:
		return Unfiltered
	case h.Flags&wire.RST != 0:
		return Closed
	case asked == wire.SYN && h.Flags&wire.SYN != 0:
		return Open
	}
	return ""
}

func silentTCP(sent *Header) Verdict {
	switch sent.Flags & questionFlags {
	case wire.SYN, wire.ACK:
		return Filtered
	case 0: // FIN, NULL and Xmas scans
		return OpenOrFiltered
	}
	return ""
}

func verdictSCTP(sent, h *Header) Verdict {
	switch h.Type {
	case 2: // INIT ACK
		return Open
	case 6: // ABORT
		return Closed
	}
	return ""
}

// unreachable is the verdict of an ICMP error about a packet to a port.
func unreachable(sent, h *Header) Verdict {
	k := kindOf(sent.Protocol)
	port := false
	switch {
	case h.Protocol == wire.ProtoICMP && h.Type == 3:
		port = h.Code == 3
	case h.Protocol == wire.ProtoICMPv6 && h.Type == 1:
		port = h.Code == 4
	default:
		return "" // it says nothing of the port
	}
	switch {
	case !k.ports:
		return ""
	case port && k != tcpKind && k != sctpKind && h.Src == sent.Final:
		return Closed
	}
	return Filtered
}

// aimed is the lowest TTL of a packet that surely was to reach its destination, and not to die on the way to it.
const aimed = 32

// Silent returns what it says of the port that the packet went to that nothing came back.
func (h *Header) Silent() Verdict {
	if silent := kindOf(h.Protocol).silent; silent != nil && h.TTL >= aimed {
		return silent(h)
	}
	return ""
}

// verdict returns what an answer says of the port that was asked.
func verdict(sent, h *Header, r Role) Verdict {
	if r == ICMPError {
		return unreachable(sent, h)
	}
	if v := kindOf(sent.Protocol).verdict; v != nil {
		return v(sent, h)
	}
	return ""
}
