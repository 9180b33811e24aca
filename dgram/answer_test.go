package dgram

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestUnanswerable(t *testing.T) {
	wildcard := listen(t, "udp4", ":0", nil)
	bound := listen(t, "udp4", "127.0.0.1:0", nil)
	open := listen(t, "udp4", "127.0.0.1:0", &Config{AnswerServices: true})
	port := func(c *Conn) uint16 { return c.LocalAddr().IP.Port() }
	const free = 40000 // as good as any
	for _, tt := range []struct {
		name string
		c    *Conn
		from string
		port uint16
		ttl  uint8
		want bool // an answer
	}{
		{"a client", bound, "192.0.2.1", free, 64, true},
		{"a client far away", bound, "192.0.2.1", free, 24, true},
		{"a client of a host that starts at 128", bound, "192.0.2.1", free, 128, true},
		{"and at 255", bound, "192.0.2.1", free, 225, true},
		{"a client of this host", bound, "127.0.0.1", free, 64, true},
		{"itself", bound, "127.0.0.1", port(bound), 64, false},
		{"another address of this host, which may have a socket of its own", bound, "127.0.0.2", port(bound), 64, true},
		{"another address that is this socket's too", wildcard, "127.0.0.2", port(wildcard), 64, false},
		{"the same port of another host", wildcard, "192.0.2.1", port(wildcard), 64, true},
		{"port 0", bound, "192.0.2.1", 0, 64, false},
		{"nobody's address", bound, "0.0.0.0", free, 64, false},
		{"echo", bound, "192.0.2.1", 7, 64, false},
		{"chargen", bound, "192.0.2.1", 19, 64, false},
		{"DNS", bound, "192.0.2.1", 53, 64, false},
		{"a DHCP client", bound, "192.0.2.1", 68, 64, true},
		{"NTP", bound, "192.0.2.1", 123, 64, false},
		{"the last reserved port", bound, "192.0.2.1", 1023, 64, false},
		{"the first other one", bound, "192.0.2.1", 1024, 64, true},
		{"mDNS", bound, "192.0.2.1", 5353, 64, false},
		{"memcached", bound, "192.0.2.1", 11211, 64, false},
		{"DNS, where that is allowed", open, "192.0.2.1", 53, 64, true},
		{"an answer from this link", bound, "192.0.2.1", free, 200, false},
		{"an answer from far away", bound, "192.0.2.1", free, 161, false},
		{"an answer, whatever is allowed", open, "192.0.2.1", 53, 180, false},
	} {
		d := Datagram{From: UDP(netip.AddrPortFrom(netip.MustParseAddr(tt.from), tt.port)), TTL: tt.ttl, Payload: []byte(tt.name)}
		if why := tt.c.Unanswerable(&d); (why == "") != tt.want {
			t.Errorf("%s: unanswerable %q", tt.name, why)
		}
	}
	if why := bound.Unanswerable(&Datagram{}); why == "" {
		t.Error("a datagram from nobody is to be answered")
	}
	if why := bound.Unanswerable(&Datagram{From: Unix("/run/somebody")}); why != "" {
		t.Errorf("a Unix socket with a name: %s", why)
	}
}

// Who repeats itself and waits for each answer gets all but one of some thousands, and of ten times as many then; who
// says something new each time, or takes its time, gets all.
func TestRepetitionIsTestedOnce(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	refused := func(from string, n int, every time.Duration, payload func(i int) string) (at []int) {
		now := time.Unix(1000, 0)
		for i := 1; i <= n; i++ {
			d := Datagram{From: UDP(netip.MustParseAddrPort(from)), Payload: []byte(payload(i)), Time: now, TTL: 64}
			if c.Unanswerable(&d) != "" {
				at = append(at, i)
			}
			now = now.Add(every)
		}
		return at
	}
	same := func(int) string { return "same" }
	if got := refused("192.0.2.1:4000", 12*echoLimit, time.Millisecond, same); len(got) != 2 || got[0] != echoLimit || got[1] != 11*echoLimit {
		t.Errorf("the same again and again: refused %v", got)
	}
	if got := refused("192.0.2.2:4000", 2*echoLimit, 2*time.Second, same); got != nil {
		t.Errorf("the same every two seconds: refused %v", got)
	}
	if got := refused("192.0.2.3:4000", 2*echoLimit, 0, func(i int) string { return string(rune('a' + i%2)) }); got != nil {
		t.Errorf("two in turn: refused %v", got)
	}
	// However many peers there are, what is remembered is bounded.
	for i := range 3 * maxEchoes {
		d := Datagram{From: UDP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(1024+i/256))), TTL: 64}
		_ = c.Unanswerable(&d)
	}
	if n := len(c.echoes.peers); n > maxEchoes {
		t.Errorf("%d peers are remembered", n)
	}
	d := Datagram{From: UDP(netip.MustParseAddrPort("192.0.2.1:4000")), Payload: make([]byte, 1000), TTL: 64}
	_ = c.Unanswerable(&d)
	if n := testing.AllocsPerRun(100, func() { _ = c.Unanswerable(&d) }); n != 0 {
		t.Errorf("%v allocations for a datagram", n)
	}
}

// Whose datagrams are our own answers, each time another, is an echo too.
func TestEchoOfAnswers(t *testing.T) {
	server, client := listen(t, "udp4", "127.0.0.1:0", nil), listen(t, "udp4", "127.0.0.1:0", nil)
	now, last := time.Now(), "question"
	for i := 1; i <= 2*echoLimit; i++ {
		d := Datagram{From: client.LocalAddr(), Payload: []byte(last), Time: now, TTL: 64}
		if why := server.Unanswerable(&d); (why != "") != (i == echoLimit) {
			t.Fatalf("datagram %d: unanswerable %q", i, why)
		}
		last = fmt.Sprint("answer ", i)
		if err := server.Reply(&d, []byte(last)); err != nil {
			t.Fatal(err)
		}
	}
}

// serveEcho answers what may be answered, until the test ends, and counts the answers.
func serveEcho(t *testing.T, c *Conn) *atomic.Int64 {
	answers := new(atomic.Int64)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- c.Serve(ctx, 1, func(_ context.Context, d *Datagram) {
			if c.Unanswerable(d) == "" {
				answers.Add(1) // first, so that whoever has an answer finds it counted
				if err := c.Reply(d, d.Payload); err != nil {
					t.Error(err)
				}
			}
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return answers
}

// One forged datagram does not set two servers, or one, or one of ours and one of another kind, to answering for ever.
// Each of these servers sends the first datagram itself, as if somebody had forged its address.
func TestServersDoNotAnswerForEver(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no times to live here")
	}
	for network, address := range loopbacks(t) {
		one, two := listen(t, network, address, &Config{MarkReplies: true}), listen(t, network, address, &Config{MarkReplies: true})
		answersOne, answersTwo := serveEcho(t, one), serveEcho(t, two)
		settle := func(what string, most int64) {
			t.Helper()
			// A stranger's question after the forged one is answered when that has had its effect.
			strangers := int64(0)
			for last := int64(-1); ; {
				strangers += 2
				for _, c := range []*Conn{one, two} {
					client := dial(t, network, c.LocalAddr().String(), nil)
					if err := client.Send([]byte("stranger"), Addr{}); err != nil {
						t.Fatal(err)
					}
					receive(t, client)
				}
				n := answersOne.Load() + answersTwo.Load()
				if n == last+2 {
					break
				}
				if last = n; n > 10*echoLimit {
					t.Fatalf("%s, %s: %d answers", network, what, n)
				}
			}
			if n := answersOne.Swap(0) + answersTwo.Swap(0) - strangers; n > most {
				t.Errorf("%s, %s: %d answers, want %d at most", network, what, n, most)
			}
		}
		if err := one.Send([]byte("forged"), two.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		settle("two of a kind", 1)
		if err := one.Send([]byte("forged"), one.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		settle("one alone", 0)

		foreign, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(one.LocalAddr().IP.Addr(), 0)))
		if err != nil {
			t.Fatal(err)
		}
		defer foreign.Close()
		go func() {
			b := make([]byte, 2000)
			for {
				n, from, err := foreign.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				_, _ = foreign.WriteToUDPAddrPort(b[:n], from)
			}
		}()
		if err := one.Send([]byte("forged"), UDP(foreign.LocalAddr().(*net.UDPAddr).AddrPort())); err != nil {
			t.Fatal(err)
		}
		settle("one of another kind", echoLimit)
	}
}
