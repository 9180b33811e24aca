package perf

import (
	"fmt"
	"math"
	"time"

	"sockwire/dgram"
)

// What the far end says of a run is its word. Here that is held against what this end knows: what it sent and when,
// what it asked for, and how long it has lasted.

// maxArrivals bounds how many datagrams a second a host can have seen.
const maxArrivals = 1e8

// known is what this end knows of a stream that it sends.
type known struct {
	sent              uint64 // that may have left by now
	smallest, largest int    // bytes of payload
	lasted            time.Duration
	roundTrip         time.Duration
	sameClock         bool
}

// contradiction says in which way a report cannot be true, or "".
func (r *Report) contradiction(k known) string {
	arrivals := uint64(maxArrivals*k.lasted.Seconds()) + 1e6
	span := time.Duration(r.Last - r.First)
	latest := k.lasted + k.roundTrip + 10*time.Second
	switch {
	case r.Sent > k.sent:
		return fmt.Sprintf("it counts %d sent, of %d that were", r.Sent, k.sent)
	case r.Unique > r.Sent:
		return fmt.Sprintf("it received %d of %d that it knows to be sent", r.Unique, r.Sent)
	case r.Lost != r.Sent-r.Unique:
		return fmt.Sprintf("of %d it received %d and lost %d", r.Sent, r.Unique, r.Lost)
	case r.Tail > r.Lost, r.Runs > r.Lost, r.RunMax > r.Lost:
		return fmt.Sprintf("of %d lost, %d are the last ones, in %d runs, the longest of %d", r.Lost, r.Tail, r.Runs, r.RunMax)
	case r.Reordered > r.Unique:
		return fmt.Sprintf("of %d received once, %d are out of order", r.Unique, r.Reordered)
	case r.Received > arrivals, r.Duplicate > arrivals, r.Late > arrivals, r.Corrupt > arrivals, r.Dropped > arrivals, r.Checksum > arrivals,
		r.Overflow > arrivals, r.Wrong > r.Dropped, r.Joined > arrivals, r.ExtentMax > arrivals:
		return fmt.Sprintf("it counts more than any host sees in %v", k.lasted.Round(time.Millisecond))
	case r.Received != r.Unique+r.Duplicate+r.Late:
		return fmt.Sprintf("%d arrivals are %d once, %d duplicate and %d late", r.Received, r.Unique, r.Duplicate, r.Late)
	case r.Bytes < r.Unique*uint64(k.smallest), r.Bytes > r.Unique*uint64(k.largest):
		return fmt.Sprintf("%d datagrams of %d to %d bytes are %d bytes", r.Unique, k.smallest, k.largest, r.Bytes)
	case len(r.RunSizes) > 16 || len(r.RunSizes) > 0 && r.Final && sum(r.RunSizes) != r.Runs:
		return fmt.Sprintf("%d runs of loss are %v by size", r.Runs, r.RunSizes)
	case r.Last < r.First, span < 0, span > latest+latest/100:
		return fmt.Sprintf("what lasted %v came in over %v", k.lasted.Round(time.Millisecond), span)
	case r.Jitter < 0, r.Jitter > math.MaxInt64/4:
		return fmt.Sprintf("its jitter is %v", r.Jitter)
	case !r.Delays.possible():
		return fmt.Sprintf("its least delay is %v above that of the first datagram", r.Delays.Least)
	case !r.OneWay.ordered(), !r.Waited.ordered():
		return "its quantiles of delays are not in order"
	case r.OneWay != nil && k.sameClock && (r.OneWay.Min < -time.Second || r.OneWay.Min > latest):
		return fmt.Sprintf("with one clock, it took %v there", r.OneWay.Min)
	case r.Buffer < 0:
		return fmt.Sprintf("its receive buffer has %d bytes", r.Buffer)
	}
	return ""
}

func sum(list []uint64) (n uint64) {
	for _, v := range list {
		n += v
	}
	return n
}

// ordered tells whether v is a distribution; nil is one of nothing.
func (v *Variation) ordered() bool {
	return v == nil || 0 <= v.P50 && v.P50 <= v.P90 && v.P90 <= v.P99 && v.P99 <= v.P999 && v.P999 <= v.Max && math.Abs(v.Skew) < 1
}

// most is how many datagrams of a load can have left in d.
func (l *Load) most(d time.Duration) uint64 {
	if l.Duration > 0 {
		d = min(d, l.Duration+time.Second)
	}
	n := maxArrivals*d.Seconds() + 1e6
	if interval := l.interval(); interval > 0 {
		mean := 1.001 * float64(d) / interval
		n = min(mean+10*math.Sqrt(mean)+float64(l.group())+100, n)
	}
	if l.Count > 0 {
		return min(uint64(n), l.Count)
	}
	return uint64(n)
}

// contradict takes note that the server has said what cannot be; the first such word is kept.
func (f *flow) contradict(format string, a ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.contradictions++; f.contradictions == 1 {
		f.contradiction = fmt.Sprintf(format, a...)
	}
}

func (f *flow) contradicted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.contradictions > 0
}

// known is what this end knows of what it sends.
func (f *flow) known() known {
	k := known{sent: f.up.next.Load(), lasted: time.Since(f.begun), roundTrip: f.roundTrip, sameClock: f.clock == ClockSame}
	sizes := f.up.load.sizes()
	k.smallest, k.largest = sizes[0], sizes[0]
	for _, n := range sizes {
		k.smallest, k.largest = min(k.smallest, n), max(k.largest, n)
	}
	return k
}

// counts tells whether the server can have sent n datagrams by now. It does not allocate.
func (f *flow) counts(n uint64) bool {
	if n <= f.downMost {
		return true
	}
	if f.cfg.Down != nil {
		f.downMost = f.cfg.Down.most(time.Since(f.begun))
	}
	if n <= f.downMost {
		return true
	}
	f.contradict("it says that it sent %d, of which at most %d were asked for by then", n, f.downMost)
	return false
}

// honestData tells whether a datagram of the server's stream can be what it says.
func (f *flow) honestData(h *header, d *dgram.Datagram) bool {
	if f.cfg.Down == nil {
		f.contradict("it sends what was not asked for")
		return false
	}
	if !f.counts(max(h.seq+1, h.seq)) { // the last of all numbers would wrap around
		return false
	}
	transit := time.Duration(d.Time.UnixNano() - h.sent)
	if h.sent <= 0 || h.sent > math.MaxInt64/2 || f.clock == ClockSame && (transit < -time.Second || transit > time.Since(f.begun)+time.Second) {
		f.contradict("it says that number %d left at %v, and it came at %v", h.seq, time.Unix(0, h.sent).UTC(), d.Time.UTC())
		return false
	}
	return true
}

// honestReply tells whether a reply repeats what was asked, and took no longer than it took.
func (f *flow) honestReply(h *header, d *dgram.Datagram) bool {
	if f.cfg.Requests == nil {
		f.contradict("it answers what was not asked")
		return false
	}
	arrived := d.Time.UnixNano()
	rtt := time.Duration(arrived - h.sent)
	switch {
	case h.seq >= f.up.next.Load():
		f.contradict("it answers request %d, and %d were sent", h.seq, f.up.next.Load())
	case !f.asked.matches(h, arrived):
		f.contradict("it says that request %d left at %v, which it did not", h.seq, time.Unix(0, h.sent).UTC())
	case rtt >= 0 && time.Duration(h.took) > rtt+rtt/100+time.Millisecond: // below 0 the clock was moved, not by the server
		f.contradict("it says that it took %v for request %d, whose reply was there after %v", time.Duration(h.took), h.seq, rtt)
	default:
		return true
	}
	return false
}
