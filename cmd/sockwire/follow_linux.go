package main

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/cmd/internal/cli"
)

// How a trace is followed: joined and written in steps, behind the time by a delay. What is written is at most
// liveDelay + slowStep and the time of one joining old, or as old as what the engine or the capture has yet to read.
const (
	liveDelay   = 150 * time.Millisecond // until a packet or a return has been heard of, at least
	liveStep    = 100 * time.Millisecond // between steps
	slowStep    = 500 * time.Millisecond // when so much happens that each step joins more than is new
	recordDelay = 5 * time.Millisecond   // between the time stamp of a record and its being in the ring, with much to spare
	restLimit   = 500 * time.Millisecond // for packets after the program's end
	packetSlack = time.Millisecond       // by which the clock of packets may differ from that of calls
)

// What is held in memory. A reader may have to wait, the packets of the capture in the kernel's buffer and the
// program at its next call.
const (
	inboxLimit  = 1 << 15 // packets that have come and are not joined, and as many other events
	windowUsual = 1 << 13 // events, and bytes of their data, that are held although they are over
	bytesUsual  = 32 << 20
	windowLimit = 1 << 18 // and that are held because they may still matter
	bytesLimit  = 128 << 20
	windowAge   = 2 * time.Second // for which what is over is held, if it is not more
	windowBusy  = 20 * time.Millisecond
)

// inbox holds what the engine and the capture have told and the follower has not taken. Who adds waits when
// there is too much.
type inbox struct {
	mu        sync.Mutex
	room      sync.Cond
	all       []arrival
	packets   int // of them
	boundless bool
}

// arrival is an event, and for a packet that is to be saved its frame.
type arrival struct {
	event trace.Event
	frame *capture.Frame
}

func (b *inbox) add(e trace.Event, f *capture.Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.room.L == nil {
		b.room.L = &b.mu
	}
	_, packet := e.(*trace.Packet)
	for b.full(packet) && !b.boundless {
		b.room.Wait()
	}
	if packet {
		b.packets++
	}
	b.all = append(b.all, arrival{e, f})
}

// full tells whether a packet, or something else, has to wait. Neither waits for the other.
func (b *inbox) full(packet bool) bool {
	if packet {
		return b.packets >= inboxLimit
	}
	return len(b.all)-b.packets >= inboxLimit
}

func (b *inbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// take takes what has come, but for packets after a time: they wait for their calls here, and not in the window.
func (b *inbox) take(until time.Duration) []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	var taken, kept []arrival
	for _, a := range b.all {
		if p, ok := a.event.(*trace.Packet); ok && p.Time > until {
			kept = append(kept, a)
		} else {
			taken = append(taken, a)
		}
	}
	b.all, b.packets = kept, len(kept)
	b.room.Broadcast()
	return taken
}

// end lets those that add wait no more: nobody takes what they have until they have ended.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.boundless = true
	b.room.Broadcast()
}

// How much a timeline needs of the data of a datagram, to tell it from others, and of a frame with a TCP segment, of which
// the place is known: headers (of the link, of IPv4 or of IPv6 with some extensions, of TCP), and data to see that it is what was passed.
const (
	keptDatagram = 512
	keptSegment  = 20 + 60 + 60 + 128
)

// read takes packets until the capture is stopped.
func (r *tracing) read() {
	ifs := map[int]string{}
	number := 0
	var f capture.Frame
	for {
		if err := r.live.Next(&f); err != nil {
			return
		}
		name, ok := ifs[f.Interface]
		if !ok {
			if all := r.live.Interfaces(); f.Interface < len(all) {
				name = all[f.Interface].Name
				ifs[f.Interface] = name
			}
		}
		r.lost.Add(f.Drops)
		number++
		if number <= r.ours {
			continue
		}
		at := r.clock.At(f.Time)
		if at < -packetSlack && r.o.trace.pid == 0 {
			continue
		}
		p := trace.FromFrame(f, number, at, r.host, name)
		if n := needed(p); len(p.Payload) > n {
			p.Network = slices.Clone(p.Network[:len(p.Network)-len(p.Payload)+n])
			p.Payload = p.Network[len(p.Network)-n:]
		}
		var kept *capture.Frame
		if r.save != nil {
			g := f
			g.Data = slices.Clone(f.Data)
			kept = &g
		}
		r.in.add(p, kept)
	}
}

// needed is how much of a packet's data is kept: of raw ones all.
func needed(p *trace.Packet) int {
	switch {
	case p.TCP != nil:
		return keptSegment
	case p.UDP != nil:
		return keptDatagram
	}
	return math.MaxInt
}

// run traces to the end and writes what was seen, as it comes and then the rest.
func (r *tracing) run(ctx context.Context) error {
	traceCtx := ctx
	if r.o.trace.pid == 0 {
		traceCtx = context.WithoutCancel(ctx)
		stop := context.AfterFunc(ctx, func() { r.pass(ctx) })
		defer stop()
	}
	done := make(chan error, 1)
	go func() {
		var failed error
		for e, err := range r.tracer.Events(traceCtx) {
			if failed = err; err == nil {
				r.in.add(e, nil)
			}
		}
		done <- failed
	}()
	<-r.tracer.Running() // the clock begins there, and what was on the wire before belongs to nothing here
	var reading sync.WaitGroup
	if r.live != nil {
		reading.Go(r.read)
	}
	err := r.follow(done)
	if r.live != nil {
		err = cli.Join(err, r.settle())
		r.live.Stop()
		r.in.end()
		reading.Wait()
	}
	return cli.Join(err, r.finish())
}

// pass hands the signal that was to end this command to the program, unless the terminal has done so.
func (r *tracing) pass(ctx context.Context) {
	signal := syscall.SIGTERM
	if i := (*cli.Interruption)(nil); errors.As(context.Cause(ctx), &i) {
		signal = i.Signal.(syscall.Signal)
	}
	if signal == syscall.SIGINT && (cli.IsTerminal(os.Stdin) || cli.IsTerminal(os.Stderr)) {
		return
	}
	_ = r.tracer.Signal(signal) // it may have ended just now
}

// follow joins and writes while the program runs, a step behind it.
func (r *tracing) follow(done <-chan error) error {
	last := time.Now()
	var failed error
	for {
		select {
		case err := <-done:
			return cli.Join(err, failed)
		case <-time.After(liveStep):
		}
		come := r.in.len()
		enough := come > r.window.Len()/2 && r.shown()
		if come < inboxLimit/2 && !enough && time.Since(last) < slowStep {
			continue
		}
		last = time.Now()
		if err := r.step(r.until()); err != nil && failed == nil {
			failed = err
		}
	}
}

// until is when all that happened has been heard of. It is asked before the events are taken.
func (r *tracing) until() time.Duration {
	until := min(r.clock.Now()-liveDelay, r.called())
	if r.live != nil {
		until = min(until, r.packets.heard(r.live, r.clock))
	}
	return until
}

// called is until when all calls have been heard of.
func (r *tracing) called() time.Duration { return r.tracer.Heard() - recordDelay }

// counted says until when the packets of a capture have been read: as many as the kernel had at that time were.
type counted struct {
	until time.Duration
	asked time.Duration // when the kernel had so many
	had   uint64
}

func (c *counted) heard(live *capture.Live, clock *trace.Clock) time.Duration {
	now := clock.Now()
	s, err := live.Stats()
	if err != nil {
		return now // an error of the capture is told elsewhere
	}
	read := s.Delivered + s.Skipped
	if read >= c.had {
		c.until, c.asked, c.had = c.asked, now, s.Received
	}
	if read >= s.Received {
		c.until = now
	}
	return c.until
}

// shown tells whether records are written while the program runs.
func (r *tracing) shown() bool { return !r.o.trace.summary && !r.o.trace.script() }

// take moves what has come into the window, packets up to a time.
func (r *tracing) take(until time.Duration) {
	all := r.in.take(until)
	for _, a := range all {
		if s, ok := a.event.(*trace.Sightings); ok {
			r.matcher.Add(s)
		}
	}
	for _, a := range all {
		switch e := a.event.(type) {
		case *trace.Sightings:
			continue
		case *trace.Note:
			r.env.Warnf("%s", e.Text)
		case *trace.Call:
			r.actors[e.Actor] = true
			if !e.Pending {
				r.held += weight(e)
			}
		case *trace.Packet:
			r.matcher.Match(e)
			r.held += len(e.Network) + len(e.Payload) + r.save.add(e.Number, a.frame)
		}
		r.window.Add(a.event)
	}
}

// weight is how many bytes of data, and of what it waits for, a call holds. The list of an epoll instance is held by all
// its calls together.
func weight(c *trace.Call) int {
	n := len(c.Data) + len(c.Ready)*int(unsafe.Sizeof(trace.Wait{}))
	if c.FD < 0 {
		n += len(c.Waits) * int(unsafe.Sizeof(trace.Wait{}))
	}
	for _, m := range c.Messages {
		n += len(m.Data)
	}
	return n
}

// step joins what is known, writes what happened up to a time, and forgets what is over.
func (r *tracing) step(until time.Duration) error {
	r.take(r.called())
	r.matcher.Forget(until - recordDelay)
	if r.window.Len() == 0 {
		return nil
	}
	err := r.write(until)
	age := windowAge
	if r.window.Len() > windowUsual || r.held > bytesUsual {
		age = windowBusy
	}
	err = cli.Join(err, r.forget(until-age, false))
	if r.window.Len() > windowLimit || r.held > bytesLimit {
		// What is not heard of in time is not waited for.
		err = cli.Join(err, r.forget(r.clock.Now()-liveDelay-windowBusy, true))
	}
	return err
}

// forget lets go of what is over at a time.
func (r *tracing) forget(until time.Duration, all bool) error {
	if until <= 0 {
		return nil
	}
	err := r.save.write(r.o.trace.filter(r.window.Timeline()), until)
	gone := r.window.Forget(until, all)
	r.written.Forget(gone)
	r.count(r.o.trace.filter(gone))
	if all {
		r.forced += len(gone.Calls) + len(gone.Packets)
	}
	for _, c := range gone.Calls {
		if !c.Pending { // what was told of its entering alone was not counted
			r.held -= weight(c.Call)
		}
	}
	for _, p := range gone.Packets {
		r.held -= len(p.Network) + len(p.Payload) + r.save.forget(p.Number)
		if p.From != nil && p.TCP != nil && p.Raw == nil && p.Unattributed > 0 && !p.Retransmit && !p.Simultaneous {
			r.unknown++
		}
	}
	return err
}

// count takes calls and packets into what is written at the end.
func (r *tracing) count(t *trace.Timeline) {
	r.totals.Add(t)
	if r.o.trace.script() {
		r.script.Add(t)
	}
}

// writeScript writes the packetdrill script of the socket that was asked for, or of the first.
func (r *tracing) writeScript() error {
	name := ""
	if len(r.o.trace.sockets) > 0 {
		name = r.o.trace.sockets[0]
	}
	b, err := r.script.Append(nil, name)
	if err != nil {
		return cli.WithHint(err, "a script shows one TCP or UDP socket; --socket says which")
	}
	_, err = r.out.Write(b)
	return err
}

// settle waits for the packets that follow the program's end.
func (r *tracing) settle() error {
	var err error
	for end := time.Now().Add(restLimit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		r.take(math.MaxInt64)
		if r.window.Timeline().Settled() {
			break
		}
		if r.window.Len() > windowUsual {
			err = cli.Join(err, r.step(r.until()))
			break
		}
	}
	time.Sleep(10 * time.Millisecond) // the reader may hold one that was taken from the kernel
	return err
}

// write writes what happened up to a time.
func (r *tracing) write(until time.Duration) error {
	t := r.o.trace.filter(r.window.Timeline())
	switch {
	case !r.shown():
		return nil
	case r.o.json:
		for _, record := range r.written.Records(t, until, r.clock.Start()) {
			if err := r.out.JSON(record); err != nil {
				return err
			}
		}
		return r.out.Flush()
	}
	t = r.lookups.leaveOut(&r.o.trace, t, until)
	b := r.written.Append(nil, t, until, show.Options{Color: r.env.Color, Actors: len(r.actors) > 1, Data: r.o.trace.data, Columns: r.o.width(r.out.Unwrapped()), Width: lineWidth(r.out)})
	if err := r.out.Text(b); err != nil {
		return err
	}
	return r.out.Flush()
}

// finish writes the rest.
func (r *tracing) finish() error {
	r.take(math.MaxInt64)
	all := r.window.Timeline()
	lost := r.lost.Load()
	// A process that ran before has connections of which the beginning was not seen.
	if r.live != nil && lost == 0 && r.forced == 0 && r.o.trace.pid == 0 {
		if fault := all.Check(); fault != nil {
			r.env.Warnf("this timeline does not add up: %s", strings.ReplaceAll(fault.Error(), "\n", "; "))
		}
		if r.unknown > 0 {
			r.env.Warnf("this timeline does not add up: %d packets carry bytes of calls that are not known", r.unknown)
		}
	}
	err := r.write(math.MaxInt64)
	if note := r.lookups.note(); note != "" && r.shown() && !r.o.json {
		err = cli.Join(err, r.out.Text([]byte(note)))
	}
	t := r.o.trace.filter(all)
	r.count(t)
	sum := r.totals.Summary()
	switch {
	case r.o.trace.script():
		err = cli.Join(err, r.writeScript())
	case r.o.json:
		err = cli.Join(err, r.out.JSON(traceSummary{"summary", r.totals.Calls, r.totals.Packets, r.live != nil, lost, r.forced, r.tracer.Status().ExitCode(), sum}))
	case r.o.trace.summary:
		_, werr := r.out.Write(sum.AppendText(nil))
		err = cli.Join(err, werr)
	}
	if lost > 0 {
		r.env.Warnf("the capture missed %d packets: bytes of calls may be shown without their packets", lost)
	}
	if r.forced > 0 {
		r.env.Warnf("%d calls and packets were forgotten while later ones could still belong to them: what says unknown may be theirs", r.forced)
	}
	return cli.Join(err, r.save.write(t, math.MaxInt64))
}

// packetFile is the file of -w. Its methods do nothing on a nil one.
type packetFile struct {
	live   *capture.Live // nil when there are no packets
	file   *os.File
	w      *capture.Writer
	frames map[int]*capture.Frame // not yet forgotten, by packet number
	place  map[int]int            // in the file, of the packets written and not yet forgotten
	count  int
	failed error // of the file: nothing more is written to it
}

// packetFile makes the file that -w names; nil without.
func (o *options) packetFile(live *capture.Live) (*packetFile, error) {
	file, err := o.createFile()
	if file == nil {
		return nil, err
	}
	w, err := capture.NewWriter(file, &capture.WriterConfig{Section: capture.Section{Application: "sockwire " + cli.Version()}})
	if err != nil {
		return nil, cli.Join(err, file.Close())
	}
	return &packetFile{live: live, file: file, w: w, frames: map[int]*capture.Frame{}, place: map[int]int{}}, nil
}

func (s *packetFile) add(number int, f *capture.Frame) int {
	if s == nil {
		return 0
	}
	s.frames[number] = f
	return len(f.Data)
}

func (s *packetFile) forget(number int) int {
	if s == nil {
		return 0
	}
	f := s.frames[number]
	delete(s.frames, number)
	delete(s.place, number)
	return len(f.Data)
}

// write writes the packets up to a time with their calls as comments.
func (s *packetFile) write(t *trace.Timeline, until time.Duration) error {
	if s == nil || s.live == nil || s.failed != nil {
		return nil
	}
	s.failed = s.append(t, until)
	return s.failed
}

func (s *packetFile) append(t *trace.Timeline, until time.Duration) error {
	// Interfaces are described as their packets come.
	if err := s.w.Describe(s.live.Interfaces()); err != nil {
		return err
	}
	for _, p := range t.Packets {
		if p.Time > until {
			break
		}
		if s.place[p.Number] != 0 {
			continue
		}
		s.count++
		s.place[p.Number] = s.count
		f := *s.frames[p.Number]
		q := *p
		q.Cause.Packet = s.place[p.Cause.Packet]
		if q.Cause.Kind == trace.CausePacket && q.Cause.Packet == 0 {
			q.Cause = trace.Cause{}
		}
		f.Comments = []string{show.Comment(t, &q, 0)}
		if err := s.w.Write(&f); err != nil {
			return err
		}
	}
	return nil
}

func (s *packetFile) close() error {
	if s == nil {
		return nil
	}
	return cli.Join(s.w.Close(), s.file.Close())
}
