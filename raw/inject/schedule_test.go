package inject

import (
	"context"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sockwire/raw/probe"
)

// clockEngine notes when each packet was handed over.
type clockEngine struct {
	times []time.Time
	batch int
	took  time.Duration // how long each Send takes
}

func (e *clockEngine) Send(p [][]byte) (int, error) {
	for range p {
		e.times = append(e.times, time.Now())
	}
	time.Sleep(e.took)
	return len(p), nil
}
func (e *clockEngine) Batch() int       { return e.batch }
func (e *clockEngine) Refusals() uint64 { return 0 }
func (e *clockEngine) String() string   { return "clock" }
func (e *clockEngine) Close() error     { return nil }

// timerSleep waits on the clock that synctest fakes.
func timerSleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// sizes is a source of packets of so many bytes.
type sizes []int

func (s *sizes) Fill(b *Batch, n int) error {
	if len(*s) == 0 {
		return io.EOF
	}
	for range min(n, len(*s)) {
		b.Packets = append(b.Packets, make([]byte, (*s)[0]))
		*s = (*s)[1:]
	}
	return nil
}

func equalSizes(n, size int) *sizes {
	s := make(sizes, n)
	for i := range s {
		s[i] = size
	}
	return &s
}

func TestScheduleTimes(t *testing.T) {
	for _, test := range []struct {
		name     string
		schedule Schedule
		source   *sizes
		want     []time.Duration
	}{
		{"packets", Schedule{Packets: 100}, equalSizes(4, 60), []time.Duration{0, 10e6, 20e6, 30e6}},
		{"bits", Schedule{Bits: 8000}, &sizes{100, 50, 200, 1}, []time.Duration{0, 100e6, 150e6, 350e6}},
		{"bursts", Schedule{Packets: 100, Burst: 2}, equalSizes(5, 60), []time.Duration{0, 0, 20e6, 20e6, 40e6}},
		{"flood", Schedule{}, equalSizes(3, 60), []time.Duration{0, 0, 0}},
		{"thirds", Schedule{Packets: 3}, equalSizes(4, 60), []time.Duration{0, 333333333, 666666667, 1e9}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &clockEngine{batch: 64}
				start := time.Now()
				r, err := (&Transmission{Engine: e, Source: test.source, Schedule: test.schedule, sleep: timerSleep}).Transmit(context.Background())
				if err != nil || int(r.Sent) != len(test.want) {
					t.Fatalf("sent %d, %v", r.Sent, err)
				}
				for i, want := range test.want {
					if got := e.times[i].Sub(start); got != want {
						t.Errorf("packet %d left after %v, want %v", i, got, want)
					}
				}
			})
		})
	}
}

func TestScheduleIsAbsolute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &clockEngine{batch: 64, took: 7 * time.Millisecond} // slower than the gap at times
		r, err := (&Transmission{Engine: e, Source: equalSizes(1000, 60), Schedule: Schedule{Packets: 1000}, sleep: timerSleep}).Transmit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Rate(); math.Abs(got-1000) > 10 {
			t.Fatalf("%v packets a second, want 1000: what was late must be made up for", got)
		}
	})
}

func TestPoissonKeepsItsMean(t *testing.T) {
	p := probe.NewTimetable(Schedule{Packets: 1000, Poisson: true, Seed: 5})
	const n = 100000
	var last, squares float64
	for range n {
		p.Take(60)
		at := float64(p.Due())
		gap := at - last
		last = at
		squares += gap * gap
	}
	mean, deviation := last/n, math.Sqrt(squares/n-(last/n)*(last/n))
	if math.Abs(mean-1e6) > 2e4 || math.Abs(deviation-1e6) > 2e4 {
		t.Fatalf("mean %.0f ns, deviation %.0f ns, want 1000000 both", mean, deviation)
	}
}

func TestDurationAndCancelEndTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &clockEngine{batch: 64}
		start := time.Now()
		r, err := (&Transmission{Engine: e, Source: equalSizes(1000, 60), Schedule: Schedule{Packets: 10}, Duration: time.Second, sleep: timerSleep}).Transmit(context.Background())
		if err != nil || r.Sent != 10 || time.Since(start) != time.Second {
			t.Fatalf("sent %d in %v, %v; want 10 in 1s", r.Sent, time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer cancel()
		start = time.Now()
		r, err = (&Transmission{Engine: e, Source: equalSizes(1000, 60), Schedule: Schedule{Packets: 10}, sleep: timerSleep}).Transmit(ctx)
		if err != nil || r.Sent != 3 || time.Since(start) != 250*time.Millisecond {
			t.Fatalf("sent %d in %v, %v; want 3 in 250ms", r.Sent, time.Since(start), err)
		}
	})
}

func TestRecordedTimesAndLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &clockEngine{batch: 2}
		start := time.Now()
		source := &Recorded{Packets: make([][]byte, 3), Due: []time.Duration{0, 10 * time.Millisecond, 25 * time.Millisecond}, Loops: 2}
		r, err := (&Transmission{Engine: e, Source: source, sleep: timerSleep}).Transmit(context.Background())
		if err != nil || r.Sent != 6 {
			t.Fatalf("sent %d, %v", r.Sent, err)
		}
		for i, want := range []time.Duration{0, 10e6, 25e6, 25e6, 35e6, 50e6} {
			if got := e.times[i].Sub(start); got != want {
				t.Errorf("packet %d left after %v, want %v", i, got, want)
			}
		}
	})
}

func TestScheduleRefusesContradictions(t *testing.T) {
	for _, test := range []struct {
		s    Schedule
		want string
	}{
		{Schedule{Packets: -1}, "rate"}, {Schedule{Packets: math.NaN()}, "rate"}, {Schedule{Packets: 1, Bits: 1}, "not both"},
		{Schedule{Burst: 2}, "need a rate"}, {Schedule{Packets: 1, Poisson: true, Burst: 2}, "exclude"}, {Schedule{Packets: 1, Burst: -1}, "burst"},
	} {
		if err := test.s.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.s, err, test.want)
		}
	}
}
