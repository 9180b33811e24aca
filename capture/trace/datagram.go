package trace

import (
	"bytes"
	"net/netip"
	"time"
)

const udpHeader = 8

// message is one datagram on its way: the packets that hold it and the send it came from.
type message struct {
	parts []*PacketRecord // in order of capture
	unit  *unit           // nil when the send is not known
	from  Addr
	size  int // bytes of data
	data  []byte
	at    time.Duration // when the last part was captured, or the send was entered
	whole bool
	base  int // where the data starts in the unit: raw sockets pass headers too
}

// fragmentKey is what reassembly goes by, RFC 791 section 3.2 and RFC 8200 section 4.5.
type fragmentKey struct {
	src, dst netip.Addr
	proto    uint8
	id       uint32
}

func (p *PacketRecord) fragmentKey() fragmentKey {
	return fragmentKey{p.Src.Addr(), p.Dst.Addr(), p.Protocol, p.IPID}
}

// joinDatagrams finds the send of every UDP datagram and the receive that took it.
func (c *correlator) joinDatagrams() {
	queues := map[*Socket][]*message{}
	units := map[*Socket]train{}
	later := c.laterFragments()
	for _, p := range c.Packets {
		if p.UDP == nil || p.Raw != nil && p.Fragment.Is {
			continue
		}
		if p.Raw == nil {
			p.From = c.net.datagram(ProtoUDP, p.Src, p.Dst, p.Time)
		}
		p.To = c.net.datagram(ProtoUDP, p.Dst, p.Src, p.Time)
		m := &message{parts: []*PacketRecord{p}, from: Addr{IP: p.Src}, size: p.PayloadLength, data: p.Payload, at: p.Time, whole: true}
		if p.Fragment.Is {
			m.size = max(p.UDP.Length-udpHeader, 0)
			m.gather(later[p.fragmentKey()])
		}
		switch {
		case p.Raw != nil:
			u := &unit{call: c.calls[p.Raw.Call]}
			u.size = u.call.sentSize(0)
			m.unit, m.base = u, u.size-p.PayloadLength
		case p.From != nil:
			if _, ok := units[p.From]; !ok {
				units[p.From] = p.From.units()
			}
			m.unit = findUnit(units[p.From], m, p)
			units[p.From] = units[p.From].rest()
		}
		if p.Raw == nil {
			m.attribute()
		}
		if p.To != nil && m.whole {
			queues[p.To] = append(queues[p.To], m.delivered(p.To)...)
		}
	}
	for s, q := range queues {
		s.take(q)
	}
}

// laterFragments are the fragments that do not hold the transport header.
func (c *correlator) laterFragments() map[fragmentKey][]*PacketRecord {
	m := map[fragmentKey][]*PacketRecord{}
	for _, p := range c.Packets {
		if p.Fragment.Is && p.Fragment.Offset > 0 {
			m[p.fragmentKey()] = append(m[p.fragmentKey()], p)
		}
	}
	return m
}

// gather adds the later fragments. They may have been captured before the first one. A fragment that
// another datagram with the same identification has taken is not taken twice.
func (m *message) gather(later []*PacketRecord) {
	first := m.parts[0]
	var got ranges
	got.add(0, int64(first.PayloadLength))
	data := append([]byte(nil), first.Payload...)
	for _, p := range later {
		from := p.Fragment.Offset - udpHeader
		if p.From != nil || p.first != nil || p.Unattributed > 0 || from < 0 || from+p.PayloadLength > m.size {
			continue
		}
		m.parts = append(m.parts, p)
		p.From, p.To = first.From, first.To
		p.Unattributed = p.PayloadLength
		got.add(int64(from), int64(from+p.PayloadLength))
		if from == len(data) {
			data = append(data, p.Payload...)
		}
		m.at = max(m.at, p.Time)
	}
	m.data = data
	m.whole = len(got) == 1 && got[0] == span64{0, int64(m.size)} || m.size == 0
}

// findUnit finds the send: of those that had been entered, went there and passed this, the first
// that has no datagram yet.
func findUnit(units train, m *message, p *PacketRecord) *unit {
	for i, u := range units {
		if u.used || u.call.Entered > p.Time || !samePrefix(u.data, m.data) {
			continue
		}
		if u.size != m.size {
			if u = units[i:].train(m.size); u == nil {
				continue
			}
		}
		if to := plain(u.to.IP); u.to.IP.IsValid() && to != p.Dst && !(to.Addr().IsUnspecified() && to.Port() == p.Dst.Port()) {
			continue
		}
		u.used = true
		return u
	}
	return nil
}

// samePrefix tells whether two data agree as far as both are known.
func samePrefix(a, b []byte) bool {
	n := min(len(a), len(b))
	return bytes.Equal(a[:n], b[:n])
}

// attribute says which bytes of the send each part carries.
func (m *message) attribute() {
	for _, p := range m.parts {
		from := 0
		if p.Fragment.Offset > 0 {
			from = p.Fragment.Offset - udpHeader
		}
		if m.unit == nil {
			p.Unattributed = p.PayloadLength
			continue
		}
		// A part seen before the send was entered was not made by it.
		if m.unit.call.Entered > p.Time {
			continue
		}
		p.Unattributed = 0
		for call, span := range m.unit.spans(from, from+p.PayloadLength) {
			p.carry(call, span)
		}
	}
}

// take gives the messages that arrived at a datagram socket to its receives, first come first served.
func (s *Socket) take(queue []*message) {
	taken := map[*message]bool{}
	for _, c := range s.calls {
		for len(queue) > 0 && taken[queue[0]] {
			queue = queue[1:]
		}
		if !c.receives() || !c.ok() || c.flag("MSG_ERRQUEUE") || len(c.Messages) > 0 {
			continue
		}
		for _, m := range queue {
			if taken[m] || m.at > c.Left || !m.fits(c) {
				continue
			}
			taken[m] = !c.flag("MSG_PEEK")
			m.receive(c)
			break
		}
	}
}

// fits tells whether the receive can have returned this message.
func (m *message) fits(c *CallRecord) bool {
	if c.Addr.IsValid() && m.from.IsValid() && (plain(c.Addr.IP) != plain(m.from.IP) || c.Addr.Unix != m.from.Unix) {
		return false
	}
	n := int(c.Result)
	if n != m.size && n != min(m.size, c.Size) {
		return false
	}
	return samePrefix(c.Data[:min(len(c.Data), n)], m.data)
}

// receive notes on the call what it took.
func (m *message) receive(c *CallRecord) {
	n := min(m.size, int(c.Result), c.Size)
	if !c.flag("MSG_PEEK") {
		c.Lost = m.size - n
	}
	if len(m.parts) > 0 {
		c.Message = m.parts[0].Number
	}
	if m.unit != nil && m.unit.call.Entered <= c.Left {
		for _, span := range m.unit.spans(m.base, m.base+n) {
			c.Received = append(c.Received, span)
		}
	}
}
