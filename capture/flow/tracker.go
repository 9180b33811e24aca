package flow

import (
	"iter"
	"slices"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// Config bounds a Tracker and says what it is to do. The zero value is ready.
type Config struct {
	// Streams is how many streams are kept at once; 0 means 1,048,576. The one that was not used for longest leaves first, the
	// ended before the others.
	Streams int
	// StreamBytes is how many bytes of one direction are kept that came before the ones that they follow; 0 means 4 MB. When there are
	// more, the tracker no longer waits for the first hole.
	StreamBytes int
	// Bytes is how much is kept for all streams beyond what each has: bytes out of order, and the record of segments on their way;
	// 0 means 64 MB. The stream that was not used for longest gives up first.
	Bytes int64
	// Interfaces makes the interface of the frame a part of what a stream is.
	Interfaces bool
	// Reassemble hands out the bytes, in order, as Result.Chunks.
	Reassemble bool
}

// Tracker follows streams. It is not for use by several goroutines at once.
type Tracker struct {
	cfg     Config
	table   table
	next    uint64 // number of the next stream
	leaving []*Stream
	result  Result
	key     key
	seg     segment
	lost    Lost
}

// Lost counts what a Tracker gave up to stay within the bounds of its Config.
type Lost struct {
	Streams uint64 // that had not ended
	Records uint64 // of segments on their way: retransmissions may then be Unknown, and losses Undecided
	Holes   uint64 // that were no longer waited for
}

// Result is what one packet showed. Its slices, and the Stream, are valid until the next call of the Tracker.
type Result struct {
	// Stream is what the packet belongs to, nil where it has no TCP segment.
	Stream    *Stream
	Direction Direction
	// Verdicts are about this packet and earlier ones, in the order in which they were found.
	Verdicts []Verdict
	// Chunks are bytes that are now in order. Only with Config.Reassemble.
	Chunks []Chunk
	// Ended are streams that leave the tracker: it is the last time to look at them.
	Ended []*Stream
}

// Chunk is a piece of a direction's bytes. Offsets follow each other: a chunk starts where the one before it ended, gap and all.
type Chunk struct {
	Stream    *Stream
	Direction Direction
	// Offset is where Data, or the gap, starts: 0 is the first byte of the direction, or the first that was seen.
	Offset int64
	// Data is borrowed until the next call.
	Data []byte
	// Gap is how many bytes are missing here instead of Data: they were not captured, or their packet was cut by the snaplen (Cut).
	Gap int64
	Cut bool
	// Packet is the one that Data came in, or behind the gap.
	Packet uint64
	// End: the direction ends behind this chunk, by a FIN; Data may be empty.
	End bool
}

// NewTracker makes a Tracker; nil is the zero Config.
func NewTracker(cfg *Config) *Tracker {
	t := &Tracker{}
	if cfg != nil {
		t.cfg = *cfg
	}
	if t.cfg.Streams <= 0 {
		t.cfg.Streams = 1 << 20
	}
	if t.cfg.StreamBytes <= 0 {
		t.cfg.StreamBytes = 4 << 20
	}
	if t.cfg.Bytes <= 0 {
		t.cfg.Bytes = 64 << 20
	}
	t.table.init()
	return t
}

// Add takes the next packet, in the order of the capture; p.Number must be set (decode.History does). Fragments are passed over: add the
// datagram that a Defragmenter made of them. Add allocates nothing for plain progress.
func (t *Tracker) Add(p *decode.Packet) Result {
	t.begin()
	forward, ok := read(p, &t.seg, &t.key, t.cfg.Interfaces)
	if !ok {
		return t.result
	}
	s := t.stream(&t.seg, forward)
	d := Backward
	if forward != s.swapped {
		d = Forward
	}
	t.result.Stream, t.result.Direction = s, d
	t.segment(s, d, &t.seg)
	return t.result
}

// begin forgets the last result.
func (t *Tracker) begin() {
	for _, s := range t.leaving {
		t.table.release(s)
	}
	t.leaving = t.leaving[:0]
	t.result = Result{Verdicts: t.result.Verdicts[:0], Chunks: t.result.Chunks[:0]}
}

// stream finds the stream of a segment, or begins one.
func (t *Tracker) stream(g *segment, forward bool) *Stream {
	hash := t.table.hash(&t.key)
	s := t.table.find(&t.key, hash)
	if s != nil && s.again(g, forward) {
		s.state = max(s.state, s.replaced())
		t.leave(s)
		s = nil
	}
	if s == nil {
		if t.table.used >= t.cfg.Streams {
			t.evict()
		}
		s = t.table.add(&t.key, hash)
		s.number, s.first, s.start = t.next, g.number, g.time
		s.swapped = !forward
		if g.has(wire.SYN | wire.ACK) {
			s.swapped = forward
		}
		t.next++
	} else {
		t.table.touch(s)
	}
	return s
}

// again reports whether the segment begins a new connection between the ends of s.
func (s *Stream) again(g *segment, forward bool) bool {
	if g.flags&(wire.SYN|wire.ACK|wire.RST) != wire.SYN {
		return false
	}
	h := &s.half[Backward]
	if forward != s.swapped {
		h = &s.half[Forward]
	}
	if !h.anchored() {
		return h.has(based) || s.half[0].anchored() && s.half[1].anchored()
	}
	return h.position(g.seq) != -1
}

func (s *Stream) replaced() End {
	if s.state < Closed {
		return Replaced
	}
	return s.state
}

// leave takes s out of the table and into Result.Ended.
func (t *Tracker) leave(s *Stream) {
	t.table.unlink(s)
	s.leaving = true
	t.leaving = append(t.leaving, s)
	t.result.Ended = t.leaving
}

func (t *Tracker) evict() {
	s := t.table.at(t.table.oldest)
	if s.state < Closed {
		t.lost.Streams++
		t.say(s, Forward, Verdict{Packet: t.seg.number, Kind: GivenUp, Cause: StreamLimit})
	}
	t.leave(s)
}

// say adds a verdict and counts it.
func (t *Tracker) say(s *Stream, d Direction, v Verdict) {
	v.Stream, v.Direction = s, d
	m := s.side(d)
	m.counts[v.Kind]++
	if v.Kind == Retransmission {
		m.causes[v.Cause]++
	}
	t.result.Verdicts = append(t.result.Verdicts, v)
}

// Lost returns what was given up so far.
func (t *Tracker) Lost() Lost { return t.lost }

// Streams yields those that the tracker has, in the order of their numbers.
func (t *Tracker) Streams() iter.Seq[*Stream] {
	return func(yield func(*Stream) bool) {
		var all []*Stream
		for slot := t.table.oldest; slot != none; slot = t.table.at(slot).newer {
			all = append(all, t.table.at(slot))
		}
		slices.SortFunc(all, func(a, b *Stream) int { return int(int64(a.number - b.number)) })
		for _, s := range all {
			if !yield(s) {
				return
			}
		}
	}
}

// Finish is the end of the capture: it says what stays undecided, and gives all streams as Ended.
func (t *Tracker) Finish() Result {
	t.begin()
	for s := range t.Streams() {
		t.leave(s)
	}
	return t.result
}
