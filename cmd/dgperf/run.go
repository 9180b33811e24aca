package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
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
		if o.limited && (o.serve || o.mtu) {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, o.duration)
			defer stop()
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
	refused := func(client dgram.Addr, reason string) { env.Warnf("refused %v: %s", client, reason) }
	if o.quiet {
		refused = nil
	}
	if o.hopRate.Packets == 0 {
		o.hopRate.Packets = -1
	}
	s, err := perf.NewServer(ctx, o.address.Text, &perf.ServerConfig{
		Network: o.address.Network, Socket: o.config, MaxSessions: o.maxSessions, MaxPerPeer: o.maxPerPeer, MaxRate: o.maxRate.Packets,
		Echo: o.echo, NoForeign: o.noForeign, Refused: refused, HopRate: o.hopRate.Packets,
	})
	if err != nil {
		return err
	}
	env.Warnf("serving on %v, receive buffer granted: %d bytes", s.Addr(), s.ReadBuffer())
	status := func() string {
		st := s.Stats()
		text := fmt.Sprintf("%s now, %d in all; %s to other tools; %s ignored", cli.Plural(uint64(st.Active), "flow"), st.Sessions,
			cli.Plural(st.Answered, "answer"), cli.Plural(st.Ignored, "datagram"))
		if st.Hops > 0 {
			text += fmt.Sprintf("; %s for hops", cli.Plural(st.Hops, "datagram"))
		}
		if st.NoRoom > 0 {
			text += fmt.Sprintf("; %s found no room", cli.Plural(st.NoRoom, "answer"))
		}
		if st.Evicted > 0 {
			text += fmt.Sprintf("; %s made room for others", cli.Plural(st.Evicted, "silent flow"))
		}
		if st.Refused > 0 {
			text += fmt.Sprintf("; %s refused, the last because %s", cli.Plural(st.Refused, "flow"), st.Reason)
		}
		return text
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
		Settle: o.settle, Window: o.window, Interval: o.interval}
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
	var dropped *hostDrops
	if o.drops {
		var err error
		if dropped, err = watchDrops(o.address.Text); err != nil {
			hint := "without --drops what this host drops counts as lost in the network"
			if errors.Is(err, os.ErrPermission) {
				hint += "; it is root's to know"
			}
			return cli.WithHint(err, "%s", hint)
		}
		defer dropped.src.Close()
	}
	show := &renderer{env: env, o: o, cfg: &cfg}
	var err error
	if show.drawn, err = newDrawn(ctx, env, o); err != nil {
		return err
	}
	if !o.quiet {
		cfg.Progress = show.interval
		show.begin()
	}
	var result *perf.Result
	if o.watch && live.Possible(env) && !o.json && !o.quiet {
		w := newWatch(&cfg)
		cfg.Progress = w.add
		show.draws()
		err = live.Run(ctx, env, live.Source{Look: w.look, Reset: w.reset}, func(inner context.Context) error {
			ctx = inner // who leaves the screen interrupts
			result, err = perf.Run(ctx, cfg)
			return err
		})
	} else {
		show.draws()
		result, err = perf.Run(ctx, cfg)
	}
	if result == nil {
		return explain(nothingYet(ctx, err))
	}
	if err := show.conclude(result, dropped, err); err != nil {
		return err
	}
	if show.sent == 0 && cli.Interrupted(ctx) {
		return fmt.Errorf("interrupted before anything was sent: %w", cli.ErrNo)
	}
	if show.arrived == 0 {
		return fmt.Errorf("nothing arrived: %w", cli.ErrNo)
	}
	if !show.known {
		return fmt.Errorf("the accounts are not final: %w", cli.ErrNo)
	}
	return nil
}

// conclude shows the result of a run that may have ended with an error, and saves the report of it: also where --drops
// fails.
func (r *renderer) conclude(res *perf.Result, h *hostDrops, err error) error {
	failed := r.resultAnd(res, h)
	if r.drawn != nil {
		failed = errors.Join(failed, r.drawn.save(r.env, r.o))
	}
	switch {
	case failed == nil:
		return explain(err)
	case err != nil:
		return fmt.Errorf("%w; and the run: %v", failed, err)
	}
	return failed
}

// nothingYet says of a run without a result that it was interrupted, if it was.
func nothingYet(ctx context.Context, err error) error {
	if cli.Interrupted(ctx) {
		return fmt.Errorf("interrupted before the server answered: %w", cli.ErrNo)
	}
	return err
}

// explain makes what the network said an answer of exit status 1.
func explain(err error) error {
	var told *dgram.NetworkError
	switch {
	case errors.Is(err, cli.ErrNo):
		return err
	case errors.Is(err, perf.ErrServerGone), errors.Is(err, perf.ErrContradiction):
		return fmt.Errorf("%w: %w", err, cli.ErrNo)
	case errors.As(err, &told), errors.Is(err, os.ErrDeadlineExceeded):
		return cli.WithHint(fmt.Errorf("%w: %w", err, cli.ErrNo), "is dgperf serve running there, and does a firewall pass UDP?")
	}
	return err
}

func searchMTU(ctx context.Context, env *cli.Env, o *options) error {
	if !o.quiet && !o.json {
		env.Stdout.Printf("looking for the path MTU to %s\n", o.address.Text)
		env.Stdout.Flush()
	}
	r, err := perf.SearchMTU(ctx, perf.Config{Network: o.address.Network, Target: o.address.Text, Socket: o.config, Timeout: o.timeout})
	if err != nil && (r == nil || r.MTU == 0) {
		return explain(nothingYet(ctx, err))
	}
	if o.json {
		hop := ""
		if r.Hop.IsValid() {
			hop = r.Hop.String()
		}
		if written := env.Stdout.JSON(mtuRecord{"mtu", r.MTU, r.Payload, r.Probes, hop, r.HopMTU}); err == nil {
			return written
		}
		return explain(err)
	}
	atLeast := ""
	if err != nil {
		atLeast = "at least "
	}
	env.Stdout.Printf("path MTU %s%d bytes: a payload of %d bytes passes unfragmented, %s\n", atLeast, r.MTU, r.Payload, cli.Plural(r.Probes, "probe"))
	if r.Hop.IsValid() {
		env.Stdout.Printf("%v says that its next hop takes %d\n", r.Hop, r.HopMTU)
	}
	if err != nil {
		return explain(err)
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
	env.Stdout.Printf("sent      %s, %s in %v\n", cli.Plural(r.Sent, "datagram"), cli.Plural(r.Bytes, "byte"), r.Elapsed.Round(time.Millisecond))
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
