package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sockwire/raw/netlab"
)

// pingLab is a host that pings and one that answers for a whole network.
type pingLab struct {
	a, b    *netlab.Host
	rawping string
}

var pings pingLab

const (
	sweepNet   = "10.99.0.0/16"
	sweepHosts = 65534
	floodCount = 200000
)

func preparePings(ctx context.Context, b *Bench) (func(), error) {
	lab, err := netlab.New(&netlab.Config{IPv4Only: true})
	if err != nil {
		return nil, err
	}
	cleanup := func() { lab.Close(); pings = pingLab{} }
	if err := pings.prepare(ctx, b, lab); err != nil {
		cleanup()
		return nil, err
	}
	return cleanup, nil
}

func (p *pingLab) prepare(ctx context.Context, b *Bench, lab *netlab.Lab) (err error) {
	if p.a, err = lab.Host("a"); err != nil {
		return err
	}
	if p.b, err = lab.Host("b"); err != nil {
		return err
	}
	if _, err = lab.Link(p.a, p.b, netlab.LinkConfig{}); err != nil {
		return err
	}
	prefix := netip.MustParsePrefix(sweepNet)
	if err = p.b.AddRoute(netlab.Route{Dst: prefix, Kind: netlab.Local}); err != nil {
		return err
	}
	if err = p.a.AddRoute(netlab.Route{Dst: prefix, Via: p.b.Addr4()}); err != nil {
		return err
	}
	p.rawping, err = b.Build(ctx, "rawping")
	return err
}

// measure runs a command on the pinging host and returns what it cost and what it printed on both streams.
func (p *pingLab) measure(ctx context.Context, b *Bench, name string, args ...string) (Usage, string, error) {
	var out bytes.Buffer
	cmd := p.a.Command(ctx, name, args...)
	cmd.Stdout = &out
	u, err := b.Time(cmd)
	return u, out.String() + u.Stderr, err
}

type pingSummary struct {
	Type     string  `json:"type"`
	Received float64 `json:"received"`
	Rate     float64 `json:"rate_per_second"`
}

// rawpingRun runs rawping and returns what it cost and its summary, of which all must have been answered.
func rawpingRun(ctx context.Context, b *Bench, want int, args ...string) (Usage, pingSummary, error) {
	var s pingSummary
	u, out, err := pings.measure(ctx, b, pings.rawping, append([]string{"--json", "-q"}, args...)...)
	if err != nil {
		return u, s, err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
		return u, s, err
	}
	if int(s.Received) != want {
		return u, s, fmt.Errorf("%v of %d echoes were answered", s.Received, want)
	}
	return u, s, nil
}

func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

func sweepOurs(ctx context.Context, b *Bench) ([]float64, error) {
	u, _, err := rawpingRun(ctx, b, sweepHosts, "--retries", "0", "--rate", "max", "--read-buffer", "32MiB", "--generate", sweepNet)
	return []float64{perSecond(sweepHosts, u.Wall), u.CPU.Seconds() / sweepHosts * 1e6}, err
}

func sweepFping(ctx context.Context, b *Bench) ([]float64, error) {
	u, out, err := pings.measure(ctx, b, "fping", "-q", "-s", "-i", "0", "-r", "0", "-g", sweepNet)
	if err != nil && !strings.Contains(err.Error(), "exit status 1") {
		return nil, err
	}
	if !strings.Contains(out, "alive") {
		return nil, fmt.Errorf("fping printed no totals: %q", out)
	}
	return []float64{perSecond(sweepHosts, u.Wall), u.CPU.Seconds() / sweepHosts * 1e6}, nil
}

func floodOurs(ctx context.Context, b *Bench) ([]float64, error) {
	u, _, err := rawpingRun(ctx, b, floodCount, "-f", "-c", strconv.Itoa(floodCount), pings.b.Addr4().String())
	return []float64{perSecond(floodCount, u.Wall), u.CPU.Seconds() / floodCount * 1e6}, err
}

func floodPing(ctx context.Context, b *Bench) ([]float64, error) {
	u, _, err := pings.measure(ctx, b, "ping", "-q", "-f", "-c", strconv.Itoa(floodCount), pings.b.Addr4().String())
	return []float64{perSecond(floodCount, u.Wall), u.CPU.Seconds() / floodCount * 1e6}, err
}

const (
	steadyHosts  = 1000
	steadyRounds = 10
	steadyRange  = "10.99.1.0-10.99.4.231"
)

func steadyOurs(ctx context.Context, b *Bench) ([]float64, error) {
	u, _, err := rawpingRun(ctx, b, steadyHosts*steadyRounds, "-c", strconv.Itoa(steadyRounds), "-i", "1", "--rate", "1kpps", "--generate", steadyRange)
	return []float64{u.CPU.Seconds() / steadyHosts / steadyRounds * 1e6}, err
}

func steadyFping(ctx context.Context, b *Bench) ([]float64, error) {
	first, last, _ := strings.Cut(steadyRange, "-")
	u, _, err := pings.measure(ctx, b, "fping", "-q", "-c", strconv.Itoa(steadyRounds), "-p", "1000", "-i", "1", "-g", first, last)
	return []float64{u.CPU.Seconds() / steadyHosts / steadyRounds * 1e6}, err
}

func rawpingRows() []Row {
	rateAndCPU := []Figure{{Name: "echoes", Unit: "/s"}, {Name: "CPU per echo", Unit: "µs", LowerIsBetter: true}}
	return []Row{
		{Name: "ping-sweep", About: "65,534 hosts once, all answered; bound by the kernel's echo path, some 9 µs of one processor", Figures: rateAndCPU, Prepare: preparePings,
			Ours:  Side{Name: "rawping", Run: sweepOurs},
			Peers: []Side{{Name: "fping -i 0 -r 0", Needs: []string{"fping"}, Goals: []float64{1.7, 1.1}, Run: sweepFping}}},
		{Name: "ping-flood", About: "200,000 echoes to one host as fast as it answers; bound by the same path", Figures: rateAndCPU, Prepare: preparePings,
			Ours:  Side{Name: "rawping -f", Run: floodOurs},
			Peers: []Side{{Name: "ping -f", Needs: []string{"ping"}, Goals: []float64{1.3, 0}, Run: floodPing}}},
		{Name: "ping-steady", About: "1,000 hosts once a second each; bound by wake-ups", Prepare: preparePings,
			Figures: []Figure{{Name: "CPU per echo", Unit: "µs", LowerIsBetter: true}},
			Ours:    Side{Name: "rawping", Run: steadyOurs},
			Peers:   []Side{{Name: "fping -p 1000 -i 1", Needs: []string{"fping"}, Goals: []float64{1}, Run: steadyFping}}},
	}
}
