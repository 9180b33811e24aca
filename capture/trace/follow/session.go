// Package follow traces a program while it runs: an engine that records its calls, a capture of the packets in its
// network, and the window in which both are joined, together. What is joined comes in steps, each a timeline that goes
// further than the one before.
package follow

import (
	"context"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/capture/trace"
)

// A step is some time behind: what it shows is at most liveDelay + slowStep and the time of one joining old, or as old
// as what the engine or the capture has yet to read.
const (
	liveDelay   = 150 * time.Millisecond // until a packet or a return has been heard of, at least
	liveStep    = 100 * time.Millisecond // between steps
	slowStep    = 500 * time.Millisecond // when so much happens that each step joins more than is new
	recordDelay = 5 * time.Millisecond   // between the time stamp of a record and its being in the ring, with much to spare
	restLimit   = 500 * time.Millisecond // for packets after the program's end
	packetSlack = time.Millisecond       // by which the clock of packets may differ from that of calls
)

// What is held in memory.
const (
	windowUsual = 1 << 13 // events, and bytes of their data, that are held although they are over
	bytesUsual  = 32 << 20
	windowLimit = 1 << 18 // and that are held because they may still matter
	bytesLimit  = 128 << 20
	windowAge   = 2 * time.Second // for which what is over is held, if it is not more
	windowBusy  = 20 * time.Millisecond
)

// How much a timeline needs of the data of a datagram, to tell it from others, and of a frame with a TCP segment, of
// which the place is known: headers (of the link, of IPv4 or of IPv6 with some extensions, of TCP), and data to see
// that it is what was passed.
const (
	keptDatagram = 512
	keptSegment  = 20 + 60 + 60 + 128
)

// Engines to choose from.
const (
	Auto   = ""       // the kernel's programs where they can be had, or else ptrace
	EBPF   = "ebpf"   // the same; Session.Fallback then says why not
	PTrace = "ptrace" // ptrace(2)
)

// Config says how to follow. The zero value is ready.
type Config struct {
	Engine string
	Data   int    // bytes kept of what a call sends or receives: 0 means 32, less than 0 none
	Wait   bool   // poll, select and epoll too, with what they wait for
	Host   string // the name of the network namespace, for the events
	// Interface is where packets are captured, capture.Any if it is empty.
	Interface string
	// Frames keeps the captured frames, whole, for Session.Frame.
	Frames bool
	// Rare makes steps only when they are needed to keep within bounds: for those who show nothing meanwhile.
	Rare bool
	// Drops are the kernel's drops of a session that New makes; it closes them. Start and Attach open their own.
	Drops *drop.Source
	// Whole forgets nothing, and makes one step, at the end: for short traces.
	Whole bool
}

// Session is one trace. Start, Attach or New make it, Steps runs it.
type Session struct {
	cfg    Config
	engine trace.Engine
	clock  *trace.Clock
	pid    int // of the process that is attached to

	live     *capture.Live // nil where no packets can be had
	ours     int           // the first of them were sent to make the capture ready
	fallback error
	blind    error
	in       inbox
	packets  counted
	lost     atomic.Uint64

	drops    *drop.Source // nil where the kernel's drops are not told: then Deaf says why
	deaf     error
	dropping dropping

	matcher trace.Matcher
	window  trace.Window
	frames  map[int]*capture.Frame
	held    int // bytes of data in the window
	forced  int // calls and packets that it had to forget too early
	unknown int // packets it has forgotten that carried bytes of unknown calls
}

// Step is how far a trace has come.
type Step struct {
	// Timeline is what is joined so far, without what is forgotten. What happened up to Until is known; a call that has
	// not returned by then may still.
	Timeline *trace.Timeline
	Until    time.Duration
	// Final is up to when calls and packets may be forgotten after this step: nothing that is known later changes what
	// is said of most of them.
	Final time.Duration
	// Gone is what was forgotten since the step before, joined for the last time; Timeline is nil then. Each call and
	// packet is there once, or in the Timeline of the last step.
	Gone *trace.Timeline
	// Note is something that the reader of a timeline has to know; Timeline is nil then.
	Note *trace.Note
	// Last is true of the step that comes after everything has ended.
	Last bool
}

// New returns a session of an engine and of a capture, which may be nil, that both have the clock. Steps closes
// neither.
func New(engine trace.Engine, live *capture.Live, clock *trace.Clock, cfg *Config) *Session {
	s := &Session{engine: engine, live: live, clock: clock, frames: map[int]*capture.Frame{}}
	if cfg != nil {
		s.cfg = *cfg
		s.hears(s.cfg.Drops)
	}
	return s
}

// hears makes a source of drops the session's.
func (s *Session) hears(drops *drop.Source) {
	if s.drops = drops; drops != nil {
		s.dropping.by = map[dropKey][]*trace.Packet{}
	}
}

// Engine is what records the calls: its status and its signals.
func (s *Session) Engine() trace.Engine { return s.engine }

// Clock is what the times of events count on.
func (s *Session) Clock() *trace.Clock { return s.clock }

// Live is the capture, nil where there is none: then Blind says why.
func (s *Session) Live() *capture.Live { return s.live }

// Blind says why no packets are captured.
func (s *Session) Blind() error { return s.blind }

// Deaf says why the kernel's drops are not told. They are with the kernel's own programs only.
func (s *Session) Deaf() error { return s.deaf }

// Fallback says why the engine is ptrace although the kernel's programs were to be tried.
func (s *Session) Fallback() error { return s.fallback }

// Lost is how many packets the capture missed so far.
func (s *Session) Lost() uint64 { return s.lost.Load() }

// Unheard is how many drops, of any packets in this network, found no room where they are recorded: what they were is
// not told.
func (s *Session) Unheard() uint64 {
	if s.drops == nil {
		return 0
	}
	return s.drops.Stats().Lost
}

// Forced is how many calls and packets were forgotten while later ones could still belong to them.
func (s *Session) Forced() int { return s.forced }

// Unknown is how many packets that were forgotten carry bytes of calls that are not known.
func (s *Session) Unknown() int { return s.unknown }

// Frame is the captured frame of a packet that is not forgotten, with Config.Frames; nil otherwise.
func (s *Session) Frame(number int) *capture.Frame { return s.frames[number] }

// Close closes the capture.
func (s *Session) Close() error {
	if s.drops != nil {
		s.drops.Close()
	}
	if s.live == nil {
		return nil
	}
	return s.live.Close()
}

// Steps runs the trace and yields how far it has come, at last a step with Last. A program that was started is killed
// when ctx is done or the loop is left; a process that was attached to goes on. An error that comes with the zero Step
// is of tracing itself; the trace goes on to its last step. It can be called once.
func (s *Session) Steps(ctx context.Context) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		more := true
		r := &run{Session: s, yield: func(step Step, err error) {
			if more && !yield(step, err) {
				more = false
				cancel()
			}
		}}
		r.run(ctx)
	}
}

// run is a session on its way.
type run struct {
	*Session
	yield func(Step, error)
}

func (s *run) run(ctx context.Context) {
	done := make(chan error, 1)
	go func() {
		var failed error
		for e, err := range s.engine.Events(ctx) {
			if failed = err; err == nil {
				s.in.add(e, nil)
			}
		}
		done <- failed
	}()
	<-s.engine.Running() // the clock begins there, and what was on the wire before belongs to nothing here
	var reading sync.WaitGroup
	if s.live != nil {
		reading.Go(s.read)
	}
	if s.drops != nil {
		reading.Go(s.hear)
	}
	if err := s.follow(done); err != nil {
		s.yield(Step{}, err)
	}
	if s.live != nil {
		s.awaitRest()
		s.live.Stop()
	}
	if s.drops != nil {
		s.drops.Stop()
	}
	s.in.end()
	reading.Wait()
	s.take(math.MaxInt64)
	s.settle(math.MaxInt64)
	s.yield(Step{Timeline: s.window.Timeline(), Until: math.MaxInt64, Final: math.MaxInt64, Last: true}, nil)
}

// read takes packets until the capture is stopped.
func (s *run) read() {
	ifs := map[int]string{}
	number := 0
	var f capture.Frame
	for {
		if err := s.live.Next(&f); err != nil {
			return
		}
		name, ok := ifs[f.Interface]
		if !ok {
			if all := s.live.Interfaces(); f.Interface < len(all) {
				name = all[f.Interface].Name
				ifs[f.Interface] = name
			}
		}
		s.lost.Add(f.Drops)
		number++
		if number <= s.ours {
			continue
		}
		at := s.clock.At(f.Time)
		if at < -packetSlack && s.pid == 0 {
			continue
		}
		p := trace.FromFrame(f, number, at, s.cfg.Host, name)
		if n := needed(p); len(p.Payload) > n && !s.cfg.Whole {
			p.Network = slices.Clone(p.Network[:len(p.Network)-len(p.Payload)+n])
			p.Payload = p.Network[len(p.Network)-n:]
		}
		var kept *capture.Frame
		if s.cfg.Frames {
			g := f
			g.Data = slices.Clone(f.Data)
			kept = &g
		}
		s.in.add(p, kept)
	}
}

// echoReply tells whether a packet is an answer to ping. The kernel frees it for want of a ping socket when raw sockets
// have been given their copies: nothing is lost.
func echoReply(p *trace.Packet) bool {
	return p.ICMP != nil && p.ICMP.EchoReply(p.Protocol == trace.ProtoICMPv6)
}

// hear takes drops until their source is stopped.
func (s *run) hear() {
	number := firstDropped
	for {
		f := s.drops.Drop().Frame
		if err := s.drops.Next(&f); err != nil {
			return
		}
		d := s.drops.Drop()
		why := d.Why()
		if d.Reason.Unspecified() && why == d.Reason.Words() {
			continue // the kernel frees much so that nobody misses
		}
		at := s.clock.At(f.Time)
		if at < 0 && s.pid == 0 {
			continue
		}
		f.Comments = nil
		p := trace.FromFrame(f, number, at, s.cfg.Host, d.Device)
		if len(p.Network) == 0 || d.Reason.Name == "NO_SOCKET" && echoReply(p) {
			continue
		}
		number++
		p.Uncaptured, p.Drops = true, []trace.Drop{{Time: at, Reason: d.Reason.Name, Why: why, Place: d.Place.String()}}
		if n := needed(p); len(p.Payload) > n {
			p.Network = p.Network[:len(p.Network)-len(p.Payload)+n]
			p.Payload = p.Payload[:n]
		}
		s.in.add(p, nil)
	}
}

// settle puts the drops up to a time where they belong: all packets before it have been read. What no capture showed is
// a packet of its own.
func (s *run) settle(until time.Duration) {
	var later []*trace.Packet
	for _, p := range s.dropping.waiting {
		if p.Time > until {
			later = append(later, p)
		} else if q := s.dropping.find(p, packetSlack); q != nil {
			q.Drops = append(q.Drops, p.Drops...)
		} else {
			s.matcher.Match(p)
			s.held += len(p.Network) + len(p.Payload)
			s.window.Add(p)
		}
	}
	s.dropping.waiting = later
	s.dropping.said(until, packetSlack)
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

// follow joins while the program runs, a step behind it.
func (s *run) follow(done <-chan error) error {
	last := time.Now()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(liveStep):
		}
		come := s.in.len()
		enough := come > s.window.Len()/2 && !s.cfg.Rare
		if s.cfg.Whole || come < inboxLimit/2 && !enough && time.Since(last) < slowStep {
			continue
		}
		last = time.Now()
		s.step(s.until())
	}
}

// until is when all that happened has been heard of. It is asked before the events are taken.
func (s *run) until() time.Duration {
	until := min(s.clock.Now()-liveDelay, s.called())
	if s.live != nil {
		until = min(until, s.packets.heard(s.live, s.clock))
	}
	return until
}

// called is until when all calls have been heard of.
func (s *run) called() time.Duration { return s.engine.Heard() - recordDelay }

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

// take moves what has come into the window, packets up to a time.
func (s *run) take(until time.Duration) {
	all := s.in.take(until)
	for _, a := range all {
		if seen, ok := a.event.(*trace.Sightings); ok {
			s.matcher.Add(seen)
		}
	}
	for _, a := range all {
		switch e := a.event.(type) {
		case *trace.Sightings:
			continue
		case *trace.Reason:
			if s.dropping.by != nil {
				s.dropping.reasons = append(s.dropping.reasons, e)
			}
			continue
		case *trace.Note:
			s.yield(Step{Note: e}, nil)
		case *trace.Call:
			if !e.Pending {
				s.held += weight(e)
			}
		case *trace.Packet:
			if e.Uncaptured {
				s.dropping.waiting = append(s.dropping.waiting, e)
				continue
			}
			s.dropping.add(e)
			s.matcher.Match(e)
			s.held += len(e.Network) + len(e.Payload)
			if a.frame != nil {
				s.frames[e.Number] = a.frame
				s.held += len(a.frame.Data)
			}
		}
		s.window.Add(a.event)
	}
}

// weight is how many bytes of data, and of what it waits for, a call holds. The list of an epoll instance is held by
// all its calls together.
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

// step joins what is known, yields what happened up to a time, and forgets what is over.
func (s *run) step(until time.Duration) {
	s.take(s.called())
	s.settle(until)
	s.matcher.Forget(until - recordDelay)
	if s.window.Len() == 0 {
		return
	}
	age := windowAge
	if s.window.Len() > windowUsual || s.held > bytesUsual {
		age = windowBusy
	}
	s.yield(Step{Timeline: s.window.Timeline(), Until: until, Final: until - age}, nil)
	s.forget(until-age, false)
	if s.window.Len() > windowLimit || s.held > bytesLimit {
		// What is not heard of in time is not waited for.
		forced := s.clock.Now() - liveDelay - windowBusy
		s.yield(Step{Timeline: s.window.Timeline(), Until: until, Final: forced}, nil)
		s.forget(forced, true)
	}
}

// forget lets go of what is over at a time.
func (s *run) forget(until time.Duration, all bool) {
	if until <= 0 {
		return
	}
	gone := s.window.Forget(until, all)
	s.yield(Step{Gone: gone}, nil)
	if all {
		s.forced += len(gone.Calls) + len(gone.Packets)
	}
	for _, c := range gone.Calls {
		if !c.Pending { // what was told of its entering alone was not counted
			s.held -= weight(c.Call)
		}
	}
	for _, p := range gone.Packets {
		s.held -= len(p.Network) + len(p.Payload)
		if f := s.frames[p.Number]; f != nil {
			s.held -= len(f.Data)
			delete(s.frames, p.Number)
		}
		if p.From != nil && p.TCP != nil && p.Raw == nil && p.Unattributed > 0 && !p.Retransmit && !p.Simultaneous {
			s.unknown++
		}
	}
}

// awaitRest waits for the packets that follow the program's end.
func (s *run) awaitRest() {
	for end := time.Now().Add(restLimit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.take(math.MaxInt64)
		if s.window.Timeline().Complete() {
			break
		}
		if s.window.Len() > windowUsual && !s.cfg.Whole {
			s.step(s.until())
			break
		}
	}
	time.Sleep(10 * time.Millisecond) // the reader may hold one that was taken from the kernel
}
