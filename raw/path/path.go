// Package path decides, from answers of routers, what the way to a host looks like: which paths there are, where
// packets are lost, and whether a hop's loss is real or only its own. It opens no sockets: it asks a [Prober], which is
// an engine of this module, or a simulation, and its judgments are pure functions of what was counted.
package path

import (
	"context"
	"iter"
	"net/netip"
	"time"
)

// Probe is one packet to be sent towards the target.
type Probe struct {
	Flow int // what a balancer's hash sees: the same number, the same path, where balancers go by flow
	TTL  int // 1 to 255; 0 is far enough for any path
	Size int // bytes of the IP packet, not to be fragmented; 0 is the engine's own, which fits every path
}

// Kind is what became of a probe.
type Kind uint8

const (
	Silent      Kind = iota // nothing came in time
	Exceeded                // a router said that the TTL ended there
	Reached                 // the target answered, or its host said that the port or protocol is unreachable
	Unreachable             // a router refused it
	TooBig                  // a router says that the next link's MTU is smaller than the packet
)

var kinds = [...]string{"silent", "exceeded", "reached", "unreachable", "too big"}

func (k Kind) String() string { return kinds[min(int(k), len(kinds)-1)] }

// MarshalText implements [encoding.TextMarshaler].
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Answer is what became of one probe.
type Answer struct {
	Probe
	Kind     Kind
	From     netip.Addr // who answered; not valid when nobody did
	Sent     time.Time  // of the probe; zero when it is not known
	RTT      time.Duration
	MTU      int // TooBig: bytes that the next link carries, 0 when it is not said
	ReplyTTL int // of the answer as it came; 0 when it is not known
}

// Prober asks one target. Probe sends all probes, in order, as fast as it may, and yields one Answer for each, in any
// order, [Silent] when the time to wait is over. An error ends the sequence. It may be called again while it runs.
type Prober interface {
	Probe(ctx context.Context, probes []Probe) iter.Seq2[Answer, error]
}

// or is v, or d where v is its type's zero value.
func or[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}
