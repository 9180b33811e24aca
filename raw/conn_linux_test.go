package raw

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"

	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// open opens a Conn on a host of the lab; a read that never ends fails the test.
func open(t testing.TB, h *netlab.Host, proto Protocol, cfg *Config) *Conn {
	t.Helper()
	var c *Conn
	if err := h.Do(func() (err error) { c, err = Listen(context.Background(), proto, cfg); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	return c
}

func udp(t testing.TB, payload string) []byte {
	t.Helper()
	b, err := packet.Append(nil, &packet.UDP{SrcPort: 5555, DstPort: 9, Checksum: packet.U16(0)}, packet.Payload(payload))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadPacket(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, tc := range []struct {
		name     string
		from, to netip.Addr
	}{{"ip4", a.Addr4(), b.Addr4()}, {"ip6", a.Addr6(), b.Addr6()}} {
		t.Run(tc.name, func(t *testing.T) {
			tx := open(t, a, 253, &Config{Local: tc.from, TTL: 9, TOS: 0x40})
			rx := open(t, b, 253, &Config{Local: tc.to, Interface: b.Ifname()})
			before := time.Now()
			if err := tx.WritePacket([]byte("protocol 253"), tc.to); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			m, err := rx.ReadPacket(buf)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(buf[m.HeaderLen:m.N]); got != "protocol 253" {
				t.Errorf("received %q", got)
			}
			if m.From != tc.from || m.To != tc.to || m.TTL != 9 || m.TOS != 0x40 || m.Ifindex != b.Ifindex() || m.Truncated || m.BadChecksum {
				t.Errorf("%+v", m)
			}
			if d := m.Time.Sub(before.Round(0)); m.Source != TimeKernel || d < -time.Second || d > 10*time.Second {
				t.Errorf("received %v after the send by the clock of the %v", d, m.Source)
			}
			if err := tx.WritePacket([]byte("protocol 253"), tc.to); err != nil {
				t.Fatal(err)
			}
			if m, err := rx.ReadPacket(buf[:10]); err != nil || !m.Truncated || m.N != 10 {
				t.Errorf("into 10 bytes: %+v, %v", m, err)
			}
			if rx.Local() != tc.to {
				t.Errorf("bound to %v", rx.Local())
			}
		})
	}
}

func TestLinkLocalZone(t *testing.T) {
	_, a, b := netlab.Two(t)
	zone := func(h *netlab.Host) netip.Addr { return netip.MustParseAddr("ff02::1").WithZone(h.Ifname()) }
	tx, rx := open(t, a, 253, &Config{Local: netip.IPv6Unspecified()}), open(t, b, 253, &Config{Local: netip.IPv6Unspecified()})
	ps := []Packet{{Buf: []byte("to all"), Meta: Meta{To: zone(a).WithZone(""), Ifindex: a.Ifindex()}}}
	if _, err := tx.WritePackets(ps); err != nil {
		t.Fatal(err)
	}
	m, err := rx.ReadPacket(make([]byte, 100))
	if err != nil {
		t.Fatal(err)
	}
	if m.To != zone(b).WithZone("") || m.Ifindex != b.Ifindex() {
		t.Errorf("%+v", m)
	}
	if m.From.IsLinkLocalUnicast() && zoneIndex(m.From.Zone()) != b.Ifindex() {
		t.Errorf("source %v has not the zone %d", m.From, b.Ifindex())
	}
}

func TestBatches(t *testing.T) {
	_, a, b := netlab.Two(t)
	tx, rx := open(t, a, 253, nil), open(t, b, 253, nil)
	const count = 150
	out := make([]Packet, count)
	for i := range out {
		out[i] = Packet{Buf: []byte{byte(i)}, Meta: Meta{To: b.Addr4()}, Control: cmsg.AppendTTL(nil, 1+i)}
	}
	if n, err := tx.WritePackets(out); n != count || err != nil {
		t.Fatal(n, err)
	}
	in := make([]Packet, 40)
	for i := range in {
		in[i].Buf = make([]byte, 64)
	}
	for got := 0; got < count; {
		n, err := rx.ReadPackets(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range in[:n] {
			if p.Buf[p.HeaderLen] != byte(got) || p.TTL != 1+got || p.N != 21 {
				t.Fatalf("packet %d: % x, %+v", got, p.Buf[:p.N], p.Meta)
			}
			got++
		}
	}
	out[1].To = netip.MustParseAddr("2001:db8::1")
	if n, err := tx.WritePackets(out); n != 0 || !errors.Is(err, os.ErrInvalid) {
		t.Errorf("IPv6 on an IPv4 socket: %d, %v", n, err)
	}
}

// TestFilterBeforeDelivery floods the host while sockets with a filter are opened: none must ever deliver a packet
// the filter does not accept.
func TestFilterBeforeDelivery(t *testing.T) {
	_, a, b := netlab.Two(t)
	tx := open(t, a, 253, nil)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		bad, good := []byte("bad"), []byte("good!")
		for {
			select {
			case <-stop:
				return
			default:
				tx.WritePacket(bad, b.Addr4())
				tx.WritePacket(good, b.Addr4())
			}
		}
	}()
	defer func() { close(stop); <-done }()
	filter, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 25, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1 << 16},
	})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for range 100 {
		rx := open(t, b, 253, &Config{Filter: filter})
		m, err := rx.ReadPacket(buf)
		if err != nil {
			t.Fatal(err)
		}
		if string(buf[20:m.N]) != "good!" {
			t.Fatalf("the filter let %q through", buf[20:m.N])
		}
		rx.Close()
	}
}

func TestBadChecksum(t *testing.T) {
	_, a, b := netlab.Two(t)
	tx, rx := open(t, a, ICMP, nil), open(t, b, ICMP, nil)
	for _, bad := range []bool{false, true} {
		h := &packet.ICMPv4{Type: wire.ICMPv4EchoReply, ID: 1, Seq: 2}
		if bad {
			h.Checksum = packet.U16(0x1234)
		}
		msg, err := packet.Append(nil, h, packet.Payload("odd"))
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.WritePacket(msg, b.Addr4()); err != nil {
			t.Fatal(err)
		}
		m, err := rx.ReadPacket(make([]byte, 100))
		if err != nil || m.BadChecksum != bad {
			t.Errorf("BadChecksum is %v, want %v; %v", m.BadChecksum, bad, err)
		}
	}
}

func TestHeaderIncluded(t *testing.T) {
	_, a, b := netlab.Two(t)
	rx := open(t, b, UDP, nil)
	tx := open(t, a, Raw, &Config{HeaderIncluded: true})
	payload := udp(t, "crafted")
	spoofed := netip.MustParseAddr("192.0.2.7")
	crafted, err := packet.Append(nil, &packet.IPv4{Src: spoofed, Dst: b.Addr4(), TTL: packet.U8(3), Protocol: packet.U8(17)}, packet.Payload(payload))
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.WritePacket(crafted, b.Addr4()); err != nil {
		t.Fatal(err)
	}
	header := &ipv4.Header{Version: 4, Len: 20, TotalLen: 20 + len(payload), TTL: 4, Protocol: 17, Src: spoofed.AsSlice(), Dst: b.Addr4().AsSlice()}
	if err := tx.WriteHeader(header, payload, nil); err != nil {
		t.Fatal(err)
	}
	for _, ttl := range []int{3, 4} {
		buf := make([]byte, 100)
		m, err := rx.ReadPacket(buf)
		if err != nil {
			t.Fatal(err)
		}
		if m.From != spoofed || m.TTL != ttl || string(buf[28:m.N]) != "crafted" {
			t.Errorf("%+v %q", m, buf[:m.N])
		}
	}
	if err := open(t, a, Raw, &Config{Local: a.Addr6(), HeaderIncluded: true}).WriteHeader(header, payload, nil); err == nil {
		t.Error("WriteHeader on an IPv6 socket succeeded")
	}
}

func TestErrorQueue(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := b.Sysctl("net.ipv4.icmp_ratelimit", "0"); err != nil {
		t.Fatal(err)
	}
	if err := b.Sysctl("net.ipv6.icmp.ratelimit", "0"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		to    netip.Addr
		proto Protocol
		want  cmsg.Error
	}{
		{"ip4", b.Addr4(), 253, cmsg.Error{Errno: syscall.ENOPROTOOPT, Origin: cmsg.OriginICMP, Type: 3, Code: 2}},
		{"ip6", b.Addr6(), 253, cmsg.Error{Errno: syscall.EPROTO, Origin: cmsg.OriginICMPv6, Type: 4, Code: 1, Info: 40 - 34}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := open(t, a, tc.proto, &Config{Local: map[bool]netip.Addr{true: a.Addr4(), false: a.Addr6()}[tc.to.Is4()], Errors: true})
			for range 3 {
				// The kernel passes on errors only if they quote 8 bytes.
				if err := c.WritePacket([]byte("unknown!"), tc.to); err != nil {
					t.Fatalf("an earlier packet's error fails a write: %v", err)
				}
				_, err := c.ReadPacket(make([]byte, 100))
				if !errors.Is(err, ErrQueued) {
					t.Fatalf("ReadPacket: %v", err)
				}
				buf := make([]byte, 100)
				e, ok, err := c.ReadError(buf)
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				e.Error.Info, tc.want.Info = 0, 0
				tc.want.Offender = tc.to
				if e.Error != tc.want || e.To != tc.to || string(buf[:e.N]) != "unknown!" || e.Time.IsZero() {
					t.Errorf("%+v quoting %q, want %+v", e, buf[:e.N], tc.want)
				}
				if _, ok, err := c.ReadError(buf); ok || err != nil {
					t.Errorf("empty queue: %v, %v", ok, err)
				}
			}
		})
	}
}

func TestReadBufferAndDrops(t *testing.T) {
	_, a, b := netlab.Two(t)
	rx := open(t, b, 253, &Config{ReadBuffer: 4096})
	if rx.ReadBuffer() != 8192 {
		t.Errorf("granted %d bytes for 4096", rx.ReadBuffer())
	}
	tx := open(t, a, 253, nil)
	const count = 100
	for range count {
		if err := tx.WritePacket([]byte("x"), b.Addr4()); err != nil {
			t.Fatal(err)
		}
	}
	// The last packets are lost, so that only the socket's own count knows of them.
	waitFor(t, "all packets to arrive", func() bool { n, err := rx.Drops(); return err == nil && n > 50 })
	in := make([]Packet, count)
	for i := range in {
		in[i].Buf = make([]byte, 64)
	}
	n, err := rx.ReadPackets(in)
	if err != nil {
		t.Fatal(err)
	}
	if drops, err := rx.Drops(); err != nil || n+int(drops) != count {
		t.Errorf("%d received and %d dropped of %d; %v", n, drops, count, err)
	}
	if in[n-1].Dropped != 0 {
		t.Errorf("the last packet queued before the loss says %d were dropped", in[n-1].Dropped)
	}
}

// waitFor polls a condition that the kernel brings about.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

func TestPingSocket(t *testing.T) {
	_, a, b := netlab.Two(t)
	var denied error
	a.Do(func() error { _, denied = Listen(context.Background(), ICMP, &Config{Unprivileged: true}); return nil })
	var hint interface{ Hint() string }
	if !errors.Is(denied, os.ErrPermission) || !errors.As(denied, &hint) || !strings.Contains(hint.Hint(), "ping_group_range") {
		t.Errorf("without the right: %v", denied)
	}
	if err := a.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		proto Protocol
		to    netip.Addr
		types [2]byte
	}{{ICMP, b.Addr4(), [2]byte{8, 0}}, {ICMPv6, b.Addr6(), [2]byte{128, 129}}} {
		c := open(t, a, tc.proto, &Config{Unprivileged: true})
		if c.ID() == 0 {
			t.Error("no identifier")
		}
		echo := []byte{tc.types[0], 0, 0, 0, 0, 0, 0, 7, 'h', 'i'}
		if err := c.WritePacket(echo, tc.to); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		m, err := c.ReadPacket(buf)
		if err != nil {
			t.Fatal(err)
		}
		if m.HeaderLen != 0 || m.N != len(echo) || buf[0] != tc.types[1] || binary.BigEndian.Uint16(buf[4:]) != c.ID() || m.From != tc.to || m.TTL != 64 || m.BadChecksum {
			t.Errorf("%v: %+v % x", tc.proto, m, buf[:m.N])
		}
	}
}

// The end of a loop leaves no deadline behind, whenever its context ends.
func TestEndOfPacketsLeavesNoDeadline(t *testing.T) {
	netlab.Need(t)
	c, err := Listen(context.Background(), 253, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 10)
	for range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		for p, err := range c.Packets(ctx, buf) {
			t.Fatalf("cancelled: %v, %v", p, err)
		}
		var ready bool // the poller would refuse a read after a deadline
		if err := c.rc.Read(func(uintptr) bool { ready = true; return true }); err != nil || !ready {
			t.Fatalf("after the loop: %v", err)
		}
	}
}

func TestDeadlineCloseCancel(t *testing.T) {
	netlab.Need(t)
	c, err := Listen(context.Background(), 253, nil)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := c.ReadPacket(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, cancel)
	for p, err := range c.Packets(ctx, buf) {
		t.Errorf("cancelled: %v, %v", p, err)
	}
	time.AfterFunc(time.Millisecond, func() { c.Close() })
	if _, err := c.ReadPacket(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := c.WritePacket(buf, netip.MustParseAddr("127.0.0.1")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write to closed: %v", err)
	}
	if _, err := Listen(ctx, 253, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("listen with a context that ended: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	netlab.Need(t)
	for _, tc := range []struct {
		proto Protocol
		cfg   Config
		want  string
	}{
		{300, Config{}, "protocol 300"},
		{UDP, Config{Unprivileged: true}, "ping socket"},
		{ICMP, Config{Unprivileged: true, HeaderIncluded: true}, "header included"},
		{ICMP, Config{Interface: "nosuch0"}, `interface "nosuch0"`},
		{ICMP, Config{Local: netip.MustParseAddr("192.0.2.1")}, "192.0.2.1"},
		{ICMP, Config{ReadBuffer: -1}, "receive buffer"},
	} {
		c, err := Listen(context.Background(), tc.proto, &tc.cfg)
		if err == nil {
			c.Close()
			t.Errorf("%+v was taken", tc.cfg)
		} else if !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "raw: listen: ") {
			t.Errorf("error %q does not say %q", err, tc.want)
		}
	}
}

func TestConnAllocations(t *testing.T) {
	_, a, b := netlab.Two(t)
	tx, rx := open(t, a, 253, nil), open(t, b, 253, nil)
	msg, buf, to := []byte("hello"), make([]byte, 100), b.Addr4()
	if n := testing.AllocsPerRun(100, func() {
		if err := tx.WritePacket(msg, to); err != nil {
			t.Fatal(err)
		}
		if _, err := rx.ReadPacket(buf); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}
