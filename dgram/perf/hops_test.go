package perf

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sockwire/dgram"
)

// wayBackTo opens a way back from a server.
func wayBackTo(t *testing.T, address string) *WayBack {
	t.Helper()
	w, err := OpenWayBack(t.Context(), Config{Target: address, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// On one host the way back has one hop, and every datagram comes, whichever family it is.
func TestWayBackOnOneHost(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		s, _ := serverAt(t, address, nil)
		w := wayBackTo(t, s.Addr().String())
		got := map[int]int{}
		for hop, err := range w.Probe(t.Context(), []int{1, 2, 3, 64, 255, 1}) {
			if err != nil {
				t.Fatal(err)
			}
			if !hop.Came || hop.From.IsValid() || hop.RTT <= 0 || hop.RTT > 10*time.Second || hop.Sent.IsZero() {
				t.Errorf("%+v", hop)
			}
			got[hop.TTL]++
		}
		if len(got) != 5 || got[1] != 2 || s.Stats().Hops < 6 {
			t.Errorf("%v, %+v", got, s.Stats())
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for hop, err := range w.Probe(ended, []int{1}) {
			if err != nil || !hop.Came { // it may be quick enough
				t.Errorf("%+v, %v", hop, err)
			}
		}
	}
}

// A server that lists no hops is told from one that is gone, and why it does not is said in one line.
func TestNoHops(t *testing.T) {
	told, _ := server(t, &ServerConfig{HopRate: -1})
	for name, tt := range map[string]struct {
		address, want string
		is            error
	}{
		"older":         {newLiar(t, func(*liar, *header) {}), "older version", ErrNoHops},
		"told not to":   {told.Addr().String(), "told not to", ErrNoHops},
		"a strange one": {newLiarOf(t, accept{Version: 1, HopRate: -5}, func(*liar, *header) {}), "-5 datagrams", ErrContradiction},
	} {
		w, err := OpenWayBack(t.Context(), Config{Target: tt.address})
		if err == nil {
			w.Close()
		}
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One that says that it does and then does not.
	w := wayBackTo(t, newLiarOf(t, accept{Version: 1, HopRate: 1000}, func(l *liar, h *header) {
		if h.kind == kindHops {
			l.say(header{kind: kindHopsTold, seq: h.seq}, hopsAnswer{Hops: []hopTold{{N: 0}}})
		}
	}))
	for _, err := range w.Probe(t.Context(), []int{1}) {
		if !errors.Is(err, ErrNoHops) {
			t.Errorf("%v", err)
		}
	}
	w = wayBackTo(t, newLiarOf(t, accept{Version: 1, HopRate: 1000}, func(*liar, *header) {}))
	for _, err := range w.Probe(t.Context(), []int{1}) {
		if !errors.Is(err, ErrServerGone) {
			t.Errorf("%v", err)
		}
	}
}

// What a server tells of hops that cannot be is named, and nothing of it is taken.
func TestHopsThatCannotBe(t *testing.T) {
	tells := func(a ...hopTold) func(*liar, *header) {
		return func(l *liar, h *header) {
			if h.kind == kindHops {
				l.say(header{kind: kindHopsTold, seq: h.seq}, hopsAnswer{Hops: a})
			}
		}
	}
	good := hopTold{N: 0, TTL: 3, From: "192.0.2.1", Took: 1, Type: 11}
	with := func(change func(*hopTold)) func(*liar, *header) {
		lie := good
		change(&lie)
		return tells(lie)
	}
	for name, tt := range map[string]struct {
		lie  func(*liar, *header)
		want string
	}{
		"a number never asked for": {with(func(h *hopTold) { h.N = 7 }), "number 7, which was not asked for"},
		"another TTL":              {with(func(h *hopTold) { h.TTL = 4 }), "time to live of 3, and it says 4"},
		"no address":               {with(func(h *hopTold) { h.From = "\x1b[31mhere" }), `"\x1b[31mhere" answered`},
		"another family":           {with(func(h *hopTold) { h.From = "2001:db8::1" }), `"2001:db8::1" answered`},
		"a mapped one":             {with(func(h *hopTold) { h.From = "::ffff:192.0.2.1" }), "answered"},
		"a group":                  {with(func(h *hopTold) { h.From = "224.0.0.1" }), `"224.0.0.1" answered`},
		"nobody's":                 {with(func(h *hopTold) { h.From = "0.0.0.0" }), `"0.0.0.0" answered`},
		"before it was asked":      {with(func(h *hopTold) { h.Took = time.Hour }), "took 1h0m0s"},
		"before it was sent":       {with(func(h *hopTold) { h.Took = -1 }), "took -1ns"},
		"no error":                 {with(func(h *hopTold) { h.Type = 8 }), "ICMP type 8"},
		"of nobody":                {with(func(h *hopTold) { h.From = "" }), `"" answered with ICMP type 11`},
		"not sent":                 {with(func(h *hopTold) { h.Lost = true }), "answered what was not sent"},
		"never sent":               {with(func(h *hopTold) { h.TTL = 0 }), "answered what was not sent"},
		"no time":                  {with(func(h *hopTold) { h.Took = 0 }), "answered what was not sent"},
		"more than was asked for":  {tells(good, good, good, good, good, good, good, good, good), "its account of hops is none"},
		"no account": {func(l *liar, h *header) {
			if h.kind == kindHops {
				l.say(header{kind: kindHopsTold}, []int{1})
			}
		}, "its account of hops is none"},
		"short ones without end": {func(l *liar, h *header) {
			if h.kind == kindHops {
				l.say(header{kind: kindHopsTold}, hopsAnswer{Short: 2})
			}
		}, "2 messages quote too little, of at most 1"},
		"a datagram not asked for": {func(l *liar, h *header) {
			if h.kind == kindHop {
				l.say(header{kind: kindHopped, seq: 1, flags: 3}, nil)
			}
		}, "sends number 1 with a time to live of 3"},
		"one with another TTL": {func(l *liar, h *header) {
			if h.kind == kindHop {
				l.say(header{kind: kindHopped, seq: h.seq, flags: 9}, nil)
			}
		}, "sends number 0 with a time to live of 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := wayBackTo(t, newLiarOf(t, accept{Version: 1, HopRate: 1000}, tt.lie))
			n := 0
			for hop, err := range w.Probe(t.Context(), []int{3}) {
				if n++; !errors.Is(err, ErrContradiction) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%+v, %v", hop, err)
				}
			}
			if n != 1 {
				t.Errorf("%d ends", n)
			}
		})
	}
	w := wayBackTo(t, newLiarOf(t, accept{Version: 1, HopRate: 1000}, tells(good)))
	for hop, err := range w.Probe(t.Context(), []int{3}) {
		if err != nil || hop.From != netip.MustParseAddr("192.0.2.1") || hop.RTT != 1 || hop.TTL != 3 || hop.Came {
			t.Errorf("what can be: %+v, %v", hop, err)
		}
	}
}

// Whatever a client asks for, it is sent no more bytes than it has sent, and no more datagrams than are allowed.
func TestHopsForHostileClients(t *testing.T) {
	s, _ := server(t, &ServerConfig{HopRate: 400})
	f, err := newFlow(t.Context(), &Config{Network: "udp", Target: s.Addr().String(), Settle: time.Millisecond, Requests: &Load{Count: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	start, sent := time.Now(), 0
	send := func(b []byte) {
		t.Helper()
		if err := f.conn.Send(b, dgram.Addr{}); err != nil {
			t.Fatal(err)
		}
		sent += len(b)
	}
	one := func(k kind, n uint64, ttl uint8, size int) {
		b := make([]byte, size)
		h := header{kind: k, flags: ttl, session: f.session, seq: n}
		h.put(b)
		send(b)
	}
	for n := range uint64(300) {
		one(kindHop, n, 64, HeaderSize)
		one(kindHop, n, 64, HeaderSize)          // once more
		one(kindHop, n+hopsMost, 64, HeaderSize) // too many
		one(kindHop, n, 0, HeaderSize)           // no time to live
		one(kindHop, -n-1, 64, 1000)             // at the end of all numbers
		one(kindCame, -n-1, 64, HeaderSize)      // nothing came
		one(kindHops, n, 0, HeaderSize)          // no body
		one(kindHopped, n, 0, HeaderSize)        // a server's
		one(kindHopsTold, n, 0, HeaderSize)      // a server's
		one(kinds-1, n, 0, HeaderSize)           // the last there is
	}
	numbers := make([]uint64, 100)
	for i := range numbers {
		numbers[i] = uint64(i) * 1e15
	}
	for range 20 {
		h := header{kind: kindHops, session: f.session, seq: 1}
		b, err := control(h, hopsQuestion{numbers[:40]}, controlSize)
		if err != nil {
			t.Fatal(err)
		}
		send(b)
		if b, err = control(h, "what?", 0); err != nil {
			t.Fatal(err)
		}
		send(b)
	}
	one(kindProbe, 77, 0, HeaderSize) // answered when all before it were looked at
	got, hops := 0, uint64(0)
	buf := make([]byte, 1<<16)
	_ = f.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for last := false; !last; {
		d, err := f.conn.Receive(buf)
		if err != nil {
			t.Fatal(err)
		}
		var h header
		if !h.parse(d.Payload) {
			t.Fatalf("%q", d.Payload)
		}
		got += len(d.Payload)
		switch last = h.kind == kindProbed; h.kind {
		case kindHopped:
			hops++
			if len(d.Payload) != HeaderSize || h.seq >= 300 {
				t.Errorf("%+v, %d bytes", h, len(d.Payload))
			}
		case kindHopsTold:
			var a hopsAnswer
			if body(d.Payload, &a) != nil || len(a.Hops) > hopsTold {
				t.Errorf("%s", d.Payload)
			}
		}
	}
	// A quarter of the rate is one client's.
	if most := uint64(25 + 100*time.Since(start).Seconds() + 1); hops > most || hops == 0 || hops > s.Stats().Hops {
		t.Errorf("%d datagrams for hops, of at most %d; %+v", hops, most, s.Stats())
	}
	if got > sent {
		t.Errorf("%d bytes sent, %d came back", sent, got)
	}
}

// All clients together have the server's allowance, and a session of a strict server gets no more than its limit.
func TestHopAllowance(t *testing.T) {
	for _, tt := range []struct {
		cfg  ServerConfig
		want float64
	}{{ServerConfig{}, 500}, {ServerConfig{HopRate: 40}, 10}, {ServerConfig{MaxRate: 7}, 7}, {ServerConfig{HopRate: -1}, 0}} {
		if got := tt.cfg.hopRate(); got != tt.want && hearsRouters {
			t.Errorf("%+v: %g", tt.cfg, got)
		}
	}
	s := &Server{cfg: ServerConfig{HopRate: 100}}
	now, got := time.Now(), 0
	for i := range 10_000 {
		if s.allowHop(now.Add(time.Duration(i) * time.Millisecond)) {
			got++
		}
	}
	if got < 1000 || got > 1030 {
		t.Errorf("%d in ten seconds at 100 a second", got)
	}
}

// An error is about the datagram that it quotes: what does not prove that it saw one is not taken.
func TestQuotedHops(t *testing.T) {
	router := netip.MustParseAddr("192.0.2.1")
	quote := func(session, n uint64, size int) []byte {
		b := make([]byte, HeaderSize)
		h := header{kind: kindHopped, flags: 2, session: session, seq: n}
		h.put(b)
		return b[:size]
	}
	began := time.Unix(1_700_000_000, 0)
	for name, tt := range map[string]struct {
		e     dgram.NetworkError
		taken bool
		short uint64
	}{
		"whole":           {dgram.NetworkError{From: router, Type: 11, Payload: quote(9, 5, HeaderSize)}, true, 0},
		"just enough":     {dgram.NetworkError{From: router, Type: 11, Payload: quote(9, 5, quotedLeast)}, true, 0},
		"too little":      {dgram.NetworkError{From: router, Type: 11, Payload: quote(9, 5, quotedLeast-1)}, false, 1},
		"nothing":         {dgram.NetworkError{From: router, Type: 11}, false, 1},
		"another session": {dgram.NetworkError{From: router, Type: 11, Payload: quote(8, 5, HeaderSize)}, false, 0},
		"not sent":        {dgram.NetworkError{From: router, Type: 11, Payload: quote(9, 6, HeaderSize)}, false, 0},
		"another round":   {dgram.NetworkError{From: router, Type: 11, Payload: quote(9, 5+hopsKept, HeaderSize)}, false, 0},
		"out of all":      {dgram.NetworkError{From: router, Type: 11, Payload: quote(9, 1<<64-1, HeaderSize)}, false, 0},
		"this host's":     {dgram.NetworkError{Payload: quote(9, 5, HeaderSize)}, false, 0},
		"no error":        {dgram.NetworkError{From: router, Type: 0, Payload: quote(9, 5, HeaderSize)}, false, 0},
	} {
		k := &hopsBack{}
		k.ring[5] = sentHop{n: 6, ttl: 2, sent: began}
		tt.e.Time = began.Add(time.Millisecond)
		k.routerSaid(&tt.e, 9)
		a := k.answer([]uint64{5})
		if taken := a.Hops[0].From == "192.0.2.1" && a.Hops[0].Took == time.Millisecond; taken != tt.taken || a.Short != tt.short || a.Hops[0].TTL != 2 {
			t.Errorf("%s: %+v", name, a)
		}
		second := dgram.NetworkError{From: netip.MustParseAddr("192.0.2.2"), Type: 11, Payload: quote(9, 5, HeaderSize), Time: began}
		k.routerSaid(&second, 9)
		if b := k.answer([]uint64{5}); tt.taken && b.Hops[0] != a.Hops[0] {
			t.Errorf("%s: a second word was taken: %+v", name, b)
		}
	}
}
