package path

import (
	"math"
	"net/netip"
	"time"
)

// Sample is what became of one probe, as far as loss is concerned.
type Sample struct {
	TTL      int
	Slow     bool       // it was sent in the time in which each hop is asked more seldom
	Kind     Kind       // Silent: it was lost, or its answer
	From     netip.Addr // who answered
	ReplyTTL int        // of the answer; 0 when it is not known
	RTT      time.Duration
	Sent     time.Time // zero when it is not known
}

// Series collects what became of the probes of one flow. The zero value is empty and ready.
type Series struct {
	hops [256]hop
	last int // highest TTL
	at   int // number of samples
}

type hop struct {
	samples []Sample
	at      []int // the number of each among all samples
}

// Add adds a sample; samples come in the order in which the probes were sent. Samples with a TTL outside 1 to 255 are
// left out.
func (s *Series) Add(sample Sample) {
	if sample.TTL < 1 || sample.TTL > 255 {
		return
	}
	s.last, s.at = max(s.last, sample.TTL), s.at+1
	h := &s.hops[sample.TTL]
	h.samples, h.at = append(h.samples, sample), append(h.at, s.at)
}

// Trips returns the least and the mean round trip of a hop's answers from one address; 0 when there are none.
func (s *Series) Trips(ttl int, from netip.Addr) (least, mean time.Duration) {
	n := time.Duration(0)
	for _, sample := range s.hops[ttl].samples {
		if sample.Kind == Silent || sample.From != from || sample.RTT <= 0 {
			continue
		}
		if n++; n == 1 || sample.RTT < least {
			least = sample.RTT
		}
		mean += sample.RTT
	}
	if n > 0 {
		mean /= n
	}
	return least, mean
}

// Addr is who answered last at a TTL; not valid when nobody did.
func (s *Series) Addr(ttl int) (last netip.Addr) {
	for _, sample := range s.hops[ttl].samples {
		if sample.From.IsValid() {
			last = sample.From
		}
	}
	return last
}

// Last is the highest TTL that matters: the first at which the target answered, or the highest that was asked.
func (s *Series) Last() int {
	for ttl := 1; ttl <= s.last; ttl++ {
		for _, sample := range s.hops[ttl].samples {
			if sample.Kind == Reached {
				return ttl
			}
		}
	}
	return s.last
}

// Switch is a change of who answers at a hop.
type Switch struct {
	From, To netip.Addr
	After    int // answers of this hop before it
	at       int // the sample, of all, that was the first afterwards
}

// turned says whether the addresses that answered are two stretches, one after the other, and not mixed by chance: the
// probability of that is below wrong. by is how many more answers would tell; mixed is that they come in turns.
func (h *hop) turned(wrong float64) (change *Switch, mixed bool, more int) {
	var order []Switch // runs of one address: From is it, After its length
	counts := map[netip.Addr]int{}
	for i, sample := range h.samples {
		if !sample.From.IsValid() {
			continue
		}
		counts[sample.From]++
		if n := len(order); n > 0 && order[n-1].From == sample.From {
			order[n-1].After++
			continue
		}
		order = append(order, Switch{From: sample.From, After: 1, at: h.at[i]})
	}
	switch {
	case len(order) < 2:
		return nil, false, 0
	case len(order) > len(counts):
		return nil, true, 0 // an address came back
	}
	last := order[len(order)-1]
	total := 0
	for _, n := range counts {
		total += n
	}
	if togetherByChance(counts) < wrong {
		return &Switch{From: order[len(order)-2].From, To: last.From, After: total - last.After, at: last.at}, false, 0
	}
	for more = 1; togetherByChance(counts) >= wrong; more++ {
		counts[last.From]++
	}
	return nil, false, more
}

// togetherByChance is the probability that all answers of each address come one after the other, if they come in any
// order: k! orders of n!/(a! b! …).
func togetherByChance(counts map[netip.Addr]int) float64 {
	p, _ := math.Lgamma(float64(len(counts) + 1))
	total := 0
	for _, n := range counts {
		g, _ := math.Lgamma(float64(n + 1))
		p += g
		total += n
	}
	all, _ := math.Lgamma(float64(total + 1))
	return math.Exp(p - all)
}

// count sums up a hop's samples from the number since on.
func (h *hop) count(since int) (c HopCount) {
	for i, sample := range h.samples {
		if h.at[i] < since {
			continue
		}
		kind := &c.Fast
		if sample.Slow {
			kind = &c.Slow
		} else if c.Slow.Sent > 0 {
			kind = &c.Again
		}
		kind.Sent++
		if sample.Kind != Silent {
			kind.Answered++
			c.Back = BackHops(sample.ReplyTTL)
		}
	}
	return c
}

// ratio is how many times longer it was between two slow samples of a hop than between two others, as they were sent; 0
// when it is not known. What was planned may not be what was done.
func (s *Series) ratio() float64 {
	var gap [2]time.Duration
	var gaps [2]int
	for ttl := 1; ttl <= s.last; ttl++ {
		samples := s.hops[ttl].samples
		for i := 1; i < len(samples); i++ {
			a, b := &samples[i-1], &samples[i]
			if a.Slow != b.Slow || a.Sent.IsZero() || b.Sent.IsZero() {
				continue
			}
			k := 0
			if a.Slow {
				k = 1
			}
			gap[k] += b.Sent.Sub(a.Sent)
			gaps[k]++
		}
	}
	if gap[0] <= 0 || gap[1] <= 0 {
		return 0
	}
	return (float64(gap[1]) / float64(gaps[1])) / (float64(gap[0]) / float64(gaps[0]))
}

// BackHops guesses how many hops an answer took from the TTL that was left of it: hosts begin with 64, 128 or 255, few
// with 32, and paths are shorter than half of any. It is a guess; 0 is none.
func BackHops(ttl int) int {
	if ttl <= 0 {
		return 0
	}
	for _, initial := range []int{64, 128, 255} {
		if ttl <= initial {
			return initial - ttl + 1
		}
	}
	return 0
}
