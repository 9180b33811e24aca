package raw

import (
	"context"
	"errors"
	"net/netip"
	"slices"
)

// PingHost sends one echo to a host, a link-local one with its zone, and returns what became of it, at the latest after
// a second: [probe.Answered] with its RTT, refused by whom, or lost and why. The error is that no socket could be
// opened, or that ctx has ended, and not that nobody answered. More echoes, or more hosts, are for a [Pinger].
func PingHost(ctx context.Context, host netip.Addr) (Echo, error) {
	if !host.IsValid() {
		return Echo{}, errors.New("raw: ping: which host?")
	}
	var last Echo
	p := Pinger{Count: 1, Stamps: StampsOn}
	if host = host.Unmap(); host.Is4() {
		p.Family = 4
	} else {
		p.Family = 6
	}
	for e, err := range p.Ping(ctx, slices.Values([]netip.Addr{host})) {
		if err != nil {
			return Echo{}, err
		}
		if !e.Duplicate {
			last = e
		}
	}
	return last, context.Cause(ctx)
}
