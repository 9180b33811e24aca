package path

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func addr(last byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, last}) }

// serve is a series of so many rounds over a path: router says who answers at a hop in a round, not valid when nobody
// does.
func serve(rounds, hops int, router func(round, ttl int) netip.Addr) *Series {
	s := new(Series)
	for round := range rounds {
		for ttl := 1; ttl <= hops; ttl++ {
			sample := Sample{TTL: ttl, From: router(round, ttl), Kind: Exceeded, Slow: round >= rounds*2/3}
			switch {
			case !sample.From.IsValid():
				sample.Kind = Silent
			case sample.From == addr(255):
				sample.Kind = Reached
			}
			s.Add(sample)
		}
	}
	return s
}

func TestChangeInTheMiddle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := serve(90, 6, func(round, ttl int) netip.Addr {
		switch {
		case round == 40 || round == 41:
			return netip.Addr{} // while it changes, nothing comes through
		case ttl == 6:
			return addr(255)
		case ttl >= 3 && ttl <= 4 && round > 41:
			return addr(byte(ttl + 100))
		}
		return addr(byte(ttl))
	})
	verdicts := Judge{}.Verdicts(s)
	if got := letters(verdicts); got != "ccPPcc" {
		t.Errorf("verdicts %s: %+v", got, verdicts)
	}
	if w := verdicts[2].Switch; w == nil || w.From != addr(3) || w.To != addr(103) || w.After != 40 {
		t.Errorf("switch %+v", w)
	}
	// Routers that take turns are no change of the path.
	s = serve(90, 4, func(round, ttl int) netip.Addr {
		if ttl == 2 {
			return addr(byte(2 + 100*r.IntN(2)))
		}
		return addr(byte(ttl))
	})
	if got := letters(Judge{}.Verdicts(s)); got != "cccc" {
		t.Errorf("in turns: %s", got)
	}
	// One answer of another router may be the first of many, or not.
	s = serve(90, 4, func(round, ttl int) netip.Addr {
		if ttl == 2 && round == 89 {
			return addr(102)
		}
		return addr(byte(ttl))
	})
	if v := (Judge{}).Verdicts(s)[1]; v.Finding != Undecided || v.More < 1 {
		t.Errorf("one of another: %+v", v)
	}
}

// The hops that matter end where the target first answers.
func TestLast(t *testing.T) {
	s := serve(3, 9, func(_, ttl int) netip.Addr {
		if ttl >= 5 {
			return addr(255)
		}
		return addr(byte(ttl))
	})
	if s.Last() != 5 || len(Judge{}.Verdicts(s)) != 5 {
		t.Errorf("the last hop is %d", s.Last())
	}
	s.Add(Sample{TTL: 0})
	s.Add(Sample{TTL: 256})
	if s.Last() != 5 {
		t.Error("a TTL that there is not counts")
	}
}

func TestBackHops(t *testing.T) {
	for ttl, want := range map[int]int{0: 0, 64: 1, 63: 2, 255: 1, 250: 6, 128: 1, 120: 9, 33: 32} {
		if got := BackHops(ttl); got != want {
			t.Errorf("an answer with TTL %d took %d hops, expected %d", ttl, got, want)
		}
	}
}
