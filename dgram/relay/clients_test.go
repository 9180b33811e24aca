package relay

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sockwire/dgram"
)

// bench is a relay that nobody runs: a test calls what the receiving goroutine would.
type bench struct {
	*Relay
	t *testing.T
}

func newBench(t *testing.T, cfg Config) bench {
	t.Helper()
	cfg.Network, cfg.Listen, cfg.Target = "udp4", "127.0.0.1:0", listen(t).LocalAddr().String()
	r, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return bench{r, t}
}

// sends has datagrams from an address arrive, and tells whether the sender is a client then.
func (b bench) sends(from string, datagrams int) bool {
	b.t.Helper()
	d := &dgram.Datagram{From: dgram.UDP(netip.MustParseAddrPort(from)), Payload: []byte("x"), Time: time.Now(), TTL: 64}
	for range datagrams {
		b.pass(b.t.Context(), d)
	}
	return b.has(from)
}

func (b bench) has(from string) bool {
	return b.clients[dgram.UDP(netip.MustParseAddrPort(from))] != nil
}

// silent has a client be silent for so long.
func (b bench) silent(from string, d time.Duration) {
	c := b.clients[dgram.UDP(netip.MustParseAddrPort(from))]
	for _, s := range []*stream{c.forward, c.backward} {
		s.last = time.Now().Add(-d)
	}
}

func TestOldestSilentClientMakesRoom(t *testing.T) {
	b := newBench(t, Config{MaxClients: 3, MaxPerAddress: 100})
	const known, once, other, another, last = "192.0.2.1:1024", "192.0.2.2:1024", "192.0.2.3:1024", "192.0.2.4:1024", "192.0.2.5:1024"
	expect := func(what string, present ...string) {
		t.Helper()
		for _, from := range present {
			if !b.has(from) {
				t.Errorf("%s: %s is no client", what, from)
			}
		}
		if len(b.clients) != len(present) {
			t.Errorf("%s: there are %d clients, want %d", what, len(b.clients), len(present))
		}
	}
	b.sends(known, 2)
	b.sends(once, 1)
	b.sends(other, 2)
	b.silent(known, time.Hour)
	b.sends(another, 1)
	expect("who sent a single datagram goes first", known, other, another)
	b.sends(another, 1)
	b.sends(last, 1)
	expect("then the one that is silent longest", other, another, last)
	b.sends(last, 1)
	for _, from := range []string{other, another, last} {
		b.silent(from, 0)
	}
	if b.sends("192.0.2.6:1024", 5) {
		t.Error("a client that is heard of made room")
	}
	expect("nobody is silent", other, another, last)
	if totals := b.Totals(); totals.Replaced != 2 || totals.Refused != 5 || totals.Clients != 5 || totals.Forward.Packets != 2+1+2+2+2 {
		t.Errorf("%+v", totals)
	}
}

// However many clients one address has, or one network of 64 bits, the others keep their places.
func TestClientsOfOneAddressAreBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		from func(i int) string
		want int
	}{
		"one IPv4 address": {func(i int) string {
			return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1024+i)).String()
		}, 4},
		"one /64": {func(i int) string {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[12], a[15] = byte(i), byte(i)
			return netip.AddrPortFrom(netip.AddrFrom16(a), 1024).String()
		}, 4},
		"this host": {func(i int) string {
			return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1024+i)).String()
		}, 40},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{MaxClients: 50, MaxPerAddress: 4})
			b.sends("198.51.100.1:1024", 2)
			b.silent("198.51.100.1:1024", time.Hour)
			for i := range 40 {
				b.sends(tt.from(i), 1)
			}
			if !b.has("198.51.100.1:1024") || len(b.clients) != 1+tt.want || !b.has(tt.from(39)) {
				t.Errorf("%d clients, want %d", len(b.clients), 1+tt.want)
			}
			b.forget(time.Now().Add(time.Hour))
			if len(b.perAddr) != 0 || len(b.clients) != 0 {
				t.Errorf("%v is remembered of clients that are gone", b.perAddr)
			}
		})
	}
}

// What has the address of a server is no client's: the target would be answered, and answer that.
func TestForgedClients(t *testing.T) {
	b := newBench(t, Config{})
	for name, from := range map[string]string{"the target": b.targets[0].IP.String(), "the relay": b.Addr().IP.String(), "a DNS server": "192.0.2.1:53"} {
		if b.sends(from, 1) {
			t.Errorf("%s has become a client", name)
		}
	}
	if totals := b.Totals(); totals.Forged != 3 {
		t.Errorf("%+v", totals)
	}
	if open := newBench(t, Config{AnswerServices: true}); !open.sends("192.0.2.1:53", 1) {
		t.Error("a client on a service's port is refused though it is allowed")
	}
}

func TestRelayIsNotItsOwnTarget(t *testing.T) {
	free := listen(t)
	address := free.LocalAddr().IP
	free.Close()
	for _, target := range []string{address.String(), "127.0.0.1", "127.0.0.2", "0.0.0.0"} {
		listens := address.String()
		if target != listens {
			target, listens = netip.AddrPortFrom(netip.MustParseAddr(target), address.Port()).String(), netip.AddrPortFrom(netip.IPv4Unspecified(), address.Port()).String()
		}
		r, err := New(t.Context(), Config{Network: "udp4", Listen: listens, Target: target})
		if err == nil {
			r.stop()
		}
		if err == nil || !strings.Contains(err.Error(), "where the relay itself listens") {
			t.Errorf("relaying from %s to %s: %v", listens, target, err)
		}
	}
}

// A server's answer is still one behind the relay, so that two servers do not answer each other through it.
func TestAnswersStayAnswers(t *testing.T) {
	target, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", &dgram.Config{MarkReplies: true})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r, _ := running(t, Config{Target: target.LocalAddr().String()})
	client := listen(t)
	if err := client.Send([]byte("question"), r.Addr()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*dgram.Conn{target, client} {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		d, err := c.Receive(make([]byte, 100))
		if err != nil {
			t.Fatal(err)
		}
		if d.IsAnswer() != (c == client) {
			t.Errorf("%q arrived with TTL %d", d.Payload, d.TTL)
		}
		if c == target {
			if err := target.Reply(&d, []byte("answer")); err != nil {
				t.Fatal(err)
			}
		}
	}
}
