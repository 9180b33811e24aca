package owner

import (
	"encoding/binary"
	"slices"
	"time"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/raw/wire"
)

// network returns a frame from its IP header on, nil where it has none at the beginning.
func network(f *capture.Frame) []byte {
	b := f.Data
	switch f.Link {
	case capture.LinkRaw, capture.LinkIPv4, capture.LinkIPv6:
		return b
	case capture.LinkLinuxSLL2:
		if len(b) < 20 || !isIP(binary.BigEndian.Uint16(b)) {
			return nil
		}
		return b[20:]
	case capture.LinkLinuxSLL:
		if len(b) < 16 || !isIP(binary.BigEndian.Uint16(b[14:])) {
			return nil
		}
		return b[16:]
	case capture.LinkEthernet:
		if len(b) >= 14 && isIP(binary.BigEndian.Uint16(b[12:])) {
			return b[14:]
		}
		for at := 12; at+2 <= len(b); at += 4 {
			switch kind := binary.BigEndian.Uint16(b[at:]); {
			case isIP(kind):
				return b[at+2:]
			case kind != wire.EtherTypeVLAN && kind != 0x88a8:
				return nil
			}
		}
	}
	return nil
}

func isIP(kind uint16) bool { return kind == wire.EtherTypeIPv4 || kind == wire.EtherTypeIPv6 }

// find finds the sockets of the packet in b, which was captured in a network namespace.
func (t *table) find(b []byte, network uint32, at time.Duration) (s trace.Sockets) {
	m := t.matchers[network]
	if m == nil {
		return s
	}
	l, ok := wire.Parse(b)
	if !ok {
		return s
	}
	b = b[:min(l.End, len(b))]
	if !l.Fragmented {
		return m.Find(b, at)
	}
	var key fragment
	if l.Version == 4 {
		h := wire.IPv4(b)
		key = fragment{src: h.Source().As16(), dst: h.Destination().As16(), id: uint32(h.ID())}
	} else if l.FragmentHeader > 0 && l.FragmentHeader+8 <= len(b) {
		key = fragment{[16]byte(b[wire.IPv6SourceAt:]), [16]byte(b[wire.IPv6DestinationAt:]), binary.BigEndian.Uint32(b[l.FragmentHeader+4:])}
	}
	if l.FragmentOffset == 0 {
		s = m.Find(b, at)
		s.Receivers = append([]uint64(nil), s.Receivers...)
		t.fragments.put(key, s)
		return s
	}
	s, _ = t.fragments.get(key)
	return s
}

// happened notes that something happened to what has its mark there.
func (t *table) happened(place uint32, at time.Duration) {
	m := &t.marks[place%maxMarks]
	m.events++
	m.latest = max(m.latest, at)
}

// owners appends those of the packet in b, and returns what they follow from, nil where other packets of the flow may
// have others.
func (t *table) owners(to []Owner, b []byte, network uint32, at time.Duration) ([]Owner, *answer) {
	f, ok := flowOf(b, network)
	if !ok {
		return t.lookup(to, b, network, at), nil
	}
	a := &t.answers[f.place()%maxAnswers]
	if a.flow != f || at <= a.after || at > a.until || a.events != t.events && !t.holds(a) {
		s := t.find(b, network, at)
		a.owners = t.of(a.owners[:0], &s, at)
		if !t.follows(a, f.place(), &s, at) {
			a.flow = flow{}
			return append(to, a.owners...), nil
		}
		a.flow = f
	}
	return append(to, a.owners...), a
}

// holds tells whether nothing has happened since an answer was found.
func (t *table) holds(a *answer) bool {
	for _, s := range a.from {
		if t.marks[s.mark].events != s.events {
			return false
		}
	}
	a.events = t.events
	return true
}

// follows notes what an answer follows from, and tells whether later packets have the same.
func (t *table) follows(a *answer, place uint32, s *trace.Sockets, at time.Duration) bool {
	a.from, a.after, a.until, a.events = a.from[:0], 0, at+answerAge, t.events
	apart := s.Apart
	from := func(place uint32) {
		place %= maxMarks
		m := &t.marks[place]
		a.from, a.after = append(a.from, source{place, m.events}), max(a.after, m.latest+useSlack)
	}
	from(place)
	for _, cookie := range []uint64{s.Sender, s.SenderBefore, s.ReceiverBefore} {
		if cookie != 0 {
			from(placeOf(cookie >> 8))
			apart = apart || t.shared(cookie)
		}
	}
	for _, cookie := range s.Receivers {
		from(placeOf(cookie >> 8))
		apart = apart || t.shared(cookie)
	}
	for i := range a.owners {
		from(placeOf(uint64(a.owners[i].PID)))
	}
	return at > a.after && !apart
}

// shared tells whether several processes use a socket: each of its packets has an event then.
func (t *table) shared(tag uint64) bool {
	s, _ := t.sockets.get(tag >> 8)
	return s != nil && s.multi
}

func (t *table) lookup(to []Owner, b []byte, network uint32, at time.Duration) []Owner {
	s := t.find(b, network, at)
	return t.of(to, &s, at)
}

// of appends the owners of sockets.
func (t *table) of(to []Owner, s *trace.Sockets, at time.Duration) []Owner {
	if s.Sender != 0 {
		if o := t.owner(s.Sender, s.SenderBefore, at, Sender); o.Process != nil {
			to = append(to, o)
		}
	}
	for _, r := range s.Receivers {
		o := t.owner(r, s.ReceiverBefore, at, Receiver)
		if o.Process == nil {
			continue
		}
		to = append(to, o)
		if o.How == Inferred {
			to = t.others(to, r>>8, at)
		}
	}
	return to
}

// maxNamed is how many processes are named at most that a packet may be for.
const maxNamed = 4

// others appends which other processes than the last of the owners have used a socket that several have: a packet in its
// queue is for whichever takes it, and no place in the kernel tells of one which that was.
func (t *table) others(to []Owner, cookie uint64, at time.Duration) []Owner {
	s, _ := t.sockets.get(cookie)
	if s == nil || !s.multi {
		return to
	}
	first := len(to) - 1
	for _, u := range slices.Backward(s.users) {
		if len(to)-first == maxNamed {
			break
		}
		now := t.state(u.process.PID)
		ended := now != nil && now.exited > 0 && now.exited <= at
		if !ended && !slices.ContainsFunc(to[first:], func(o Owner) bool { return o.PID == u.process.PID }) {
			to = append(to, Owner{Process: u.process, Role: Receiver, How: Inferred})
		}
	}
	return to
}
