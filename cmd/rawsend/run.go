package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/packet"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := newCommand(&o)
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		o.ctx = ctx
		var err error
		cli.Unprivileged(func() { err = o.check(c, args) })
		if err != nil {
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
		return send(ctx, env, &o)
	})
}

// maxShown bounds what --print and --to-pcap make of an expression without -c.
const maxShown = 1000

// show prints or writes the packets instead of sending them.
func show(ctx context.Context, env *cli.Env, o *options) error {
	out := &shower{env: env, o: o, printer: decode.Printer{Applications: app.Renderer{}}}
	if o.toPcap != "" {
		held, err := cli.AwaitReader(ctx, o.toPcap)
		if err != nil {
			return err
		}
		defer held.Close()
		config := capture.ConfigFor(o.toPcap)
		config.Section.Application = "rawsend " + cli.Version()
		w, err := capture.Create(o.toPcap, &config)
		if err != nil {
			return err
		}
		out.w = w
	}
	if o.read == "" { // else it is given up when the file is open
		if err := env.DropPrivilege(); err != nil {
			return err
		}
	}
	err := out.packets(ctx)
	if out.w != nil {
		if closeErr := out.w.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			env.Warnf("%s written to %s", cli.Plural(out.n, "packet"), o.toPcap)
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

// packets shows what the plan would send, when it would be sent.
func (s *shower) packets(ctx context.Context) error {
	o := s.o
	var list *recording
	start := time.Now()
	if o.read != "" {
		var err error
		if list, err = load(ctx, s.env, o); err != nil {
			return err
		}
		start = list.frames[0].Time
		list.plan(o)
	} else if total := o.plan.Total(); o.count == 0 && total > maxShown && !o.yes {
		return cli.WithHint(fmt.Errorf("the expression makes %s packets", plural(total)), "show some of them with -c, or all with --yes")
	}
	missing := func(err error) { s.env.Warnf("source addresses are left out: %v", err) }
	for p, err := range o.plan.Packets(ctx, o.pace(), missing) {
		if err != nil {
			return err
		}
		f := capture.Frame{Time: start.Add(p.Due)}
		expression := ""
		if list != nil {
			recorded := &list.frames[p.Number%uint64(len(list.frames))]
			f.Link = recorded.Link
			if o.rate.IsZero() && !o.flood && o.speed == 1 && o.loop == 1 { // as they were
				f.Time = recorded.Time
			}
		} else {
			f.Link, expression = linkOf(p.Layers[0]), packet.Format(p.Layers)
		}
		for _, b := range p.Packets {
			f.Data, f.Length = b, len(b)
			if err := s.frame(f, expression); err != nil {
				return err
			}
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
		s.env.Stdout.WriteJSON(s.buf)
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
