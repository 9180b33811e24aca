package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

// flushEvery is how long a line may wait to be written out where many come.
const flushEvery = 50 * time.Millisecond

// once traces each host once.
func (s *session) once(ctx context.Context, open *trace.Session) error {
	every := flushEvery
	if len(s.trails) > manyHosts {
		every *= 5 // what comes writes out what came before; each wake-up of another thread costs as much as ten probes
	}
	defer s.env.Flushing(every)()
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
		if w.said != nil {
			continue
		}
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
	if w.said != nil {
		return nil
	}
	if h := w.hop(int(r.TTL)); h != nil && r.Size == 0 {
		h.keep(r)
		s.names.ask(r.From)
		if s.begun && s.names == nil && w != s.trails[s.front] {
			return nil // it comes in its turn
		}
		return s.printKnown(false)
	}
	return nil
}

// printKnown prints the hops that are known of the trail in front, and moves on to the next trail when that is done.
// all says that nothing more will become known.
func (s *session) printKnown(all bool) error {
	if s.opt.summary || s.opt.dot || s.opt.paths || s.opt.json || s.plan.metrics.stdout {
		return nil
	}
	b := s.text[:0]
	for s.front < len(s.trails) {
		t := s.trails[s.front]
		if !s.begun {
			if s.front > 0 {
				b = append(b, '\n')
			}
			b = s.appendHeader(b, t)
			s.begun, s.next = true, t.first
		}
		done := false
		if b, done = s.appendKnown(b, t, all); !done {
			break
		}
		s.settle(t)
		s.front++
		s.begun = false
	}
	s.text = b
	if len(b) == 0 {
		return nil
	}
	if err := s.env.Stdout.Text(b); err != nil {
		return err
	}
	if all || time.Since(s.flushed) >= flushEvery {
		s.flushed = time.Now()
		return s.env.Stdout.Flush()
	}
	return nil
}

// settle forgets what is known of a host whose lines are printed, but for the sentence at the end, where nothing else
// will be asked of it: every hop on the way has answered every probe.
func (s *session) settle(w *trail) {
	p := s.opt
	if s.metrics == nil && !p.mtu && !p.watch && p.decide == 0 && p.far == "" && p.probeInterface == "" && w.reached() && w.plain() {
		c := w.conclusion()
		w.said = &c
		s.pool.put(w)
	}
}

// appendKnown appends the lines of the hops of a trail that are known and not printed, and tells whether those were the
// last. Silent hops are held back until one behind them answers: those at the end are told in one line.
func (s *session) appendKnown(b []byte, t *trail, all bool) (text []byte, done bool) {
	ttl := s.next
	held := ttl
	for ; ttl <= t.end; ttl++ {
		h := t.hop(ttl)
		if !all && !s.known(t, h) {
			return b, false
		}
		if h.silent() && ttl != t.distance {
			continue
		}
		for ; held <= ttl; held++ {
			b = s.appendHop(b, t.hop(held), t.shots(t.hop(held)))
		}
		s.next = held
	}
	if rest := t.end - held + 1; rest == 1 {
		b = s.appendHop(b, t.hop(held), t.shots(t.hop(held)))
	} else if rest > 1 {
		what := "*"
		if errno := t.notSent(); errno != 0 {
			what = "not sent: " + errno.Error()
		}
		b = fmt.Appendf(b, "%2d-%d  %s\n", held, t.end, what)
	}
	return b, true
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
