package trace

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
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
			p.From = c.datagramSender(p)
		}
		receivers := c.datagramReceivers(p)
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
		if m.unit != nil && m.unit.call.Segment > 0 && !p.Fragment.Is {
			p.cutInto(m.unit.call.Segment)
		}
		if p.Raw == nil {
			m.attribute()
		}
		for _, s := range receivers {
			if m.whole {
				queues[s] = append(queues[s], m.delivered(s)...)
			}
		}
	}
	for s, q := range queues {
		s.take(q)
	}
}

func (c *correlator) datagramSender(p *PacketRecord) *Socket {
	if s, told := c.net.sender(p); told {
		return s
	}
	return c.net.datagram(ProtoUDP, p.Src, p.Dst, p.Time)
}

// datagramReceivers finds the sockets that a UDP datagram came to, but for raw ones, and notes all.
func (c *correlator) datagramReceivers(p *PacketRecord) []*Socket {
	all, told := c.net.receivers(p)
	if !told {
		if s := c.net.datagram(ProtoUDP, p.Dst, p.Src, p.Time); s != nil {
			all = []*Socket{s}
		}
	}
	all = slices.DeleteFunc(all, func(s *Socket) bool { return s.PassesHeaders() })
	for _, s := range slices.Backward(all) {
		p.own(s)
	}
	return all
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
		p.From, p.To, p.Also, p.head = first.From, first.To, first.Also, first
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
		if u.call.Entered > p.Time {
			break // so were the rest
		}
		if u.used || !samePrefix(u.data, m.data) {
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
	slices.SortStableFunc(queue, func(a, b *message) int { return cmp.Compare(a.at, b.at) })
	taken := map[*message]bool{}
	last := -1 // the last message that was taken
	for _, c := range s.Calls {
		if !c.Receives() || !c.Succeeded() {
			continue
		}
		for _, r := range c.receipts() {
			first := 0
			for first < len(queue) && taken[queue[first]] {
				first++
			}
			queue = queue[first:]
			last -= first
			for i, m := range queue {
				if m.at > c.Left {
					break
				}
				if taken[m] || !m.fits(r) {
					continue
				}
				if taken[m] = !c.HasFlag("MSG_PEEK"); taken[m] {
					last = max(last, i)
				}
				m.receive(c, r)
				break
			}
		}
	}
	for i, m := range queue {
		if i > last && !taken[m] { // one before was lost: the queue of a socket keeps the order
			m.wait()
		}
	}
}

// wait notes that the message may still be received.
func (m *message) wait() {
	for _, p := range m.parts {
		p.waiting = true
	}
	if m.unit != nil {
		m.unit.call.waiting = true
	}
}

// receipt is one message that a receive returned.
type receipt struct {
	index int // among the call's messages
	from  Addr
	data  []byte
	room  int // 0 when it is not known
	size  int // as returned
}

// receipts are the messages that a receive returned.
func (c *CallRecord) receipts() []receipt {
	if len(c.Messages) == 0 {
		n := int(c.Result)
		return []receipt{{from: c.Addr, data: c.Data[:min(len(c.Data), n)], room: c.Size, size: n}}
	}
	var all []receipt
	for i, m := range c.Messages[:min(len(c.Messages), int(c.Result))] {
		all = append(all, receipt{index: i, from: m.Addr, data: m.Data[:min(len(m.Data), m.Size)], room: cmp.Or(m.Room, m.Size), size: m.Size})
	}
	return all
}

// fits tells whether the receive can have returned this message.
func (m *message) fits(r receipt) bool {
	if r.from.IsValid() && m.from.IsValid() && (plain(r.from.IP) != plain(m.from.IP) || r.from.Unix != m.from.Unix) {
		return false
	}
	if r.size != m.size && r.size != min(m.size, r.room) {
		return false
	}
	return samePrefix(r.data, m.data)
}

// receive notes on the call what it took.
func (m *message) receive(c *CallRecord, r receipt) {
	n := min(m.size, r.size, r.room)
	if !c.HasFlag("MSG_PEEK") {
		c.Lost += m.size - n
	}
	if len(m.parts) > 0 && c.Message == 0 {
		c.Message = m.parts[0].Number
	}
	if m.unit != nil && m.unit.call.Entered <= c.Left {
		for _, span := range m.unit.spans(m.base, m.base+n) {
			c.Received = append(c.Received, span)
		}
	}
	for _, p := range m.parts {
		p.taken = append(p.taken, c)
	}
}
