package impair_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/raw/impair"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// decideN makes n decisions for packets of one size at even times.
func decideN(t *testing.T, cfg impair.Config, n, size int, every time.Duration) ([]impair.Decision, impair.Totals) {
	t.Helper()
	m, err := impair.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ds := make([]impair.Decision, n)
	for i := range ds {
		ds[i] = m.Decide(start.Add(time.Duration(i)*every), size)
	}
	return ds, m.Totals()
}

// near fails unless got is within five standard deviations of n trials with probability p: a fixed seed makes
// the outcome fixed, and an honest generator passes for nearly every seed.
func near(t *testing.T, what string, got uint64, n int, p float64) {
	t.Helper()
	mean, sigma := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(got)-mean) > 5*sigma {
		t.Errorf("%s: %d of %d, expected %.0f ± %.0f", what, got, n, mean, 5*sigma)
	}
}

func TestPerfectNetwork(t *testing.T) {
	ds, totals := decideN(t, impair.Config{}, 100, 1000, time.Millisecond)
	for i, d := range ds {
		want := impair.Decision{Seq: uint64(i), Arrival: start.Add(time.Duration(i) * time.Millisecond), Size: 1000, Length: 1000}
		want.Due = want.Arrival
		if d != want {
			t.Fatalf("got %+v, want %+v", d, want)
		}
	}
	if want := (impair.Totals{Packets: 100, Bytes: 100000, Deliveries: 100, Delivered: 100000}); totals != want {
		t.Errorf("totals %+v, want %+v", totals, want)
	}
}

func TestProbabilities(t *testing.T) {
	const n = 50000
	cfg := impair.Config{Loss: 0.05, Duplicate: 0.02, Reorder: 0.03, Corrupt: 0.1, Truncate: 0.04}
	for seed := range uint64(3) {
		cfg.Seed = seed
		ds, totals := decideN(t, cfg, n, 500, time.Microsecond)
		alive := n - int(totals.Loss)
		near(t, "lost", totals.Loss, n, 0.05)
		near(t, "duplicated", totals.Duplicated, alive, 0.02)
		near(t, "held", totals.Held, alive, 0.03)
		near(t, "truncated", totals.Truncated, alive, 0.04)
		var sum impair.Totals
		bits := map[int]int{}
		for i := range ds {
			sum.Add(&ds[i])
			if f := ds[i].Flip; f.Set {
				bits[f.Byte*8+int(f.Bit)]++
				if f.Byte < 0 || f.Byte >= ds[i].Length || f.Bit > 7 {
					t.Fatalf("flip %+v outside a packet of %d bytes", f, ds[i].Length)
				}
			}
		}
		if sum != totals {
			t.Errorf("sum of decisions %+v, totals %+v", sum, totals)
		}
		if totals.Packets != totals.Dropped()+totals.Deliveries-totals.Duplicated {
			t.Errorf("totals do not add up: %+v", totals)
		}
		if len(bits) < 2000 {
			t.Errorf("%d flips hit only %d of 4000 bits", totals.Corrupted, len(bits))
		}
	}
}

// The first packet's fate must vary with the seed like any other's.
func TestSeedsAreIndependent(t *testing.T) {
	const n = 20000
	var first, both uint64
	for seed := range uint64(n) {
		ds, _ := decideN(t, impair.Config{Seed: seed, Loss: 0.5, Corrupt: 0.5}, 2, 100, 0)
		if ds[0].Drop != impair.None {
			first++
			if ds[1].Drop != impair.None {
				both++
			}
		}
	}
	near(t, "first packet lost", first, n, 0.5)
	near(t, "first two packets lost", both, n, 0.25)
}

func TestSameSeedSameDecisions(t *testing.T) {
	cfg, err := impair.Parse("seed=9,loss=5%,enter=1%,leave=20%,dup=5%,reorder=5%,gap=3,delay=5ms,jitter=3ms,dist=pareto,corrupt=5%,truncate=5%,rate=1Mbps,queue=20KB")
	if err != nil {
		t.Fatal(err)
	}
	one, _ := decideN(t, cfg, 5000, 700, time.Millisecond)
	two, _ := decideN(t, cfg, 5000, 700, time.Millisecond)
	if !slices.Equal(one, two) {
		t.Error("the same seed made different decisions")
	}
	cfg.Seed++
	three, _ := decideN(t, cfg, 5000, 700, time.Millisecond)
	if slices.Equal(one, three) {
		t.Error("another seed made the same decisions")
	}
}

// What is lost depends on the seed and the packet's number alone.
func TestKindsDoNotDisturbEachOther(t *testing.T) {
	plain, _ := decideN(t, impair.Config{Seed: 4, Loss: 0.1}, 5000, 100, 0)
	all, _ := decideN(t, impair.Config{Seed: 4, Loss: 0.1, Duplicate: 0.3, Reorder: 0.2, Jitter: time.Second, Corrupt: 0.5, Truncate: 0.5}, 5000, 999, time.Second)
	for i := range plain {
		if plain[i].Drop != all[i].Drop {
			t.Fatalf("packet %d: %v alone, %v among others", i, plain[i].Drop, all[i].Drop)
		}
	}
}

func TestBurstLoss(t *testing.T) {
	const n = 200000
	ds, totals := decideN(t, impair.Config{Seed: 1, BurstEnter: 0.01, BurstLeave: 0.25}, n, 100, 0)
	// The share of time in the bad state is enter/(enter+leave); runs have a geometric length with mean 1/leave.
	if got, want := float64(totals.Burst)/n, 0.01/0.26; math.Abs(got-want) > 0.1*want {
		t.Errorf("%.4f lost, expected %.4f", got, want)
	}
	if totals.Loss != 0 {
		t.Errorf("%d lost outside bursts", totals.Loss)
	}
	runs := 0
	for i := range ds {
		if ds[i].Drop == impair.Burst && (i == 0 || ds[i-1].Drop != impair.Burst) {
			runs++
		}
	}
	if mean := float64(totals.Burst) / float64(runs); math.Abs(mean-4) > 0.4 {
		t.Errorf("mean burst %.2f packets, expected 4", mean)
	}
}

func TestDelayDistributions(t *testing.T) {
	const n = 20000
	quantile := func(d []time.Duration, q float64) float64 { return d[int(q*float64(len(d)-1))].Seconds() * 1e3 }
	for _, tt := range []struct {
		dist              impair.Distribution
		p05, median, p95  float64 // milliseconds
		lowest, tolerance float64
	}{
		{impair.Uniform, 82, 100, 118, 80, 1},
		{impair.Normal, 100 - 1.645*20, 100, 100 + 1.645*20, 0, 1.5},
		{impair.Pareto, 100 + 20*(math.Pow(0.95, -1./3)-1), 100 + 20*(math.Pow(0.5, -1./3)-1), 100 + 20*(math.Pow(0.05, -1./3)-1), 100, 2},
	} {
		ds, _ := decideN(t, impair.Config{Delay: 100 * time.Millisecond, Jitter: 20 * time.Millisecond, Distribution: tt.dist, JitterReorders: true}, n, 100, time.Microsecond)
		delays := make([]time.Duration, n)
		for i, d := range ds {
			delays[i] = d.Due.Sub(d.Arrival)
		}
		slices.Sort(delays)
		if low := delays[0].Seconds() * 1e3; low < tt.lowest {
			t.Errorf("%v: a delay of %.3f ms", tt.dist, low)
		}
		for q, want := range map[float64]float64{0.05: tt.p05, 0.5: tt.median, 0.95: tt.p95} {
			if got := quantile(delays, q); math.Abs(got-want) > tt.tolerance {
				t.Errorf("%v: quantile %.2f is %.2f ms, expected %.2f", tt.dist, q, got, want)
			}
		}
	}
}

// A clock that goes back does not bring packets out before those that came earlier.
func TestTimeDoesNotGoBack(t *testing.T) {
	m, err := impair.New(impair.Config{Rate: 8e6, QueuePackets: 1})
	if err != nil {
		t.Fatal(err)
	}
	m.Decide(start, 1000)
	if d := m.Decide(start.Add(-time.Hour), 1000); d.Drop != impair.Rate || !d.Arrival.Equal(start) {
		t.Errorf("%+v", d)
	}
}

func TestJitterKeepsOrderUnlessFree(t *testing.T) {
	overtakes := func(free bool) (n int) {
		ds, _ := decideN(t, impair.Config{Jitter: 10 * time.Millisecond, JitterReorders: free}, 1000, 100, time.Millisecond)
		for i := 1; i < len(ds); i++ {
			if ds[i].Due.Before(ds[i-1].Due) {
				n++
			}
		}
		return n
	}
	if n := overtakes(false); n != 0 {
		t.Errorf("%d packets overtake one before them", n)
	}
	if n := overtakes(true); n == 0 {
		t.Error("no packet overtakes one before it")
	}
}

func TestCorruptRange(t *testing.T) {
	ds, _ := decideN(t, impair.Config{Corrupt: 1, CorruptFrom: 28, CorruptTo: 30}, 2000, 100, 0)
	seen := map[impair.Flip]bool{}
	for _, d := range ds {
		if !d.Flip.Set || d.Flip.Byte < 28 || d.Flip.Byte > 29 {
			t.Fatalf("flip %+v", d.Flip)
		}
		seen[d.Flip] = true
	}
	if len(seen) != 16 {
		t.Errorf("%d of 16 bits were ever flipped", len(seen))
	}
	if ds, totals := decideN(t, impair.Config{Corrupt: 1, CorruptFrom: 28}, 10, 28, 0); totals.Corrupted != 0 {
		t.Errorf("a packet without a byte in the range: %+v", ds[0].Flip)
	}
}

func TestApply(t *testing.T) {
	d := impair.Decision{Size: 4, Length: 3, Flip: impair.Flip{Byte: 1, Bit: 7, Set: true}}
	if got := d.Apply([]byte{1, 2, 3, 4}); !slices.Equal(got, []byte{1, 0x82, 3}) {
		t.Errorf("got % x", got)
	}
}

func TestTruncate(t *testing.T) {
	ds, totals := decideN(t, impair.Config{Truncate: 1, TruncateTo: 40}, 10, 100, 0)
	if totals.Truncated != 10 || ds[0].Length != 40 || totals.Delivered != 400 {
		t.Errorf("%+v, %+v", ds[0], totals)
	}
	if _, totals := decideN(t, impair.Config{Truncate: 1, TruncateTo: 40}, 10, 30, 0); totals.Truncated != 0 {
		t.Errorf("packets shorter than the cut: %+v", totals)
	}
	ds, totals = decideN(t, impair.Config{Truncate: 1}, 1000, 10, 0)
	lengths := map[int]bool{}
	for _, d := range ds {
		lengths[d.Length] = true
	}
	if totals.Truncated != 1000 || len(lengths) != 10 || lengths[10] {
		t.Errorf("lengths %v, %+v", lengths, totals)
	}
}

func TestRateSpacesPackets(t *testing.T) {
	// 8 Mbit/s is a byte per microsecond.
	ds, _ := decideN(t, impair.Config{Rate: 8e6}, 10, 1000, 0)
	for i, d := range ds {
		if want := start.Add(time.Duration(i+1) * time.Millisecond); !d.Due.Equal(want) {
			t.Errorf("packet %d is due %v, expected %v", i, d.Due.Sub(start), want.Sub(start))
		}
	}
}

func TestRateBurst(t *testing.T) {
	ds, _ := decideN(t, impair.Config{Rate: 8e6, Burst: 3000}, 5, 1000, 0)
	for i, want := range []time.Duration{0, 0, 0, time.Millisecond, 2 * time.Millisecond} {
		if got := ds[i].Due.Sub(start); got != want {
			t.Errorf("packet %d is due after %v, expected %v", i, got, want)
		}
	}
	// After a long pause the bucket is full again, and no fuller than its depth.
	m, err := impair.New(impair.Config{Rate: 8e6, Burst: 2000})
	if err != nil {
		t.Fatal(err)
	}
	now := start
	for i, want := range []time.Duration{0, 0, time.Millisecond} {
		if got := m.Decide(now.Add(time.Hour), 1000).Due.Sub(now.Add(time.Hour)); got != want {
			t.Errorf("after a pause, packet %d is due after %v, expected %v", i, got, want)
		}
	}
}

func TestRateQueueBounds(t *testing.T) {
	for _, cfg := range []impair.Config{
		{Rate: 8e6, QueuePackets: 4},
		{Rate: 8e6, QueueBytes: 4999},
	} {
		ds, totals := decideN(t, cfg, 10, 1000, 0)
		for i, d := range ds {
			if want := i >= 4; (d.Drop == impair.Rate) != want {
				t.Errorf("%v: packet %d: drop %q", cfg, i, d.Drop)
			}
		}
		if totals.Rate != 6 {
			t.Errorf("%v: %d dropped, expected 6", cfg, totals.Rate)
		}
	}
	// Room comes back as packets depart: offered twice the rate for long, half is dropped.
	_, totals := decideN(t, impair.Config{Rate: 8e6, QueuePackets: 10}, 10000, 1000, 500*time.Microsecond)
	if got := totals.Deliveries; got < 5000 || got > 5011 {
		t.Errorf("%d of 10000 delivered, expected half and the queue", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for field, cfg := range map[string]impair.Config{
		"Loss":         {Loss: 1.1},
		"BurstLoss":    {BurstLoss: -1},
		"Duplicate":    {Duplicate: math.NaN()},
		"BurstLeave":   {BurstEnter: 0.1},
		"CorruptTo":    {CorruptFrom: 10, CorruptTo: 10},
		"Rate":         {Rate: math.Inf(1)},
		"Delay":        {Delay: -1},
		"Jitter":       {Jitter: 2 * time.Hour},
		"QueuePackets": {QueuePackets: -1},
		"distribution": {Distribution: 9},
	} {
		if _, err := impair.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: error %v does not name %s", cfg, err, field)
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	m, err := impair.New(impair.Config{Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Delay: time.Millisecond, Jitter: time.Millisecond, Distribution: impair.Normal, Corrupt: 0.1, Truncate: 0.1, Rate: 1e6, QueuePackets: 20})
	if err != nil {
		t.Fatal(err)
	}
	var q impair.Queue[int]
	now := start
	step := func() {
		now = now.Add(time.Millisecond)
		d := m.Decide(now, 100)
		if d.Drop == impair.None {
			q.PushCopy(d.Due, 1)
			q.Hold(d.Due, d.Behind, 2)
		}
		for {
			if _, _, ok := q.Pop(now); !ok {
				break
			}
		}
	}
	for range 1000 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}

func TestRecordJSON(t *testing.T) {
	r := impair.Record{Decision: impair.Decision{Seq: 3, Arrival: start, Size: 100, Length: 100, Due: start.Add(time.Millisecond), Flip: impair.Flip{Byte: 0, Bit: 5, Set: true}}}
	r.Delivered, r.Order = start.Add(2*time.Millisecond), 1
	for want, r := range map[string]impair.Record{
		`{"seq":3,"arrival":"2026-01-02T03:04:05Z","size":100,"length":100,"flip":{"byte":0,"bit":5},"due":"2026-01-02T03:04:05.001Z","delivered":"2026-01-02T03:04:05.002Z","order":1}`: r,
		`{"seq":4,"arrival":"2026-01-02T03:04:05Z","size":7,"drop":"rate","length":0}`:                                                                                                   {Decision: impair.Decision{Seq: 4, Arrival: start, Size: 7, Drop: impair.Rate}},
	} {
		got, err := json.Marshal(r)
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}

// drain pops everything by time and returns the values.
func drain(q *impair.Queue[int]) (out []int) {
	for {
		due, ok := q.Next()
		if !ok {
			return out
		}
		v, at, ok := q.Pop(due)
		if !ok || !at.Equal(due) {
			panic("Pop at the time of Next returned nothing, or another time")
		}
		out = append(out, v)
	}
}

func TestQueueOrdersByTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q impair.Queue[int]
	type item struct{ due, n int }
	var want []item
	for n := range 1000 {
		due := r.IntN(50)
		want = append(want, item{due, n})
		q.Push(start.Add(time.Duration(due)), n)
	}
	slices.SortStableFunc(want, func(a, b item) int { return a.due - b.due })
	for i, got := range drain(&q) {
		if got != want[i].n {
			t.Fatalf("place %d: %d, expected %d", i, got, want[i].n)
		}
	}
	if q.Len() != 0 {
		t.Errorf("%d left", q.Len())
	}
}

func TestQueueHold(t *testing.T) {
	var q impair.Queue[int]
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	q.Hold(at(1000), 2, 0)
	q.PushCopy(at(1), 1) // a copy does not count
	q.Push(at(9), 2)     // due last of those that go ahead
	if _, due, ok := q.Pop(at(0)); ok {
		t.Errorf("popped something due at %v", due)
	}
	q.Push(at(3), 3)
	q.Push(at(12), 4)
	if got := drain(&q); !reflect.DeepEqual(got, []int{1, 3, 2, 0, 4}) {
		t.Errorf("order %v", got)
	}
	// With nobody to go ahead the hold runs out.
	q.Hold(at(50), 3, 5)
	q.Push(at(2), 6)
	if got := drain(&q); !reflect.DeepEqual(got, []int{6, 5}) {
		t.Errorf("order %v", got)
	}
}

func TestParse(t *testing.T) {
	got, err := impair.Parse("loss=5%, dup=0.01 ,delay=10ms,jitter=2ms,dist=normal,order=free,reorder=3%,gap=2,hold=1s,corrupt=0.1%,from=28,to=1KB,truncate=1%,cut=60,rate=1.5Mbps,burst=3KiB,queue=64KB,packets=100,enter=1%,leave=30%,badloss=90%,seed=7")
	if err != nil {
		t.Fatal(err)
	}
	want := impair.Config{
		Seed: 7, Loss: 0.05, BurstEnter: 0.01, BurstLeave: 0.3, BurstLoss: 0.9, Duplicate: 0.01,
		Reorder: 0.03, ReorderGap: 2, ReorderHold: time.Second,
		Delay: 10 * time.Millisecond, Jitter: 2 * time.Millisecond, Distribution: impair.Normal, JitterReorders: true,
		Corrupt: 0.001, CorruptFrom: 28, CorruptTo: 1000, Truncate: 0.01, TruncateTo: 60,
		Rate: 1.5e6, Burst: 3072, QueueBytes: 64000, QueuePackets: 100,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if again, err := impair.Parse(got.String()); err != nil || again != got {
		t.Errorf("%q reads back as %+v, %v", got.String(), again, err)
	}
	if cfg, err := impair.Parse(" "); err != nil || cfg != (impair.Config{}) {
		t.Errorf("empty text: %+v, %v", cfg, err)
	}
}

func TestParseErrors(t *testing.T) {
	for text, column := range map[string]int{
		"loss=150%":         6,
		"loss=5%,los=1%":    9,
		"loss=5%, loss=1%":  10,
		"delay":             1,
		"delay=10":          7,
		"delay=-1ms":        7,
		"rate=10":           6,
		"rate=1MBps":        6,
		"seed=-1":           6,
		"loss=1%,,dup=1%":   9,
		"loss=1%,":          9,
		"loss=inf":          6,
		"dup=1%,queue=1.5B": 14,
		"dist=gauss":        6,
		"order=":            7,
		"packets=x":         9,
	} {
		_, err := impair.Parse(text)
		se, ok := err.(*impair.SyntaxError)
		if !ok || se.Column != column {
			t.Errorf("%q: %v, expected column %d", text, err, column)
		}
	}
	if _, err := impair.Parse("enter=1%"); err == nil {
		t.Error("enter without leave was accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("loss=5%,dup=1%,delay=10ms,jitter=2ms,reorder=3%,corrupt=0.1%,rate=1Mbps,seed=7")
	f.Add("enter=1%,leave=.3,hold=1h,from=1KiB,to=1MB,dist=pareto,order=keep, cut=0")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := impair.Parse(text)
		if err != nil {
			if se, ok := err.(*impair.SyntaxError); ok && (se.Column < 1 || se.Column > len(text)+1) {
				t.Errorf("column %d of a text of %d bytes", se.Column, len(text))
			}
			return
		}
		if again, err := impair.Parse(cfg.String()); err != nil || again != cfg {
			t.Errorf("%q reads back as %+v, %v; was %+v", cfg.String(), again, err, cfg)
		}
		if _, err := impair.New(cfg); err != nil {
			t.Errorf("Parse accepts what New refuses: %v", err)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	m, err := impair.New(impair.Config{Loss: 0.01, Duplicate: 0.01, Reorder: 0.01, Delay: time.Millisecond, Jitter: time.Millisecond, Rate: 1e9})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	now := start
	for b.Loop() {
		now = now.Add(20 * time.Microsecond)
		m.Decide(now, 1000)
	}
}
