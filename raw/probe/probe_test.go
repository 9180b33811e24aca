package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestTally(t *testing.T) {
	var a Tally
	a.Sent = 6
	a.End(Answered, NoCause)
	a.End(Late, NoCause)
	a.End(Lost, LocalQueue)
	a.End(Lost, Unanswered)
	a.End(Refused, NetworkError)
	if a.Received() != 2 || a.Ended() != 5 || a.Loss() != 0.6 || a.Count(Lost) != 2 || a.CausedBy(LocalQueue) != 1 {
		t.Errorf("%+v", a)
	}
	var b Tally
	b.Add(&a)
	b.Add(&a)
	if b.Ended() != 10 || b.Sent != 12 || (&Tally{}).Loss() != 0 {
		t.Errorf("%+v", b)
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for o := range outcomes {
		seen[o.String()] = true
	}
	for c := range causes {
		seen[c.String()] = true
	}
	if len(seen) != int(outcomes)+int(causes) || seen[""] {
		t.Errorf("names are not all different: %v", seen)
	}
}

// TestRuns adds ends in every order of a shuffle and expects the same runs.
func TestRuns(t *testing.T) {
	lost := []bool{true, false, true, true, true, false, false, true, true, false}
	for seed := range uint64(50) {
		order := rand.New(rand.NewPCG(seed, 1)).Perm(len(lost))
		var r Runs
		for _, i := range order {
			r.Add(i+1, lost[i])
			r.Add(i+1, !lost[i]) // a second end of the same probe changes nothing
		}
		if r.Count != 3 || r.Longest != 3 || r.Lost != 6 || len(r.early) != 0 {
			t.Fatalf("order %v: %+v", order, r)
		}
	}
}

// TestRunsTakenBack takes losses back one by one, in every order of a shuffle, and compares with runs that never had them.
func TestRunsTakenBack(t *testing.T) {
	const n = 60
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		lost := make([]bool, n)
		var r Runs
		for i := range lost {
			lost[i] = rng.IntN(3) > 0
			r.Add(i+1, lost[i])
		}
		r.Add(n+2, true) // after a gap
		r.TakeBack(n + 2)
		for _, i := range rng.Perm(n) {
			if !lost[i] {
				continue
			}
			lost[i] = false
			r.TakeBack(i + 1)
			r.TakeBack(i + 1)
			var want Runs
			for k := range lost {
				want.Add(k+1, lost[k])
			}
			if r.Count != want.Count || r.Longest != want.Longest || r.Lost != want.Lost {
				t.Fatalf("seed %d, %v: %+v, want %+v", seed, lost, r, want)
			}
		}
		if r.Add(n+1, false); r.Lost != 0 {
			t.Fatalf("the loss behind the gap was not taken back: %+v", r)
		}
	}
	// What is no longer kept counts on.
	var r Runs
	for seq := range 4 * runsKept {
		r.Add(seq+1, seq%2 == 0 || seq < 9)
	}
	if r.Longest != 9 || len(r.kept) > runsKept || r.Count != 2*runsKept-4 {
		t.Errorf("%d runs, the longest of %d, %d kept", r.Count, r.Longest, len(r.kept))
	}
	if r.TakeBack(3); r.Longest != 9 {
		t.Errorf("%+v", r.Longest)
	}
}

func TestStatsAgainstPlainArithmetic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, compact := range []bool{false, true} {
		s := Stats{Compact: compact}
		var values []float64
		var ipdv, jitter float64
		for i := range 10000 {
			v := time.Duration(math.Exp(rng.Float64()*20)) * time.Nanosecond
			if i > 0 {
				d := math.Abs(float64(v) - values[i-1])
				ipdv += d
				jitter += (d - jitter) / 16
			}
			values = append(values, float64(v))
			s.Add(v)
		}
		var sum, square float64
		for _, v := range values {
			sum += v
		}
		mean := sum / float64(len(values))
		for _, v := range values {
			square += (v - mean) * (v - mean)
		}
		near := func(what string, got time.Duration, want, within float64) {
			t.Helper()
			if math.Abs(float64(got)-want) > want*within+1 {
				t.Errorf("compact %v: %s is %v, want %v", compact, what, got, time.Duration(want))
			}
		}
		near("mean", s.Mean(), mean, 1e-9)
		near("standard deviation", s.StdDev(), math.Sqrt(square/float64(len(values))), 1e-9)
		near("jitter", s.Jitter(), jitter, 1e-9)
		near("IPDV", s.IPDV(), ipdv/float64(len(values)-1), 1e-9)
		slices.Sort(values)
		within := 0.001
		if compact {
			within = 1. / 16
		}
		for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
			near(fmt.Sprintf("quantile %v", q), s.Quantile(q), values[max(int(math.Ceil(q*float64(len(values))))-1, 0)], within)
		}
		near("min", s.Min(), values[0], 0)
		near("max", s.Max(), values[len(values)-1], 0)
		var n int64
		last := s.Min()
		for _, b := range s.Buckets(12) {
			if b.Low != last || b.High < b.Low {
				t.Errorf("compact %v: bucket %v to %v does not follow %v", compact, b.Low, b.High, last)
			}
			last = b.High
			n += b.Count
		}
		if n != s.Count() || last != s.Max()+1 {
			t.Errorf("compact %v: buckets hold %d of %d values up to %v", compact, n, s.Count(), last)
		}
	}
}

func TestStatsEdges(t *testing.T) {
	for _, compact := range []bool{false, true} {
		s := Stats{Compact: compact}
		if s.Quantile(0.5) != 0 || s.StdDev() != 0 || s.IPDV() != 0 || s.Buckets(3) != nil {
			t.Error("empty")
		}
		s.Add(-5)
		s.Add(24 * time.Hour)
		if s.Min() != 0 || s.Max() != 24*time.Hour || s.Quantile(0) != 0 {
			t.Errorf("%v %v %v", s.Min(), s.Max(), s.Quantile(0))
		}
		if n := testing.AllocsPerRun(100, func() { s.Add(time.Millisecond) }); n != 0 {
			t.Errorf("compact %v: %v allocations per value", compact, n)
		}
	}
}

func TestSchedule(t *testing.T) {
	const ms = time.Millisecond
	s := Schedule{Interval: 10 * ms, Burst: 3}
	step := func(now time.Duration, want int) {
		t.Helper()
		got := s.Due(now)
		if got != want {
			t.Errorf("at %v %d turns are due, want %d", now, got, want)
		}
		s.Take(got)
	}
	step(5*ms, 1)
	step(6*ms, 0)
	step(15*ms, 1)
	step(38*ms, 2) // 25, 35: behind, caught up
	if s.Slipped() != 0 || s.Next() != 45*ms {
		t.Errorf("slipped %v, next %v", s.Slipped(), s.Next())
	}
	step(100*ms, 3) // six were due: three of them move
	if s.Slipped() != 30*ms || s.Next() != 105*ms {
		t.Errorf("slipped %v, next %v", s.Slipped(), s.Next())
	}
	s.Rest(200 * ms)
	step(200*ms, 1)
	step(205*ms, 0)
	if s.Slipped() != 30*ms {
		t.Errorf("resting counts as falling behind: %v", s.Slipped())
	}
	flood := Schedule{Burst: 64}
	for range 2 {
		if flood.Due(0) != 64 {
			t.Error("without an interval a full burst is always due")
		}
	}
}

func TestPace(t *testing.T) {
	var p Pace
	for i := range 101 {
		p.Sent(time.Duration(i) * 10 * time.Millisecond)
	}
	if p.Rate() != 100 || p.Gaps.Min() != 10*time.Millisecond || p.Gaps.Max() != 10*time.Millisecond {
		t.Errorf("rate %v, gaps %v to %v", p.Rate(), p.Gaps.Min(), p.Gaps.Max())
	}
	if (&Pace{}).Rate() != 0 {
		t.Error("rate of nothing")
	}
}

func TestWaiter(t *testing.T) {
	w := NewWaiter()
	for _, d := range []time.Duration{200 * time.Microsecond, 3 * time.Millisecond} {
		at := w.Now() + d
		if err := w.Until(context.Background(), at, nil); err != nil || w.Now() < at {
			t.Errorf("waiting %v ended at %v of %v: %v", d, w.Now(), at, err)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	cancel(why)
	if err := w.Until(ctx, w.Now()+time.Hour, nil); err != why {
		t.Errorf("cancelled: %v", err)
	}
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	if err := w.Until(context.Background(), w.Now()+time.Hour, wake); err != nil {
		t.Errorf("woken: %v", err)
	}
}

// TestWaiterLongWaits runs on a clock of its own, so that an hour takes no time.
func TestWaiterLongWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWaiter()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if err := w.Until(ctx, 2*time.Hour, nil); !errors.Is(err, context.DeadlineExceeded) || w.Now() != time.Hour {
			t.Errorf("ended at %v: %v", w.Now(), err)
		}
	})
}

func TestFloor(t *testing.T) {
	if f := Floor(); f <= 0 || f > 10*time.Millisecond {
		t.Errorf("reading the clock takes %v", f)
	}
}

func ExampleStats() {
	var s Stats
	for _, rtt := range []time.Duration{10, 12, 11, 40} {
		s.Add(rtt * time.Millisecond)
	}
	fmt.Println(s.Min(), s.Mean().Round(time.Millisecond), s.Max())
	// Output: 10ms 18ms 40ms
}
