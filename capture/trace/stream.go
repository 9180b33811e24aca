package trace

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"sort"
	"time"

	"sockwire/raw/wire"
)

const timestampOption = 12 // with its padding, RFC 7323 appendix A

// flow is one direction of a TCP connection, or of a pair of Unix stream sockets, which has no packets.
type flow struct {
	src, dst netip.AddrPort
	back     *flow
	conn     *conn
	from     *Socket // the sender, nil if not known
	to       *Socket

	track
	before track           // as it was before the events
	parts  []*PacketRecord // later fragments of its segments

	intervals []interval
	history   []standing // made by outstanding
}

// track is what the packets of a direction have told so far.
type track struct {
	isn      uint32 // initial sequence number; meaningful when based
	based    bool   // a sequence number was seen to count from
	anchored bool   // that was the SYN's, so offset 0 is the first byte sent
	high     int64  // the offset after the highest byte seen
	sent     ranges // offsets seen, each byte once
	acked    int64  // the peer has acknowledged the bytes before
	fin      int64  // where the FIN stands, -1 while none was seen
	// finUnacked: a FIN was seen and no acknowledgement of it.
	finUnacked bool
	reset      bool
	takes      int64         // the longest segment it takes, 0 if it did not say
	small      bool          // its last segment with data was shorter than the peer takes
	last       *PacketRecord // the last one
}

// conn is one TCP connection: both directions and their packets in order.
type conn struct {
	start   time.Duration
	flows   [2]*flow
	packets []*PacketRecord
}

// direction is that of a packet of the connection.
func (k *conn) direction(p *PacketRecord) *flow {
	if p.Src != k.flows[0].src {
		return k.flows[1]
	}
	return k.flows[0]
}

// interval is the part of a stream that one call wrote.
type interval struct {
	from, to int64
	call     *CallRecord
	message  int  // index among the call's messages
	unsure   bool // another send on the socket ran at the same time: which came first is not known
	urgent   bool // one of these was urgent: somewhere among them stands a mark
}

// joinStreams follows every TCP connection: those that began before, which it is given, and those of the packets; it
// returns all, and their directions. It fills in whose the segments are, what they carry, and what receives took.
func joinStreams(net *network, before []*conn, packets []*PacketRecord, later map[fragmentKey][]*PacketRecord) ([]*conn, []*flow) {
	c := &connections{net: net, conns: before, open: map[flowKey]*flow{}}
	for _, k := range before {
		c.resume(k)
	}
	for _, p := range packets {
		if p.TCP == nil || p.Raw != nil {
			continue
		}
		f := c.flowOf(p)
		f.conn.packets = append(f.conn.packets, p)
		p.From = f.from
		p.own(f.to)
		if p.Fragment.Is {
			f.segment(p, p.claim(later[p.fragmentKey()]))
		} else {
			f.segment(p, nil)
		}
	}
	for _, f := range c.flows {
		if f.anchored && f.to != nil {
			f.to.consume(f.intervals, f.to.stretch(f.conn.start), f.fin)
		}
	}
	return c.conns, c.flows
}

// connections are those of a joining.
type connections struct {
	net   *network
	conns []*conn
	flows []*flow
	open  map[flowKey]*flow
}

// begin puts in the sockets at the ends of a connection and what they sent.
func (c *connections) begin(k *conn) {
	k.flows[0].to, k.flows[1].to = k.flows[1].from, k.flows[0].from
	for _, f := range k.flows {
		if f.from != nil {
			f.intervals = f.from.intervals(f.from.stretch(k.start))
		}
		c.flows = append(c.flows, f)
		c.open[flowKey{f.src, f.dst}] = f
	}
}

// resume takes up a connection that began before the events.
func (c *connections) resume(k *conn) {
	for _, f := range k.flows {
		if f.from == nil || f.from.Listens >= 0 { // it may have been accepted since
			f.from = c.net.end(f.src, f.dst, k.start)
		}
	}
	c.begin(k)
}

// flowOf returns the packet's direction of its connection; a SYN with a new sequence number begins a
// connection.
func (c *connections) flowOf(p *PacketRecord) *flow {
	f := c.open[flowKey{p.Src, p.Dst}]
	again := f != nil && f.anchored && f.isn != p.TCP.Seq
	if f != nil && (p.TCP.Flags&(wire.SYN|wire.ACK) != wire.SYN || !again) {
		return f
	}
	k := &conn{start: p.Time}
	f = &flow{src: p.Src, dst: p.Dst, conn: k}
	f.back = &flow{src: p.Dst, dst: p.Src, conn: k, back: f}
	k.flows = [2]*flow{f, f.back}
	for _, x := range k.flows {
		x.fin, x.before.fin = -1, -1
		x.from = c.net.end(x.src, x.dst, p.Time)
	}
	c.conns = append(c.conns, k)
	c.begin(k)
	return f
}

// end finds the socket at one end of a connection that begins at t. What nobody accepted belongs to
// the listener, what nobody could name to the only socket that was connecting there.
func (n *network) end(local, remote netip.AddrPort, t time.Duration) *Socket {
	told, listener := n.sighted(local, remote, t)
	for _, s := range []*Socket{told, n.stream(local, remote, t), n.connecting(local, remote, t), listener} {
		if s != nil {
			return s
		}
	}
	return n.listening(local, t)
}

// intervals lays what the socket's calls sent in a stretch end to end. An urgent byte stands in the stream like any
// other (RFC 6093 section 3.1); of a Unix socket it is apart from it.
func (s *Socket) intervals(stretch int) []interval {
	var all []interval
	base, _, _ := s.before(stretch)
	next := base
	first, until := 0, time.Duration(0) // of the calls that ran at once
	for _, u := range s.unitsOf(s.during(stretch)) {
		c := u.call
		if u.size <= 0 || c.HasFlag("MSG_OOB") && !s.Internet() {
			continue
		}
		if len(all) > first && c.Entered > until {
			next = simultaneous(all[first:], base)
			base, first = next, len(all)
		}
		if u.message == 0 {
			if c.OffsetKnown {
				next = c.Call.Offset
			}
			c.Offset = next
		}
		all = append(all, interval{from: next, to: next + int64(u.size), call: c, message: u.message})
		next += int64(u.size)
		until = max(until, c.end())
	}
	simultaneous(all[first:], base)
	slices.SortStableFunc(all, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	return all
}

// end is when the call was over, the end of time for one that goes on.
func (c *Call) end() time.Duration {
	if c.goesOn() {
		return math.MaxInt64
	}
	return c.Left
}

// simultaneous finds where the bytes of sends stand that ran at once, from an offset of the stream on, and returns
// where they end. Which of them came first is not known; but where the source knows it of all but one, that one has the
// gap that is left.
func simultaneous(sends []interval, base int64) int64 {
	var known []interval
	var unknown *CallRecord
	unsure, size, end := false, int64(0), base
	for _, iv := range sends {
		size += iv.to - iv.from
		end = max(end, iv.to)
		switch c := iv.call; {
		case c.OffsetKnown:
			known = append(known, iv)
		case unknown != nil && unknown != c, c.goesOn():
			unsure = true
			fallthrough
		default:
			unknown = c
		}
	}
	if unknown == nil || sends[0].call == sends[len(sends)-1].call {
		return end
	}
	gap := base
	slices.SortFunc(known, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	for _, iv := range known {
		if iv.from == gap {
			gap = iv.to
		}
	}
	shift := gap - unknown.Offset
	for _, iv := range sends { // it must fill the gap, and not be split
		if iv.call == unknown && slices.ContainsFunc(known, func(k interval) bool { return k.from < iv.to+shift && iv.from+shift < k.to }) {
			unsure = true
		}
		if outside := iv.from < base || iv.to > base+size; iv.call.OffsetKnown && outside {
			unsure = true
		}
	}
	marked := slices.ContainsFunc(sends, func(iv interval) bool { return iv.call.HasFlag("MSG_OOB") })
	for i := range sends {
		sends[i].urgent = unsure && marked
		switch iv := &sends[i]; {
		case iv.call.OffsetKnown:
		case unsure:
			iv.unsure = true
		default:
			iv.from, iv.to = iv.from+shift, iv.to+shift
		}
	}
	if !unsure {
		unknown.Offset = gap
	}
	return base + size
}

// segment places one packet in its stream, with the later fragments if it is in fragments.
func (f *flow) segment(p *PacketRecord, parts []*PacketRecord) {
	tcp := p.TCP
	f.last = p
	if tcp.Flags&wire.SYN != 0 && tcp.MSS > 0 {
		f.takes = int64(tcp.MSS)
		// RFC 6691: the option does not count TCP options, a segment's payload does without them.
		if tcp.Timestamps {
			f.takes -= timestampOption
		}
	}
	length := int64(p.PayloadLength)
	for _, q := range parts {
		length += int64(q.PayloadLength)
	}
	syn := tcp.Flags&wire.SYN != 0
	switch {
	case syn && !f.anchored:
		f.isn, f.based, f.anchored = tcp.Seq, true, true
	case syn && tcp.Seq == f.isn:
		p.Retransmit = true
	case !f.based && tcp.Flags&wire.RST == 0:
		f.isn, f.based = tcp.Seq-1, true
	}
	if tcp.Flags&wire.RST != 0 {
		f.reset = true
	}
	f.acknowledge(p)
	if !f.based {
		// The reset that answers a SYN comes from nobody who ever chose a sequence number.
		p.Relative = tcp.Seq == 0
		return
	}
	offset := int64(0)
	if !syn {
		offset = unwrap(tcp.Seq-f.isn-1, f.high)
	}
	p.Relative = true
	p.FromSeq = offset + 1
	if syn {
		p.FromSeq = 0
	}
	p.ToSeq = p.FromSeq + length
	if p.PayloadLength > 0 {
		f.cut(p)
		f.small = f.mss() == 0 || int64(p.PayloadLength)%f.mss() != 0
		f.carry(p, offset, offset+int64(p.PayloadLength))
	}
	for _, q := range parts {
		f.parts = append(f.parts, q)
		at := offset + int64(q.Fragment.Offset-p.TransportHeader)
		q.FromSeq, q.ToSeq = at+1, at+1+int64(q.PayloadLength)
		f.carry(q, at, at+int64(q.PayloadLength))
	}
	if tcp.Flags&wire.FIN != 0 {
		p.Retransmit = p.Retransmit || f.fin == offset+length
		if f.fin < 0 {
			f.finUnacked = true
		}
		f.fin = offset + length
	}
}

// cut works out how many segments a super-packet stands for, where the capture does not tell: no segment on the wire
// is longer than the peer takes, and options beyond those of every segment take room of the data (RFC 6691).
func (f *flow) cut(p *PacketRecord) {
	size := int(f.mss()) - (p.TransportHeader - tcpHeader)
	if p.TCP.Timestamps {
		size += timestampOption
	}
	if f.mss() > 0 && size > 0 && !p.Fragment.Is {
		p.cutInto(size)
	}
}

// cutInto notes that a packet goes as segments of at most so many bytes, if that makes more than one and it is not
// known better.
func (p *PacketRecord) cutInto(size int) {
	if p.Segments <= 1 && p.PayloadLength > size {
		p.Segments, p.SegmentSize = (p.PayloadLength+size-1)/size, size
	}
}

// carry attributes the bytes from:to of the stream that the packet holds.
func (f *flow) carry(p *PacketRecord, from, to int64) {
	if f.sent.add(from, to) < to-from {
		p.Retransmit = true
	}
	f.high = max(f.high, to)
	known := int64(0)
	if f.anchored && f.from != nil {
		for _, iv := range overlapping(f.intervals, from, to) {
			a, b := max(from, iv.from), min(to, iv.to)
			// A call that had not been entered cannot have written what is already on the wire.
			if a >= b || iv.call.Entered > p.Time {
				continue
			}
			if iv.unsure {
				continue
			}
			size := int(iv.to - iv.from)
			s := Span{Call: iv.call.Number, Message: iv.message, From: int(a - iv.from), To: int(b - iv.from)}
			s.All = s.From == 0 && s.To == size
			p.carry(iv.call, s)
			known += b - a
		}
	}
	p.Unattributed = int(to - from - known)
	p.Simultaneous = p.Unattributed > 0 && slices.ContainsFunc(f.intervals, isUnsure)
}

// acknowledge notes what the packet acknowledges of the other direction.
func (f *flow) acknowledge(p *PacketRecord) {
	if p.TCP.Flags&wire.ACK == 0 || !f.back.based {
		return
	}
	p.AckSeq = unwrap(p.TCP.Ack-f.back.isn, f.back.high+1)
	p.AckRelative = true
	acked := p.AckSeq - 1
	if f.back.fin >= 0 {
		if acked > f.back.fin {
			f.back.finUnacked = false
		}
		acked = min(acked, f.back.fin)
	}
	f.back.acked = max(f.back.acked, acked)
}

// mss is the longest segment that the other end said it takes, 0 if it was not seen.
func (f *flow) mss() int64 { return f.back.takes }

// unwrap extends a 32-bit difference of sequence numbers to the 64-bit one nearest to near.
func unwrap(diff uint32, near int64) int64 {
	return near + int64(int32(diff-uint32(near)))
}

// consume attributes what the receives of a stream socket took in a stretch, in order. Where two ran at once the
// results of the earlier calls do not tell who took what: then only those are attributed whose place the source knows,
// until one of these has run alone.
func (s *Socket) consume(sent []interval, stretch int, fin int64) {
	_, at, blind := s.before(stretch)
	var last *CallRecord
	for _, c := range s.during(stretch) {
		if !c.Receives() || !c.Succeeded() || c.HasFlag("MSG_OOB") {
			continue
		}
		together := last != nil && last.activeAt(c.Entered) && last.Left > c.Entered && last.Result > 0 && c.Result > 0
		c.together = together
		if together && !blind {
			blind = true
			if !last.OffsetKnown {
				last.Received, last.Offset = nil, -1
			}
		}
		if last == nil || c.Left > last.Left {
			last = c // of those so far the one that was longest at work
		}
		if c.Result == 0 {
			c.End = c.Size > 0 && fin >= 0 && at == fin && !blind
			continue
		}
		if c.OffsetKnown {
			at, blind = c.Call.Offset, together
		} else if blind {
			continue
		}
		// What stands at the mark is passed over, or read when a later mark has taken its place (tcp_recvmsg_locked,
		// net/ipv4/tcp.c).
		if peek := c.HasFlag("MSG_PEEK"); (peek || !c.OffsetKnown) && urgent(sent, at) && s.option("SO_OOBINLINE", c.Entered) == 0 {
			c.unplaced = !peek
			blind = blind || c.unplaced
			continue
		}
		c.consume(sent, at)
		if !c.HasFlag("MSG_PEEK") {
			at += c.Result
		}
	}
}

// urgent tells whether the byte at an offset may have been sent as urgent: the last one of a send with MSG_OOB.
func urgent(sent []interval, at int64) bool {
	return slices.ContainsFunc(overlapping(sent, at, at+1), func(iv interval) bool { return iv.urgent || iv.to == at+1 && iv.call.HasFlag("MSG_OOB") })
}

// consume attributes what the receive took from an offset of the stream on.
func (c *CallRecord) consume(sent []interval, at int64) {
	c.Offset = at
	end, known := at+c.Result, int64(0)
	for _, iv := range overlapping(sent, at, end) {
		a, b := max(at, iv.from), min(end, iv.to)
		if a >= b || iv.call.Entered > c.Left {
			continue
		}
		if iv.unsure {
			continue
		}
		s := Span{Call: iv.call.Number, Message: iv.message, From: int(a - iv.from), To: int(b - iv.from)}
		s.All = s.From == 0 && s.To == int(iv.to-iv.from)
		c.Received = append(c.Received, s)
		known += b - a
	}
	c.partly = known < c.Result && slices.ContainsFunc(sent, isUnsure)
}

// isUnsure tells of a send whose place is not known: the bytes of it may stand elsewhere than they are laid.
func isUnsure(iv interval) bool { return iv.unsure }

// overlapping returns the intervals that have bytes of from:to. They are in order, and lie end to end unless a
// source gave offsets that cannot be.
func overlapping(all []interval, from, to int64) []interval {
	begin := sort.Search(len(all), func(i int) bool { return all[i].to > from })
	end := sort.Search(len(all), func(i int) bool { return all[i].from >= to })
	return all[min(begin, end):end]
}

// standing is how far a stream had got at a time.
type standing struct {
	at          time.Duration
	sent, acked int64
	small       bool
}
