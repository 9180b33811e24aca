package trace

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"sockwire/raw/probe"
)

// walk runs a strategy over a path that it has no network for: answer says what becomes of each probe. Time is a
// number.
func walk(r *Rounds, until time.Duration, answer func(p Probe) Reply) (sent []Probe) {
	for now := time.Duration(0); now <= until && !r.Done(); {
		p, wake, ok := r.Next(now)
		if !ok {
			if wake <= now {
				wake = now + time.Millisecond
			}
			now = wake
			continue
		}
		sent = append(sent, p)
		reply := answer(p)
		reply.Probe = p
		if reply.Kind == Silent {
			reply.Outcome, reply.Cause = probe.Lost, probe.Unanswered
		} else {
			reply.Outcome = probe.Answered
		}
		r.Take(now, &reply)
	}
	return sent
}

// length answers for a path of so many hops.
func length(n int) func(Probe) Reply {
	return func(p Probe) Reply {
		if int(p.TTL) >= n {
			return Reply{Kind: Reached}
		}
		return Reply{Kind: Exceeded}
	}
}

func inRound(sent []Probe, round int) (ttls []int) {
	for _, p := range sent {
		if int(p.Tag) == round {
			ttls = append(ttls, int(p.TTL))
		}
	}
	return ttls
}

var roundTarget = []netip.Addr{netip.MustParseAddr("192.0.2.9")}

// TestRoundsEnding: when it is told to end, the round under way is the last, short ones to come or not.
func TestRoundsEnding(t *testing.T) {
	r := &Rounds{Targets: roundTarget, Last: 4}
	sent := walk(r, time.Minute, func(p Probe) Reply {
		if int(p.Tag) == 2 && p.TTL == 2 {
			r.Hurry(10)
			r.Ending.Store(true)
		}
		return length(4)(p)
	})
	if got := inRound(sent, 2); len(got) != 4 || len(sent) != 12 || !r.Done() || r.Whole() != 3 {
		t.Errorf("%d probes, of round 2 %v; done %v, %d whole", len(sent), got, r.Done(), r.Whole())
	}
}

// TestRounds: every hop once a round, and none behind the target, from the moment that its distance is known.
func TestRounds(t *testing.T) {
	r := &Rounds{Targets: roundTarget, Count: 3}
	sent := walk(r, time.Minute, length(4))
	for round := range 3 {
		if got := inRound(sent, round); !slices.Equal(got, []int{1, 2, 3, 4}) {
			t.Errorf("round %d: %v", round, got)
		}
	}
	if len(sent) != 12 || r.Whole() != 3 || !r.Done() {
		t.Errorf("%d sent, %d rounds whole", len(sent), r.Whole())
	}
}

// TestRoundsFollowThePath: a path that becomes longer or shorter is asked to its new end.
func TestRoundsFollowThePath(t *testing.T) {
	hops := 4
	r := &Rounds{Targets: roundTarget}
	walk(r, 3*time.Second, func(p Probe) Reply { return length(hops)(p) })
	hops = 7
	sent := walk(r, 9*time.Second, func(p Probe) Reply { return length(hops)(p) })
	if got := inRound(sent, 8); !slices.Equal(got, []int{1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("longer: %v", got)
	}
	hops = 2
	sent = walk(r, 12*time.Second, func(p Probe) Reply { return length(hops)(p) })
	if got := inRound(sent, 11); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("shorter: %v", got)
	}
}

// TestRoundsOfASilentTarget: behind the last hop that answers only a few are asked; the target that falls silent is
// asked on, and after a while what may be behind it.
func TestRoundsOfASilentTarget(t *testing.T) {
	silentFrom := 4
	answer := func(p Probe) Reply {
		if int(p.TTL) >= silentFrom {
			return Reply{}
		}
		return length(9)(p)
	}
	sent := walk(&Rounds{Targets: roundTarget}, 3*time.Second, answer)
	if got := inRound(sent, 0); len(got) != DefaultLast {
		t.Errorf("round 0: %v", got)
	}
	if got := inRound(sent, 2); len(got) != 3+beyondFar {
		t.Errorf("round 2: %v", got)
	}
	r := &Rounds{Targets: roundTarget}
	silentFrom = 99
	walk(r, 2*time.Second, answer)
	silentFrom = 9
	sent = walk(r, 10*time.Second, answer)
	if got := inRound(sent, 3); len(got) != 9 {
		t.Errorf("just silent: %v", got)
	}
	if got := inRound(sent, 9); len(got) != 9+beyondFar {
		t.Errorf("long silent: %v", got)
	}
}

// TestRoundsKeepTime: rounds begin an interval after each other, spread over it, and wait while they are paused.
func TestRoundsKeepTime(t *testing.T) {
	r := &Rounds{Targets: roundTarget, Last: 4, Interval: 400 * time.Millisecond}
	silent := Reply{Outcome: probe.Lost}
	for round := range 3 {
		start := time.Duration(round) * 400 * time.Millisecond
		for i := range 4 {
			due := start + time.Duration(i)*100*time.Millisecond
			if due > 0 {
				if _, wake, ok := r.Next(due - 1); ok || wake != due {
					t.Fatalf("round %d, probe %d: %v, %v", round, i, wake, ok)
				}
			}
			p, _, ok := r.Next(due)
			if !ok || int(p.TTL) != i+1 || int(p.Tag) != round {
				t.Fatalf("round %d, probe %d: %v, %v", round, i, p, ok)
			}
			if r.Whole() != round {
				t.Errorf("round %d: %d whole", round, r.Whole())
			}
			silent.Probe = p
			r.Take(due, &silent)
		}
	}
	r.Paused.Store(true)
	if _, wake, ok := r.Next(time.Minute); ok || wake <= time.Minute {
		t.Errorf("paused: %v, %v", wake, ok)
	}
	r.Paused.Store(false)
	if _, _, ok := r.Next(2 * time.Minute); !ok {
		t.Error("it does not go on")
	}
}

// TestRoundsHurry: short rounds are a tenth as long, and their replies say so.
func TestRoundsHurry(t *testing.T) {
	r := &Rounds{Targets: roundTarget, Last: 1, Interval: time.Second}
	var at []time.Duration
	var short []bool
	for now := time.Duration(0); now < 5*time.Second; {
		p, wake, ok := r.Next(now)
		if !ok {
			now = wake
			continue
		}
		round, quick := RoundOf(p.Tag)
		if round != len(at) {
			t.Fatalf("round %d is said to be %d", len(at), round)
		}
		at, short = append(at, now), append(short, quick)
		if round == 0 {
			r.Hurry(3)
		}
		r.Take(now, &Reply{Probe: p, Outcome: probe.Lost})
	}
	ms := time.Millisecond
	if want := []time.Duration{0, 1000 * ms, 1100 * ms, 1200 * ms, 1300 * ms, 2300 * ms, 3300 * ms, 4300 * ms}; !slices.Equal(at, want) {
		t.Errorf("rounds begin at %v, want %v", at, want)
	}
	if want := []bool{false, true, true, true, false, false, false, false}; !slices.Equal(short, want) {
		t.Errorf("short: %v", short)
	}
}
