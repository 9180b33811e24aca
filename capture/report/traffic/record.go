package traffic

import (
	"slices"

	"sockwire/capture/flow"
	"sockwire/raw/wire"
)

const (
	// streamItems is how many packets of a stream are kept one by one; when there are more, those that follow each
	// other without anything to say become one.
	streamItems = 8192
	// allItems is how many are kept of all streams.
	allItems = 1 << 18
)

// item is a packet of a stream, or several of one side that follow each other.
type item struct {
	time     int64 // ns since 1970
	from, to int64 // positions of its bytes
	ack      int64 // position in the other direction; below 0 for none
	window   int64 // bytes from ack
	flight   int64 // bytes of its direction on the way then, of several the most
	cleared  int64 // and of the other direction, of several the least
	trip     int64 // ns: the round trip that it ends, of several the longest; below 0 for none
	number   uint64
	last     uint64   // of several
	sack     [2]int32 // places in sacks
	flags    wire.TCPFlags
	count    uint32
	side     flow.Direction
}

// recorder keeps what a stream's charts are drawn from.
type recorder struct {
	number  uint64
	score   uint64 // how much went wrong
	bytes   uint64
	items   []item
	sacks   [][2]int64                // positions
	said    map[uint64][]flow.Verdict // about its packets, by their numbers; without the stream, which the tracker uses again
	grain   int64                     // ns: items of one side closer than that are joined
	left    uint64                    // packets that had no room
	full    bool                      // nothing could be joined: to try with each packet would cost much, and find nothing
	partial bool                      // the beginning was not kept
	summary *flow.Summary
}

// troubles are the verdicts that make a stream worth looking at.
var troubles = [...]flow.Kind{flow.Retransmission, flow.Spurious, flow.LostBefore, flow.LostBehind, flow.Missed, flow.Reordered, flow.Corrupt,
	flow.ZeroWindow, flow.Conflict, flow.Undecided}

// add keeps a packet.
func (r *recorder) add(at int64, number uint64, h *flow.Header, res *flow.Result) (grown int) {
	s, d := res.Stream, res.Direction
	it := item{time: at, number: number, last: number, count: 1, flags: h.Flags, side: d, ack: -1, trip: int64(res.RoundTrip), flight: s.InFlight(d),
		cleared: s.InFlight(d.Other())}
	it.from = s.Position(d, h.Sequence)
	if h.Flags&wire.SYN != 0 {
		it.from++
	}
	it.to = it.from + int64(h.Length)
	r.bytes += uint64(h.Length)
	if h.Flags&wire.ACK != 0 {
		it.ack, it.window = s.Position(d.Other(), h.Acknowledgment), s.Window(d)
	}
	before := len(r.items)
	if before >= streamItems && !r.full {
		r.thin()
		r.full = len(r.items) >= streamItems*7/8
	}
	if r.full {
		r.left++
		return len(r.items) - before
	}
	if len(h.SACK) > 0 {
		it.sack[0] = int32(len(r.sacks))
		for _, b := range h.SACK {
			r.sacks = append(r.sacks, [2]int64{s.Position(d.Other(), b[0]), s.Position(d.Other(), b[1])})
		}
		it.sack[1] = int32(len(r.sacks))
	}
	r.items = append(r.items, it)
	return len(r.items) - before
}

// find keeps a verdict, or forgets one.
func (r *recorder) find(v *flow.Verdict) {
	if v.Retracted {
		list := r.said[v.Packet]
		if i := slices.IndexFunc(list, func(s flow.Verdict) bool { return s.Kind == v.Kind }); i >= 0 {
			r.said[v.Packet] = slices.Delete(list, i, i+1)
			if slices.Contains(troubles[:], v.Kind) {
				r.score--
			}
		}
		return
	}
	if slices.Contains(troubles[:], v.Kind) {
		r.score++
	}
	if len(r.said) < 4*streamItems {
		if r.said == nil {
			r.said = make(map[uint64][]flow.Verdict)
		}
		kept := *v
		kept.Stream = nil
		r.said[v.Packet] = append(r.said[v.Packet], kept)
	}
}

// thin joins packets of one side that follow each other closely, have their bytes in order, and of which nothing is
// said.
func (r *recorder) thin() {
	for tries := range 40 {
		switch {
		case r.grain == 0:
			r.grain = max((r.items[len(r.items)-1].time-r.items[0].time)/(4*streamItems), 1)
		case tries > 0 && r.grain < 1<<61:
			r.grain *= 2
		}
		at := [2]int{-1, -1} // the last of each side
		n := 0
		for i := range r.items {
			it := &r.items[i]
			if k := at[it.side]; k >= 0 && r.joins(&r.items[k], it) {
				r.items[k].join(it)
				continue
			}
			r.items[n] = *it
			at[it.side] = n
			n++
		}
		r.items = r.items[:n]
		if n <= streamItems/2 {
			return
		}
	}
}

// plain reports whether nothing is to be seen of a packet but that it is there.
func (r *recorder) plain(it *item) bool {
	return it.flags&(wire.SYN|wire.FIN|wire.RST) == 0 && it.sack[0] == it.sack[1] && (it.count > 1 || len(r.said[it.number]) == 0)
}

func (r *recorder) joins(a, b *item) bool {
	return floor(a.time, r.grain) == floor(b.time, r.grain) && (a.to == b.from || b.from == b.to) && (a.from == a.to) == (b.from == b.to) &&
		r.plain(a) && r.plain(b)
}

func (a *item) join(b *item) {
	if b.from != b.to {
		a.to = b.to
	}
	a.ack, a.window = b.ack, b.window
	a.cleared = min(a.cleared, b.cleared)
	a.flight, a.trip, a.last = max(a.flight, b.flight), max(a.trip, b.trip), b.last
	a.count += b.count
}
