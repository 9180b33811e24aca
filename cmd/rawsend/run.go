package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
	"sockwire/raw/packet"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := newCommand(&o)
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		o.ctx = ctx
		if err := o.check(c, args); err != nil {
			return err
		}
		switch {
		case o.describe:
			return describe(ctx, env, &o)
		case o.toGo:
			return toGo(ctx, env, &o)
		case o.print || o.toPcap != "":
			return show(ctx, env, &o)
		case o.read != "":
			return replay(ctx, env, &o)
		}
		return craft(ctx, env, &o)
	})
}

// linkOf returns the link type of packets that start with a layer.
func linkOf(l packet.Layer) capture.LinkType {
	switch l.(type) {
	case *packet.IPv4, *packet.IPv6:
		return capture.LinkRaw
	}
	return capture.LinkEthernet
}

// maxShown bounds what --print and --to-pcap make of an expression without -c.
const maxShown = 1000

// show prints or writes the packets instead of sending them.
func show(ctx context.Context, env *cli.Env, o *options) error {
	out := &shower{env: env, o: o}
	if o.toPcap != "" {
		config := capture.ConfigFor(o.toPcap)
		config.Section.Application = "rawsend " + cli.Version()
		w, err := capture.Create(o.toPcap, &config)
		if err != nil {
			return err
		}
		out.w = w
	}
	var err error
	if o.read != "" {
		err = out.recorded(ctx)
	} else {
		err = out.crafted(ctx)
	}
	if out.w != nil {
		if closeErr := out.w.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			written := "packets"
			if out.n == 1 {
				written = "packet"
			}
			env.Warnf("%d %s written to %s", out.n, written, o.toPcap)
		}
	}
	return err
}

// shower is one run of --print or --to-pcap.
type shower struct {
	env     *cli.Env
	o       *options
	w       *capture.Writer
	decoder decode.Decoder
	printer decode.Printer
	packet  decode.Packet
	n       uint64
	buf     []byte
}

func (s *shower) crafted(ctx context.Context) error {
	t := s.o.template
	total := s.o.count
	if total == 0 {
		if total = t.Count(); total > maxShown && !s.o.yes {
			return cli.WithHint(fmt.Errorf("the expression makes %s packets", plural(total)), "show some of them with -c, or all with --yes")
		}
	}
	fill := newFiller(ctx, s.env, s.o)
	defer fill.close()
	link := linkOf(t.Layers(0)[0])
	var b []byte
	var ends []int
	start := time.Now()
	schedule := newClock(s.o.pace(total))
	for n := range total {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		layers := t.Layers(n)
		fill.try(t, layers)
		var err error
		if b, ends, err = t.Build(b[:0], ends[:0], layers, n); err != nil {
			return err
		}
		from, at := 0, start.Add(schedule.next(len(b))) // fragments leave together
		for _, to := range ends {
			f := capture.Frame{Data: b[from:to:to], Length: to - from, Link: link, Time: at}
			if err := s.frame(f, packet.Format(layers)); err != nil {
				return err
			}
			from = to
		}
	}
	return nil
}

func (s *shower) recorded(ctx context.Context) error {
	list, err := load(ctx, s.env, s.o)
	if err != nil {
		return err
	}
	for i := range list.frames {
		if s.o.count > 0 && uint64(i) == s.o.count {
			break
		}
		if err := s.frame(list.frames[i], ""); err != nil {
			return err
		}
	}
	return nil
}

// frame prints or writes one packet.
func (s *shower) frame(f capture.Frame, expression string) error {
	s.n++
	if s.w != nil {
		if s.n == 1 {
			if err := s.w.Describe([]capture.Interface{{Name: "rawsend", Link: f.Link}}); err != nil {
				return err
			}
		}
		f.Interface = 0
		return s.w.Write(&f)
	}
	s.decoder.Decode(f, &s.packet)
	s.packet.Number = s.n
	s.buf = s.buf[:0]
	if s.o.json {
		s.buf = append(s.printer.AppendJSON(s.buf, &s.packet), '\n')
		s.env.Stdout.Write(s.buf)
		return s.env.Stdout.Flush()
	}
	if expression != "" {
		s.env.Stdout.Printf("# %d  %s\n", s.n, cli.Escape(expression))
	} else {
		s.env.Stdout.Printf("# %d\n", s.n)
	}
	s.buf = s.printer.AppendTree(s.buf, &s.packet)
	s.buf = decode.AppendHex(s.buf, &s.packet, true)
	s.env.Stdout.Write(append(s.buf, '\n'))
	return s.env.Stdout.Flush()
}

// clock gives the times that a schedule plans.
type clock struct {
	schedule inject.Schedule
	at       float64
}

func newClock(s inject.Schedule) *clock { return &clock{schedule: s} }

func (c *clock) next(size int) time.Duration {
	at := time.Duration(math.Round(c.at))
	switch {
	case c.schedule.Packets > 0:
		c.at += 1e9 / c.schedule.Packets
	case c.schedule.Bits > 0:
		c.at += 8e9 * float64(size) / c.schedule.Bits
	}
	return at
}
