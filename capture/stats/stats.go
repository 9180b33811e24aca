// Package stats counts what is in a capture: its protocols, who talked to whom, how long the packets are and
// at what rates they came.
//
// A Collector takes decoded packets one by one, in any order. Several Collectors can count parts of a
// capture side by side, one goroutine each, and be merged at the end.
package stats

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sockwire/capture/decode"
)

// DefaultLimit is how many conversations a Collector keeps that is not told another number: some 50 MB.
const DefaultLimit = 200_000

// Count is packets and their bytes on the wire.
type Count struct {
	Packets uint64
	Bytes   uint64
}

func (c *Count) add(bytes int) {
	c.Packets++
	c.Bytes += uint64(bytes)
}

func (c *Count) merge(d Count) {
	c.Packets += d.Packets
	c.Bytes += d.Bytes
}

// Span is the time from a first packet to a last.
type Span struct {
	First, Last time.Time // zero where no packet had a time
}

func (s *Span) add(t time.Time) {
	if t.IsZero() {
		return
	}
	if s.First.IsZero() || t.Before(s.First) {
		s.First = t
	}
	if t.After(s.Last) {
		s.Last = t
	}
}

func (s *Span) merge(o Span) {
	s.add(o.First)
	s.add(o.Last)
}

// Duration is the length of the span.
func (s Span) Duration() time.Duration { return s.Last.Sub(s.First) }

// PerSecond returns packets and bits a second of c over the span, 0 for a span of no length.
func (s Span) PerSecond(c Count) (packets, bits float64) {
	d := s.Duration().Seconds()
	if d <= 0 {
		return 0, 0
	}
	return float64(c.Packets) / d, float64(c.Bytes) * 8 / d
}

// Protocol is a node of the protocol hierarchy: frames that have this layer below the same others.
type Protocol struct {
	Type decode.Type
	// Port is of a payload that nobody here knows: the lower of the two, which is more often that of a service. It is 0
	// where no transport carries the payload, and for those beyond the first MaxPorts ports of a transport.
	Port uint16
	Count
	// End counts the frames in which this layer is the last.
	End      Count
	Children []*Protocol
}

// MaxPorts is how many ports of payloads nobody knows are told apart below one transport.
const MaxPorts = 64

func (p *Protocol) child(t decode.Type, port uint16) *Protocol {
	for _, c := range p.Children {
		if c.Type == t && c.Port == port {
			return c
		}
	}
	if port != 0 && len(p.Children) >= MaxPorts {
		return p.child(t, 0)
	}
	c := &Protocol{Type: t, Port: port}
	p.Children = append(p.Children, c)
	return c
}

func (p *Protocol) merge(o *Protocol) {
	p.Count.merge(o.Count)
	p.End.merge(o.End)
	for _, c := range o.Children {
		p.child(c.Type, c.Port).merge(c)
	}
}

func (p *Protocol) sort() {
	slices.SortFunc(p.Children, func(a, b *Protocol) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Port, b.Port))
	})
	for _, c := range p.Children {
		c.sort()
	}
}

// Conversation is what two ends sent each other over one transport. Ports are 0 where it has none.
type Conversation struct {
	Protocol uint8 // IP protocol number
	A, B     netip.AddrPort
	AtoB     Count
	BtoA     Count
	Span
}

// Total is both directions together.
func (c *Conversation) Total() Count {
	t := c.AtoB
	t.merge(c.BtoA)
	return t
}

// Endpoint is what one address sent and received.
type Endpoint struct {
	Addr netip.Addr
	Sent Count
	Recv Count
	Span
}

// Total is both directions together.
func (e *Endpoint) Total() Count {
	t := e.Sent
	t.merge(e.Recv)
	return t
}

// Lengths counts packets by their length on the wire.
type Lengths struct {
	Min, Max int
	Buckets  [len(bounds) + 1]Count
}

// bounds are the first lengths that are no longer in a bucket.
var bounds = [...]int{64, 128, 256, 512, 1024, 1519, 9001, 65536}

// Bucket returns the range of bucket i: from min to max, which is -1 for the last.
func (*Lengths) Bucket(i int) (min, max int) {
	if i > 0 {
		min = bounds[i-1]
	}
	if i == len(bounds) {
		return min, -1
	}
	return min, bounds[i] - 1
}

// key is a conversation, the lower end first.
type key struct {
	a, b         [16]byte
	portA, portB uint16
	protocol     uint8
	six          bool
}

type talk struct {
	key    key
	ab, ba Count
	span   Span
}

// Collector counts packets. The zero value is ready.
type Collector struct {
	// Limit is how many conversations are kept, 0 for DefaultLimit; packets of others are in Untracked.
	Limit int

	total     Count
	captured  uint64
	drops     uint64
	span      Span
	root      Protocol
	lengths   Lengths
	talks     map[key]*talk
	came      []*talk // the same, in the order in which they came
	untracked Count
	seconds   map[int64]*Count
}

// maxSeconds bounds the memory of the search for the busiest second.
const maxSeconds = 1 << 17

// Add counts a packet. It keeps nothing of it.
func (c *Collector) Add(p *decode.Packet) {
	f := &p.Frame
	if c.total.Packets == 0 {
		c.lengths.Min = f.Length
	}
	c.total.add(f.Length)
	c.captured += uint64(len(f.Data))
	c.drops += f.Drops
	c.span.add(f.Time)
	c.lengths.Min = min(c.lengths.Min, f.Length)
	c.lengths.Max = max(c.lengths.Max, f.Length)
	i := 0
	for i < len(bounds) && f.Length >= bounds[i] {
		i++
	}
	c.lengths.Buckets[i].add(f.Length)
	c.addSecond(f.Time, f.Length)

	node := &c.root
	for k, l := range p.Layers() {
		if l.Flags&decode.Quoted != 0 {
			break
		}
		var port uint16
		if l.Type == decode.TypePayload && k > 0 {
			src, dst, _ := p.Ports(k - 1)
			port = min(src, dst)
		}
		node = node.child(l.Type, port)
		node.add(f.Length)
	}
	node.End.add(f.Length)
	if t, ok := p.Inner(); ok {
		c.addTalk(t, f.Length, f.Time)
	}
}

func (c *Collector) addSecond(t time.Time, length int) {
	if t.IsZero() {
		return
	}
	if c.seconds == nil {
		c.seconds = make(map[int64]*Count)
	}
	n := c.seconds[t.Unix()]
	if n == nil {
		if len(c.seconds) >= maxSeconds {
			return
		}
		n = new(Count)
		c.seconds[t.Unix()] = n
	}
	n.add(length)
}

func (c *Collector) addTalk(t decode.Tuple, length int, when time.Time) {
	k := key{protocol: t.Protocol, six: t.Src.Addr().Is6() || t.Dst.Addr().Is6()}
	k.a, k.b = t.Src.Addr().As16(), t.Dst.Addr().As16()
	k.portA, k.portB = t.Src.Port(), t.Dst.Port()
	forward := true
	if d := slices.Compare(k.a[:], k.b[:]); d > 0 || (d == 0 && k.portA > k.portB) {
		forward = false
		k.a, k.b, k.portA, k.portB = k.b, k.a, k.portB, k.portA
	}
	n := c.talk(k)
	if n == nil {
		c.untracked.add(length)
		return
	}
	if forward {
		n.ab.add(length)
	} else {
		n.ba.add(length)
	}
	n.span.add(when)
}

// talk returns the counts of a conversation, nil when there are too many.
func (c *Collector) talk(k key) *talk {
	if n := c.talks[k]; n != nil {
		return n
	}
	limit := c.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if len(c.talks) >= limit {
		return nil
	}
	if c.talks == nil {
		c.talks = make(map[key]*talk)
	}
	n := &talk{key: k}
	c.talks[k] = n
	c.came = append(c.came, n)
	return n
}

// Merge adds what o counted to c. Conversations beyond c's limit become Untracked.
func (c *Collector) Merge(o *Collector) {
	if o.total.Packets > 0 {
		if c.total.Packets == 0 {
			c.lengths.Min = o.lengths.Min
		}
		c.lengths.Min = min(c.lengths.Min, o.lengths.Min)
	}
	c.lengths.Max = max(c.lengths.Max, o.lengths.Max)
	for i := range c.lengths.Buckets {
		c.lengths.Buckets[i].merge(o.lengths.Buckets[i])
	}
	c.total.merge(o.total)
	c.captured += o.captured
	c.drops += o.drops
	c.untracked.merge(o.untracked)
	c.span.merge(o.span)
	c.root.merge(&o.root)
	for _, n := range o.came {
		if to := c.talk(n.key); to != nil {
			to.ab.merge(n.ab)
			to.ba.merge(n.ba)
			to.span.merge(n.span)
		} else {
			c.untracked.merge(n.ab)
			c.untracked.merge(n.ba)
		}
	}
	if c.seconds == nil {
		c.seconds = make(map[int64]*Count)
	}
	for s, n := range o.seconds {
		if to := c.seconds[s]; to != nil {
			to.merge(*n)
		} else if len(c.seconds) < maxSeconds {
			c.seconds[s] = &Count{n.Packets, n.Bytes}
		}
	}
}

// Total counts all packets.
func (c *Collector) Total() Count { return c.total }

// Captured is the bytes that the capture holds of them.
func (c *Collector) Captured() uint64 { return c.captured }

// Drops is how many packets the capture says that it missed.
func (c *Collector) Drops() uint64 { return c.drops }

// Span is the time of all packets.
func (c *Collector) Span() Span { return c.span }

// Lengths returns the counts by length.
func (c *Collector) Lengths() Lengths { return c.lengths }

// Untracked counts the packets of conversations beyond Limit.
func (c *Collector) Untracked() Count { return c.untracked }

// Busiest returns the second with the most packets and what came in it. It looks at the first 131,072
// different seconds only.
func (c *Collector) Busiest() (second time.Time, n Count) {
	for s, count := range c.seconds {
		if count.Packets > n.Packets || (count.Packets == n.Packets && time.Unix(s, 0).Before(second)) {
			second, n = time.Unix(s, 0), *count
		}
	}
	return second, n
}

// Protocols returns the protocol hierarchy: the link layers that were seen, with what they carried below
// them, those with the most packets first. What an ICMP error quotes does not count.
func (c *Collector) Protocols() []*Protocol {
	c.root.sort()
	return c.root.Children
}

// Talks is how many conversations are kept. They are numbered from 0 in the order in which they came.
func (c *Collector) Talks() int { return len(c.came) }

// Talk returns conversation i of Talks. It does not allocate.
func (c *Collector) Talk(i int) Conversation { return c.came[i].conversation() }

// TalkTotal counts both directions of conversation i of Talks. It costs less than Talk.
func (c *Collector) TalkTotal(i int) Count {
	n := c.came[i]
	return Count{n.ab.Packets + n.ba.Packets, n.ab.Bytes + n.ba.Bytes}
}

// Conversations returns the conversations, those with the most bytes first.
func (c *Collector) Conversations() []Conversation {
	list := make([]Conversation, 0, len(c.came))
	for _, n := range c.came {
		list = append(list, n.conversation())
	}
	slices.SortFunc(list, func(x, y Conversation) int {
		return cmp.Or(cmp.Compare(y.Total().Bytes, x.Total().Bytes), x.A.Compare(y.A), x.B.Compare(y.B), cmp.Compare(x.Protocol, y.Protocol))
	})
	return list
}

func (n *talk) conversation() Conversation {
	k := &n.key
	return Conversation{
		Protocol: k.protocol, A: netip.AddrPortFrom(addr(k.a, k.six), k.portA), B: netip.AddrPortFrom(addr(k.b, k.six), k.portB),
		AtoB: n.ab, BtoA: n.ba, Span: n.span,
	}
}

func addr(b [16]byte, six bool) netip.Addr {
	a := netip.AddrFrom16(b)
	if !six {
		a = a.Unmap()
	}
	return a
}

// Endpoints returns the addresses of the conversations, those with the most bytes first.
func (c *Collector) Endpoints() []Endpoint {
	ends := make(map[netip.Addr]*Endpoint)
	end := func(a netip.Addr) *Endpoint {
		e := ends[a]
		if e == nil {
			e = &Endpoint{Addr: a}
			ends[a] = e
		}
		return e
	}
	for _, n := range c.came {
		a, b := end(addr(n.key.a, n.key.six)), end(addr(n.key.b, n.key.six))
		a.Sent.merge(n.ab)
		a.Recv.merge(n.ba)
		a.Span.merge(n.span)
		b.Sent.merge(n.ba)
		b.Recv.merge(n.ab)
		b.Span.merge(n.span)
	}
	list := make([]Endpoint, 0, len(ends))
	for _, e := range ends {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(x, y Endpoint) int {
		return cmp.Or(cmp.Compare(y.Total().Bytes, x.Total().Bytes), x.Addr.Compare(y.Addr))
	})
	return list
}
