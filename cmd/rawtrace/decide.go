package main

import (
	"context"
	"net/netip"
	"time"

	"sockwire/raw/trace"
)

// decideEvery is a round of --decide: two probes a second are more seldom than any router limits its answers.
const decideEvery = 500 * time.Millisecond

// decide asks the hops of hosts that verdicts are open of on, at two rates, until none is or its time is over.
func (s *session) decide(ctx context.Context, open *trace.Session) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.decide)
	defer cancel()
	var targets []netip.Addr
	for _, w := range s.trails {
		w.judge(s.plan.confidence)
		if _, open := w.undecided(); open {
			targets = append(targets, w.addr)
		}
		w.slowly = true
	}
	if targets == nil {
		return nil
	}
	defer s.env.Progress(s.status)()
	s.rounds = &trace.Rounds{Targets: targets, First: s.opt.first, Last: s.opt.last, Interval: decideEvery}
	s.rounds.Hurry(burst)
	s.lastBurst = burst
	for r, err := range open.Run(ctx, s.rounds) {
		if err != nil {
			return err
		}
		if done, err := s.takeDeciding(&r); done || err != nil {
			return err
		}
	}
	return nil
}

// takeDeciding takes in a reply of --decide. done tells that nothing is left to decide.
func (s *session) takeDeciding(r *trace.Reply) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.byAddr[r.Target]
	if w == nil {
		return false, nil
	}
	s.count(w, r)
	if s.opt.json {
		if err := s.env.Stdout.JSON(s.probeRecord(w, r)); err != nil {
			return false, err
		}
	}
	if _, short := trace.RoundOf(r.Tag); s.rounds.Whole() == s.told || short {
		return false, nil
	}
	s.told = s.rounds.Whole()
	done = s.told > burst
	for _, w := range s.trails {
		w.judge(s.plan.confidence)
		if _, open := w.undecided(); open {
			done = false
		}
	}
	s.hurry()
	return done, s.env.Stdout.Flush()
}
