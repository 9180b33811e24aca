package flow_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

// transmission is a segment that a host sent once, and where it came.
type transmission struct {
	direction int // 0 is from a to b
	number    int // among all of its direction, from 0
	segment
	// earlier are those sent before it, of this connection and direction, that have bytes or flags of its sequence
	// space.
	earlier []*transmission
	// arrivals counts how often it was captured whole, in each place; the last is at the other host.
	arrivals map[*recording]int
	// heard tells that it came to the other host whole, at least once; copies how often.
	heard  bool
	copies int
	// shunned: it was so late that the other host may not have taken it.
	shunned bool
}

// segment is what a packet says.
type segment struct {
	src, dst netip.AddrPort
	id       uint16
	seq, ack uint32
	window   uint16
	flags    wire.TCPFlags
	payload  []byte
	options  []byte
	whole    bool  // its checksums are right
	stranger bool  // it is no TCP
	from, to int64 // its sequence space, from the connection's first number of this direction
}

// space is how much of the sequence space it takes.
func (s *segment) space() uint32 {
	n := uint32(len(s.payload))
	if s.flags&wire.SYN != 0 {
		n++
	}
	if s.flags&wire.FIN != 0 {
		n++
	}
	return n
}

// sight is a captured frame in one place.
type sight struct {
	*transmission
	whole bool // as it is here
	copy  bool // the same transmission was captured here before, whole
}

// truth is what the links' records say of every frame.
type truth struct {
	sights map[*recording][]*sight // one for each frame, nil for what is no packet of the talk
	sent   [2][]*transmission
	ends   [2]*recording // the captures at both hosts
}

const ethernetHeader = 14

// key is what stays of a packet on its way through a router.
func key(packet []byte) string {
	b := slices.Clone(packet)
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		b[8], b[10], b[11] = 0, 0, 0
	case len(b) >= 40:
		b[7] = 0
	}
	return string(b)
}

// read takes a packet apart. It is written for the rig and shares nothing with the decoder.
func read(packet []byte) (s segment) {
	b := packet
	s.stranger = true
	var pseudo wire.Sum
	switch {
	case len(b) >= 20 && b[0] == 0x45:
		length := int(binary.BigEndian.Uint16(b[2:]))
		if b[9] != 6 || length > len(b) || length < 20 || wire.Checksum(b[:20]) != 0 {
			return s
		}
		src, _ := netip.AddrFromSlice(b[12:16])
		dst, _ := netip.AddrFromSlice(b[16:20])
		s.src, s.dst, s.id = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0), binary.BigEndian.Uint16(b[4:])
		b = b[20:length]
	case len(b) >= 40 && b[0]>>4 == 6:
		length := int(binary.BigEndian.Uint16(b[4:]))
		if b[6] != 6 || length > len(b)-40 {
			return s
		}
		src, _ := netip.AddrFromSlice(b[8:24])
		dst, _ := netip.AddrFromSlice(b[24:40])
		s.src, s.dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
		b = b[40 : 40+length]
	default:
		return s
	}
	if len(b) < 20 || int(b[12]>>4)*4 < 20 || int(b[12]>>4)*4 > len(b) {
		return s
	}
	s.stranger = false
	pseudo = wire.PseudoHeader(s.src.Addr(), s.dst.Addr(), 6, len(b))
	s.whole = pseudo.Add(b).Good()
	header := int(b[12]>>4) * 4
	s.src = netip.AddrPortFrom(s.src.Addr(), binary.BigEndian.Uint16(b))
	s.dst = netip.AddrPortFrom(s.dst.Addr(), binary.BigEndian.Uint16(b[2:]))
	s.seq, s.ack, s.window = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[14:])
	s.flags = wire.TCPFlags(b[13])
	s.options, s.payload = b[20:header], b[header:]
	return s
}

// hop is what a link carried in one direction: what came to it, and what came out, both in order.
type hop struct{ sent, delivered []*passage }

// passage is a packet at one end of a link.
type passage struct {
	packet []byte
	order  uint64
	out    []*passage // what came out, of one that was sent
	tx     *transmission
}

func hopOf(k *netlab.Link, from *netlab.Host) (*hop, error) {
	records, err := k.Records(from)
	if err != nil {
		return nil, err
	}
	h := &hop{}
	for _, r := range records {
		if len(r.Packet) != r.Size {
			return nil, fmt.Errorf("the record of a packet of %d bytes has %d", r.Size, len(r.Packet))
		}
		p := &passage{packet: r.Packet}
		h.sent = append(h.sent, p)
		changed := r.Apply(slices.Clone(r.Packet))
		for _, order := range []uint64{r.Order, r.OrderCopy} {
			if order != 0 {
				p.out = append(p.out, &passage{packet: changed, order: order})
			}
		}
		h.delivered = append(h.delivered, p.out...)
	}
	slices.SortFunc(h.delivered, func(a, b *passage) int { return cmp.Compare(a.order, b.order) })
	return h, nil
}

// line is passages by what they look like, those alike in order.
type line map[string][]*passage

func lineOf(all []*passage) line {
	l := line{}
	for _, p := range all {
		l[key(p.packet)] = append(l[key(p.packet)], p)
	}
	return l
}

// take takes out the first that looks like a packet, nil where there is none.
func (l line) take(packet []byte) *passage {
	name := key(packet)
	list := l[name]
	if len(list) == 0 {
		return nil
	}
	l[name] = list[1:]
	return list[0]
}

// tell finds what became of every segment, from the links' records and the captures.
func (g *rig) tell() (*truth, error) {
	t := &truth{sights: map[*recording][]*sight{}}
	sender, middle, receiver := g.places[0], g.places[1], g.places[2]
	t.ends = [2]*recording{sender, receiver}
	for _, p := range g.places {
		t.sights[p] = make([]*sight, len(p.frames))
	}
	for d := range t.sent {
		near, far, own, other := g.near, g.far, sender, receiver
		if d == 1 {
			near, far, own, other = far, near, other, own
		}
		first, err := hopOf(near, own.host)
		if err != nil {
			return nil, err
		}
		second, err := hopOf(far, g.r)
		if err != nil {
			return nil, err
		}
		if err := t.leave(d, own, lineOf(first.sent)); err != nil {
			return nil, err
		}
		for on, i := lineOf(second.sent), 0; i < len(first.delivered); i++ {
			came := first.delivered[i]
			if went := on.take(came.packet); went != nil { // a router sends no packet on whose header is damaged
				for _, out := range went.out {
					out.tx = came.tx
				}
				went.tx = came.tx
			}
		}
		// The middle is captured on the router's link to a: what comes from there, and what is sent on to there.
		at, way := lineOf(first.delivered), capture.DirectionIn
		if d == 1 {
			at, way = lineOf(second.sent), capture.DirectionOut
		}
		if err := t.arrive(middle, way, at); err != nil {
			return nil, err
		}
		if err := t.arrive(other, capture.DirectionIn, lineOf(second.delivered)); err != nil {
			return nil, err
		}
		for _, tx := range t.sent[d] {
			tx.copies = tx.arrivals[other]
			tx.heard = tx.copies > 0
		}
	}
	for d := range t.sent { // with the answers, which are the other direction
		t.listen(t.ends[1-d], d)
	}
	return t, nil
}

// listen tells what the other host may not have taken of what came: what is older than the newest timestamp that it has
// (PAWS, RFC 7323, section 5.3).
func (t *truth) listen(p *recording, d int) {
	for i, s := range t.sights[p] {
		if s == nil || !s.whole || s.direction != d {
			continue
		}
		sent, _, stamped := s.stamps()
		for _, a := range t.sights[p][i+1:] {
			if a == nil || a.direction == d {
				continue
			}
			_, echo, ok := a.stamps()
			s.shunned = ok && stamped && int32(echo-sent) > 0
			break
		}
	}
}

// leave finds the records of what a host sent.
func (t *truth) leave(d int, p *recording, at line) error {
	first := map[netip.AddrPort]uint32{}
	for i := range p.frames {
		f := &p.frames[i]
		if f.Direction != capture.DirectionOut {
			continue
		}
		packet := f.Data[ethernetHeader:]
		sent := at.take(packet)
		if sent == nil {
			return fmt.Errorf("frame %d that the %s sent did not come to the link", i+1, p.name)
		}
		s := read(packet)
		if s.stranger {
			continue
		}
		if !s.whole {
			return fmt.Errorf("frame %d that the %s sent has a bad checksum", i+1, p.name)
		}
		if _, ok := first[s.src]; !ok {
			first[s.src] = s.seq
		}
		s.from = int64(int32(s.seq - first[s.src]))
		s.to = s.from + int64(s.space())
		tx := &transmission{direction: d, number: len(t.sent[d]), segment: s, arrivals: map[*recording]int{p: 1}}
		for _, before := range t.sent[d] {
			if before.src == s.src && before.from < s.to && s.from < before.to {
				tx.earlier = append(tx.earlier, before)
			}
		}
		t.sent[d] = append(t.sent[d], tx)
		t.sights[p][i] = &sight{transmission: tx, whole: true}
		sent.tx = tx
		for _, out := range sent.out {
			out.tx = tx
		}
	}
	return nil
}

// arrive finds the transmissions of what passed a place one way.
func (t *truth) arrive(p *recording, way capture.Direction, at line) error {
	for i := range p.frames {
		f := &p.frames[i]
		if f.Direction != way {
			continue
		}
		packet := f.Data[ethernetHeader:]
		came := at.take(packet)
		if came == nil {
			return fmt.Errorf("frame %d at the %s is in no record", i+1, p.name)
		}
		if came.tx == nil {
			continue
		}
		n := &sight{transmission: came.tx, whole: read(packet).whole}
		if n.whole {
			n.copy = came.tx.arrivals[p] > 0
			came.tx.arrivals[p]++
		}
		t.sights[p][i] = n
	}
	for _, rest := range at {
		if len(rest) > 0 {
			return fmt.Errorf("%d packets that came to the %s were not captured", len(rest), p.name)
		}
	}
	return nil
}
