package ledger

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram holds durations with three significant digits from 1 ns to an hour, in about 270 KiB.
//
// It is free of coordinated omission when each duration is measured from the moment the datagram was due
// to be sent, not from when a delayed sender got round to it; that is the caller's part.
type Histogram struct {
	h        *hdrhistogram.Histogram
	min, max time.Duration
	sum      float64
	squares  float64
}

const histogramLimit = time.Hour

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{h: hdrhistogram.New(1, int64(histogramLimit), 3)}
}

// Record adds one duration; below zero counts as zero and above an hour as an hour in the quantiles, while
// Min, Max and Mean keep the true value. It does not allocate.
func (h *Histogram) Record(d time.Duration) {
	if h.h.TotalCount() == 0 {
		h.min, h.max = d, d
	}
	h.min, h.max = min(h.min, d), max(h.max, d)
	h.sum += float64(d)
	h.squares += float64(d) * float64(d)
	_ = h.h.RecordValue(int64(min(max(d, 0), histogramLimit))) // in range, so it cannot fail
}

// Merge adds all of other.
func (h *Histogram) Merge(other *Histogram) {
	if other.Count() == 0 {
		return
	}
	if h.Count() == 0 {
		h.min, h.max = other.min, other.max
	}
	h.min, h.max = min(h.min, other.min), max(h.max, other.max)
	h.sum += other.sum
	h.squares += other.squares
	h.h.Merge(other.h)
}

// Count is the number of durations recorded.
func (h *Histogram) Count() uint64 { return uint64(h.h.TotalCount()) }

// Min is the smallest duration recorded, exactly; 0 for none.
func (h *Histogram) Min() time.Duration { return h.min }

// Max is the largest duration recorded, exactly; 0 for none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is the arithmetic mean; 0 for none.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.Count()))
}

// StdDev is the population's standard deviation; 0 for none.
func (h *Histogram) StdDev() time.Duration {
	n := float64(h.Count())
	if n == 0 {
		return 0
	}
	mean := h.sum / n
	return time.Duration(math.Sqrt(max(h.squares/n-mean*mean, 0)))
}

// Quantile returns the duration that a share q of all durations, 0 to 1, does not exceed, within
// 0.1 % and never outside Min and Max.
func (h *Histogram) Quantile(q float64) time.Duration {
	return min(max(time.Duration(h.h.ValueAtQuantile(q*100)), h.min), h.max)
}

// Bucket is a range of durations, both ends inclusive, and how many fell in it.
type Bucket struct {
	From, To time.Duration
	Count    uint64
}

// Buckets yields the ranges that are not empty, in order.
func (h *Histogram) Buckets() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for _, b := range h.h.Distribution() {
			if b.Count > 0 && !yield(Bucket{time.Duration(b.From), time.Duration(b.To), uint64(b.Count)}) {
				return
			}
		}
	}
}

// Jitter is the interarrival jitter of RFC 3550 section 6.4.1 and appendix A.8. The zero value is ready.
type Jitter struct {
	transit time.Duration
	j       float64
	started bool
}

// Add takes the next arrival's transit time, receive stamp less send stamp. The offset between the two clocks
// does not matter.
func (j *Jitter) Add(transit time.Duration) {
	if j.started {
		j.j += (math.Abs(float64(transit-j.transit)) - j.j) / 16
	}
	j.transit, j.started = transit, true
}

// Value is the jitter now.
func (j *Jitter) Value() time.Duration { return time.Duration(j.j) }

// OneWay gathers one-way delays between clocks that may be offset and may run at different speeds. The
// zero value is ready. Memory is bounded at about 1.5 MiB; once that is filled, recording allocates nothing.
//
// The skew is found as by Moon, Skelly and Towsley (INFOCOM 1999): the line that lies under all delays, as
// close to them as can be. It uses every sample; the quantiles use an even selection of at most 65,536.
type OneWay struct {
	count   uint64
	samples []sample
	every   uint64 // one sample in so many is kept

	slices []extremes // of each slice of time
	start  time.Duration
	length time.Duration // of a slice
}

// extremes are the lowest and the highest delay of a slice of time; count 0 for none.
type extremes struct {
	low, high sample
	count     int
}

func (e *extremes) merge(other extremes) {
	if e.count == 0 {
		*e = other
		return
	}
	if other.count == 0 {
		return
	}
	if other.low.delay < e.low.delay {
		e.low = other.low
	}
	if other.high.delay > e.high.delay {
		e.high = other.high
	}
	e.count += other.count
}

type sample struct{ at, delay time.Duration }

const (
	maxSamples = 1 << 16
	maxSlices  = 1 << 10
	firstSlice = time.Millisecond
)

// Add records a delay, receive stamp less send stamp, at a time on the sender's clock since any fixed
// moment. Times need not come in order.
func (o *OneWay) Add(at, delay time.Duration) {
	if o.count == 0 {
		o.start, o.length, o.every = at, firstSlice, 1
		o.samples = make([]sample, 0, maxSamples)
		o.slices = make([]extremes, 0, maxSlices)
	}
	s := sample{at, delay}
	if o.count%o.every == 0 {
		if len(o.samples) == maxSamples {
			for i := range maxSamples / 2 {
				o.samples[i] = o.samples[2*i]
			}
			o.samples = o.samples[:maxSamples/2]
			o.every *= 2
		}
		o.samples = append(o.samples, s)
	}
	o.count++
	o.extremes(s)
}

func (o *OneWay) extremes(s sample) {
	i := max(int64((s.at-o.start)/o.length), 0)
	for i >= maxSlices { // twice as long, half as many
		n := len(o.slices)
		for k := range (n + 1) / 2 {
			pair := o.slices[2*k]
			if 2*k+1 < n {
				pair.merge(o.slices[2*k+1])
			}
			o.slices[k] = pair
		}
		o.slices = o.slices[:(n+1)/2]
		o.length *= 2
		i = max(int64((s.at-o.start)/o.length), 0)
	}
	for int64(len(o.slices)) <= i {
		o.slices = append(o.slices, extremes{})
	}
	o.slices[i].merge(extremes{s, s, 1})
}

// Variation is what OneWay found.
type Variation struct {
	Count uint64
	// MinDelay is the lowest delay as stamped. It is a true one-way delay only between synchronised clocks.
	MinDelay time.Duration
	// Skew is how much faster the receiver's clock runs than the sender's: 1e-6 is one part per million.
	Skew float64
	// Quantiles of the delay above the line, so of queueing and jitter, free of offset and skew.
	P50, P90, P99, P999, Max time.Duration
}

// Variation returns what the delays say so far; removeSkew false keeps the clocks as one, as they are on one
// host. It allocates.
func (o *OneWay) Variation(removeSkew bool) Variation {
	v := Variation{Count: o.count}
	if o.count == 0 {
		return v
	}
	lows := make([]sample, 0, len(o.slices))
	for _, e := range o.slices {
		if e.count > 0 {
			lows = append(lows, e.low)
		}
	}
	lowest := slices.MinFunc(lows, func(a, b sample) int { return cmp.Compare(a.delay, b.delay) })
	v.MinDelay = lowest.delay
	base := lowest
	if removeSkew {
		base, v.Skew = lowerLine(lows)
	}
	above := func(s sample) time.Duration {
		line := base.delay + time.Duration(v.Skew*float64(s.at-base.at))
		return max(s.delay-line, 0)
	}
	rest := make([]time.Duration, len(o.samples))
	for i, s := range o.samples {
		rest[i] = above(s)
	}
	slices.Sort(rest)
	at := func(q float64) time.Duration {
		return rest[max(int(math.Ceil(q*float64(len(rest))))-1, 0)]
	}
	v.P50, v.P90, v.P99, v.P999 = at(0.5), at(0.9), at(0.99), at(0.999)
	for _, e := range o.slices {
		if e.count > 0 {
			v.Max = max(v.Max, above(e.high))
		}
	}
	return v
}

// lowerLine returns a point and the slope of the line under all points that is closest to them in sum: the
// edge of their lower convex hull above or below their mean time. Points are in order of time. One point gives slope 0.
func lowerLine(points []sample) (sample, float64) {
	var hull []sample
	var mean float64
	for _, p := range points {
		mean += float64(p.at) / float64(len(points))
		for len(hull) > 1 && slope(hull[len(hull)-2], hull[len(hull)-1]) >= slope(hull[len(hull)-2], p) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, p)
	}
	for i := 1; i < len(hull); i++ {
		if float64(hull[i].at) >= mean || i == len(hull)-1 {
			return hull[i-1], slope(hull[i-1], hull[i])
		}
	}
	return hull[0], 0
}

// slope needs points at different times, as those of different slices are.
func slope(a, b sample) float64 { return float64(b.delay-a.delay) / float64(b.at-a.at) }
