package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"sync"
	"time"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
	"sockwire/raw/packet"
)

// filler fills in what an expression leaves to the system, where the system can be asked.
type filler struct {
	ctx      context.Context
	env      *cli.Env
	resolver *inject.Resolver
	told     bool
}

func newFiller(ctx context.Context, env *cli.Env, o *options) *filler {
	f := &filler{ctx: ctx, env: env}
	f.resolver, _ = inject.OpenResolver(o.device) // what is shown can do without
	return f
}

func (f *filler) close() {
	if f.resolver != nil {
		f.resolver.Close()
	}
}

// try fills in the source address, and leaves it out with a word if there is no route.
func (f *filler) try(t *packet.Template, layers []packet.Layer) {
	if f.resolver == nil || !inject.Destination(layers).IsValid() {
		return
	}
	if _, err := f.resolver.FillSource(t, layers); err != nil && !f.told {
		f.told = true
		f.env.Warnf("source addresses are left out: %v", err)
	}
}

// crafted is one run that sends packets of an expression.
type crafted struct {
	o        *options
	env      *cli.Env
	t        *packet.Template
	resolver *inject.Resolver
	route    *inject.Route
	engine   inject.Engine
	raw      bool // the engine takes IP packets
	total    uint64
	listener *listener // nil when no answers are waited for
}

func craft(ctx context.Context, env *cli.Env, o *options) error {
	s := &crafted{o: o, env: env, t: o.template, total: o.total()}
	if err := s.open(ctx); err != nil {
		return err
	}
	defer s.close()
	if err := cli.DropPrivilege(); err != nil && !errors.Is(err, cli.ErrKeptPrivilege) {
		return err
	}
	return s.send(ctx)
}

// open finds the way out, chooses the engine and opens the sockets.
func (s *crafted) open(ctx context.Context) error {
	err := s.o.checkConnected(s.t)
	if err != nil {
		return err
	}
	if s.resolver, err = inject.OpenResolver(s.o.device); err != nil {
		return err
	}
	if s.route, err = s.way(); err != nil {
		return err
	}
	if s.route.Broadcast && s.t.Count() == 1 && !s.o.allowed("broadcast") {
		return refuse(inject.Destination(s.t.Layers(0)), "a broadcast address of "+s.route.Interface, "broadcast")
	}
	if err := s.choose(ctx); err != nil {
		return err
	}
	if s.waits() {
		if s.listener, err = listen(ctx, listenConfig{env: s.env, o: s.o, route: s.route, raw: s.raw, total: s.total, template: s.t}); err != nil {
			return err
		}
	}
	return nil
}

// way returns the way out of the first packet; with -I, of the first that is not for this host itself.
func (s *crafted) way() (*inject.Route, error) {
	for n := range min(s.t.Count(), rawChecked) {
		route, err := s.resolver.Route(inject.Destination(s.t.Layers(n)))
		if err != nil || s.o.device == "" || !route.Loopback || route.Interface == s.o.device {
			return route, err
		}
	}
	return s.resolver.Route(inject.Destination(s.t.Layers(0)))
}

// waits reports whether answers are looked for: a flood does only when told to.
func (s *crafted) waits() bool { return s.o.wait > 0 && (!s.o.flood || s.o.waitGiven) }

// choose picks the engine that sends what was asked, says which and why, and opens it.
func (s *crafted) choose(ctx context.Context) error {
	kind, reason, err := s.pick(ctx)
	if err != nil {
		return err
	}
	cfg := &inject.Config{Interface: s.route.Interface, Broadcast: s.o.allowed("broadcast"), QueueBypass: s.o.flood && !s.waits()}
	switch kind {
	case "raw":
		s.raw = true
		cfg.Interface = s.o.device
		s.engine, err = inject.OpenRaw(cfg)
	case "packet":
		if err := s.resolver.Prepare(s.route.Ifindex); err != nil {
			return err
		}
		s.engine, err = inject.OpenFrames(cfg)
	case "xdp":
		if err := s.resolver.Prepare(s.route.Ifindex); err != nil {
			return err
		}
		var why string
		if s.engine, why, err = openXDP(cfg, s.o.engine == "auto"); why != "" {
			reason = why
		}
	case "trains":
		s.engine, err = inject.OpenTrains(cfg)
	}
	if err != nil {
		return err
	}
	if !s.o.quiet {
		if reason != "" {
			reason = ": " + reason
		}
		s.env.Warnf("engine: %s%s", s.engine, reason)
	}
	return nil
}

// openXDP opens an AF_XDP socket, or, where one will do, a packet socket, and says why.
func openXDP(cfg *inject.Config, orFrames bool) (e inject.Engine, why string, err error) {
	e, err = inject.OpenXDP(cfg)
	if err == nil || !orFrames {
		return e, "", err
	}
	why = fmt.Sprintf("not by AF_XDP, which is faster: %v", err)
	e, err = inject.OpenFrames(cfg)
	return e, why, err
}

// xdpMTU is the largest MTU whose frames an AF_XDP socket takes.
const xdpMTU = 4096 - 18

func (s *crafted) pick(ctx context.Context) (kind, reason string, err error) {
	_, whole := s.t.Layers(0)[0].(*packet.Ethernet)
	first := linkOf(s.t.Layers(0)[0])
	if s.o.engine != "raw" && (s.o.engine != "auto" || s.o.flood && s.route.Ethernet && !s.route.Loopback) || first != capture.LinkRaw {
		if !s.route.Ethernet {
			return "", "", fmt.Errorf("frames cannot be sent on %s: it is no Ethernet device", s.route.Interface)
		}
		if !whole {
			if err := s.addEthernet(); err != nil {
				return "", "", err
			}
		}
		return s.pickFrames(ctx)
	}
	alters, err := s.rawAlters(ctx)
	switch {
	case err != nil:
		return "", "", err
	case alters == "":
		return "raw", "", nil
	case s.o.engine == "raw":
		return "", "", cli.WithHint(errors.New(alters), "leave the choice of the engine to rawsend, or say --engine packet")
	case !s.route.Ethernet:
		return "", "", fmt.Errorf("%s, and %s takes no frames", alters, s.route.Interface)
	}
	if err := s.addEthernet(); err != nil {
		return "", "", err
	}
	return "packet", alters, nil
}

// pickFrames chooses between the engines for frames.
func (s *crafted) pickFrames(ctx context.Context) (kind, reason string, err error) {
	layers := s.t.Layers(0)
	if _, err := s.resolver.Fill(ctx, s.t, layers); err != nil {
		return "", "", err
	}
	refusal := ""
	frame, ends, err := s.t.Build(nil, nil, layers, 0)
	switch {
	case err != nil:
		return "", "", err
	case s.t.Varies() || len(ends) > 1:
		refusal = "a train is made of equal packets"
	case len(frame) > 14+s.route.MTU:
		refusal = fmt.Sprintf("a train of frames larger than the MTU of %d would not be cut to it", s.route.MTU)
	default:
		refusal = inject.TrainRefuses(frame)
	}
	for i, l := range layers {
		if _, ok := l.(*packet.IPv4); ok && s.t.Given(i, "id") && refusal == "" {
			refusal = "a train's kernel counts up the id"
		}
	}
	switch {
	case s.o.engine == "trains" && refusal != "":
		return "", "", cli.WithHint(errors.New(refusal), "leave the choice of the engine to rawsend, or say --engine packet")
	case s.o.engine == "trains" || s.o.engine == "auto" && s.o.flood && refusal == "" && !s.route.Loopback:
		return "trains", "equal UDP packets; their ids count up", nil
	case s.o.engine == "xdp" || s.o.engine == "auto" && s.o.flood && !s.waits() && !s.route.Loopback && s.route.MTU <= xdpMTU:
		return "xdp", "", nil
	}
	return "packet", "", nil
}

// addEthernet puts an Ethernet header before the expression.
func (s *crafted) addEthernet() error {
	var err error
	s.t, err = s.o.parse("eth / " + s.o.spec)
	return err
}

// rawChecked is how many packets are looked at before sending for what a raw socket would change; each is looked at
// again when it is sent.
const rawChecked = 10000

// rawAlters returns what a raw socket would do to one of the packets.
func (s *crafted) rawAlters(ctx context.Context) (string, error) {
	var b []byte
	var ends []int
	for n := range min(s.t.Count(), s.total, rawChecked) {
		layers := s.t.Layers(n)
		if !s.t.Varies() || n == 0 {
			if _, err := s.resolver.Fill(ctx, s.t, layers); err != nil {
				return "", err
			}
		}
		var err error
		if b, ends, err = s.t.Build(b[:0], ends[:0], layers, n); err != nil {
			return "", err
		}
		from := 0
		for _, to := range ends {
			if alters := inject.RawAlters(b[from:to], s.route.MTU); alters != "" {
				return alters, nil
			}
			from = to
		}
	}
	return "", nil
}

func (s *crafted) close() {
	if s.listener != nil {
		s.listener.close()
	}
	if s.engine != nil {
		s.engine.Close()
	}
	if s.resolver != nil {
		s.resolver.Close()
	}
}

// source gives the packets of the expression, filled in, and remembers them where answers are waited for.
type source struct {
	s       *crafted
	ctx     context.Context
	numbers []uint64 // to send again; nil for all from 0 on
	given   uint64
	skipped uint64 // left out: this host itself, and broadcast and multicast addresses that were not asked for
	id      uint16
	anyID   bool           // no id was given
	cookie  *inject.Cookie // not the listener's: each is for one goroutine
}

func (c *source) number() (uint64, bool) {
	if c.numbers != nil {
		if c.given == uint64(len(c.numbers)) {
			return 0, false
		}
		return c.numbers[c.given], true
	}
	return c.given, c.given < c.s.total
}

// Fill builds the next packets.
func (c *source) Fill(b *inject.Batch, n int) error {
	if c.s.listener != nil {
		n = min(n, 64)
	}
	for len(b.Packets) == 0 {
		for range n {
			number, ok := c.number()
			if !ok {
				if len(b.Packets) == 0 {
					return io.EOF
				}
				return nil
			}
			c.given++
			if err := c.add(b, number); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *source) add(b *inject.Batch, number uint64) error {
	s := c.s
	layers := s.t.Layers(number)
	if s.o.checkTargets(s.t, layers) != nil { // of more packets than were looked at before sending
		c.skipped++
		return nil
	}
	route, err := s.resolver.Fill(c.ctx, s.t, layers)
	if err != nil {
		return err
	}
	dst := inject.Destination(layers)
	toSelf := route.Loopback && !s.route.Loopback && !s.raw // of a prefix that this host is in
	if toSelf || route.Broadcast && !s.o.allowed("broadcast") {
		c.skipped++
		return nil
	}
	if route.Ifindex != s.route.Ifindex && !s.raw {
		return cli.WithHint(fmt.Errorf("packet %d: %s is reached through %s, not %s", number+1, dst, route.Interface, s.route.Interface), "send through one interface at a time: -I NAME")
	}
	if c.anyID && s.listener != nil {
		for _, l := range layers {
			if ip, ok := l.(*packet.IPv4); ok {
				ip.ID = max(1, c.id+uint16(c.given)) // a raw socket's kernel replaces 0
				break
			}
		}
	}
	if s.o.stateless {
		c.cookie.Stamp(layers)
	}
	before := len(b.Packets)
	if err := b.BuildLayers(s.t, layers, number); err != nil {
		return err
	}
	for _, p := range b.Packets[before:] {
		if s.raw {
			if alters := inject.RawAlters(p, s.route.MTU); alters != "" {
				return cli.WithHint(fmt.Errorf("packet %d: %s", number+1, alters), "say --engine packet")
			}
		}
	}
	if s.listener != nil && !s.o.stateless {
		s.listener.sent(number, b.Packets[before:], dst.IsMulticast() || route.Broadcast || dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}))
	}
	return nil
}

func (s *crafted) newSource(ctx context.Context) *source {
	c := &source{s: s, ctx: ctx, id: uint16(s.o.seed), anyID: true, cookie: s.o.cookie()}
	for i, l := range s.t.Layers(0) {
		if _, ok := l.(*packet.IPv4); ok {
			c.anyID = !s.t.Given(i, "id")
			break
		}
	}
	return c
}

// plain returns a source that builds packets without asking anything: where nothing depends on the destination and
// nobody waits for answers.
func (s *crafted) plain(ctx context.Context) (inject.Source, error) {
	if s.listener != nil || s.raw && s.t.Varies() || s.o.stateless {
		return nil, nil
	}
	layers := s.t.Layers(0)
	for _, l := range layers {
		switch l := l.(type) {
		case *packet.IPv4:
			if s.t.VariesAt(&l.Dst) {
				return nil, nil
			}
		case *packet.IPv6:
			if s.t.VariesAt(&l.Dst) {
				return nil, nil
			}
		case *packet.ARP:
			if s.t.VariesAt(&l.TargetIP) {
				return nil, nil
			}
		}
	}
	if _, err := s.resolver.Fill(ctx, s.t, layers); err != nil {
		return nil, err
	}
	count := s.total
	if count == math.MaxUint64 {
		count = 0
	}
	return &inject.TemplateSource{Template: s.t, Count: count}, nil
}

// send sends everything, waits for answers, and reports.
func (s *crafted) send(ctx context.Context) error {
	src, err := s.plain(ctx)
	if err != nil {
		return err
	}
	var own *source
	if src == nil {
		own = s.newSource(ctx)
		src = own
	}
	var mu sync.Mutex
	var sent, size uint64
	progress := func() string {
		mu.Lock()
		defer mu.Unlock()
		text := fmt.Sprintf("%d packets, %d bytes sent", sent, size)
		if s.total != math.MaxUint64 {
			text = fmt.Sprintf("%d of %d packets, %d bytes sent", sent, s.total, size)
		}
		return text
	}
	s.env.OnStatus(progress)
	stop := s.env.Progress(progress)
	t := &inject.Transmission{Engine: s.engine, Source: src, Schedule: s.o.pace(s.total), Duration: s.o.duration,
		Progress: func(n, b uint64) { mu.Lock(); sent, size = n, b; mu.Unlock() }}
	if s.listener != nil {
		s.listener.start(ctx)
	}
	report, err := t.Transmit(ctx)
	stop()
	if err != nil {
		return err
	}
	sum := summarize(&report, s.o, s.engine)
	if own != nil {
		sum.Skipped = own.skipped
	}
	if s.listener == nil {
		return sum.print(s.env, s.o, nil)
	}
	return s.answers(ctx, &sum)
}

// answers waits, sends again what has none, and reports.
func (s *crafted) answers(ctx context.Context, sum *summary) error {
	l := s.listener
	l.await(ctx, s.o.wait)
	for range s.o.retry {
		numbers := l.unanswered()
		if len(numbers) == 0 || ctx.Err() != nil {
			break
		}
		again := s.newSource(ctx)
		again.numbers = numbers
		again.id += 0x5555
		report, err := (&inject.Transmission{Engine: s.engine, Source: again, Schedule: s.o.pace(s.total)}).Transmit(ctx)
		if err != nil {
			return err
		}
		sum.Retries += report.Sent
		l.await(ctx, s.o.wait)
	}
	if err := l.stop(); err != nil {
		return err
	}
	return sum.print(s.env, s.o, l)
}

// waitStep is how often the end of waiting is looked for.
const waitStep = 5 * time.Millisecond
