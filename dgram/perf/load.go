package perf

import (
	"fmt"
	"math"
	"time"

	"sockwire/dgram"
	"sockwire/raw/probe"
)

// Load says what one flow sends.
type Load struct {
	// Rate is in datagrams per second, Bits in bits of payload per second; at most one is set. Neither means as fast as
	// possible.
	Rate float64 `json:"rate,omitempty"`
	Bits float64 `json:"bits,omitempty"`
	// Pattern spreads the datagrams over time; it needs a rate.
	Pattern Pattern `json:"pattern,omitempty"`
	// Burst is how many datagrams a burst has (PatternBurst), or how many frames a second (PatternIsochronous).
	Burst int `json:"burst,omitempty"`
	// Sizes of the payloads in bytes, taken in turn. None means 1400.
	Sizes []int `json:"sizes,omitempty"`
	// Duration and Count end the load, whichever comes first; one must be set.
	Duration time.Duration `json:"duration_ns,omitempty"`
	Count    uint64        `json:"count,omitempty"`
	// NoOffload sends every datagram through the stack on its own.
	NoOffload bool `json:"no_offload,omitempty"`
}

// Pattern is how datagrams are spread over time.
type Pattern string

// Patterns.
const (
	PatternConstant    Pattern = ""            // one after another at equal distances
	PatternPoisson     Pattern = "poisson"     // at exponentially distributed distances
	PatternBurst       Pattern = "burst"       // Burst at once, then a pause
	PatternIsochronous Pattern = "isochronous" // Burst frames a second, each cut into datagrams sent at once
)

// IMIX is a mix of sizes as seen on the Internet: seven small, four middle and one large datagram (of IP packets of
// 76, 576 and 1500 bytes), spread out.
var IMIX = []int{48, 548, 48, 1472, 48, 548, 48, 548, 48, 48, 548, 48}

// maxSizes keeps the list of sizes within a control message.
const maxSizes = 64

func (l *Load) check() error {
	switch {
	case !(l.Rate >= 0 && l.Rate <= 1e9 && l.Bits >= 0 && l.Bits <= 1e12):
		return fmt.Errorf("perf: a rate of %g/s or %g bit/s is out of range", l.Rate, l.Bits)
	case l.Rate > 0 && l.Bits > 0:
		return fmt.Errorf("perf: a rate is in datagrams or in bits, not both")
	case l.Pattern != PatternConstant && l.Rate == 0 && l.Bits == 0:
		return fmt.Errorf("perf: pattern %s needs a rate", l.Pattern)
	case l.Pattern != PatternConstant && l.Pattern != PatternPoisson && l.Pattern != PatternBurst && l.Pattern != PatternIsochronous:
		return fmt.Errorf("perf: unknown pattern %q", l.Pattern)
	case (l.Pattern == PatternBurst || l.Pattern == PatternIsochronous) && (l.Burst < 1 || l.Burst > 1e6):
		return fmt.Errorf("perf: pattern %s needs a number from 1 to 1000000, not %d", l.Pattern, l.Burst)
	case l.Duration < 0 || l.Duration > maxDuration || l.Count > maxCount:
		return fmt.Errorf("perf: a load of %v or %d datagrams is out of range", l.Duration, l.Count)
	case l.Duration == 0 && l.Count == 0:
		return fmt.Errorf("perf: a load needs a duration or a count")
	case len(l.Sizes) > maxSizes:
		return fmt.Errorf("perf: at most %d sizes, not %d", maxSizes, len(l.Sizes))
	}
	for _, n := range l.Sizes {
		if n < HeaderSize || n > dgram.MaxPayload4 {
			return fmt.Errorf("perf: a size of %d bytes is not within %d to %d", n, HeaderSize, dgram.MaxPayload4)
		}
	}
	if n := l.group(); n > 1<<20 {
		return fmt.Errorf("perf: %d datagrams at once are more than %d", n, 1<<20)
	}
	if l.interval() > float64(time.Hour) {
		return fmt.Errorf("perf: less than a datagram an hour is no rate: %g/s or %g bit/s", l.Rate, l.Bits)
	}
	return nil
}

// Limits of a load: ten years, and what a ledger believes.
const (
	maxDuration = 10 * 365 * 24 * time.Hour
	maxCount    = 1 << 60
)

// group is how many datagrams are due at once.
func (l *Load) group() uint64 {
	switch l.Pattern {
	case PatternBurst:
		return uint64(l.Burst)
	case PatternIsochronous:
		return max(uint64(math.Round(1e9/l.interval()/float64(l.Burst))), 1)
	}
	return 1
}

func (l *Load) sizes() []int {
	if len(l.Sizes) == 0 {
		return []int{1400}
	}
	return l.Sizes
}

// interval is the mean distance between datagrams, 0 for none.
func (l *Load) interval() float64 {
	switch {
	case l.Rate > 0:
		return 1e9 / l.Rate
	case l.Bits > 0:
		sum := 0
		for _, n := range l.sizes() {
			sum += n
		}
		return 8e9 * float64(sum) / float64(len(l.sizes())) / l.Bits
	}
	return 0
}

// lasts is how long the load lasts where it is sent as it should be, 0 if that depends on the host.
func (l *Load) lasts() time.Duration {
	d := l.Duration
	if interval := l.interval(); l.Count > 0 && interval > 0 {
		if n := time.Duration(min(interval*float64(l.Count), math.MaxInt64/4)); d == 0 || n < d {
			d = n
		}
	}
	return d
}

// timing is the load's timetable.
func (l *Load) timing(seed uint64) probe.Timing {
	return probe.Timing{Packets: l.Rate, Bits: l.Bits, Poisson: l.Pattern == PatternPoisson, Burst: int(l.group()), Seed: seed}
}

// before returns how many datagrams of the load are due before end, where the nth is due at a time. Where chance
// decides, it is the mean.
func (l *Load) before(end, due time.Duration, n uint64) uint64 {
	if interval := l.interval(); interval > 0 && end > due {
		n += uint64(float64(end-due) / interval)
	}
	if l.Count > 0 {
		n = min(n, l.Count)
	}
	return n
}

// configOf returns a copy of what c says, the zero value for nil.
func configOf[T any](c *T) (v T) {
	if c != nil {
		v = *c
	}
	return v
}

const defaultBuffer = 4 << 20 // bytes to receive into
