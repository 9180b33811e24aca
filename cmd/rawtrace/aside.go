package main

import (
	"context"
	"fmt"
	"sync"

	"sockwire/raw/trace"
)

// asideEvery is after how many rounds it is done again.
const asideEvery = 30

// asideShare is the part of the rate that is left for it.
const asideShare = 0.2

// round takes note that a round is whole.
func (a *aside) round(n int) {
	if n < a.next {
		return
	}
	a.next = n + asideEvery
	select {
	case a.due <- struct{}{}:
	default: // it is still at it
	}
}

// begin sets it going. The function that it returns ends it, but where all rounds were made it lets the first time come
// to its end: a watch of few rounds has its MTU too.
func (a *aside) begin(ctx context.Context) (end func()) {
	if a.open == nil && a.session.opt.far == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	over, first := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		done := sync.OnceFunc(func() { close(first) })
		defer done()
		for {
			select {
			case <-a.due:
			case <-ctx.Done():
				return
			case <-over:
				select {
				case <-a.due: // it was told before the end
				default:
					return
				}
			}
			a.look(ctx)
			done()
		}
	})
	return func() {
		close(over)
		if a.session.rounds.Done() {
			<-first
		}
		cancel()
		group.Wait()
	}
}

// look finds what there is to find, once.
func (a *aside) look(ctx context.Context) {
	s := a.session
	if a.open != nil {
		for r, err := range a.open.Trace(ctx, s.addrs) {
			if err != nil {
				s.env.Warnf("the MTU was not looked for: %v", err)
				break
			}
			if r.Found != nil {
				a.found(&r)
			}
		}
	}
	if s.opt.far == "" || ctx.Err() != nil {
		return
	}
	s.askFar(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.trails {
		switch {
		case w.far == nil:
		case s.opt.json:
			s.farRecords(w)
		case s.plain() && !s.liveTable():
			for _, text := range w.far.texts() {
				s.env.Stdout.Printf("%s\n", s.stamped(w, text))
			}
		}
	}
	s.env.Stdout.Flush()
}

// found takes in an MTU, and tells a change of it.
func (a *aside) found(r *trace.Reply) {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.byAddr[r.Target]
	if w == nil {
		return
	}
	before := w.mtu
	w.mtu = r.Found
	switch {
	case s.opt.json:
		s.env.Stdout.JSON(s.mtuRecord(w))
	case before != nil && before.Size != w.mtu.Size && s.plain() && !s.liveTable():
		s.env.Stdout.Printf("%s\n", s.stamped(w, fmt.Sprintf("the MTU is now %d, it was %d", w.mtu.Size, before.Size)))
	default:
		return
	}
	s.env.Stdout.Flush()
}
