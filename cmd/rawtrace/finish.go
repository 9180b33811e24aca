package main

import (
	"context"
	"fmt"

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
		for i := range w.verdicts {
			out.JSON(s.verdictRecord(w, &w.verdicts[i]))
		}
		if w.far != nil && s.rounds == nil { // --watch has told it when it was known
			s.farRecords(w)
		}
		if w.mtu != nil && s.rounds == nil {
			out.JSON(s.mtuRecord(w))
		}
		out.JSON(s.hostRecord(w, c))
	case s.opt.dot, s.plan.metrics.stdout:
	default:
		if (s.rounds != nil || s.asked) && !s.opt.summary {
			s.printTable(w)
		}
		if s.opt.verbose {
			s.printEvidence(w)
		}
		if !s.opt.summary {
			s.printBack(w)
		}
		s.text = appendWrapped(s.text[:0], cli.Escape(s.title(w.target))+": "+c.text)
		out.Text(s.text)
	}
}

// finish prints what comes after the last reply, and returns what was found as the exit status.
func (s *session) finish(ctx context.Context, said interfaces) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opt.watch {
		if err := s.printKnown(true); err != nil {
			return err
		}
	}
	bad := false
	for _, w := range s.trails {
		w.judge(s.plan.confidence)
		c := w.conclusion()
		bad = bad || c.bad
		s.metrics.trail(w)
		s.printInterfaces(w, said)
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

// printEvidence prints why each verdict is as it is.
func (s *session) printEvidence(w *trail) {
	for i := range w.verdicts {
		v := &w.verdicts[i]
		if v.Why != "" {
			s.env.Stdout.Printf("%s\n", wrapped(fmt.Sprintf("hop %d: %v: %s", v.TTL, v.Finding, v.Why)))
		}
	}
}

// printBack prints the way back, the hop next to the far end first.
func (s *session) printBack(w *trail) {
	back := w.far.known()
	if back == nil {
		return
	}
	s.env.Stdout.Printf("the way back, seen from %v, the hop next to it first\n", w.addr)
	s.printTable(back)
	if s.opt.verbose {
		s.printEvidence(back)
	}
}

// farRecords writes as JSON what the far end counted, and the way back.
func (s *session) farRecords(w *trail) {
	s.env.Stdout.JSON(s.farRecord(w))
	back := w.far.known()
	if back == nil {
		return
	}
	for _, h := range back.shown() {
		r := s.hopRecord(back, h)
		r.Type, r.Target, r.Name = "backhop", w.addr.String(), s.shownName(w.target)
		s.env.Stdout.JSON(backHopRecord(r))
	}
	for i := range back.verdicts {
		r := s.verdictRecord(back, &back.verdicts[i])
		r.Type, r.Target, r.Name = "backverdict", w.addr.String(), s.shownName(w.target)
		s.env.Stdout.JSON(backVerdictRecord(r))
	}
}
