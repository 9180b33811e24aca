package perf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"sockwire/dgram"
)

// middle stands between a client and a server and does to trains what bad paths do.
type middle struct {
	front, back *dgram.Conn
	up, down    trainFault
	mute        atomic.Bool // nothing gets through any more, and nobody says so
	client      atomic.Pointer[dgram.Addr]
	passed      [kinds]atomic.Int64 // datagrams that went on from the server, by kind
}

type trainFault int

const (
	cutWell trainFault = iota
	uncut              // a train goes on as one datagram
	eaten              // a train does not go on
)

func newMiddle(t *testing.T, target string, up, down trainFault) *middle {
	t.Helper()
	m := &middle{up: up, down: down}
	var err error
	if m.front, err = dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", &dgram.Config{Coalesce: true, ReadBuffer: 4 << 20}); err != nil {
		t.Fatal(err)
	}
	if m.back, err = dgram.Dial(t.Context(), "udp4", target, &dgram.Config{Coalesce: true, ReadBuffer: 4 << 20}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	t.Cleanup(func() { cancel(); <-done; <-done; m.front.Close(); m.back.Close() })
	carry := func(from, to *dgram.Conn, fault *trainFault, dest func() dgram.Addr, heard func(*dgram.Datagram)) {
		defer func() { done <- struct{}{} }()
		defer context.AfterFunc(ctx, func() { _ = from.SetReadDeadline(time.Unix(1, 0)) })()
		b := from.NewBatch(16, 1<<16)
		for ctx.Err() == nil {
			ds, err := from.ReceiveBatch(b)
			var told *dgram.NetworkError
			if err != nil && !errors.As(err, &told) {
				return
			}
			for len(ds) > 0 {
				heard(&ds[0])
				n, payload := trainOf(ds)
				if !m.mute.Load() && !(*fault == eaten && n > 1) {
					if *fault == uncut {
						_ = to.Send(payload, dest())
					} else {
						for i := range ds[:n] {
							_ = to.Send(ds[i].Payload, dest())
						}
					}
				}
				ds = ds[n:]
			}
		}
	}
	go carry(m.front, m.back, &m.up, func() dgram.Addr { return dgram.Addr{} }, func(d *dgram.Datagram) { a := d.From; m.client.Store(&a) })
	go carry(m.back, m.front, &m.down, func() dgram.Addr { return *m.client.Load() }, func(d *dgram.Datagram) {
		var h header
		if h.parse(d.Payload) && h.kind < kinds {
			m.passed[h.kind].Add(1)
		}
	})
	return m
}

// trainOf returns how many datagrams at the front of ds came as one train, and its bytes.
func trainOf(ds []dgram.Datagram) (n int, payload []byte) {
	first := ds[0].Payload
	size := len(first)
	for n = 1; n < len(ds) && ds[0].Coalesced && ds[n].Coalesced && len(ds[n].Payload) > 0 &&
		uintptr(unsafe.Pointer(unsafe.SliceData(first)))+uintptr(size) == uintptr(unsafe.Pointer(unsafe.SliceData(ds[n].Payload))); n++ {
		size += len(ds[n].Payload)
	}
	return n, unsafe.Slice(unsafe.SliceData(first), size)
}

// A path that mangles trains is noticed, they are given up with a word, and what comes after that arrives.
func TestMangledTrains(t *testing.T) {
	for name, tt := range map[string]struct {
		fault trainFault
		why   string
	}{"uncut": {uncut, "uncut"}, "eaten": {eaten, "nothing arrives"}} {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", down ", down), func(t *testing.T) { mangledTrains(t, tt.fault, tt.why, down) })
		}
	}
}

func mangledTrains(t *testing.T, fault trainFault, why string, down bool) {
	t.Parallel()
	s, _ := server(t, nil)
	up, fall := fault, cutWell
	if down {
		up, fall = cutWell, fault
	}
	m := newMiddle(t, s.Addr().String(), up, fall)
	load := &Load{Rate: 20000, Duration: 700 * time.Millisecond, Pattern: PatternBurst, Burst: 20, Sizes: []int{200}}
	cfg := Config{Target: m.front.LocalAddr().String(), Settle: 50 * time.Millisecond}
	if down {
		cfg.Down = load
	} else {
		cfg.Up = load
	}
	r := run(t, cfg)
	d := r.Flows[0].Up
	if down {
		d = r.Flows[0].Down
	}
	if !strings.Contains(d.Mangled, why) || d.Offload || d.Unique == 0 || d.Unique+d.Lost != d.Sent || !d.Known {
		t.Errorf("word %q, offload %v, sent %d, unique %d, lost %d, corrupt %d, joined %d", d.Mangled, d.Offload, d.Sent, d.Unique, d.Lost, d.Corrupt, d.Joined)
	}
}

// A path that cuts trains well keeps them, whatever else it does.
func TestTrainsAreKept(t *testing.T) {
	for _, r := range []Report{{Sent: 1000, Received: 900, Corrupt: 100}, {Sent: 1000, Corrupt: 5}, {Sent: 100}, {Sent: 1000, Dropped: 3},
		{Sent: 1000, Received: 500, Checksum: 400}} {
		if why := mangled(&r); why != "" {
			t.Errorf("%+v: %s", r, why)
		}
	}
	for _, r := range []Report{{Sent: 1000, Received: 900, Corrupt: 1, Joined: 1}, {Sent: 1000, Received: 20, Corrupt: 21}, {Sent: 1000, Received: 20, Checksum: 21},
		{Sent: 256}} {
		if mangled(&r) == "" {
			t.Errorf("%+v: no word", r)
		}
	}
}

// Datagrams that the kernel has joined and that are damaged make it stop.
func TestDamagedWhenJoined(t *testing.T) {
	s, _ := server(t, nil)
	c, err := dgram.Dial(t.Context(), "udp4", s.Addr().String(), &dgram.Config{Coalesce: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := newAccount(c, 1, &Params{}, true, nil)
	for i := range mangledMin {
		if a.separated {
			t.Fatalf("after %d", i)
		}
		a.corrupt(&dgram.Datagram{Payload: make([]byte, 100)})
		a.corrupt(&dgram.Datagram{Payload: make([]byte, 100), Coalesced: true})
	}
	if r := a.report(false); !r.Split || r.Corrupt != 2*mangledMin {
		t.Errorf("%+v", r)
	}
}

// A server that falls silent without a word from anybody is noticed as soon, in whatever the client is doing.
func TestServerFallsSilent(t *testing.T) {
	for name, cfg := range map[string]Config{
		"up":          {Up: &Load{Rate: 1000, Duration: 30 * time.Second}},
		"down":        {Down: &Load{Rate: 1000, Duration: 30 * time.Second}},
		"requests":    {Requests: &Load{Duration: 30 * time.Second}},
		"a rate":      {Requests: &Load{Rate: 1000, Duration: 30 * time.Second}},
		"at the end":  {Up: &Load{Rate: 1000, Duration: 300 * time.Millisecond}},
		"two streams": {Up: &Load{Rate: 1000, Duration: 30 * time.Second}, Down: &Load{Rate: 1000, Duration: 30 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := server(t, nil)
			m := newMiddle(t, s.Addr().String(), cutWell, cutWell)
			muted := make(chan time.Time, 1)
			go func() { // not before there is something to keep
				for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
					if (cfg.Up == nil || m.passed[kindReport].Load() > 1) && (cfg.Down == nil || m.passed[kindData].Load() > 0) &&
						(cfg.Requests == nil || m.passed[kindReply].Load() > 0) {
						break
					}
				}
				m.mute.Store(true)
				muted <- time.Now()
			}()
			cfg.Target, cfg.Timeout, cfg.Settle = m.front.LocalAddr().String(), 100*time.Millisecond, 500*time.Millisecond
			r, err := Run(t.Context(), cfg)
			took := time.Since(<-muted)
			if !errors.Is(err, ErrServerGone) {
				t.Fatalf("got %v", err)
			}
			t.Logf("noticed after %v: %v", took, err)
			if took > 2*time.Second { // 0.9 s and what a busy machine adds; with another wait behind it, 3 s
				t.Errorf("noticed after %v", took)
			}
			f := r.Flows[0]
			if name == "up" && (f.Up.Lost != 0 || f.Up.Unheard == 0 || f.Up.Unique+f.Up.Unheard != f.Up.Sent) {
				t.Errorf("what was sent into silence is not lost but unknown: %+v", f.Up)
			}
			if f.Up != nil && f.Up.Unique == 0 || f.Down != nil && f.Down.Unique == 0 || f.Reply != nil && f.Reply.Unique == 0 {
				t.Errorf("nothing is kept: up %+v, down %+v, replies %+v", f.Up, f.Down, f.Reply)
			}
		})
	}
}
