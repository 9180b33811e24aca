package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/dgram"
	"sockwire/dgram/perf"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := newCommand(&o)
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		if err := o.check(c, args); err != nil {
			return err
		}
		switch {
		case o.serve:
			return serve(ctx, env, &o)
		case o.mtu:
			return searchMTU(ctx, env, &o)
		case o.protocol == "iperf2":
			return iperf2(ctx, env, &o)
		}
		return measure(ctx, env, &o)
	})
}

func serve(ctx context.Context, env *cli.Env, o *options) error {
	s, err := perf.NewServer(ctx, o.address.Text, &perf.ServerConfig{
		Network: o.address.Network, Socket: o.config, MaxSessions: o.maxSessions, MaxPerPeer: o.maxPerPeer, MaxRate: o.maxRate.Packets,
		Echo: o.echo, NoForeign: o.noForeign,
	})
	if err != nil {
		return err
	}
	env.Warnf("serving on %v, receive buffer granted: %d bytes", s.Addr(), s.ReadBuffer())
	status := func() string {
		st := s.Stats()
		return fmt.Sprintf("%d flows now, %d in all; other tools: %d answers; %d datagrams ignored", st.Active, st.Sessions, st.Answered, st.Ignored)
	}
	env.OnStatus(status)
	stop := env.Progress(status)
	err = s.Serve(ctx)
	stop()
	if !o.quiet {
		env.Warnf("%s", status())
	}
	return err
}

// measure runs the client and shows what it found.
func measure(ctx context.Context, env *cli.Env, o *options) error {
	cfg := perf.Config{Network: o.address.Network, Target: o.address.Text, Socket: o.config, Flows: o.flows, Timeout: o.timeout,
		Settle: o.settle, Window: o.window}
	load := o.load
	switch {
	case o.requests:
		cfg.Requests = &load
	case o.both:
		cfg.Up, cfg.Down = &load, &load
	case o.down:
		cfg.Down = &load
	default:
		cfg.Up = &load
	}
	show := &renderer{env: env, o: o, cfg: &cfg}
	if !o.quiet {
		cfg.Progress = show.interval
	}
	result, err := perf.Run(ctx, cfg)
	if result == nil {
		return explain(err)
	}
	show.result(result)
	if err != nil {
		return explain(err)
	}
	if show.arrived == 0 {
		return fmt.Errorf("nothing arrived: %w", cli.ErrNo)
	}
	if !show.known {
		return fmt.Errorf("the accounts are not final: %w", cli.ErrNo)
	}
	return nil
}

// explain makes what the network said an answer of exit status 1.
func explain(err error) error {
	var told *dgram.NetworkError
	switch {
	case errors.Is(err, perf.ErrServerGone):
		return fmt.Errorf("%w: %w", err, cli.ErrNo)
	case errors.As(err, &told), errors.Is(err, os.ErrDeadlineExceeded):
		return cli.WithHint(fmt.Errorf("%w: %w", err, cli.ErrNo), "is dgperf serve running there, and does a firewall pass UDP?")
	}
	return err
}

func searchMTU(ctx context.Context, env *cli.Env, o *options) error {
	r, err := perf.SearchMTU(ctx, perf.Config{Network: o.address.Network, Target: o.address.Text, Socket: o.config, Timeout: min(o.timeout, 200*time.Millisecond)})
	if err != nil {
		return explain(err)
	}
	if o.json {
		hop := ""
		if r.Hop.IsValid() {
			hop = r.Hop.String()
		}
		return env.Stdout.JSON(mtuRecord{"mtu", r.MTU, r.Payload, r.Probes, hop, r.HopMTU})
	}
	env.Stdout.Printf("path MTU %d bytes: a payload of %d bytes passes unfragmented, %d probes\n", r.MTU, r.Payload, r.Probes)
	if r.Hop.IsValid() {
		env.Stdout.Printf("%v says its next hop's MTU is %d\n", r.Hop, r.HopMTU)
	}
	return nil
}

type mtuRecord struct {
	Type    string `json:"type"`
	MTU     int    `json:"mtu"`
	Payload int    `json:"payload"`
	Probes  int    `json:"probes"`
	Hop     string `json:"hop,omitempty"`
	HopMTU  int    `json:"hop_mtu,omitempty"`
}

func iperf2(ctx context.Context, env *cli.Env, o *options) error {
	r, err := perf.RunIperf2(ctx, perf.Config{Network: o.address.Network, Target: o.address.Text, Socket: o.config, Up: &o.load})
	if err != nil {
		return explain(err)
	}
	if o.json {
		return env.Stdout.JSON(iperfRecord{"iperf2", r.Sent, r.Bytes, r.Elapsed.Nanoseconds(), r.Reported.Datagrams, r.Reported.Lost, r.Reported.OutOfOrder,
			r.Reported.Bytes, r.Reported.Jitter.Nanoseconds()})
	}
	env.Stdout.Printf("sent      %d datagrams, %d bytes in %v\n", r.Sent, r.Bytes, r.Elapsed.Round(time.Millisecond))
	env.Stdout.Printf("reported  %d lost of %d, %d out of order, %d bytes, jitter %v\n", r.Reported.Lost, r.Reported.Datagrams, r.Reported.OutOfOrder,
		r.Reported.Bytes, r.Reported.Jitter)
	return nil
}

type iperfRecord struct {
	Type       string `json:"type"`
	Sent       uint64 `json:"sent"`
	Bytes      uint64 `json:"bytes"`
	Elapsed    int64  `json:"elapsed_ns"`
	Datagrams  uint64 `json:"reported_datagrams"`
	Lost       uint64 `json:"reported_lost"`
	OutOfOrder uint64 `json:"reported_out_of_order"`
	Received   uint64 `json:"reported_bytes"`
	Jitter     int64  `json:"reported_jitter_ns"`
}
