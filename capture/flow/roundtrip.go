package flow

import (
	"math/bits"
	"slices"
	"time"
)

// RoundTrips are the times from a segment to its acknowledgement, both as seen at the place of the capture: the way
// from there to the receiver and back. Those of the two directions add up to the round trip between the ends. Samples
// of segments that were sent again are taken only where timestamps tell which sending was acknowledged (RFC 7323;
// Karn's rule, RFC 6298 section 3).
type RoundTrips struct {
	Count    uint64
	Min, Max time.Duration
	Sum      time.Duration
	few      [fewTrips]uint16    // the buckets of the samples, as long as there are no more
	buckets  *[numBuckets]uint32 // with more
}

// fewTrips is how many samples are kept one by one: most directions of streams never have more, and a table of buckets
// for each would be most of the memory of a stream, and cold.
const fewTrips = 28

// Buckets are an eighth of a power of two wide, so a percentile is at most 7 % off.
const (
	bucketBits = 3
	numBuckets = (40 - bucketBits + 1) << bucketBits
)

// Mean returns the mean, 0 without samples.
func (r *RoundTrips) Mean() time.Duration {
	if r.Count == 0 {
		return 0
	}
	return r.Sum / time.Duration(r.Count)
}

// Percentile returns the time below which p percent of the samples are, to within 7 %, 0 without samples.
func (r *RoundTrips) Percentile(p float64) time.Duration {
	if r.Count == 0 {
		return 0
	}
	if r.Count == 1 || p <= 0 {
		return r.Min
	}
	want, seen := uint64(p/100*float64(r.Count)+0.999999), uint64(0)
	if r.buckets == nil {
		few := r.few
		list := few[:r.Count]
		slices.Sort(list)
		if want > r.Count {
			return r.Max
		}
		return min(max(bucketMiddle(int(list[max(want, 1)-1])), r.Min), r.Max)
	}
	for i, n := range r.buckets {
		if seen += uint64(n); seen >= want && n > 0 {
			return min(max(bucketMiddle(i), r.Min), r.Max)
		}
	}
	return r.Max
}

// Merge adds the samples of o.
func (r *RoundTrips) Merge(o *RoundTrips) {
	if o.Count == 0 {
		return
	}
	if r.Count == 0 {
		*r = *o
		if o.buckets != nil {
			b := *o.buckets
			r.buckets = &b
		}
		return
	}
	if o.buckets != nil {
		r.open()
		for i, n := range o.buckets {
			r.buckets[i] += n
		}
		r.Count += o.Count
	} else {
		for _, at := range o.few[:o.Count] {
			r.put(int(at))
		}
	}
	r.Sum += o.Sum
	r.Min, r.Max = min(r.Min, o.Min), max(r.Max, o.Max)
}

// put counts a sample, by its bucket.
func (r *RoundTrips) put(bucket int) {
	if r.buckets == nil && r.Count < fewTrips {
		r.few[r.Count] = uint16(bucket)
	} else {
		r.open()
		r.buckets[bucket]++
	}
	r.Count++
}

// open makes the table of buckets, and puts in what was there before: all of few, or as many as Count.
func (r *RoundTrips) open() {
	if r.buckets != nil {
		return
	}
	r.buckets = new([numBuckets]uint32)
	for _, at := range r.few[:min(r.Count, fewTrips)] {
		r.buckets[at]++
	}
}

func (r *RoundTrips) addTick(t uint32) { r.add(time.Duration(t) * tick) }

func (r *RoundTrips) add(d time.Duration) {
	r.put(bucketOf(d))
	if r.Count == 1 {
		r.Min, r.Max, r.Sum = d, d, d
		return
	}
	r.Sum += d
	r.Min, r.Max = min(r.Min, d), max(r.Max, d)
}

// bucketOf counts in units of 128 ns.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0)) >> 7
	if v < 1<<bucketBits {
		return int(v)
	}
	e := bits.Len64(v) - bucketBits - 1
	return min((e+1)<<bucketBits+int(v>>e)-1<<bucketBits, numBuckets-1)
}

func bucketMiddle(i int) time.Duration {
	if i < 1<<bucketBits {
		return time.Duration(i<<7 + 64)
	}
	e := i>>bucketBits - 1
	low := uint64(1<<bucketBits+i&(1<<bucketBits-1)) << e
	return time.Duration(low<<7 + 1<<e<<6)
}

// tick is the unit in which short times are kept.
const tick = 100 * time.Nanosecond

// ticks turns nanoseconds into ticks, at least 1.
func ticks(ns int64) uint32 { return uint32(min(max(ns/int64(tick), 1), 1<<32-1)) }

// durationOf is the time between two moments, 0 where one is not known.
func durationOf(ns int64) time.Duration {
	if ns < 0 || ns > 1<<60 {
		return 0
	}
	return time.Duration(ns)
}

// clock turns nanoseconds since 1970 into a time, 0 into the zero Time.
func clock(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
