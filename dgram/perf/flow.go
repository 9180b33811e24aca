package perf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
	"sockwire/raw/cmsg"
)

// flow is one socket of a client and its session.
type flow struct {
	cfg     *Config
	conn    *dgram.Conn
	session uint64
	nonce   uint64 // of the handshake
	clock   Relation
	granted accept
	// clockError is how far synchronised clocks may differ.
	clockError time.Duration

	up   *sender
	down *account
	// Requests.
	asked                *asked
	pending              *dgram.Batch // for what has arrived by a deadline
	rtt, network, server *ledger.Histogram
	waited               time.Duration // for all replies
	timeouts             uint64
	roundTrip            time.Duration // of the handshake, tries that were lost included
	patience             time.Duration // how long the server may be silent in the middle

	heard  atomic.Int64 // when the server was last heard, since 1970
	data   atomic.Int64 // when something was last accounted for, since 1970
	icmp   atomic.Uint64
	closed atomic.Bool // the port at the server is closed

	mu     sync.Mutex
	remote *Report   // the last from the server
	local  Report    // of what comes down or back
	looked time.Time // when local was made
	// waitedThen is what waited was then.
	waitedThen time.Duration
	ended      bool // the server has sent all it will
	failed     error

	contradiction  string // the first word of the server that cannot be true
	contradictions uint64
	downMost       uint64    // datagrams that the server can have sent, when it was last worked out; of who receives
	begun          time.Time // the session

	upMangled   string // why trains were given up on the way up, and
	downMangled string // on the way down; empty if they were not
}

// run sends and receives until the loads are done, and settles the accounts.
func (f *flow) run(ctx context.Context) {
	f.heard.Store(time.Now().UnixNano())
	if f.cfg.Requests != nil && f.cfg.Requests.interval() == 0 {
		f.pingPong(ctx)
		return
	}
	receiving := make(chan struct{})
	go func() {
		defer close(receiving)
		f.receive()
	}()
	guarded, cancel := context.WithCancel(ctx)
	go f.guard(guarded, cancel)
	var err error
	if f.cfg.Up == nil && f.cfg.Requests == nil {
		err = f.markOnly(guarded)
	} else {
		err = f.up.run(guarded)
		if err == nil && f.cfg.Down != nil {
			end := f.up.end
			err = f.markOnly(guarded) // the server may take longer
			f.up.end = end
		}
	}
	cancel()
	if err != nil {
		f.fail(err)
	}
	if !f.lost() {
		f.settle(ctx.Err() != nil)
	}
	_ = f.conn.SetReadDeadline(time.Unix(1, 0))
	<-receiving
}

// markOnly keeps the session alive while the server sends, which must end some time.
func (f *flow) markOnly(ctx context.Context) error {
	if f.up.start.IsZero() {
		f.up.start = time.Now()
	}
	defer func() { f.up.end = time.Now() }()
	defer cmsg.Until(ctx, f.conn.SetWriteDeadline)()
	lasts := f.cfg.Down.lasts()
	pause := time.Duration(min(f.cfg.Down.interval()*float64(f.cfg.Down.group()), float64(time.Hour)))
	t := time.NewTicker(markInterval / 2)
	defer t.Stop()
	for ctx.Err() == nil && !f.hasEnded() {
		now := time.Now()
		if lasts > 0 && now.Sub(f.begun) > lasts+lasts/10+2*f.roundTrip+2*time.Second {
			f.contradict("its stream of %v has no end", lasts)
			return nil
		}
		since := f.begun
		if data := f.data.Load(); data != 0 {
			since = time.Unix(0, data)
		}
		if lasts == 0 && now.Sub(since) > 10*(pause+time.Second)+2*f.roundTrip {
			f.contradict("its stream ended %v ago, and it does not say so", now.Sub(since).Round(time.Millisecond))
			return nil
		}
		if err := f.up.sendMark(0, now); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return nil
}

func (f *flow) hasEnded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

func (f *flow) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = err
	}
}

// lost tells whether the server is known to be gone, so that there is nothing to wait for.
func (f *flow) lost() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Is(f.failed, ErrServerGone)
}

// guard ends the sending when the server is not heard any more. A while in which this program did not run is not the
// server's, up to as long again as it may be silent.
func (f *flow) guard(ctx context.Context, cancel context.CancelFunc) {
	const tick = 20 * time.Millisecond
	t := time.NewTicker(tick)
	defer t.Stop()
	last, heard, stalled := time.Now(), int64(0), time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := time.Now()
		if h := f.heard.Load(); h != heard {
			heard, stalled = h, 0
		}
		if gap := now.Sub(last); gap > 10*tick {
			stalled = min(stalled+gap, f.patience)
		}
		last = now
		silent := now.Sub(time.Unix(0, heard))
		if silent-stalled > f.patience || f.closed.Load() {
			f.fail(fmt.Errorf("perf: %w %v ago", ErrServerGone, silent.Round(time.Millisecond)))
			cancel()
			return
		}
	}
}

// receive takes what the server sends, until the read deadline is moved into the past.
func (f *flow) receive() {
	b := f.conn.NewBatch(32, 1<<16)
	for {
		ds, err := f.conn.ReceiveBatch(b)
		if err != nil {
			if f.takeError(err) {
				continue
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				f.fail(err)
			}
			return
		}
		f.down.batch(ds, time.Now())
		for i := range ds {
			f.take(&ds[i])
		}
		f.publish()
	}
}

// takeError takes in what the network says about something that was sent; false if err is another error.
func (f *flow) takeError(err error) bool {
	var e *dgram.NetworkError
	if !errors.As(err, &e) {
		return false
	}
	f.icmp.Add(1)
	if e.Unreachable() {
		f.closed.Store(true)
	}
	return true
}

// publish lets the progress see what the accounts say.
func (f *flow) publish() {
	now := time.Now()
	if f.cfg.Progress == nil || now.Sub(f.looked) < markInterval {
		return // a report looks at the whole window
	}
	f.looked = now
	f.mu.Lock()
	defer f.mu.Unlock()
	f.local, f.waitedThen = *f.down.report(false), f.waited
}

// take takes in one datagram, and returns its header if it is the server's.
func (f *flow) take(d *dgram.Datagram) (h header, ours bool) {
	f.down.arrived(d)
	whole := !d.Truncated && h.parse(d.Payload)
	if whole && h.session == 0 && h.seq == f.nonce {
		return h, true // an answer to the handshake, late or once more
	}
	if !whole || h.session != f.session {
		f.down.corrupt(d)
		f.data.Store(d.Time.UnixNano())
		return h, false
	}
	f.heard.Store(d.Time.UnixNano())
	switch h.kind {
	case kindData:
		f.data.Store(d.Time.UnixNano())
		if f.honestData(&h, d) {
			f.down.data(&h, d)
		}
	case kindReply:
		f.data.Store(d.Time.UnixNano())
		if f.honestReply(&h, d) {
			f.reply(&h, d)
		}
	case kindMark:
		f.mark(&h)
	case kindReport:
		f.report(d)
	}
	return h, true
}

// mark takes in how many the server has sent.
func (f *flow) mark(h *header) {
	if !f.counts(h.seq) {
		return
	}
	f.down.ledger.Tell(h.seq)
	if h.flags&flagTrains != 0 {
		f.judge()
	}
	if h.flags&flagFinal != 0 {
		f.mu.Lock()
		f.ended = true
		f.mu.Unlock()
	}
}

// report takes in the server's account of what it received.
func (f *flow) report(d *dgram.Datagram) {
	var r Report
	if body(d.Payload, &r) != nil {
		f.contradict("its report is no report")
		return
	}
	if why := r.contradiction(f.known()); why != "" {
		f.contradict("%s", why)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.remote.Final {
		f.remote = &r
	}
	if why := mangled(&r); why != "" && f.upMangled == "" && f.up.trains.Load() && f.conn.Offload() {
		f.upMangled = why
		f.conn.StopOffload()
	}
}

// judge has the server give up trains when the path mangles them on the way down.
func (f *flow) judge() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.downMangled != "" {
		return
	}
	if f.downMangled = mangled(f.down.report(false)); f.downMangled != "" {
		f.up.markFlags.Store(flagSingly)
	}
}

// settle tells the server how many were sent, and to stop if the run was ended early, and waits for final accounts of
// both directions.
func (f *flow) settle(early bool) {
	h := header{kind: kindFinish, session: f.session, seq: f.up.sent.Load()}
	if early {
		h.flags = flagStop
	}
	finish, err := control(h, nil, controlSize)
	if err != nil {
		return
	}
	interval := min(max(f.cfg.Settle/4, time.Millisecond), 50*time.Millisecond)
	start := time.Now()
	end := start.Add(f.cfg.Settle + 2*f.roundTrip + 2*time.Second)
	_ = f.conn.SetWriteDeadline(end)
	for ; time.Now().Before(end); time.Sleep(interval) {
		if f.finished() {
			return
		}
		if f.contradicted() && time.Since(start) > f.cfg.Settle+2*f.roundTrip+100*time.Millisecond {
			break // its final word may be one that cannot be
		}
		if f.closed.Load() || time.Since(start) > f.patience && time.Since(time.Unix(0, f.heard.Load())) > f.patience {
			break
		}
		_ = f.conn.Send(finish, dgram.Addr{})
		interval = max(interval, f.roundTrip/32)
	}
	if f.contradicted() {
		f.fail(fmt.Errorf("perf: %w: %s", ErrContradiction, f.contradiction))
		return
	}
	f.fail(fmt.Errorf("perf: %w before it told the final accounts", ErrServerGone))
}

func (f *flow) finished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.remote.Final || f.cfg.Down != nil && !f.ended {
		return false
	}
	// Each finish is answered, so the server is heard until there is enough quiet before an arrival.
	return f.cfg.Down == nil && f.cfg.Requests == nil || time.Duration(f.heard.Load()-f.data.Load()) >= f.cfg.Settle
}
