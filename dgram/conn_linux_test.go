package dgram

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMetadata(t *testing.T) {
	for network, address := range loopbacks(t) {
		t.Run(network, func(t *testing.T) {
			server := listen(t, network, address, nil)
			client := dial(t, network, server.LocalAddr().String(), &Config{TTL: 33, TOS: 0xb9})
			for _, m := range []Message{{}, {TTL: 7, TOS: 0x03}} {
				m.Payload = []byte("x")
				if _, err := client.SendAll([]Message{m}); err != nil {
					t.Fatal(err)
				}
				wantTTL, wantTOS := uint8(33), uint8(0xb9)
				if m.TTL != 0 {
					wantTTL, wantTOS = m.TTL, m.TOS
				}
				d := receive(t, server)
				if d.TTL != wantTTL || d.TOS != wantTOS || d.ECN() != wantTOS&3 {
					t.Errorf("TTL %d, TOS %#x, want %d, %#x", d.TTL, d.TOS, wantTTL, wantTOS)
				}
				if d.To != server.LocalAddr().IP || d.Ifindex != 1 || d.Interface != "lo" {
					t.Errorf("to %v on interface %d, %q, want %v on 1, lo", d.To, d.Ifindex, d.Interface, server.LocalAddr())
				}
			}
		})
	}
}

// What is told with a datagram is asked for before the socket has an address: one that arrives right then has it too.
// Then there is the room that was asked for, too.
func TestMetadataFromTheFirst(t *testing.T) {
	for network, address := range map[string]string{"udp4": "127.0.0.1:0", "udp": "[::]:0"} {
		lc := net.ListenConfig{Control: control(&Config{ReadBuffer: 10000}, false)}
		pc, err := lc.ListenPacket(t.Context(), network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		rc, _ := pc.(*net.UDPConn).SyscallConn()
		room := 0
		_ = rc.Control(func(fd uintptr) { room, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
		if err != nil || room != 20000 {
			t.Errorf("%s: room for %d bytes at once: %v", network, room, err)
		}
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), pc.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		if err := listen(t, "udp4", "127.0.0.1:0", nil).Send([]byte("early"), UDP(to)); err != nil {
			t.Fatal(err)
		}
		c, err := newConn(pc.(netConn), network, &Config{}, false, socketFile{})
		if err != nil {
			t.Fatal(err)
		}
		if d := receive(t, c); d.Ifindex == 0 || !d.To.IsValid() || d.TTL == 0 || d.Time.IsZero() {
			t.Errorf("%s: %+v", network, d)
		}
	}
}

// A dual-stack socket is told IPv4 addresses as ::ffff:a.b.c.d; nobody wants to see that.
func TestDualStackUnmaps(t *testing.T) {
	if len(loopbacks(t)) < 2 {
		t.Skip("no IPv6 here")
	}
	server := listen(t, "udp", ":0", &Config{TTL: 44})
	port := server.LocalAddr().IP.Port()
	for _, host := range []string{"127.0.0.1", "127.0.0.9", "::1"} {
		to := netip.AddrPortFrom(netip.MustParseAddr(host), port)
		client := dial(t, "udp", to.String(), nil)
		if err := client.Send([]byte("x"), Addr{}); err != nil {
			t.Fatal(err)
		}
		d := receive(t, server)
		if d.From != client.LocalAddr() || d.To != to || d.To.Addr().Is4In6() {
			t.Errorf("from %v to %v, want %v to %v", d.From, d.To, client.LocalAddr(), to)
		}
		// The answer must come from the address that was asked, or a connected client does not get it.
		if err := server.Reply(&d, []byte("y")); err != nil {
			t.Fatal(err)
		}
		if d := receive(t, client); d.From.IP != to || d.TTL != 44 {
			t.Errorf("the answer came from %v with TTL %d, want %v and 44", d.From, d.TTL, to)
		}
	}
}

func TestReadBufferTellsWhatWasGranted(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", &Config{ReadBuffer: 10000, WriteBuffer: 1 << 29})
	if c.ReadBuffer() != 20000 {
		t.Errorf("asked for 10000, told %d; Linux grants twice as much", c.ReadBuffer())
	}
	var got int
	rc, _ := c.SyscallConn()
	_ = rc.Control(func(fd uintptr) { got, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) })
	if c.WriteBuffer() != got || got == 1<<29 {
		t.Errorf("send buffer told %d, is %d", c.WriteBuffer(), got)
	}
}

// SO_RXQ_OVFL speaks with the next datagram only, so the last losses show in Drops alone.
func TestDropsToTheLastOne(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", &Config{ReadBuffer: 3000})
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	const n = 50
	flood := func() {
		for range n {
			if err := client.Send(make([]byte, 100), Addr{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := server.NewBatch(64, 200)
	count := func() (received, told int) {
		for {
			ds, err := server.TryReceiveBatch(b)
			if err != nil {
				t.Fatal(err)
			}
			if len(ds) == 0 {
				return
			}
			for _, d := range ds {
				received++
				told += int(d.Dropped)
			}
		}
	}
	flood()
	received, told := count()
	drops, err := server.Drops()
	if err != nil {
		t.Fatal(err)
	}
	if received == n || received+int(drops) != n {
		t.Fatalf("%d received and %d dropped of %d", received, drops, n)
	}
	if told != 0 {
		t.Errorf("%d drops were told with datagrams that came before them", told)
	}
	if err := client.Send(nil, Addr{}); err != nil {
		t.Fatal(err)
	}
	if _, told = count(); told != int(drops) {
		t.Errorf("the next datagram tells of %d drops, want %d", told, drops)
	}
	if err := client.Send(nil, Addr{}); err != nil {
		t.Fatal(err)
	}
	if _, told = count(); told != 0 {
		t.Errorf("the one after it tells of %d drops again", told)
	}
}

// closedPort is an address of loopback that nobody listens on.
func closedPort(t *testing.T, network, address string) Addr {
	c := listen(t, network, address, nil)
	a := c.LocalAddr()
	c.Close()
	return a
}

func TestRefusedIsAttributed(t *testing.T) {
	for network, address := range loopbacks(t) {
		t.Run(network, func(t *testing.T) {
			closed := closedPort(t, network, address)
			client := dial(t, network, closed.String(), nil)
			if err := client.Send([]byte("hello"), Addr{}); err != nil {
				t.Fatal(err)
			}
			_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err := client.Receive(make([]byte, 10))
			var told *NetworkError
			if !errors.As(err, &told) || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("got %v", err)
			}
			if told.To != closed.IP || told.From != closed.IP.Addr() || !told.Unreachable() || string(told.Payload) != "hello" {
				t.Errorf("got %+v", told)
			}
			if !strings.Contains(err.Error(), "port unreachable") || !strings.Contains(err.Error(), "said by "+closed.IP.Addr().String()) {
				t.Errorf("%v does not say what and who", err)
			}
			// The socket stays usable.
			if err := client.Send([]byte("again"), Addr{}); err != nil {
				t.Errorf("after the error: %v", err)
			}
		})
	}
}

// An ICMP error about one peer must not fail a send to another, nor end a wait for anybody.
func TestErrorsAreNeverFatalToAServer(t *testing.T) {
	closed := closedPort(t, "udp4", "127.0.0.1:0")
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	if list, total := server.Reports(); len(list) != 0 || total != 0 {
		t.Errorf("%d errors, %d in all, before anything was sent", len(list), total)
	}
	for range 20 {
		if err := server.Send([]byte("x"), closed); err != nil {
			t.Fatalf("to a closed port: %v", err)
		}
		if err := server.Send([]byte("y"), client.LocalAddr()); err != nil {
			t.Fatalf("to another peer: %v", err)
		}
		receive(t, client)
	}
	go func() {
		time.Sleep(5 * time.Millisecond)
		_ = server.Send([]byte("x"), closed) // its error arrives while the server waits
		_ = client.Send([]byte("z"), Addr{})
	}()
	if d := receive(t, server); string(d.Payload) != "z" {
		t.Errorf("got %q", d.Payload)
	}
	list, total := server.Reports()
	if total != 21 || len(list) == 0 || list[0].To != closed.IP {
		t.Errorf("%d errors told, %d listed", total, len(list))
	}
	if list, total := server.Reports(); len(list) != 0 || total != 21 {
		t.Errorf("told twice: %d, total %d", len(list), total)
	}
}

// An ICMP error that came while the receive buffer was full is not in the error queue, only pending on the socket: it
// belongs to an earlier send and must not fail the read of the datagrams.
func TestPendingErrorWithoutReport(t *testing.T) {
	for network, address := range loopbacks(t) {
		t.Run(network, func(t *testing.T) {
			closed := closedPort(t, network, address)
			server := listen(t, network, address, &Config{ReadBuffer: 3000})
			client := dial(t, network, server.LocalAddr().String(), nil)
			sent := 0
			for drops := uint32(0); drops == 0 && sent < 1000; sent++ {
				if err := client.Send([]byte("x"), Addr{}); err != nil {
					t.Fatal(err)
				}
				var err error
				if drops, err = server.Drops(); err != nil {
					t.Fatal(err)
				}
			}
			if err := server.Send([]byte("nobody"), closed); err != nil {
				t.Fatal(err)
			}
			if !pendingError(t, server) {
				t.Fatal("no error is pending after a send to a closed port")
			}
			b := server.NewBatch(2, 10)
			ds, err := server.TryReceiveBatch(b)
			if err != nil || len(ds) != 2 || string(ds[0].Payload) != "x" {
				t.Errorf("%d datagrams, %v", len(ds), err)
			}
			if reports, _ := server.Reports(); len(reports) > 0 {
				t.Errorf("the error was queued all the same: %v", reports)
			}
		})
	}
}

// pendingError waits until the kernel holds an error for a socket.
func pendingError(t *testing.T, c *Conn) bool {
	rc, err := c.nc.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var fds [1]unix.PollFd
	if ctl := rc.Control(func(fd uintptr) {
		fds[0] = unix.PollFd{Fd: int32(fd)}
		for err = unix.EINTR; err == unix.EINTR; {
			_, err = unix.Poll(fds[:], 5000)
		}
	}); ctl != nil || err != nil {
		t.Fatal(ctl, err)
	}
	return fds[0].Revents&unix.POLLERR != 0
}

// Looking for errors must not wait for a goroutine that waits for data.
func TestReportsWhileAnotherGoroutineReceives(t *testing.T) {
	closed := closedPort(t, "udp4", "127.0.0.1:0")
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.Receive(make([]byte, 10))
	}()
	b := c.NewBatch(1, 10)
	for n := uint64(1); n <= 10; n++ {
		if err := c.Send([]byte("x"), closed); err != nil {
			t.Fatal(err)
		}
		for {
			if _, total := c.Reports(); total == n {
				break
			}
		}
		if ds, err := c.TryReceiveBatch(b); len(ds) != 0 || err != nil {
			t.Fatal(ds, err)
		}
	}
	c.Close()
	<-done
}

func TestExchangeWithAClosedPort(t *testing.T) {
	closed := closedPort(t, "udp4", "127.0.0.1:0")
	for name, c := range map[string]*Conn{"listening": listen(t, "udp4", "127.0.0.1:0", nil), "dialled": dial(t, "udp4", closed.String(), nil)} {
		start := time.Now()
		_, err := c.Exchange(t.Context(), []byte("x"), closed, &Exchange{Timeout: 20 * time.Second})
		var told *NetworkError
		if !errors.As(err, &told) || !told.Unreachable() {
			t.Errorf("%s: %v", name, err)
		}
		if time.Since(start) > 10*time.Second {
			t.Errorf("%s: silence for %v", name, time.Since(start))
		}
	}
}

// A stamped datagram, alone or at the head of a train, is timed between the call and its arrival.
func TestSendTimes(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	client := dial(t, "udp4", server.LocalAddr().String(), &Config{SendTimes: true})
	arena := make([]byte, 300)
	for _, ms := range [][]Message{
		{{Payload: arena[:100], Stamp: 7}},
		{{Payload: arena[:100], Stamp: 8}, {Payload: arena[100:200]}, {Payload: arena[200:300]}},
		{{Payload: arena[:100]}},
	} {
		before := time.Now()
		if _, err := client.SendAll(ms); err != nil {
			t.Fatal(err)
		}
		var arrived time.Time
		for range ms {
			arrived = receive(t, server).Time
		}
		var times []SendTime
		for end := time.Now().Add(100 * time.Millisecond); len(times) < 2 && time.Now().Before(end) && client.out.stamping && ms[0].Stamp != 0; {
			times = client.SendTimes(times)
		}
		if ms[0].Stamp == 0 {
			times = client.SendTimes(nil)
		}
		if !client.out.stamping {
			t.Skip("this kernel cannot tell which datagram a send time belongs to")
		}
		found := false
		for _, at := range times {
			if at.Stamp != ms[0].Stamp || at.Time.Before(before.Round(0)) || at.Time.After(arrived.Add(time.Millisecond)) {
				t.Errorf("%+v, sent after %v, arrived at %v", at, before, arrived)
			}
			found = found || !at.Queued
		}
		if found != (ms[0].Stamp != 0) {
			t.Errorf("stamp %d: times %+v", ms[0].Stamp, times)
		}
	}
	if list, _ := client.Reports(); len(list) != 0 {
		t.Errorf("send times are told as errors: %v", list)
	}
}

func TestBroadcastMustBeAskedFor(t *testing.T) {
	to := UDP(netip.MustParseAddrPort("127.255.255.255:9"))
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	err := c.Send([]byte("x"), to)
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(hintOf(err), "broadcast") {
		t.Errorf("got %v, hint %q", err, hintOf(err))
	}
	listener := listen(t, "udp4", "0.0.0.0:0", nil)
	allowed := listen(t, "udp4", "127.0.0.1:0", &Config{Broadcast: true})
	to.IP = netip.AddrPortFrom(to.IP.Addr(), listener.LocalAddr().IP.Port())
	if err := allowed.Send([]byte("x"), to); err != nil {
		t.Fatal(err)
	}
	if d := receive(t, listener); d.To.Addr() != to.IP.Addr() {
		t.Errorf("to %v, want %v", d.To, to.IP.Addr())
	}
}

func TestTrainsArriveAsDatagrams(t *testing.T) {
	for _, coalesce := range []bool{false, true} {
		for _, noOffload := range []bool{false, true} {
			server := listen(t, "udp4", "127.0.0.1:0", &Config{Coalesce: coalesce, ReadBuffer: 4 << 20})
			client := dial(t, "udp4", server.LocalAddr().String(), &Config{NoOffload: noOffload})
			arena := make([]byte, 300*100)
			for i := range arena {
				arena[i] = byte(i / 100)
			}
			var ms []Message
			for i := range 300 {
				ms = append(ms, Message{Payload: arena[i*100 : (i+1)*100]})
			}
			ms[200].Payload = ms[200].Payload[:40] // ends a train
			ms[250].Payload = []byte{}             // cannot be in one
			ms[260].TTL = 9
			n, err := client.SendAll(ms)
			if n != len(ms) || err != nil {
				t.Fatalf("sent %d: %v", n, err)
			}
			if client.Offload() == noOffload {
				t.Errorf("offload is %v", client.Offload())
			}
			b := server.NewBatch(32, 2000)
			for i := 0; i < len(ms); {
				_ = server.SetReadDeadline(time.Now().Add(5 * time.Second))
				ds, err := server.ReceiveBatch(b)
				if err != nil {
					t.Fatalf("coalesce %v, no offload %v: after %d: %v", coalesce, noOffload, i, err)
				}
				for _, d := range ds {
					if string(d.Payload) != string(ms[i].Payload) || d.Truncated {
						t.Fatalf("coalesce %v, no offload %v: datagram %d has %d bytes, want %d", coalesce, noOffload, i, len(d.Payload), len(ms[i].Payload))
					}
					if d.Coalesced && !coalesce {
						t.Errorf("datagram %d came joined with others, unasked", i)
					}
					if want := ms[i].TTL; want != 0 && d.TTL != want {
						t.Errorf("datagram %d has TTL %d, want %d", i, d.TTL, want)
					}
					i++
				}
			}
		}
	}
}

// Receive on a coalescing socket must not lose what a small buffer has no room for.
func TestCoalescedIntoSmallBuffers(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", &Config{Coalesce: true})
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	arena := make([]byte, 64*100)
	var ms []Message
	for i := range 64 {
		arena[i*100] = byte(i)
		ms = append(ms, Message{Payload: arena[i*100 : (i+1)*100]})
	}
	if _, err := client.SendAll(ms); err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		size := 100 - i%2*50
		d, err := server.Receive(make([]byte, size))
		if err != nil || len(d.Payload) != size || d.Payload[0] != byte(i) || d.Truncated != (size < 100) {
			t.Fatalf("datagram %d: %d bytes, truncated %v, %v", i, len(d.Payload), d.Truncated, err)
		}
	}
}

// Where trains cannot be cut the kernel refuses them, with EINVAL or EIO, and the datagrams go one by one.
func TestTrainsThatDoNotWorkAreSentOneByOne(t *testing.T) {
	t.Run("EINVAL", func(t *testing.T) {
		server := listen(t, "udp4", "127.0.0.1:0", nil)
		client := dial(t, "udp4", server.LocalAddr().String(), nil)
		rc, _ := client.SyscallConn()
		var err error
		_ = rc.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1) })
		if err != nil {
			t.Fatal(err)
		}
		sendOneByOne(t, client, server)
	})
	// Older kernels say EIO for a device without checksum offload; all say it for UDP-Lite, whose sockets take the
	// place of UDP's here.
	t.Run("EIO", func(t *testing.T) {
		server := listen(t, "udp4", "127.0.0.1:0", nil)
		to := server.LocalAddr().IP
		client := dial(t, "udp4", to.String(), nil)
		lite := &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
		makeLite(t, server, func(fd int) error { return unix.Bind(fd, lite) })
		makeLite(t, client, func(fd int) error { return unix.Connect(fd, lite) })
		sendOneByOne(t, client, server)
		if client.Offload() {
			t.Error("offload is still on after EIO")
		}
	})
}

// makeLite puts a UDP-Lite socket in the place of a Conn's socket.
func makeLite(t *testing.T, c *Conn, prepare func(fd int) error) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDPLITE)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Skip("this kernel has no UDP-Lite")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := prepare(fd); err != nil {
		t.Fatal(err)
	}
	rc, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if ctl := rc.Control(func(old uintptr) { err = unix.Dup3(fd, int(old), unix.O_CLOEXEC) }); ctl != nil || err != nil {
		t.Fatal(ctl, err)
	}
}

// sendOneByOne sends a hundred datagrams that would go as trains and wants each of them received.
func sendOneByOne(t *testing.T, client, server *Conn) {
	t.Helper()
	arena := make([]byte, 1000)
	var ms []Message
	for i := range 100 {
		arena[i*10] = byte(i)
		ms = append(ms, Message{Payload: arena[i*10 : (i+1)*10]})
	}
	if n, err := client.SendAll(ms); n != 100 || err != nil {
		t.Fatalf("sent %d: %v", n, err)
	}
	b := server.NewBatch(128, 100)
	for i := 0; i < 100; {
		_ = server.SetReadDeadline(time.Now().Add(5 * time.Second))
		ds, err := server.ReceiveBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			if len(d.Payload) != 10 || d.Payload[0] != byte(i) {
				t.Fatalf("datagram %d: % x", i, d.Payload)
			}
			i++
		}
	}
}

func TestLessOffload(t *testing.T) {
	for _, tt := range []struct {
		name               string
		count, size        int
		err                error
		give               bool
		segments, segLimit int
	}{
		{"EIO", 40, 100, unix.EIO, true, maxSegments, 0},
		{"EINVAL from an old kernel", 128, 100, unix.EINVAL, true, 64, MaxPayload6},
		{"EINVAL", 40, 100, unix.EINVAL, true, maxSegments, 99},
		{"EMSGSIZE", 2, 9000, unix.EMSGSIZE, true, maxSegments, 8999},
		{"no train", 1, 100, unix.EIO, false, maxSegments, MaxPayload6},
		{"another error", 40, 100, unix.ENOBUFS, false, maxSegments, MaxPayload6},
	} {
		c := listen(t, "udp4", "127.0.0.1:0", nil)
		c.out.ms[3].Buf = make([]byte, tt.count*tt.size)
		c.out.counts[3] = tt.count
		give := c.out.lessOffload(3, os.NewSyscallError("sendmmsg", tt.err))
		if give != tt.give || c.out.trainLimit != tt.segments || c.out.segmentLimit != tt.segLimit {
			t.Errorf("%s: %v, trains of %d, segments of %d", tt.name, give, c.out.trainLimit, c.out.segmentLimit)
		}
	}
}

func TestLargeTrainsThroughSmallMTU(t *testing.T) {
	// Loopback's MTU is 65536; a train of datagrams larger than any path's MTU exercises the total limit.
	server := listen(t, "udp4", "127.0.0.1:0", &Config{ReadBuffer: 4 << 20})
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	arena := make([]byte, 4*40000)
	var ms []Message
	for i := range 4 {
		ms = append(ms, Message{Payload: arena[i*40000 : (i+1)*40000]})
	}
	if n, err := client.SendAll(ms); n != 4 || err != nil {
		t.Fatalf("sent %d: %v", n, err)
	}
	for range 4 {
		if d := receive(t, server); len(d.Payload) != 40000 {
			t.Errorf("got %d bytes", len(d.Payload))
		}
	}
}

func TestUnixAutobindAbstractAndFiles(t *testing.T) {
	name := "@sockwire-test-" + strings.ReplaceAll(t.TempDir(), "/", "-")
	server := listen(t, "unixgram", name, &Config{Credentials: true})
	client := dial(t, "unixgram", name, nil)
	if !strings.HasPrefix(client.LocalAddr().Unix, "@") {
		t.Fatalf("the client's own name is %q", client.LocalAddr().Unix)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := client.SendAll([]Message{{Payload: []byte("take it"), Files: []*os.File{w}}}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	d := receive(t, server)
	if string(d.Payload) != "take it" || d.From != client.LocalAddr() || len(d.Files) != 1 {
		t.Fatalf("got %q from %v with %d files", d.Payload, d.From, len(d.Files))
	}
	if want := (Credentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid(), Valid: true}); d.Credentials != want {
		t.Errorf("credentials %+v, want %+v", d.Credentials, want)
	}
	if _, err := d.Files[0].WriteString("through"); err != nil {
		t.Fatal(err)
	}
	d.Files[0].Close()
	got := make([]byte, 20)
	if n, _ := r.Read(got); string(got[:n]) != "through" {
		t.Errorf("read %q", got[:n])
	}
	if err := server.Reply(&d, []byte("thanks")); err != nil {
		t.Fatal(err)
	}
	if d := receive(t, client); string(d.Payload) != "thanks" || d.From.Unix != name {
		t.Errorf("got %q from %v", d.Payload, d.From)
	}
	auto := listen(t, "unixgram", "", nil)
	if err := auto.Send([]byte("x"), Unix(name)); err != nil {
		t.Fatal(err)
	}
	if d := receive(t, server); d.From != auto.LocalAddr() || !strings.HasPrefix(d.From.Unix, "@") {
		t.Errorf("from %v, want %v", d.From, auto.LocalAddr())
	}
}

// Eleven datagrams fill a Unix socket's queue (net.unix.max_dgram_qlen); the next waits until there is room or the
// deadline has come.
func TestUnixSendWaitsForRoom(t *testing.T) {
	name := "@sockwire-full-" + strings.ReplaceAll(t.TempDir(), "/", "-")
	server := listen(t, "unixgram", name, nil)
	for kind, c := range map[string]*Conn{"dialled": dial(t, "unixgram", name, nil), "listening": listen(t, "unixgram", "", nil)} {
		to := Addr{}
		if kind == "listening" {
			to = Unix(name)
		}
		_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		sent := 0
		var err error
		for ; sent < 10000; sent++ {
			if err = c.Send([]byte("x"), to); err != nil {
				break
			}
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%s: after %d: %v", kind, sent, err)
		}
		_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		done := make(chan error)
		go func() { done <- c.Send([]byte("one more"), to) }()
		for i := 0; i <= sent; i++ {
			receive(t, server)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: once there was room: %v", kind, err)
		}
	}
	big := dial(t, "unixgram", name, nil)
	var size *SizeError
	if err := big.Send(make([]byte, 1<<20), Addr{}); !errors.As(err, &size) || size.Limit != big.WriteBuffer()-32 {
		t.Errorf("1 MiB: %v", err)
	}
	if err := big.Send(make([]byte, big.MaxPayload(Addr{})), Addr{}); err != nil {
		t.Errorf("the limit itself: %v", err)
	}
	server.Close()
	if err := big.Send([]byte("x"), Addr{}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("to a closed peer: %v", err)
	}
}

// A peer that does not read its answers keeps nobody else from theirs.
func TestUnixReplyNeverWaits(t *testing.T) {
	server := listen(t, "unixgram", "", nil)
	deaf := dial(t, "unixgram", server.LocalAddr().Unix, nil)
	if err := deaf.Send([]byte("ask"), Addr{}); err != nil {
		t.Fatal(err)
	}
	d := receive(t, server)
	done := make(chan error)
	go func() {
		var err error
		for err == nil {
			err = server.Reply(&d, []byte("answer"))
		}
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, ErrNoRoom) {
			t.Errorf("got %v, want %v", err, ErrNoRoom)
		}
	case <-time.After(10 * time.Second):
		t.Error("an answer waits for the peer to read")
		receive(t, deaf)
	}
}

// Errors that earlier datagrams caused, however many, fail no later one: an error fails the next send, and another may
// be behind it.
func TestManyErrorsFailNoAnswer(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	closed := listen(t, "udp4", "127.0.0.1:0", nil)
	closed.Close()
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	if err := client.Send([]byte("ask"), Addr{}); err != nil {
		t.Fatal(err)
	}
	d := receive(t, server)
	for range 100 {
		if err := server.Send([]byte("x"), closed.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if err := server.Reply(&d, []byte("y")); err != nil {
			t.Fatal(err)
		}
		receive(t, client)
	}
}

func TestHotPathsAllocateNothing(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	buf := make([]byte, 2000)
	b := server.NewBatch(64, 2000)
	arena := make([]byte, 64*20)
	ms := make([]Message, 64)
	for i := range ms {
		ms[i].Payload = arena[i*20 : (i+1)*20]
	}
	unixServer := listen(t, "unixgram", "", nil)
	unixClient := dial(t, "unixgram", unixServer.LocalAddr().Unix, nil)
	unixBatch := unixServer.NewBatch(4, 100)
	for name, f := range map[string]func() error{
		"Send and Receive": func() error {
			if err := client.Send(buf[:100], Addr{}); err != nil {
				return err
			}
			_, err := server.Receive(buf)
			return err
		},
		"Reply": func() error {
			if err := client.Send(buf[:100], Addr{}); err != nil {
				return err
			}
			d, err := server.Receive(buf)
			if err == nil {
				err = server.Reply(&d, buf[:10])
			}
			if err == nil {
				_, err = client.Receive(buf)
			}
			return err
		},
		"SendAll and ReceiveBatch": func() error {
			_, err := client.SendAll(ms)
			for n := 0; n < len(ms) && err == nil; {
				var ds []Datagram
				ds, err = server.ReceiveBatch(b)
				n += len(ds)
			}
			return err
		},
		"Unix": func() error {
			err := unixClient.Send(buf[:10], Addr{})
			if err == nil {
				_, err = unixServer.ReceiveBatch(unixBatch)
			}
			return err
		},
	} {
		var failed error
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				failed = err
			}
		}); n != 0 || failed != nil {
			t.Errorf("%s: %v allocations, %v", name, n, failed)
		}
	}
}

func TestCancelledReceiveLeavesTheSocketUsable(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		for _, err := range c.Datagrams(ctx) {
			t.Fatal(err)
		}
	}
	if err := c.Send([]byte("x"), c.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	receive(t, c)
}
