package trace

import (
	"context"
	"sync"
	"time"
)

// asker is the strategy of [Session.Ask]: it sends what several goroutines ask for, in turn. The first that asks drives
// it for all.
type asker struct {
	mu      sync.Mutex
	asks    []*question
	turn    int
	next    uint32
	pending map[uint32]asked // by tag
	driving bool
	driver  sync.WaitGroup
}

// asked is a probe on its way, and whose it is.
type asked struct {
	q   *question
	tag uint32
}

// question is one call of Ask.
type question struct {
	probes []Probe // not yet sent
	open   int
	ended  []Reply
	err    error
	done   bool
	ready  chan struct{}
}

// ask sends probes and yields their fates.
func (a *asker) ask(ctx context.Context, r *runner, probes []Probe, yield func(Reply, error) bool) {
	q := &question{probes: probes, ready: make(chan struct{}, 1)}
	a.mu.Lock()
	if a.pending == nil {
		a.pending = map[uint32]asked{}
	}
	q.done = len(probes) == 0
	if !q.done {
		a.asks = append(a.asks, q)
	}
	if !a.driving && !q.done {
		a.driving = true
		a.driver.Go(func() { a.drive(r) })
	}
	a.mu.Unlock()
	r.net.wake()
	defer r.net.wake()
	defer a.forget(q)
	var replies []Reply
	for {
		a.mu.Lock()
		replies, q.ended = q.ended, replies[:0]
		done, err := q.done, q.err
		a.mu.Unlock()
		for i := range replies {
			if !yield(replies[i], nil) {
				return
			}
		}
		switch {
		case err != nil:
			yield(Reply{}, err)
			return
		case done:
			return
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return
		}
	}
}

// forget takes a question away whose caller wants no more.
func (a *asker) forget(q *question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(q)
	for tag, p := range a.pending {
		if p.q == q {
			delete(a.pending, tag)
		}
	}
}

func (a *asker) drop(q *question) {
	for i := range a.asks {
		if a.asks[i] == q {
			a.asks = append(a.asks[:i], a.asks[i+1:]...)
			return
		}
	}
}

// drive runs until nobody asks.
func (a *asker) drive(r *runner) {
	for {
		r.run(context.Background(), a, func(_ Reply, err error) bool {
			if err != nil {
				a.fail(err)
			}
			return err == nil
		})
		a.mu.Lock()
		if len(a.asks) == 0 {
			a.driving = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
}

func (a *asker) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.asks {
		q.err = err
		q.tell()
	}
	a.asks = nil
}

func (q *question) tell() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Next returns a probe of the question whose turn it is.
func (a *asker) Next(time.Duration) (p Probe, wake time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range a.asks {
		a.turn++
		q := a.asks[a.turn%len(a.asks)]
		if len(q.probes) == 0 {
			continue
		}
		p, q.probes = q.probes[0], q.probes[1:]
		q.open++
		a.next++
		a.pending[a.next] = asked{q, p.Tag}
		p.Tag = a.next
		return p, 0, true
	}
	return p, 0, false
}

// Take hands a fate to whom it belongs to.
func (a *asker) Take(_ time.Duration, r *Reply) {
	a.mu.Lock()
	defer a.mu.Unlock()
	whose, ok := a.pending[r.Tag]
	if !ok || r.Duplicate {
		return
	}
	delete(a.pending, r.Tag)
	q := whose.q
	reply := *r
	reply.Tag = whose.tag
	q.ended = append(q.ended, reply)
	if q.open--; q.open == 0 && len(q.probes) == 0 {
		q.done = true
		a.drop(q)
	}
	q.tell()
}

// Done reports that nobody asks.
func (a *asker) Done() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asks) == 0
}
