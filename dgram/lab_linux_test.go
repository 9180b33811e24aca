package dgram

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

func TestMain(m *testing.M) { netlab.Run(m) }

// on opens a socket on a lab host.
func on(t *testing.T, h *netlab.Host, network, address string, cfg *Config) *Conn {
	t.Helper()
	var c *Conn
	err := h.Do(func() (err error) {
		c, err = Listen(t.Context(), network, address, cfg)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestMulticast(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, tt := range []struct {
		network, group, otherGroup string
		source                     netip.Addr
	}{
		{"udp4", "239.255.77.1", "239.255.77.2", a.Addr4()},
		{"udp6", "ff12::7701", "ff12::7702", a.Addr6()},
	} {
		t.Run(tt.network, func(t *testing.T) {
			group := netip.MustParseAddr(tt.group)
			join := func(c *Conn, g string) {
				if err := b.Do(func() error { return c.Join(netip.MustParseAddr(g), b.Ifname()) }); err != nil {
					t.Fatal(err)
				}
			}
			member := on(t, b, tt.network, ":0", nil)
			join(member, tt.group)
			// Another socket that joined another group: IP_MULTICAST_ALL would give it what the first one joined.
			other := on(t, b, tt.network, ":0", nil)
			join(other, tt.otherGroup)
			// A member on the sending host, which NoLoop keeps from hearing its own.
			self := on(t, a, tt.network, ":0", nil)
			if err := a.Do(func() error { return self.Join(group, a.Ifname()) }); err != nil {
				t.Fatal(err)
			}
			sender := on(t, a, tt.network, netip.AddrPortFrom(tt.source, 0).String(), &Config{Interface: a.Ifname(), MulticastTTL: 5, NoLoop: true})
			send := func(c *Conn, to netip.Addr, port uint16) {
				t.Helper()
				if err := c.Send([]byte("all"), UDP(netip.AddrPortFrom(to, port))); err != nil {
					t.Fatal(err)
				}
			}
			send(sender, group, other.LocalAddr().IP.Port())
			send(sender, group, self.LocalAddr().IP.Port())
			send(sender, group, member.LocalAddr().IP.Port())
			if d := receive(t, member); string(d.Payload) != "all" || d.To.Addr() != group || d.TTL != 5 || d.Ifindex != b.Ifindex() {
				t.Errorf("got %q to %v with TTL %d on interface %d", d.Payload, d.To, d.TTL, d.Ifindex)
			}
			for name, c := range map[string]*Conn{"a socket that did not join": other, "the sender's host": self} {
				if ds, err := c.TryReceiveBatch(c.NewBatch(4, 100)); err != nil || len(ds) != 0 {
					t.Errorf("%s received %d datagrams, %v", name, len(ds), err)
				}
			}
			loops := on(t, a, tt.network, netip.AddrPortFrom(tt.source, 0).String(), &Config{Interface: a.Ifname()})
			send(loops, group, self.LocalAddr().IP.Port())
			if d := receive(t, self); d.TTL != 1 {
				t.Errorf("group traffic has TTL %d unless told otherwise, want 1", d.TTL)
			}
			_ = b.Do(func() error {
				if err := member.Leave(group, b.Ifname()); err != nil {
					t.Error(err)
				}
				if err := member.Join(group, "no-such-if"); err == nil {
					t.Error("joined on an interface that is not there")
				}
				if err := member.Join(tt.source, b.Ifname()); err == nil {
					t.Error("joined what is no group")
				}
				if err := member.Leave(group, b.Ifname()); err == nil {
					t.Error("left twice")
				}
				return nil
			})
		})
	}
}

func TestSourceSpecificMulticast(t *testing.T) {
	group := netip.MustParseAddr("232.1.2.3")
	member := listen(t, "udp4", ":0", nil)
	good, bad := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")
	if err := member.JoinSource(group, good, "lo"); err != nil {
		t.Fatal(err)
	}
	for _, source := range []netip.Addr{bad, good} {
		sender := listen(t, "udp4", netip.AddrPortFrom(source, 0).String(), &Config{Interface: "lo"})
		if err := sender.Send([]byte(source.String()), UDP(netip.AddrPortFrom(group, member.LocalAddr().IP.Port()))); err != nil {
			t.Fatal(err)
		}
	}
	if d := receive(t, member); d.From.IP.Addr() != good {
		t.Errorf("got a datagram from %v", d.From)
	}
	if err := member.Leave(group, "lo"); err != nil {
		t.Error(err)
	}
	if err := member.Leave(group, "lo"); err == nil {
		t.Error("left twice")
	}
	if err := member.JoinSource(group, netip.MustParseAddr("::1"), "lo"); err == nil {
		t.Error("an IPv6 source for an IPv4 group was accepted")
	}
}

func awaitLinkLocal(t *testing.T, h *netlab.Host) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		found := false
		err := h.Do(func() error {
			ifi, err := net.InterfaceByName(h.Ifname())
			if err != nil {
				return err
			}
			addrs, err := ifi.Addrs()
			for _, a := range addrs {
				p, ok := a.(*net.IPNet)
				found = found || ok && p.IP.To4() == nil && p.IP.IsLinkLocalUnicast()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if found {
			return
		}
	}
	t.Fatal("no link-local address")
}

// A link-local address means nothing without its interface.
func TestLinkLocalZones(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, h := range []*netlab.Host{a, b} {
		for name, value := range map[string]string{"accept_dad": "0", "addr_gen_mode": "0"} { // EUI-64 link-local, at once
			if err := h.Sysctl("net.ipv6.conf."+h.Ifname()+"."+name, value); err != nil {
				t.Fatal(err)
			}
		}
		awaitLinkLocal(t, h)
	}
	server := on(t, b, "udp6", "[::]:0", nil)
	client := on(t, a, "udp6", "[::]:0", nil)
	group := netip.MustParseAddr("ff02::1").WithZone(a.Ifname())
	port := server.LocalAddr().IP.Port()
	var d Datagram
	if err := b.Do(func() error { return server.Join(netip.MustParseAddr("ff02::1"), b.Ifname()) }); err != nil {
		t.Fatal(err)
	}
	// Names of interfaces are those of the host that is asked. The address may take a moment to be usable.
	for end := time.Now().Add(5 * time.Second); !d.From.IP.Addr().IsLinkLocalUnicast() && time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err := a.Do(func() error { return client.Send([]byte("who is there"), UDP(netip.AddrPortFrom(group, port))) }); err != nil {
			t.Fatal(err)
		}
		_ = b.Do(func() error { d = receive(t, server); return nil })
	}
	if err := b.Do(func() error { return server.Reply(&d, []byte("me")) }); err != nil {
		t.Fatal(err)
	}
	if from := d.From.IP.Addr(); !from.IsLinkLocalUnicast() || from.Zone() != b.Ifname() || d.Ifindex != b.Ifindex() {
		t.Fatalf("from %v on interface %d", d.From, d.Ifindex)
	}
	_ = a.Do(func() error { d = receive(t, client); return nil })
	if from := d.From.IP.Addr(); string(d.Payload) != "me" || !from.IsLinkLocalUnicast() || from.Zone() != a.Ifname() {
		t.Errorf("the answer %q came from %v", d.Payload, d.From)
	}
}

// Datagrams above the MTU cannot be cut by offload: they need fragments, and get them.
func TestTrainsAboveTheMTU(t *testing.T) {
	_, a, b := netlab.Two(t)
	server := on(t, b, "udp4", netip.AddrPortFrom(b.Addr4(), 0).String(), &Config{ReadBuffer: 4 << 20, Coalesce: true})
	client := on(t, a, "udp4", netip.AddrPortFrom(a.Addr4(), 0).String(), nil)
	arena := make([]byte, 10*4000)
	for _, size := range []int{4000, 1400} {
		var ms []Message
		for i := range 10 {
			arena[i*size] = byte(i)
			ms = append(ms, Message{Payload: arena[i*size : (i+1)*size], To: server.LocalAddr()})
		}
		if n, err := client.SendAll(ms); n != 10 || err != nil {
			t.Fatalf("%d bytes: sent %d: %v", size, n, err)
		}
		for i := range 10 {
			if d := receive(t, server); len(d.Payload) != size || d.Payload[0] != byte(i) {
				t.Fatalf("datagram %d of %d bytes arrived with %d", i, size, len(d.Payload))
			}
		}
		if !client.Offload() {
			t.Errorf("%d bytes turned offload off altogether", size)
		}
	}
}

func TestFragmentationForbidden(t *testing.T) {
	_, a, b := netlab.Two(t)
	client := on(t, a, "udp4", ":0", &Config{Fragmentation: FragmentForbid})
	to := UDP(netip.AddrPortFrom(b.Addr4(), 9))
	if err := client.Send(make([]byte, 1500), to); err == nil {
		t.Error("1500 bytes left through an MTU of 1500 with fragmentation forbidden")
	}
	if err := client.Send(make([]byte, 1472), to); err != nil {
		t.Errorf("1472 bytes: %v", err)
	}
}

// fill sends to an address of the host's own link at which nobody is, until the send buffer is full: the kernel keeps
// the datagrams while it asks who has the address.
func fill(t *testing.T, h *netlab.Host, c *Conn) {
	t.Helper()
	for name, value := range map[string]string{"mcast_solicit": "100", "unres_qlen_bytes": "100000000"} {
		if err := h.Sysctl("net.ipv4.neigh."+h.Ifname()+"."+name, value); err != nil {
			t.Fatal(err)
		}
	}
	a := h.Addr4().As4()
	a[3] ^= 0x30
	to := UDP(netip.AddrPortFrom(netip.AddrFrom4(a), 9))
	_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	defer c.SetWriteDeadline(time.Time{})
	for {
		err := c.Send(make([]byte, 1000), to)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A socket whose send buffer is full and whose error queue is not empty says EPOLLERR and nothing else, upon which the
// runtime's poller refuses to wait for it. It goes on receiving, and its errors are told.
func TestErrorsAndNoRoomEndNoServer(t *testing.T) {
	_, a, b := netlab.Two(t)
	server := on(t, b, "udp4", netip.AddrPortFrom(b.Addr4(), 0).String(), &Config{Fragmentation: FragmentForbid, WriteBuffer: 10000})
	client := on(t, a, "udp4", netip.AddrPortFrom(a.Addr4(), 0).String(), nil)
	type result struct {
		text string
		err  error
	}
	results := make(chan result)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		defer close(results)
		for d, err := range server.Datagrams(ctx) {
			results <- result{string(d.Payload), err}
		}
	}()
	expect := func(want string) {
		t.Helper()
		if err := client.Send([]byte(want), server.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		select {
		case r, ok := <-results:
			if !ok || r.err != nil || r.text != want {
				t.Fatalf("received %q, %v; want %q", r.text, r.err, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q is not received", want)
		}
	}
	expect("before")
	fill(t, b, server)
	// Refused because of its size, before the lack of room is noticed; the error queue has it too.
	err := server.Send(make([]byte, 2000), client.LocalAddr())
	if !errors.Is(err, syscall.EMSGSIZE) {
		t.Fatalf("2000 bytes through an MTU of 1500: %v", err)
	}
	for i := range 3 {
		expect(fmt.Sprint("while there is no room ", i))
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, n := server.Reports(); n > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the error is not told")
		}
	}
	// It ends as it always does, though nothing wakes it.
	stop()
	for r := range results {
		t.Errorf("after the end: %q, %v", r.text, r.err)
	}
}

// promptly runs f, which must not wait for anything.
func promptly(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s waits", what)
	}
}

// A peer that cannot be reached keeps nobody from an answer for longer than the answer takes, and neither does a send
// that waits for room.
func TestReplyNeverWaits(t *testing.T) {
	_, a, b := netlab.Two(t)
	server := on(t, b, "udp4", netip.AddrPortFrom(b.Addr4(), 0).String(), &Config{WriteBuffer: 10000})
	client := on(t, a, "udp4", netip.AddrPortFrom(a.Addr4(), 0).String(), nil)
	if err := client.Send([]byte("ask"), server.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	d := receive(t, server)
	fill(t, b, server)
	waiting := make(chan error, 1)
	go func() { waiting <- server.Send([]byte("patient"), client.LocalAddr()) }()
	for server.out.TryLock() { // until it has begun
		server.out.Unlock()
		time.Sleep(time.Millisecond)
	}
	promptly(t, "an answer for which there is no room", func() {
		if err := server.Reply(&d, []byte("answer")); !errors.Is(err, ErrNoRoom) {
			t.Errorf("got %v, want %v", err, ErrNoRoom)
		}
	})
	promptly(t, "Reports", func() { server.Reports() })
	promptly(t, "SendTimes", func() { server.SendTimes(nil) })
	server.Close()
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the waiting send: %v", err)
	}
}

// An error from a router is attributed to the router.
func TestRouterIsNamed(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	a, _ := lab.Host("a")
	r, _ := lab.Router("r")
	b, err := lab.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	_, err = lab.Link(a, r, netlab.LinkConfig{})
	if err == nil {
		_, err = lab.Link(r, b, netlab.LinkConfig{MTU: 1400})
	}
	if err != nil {
		t.Fatal(err)
	}
	client := on(t, a, "udp4", ":0", &Config{Fragmentation: FragmentForbid})
	to := UDP(netip.AddrPortFrom(b.Addr4(), 9))
	if _, err := client.SendAll([]Message{{Payload: []byte("short-lived"), To: to, TTL: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := client.Send(make([]byte, 1450), to); err != nil {
		t.Fatal(err)
	}
	var told []*NetworkError
	for end := time.Now().Add(5 * time.Second); len(told) < 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		list, _ := client.Reports()
		told = append(told, list...)
	}
	if len(told) != 2 {
		t.Fatalf("told of %d errors", len(told))
	}
	for i, want := range []struct {
		kind, code uint8
		mtu        int
	}{{11, 0, 0}, {3, 4, 1400}} {
		e := told[i]
		if e.From != r.Addr4() || e.To != to.IP || e.Type != want.kind || e.Code != want.code || e.MTU != want.mtu || e.Unreachable() {
			t.Errorf("got %v", e)
		}
	}
}

// A packet filter answers a send with EPERM, some only for the first datagram of a flow: one more try is made, and no
// third.
func TestFilteredSends(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	_, a, b := netlab.Two(t)
	server := on(t, b, "udp4", netip.AddrPortFrom(b.Addr4(), 0).String(), nil)
	nft := func(rule string) {
		t.Helper()
		rules := fmt.Sprintf("table ip sockwire { chain out { type filter hook output priority 0; udp dport %d %s; }; }",
			server.LocalAddr().IP.Port(), rule)
		for _, args := range [][]string{{"flush", "ruleset"}, {rules}} {
			if out, err := a.Command(t.Context(), "nft", args...).CombinedOutput(); err != nil {
				t.Fatalf("nft %s: %v\n%s", args, err, out)
			}
		}
	}
	client := on(t, a, "udp4", netip.AddrPortFrom(a.Addr4(), 0).String(), nil)
	nft("limit rate 1/day burst 1 packets counter drop")
	if err := client.Send([]byte("again"), server.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if d := receive(t, server); string(d.Payload) != "again" {
		t.Errorf("received %q", d.Payload)
	}
	nft("counter drop")
	if err := client.Send([]byte("never"), server.LocalAddr()); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a send that the filter drops: %v", err)
	}
	out, err := a.Command(t.Context(), "nft", "list", "ruleset").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "counter packets 2 ") {
		t.Errorf("two tries were expected: %v\n%s", err, out)
	}
}
