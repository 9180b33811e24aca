//go:build !linux

package raw

import (
	"context"
	"iter"
	"net/netip"
)

// Ping needs Linux; here it yields one error, which wraps [errors.ErrUnsupported].
func (p *Pinger) Ping(ctx context.Context, targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) { yield(Echo{}, errNotLinux) }
}

// Run needs Linux.
type Run struct{}

// Start needs Linux; here its error wraps [errors.ErrUnsupported].
func (p *Pinger) Start(ctx context.Context) (*Run, error) { return nil, errNotLinux }

// Echoes needs Linux.
func (r *Run) Echoes(targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) { yield(Echo{}, errNotLinux) }
}

// Report needs Linux.
func (r *Run) Report() Report { return Report{} }

// Close needs Linux.
func (r *Run) Close() error { return nil }
