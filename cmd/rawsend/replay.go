package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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
	if ctx.Err() != nil {
		return fmt.Errorf("%w while the packets were read: none was sent", context.Cause(ctx))
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
	var source inject.Source = recorded
	var answers *listener
	if replayWaits(o) {
		raw := link != capture.LinkEthernet || o.engine == "raw"
		if answers, err = listenToReplay(ctx, env, o, recorded, raw); err != nil {
			return err
		}
		defer answers.close()
		source = &followed{Recorded: recorded, listener: answers}
	}
	if err := cli.DropPrivilege(); err != nil && !errors.Is(err, cli.ErrKeptPrivilege) {
		return err
	}
	t := &inject.Transmission{Engine: engine, Source: source, Duration: o.duration}
	if recorded.Due == nil {
		t.Schedule = o.schedule()
	}
	if answers != nil {
		answers.start(ctx)
	}
	report, err := t.Transmit(ctx)
	if err != nil {
		return err
	}
	sum := summarize(&report, o, engine)
	if answers != nil {
		answers.await(ctx, o.wait)
		if err := answers.stop(); err != nil {
			return err
		}
	}
	return sum.print(env, o, answers)
}

// replayWaits reports whether answers to recorded packets are looked for: only when told to, for most recordings were
// sent by somebody else, who would get them.
func replayWaits(o *options) bool { return o.waitGiven && o.wait > 0 }

// listenToReplay listens where the recorded packets go out.
func listenToReplay(ctx context.Context, env *cli.Env, o *options, recorded *inject.Recorded, raw bool) (*listener, error) {
	resolver, err := inject.OpenResolver(o.device)
	if err != nil {
		return nil, err
	}
	defer resolver.Close()
	var dst netip.Addr
	for _, p := range recorded.Packets {
		if !raw {
			p = networkPart(capture.LinkEthernet, p)
		}
		if h, ok := inject.ParseHeader(p); ok {
			dst = h.Dst
			break
		}
	}
	if !dst.IsValid() {
		return nil, cli.WithHint(errors.New("no recorded packet is one that an answer can be told for"), "leave out --wait")
	}
	route, err := resolver.Route(dst)
	if err != nil {
		return nil, err
	}
	return listen(ctx, listenConfig{env: env, o: o, route: route, raw: raw, total: uint64(len(recorded.Packets)) * uint64(o.loop)})
}

// followed gives recorded packets and remembers them for their answers.
type followed struct {
	*inject.Recorded
	listener *listener
	number   uint64
}

// Fill adds the next packets.
func (s *followed) Fill(b *inject.Batch, n int) error {
	before := len(b.Packets)
	if err := s.Recorded.Fill(b, min(n, 64)); err != nil {
		return err
	}
	for i := range b.Packets[before:] {
		p := b.Packets[before+i]
		if !s.listener.raw {
			p = networkPart(capture.LinkEthernet, p)
		}
		h, _ := inject.ParseHeader(p)
		s.listener.sent(s.number, b.Packets[before+i:before+i+1], h.Dst.IsMulticast() || h.Dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}))
		s.number++
	}
	return nil
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
	networks, err := connectedNetworks()
	if err != nil {
		return nil, err
	}
	broadcast := map[netip.Addr]string{} // the interface of each
	for _, c := range networks {
		if a := c.broadcast(); a.IsValid() {
			broadcast[a] = c.device
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
			case broadcast[h.Dst] != "" && !o.allowed("broadcast"):
				return nil, fmt.Errorf("packet %d: %w", i+1, refuse(h.Dst, "a broadcast address of "+broadcast[h.Dst], "broadcast"))
			}
		}
		if raw {
			if alters := inject.RawAlters(ip, 0); alters != "" {
				return nil, fmt.Errorf("packet %d: %s", i+1, alters)
			}
		}
	}
	cfg := &inject.Config{Interface: o.device, QueueBypass: o.flood && !replayWaits(o), Broadcast: o.allowed("broadcast")}
	var engine inject.Engine
	var reason string
	switch {
	case raw:
		engine, err = inject.OpenRaw(cfg)
	case o.device == "":
		return nil, cli.WithHint(errors.New("frames with Ethernet headers need an interface"), "say -I NAME; or send their IP packets by the routes of this machine with --engine raw")
	case o.engine == "xdp" || o.engine == "auto" && o.flood && !replayWaits(o) && fitXDP(recorded.Packets):
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
