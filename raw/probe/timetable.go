package probe

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// Timing says how what is sent spreads over time: the one timetable of everything here that sends at a rate. The zero
// Timing spreads nothing: all is due at once.
type Timing struct {
	Packets float64 // a second, 0 to 10⁹
	Bits    float64 // a second, 0 to 10¹², of what each is said to be long; instead of Packets
	Poisson bool    // exponential gaps of that mean, from Seed
	Burst   int     // how many are due together, 1 to 1048576; the mean rate stays. 0 means 1
	Seed    uint64
}

// Validate says what is wrong with the timing.
func (t Timing) Validate() error {
	switch {
	case !(t.Packets >= 0 && t.Packets <= 1e9) || !(t.Bits >= 0 && t.Bits <= 1e12):
		return errors.New("a rate is 0 to 10⁹ packets or 10¹² bits a second")
	case t.Packets > 0 && t.Bits > 0:
		return errors.New("a rate is in packets or in bits a second, not both")
	case t.Burst < 0 || t.Burst > 1<<20:
		return errors.New("a burst is 1 to 1048576 packets")
	case t.Poisson && t.Burst > 1:
		return errors.New("bursts leave at even distances: Poisson and Burst exclude each other")
	case (t.Poisson || t.Burst > 1) && t.Unlimited():
		return errors.New("bursts and Poisson gaps need a rate")
	}
	return nil
}

// Unlimited reports whether there is no rate: everything is due at once.
func (t Timing) Unlimited() bool { return t.Packets == 0 && t.Bits == 0 }

// Timetable walks through a timing. The times are absolute, counted from the start: what is late does not move what
// comes after it. It does not allocate and is for one goroutine.
type Timetable struct {
	timing Timing
	rng    *rand.Rand
	at     float64 // when the next is due, in nanoseconds from the start
	saved  float64 // time that those of an unfinished burst add
	left   int     // of the burst
}

// NewTimetable returns the timetable of a timing; equal timings have equal timetables.
func NewTimetable(t Timing) *Timetable {
	table := &Timetable{timing: t, left: max(t.Burst, 1)}
	if t.Poisson {
		table.rng = rand.New(rand.NewPCG(t.Seed, 0))
	}
	return table
}

// Due returns when the next is due, from the start.
func (t *Timetable) Due() time.Duration { return time.Duration(math.Round(t.at)) }

// Take moves on past one of size bytes, which only a rate in bits looks at.
func (t *Timetable) Take(size int) {
	gap := 0.0
	switch {
	case t.timing.Packets > 0:
		gap = 1e9 / t.timing.Packets
	case t.timing.Bits > 0:
		gap = 8e9 * float64(size) / t.timing.Bits
	}
	if t.rng != nil {
		gap *= t.rng.ExpFloat64()
	}
	t.saved += gap
	if t.left--; t.left <= 0 {
		t.at += t.saved
		t.saved, t.left = 0, max(t.timing.Burst, 1)
	}
}

// Skip has nothing due before at: a time in which there was nothing to send is not made up for.
func (t *Timetable) Skip(at time.Duration) { t.at = max(t.at, float64(at)) }

// Follow moves on past one of size bytes that leaves with the one before, as the fragments of a packet do: of a rate in
// packets it takes no turn.
func (t *Timetable) Follow(size int) {
	if t.timing.Bits > 0 {
		t.Take(size)
	}
}
