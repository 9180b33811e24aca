package raw

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"sync"
	"time"

	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
)

const (
	backlogMost = 1 << 14 // ends not yet taken by the caller before sending pauses
	announced   = 256     // ends told to the caller at once
	lateMost    = time.Second
	fullPause   = 200 * time.Microsecond // for the caller to take some
)

// Ping opens the sockets, sends echoes to the targets and yields every end as it comes: replies, losses, errors,
// duplicates. An error ends the sequence; the fate of an echo is never one. When ctx ends, echoes still on their way
// are yielded as Pending. It is [Pinger.Start] and [Run.Echoes] in one.
func (p *Pinger) Ping(ctx context.Context, targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) {
		run, err := p.Start(ctx)
		if err != nil {
			yield(Echo{}, err)
			return
		}
		run.Echoes(targets)(yield)
	}
}

// Run is one use of a [Pinger], its sockets open.
type Run struct {
	p     Pinger
	ctx   context.Context
	stop  context.CancelCauseFunc
	clock *probe.Waiter
	alarm *alarm   // with Slack
	links [2]*link // IPv4, IPv6; nil where there is none
	feed  chan netip.Addr
	wake  chan struct{}
	ready chan struct{}

	schedule probe.Schedule // of Gap
	idle     bool           // there was less to send than the schedule allows
	inline   bool           // drive also receives
	stamping bool           // the kernel stamps sends: what has no stamp was not sent
	devices  devices
	local    *interfaces

	mu        sync.Mutex
	table     table
	fresh     uint32       // targets begun
	fed       bool         // all targets are known
	urgent    queue[*host] // preloads and retries: due now
	regular   queue[*host] // due in order
	timeouts  [maxLevels]queue[uint64]
	finals    [maxLevels]queue[uint64]
	levels    int
	waiting   int           // echoes neither ended nor overdue
	open      int           // echoes that have not ended
	doubts    int           // echoes that have, without a proof, before their timeout
	contested time.Duration // until when an answer may still contradict the latest error that is proven
	firstSend time.Duration
	lastSend  time.Duration
	handed    time.Duration // when the last call that sends returned
	longest   time.Duration // round trip
	drained   bool          // all is sent; nothing is waited for but the last timeouts
	several   bool          // more than one host may answer an echo
	rate      rateMeter
	drops     []dropWindow
	out       []Echo
	finished  bool
	failed    error
	pace      probe.Pace
	report    Report
}

// Start opens the sockets, after which the process may give up its privileges. Take the echoes with [Run.Echoes] or
// close the Run.
func (p *Pinger) Start(ctx context.Context) (*Run, error) {
	s, err := p.settled()
	if err != nil {
		return nil, fmt.Errorf("raw: ping: %w", err)
	}
	r := &Run{p: s, feed: make(chan netip.Addr, 1024), wake: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.schedule = probe.Schedule{Interval: s.Gap, Burst: burstMost}
	r.inline = s.Slack > 0 || s.fast()
	r.findHardware()
	r.local = readInterfaces()
	if err := r.openLinks(); err != nil {
		r.stop(err)
		return nil, err
	}
	limit := uint64(1 << 20)
	for _, l := range r.links {
		if l != nil {
			limit = min(limit, l.codec.window())
			r.report.ReadBuffer = l.conn.ReadBuffer()
		}
	}
	r.table = newTable(limit)
	_ = cmsg.AwaitStamps() // without stamps each echo says so itself
	r.stamping = cmsg.StampsSends() == nil
	r.clock = probe.NewWaiter()
	if s.Slack > 0 {
		if r.alarm, err = newAlarm(); err != nil {
			r.Close()
			return nil, fmt.Errorf("raw: ping: %w", err)
		}
	}
	return r, nil
}

// Close closes the sockets of a Run whose echoes are not taken.
func (r *Run) Close() error {
	r.stop(errors.New("closed"))
	var errs []error
	for _, l := range r.links {
		if l != nil {
			errs = append(errs, l.conn.Close())
		}
	}
	if r.alarm != nil {
		r.alarm.close()
	}
	return errors.Join(errs...)
}

// Report returns what the run knows beside its echoes; it may be called at any time.
func (r *Run) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report
	report.Slipped += r.schedule.Slipped()
	report.Sending = r.lastSend - r.firstSend
	if report.Sending >= 100*time.Millisecond || r.table.next > 100 {
		report.Rate = r.pace.Rate()
	}
	report.Gaps = Gaps{r.pace.Gaps.Quantile(.5), r.pace.Gaps.Quantile(.99), r.pace.Gaps.Max()}
	for _, l := range r.links {
		if l != nil && l.stamped > 0 {
			report.SendStamps = true
		}
	}
	report.Hardware = r.devices.used
	return report
}

// Echoes sends to the targets, a zone where they are link-local, and yields the ends. The sequence of targets is
// read on a goroutine of its own, as fast as echoes are sent; it may block. When it returns the sockets are closed.
func (r *Run) Echoes(targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) {
		var group sync.WaitGroup
		defer r.Close()
		defer group.Wait()
		defer r.shut()
		group.Go(func() { r.read(targets) })
		for _, l := range r.links {
			if l != nil && !r.inline {
				group.Go(func() { r.receive(l) })
			}
		}
		if r.alarm != nil {
			group.Go(r.alarm.listen)
		}
		group.Go(r.drive)
		var echoes []Echo
		for range r.ready {
			r.mu.Lock()
			echoes, r.out = r.out, echoes[:0]
			failed, finished := r.failed, r.finished
			r.mu.Unlock()
			for i := range echoes {
				if !yield(echoes[i], nil) {
					return
				}
			}
			if failed != nil {
				yield(Echo{}, failed)
				return
			}
			if finished {
				return
			}
		}
	}
}

// shut ends the goroutines of the run.
func (r *Run) shut() {
	r.stop(context.Canceled)
	past := time.Unix(1, 0)
	for _, l := range r.links {
		if l != nil {
			l.conn.SetDeadline(past)
		}
	}
	if r.alarm != nil {
		r.alarm.close()
	}
}

func (r *Run) read(targets iter.Seq[netip.Addr]) {
	for t := range targets {
		select {
		case r.feed <- t:
			r.nudge()
		case <-r.ctx.Done():
			return
		}
	}
	r.mu.Lock()
	r.fed = true
	r.mu.Unlock()
	r.nudge()
}

func (r *Run) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// announce tells the caller that there are ends to take, if there are: waking it for nothing costs more than an echo.
func (r *Run) announce() { r.announceFrom(1) }

// announceSoon does so where the caller should know at once. A goroutine that does all goes on before it waits, and
// announces then; until that the ends gather, since to wake another processor for each few costs as much as one echo.
func (r *Run) announceSoon() {
	least := 1
	if r.inline {
		least = announced
	}
	r.announceFrom(least)
}

func (r *Run) announceFrom(least int) {
	r.mu.Lock()
	idle := len(r.out) < least && !r.finished && r.failed == nil
	r.mu.Unlock()
	if idle {
		return
	}
	r.signal()
}

func (r *Run) signal() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

func (r *Run) fail(err error) {
	r.mu.Lock()
	if r.failed == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.stop(err)
	r.announce()
}

// drive sends what is due and ends what has timed out, until nothing is left to do.
func (r *Run) drive() {
	for {
		r.pollAll()
		now := r.clock.Now()
		r.mu.Lock()
		r.expire(now)
		full := len(r.out) > backlogMost
		n := 0
		if r.ctx.Err() == nil && !full {
			n = r.prepare()
		}
		done := r.ctx.Err() != nil || r.complete(now)
		next := r.next(now)
		r.mu.Unlock()
		if n > 0 {
			r.transmitAll()
			r.announceSoon()
			continue
		}
		r.announce()
		if done {
			r.finish()
			return
		}
		if full || next <= now {
			next = now + fullPause
		}
		// When ctx ends, the next turn finds that.
		r.wait(next)
	}
}

// wait waits until next, or until there is something to look at.
func (r *Run) wait(next time.Duration) {
	switch {
	case r.alarm != nil:
		r.alarm.wait(r.ctx, next-r.clock.Now(), r.wake)
	case r.inline:
		// Nothing but a packet ends this early, so that it must not last.
		r.await(min(next-r.clock.Now(), 2*time.Millisecond))
	default:
		_ = r.clock.Until(r.ctx, next, r.wake)
	}
}

// fast tells whether a run may send so fast that one goroutine had better do all: the kernel takes a packet through the
// other host and back within the send where it can, so the answers are there when it returns, and to wake another processor
// for them costs more than to take them in.
func (p *Pinger) fast() bool {
	const slow = 50 * time.Microsecond
	return p.Gap < slow && (p.Window == 0 && p.Count == 1 || p.Window >= sendBatch)
}

// finish yields what is still on its way as Pending.
func (r *Run) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := r.table.tail; n < r.table.next; n++ {
		if s := r.table.get(n); s.state == probe.Pending && s.seq > 0 {
			e := r.echo(n, s)
			s.state = probe.Lost
			r.closeSlot(s, &e)
			r.out = append(r.out, e)
		}
	}
	r.finished = true
	r.signal()
}
