package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"sockwire/capture"
	"sockwire/capture/edit"
	"sockwire/capture/filter"
	"sockwire/capture/where"
	"sockwire/cmd/internal/captures"
	"sockwire/cmd/internal/cli"
)

// matcher runs the expression on frames of files, which may be of several link types.
type matcher struct {
	filter   *filter.Filter
	options  *filter.Options               // nil for the default
	warn     func(format string, a ...any) // of what can match nothing; nil says nothing
	programs sync.Map                      // capture.LinkType to compiled
	before   *matcher                      // passes all that --where can choose; nil where nothing is known of that
}

type compiled struct {
	program filter.Program
	why     *filter.Trace
	never   bool // no frame of this link type can match
	err     error
}

func newMatcher(env *cli.Env, o *options) *matcher {
	return &matcher{filter: o.filter, options: &filter.Options{Netmask: o.mask}, warn: env.Warnf}
}

// only lets none through but what before passes, where that can be asked of a frame's link type.
func (m *matcher) only(before *filter.Filter) {
	if before != nil {
		m.before = &matcher{filter: before}
	}
}

func (m *matcher) match(f *capture.Frame) (bool, error) {
	if m.before != nil {
		if c := m.before.compile(f.Link); c.err == nil && !c.never && !c.program.MatchFrame(f) {
			return false, nil
		}
	}
	if m.filter == nil {
		return true, nil
	}
	c := m.compile(f.Link)
	if c.err != nil || c.never {
		return false, c.err
	}
	return c.program.MatchFrame(f), nil
}

func (m *matcher) compile(link capture.LinkType) *compiled {
	if c, ok := m.programs.Load(link); ok {
		return c.(*compiled)
	}
	c := new(compiled)
	c.program, c.err = m.filter.Compile(link, m.options)
	if errors.Is(c.err, filter.ErrNeverMatches) {
		c.never, c.err = true, nil // the file may have frames of other link types
	}
	if c.err == nil {
		c.why, c.err = m.filter.Trace(link, m.options)
	}
	kept, known := m.programs.LoadOrStore(link, c)
	if !known && c.err == nil && m.warn != nil {
		if never := m.filter.Contradiction(link, nil); never != nil {
			m.warn("no packet of link type %v can match: %s", link, never.Because())
		} else if c.never {
			m.warn("no packet of link type %v can match", link)
		}
	}
	return kept.(*compiled)
}

// appendWhy adds what each part of the expression gave on a frame, and the decision.
func (m *matcher) appendWhy(b []byte, f *capture.Frame) []byte {
	c := m.compile(f.Link)
	if c.err != nil {
		return b
	}
	for line := range strings.Lines(c.why.WhyFrame(f).String()) {
		b = append(append(b, "    "...), line...)
	}
	return b
}

// selection is what --packets, --from, --to, --dedup and --shift make of the packets of files, in their order.
type selection struct {
	o        *options
	clock    // of packets read
	place    where.Place
	known    bool // from and to are: the first packet sets them
	from, to time.Time
}

// takes tells whether f is wanted, and shifts its time.
func (w *selection) takes(f *capture.Frame) bool {
	w.place = w.next(f.Time)
	if w.o.numbers != nil && !w.o.numbers.Contains(w.number) || !w.holds(f.Time) {
		return false
	}
	if w.o.dedup != nil && w.o.dedup.Duplicate(f) {
		return false
	}
	if w.o.shift != 0 {
		edit.Shift(f, w.o.shift)
	}
	return true
}

// over tells whether no packet that comes can be wanted.
func (w *selection) over() bool { return w.o.numbers != nil && w.number >= w.o.numbers.Last() }

// holds tells whether a time is from --from to --to. No time is.
func (w *selection) holds(t time.Time) bool {
	if (!w.o.from.set && !w.o.to.set) || t.IsZero() {
		return true
	}
	if !w.known {
		w.known = true
		loc := time.Local
		if w.o.utc {
			loc = time.UTC
		}
		w.from = w.o.from.resolve(t, t, loc)
		base := t
		if w.o.from.set {
			base = w.from
		}
		w.to = w.o.to.resolve(t, base, loc)
	}
	return !t.Before(w.from) && (w.to.IsZero() || !t.After(w.to))
}

// listProgram prints the compiled filter, or explains it: for -y, or for the file or the interface that is given,
// or for Ethernet.
func listProgram(ctx context.Context, env *cli.Env, o *options) error {
	link, opts, err := o.target(ctx, env)
	if err != nil {
		return err
	}
	f := o.filter
	if f == nil {
		f = filter.MustParse("")
	}
	if o.explain && o.where != nil {
		if o.explainWhere(env); o.filter == nil {
			return nil
		}
		env.Stdout.Printf("\n")
	}
	if o.explain {
		x, err := f.Explain(link, opts)
		if err != nil {
			return err
		}
		env.Stdout.Printf("on link type %v\n%s", link, x)
		return nil
	}
	p, err := f.Compile(link, opts)
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(p.AppendListing(nil, filter.ListingForm(o.dump)))
	return err
}

// target says what -d and --explain compile for.
func (o *options) target(ctx context.Context, env *cli.Env) (capture.LinkType, *filter.Options, error) {
	opts := &filter.Options{Snaplen: o.snaplen, Netmask: o.mask}
	switch {
	case o.linkFlag != "":
		return o.link, opts, nil
	case len(o.read) > 0:
		r, err := captures.Open(ctx, env, nil, o.read[0], &capture.ReaderConfig{Memory: o.memory})
		if err != nil {
			return 0, nil, fileError(err)
		}
		defer r.Close()
		var f capture.Frame
		if err := r.Next(&f); err == nil { // pcapng tells the link type with the first frame
			return f.Link, opts, nil
		}
		if ifs := r.Interfaces(); len(ifs) > 0 {
			return ifs[0].Link, opts, nil
		}
	case o.interfaces[0] != capture.Any:
		link, err := capture.LinkOf(o.interfaces[0])
		opts.Live = true
		if !o.mask.IsValid() {
			opts.Netmask = capture.Netmask(o.interfaces[0])
		}
		return link, opts, deviceError(err)
	}
	return o.link, opts, nil
}

// deviceError says which interfaces there are when one is not found.
func deviceError(err error) error {
	if err == nil || !errors.Is(err, capture.ErrNoDevice) {
		return err
	}
	list, lerr := capture.Interfaces()
	if lerr != nil {
		return err
	}
	names := ""
	for _, d := range list {
		names += " " + d.Name
	}
	return cli.WithHint(err, "there are:%s", names)
}

func listInterfaces(env *cli.Env, o *options) error {
	list, err := capture.Interfaces()
	if err != nil {
		return err
	}
	for i, d := range list {
		if o.json {
			r := interfaceRecord{Type: "interface", Name: d.Name, Index: d.Index, MTU: d.MTU, Flags: d.Flags.String(), Addresses: []string{}}
			for _, a := range d.Addrs {
				r.Addresses = append(r.Addresses, a.String())
			}
			env.Stdout.JSON(r)
			continue
		}
		addrs := ""
		for _, a := range d.Addrs {
			addrs += " " + a.String()
		}
		if d.Name == capture.Any {
			addrs = " all interfaces, in cooked mode"
		}
		env.Stdout.Printf("%d.%s [%s]%s\n", i+1, cli.Escape(d.Name), d.Flags, addrs)
	}
	if o.json {
		env.Stdout.JSON(struct {
			Type       string `json:"type"`
			Interfaces int    `json:"interfaces"`
		}{"summary", len(list)})
	}
	return nil
}

type interfaceRecord struct {
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Index     int      `json:"ifindex"`
	MTU       int      `json:"mtu"`
	Flags     string   `json:"flags"`
	Addresses []string `json:"addresses"`
}
