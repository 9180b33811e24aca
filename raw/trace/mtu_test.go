package trace

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// router says what becomes of a large probe at the link behind a hop.
type bound struct {
	mtu  int
	says bool // the router before it tells
	tell int  // what it tells; 0 is the truth
}

// narrowLine is a line of hops with links of less than 1500 bytes: by the TTL of the hop behind them.
func narrowLine(hops int, links map[int]bound) func(uint64, *Probe) (Reply, time.Duration, bool) {
	plain := line(hops, 20*time.Millisecond, nil)
	return func(n uint64, p *Probe) (Reply, time.Duration, bool) {
		for ttl := 1; ttl <= min(int(p.TTL), hops); ttl++ {
			b, narrow := links[ttl]
			if !narrow || int(p.Size) <= b.mtu {
				continue
			}
			if !b.says {
				return Reply{}, 0, false
			}
			r := Reply{Kind: TooBig, MTU: b.mtu, From: netip.AddrFrom4([4]byte{192, 0, 2, byte(ttl - 1)}), QuotedTTL: 1}
			if b.tell != 0 {
				r.MTU = max(b.tell, 0)
			}
			return r, 20 * time.Millisecond * time.Duration(ttl) / time.Duration(hops), true
		}
		return plain(n, p)
	}
}

// findMTU traces in a simulation and returns what was found, and how long all took.
func findMTU(t *testing.T, s *simulation) (*MTU, time.Duration) {
	t.Helper()
	replies, took := simulate(t, Tracer{MTU: true}, s, simTarget)
	var found *MTU
	for _, r := range replies {
		if r.Found != nil {
			if found != nil {
				t.Error("found twice")
			}
			found = r.Found
		}
	}
	if found == nil {
		t.Fatal("nothing was found")
	}
	return found, took
}

func hopAddr(ttl int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(ttl)}) }

// TestMTUSearch: the MTU, the links that set it and the place where large packets vanish, of simulated paths.
func TestMTUSearch(t *testing.T) {
	const hops = 8
	for _, c := range []struct {
		name  string
		links map[int]bound
		size  int
		steps []MTUStep
		hole  *Hole
	}{
		{name: "wide", size: 1500},
		{name: "one step", links: map[int]bound{5: {mtu: 1400, says: true}}, size: 1400, steps: []MTUStep{{5, hopAddr(4), 1400}}},
		{name: "two steps", links: map[int]bound{3: {mtu: 1480, says: true}, 7: {mtu: 1280, says: true}}, size: 1280,
			steps: []MTUStep{{3, hopAddr(2), 1480}, {7, hopAddr(6), 1280}}},
		{name: "an old router that tells no MTU", links: map[int]bound{4: {mtu: 1300, says: true, tell: -1}}, size: 1300,
			steps: []MTUStep{{4, hopAddr(3), 0}}},
		{name: "a lie that grows", links: map[int]bound{4: {mtu: 1300, says: true, tell: 9000}}, size: 1300,
			steps: []MTUStep{{4, hopAddr(3), 9000}}},
		{name: "hole", links: map[int]bound{6: {mtu: 1373}}, size: 1373, hole: &Hole{Before: 6, After: 5, Size: 1374}},
		{name: "hole at once", links: map[int]bound{1: {mtu: 1499}}, size: 1499, hole: &Hole{Before: 1, After: 0, Size: 1500}},
		{name: "hole of everything large", links: map[int]bound{8: {mtu: 41}}, size: 41, hole: &Hole{Before: 8, After: 7, Size: 42}},
		{name: "hole behind a step", links: map[int]bound{2: {mtu: 1450, says: true}, 6: {mtu: 1333}}, size: 1333,
			steps: []MTUStep{{2, hopAddr(1), 1450}}, hole: &Hole{Before: 6, After: 5, Size: 1334}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, took := findMTU(t, &simulation{answer: narrowLine(hops, c.links)})
			if found.Size != c.size || !reflect.DeepEqual(found.Steps, c.steps) || !reflect.DeepEqual(found.Hole, c.hole) || !found.Reached || found.To != hops {
				t.Errorf("%+v, hole %+v", found, found.Hole)
			}
			if took > 4*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestMTUSilentEnd: where the target itself is silent, the MTU holds to the farthest hop that answers.
func TestMTUSilentEnd(t *testing.T) {
	answer := narrowLine(9, map[int]bound{3: {mtu: 1400, says: true}})
	found, _ := findMTU(t, &simulation{answer: func(n uint64, p *Probe) (Reply, time.Duration, bool) {
		r, after, ok := answer(n, p)
		return r, after, ok && (r.Kind == TooBig || p.TTL <= 6)
	}})
	if found.Reached || found.To != 6 || found.Size != 1400 {
		t.Errorf("%+v", found)
	}
	found, _ = findMTU(t, &simulation{answer: func(uint64, *Probe) (Reply, time.Duration, bool) { return Reply{}, 0, false }})
	if found.Size != 0 || found.To != 0 || found.Believed != 1500 {
		t.Errorf("nobody answers: %+v", found)
	}
}

// TestMTULossy: where each packet is lost with some probability, no size that passes is taken for one that does not
// more often than three losses in a row explain.
func TestMTULossy(t *testing.T) {
	wrong := 0
	for seed := range uint64(50) {
		answer := narrowLine(8, map[int]bound{6: {mtu: 1373}})
		lose := seed * 7
		found, _ := findMTU(t, &simulation{answer: func(n uint64, p *Probe) (Reply, time.Duration, bool) {
			r, after, ok := answer(n, p)
			lose = lose*6364136223846793005 + 1442695040888963407
			return r, after, ok && lose>>60 > 0 // one in 16
		}})
		if found.Size != 1373 || found.Hole == nil || found.Hole.Before != 6 {
			wrong++
			t.Logf("seed %d: %+v, hole %+v", seed, found, found.Hole)
		}
	}
	if wrong > 2 {
		t.Errorf("%d of 50 wrong", wrong)
	}
}

// seldom has every hop send so many errors at once and then one a second, as Linux does; PMTU messages are not counted.
func seldom(s *simulation, burst float64, answer func(uint64, *Probe) (Reply, time.Duration, bool)) func(uint64, *Probe) (Reply, time.Duration, bool) {
	type bucket struct {
		tokens float64
		at     time.Duration
	}
	buckets := map[netip.Addr]*bucket{}
	return func(n uint64, p *Probe) (Reply, time.Duration, bool) {
		r, after, ok := answer(n, p)
		if !ok || r.Kind == TooBig {
			return r, after, ok
		}
		b := buckets[r.From]
		if b == nil {
			b = &bucket{tokens: burst}
			buckets[r.From] = b
		}
		b.tokens = min(burst, b.tokens+(s.clock-b.at).Seconds())
		if b.at = s.clock; b.tokens < 1 {
			return r, after, false
		}
		b.tokens--
		return r, after, true
	}
}

// TestMTUSeldom: a host that has no answers left is not taken for one that large packets do not come to, and where they
// do not, the size is found all the same.
func TestMTUSeldom(t *testing.T) {
	for _, burst := range []float64{6, 4, 3} {
		s := &simulation{}
		s.answer = seldom(s, burst, narrowLine(6, nil))
		if found, _ := findMTU(t, s); found.Hole != nil || found.Size != 1500 || found.To != 6 {
			t.Errorf("burst %v, nothing is narrow: %+v, hole %+v", burst, found, found.Hole)
		}
		s = &simulation{}
		s.answer = seldom(s, burst, narrowLine(6, map[int]bound{4: {mtu: 1400, says: true}}))
		if found, _ := findMTU(t, s); found.Hole != nil || found.Size != 1400 || len(found.Steps) != 1 {
			t.Errorf("burst %v, a step: %+v, hole %+v", burst, found, found.Hole)
		}
		s = &simulation{}
		s.answer = seldom(s, burst, narrowLine(6, map[int]bound{4: {mtu: 1311}}))
		found, took := findMTU(t, s)
		if found.Size != 1311 || found.Hole == nil || *found.Hole != (Hole{Before: 4, After: 3, Size: 1312}) {
			t.Errorf("burst %v, a hole: %+v, hole %+v", burst, found, found.Hole)
		}
		if took > time.Minute {
			t.Errorf("burst %v, a hole: %v", burst, took)
		}
	}
}
