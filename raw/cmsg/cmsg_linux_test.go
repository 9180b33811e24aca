package cmsg

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// udp opens a UDP socket on loopback and returns it with its address and raw connection.
func udp(t testing.TB, network, addr string) (*net.UDPConn, netip.AddrPort, syscall.RawConn) {
	t.Helper()
	pc, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Skipf("no %s on %s here: %v", network, addr, err)
	}
	t.Cleanup(func() { pc.Close() })
	c := pc.(*net.UDPConn)
	rc, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort(), rc
}

func enable(t testing.TB, rc syscall.RawConn, want Set) {
	t.Helper()
	rc.Control(func(fd uintptr) {
		if got, err := Enable(int(fd), want); err != nil || got != want {
			t.Fatalf("Enable(%v) = %v, %v", want, got, err)
		}
	})
}

func messages(n, size int) []Message {
	ms := make([]Message, n)
	for i := range ms {
		ms[i].Buf, ms[i].OOB = make([]byte, size), make([]byte, 512)
	}
	return ms
}

// Waiting is true only while nothing can be on its way to the caller.
func TestWaiting(t *testing.T) {
	_, addr, rc := udp(t, "udp4", "127.0.0.1:0")
	client, _, _ := udp(t, "udp4", "127.0.0.1:0")
	r := NewReceiver(rc, 4)
	if r.Waiting() {
		t.Error("waits before the first call")
	}
	began := make(chan time.Time)
	go func() {
		defer close(began)
		for range 2 {
			if n, _, err := r.ReceiveBoth(messages(4, 100), messages(4, 100)); n != 1 || err != nil {
				t.Errorf("%d messages, %v", n, err)
				return
			}
			began <- r.Began
		}
	}()
	for range 2 {
		for end := time.Now().Add(10 * time.Second); !r.Waiting(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("does not wait")
			}
		}
		sent := time.Now()
		if _, err := client.WriteToUDPAddrPort([]byte("x"), addr); err != nil {
			t.Fatal(err)
		}
		// It has returned, or is about to: the message is read and not yet here.
		for end := time.Now().Add(10 * time.Second); r.Waiting(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("waits, though it has a message")
			}
		}
		if at := <-began; at.Before(sent) || at.After(time.Now()) {
			t.Errorf("looked %v after the send", at.Sub(sent))
		}
	}
}

func TestReceiveInfo(t *testing.T) {
	for _, tc := range []struct {
		name, network, listen string
		want                  Set
	}{
		{"ip4", "udp4", "127.0.0.1:0", PacketInfo | TTL | TOS | RxSoftware | OriginalDst | Drops},
		{"ip6", "udp6", "[::1]:0", PacketInfo | TTL | TOS | RxSoftware | OriginalDst | Drops},
		{"dual", "udp", "[::]:0", PacketInfo | TTL | TOS | RxSoftware | OriginalDst},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, addr, rc := udp(t, tc.network, tc.listen)
			enable(t, rc, tc.want)
			local := netip.MustParseAddr("127.0.0.1")
			if tc.network == "udp6" {
				local = netip.MustParseAddr("::1")
			}
			client, from, crc := udp(t, map[bool]string{true: "udp4", false: "udp6"}[local.Is4()], netip.AddrPortFrom(local, 0).String())
			_ = client
			s, err := NewSender(crc, 4)
			if err != nil {
				t.Fatal(err)
			}
			var oob []byte
			if local.Is4() {
				oob = AppendTOS(AppendTTL(AppendPacketInfo(nil, local, 1), 77), 0xb8)
			} else {
				oob = AppendTrafficClass(AppendHopLimit(AppendPacketInfo(nil, local, 1), 77), 0xb8)
			}
			before := time.Now()
			out := []Message{{Buf: []byte("hello"), OOB: oob, Addr: netip.AddrPortFrom(local, addr.Port())}, {Addr: netip.AddrPortFrom(local, addr.Port())}}
			if n, err := s.Send(out); n != 2 || err != nil {
				t.Fatalf("Send = %d, %v", n, err)
			}
			r, ms := NewReceiver(rc, 8), messages(8, 100)
			var got []Message
			for len(got) < 2 {
				n, err := r.Receive(ms[len(got):])
				if err != nil {
					t.Fatal(err)
				}
				got = ms[:len(got)+n]
			}
			m := got[0]
			if string(m.Buf[:m.N]) != "hello" || m.Addr != from || m.Flags != 0 {
				t.Errorf("got %q from %v flags %#x, want hello from %v", m.Buf[:m.N], m.Addr, m.Flags, from)
			}
			if got[1].N != 0 || got[1].Addr != from {
				t.Errorf("empty datagram: %d bytes from %v", got[1].N, got[1].Addr)
			}
			var info Info
			info.Parse(m.OOB[:m.NN], m.Flags)
			if miss := tc.want &^ Drops &^ info.Has; miss != 0 || info.Unknown != 0 || info.Malformed || info.Truncated {
				t.Fatalf("missing %v in %+v", miss, info)
			}
			if info.Dst != local || info.Ifindex != 1 || info.TTL != 77 || info.TOS != 0xb8 || info.OriginalDst != netip.AddrPortFrom(local, addr.Port()) {
				t.Errorf("%+v", info)
			}
			if d := info.Software.Sub(before.Round(0)); d < -time.Second || d > 10*time.Second {
				t.Errorf("kernel stamp is %v after the send", d)
			}
		})
	}
}

func TestErrorQueue(t *testing.T) {
	for _, network := range []string{"udp4", "udp6"} {
		t.Run(network, func(t *testing.T) {
			host := map[string]string{"udp4": "127.0.0.1:0", "udp6": "[::1]:0"}[network]
			gone, closed, _ := udp(t, network, host)
			gone.Close()
			_, _, rc := udp(t, network, host)
			enable(t, rc, Errors|ErrorExtensions)
			s, err := NewSender(rc, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Send([]Message{{Buf: []byte("nobody"), Addr: closed}}); err != nil {
				t.Fatal(err)
			}
			r := NewReceiver(rc, 4)
			nd, ne, err := r.ReceiveBoth(messages(1, 100), messages(4, 100))
			if nd != 0 || ne != 1 || err != nil {
				t.Fatalf("ReceiveBoth = %d, %d, %v", nd, ne, err)
			}
			// The next one goes by way of Receive, which reports the pending error as such, and is then found in the
			// queue.
			if _, err := s.Send([]Message{{Buf: []byte("nobody"), Addr: closed}}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Receive(messages(1, 100)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("Receive: %v", err)
			}
			errs := messages(4, 100)
			if ne, err = r.TryReceiveErrors(errs); ne != 1 || err != nil {
				t.Fatalf("TryReceiveErrors = %d, %v", ne, err)
			}
			m := errs[0]
			if string(m.Buf[:m.N]) != "nobody" || m.Addr != closed || m.Flags&unix.MSG_ERRQUEUE == 0 {
				t.Errorf("quoted %q to %v flags %#x", m.Buf[:m.N], m.Addr, m.Flags)
			}
			var info Info
			info.Parse(m.OOB[:m.NN], m.Flags)
			want := Error{Errno: syscall.ECONNREFUSED, Origin: OriginICMP, Type: 3, Code: 3, Offender: closed.Addr()}
			if network == "udp6" {
				want.Origin, want.Type, want.Code = OriginICMPv6, 1, 4
			}
			if info.Error != want || info.Has != Errors {
				t.Errorf("got %+v, want %+v", info.Error, want)
			}
			if n, err := r.TryReceive(messages(1, 10)); n != 0 || err != nil {
				t.Errorf("TryReceive on an empty socket = %d, %v", n, err)
			}
		})
	}
}

func TestSendTimestamps(t *testing.T) {
	_, dst, _ := udp(t, "udp4", "127.0.0.1:0")
	_, _, rc := udp(t, "udp4", "127.0.0.1:0")
	enable(t, rc, TxPerCall)
	s, err := NewSender(rc, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, errs := NewReceiver(rc, 8), messages(8, 64)
	var info Info
	oob := AppendTimestamping(nil, TxSched|TxSoftware)
	wantID := uint32(0)
	if withID := AppendTimestampID(oob, 4711); true {
		_, err = s.Send([]Message{{Buf: []byte("x"), OOB: withID, Addr: dst}})
		wantID = 4711
	}
	if errors.Is(err, syscall.EINVAL) {
		t.Log("this kernel has no SCM_TS_OPT_ID: using the socket's own counter")
		_, err = s.Send([]Message{{Buf: []byte("x"), OOB: oob, Addr: dst}})
		wantID = 0
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Stamp]bool{}
	for len(seen) < 2 {
		_, n, err := r.ReceiveBoth(nil, errs)
		if err != nil {
			t.Fatalf("after %v: %v", seen, err)
		}
		for _, m := range errs[:n] {
			info.Parse(m.OOB[:m.NN], m.Flags)
			at, id, ok := info.Error.Timestamp()
			if !ok || id != wantID || info.Has&RxSoftware == 0 || m.N != 0 {
				t.Fatalf("%+v", info)
			}
			seen[at] = true
		}
	}
	if !seen[StampSent] || !seen[StampScheduled] {
		t.Errorf("stamps: %v", seen)
	}
}

func TestSegmentationOffload(t *testing.T) {
	_, dst, rc := udp(t, "udp4", "127.0.0.1:0")
	enable(t, rc, GRO)
	_, _, src := udp(t, "udp4", "127.0.0.1:0")
	s, err := NewSender(src, 1)
	if err != nil {
		t.Fatal(err)
	}
	payload := bytes.Repeat([]byte("0123456789"), 25)
	if _, err := s.Send([]Message{{Buf: payload, OOB: AppendSegmentSize(nil, 100), Addr: dst}}); err != nil {
		t.Fatal(err)
	}
	r, ms := NewReceiver(rc, 4), messages(4, 1000)
	var got []byte
	var info Info
	for len(got) < len(payload) {
		n, err := r.Receive(ms)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ms[:n] {
			got = append(got, m.Buf[:m.N]...)
			info.Parse(m.OOB[:m.NN], m.Flags)
			if m.N > 100 && info.SegmentSize != 100 {
				t.Errorf("%d bytes with segment size %d", m.N, info.SegmentSize)
			}
		}
	}
	if !bytes.Equal(got, payload) {
		t.Error("payload differs")
	}
}

func TestUnixRightsAndCredentials(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	defer a.Close()
	defer b.Close()
	arc, _ := a.SyscallConn()
	brc, _ := b.SyscallConn()
	enable(t, brc, Credentials)
	s, err := NewSender(arc, 1)
	if err != nil {
		t.Fatal(err)
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	if _, err := s.Send([]Message{{Buf: []byte("fd"), OOB: AppendRights(nil, int(pw.Fd()))}}); err != nil {
		t.Fatal(err)
	}
	pw.Close()
	b.SetReadDeadline(time.Now().Add(10 * time.Second))
	ms := messages(1, 10)
	if _, err := NewReceiver(brc, 1).Receive(ms); err != nil {
		t.Fatal(err)
	}
	var info Info
	info.Parse(ms[0].OOB[:ms[0].NN], ms[0].Flags)
	if info.Has != Rights|Credentials || len(info.Rights) != 1 || int(info.Pid) != os.Getpid() || int(info.UID) != os.Getuid() {
		t.Fatalf("%+v", info)
	}
	passed := os.NewFile(uintptr(info.Rights[0]), "passed")
	passed.WriteString("through")
	passed.Close()
	got := make([]byte, 10)
	if n, _ := pr.Read(got); string(got[:n]) != "through" {
		t.Errorf("the passed descriptor delivered %q", got[:n])
	}
	// A control buffer without room for the descriptor says so.
	pr2, pw2, _ := os.Pipe()
	defer pr2.Close()
	defer pw2.Close()
	if _, err := s.Send([]Message{{Buf: []byte("fd"), OOB: AppendRights(nil, int(pw2.Fd()))}}); err != nil {
		t.Fatal(err)
	}
	ms[0].OOB = ms[0].OOB[:8]
	if _, err := NewReceiver(brc, 1).Receive(ms); err != nil {
		t.Fatal(err)
	}
	info.Parse(ms[0].OOB[:ms[0].NN], ms[0].Flags)
	if !info.Truncated {
		t.Errorf("truncated control data not noted: %+v", info)
	}
}

func TestUnixName(t *testing.T) {
	name := "@sockwire-cmsg-test-" + time.Now().Format("150405.000000000")
	a, err := net.ListenPacket("unixgram", name)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := net.DialUnix("unixgram", &net.UnixAddr{Name: name + "-b", Net: "unixgram"}, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.Write([]byte("hi"))
	rc, _ := a.(*net.UnixConn).SyscallConn()
	r, ms := NewReceiver(rc, 1), messages(1, 10)
	if _, err := r.Receive(ms); err != nil {
		t.Fatal(err)
	}
	if got := string(r.UnixName(0)); got != "\x00"+name[1:]+"-b" {
		t.Errorf("name %q", got)
	}
	if ms[0].Addr.IsValid() {
		t.Errorf("Addr %v of a Unix peer", ms[0].Addr)
	}
}

func TestDeadlineAndClose(t *testing.T) {
	c, _, rc := udp(t, "udp4", "127.0.0.1:0")
	r, ms := NewReceiver(rc, 1), messages(1, 10)
	c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := r.Receive(ms); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	done := make(chan error)
	go func() {
		_, err := r.Receive(ms)
		done <- err
	}()
	c.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestTruncatedAndDrops(t *testing.T) {
	_, dst, rc := udp(t, "udp4", "127.0.0.1:0")
	var granted int
	rc.Control(func(fd uintptr) {
		var err error
		if granted, err = SetReadBuffer(int(fd), 1); err != nil {
			t.Fatal(err)
		}
	})
	if granted < 1000 || granted > 10000 {
		t.Errorf("smallest receive buffer is %d", granted)
	}
	_, _, src := udp(t, "udp4", "127.0.0.1:0")
	s, err := NewSender(src, 64)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]Message, 64)
	for i := range out {
		out[i] = Message{Buf: []byte("0123456789"), Addr: dst}
	}
	if n, err := s.Send(out); n != len(out) || err != nil {
		t.Fatal(n, err)
	}
	r, ms := NewReceiver(rc, 64), messages(64, 4)
	n, err := r.TryReceive(ms)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if ms[0].N != 4 || ms[0].Flags&unix.MSG_TRUNC == 0 {
		t.Errorf("N %d flags %#x, want 4 and MSG_TRUNC", ms[0].N, ms[0].Flags)
	}
	rc.Control(func(fd uintptr) {
		if drops, err := ReadDrops(int(fd)); err != nil || int(drops) != len(out)-n {
			t.Errorf("%d received, ReadDrops = %d, %v", n, drops, err)
		}
	})
}

func TestSendErrors(t *testing.T) {
	_, dst, _ := udp(t, "udp4", "127.0.0.1:0")
	_, _, rc := udp(t, "udp4", "127.0.0.1:0")
	s, err := NewSender(rc, 4)
	if err != nil {
		t.Fatal(err)
	}
	ms := []Message{{Buf: []byte("a"), Addr: dst}, {Buf: make([]byte, 70000), Addr: dst}, {Buf: []byte("b"), Addr: dst}}
	if n, err := s.Send(ms); n != 1 || !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("Send = %d, %v, want 1 and EMSGSIZE", n, err)
	}
	ms[1] = Message{Addr: netip.MustParseAddrPort("[::1]:9")}
	if n, err := s.Send(ms); n != 0 || !errors.Is(err, os.ErrInvalid) {
		t.Errorf("Send to the other family = %d, %v", n, err)
	}
}

func TestEnableRefusals(t *testing.T) {
	_, _, rc := udp(t, "udp4", "127.0.0.1:0")
	rc.Control(func(fd uintptr) {
		got, err := Enable(int(fd), TTL|FlowInfo)
		if got != TTL || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("IPv6 option on an IPv4 socket: %v, %v", got, err)
		}
	})
	if _, err := Enable(-1, TTL); !errors.Is(err, syscall.EBADF) {
		t.Errorf("bad descriptor: %v", err)
	}
}

func TestAllocations(t *testing.T) {
	_, dst, rc := udp(t, "udp4", "127.0.0.1:0")
	enable(t, rc, PacketInfo|TTL|TOS|RxSoftware|Drops)
	_, _, src := udp(t, "udp4", "127.0.0.1:0")
	s, err := NewSender(src, 8)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]Message, 8)
	for i := range out {
		out[i] = Message{Buf: []byte("0123456789"), OOB: make([]byte, 0, 128), Addr: dst}
	}
	r, in := NewReceiver(rc, 8), messages(8, 64)
	var info Info
	got := 0
	allocs := testing.AllocsPerRun(100, func() {
		for i := range out {
			out[i].OOB = AppendTOS(AppendTTL(AppendPacketInfo(out[i].OOB[:0], netip.Addr{}.Unmap(), 0), 9), 4)
			out[i].OOB = AppendTTL(out[i].OOB[:0], 9)
		}
		if _, err := s.Send(out); err != nil {
			t.Fatal(err)
		}
		for left := len(out); left > 0; {
			n, err := r.Receive(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range in[:n] {
				info.Parse(m.OOB[:m.NN], m.Flags)
				if info.TTL == 9 {
					got++
				}
			}
			left -= n
		}
	})
	if allocs != 0 || got != 101*8 {
		t.Errorf("%v allocations per 8 datagrams, %d parsed", allocs, got)
	}
}

// TestAppendParse builds every message that both directions share and reads it back, in both orders.
func TestAppendParse(t *testing.T) {
	ip4, ip6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for name, tc := range map[string]struct {
		oob   []byte
		check func(i *Info) bool
	}{
		"pktinfo4": {AppendPacketInfo(nil, ip4, 7), func(i *Info) bool { return i.Local == ip4 && i.Ifindex == 7 && i.Has == PacketInfo }},
		"pktinfo6": {AppendPacketInfo(nil, ip6, 7), func(i *Info) bool { return i.Dst == ip6 && i.Ifindex == 7 && i.Has == PacketInfo }},
		"ttl":      {AppendTTL(nil, 5), func(i *Info) bool { return i.TTL == 5 && i.Has == TTL }},
		"hoplimit": {AppendHopLimit(nil, 6), func(i *Info) bool { return i.TTL == 6 && i.Has == TTL }},
		"tos":      {AppendTOS(nil, 0xb8), func(i *Info) bool { return i.TOS == 0xb8 && i.Has == TOS }},
		"tclass":   {AppendTrafficClass(nil, 3), func(i *Info) bool { return i.TOS == 3 && i.Has == TOS }},
		"flow":     {AppendFlowInfo(nil, 0x12345), func(i *Info) bool { return i.FlowInfo == 0x12345 && i.Has == FlowInfo }},
		"mark":     {appendUint32(nil, unix.SOL_SOCKET, unix.SO_MARK, 99), func(i *Info) bool { return i.Mark == 99 && i.Has == Mark }},
		"rights":   {AppendRights(nil, 3, 4), func(i *Info) bool { return len(i.Rights) == 2 && i.Rights[1] == 4 }},
		"segment":  {AppendSegmentSize(nil, 1400), func(i *Info) bool { return i.Unknown == 1 }},
		"txtime":   {appendUint32(nil, unix.SOL_SOCKET, unix.SCM_TXTIME, 1), func(i *Info) bool { return i.Unknown == 1 }},
	} {
		var i Info
		if i.Parse(tc.oob, 0); !tc.check(&i) || i.Malformed {
			t.Errorf("%s: %+v", name, i)
		}
		if i.Parse(append(AppendSegmentSize(nil, 9), tc.oob...), 0); i.Malformed || i.Unknown == 0 {
			t.Errorf("%s after another: %+v", name, i)
		}
		if i.Parse(tc.oob[:len(tc.oob)-align(1)-1], 0); !i.Malformed {
			t.Errorf("%s cut short is not malformed: %+v", name, i)
		}
	}
}

// TestParseAnyOrder reads what one datagram of a dual-stack socket comes with, in every order: each says the same.
func TestParseAnyOrder(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	at := time.Unix(1700000000, 5)
	message := func(level, kind int32, data ...byte) []byte {
		b, d := appendHeader(nil, level, kind, len(data))
		copy(d, data)
		return b
	}
	word := func(v uint32) []byte { return ne.AppendUint32(nil, v) }
	stamp := ne.AppendUint64(ne.AppendUint64(nil, uint64(at.Unix())), uint64(at.Nanosecond()))
	local := netip.MustParseAddr("192.0.2.9").As4()
	group, mapped := ip.As4(), ip.As16()
	all := [][]byte{
		message(unix.SOL_IP, unix.IP_PKTINFO, slices.Concat(word(7), local[:], group[:])...),
		message(unix.SOL_IPV6, unix.IPV6_PKTINFO, slices.Concat(mapped[:], word(7))...),
		message(unix.SOL_IP, unix.IP_TTL, word(63)...),
		message(unix.SOL_IP, unix.IP_TOS, 0xb9), // a single byte, so padding follows
		message(unix.SOL_SOCKET, scmTimestampNSNew, stamp...),
		message(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, word(12)...),
		message(unix.SOL_UDP, unix.UDP_GRO, word(1400)...),
	}
	want := Info{
		Has: PacketInfo | TTL | TOS | RxSoftware | Drops | GRO, Ifindex: 7, Local: netip.AddrFrom4(local), Dst: ip,
		TTL: 63, TOS: 0xb9, Software: at, Drops: 12, SegmentSize: 1400,
	}
	var i Info
	orders := 0
	permutations(len(all), func(order []int) {
		orders++
		var oob []byte
		for _, k := range order {
			oob = append(oob, all[k]...)
		}
		if i.Parse(oob, 0); !reflect.DeepEqual(i, want) {
			t.Fatalf("in order %v: %+v, want %+v", order, i, want)
		}
	})
	if orders != 5040 {
		t.Errorf("%d orders", orders)
	}
}

// permutations calls f with every order of 0 to n-1 (Heap's algorithm); f must not keep it.
func permutations(n int, f func(order []int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var first func(k int)
	first = func(k int) {
		if k <= 1 {
			f(order)
			return
		}
		for i := range k {
			first(k - 1)
			j := 0
			if k%2 == 0 {
				j = i
			}
			order[j], order[k-1] = order[k-1], order[j]
		}
	}
	first(n)
}

func TestNames(t *testing.T) {
	if got := (PacketInfo | Rights).String(); got != "PacketInfo|Rights" {
		t.Error(got)
	}
	if 1<<len(setNames) != setEnd {
		t.Errorf("%d names for the bits below %d", len(setNames), setEnd)
	}
	if OriginLocal.String() != "local" || Origin(200).String() != "unknown" {
		t.Error(OriginLocal, Origin(200))
	}
	e := Error{Origin: OriginICMP, Type: 3, Code: 4, Info: 1400}
	if e.MTU() != 1400 || (&Error{Origin: OriginICMP, Type: 3, Code: 3, Info: 9}).MTU() != 0 {
		t.Error("MTU")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(AppendPacketInfo(nil, netip.MustParseAddr("::1"), 1), 0)
	f.Add(AppendTTL(AppendTOS(nil, 1), 2), unix.MSG_CTRUNC)
	f.Add(AppendRights(nil, 1, 2, 3), 0)
	f.Add(AppendTimestamping(AppendTimestampID(nil, 5), TxSched), 0)
	recverr, d := appendHeader(nil, unix.SOL_IP, unix.IP_RECVERR, 32)
	d[4], d[16] = 2, unix.AF_INET
	f.Add(recverr, 0)
	stamps, _ := appendHeader(nil, unix.SOL_SOCKET, unix.SCM_TIMESTAMPING, 48)
	f.Add(stamps, 0)
	var i Info
	f.Fuzz(func(t *testing.T, oob []byte, flags int) {
		i.Parse(oob, flags)
		if i.Unknown > len(oob)/headerSize {
			t.Fatalf("%d unknown messages in %d bytes", i.Unknown, len(oob))
		}
		if len(i.Options) > len(oob) || 4*len(i.Rights) > len(oob) {
			t.Fatal("more than was given")
		}
		if i.Truncated != (flags&unix.MSG_CTRUNC != 0) {
			t.Fatal("MSG_CTRUNC lost")
		}
		first := i
		first.Rights, first.Options = nil, nil
		i.Parse(oob, flags)
		second := i
		second.Rights, second.Options = nil, nil
		if len(oob) == 0 && (first.Has != 0 || first.Malformed) || first.Has != second.Has || first.Error != second.Error || first.Unknown != second.Unknown {
			t.Fatal("parsing twice differs")
		}
	})
}
