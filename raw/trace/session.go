package trace

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"sync"
)

// Trace opens the sockets, traces the path to each target, and yields the replies as they come. All TTLs are probed at
// once, within the rate; of several targets those probes come first that are nearest to what is known of the path.
// Probes that went beyond the target, sent before its distance was known, are yielded too. When ctx ends, so does the
// trace, and what is on its way is yielded as Pending. An error is the last thing yielded; loss is none.
func (t *Tracer) Trace(ctx context.Context, targets iter.Seq[netip.Addr]) iter.Seq2[Reply, error] {
	return func(yield func(Reply, error) bool) {
		s, err := t.Open(ctx)
		if err != nil {
			yield(Reply{}, err)
			return
		}
		defer s.Close()
		s.Trace(ctx, targets)(yield)
	}
}

// Open opens the sockets, after which the process may give up its privileges. Close the session in the end.
func (t *Tracer) Open(ctx context.Context) (*Session, error) {
	c, err := t.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	n, err := openNetwork(ctx, &c)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	return &Session{tracer: c, network: n, runner: newRunner(&c, n)}, nil
}

// Session is a tracer with its sockets open. But for [Session.Ask] it is for one goroutine at a time.
type Session struct {
	tracer  Tracer
	network network
	runner  *runner
	asker   asker
	closing sync.Once
}

// Trace is [Tracer.Trace] on the session's sockets.
func (s *Session) Trace(ctx context.Context, targets iter.Seq[netip.Addr]) iter.Seq2[Reply, error] {
	return func(yield func(Reply, error) bool) {
		h := newHops(&s.tracer, targets, s.network.local)
		defer h.close()
		s.runner.run(ctx, h, yield)
	}
}

// Run sends what the strategy asks for, and yields the replies, after the strategy took them.
func (s *Session) Run(ctx context.Context, strategy Strategy) iter.Seq2[Reply, error] {
	return func(yield func(Reply, error) bool) { s.runner.run(ctx, strategy, yield) }
}

// Ask sends probes and yields what becomes of each, as it comes. Several goroutines may ask at once; they share the
// rate. It must not be used while [Session.Trace] or [Session.Run] is. Answers that come after a probe ended as lost
// are not yielded.
func (s *Session) Ask(ctx context.Context, probes []Probe) iter.Seq2[Reply, error] {
	return func(yield func(Reply, error) bool) { s.asker.ask(ctx, s.runner, probes, yield) }
}

// Local returns what this host knows of the way to a target. It must not be called while another goroutine uses the
// session.
func (s *Session) Local(target netip.Addr) Local { return s.network.local(target.Unmap()) }

// Limits says in plain words what the session's sockets cannot tell; empty when they are raw ones.
func (s *Session) Limits() []string { return s.network.limits() }

// Close closes the sockets, once nobody asks. Closing again does nothing.
func (s *Session) Close() error {
	s.asker.driver.Wait()
	var err error
	s.closing.Do(func() { err = s.network.close() }) // closed twice, a number would be another's
	return err
}
