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
	backlogMost = 1 << 14                // ends not yet taken by the caller before sending pauses
	announced   = 256                    // ends told to the caller at once
	fullPause   = 200 * time.Microsecond // for the caller to take some
)

// run is the goroutines of a [Run] and the order in which they work: one that drives it, one that reads the targets,
// and for each socket one that receives, unless the first does that too. What is on its way is in flight, under the
// lock; each socket is a link.
type run struct {
	ctx    context.Context
	stop   context.CancelCauseFunc
	clock  *probe.Waiter
	alarm  *alarm  // with Slack
	links  []*link // one a family
	inline bool    // drive also receives
	local  *interfaces
	feed   chan netip.Addr // targets not yet begun
	wake   chan struct{}   // there is something to look at
	ready  chan struct{}   // there are ends to take

	mu       sync.Mutex
	flight   flight
	fed      bool // all targets are known
	finished bool
	failed   error
	devices  devices
	socket   SocketKind
	warnings []string
}

// open opens the sockets for p, which has its defaults.
func (r *run) open(ctx context.Context, p *Pinger) error {
	r.feed, r.wake, r.ready = make(chan netip.Addr, 1024), make(chan struct{}, 1), make(chan struct{}, 1)
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.inline = p.Slack > 0 || p.fast()
	r.local = readInterfaces()
	r.devices, r.warnings = findDevices(p)
	limit, err := r.openLinks(p)
	if err != nil {
		r.stop(err)
		return err
	}
	r.flight = newFlight(*p, sendBatch, limit)
	_ = cmsg.AwaitStamps() // without stamps each echo says so itself
	r.flight.stamping = cmsg.StampsSends() == nil
	r.clock = probe.NewWaiter()
	if p.Slack > 0 {
		if r.alarm, err = newAlarm(); err != nil {
			r.close()
			return fmt.Errorf("raw: ping: %w", err)
		}
	}
	return nil
}

// openLinks opens a socket for each family asked for; with none asked for, one family is enough. It returns how many
// echoes can be told apart.
func (r *run) openLinks(p *Pinger) (limit uint64, err error) {
	var errs []error
	kind := p.Socket
	limit = 1 << 20
	for _, family := range []int{4, 6} {
		if p.Family != 0 && p.Family != family || family == 6 && p.Message == TimestampRequest {
			continue
		}
		l, got, err := openLink(r.ctx, family, kind, linkConfig{p, !r.inline, r.devices.hardware})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.links, r.socket = append(r.links, l), got
		kind = got
		limit = min(limit, l.codec.window())
	}
	if len(r.links) == 0 {
		return 0, errs[0]
	}
	return limit, nil
}

// link returns the socket of a target's family, nil if there is none.
func (r *run) link(target netip.Addr) *link {
	for _, l := range r.links {
		if l.codec.six == target.Is6() {
			return l
		}
	}
	return nil
}

func (r *run) close() error {
	r.stop(errors.New("closed"))
	var errs []error
	for _, l := range r.links {
		errs = append(errs, l.conn.Close())
	}
	if r.alarm != nil {
		r.alarm.close()
	}
	return errors.Join(errs...)
}

func (r *run) report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.flight.takeReport()
	report.Socket, report.Warnings, report.Hardware, report.SendStamps = r.socket, r.warnings, r.devices.used, r.flight.stamped
	for _, l := range r.links {
		report.ReadBuffer = l.conn.ReadBuffer()
	}
	return report
}

// echoes sends to the targets and yields the ends.
func (r *run) echoes(targets iter.Seq[netip.Addr], yield func(Echo, error) bool) {
	var group sync.WaitGroup
	defer r.close()
	defer group.Wait()
	defer r.shut()
	group.Go(func() { r.read(targets) })
	for _, l := range r.links {
		if !r.inline {
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
		echoes, r.flight.ends = r.flight.ends, echoes[:0]
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

// shut ends the goroutines of the run.
func (r *run) shut() {
	r.stop(context.Canceled)
	past := time.Unix(1, 0)
	for _, l := range r.links {
		l.conn.SetDeadline(past)
	}
	if r.alarm != nil {
		r.alarm.close()
	}
}

func (r *run) read(targets iter.Seq[netip.Addr]) {
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

func (r *run) nudge() { signal(r.wake) }

// announce tells the caller that there are ends to take, if there are as many: waking it for nothing costs more than an
// echo.
func (r *run) announce(least int) {
	r.mu.Lock()
	idle := len(r.flight.ends) < least && !r.finished && r.failed == nil
	r.mu.Unlock()
	if !idle {
		signal(r.ready)
	}
}

// announceSoon does so where the caller should know at once. A goroutine that does all goes on before it waits, and
// announces then; until that the ends gather, since to wake another processor for each few costs as much as one echo.
func (r *run) announceSoon() {
	if r.inline {
		r.announce(announced)
	} else {
		r.announce(1)
	}
}

func (r *run) fail(err error) {
	r.mu.Lock()
	if r.failed == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.stop(err)
	r.announce(1)
}

// drive sends what is due and ends what has timed out, until nothing is left to do.
func (r *run) drive() {
	for {
		r.pollAll()
		now := r.clock.Now()
		r.mu.Lock()
		r.expire(now)
		full := len(r.flight.ends) > backlogMost
		n := 0
		if r.ctx.Err() == nil && !full {
			n = r.launch()
		}
		done := r.ctx.Err() != nil || r.complete(now)
		next := r.flight.next(now, len(r.feed) > 0)
		r.mu.Unlock()
		if n > 0 {
			r.transmitAll()
			r.announceSoon()
			continue
		}
		r.announce(1)
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

// complete tells whether all is sent and nothing is waited for.
func (r *run) complete(now time.Duration) bool {
	if !r.fed || !r.flight.nothingToSend(len(r.feed) > 0) {
		return false
	}
	if !r.flight.drained {
		r.flight.drained = true
		r.expire(now) // what is waited for no longer than there is something to send
	}
	return r.flight.complete(now)
}

// expire deals with what has timed out at now.
func (r *run) expire(now time.Duration) {
	if overdue, final := r.flight.expiring(now); overdue || final {
		until := r.heardUntil(now)
		if final {
			r.readDrops(until)
		}
		r.flight.expire(until)
	}
	r.flight.forget(now, false)
}

// heardUntil returns the time up to which everything that arrived has been taken in. An echo whose timeout passed after
// that may have its answer waiting here, or read from the socket by a goroutine that was stopped on its way to takeIn.
func (r *run) heardUntil(now time.Duration) time.Duration {
	until := now
	for _, l := range r.links {
		// A socket that nothing was sent on holds no answer. What strangers sent to it before it had its filter may
		// stay.
		if l.used && (l.queued() > 0 || !r.inline && !l.recv.Waiting()) {
			until = min(until, l.emptied)
		}
	}
	return until
}

// readDrops asks the sockets how many packets they lost since they were last asked.
func (r *run) readDrops(now time.Duration) {
	for _, l := range r.links {
		if total, err := l.conn.Drops(); err == nil {
			r.dropped(l, total, now)
		}
	}
	r.flight.losses.prune(r.flight.table.get(r.flight.table.tail))
}

// dropped takes in how many packets a socket has dropped in all.
func (r *run) dropped(l *link, total uint32, now time.Duration) {
	switch n, since, damaged := l.dropped(total, r.flight.p.Size, now); {
	case n == 0:
	case damaged:
		r.flight.report.Damaged += uint64(n)
	default:
		r.flight.lost(n, since, now)
	}
}

// wait waits until next, or until there is something to look at.
func (r *run) wait(next time.Duration) {
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
// other host and back within the send where it can, so the answers are there when it returns, and to wake another
// processor for them costs more than to take them in.
func (p *Pinger) fast() bool {
	const slow = 50 * time.Microsecond
	return p.Gap < slow && (p.Window == 0 && p.Count == 1 || p.Window >= sendBatch)
}

// finish yields what is still on its way.
func (r *run) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flight.stop()
	r.finished = true
	signal(r.ready)
}
