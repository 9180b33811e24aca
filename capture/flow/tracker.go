package flow

import (
	"iter"
	"slices"
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

// begin forgets the last result.
func (t *Tracker) begin() {
	for _, s := range t.leaving {
		t.table.release(s)
	}
	t.leaving = t.leaving[:0]
	t.result = Result{Verdicts: t.result.Verdicts[:0], Chunks: t.result.Chunks[:0]}
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
