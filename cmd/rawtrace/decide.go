package main

import (
	"context"
	"errors"
	"sync"

	"sockwire/raw/path"
	"sockwire/raw/trace"
)

// decidedAtOnce is how many hosts --decide asks at the same time; the rate is shared.
const decidedAtOnce = 16

// decide asks the hops of hosts that verdicts are open of on, often and seldom, until none is open or its time is over.
func (s *session) decide(ctx context.Context, open *trace.Session) error {
	inTime, cancel := context.WithTimeout(ctx, s.opt.decide)
	defer cancel()
	var undecided []*trail
	for _, w := range s.trails {
		w.judge(s.plan.confidence)
		if _, open := w.undecided(); open {
			undecided = append(undecided, w)
		}
	}
	if undecided == nil {
		return nil
	}
	defer s.env.Flushing(flushEvery)()
	defer s.env.Progress(s.status)()
	errs := make([]error, len(undecided))
	room := make(chan struct{}, decidedAtOnce)
	var group sync.WaitGroup
	for i, w := range undecided {
		group.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			errs[i] = s.inquire(inTime, open, w)
		})
	}
	group.Wait()
	s.asked = true
	for _, err := range errs {
		if err != nil && inTime.Err() == nil { // an end by the clock is one like any other
			return err
		}
	}
	return nil
}

// inquire asks the hops to one host until their verdicts are decided.
func (s *session) inquire(ctx context.Context, open *trace.Session, w *trail) error {
	see := func(r *trace.Reply) {
		s.mu.Lock()
		defer s.mu.Unlock()
		counted := *r
		counted.Tag = 0 // a strategy's own
		s.count(w, &counted)
		if s.opt.json {
			s.env.Stdout.JSON(s.probeRecord(w, &counted))
		}
	}
	q := path.Inquiry{LastTTL: w.end, MaxRounds: mostRounds, Judge: path.Judge{Confidence: s.plan.confidence}}
	_, verdicts, err := q.Run(ctx, open.Watched(w.addr, see))
	if len(verdicts) > 0 {
		s.mu.Lock()
		w.verdicts, w.final = verdicts, true
		s.mu.Unlock()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
