package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/owner"
	"sockwire/capture/stats"
	"sockwire/capture/where"
	"sockwire/cmd/internal/cli"
)

const (
	// flushEvery bounds what a kill can lose of a file.
	flushEvery = time.Second
	// statisticsEvery is how often a file being written tells the kernel's counts.
	statisticsEvery = 5 * time.Second
)

// liveSummary is the last record of capturing.
type liveSummary struct {
	Type     string `json:"type"`
	Packets  uint64 `json:"packets"`
	Bytes    uint64 `json:"bytes"`
	Received uint64 `json:"received"` // kept by the kernel
	Dropped  uint64 `json:"dropped"`  // by the kernel, for want of room
	Elapsed  int64  `json:"elapsed_ns"`
}

// capturer takes frames from live interfaces. A goroutine reads each; mu makes what they do with a frame one
// thing at a time.
type capturer struct {
	o       *options
	env     *cli.Env
	devices []*device
	start   time.Time
	stop    context.CancelCauseFunc

	mu       sync.Mutex
	sink     *sink // nil without -w
	ifs      []capture.Interface
	decoder  decode.Decoder
	history  decode.History
	packet   decode.Packet
	render   *renderer // nil when nothing is printed
	stats    *stats.Collector
	analysis *analysis // nil where nothing asks for it
	chooser  *where.Matcher
	clock    clock
	owning   *owning // nil where nobody asks for owners
	looks    bool    // it looks at processes all the time
	window   window
	shown    *shown
	packets  uint64
	chosen   uint64 // of them, by --flow and --where
	bytes    uint64
}

// device is an open interface.
type device struct {
	name      string
	live      *capture.Live
	ids       []int  // of its interfaces among all
	namespace string // it is in, where that is not ours
	network   uint32 // and its number, where owners are asked for
}

var errEnough = errors.New("enough packets")

// captureLive does all that -i asks for.
func captureLive(ctx context.Context, env *cli.Env, o *options) error {
	c := &capturer{o: o, env: env, start: time.Now()}
	defer c.close()
	if err := c.open(ctx); err != nil {
		return err
	}
	if o.write != "" {
		var err error
		if c.sink, err = newSink(env, o); err != nil {
			return err
		}
	}
	if err := giveUp(env, o.rotates() || o.isTable() || o.extract != "" || o.report != "", c.looks); err != nil {
		return err
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	err := c.runLive(ctx)
	if serr := c.summary(); err == nil {
		err = serr
	}
	return err
}

func (c *capturer) open(ctx context.Context) error {
	if len(c.o.namespaces) == 0 {
		if err := c.openIn(ctx, ""); err != nil {
			return err
		}
	}
	for _, namespace := range c.o.namespaces {
		if err := capture.Within(namespace, func() error { return c.openIn(ctx, namespace) }); err != nil {
			return namespaceError(err)
		}
	}
	return c.openOwners()
}

// openIn opens the interfaces in the network namespace of this thread.
func (c *capturer) openIn(ctx context.Context, namespace string) error {
	o := c.o
	for _, name := range o.interfaces {
		live, err := capture.Open(ctx, name, &capture.Config{
			Immediate: o.immediate || o.prompt(), Snaplen: o.snaplen, Buffer: int(o.buffer), Promiscuous: !o.noPromiscuous,
			Direction: o.direction, Expression: o.expressionOf(), DeviceTime: o.deviceTime,
		})
		if err != nil {
			if strings.Contains(err.Error(), "is down") {
				err = cli.WithHint(err, "ip link set %s up", name)
			}
			return deviceError(err)
		}
		d := &device{name: name, live: live, namespace: namespace}
		c.devices = append(c.devices, d)
		if o.tracksOwners() {
			if d.network, err = owner.Network(); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare readies what frames go to, without the rights that the sockets needed.
func (c *capturer) prepare(ctx context.Context) error {
	o := c.o
	for _, d := range c.devices {
		c.learn(d)
	}
	if o.write != "" {
		if err := c.sink.describe(c.ifs); err != nil {
			return err
		}
		if r, ok := c.sink.frameWriter.(*capture.Rotator); ok {
			r.OnFinish(func(w *capture.Writer) error {
				if c.owning != nil {
					c.owning.comments, c.owning.brief = nil, false // the next file has all again
				}
				return c.writeStatistics(w)
			})
		}
	}
	c.decoder, c.shown, c.chooser = o.newDecoder(), new(shown), o.newChooser()
	if o.stats != "" {
		c.stats = new(stats.Collector)
	}
	if o.analyses() {
		c.analysis = newAnalysis(c.env, o, &c.history, false)
		if err := c.analysis.open(o); err != nil {
			return err
		}
	}
	c.window = newWindow(o, newRenderer(o, c.env, nil))
	if o.prints() {
		var known *names
		if o.resolve {
			known = newNames(ctx)
		}
		c.render = newRenderer(o, c.env, known)
		c.window = newWindow(o, c.render)
		o.printNames(c.env)
	}
	c.env.OnStatus(c.report)
	if !o.quiet && !o.json {
		c.announce()
	}
	return nil
}

func (c *capturer) announce() {
	for _, d := range c.devices {
		i := d.live.Interfaces()[0]
		name := d.name
		if d.namespace != "" {
			name += " in " + d.namespace
		}
		c.env.Warnf("capturing on %s, link type %v, buffer %s", cli.Escape(name), i.Link, size(uint64(d.live.Buffer())))
	}
}

// learn adds interfaces of d that are new to those of all.
func (c *capturer) learn(d *device) {
	list := d.live.Interfaces()
	for i := len(d.ids); i < len(list); i++ {
		d.ids = append(d.ids, len(c.ifs))
		if d.namespace != "" {
			list[i].Name += "@" + d.namespace
		}
		c.ifs = append(c.ifs, list[i])
	}
	if c.render != nil && (len(c.devices) > 1 || d.name == capture.Any) {
		c.render.interfaces(c.ifs)
	}
}

func (c *capturer) run(ctx context.Context) error {
	ctx, c.stop = context.WithCancelCause(ctx)
	defer c.stop(nil)
	if c.o.duration > 0 {
		timer := time.AfterFunc(c.o.duration, func() { c.stop(errEnough) })
		defer timer.Stop()
	}
	if c.render == nil || !cli.IsTerminal(c.env.Stdout.Unwrapped()) {
		defer c.env.Progress(c.status)()
	}
	if c.render != nil && (len(c.devices) > 1 || c.devices[0].name == capture.Any) {
		c.render.interfaces(c.ifs)
	}
	errs := make([]error, len(c.devices))
	var wg sync.WaitGroup
	for i, d := range c.devices {
		wg.Go(func() {
			if errs[i] = c.read(d); errs[i] != nil && len(c.devices) > 1 {
				c.env.Warnf("%v", errs[i])
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	done := ctx.Done()
	for n := 1; ; n++ {
		select {
		case <-ended:
			return c.outcome(ctx, errs)
		case <-done:
			done = nil
			for _, d := range c.devices {
				if err := d.live.Stop(); err != nil {
					d.live.Close() // it went away; what it had is read
				}
			}
		case <-tick.C:
			if err := c.flush(n%int(statisticsEvery/flushEvery) == 0); err != nil {
				c.stop(err)
			}
		}
	}
}

// outcome says what ended the capture: an error of the output, or of all interfaces.
func (c *capturer) outcome(ctx context.Context, errs []error) error {
	cause := context.Cause(ctx)
	if cause != nil && !errors.Is(cause, errEnough) && !errors.Is(cause, context.Canceled) && !errors.Is(cause, cli.ErrInterrupted) {
		return cause
	}
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errs[0]
}

// atOnce bounds how many frames of one interface are taken before another has its turn.
const atOnce = 256

// read takes the frames of one interface until it is stopped.
func (c *capturer) read(d *device) error {
	// While frames are queued the output is gathered; it is flushed before waiting for more.
	prompt := c.o.prompt()
	var f capture.Frame
	for {
		if err := d.live.Next(&f); err != nil {
			return ended(err)
		}
		idle, err := c.takeQueued(d, &f)
		if err == nil && idle && prompt {
			err = c.flush(false)
		}
		if err != nil {
			c.stop(err)
			return nil
		}
	}
}

// takeQueued takes f and those queued behind it. It reports whether it took all.
func (c *capturer) takeQueued(d *device, f *capture.Frame) (idle bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 0; ; n++ {
		if c.owning != nil {
			if err := c.settle(d, f); err != nil {
				return false, err
			}
		}
		if err := c.take(d, f); err != nil || n == atOnce {
			return false, err
		}
		if ok, _ := d.live.TryNext(f); !ok { // an error is met again by Next
			return true, nil
		}
	}
}

func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// take does with a frame what the flags say. An error ends the capture. The caller holds mu.
func (c *capturer) take(d *device, f *capture.Frame) error {
	if c.o.count > 0 && c.chosen >= uint64(c.o.count) {
		return errEnough
	}
	if f.Interface >= len(d.ids) {
		c.learn(d)
	}
	f.Interface = d.ids[f.Interface]
	if c.owning != nil {
		if ok, err := c.owning.takes(d, f); !ok || err != nil {
			return err
		}
	}
	c.packets++
	c.bytes += uint64(f.Length)
	if c.render != nil || c.stats != nil || c.analysis != nil || c.chooser != nil {
		_ = c.decoder.Decode(*f, &c.packet) // what is wrong is in the packet
	}
	if c.render != nil || c.analysis != nil {
		c.history.Add(&c.packet)
	}
	c.shown.first = c.packets
	fits := true
	if c.chooser != nil {
		c.chooser.Place = c.clock.next(f.Time)
		fits = c.chooser.Match(&c.packet)
	}
	if c.analysis != nil {
		ok, err := c.analysis.chooses(&c.packet, c.shown, c.chooser, &fits)
		if !ok || err != nil {
			return err
		}
	}
	if !fits {
		return c.leave()
	}
	c.chosen++
	if err := c.deliver(f); err != nil {
		return err
	}
	if c.o.count > 0 && c.chosen >= uint64(c.o.count) {
		return errEnough
	}
	return nil
}

// leave shows what was found with a packet that is not chosen itself, and forgets it.
func (c *capturer) leave() error {
	c.shown.n = 0
	if len(c.shown.out) == 0 {
		c.shown.empty()
		return nil
	}
	_, err := c.window.add(c.env, c.shown, true)
	c.shown = c.window.take()
	return err
}

// deliver hands a frame, which is decoded, to all that wants it.
func (c *capturer) deliver(f *capture.Frame) error {
	if c.sink != nil {
		if f.Interface >= c.sink.described {
			if err := c.sink.describe(c.ifs); err != nil {
				return err
			}
		}
		if c.o.owner {
			c.owning.note(f)
			c.sink.own(c.owning.owners)
		}
		if err := c.sink.put(f, c.packets); err != nil {
			return err
		}
	}
	if c.stats != nil {
		c.stats.Add(&c.packet)
	}
	if c.owning != nil {
		c.owning.count(f)
		if c.render != nil && c.o.owner {
			c.render.owners = c.owning.owners
		}
	}
	if c.render != nil {
		c.shown.n = 1
		c.render.show(c.shown, 0, &c.packet, nil)
	} else if len(c.shown.out) == 0 {
		return nil
	}
	_, err := c.window.add(c.env, c.shown, true)
	c.shown = c.window.take()
	return err
}

// flush makes what was written readable, and the kernel's counts if asked to.
func (c *capturer) flush(statistics bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sink != nil {
		if statistics {
			if err := c.writeStatistics(c.sink); err != nil {
				return err
			}
		}
		if err := c.sink.Flush(); err != nil {
			return err
		}
	}
	return c.env.Stdout.Flush()
}

// statisticsWriter is a file, or a row of them.
type statisticsWriter interface {
	WriteStatistics(*capture.Statistics) error
}

// writeStatistics writes the kernel's counts of each interface. The caller holds mu.
func (c *capturer) writeStatistics(w statisticsWriter) error {
	now := time.Now()
	for _, d := range c.devices {
		s, err := d.live.Stats()
		if err != nil {
			return err
		}
		if err := w.WriteStatistics(&capture.Statistics{
			Interface: d.ids[0], Time: now, Start: c.start, End: now, Received: -1, Dropped: -1,
			Accepted: int64(s.Received + s.Dropped), SystemDrop: int64(s.Dropped), Delivered: int64(s.Delivered),
		}); err != nil {
			return err
		}
	}
	return nil
}

// status is the line that progress and SIGQUIT show.
func (c *capturer) status() string {
	c.mu.Lock()
	packets, bytes := c.packets, c.bytes
	c.mu.Unlock()
	_, dropped, _ := c.counts()
	return fmt.Sprintf("%s, %s, %d dropped", cli.Plural(packets, "packet"), size(bytes), dropped)
}

// report is what SIGQUIT shows: the streams so far, where they are what is asked for.
func (c *capturer) report() string {
	if !c.o.streams || c.o.json {
		return c.status()
	}
	c.mu.Lock()
	table := c.analysis.table()
	c.mu.Unlock()
	return table + c.status()
}

// counts adds up what the kernel says of all interfaces.
func (c *capturer) counts() (received, dropped uint64, err error) {
	for _, d := range c.devices {
		s, serr := d.live.Stats()
		err = cli.Join(err, serr)
		received += s.Received
		dropped += s.Dropped
	}
	return received, dropped, err
}

// summary finishes the output and says what was captured.
func (c *capturer) summary() error {
	var err error
	if c.sink != nil {
		if _, rotates := c.sink.frameWriter.(*capture.Rotator); !rotates {
			err = c.writeStatistics(c.sink)
		}
		err = cli.Join(err, c.sink.Close())
		c.sink = nil
	}
	received, dropped, serr := c.counts()
	err = cli.Join(err, serr)
	if c.analysis != nil {
		last := c.window.take()
		err = cli.Join(err, c.analysis.finish(last))
		_, werr := c.window.add(c.env, last, true)
		err = cli.Join(err, werr)
		if c.analysis.follower != nil {
			err = cli.Join(err, c.analysis.follower.end(false))
		}
	}
	if c.o.report != "" {
		err = cli.Join(err, writeReport(c.env, c.o, c.stats, c.analysis))
	} else if c.stats != nil {
		printStats(c.env, c.o, c.stats, c.analysis)
	}
	if c.owning != nil {
		c.owning.end(c.env)
	}
	if c.analysis != nil {
		c.analysis.warn(c.env)
	}
	if c.analysis != nil && c.analysis.extract != nil {
		c.analysis.extract.end(c.env)
	}
	if c.o.prints() && c.analysis != nil && c.analysis.fragments != nil {
		printUnfinished(c.env, c.o, c.analysis.fragments)
	}
	if c.o.streams {
		printStreams(c.env.Stdout, c.o, c.analysis.census)
	}
	switch {
	case c.o.json && c.o.write != "-":
		c.env.Stdout.JSON(liveSummary{"summary", c.chosen, c.bytes, received, dropped, time.Since(c.start).Nanoseconds()})
	case !c.o.quiet:
		chosen := ""
		switch {
		case c.o.choice != nil && c.o.where != nil:
			chosen = fmt.Sprintf(", %d chosen by --flow and --where", c.chosen)
		case c.o.choice != nil:
			chosen = fmt.Sprintf(", %d chosen by --flow", c.chosen)
		case c.o.where != nil:
			chosen = fmt.Sprintf(", %d chosen by --where", c.chosen)
		}
		c.env.Warnf("%s captured%s, %d dropped by the kernel", cli.Plural(c.packets, "packet"), chosen, dropped)
	}
	return err
}

func (c *capturer) close() {
	for _, d := range c.devices {
		d.live.Close()
	}
	if c.owning != nil {
		c.owning.tracker.Close()
	}
	if c.sink != nil {
		c.sink.Close()
	}
}
