package ledger

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// naive keeps every arrival and computes the accounts from their definitions.
type naive struct {
	order  []uint64 // first copies in order of arrival
	seen   map[uint64]bool
	dup    uint64
	extent []uint64
}

func (n *naive) receive(seq uint64) {
	if n.seen[seq] {
		n.dup++
		return
	}
	n.seen[seq] = true
	if j := slices.IndexFunc(n.order, func(s uint64) bool { return s > seq }); j >= 0 {
		n.extent = append(n.extent, uint64(len(n.order)-j))
	}
	n.order = append(n.order, seq)
}

func (n *naive) counts(told uint64) Counts {
	var c Counts
	next := uint64(0)
	for s := range n.seen {
		next = max(next, s+1)
	}
	c.Sent = max(next, told)
	c.Unique = uint64(len(n.seen))
	c.Duplicate = n.dup
	c.Received = c.Unique + c.Duplicate
	c.Reordered = uint64(len(n.extent))
	for _, e := range n.extent {
		c.Extent.add(e)
	}
	run := uint64(0)
	for s := range c.Sent {
		if n.seen[s] {
			if run > 0 {
				c.LossRuns.add(run)
			}
			run = 0
			continue
		}
		c.Lost++
		run++
		if s >= next {
			c.Tail++
		}
	}
	if run > 0 {
		c.LossRuns.add(run)
	}
	return c
}

// flow makes arrivals out of n numbers: lost, duplicated and displaced.
func flow(r *rand.Rand, n int) []uint64 {
	type arrival struct {
		seq uint64
		at  float64
	}
	var all []arrival
	loss, dup, spread := r.Float64()*0.4, r.Float64()*0.2, r.Float64()*20
	burst := 0
	for s := range n {
		if burst > 0 {
			burst--
			continue
		}
		if r.Float64() < loss/10 {
			burst = r.IntN(100)
		}
		if r.Float64() < loss {
			continue
		}
		copies := 1
		for r.Float64() < dup {
			copies++
		}
		for range copies {
			at := float64(s)
			if r.IntN(4) == 0 {
				at += r.Float64() * spread
			}
			all = append(all, arrival{uint64(s), at})
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	seqs := make([]uint64, len(all))
	for i, a := range all {
		seqs[i] = a.seq
	}
	return seqs
}

func TestAgainstNaiveModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(1500)
		l := New([]int{64, 128, 256, 4096}[r.IntN(4)])
		model := &naive{seen: map[uint64]bool{}}
		for i, seq := range flow(r, n) {
			l.Receive(seq)
			model.receive(seq)
			if i%97 == 0 {
				if diff := cmp.Diff(model.counts(0), l.Counts()); diff != "" {
					t.Fatalf("seed %d after %d arrivals (-model +ledger):\n%s", seed, i+1, diff)
				}
			}
		}
		l.Tell(uint64(n))
		got := l.Counts()
		if diff := cmp.Diff(model.counts(uint64(n)), got); diff != "" {
			t.Fatalf("seed %d (-model +ledger):\n%s", seed, diff)
		}
		if got.Sent != got.Unique+got.Lost {
			t.Fatalf("seed %d: sent %d is not unique %d + lost %d", seed, got.Sent, got.Unique, got.Lost)
		}
		var missing uint64
		l.Missing(uint64(n), func(seq uint64) bool {
			if model.seen[seq] {
				t.Fatalf("seed %d: %d is called missing", seed, seq)
			}
			missing++
			return true
		})
		if n <= 64 && missing != got.Lost {
			t.Fatalf("seed %d: %d missing, %d lost", seed, missing, got.Lost)
		}
	}
}

func TestLateIsNeitherUniqueNorDuplicate(t *testing.T) {
	l := New(64)
	l.Receive(0)
	l.Receive(500)
	if v := l.Receive(1); v != Late {
		t.Errorf("a number 499 below the highest with a window of 64 is %v, want late", v)
	}
	if v := l.Receive(0); v != Late {
		t.Errorf("a second copy below the window is %v, want late", v)
	}
	c := l.Counts()
	if c.Late != 2 || c.Unique != 2 || c.Duplicate != 0 || c.Received != 4 || c.Lost != 499 {
		t.Errorf("got %+v", c)
	}
}

func TestTailLossShowsWhileRunning(t *testing.T) {
	l := New(0)
	for seq := range uint64(10) {
		l.Receive(seq)
	}
	if c := l.Counts(); c.Lost != 0 {
		t.Errorf("lost %d before the sender spoke", c.Lost)
	}
	l.Tell(25)
	l.Tell(20) // an older statement that was overtaken
	if c := l.Counts(); c.Lost != 15 || c.Tail != 15 || c.LossRuns.Max != 15 {
		t.Errorf("lost %d, tail %d, longest run %d, want 15 each", c.Lost, c.Tail, c.LossRuns.Max)
	}
	l.Receive(24)
	if c := l.Counts(); c.Lost != 14 || c.Tail != 0 {
		t.Errorf("after the last one came: lost %d, tail %d, want 14 and 0", c.Lost, c.Tail)
	}
}

func TestHostileNumbers(t *testing.T) {
	l := New(128)
	l.Receive(5)
	if v := l.Receive(1<<63 + 7); v != Refused {
		t.Errorf("a number beyond reason is %v, want refused", v)
	}
	l.Receive(1 << 61) // a jump must cost no more than the window
	l.Receive(1<<61 + 1000)
	c := l.Counts()
	if c.Corrupt != 1 || c.Unique != 3 || c.Sent != 1<<61+1001 || c.Sent != c.Unique+c.Lost {
		t.Errorf("got %+v", c)
	}
}

func TestReorderingExtentRFC4737(t *testing.T) {
	// RFC 4737 section 4.2.2 counts back to the first arrival above: 4 comes after 5, 6 and 7.
	l := New(0)
	var got []Verdict
	for _, seq := range []uint64{0, 1, 2, 3, 5, 6, 7, 4, 8, 10, 9} {
		got = append(got, l.Receive(seq))
	}
	if got[7] != Reordered || got[10] != Reordered {
		t.Fatalf("verdicts %v", got)
	}
	if c := l.Counts(); c.Reordered != 2 || c.Extent.Max != 3 || c.Extent.Sum != 4 {
		t.Errorf("got %d reordered, extents %+v, want 2 with extents 3 and 1", c.Reordered, c.Extent)
	}
}

func TestReceiveAllocatesNothing(t *testing.T) {
	l := New(1024)
	seq := uint64(0)
	allocs := testing.AllocsPerRun(1000, func() {
		for range 10 {
			l.Receive(seq)
			seq += 3
			l.Receive(seq - 1)
		}
		l.Tell(seq)
		_ = l.Counts()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzLedger(f *testing.F) {
	f.Add([]byte{0, 1, 2, 2, 9, 5}, uint16(12))
	f.Fuzz(func(t *testing.T, steps []byte, told uint16) {
		l := New(64)
		seq := uint64(0)
		for _, s := range steps {
			if s >= 250 {
				seq += uint64(s) << 40
			} else {
				seq = max(seq+uint64(s), 120) - 120
			}
			l.Receive(seq)
		}
		l.Tell(uint64(told))
		c := l.Counts()
		if c.Sent != c.Unique+c.Lost || c.Received != c.Unique+c.Duplicate+c.Late || c.Tail > c.Lost ||
			c.LossRuns.Sum != c.Lost || c.Extent.Count != c.Reordered || c.Received+c.Corrupt != uint64(len(steps)) {
			t.Fatalf("accounts do not add up: %+v", c)
		}
	})
}

func BenchmarkReceive(b *testing.B) {
	l := New(0)
	for i := range b.N {
		l.Receive(uint64(i))
	}
}

// The zero Ledger is one with the usual window, wherever its numbers begin.
func TestZeroLedgerIsReady(t *testing.T) {
	for _, first := range []uint64{0, 5, DefaultWindow + 63, DefaultWindow + 64, 1 << 40} {
		zero, usual := new(Ledger), New(0)
		for _, l := range []*Ledger{zero, usual} {
			if c := l.Counts(); c != (Counts{}) {
				t.Errorf("before anything: %+v", c)
			}
			l.Missing(3, func(uint64) bool { return true })
			for _, seq := range []uint64{first, first + 2, first + 1, first + 2} {
				l.Receive(seq)
			}
			l.Tell(first + 9)
		}
		if a, b := zero.Counts(), usual.Counts(); a != b {
			t.Errorf("from %d: %+v, not %+v", first, a, b)
		}
	}
}
