package trace

import (
	"context"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/probe"
)

// simulation is a network in which time is a number: answer says what becomes of a probe and after how long.
type simulation struct {
	clock   time.Duration
	answer  func(n uint64, p *Probe) (r Reply, after time.Duration, ok bool)
	coming  []arrival // in order of time
	sent    []Probe
	sentAt  []time.Duration
	refused func(p *Probe) syscall.Errno
}

func (s *simulation) now() time.Duration { return s.clock }

func (s *simulation) send(n uint64, p *Probe) syscall.Errno {
	if s.refused != nil {
		if errno := s.refused(p); errno != 0 {
			return errno
		}
	}
	s.sent, s.sentAt = append(s.sent, *p), append(s.sentAt, s.clock)
	if r, after, ok := s.answer(n, p); ok {
		r.RTT = after
		a := arrival{n: n, at: s.clock + after, reply: r}
		i, _ := slices.BinarySearchFunc(s.coming, a, func(x, y arrival) int { return int(x.at - y.at) })
		for i < len(s.coming) && s.coming[i].at == a.at {
			i++
		}
		s.coming = slices.Insert(s.coming, i, a)
	}
	return 0
}

func (s *simulation) flush() {}

func (s *simulation) cause(uint64) probe.Cause { return probe.Unanswered }

func (s *simulation) receive(ctx context.Context, idle, until time.Duration) error {
	if len(s.coming) > 0 && s.coming[0].at < until {
		until = max(idle, s.coming[0].at)
	}
	s.clock = max(s.clock, until)
	return nil
}

func (s *simulation) next(a *arrival) bool {
	if len(s.coming) == 0 || s.coming[0].at > s.clock {
		return false
	}
	*a, s.coming = s.coming[0], s.coming[1:]
	return true
}

func (s *simulation) wake() {}
func (s *simulation) local(netip.Addr) Local {
	return Local{Interface: "sim0", MTU: 1500, Believed: 1500}
}
func (s *simulation) limits() []string { return nil }
func (s *simulation) close() error     { return nil }

// line is a path of so many hops, each half a trip's share away; silent hops do not answer.
func line(hops int, trip time.Duration, silent func(ttl int) bool) func(uint64, *Probe) (Reply, time.Duration, bool) {
	return func(_ uint64, p *Probe) (r Reply, after time.Duration, ok bool) {
		ttl := min(int(p.TTL), hops)
		if silent != nil && silent(ttl) {
			return r, 0, false
		}
		r = Reply{Kind: Exceeded, From: netip.AddrFrom4([4]byte{192, 0, 2, byte(ttl)}), QuotedTTL: 1}
		if ttl == hops {
			r.Kind, r.From = Reached, p.Target
		}
		return r, trip * time.Duration(ttl) / time.Duration(hops), true
	}
}

// simulate traces to targets in a simulation and returns the replies and how long it took.
func simulate(t *testing.T, tracer Tracer, s *simulation, targets ...netip.Addr) ([]Reply, time.Duration) {
	t.Helper()
	c, err := tracer.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	session := &Session{tracer: c, network: s, runner: newRunner(&c, s)}
	var replies []Reply
	for r, err := range session.Trace(context.Background(), slices.Values(targets)) {
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, r)
	}
	return replies, s.clock
}

var simTarget = netip.MustParseAddr("198.51.100.7")

// TestAllHopsAtOnce: a path of 20 hops takes little more than one round trip, and few probes go beyond the target.
func TestAllHopsAtOnce(t *testing.T) {
	const trip = 100 * time.Millisecond
	s := &simulation{answer: line(20, trip, nil)}
	replies, took := simulate(t, Tracer{}, s, simTarget)
	if took > trip*12/10 {
		t.Errorf("%v for a round trip of %v", took, trip)
	}
	got := make([]int, 21)
	for _, r := range replies {
		if r.Outcome == probe.Answered {
			got[min(r.TTL, 20)]++
		}
	}
	for ttl := 1; ttl <= 20; ttl++ {
		if got[ttl] < 3 {
			t.Errorf("%d answers at TTL %d", got[ttl], ttl)
		}
	}
	if len(s.sent) > 90 {
		t.Errorf("%d probes", len(s.sent))
	}
}

// TestFewBeyond: at a rate at which the target answers before all TTLs were asked, no more go beyond it.
func TestFewBeyond(t *testing.T) {
	s := &simulation{answer: line(5, 4*time.Millisecond, nil)}
	simulate(t, Tracer{Rate: 1000}, s, simTarget)
	beyond := 0
	for _, p := range s.sent {
		if p.TTL > 5 {
			beyond++
		}
	}
	if beyond > 6 || len(s.sent) > 21 {
		t.Errorf("%d probes, %d beyond the target", len(s.sent), beyond)
	}
}

// TestManyTargets: with many targets the rate is what bounds the time, and next to no probe is wasted.
func TestManyTargets(t *testing.T) {
	var targets []netip.Addr
	for i := range 1000 {
		targets = append(targets, netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}))
	}
	s := &simulation{answer: line(10, 20*time.Millisecond, nil)}
	replies, took := simulate(t, Tracer{Rate: 10000}, s, targets...)
	if len(s.sent) > 30500 || took > 3150*time.Millisecond {
		t.Errorf("%d probes in %v", len(s.sent), took)
	}
	got := map[netip.Addr]int{}
	for _, r := range replies {
		if r.Outcome == probe.Answered {
			got[r.Target]++
		}
	}
	for _, a := range targets {
		if got[a] < 30 {
			t.Fatalf("%v: %d answers", a, got[a])
		}
	}
}

// TestFewAtOnce: a target is begun when none of those before it has a hop to be asked that is known to be there: so few
// are open at once, however many there are, and what is known of them needs little memory.
func TestFewAtOnce(t *testing.T) {
	var targets []netip.Addr
	for i := range 500 {
		targets = append(targets, netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}))
	}
	open, most := map[netip.Addr]int{}, 0
	plain := line(10, 5*time.Millisecond, nil)
	s := &simulation{answer: func(n uint64, p *Probe) (Reply, time.Duration, bool) {
		if open[p.Target]++; open[p.Target] == 10 {
			delete(open, p.Target)
		}
		most = max(most, len(open))
		return plain(n, p)
	}}
	simulate(t, Tracer{Rate: 10000, Probes: 1}, s, targets...)
	if len(s.sent) > 10*len(targets)+200 || most > 100 { // 5 ms of probes are 50; those at the end look ahead
		t.Errorf("%d probes, %d targets open at once", len(s.sent), most)
	}
}

// TestNoneBeyond: of many targets that answer at once none is asked beyond itself, not at the end of the list either;
// and a hop that stays silent holds them up for milliseconds only.
func TestNoneBeyond(t *testing.T) {
	var targets []netip.Addr
	for i := range 300 {
		targets = append(targets, netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}))
	}
	for name, silent := range map[string]func(int) bool{"all answer": nil, "one is silent": func(ttl int) bool { return ttl == 4 }} {
		s := &simulation{answer: line(10, 500*time.Microsecond, silent)}
		_, took := simulate(t, Tracer{Rate: 10000, Probes: 1}, s, targets...)
		beyond := 0
		for _, p := range s.sent {
			if p.TTL > 10 {
				beyond++
			}
		}
		last := s.sentAt[len(s.sentAt)-1]
		if beyond > 0 || last > 350*time.Millisecond || took > last+leastWait+50*time.Millisecond {
			t.Errorf("%s: %d probes, %d beyond their targets, the last after %v, over after %v", name, len(s.sent), beyond, last, took)
		}
	}
}

// TestSilent: silent hops cost one wait, and not a full one where a hop behind them answers.
func TestSilent(t *testing.T) {
	const trip = 50 * time.Millisecond
	s := &simulation{answer: line(30, trip, func(ttl int) bool { return ttl%3 == 0 && ttl < 30 })}
	if replies, took := simulate(t, Tracer{}, s, simTarget); took > trip+leastWait+30*time.Millisecond {
		t.Errorf("silent hops before one that answers: %v, %d replies", took, len(replies))
	}
	s = &simulation{answer: line(30, trip, func(ttl int) bool { return ttl > 7 })}
	if _, took := simulate(t, Tracer{}, s, simTarget); took > 2*time.Second {
		t.Errorf("silent from hop 8 on: %v", took)
	}
	s = &simulation{answer: line(30, trip, func(ttl int) bool { return ttl > 7 })}
	if _, took := simulate(t, Tracer{Gap: 4, Rate: 100}, s, simTarget); took > 900*time.Millisecond+DefaultWait {
		t.Errorf("silent from hop 8 on, with a gap of 4 at 100/s: %v", took)
	}
	for _, p := range s.sent {
		if p.TTL > 30 {
			t.Errorf("TTL %d", p.TTL)
		}
	}
}

// TestLate: an answer after the probe was given up revises it.
func TestLate(t *testing.T) {
	s := &simulation{answer: func(n uint64, p *Probe) (Reply, time.Duration, bool) {
		r, after, _ := line(3, 3*time.Millisecond, nil)(n, p)
		if p.TTL == 2 {
			after = 400 * time.Millisecond
		}
		return r, after, p.TTL < 3 || n%2 == 0
	}}
	replies, _ := simulate(t, Tracer{Last: 3, Probes: 5}, s, simTarget)
	ends := map[uint64][]probe.Outcome{}
	for _, r := range replies {
		ends[r.N] = append(ends[r.N], r.Outcome)
		if r.Revised != (r.Outcome == probe.Late && len(ends[r.N]) == 2) {
			t.Errorf("%v, revised %v", ends[r.N], r.Revised)
		}
	}
	late := 0
	for n, e := range ends {
		if len(e) > 2 || len(e) == 2 && (e[0] != probe.Lost || e[1] != probe.Late) {
			t.Errorf("probe %d: %v", n, e)
		}
		late += len(e) - 1
	}
	if late == 0 {
		t.Error("nothing came late")
	}
}

// TestLoop: a way that goes round ends the trace, and the reply that shows it says so. A router that answers twice in a
// row, as one that does not count a hop does, is no loop.
func TestLoop(t *testing.T) {
	for round := 2; round <= 4; round++ {
		s := &simulation{answer: func(_ uint64, p *Probe) (Reply, time.Duration, bool) {
			ttl := int(p.TTL)
			if ttl > 5 {
				ttl = 6 + (ttl-6)%round
			}
			return Reply{Kind: Exceeded, From: netip.AddrFrom4([4]byte{192, 0, 2, byte(ttl)}), QuotedTTL: 1}, time.Millisecond * time.Duration(p.TTL), true
		}}
		replies, took := simulate(t, Tracer{Rate: 500}, s, simTarget)
		loops := 0
		for _, r := range replies {
			if r.Loop != 0 {
				if loops++; r.Loop != round {
					t.Errorf("round in %d, want %d", r.Loop, round)
				}
			}
		}
		if loops != 1 || len(s.sent) > 3*(6+2*round+6) || took > time.Second {
			t.Errorf("%d loops, %d probes, %v", loops, len(s.sent), took)
		}
	}
	s := &simulation{answer: func(n uint64, p *Probe) (Reply, time.Duration, bool) {
		q := *p
		if q.TTL >= 3 {
			q.TTL -= (q.TTL - 1) / 2
		}
		return line(8, 8*time.Millisecond, nil)(n, &q)
	}}
	replies, _ := simulate(t, Tracer{}, s, simTarget)
	for _, r := range replies {
		if r.Loop != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// TestSeldom: a target that sends six errors at once and then one a second, as Linux does, still answers all probes
// that just reach it.
func TestSeldom(t *testing.T) {
	tokens := 6
	plain := line(10, 30*time.Millisecond, nil)
	s := &simulation{answer: func(n uint64, p *Probe) (Reply, time.Duration, bool) {
		r, after, ok := plain(n, p)
		if r.Kind == Reached {
			tokens--
			ok = tokens >= 0
		}
		return r, after, ok
	}}
	got := 0
	replies, _ := simulate(t, Tracer{}, s, simTarget)
	for _, r := range replies {
		if r.TTL == 10 && r.Outcome == probe.Answered {
			got++
		}
	}
	if got != 3 {
		t.Errorf("%d answers", got)
	}
}

// TestBack: how far an answer came is guessed from the TTL it has left.
func TestBack(t *testing.T) {
	for ttl, want := range map[uint8]int{0: 0, 64: 1, 60: 5, 255: 1, 250: 6, 128: 1, 120: 9, 30: 3, 65: 64} {
		r := Reply{ReplyTTL: ttl}
		if got := r.Back(); got != want {
			t.Errorf("%d: %d, want %d", ttl, got, want)
		}
	}
}

// TestNumbers: a session goes on when its numbers have gone round, and uses none whose low half is 0.
func TestNumbers(t *testing.T) {
	s := &simulation{answer: line(3, time.Millisecond, nil)}
	c, err := (&Tracer{Last: 3, Rate: 1e6}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r := newRunner(&c, s)
	r.last = 1<<16 - 5
	r.first = r.last + 1
	session := &Session{tracer: c, network: s, runner: r}
	answered := 0
	for reply, err := range session.Trace(context.Background(), slices.Values([]netip.Addr{simTarget})) {
		if err != nil {
			t.Fatal(err)
		}
		if uint16(reply.N) == 0 {
			t.Errorf("probe %d", reply.N)
		}
		if reply.Outcome == probe.Answered {
			answered++
		}
	}
	if answered != 9 {
		t.Errorf("%d answers", answered)
	}
}

// TestFast: a rate of many thousands a second is kept: what is due is sent in as many batches as it takes.
func TestFast(t *testing.T) {
	for _, rate := range []float64{2000, 20000, 200000} {
		s := &simulation{answer: line(20, 20*time.Millisecond, nil)}
		simulate(t, Tracer{Probes: 1000, First: 20, Last: 20, Rate: rate}, s, simTarget)
		took := s.sentAt[len(s.sentAt)-1].Seconds()
		if got := float64(len(s.sentAt)) / took; got < rate*0.8 {
			t.Errorf("%.0f a second, want %.0f", got, rate)
		}
	}
}
