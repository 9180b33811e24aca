package perf

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/dgram"
	"sockwire/dgram/relay"
	"sockwire/raw/impair"
	"sockwire/raw/probe"
)

// server starts a server on loopback; stop ends it.
func server(t testing.TB, cfg *ServerConfig) (s *Server, stop func()) {
	t.Helper()
	return serverAt(t, "127.0.0.1:0", cfg)
}

// serverAt starts a server at an address.
func serverAt(t testing.TB, address string, cfg *ServerConfig) (s *Server, stop func()) {
	t.Helper()
	s, err := NewServer(context.Background(), address, cfg)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

func run(t testing.TB, cfg Config) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCleanPathBothWays(t *testing.T) {
	s, _ := server(t, nil)
	r := run(t, Config{Target: s.Addr().String(), Flows: 2, Settle: 20 * time.Millisecond,
		Up:   &Load{Rate: 20000, Count: 2000, Sizes: []int{64, 1400}},
		Down: &Load{Rate: 10000, Count: 1000, Sizes: []int{500}}})
	for i, f := range r.Flows {
		if f.Failed != nil || f.Clock != ClockSame {
			t.Errorf("flow %d: %v, clocks %s", i, f.Failed, f.Clock)
		}
		for name, d := range map[string]*Direction{"up": f.Up, "down": f.Down} {
			want := map[string]uint64{"up": 2000, "down": 1000}[name]
			if !d.Known || d.Sent != want || d.Unique != want || d.Lost != 0 || d.Duplicate+d.Corrupt+d.Reordered+d.Late != 0 {
				t.Errorf("flow %d %s: %+v", i, name, d)
			}
			if d.OneWay == nil || d.OneWay.Min <= 0 || d.OneWay.Min > time.Second || d.OneWay.P50 > d.OneWay.Max {
				t.Errorf("flow %d %s: one way %+v", i, name, d.OneWay)
			}
		}
		if f.Up.Bytes != 1000*64+1000*1400 || f.Down.Bytes != 500_000 {
			t.Errorf("flow %d: %d bytes up, %d down", i, f.Up.Bytes, f.Down.Bytes)
		}
	}
}

// truth works the accounts of a stream out of a relay's records. A damaged control datagram within the session is
// damage too, for what it was cannot be told. The session begins with the first start that arrives, or a moment after
// it, and the accounts end with one of the finishes: corrupt has what may have been counted by then. Without damaged
// control datagrams that is one number.
func truth(records []relay.Record) (c Counts, tail uint64, corrupt []uint64) {
	type arrival struct {
		order, seq uint64
		kind       kind
		damaged    bool
	}
	var all []arrival
	sent := map[uint64]bool{}
	for _, r := range records {
		a := arrival{order: r.Order, seq: binary.BigEndian.Uint64(r.Head[16:]), kind: kind(r.Head[4]), damaged: r.Flip.Set || r.Truncated()}
		if a.kind == kindData {
			sent[a.seq] = true
		}
		if r.Drop != impair.None {
			continue
		}
		all = append(all, a)
		if r.Duplicated() {
			a.order = r.OrderCopy
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.order, b.order) })
	seen := map[uint64]bool{}
	next, begun, starts := uint64(0), false, uint64(0)
	for _, a := range all {
		switch {
		case a.damaged && begun:
			c.Corrupt++
			if a.kind == kindStart {
				starts++
			}
		case a.damaged:
		case a.kind == kindStart:
			begun = true
		case a.kind == kindFinish:
			for early := range starts + 1 {
				corrupt = append(corrupt, c.Corrupt-early)
			}
		case a.kind != kindData:
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
	c.Sent = uint64(len(sent))
	c.Lost = c.Sent - c.Unique
	return c, c.Sent - next, corrupt
}

// Through a relay with 50 seeds and everything at once, what is counted is what the relay says it did, to the last one.
func TestExactThroughARelay(t *testing.T) {
	s, _ := server(t, nil)
	slots := make(chan struct{}, 10) // they mostly wait
	var wg sync.WaitGroup
	for seed := range uint64(50) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := exact(s, seed); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
	wg.Wait()
}

func exact(s *Server, seed uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var records []relay.Record
	bad := impair.Config{Seed: seed, Loss: 0.04, BurstEnter: 0.005, BurstLeave: 0.4, Duplicate: 0.05, Reorder: 0.04, ReorderGap: 4,
		ReorderHold: 3 * time.Millisecond, Corrupt: 0.03, Truncate: 0.02}
	r, err := relay.New(ctx, relay.Config{Network: "udp4", Listen: "127.0.0.1:0", Target: s.Addr().String(), Forward: bad, Head: HeaderSize,
		Record: func(rec *relay.Record) {
			mu.Lock()
			defer mu.Unlock()
			if rec.Direction == relay.Forward {
				records = append(records, *rec)
			}
		}})
	if err != nil {
		return err
	}
	relaying, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(relaying) }()
	result, err := Run(ctx, Config{Target: r.Addr().String(), Settle: 150 * time.Millisecond,
		Up: &Load{Rate: 20000, Count: 400 + seed, Sizes: []int{64 + int(seed), 300}}})
	stop()
	if err := errors.Join(err, <-done); err != nil {
		return err
	}
	if n := r.Totals().Overrun; n != 0 {
		return fmt.Errorf("the relay itself lost %d", n)
	}
	mu.Lock()
	defer mu.Unlock()
	want, tail, corrupt := truth(records)
	up := result.Flows[0].Up
	got := Counts{Sent: up.Sent, Unique: up.Unique, Lost: up.Lost, Duplicate: up.Duplicate, Reordered: up.Reordered, Corrupt: up.Corrupt}
	if slices.Contains(corrupt, got.Corrupt) {
		want.Corrupt = got.Corrupt
	}
	if diff := gocmp.Diff(want, got); diff != "" || up.Tail != tail || !up.Known {
		return fmt.Errorf("known %v, tail %d, want %d (-record +accounts):\n%s", up.Known, up.Tail, tail, diff)
	}
	if up.Lost != up.SendErrors+up.LostDropped+up.LostChecksum+up.LostCorrupt+up.LostICMP+up.LostNetwork {
		return fmt.Errorf("the causes do not add up: %+v", up)
	}
	return nil
}

// Where the receiver is the bottleneck, every loss is its receive buffer's, to the last one; also where the kernel
// counts lost buffers of many datagrams.
func TestReceiveBufferIsBlamed(t *testing.T) {
	for _, noOffload := range []bool{true, false} {
		s, _ := server(t, &ServerConfig{Socket: &dgram.Config{ReadBuffer: 16 << 10}, ReceiveDelay: 20 * time.Millisecond, ReceiveBatches: 4})
		load := &Load{Rate: 20000, Count: 6000, Sizes: []int{500}, NoOffload: noOffload}
		if !noOffload {
			load.Pattern, load.Burst = PatternBurst, 100 // trains
		}
		r := run(t, Config{Target: s.Addr().String(), Settle: 100 * time.Millisecond, Up: load})
		up := r.Flows[0].Up
		if up.Lost == 0 || up.LostDropped != up.Lost || up.LostNetwork != 0 || !up.Known || up.Unique+up.Lost != 6000 {
			t.Errorf("no offload %v: lost %d: dropped %d, network %d, known %v, unique %d, the kernel counts %d",
				noOffload, up.Lost, up.LostDropped, up.LostNetwork, up.Known, up.Unique, up.Dropped)
		}
		if !noOffload && up.Dropped >= up.Lost {
			t.Logf("the kernel counts %d losses for %d datagrams: nothing arrived joined, so trains were not tested", up.Dropped, up.Lost)
		}
	}
}

func TestRequests(t *testing.T) {
	s, _ := server(t, nil)
	for name, load := range map[string]*Load{
		"one at a time": {Count: 300, Sizes: []int{64}},
		"at a rate":     {Rate: 5000, Count: 300, Sizes: []int{64}, Pattern: PatternPoisson},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, Config{Target: s.Addr().String(), Settle: 20 * time.Millisecond, Requests: load})
			p := r.Flows[0].Reply
			if p.Sent != 300 || p.Unique != 300 || p.Lost != 0 || p.RTT.Count() != 300 || p.Network.Count() != 300 || p.Timeout != 0 {
				t.Errorf("%+v", p.Direction)
			}
			if p.RTT.Min() <= 0 || p.Network.Min() < 0 || p.Network.Quantile(0.5) > p.RTT.Max() || p.Server.Max() > time.Second {
				t.Errorf("rtt %v to %v, network %v, server %v", p.RTT.Min(), p.RTT.Max(), p.Network.Quantile(0.5), p.Server.Max())
			}
		})
	}
}

// A server that dies in mid-stream is noticed within a second, and what was measured stays.
func TestServerDies(t *testing.T) {
	for name, load := range map[string]Config{
		"stream":   {Up: &Load{Rate: 1000, Duration: 30 * time.Second}},
		"requests": {Requests: &Load{Duration: 30 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			s, stop := server(t, nil)
			killed := make(chan time.Time, 1)
			time.AfterFunc(300*time.Millisecond, func() { killed <- time.Now(); stop() })
			load.Target, load.Timeout = s.Addr().String(), 200*time.Millisecond
			load.Settle = 20 * time.Millisecond
			r, err := Run(t.Context(), load)
			if !errors.Is(err, ErrServerGone) {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(<-killed); took > 3*time.Second {
				t.Errorf("noticed after %v", took)
			}
			f := r.Flows[0]
			if f.Up != nil && (f.Up.Unique == 0 || f.Up.Known) || f.Reply != nil && f.Reply.Unique == 0 {
				t.Errorf("up %+v, replies %+v", f.Up, f.Reply)
			}
		})
	}
}

// Random bytes are answered by nothing and leave nothing behind: no goroutine, no memory, no state. DGPERF_RANDOM=1m
// goes on for a minute.
func TestRandomBytes(t *testing.T) {
	var lasting time.Duration
	if text := os.Getenv("DGPERF_RANDOM"); text != "" {
		var err error
		if lasting, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := server(t, nil)
	var clients []*dgram.Conn
	for i := range 16 {
		c, err := dgram.Dial(t.Context(), "udp4", s.Addr().String(), &dgram.Config{Local: fmt.Sprintf("127.0.0.%d:0", i+1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	// A question that is answered shows that all before it were looked at.
	asked := 0
	ask := func() {
		t.Helper()
		a, err := clients[0].Exchange(t.Context(), []byte("echo me"), dgram.Addr{}, nil)
		if err != nil || string(a.Payload) != "echo me" {
			t.Fatalf("%q %v", a.Payload, err)
		}
		asked += a.Tries
	}
	ask()
	before := footprint()
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 2000)
	sent := 0
	for start := time.Now(); sent < 5000 || time.Since(start) < lasting; sent++ {
		n := r.IntN(len(b))
		for i := 0; i < n; i += 8 {
			binary.LittleEndian.PutUint64(b[min(i, len(b)-8):], r.Uint64())
		}
		if r.IntN(4) == 0 && n >= 5 {
			copy(b, "dgp1")
			b[4] = byte(r.IntN(20))
		}
		if err := clients[sent%len(clients)].Send(b[:n], dgram.Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	after := footprint()
	st := s.Stats()
	drops, _ := s.conn.Drops()
	t.Logf("%d datagrams sent, %d looked at, %d lost in the receive buffer; before %+v, after %+v", sent, st.Ignored, drops, before, after)
	if st.Answered > uint64(asked) || st.Sessions != 0 || st.Ignored+uint64(drops) < uint64(sent) {
		t.Errorf("of %d sent %d were lost in the receive buffer; %+v", sent, drops, st)
	}
	for _, c := range clients[1:] {
		if ds, err := c.TryReceiveBatch(c.NewBatch(4, 100)); len(ds) != 0 || err != nil {
			t.Errorf("%d answers, %v", len(ds), err)
		}
	}
	if after.Goroutines > before.Goroutines || after.Heap > before.Heap+1<<20 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.foreign.iperf) != 0 {
		t.Errorf("%d iperf flows", len(s.foreign.iperf))
	}
}

type prints struct {
	Goroutines int
	Heap       uint64 // bytes in use after a collection
	System     uint64 // bytes that the runtime has from the system
}

func footprint() prints {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return prints{runtime.NumGoroutine(), m.HeapAlloc, m.Sys}
}

// Without the cookie there is no session; no answer is larger than its question.
func TestCookieAndAmplification(t *testing.T) {
	s, _ := server(t, nil)
	c, err := dgram.Dial(t.Context(), "udp4", s.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	down := Params{Reverse: &Load{Duration: time.Second}}
	for name, st := range map[string]start{"no cookie": {Params: down}, "a made-up cookie": {strings.Repeat("0", 32), down}} {
		b, err := control(header{kind: kindStart, seq: 1}, st, controlSize)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exchange(t.Context(), b, dgram.Addr{}, &dgram.Exchange{Timeout: 20 * time.Millisecond, Tries: 1}); err == nil {
			t.Errorf("%s: answered", name)
		}
	}
	short, err := control(header{kind: kindHello, seq: 1}, Params{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exchange(t.Context(), short, dgram.Addr{}, &dgram.Exchange{Timeout: 20 * time.Millisecond, Tries: 1}); err == nil {
		t.Error("a hello smaller than its answer may be was answered")
	}
	if st := s.Stats(); st.Sessions != 0 {
		t.Errorf("%+v", st)
	}
	now := time.Unix(1_700_000_000, 0)
	ck := makeCookie(s.secret[:], "a", now.Unix()/60)
	for _, tt := range []struct {
		address string
		at      time.Time
		want    bool
	}{{"a", now, true}, {"a", now.Add(time.Minute), true}, {"a", now.Add(2 * time.Minute), false}, {"b", now, false}} {
		if got := checkCookie(s.secret[:], tt.address, ck, tt.at); got != tt.want {
			t.Errorf("%s at %v: %v", tt.address, tt.at, got)
		}
	}
}

func TestLimits(t *testing.T) {
	s, _ := server(t, &ServerConfig{MaxPerPeer: 2, MaxRate: 100})
	_, err := Run(t.Context(), Config{Target: s.Addr().String(), Flows: 3, Up: &Load{Count: 1, Duration: time.Second}})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "2 sessions") {
		t.Errorf("three sessions of two: %v", err)
	}
	for end := time.Now().Add(5 * time.Second); s.Stats().Active > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if _, err := Run(t.Context(), Config{Target: s.Addr().String(), Down: &Load{Rate: 1000, Count: 10}}); !errors.Is(err, ErrRefused) {
		t.Errorf("a reverse stream above the server's limit: %v", err)
	}
	for end := time.Now().Add(5 * time.Second); s.Stats().Active > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if st := s.Stats(); st.Refused == 0 || !strings.Contains(st.Reason, "100 datagrams a second") {
		t.Errorf("%+v", st)
	}
}

// Whoever asks how often, others are answered, and an allowance is a site's.
func TestAllowances(t *testing.T) {
	p := newPeers(10)
	now := time.Unix(1, 0)
	refused := 0
	for i := range 100_000 {
		p.allow(netipAddr([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	for i := range 100 { // of a flood no trace is left a second later
		if !p.allow(netipAddr([4]byte{192, 0, 2, byte(i)}), now.Add(time.Second)) {
			refused++
		}
	}
	if refused > 0 {
		t.Errorf("%d of 100 are refused after a flood of others", refused)
	}
	allowed := 0
	for i := range 1000 {
		if p.allow(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i)), now.Add(2*time.Second)) {
			allowed++
		}
	}
	if allowed > 10 {
		t.Errorf("a prefix of 64 bits had %d answers, of 10 a second", allowed)
	}
}

func TestTwoServersOnOneAddress(t *testing.T) {
	s, _ := server(t, nil)
	if other, err := NewServer(t.Context(), s.Addr().String(), nil); err == nil {
		other.conn.Close()
		t.Error("two servers share an address")
	}
}

func TestWrongLoads(t *testing.T) {
	for _, l := range []Load{{}, {Rate: -1, Count: 1}, {Rate: 1, Bits: 1, Count: 1}, {Pattern: PatternPoisson, Count: 1}, {Pattern: "x", Rate: 1, Count: 1},
		{Pattern: PatternBurst, Rate: 1, Count: 1}, {Sizes: []int{HeaderSize - 1}, Count: 1}, {Sizes: []int{70000}, Count: 1}, {Sizes: make([]int, 100), Count: 1}} {
		if err := l.check(); err == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
}

func TestTimetables(t *testing.T) {
	for _, tt := range []struct {
		load Load
		want []int64 // of the first datagrams, in milliseconds
	}{
		{Load{Rate: 100}, []int64{0, 10, 20, 30}},
		{Load{Bits: 8 * 1400 * 50}, []int64{0, 20, 40}},
		{Load{Rate: 100, Pattern: PatternBurst, Burst: 3}, []int64{0, 0, 0, 30, 30, 30, 60}},
		{Load{Rate: 100, Pattern: PatternIsochronous, Burst: 25}, []int64{0, 0, 0, 0, 40, 40, 40, 40, 80}},
	} {
		table := probe.NewTimetable(tt.load.timing(1))
		for i, want := range tt.want {
			if got := table.Due(); got != time.Duration(want)*time.Millisecond {
				t.Errorf("%+v: datagram %d is due at %v, want %d ms", tt.load, i, got, want)
			}
			table.Take(1400)
		}
	}
	poisson := Load{Rate: 1000, Pattern: PatternPoisson}
	table := probe.NewTimetable(poisson.timing(1))
	for range 100_000 {
		table.Take(1)
	}
	if last := table.Due(); last < 98*time.Second || last > 102*time.Second {
		t.Errorf("100,000 Poisson arrivals at 1000/s took %v", last)
	}
}

// The hot path of both ends allocates nothing per datagram.
func TestHotPathsAllocateNothing(t *testing.T) {
	c := toNobody(t)
	load := &Load{Count: 1 << 40, Sizes: []int{64}}
	f := &flow{cfg: &Config{Up: load, Down: load, Settle: time.Millisecond}, conn: c, session: 9}
	f.prepare()
	table := probe.NewTimetable(f.up.load.timing(1))
	f.up.start, f.up.marked = time.Now(), time.Now().Add(time.Hour)
	d := dgram.Datagram{Payload: make([]byte, 64), Time: time.Now()}
	h := header{kind: kindData, session: f.session, sent: d.Time.UnixNano()}
	f.down.data(&h, &d)
	failures := 0
	if n := testing.AllocsPerRun(50, func() {
		f.up.fill(table, 1, []int{64})
		if err := f.up.flush(&failures); err != nil {
			t.Fatal(err)
		}
		for range 64 {
			h.seq++
			h.put(d.Payload)
			f.take(&d)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d datagrams", n, batchLimit)
	}
}

// toNobody is a connection to a socket that nobody reads.
func toNobody(t *testing.T) *dgram.Conn {
	t.Helper()
	sink, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dgram.Dial(t.Context(), "udp4", sink.LocalAddr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); sink.Close() })
	return c
}

// In every mode, a run of many datagrams allocates no more than a run of few, at both ends together: what is allocated
// is for the flow and for its reports, ten a second.
func TestNoModeAllocatesPerDatagram(t *testing.T) {
	const few, many = 500, 10_500
	s, _ := server(t, nil)
	for name, mode := range map[string]func(n uint64) Config{
		"as fast as possible": func(n uint64) Config { return Config{Up: &Load{Count: n, Sizes: []int{64}}} },
		"without offload":     func(n uint64) Config { return Config{Up: &Load{Count: n, Sizes: []int{64}, NoOffload: true}} },
		"a rate": func(n uint64) Config {
			return Config{Up: &Load{Count: n, Rate: 40_000, Pattern: PatternPoisson, Sizes: IMIX}}
		},
		"down":           func(n uint64) Config { return Config{Down: &Load{Count: n, Sizes: []int{64}}} },
		"both":           func(n uint64) Config { return Config{Up: &Load{Count: n / 2}, Down: &Load{Count: n / 2}} },
		"one at a time":  func(n uint64) Config { return Config{Requests: &Load{Count: n, Sizes: []int{64}}} },
		"requests apace": func(n uint64) Config { return Config{Requests: &Load{Count: n, Rate: 40_000, Sizes: []int{64}}} },
	} {
		cost := func(n uint64) uint64 {
			cfg := mode(n)
			cfg.Target, cfg.Settle = s.Addr().String(), 10*time.Millisecond
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			run(t, cfg)
			runtime.ReadMemStats(&after)
			return after.Mallocs - before.Mallocs
		}
		cost(few)
		low, high := cost(few), cost(many)
		if per := (float64(high) - float64(low)) / (many - few); per > 0.5 {
			t.Errorf("%s: %.2f allocations for each datagram (%d for %d, %d for %d)", name, per, low, few, high, many)
		} else {
			t.Logf("%s: %d allocations for %d datagrams, %d for %d", name, low, few, high, many)
		}
	}
}

// The answers to other tools cost none either.
func TestForeignAnswersAllocateNothing(t *testing.T) {
	c := toNobody(t)
	s := &Server{conn: c, peers: newPeers(1e9)}
	s.foreign.init()
	now := time.Now()
	iperf := make([]byte, 200)
	putIperf(iperf, 3)
	ping := make([]byte, 32)
	ping[9], ping[13] = sockperfClient|sockperfPong, 32
	for name, b := range map[string][]byte{"STAMP": stampQuestion(now), "sockperf": ping, "iperf2": iperf, "echo": []byte("echo this"), "noise": make([]byte, 100)} {
		d := dgram.Datagram{Payload: b, Time: now, From: c.RemoteAddr(), To: c.RemoteAddr().IP}
		step := func() { s.stranger(&d, now) }
		step()
		before := s.Stats()
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		after := s.Stats()
		if answered := after.Answered > before.Answered; answered != (name == "STAMP" || name == "sockperf" || name == "echo") {
			t.Errorf("%s: answered %v", name, answered)
		}
	}
}

// So do a session's stream and requests, and a client's replies.
func TestSessionsAllocateNothing(t *testing.T) {
	c := toNobody(t)
	n := &session{server: &Server{}, conn: c, peer: c.RemoteAddr(), id: 9, arena: make([]byte, 0, 1<<16), heard: time.Now(), reported: time.Now().Add(time.Hour)}
	n.account = newAccount(c, 9, &Params{}, true, nil)
	f := &flow{cfg: &Config{Requests: &Load{}}, conn: c, session: 9}
	f.prepare()
	f.up.next.Store(1 << 20)
	d := dgram.Datagram{Payload: make([]byte, 100), From: n.peer, Time: time.Now()}
	h := header{session: 9}
	ctx := context.Background()
	step := func() {
		for _, k := range []kind{kindData, kindRequest} {
			h.kind = k
			h.seq++
			h.sent, h.due = d.Time.UnixNano(), d.Time.UnixNano()
			f.asked.put(&h)
			h.put(d.Payload)
			if !n.handle(ctx, &d) {
				t.Fatal("the session ended")
			}
		}
		n.answer()
		n.reportUnasked()
		h.kind = kindReply
		h.put(d.Payload)
		f.take(&d)
	}
	step()
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := n.account.ledger.Counts().Unique; got != 404 || f.rtt.Count() != 202 {
		t.Errorf("%d received, %d replies", got, f.rtt.Count())
	}
}

func FuzzHeader(f *testing.F) {
	b := make([]byte, 64)
	h := header{kind: kindData, session: 5, seq: 7, sent: 1, due: 2, took: 3}
	h.put(b)
	f.Add(b)
	f.Add([]byte("dgp1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h header
		if !h.parse(b) {
			return
		}
		again := append([]byte(nil), b...)
		h.put(again)
		if string(again) != string(b) {
			t.Fatalf("% x is written as % x", b, again)
		}
		again[len(again)-1] ^= 1
		if h.parse(again) {
			t.Fatal("a flipped bit is not noticed")
		}
	})
}

// FuzzServer gives a server anything; its answers, if any, are no larger, and its state stays bounded.
func FuzzServer(f *testing.F) {
	s, err := NewServer(context.Background(), "127.0.0.1:0", nil)
	if errors.Is(err, errors.ErrUnsupported) {
		f.Skip(err)
	}
	if err != nil {
		f.Fatal(err)
	}
	defer s.conn.Close()
	hello, _ := control(header{kind: kindHello, seq: 1}, Params{}, controlSize)
	begin, _ := control(header{kind: kindStart, seq: 1}, start{Cookie: "00"}, controlSize)
	f.Add(hello)
	f.Add(begin)
	f.Add(make([]byte, stampSize))
	f.Add([]byte("echo"))
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := dgram.Datagram{Payload: b, Time: now, From: s.Addr(), To: s.Addr().IP}
		f := &s.foreign
		for _, out := range [][]byte{
			answerIf(isSTAMP(b, now), func() []byte { return appendSTAMP(nil, &d, now) }),
			answerIf(isSockperf(b), func() []byte { return appendSockperf(nil, b) }),
			answerIf(isIperf(b, now), func() []byte { return f.iperfAnswer(nil, &d, now) }),
		} {
			if len(out) > len(b) {
				t.Fatalf("%d bytes are answered with %d", len(b), len(out))
			}
		}
		s.handle(context.Background(), &d)
		if st := s.Stats(); st.Sessions != 0 || len(f.iperf) > maxIperfFlows {
			t.Fatalf("%+v, %d iperf flows", st, len(f.iperf))
		}
	})
}

func answerIf(known bool, answer func() []byte) []byte {
	if !known {
		return nil
	}
	return answer()
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"sent":5,"final":true,"one_way":{"min_ns":3}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Report
		if body(append(make([]byte, HeaderSize), b...), &r) != nil {
			return
		}
		d := direction(r, r.Sent, 1, 2, true)
		if d.SendErrors+d.LostDropped+d.LostChecksum+d.LostICMP+d.LostCorrupt+d.LostNetwork != d.Lost {
			t.Fatalf("the causes do not add up: %+v", d)
		}
	})
}

func netipAddr(a [4]byte) netip.Addr { return netip.AddrFrom4(a) }
