// Package ledger accounts for every sequence number of a flow of datagrams: received once, lost,
// duplicated, reordered, late or corrupt, each counted apart, and it summarises delays.
//
// It is pure: no socket, no clock, no goroutine. Memory is constant, whatever the number of
// datagrams; recording one allocates nothing. The zero sequence number is the first.
//
// The words follow the RFCs: loss is that of RFC 7680, duplication that of RFC 5560, reordering and its
// extent those of RFC 4737, jitter that of RFC 3550 and delay variation (PDV) that of RFC 5481.
package ledger

import "math/bits"

// DefaultWindow is how many sequence numbers a Ledger remembers one by one unless told otherwise.
const DefaultWindow = 1<<20 - 64

// maxSequence bounds the numbers that are believed, so that sums never overflow.
const maxSequence = 1 << 62

// Verdict is what a Ledger says about one arrival.
type Verdict uint8

// Verdicts of Receive.
const (
	InOrder   Verdict = iota // first copy, above all numbers seen before
	Reordered                // first copy, below a number seen before (RFC 4737 section 3)
	Duplicate                // a further copy
	Late                     // below the window: given up already, and no telling whether it is a first copy
	Refused                  // a number no sender reaches; counted as corrupt
)

// String returns the verdict as one lower-case word.
func (v Verdict) String() string {
	return [...]string{"in order", "reordered", "duplicate", "late", "refused"}[v]
}

// Counts is the state of a flow's accounts. At every moment
//
//	Sent = Unique + Lost
//	Received = Unique + Duplicate + Late
type Counts struct {
	Sent      uint64 // numbers known to have been sent: told by the sender, or implied by the highest seen
	Received  uint64 // intact arrivals
	Unique    uint64 // numbers that arrived, counted once
	Lost      uint64 // numbers that did not arrive before they were given up, tail included
	Tail      uint64 // of Lost, those above the highest number seen
	Duplicate uint64 // further copies
	Reordered uint64 // of Unique, those that arrived after a higher number
	Late      uint64 // arrivals after their number was given up
	Corrupt   uint64 // arrivals that failed their digest; they belong to no number

	Extent   Sizes // of reordering, in arrivals (RFC 4737 section 4.2.2)
	LossRuns Sizes // of consecutive lost numbers
}

// Sizes summarises positive whole numbers.
type Sizes struct {
	Count uint64
	Sum   uint64
	Max   uint64
	// Log2[i] counts sizes of bit length i+1: 1, 2..3, 4..7 and so on. The last holds all above.
	Log2 [16]uint64
}

func (s *Sizes) add(n uint64) {
	s.Count++
	s.Sum += n
	s.Max = max(s.Max, n)
	s.Log2[min(bits.Len64(n), len(s.Log2))-1]++
}

// Ledger accounts for one flow on its receiving side. The zero value is ready, with a window of DefaultWindow; New
// makes one with another. It is not safe for concurrent use.
//
// It keeps one bit for each of the last numbers, its window. A number that leaves the window without
// having arrived is lost for good.
type Ledger struct {
	words  []uint64 // ring of bits, indexed by number
	base   uint64   // first number in the window, a multiple of 64
	next   uint64   // one past the highest number seen
	said   uint64   // how many the sender says it sent
	counts Counts   // Sent, Received, Lost and Tail are left to Counts
	runs   lossRuns // over the numbers below base
	highs  highs
}

// New returns an empty ledger that remembers at least the last window numbers. Zero or less means
// DefaultWindow, which takes 128 KiB.
func New(window int) *Ledger {
	if window <= 0 {
		window = DefaultWindow
	}
	n := 1 << bits.Len(uint(window)+62) // a word leaves whole, so up to 63 numbers go early
	return &Ledger{words: make([]uint64, n/64)}
}

func (l *Ledger) window() uint64 { return uint64(len(l.words)) * 64 }

func (l *Ledger) word(seq uint64) *uint64 { return &l.words[seq/64&uint64(len(l.words)-1)] }

// Receive records the arrival of an intact datagram and says what it was. It does not allocate, but for the first time
// on a zero Ledger.
func (l *Ledger) Receive(seq uint64) Verdict {
	bit := uint64(1) << (seq % 64)
	switch {
	case seq >= maxSequence:
		l.counts.Corrupt++
		return Refused
	case seq >= l.next:
		if seq >= l.base+l.window() {
			l.advance(seq)
		}
		*l.word(seq) |= bit
		l.highs.push(seq, l.counts.Unique)
		l.next = seq + 1
		l.counts.Unique++
		return InOrder
	case seq < l.base:
		l.counts.Late++
		return Late
	}
	w := l.word(seq)
	if *w&bit != 0 {
		l.counts.Duplicate++
		return Duplicate
	}
	*w |= bit
	l.counts.Extent.add(l.highs.extent(seq, l.counts.Unique))
	l.counts.Unique++
	l.counts.Reordered++
	return Reordered
}

// Corrupt records an arrival that failed its digest, so that its number cannot be believed.
func (l *Ledger) Corrupt() { l.counts.Corrupt++ }

// Tell records that the sender has sent n datagrams, the numbers 0 to n-1. It shows the loss of
// the last ones, which no later arrival shows. A smaller n than before is ignored.
func (l *Ledger) Tell(n uint64) { l.said = min(max(l.said, n), maxSequence) }

// Counts returns the accounts as they stand. Numbers that have not arrived yet count as lost; later
// arrivals take them back until they leave the window. It does not allocate.
func (l *Ledger) Counts() Counts {
	c := l.counts
	c.Sent = max(l.next, l.said)
	c.Received = c.Unique + c.Duplicate + c.Late
	c.Lost = c.Sent - c.Unique
	c.Tail = c.Sent - l.next

	runs := l.runs
	for n := l.base; n < l.next; n += 64 {
		runs.numbers(*l.word(n), min(64, l.next-n))
	}
	runs.open += c.Tail
	runs.close()
	c.LossRuns = runs.Sizes
	return c
}

// Missing calls yield for each number below n still in the window that has not arrived, in order, until
// yield returns false.
func (l *Ledger) Missing(n uint64, yield func(seq uint64) bool) {
	for seq := l.base; seq < n; seq++ {
		if seq < l.next && *l.word(seq)&(1<<(seq%64)) != 0 {
			continue
		}
		if !yield(seq) {
			return
		}
	}
}

// advance moves the window so that seq is in it, and settles the numbers that leave.
func (l *Ledger) advance(seq uint64) {
	if l.words == nil {
		l.words = New(0).words
		if seq < l.window() {
			return
		}
	}
	base := (seq - l.window() + 64) &^ 63
	steps := min((base-l.base)/64, uint64(len(l.words)))
	for range steps {
		w := l.word(l.base)
		l.runs.numbers(*w, 64)
		*w = 0
		l.base += 64
	}
	if base > l.base { // a jump over more than the whole window
		l.runs.open += base - l.base
		l.base = base
	}
}

// lossRuns cuts a row of arrived and lost numbers into runs of loss.
type lossRuns struct {
	Sizes
	open uint64 // length of the run that reaches the end of the row
}

func (r *lossRuns) close() {
	if r.open > 0 {
		r.add(r.open)
		r.open = 0
	}
}

// numbers extends the row by the n lowest bits of w, a set bit for an arrived number.
func (r *lossRuns) numbers(w, n uint64) {
	if w == 1<<n-1 { // all of them; 1<<64 is 0 in Go, so this holds for a full word too
		r.close()
		return
	}
	for n > 0 {
		if w&1 == 0 {
			k := min(uint64(bits.TrailingZeros64(w)), n)
			r.open += k
			w, n = w>>k, n-k
			continue
		}
		r.close()
		k := min(uint64(bits.TrailingZeros64(^w)), n)
		w, n = w>>k, n-k
	}
}

// highs remembers at which arrival each new highest number came, as runs in which number and arrival
// both step by one. A flow in order is a single run.
type highs struct {
	ring  [1024]highRun
	total uint64 // runs ever pushed; the last len(ring) of them are kept
}

type highRun struct{ seq, arrival, n uint64 }

func (h *highs) at(i uint64) *highRun { return &h.ring[i%uint64(len(h.ring))] }

func (h *highs) push(seq, arrival uint64) {
	if h.total > 0 {
		last := h.at(h.total - 1)
		if seq == last.seq+last.n && arrival == last.arrival+last.n {
			last.n++
			return
		}
	}
	*h.at(h.total) = highRun{seq, arrival, 1}
	h.total++
}

// extent is how many arrivals ago the first number above seq came. When that is beyond what is
// remembered, the oldest remembered arrival stands for it.
func (h *highs) extent(seq, arrival uint64) uint64 {
	low := h.total - min(h.total, uint64(len(h.ring)))
	high := h.total - 1 // this run ends above seq, or seq would not be reordered
	for low < high {
		mid := (low + high) / 2
		if r := h.at(mid); r.seq+r.n-1 > seq {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return arrival - h.at(low).arrival
}
