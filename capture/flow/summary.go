package flow

import (
	"cmp"
	"container/heap"
	"net/netip"
	"slices"
	"time"
)

// Summary is all that is known of a stream, on its own: it stays when the Tracker has forgotten the stream.
type Summary struct {
	Number         uint64
	Client, Server netip.AddrPort
	Link           Link
	FirstPacket    uint64
	LastPacket     uint64
	Start          time.Time // zero where the capture has no times
	Duration       time.Duration
	Complete       bool // seen from its first SYN
	End            End
	By             Direction // which side ended it
	EndPacket      uint64
	Handshake      struct{ Server, Client time.Duration }
	Sides          [2]Side // by Direction
}

// Summary copies what is known of the stream.
func (s *Stream) Summary() (v Summary) {
	s.summarize(&v)
	return v
}

// summarize is Summary in place: it is large.
func (s *Stream) summarize(v *Summary) {
	v.Number, v.Client, v.Server, v.Link = s.Number(), s.Source(Forward), s.Source(Backward), s.Link()
	v.Duration, v.Complete = s.Duration(), s.Complete()
	v.FirstPacket, v.Start = s.First()
	v.LastPacket, _ = s.Last()
	v.End, v.By, v.EndPacket = s.End()
	v.Handshake.Server, v.Handshake.Client = s.Handshake()
	s.fill(Forward, &v.Sides[Forward])
	s.fill(Backward, &v.Sides[Backward])
}

// Packets is how many packets both sides sent.
func (s *Summary) Packets() uint64 { return s.Sides[0].Packets + s.Sides[1].Packets }

// Bytes is how many bytes of the stream both sides sent.
func (s *Summary) Bytes() uint64 { return s.Sides[0].Bytes + s.Sides[1].Bytes }

// Count is how many verdicts of kind k there are about both sides.
func (s *Summary) Count(k Kind) uint64 {
	return uint64(s.Sides[0].Count(k)) + uint64(s.Sides[1].Count(k))
}

// RoundTrip is the time from one end to the other and back: the medians of both sides together, or where one has none,
// the handshake; 0 where that was not seen either.
func (s *Summary) RoundTrip() time.Duration {
	a, b := s.Sides[0].RoundTrips.Percentile(50), s.Sides[1].RoundTrips.Percentile(50)
	if a > 0 && b > 0 {
		return a + b
	}
	if h := s.Handshake.Server + s.Handshake.Client; h > 0 {
		return h
	}
	return a + b
}

// Goodput is the bytes of the stream that direction d brought a second, 0 for a stream of no length.
func (s *Summary) Goodput(d Direction) float64 {
	if s.Duration <= 0 {
		return 0
	}
	return float64(s.Sides[d&1].Bytes) / s.Duration.Seconds()
}

// Orders are the columns that streams are sorted by, the first by default.
func Orders() []string {
	names := make([]string, len(orders))
	for i := range orders {
		names[i] = orders[i].name
	}
	return names
}

// Order compares streams: below 0 if a stands before b.
type Order func(a, b *Summary) int

// OrderBy returns the order by a column of Orders: the largest first, but for number and start.
func OrderBy(column string) (Order, bool) {
	for _, o := range orders {
		if o.name == column {
			return o.order, true
		}
	}
	return nil, false
}

// falling makes an order by a number, the largest first, of those that are equal the earlier stream.
func falling[N cmp.Ordered](of func(s *Summary) N) Order {
	return func(a, b *Summary) int { return cmp.Or(cmp.Compare(of(b), of(a)), cmp.Compare(a.Number, b.Number)) }
}

var orders = []struct {
	name  string
	order Order
}{
	{"bytes", falling((*Summary).Bytes)},
	{"number", func(a, b *Summary) int { return cmp.Compare(a.Number, b.Number) }},
	{"start", func(a, b *Summary) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Number, b.Number)) }},
	{"duration", falling(func(s *Summary) time.Duration { return s.Duration })},
	{"packets", falling((*Summary).Packets)},
	{"again", falling(func(s *Summary) uint64 { return s.Count(Retransmission) })},
	{"lost", falling(func(s *Summary) uint64 { return s.Count(LostBefore) + s.Count(LostBehind) })},
	{"missed", falling(func(s *Summary) uint64 { return s.Sides[0].Missing + s.Sides[1].Missing })},
	{"rtt", falling((*Summary).RoundTrip)},
}

// Ranking keeps the first of many streams, by an order.
type Ranking struct {
	By    Order
	Limit int // how many it keeps; 0 keeps all
	kept  ranked
	next  Summary // of the stream that is added
	count uint64
}

// Add takes a stream into account.
func (r *Ranking) Add(s *Stream) {
	r.count++
	if r.Limit <= 0 {
		v := new(Summary)
		s.summarize(v)
		r.kept.list = append(r.kept.list, v)
		return
	}
	s.summarize(&r.next)
	r.take(&r.next)
}

// take keeps a copy of v, if it is one of the first.
func (r *Ranking) take(v *Summary) {
	r.kept.by = r.By
	if len(r.kept.list) < r.Limit {
		own := *v
		heap.Push(&r.kept, &own)
	} else if r.By(v, r.kept.list[0]) < 0 {
		*r.kept.list[0] = *v
		heap.Fix(&r.kept, 0)
	}
}

// Merge takes into account what o has, which has the same order and limit, and must not be used any more.
func (r *Ranking) Merge(o *Ranking) {
	r.count += o.count
	if r.Limit <= 0 {
		r.kept.list = append(r.kept.list, o.kept.list...)
		return
	}
	for _, v := range o.kept.list {
		r.take(v)
	}
}

// Clone returns a Ranking that goes on on its own.
func (r *Ranking) Clone() Ranking {
	c := *r
	c.kept.list = make([]*Summary, len(r.kept.list))
	for i, v := range r.kept.list {
		kept := *v
		c.kept.list[i] = &kept
	}
	return c
}

// Count is how many streams there were.
func (r *Ranking) Count() uint64 { return r.count }

// Sorted returns those that are kept, in order. Add may go on.
func (r *Ranking) Sorted() []*Summary {
	list := slices.Clone(r.kept.list)
	slices.SortFunc(list, r.By)
	return list
}

// ranked is a heap with the last in the order on top.
type ranked struct {
	by   Order
	list []*Summary
}

func (r *ranked) Len() int           { return len(r.list) }
func (r *ranked) Less(i, j int) bool { return r.by(r.list[i], r.list[j]) > 0 }
func (r *ranked) Swap(i, j int)      { r.list[i], r.list[j] = r.list[j], r.list[i] }
func (r *ranked) Push(v any)         { r.list = append(r.list, v.(*Summary)) }
func (r *ranked) Pop() any {
	last := len(r.list) - 1
	v := r.list[last]
	r.list = r.list[:last]
	return v
}

// Totals adds up streams.
type Totals struct {
	Streams    uint64
	Complete   uint64 // seen from their first SYN
	Ends       [Replaced + 1]uint64
	Packets    uint64
	Segments   uint64 // with data
	Bytes      uint64
	Again      uint64 // bytes that were sent again
	Missing    uint64 // bytes that were never seen
	Handshakes RoundTrips
	RoundTrips RoundTrips // of both sides, each as seen from the place of the capture
	Limits     Limits

	counts [numKinds]uint64
	causes [numCauses]uint64
}

// Add takes a stream into account.
func (t *Totals) Add(s *Stream) {
	t.Streams++
	if s.Complete() {
		t.Complete++
	}
	how, _, _ := s.End()
	t.Ends[how]++
	for _, d := range []Direction{Forward, Backward} {
		side := s.Side(d)
		t.Packets += side.Packets
		t.Segments += side.Segments
		t.Bytes += side.Bytes
		t.Again += side.Again
		t.Missing += side.Missing
		t.RoundTrips.Merge(&side.RoundTrips)
		t.Limits.Application += side.Limits.Application
		t.Limits.Receiver += side.Limits.Receiver
		t.Limits.Network += side.Limits.Network
		for k, n := range side.counts {
			t.counts[k] += uint64(n)
		}
		for c, n := range side.causes {
			t.causes[c] += uint64(n)
		}
	}
	if server, client := s.Handshake(); server > 0 && client > 0 {
		t.Handshakes.add(server + client)
	}
}

// Count returns how many verdicts of kind k there were.
func (t *Totals) Count(k Kind) uint64 { return t.counts[k] }

// Retransmissions returns how many of the retransmissions had cause c.
func (t *Totals) Retransmissions(c Cause) uint64 { return t.causes[c] }

// Limited is what held back the direction that carried more.
func (s *Summary) Limited() Limits {
	if s.Sides[Backward].Bytes > s.Sides[Forward].Bytes {
		return s.Sides[Backward].Limits
	}
	return s.Sides[Forward].Limits
}

// Shares are the parts of the three, which make 1; not ok where nothing is known.
func (l Limits) Shares() (application, receiver, network float64, ok bool) {
	all := float64(l.Application + l.Receiver + l.Network)
	if all <= 0 {
		return 0, 0, 0, false
	}
	return float64(l.Application) / all, float64(l.Receiver) / all, float64(l.Network) / all, true
}

// Word returns how many verdicts a word of a Choice is about, 0 for one that stands for several kinds.
func (t *Totals) Word(w Word) uint64 {
	for k, n := range t.counts {
		if w.set == kindSet(Kind(k)) {
			return n
		}
	}
	for c, n := range t.causes {
		if w.set == causeSet(Cause(c)) {
			return n
		}
	}
	return 0
}

// RetransmissionCauses are the causes that a Retransmission can have.
func RetransmissionCauses() []Cause { return []Cause{Timer, TailProbe, Fast, SACK, Unknown} }
