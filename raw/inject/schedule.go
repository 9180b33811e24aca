package inject

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// Schedule says when packets leave. The times are absolute, counted from the start: a late packet does not move those
// behind it. The zero Schedule sends as fast as the engine takes packets.
type Schedule struct {
	Packets float64 // per second
	Bits    float64 // per second, of the packets as handed to the engine; instead of Packets
	Poisson bool    // exponential gaps of that mean, from Seed
	Burst   int     // packets that leave together; the mean rate stays. 0 means 1
	Seed    uint64
}

// Validate says what is wrong with the schedule.
func (s Schedule) Validate() error {
	switch {
	case !(s.Packets >= 0 && s.Packets <= 1e9) || !(s.Bits >= 0 && s.Bits <= 1e12):
		return errors.New("inject: a rate is 0 to 10⁹ packets or 10¹² bits a second")
	case s.Packets > 0 && s.Bits > 0:
		return errors.New("inject: a rate is in packets or in bits a second, not both")
	case s.Burst < 0 || s.Burst > 1<<20:
		return errors.New("inject: a burst is 1 to 1048576 packets")
	case s.Poisson && s.Burst > 1:
		return errors.New("inject: bursts leave at even distances: Poisson and Burst exclude each other")
	case (s.Poisson || s.Burst > 1) && s.flood():
		return errors.New("inject: Poisson and Burst need a rate")
	}
	return nil
}

func (s Schedule) flood() bool { return s.Packets == 0 && s.Bits == 0 }

// pacer walks through a schedule.
type pacer struct {
	s     Schedule
	rng   *rand.Rand
	at    float64 // when the next packet is due, in nanoseconds from the start
	saved float64 // time that the packets of an unfinished burst add
	left  int     // packets left of the burst
}

func newPacer(s Schedule) *pacer {
	p := &pacer{s: s, left: max(s.Burst, 1)}
	if s.Poisson {
		p.rng = rand.New(rand.NewPCG(s.Seed, 0))
	}
	return p
}

// due returns when the next packet is due, from the start.
func (p *pacer) due() time.Duration { return time.Duration(math.Round(p.at)) }

// sent moves on past a packet of size bytes; one that follows takes no turn of its own.
func (p *pacer) sent(size int, follows bool) {
	gap := 0.0
	switch {
	case p.s.Packets > 0 && follows:
		return
	case p.s.Packets > 0:
		gap = 1e9 / p.s.Packets
	case p.s.Bits > 0:
		gap = 8e9 * float64(size) / p.s.Bits
	}
	if p.rng != nil {
		gap *= p.rng.ExpFloat64()
	}
	p.saved += gap
	if p.left--; p.left == 0 {
		p.at += p.saved
		p.saved, p.left = 0, max(p.s.Burst, 1)
	}
}
