package perf

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
)

// atOnce is how many flows are negotiated at a time.
const atOnce = 32

// newFlows opens all flows, or none.
func newFlows(ctx context.Context, cfg *Config) ([]*flow, error) {
	flows, errs := make([]*flow, cfg.Flows), make([]error, cfg.Flows)
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	var failed atomic.Bool
	for i := range flows {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if failed.Load() {
				return
			}
			if flows[i], errs[i] = newFlow(ctx, cfg); errs[i] != nil {
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			continue
		}
		for _, f := range flows {
			if f != nil {
				f.close()
			}
		}
		return nil, err
	}
	return flows, nil
}

func newFlow(ctx context.Context, cfg *Config) (*flow, error) {
	socket := configOf(cfg.Socket)
	socket.Coalesce = cfg.Requests == nil || cfg.Requests.interval() > 0
	socket.ReadBuffer = cmp.Or(socket.ReadBuffer, defaultBuffer)
	socket.SendTimes = timesSends && (cfg.Up != nil || cfg.Requests != nil)
	for _, l := range []*Load{cfg.Up, cfg.Requests} {
		socket.NoOffload = socket.NoOffload || l != nil && l.NoOffload
	}
	c, err := dgram.Dial(ctx, cfg.Network, cfg.Target, &socket)
	if err != nil {
		return nil, fmt.Errorf("perf: %w", err)
	}
	f := &flow{cfg: cfg, conn: c, remote: &Report{}}
	if err := f.handshake(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return f, nil
}

func (f *flow) close() {
	if b, err := control(header{kind: kindBye, session: f.session}, nil, 0); err == nil { // it has no answer
		_ = f.conn.Send(b, dgram.Addr{})
	}
	f.conn.Close()
}

// handshake proves the address with a cookie and makes a session.
func (f *flow) handshake(ctx context.Context) error {
	var id [8]byte
	rand.Read(id[:])
	nonce := binary.BigEndian.Uint64(id[:])
	p := Params{Window: f.cfg.Window, Settle: f.cfg.Settle, Reverse: f.cfg.Down}
	if f.cfg.Requests != nil {
		p.Silence = 2 * max(f.cfg.Timeout, 10*time.Second) // one at a time, nothing is sent while a reply is waited for
	}
	hello, err := control(header{kind: kindHello, seq: nonce}, p, f.cfg.padding())
	if err != nil {
		return err
	}
	var ck cookie
	if _, err := f.ask(ctx, hello, nonce, kindCookie, &ck); err != nil {
		return err
	}
	begin, err := control(header{kind: kindStart, seq: nonce}, start{ck.Cookie, p}, f.cfg.padding())
	if err != nil {
		return err
	}
	var ac accept
	asked := time.Now()
	h, err := f.ask(ctx, begin, nonce, kindAccept, &ac)
	if err != nil {
		return err
	}
	f.session, f.nonce, f.roundTrip = h.session, nonce, time.Since(asked)
	f.granted = ac
	f.patience = gone + f.roundTrip
	own := ownClock()
	if f.clock = own.relation(ac.Clock); f.clock == ClockSynced {
		f.clockError = time.Duration(own.MaxError + min(max(ac.Clock.MaxError, 0), int64(time.Hour)))
	}
	f.prepare()
	return nil
}

// prepare makes the accounts and what sends.
func (f *flow) prepare() {
	p := Params{Window: f.cfg.Window, Settle: f.cfg.Settle}
	f.down = newAccount(f.conn, f.session, &p, f.clock != ClockIndependent, f.cfg.damaged)
	load, k := f.cfg.Up, kindData
	switch {
	case f.cfg.Requests != nil:
		load, k = f.cfg.Requests, kindRequest
		f.asked = new(asked)
		f.rtt, f.network, f.server = ledger.NewHistogram(), ledger.NewHistogram(), ledger.NewHistogram()
	case load == nil:
		load = &Load{} // marks only
	}
	f.up = newSender(f.conn, f.session, k, *load, true)
	f.up.asked, f.begun = f.asked, time.Now()
}

// padding is what the questions of the handshake are padded to.
func (c *Config) padding() int {
	if c.narrow {
		return handshakeSize
	}
	return controlSize
}

// ask sends a control datagram until the answer of the wanted kind comes.
func (f *flow) ask(ctx context.Context, question []byte, nonce uint64, want kind, into any) (h header, err error) {
	match := func(_, b []byte) bool {
		return h.parse(b) && h.seq == nonce && (h.kind == want || h.kind == kindRefuse)
	}
	// The tries are together 17 s long, and an answer to any of them counts.
	how := dgram.Exchange{Timeout: 50 * time.Millisecond, Tries: 14, Backoff: 1.4, Match: match}
	a, err := f.conn.Exchange(ctx, question, dgram.Addr{}, &how)
	if err != nil {
		return h, fmt.Errorf("perf: %w", err)
	}
	if h.kind == kindRefuse {
		var no refusal
		_ = body(a.Payload, &no)
		return h, fmt.Errorf("perf: %w: %.200q", ErrRefused, no.Reason)
	}
	return h, body(a.Payload, into)
}
