package runs

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Fisher's exact test gives what its author and the books have: the lady's tea is 0.4857.
func TestFisher(t *testing.T) {
	for _, c := range []struct {
		lostA, sentA, lostB, sentB uint64
		want                       float64
	}{{3, 4, 1, 4, 0.485714}, {1, 12, 9, 12, 0.0027594}, {0, 10, 0, 10, 1}, {5, 5, 0, 5, 0.0079365}, {2, 2, 2, 2, 1}} {
		if got := fisher(c.lostA, c.sentA, c.lostB, c.sentB); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("%d of %d and %d of %d: %v, want %v", c.lostA, c.sentA, c.lostB, c.sentB, got, c.want)
		}
	}
}

// runOf is a run with these round trips, in milliseconds.
func runOf(name string, trips []float64) *Run {
	r := &Run{Name: name, Of: "echo"}
	for i, ms := range trips {
		r.Answered(Probe{At: time.Unix(int64(i), 0), Number: uint64(i + 1), RTT: time.Duration(ms * 1e6)})
	}
	return r
}

// The rank sum test gives what counting all pairs, and all that are equal, gives.
func TestMannWhitney(t *testing.T) {
	a, b := runOf("a", []float64{1, 2, 3, 3, 4, 5}), runOf("b", []float64{4, 5, 6, 7, 8, 8, 9, 3})
	x, y := a.samples(), b.samples()
	u, ties := 0.0, 0.0
	var all []float64
	for _, p := range x {
		all = append(all, p.value)
		for _, q := range y {
			switch {
			case p.value > q.value:
				u++
			case p.value == q.value:
				u += 0.5
			}
		}
	}
	for _, q := range y {
		all = append(all, q.value)
	}
	for i, v := range all {
		same, first := 0.0, true
		for j, w := range all {
			if v == w {
				same++
				first = first && j >= i
			}
		}
		if first {
			ties += same*same*same - same
		}
	}
	n, m := 6.0, 8.0
	z := (math.Abs(u-n*m/2) - 0.5) / math.Sqrt(n*m/12*(n+m+1-ties/((n+m)*(n+m-1))))
	want := math.Erfc(z / math.Sqrt2)
	if got := mannWhitney(x, y); math.Abs(got-want) > 1e-12 || got > 0.05 {
		t.Errorf("p = %v, want %v", got, want)
	}
}

// Two runs that are the same are called different as often as the test says, and two that differ are called so.
func TestCompareIsRightAsOftenAsItSays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	draw := func(n int, shift float64) []float64 {
		all := make([]float64, n)
		for i := range all {
			all[i] = 1 + random.ExpFloat64() + shift
		}
		return all
	}
	const trials = 1000
	wrong, outside := 0, 0
	for range trials {
		c := Compare(runOf("a", draw(60, 0)), runOf("b", draw(80, 0)))
		if c.TripsP < 0.05 {
			wrong++
		}
		if c.Low > 0 || c.High < 0 {
			outside++
		}
	}
	// 5 of 100; 4 deviations are 28 of 1,000
	if wrong > 78 || wrong < 22 || outside > 90 {
		t.Errorf("of %d equal pairs %d differ at 0.05, %d differences of medians are not 0 with 95 %%", trials, wrong, outside)
	}
	c := Compare(runOf("now", draw(200, 1)), runOf("before", draw(200, 0)))
	text := strings.Join(c.Sentences(), "\n")
	if c.TripsP > 1e-6 || c.Low < 0.5e-3 || c.High > 1.5e-3 || !strings.Contains(text, "longer (95 % confidence") || !strings.Contains(text, "differ by more than noise") {
		t.Errorf("a millisecond more: %+v\n%s", c, text)
	}
	if text := strings.Join(Compare(runOf("a", draw(3, 0)), runOf("b", draw(90, 0))).Sentences(), "\n"); !strings.Contains(text, "too few") {
		t.Errorf("three round trips: %s", text)
	}
}

// However long a run is, what is kept is bounded, and counts are of all.
func TestRunIsBounded(t *testing.T) {
	r := &Run{Name: "long", Of: "echo"}
	const n = 200_000
	for i := range n {
		p := Probe{At: time.Unix(0, int64(i)), Number: uint64(i), RTT: time.Duration(i)}
		if i%4 == 0 {
			p.Cause = "unanswered"
			r.Lost(p)
		} else {
			r.Answered(p)
		}
	}
	if len(r.trips.list) > MaxPoints || len(r.losses.list) > MaxPoints || len(r.trips.list) < MaxPoints/2 {
		t.Errorf("%d and %d are kept", len(r.trips.list), len(r.losses.list))
	}
	for i := range r.trips.list[1:] {
		if r.trips.list[i].Number >= r.trips.list[i+1].Number {
			t.Fatal("they are not in order")
		}
	}
	if r.Sent != n || r.LostCount() != n/4 {
		t.Errorf("%d sent, %d lost", r.Sent, r.LostCount())
	}
	if got := quantile(r.samples(), .5) * 1e9; math.Abs(got-n/2) > n/100 {
		t.Errorf("the median is %v", got)
	}
}

// What was lost, and came after all, is not lost.
func TestFound(t *testing.T) {
	r := &Run{}
	r.Lost(Probe{Number: 1, Cause: "unanswered"})
	r.Lost(Probe{Number: 2, Cause: "unanswered"})
	r.Found(1, "")
	r.Answered(Probe{Number: 1, RTT: time.Second})
	if r.Sent != 2 || r.LostCount() != 1 || len(r.losses.list) != 1 || len(r.trips.list) != 1 {
		t.Errorf("%+v", r)
	}
}

// Pieces of time that become one keep the delays of both.
func TestCountKeepsDelays(t *testing.T) {
	var r Run
	for i := range maxRates + 1 {
		x := Rate{At: time.Duration(i+1) * time.Second, Length: time.Second, Counts: map[string]float64{}}
		if i%4 != 3 {
			x.Delays = map[string]time.Duration{"up": time.Duration(i%4+1) * time.Millisecond}
		}
		r.Count(x)
	}
	c := r.overDelays(0)
	if len(c.Series) != 1 || len(c.Series[0].Points) != maxRates/2+1 {
		t.Fatalf("%d series of delays", len(c.Series))
	}
	if a, b := c.Series[0].Points[0], c.Series[0].Points[1]; a.X != 2 || a.Y != 0.0015 || b.X != 4 || b.Y != 0.003 {
		t.Errorf("two pieces became %+v and %+v", a, b)
	}
}
