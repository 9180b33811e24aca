package trace

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sockwire/raw/netlab"
	"sockwire/raw/probe"
)

// chain is a host, routers behind each other, and a host.
type chain struct {
	lab   *netlab.Lab
	hosts []*netlab.Host
	links []*netlab.Link
}

func (c *chain) near() *netlab.Host { return c.hosts[0] }
func (c *chain) far() *netlab.Host  { return c.hosts[len(c.hosts)-1] }

// target is the address of the far host.
func (c *chain) target(six bool) netip.Addr {
	if six {
		return c.far().Addr6()
	}
	return c.far().Addr4()
}

// address is that of the hop at a TTL, as it answers: that of the interface which the probe came in at, or of the target.
func (c *chain) address(six bool, ttl int) netip.Addr {
	end := c.links[ttl-1].B
	if six {
		return end.Addr6
	}
	return end.Addr4
}

// newChain makes a chain that has the target so many hops away, with routers that answer as often as they are asked.
func newChain(t testing.TB, hops int, cfg func(i int) netlab.LinkConfig) *chain {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	c := &chain{lab: lab}
	for i := range hops + 1 {
		make := lab.Router
		if i == 0 || i == hops {
			make = lab.Host
		}
		h, err := make(fmt.Sprint("h", i))
		if err != nil {
			t.Fatal(err)
		}
		unlimited(t, h)
		c.hosts = append(c.hosts, h)
	}
	for i := range hops {
		var config netlab.LinkConfig
		if cfg != nil {
			config = cfg(i)
		}
		l, err := lab.Link(c.hosts[i], c.hosts[i+1], config)
		if err != nil {
			t.Fatal(err)
		}
		c.links = append(c.links, l)
	}
	return c
}

// unlimited has a host send as many ICMP errors as it is asked for.
func unlimited(t testing.TB, h *netlab.Host) {
	t.Helper()
	for name, value := range map[string]string{
		"net.ipv4.icmp_ratelimit": "0", "net.ipv6.icmp.ratelimit": "0",
		"net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "1000000",
	} {
		if err := h.Sysctl(name, value); err != nil {
			t.Logf("%s: %v", name, err)
		}
	}
}

// open opens a tracer on a host.
func open(t testing.TB, h *netlab.Host, tracer Tracer) *Session {
	t.Helper()
	var s *Session
	err := h.Do(func() (err error) {
		s, err = tracer.Open(context.Background())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// traceTo traces from a host and returns all replies.
func traceTo(t testing.TB, h *netlab.Host, tracer Tracer, targets ...netip.Addr) []Reply {
	t.Helper()
	s := open(t, h, tracer)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var replies []Reply
	err := h.Do(func() error {
		for r, err := range s.Trace(ctx, slices.Values(targets)) {
			if err != nil {
				return err
			}
			replies = append(replies, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

var families = []struct {
	name string
	six  bool
}{{"IPv4", false}, {"IPv6", true}}

// TestProtocols traces a chain with each kind of probe: every hop answers from the address that it must, and the target last.
func TestProtocols(t *testing.T) {
	const hops = 4
	c := newChain(t, hops, nil)
	for _, f := range families {
		for p := range protocols {
			t.Run(fmt.Sprint(f.name, "/", p), func(t *testing.T) {
				answers := map[int]int{}
				for _, r := range traceTo(t, c.near(), Tracer{Protocol: p, Wait: 2 * time.Second}, c.target(f.six)) {
					if r.Outcome == probe.Pending {
						continue
					}
					ttl := min(int(r.TTL), hops)
					if r.Outcome != probe.Answered || r.From != c.address(f.six, ttl) {
						t.Fatalf("TTL %d: %+v", r.TTL, r)
					}
					if want := (map[bool]Kind{true: Reached, false: Exceeded})[ttl == hops]; r.Kind != want {
						t.Errorf("TTL %d: %v, want %v: %+v", r.TTL, r.Kind, want, r)
					}
					if r.RTT <= 0 || r.Split.Network <= 0 || r.ReplyTTL == 0 {
						t.Errorf("TTL %d: RTT %v, split %+v, TTL %d", r.TTL, r.RTT, r.Split, r.ReplyTTL)
					}
					if len(r.Changes) > 0 {
						t.Errorf("TTL %d: %v", r.TTL, r.Changes)
					}
					answers[ttl]++
				}
				for ttl := 1; ttl <= hops; ttl++ {
					if answers[ttl] < 3 {
						t.Errorf("%d answers at TTL %d", answers[ttl], ttl)
					}
				}
			})
		}
	}
}

// TestAsk asks for batches from several goroutines at once: each gets the fates of its own probes, and their tags back.
func TestAsk(t *testing.T) {
	const hops = 3
	c := newChain(t, hops, nil)
	s := open(t, c.near(), Tracer{Flows: 16})
	var waits []func() error
	for who := range uint32(8) {
		waits = append(waits, c.near().Go(func() error {
			var probes []Probe
			for i := range uint32(30) {
				probes = append(probes, Probe{Target: c.target(who%2 == 1), Flow: uint16(i % 16), TTL: uint8(1 + i%hops), Tag: who<<16 | i})
			}
			seen := map[uint32]bool{}
			for r, err := range s.Ask(context.Background(), probes) {
				switch {
				case err != nil:
					return err
				case r.Tag>>16 != who || seen[r.Tag]:
					return fmt.Errorf("tag %#x came to %d", r.Tag, who)
				case r.Outcome != probe.Answered || r.From != c.address(who%2 == 1, int(r.TTL)):
					return fmt.Errorf("%+v", r)
				}
				seen[r.Tag] = true
			}
			if len(seen) != len(probes) {
				return fmt.Errorf("%d fates of %d probes", len(seen), len(probes))
			}
			return nil
		}))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
}
