package perf

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/relay"
	"sockwire/raw/impair"
)

// through starts a relay in front of a server until the test ends, and returns its address.
func through(t *testing.T, target string, cfg relay.Config) string {
	t.Helper()
	cfg.Network, cfg.Listen, cfg.Target = "udp4", "127.0.0.1:0", target
	r, err := relay.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r.Addr().String()
}

// A rate that no host reaches does not make the run longer: what is due and not sent by the end is not sent, and told.
func TestTheEndOfTheTimeIsTheEnd(t *testing.T) {
	s, _ := server(t, nil)
	for name, cfg := range map[string]Config{
		"constant": {Up: &Load{Rate: 1e8, Duration: 200 * time.Millisecond, Sizes: []int{64}}},
		"bursts":   {Up: &Load{Rate: 1e8, Duration: 200 * time.Millisecond, Sizes: []int{64}, Pattern: PatternBurst, Burst: 1e6}},
		"requests": {Requests: &Load{Rate: 1e8, Duration: 200 * time.Millisecond, Sizes: []int{64}}},
	} {
		cfg.Target, cfg.Settle = s.Addr().String(), 20*time.Millisecond
		r := run(t, cfg)
		d := r.Flows[0].Up
		if d == nil {
			d = &r.Flows[0].Reply.Direction
		}
		if d.Sent+d.Unsent < 19e6 || d.Unsent < 10e6 {
			t.Errorf("%s: of 20 million due, %d were sent and %d were not", name, d.Sent, d.Unsent)
		}
		if d.Elapsed > 5*time.Second { // all of them take longer than that on any machine
			t.Errorf("%s: %v for a load of 0.2 s", name, d.Elapsed)
		}
	}
}

// One request at a time: the end of the time is the end of the wait for a reply too.
func TestTheEndOfTheTimeEndsTheWait(t *testing.T) {
	s, _ := server(t, nil)
	m := newMiddle(t, s.Addr().String(), cutWell, cutWell)
	go func() {
		for m.passed[kindReply].Load() == 0 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		m.mute.Store(true)
	}()
	start := time.Now()
	r, _ := Run(t.Context(), Config{Target: m.front.LocalAddr().String(), Settle: 20 * time.Millisecond, Timeout: time.Hour,
		Requests: &Load{Duration: 500 * time.Millisecond}})
	if took := time.Since(start); took > 20*time.Second || r.Flows[0].Reply.Unique == 0 {
		t.Errorf("after %v: %+v", took, r.Flows[0].Reply)
	}
}

// A far server is measured like a near one: nothing is given up as lost that is on its way.
func TestFarAway(t *testing.T) {
	t.Parallel()
	s, _ := server(t, nil)
	var wg sync.WaitGroup // they mostly wait
	for name, tt := range map[string]struct {
		delay time.Duration
		cfg   Config
	}{
		"requests":       {800 * time.Millisecond, Config{Requests: &Load{Count: 2}}},
		"impatient":      {300 * time.Millisecond, Config{Requests: &Load{Count: 3}, Timeout: 200 * time.Millisecond, Settle: 10 * time.Millisecond}},
		"requests apace": {800 * time.Millisecond, Config{Requests: &Load{Count: 20, Rate: 100}}},
		"both":           {800 * time.Millisecond, Config{Up: &Load{Count: 20, Rate: 100}, Down: &Load{Count: 40, Rate: 100}}},
		"very far":       {2600 * time.Millisecond, Config{Up: &Load{Count: 20, Rate: 100}}},
	} {
		far := impair.Config{Delay: tt.delay}
		tt.cfg.Target = through(t, s.Addr().String(), relay.Config{Forward: far, Backward: far})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, err := Run(ctx, tt.cfg)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			f := r.Flows[0]
			for _, d := range []*Direction{f.Up, f.Down} {
				if d != nil && (d.Lost != 0 || d.Corrupt != 0 || !d.Known || d.Unique == 0) {
					t.Errorf("%s: %+v", name, d)
				}
			}
			if p := f.Reply; p != nil {
				late := uint64(0)
				if tt.cfg.Timeout != 0 {
					late = p.Sent
				}
				if p.Lost != 0 || p.Unique != p.Sent || p.Corrupt != 0 || p.Timeout != late || p.RTT.Min() < 2*tt.delay {
					t.Errorf("%s: round trip from %v, %d not in time, %+v", name, p.RTT.Min(), p.Timeout, p.Direction)
				}
			}
		})
	}
	wg.Wait()
}

// Answers to the handshake that come late, or once more, are no damage.
func TestLateAnswersToTheHandshake(t *testing.T) {
	c := toNobody(t)
	f := &flow{cfg: &Config{Up: &Load{Count: 1}}, conn: c, session: 9, nonce: 7}
	f.prepare()
	for _, h := range []header{{kind: kindCookie, seq: 7}, {kind: kindRefuse, seq: 7}, {kind: kindAccept, seq: 7, session: 9}} {
		b, err := control(h, cookie{"x"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.take(&dgram.Datagram{Payload: b, Time: time.Now()})
	}
	if n := f.down.ledger.Counts().Corrupt; n != 0 {
		t.Errorf("%d damaged", n)
	}
	b, err := control(header{kind: kindCookie, seq: 8}, cookie{"x"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.take(&dgram.Datagram{Payload: b, Time: time.Now()})
	if n := f.down.ledger.Counts().Corrupt; n != 1 {
		t.Errorf("%d damaged, of one that is not of this handshake", n)
	}
}

// A reply that is lost is a loss, and not the end of the server.
func TestOneLostReplyIsNotTheEnd(t *testing.T) {
	t.Parallel()
	s, _ := server(t, nil)
	target := through(t, s.Addr().String(), relay.Config{Backward: impair.Config{Loss: 0.3, Seed: 4}})
	r, err := Run(t.Context(), Config{Target: target, Timeout: 300 * time.Millisecond, Requests: &Load{Count: 30}})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Flows[0].Reply; p.Sent != 30 || p.Lost == 0 || p.Timeout != p.Lost {
		t.Errorf("%d not in time, %+v", p.Timeout, p.Direction)
	}
}

// Told to stop, a run has its accounts, whatever it was doing: the server's stream ends too, and a request that is on
// its way is not lost.
func TestToldToStop(t *testing.T) {
	t.Parallel()
	s, _ := server(t, nil)
	far := impair.Config{Delay: 300 * time.Millisecond}
	target := through(t, s.Addr().String(), relay.Config{Forward: far, Backward: far})
	long := &Load{Rate: 500, Duration: time.Hour}
	var wg sync.WaitGroup
	for name, cfg := range map[string]Config{
		"one at a time": {Requests: &Load{Duration: time.Hour}}, "requests apace": {Requests: long}, "up": {Up: long}, "down": {Down: long}, "both": {Up: long, Down: long},
	} {
		wg.Go(func() {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var up, down, replies uint64
			cfg.Target, cfg.Interval = target, 50*time.Millisecond
			cfg.Progress = func(i Interval) {
				up, down, replies = up+i.Up.Unique, down+i.Down.Unique, replies+i.Replies
				if (cfg.Up == nil || up > 0) && (cfg.Down == nil || down > 0) && (cfg.Requests == nil || replies > 0) {
					stop()
				}
			}
			r, err := Run(ctx, cfg)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			f := r.Flows[0]
			if f.Reply != nil {
				f.Up = &f.Reply.Direction
			}
			for _, d := range []*Direction{f.Up, f.Down} {
				if d != nil && (d.Unique == 0 || d.Lost != 0 || !d.Known) {
					t.Errorf("%s: %+v", name, d)
				}
			}
		})
	}
	wg.Wait()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Run(ctx, Config{Target: target, Up: long}); !errors.Is(err, context.Canceled) {
		t.Errorf("before anything was sent: %v", err)
	}
}
