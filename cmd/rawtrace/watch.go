package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/raw/trace"
)

// rounds is the strategy of --watch.
func (s *session) newRounds() *trace.Rounds {
	return &trace.Rounds{Targets: slices.Collect(s.addrs), First: s.opt.first, Last: s.opt.last, Probes: s.watchProbes(),
		Interval: s.opt.interval, Count: s.opt.count}
}

// watchProbes is how many probes each hop gets in a round: one, unless told.
func (s *session) watchProbes() int {
	if s.plan.changed("probes") {
		return s.opt.probes
	}
	return 1
}

// watch goes on until its rounds are over or ctx ends: with a live table on a terminal, else with a line a round. What
// is found beside the rounds, on the sockets of beside, goes on as long.
func (s *session) watch(ctx context.Context, open, beside *trace.Session) error {
	for _, w := range s.trails {
		w.slowly = true
	}
	s.rounds = s.newRounds()
	s.aside = &aside{session: s, open: beside, due: make(chan struct{}, 1)}
	end := s.aside.begin(ctx)
	defer end()
	if s.opt.decide > 0 {
		defer time.AfterFunc(s.opt.decide, func() { s.rounds.Ending.Store(true) }).Stop()
	}
	if s.liveTable() {
		return s.watchLive(ctx, open)
	}
	return s.watchPlain(ctx, open)
}

// liveTable tells whether what is found is shown as a table that changes.
func (s *session) liveTable() bool {
	return live.Possible(s.env) && !s.opt.json && !s.opt.summary && !s.plan.metrics.stdout
}

func (s *session) watchPlain(ctx context.Context, open *trace.Session) error {
	for r, err := range open.Run(ctx, s.rounds) {
		if err != nil {
			return err
		}
		if err := s.wayless(&r); err != nil {
			return err
		}
		if err := s.takeRound(&r); err != nil {
			return err
		}
	}
	return nil
}

// takeRound takes in a reply of --watch, and prints a line for each host when a round is whole.
func (s *session) takeRound(r *trace.Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.byAddr[r.Target]
	if w == nil {
		return nil
	}
	changed := s.changeOfPath(w, r)
	s.count(w, r)
	s.names.ask(r.From)
	out := s.env.Stdout
	if s.opt.json {
		if err := out.JSON(s.probeRecord(w, r)); err != nil {
			return err
		}
	}
	if s.rounds.Whole() == s.told && changed == "" {
		return nil
	}
	plain := s.plain()
	if changed != "" && plain {
		out.Printf("%s\n", s.stamped(w, changed))
	}
	if s.roundWhole(r) {
		for _, w := range s.trails {
			if plain {
				out.Printf("%s\n", s.stamped(w, w.conclusion().text))
			}
		}
		if s.plan.metrics.file != "" {
			if err := s.metrics.save(s.plan.metrics.file); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// plain tells whether lines are printed for people.
func (s *session) plain() bool { return !s.opt.json && !s.opt.summary && !s.plan.metrics.stdout }

// roundWhole takes in that a reply was the last of a round, and tells whether it was: verdicts are worked out anew, and
// what follows from them is set going.
func (s *session) roundWhole(r *trace.Reply) bool {
	if _, short := trace.RoundOf(r.Tag); s.rounds.Whole() == s.told || short {
		return false
	}
	s.told = s.rounds.Whole()
	open := false
	for _, w := range s.trails {
		w.judge(s.plan.confidence)
		s.metrics.trail(w)
		_, undecided := w.undecided()
		open = open || undecided
	}
	s.hurry()
	s.aside.round(s.told)
	if s.opt.decide > 0 && !open && s.told >= decidedFrom {
		s.rounds.Ending.Store(true)
		for _, w := range s.trails {
			w.final = true // what is still on its way is no reason to ask on
		}
	}
	return true
}

// decidedFrom is after how many rounds --watch --decide may end: loss that is seldom shows late.
const decidedFrom = 20

const (
	burst       = 50 // short rounds in a row, where a verdict needs them
	beforeBurst = 10 // rounds at the usual rate before
)

// hurry asks more often for a while if that would decide a verdict: whether a router only limits its answers shows when
// it is asked at two rates.
func (s *session) hurry() {
	if s.rounds.Hurrying() || s.told < s.lastBurst+beforeBurst {
		return
	}
	for _, w := range s.trails {
		if _, open := w.undecided(); open {
			s.lastBurst = s.told + burst
			s.rounds.Hurry(burst)
			return
		}
	}
}

// stamped is a line of --watch: when, of which host, and what.
func (s *session) stamped(w *trail, text string) string {
	return time.Now().Format("15:04:05") + " " + cli.Escape(s.plainTitle(w.target)) + ": " + text
}

// plainTitle names a host as it was given.
func (s *session) plainTitle(t target) string {
	if s.opt.numeric {
		return t.addr.String()
	}
	return t.label()
}

// changeOfPath says that another address answers at a hop than the one before, "" if not.
func (s *session) changeOfPath(w *trail, r *trace.Reply) string {
	h := w.hop(int(r.TTL))
	if h == nil || !answered(r) || len(h.who) == 0 || h.heard == r.From {
		return ""
	}
	return fmt.Sprintf("hop %d is now %s, it was %s", h.ttl, s.label(r.From), s.label(h.heard))
}

// watchLive runs the engine beside the screen until one of them ends.
func (s *session) watchLive(ctx context.Context, open *trace.Session) error {
	source := live.Source{Look: s.look, Pause: s.pause, Reset: s.reset}
	return live.Run(ctx, s.env, source, func(ctx context.Context) error { return s.watchQuiet(ctx, open) })
}

// watchQuiet runs the engine; what it finds is looked at by the table.
func (s *session) watchQuiet(ctx context.Context, open *trace.Session) error {
	for r, err := range open.Run(ctx, s.rounds) {
		if err != nil {
			return err
		}
		if err := s.wayless(&r); err != nil {
			return err
		}
		s.mu.Lock()
		if w := s.byAddr[r.Target]; w != nil {
			s.count(w, &r)
			s.names.ask(r.From)
			s.roundWhole(&r)
		}
		s.mu.Unlock()
	}
	return nil
}

func (s *session) pause() { s.rounds.Paused.Store(!s.rounds.Paused.Load()) }

// reset forgets what was counted.
func (s *session) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.trails {
		fresh := newTrail(w.target, w.first, w.last, w.probes)
		fresh.slowly, fresh.explain, fresh.mtu, fresh.far = w.slowly, w.explain, w.mtu, w.far
		s.trails[i], s.byAddr[w.addr] = fresh, fresh
	}
	s.probes, s.got = 0, 0
}
