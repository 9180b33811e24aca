package main

import (
	"context"

	"sockwire/cmd/internal/cli"
)

// begin writes what comes before the first reply.
func (s *session) begin(limits []string) {
	if !s.opt.json {
		return
	}
	for _, w := range s.trails {
		s.env.Stdout.JSON(s.startRecord(w, limits))
	}
}

// conclude writes what was found of the way to one host.
func (s *session) conclude(w *trail, c conclusion) {
	out := s.env.Stdout
	switch {
	case s.opt.json:
		for _, h := range w.shown() {
			out.JSON(s.hopRecord(w, h))
		}
		out.JSON(s.hostRecord(w, c))
	case s.opt.dot, s.plan.metrics.stdout:
	default:
		if s.opt.watch && !s.opt.summary {
			s.printTable(w)
		}
		out.Printf("%s\n", wrapped(cli.Escape(s.title(w.target))+": "+c.text))
	}
}

// finish prints what comes after the last reply, and returns what was found as the exit status.
func (s *session) finish(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opt.watch {
		if err := s.printKnown(true); err != nil {
			return err
		}
	}
	bad := false
	for _, w := range s.trails {
		c := s.judge(w)
		bad = bad || c.bad
		s.metrics.trail(w)
		s.conclude(w, c)
	}
	if s.opt.json {
		s.env.Stdout.JSON(s.summaryRecord(ctx))
	}
	if err := s.writeMetrics(); err != nil {
		return err
	}
	if bad {
		return cli.ErrNo
	}
	return nil
}

func (s *session) writeMetrics() error {
	switch {
	case s.metrics == nil:
		return nil
	case s.plan.metrics.stdout:
		return s.metrics.write(s.env.Stdout)
	case s.plan.metrics.file != "":
		return s.metrics.save(s.plan.metrics.file)
	}
	return nil
}
