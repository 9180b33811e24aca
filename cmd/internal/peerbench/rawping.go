package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

// pingLab is a host that pings and one that answers for a whole network.
type pingLab struct {
	a, b    *netlab.Host
	rawping string
	wire    float64 // p99 of the round trips of the last busyOurs, seen by a capture, in µs
}

var pings pingLab

const (
	sweepNet   = "10.99.0.0/16"
	sweepHosts = 65534
	floodCount = 200000
)

func preparePings(ctx context.Context, b *Bench) (func(), error) {
	return inLabOf(&netlab.Config{IPv4Only: true}, func(lab *netlab.Lab) error { return pings.prepare(ctx, b, lab) }, func() { pings = pingLab{} })
}

func (p *pingLab) prepare(ctx context.Context, b *Bench, lab *netlab.Lab) (err error) {
	if p.a, p.b, err = twoHosts(lab); err != nil {
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
	RTT      struct {
		P99 float64 `json:"p99_ns"`
	} `json:"rtt"`
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

const busyEchoes = 2500

// whileBusy does something on the pinging host while a process spins there, which takes one processor.
func (p *pingLab) whileBusy(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	spin := p.a.Command(ctx, "sh", "-c", "while :; do :; done")
	if err := spin.Start(); err != nil {
		cancel()
		return err
	}
	defer spin.Wait()
	defer cancel()
	return do()
}

// busyOurs returns the p99 that rawping reports and keeps the one that a capture on the pinging host gives for the same
// echoes.
func busyOurs(ctx context.Context, b *Bench) ([]float64, error) {
	var live *capture.Live
	err := pings.a.Do(func() (err error) {
		live, err = capture.Open(ctx, pings.a.Ifname(), &capture.Config{Immediate: true, Snaplen: 128})
		return err
	})
	if err != nil {
		return nil, err
	}
	defer live.Close()
	var s pingSummary
	err = pings.whileBusy(ctx, func() (err error) {
		_, s, err = rawpingRun(ctx, b, busyEchoes, "-c", strconv.Itoa(busyEchoes), "-i", "2ms", pings.b.Addr4().String())
		return err
	})
	if err != nil {
		return nil, err
	}
	trips, err := tripsOf(live)
	if err == nil && len(trips) != busyEchoes {
		err = fmt.Errorf("the capture has %d round trips of %d", len(trips), busyEchoes)
	}
	if err != nil {
		return nil, err
	}
	pings.wire = p99(trips)
	return []float64{s.RTT.P99 / 1e3}, nil
}

// tripsOf pairs the echo requests and replies that a capture of Ethernet has by identifier and sequence number and
// returns the times between them, in µs, from the kernel's stamps of the frames.
func tripsOf(live *capture.Live) (trips []float64, err error) {
	const icmp = 14 + 20 // where the message starts: the echoes have no options
	sent := map[[4]byte]time.Time{}
	var f capture.Frame
	for {
		ok, err := live.TryNext(&f)
		if err != nil || !ok {
			return trips, err
		}
		if len(f.Data) < icmp+8 || f.Data[12] != 8 || f.Data[13] != 0 || f.Data[14] != 0x45 || f.Data[23] != 1 {
			continue
		}
		id := [4]byte(f.Data[icmp+4:])
		switch f.Data[icmp] {
		case wire.ICMPv4Echo:
			sent[id] = f.Time
		case wire.ICMPv4EchoReply:
			if at, ok := sent[id]; ok {
				trips = append(trips, float64(f.Time.Sub(at))/1e3)
			}
		}
	}
}

// p99 is the 99th percentile by nearest rank.
func p99(values []float64) float64 {
	slices.Sort(values)
	return values[(len(values)*99+99)/100-1]
}

var pingTime = regexp.MustCompile(`time=([\d.]+) ms`)

func busyPing(ctx context.Context, b *Bench) (figures []float64, err error) {
	var out string
	err = pings.whileBusy(ctx, func() (err error) {
		_, out, err = pings.measure(ctx, b, "ping", "-i", "0.002", "-c", strconv.Itoa(busyEchoes), pings.b.Addr4().String())
		return err
	})
	var trips []float64
	for _, m := range pingTime.FindAllStringSubmatch(out, -1) {
		ms, _ := strconv.ParseFloat(m[1], 64)
		trips = append(trips, ms*1e3)
	}
	if err == nil && len(trips) != busyEchoes {
		err = fmt.Errorf("ping printed %d round trips of %d", len(trips), busyEchoes)
	}
	if err != nil {
		return nil, err
	}
	return []float64{p99(trips)}, nil
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
		{Name: "ping-busy", About: "2,500 echoes to one host, one each 2 ms, while a process spins on one processor; the capture on the pinging host stamps the echoes of our own run a second time",
			Prepare: preparePings,
			Figures: []Figure{{Name: "RTT p99", Unit: "µs", LowerIsBetter: true}},
			Ours:    Side{Name: "rawping", Run: busyOurs},
			Peers: []Side{
				{Name: "the kernel's stamps in a capture", Goals: []float64{1.2}, Run: func(context.Context, *Bench) ([]float64, error) { return []float64{pings.wire}, nil }},
				{Name: "ping -i 0.002", Needs: []string{"ping"}, Run: busyPing}}},
	}
}
