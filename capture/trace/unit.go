package trace

import (
	"iter"
)

// unit is one message that a call sent: all its bytes, for a call that has one.
type unit struct {
	call    *CallRecord
	message int
	data    []byte
	size    int
	to      Addr
	used    bool    // it has found its packet or its receive
	base    int     // where in the message it begins, for a datagram that is a part of one send
	last    bool    // it is the last such part
	parts   []*unit // of a datagram that several sends made (MSG_MORE, UDP_CORK); call is then the first
}

// units lists the messages that the calls of s sent, in order.
func (s *Socket) units() []*unit { return s.unitsOf(s.Calls) }

func (s *Socket) unitsOf(calls []*CallRecord) []*unit {
	var all []*unit
	cork := corking{socket: s}
	if len(calls) > 0 { // it may have been set before them
		cork.corked = s.option("UDP_CORK", calls[0].Entered) != 0
	}
	for _, c := range calls {
		cork.option(c)
		if !c.Sends() || c.Errno != "" {
			continue
		}
		if len(c.Messages) == 0 {
			size := c.Size
			if c.Succeeded() {
				size = int(c.Result)
			}
			for _, u := range c.segments(&unit{call: c, data: c.Data, size: size, to: c.destination()}) {
				all = cork.add(all, u)
			}
		}
		for i, m := range c.Messages {
			if c.Succeeded() && i >= int(c.Result) {
				break
			}
			to := m.Addr
			if !to.IsValid() {
				to = c.destination()
			}
			all = cork.add(all, &unit{call: c, message: i, data: m.Data, size: m.Size, to: to, last: true})
		}
	}
	return all
}

// destination is where a send goes: the address it names, or the one the socket is connected to.
func (c *CallRecord) destination() Addr {
	if c.Addr.IsValid() {
		return c.Addr
	}
	return c.On.at(c.Entered).remote
}

// spans are the part from:to of the unit, by the calls that passed it.
func (u *unit) spans(from, to int) iter.Seq2[*CallRecord, Span] {
	return func(yield func(*CallRecord, Span) bool) {
		if u.parts == nil {
			yield(u.call, u.span(from, to))
			return
		}
		at := 0
		for _, p := range u.parts {
			if a, b := max(from-at, 0), min(to-at, p.size); a < b && !yield(p.call, p.span(a, b)) {
				return
			}
			at += p.size
		}
	}
}

// span is the part from:to of the unit.
func (u *unit) span(from, to int) Span {
	return Span{Call: u.call.Number, Message: u.message, From: u.base + from, To: u.base + to, All: from == 0 && to == u.size && u.base == 0 && u.last}
}

// segments are the datagrams that the kernel makes of what a call sends, udp(7) UDP_SEGMENT; without it one.
func (c *CallRecord) segments(u *unit) []*unit {
	u.last = true
	if c.Segment <= 0 || u.size <= c.Segment || c.On.Kind != KindDatagram || c.On.Family == FamilyUnix {
		return []*unit{u}
	}
	var all []*unit
	for at := 0; at < u.size; at += c.Segment {
		part := *u
		part.base, part.size = at, min(c.Segment, u.size-at)
		part.data = u.data[min(at, len(u.data)):min(at+part.size, len(u.data))]
		part.last = at+part.size == u.size
		all = append(all, &part)
	}
	return all
}

// corking makes one datagram of the sends that the kernel puts together: those with MSG_MORE, or made while UDP_CORK
// is set, and the one after them; udp(7).
type corking struct {
	socket *Socket
	corked bool
	open   *unit // the datagram that is not complete
}

// option notes what a call does to UDP_CORK. Taking it off sends what there is.
func (k *corking) option(c *CallRecord) {
	if name, value, ok := c.Option(); ok && name == "UDP_CORK" && c.Succeeded() {
		if k.corked = value != 0; !k.corked {
			k.open = nil
		}
	}
}

// add appends a unit to all, or to the datagram that is not complete.
func (k *corking) add(all []*unit, u *unit) []*unit {
	s := k.socket
	if s.Kind != KindDatagram || !s.Internet() || s.Ping() {
		return append(all, u)
	}
	more := k.corked || u.call.HasFlag("MSG_MORE")
	switch {
	case k.open != nil:
		k.open.join(u)
	case more:
		k.open = &unit{call: u.call, to: u.to, last: true}
		k.open.join(u)
		all = append(all, k.open)
	default:
		all = append(all, u)
	}
	if !more {
		k.open = nil
	}
	return all
}

// join adds what one more send passed.
func (u *unit) join(part *unit) {
	if len(u.data) == u.size {
		u.data = append(u.data[:len(u.data):len(u.data)], part.data...)
	}
	u.size += part.size
	u.parts = append(u.parts, part)
}

// sentSize is how many bytes of the message the call passed.
func (c *CallRecord) sentSize(message int) int {
	switch {
	case message < len(c.Messages):
		return c.Messages[message].Size
	case c.Succeeded():
		return int(c.Result)
	}
	return c.Size
}
