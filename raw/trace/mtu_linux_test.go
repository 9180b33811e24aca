package trace

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sockwire/raw/path/pathlab"
	"sockwire/raw/probe"
)

// destination is the target of a lab in a family.
func destination(n *pathlab.Net, six bool) netip.Addr {
	if six {
		return n.Dst6
	}
	return n.Dst4
}

// labTrace traces in a lab and returns all replies.
func labTrace(t testing.TB, n *pathlab.Net, tracer Tracer, six bool) []Reply {
	t.Helper()
	return traceTo(t, n.Source, tracer, destination(n, six))
}

// TestMTU finds the path MTU in networks: none smaller, steps that routers tell, and a box that swallows what is large,
// with every kind of socket. What the kernel believed is told beside it.
func TestMTU(t *testing.T) {
	swallow := func(in string, p []byte) (string, []byte) {
		if in == "c" {
			return "b", p
		}
		if len(p) > 1399 {
			return "", nil
		}
		return "c", p
	}
	for _, c := range []struct {
		name string
		cfg  pathlab.Config
		size int
		step []string // who tells
		hole *Hole
	}{
		{name: "wide", cfg: pathlab.Config{Edges: "s-a a-b b-t"}, size: 1500},
		{name: "steps", cfg: pathlab.Config{Edges: "s-a a-b b-c c-t", Links: map[string]pathlab.Link{"b-c": {MTU: 1450}, "c-t": {MTU: 1300}}},
			size: 1300, step: []string{"b", "c"}},
		{name: "hole", cfg: pathlab.Config{Edges: "s-a a-b b-x x-c c-t", Boxes: map[string]pathlab.Box{"x": swallow}},
			size: 1399, hole: &Hole{Before: 3, After: 2, Size: 1400}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.IPv6 = true
			n := pathlab.New(t, c.cfg)
			if err := n.Source.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				tracers := []Tracer{{}, {Protocol: ICMP}, {Protocol: TCP}, {Unprivileged: true}, {Protocol: ICMP, Unprivileged: true}}
				if c.hole != nil { // which takes time
					tracers = []Tracer{{}, {Unprivileged: true}}
				}
				if testing.Short() {
					tracers = tracers[:1]
				}
				for _, tracer := range tracers {
					name := fmt.Sprintf("%s/%v, unprivileged %v", f.name, tracer.Protocol, tracer.Unprivileged)
					tracer.MTU = true
					var found *MTU
					for _, r := range labTrace(t, n, tracer, f.six) {
						if r.Found != nil {
							found = r.Found
						}
					}
					if found == nil {
						t.Errorf("%s: nothing was found", name)
						continue
					}
					var who []string
					for _, s := range found.Steps {
						who = append(who, n.Name(s.From))
					}
					if found.Size != c.size || !slices.Equal(who, c.step) || (found.Hole == nil) != (c.hole == nil) || found.Hole != nil && *found.Hole != *c.hole {
						t.Errorf("%s: %+v, told by %v, hole %+v", name, found, who, found.Hole)
					}
					if found.Interface != "eth0" || found.MTU != 1500 || found.Believed < c.size || found.Believed > 1500 {
						t.Errorf("%s: %+v", name, found.Local)
					}
				}
			}
		})
	}
}

// TestBelief: what the kernel was told of a path does not keep large probes from being sent, and is told.
func TestBelief(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: "s-a a-b b-t", Links: map[string]pathlab.Link{"a-b": {MTU: 1400}}})
	for i := range 2 {
		var found *MTU
		for _, r := range labTrace(t, n, Tracer{MTU: true, Wait: time.Second}, false) {
			if r.Found != nil {
				found = r.Found
			}
			if r.Outcome == probe.Lost && r.Cause == probe.SendFailed {
				t.Errorf("%+v", r)
			}
		}
		if found == nil || found.Size != 1400 || len(found.Steps) != 1 {
			t.Fatalf("%+v", found)
		}
		if want := []int{1500, 1400}[i]; found.Believed != want {
			t.Errorf("the kernel believes %d, want %d", found.Believed, want)
		}
		// The kernel takes an ICMP message for its own if a socket sent what it quotes: a UDP socket that is large.
		if i == 0 {
			tell(t, n)
		}
	}
}

// tell sends a large datagram of a plain socket, and waits until the kernel has been told that it is too large.
func tell(t *testing.T, n *pathlab.Net) {
	t.Helper()
	s := open(t, n.Source, Tracer{Unprivileged: true})
	for r, err := range s.Ask(context.Background(), []Probe{{Target: n.Dst4, TTL: 64, Size: 1500}}) {
		if err != nil || r.Kind != TooBig {
			t.Fatal(r, err)
		}
	}
}

// TestMTULoopback: answers that are larger than any that are expected are known by their beginning.
func TestMTULoopback(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: "s-t", IPv6: true})
	for _, p := range []Protocol{UDP, ICMP, TCP} {
		for _, target := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
			var found *MTU
			for _, r := range traceTo(t, n.Source, Tracer{Protocol: p, MTU: true}, target) {
				if r.Found != nil {
					found = r.Found
				}
			}
			if found == nil || found.Size != 65535 || found.Hole != nil || !found.Reached {
				t.Errorf("%v %v: %+v", p, target, found)
			}
		}
	}
}

// TestMTUSeldomLab: the same with the kernel's own limits, right after another trace has used the answers up.
func TestMTUSeldomLab(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: "s-a a-b b-t"})
	for _, name := range []string{"a", "b", "t"} {
		if err := n.LimitPerHost(name, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, r := range labTrace(t, n, Tracer{MTU: true, Wait: 300 * time.Millisecond}, false) {
			if r.Found != nil && (r.Found.Hole != nil || r.Found.To > 0 && r.Found.Size != 1500) {
				t.Errorf("%+v, hole %+v", r.Found, r.Found.Hole)
			}
		}
	}
}
