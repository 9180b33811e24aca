package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
)

// replay sends the packets of a capture file.
func replay(ctx context.Context, env *cli.Env, o *options) error {
	list, err := load(ctx, env, o)
	if err != nil {
		return err
	}
	if o.count > 0 && uint64(len(list.frames)) > o.count {
		list.frames = list.frames[:o.count]
	}
	link := list.frames[0].Link
	recorded := &inject.Recorded{Loops: o.loop}
	if o.rate.IsZero() && !o.flood {
		recorded.Due = []time.Duration{}
	}
	first := list.frames[0].Time
	var last time.Duration
	for i := range list.frames {
		f := &list.frames[i]
		if (f.Link == capture.LinkEthernet) != (link == capture.LinkEthernet) {
			return errors.New("the packets start some with Ethernet headers and some without: choose with a filter")
		}
		if recorded.Due != nil {
			last = max(last, time.Duration(float64(f.Time.Sub(first))/o.speed))
			recorded.Due = append(recorded.Due, last)
		}
		recorded.Packets = append(recorded.Packets, f.Data)
	}
	engine, err := openReplay(env, o, link, recorded)
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := cli.DropPrivilege(); err != nil && !errors.Is(err, cli.ErrKeptPrivilege) {
		return err
	}
	t := &inject.Transmission{Engine: engine, Source: recorded, Duration: o.duration}
	if recorded.Due == nil {
		t.Schedule = o.schedule()
	}
	report, err := t.Transmit(ctx)
	if err != nil {
		return err
	}
	sum := summarize(&report, o, engine)
	return sum.print(env, o, nil)
}

// openReplay chooses the engine for recorded packets. Nobody may have meant their destinations, so they need saying too.
func openReplay(env *cli.Env, o *options, link capture.LinkType, recorded *inject.Recorded) (inject.Engine, error) {
	if o.engine == "trains" {
		return nil, cli.Usagef("--engine trains makes one packet many; recorded packets differ")
	}
	raw := link != capture.LinkEthernet
	if o.engine == "raw" && !raw {
		raw = true
		for i, p := range recorded.Packets {
			recorded.Packets[i] = networkPart(link, p)
		}
	}
	for i, p := range recorded.Packets {
		ip := p
		if !raw {
			ip = networkPart(link, p)
		}
		if h, ok := inject.ParseHeader(ip); ok {
			switch {
			case h.Dst.IsMulticast() && !o.allowed("multicast"):
				return nil, fmt.Errorf("packet %d: %w", i+1, refuse(h.Dst, "a multicast group", "multicast"))
			case h.Dst.Is4() && h.Dst.As4() == [4]byte{255, 255, 255, 255} && !o.allowed("broadcast"):
				return nil, fmt.Errorf("packet %d: %w", i+1, refuse(h.Dst, "the broadcast address", "broadcast"))
			}
		}
		if raw {
			if alters := inject.RawAlters(ip, 0); alters != "" {
				return nil, fmt.Errorf("packet %d: %s", i+1, alters)
			}
		}
	}
	cfg := &inject.Config{Interface: o.device, QueueBypass: o.flood, Broadcast: o.allowed("broadcast")}
	var engine inject.Engine
	var reason string
	var err error
	switch {
	case raw:
		engine, err = inject.OpenRaw(cfg)
	case o.device == "":
		return nil, cli.WithHint(errors.New("frames with Ethernet headers need an interface"), "say -I NAME; or send their IP packets by the routes of this machine with --engine raw")
	case o.engine == "xdp" || o.engine == "auto" && o.flood && fitXDP(recorded.Packets):
		engine, reason, err = openXDP(cfg, o.engine == "auto")
	default:
		engine, err = inject.OpenFrames(cfg)
	}
	if err == nil && !o.quiet {
		if reason != "" {
			reason = ": " + reason
		}
		env.Warnf("engine: %s%s", engine, reason)
	}
	return engine, err
}

// fitXDP reports whether an AF_XDP socket takes all the frames.
func fitXDP(frames [][]byte) bool {
	return !slices.ContainsFunc(frames, func(f []byte) bool { return len(f) > xdpMTU })
}
