package raw

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
)

// Ping opens the sockets, sends echoes to the targets and yields every end as it comes: replies, losses, errors,
// duplicates. An error ends the sequence; the fate of an echo is never one. When ctx ends, echoes still on their way
// are yielded as Pending. It is [Pinger.Start] and [Run.Echoes] in one.
func (p *Pinger) Ping(ctx context.Context, targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) {
		run, err := p.Start(ctx)
		if err != nil {
			yield(Echo{}, err)
			return
		}
		run.Echoes(targets)(yield)
	}
}

// Run is one use of a [Pinger], its sockets open. Only on Linux can there be one.
type Run struct{ run }

// Start opens the sockets, after which the process may give up its privileges. Take the echoes with [Run.Echoes] or
// close the Run. Where the system is not Linux the error wraps [errors.ErrUnsupported].
func (p *Pinger) Start(ctx context.Context) (*Run, error) {
	s, err := p.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("raw: ping: %w", err)
	}
	r := new(Run)
	if err := r.open(ctx, &s); err != nil {
		return nil, err
	}
	return r, nil
}

// Echoes sends to the targets, a zone where they are link-local, and yields the ends. The sequence of targets is
// read on a goroutine of its own, as fast as echoes are sent; it may block. When it returns the sockets are closed.
func (r *Run) Echoes(targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) { r.echoes(targets, yield) }
}

// Report returns what the run knows beside its echoes; it may be called at any time.
func (r *Run) Report() Report { return r.report() }

// Close closes the sockets of a Run whose echoes are not taken.
func (r *Run) Close() error { return r.close() }
