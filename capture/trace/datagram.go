package trace

import (
	"slices"
)

// joinDatagrams finds the send of every UDP datagram and the receive that took it.
func joinDatagrams(net *network, packets []*PacketRecord, calls map[int]*CallRecord, later map[fragmentKey][]*PacketRecord) {
	queues := map[*Socket][]*message{}
	units := map[*Socket]train{}
	for _, p := range packets {
		if p.UDP == nil || p.Raw != nil && p.Fragment.Is {
			continue
		}
		if p.Raw == nil {
			p.From = net.datagramSender(p)
		}
		receivers := net.datagramReceivers(p)
		m := &message{parts: []*PacketRecord{p}, from: Addr{IP: p.Src}, size: p.PayloadLength, data: p.Payload, at: p.Time, whole: true}
		if p.Fragment.Is {
			m.size = max(p.UDP.Length-udpHeader, 0)
			m.gather(later[p.fragmentKey()])
		}
		switch {
		case p.Raw != nil:
			u := &unit{call: calls[p.Raw.Call]}
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

func (n *network) datagramSender(p *PacketRecord) *Socket {
	if s, known := n.sender(p); known {
		return s
	}
	return n.datagram(ProtoUDP, p.Src, p.Dst, p.Time)
}

// datagramReceivers finds the sockets that a UDP datagram came to, but for raw ones, and notes all.
func (n *network) datagramReceivers(p *PacketRecord) []*Socket {
	all, known := n.receivers(p)
	if !known {
		if s := n.datagram(ProtoUDP, p.Dst, p.Src, p.Time); s != nil {
			all = []*Socket{s}
		}
	}
	all = slices.DeleteFunc(all, func(s *Socket) bool { return s.PassesHeaders() })
	for _, s := range slices.Backward(all) {
		p.own(s)
	}
	return all
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

// train is the units of a socket; the datagrams that UDP_SEGMENT makes of one send follow each other.
type train []*unit

// train returns the datagrams at the start of t that together have that size, as one, when they are the
// segments of one send: a super-packet of segmentation offload. They are then used.
func (t train) train(size int) *unit {
	if len(t) == 0 || t[0].last {
		return nil
	}
	whole := *t[0]
	whole.size = 0
	for i, u := range t {
		if u.call != whole.call || u.used || u.message != whole.message {
			return nil
		}
		whole.size += u.size
		whole.last = u.last
		if whole.size >= size {
			if whole.size > size {
				return nil
			}
			for _, x := range t[:i+1] {
				x.used = true
			}
			return &whole
		}
	}
	return nil
}

// delivered are the messages that a receiver gets of what came as one packet: a super-packet is taken apart
// again for a socket that has not asked for it whole (UDP_GRO).
func (m *message) delivered(to *Socket) []*message {
	if m.unit == nil || m.unit.call.Segment <= 0 || m.unit.call.Segment >= m.size || to.option("UDP_GRO", m.at) != 0 {
		return []*message{m}
	}
	segment := m.unit.call.Segment
	var all []*message
	for at := 0; at < m.size; at += segment {
		part, unit := *m, *m.unit
		part.size = min(segment, m.size-at)
		part.data = m.data[min(at, len(m.data)):min(at+part.size, len(m.data))]
		unit.base += at
		unit.size, unit.last = part.size, unit.last && at+part.size == m.size
		part.unit = &unit
		all = append(all, &part)
	}
	return all
}

// rest leaves out the units at the start that are used.
func (t train) rest() train {
	for len(t) > 0 && t[0].used {
		t = t[1:]
	}
	return t
}
