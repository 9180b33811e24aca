package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

// flushEvery is how long a line may wait to be written out where many come.
const flushEvery = 50 * time.Millisecond

// once traces each host once.
func (s *session) once(ctx context.Context, open *trace.Session) error {
	defer s.env.Flushing(flushEvery)()
	defer s.fold()
	for r, err := range open.Trace(ctx, s.addrs) {
		if err != nil {
			return err
		}
		if err := s.wayless(&r); err != nil {
			return err
		}
		if err := s.take(&r); err != nil {
			return err
		}
	}
	return nil
}

// fold counts at the hop where each way ends what went farther before that was known.
func (s *session) fold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.trails {
		folded := w.fold()
		s.metrics.fold(w, folded)
	}
}

// take takes in a reply and prints what it makes known.
func (s *session) take(r *trace.Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.byAddr[r.Target]
	if w == nil {
		return nil
	}
	s.count(w, r)
	if s.opt.json {
		return s.env.Stdout.JSON(s.probeRecord(w, r))
	}
	if h := w.hop(int(r.TTL)); h != nil && r.Size == 0 {
		h.keep(r)
		s.names.ask(r.From)
		return s.printKnown(false)
	}
	return nil
}

// printKnown prints the hops that are known of the trail in front, and moves on to the next trail when that is done. all says
// that nothing more will become known.
func (s *session) printKnown(all bool) error {
	if s.opt.summary || s.opt.dot || s.opt.paths || s.opt.json || s.plan.metrics.stdout {
		return nil
	}
	w := s.env.Stdout
	wrote := false
	for s.front < len(s.trails) {
		t := s.trails[s.front]
		if !s.begun {
			if s.front > 0 {
				w.Printf("\n")
			}
			w.Printf("%s\n", s.header(t))
			s.begun, s.next, wrote = true, t.first, true
		}
		text, done := s.knownLines(t, all)
		if text != "" {
			w.Printf("%s", text)
			wrote = true
		}
		if !done {
			break
		}
		s.front++
		s.begun = false
	}
	if wrote && (all || time.Since(s.flushed) >= flushEvery) {
		s.flushed = time.Now()
		return w.Flush()
	}
	return nil
}

// knownLines returns the lines of the hops of a trail that are known and not printed, and whether those were the last. Silent
// hops are held back until one behind them answers: those at the end are told in one line.
func (s *session) knownLines(t *trail, all bool) (text string, done bool) {
	var b strings.Builder
	ttl := s.next
	held := ttl
	for ; ttl <= t.end; ttl++ {
		h := t.hop(ttl)
		if !all && !s.known(t, h) {
			break
		}
		if h.silent() && ttl != t.distance {
			continue
		}
		for ; held <= ttl; held++ {
			b.WriteString(s.hopLines(t.hop(held), t.shots(t.hop(held))))
		}
		s.next = held
	}
	if done = ttl > t.end; !done {
		return b.String(), false
	}
	if rest := t.end - held + 1; rest == 1 {
		b.WriteString(s.hopLines(t.hop(held), t.shots(t.hop(held))))
	} else if rest > 1 {
		what := "*"
		if errno := t.notSent(); errno != 0 {
			what = "not sent: " + errno.Error()
		}
		fmt.Fprintf(&b, "%2d-%d  %s\n", held, t.end, what)
	}
	return b.String(), true
}

// known tells whether all probes to a hop have ended, and the names of who answered are known.
func (s *session) known(t *trail, h *hop) bool {
	if h.ended < t.probes && len(t.shots(h)) < t.probes {
		return false
	}
	for _, a := range h.who {
		if _, done := s.names.get(a.from); !done {
			return false
		}
	}
	return true
}

// wayless returns why the only host cannot be reached from here at all, if that is why its first probe was not sent.
func (s *session) wayless(r *trace.Reply) error {
	if len(s.trails) > 1 || r.Cause != probe.SendFailed || r.N != 1 {
		return nil
	}
	for _, errno := range []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EACCES, syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.EMSGSIZE} {
		if errors.Is(r.Errno, errno) {
			return fmt.Errorf("%v: %w", r.Target, r.Errno)
		}
	}
	return nil
}
