package inject_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"sockwire/raw/inject"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
)

// TestResolverAsksTheNetwork finds neighbours that the system's table does not have.
func TestResolverAsksTheNetwork(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	a, _ := lab.Host("a")
	b, err := lab.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Link(a, b, netlab.LinkConfig{Resolve: true}); err != nil {
		t.Fatal(err)
	}
	r := open(t, a, func() (*inject.Resolver, error) { return inject.OpenResolver("") })
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, dst := range []netip.Addr{b.Addr4(), b.Addr6()} {
		layer := "ip"
		if dst.Is6() {
			layer = "ip6"
		}
		template := parse(t, "eth / "+layer+"{dst="+dst.String()+"} / udp{dport=9}")
		layers := template.Layers(0)
		err := a.Do(func() error {
			route, err := r.Fill(ctx, template, layers)
			if err == nil && (route.Interface != a.Ends()[0].Ifname || route.MTU != 1500 || route.Loopback) {
				t.Errorf("%+v", route)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if e := layers[0].(*packet.Ethernet); e.Dst != b.Ends()[0].MAC || e.Src != a.Ends()[0].MAC {
			t.Errorf("%s: %v to %v", dst, e.Src, e.Dst)
		}
		if src := netip.Addr(sourceOf(layers[1])); src != a.Addr4() && src != a.Addr6() {
			t.Errorf("%s: from %s", dst, src)
		}
	}
	// What is given stays.
	template := parse(t, "eth{dst=02:00:00:00:00:77} / ip{src=203.0.113.1, dst="+b.Addr4().String()+"} / udp")
	layers := template.Layers(0)
	if err := a.Do(func() error { _, err := r.Fill(ctx, template, layers); return err }); err != nil {
		t.Fatal(err)
	}
	if e := layers[0].(*packet.Ethernet); e.Dst != (packet.MAC{2, 0, 0, 0, 0, 0x77}) || sourceOf(layers[1]) != netip.MustParseAddr("203.0.113.1") {
		t.Errorf("%v, %v", e, layers[1])
	}
}

func sourceOf(l packet.Layer) netip.Addr {
	switch l := l.(type) {
	case *packet.IPv4:
		return l.Src
	case *packet.IPv6:
		return l.Src
	}
	return netip.Addr{}
}

func TestResolverSaysThatNobodyAnswers(t *testing.T) {
	_, a, _ := netlab.Two(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	nobody := netip.MustParseAddr("198.51.100.77")
	if err := a.AddRoute(netlab.Route{Dst: netip.PrefixFrom(nobody, 32), Ifname: a.Ends()[0].Ifname}); err != nil {
		t.Fatal(err)
	}
	r := open(t, a, func() (*inject.Resolver, error) { return inject.OpenResolver("") })
	defer r.Close()
	err := a.Do(func() error {
		route, err := r.Route(nobody)
		if err != nil {
			return err
		}
		_, err = r.Neighbour(ctx, route)
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, inject.ErrNoNeighbour) {
		t.Errorf("%v", err)
	}
	if _, err := r.Route(netip.MustParseAddr("203.0.113.1")); err == nil {
		t.Error("a route to where none goes")
	}
}
