package trace

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

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

// samePrefix tells whether two data agree as far as both are known.
func samePrefix(a, b []byte) bool {
	n := min(len(a), len(b))
	return bytes.Equal(a[:n], b[:n])
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
