package flow

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestRoundTrips: percentiles are the same however the samples came together: one by one or merged, few or many.
func TestRoundTrips(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 15))
	for range 200 {
		n := 1 + rng.IntN(4*fewTrips)
		var all, merged RoundTrips
		var part RoundTrips
		var table [numBuckets]uint32
		for range n {
			d := time.Duration(1 + rng.ExpFloat64()*float64(time.Millisecond))
			all.add(d)
			part.add(d)
			table[bucketOf(d)]++
			if rng.IntN(10) == 0 {
				merged.Merge(&part)
				part = RoundTrips{}
			}
		}
		merged.Merge(&part)
		for _, p := range []float64{0, 1, 10, 50, 90, 99, 100} {
			want, seen := uint64(p/100*float64(n)+0.999999), uint64(0)
			expect := all.Min
			for i, k := range table {
				if seen += uint64(k); p > 0 && n > 1 && seen >= want && k > 0 {
					expect = min(max(bucketMiddle(i), all.Min), all.Max)
					break
				}
			}
			if a, b := all.Percentile(p), merged.Percentile(p); a != expect || b != expect {
				t.Fatalf("%v%% of %d: %v, merged %v, want %v", p, n, a, b, expect)
			}
		}
		if all.Count != uint64(n) || merged.Count != all.Count || merged.Sum != all.Sum || merged.Min != all.Min || merged.Max != all.Max {
			t.Fatalf("%+v, merged %+v", all, merged)
		}
	}
}
