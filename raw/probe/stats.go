package probe

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Stats describes a series of durations, such as round-trip times. The zero value is ready and uses about 270 KB from
// its first value on; with Compact set it uses about 200 bytes instead.
type Stats struct {
	// Compact keeps quantiles to within 1/16 of their value instead of 1/1000. Set it before the first Add.
	Compact bool

	n        int64
	min, max time.Duration
	last     time.Duration
	mean, m2 float64 // Welford's running mean and sum of squared differences, ns
	jitter   float64 // RFC 3550, section 6.4.1
	ipdv     float64 // sum of the absolute differences of neighbours, ns
	exact    *hdrhistogram.Histogram
	octaves  []octave // sorted by exponent
}

// octave counts values with the same number of bits by their next four bits.
type octave struct {
	exponent uint8
	count    [16]uint32
}

// longest is where the histogram ends; longer times count as this long in quantiles.
const longest = time.Hour

// Add adds one value; a negative one counts as 0. It allocates only when the values reach a new order of magnitude.
func (s *Stats) Add(d time.Duration) {
	d = max(d, 0)
	if s.n == 0 || d < s.min {
		s.min = d
	}
	s.max = max(s.max, d)
	if s.n > 0 {
		diff := math.Abs(float64(d - s.last))
		s.jitter += (diff - s.jitter) / 16
		s.ipdv += diff
	}
	s.last = d
	s.n++
	delta := float64(d) - s.mean
	s.mean += delta / float64(s.n)
	s.m2 += delta * (float64(d) - s.mean)
	if s.Compact {
		s.addOctave(uint64(min(d, longest)))
		return
	}
	if s.exact == nil {
		s.exact = hdrhistogram.New(1, int64(longest), 3)
	}
	s.exact.RecordValue(int64(min(d, longest))) // cannot fail within the range
}

func (s *Stats) addOctave(v uint64) {
	e, sub := octaveOf(v)
	i, found := slices.BinarySearchFunc(s.octaves, e, func(o octave, e uint8) int { return cmp.Compare(o.exponent, e) })
	if !found {
		s.octaves = slices.Insert(s.octaves, i, octave{exponent: e})
	}
	s.octaves[i].count[sub]++
}

func octaveOf(v uint64) (exponent, sub uint8) {
	n := bits.Len64(v)
	if n <= 5 {
		return 0, uint8(v >> 1 & 15)
	}
	return uint8(n - 5), uint8(v >> (n - 5) & 15)
}

// middle is the value that the counts of a part of an octave stand for.
func (o *octave) middle(sub int) time.Duration {
	if o.exponent == 0 {
		return time.Duration(sub << 1)
	}
	low := uint64(16+sub) << o.exponent
	return time.Duration(low + 1<<o.exponent/2)
}

// Reset forgets all values and keeps the memory for new ones.
func (s *Stats) Reset() {
	if s.exact != nil {
		s.exact.Reset()
	}
	*s = Stats{Compact: s.Compact, exact: s.exact, octaves: s.octaves[:0]}
}

// Count returns how many values were added.
func (s *Stats) Count() int64 { return s.n }

// Min returns the smallest value, exactly; 0 if there is none.
func (s *Stats) Min() time.Duration { return s.min }

// Max returns the largest value, exactly.
func (s *Stats) Max() time.Duration { return s.max }

// Last returns the value added last.
func (s *Stats) Last() time.Duration { return s.last }

// Mean returns the arithmetic mean.
func (s *Stats) Mean() time.Duration { return time.Duration(math.Round(s.mean)) }

// StdDev returns the standard deviation of the values seen (not an estimate for more of them).
func (s *Stats) StdDev() time.Duration {
	if s.n == 0 {
		return 0
	}
	return time.Duration(math.Round(math.Sqrt(s.m2 / float64(s.n))))
}

// Jitter returns the smoothed difference of neighbouring values that RTP reports (RFC 3550, section 6.4.1).
func (s *Stats) Jitter() time.Duration { return time.Duration(math.Round(s.jitter)) }

// IPDV returns the mean of the absolute differences of neighbouring values (RFC 3393).
func (s *Stats) IPDV() time.Duration {
	if s.n < 2 {
		return 0
	}
	return time.Duration(math.Round(s.ipdv / float64(s.n-1)))
}

// Quantile returns the value that the part q of the values, 0 to 1, does not exceed; 0 if there is none. It is
// never outside Min and Max.
func (s *Stats) Quantile(q float64) time.Duration {
	if s.n == 0 {
		return 0
	}
	var v time.Duration
	if s.exact != nil {
		v = time.Duration(s.exact.ValueAtQuantile(q * 100))
	} else {
		rank := max(int64(math.Ceil(q*float64(s.n))), 1)
		v = s.max
		s.each(func(middle time.Duration, n int64) bool {
			rank -= n
			v = middle
			return rank > 0
		})
	}
	return min(max(v, s.min), s.max)
}

// each visits the parts of a compact Stats in order until fn returns false.
func (s *Stats) each(fn func(middle time.Duration, n int64) bool) {
	for i := range s.octaves {
		o := &s.octaves[i]
		for sub, n := range o.count {
			if n > 0 && !fn(o.middle(sub), int64(n)) {
				return
			}
		}
	}
}

// Bucket is a range of values and how many fell into it.
type Bucket struct {
	Low, High time.Duration // from Low to below High
	Count     int64
}

// Buckets sorts the values into n ranges that grow by a constant factor and together reach from Min to Max.
func (s *Stats) Buckets(n int) []Bucket {
	if s.n == 0 || n < 1 {
		return nil
	}
	low, high := float64(max(s.min, 1)), float64(max(s.max+1, 2))
	factor := math.Pow(high/low, 1/float64(n))
	all := make([]Bucket, n)
	edge := low
	for i := range all {
		all[i].Low = time.Duration(edge)
		edge *= factor
		all[i].High = time.Duration(edge)
	}
	all[0].Low, all[n-1].High = s.min, s.max+1
	add := func(v time.Duration, count int64) bool {
		v = min(max(v, s.min), s.max)
		i, _ := slices.BinarySearchFunc(all, v, func(b Bucket, v time.Duration) int {
			if v >= b.High {
				return -1
			}
			return 1
		})
		all[min(i, n-1)].Count += count
		return true
	}
	if s.exact == nil {
		s.each(add)
		return all
	}
	for _, b := range s.exact.Distribution() {
		if b.Count > 0 {
			add(time.Duration(b.From), b.Count)
		}
	}
	return all
}

// Floor measures the error that reading the clock in this process cannot avoid: the longer of the clock's
// resolution and the time it takes to read it, as the median of many readings.
func Floor() time.Duration {
	const readings = 501
	deltas := make([]time.Duration, readings)
	for i := range deltas {
		start := time.Now()
		for deltas[i] == 0 {
			deltas[i] = time.Since(start)
		}
	}
	slices.Sort(deltas)
	return deltas[readings/2]
}
