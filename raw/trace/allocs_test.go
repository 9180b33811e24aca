package trace

import (
	"context"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/probe"
)

// instant is a network that answers at once, and allocates nothing.
type instant struct {
	clock time.Duration
	line  func(uint64, *Probe) (Reply, time.Duration, bool)
	ring  [256]arrival
	head  int
	tail  int
}

func (n *instant) now() time.Duration { return n.clock }

func (n *instant) send(number uint64, p *Probe) syscall.Errno {
	a := &n.ring[n.tail%len(n.ring)]
	r, after, _ := n.line(number, p)
	r.RTT = after
	*a = arrival{n: number, at: n.clock, reply: r}
	n.tail++
	return 0
}

func (n *instant) flush()                   {}
func (n *instant) cause(uint64) probe.Cause { return probe.Unanswered }
func (n *instant) receive(_ context.Context, _, until time.Duration) error {
	n.clock = max(n.clock, until)
	return nil
}

func (n *instant) next(a *arrival) bool {
	if n.head == n.tail {
		return false
	}
	*a = n.ring[n.head%len(n.ring)]
	n.head++
	return true
}
func (n *instant) wake()                  {}
func (n *instant) local(netip.Addr) Local { return Local{} }
func (n *instant) limits() []string       { return nil }
func (n *instant) close() error           { return nil }

// TestProbesAllocateNothing: a trace allocates for each target, and for nothing else, however many probes it sends.
func TestProbesAllocateNothing(t *testing.T) {
	allocations := func(probes int) float64 {
		c, err := (&Tracer{Probes: probes, Last: 20}).withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		n := &instant{line: line(20, time.Millisecond, nil)}
		s := &Session{tracer: c, network: n, runner: newRunner(&c, n)}
		return testing.AllocsPerRun(5, func() {
			sent := 0
			for _, err := range s.Trace(context.Background(), slices.Values([]netip.Addr{simTarget})) {
				if err != nil {
					t.Fatal(err)
				}
				sent++
			}
			if sent < 20*probes {
				t.Fatalf("%d replies", sent)
			}
		})
	}
	few, many := allocations(5), allocations(200)
	if many > few+3 { // the table of probes grows once
		t.Errorf("%v allocations with 100 probes, %v with 4,000", few, many)
	}
}
