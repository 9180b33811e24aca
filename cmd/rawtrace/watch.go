package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/path"
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

// watch goes on until its rounds are over or ctx ends: with a live table on a terminal, else with a line a round.
func (s *session) watch(ctx context.Context, open *trace.Session) error {
	for _, w := range s.trails {
		w.slowly = true
	}
	s.rounds = s.newRounds()
	if s.liveTable() {
		return s.watchLive(ctx, open)
	}
	return s.watchPlain(ctx, open)
}

// liveTable tells whether what is found is shown as a table that changes.
func (s *session) liveTable() bool {
	return cli.IsTerminal(s.env.Stdout.Unwrapped()) && os.Getenv("TERM") != "dumb" && !s.opt.json && !s.opt.summary && !s.plan.metrics.stdout
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
	plain := !s.opt.json && !s.opt.summary && !s.plan.metrics.stdout
	if changed != "" && plain {
		out.Printf("%s\n", s.stamped(w, changed))
	}
	if _, short := trace.RoundOf(r.Tag); s.rounds.Whole() > s.told && !short {
		s.told = s.rounds.Whole()
		for _, w := range s.trails {
			w.judge(s.plan.confidence)
			c := w.conclusion()
			s.metrics.trail(w)
			if plain {
				out.Printf("%s\n", s.stamped(w, c.text))
			}
		}
		s.hurry()
		if s.plan.metrics.file != "" {
			if err := s.metrics.save(s.plan.metrics.file); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

const (
	burst       = 50 // short rounds in a row, where a verdict needs them
	beforeBurst = 10 // rounds at the usual rate before
)

// hurry asks more often for a while if that would decide a verdict: whether a router only limits its answers shows when it is
// asked at two rates.
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

// watchLive runs the engine beside the table until one of them ends; the terminal is as before when it returns.
func (s *session) watchLive(ctx context.Context, open *trace.Session) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	model := live{color: s.env.Color, ascii: cli.ASCII(), controls: controls{look: s.look, pause: s.pause, reset: s.reset}}
	opts := []tea.ProgramOption{tea.WithOutput(s.env.Stdout.Unwrapped()), tea.WithoutSignalHandler(), tea.WithFPS(20)}
	if in := s.env.Source(); cli.IsTerminal(in) {
		opts = append(opts, tea.WithInput(in))
	} else {
		opts = append(opts, tea.WithInput(nil))
	}
	program := tea.NewProgram(model, opts...)
	type ending struct {
		err   error
		fault any // that it panicked with
	}
	engine := make(chan ending, 1)
	go func() {
		var e ending
		defer program.Quit()
		defer func() {
			e.fault = recover()
			engine <- e
		}()
		e.err = s.watchQuiet(ctx, open)
	}()
	_, err := program.Run()
	cancel()
	e := <-engine
	if e.fault != nil {
		panic(e.fault) // now that the terminal shows it
	}
	return cli.Join(e.err, err)
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
			if _, short := trace.RoundOf(r.Tag); s.rounds.Whole() > s.told && !short {
				s.told = s.rounds.Whole()
				for _, w := range s.trails {
					w.judge(s.plan.confidence)
					s.metrics.trail(w)
				}
				s.hurry()
			}
		}
		s.mu.Unlock()
	}
	return nil
}

func (s *session) pause() bool {
	paused := !s.rounds.Paused.Load()
	s.rounds.Paused.Store(paused)
	return paused
}

// reset forgets what was counted.
func (s *session) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.trails {
		fresh := newTrail(w.target, w.first, w.last, w.probes)
		fresh.slowly, fresh.explain = w.slowly, w.explain
		s.trails[i], s.byAddr[w.addr] = fresh, fresh
	}
	s.probes, s.got = 0, 0
}

// look is what is known of a host now, for the table.
func (s *session) look(host int) snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.trails[min(host, len(s.trails)-1)]
	snap := snapshot{hosts: len(s.trails), title: cli.Escape(s.title(w.target)), sentence: w.conclusion().text, rounds: s.told, paused: s.rounds.Paused.Load()}
	for _, h := range w.shown() {
		snap.rows = append(snap.rows, s.row(w, h))
	}
	return snap
}

func (s *session) row(w *trail, h *hop) row {
	r := row{ttl: h.ttl, address: "*", loss: h.loss(), sent: h.tally.Sent, answered: h.tally.Received(), last: h.rtt.Last(), mean: h.rtt.Mean(), best: h.rtt.Min(),
		worst: h.rtt.Max(), stdev: h.rtt.StdDev(), others: max(len(h.who)-1, 0)}
	if len(h.who) > 0 {
		from := h.heard
		r.address = from.String()
		if name, _ := s.names.get(from); name != "" {
			r.address = cli.Escape(name)
		}
	}
	for _, a := range h.who {
		r.detail = append(r.detail, fmt.Sprintf("%s: %s", s.label(a.from), cli.Plural(a.n, "answer")))
		r.detail = append(r.detail, s.noteTexts(a)...)
	}
	if v := w.verdict(h.ttl); v != nil {
		r.verdict, r.bad = shortVerdict(v), v.Finding == path.Real
		r.detail = append([]string{v.Finding.String() + ": " + v.Why}, r.detail...)
	}
	if h.rtt.Count() > 1 {
		r.detail = append(r.detail, fmt.Sprintf("p50 %s, p90 %s, p99 %s, jitter %s", milliseconds(h.rtt.Quantile(.5)), milliseconds(h.rtt.Quantile(.9)),
			milliseconds(h.rtt.Quantile(.99)), milliseconds(h.rtt.Jitter())))
	}
	return r
}

// printTable prints what --watch has counted, at its end: as the live table has it, within the width of a line.
func (s *session) printTable(w *trail) {
	out := s.env.Stdout
	columns := columnsOf(lineWidth)
	out.Printf("%s\n", columns.head(lineWidth))
	for _, h := range w.shown() {
		r := s.row(w, h)
		out.Printf(" %s\n", columns.row(&r, lineWidth))
	}
}
