//go:build !linux

package inject

import (
	"context"
	"net/netip"

	"sockwire/raw/packet"
)

// Resolver needs Linux.
type Resolver struct{}

// OpenResolver fails: it needs Linux.
func OpenResolver(device string) (*Resolver, error) { return nil, unsupported("routes") }

// Close does nothing.
func (r *Resolver) Close() error { return nil }

// Route fails: it needs Linux.
func (r *Resolver) Route(dst netip.Addr) (*Route, error) { return nil, unsupported("routes") }

// Local reports false: it needs Linux.
func (r *Resolver) Local(a netip.Addr) bool { return false }

// Neighbour fails: it needs Linux.
func (r *Resolver) Neighbour(ctx context.Context, route *Route) (packet.MAC, error) {
	return packet.MAC{}, unsupported("neighbours")
}

// Prepare fails: it needs Linux.
func (r *Resolver) Prepare(ifindex int) error { return unsupported("routes") }
