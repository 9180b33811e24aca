//go:build !linux

package inject

import (
	"context"
	"errors"
	"net/netip"

	"sockwire/raw/packet"
)

// ErrNoNeighbour means that nobody answered for an address on the link.
var ErrNoNeighbour = errors.New("nobody answers for it on this link")

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

// Device fails: it needs Linux.
func (r *Resolver) Device() (*Route, error) { return nil, unsupported("routes") }

func (r *Resolver) destinationMAC(ctx context.Context, layers []packet.Layer, dst netip.Addr, route *Route) (packet.MAC, error) {
	return packet.MAC{}, unsupported("neighbours")
}

// Fill fails: it needs Linux.
func (r *Resolver) Fill(ctx context.Context, t *packet.Template, layers []packet.Layer) (*Route, error) {
	return nil, unsupported("routes")
}

// FillSource fails: it needs Linux.
func (r *Resolver) FillSource(t *packet.Template, layers []packet.Layer) (*Route, error) {
	return nil, unsupported("routes")
}

// Prepare fails: it needs Linux.
func (r *Resolver) Prepare(ifindex int) error { return unsupported("routes") }
