package flow

import (
	"iter"
	"slices"
	"time"
)

// Config bounds a Tracker and says what it is to do. The zero value is ready.
type Config struct {
	// Streams is how many streams are kept at once, at most 16,777,214; 0 means 1,000,000. The one that was not used
	// for longest leaves first.
	Streams int
	// StreamBytes is how many bytes of one direction are kept that came before the ones that they follow; 0 means 4 MB.
	// When there are more, the first hole is no longer waited for.
	StreamBytes int
	// Bytes is how much is kept for all streams beyond what each has: bytes out of order, and the record of segments on
	// their way; 0 means 24 MB. The stream that had no data for longest gives up first.
	Bytes int64
	// Interfaces makes the interface of the frame a part of what a stream is.
	Interfaces bool
	// Reassemble hands out the bytes, in order, as Result.Chunks.
	Reassemble bool
	// Only, if set, chooses the streams of which bytes are handed out. It is asked at the first data of a direction,
	// and again where the tracker had to forget about it.
	Only func(*Stream) bool
	// Watch, if set, chooses the streams that are looked at. It is asked when a stream begins. Of others, it is only
	// told which packets belong to them, as long as none of theirs is missing or damaged: there are no bytes, no sums,
	// and nearly no verdicts.
	Watch func(*Stream) bool
}

// Tracker follows streams. It is not for use by several goroutines at once.
type Tracker struct {
	cfg      Config
	table    table
	twins    twins
	next     uint64 // number of the next stream
	leaving  []*Stream
	result   Result
	own      Segment // of Add
	number   uint64  // of the packet at hand
	drops    uint64  // that the frames told of
	sums     bool    // checksums that are right were seen
	lost     Lost
	firstSYN bool   // the SYN at hand is the first of its direction
	crossed  bool   // the SYN at hand answers one that crossed an earlier one: both sides opened (RFC 9293, section 3.5)
	before   uint64 // the packet before this one of the direction

	bytes          int64 // of all records
	newest, oldest *record
	idle           []*record // to be used again
	spare          [][]byte  // of their kept bytes
	rooms          rooms
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
	// RoundTrip is the sample of the other direction's round trip that the packet ends with its acknowledgement, -1 for
	// none.
	RoundTrip time.Duration
	// Verdicts are about this packet and earlier ones, in the order in which they were found.
	Verdicts []Verdict
	// Chunks are bytes that are now in order. Only with Config.Reassemble.
	Chunks []Chunk
	// Ended are streams that leave the tracker: it is the last time to look at them.
	Ended []*Stream
}

// Chunk is a piece of a direction's bytes. Offsets follow each other: a chunk starts where the one before it ended, gap
// and all. Only where Lost counts records that were given up, a direction may go on elsewhere.
type Chunk struct {
	Stream    *Stream
	Direction Direction
	// Offset is where Data, or the gap, starts: 0 is the first byte of the direction, or the first that was seen.
	Offset int64
	// Data is borrowed until the next call.
	Data []byte
	// Gap is how many bytes are missing here instead of Data: they were not captured, or their packet was cut by the
	// snaplen (Cut).
	Gap int64
	Cut bool
	// Packet is the one that Data came in, or that had what is behind the gap.
	Packet uint64
	// End: the direction ends here, by a FIN. There is no Data.
	End bool
}

// NewTracker makes a Tracker; nil is the zero Config.
func NewTracker(cfg *Config) *Tracker {
	t := &Tracker{}
	if cfg != nil {
		t.cfg = *cfg
	}
	if t.cfg.Streams <= 0 {
		t.cfg.Streams = 1_000_000
	}
	t.cfg.Streams = min(t.cfg.Streams, maxStreams)
	if t.cfg.StreamBytes <= 0 {
		t.cfg.StreamBytes = 4 << 20
	}
	if t.cfg.Bytes <= 0 {
		t.cfg.Bytes = 24 << 20
	}
	t.table.init()
	t.twins = make(twins, 1<<twinBits)
	t.spare = make([][]byte, 0, 64)
	return t
}

// Lost returns what was given up so far.
func (t *Tracker) Lost() Lost { return t.lost }

// Streams yields those that the tracker has, in the order of their numbers.
func (t *Tracker) Streams() iter.Seq[*Stream] {
	return func(yield func(*Stream) bool) {
		for _, s := range t.all() {
			if !yield(s) {
				return
			}
		}
	}
}

// all returns the streams in the order of their numbers.
func (t *Tracker) all() []*Stream {
	all := make([]*Stream, 0, t.table.used)
	for slot := t.table.oldest; slot != none; slot = t.table.at(slot).newer {
		all = append(all, t.table.at(slot))
	}
	slices.SortFunc(all, func(a, b *Stream) int { return int(int64(a.number - b.number)) })
	return all
}

// begin forgets the last result.
func (t *Tracker) begin() {
	if len(t.leaving) > 0 {
		for _, s := range t.leaving {
			t.table.release(s)
		}
		t.leaving = t.leaving[:0]
	}
	t.result.Stream, t.result.Ended, t.result.RoundTrip = nil, nil, -1
	t.result.Verdicts, t.result.Chunks = t.result.Verdicts[:0], t.result.Chunks[:0]
}

// say adds a verdict and counts it.
func (t *Tracker) say(s *Stream, d Direction, v Verdict) {
	v.Stream, v.Direction = s, d
	k := s.trouble(d)
	one := uint32(1)
	if v.Retracted {
		one = ^uint32(0)
	}
	k.counts[v.Kind] += one
	if v.Kind == Retransmission {
		k.causes[v.Cause] += one
	}
	t.result.Verdicts = append(t.result.Verdicts, v)
}

// record returns that of direction d, and begins with it where there is none. It becomes the newest.
func (t *Tracker) record(s *Stream, d Direction) *record {
	h := &s.half[d]
	r := h.rec
	if r != nil {
		if t.newest != r {
			t.unchain(r)
			t.chain(r)
		}
		return r
	}
	if n := len(t.idle); n > 0 {
		r, t.idle = t.idle[n-1], t.idle[:n-1]
		*r = record{}
	} else {
		r = &record{}
	}
	r.rooms, r.parts = &t.rooms, t.rooms.take(1)
	r.owner, r.direction = s, d
	r.buffer.out = max(h.dataEnd(), 0)
	o := &s.half[d.Other()]
	r.peer.selects = h.has(sackPermitted) && o.has(sackPermitted) || !h.anchored() || !o.anchored()
	h.rec = r
	t.chain(r)
	t.account(r)
	return r
}

func (t *Tracker) chain(r *record) {
	r.newer, r.older = nil, t.newest
	if t.newest != nil {
		t.newest.newer = r
	} else {
		t.oldest = r
	}
	t.newest = r
}

func (t *Tracker) unchain(r *record) {
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		t.newest = r.older
	}
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		t.oldest = r.newer
	}
}

// account counts the memory of a record that has changed.
func (t *Tracker) account(r *record) {
	size := r.memory()
	t.bytes += size - r.size
	r.size = size
}

// dismiss takes the record from its half, which keeps the sums.
func (t *Tracker) dismiss(r *record) {
	s, d := r.owner, r.direction
	if r.limit.spent != [numLimits]int64{} {
		if s.spent == nil {
			s.spent = new(spent)
		}
		s.spent.add(d, &r.limit.spent)
	}
	s.half[d].rec = nil
	t.unchain(r)
	t.bytes -= r.size
	t.rooms.give(r.parts)
	r.parts = nil
	if k := r.buffer.kept.data; cap(k) > 0 && cap(k) <= maxSpare && len(t.spare) < cap(t.spare) {
		t.spare = append(t.spare, k[:0])
	}
	if len(t.idle) < 1024 {
		r.owner, r.newer, r.older, r.buffer, r.earlier, r.formers, r.claims = nil, nil, nil, buffer{}, nil, nil, nil
		t.idle = append(t.idle, r)
	}
}
