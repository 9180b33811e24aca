package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/drop"
	"sockwire/capture/owner"
	"sockwire/capture/where"
	"sockwire/cmd/internal/cli"
)

// dropper shows, writes or counts the packets that this host drops.
type dropper struct {
	o       *options
	env     *cli.Env
	source  *drop.Source
	owners  *owner.Tracker // nil without --owner
	matcher *matcher
	decoder decode.Decoder
	chooser *where.Matcher // nil without --where
	clock   clock
	packet  decode.Packet
	history decode.History
	render  *renderer // nil when nothing is printed
	shown   *shown
	sink    *sink // nil without -w
	tally   drop.Tally
	before  []drop.Counter
	start   time.Time
	taken   uint64
	bytes   uint64
	seen    int // interfaces that the renderer and the sink know
}

// ring is a power of two that holds at least what --buffer-size asks for.
func (o *options) ring() int {
	if o.buffer == 0 {
		return 0
	}
	n := 64 << 10
	for int64(n) < o.buffer {
		n <<= 1
	}
	return n
}

// showDrops does all that --drops asks for.
func showDrops(ctx context.Context, env *cli.Env, o *options) (err error) {
	d := &dropper{o: o, env: env, start: time.Now(), matcher: newMatcher(env, o), shown: new(shown), decoder: o.newDecoder(), chooser: o.newChooser()}
	d.matcher.warn = nil // which link types there will be is not known
	networks, err := o.networks()
	if err != nil {
		return err
	}
	if d.source, err = drop.Open(&drop.Config{Networks: networks, Snaplen: o.snaplen, Buffer: o.ring()}); err != nil {
		return dropError(err)
	}
	defer d.source.Close()
	if d.before, err = drop.Counters(); err != nil {
		return err
	}
	if err := d.openOwners(networks); err != nil {
		return err
	}
	if d.owners != nil {
		defer d.owners.Close()
	}
	if !d.source.Functions() && !o.quiet {
		env.Warnf("places are numbers: /proc/kallsyms hides the kernel's functions, see kernel.kptr_restrict")
	}
	if o.write != "" {
		if d.sink, err = newSink(env, o); err != nil {
			return err
		}
		defer func() {
			if d.sink != nil {
				err = cli.Join(err, d.sink.Close())
			}
		}()
	}
	if err := giveUp(env, o.rotates() || o.isTable(), false); err != nil {
		return err
	}
	if o.prints() {
		d.render = newRenderer(o, env, nil)
		o.printNames(env)
	}
	if !o.quiet {
		env.Warnf("waiting for packets that this host drops, buffer %s", size(uint64(d.source.Buffer())))
	}
	err = d.run(ctx)
	return cli.Join(err, d.summary())
}

// networks are the inodes of the network namespaces that are asked for, none for ours.
func (o *options) networks() (networks []uint64, err error) {
	for _, namespace := range o.namespaces {
		err := capture.Within(namespace, func() error {
			network, err := owner.Network()
			networks = append(networks, uint64(network))
			return err
		})
		if err != nil {
			return nil, namespaceError(err)
		}
	}
	return networks, nil
}

// openOwners begins to tell owners, if they are asked for.
func (d *dropper) openOwners(networks []uint64) error {
	if !d.o.tracksOwners() {
		return nil
	}
	cfg := &owner.Config{}
	for _, network := range networks {
		cfg.Networks = append(cfg.Networks, uint32(network))
	}
	if len(networks) == 0 {
		network, err := owner.Network()
		if err != nil {
			return err
		}
		cfg.Networks = []uint32{network}
	}
	var err error
	if d.owners, err = owner.Open(cfg); err != nil {
		return ownerError(err)
	}
	return nil
}

// owner finds who has the socket of the drop that was taken last; nil where that is not known.
func (d *dropper) owner() (*owner.Owner, error) {
	cookie := d.source.Drop().Socket.Cookie
	if d.owners == nil || cookie == 0 {
		return nil, nil
	}
	o, ok, err := d.owners.Socket(cookie)
	if !ok || err != nil {
		return nil, err
	}
	return &o, nil
}

// dropError says what helps.
func dropError(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return cli.WithHint(err, "sudo pktview --drops; or without any right, counts: nstat -az, or ss -i and /proc/net/snmp")
	case errors.Is(err, errors.ErrUnsupported):
		return cli.WithHint(err, "pktview -i any shows what arrives; nstat -az counts what the kernel dropped")
	}
	return err
}

func (d *dropper) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if d.o.duration > 0 {
		timer := time.AfterFunc(d.o.duration, func() { stop(errEnough) })
		defer timer.Stop()
	}
	defer context.AfterFunc(ctx, func() { d.source.Stop() })()
	var f capture.Frame
	for d.o.count == 0 || d.taken < uint64(d.o.count) {
		ok, err := d.source.TryNext(&f)
		if !ok && err == nil {
			if err = d.flush(); err == nil {
				err = d.source.Next(&f)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = d.take(&f)
		}
		if err != nil {
			return err
		}
	}
	return d.source.Stop()
}

func (d *dropper) flush() error {
	if d.sink != nil {
		if err := d.sink.Flush(); err != nil {
			return err
		}
	}
	return d.env.Stdout.Flush()
}

// wanted tells whether a drop is one that the flags ask for.
func (d *dropper) wanted(f *capture.Frame) (bool, error) {
	if !d.at(d.source.Drop().Device) {
		return false, nil
	}
	ok, err := d.matcher.match(f)
	if ok && d.chooser != nil {
		_ = d.decoder.Decode(*f, &d.packet)
		d.chooser.Place = d.clock.next(f.Time)
		ok = d.chooser.Match(&d.packet)
	}
	return ok, err
}

func (d *dropper) at(device string) bool {
	for _, name := range d.o.interfaces {
		if name == capture.Any || name == device {
			return true
		}
	}
	return false
}

// take does with a drop what the flags say.
func (d *dropper) take(f *capture.Frame) error {
	ok, err := d.wanted(f)
	if !ok || err != nil {
		return err
	}
	by, err := d.owner()
	if err != nil || d.o.choosesOwner() && (by == nil || !d.o.chooses(*by)) {
		return err
	}
	d.taken++
	d.bytes += uint64(f.Length)
	if ifs := d.source.Interfaces(); d.seen < len(ifs) {
		d.seen = len(ifs)
		if d.render != nil {
			d.render.interfaces(ifs)
		}
		if d.sink != nil {
			if err := d.sink.describe(ifs); err != nil {
				return err
			}
		}
	}
	if by != nil && len(f.Comments) > 0 {
		f.Comments[0] += "; " + processOf(by)
	}
	if d.sink != nil {
		if by != nil {
			d.sink.own([]owner.Owner{*by})
		}
		if err := d.sink.putDrop(f, d.taken, d.source.Drop()); err != nil {
			return err
		}
	}
	if d.o.stats != "" {
		d.tally.Add(d.source.Drop(), ownerOf(d.source.Drop(), by))
	}
	if d.render == nil {
		return nil
	}
	f.Comments = nil // they say what the line says
	_ = d.decoder.Decode(*f, &d.packet)
	d.history.Add(&d.packet)
	d.render.drop, d.render.owner = d.source.Drop(), by
	d.shown.n, d.shown.first = 1, d.taken
	d.render.append(d.shown, 0, &d.packet)
	err = d.render.write(d.env.Stdout, d.shown.out)
	d.shown.empty()
	return err
}

// ownerOf says whose a dropped packet was.
func ownerOf(d *drop.Drop, by *owner.Owner) string {
	if by != nil {
		return processOf(by)
	}
	if d.Socket.Role == drop.NoSocket {
		return ""
	}
	return fmt.Sprintf("%s, uid %d", d.Socket.String(), d.Socket.UID)
}

// processOf names a process. It is outside text.
func processOf(o *owner.Owner) string {
	s := fmt.Sprintf("%s[%d]", o.Name, o.PID)
	if o.User != "" {
		s += " of " + o.User
	}
	if o.How != owner.Exact {
		s += ", " + o.How.String()
	}
	return s
}

// The records of --drops --json.
type (
	dropCountRecord struct {
		Type    string `json:"type"`
		Reason  string `json:"reason"`
		Place   string `json:"place"`
		Owner   string `json:"owner,omitempty"`
		Packets uint64 `json:"packets"`
		Bytes   uint64 `json:"bytes"`
	}
	counterRecord struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Count uint64 `json:"count"`
	}
	dropSummary struct {
		Type     string `json:"type"`
		Packets  uint64 `json:"packets"`
		Bytes    uint64 `json:"bytes"`
		Seen     uint64 `json:"seen"`     // before the expression and -i
		Lost     uint64 `json:"lost"`     // that could not be recorded
		Messages uint64 `json:"messages"` // of Unix and netlink sockets, which are no packets
		Elapsed  int64  `json:"elapsed_ns"`
	}
)

// summary says what there was.
func (d *dropper) summary() error {
	s := d.source.Stats()
	rose := d.counters()
	var err error
	if d.sink != nil {
		err = d.sink.Close()
		d.sink = nil // it is closed once
	}
	out := d.env.Stdout
	if d.o.stats != "" {
		printTally(d.env, d.o, &d.tally, rose)
	}
	switch {
	case d.o.json && d.o.write != "-":
		out.JSON(dropSummary{"summary", d.taken, d.bytes, s.Delivered, s.Lost, s.Messages, time.Since(d.start).Nanoseconds()})
	case !d.o.quiet:
		d.env.Warnf("%s dropped by this host, %d more could not be recorded", cli.Plural(d.taken, "packet"), s.Lost)
		if s.Messages > 0 {
			d.env.Warnf("%s of Unix or netlink sockets, not shown: they are no packets", cli.Plural(s.Messages, "message"))
		}
	}
	if err == nil && d.taken == 0 && d.o.filter != nil {
		return cli.ErrNo
	}
	return err
}

// counters are those of the kernel that rose meanwhile.
func (d *dropper) counters() []drop.Counter {
	if len(d.o.namespaces) > 0 {
		return nil // they are of our namespace
	}
	now, err := drop.Counters()
	if err != nil {
		return nil
	}
	return drop.Since(d.before, now)
}

func printTally(env *cli.Env, o *options, tally *drop.Tally, rose []drop.Counter) {
	out := env.Stdout
	counts := tally.Counts()
	if o.json {
		for _, c := range cut(counts, o.top) {
			out.JSON(dropCountRecord{"drops", c.Kind.Reason, c.Kind.Place, c.Kind.Owner, c.Packets, c.Bytes})
		}
		for _, c := range rose {
			out.JSON(counterRecord{"counter", c.Name, c.Count})
		}
		return
	}
	out.Printf("%s dropped\n", cli.Plural(tally.Packets, "packet"))
	out.Printf("\nDROPS%21s %8s %7s  %-24s %s\n", "", "packets", "bytes", "place", "owner")
	for _, c := range cut(counts, o.top) {
		out.Printf("  %-24s %8s %7s  %-24s %s\n", c.Kind.Reason, compact(c.Packets, 8), compact(c.Bytes, 7), c.Kind.Place, cli.Escape(c.Kind.Owner))
	}
	more(out, len(counts), o.top)
	if len(rose) > 0 {
		out.Printf("\nTHE KERNEL'S OWN COUNTERS, that rose meanwhile\n")
		for _, c := range rose {
			out.Printf("  %-32s %d\n", c.Name, c.Count)
		}
	}
}

// countDrops counts the drops that files tell which --drops wrote.
func countDrops(ctx context.Context, env *cli.Env, o *options) error {
	reading, enough := context.WithCancel(ctx)
	defer enough()
	readers, err := openAll(reading, env, o)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	src := capture.Merge(readers...)
	defer func() {
		for _, r := range readers {
			r.Close()
		}
	}()
	var tally drop.Tally
	matcher, start, read, bytes := newMatcher(env, o), time.Now(), uint64(0), uint64(0)
	var f capture.Frame
	for ctx.Err() == nil && (o.count == 0 || tally.Packets < uint64(o.count)) {
		if err = src.Next(&f); err != nil {
			break
		}
		read++
		ok, merr := matcher.match(&f)
		if err = merr; err != nil {
			break
		}
		for _, c := range f.Comments {
			if kind, told := drop.ParseKind(c); ok && told {
				tally.AddKind(kind, f.Length)
				bytes += uint64(f.Length)
				break
			}
		}
	}
	if err == io.EOF {
		err = nil
	}
	printTally(env, o, &tally, nil)
	if o.json {
		env.Stdout.JSON(fileSummary{"summary", tally.Packets, read, bytes, 0, 0, time.Since(start).Nanoseconds()})
	}
	warnTimes(env, readers)
	switch {
	case err != nil:
		return unlessStopped(ctx, err)
	case tally.Packets == 0 && ctx.Err() == nil:
		if read > 0 && o.filter == nil {
			env.Warnf("no packet has a comment of --drops: write the file with pktview --drops -w FILE.pcapng")
		}
		return cli.ErrNo
	}
	return nil
}
