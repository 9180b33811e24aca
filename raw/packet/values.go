package packet

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// scalar is the value of a field as an unsigned number of up to 128 bits, which holds an IPv6 address.
type scalar struct{ hi, lo uint64 }

func number(v uint64) scalar { return scalar{0, v} }

func (s scalar) add(n uint64) scalar {
	lo, carry := bits.Add64(s.lo, n, 0)
	return scalar{s.hi + carry, lo}
}

func (s scalar) sub(o scalar) scalar {
	lo, borrow := bits.Sub64(s.lo, o.lo, 0)
	hi, _ := bits.Sub64(s.hi, o.hi, borrow)
	return scalar{hi, lo}
}

func (s scalar) less(o scalar) bool { return s.hi < o.hi || s.hi == o.hi && s.lo < o.lo }

// withoutLow returns s with its lowest n bits, at most 64, zero.
func (s scalar) withoutLow(n int) scalar { return s.sub(s.lowBits(n)) }

// lowBits returns s cut to its lowest n bits.
func (s scalar) lowBits(n int) scalar {
	switch {
	case n >= 128:
		return s
	case n >= 64:
		return scalar{s.hi & (1<<(n-64) - 1), s.lo}
	}
	return scalar{0, s.lo & (1<<n - 1)}
}

// span is a run of values first, first+step, … of which there are count. from of the field's values come before it.
type span struct {
	first scalar
	step  uint64
	count uint64
	from  uint64
}

// How the values of a field go on from packet to packet.
type progress uint8

const (
	finite    progress = iota // spans, over and over
	random                    // anew for each packet, from the seed
	sequence                  // first, first+step, …, wrapping at the field's width
	perRun                    // one random value, from the seed
	automatic                 // "auto": computed
)

// values are what one field is to hold in packet 0, 1, 2 and so on: a pure function of the packet's number, the
// seed and the field's place, so that any packet can be built again.
type values struct {
	progress progress
	spans    []span // finite; random: one span to choose from, count 0 for the whole width
	count    uint64 // finite: how many in all
	width    int    // bits
	group    string // fields of one group go in step; "" goes through all combinations with the others
	dim      int    // index of the dimension that this field follows
	subnet   bool   // they are the addresses of a prefix, or go through all of one
	place    uint64 // tells the fields of a template apart, for random values
}

// cover reports whether the values go through all the hosts of some prefix that leaves the given number of bits free:
// every address of it but the first and the last, which name the network and all of it. Of what is counted in steps of
// more than 1 only the first is looked at.
func (v *values) cover(free int) bool {
	return v.coverFrom(free, func(first scalar) scalar { return first.add(1<<free - 1).withoutLow(free) })
}

// coverFrom is cover for the prefixes that start at where block puts the address before a run of values.
func (v *values) coverFrom(free int, block func(before scalar) scalar) bool {
	for _, r := range v.runs() {
		before := r.first
		if before != (scalar{}) {
			before = before.sub(number(1))
		}
		if start := block(before); !start.less(before) && !r.last.less(start.add(1<<free-2)) {
			return true
		}
	}
	return false
}

// run is all the values from first to last.
type run struct{ first, last scalar }

// runs returns the values in ascending order, those next to each other joined.
func (v *values) runs() []run {
	var list []run
	for _, s := range v.spans {
		r := run{s.first, s.first}
		if s.step == 1 && s.count > 0 {
			r.last = s.first.add(s.count - 1)
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b run) int {
		return cmp.Or(cmp.Compare(a.first.hi, b.first.hi), cmp.Compare(a.first.lo, b.first.lo))
	})
	n := 0
	for _, r := range list {
		if n > 0 && !list[n-1].last.add(1).less(r.first) {
			if list[n-1].last.less(r.last) {
				list[n-1].last = r.last
			}
			continue
		}
		list[n] = r
		n++
	}
	return list[:n]
}

// isConstant reports whether all packets get the same value.
func (v *values) isConstant() bool { return v.progress == finite && v.count == 1 }

func (v *values) addSpan(s span) {
	s.from = v.count
	v.spans = append(v.spans, s)
	v.count = saturatingAdd(v.count, s.count)
}

// at returns the value for packet n, the field's own dimension being at index i.
func (v *values) at(n, i, seed uint64) scalar {
	switch v.progress {
	case random:
		return v.choose(mix(seed, v.place, n))
	case perRun:
		return v.choose(mix(seed, v.place, math.MaxUint64))
	case sequence:
		s := v.spans[0]
		return s.first.add(n * s.step).lowBits(v.width)
	}
	if i >= v.count {
		i %= v.count
	}
	low, high := 0, len(v.spans)
	for high-low > 1 {
		if middle := (low + high) / 2; v.spans[middle].from <= i {
			low = middle
		} else {
			high = middle
		}
	}
	s := &v.spans[low]
	return s.first.add((i - s.from) * s.step)
}

// choose returns a value of the span to choose from by the random number r.
func (v *values) choose(r uint64) scalar {
	all := scalar{mix(r, 1, 0), r}.lowBits(v.width)
	if len(v.spans) == 0 {
		return all
	}
	s := v.spans[0]
	if s.count == 0 { // a prefix with more than 2^64 addresses: step holds how many bits are free
		free := all.lowBits(int(s.step))
		return scalar{s.first.hi | free.hi, s.first.lo | free.lo}
	}
	return s.first.add(r % s.count)
}

func saturatingAdd(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return s
}

func saturatingMul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return math.MaxUint64
	}
	return lo
}

// mix hashes three numbers into one that looks random (the finalizer of SplitMix64, once for each).
func mix(a, b, c uint64) uint64 {
	h := splitmix(a + 0x9e3779b97f4a7c15)
	h = splitmix(h ^ b + 0x9e3779b97f4a7c15)
	return splitmix(h ^ c + 0x9e3779b97f4a7c15)
}

func splitmix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
