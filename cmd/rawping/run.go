package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/dropped"
	"sockwire/cmd/internal/host"
	"sockwire/cmd/internal/live"
	"sockwire/raw"
	"sockwire/raw/probe"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := cli.New("rawping", "send ICMP echoes to one host or many and say what became of each")
	c.Usage = []string{"[flags] HOST", "[flags] HOST HOST...", "[flags] --file FILE", "[flags] --generate RANGE"}
	c.Long = `One host is pinged as ping does it, until interrupted or --count. Several hosts are each sent one echo, with retries,
as fping does it, or --count echoes, or echoes for ever with --loop.

Every echo ends in exactly one way: answered, late, corrupt, refused by an ICMP error, or lost; and a loss has a cause:
unanswered, dropped in this host's queue, dropped in the receive buffer, unresolved (no link-layer address was found), or
not sent at all. An answer that comes after an error or a loss takes its place. Duplicates are counted apart. Times are the kernel's, where it gives them, of the echo handed to the device and of the
reply received; the time spent in the local queue and on the way to this process is told apart with -v.`
	c.Privilege = `A raw socket needs cap_net_raw: sudo setcap cap_net_raw+ep rawping. Without it a ping socket is used, which the system
control net.ipv4.ping_group_range allows to groups of users. All capabilities are dropped once the sockets are open.
--drops needs root, or CAP_BPF and CAP_PERFMON.`
	c.ExitStatus = "no answer from the host, or fewer than --count before --deadline; or, of many hosts, some did not answer"
	c.Color = true
	c.Elsewhere = elsewhere
	c.Examples = []cli.Example{
		{Line: "rawping -c 5 192.0.2.1", Text: "Five echoes to one host."},
		{Line: "rawping --alive --generate 192.0.2.0/24", Text: "List the hosts of a network that answer."},
		{Line: "rawping -c 100 -i 100ms --json 192.0.2.1 2001:db8::1", Text: "A hundred echoes to each of two hosts, as JSON Lines."},
		{Line: "rawping --watch --file hosts.txt", Text: "A table of hosts that changes, until q; keys are named below it."},
		{Line: "rawping -c 600 --report now.html --compare before.jsonl 192.0.2.1", Text: "Draw ten minutes beside an earlier run, and say whether they differ."},
		{Line: "rawping --loop --metrics 127.0.0.1:9100 --file hosts.txt", Text: "Watch hosts for ever and serve what is seen to Prometheus."},
	}
	o.define(c)
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		p, err := o.plan(args, c.Flags.Changed)
		if err != nil {
			return err
		}
		return o.ping(ctx, env, p, p.args)
	})
}

// manyMemory is from where on memory is collected more eagerly than usual when there are many hosts.
const manyMemory = 150 << 20

// ping runs a plan.
func (o *options) ping(ctx context.Context, env *cli.Env, p *plan, args []string) error {
	h := &hosts{ctx: ctx, open: env.Open, finder: host.Finder{Family: p.pinger.Family, Device: p.pinger.Device}, warn: env.Warnf}
	if !p.many {
		// One host is looked up before anything is opened, so that a wrong name is the error that is told.
		target, err := h.finder.Find(ctx, args[0])
		if err != nil {
			return err
		}
		p.pinger.Family = 4
		if target.Is6() {
			p.pinger.Family = 6
		}
		h.finder.Family = p.pinger.Family
		if len(p.pinger.Options) > 0 && target.Is6() {
			return cli.Usagef("%v: IPv6 has no such options in its header", target)
		}
		args = []string{args[0]}
		h.fixed = target
	}
	d, err := newDrawn(ctx, env, o)
	if err != nil {
		return err
	}
	if p.many {
		// A host costs some hundred bytes; garbage is not to double that.
		debug.SetMemoryLimit(manyMemory)
	}
	if p.pinger.Slack > 0 {
		// A slow sweep does little at a time: waking a second processor for it costs more than the work.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	var m *metrics
	if o.metrics != "" {
		var err error
		var address string
		if m, address, err = serveMetrics(o.metrics); err != nil {
			return err
		}
		defer m.close()
		env.Warnf("metrics at http://%s/metrics", address)
	}
	// The context of the sockets is not the one of the deadline: what was sent is accounted for either way.
	pingCtx, enough := context.WithCancel(ctx)
	defer enough()
	if o.deadline > 0 {
		var cancel context.CancelFunc
		pingCtx, cancel = context.WithTimeout(pingCtx, o.deadline)
		defer cancel()
	}
	h.ctx = pingCtx
	start := time.Now()
	r, err := p.pinger.Start(pingCtx)
	if err != nil {
		return err
	}
	var drops *dropped.Watch
	if o.drops {
		if drops, err = dropped.Begin(); err != nil {
			return err
		}
		defer drops.Close()
	}
	if err := env.DropPrivilege(); err != nil {
		return err
	}
	s := newSession(o, p, env, h, r, start)
	s.drops = drops
	s.drawn = d
	s.metrics = m
	env.OnStatus(s.status)
	if p.many {
		defer env.Progress(s.status)()
	}
	defer env.Flushing(200 * time.Millisecond)()
	s.begin(args)
	work := func(context.Context) error { return s.take(h.all(args, o.files, p.ranges, p.shard, o.seed), enough) }
	if s.watches() {
		s.watch = &watch{start: start}
		err = live.Run(ctx, env, live.Source{Look: s.watch.look, Reset: s.watch.reset}, func(ctx context.Context) error {
			defer context.AfterFunc(ctx, enough)()
			return work(ctx)
		})
	} else {
		err = work(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.finish(pingCtx); err != nil {
		return err
	}
	if d != nil {
		if err := d.save(env, o, strings.Join(args, ", ")); err != nil {
			return err
		}
	}
	return s.verdict()
}

// take takes the echoes to targets as they end, and calls enough when no more are needed.
func (s *session) take(targets iter.Seq[netip.Addr], enough func()) error {
	var e raw.Echo // one for all: a variable of each turn would be an allocation per echo
	var err error
	for e, err = range s.run.Echoes(targets) {
		if err != nil {
			return err
		}
		if err := s.wayless(&e); err != nil {
			return err
		}
		s.echo(&e)
		if s.writeErr != nil {
			return s.writeErr
		}
		if s.enough() {
			enough()
		}
	}
	return nil
}

// verdict is the exit status: that of ping for one host, that of fping for many.
func (s *session) verdict() error {
	failed, err := s.hosts.problems()
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d of the hosts have no address", failed)
	case s.plan.many && s.down.n > 0, s.all.tally.Received() == 0:
		return cli.ErrNo
	case !s.plan.many && s.opt.deadline > 0 && s.all.tally.Received() < uint64(s.opt.count):
		return cli.ErrNo
	}
	return nil
}

// enough tells whether a run of one host with a deadline need not wait for it: as with ping, when --count echoes are
// answered or refused, or when one was refused by the network, and that is proven.
func (s *session) enough() bool {
	if s.plan.many || s.opt.deadline == 0 {
		return false
	}
	return s.opt.count > 0 && s.all.tally.Received()+s.no >= uint64(s.opt.count) || s.no > 0
}

// wayless returns why the only host cannot be reached from here at all, if that is why its first echo was not sent.
func (s *session) wayless(e *raw.Echo) error {
	if s.plan.many || e.Cause != probe.SendFailed || e.N != 1 {
		return nil
	}
	switch e.Err {
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EACCES, syscall.EADDRNOTAVAIL, syscall.EINVAL:
		return fmt.Errorf("%v: %s", e.Target, sendError(e))
	}
	return nil
}
