// Package traffic gathers what a capture looks like over time, in one pass and in bounded memory, and makes a report of
// it: packets and bits, what went wrong, round trips, and of some TCP streams each segment.
//
//	c := traffic.NewCollector(nil)
//	for each packet {
//		result := tracker.AddSegment(&segment, packet.Number)
//		c.Add(&packet, &segment, result)
//	}
//	last := tracker.Finish()
//	c.End(&last)
//	report := c.Report(&traffic.Counts{Stats: &stats, Totals: &totals})
//	report.WriteHTML(w)
package traffic

import (
	"cmp"
	"slices"
	"time"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// Config says what a Collector is to keep. The zero value is ready.
type Config struct {
	// Streams is how many TCP streams are drawn: those of which most went wrong; where nothing did, the largest one. 0
	// means 3.
	Streams int
	// Stream, if set, is the number of the only one that is drawn.
	Stream *uint64
	// Printer prints the lines of packets; nil prints as its zero value does, in UTC.
	Printer *decode.Printer
}

// Collector takes packets in the order of the capture. It is not for use by several goroutines at once.
type Collector struct {
	cfg     Config
	printer decode.Printer

	start, end int64 // ns since 1970
	untimed    uint64
	packets    bins[counted]
	events     bins[events]
	trips      bins[trip]
	all        flow.RoundTrips

	streams map[uint64]*recorder // that have not ended
	last    *recorder            // that was used
	best    []*recorder          // of those that have
	items   int
	evicted uint64
	line    []byte
}

// counted are the packets of a time: all, TCP, UDP, and others.
type counted struct {
	packets, bytes [numClasses]uint64
	drops          uint64
	first          uint64
	firstTime      int64
	line           string // of the first
}

const (
	allClass = iota
	tcpClass
	udpClass
	otherClass
	numClasses
)

// events are verdicts that were found at a time, by kind, and the first packet of each.
type events struct {
	counts [len(eventKinds)]int64
	first  [len(eventKinds)]uint64
}

// eventKinds are the verdicts that are drawn over time.
var eventKinds = [...]flow.Kind{flow.Retransmission, flow.LostBefore, flow.LostBehind, flow.Missed, flow.Reordered, flow.DuplicateAck, flow.ZeroWindow,
	flow.Corrupt}

// trip are the round trips of a time, and the longest.
type trip struct {
	trips   flow.RoundTrips
	longest int64
	number  uint64
	at      int64
}

// NewCollector makes a Collector; nil is the zero Config.
func NewCollector(cfg *Config) *Collector {
	c := &Collector{streams: map[uint64]*recorder{}}
	if cfg != nil {
		c.cfg = *cfg
	}
	if c.cfg.Streams <= 0 {
		c.cfg.Streams = 3
	}
	if c.cfg.Printer != nil {
		c.printer = *c.cfg.Printer
	} else {
		c.printer.Location = time.UTC
	}
	c.packets.merge = func(into, from *counted) {
		if from.first == 0 {
			return
		}
		if into.first == 0 || from.first < into.first {
			into.first, into.firstTime, into.line = from.first, from.firstTime, from.line
		}
		for i := range into.packets {
			into.packets[i] += from.packets[i]
			into.bytes[i] += from.bytes[i]
		}
		into.drops += from.drops
	}
	c.events.merge = func(into, from *events) {
		for i := range into.counts {
			into.counts[i] += from.counts[i]
			into.first[i] = cmp.Or(into.first[i], from.first[i])
		}
	}
	c.trips.merge = func(into, from *trip) {
		if from.trips.Count > 0 && (into.trips.Count == 0 || from.longest > into.longest) {
			into.longest, into.number, into.at = from.longest, from.number, from.at
		}
		into.trips.Merge(&from.trips)
	}
	return c
}

// Add takes the packet that follows, of which a Tracker has read the segment, and what it showed. p.Number must be set.
func (c *Collector) Add(p *decode.Packet, seg *flow.Segment, r *flow.Result) {
	at := int64(0)
	if p.Frame.Time.IsZero() {
		c.untimed++
	} else {
		at = p.Frame.Time.UnixNano()
		if c.start == 0 || at < c.start {
			c.start = at
		}
		c.end = max(c.end, at)
		c.count(p, at, r)
	}
	c.find(at, r)
	if r.Stream != nil {
		if h, ok := seg.Header(); ok {
			c.record(at, p.Number, &h, r)
		}
		if r.RoundTrip >= 0 && at != 0 {
			c.roundTrip(at, p.Number, r.RoundTrip)
		}
	}
	c.ended(r)
}

// End takes what the Tracker found at the end of the capture.
func (c *Collector) End(r *flow.Result) {
	c.find(c.end, r)
	c.ended(r)
}

// count counts a packet in its time.
func (c *Collector) count(p *decode.Packet, at int64, r *flow.Result) {
	b := c.packets.at(at)
	if b.first == 0 {
		if r.Stream != nil {
			relate(p, r)
		}
		c.line = c.printer.AppendLine(c.line[:0], p)
		b.first, b.firstTime, b.line = p.Number, at, string(c.line)
	}
	class := otherClass
	switch {
	case r.Stream != nil || p.FindInner(decode.TypeTCP) >= 0:
		class = tcpClass
	case p.FindInner(decode.TypeUDP) >= 0:
		class = udpClass
	}
	for _, i := range [...]int{allClass, class} {
		b.packets[i]++
		b.bytes[i] += uint64(p.Frame.Length)
	}
	b.drops += p.Frame.Drops
}

// relate gives the packet its relative sequence numbers.
func relate(p *decode.Packet, r *flow.Result) {
	seq, _ := r.Stream.Relative(r.Direction)
	if ack, ok := r.Stream.Relative(r.Direction.Other()); ok {
		p.Relate(seq, ack)
	}
}

// find takes verdicts.
func (c *Collector) find(at int64, r *flow.Result) {
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if k := slices.Index(eventKinds[:], v.Kind); k >= 0 && at != 0 {
			b := c.events.at(at)
			if v.Retracted {
				b.counts[k]--
			} else {
				b.counts[k]++
				b.first[k] = cmp.Or(b.first[k], v.Packet)
			}
		}
		if v.Stream != nil && c.wants(v.Stream.Number()) {
			c.recorder(v.Stream).find(v)
		}
	}
}

func (c *Collector) wants(stream uint64) bool { return c.cfg.Stream == nil || *c.cfg.Stream == stream }

func (c *Collector) roundTrip(at int64, number uint64, d time.Duration) {
	c.all.Add(d)
	b := c.trips.at(at)
	if b.trips.Count == 0 || int64(d) > b.longest {
		b.longest, b.number, b.at = int64(d), number, at
	}
	b.trips.Add(d)
}

// recorder returns that of a stream, and begins with it.
func (c *Collector) recorder(s *flow.Stream) *recorder {
	n := s.Number()
	if c.last != nil && c.last.number == n {
		return c.last
	}
	r := c.streams[n]
	if r == nil {
		r = &recorder{number: n, partial: true}
		c.streams[n] = r
	}
	c.last = r
	return r
}

func (c *Collector) record(at int64, number uint64, h *flow.Header, res *flow.Result) {
	if !c.wants(res.Stream.Number()) {
		return
	}
	r := c.recorder(res.Stream)
	if first, _ := res.Stream.First(); first == number {
		r.partial = false
	}
	c.items += r.add(at, number, h, res)
	if c.items > allItems {
		c.evict()
	}
}

// evict forgets the streams of which least went wrong, until half of the room is free.
func (c *Collector) evict() {
	all := make([]*recorder, 0, len(c.streams))
	for _, r := range c.streams {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *recorder) int { return -worse(a, b) })
	for _, r := range all {
		if c.items <= allItems/2 {
			break
		}
		c.items -= len(r.items)
		c.evicted++
		delete(c.streams, r.number)
	}
	c.last = nil
}

// worse sorts what there is more to see of to the front.
func worse(a, b *recorder) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.number, b.number))
}

// ended keeps the best of the streams that end.
func (c *Collector) ended(res *flow.Result) {
	for _, s := range res.Ended {
		r := c.streams[s.Number()]
		if r == nil {
			continue
		}
		delete(c.streams, r.number)
		c.last = nil
		c.items -= len(r.items)
		if n := len(c.best); n == c.cfg.Streams && worse(r, c.best[n-1]) > 0 {
			continue
		}
		summary := s.Summary()
		r.summary = &summary
		c.best = append(c.best, r)
		slices.SortFunc(c.best, worse)
		if len(c.best) > c.cfg.Streams {
			c.best = c.best[:c.cfg.Streams]
		}
	}
}

// Drawn is how many streams have ended that a report would draw.
func (c *Collector) Drawn() int { return len(c.best) }
