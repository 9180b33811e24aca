package raw

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sockwire/raw/netlab"
	"sockwire/raw/probe"
)

// pingOn runs p on a host and returns every echo and the report.
func pingOn(ctx context.Context, h *netlab.Host, p *Pinger, targets iter.Seq[netip.Addr]) (all []Echo, report Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var run *Run
	if err := h.Do(func() (err error) { run, err = p.Start(ctx); return err }); err != nil {
		return nil, report, err
	}
	for e, err := range run.Echoes(targets) {
		if err != nil {
			return nil, report, err
		}
		all = append(all, e)
	}
	return all, run.Report(), context.Cause(ctx)
}

// ping is pingOn for tests that want no error.
func ping(t testing.TB, h *netlab.Host, p *Pinger, targets iter.Seq[netip.Addr]) ([]Echo, Report) {
	t.Helper()
	all, report, err := pingOn(t.Context(), h, p, targets)
	if err != nil {
		t.Fatal(err)
	}
	return all, report
}

func one(a netip.Addr) iter.Seq[netip.Addr] { return slices.Values([]netip.Addr{a}) }

// sockets runs a test with a raw socket and with a ping socket.
func sockets(t *testing.T, test func(t *testing.T, kind SocketKind)) {
	t.Run("raw", func(t *testing.T) { test(t, RawSocket) })
	t.Run("ping", func(t *testing.T) { test(t, PingSocket) })
}

// allowPing lets ordinary users open ping sockets on a host.
func allowPing(t testing.TB, h *netlab.Host) {
	t.Helper()
	if err := h.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
}

func TestPingOneHost(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, target := range []netip.Addr{b.Addr4(), b.Addr6()} {
			p := Pinger{Count: 5, Interval: 5 * time.Millisecond, Socket: kind, TTL: 33, TOS: 0x20}
			echoes, report := ping(t, a, &p, one(target))
			if len(echoes) != 5 {
				t.Fatalf("%v: %d echoes: %+v", target, len(echoes), echoes)
			}
			for i, e := range echoes {
				if e.Outcome != probe.Answered || e.Seq != i+1 || e.Target != target || e.From != target || e.TTL != 64 || e.TOS != 0x20 || e.Size != 64 {
					t.Errorf("%+v", e)
				}
				if e.RTT <= 0 || e.RTT > time.Second || e.Source != TimeKernel || e.Split.Network != e.RTT || e.Split.Queue <= 0 || e.Split.Receive <= 0 {
					t.Errorf("%v %v %+v", e.RTT, e.Source, e.Split)
				}
				if done := i == 4; e.Done != done || e.Alive != true {
					t.Errorf("echo %d: done %v, alive %v", i, e.Done, e.Alive)
				}
			}
			if report.Foreign+report.Spoofed+report.Drops+report.ClockSteps != 0 || !report.SendStamps || report.Socket != kind {
				t.Errorf("%+v", report)
			}
		}
	})
}
