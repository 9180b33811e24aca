package relay

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
	"sockwire/raw/impair"
)

func listen(t *testing.T) *dgram.Conn {
	t.Helper()
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", &dgram.Config{ReadBuffer: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// running starts a relay; stop ends it and returns its totals.
func running(t *testing.T, cfg Config) (r *Relay, stop func() Totals) {
	t.Helper()
	cfg.Network, cfg.Listen = cmp.Or(cfg.Network, "udp4"), cmp.Or(cfg.Listen, "127.0.0.1:0")
	r, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceValue(func() Totals {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		return r.Totals()
	})
	t.Cleanup(func() { stop() })
	return r, stop
}

// numbered is a datagram with a number and a digest.
func numbered(seq uint64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 32), seq)
	b = append(b, "0123456789"...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func number(b []byte) (uint64, bool) {
	if len(b) != 22 || crc32.ChecksumIEEE(b[:18]) != binary.BigEndian.Uint32(b[18:]) {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// truth works the counts of a ledger out of a relay's records.
func truth(records []Record, sent uint64) (c struct{ Lost, Unique, Duplicate, Reordered, Corrupt uint64 }) {
	type arrival struct {
		order, seq uint64
		damaged    bool
	}
	var all []arrival
	for _, r := range records {
		if r.Drop != impair.None {
			continue
		}
		seq := binary.BigEndian.Uint64(r.Head)
		damaged := r.Flip.Set || r.Truncated()
		all = append(all, arrival{r.Order, seq, damaged})
		if r.Duplicated() {
			all = append(all, arrival{r.OrderCopy, seq, damaged})
		}
	}
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.order, b.order) })
	seen := map[uint64]bool{}
	next := uint64(0)
	for _, a := range all {
		switch {
		case a.damaged:
			c.Corrupt++
		case seen[a.seq]:
			c.Duplicate++
		default:
			seen[a.seq] = true
			c.Unique++
			if a.seq < next {
				c.Reordered++
			}
			next = max(next, a.seq+1)
		}
	}
	c.Lost = sent - c.Unique
	return c
}

// Through 50 seeds of everything at once, what a ledger counts is what the relay says it did.
func TestLedgerAgreesWithTheRecord(t *testing.T) {
	for seed := range uint64(50) {
		const n = 300
		target := listen(t)
		var records []Record
		r, stop := running(t, Config{
			Target: target.LocalAddr().String(),
			Forward: impair.Config{Seed: seed, Loss: 0.05, BurstEnter: 0.01, BurstLeave: 0.3, Duplicate: 0.06, Reorder: 0.05, ReorderGap: 3,
				ReorderHold: 3 * time.Millisecond, Corrupt: 0.04, Truncate: 0.03, Jitter: 200 * time.Microsecond, JitterReorders: seed%2 == 0},
			Head:   8,
			Record: func(rec *Record) { records = append(records, *rec) },
		})
		source := listen(t)
		for seq := range uint64(n) {
			if err := source.Send(numbered(seq), r.Addr()); err != nil {
				t.Fatal(err)
			}
		}
		// The relay has decided about all of them; what it holds back is delivered when it stops.
		for end := time.Now().Add(10 * time.Second); r.Totals().Forward.Packets < n; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(end) {
				t.Fatalf("the relay took %d of %d", r.Totals().Forward.Packets, n)
			}
		}
		totals := stop()
		l := ledger.New(1024)
		l.Tell(n)
		b := target.NewBatch(64, 100)
		for {
			ds, err := target.TryReceiveBatch(b)
			if err != nil {
				t.Fatal(err)
			}
			if len(ds) == 0 {
				break
			}
			for _, d := range ds {
				if seq, ok := number(d.Payload); ok {
					l.Receive(seq)
				} else {
					l.Corrupt()
				}
			}
		}
		want := truth(records, n)
		c := l.Counts()
		got := want
		got.Lost, got.Unique, got.Duplicate, got.Reordered, got.Corrupt = c.Lost, c.Unique, c.Duplicate, c.Reordered, c.Corrupt
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d (-record +ledger):\n%s", seed, diff)
		}
		if len(records) != n || totals.Forward.Packets != n || totals.Overrun != 0 || totals.Clients != 1 {
			t.Fatalf("seed %d: %d records, totals %+v", seed, len(records), totals)
		}
		target.Close()
		source.Close()
	}
}

func TestManyClientsBothWays(t *testing.T) {
	target := listen(t)
	go target.Serve(t.Context(), 1, func(_ context.Context, d *dgram.Datagram) { _ = target.Reply(d, d.Payload) })
	r, stop := running(t, Config{Target: target.LocalAddr().String(), Backward: impair.Config{Delay: 5 * time.Millisecond}})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c, err := dgram.Dial(context.Background(), "udp4", r.Addr().String(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			want := fmt.Sprint("client ", i)
			a, err := c.Exchange(context.Background(), []byte(want), dgram.Addr{}, &dgram.Exchange{Timeout: 5 * time.Second})
			if err != nil || string(a.Payload) != want {
				t.Errorf("%s got %q, %v", want, a.Payload, err)
			}
			if a.Elapsed < 5*time.Millisecond {
				t.Errorf("a delay of 5 ms took %v", a.Elapsed)
			}
		})
	}
	wg.Wait()
	if totals := stop(); totals.Clients != 20 || totals.Forward.Packets != 20 || totals.Backward.Deliveries != 20 || totals.SendErrors != 0 {
		t.Errorf("%+v", totals)
	}
}

// Silent clients are forgotten without being asked to.
func TestIdle(t *testing.T) {
	target := listen(t)
	r, stop := running(t, Config{Target: target.LocalAddr().String(), MaxClients: 1, Idle: time.Millisecond})
	b := make([]byte, 10)
	for _, name := range []string{"a", "b", "c"} {
		c := listen(t)
		for end := time.Now().Add(10 * time.Second); ; {
			if time.Now().After(end) {
				t.Fatal("there is no room for client ", name)
			}
			if err := c.Send([]byte(name), r.Addr()); err != nil {
				t.Fatal(err)
			}
			_ = target.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			if d, err := target.Receive(b); err == nil && string(d.Payload) == name {
				break
			} else if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
	}
	if totals := stop(); totals.Clients < 3 {
		t.Errorf("%+v", totals)
	}
}

// What arrives while its client is being forgotten is relayed all the same, or counted.
func TestForgottenMeanwhile(t *testing.T) {
	target := listen(t)
	records := 0
	r, stop := running(t, Config{Target: target.LocalAddr().String(), Record: func(*Record) { records++ }})
	c := listen(t)
	over := make(chan struct{})
	var forgetting sync.WaitGroup
	forgetting.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				r.forget(time.Now().Add(time.Hour))
			}
		}
	})
	sent := 0
	for end := time.Now().Add(10 * time.Second); sent < 3000 || r.Totals().Clients < 20 && time.Now().Before(end); sent++ {
		if err := c.Send([]byte("x"), r.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	close(over)
	forgetting.Wait()
	totals := stop()
	if uint64(records)+totals.Overrun != uint64(sent) || totals.Forward.Packets != uint64(records) || totals.Clients < 20 {
		t.Errorf("%d sent, %d records, %+v", sent, records, totals)
	}
}

// Answers that wait to be read when a client is forgotten are passed back to it.
func TestAnswersOfTheForgotten(t *testing.T) {
	target, c := listen(t), listen(t)
	r, err := New(t.Context(), Config{Network: "udp4", Listen: "127.0.0.1:0", Target: target.LocalAddr().String()})
	if err != nil {
		t.Fatal(err)
	}
	gone := r.client(t.Context(), &dgram.Datagram{From: c.LocalAddr()})
	_ = gone.up.SetReadDeadline(time.Unix(1, 0)) // its reader is held up, for ever
	<-gone.answered
	for range 40 {
		if err := target.Send([]byte("late"), gone.up.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	r.forget(time.Now().Add(time.Hour))
	b := make([]byte, 10)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for range 40 {
		if n, err := c.Receive(b); err != nil || string(n.Payload) != "late" {
			t.Fatalf("%q, %v", n.Payload, err)
		}
	}
	r.stop()
	if totals := r.Totals(); totals.Backward.Deliveries != 40 {
		t.Errorf("%+v", totals)
	}
}

func TestTargetThatIsNotThere(t *testing.T) {
	closed := listen(t)
	closed.Close()
	r, stop := running(t, Config{Target: closed.LocalAddr().String()})
	c := listen(t)
	for range 3 {
		if err := c.Send([]byte("x"), r.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(10 * time.Second); r.Totals().SendErrors < 3 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if totals := stop(); totals.SendErrors != 3 || totals.Forward.Packets != 3 {
		t.Errorf("%+v", totals)
	}
}

func TestUnix(t *testing.T) {
	dir := t.TempDir()
	target, err := dgram.Listen(t.Context(), "unixgram", dir+"/target", nil)
	if err != nil && runtime.GOOS == "windows" {
		t.Skip("Windows has no Unix datagram sockets: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	go target.Serve(t.Context(), 1, func(_ context.Context, d *dgram.Datagram) { _ = target.Reply(d, []byte("back")) })
	_, _ = running(t, Config{Network: "unixgram", Listen: dir + "/relay", Target: dir + "/target"})
	c, err := dgram.Dial(t.Context(), "unixgram", dir+"/relay", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := c.Exchange(t.Context(), []byte("there"), dgram.Addr{}, nil)
	if err != nil || string(a.Payload) != "back" {
		t.Errorf("got %q, %v", a.Payload, err)
	}
}

func TestWrongConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no target":        {Listen: "127.0.0.1:0"},
		"bad listen":       {Listen: "127.0.0.1", Target: "127.0.0.1:9"},
		"bad impairment":   {Listen: "127.0.0.1:0", Target: "127.0.0.1:9", Backward: impair.Config{Loss: 2}},
		"unresolved names": {Listen: "127.0.0.1:0", Target: "nowhere..invalid:9"},
	} {
		if _, err := New(t.Context(), cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
