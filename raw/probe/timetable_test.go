package probe

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestTimetable(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		timing  Timing
		sizes   []int
		follows int // the place of one that leaves with the one before
		want    []time.Duration
	}{
		{Timing{}, []int{1, 1, 1}, -1, []time.Duration{0, 0, 0}},
		{Timing{Packets: 100}, []int{1, 1, 1}, -1, []time.Duration{0, 10 * ms, 20 * ms}},
		{Timing{Packets: 100}, []int{1, 1, 1}, 1, []time.Duration{0, 10 * ms, 10 * ms}},
		{Timing{Bits: 8000}, []int{100, 50, 200}, -1, []time.Duration{0, 100 * ms, 150 * ms}},
		{Timing{Bits: 8000}, []int{100, 50, 200}, 1, []time.Duration{0, 100 * ms, 150 * ms}},
		{Timing{Packets: 100, Burst: 3}, []int{1, 1, 1, 1}, -1, []time.Duration{0, 0, 0, 30 * ms}},
		{Timing{Packets: 3}, []int{1, 1, 1, 1}, -1, []time.Duration{0, 333333333, 666666667, time.Second}},
	} {
		table := NewTimetable(test.timing)
		var got []time.Duration
		for i, size := range test.sizes {
			got = append(got, table.Due())
			if i == test.follows {
				table.Follow(size)
			} else {
				table.Take(size)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.timing, got, test.want)
		}
	}
}

// TestTimetableOfChance: the mean is the rate, gaps are exponential, and equal seeds have equal timetables.
func TestTimetableOfChance(t *testing.T) {
	timing := Timing{Packets: 1000, Poisson: true, Seed: 5}
	one, two := NewTimetable(timing), NewTimetable(timing)
	const n = 100000
	var last, squares float64
	for range n {
		one.Take(60)
		two.Take(60)
		if one.Due() != two.Due() {
			t.Fatal("two timetables of one seed differ")
		}
		at := float64(one.Due())
		squares += (at - last) * (at - last)
		last = at
	}
	mean := last / n
	if deviation := math.Sqrt(squares/n - mean*mean); math.Abs(mean-1e6) > 2e4 || math.Abs(deviation-1e6) > 2e4 {
		t.Errorf("mean %.0f ns, deviation %.0f ns, want 1000000 both", mean, deviation)
	}
	if allocs := testing.AllocsPerRun(100, func() { one.Take(60); one.Due() }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestTimingRefusesContradictions(t *testing.T) {
	for _, timing := range []Timing{
		{Packets: -1}, {Packets: math.NaN()}, {Packets: 1e10}, {Bits: 1e13}, {Packets: 1, Bits: 1}, {Burst: 2}, {Poisson: true},
		{Packets: 1, Poisson: true, Burst: 2}, {Packets: 1, Burst: -1}, {Packets: 1, Burst: 1<<20 + 1},
	} {
		if timing.Validate() == nil {
			t.Errorf("%+v is taken", timing)
		}
	}
	for _, timing := range []Timing{{}, {Burst: 1}, {Packets: 1, Burst: 1 << 20}, {Bits: 5, Poisson: true}} {
		if err := timing.Validate(); err != nil {
			t.Errorf("%+v: %v", timing, err)
		}
	}
}
