package trace

import (
	"net/netip"
	"time"

	"sockwire/raw/probe"
)

// Local is what this host knows of the way to a target before anything is sent.
type Local struct {
	Interface string
	MTU       int // of the interface, bytes
	Believed  int // the path MTU that the kernel holds to: that of the interface or the route, or what it was told of late
	NextHop   netip.Addr
}

// MTU is the path MTU to a target, as large probes that must not be fragmented found it.
type MTU struct {
	Local
	Size int // the largest IP packet that passes, bytes; 0 if even the probes' least does not
	To   int // TTL that it holds to: the target's distance, or that of the farthest hop that answers
	// Reached says that To is the target.
	Reached bool
	// Steps are the links that a router said are too small, in the order of the path. The last is the one that sets the
	// MTU, unless there is a hole.
	Steps []MTUStep
	// Hole is where large packets vanish without a word; nil if they do not. Size was then found by trying sizes (RFC
	// 8899), as it is where a router tells no MTU.
	Hole *Hole
}

// MTUStep is a router that said that packets were too large for its next link.
type MTUStep struct {
	TTL  int // of the hop behind that link
	From netip.Addr
	MTU  int // that it tells; 0 if it tells none, as routers before RFC 1191
}

// Hole is a black hole: small packets pass, large ones vanish.
type Hole struct {
	Before int // TTL of the first hop that large packets do not come to
	After  int // TTL of the last that they do; 0 is this host
	Size   int // the smallest that was seen to vanish, bytes
}

const (
	mtuTries  = 3  // of a size at a hop, until it is said to vanish
	mtuWidth  = 15 // sizes tried at once
	mtuRounds = 32 // at most: a network whose answers contradict each other ends
	// Hosts and routers send only so many errors: Linux six at once, then one a second. Where nothing comes, a large
	// probe and a small one behind it tell what is silent from what is too large, each pair that much later than the
	// one before.
	mtuPause = 1200 * time.Millisecond

	smallTag = 1 << 15 // of the small one of a pair
	mtuTag   = 1 << 31 // in Probe.Tag: of a large probe
)

// mtuSearch finds the path MTU of a target: probes of one size go to all hops at once; where a router says that they
// are too large, they go on with what it tells; where they vanish, many sizes go to the last hop.
type mtuSearch struct {
	found  MTU
	hears  []bool // by TTL: the hop answers small probes
	last   int    // the farthest hop that does
	from   int    // hops before are known to get probes of size
	size   int
	least  int // size that is known to pass: that of small probes
	rounds int

	tries  []try // of this round
	narrow bool  // the sizes differ, and all go to last
	paired bool  // each large probe is followed by a small one
	slow   bool  // the last hop answers seldom: sizes are tried one at a time, in pairs
	verify bool  // the smallest size that does not pass is tried again
	top    int   // the size that the search began below
	over   bool
}

// try is one size at one hop.
type try struct {
	ttl, size        int
	sent, open       int
	passed, reported bool // an answer came; a router said that it is too large
	mtu              int
	from             netip.Addr

	// Of a pair.
	small, smallOpen int           // small probes sent, and on their way
	heard            int           // small ones that were answered
	due              time.Duration // of the next pair
}

// wanted tells whether it is to be sent now: one after the other, but where sizes are searched, when each wait costs,
// at once.
func (t *try) wanted(atOnce bool) bool {
	return !t.passed && !t.reported && t.sent < mtuTries && (atOnce || t.open == 0)
}

// decided tells whether all is known of it that will be.
func (t *try) decided(paired bool) bool {
	if paired {
		return t.passed || t.reported || t.open == 0 && t.smallOpen == 0 && t.small == t.sent && (t.heard >= 2 || t.sent >= mtuTries)
	}
	return t.passed || t.reported || t.sent >= mtuTries && t.open == 0
}

// vanished tells whether large probes vanish there, and small ones do not.
func (t *try) vanished() bool { return !t.passed && !t.reported && t.heard > 0 }

// newMTUSearch begins a search to the farthest hop that hears; least is the size of small probes.
func newMTUSearch(local Local, hears []bool, reached bool, least int) *mtuSearch {
	s := &mtuSearch{found: MTU{Local: local, Reached: reached}, hears: hears, from: 1, size: min(local.MTU, 65535), least: least}
	for ttl := range hears {
		if hears[ttl] {
			s.last = ttl
		}
	}
	s.found.To = s.last
	if s.last == 0 || s.size <= least {
		s.finish(0)
		return s
	}
	s.walk()
	return s
}

func (s *mtuSearch) finish(size int) {
	s.found.Size, s.over, s.tries = size, true, nil
}

// walk begins a round of one size at all hops that are not known to get it.
func (s *mtuSearch) walk() {
	s.begin(false)
	for ttl := s.from; ttl <= s.last; ttl++ {
		if s.hears[ttl] {
			s.tries = append(s.tries, try{ttl: ttl, size: s.size})
		}
	}
}

// search begins a round of sizes between one that passes and one that does not. The last probe of it is a small one:
// only if that is answered does the silence of the others say something.
func (s *mtuSearch) search() {
	s.begin(true)
	s.top = max(s.top, s.size)
	low, high := s.least, s.size
	if high-low <= 1 { // once more what seemed to vanish: where packets are lost, it may have been that
		s.verify, s.paired = true, true
		s.tries = append(s.tries, try{ttl: s.last, size: high})
		return
	}
	if s.slow {
		s.paired = true
		s.tries = append(s.tries, try{ttl: s.last, size: (low + high) / 2})
		return
	}
	n := min(mtuWidth, high-low-1)
	for i := range n {
		s.tries = append(s.tries, try{ttl: s.last, size: low + (high-low)*(i+1)/(n+1)})
	}
	s.tries = append(s.tries, try{ttl: s.last, size: low})
}

// pair begins a round of pairs at the hops that large probes had no answer from.
func (s *mtuSearch) pair(passed int) {
	s.begin(false)
	s.paired = true
	for ttl := passed + 1; ttl <= s.last; ttl++ {
		if s.hears[ttl] {
			s.tries = append(s.tries, try{ttl: ttl, size: s.size})
		}
	}
}

func (s *mtuSearch) begin(narrow bool) {
	s.tries, s.narrow, s.paired = s.tries[:0], narrow, false
	if s.rounds++; s.rounds > mtuRounds {
		s.finish(s.least)
	}
}

// next returns a probe to be sent at a time; ok is false if there is none.
func (s *mtuSearch) next(now time.Duration) (ttl, size int, tag uint32, ok bool) {
	for i := range s.tries {
		t := &s.tries[i]
		tag := mtuTag | uint32(s.rounds<<16|i)
		switch {
		case !s.paired:
			if t.wanted(s.narrow) {
				t.sent++
				t.open++
				return t.ttl, t.size, tag, true
			}
		case t.decided(true):
		case t.small < t.sent:
			t.small++
			t.smallOpen++
			return t.ttl, 0, tag | smallTag, true
		case t.open > 0 || t.smallOpen > 0:
		case now < t.due:
		default:
			t.sent++
			t.open++
			if t.due = now + mtuPause; t.sent == 1 {
				t.due = 0 // where both are answered, nothing needs to wait
			}
			return t.ttl, t.size, tag, true
		}
	}
	return 0, 0, 0, false
}

// wants tells whether there is a probe to be sent at a time, and otherwise when there is; 0 is when an answer has come.
func (s *mtuSearch) wants(now time.Duration) (ready bool, wake time.Duration) {
	for i := range s.tries {
		t := &s.tries[i]
		switch {
		case !s.paired:
			ready = ready || t.wanted(s.narrow)
		case t.decided(true):
		case t.small < t.sent:
			ready = true
		case t.open > 0 || t.smallOpen > 0:
		case now < t.due:
			if wake == 0 || t.due < wake {
				wake = t.due
			}
		default:
			ready = true
		}
	}
	return ready, wake
}

// take learns of the fate of a probe.
func (s *mtuSearch) take(r *Reply) {
	i := int(r.Tag & (smallTag - 1))
	if int(r.Tag&^mtuTag)>>16 != s.rounds || i >= len(s.tries) || r.Duplicate {
		return
	}
	t := &s.tries[i]
	answered := r.Outcome == probe.Answered || r.Outcome == probe.Late
	if r.Tag&smallTag != 0 {
		if !r.Revised {
			t.smallOpen--
		}
		if answered {
			t.heard++
		}
	} else {
		if !r.Revised {
			t.open--
		}
		switch {
		case r.Outcome == probe.Lost && r.Cause == probe.SendFailed:
			t.reported, t.mtu, t.sent, t.small = true, r.MTU, mtuTries, mtuTries
		case !answered:
		case r.Kind == TooBig:
			t.reported, t.mtu, t.from = true, r.MTU, r.From
		default:
			t.passed = true
		}
	}
	for i := range s.tries {
		if !s.tries[i].decided(s.paired) {
			return
		}
	}
	switch {
	case s.narrow:
		s.narrowed()
	case s.paired:
		s.compared()
	default:
		s.walked()
	}
}

// walked looks at what became of one size at all hops.
func (s *mtuSearch) walked() {
	passed := s.from - 1 // the last hop that got it
	for i := range s.tries {
		if t := &s.tries[i]; t.passed {
			passed = max(passed, t.ttl)
		}
	}
	for i := range s.tries {
		if t := &s.tries[i]; t.reported && t.ttl > passed {
			s.step(t)
			return
		}
	}
	if passed == s.last {
		s.finish(s.size)
		return
	}
	s.pair(passed)
}

// compared looks at what became of pairs: a hop that answers neither is not judged by.
func (s *mtuSearch) compared() {
	passed, before, step := s.tries[0].ttl-1, 0, (*try)(nil)
	for passed > 0 && !s.hears[passed] {
		passed--
	}
	for i := range s.tries {
		t := &s.tries[i]
		switch {
		case t.passed:
			passed, before, step = t.ttl, 0, nil
		case t.reported:
			if step == nil {
				step = t
			}
		case t.vanished():
			if before == 0 {
				before = t.ttl
			}
			if t.heard < t.sent {
				s.slow = true
			}
		default:
			s.hears[t.ttl] = false
		}
	}
	for s.last > 0 && !s.hears[s.last] {
		s.last--
		s.found.Reached = false
	}
	s.found.To = s.last
	switch {
	case step != nil:
		s.step(step)
	case before > 0:
		s.found.Hole = &Hole{Before: before, After: passed, Size: s.size}
		s.search()
	default:
		s.finish(s.size)
	}
}

// step goes on with what a router, or this host, told.
func (s *mtuSearch) step(t *try) {
	if t.from.IsValid() {
		s.found.Steps = append(s.found.Steps, MTUStep{TTL: t.ttl, From: t.from, MTU: t.mtu})
	}
	next := t.mtu
	if next <= 0 || next >= s.size { // it tells nothing, or nothing new
		s.search()
		return
	}
	if next <= s.least {
		s.finish(s.least)
		return
	}
	s.size, s.from = next, t.ttl
	s.walk()
}

// narrowed looks at which of many sizes came through.
func (s *mtuSearch) narrowed() {
	if s.verify {
		s.verify = false
		t := &s.tries[0]
		if !t.passed || t.size >= s.top {
			s.finish(s.least)
			return
		}
		s.least, s.size = t.size, s.top
		if s.found.Hole != nil {
			s.found.Hole.Size = s.top
		}
		s.search()
		return
	}
	reliable := s.slow || s.tries[len(s.tries)-1].passed
	for i := range s.tries {
		if t := &s.tries[i]; t.passed {
			s.least = max(s.least, t.size)
		}
	}
	unknown := false
	for i := range s.tries {
		t := &s.tries[i]
		switch {
		case t.passed || t.size <= s.least:
		case s.slow && !t.reported && t.heard == 0:
			unknown = true
		case t.reported || reliable:
			if s.size = min(s.size, t.size); !t.reported && s.found.Hole != nil {
				s.found.Hole.Size = min(s.found.Hole.Size, t.size)
			}
		}
	}
	if unknown { // it answers nothing any more: what is known is all there is
		s.finish(s.least)
		return
	}
	s.slow = s.slow || !reliable
	s.search()
}
