package trace

// train is the units of a socket; the datagrams that UDP_SEGMENT makes of one send follow each other.
type train []*unit

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
