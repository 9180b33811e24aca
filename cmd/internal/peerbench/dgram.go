package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"sockwire/raw/netlab"
)

// dgramLab is two hosts: on one run the servers of dgperf and its peers, from the other their clients send.
type dgramLab struct {
	a, b   *netlab.Host
	dgperf string
}

var datagrams dgramLab

// Ports of the servers.
const (
	dgperfPort   = "7207"
	iperf3Port   = "5201"
	sockperfPort = "11111"
)

// dgramTime is how long each side sends, in seconds.
const dgramTime = "2"

// prepareDatagrams makes the lab and starts the servers.
func prepareDatagrams(ctx context.Context, b *Bench) (func(), error) {
	lab, err := netlab.New(nil)
	if err != nil {
		return nil, err
	}
	var servers []*exec.Cmd
	cleanup := func() {
		for _, s := range servers {
			_ = s.Process.Kill()
			_ = s.Wait()
		}
		lab.Close()
		datagrams = dgramLab{}
	}
	fail := func(err error) (func(), error) {
		cleanup()
		return nil, err
	}
	d := &datagrams
	if d.a, d.b, err = twoHosts(lab); err != nil {
		return fail(err)
	}
	if d.dgperf, err = b.Build(ctx, "dgperf"); err != nil {
		return fail(err)
	}
	address := d.b.Addr4().String()
	for _, args := range [][]string{
		{d.dgperf, "serve", "-q", address},
		{"iperf3", "-s", "-B", address, "-p", iperf3Port},
		{"sockperf", "server", "-i", address, "-p", sockperfPort},
	} {
		if missingProgram(args[:1]) != "" {
			continue // the side that needs it is left out
		}
		s := d.b.Command(ctx, args[0], args[1:]...)
		if err := s.Start(); err != nil {
			return fail(err)
		}
		servers = append(servers, s)
	}
	time.Sleep(500 * time.Millisecond) // iperf3 and sockperf do not say when they listen
	return cleanup, nil
}

// output runs a command on the sending host.
func (d *dgramLab) output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := d.a.Command(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", name, err, &stderr, out)
	}
	return out, nil
}

// dgperfRecord is what dgperf reports: a summary or a distribution.
type dgperfRecord struct {
	Type   string  `json:"type"`
	Name   string  `json:"name"`
	Sent   float64 `json:"sent"`
	Unique float64 `json:"unique"`
	Lost   float64 `json:"lost"`
	Rate   float64 `json:"delivered_per_s"`
	Span   float64 `json:"span_ns"`
	P50    float64 `json:"p50_ns"`
	P999   float64 `json:"p999_ns"`
}

// report runs dgperf and returns its records by their names, the summary by its type.
func (d *dgramLab) report(ctx context.Context, args ...string) (map[string]dgperfRecord, error) {
	out, err := d.output(ctx, d.dgperf, append([]string{"--json", "-q", "-T", dgramTime, d.b.Addr4().String()}, args...)...)
	if err != nil {
		return nil, err
	}
	records := map[string]dgperfRecord{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var r dgperfRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		records[cmp.Or(r.Name, r.Type)] = r
	}
	if records["summary"].Type == "" {
		return nil, fmt.Errorf("dgperf: no summary in\n%s", out)
	}
	return records, nil
}

// streamed runs dgperf and returns delivered datagrams a second and the share that was lost.
func streamed(args ...string) func(context.Context, *Bench) ([]float64, error) {
	return func(ctx context.Context, b *Bench) ([]float64, error) {
		records, err := datagrams.report(ctx, args...)
		r := records["summary"]
		return []float64{r.Rate, r.Lost / max(r.Sent, 1)}, err
	}
}

// iperf3Streamed is the same by iperf3.
func iperf3Streamed(args ...string) func(context.Context, *Bench) ([]float64, error) {
	return func(ctx context.Context, b *Bench) ([]float64, error) {
		d := &datagrams
		args := append([]string{"-u", "-c", d.b.Addr4().String(), "-p", iperf3Port, "-t", dgramTime, "-J"}, args...)
		out, err := d.output(ctx, "iperf3", args...)
		if err != nil {
			return nil, err
		}
		var r struct {
			End struct {
				Sum struct {
					Seconds float64 `json:"seconds"`
					Packets float64 `json:"packets"`
					Lost    float64 `json:"lost_packets"`
				} `json:"sum"`
			} `json:"end"`
		}
		if err := json.Unmarshal(out, &r); err != nil {
			return nil, fmt.Errorf("iperf3: %w", err)
		}
		s := r.End.Sum
		if s.Seconds == 0 {
			return nil, fmt.Errorf("iperf3 measured nothing:\n%s", out)
		}
		return []float64{(s.Packets - s.Lost) / s.Seconds, s.Lost / max(s.Packets, 1)}, nil
	}
}

// roundTrips runs dgperf, one request at a time.
func roundTrips(ctx context.Context, b *Bench) ([]float64, error) {
	records, err := datagrams.report(ctx, "--requests", "-s", "64")
	if err != nil {
		return nil, err
	}
	summary, rtt := records["summary"], records["rtt"]
	if rtt.P50 == 0 {
		return nil, errors.New("dgperf reported no round trips")
	}
	return []float64{rtt.P50 / 1e9, rtt.P999 / 1e9, summary.Span / max(summary.Unique-1, 1) / 1e9}, nil
}

var (
	sockperfPercentile = regexp.MustCompile(`percentile ([0-9.]+) = +([0-9.]+)`)
	sockperfMean       = regexp.MustCompile(`avg-(?:rtt|latency)=([0-9.]+)`)
)

// sockperfRoundTrips is the same by sockperf, whole round trips, in microseconds.
func sockperfRoundTrips(ctx context.Context, b *Bench) ([]float64, error) {
	d := &datagrams
	out, err := d.output(ctx, "sockperf", "ping-pong", "-i", d.b.Addr4().String(), "-p", sockperfPort, "-t", dgramTime, "-m", "64", "--full-rtt")
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for _, m := range sockperfPercentile.FindAllSubmatch(out, -1) {
		v, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return nil, err
		}
		found[string(m[1])] = v / 1e6
	}
	mean := sockperfMean.FindSubmatch(out)
	if mean == nil || found["50.000"] == 0 {
		return nil, fmt.Errorf("sockperf: no figures in\n%s", out)
	}
	cycle, err := strconv.ParseFloat(string(mean[1]), 64)
	if err != nil {
		return nil, err
	}
	return []float64{found["50.000"], found["99.900"], cycle / 1e6}, nil
}

func dgramRows() []Row {
	delivered := []Figure{{Name: "delivered", Unit: "/s"}, {Name: "lost", LowerIsBetter: true}}
	stream := func(name, about string, goals []float64, ours, theirs []string) Row {
		return Row{Name: name, About: about, Figures: delivered, Prepare: prepareDatagrams,
			Ours:  Side{Name: "dgperf", Run: streamed(ours...)},
			Peers: []Side{{Name: "iperf3", Needs: []string{"iperf3"}, Goals: goals, Run: iperf3Streamed(theirs...)}}}
	}
	return []Row{
		stream("dgram-1400", "deliver datagrams of 1400 bytes as fast as possible, numbered and checked", []float64{10},
			[]string{"--rate", "0", "-s", "1400"}, []string{"-b", "0", "-l", "1400"}),
		stream("dgram-64", "the same with 64 bytes", []float64{30},
			[]string{"--rate", "0", "-s", "64"}, []string{"-b", "0", "-l", "64"}),
		stream("dgram-1400-no-offload", "1400 bytes, each through the stack on its own", []float64{2},
			[]string{"--rate", "0", "-s", "1400", "--no-offload"}, []string{"-b", "0", "-l", "1400"}),
		stream("dgram-rate", "30,000 datagrams of 1400 bytes a second, which a receiver can hold", []float64{0, 1},
			[]string{"--rate", "30kpps", "-s", "1400"}, []string{"-b", strconv.Itoa(30_000 * 1400 * 8), "-l", "1400"}),
		{
			Name: "dgram-rtt", About: "round trips of 64 bytes, one at a time; ours end when the kernel has the reply, theirs when the program has",
			Figures: []Figure{{Name: "median", Unit: "s", LowerIsBetter: true}, {Name: "p99.9", Unit: "s", LowerIsBetter: true}, {Name: "cycle", Unit: "s", LowerIsBetter: true}},
			Prepare: prepareDatagrams,
			Ours:    Side{Name: "dgperf", Run: roundTrips},
			Peers:   []Side{{Name: "sockperf", Needs: []string{"sockperf"}, Goals: []float64{1.15, 1}, Run: sockperfRoundTrips}},
		},
	}
}
