package main

import (
	"context"
	"io"
	"runtime/debug"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/trace"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := cli.New("rawtrace", "find the path to a host, whether its loss is real, its MTU, and what each hop changed")
	c.Usage = []string{"[flags] HOST...", "[flags] --watch HOST...", "[flags] --paths HOST", "[flags] --file FILE"}
	c.Long = `All hops are probed at once, and each is printed as it is known: who answers, the time of each answer, a star for none, and
below it what was changed on the way, MPLS labels and interfaces. A sentence at the end says whether the host was reached and
whether the loss of a hop is real: a router that answers seldom is none.

All probes of a host are one flow, so that a path which splits is not mixed up. --paths finds the others. Every answer is proven by what a router quotes of the probe. Nothing is looked up over the network but a name given as HOST, and
those of the hops with --names.`
	c.Privilege = `A raw socket needs cap_net_raw: sudo setcap cap_net_raw+ep rawtrace. Without it probes are UDP datagrams, or ICMP echoes where the system
control net.ipv4.ping_group_range allows them; TCP, DCCP and SCTP need the raw socket. All capabilities are dropped once the sockets are open.`
	c.ExitStatus = "a host was not reached, loss on the way to it is real, or with --far nobody answered there"
	c.Color = true
	c.Elsewhere = elsewhere
	c.Examples = []cli.Example{
		{Line: "rawtrace 192.0.2.1", Text: "The path to a host."},
		{Line: "rawtrace -T -p 443 192.0.2.1", Text: "The path that TCP to port 443 takes."},
		{Line: "rawtrace --decide 192.0.2.1", Text: "Where something is lost, ask until it is clear whether that is real."},
		{Line: "rawtrace --watch -c 20 192.0.2.1", Text: "Twenty rounds: a live table on a terminal."},
		{Line: "rawtrace --paths 192.0.2.1", Text: "Every path to a host, with loss, times and MTU of each edge."},
		{Line: "rawtrace --json -q 1 192.0.2.1 2001:db8::1", Text: "The paths to two hosts, one probe a hop, as JSON Lines."},
	}
	o.define(c)
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		p, err := o.plan(args, c.Flags.Changed)
		if err != nil {
			return err
		}
		return o.trace(ctx, env, p)
	})
}

// tracer is the library's part of a plan.
func (o *options) tracer(p *plan) *trace.Tracer {
	t := &trace.Tracer{Port: uint16(p.protocol.port), First: o.first, Last: o.last, Probes: o.probes, Rate: o.rate.Packets, Wait: o.wait, Size: o.size,
		TrafficClass: p.tos, FlowLabel: p.flowLabel, Source: p.source, Interface: o.device, MTU: o.mtu && !o.paths && !o.watch, SourcePort: uint16(o.sport), Unprivileged: o.unprivileged}
	if o.paths {
		t.Flows = flowsMost
	}
	if o.watch && o.mtu {
		t.Rate *= 1 - asideShare // the rest is openBeside's
	}
	for protocol := trace.UDP; protocol <= trace.SCTP; protocol++ {
		if protocol.String() == p.protocol.name {
			t.Protocol = protocol
		}
	}
	return t
}

// manyHosts is from how many hosts on memory is collected less eagerly.
const manyHosts = 200

// trace runs a plan.
func (o *options) trace(ctx context.Context, env *cli.Env, p *plan) error {
	t := o.tracer(p)
	if err := t.Validate(); err != nil {
		return err
	}
	finder := o.finder(p)
	var targets []target
	for _, text := range p.args {
		one, err := findTarget(ctx, finder, text)
		if err != nil {
			return err
		}
		targets = append(targets, one)
	}
	files, err := o.openFiles(ctx, env)
	if err != nil {
		return err
	}
	defer files.close()
	where, err := openPlaces(ctx, env, o.asn, o.city)
	if err != nil {
		return err
	}
	defer where.close()
	m, err := o.openMetrics(env, p)
	if err != nil {
		return err
	}
	defer m.close()
	open, err := t.Open(ctx)
	if err != nil {
		return err
	}
	defer open.Close()
	beside, err := o.openBeside(ctx, t)
	if err != nil {
		return err
	}
	if beside != nil {
		defer beside.Close()
	}
	ask, err := o.openAsker(ctx, p)
	if err != nil {
		return err
	}
	defer ask.close()
	if err := env.DropPrivilege(); err != nil {
		return err
	}
	more, err := files.targets(ctx, finder)
	if err != nil {
		return err
	}
	if targets = append(targets, more...); len(targets) == 0 {
		return cli.Usagef("no hosts in the files given")
	}
	if err := where.read(); err != nil {
		return err
	}
	if len(targets) > manyHosts {
		debug.SetGCPercent(400) // a host costs few kilobytes; collecting them again and again costs more
	}
	s := newSession(o, p, env, targets)
	s.places, s.metrics = where, m
	if o.names {
		s.names = newNames(ctx)
	}
	env.OnStatus(s.status)
	for _, text := range open.Limits() {
		env.Warnf("not told without a raw socket: %s", text)
	}
	s.begin(open.Limits())
	if o.paths {
		return s.explore(ctx, open)
	}
	if o.watch {
		err = s.watch(ctx, open, beside)
	} else if err = s.once(ctx, open); err == nil && o.decide > 0 {
		err = s.decide(ctx, open)
	}
	if err != nil {
		return err
	}
	s.names.wait()
	if !o.watch {
		s.askFar(ctx)
	}
	said, err := ask.ask(s.trails)
	if err != nil {
		return err
	}
	return s.finish(ctx, said)
}

// openBeside opens the sockets of what --watch finds beside its rounds; nil if they need none. Of the rate it takes its
// share.
func (o *options) openBeside(ctx context.Context, t *trace.Tracer) (*trace.Session, error) {
	if !o.watch || !o.mtu || o.paths {
		return nil, nil
	}
	beside := *t
	beside.MTU, beside.Probes, beside.SourcePort, beside.Rate = true, 1, 0, asideShare*o.rate.Packets
	return beside.Open(ctx)
}

// openMetrics makes what --metrics asks for, and serves it where it is an address.
func (o *options) openMetrics(env *cli.Env, p *plan) (*metrics, error) {
	if o.metrics == "" {
		return nil, nil
	}
	m := newMetrics()
	if p.metrics.address == "" {
		return m, nil
	}
	address, err := m.serve(p.metrics.address)
	if err != nil {
		return nil, err
	}
	env.Warnf("metrics at http://%s/metrics", address)
	return m, nil
}
