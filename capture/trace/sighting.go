package trace

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"sockwire/raw/wire"
)

// SightingHeader is how many bytes of a packet a Sighting holds at most: the headers, and enough of the data to tell
// it from another.
const SightingHeader = 80

// Sighting is a packet as the kernel saw it at one of its sockets: as it left the socket, before it was cut into
// fragments, or as it was given to the socket, put together again.
type Sighting struct {
	Time      time.Duration
	Direction Direction // Out or In, seen from the socket
	// Cookie is the kernel's name for the socket, which is never used again (SO_COOKIE, socket(7)).
	Cookie uint64
	Socket SocketID // the same socket, 0 when it is not one of those that are traced
	Raw    bool     // it is a raw socket, which gets a copy of packets that others get too
	Group  bool     // the packet came to a group of hosts, and perhaps to several sockets
	Kept   int      // bytes of Header that are the packet's, from its IP header on
	Header [SightingHeader]byte
}

// Sightings are packets seen at the sockets of a network namespace, in the order in which they were seen. They are an
// Event for a Matcher; a timeline is joined without.
//
// Of the packets of a flow (two addresses, two ports, TCP or UDP, one direction) those may be left out that are seen
// at the same socket as the one before, until a second UDP socket has the same flow.
type Sightings struct {
	Host string
	All  []Sighting
}

func (*Sightings) event() {}

// Matcher tells which sockets a captured packet left from and was given to, by the kernel's own word: it finds
// the sightings that have the packet's headers. Sightings with equal headers are matched in their order. The zero value
// is ready. It is not safe for concurrent use.
//
// All sightings up to some milliseconds after a packet have to be added before the packet is matched.
type Matcher struct {
	all     []sighted // in the order of adding, those that may still be asked for
	base    int       // number of the first
	out, in map[sightingKey]queue
	flows   map[sightingKey]*flowSockets // with addresses, ports and protocol alone
	cookies []uint64                     // room for receivers
}

// sighted is a sighting that is remembered.
type sighted struct {
	key     sightingKey
	at      time.Duration
	cookie  uint64
	next    int // the next one with the same key, 0 for none
	left    bool
	raw     bool
	group   bool
	matched bool
}

// queue is the sightings with one key.
type queue struct {
	head, tail int      // numbers of the first that is not matched and of the last, 0 for none
	given      []uint64 // cookies of those that were matched last
}

// flowSockets are the sockets at the ends of a flow, as far as packets of it showed: those that send and those that get
// its packets.
type flowSockets struct {
	from, to succession
	at       time.Duration
}

// succession is the socket that a flow has and the one before it.
type succession struct {
	now, before uint64
	since       time.Duration
	shared      bool // both have it: each packet since then has a sighting of its own
}

func (s *succession) is(cookie uint64, at time.Duration, proto uint8) {
	if s.now != cookie && !s.shared {
		*s = succession{now: cookie, before: s.now, since: at, shared: s.now != 0 && proto == ProtoUDP}
	}
}

// cookie is the socket at a time, 0 for unknown.
func (s *succession) cookie(at time.Duration) uint64 {
	switch {
	case s.before != 0 && at+sightingSlack < s.since:
		return s.before
	case s.shared:
		return 0
	}
	return s.now
}

const (
	// sightingSlack is by how much the clocks of a packet and of a sighting may differ.
	sightingSlack = 50 * time.Microsecond
	// sightingLimit is how many sightings are remembered, sightingReach how many with equal headers are looked
	// through for the receivers of one packet.
	sightingLimit = 1 << 16
	sightingReach = 64
	// flowLimit is how many flows are remembered.
	flowLimit = 1 << 16
)

// Add takes sightings up. They are copied.
func (m *Matcher) Add(s *Sightings) {
	for i := range s.All {
		m.AddOne(&s.All[i])
	}
}

// AddOne takes up one.
func (m *Matcher) AddOne(s *Sighting) {
	if m.out == nil {
		m.out, m.in, m.flows, m.base = map[sightingKey]queue{}, map[sightingKey]queue{}, map[sightingKey]*flowSockets{}, 1
	}
	m.add(s)
	if len(m.all) > sightingLimit {
		m.drop(len(m.all) - sightingLimit*3/4)
	}
}

func (m *Matcher) add(s *Sighting) {
	key, ok := headerKey(s.Header[:min(max(s.Kept, 0), SightingHeader)])
	if !ok || s.Cookie == 0 {
		return
	}
	number := m.base + len(m.all)
	m.all = append(m.all, sighted{key: key, at: s.Time, cookie: s.Cookie, left: s.Direction == Out, raw: s.Raw, group: s.Group})
	queues := m.queues(s.Direction == Out)
	q := queues[key]
	if q.head == 0 {
		q.head = number
	} else {
		m.all[q.tail-m.base].next = number
	}
	q.tail = number
	queues[key] = q
	if s.Raw || s.Group || key.proto != ProtoTCP && key.proto != ProtoUDP {
		return
	}
	f := m.flows[key.flow()]
	if f == nil {
		if len(m.flows) >= flowLimit {
			return
		}
		f = &flowSockets{}
		m.flows[key.flow()] = f
	}
	f.at = s.Time
	if s.Direction == Out {
		f.from.is(s.Cookie, s.Time, key.proto)
	} else {
		f.to.is(s.Cookie, s.Time, key.proto)
	}
}

func (m *Matcher) queues(left bool) map[sightingKey]queue {
	if left {
		return m.out
	}
	return m.in
}

// Match sets the packet's Sender and Receivers, as far as there are sightings of it. Packets have to come in their
// order. A fragment after the first one is left as it is: it goes where the first one goes.
func (m *Matcher) Match(p *Packet) {
	if key, ok := packetKey(p); ok {
		m.match(&key, p)
	}
}

func (m *Matcher) match(k *sightingKey, p *Packet) {
	key := *k
	if q, ok := m.out[key]; ok {
		if q.head != 0 && m.all[q.head-m.base].at <= p.Time+sightingSlack {
			s := &m.all[q.head-m.base]
			s.matched = true
			q.given = m.remember(nil, s.cookie)
			q.head = s.next
			m.out[key] = q
		}
		if len(q.given) > 0 { // or it is the same packet, captured at a second place
			p.Sender = q.given[0]
		}
	}
	if q, ok := m.in[key]; ok {
		p.Receivers = m.receivers(&q, p)
		m.in[key] = q
	}
	if f := m.flows[key.flow()]; f != nil {
		if p.Sender == 0 {
			p.Sender = f.from.cookie(p.Time)
		}
		if to := f.to.cookie(p.Time); len(p.Receivers) == 0 && to != 0 {
			p.Receivers = m.remember(nil, to)
		}
	}
}

// Sockets are the sockets of a packet, by their cookies.
type Sockets struct {
	Sender         uint64 // 0 for unknown
	SenderBefore   uint64 // the socket that had the sender's flow before, such as the listener of one that is not accepted yet
	Receivers      []uint64
	ReceiverBefore uint64
	// Apart: the packet has sightings of its own, or packets of its flow are told apart by them. What is found for one
	// that is not holds for all of its flow until another sighting of the flow.
	Apart bool
}

// Find does for the packet that b starts with, from its IP header on, what Match does for a Packet. Receivers are valid
// until the next call.
func (m *Matcher) Find(b []byte, at time.Duration) (s Sockets) {
	key, ok := headerKey(b[:min(len(b), findHeader)])
	if !ok {
		return s
	}
	p := Packet{Time: at}
	if m.group(key.dst) {
		p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), 0)
	}
	s.Apart = m.out[key].head != 0 || m.in[key].head != 0
	m.match(&key, &p)
	s.Sender, s.Receivers = p.Sender, p.Receivers
	if f := m.flows[key.flow()]; f != nil {
		s.Apart = s.Apart || f.from.shared || f.to.shared
		if f.from.now == s.Sender {
			s.SenderBefore = f.from.before
		}
		if len(s.Receivers) == 1 && f.to.now == s.Receivers[0] {
			s.ReceiverBefore = f.to.before
		}
	}
	return s
}

// findHeader is how much of a packet is looked at: a key takes no more than what a sighting has of the data.
const findHeader = SightingHeader

func (*Matcher) group(dst [16]byte) bool {
	a := netip.AddrFrom16(dst).Unmap()
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// receivers takes the sockets that were given the packet: one, and each raw one; all of a group's for a packet to a
// group.
func (m *Matcher) receivers(q *queue, p *Packet) []uint64 {
	group := p.Dst.Addr().IsMulticast() || p.Dst.Addr() == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	var found []uint64
	owned := false
	for number, n := q.head, 0; number != 0 && n < sightingReach; n++ {
		s := &m.all[number-m.base]
		number = s.next
		if s.matched || s.at < p.Time-sightingSlack || slices.Contains(found, s.cookie) || !s.raw && owned && !group {
			continue
		}
		s.matched = true
		owned, group = owned || !s.raw, group || s.group
		found = m.remember(found, s.cookie)
		if owned && !group {
			break
		}
	}
	for q.head != 0 && (m.all[q.head-m.base].matched || m.all[q.head-m.base].at < p.Time-sightingSlack) {
		q.head = m.all[q.head-m.base].next
	}
	if found != nil {
		q.given = found
	}
	return q.given
}

// remember appends a cookie. Most packets have one, and its room is made together with that of others.
func (m *Matcher) remember(to []uint64, cookie uint64) []uint64 {
	if len(to) > 0 {
		return append(to, cookie)
	}
	if len(m.cookies) == cap(m.cookies) {
		m.cookies = make([]uint64, 0, 1024)
	}
	n := len(m.cookies)
	m.cookies = append(m.cookies, cookie)
	return m.cookies[n : n+1 : n+1]
}

// Forget drops the sightings before a time: all packets up to then have been matched.
func (m *Matcher) Forget(until time.Duration) {
	n := 0
	for n < len(m.all) && m.all[n].at < until {
		n++
	}
	m.drop(n)
	if len(m.flows) >= flowLimit/2 {
		for key, f := range m.flows {
			if f.at < until {
				delete(m.flows, key)
			}
		}
	}
}

// drop forgets the first n sightings.
func (m *Matcher) drop(n int) {
	for i := range m.all[:n] {
		s := &m.all[i]
		queues := m.queues(s.left)
		q := queues[s.key]
		if q.head == m.base+i {
			q.head = s.next
		}
		if q.tail == m.base+i { // the last one with these headers
			delete(queues, s.key)
			continue
		}
		queues[s.key] = q
	}
	m.base += n
	m.all = slices.Delete(m.all, 0, n)
}

// sightingKey is what tells packets from each other wherever they are seen: what neither the kernel fills in late
// (checksums) nor fragmentation changes.
type sightingKey struct {
	src, dst         [16]byte
	srcPort, dstPort uint16
	proto            uint8
	n                uint8 // bytes of prefix
	id               uint16
	a, b             uint32 // TCP sequence number and acknowledgement, UDP length, ICMP type, code, identifier and sequence number
	prefix           [16]byte
}

// flow is the key of the packet's flow.
func (k *sightingKey) flow() sightingKey {
	return sightingKey{src: k.src, dst: k.dst, srcPort: k.srcPort, dstPort: k.dstPort, proto: k.proto}
}

// begin takes the start of the data, which a sighting has if the headers before it leave room.
func (k *sightingKey) begin(data []byte, headers int) {
	k.n = uint8(copy(k.prefix[:], data[:min(len(data), max(SightingHeader-headers, 0))]))
}

// packetKey is the key of a captured packet, if it has a transport header or needs none.
func packetKey(p *Packet) (k sightingKey, ok bool) {
	if !p.Src.IsValid() || !p.Dst.IsValid() || p.Fragment.Is && p.Fragment.Offset > 0 {
		return k, false
	}
	k.src, k.dst, k.proto = p.Src.Addr().As16(), p.Dst.Addr().As16(), p.Protocol
	four := p.Src.Addr().Is4()
	headers := p.NetworkHeader
	if four {
		k.id = uint16(p.IPID)
	} else if p.Fragment.Is {
		headers -= 8 // what a sighting does not have
	}
	switch {
	case p.TCP != nil:
		k.srcPort, k.dstPort, k.id = p.Src.Port(), p.Dst.Port(), 0
		k.a, k.b = p.TCP.Seq, p.TCP.Ack
		return k, true
	case p.UDP != nil:
		k.srcPort, k.dstPort = p.Src.Port(), p.Dst.Port()
		k.a = uint32(p.UDP.Length)
	case p.ICMP != nil:
		k.a, k.b = uint32(p.ICMP.Type)<<8|uint32(p.ICMP.Code), uint32(p.ICMP.ID)<<16|uint32(p.ICMP.Seq)
		return k, true
	}
	payload := p.Payload[:min(len(p.Payload), p.PayloadLength)]
	k.begin(payload, headers+p.TransportHeader)
	return k, true
}

// headerKey is the key of a packet of which the beginning is given, RFC 791 section 3.1, RFC 8200 sections 3 and 4.
func headerKey(b []byte) (k sightingKey, ok bool) {
	l, ok := wire.Parse(b)
	if !ok || l.Stop == wire.StopCut || l.Stop == wire.StopMalformed {
		return k, false
	}
	if l.Version == 4 {
		h := wire.IPv4(b)
		k.src, k.dst, k.id = h.Source().As16(), h.Destination().As16(), h.ID()
	} else {
		k.src, k.dst = [16]byte(b[wire.IPv6SourceAt:]), [16]byte(b[wire.IPv6DestinationAt:])
	}
	k.proto = l.Protocol
	rest := b[l.Transport:]
	headers := len(b) - len(rest)
	switch {
	case k.proto == ProtoTCP && len(rest) >= tcpHeader:
		k.ports(rest)
		k.id = 0 // segments of one super-packet have several
		k.a, k.b = binary.BigEndian.Uint32(rest[4:]), binary.BigEndian.Uint32(rest[8:])
		return k, true
	case k.proto == ProtoUDP && len(rest) >= udpHeader:
		k.ports(rest)
		k.a = uint32(binary.BigEndian.Uint16(rest[4:]))
		rest, headers = rest[udpHeader:], headers+udpHeader
	case (k.proto == ProtoICMP || k.proto == ProtoICMPv6) && len(rest) >= 8:
		m := ICMP{Type: rest[0], Code: rest[1]}
		k.a = uint32(m.Type)<<8 | uint32(m.Code)
		if v6 := k.proto == ProtoICMPv6; m.EchoRequest(v6) || m.EchoReply(v6) {
			k.b = binary.BigEndian.Uint32(rest[4:])
		}
		return k, true
	}
	k.begin(rest, headers)
	return k, true
}

func (k *sightingKey) ports(b []byte) {
	k.srcPort, k.dstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
}
