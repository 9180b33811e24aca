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
)

// flow is one socket of a client and its session.
type flow struct {
	cfg     *Config
	conn    *dgram.Conn
	session uint64
	clock   Relation
	buffer  int

	up   *sender
	down *account
	// Requests.
	rtt, network, server *ledger.Histogram
	timeouts             uint64
	patience             time.Duration // how long the server may be silent in the middle

	heard  atomic.Int64 // when the server was last heard, since 1970
	data   atomic.Int64 // when something was last accounted for, since 1970
	icmp   atomic.Uint64
	closed atomic.Bool // the port at the server is closed

	mu      sync.Mutex
	remote  *Report   // the last from the server
	local   Report    // of what comes down or back
	looked  time.Time // when local was made
	ended   bool      // the server has sent all it will
	failed  error
	upOff   string // why trains were given up on the way up, and
	downOff string // on the way down; empty if they were not
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
	}
	cancel()
	if err != nil {
		f.fail(err)
	}
	if !f.lost() {
		f.settle()
	}
	_ = f.conn.SetReadDeadline(time.Unix(1, 0))
	<-receiving
}

// markOnly keeps the session alive while the server sends.
func (f *flow) markOnly(ctx context.Context) error {
	f.up.start = time.Now()
	defer func() { f.up.end = time.Now() }()
	t := time.NewTicker(markInterval / 2)
	defer t.Stop()
	for ctx.Err() == nil && !f.hasEnded() {
		if err := f.up.sendMark(0, time.Now()); err != nil {
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

// guard ends the sending when the server is not heard any more.
func (f *flow) guard(ctx context.Context, cancel context.CancelFunc) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		silent := time.Since(time.Unix(0, f.heard.Load()))
		if silent > f.patience || f.closed.Load() {
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
			if f.told(err) {
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

// told takes in what the network says about something that was sent; false if err is another error.
func (f *flow) told(err error) bool {
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
	f.local = *f.down.report(false)
}

func (f *flow) take(d *dgram.Datagram) {
	var h header
	f.down.arrived(d)
	if d.Truncated || !h.parse(d.Payload) || h.session != f.session {
		f.down.corrupt(d)
		f.data.Store(d.Time.UnixNano())
		return
	}
	f.heard.Store(d.Time.UnixNano())
	switch h.kind {
	case kindData:
		f.down.data(&h, d)
		f.data.Store(d.Time.UnixNano())
	case kindReply:
		f.reply(&h, d)
		f.data.Store(d.Time.UnixNano())
	case kindMark:
		f.down.ledger.Tell(h.seq)
		if h.flags&flagTrains != 0 {
			f.judge()
		}
		if h.flags&flagFinal != 0 {
			f.mu.Lock()
			f.ended = true
			f.mu.Unlock()
		}
	case kindReport:
		var r Report
		if body(d.Payload, &r) != nil {
			return
		}
		f.mu.Lock()
		if !f.remote.Final {
			f.remote = &r
		}
		if why := mangled(&r); why != "" && f.upOff == "" && f.up.trains.Load() && f.conn.Offload() {
			f.upOff = why
			f.conn.StopOffload()
		}
		f.mu.Unlock()
	}
}

// judge has the server give up trains when the path mangles them on the way down.
func (f *flow) judge() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.downOff != "" {
		return
	}
	if f.downOff = mangled(f.down.report(false)); f.downOff != "" {
		f.up.markFlags.Store(flagSingly)
	}
}

// settle tells the server how many were sent and waits for final accounts of both directions.
func (f *flow) settle() {
	finish, err := control(header{kind: kindFinish, session: f.session, seq: f.up.sent.Load()}, nil, controlSize)
	if err != nil {
		return
	}
	interval := min(max(f.cfg.Settle/4, time.Millisecond), 50*time.Millisecond)
	start := time.Now()
	for end := start.Add(f.cfg.Settle + 2*time.Second); time.Now().Before(end); time.Sleep(interval) {
		if f.settled() {
			return
		}
		if f.closed.Load() || time.Since(start) > f.patience && time.Since(time.Unix(0, f.heard.Load())) > f.patience {
			break
		}
		_ = f.conn.Send(finish, dgram.Addr{})
	}
	f.fail(fmt.Errorf("perf: %w before it told the final accounts", ErrServerGone))
}

func (f *flow) settled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.remote.Final || f.cfg.Down != nil && !f.ended {
		return false
	}
	// Each finish is answered, so the server is heard until there is enough quiet before an arrival.
	return f.cfg.Down == nil && f.cfg.Requests == nil || time.Duration(f.heard.Load()-f.data.Load()) >= f.cfg.Settle
}
