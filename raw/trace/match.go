package trace

import (
	"encoding/binary"
	"net/netip"
	"time"

	"sockwire/raw/inject"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// sentProbe is what matching needs of a probe until its number is used again.
type sentProbe struct {
	n     uint64
	probe Probe
	src   uint16 // place of the source address
	call  moment // when it was handed over
	stamp int64  // when the kernel handed it to the device, ns; 0 where that is not known
	asked bool   // for a stamp

	answered, exceeded bool // it has an answer; that is a router's
}

// cause says why the probe has no answer: without a stamp, where there are stamps, it never reached a device.
func (s *sentProbe) cause(stamped bool) probe.Cause {
	if s != nil && s.asked && stamped && s.stamp == 0 {
		return probe.LocalQueue
	}
	return probe.Unanswered
}

// matcher knows the answers to the probes that were sent.
type matcher struct {
	codec   codec
	ring    []sentProbe // by the low bits of the number; it grows with how many there are on their way
	last    uint64
	sources []netip.Addr // that probes left with: mostly one
	scratch []byte
	// What is not proven well enough yet, and waits for more of its kind.
	doubts  map[doubt][]arrival
	trusted map[doubt]bool
	doubt   doubt  // of the latest answer that is not proven
	foreign uint64 // messages for somebody else
}

// doubt is answers that prove to be ours by the IPv4 id alone: somebody on the way has changed the transport's checksum
// or sequence number by a constant, a translator that did not repair the quote; or 8 bytes of SCTP were quoted, in
// which an INIT has nothing but its ports, for its tag must be 0 (RFC 9260, section 8.5.1). Once enough probes of a
// flow show the same, that is a proof.
type doubt struct {
	target netip.Addr
	flow   uint16
	delta  uint32
}

const (
	doubtsMost = 64 // kinds
	agreeing   = 3  // answers that prove each other
)

func newMatcher(c codec) *matcher {
	return &matcher{codec: c, ring: make([]sentProbe, ringLeast), scratch: make([]byte, 1<<16), doubts: map[doubt][]arrival{}, trusted: map[doubt]bool{}}
}

const (
	ringLeast    = 1 << 10
	ringMost     = 1 << 16                // numbers on the wire have no more
	ringKept     = 2 * time.Second        // how long a probe without an answer is remembered
	answeredKept = 150 * time.Millisecond // and one with an answer, for a second one to be known as that
)

// needed tells whether a probe is still to be remembered.
func (s *sentProbe) needed(now time.Duration) bool {
	if s.answered {
		return now-s.call.steady < answeredKept
	}
	return s.n != 0 && now-s.call.steady < ringKept
}

// sent remembers a probe.
func (m *matcher) sent(n uint64, p *Probe, src netip.Addr, call moment) *sentProbe {
	s := &m.ring[m.place(n)]
	for len(m.ring) < ringMost && s.needed(call.steady) {
		old := m.ring
		m.ring = make([]sentProbe, 2*len(old))
		for i := range old {
			m.ring[m.place(old[i].n)] = old[i]
		}
		s = &m.ring[m.place(n)]
	}
	*s = sentProbe{n: n, probe: *p, src: m.source(src), call: call}
	m.last = n
	return s
}

// source returns the place of a source address.
func (m *matcher) source(a netip.Addr) uint16 {
	for i, known := range m.sources {
		if known == a {
			return uint16(i)
		}
	}
	if len(m.sources) == sourcesMost { // what was changed is then not told rightly
		return 0
	}
	m.sources = append(m.sources, a)
	return uint16(len(m.sources) - 1)
}

const sourcesMost = 256

func (m *matcher) place(n uint64) int { return int(n) & (len(m.ring) - 1) }

// at returns the probe that a 16-bit number stands for, nil if there is none.
func (m *matcher) at(n uint16) *sentProbe {
	if s := &m.ring[m.place(uint64(n))]; s.n != 0 && uint16(s.n) == n {
		return s
	}
	return nil
}

// numbered returns probe n, nil if it is forgotten. Stamps of sends have the low half of the number.
func (m *matcher) numbered(n uint32) *sentProbe {
	if s := &m.ring[m.place(uint64(n))]; s.n != 0 && uint32(s.n) == n {
		return s
	}
	return nil
}

// matchIP looks at an IPv4 packet received.
// cut says that its end is missing: then its checksum, which covers that too, says nothing.
func (m *matcher) matchIP(b []byte, cut bool, a *arrival) (s *sentProbe, ok bool) {
	ip, body, ok := wire.ParseIPv4(b)
	if !ok || ip.Fragmented() {
		return nil, false
	}
	a.reply = Reply{From: ip.Source(), ReplyTTL: ip.TTL(), QuotedTTL: -1}
	if ip.Protocol() == wire.ProtoICMP {
		if !cut && wire.Checksum(body) != 0 {
			return nil, false
		}
		return m.matchICMP(false, body, a)
	}
	return m.matchDirect(ip.Protocol(), body, a)
}

// match6 looks at what an IPv6 socket of a protocol received.
func (m *matcher) match6(protocol uint8, body []byte, from netip.Addr, hopLimit int, a *arrival) (s *sentProbe, ok bool) {
	a.reply = Reply{From: from, ReplyTTL: uint8(max(hopLimit, 0)), QuotedTTL: -1}
	if protocol == wire.ProtoICMPv6 {
		return m.matchICMP(true, body, a)
	}
	return m.matchDirect(protocol, body, a)
}

func (m *matcher) matchICMP(six bool, b []byte, a *arrival) (s *sentProbe, ok bool) {
	if len(b) < wire.ICMPQuoteAt {
		return nil, false
	}
	h := wire.ICMP(b)
	r := &a.reply
	r.ICMP, r.Type, r.Code = true, h.Type(), h.Code()
	if wire.IsICMPError(six, h.Type()) {
		return m.matchError(six, b, a)
	}
	if reply, _ := wire.ICMPReplyType(six, echoType(six)); m.codec.protocol != ICMP || h.Type() != reply {
		return nil, false
	}
	s = m.at(m.codec.unsequence(h.Sequence()))
	if s == nil || s.probe.Target.Is6() != six || !m.proven(s, b[headerICMP:]) || h.ID() != m.codec.sourcePort(s.probe.Flow) {
		return nil, false
	}
	r.Kind, r.ICMP = Reached, true
	return s, true
}

func echoType(six bool) uint8 {
	if six {
		return wire.ICMPv6Echo
	}
	return wire.ICMPv4Echo
}

// proven tells whether a payload carries the whole proof of a probe.
func (m *matcher) proven(s *sentProbe, payload []byte) bool {
	return len(payload) >= payloadLeast && binary.BigEndian.Uint16(payload[payloadNumber:]) == uint16(s.n) &&
		binary.BigEndian.Uint64(payload[payloadHash:]) == m.codec.proof(s.n, s.probe.Target.WithZone(""), s.probe.Flow)
}

// matchError looks at an ICMP error, which quotes the probe.
func (m *matcher) matchError(six bool, b []byte, a *arrival) (s *sentProbe, ok bool) {
	r := &a.reply
	quote, extensions := splitQuote(six, b)
	// Only its end says where the quote ends: its lengths may have been changed on the way.
	l, ok := wire.Parse(quote)
	if !ok || l.Stop != wire.StopTransport || (l.Version == 6) != six || l.Protocol != m.codec.protocolNumber(six) || len(quote)-l.Transport < 8 {
		return nil, false
	}
	s, bits, delta := m.identify(six, quote, quote[l.Transport:])
	if s == nil {
		m.stranger(quote[l.Transport:])
		return nil, false
	}
	if six {
		r.QuotedTTL = int(wire.IPv6(quote).HopLimit())
	} else {
		r.QuotedTTL = int(wire.IPv4(quote).TTL())
	}
	r.MTU = wire.ICMPMTU(six, wire.ICMP(b))
	r.Kind = errorKind(six, r.Type, r.Code)
	m.compare(s, quote, r)
	readExtensions(extensions, r)
	if bits < proofEnough {
		// Of IPv6 all is quoted (RFC 4443, section 2.4). Ports of SCTP that are not the probe's are another's: what
		// answers several probes of another process would agree too.
		if six || bits < 16 || m.codec.protocol == SCTP && delta != 0 {
			return nil, false
		}
		m.doubt = doubt{s.probe.Target, s.probe.Flow, delta}
		return s, m.trusted[m.doubt]
	}
	return s, true
}

// errorKind says what an ICMP error means to a trace.
func errorKind(six bool, typ, code uint8) Kind {
	if six {
		switch typ {
		case wire.ICMPv6TimeExceeded:
			if code == 0 {
				return Exceeded
			}
		case wire.ICMPv6PacketTooBig:
			return TooBig
		case wire.ICMPv6Unreachable:
			if code == wire.ICMPv6PortUnreachable {
				return Reached
			}
			return Unreachable
		case wire.ICMPv6ParamProblem:
			if code == 1 { // unknown next header: RFC 4443, section 3.4
				return Reached
			}
		}
		return Other
	}
	switch typ {
	case wire.ICMPv4TimeExceeded:
		if code == 0 {
			return Exceeded
		}
	case wire.ICMPv4Unreachable:
		switch code {
		case wire.ICMPv4FragmentationNeeded:
			return TooBig
		case wire.ICMPv4PortUnreachable, wire.ICMPv4ProtocolUnreachable:
			return Reached
		}
		return Unreachable
	}
	return Other
}

// identify finds the probe that is quoted, and how many bits of what only this process knows the quote brings back.
// delta is by how much the transport's checksum is not what was sent.
func (m *matcher) identify(six bool, ip, t []byte) (best *sentProbe, bits int, delta uint32) {
	c := &m.codec
	try := func(n uint16) {
		s := m.at(n)
		if s == nil || s == best || s.probe.Target.Is6() != six {
			return
		}
		b, d := m.evidence(s, six, ip, t)
		if b > bits {
			best, bits, delta = s, b, d
		}
	}
	if !six {
		try(c.unid(wire.IPv4(ip).ID()))
	}
	payload := t[8:]
	switch c.protocol {
	case ICMP:
		try(c.unsequence(wire.ICMP(t).Sequence()))
	case TCP:
		try(c.unsequence(uint16(wire.TCP(t).Sequence() >> 16)))
		payload = t[min(headerTCP, len(t)):]
	case DCCP:
		if len(t) >= 16 {
			try(c.unsequence(binary.BigEndian.Uint16(t[10:])))
		}
		payload = t[min(headerDCCP, len(t)):]
	case SCTP:
		if len(t) >= 20 {
			try(c.unsequence(uint16(binary.BigEndian.Uint32(t[16:]) >> 16)))
		}
		payload = nil
	}
	if len(payload) >= payloadLeast {
		try(binary.BigEndian.Uint16(payload[payloadNumber:]))
	}
	return best, bits, delta
}

// evidence counts the secret bits that a quote has of a probe.
func (m *matcher) evidence(s *sentProbe, six bool, ip, t []byte) (bits int, delta uint32) {
	c := &m.codec
	target := s.probe.Target.WithZone("")
	if six {
		if wire.IPv6(ip).Destination() != target {
			return 0, 0
		}
	} else {
		if wire.IPv4(ip).Destination() != target {
			bits = -16 // it may have been translated; more has to show it
		}
		if c.unid(wire.IPv4(ip).ID()) == uint16(s.n) {
			bits += 16
		}
	}
	proof := c.proof(s.n, target, s.probe.Flow)
	payload := t[8:]
	switch c.protocol {
	case UDP:
		delta = uint32(wire.UDP(t).Checksum() - sum16(proof))
		if delta == 0 {
			bits += 16
		}
	case ICMP:
		if t[0] != echoType(six) {
			return 0, 0
		}
		if c.unsequence(wire.ICMP(t).Sequence()) == uint16(s.n) {
			bits += 16
		}
		delta = uint32(wire.ICMP(t).Checksum() - c.flowSum(s.probe.Flow, target))
	case TCP:
		if delta = wire.TCP(t).Sequence() - c.number32(s.n, proof); delta == 0 {
			bits += 32
		}
		payload = t[min(headerTCP, len(t)):]
	case DCCP:
		delta = uint32(binary.BigEndian.Uint16(t[6:]) - sum16(proof))
		if delta == 0 {
			bits += 16
		}
		if len(t) >= 16 && binary.BigEndian.Uint32(t[12:]) == uint32(proof) {
			bits += 32
		}
		payload = t[min(headerDCCP, len(t)):]
	case SCTP:
		if len(t) < 20 {
			delta = binary.BigEndian.Uint32(t) - (uint32(c.sourcePort(s.probe.Flow))<<16 | uint32(c.port))
		} else if delta = binary.BigEndian.Uint32(t[16:]) - c.number32(s.n, proof); delta == 0 {
			bits += 32
		}
		payload = nil
	}
	if m.proven(s, payload) {
		bits += 64
	}
	return bits, delta
}

// stranger looks at a quote of no probe of ours. If it is of 8 bytes of SCTP with our ports, somebody makes them up, or
// another process has the ports: of his answers some have an id of ours by chance. So those that agree must come with
// none of his between.
func (m *matcher) stranger(t []byte) {
	c := &m.codec
	if c.protocol == SCTP && len(t) < 20 && binary.BigEndian.Uint16(t)-c.base < flowsMost && binary.BigEndian.Uint16(t[2:]) == c.port {
		clear(m.doubts)
		clear(m.trusted)
	}
}

// settleDoubt keeps an answer that one number alone shows to be ours until others of its kind agree: then it gives all
// of them.
func (m *matcher) settleDoubt(s *sentProbe, a *arrival, given *[]arrival) {
	d := m.doubt
	for i := range m.doubts[d] {
		if m.doubts[d][i].n == s.n {
			return
		}
	}
	if len(m.doubts) >= doubtsMost && m.doubts[d] == nil {
		clear(m.doubts)
	}
	m.doubts[d] = append(m.doubts[d], *a)
	if len(m.doubts[d]) < agreeing {
		return
	}
	*given = append(*given, m.doubts[d]...)
	delete(m.doubts, d)
	m.trusted[d] = true
}

// matchDirect looks at what came back from the target itself, in the probes' own protocol.
func (m *matcher) matchDirect(protocol uint8, t []byte, a *arrival) (s *sentProbe, ok bool) {
	r, c := &a.reply, &m.codec
	r.Kind, r.Port = Reached, inject.Open
	if len(t) < 8 || protocol != c.protocolNumber(false) {
		return nil, false
	}
	switch c.protocol {
	case TCP:
		if len(t) < 20 {
			return nil, false
		}
		h := wire.TCP(t)
		if h.Flags()&wire.ACK == 0 {
			return nil, false
		}
		if h.Flags()&wire.RST != 0 {
			r.Port = inject.Closed
		}
		s = m.byAcknowledgment(h.Acknowledgment() - 1)
	case SCTP:
		if len(t) < 13 {
			return nil, false
		}
		if t[12] == 6 { // ABORT
			r.Port = inject.Closed
		}
		s = m.byNumber32(binary.BigEndian.Uint32(t[4:]))
	case DCCP:
		s = m.matchDCCP(t, r)
	case UDP:
		s = m.answerUDP(t[headerUDP:], wire.UDP(t).DestinationPort()-c.base, r)
	}
	if s == nil || s.probe.Target.WithZone("") != r.From.WithZone("") ||
		binary.BigEndian.Uint16(t) != c.port || binary.BigEndian.Uint16(t[2:]) != c.sourcePort(s.probe.Flow) {
		return nil, false
	}
	return s, true
}

// byAcknowledgment returns the probe whose SYN is acknowledged up to v, with the data that it carried or without.
func (m *matcher) byAcknowledgment(v uint32) *sentProbe {
	for carry := range uint32(2) { // of the data into the half that is the probe's number
		s := m.at(m.codec.unsequence(uint16(v>>16 - carry)))
		if s == nil {
			continue
		}
		header := wire.IPv4Len + headerTCP
		if s.probe.Target.Is6() {
			header = wire.IPv6Len + headerTCP
		}
		data := uint32(m.codec.sizeOf(&s.probe) - header)
		if d := v - m.codec.number32(s.n, m.codec.proof(s.n, s.probe.Target.WithZone(""), s.probe.Flow)); d == 0 || d == data {
			return s
		}
	}
	return nil
}

// byNumber32 returns the probe whose sequence number or tag it is.
func (m *matcher) byNumber32(v uint32) *sentProbe {
	s := m.at(m.codec.unsequence(uint16(v >> 16)))
	if s == nil || m.codec.number32(s.n, m.codec.proof(s.n, s.probe.Target.WithZone(""), s.probe.Flow)) != v {
		return nil
	}
	return s
}

// matchDCCP: a Response or a Reset acknowledges the Request's sequence number.
func (m *matcher) matchDCCP(t []byte, r *Reply) *sentProbe {
	typ := t[8%len(t)] >> 1 & 15
	if len(t) < 24 || t[8]&1 == 0 || typ != 1 && typ != 7 {
		return nil
	}
	if typ == 7 {
		r.Port = inject.Closed
	}
	s := m.at(m.codec.unsequence(binary.BigEndian.Uint16(t[18:])))
	if s == nil || uint32(m.codec.proof(s.n, s.probe.Target.WithZone(""), s.probe.Flow)) != binary.BigEndian.Uint32(t[20:]) {
		return nil
	}
	return s
}

// answerUDP: a datagram that a service answers with says nothing of which probe it answers, unless it sends the probe
// back. It is taken for the answer to the first of the flow that has none, and said to be unproven.
func (m *matcher) answerUDP(payload []byte, flow uint16, r *Reply) *sentProbe {
	if s := m.proven64(payload); s != nil {
		return s
	}
	passed := uint8(0) // the farthest router that answered: the target is behind it
	for n := m.last; n > 0 && n+unprovenMost > m.last; n-- {
		if s := m.numbered(uint32(n)); s != nil && s.exceeded && s.probe.Flow == flow && s.probe.Target.WithZone("") == r.From.WithZone("") {
			passed = max(passed, s.probe.TTL)
		}
	}
	found := m.unansweredBehind(passed, flow, r.From)
	r.Unproven = found != nil
	return found
}

// unansweredBehind returns the first probe of a flow to a target that went farther than a TTL and has no answer.
func (m *matcher) unansweredBehind(ttl uint8, flow uint16, target netip.Addr) (found *sentProbe) {
	for n := m.last; n > 0 && n+unprovenMost > m.last; n-- {
		s := m.numbered(uint32(n))
		if s != nil && !s.answered && s.probe.TTL > ttl && s.probe.Flow == flow && s.probe.Target.WithZone("") == target.WithZone("") {
			found = s
		}
	}
	return found
}

const unprovenMost = 1 << 10 // probes looked at

// compare notes what the quote shows changed. It allocates only where something was.
func (m *matcher) compare(s *sentProbe, quote []byte, r *Reply) {
	sent := m.codec.build(m.scratch, s.n, &s.probe, m.sources[s.src])
	n := min(len(sent), len(quote))
	if alike(sent[:n], quote[:n]) {
		return
	}
	a, ok := inject.ParseHeader(sent)
	b, okToo := inject.ParseHeader(quote)
	if !ok || !okToo {
		return
	}
	a.TTL, a.Checksum = b.TTL, b.Checksum
	r.Changes = append(inject.Changes(&a, &b), moreChanges(sent, quote)...)
}

// proven64 returns the probe whose whole proof a payload carries, nil if there is none.
func (m *matcher) proven64(payload []byte) *sentProbe {
	if len(payload) < payloadLeast {
		return nil
	}
	if s := m.at(binary.BigEndian.Uint16(payload[payloadNumber:])); s != nil && m.proven(s, payload) {
		return s
	}
	return nil
}

// matchPlain finds the probe that an entry of a socket's error queue is about. The kernel has seen that the quoted
// addresses and ports, or the identifier, are the socket's; the quote is what follows the UDP header, or the ICMP
// message.
func (m *matcher) matchPlain(six bool, flow uint16, target netip.Addr, quote []byte) *sentProbe {
	payload := quote
	if m.codec.protocol == ICMP {
		if len(quote) < headerICMP || quote[0] != echoType(six) {
			return nil
		}
		payload = quote[headerICMP:]
	}
	s := m.proven64(payload)
	if s == nil && m.codec.protocol == ICMP && len(payload) < payloadLeast {
		// The sequence number is known to who has the key.
		s = m.at(m.codec.unsequence(wire.ICMP(quote).Sequence()))
	}
	if s == nil || s.probe.Flow != flow || s.probe.Target.WithZone("") != target.WithZone("") {
		return nil
	}
	return s
}
