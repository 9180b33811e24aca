package traffic

import (
	"math/rand/v2"
	"testing"
	"time"

	"sockwire/capture/flow"
)

// Bins hold all that was put in, each at its time, and are no more than they may be, in whatever order the times come.
func TestBins(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := bins[int]{merge: func(into, from *int) { *into += *from }}
		span, base := int64(1)<<random.IntN(62), random.Int64N(1<<60)
		var times []int64
		for range 1 + random.IntN(500) {
			at := base + random.Int64N(span) - span/2
			times = append(times, at)
			*b.at(at)++
		}
		if len(b.list) > maxBins {
			t.Fatalf("%d bins", len(b.list))
		}
		sum := 0
		for i, n := range b.list {
			for _, at := range times {
				if at >= b.start(i) && at < b.start(i+1) {
					n--
					sum++
				}
			}
			if n != 0 {
				t.Fatalf("bin %d of %d ns has %d too many", i, b.width, n)
			}
		}
		if sum != len(times) {
			t.Fatalf("%d of %d times are in bins", sum, len(times))
		}
	}
}

// However long a stream is, what is kept of it is bounded: plain packets become one, and those of which something is
// said stay.
func TestThin(t *testing.T) {
	r := recorder{}
	const packets = 1_000_000
	for n := range uint64(packets) {
		if n%10_000 == 77 {
			r.find(&flow.Verdict{Packet: n, Kind: flow.Retransmission, Cause: flow.Timer})
		}
		if len(r.items) >= streamItems {
			r.thin()
		}
		it := item{time: int64(n) * int64(time.Microsecond), number: n, last: n, count: 1, ack: -1, trip: -1, flight: int64(n % 977)}
		if it.side = flow.Direction(n % 2); it.side == flow.Forward {
			it.from, it.to = int64(n)*500, int64(n)*500+1000
		} else {
			it.ack = int64(n) * 500
		}
		r.items = append(r.items, it)
	}
	if len(r.items) > streamItems {
		t.Errorf("%d items", len(r.items))
	}
	count, again, most, end := uint32(0), 0, int64(0), int64(0)
	for i := range r.items {
		it := &r.items[i]
		count += it.count
		most = max(most, it.flight)
		if it.side == flow.Forward {
			if it.from != end {
				t.Fatalf("bytes %d to %d are in no item", end, it.from)
			}
			end = it.to
		}
		if it.number%10_000 == 77 {
			again++
			if it.count != 1 {
				t.Errorf("packet %d, of which something is said, is joined with others", it.number)
			}
		}
	}
	if count != packets || again != packets/10_000 || most != 976 {
		t.Errorf("%d packets, %d of them sent again, at most %d in flight", count, again, most)
	}
}
