package ledger

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h, half := NewHistogram(), NewHistogram()
	var all []time.Duration
	for range 20000 {
		d := time.Duration(math.Exp(r.NormFloat64()*2) * 1e5)
		all = append(all, d)
		if len(all)%2 == 0 {
			h.Record(d)
		} else {
			half.Record(d)
		}
	}
	h.Merge(half)
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[int(math.Ceil(q*float64(len(all))))-1]
		if got := h.Quantile(q); math.Abs(float64(got-want)) > 0.0011*float64(want) {
			t.Errorf("quantile %v is %v, want %v within 0.1 %%", q, got, want)
		}
	}
	if h.Min() != all[0] || h.Max() != all[len(all)-1] || h.Count() != 20000 {
		t.Errorf("min %v max %v count %d, want %v %v 20000", h.Min(), h.Max(), h.Count(), all[0], all[len(all)-1])
	}
	var n uint64
	last := time.Duration(-1)
	for b := range h.Buckets() {
		if b.From <= last || b.To < b.From {
			t.Fatalf("bucket %v..%v after %v", b.From, b.To, last)
		}
		last, n = b.To, n+b.Count
	}
	if n != 20000 {
		t.Errorf("buckets hold %d", n)
	}
}

func TestHistogramOutOfRange(t *testing.T) {
	h := NewHistogram()
	if h.Mean() != 0 || h.Quantile(0.5) != 0 || h.StdDev() != 0 {
		t.Error("an empty histogram is not all zero")
	}
	h.Record(-time.Second)
	h.Record(3 * time.Hour)
	if h.Count() != 2 || h.Min() != -time.Second || h.Max() != 3*time.Hour {
		t.Errorf("count %d min %v max %v", h.Count(), h.Min(), h.Max())
	}
}

func TestJitterRFC3550(t *testing.T) {
	var j Jitter
	for i := range 1000 {
		j.Add(time.Hour + time.Duration(i%2)*16*time.Microsecond)
	}
	if got := j.Value(); got < 15900*time.Nanosecond || got > 16*time.Microsecond {
		t.Errorf("transit that alternates by 16 µs has jitter %v", got)
	}
	var steady Jitter
	for range 100 {
		steady.Add(-5 * time.Second)
	}
	if steady.Value() != 0 {
		t.Errorf("constant transit has jitter %v", steady.Value())
	}
}

func TestSkewIsRemoved(t *testing.T) {
	for _, ppm := range []float64{-80, -3, 0, 25, 200} {
		for _, length := range []time.Duration{2 * time.Second, 60 * time.Second, time.Hour} {
			r := rand.New(rand.NewPCG(7, uint64(ppm+1000)))
			var o OneWay
			var h []time.Duration
			const n = 150_000
			for i := range n {
				at := length * time.Duration(i) / n
				queue := time.Duration(r.ExpFloat64() * 50e3)
				h = append(h, queue)
				o.Add(at, -7*time.Hour+300*time.Microsecond+queue+time.Duration(ppm*1e-6*float64(at)))
			}
			slices.Sort(h)
			v := o.Variation(true)
			if math.Abs(v.Skew*1e6-ppm) > 0.5 {
				t.Errorf("%v ppm over %v: found %v ppm", ppm, length, v.Skew*1e6)
			}
			want := h[n*99/100]
			if d := math.Abs(float64(v.P99 - want)); d > 0.05*float64(want)+5000 {
				t.Errorf("%v ppm over %v: p99 %v, want %v", ppm, length, v.P99, want)
			}
			if d := math.Abs(float64(v.Max - h[n-1])); d > 0.05*float64(h[n-1])+20000 {
				t.Errorf("%v ppm over %v: max %v, want %v", ppm, length, v.Max, h[n-1])
			}
			if v.Count != n {
				t.Errorf("count %d", v.Count)
			}
		}
	}
}

func TestOneClockKeepsTheTrueDelay(t *testing.T) {
	var o OneWay
	for i := range 100 {
		o.Add(time.Duration(i)*time.Millisecond, 200*time.Microsecond+time.Duration(i)*time.Microsecond)
	}
	v := o.Variation(false)
	if v.MinDelay != 200*time.Microsecond || v.Max != 99*time.Microsecond || v.Skew != 0 || v.P50 != 49*time.Microsecond {
		t.Errorf("got %+v", v)
	}
	if v := (&OneWay{}).Variation(true); v.Count != 0 || v.Max != 0 {
		t.Errorf("nothing recorded gives %+v", v)
	}
	var one OneWay
	one.Add(-time.Hour, 5)
	if v := one.Variation(true); v.Count != 1 || v.MinDelay != 5 || v.Skew != 0 {
		t.Errorf("one sample gives %+v", v)
	}
}

func TestDelaysAllocateNothing(t *testing.T) {
	h := NewHistogram()
	var j Jitter
	var o OneWay
	o.Add(0, 0)
	at := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		for range 200 {
			at += 37 * time.Microsecond
			h.Record(at)
			j.Add(at % 1000)
			o.Add(at, at%1000)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
