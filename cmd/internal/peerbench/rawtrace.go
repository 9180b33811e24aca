package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// traceLab is a chain of routers to a host that answers for a network.
type traceLab struct {
	near     *netlab.Host
	far      netip.Addr
	hops     int
	rawtrace string
	list     string // file of the targets
}

var traces traceLab

const (
	pathHops    = 20
	pathOneWay  = 100 * time.Millisecond
	manyHops    = 10
	manyTargets = 1000
	manyRate    = 10000 // probes a second
	manyNet     = "10.99.0.0/16"
)

// prepareTrace makes a chain of so many hops, each router of which answers as often as it is asked.
func prepareTrace(hops int, oneWay time.Duration) func(ctx context.Context, b *Bench) (func(), error) {
	return func(ctx context.Context, b *Bench) (func(), error) {
		traces = traceLab{hops: hops}
		return inLabOf(&netlab.Config{IPv4Only: true}, func(lab *netlab.Lab) error { return traces.prepare(ctx, b, lab, oneWay) },
			func() { traces = traceLab{} })
	}
}

func (l *traceLab) prepare(ctx context.Context, b *Bench, lab *netlab.Lab, oneWay time.Duration) (err error) {
	many := netip.MustParsePrefix(manyNet)
	var last *netlab.Host
	for i := range l.hops + 1 {
		makeHost := lab.Router
		if i == 0 || i == l.hops {
			makeHost = lab.Host
		}
		h, err := makeHost("h" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		for _, name := range []string{"net.ipv4.icmp_ratelimit", "net.ipv4.icmp_ratemask"} {
			if err := h.Sysctl(name, "0"); err != nil {
				return err
			}
		}
		if i == 0 {
			l.near, last = h, h
			continue
		}
		var cfg netlab.LinkConfig
		if i == 1 && oneWay > 0 {
			delay := impair.Config{Delay: oneWay}
			cfg.Impair = &netlab.Impair{AtoB: delay, BtoA: delay, Keep: -1}
		}
		link, err := lab.Link(last, h, cfg)
		if err != nil {
			return err
		}
		if err := last.AddRoute(netlab.Route{Dst: many, Via: link.B.Addr4}); err != nil {
			return err
		}
		last, l.far = h, link.B.Addr4
	}
	if err := last.AddRoute(netlab.Route{Dst: many, Kind: netlab.Local}); err != nil {
		return err
	}
	var list bytes.Buffer
	at := many.Addr()
	for range manyTargets {
		at = at.Next()
		fmt.Fprintln(&list, at)
	}
	l.list = filepath.Join(b.Dir, "targets")
	if err := os.WriteFile(l.list, list.Bytes(), 0o644); err != nil {
		return err
	}
	l.rawtrace, err = b.Build(ctx, "rawtrace")
	return err
}

// measure runs a command at the near end, and counts the hops that it found: lines that begin with their number.
func (l *traceLab) measure(ctx context.Context, b *Bench, name string, args ...string) (u Usage, found float64, err error) {
	var out bytes.Buffer
	cmd := l.near.Command(ctx, name, args...)
	cmd.Stdout = &out
	if u, err = b.Time(cmd); err != nil {
		return u, 0, err
	}
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.Contains(line, "*") {
			continue
		}
		if n, err := strconv.Atoi(fields[0]); err == nil && n > 0 && n <= l.hops {
			found++
		}
	}
	if found == 0 {
		return u, 0, fmt.Errorf("%s found nothing:\n%.300s", name, out.String())
	}
	return u, found, nil
}

// tracePath measures one path, three probes a hop.
func tracePath(name string, args ...string) func(ctx context.Context, b *Bench) ([]float64, error) {
	return func(ctx context.Context, b *Bench) ([]float64, error) {
		command := name
		if name == "rawtrace" {
			command = traces.rawtrace
		}
		u, found, err := traces.measure(ctx, b, command, append(args, traces.far.String())...)
		return []float64{found, float64(u.Wall) / float64(2*pathOneWay), u.CPU.Seconds() * 1e3}, err
	}
}

// traceMany measures many paths at a set rate, one probe a hop.
func traceMany(name string, args func() []string) func(ctx context.Context, b *Bench) ([]float64, error) {
	return func(ctx context.Context, b *Bench) ([]float64, error) {
		command := name
		if name == "rawtrace" {
			command = traces.rawtrace
		}
		u, found, err := traces.measure(ctx, b, command, args()...)
		return []float64{found, u.Wall.Seconds(), u.CPU.Seconds() / found * 1e6}, err
	}
}

// rawtraceRows are the benchmarks of rawtrace.
func rawtraceRows() []Row {
	return []Row{
		{
			Name: "trace-path", About: fmt.Sprintf("one path of %d hops, three probes each, %v away; bound by the round trip", pathHops, 2*pathOneWay),
			Figures: []Figure{{"hops found", "", false}, {"round trips", "", true}, {"processor time", "ms", true}}, Prepare: prepareTrace(pathHops, pathOneWay),
			Ours: Side{Name: "rawtrace", Run: tracePath("rawtrace")},
			Peers: []Side{
				{Name: "traceroute", Needs: []string{"traceroute"}, Goals: []float64{1, 1, 0}, Run: tracePath("traceroute", "-n")},
				{Name: "scamper", Needs: []string{"scamper"}, Goals: []float64{1, 1, 0}, Run: tracePath("scamper", "-c", "trace -P udp-paris -q 3 -Q", "-i")},
			},
		},
		{
			Name: "trace-many", About: fmt.Sprintf("the paths to %d hosts %d hops away, one probe a hop, at %d probes a second; bound by the rate",
				manyTargets, manyHops, manyRate),
			Figures: []Figure{{"hops found", "", false}, {"time", "s", true}, {"processor time a hop", "µs", true}}, Prepare: prepareTrace(manyHops, 0),
			Ours: Side{Name: "rawtrace", Run: traceMany("rawtrace", func() []string {
				return []string{"-q", "1", "--rate", strconv.Itoa(manyRate) + "pps", "--file", traces.list}
			})},
			Peers: []Side{{Name: "scamper -p", Needs: []string{"scamper"}, Goals: []float64{1, 1, 1}, Run: traceMany("scamper", func() []string {
				return []string{"-p", strconv.Itoa(manyRate), "-w", "0", "-c", "trace -P udp-paris", "-f", traces.list}
			})}},
		},
	}
}
