package perf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sockwire/dgram"
)

// Two servers of whatever settings do not answer each other, nor one itself, however it begins.
func TestServersDoNotAnswerEachOther(t *testing.T) {
	now := time.Now()
	iperf := make([]byte, 200)
	putIperf(iperf, 1)
	last := make([]byte, 200)
	putIperf(last, -2)
	ping := make([]byte, 32)
	ping[9], ping[13] = sockperfClient|sockperfPong, 32
	hello, err := control(header{kind: kindHello, seq: 1}, Params{}, controlSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, echo := range []bool{false, true} {
		a, _ := server(t, &ServerConfig{Echo: echo})
		b, _ := server(t, &ServerConfig{Echo: echo})
		client, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for name, payload := range map[string][]byte{"echo": []byte("echo"), "STAMP": stampQuestion(now), "sockperf": ping, "iperf2": iperf, "the last of iperf2": last,
			"hello": hello, "noise": []byte("noise"), "nothing": {}} {
			before := a.Stats().Answered + b.Stats().Answered
			// As if it were forged: it comes from the other's address, or from the server's own.
			if err := errors.Join(a.conn.Send(payload, b.Addr()), a.conn.Send(payload, a.Addr()), b.conn.Send(payload, a.Addr())); err != nil {
				t.Fatal(err)
			}
			// What they make of it is made by the time that later questions are answered, a few times to and fro.
			for range 3 {
				for _, s := range []*Server{a, b} {
					if got, err := client.Exchange(t.Context(), []byte("echo"), s.Addr(), nil); err != nil || string(got.Payload) != "echo" {
						t.Fatalf("%q, %v", got.Payload, err)
					}
				}
			}
			if n := a.Stats().Answered + b.Stats().Answered - before - 6; n > 2 { // one answer each, to the other's question
				t.Errorf("echo %v, %s: %d answers to three forged datagrams", echo, name, n)
			}
		}
	}
}

// Sessions are counted by site, and the one that has been silent for longest makes room, if any is silent.
func TestRoomForSessions(t *testing.T) {
	s := &Server{cfg: ServerConfig{MaxSessions: 256, MaxPerPeer: 64}, sessions: map[dgram.Addr]*session{}}
	port := uint16(1)
	add := func(from string, silent time.Duration) (refused string) {
		a := netip.MustParseAddr(from)
		if why := s.makeRoom(a); why != "" {
			return why
		}
		port++
		n := &session{peer: dgram.UDP(netip.AddrPortFrom(a, port)), cancel: func() {}}
		n.lastHeard.Store(time.Now().Add(-silent).UnixNano())
		s.sessions[n.peer] = n
		return ""
	}
	fill := func(format string, sites, each int, silent time.Duration) (got int) {
		for i := range sites {
			for range each {
				if add(fmt.Sprintf(format, i), silent) == "" {
					got++
				}
			}
		}
		return got
	}
	if got := fill("2001:db8:0:1::%x", 4, 64, 0); got != 64 {
		t.Errorf("four addresses of one prefix got %d sessions", got)
	}
	if got := fill("2001:db8:0:%x::1", 16, 64, 0); got != 128 {
		t.Errorf("a network got %d sessions more", got)
	}
	if why := add("2001:db8:0:1::9", 0); !strings.Contains(why, "64 sessions") {
		t.Errorf("%q", why)
	}
	if got := fill("198.51.100.%d", 64, 1, time.Minute); got != 64 || len(s.sessions) != 256 {
		t.Errorf("others got %d sessions, there are %d", got, len(s.sessions))
	}
	if why := add("203.0.113.1", 0); why != "" || len(s.sessions) != 256 || s.stats.Evicted != 1 {
		t.Errorf("a silent one does not make room: %q, %d sessions, %d evicted", why, len(s.sessions), s.stats.Evicted)
	}
	for _, n := range s.sessions {
		n.lastHeard.Store(time.Now().UnixNano())
	}
	if why := add("203.0.113.2", 0); !strings.Contains(why, "256 sessions") {
		t.Errorf("while all are busy: %q", why)
	}
	if site(netip.MustParseAddr("fe80::1%eth0")) == site(netip.MustParseAddr("fe80::2%eth0")) {
		t.Error("the hosts of a link are one site")
	}
}

// A real session that is silent makes room, and its end does not touch its successor.
func TestSilentSessionsMakeRoom(t *testing.T) {
	s, _ := server(t, &ServerConfig{MaxSessions: 2})
	for range 2 {
		cfg := &Config{Network: "udp", Target: s.Addr().String(), Up: &Load{Count: 1}}
		f, err := newFlow(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
	}
	s.mu.Lock()
	for _, n := range s.sessions {
		n.lastHeard.Store(time.Now().Add(-time.Minute).UnixNano())
	}
	s.mu.Unlock()
	run(t, Config{Target: s.Addr().String(), Settle: 10 * time.Millisecond, Up: &Load{Count: 10}})
	if st := s.Stats(); st.Evicted != 1 || st.Sessions != 3 {
		t.Errorf("%+v", st)
	}
}

// Everything a client asks for is looked at, and a server's limit holds whatever was asked for.
func TestMaxRateIsNotPassedBy(t *testing.T) {
	cfg := ServerConfig{MaxRate: 100}
	second := time.Second
	for _, l := range []Load{
		{Rate: 1e-300, Pattern: PatternBurst, Burst: 1e6, Duration: second}, {Rate: 100, Pattern: PatternBurst, Burst: 1e6, Duration: second},
		{Bits: 1e-300, Pattern: PatternBurst, Burst: 1e6, Duration: second}, {Rate: 50, Pattern: PatternBurst, Burst: 11, Duration: second},
		{Rate: math.NaN(), Duration: second}, {Rate: math.Inf(1), Duration: second}, {Rate: -1, Duration: second}, {Bits: math.Inf(-1), Duration: second},
		{Rate: 101, Duration: second}, {Bits: 1e6, Sizes: []int{48}, Duration: second}, {Duration: second}, {Rate: 10, Duration: -second},
		{Rate: 10, Duration: math.MaxInt64}, {Rate: 10, Count: math.MaxUint64}, {Rate: 90, Pattern: PatternIsochronous, Burst: 1, Duration: second},
		{Rate: math.SmallestNonzeroFloat64, Duration: second}, {Rate: 10, Pattern: PatternPoisson, Duration: second, Sizes: []int{1}},
		{Rate: 10, Pattern: PatternBurst, Burst: -5, Duration: second},
	} {
		if why := cfg.refuses(&Params{Reverse: &l}); why == "" {
			t.Errorf("%+v is granted", l)
		}
	}
	for _, l := range []Load{{Rate: 100, Duration: second}, {Rate: 100, Pattern: PatternPoisson, Count: 5}, {Rate: 90, Pattern: PatternBurst, Burst: 10, Count: 5}} {
		if why := cfg.refuses(&Params{Reverse: &l}); why != "" {
			t.Errorf("%+v is refused: %s", l, why)
		}
	}
	c := toNobody(t)
	s := newSender(c, 1, kindData, Load{Rate: 1000, Pattern: PatternBurst, Burst: 5000, Duration: 300 * time.Millisecond, Sizes: []int{64}}, false)
	s.limit = 100
	start := time.Now()
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if most := uint64(10 + 100*time.Since(start).Seconds() + 1); s.sent.Load() > most || s.sent.Load() == 0 {
		t.Errorf("%d sent in %v, under a limit of 100 a second", s.sent.Load(), time.Since(start))
	}
}

// liar is a server that keeps to the protocol and tells what it likes.
type liar struct {
	t    *testing.T
	conn *dgram.Conn
	from dgram.Addr
}

func (l *liar) say(h header, body any) {
	h.session = 5
	b, err := control(h, body, 0)
	if err != nil {
		l.t.Error(err)
		return
	}
	_ = l.conn.Send(b, l.from)
}

// newLiar starts one; lie is called for what comes after the handshake.
func newLiar(t *testing.T, lie func(l *liar, h *header)) string {
	return newLiarOf(t, accept{Clock: ownClock()}, lie)
}

// newLiarOf starts one that grants something.
func newLiarOf(t *testing.T, granted accept, lie func(l *liar, h *header)) string {
	t.Helper()
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- c.Serve(ctx, 1, func(_ context.Context, d *dgram.Datagram) {
			var h header
			l := &liar{t: t, conn: c, from: d.From}
			if !h.parse(d.Payload) {
				return
			}
			switch h.kind {
			case kindHello:
				b, _ := control(header{kind: kindCookie, seq: h.seq}, cookie{"0"}, 0)
				_ = c.Send(b, d.From)
			case kindStart:
				l.say(header{kind: kindAccept, seq: h.seq}, granted)
			default:
				lie(l, &h)
			}
		})
	}()
	t.Cleanup(func() { stop(); <-done; c.Close() })
	return c.LocalAddr().String()
}

// What a server tells that cannot be is named, is no part of the account, and is the error of the run.
func TestWhatCannotBe(t *testing.T) {
	up := Config{Up: &Load{Rate: 1000, Count: 50, Sizes: []int{100}}}
	down := Config{Down: &Load{Rate: 1000, Count: 50}}
	asking := Config{Requests: &Load{Count: 3}}
	reports := func(r Report) func(*liar, *header) {
		return func(l *liar, h *header) {
			if h.kind == kindFinish {
				r.Final = true
				l.say(header{kind: kindReport, seq: h.seq}, r)
			}
		}
	}
	marks := func(n uint64) func(*liar, *header) {
		return func(l *liar, h *header) {
			if h.kind == kindMark {
				l.say(header{kind: kindMark, seq: n, flags: flagFinal}, nil)
			}
			l.say(header{kind: kindReport}, Report{Final: true})
		}
	}
	replies := func(change func(*header)) func(*liar, *header) {
		return func(l *liar, h *header) {
			if h.kind == kindRequest {
				h.kind = kindReply
				change(h)
				b := make([]byte, 64)
				h.put(b)
				_ = l.conn.Send(b, l.from)
			}
		}
	}
	for name, tt := range map[string]struct {
		cfg  Config
		lie  func(*liar, *header)
		want string
	}{
		"more than were sent": {up, reports(Report{Sent: math.MaxUint64, Lost: math.MaxUint64}), "of 50 that were"},
		"more lost than sent": {up, reports(Report{Sent: 45, Lost: 50}), "lost 50"},
		"more received":       {up, reports(Report{Sent: 50, Unique: 51, Received: 51, Bytes: 5100, Lost: 1<<64 - 1}), "received 51 of 50"},
		"more bytes":          {up, reports(Report{Sent: 50, Unique: 50, Received: 50, Bytes: 1 << 60}), "are 1152921504606846976 bytes"},
		"arrivals":            {up, reports(Report{Sent: 50, Unique: 50, Received: 70, Bytes: 5000}), "70 arrivals"},
		"duplicates":          {up, reports(Report{Sent: 50, Lost: 50, Received: 1 << 60, Duplicate: 1 << 60}), "more than any host"},
		"negative delays":     {up, reports(Report{Sent: 50, Lost: 50, OneWay: &Variation{P50: -5, Max: 3}}), "not in order"},
		"a delay of a year":   {up, reports(Report{Sent: 50, Lost: 50, OneWay: &Variation{Min: 365 * 24 * time.Hour}}), "with one clock"},
		"a span of a year":    {up, reports(Report{Sent: 50, Lost: 50, First: 1, Last: 1 << 60}), "came in over"},
		"a delay below none":  {up, reports(Report{Sent: 50, Lost: 50, Delays: &Delays{Least: 1}}), "least delay"},
		"jitter":              {up, reports(Report{Sent: 50, Lost: 50, Jitter: -1}), "jitter"},
		"no JSON": {up, func(l *liar, h *header) {
			b := make([]byte, 100)
			(&header{kind: kindReport, session: 5}).put(b)
			_ = l.conn.Send(b, l.from)
		}, "no report"},
		"a stream not asked for": {up, func(l *liar, h *header) {
			l.say(header{kind: kindData}, nil)
			reports(Report{Sent: 50, Lost: 50})(l, h)
		}, "not asked for"},
		"replies not asked for": {up, func(l *liar, h *header) {
			l.say(header{kind: kindReply}, nil)
			reports(Report{Sent: 50, Lost: 50})(l, h)
		}, "was not asked"},
		"marks":        {down, marks(math.MaxUint64), "sent 18446744073709551615"},
		"one too many": {down, marks(51), "at most 50"},
		"numbers": {down, func(l *liar, h *header) {
			l.say(header{kind: kindData, seq: 1 << 61}, nil)
			marks(50)(l, h)
		}, "at most 50"},
		"the last number": {down, func(l *liar, h *header) {
			l.say(header{kind: kindData, seq: math.MaxUint64}, nil)
			marks(50)(l, h)
		}, "sent 18446744073709551615"},
		"no end": {Config{Down: &Load{Rate: 1000, Duration: 100 * time.Millisecond}}, func(l *liar, h *header) {
			l.say(header{kind: kindReport}, Report{Final: true})
		}, "no end"},
		"a reply from before":        {asking, replies(func(h *header) { h.sent += 1e9; h.due += 1e9 }), "which it did not"},
		"another due time":           {asking, replies(func(h *header) { h.due -= 1e9 }), "which it did not"},
		"a reply to what will be":    {asking, replies(func(h *header) { h.seq += 1e6 }), "were sent"},
		"a reply that took too long": {asking, replies(func(h *header) { h.took = 4e9 }), "it took 4s"},
		"requests apace":             {Config{Requests: &Load{Rate: 1000, Count: 3}}, replies(func(h *header) { h.sent++ }), "which it did not"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.Target, tt.cfg.Settle, tt.cfg.Timeout = newLiar(t, tt.lie), 10*time.Millisecond, 50*time.Millisecond
			r, err := Run(t.Context(), tt.cfg)
			if !errors.Is(err, ErrContradiction) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want a word of %q", err, tt.want)
			}
			f := r.Flows[0]
			for _, d := range []*Direction{f.Up, f.Down} {
				if d != nil && (d.Sent > 100 || d.Lost > d.Sent || d.Unique > d.Sent || d.Bytes > 1e6 || d.Jitter < 0) {
					t.Errorf("the account has it all the same: %+v", d)
				}
			}
			if f.Reply != nil && (f.Reply.Unique > f.Reply.Sent || f.Reply.RTT.Min() < 0 || f.Reply.RTT.Max() > time.Minute) {
				t.Errorf("round trips from %v to %v, %+v", f.Reply.RTT.Min(), f.Reply.RTT.Max(), f.Reply.Direction)
			}
		})
	}
}

// An honest server of any kind of path is not accused.
func TestReportsThatAreTrue(t *testing.T) {
	k := known{sent: 100, smallest: 64, largest: 100, lasted: time.Second, sameClock: true}
	for _, r := range []Report{
		{}, {Sent: 100, Unique: 90, Lost: 10, Tail: 3, Received: 95, Duplicate: 4, Late: 1, Bytes: 9000, Runs: 2, RunMax: 3, Corrupt: 50, Final: true, RunSizes: []uint64{1, 1}},
		{Sent: 100, Lost: 100, Tail: 100, Runs: 1, RunMax: 100, Dropped: 5000, Checksum: 300},
		{Sent: 1, Unique: 1, Received: 1, Bytes: 64, First: 5, Last: 5, OneWay: &Variation{Min: -time.Microsecond}},
		{Sent: 2, Unique: 2, Received: 2, Bytes: 128, First: 5, Last: 6, Delays: &Delays{Sum: -3, Least: -3}},
	} {
		if why := r.contradiction(k); why != "" {
			t.Errorf("%+v: %s", r, why)
		}
	}
}

// Forged flows of another tool make room for others, and keep those that are real.
func TestRoomForIperfFlows(t *testing.T) {
	var f foreign
	f.init()
	now := time.Now()
	b := make([]byte, 200)
	send := func(from string, port uint16, id int32) {
		binary.BigEndian.PutUint32(b, uint32(id))
		binary.BigEndian.PutUint32(b[4:], uint32(now.Unix()))
		d := dgram.Datagram{Payload: b, Time: now, From: dgram.UDP(netip.AddrPortFrom(netip.MustParseAddr(from), port))}
		f.iperfAnswer(nil, &d, now)
	}
	for id := range int32(10) {
		send("192.0.2.1", 5000, id)
	}
	for i := range 2000 {
		now = now.Add(time.Millisecond)
		send(fmt.Sprintf("198.51.%d.%d", i>>8, i&255), 6000, 0)
	}
	send("203.0.113.5", 5000, 0)
	if real := f.iperf[dgram.UDP(netip.MustParseAddrPort("192.0.2.1:5000"))]; real == nil || real.received != 10 {
		t.Error("a real flow has gone")
	}
	if f.iperf[dgram.UDP(netip.MustParseAddrPort("203.0.113.5:5000"))] == nil || len(f.iperf) > maxIperfFlows {
		t.Errorf("no room for another: %d flows", len(f.iperf))
	}
}

// The report fits in its datagram, whatever its numbers are.
func TestReportsFit(t *testing.T) {
	const big = 1 << 60
	v := &Variation{Min: -big, Skew: -1.0 / 3e6, P50: big, P90: big, P99: big, P999: big, Max: big}
	r := Report{Sent: big, Received: big, Unique: big, Bytes: big, Lost: big, Tail: big, Duplicate: big, Reordered: big, Late: big, Corrupt: big, Dropped: big, Wrong: big,
		Overflow: big, Checksum: big, Joined: big, Split: true, ExtentMax: big, Runs: big, RunMax: big, First: big, Last: big, Jitter: big, OneWay: v,
		Waited: v, Final: true, Buffer: big, Failed: big, Delays: &Delays{Sum: -big, Least: -big}}
	for range 16 {
		r.RunSizes = append(r.RunSizes, big)
	}
	h := header{kind: kindReport}
	b, err := control(h, r.fitting(h), 0)
	if err != nil || len(b) > controlSize {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	var got Report
	if err := body(b, &got); err != nil || got.Sent != big || got.OneWay == nil || got.Failed != big {
		t.Errorf("%+v, %v", got, err)
	}
}

// A start that comes once more after the session has ended begins none, and a client that comes again from the same
// port, without having said goodbye, gets a session of its own.
func TestSessionsBeginOnce(t *testing.T) {
	s, _ := server(t, nil)
	cfg := &Config{Network: "udp4", Target: s.Addr().String(), Up: &Load{Count: 1}}
	first, err := newFlow(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	port := first.conn.LocalAddr().String()
	first.conn.Close() // without a word
	cfg.Socket = &dgram.Config{Local: port}
	again, err := newFlow(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if again.session == first.session || again.roundTrip > 3*time.Second { // well before the first falls silent
		t.Errorf("sessions %d and %d, after %v", first.session, again.session, again.roundTrip)
	}
	nonce := again.nonce
	again.close()
	for end := time.Now().Add(10 * time.Second); s.Stats().Active > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	c, err := dgram.Dial(t.Context(), "udp4", s.Addr().String(), &dgram.Config{Local: port})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f := &flow{cfg: cfg, conn: c}
	hello, _ := control(header{kind: kindHello, seq: nonce}, Params{}, controlSize)
	var ck cookie
	if _, err := f.ask(t.Context(), hello, nonce, kindCookie, &ck); err != nil {
		t.Fatal(err)
	}
	double, _ := control(header{kind: kindStart, seq: nonce}, start{Cookie: ck.Cookie}, controlSize)
	if err := c.Send(double, dgram.Addr{}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ask(t.Context(), hello, nonce, kindCookie, &ck); err != nil { // what came before it was looked at
		t.Fatal(err)
	}
	if st := s.Stats(); st.Sessions != 2 || st.Active != 0 {
		t.Errorf("%+v", st)
	}
}
