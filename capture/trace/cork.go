package trace

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
