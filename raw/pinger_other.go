//go:build !linux

package raw

import (
	"context"
	"iter"
	"net/netip"
)

// run is nothing where there are no sockets for it.
type run struct{}

func (r *run) open(ctx context.Context, p *Pinger) error { return errNotLinux }

func (r *run) echoes(targets iter.Seq[netip.Addr], yield func(Echo, error) bool) {
	yield(Echo{}, errNotLinux)
}

func (r *run) report() Report { return Report{} }

func (r *run) close() error { return nil }
