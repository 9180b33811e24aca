package flow_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/flow"
	"sockwire/raw/cmsg"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

// What real kernels do in the corners of TCP, and what is said of it.

// newPair is two hosts on one link, captured at both.
func newPair(t *testing.T, link netlab.LinkConfig, settings map[string]string) *rig {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	must(t, err)
	t.Cleanup(func() { lab.Close() })
	g := &rig{name: t.Name(), lab: lab}
	for name, h := range map[string]**netlab.Host{"a": &g.a, "b": &g.b} {
		*h, err = lab.Host(name)
		must(t, err)
		for name, value := range settings {
			must(t, (*h).Sysctl(name, value))
		}
	}
	g.near, err = lab.Link(g.a, g.b, link)
	must(t, err)
	if link.Impair != nil {
		g.impaired = []*netlab.Link{g.near}
	}
	must(t, g.record("sender", g.a, g.near.A.Ifname))
	must(t, g.record("receiver", g.b, g.near.B.Ifname))
	must(t, g.a.Do(cmsg.AwaitStamps))
	return g
}

// talkTo connects to a port of b, any if 0.
func (g *rig) talkTo(t *testing.T, port, from uint16) (client, server *net.TCPConn) {
	t.Helper()
	ends, err := g.connect(netip.AddrPortFrom(g.b.Addr4(), port), from, time.Now().Add(patience), 0)
	must(t, err)
	t.Cleanup(func() { ends[0].Close(); ends[1].Close() })
	return ends[0], ends[1]
}

// ended waits for the end of what both have ended, and of the captures.
func (g *rig) ended(t *testing.T, ends ...*net.TCPConn) {
	t.Helper()
	for _, conn := range ends {
		must(t, quiet(conn, time.Now().Add(patience)))
	}
	must(t, g.stop())
}

// option sets an option of a socket.
func option(t *testing.T, conn *net.TCPConn, level, name, value int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, name, value) }))
	must(t, err)
}

// exchange writes all and hears all, of both.
func exchange(t *testing.T, client, server *net.TCPConn, said [2][]byte) {
	t.Helper()
	var wait sync.WaitGroup
	var errs [4]error
	var heard [2][]byte
	for i, conn := range []*net.TCPConn{client, server} {
		wait.Go(func() { _, errs[i] = conn.Write(said[i]); errs[i] = errors.Join(errs[i], conn.CloseWrite()) })
		wait.Go(func() { heard[1-i], errs[2+i] = io.ReadAll(conn) })
	}
	wait.Wait()
	must(t, errors.Join(errs[:]...))
	for i := range said {
		if !bytes.Equal(said[i], heard[i]) {
			t.Fatalf("%d bytes were said, and %d heard", len(said[i]), len(heard[i]))
		}
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// kinds counts verdicts.
func (f *found) kinds() map[flow.Kind]int {
	all := map[flow.Kind]int{}
	for _, verdicts := range f.by {
		for _, v := range verdicts {
			all[v.Kind]++
		}
	}
	return all
}

// repairs are verdicts that mean that something went wrong.
var repairs = []flow.Kind{
	flow.Retransmission, flow.Spurious, flow.Reordered, flow.Duplicate, flow.Copy, flow.LostBefore, flow.LostBehind, flow.Missed,
	flow.Conflict, flow.Corrupt, flow.Stray, flow.GivenUp, flow.Undecided, flow.KeepAlive, flow.WindowProbe,
}

// nothing fails where one of the kinds was said, but for those that are right.
func (f *found) nothing(t *testing.T, place string, but ...flow.Kind) {
	t.Helper()
	for n, verdicts := range f.by {
		for _, v := range verdicts {
			// On a busy machine the kernel loses patience; that it was needless to send a FIN again nobody says.
			if before, _ := v.Evidence(); v.Kind == flow.Spurious || before != 0 && (v.Kind == flow.Retransmission ||
				v.Kind == flow.LostBehind && v.Bytes == 0 || v.Kind == flow.Undecided && v.Cause == flow.NoAnswer) {
				continue
			}
			if slices.Contains(repairs, v.Kind) && !slices.Contains(but, v.Kind) {
				t.Errorf("%s: frame %d: %v", place, n, verdicts)
			}
		}
	}
}

// handed fails where other bytes are handed out than were said.
func (f *found) handed(t *testing.T, place string, said [2][]byte) {
	t.Helper()
	for d := range flow.Direction(2) {
		if !bytes.Equal(f.bytes[d], said[d]) || f.gaps != 0 {
			t.Errorf("%s: %s: %d bytes and gaps of %d, where %d were said", place, d, len(f.bytes[d]), f.gaps, len(said[d]))
		}
	}
}

// each calls f with what is found in each place.
func (g *rig) each(f func(p *recording, found *found)) {
	for _, p := range g.places {
		f(p, follow(p.frames))
	}
}

// tcp returns the segment of each frame.
func (p *recording) tcp(i int) segment { return read(p.frames[i].Data[ethernetHeader:]) }

// delayed is a link of some milliseconds.
func delayed(d time.Duration) *netlab.Impair {
	return &netlab.Impair{AtoB: impair.Config{Delay: d}, BtoA: impair.Config{Delay: d}, Keep: 2000}
}

func TestZeroWindow(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{Impair: delayed(time.Millisecond)}, map[string]string{"net.ipv4.tcp_rmem": "4096 16384 16384"})
	client, server := g.talkTo(t, 0, 0)
	said := noise(200_000)
	done := make(chan error, 1)
	go func() {
		_, err := client.Write(said)
		done <- errors.Join(err, client.CloseWrite())
	}()
	// The receiver does not read until the sender has asked three times whether it does.
	probes := func() int {
		n, err := 0, error(nil)
		must(t, g.a.Do(func() error { n, err = counter("netstat", "TcpExt", "TCPWinProbe"); return err }))
		return n
	}
	for end := time.Now().Add(patience); probes() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the sender does not ask for the window")
		}
	}
	heard, err := io.ReadAll(server)
	must(t, err)
	must(t, <-done)
	must(t, server.CloseWrite())
	if !bytes.Equal(heard, said) {
		t.Fatal("other bytes were heard")
	}
	g.ended(t, client, server)
	g.each(func(p *recording, f *found) {
		f.handed(t, p.name, [2][]byte{said, nil})
		// A tail loss probe may ask too, and a probe that crosses the open window on its way is a keep-alive there.
		f.nothing(t, p.name, flow.WindowProbe, flow.KeepAlive, flow.Retransmission, flow.Spurious)
		zero, probed := 0, 0
		for i := range p.frames {
			s := p.tcp(i)
			n := uint64(i + 1)
			if s.stranger || s.flags&(wire.SYN|wire.RST) != 0 {
				continue
			}
			if s.window == 0 != f.has(n, flow.ZeroWindow) {
				t.Errorf("%s: frame %d has the window %d: %v", p.name, n, s.window, f.by[n])
			}
			if s.window == 0 {
				zero++
			}
			if f.has(n, flow.WindowProbe) {
				probed++
			}
		}
		k := f.kinds()
		if zero == 0 || probed < 2 || k[flow.WindowFull] == 0 || k[flow.WindowUpdate] == 0 {
			t.Errorf("%s: %v", p.name, k)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	client, server := g.talkTo(t, 0, 0)
	count := func(h *netlab.Host, file, group, name string) int {
		n, err := 0, error(nil)
		must(t, h.Do(func() error { n, err = counter(file, group, name); return err }))
		return n
	}
	before := count(g.b, "snmp", "Tcp", "InSegs")
	must(t, client.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second}))
	// They have come before the data follows, which another processor may send.
	came := func() bool {
		return count(g.a, "netstat", "TcpExt", "TCPKeepAlive") >= 2 && count(g.b, "snmp", "Tcp", "InSegs") >= before+2
	}
	for end := time.Now().Add(patience); !came(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing keeps it alive")
		}
	}
	said := [2][]byte{noise(3000), noise(2000)}
	exchange(t, client, server, said)
	g.ended(t, client, server)
	g.each(func(p *recording, f *found) {
		f.handed(t, p.name, said)
		f.nothing(t, p.name, flow.KeepAlive)
		if k := f.kinds(); k[flow.KeepAlive] < 2 || k[flow.KeepAliveAck] != k[flow.KeepAlive] || k[flow.DuplicateAck] > 0 {
			t.Errorf("%s: %v", p.name, k)
		}
	})
}

func TestFastOpen(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{Impair: delayed(time.Millisecond)}, map[string]string{"net.ipv4.tcp_fastopen": "3"})
	var l *net.TCPListener
	must(t, g.b.Do(func() (err error) {
		lc := net.ListenConfig{Control: controlled(func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16) })}
		conn, err := lc.Listen(context.Background(), "tcp", netip.AddrPortFrom(g.b.Addr4(), 0).String())
		if err == nil {
			l = conn.(*net.TCPListener)
		}
		return err
	}))
	defer l.Close()
	var said [2][2][]byte
	for i := range said { // the first brings the cookie, the second uses it
		said[i] = [2][]byte{noise(700 + i), noise(5000 + i)}
		d := net.Dialer{KeepAlive: -1, Control: controlled(func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1) })}
		var client *net.TCPConn
		must(t, g.a.Do(func() error {
			conn, err := d.Dial("tcp", l.Addr().String())
			if err == nil {
				client = conn.(*net.TCPConn)
				_, err = client.Write(said[i][0]) // the SYN waits for it
			}
			return err
		}))
		server, err := l.AcceptTCP()
		must(t, err)
		answer(t, client, server, said[i])
		for _, conn := range []*net.TCPConn{client, server} {
			must(t, quiet(conn, time.Now().Add(patience)))
			conn.Close()
		}
	}
	must(t, g.stop())
	g.each(func(p *recording, f *found) {
		f.nothing(t, p.name)
		inSYN := 0
		for i := range p.frames {
			if s := p.tcp(i); s.flags&wire.SYN != 0 && len(s.payload) > 0 {
				inSYN++
			}
		}
		if inSYN != 1 {
			t.Errorf("%s: %d SYNs have data", p.name, inSYN)
		}
		var all [2][]byte
		for i := range all {
			all[i] = slices.Concat(said[0][i], said[1][i])
		}
		f.bytes[flow.Forward], f.bytes[flow.Backward] = f.whole[0], f.whole[1]
		f.handed(t, p.name, all)
	})
}

// controlled calls f with a socket before it is connected or listens.
func controlled(f func(fd int) error) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) { err = f(int(fd)) }), err)
	}
}

// answer is exchange, when the client has written already: the server hears all, answers, and the client closes first.
// Not before it has heard: a connection that is not yet open would end without a word.
func answer(t *testing.T, client, server *net.TCPConn, said [2][]byte) {
	t.Helper()
	heard, answered := make([]byte, len(said[0])), make([]byte, len(said[1]))
	_, err := io.ReadFull(server, heard)
	must(t, err)
	_, err = server.Write(said[1])
	must(t, err)
	_, err = io.ReadFull(client, answered)
	must(t, err)
	if !bytes.Equal(heard, said[0]) || !bytes.Equal(answered, said[1]) {
		t.Fatal("other bytes were heard")
	}
	for _, ends := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		must(t, ends[0].CloseWrite())
		if rest, err := io.ReadAll(ends[1]); err != nil || len(rest) > 0 {
			t.Fatalf("%d more bytes: %v", len(rest), err)
		}
	}
}

func TestHalfClose(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	client, server := g.talkTo(t, 0, 0)
	said := [2][]byte{noise(10), noise(300_000)}
	_, err := client.Write(said[0])
	must(t, err)
	must(t, client.CloseWrite())
	heard, err := io.ReadAll(server)
	must(t, err)
	_, err = server.Write(said[1])
	must(t, errors.Join(err, server.CloseWrite()))
	answered, err := io.ReadAll(client)
	must(t, err)
	if !bytes.Equal(heard, said[0]) || !bytes.Equal(answered, said[1]) {
		t.Fatal("other bytes were heard")
	}
	g.ended(t, client, server)
	g.each(func(p *recording, f *found) {
		f.handed(t, p.name, said)
		f.nothing(t, p.name)
		if how, by, _ := f.last.End(); how != flow.Closed || by != flow.Forward {
			t.Errorf("%s: %v by %v", p.name, how, by)
		}
	})
}

// TestResetUnread: who closes with unread data sends a reset.
func TestResetUnread(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	client, server := g.talkTo(t, 0, 0)
	_, err := client.Write(noise(1000))
	must(t, err)
	one := make([]byte, 1)
	_, err = server.Read(one) // it is there
	must(t, err)
	must(t, server.Close())
	_, err = client.Read(one)
	if !errors.Is(err, unix.ECONNRESET) {
		t.Fatalf("%v", err)
	}
	must(t, g.stop())
	g.each(func(p *recording, f *found) {
		f.nothing(t, p.name)
		how, by, at := f.last.End()
		if how != flow.WasReset || by != flow.Backward || !f.has(at, flow.Reset) || p.tcp(int(at-1)).flags&wire.RST == 0 {
			t.Errorf("%s: %v by %v in frame %d: %v", p.name, how, by, at, f.by[at])
		}
	})
}

// TestRefused: a reset that answers a SYN.
func TestRefused(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	must(t, g.a.Do(func() error {
		if _, err := net.Dial("tcp", netip.AddrPortFrom(g.b.Addr4(), 9).String()); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("%v", err)
		}
		return nil
	}))
	must(t, g.stop())
	g.each(func(p *recording, f *found) {
		f.nothing(t, p.name)
		how, by, at := f.last.End()
		if how != flow.Refused || by != flow.Backward || !f.has(at, flow.Reset) {
			t.Errorf("%s: %v by %v in frame %d: %v", p.name, how, by, at, f.by[at])
		}
		for _, v := range f.by[at] {
			if first, _ := v.Evidence(); v.Kind == flow.Reset && first != at-1 {
				t.Errorf("%s: the reset answers %d, not %d", p.name, first, at-1)
			}
		}
	})
}

// TestSimultaneousOpen: two SYNs that meet on the way.
func TestSimultaneousOpen(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{Impair: delayed(100 * time.Millisecond)}, nil)
	addrs := [2]netip.AddrPort{netip.AddrPortFrom(g.a.Addr4(), 1111), netip.AddrPortFrom(g.b.Addr4(), 2222)}
	var ends [2]*net.TCPConn
	var errs [2]error
	var wait sync.WaitGroup
	for i, h := range []*netlab.Host{g.a, g.b} {
		wait.Go(func() {
			errs[i] = h.Do(func() error {
				d := net.Dialer{Timeout: patience, KeepAlive: -1, LocalAddr: net.TCPAddrFromAddrPort(addrs[i])}
				conn, err := d.Dial("tcp", addrs[1-i].String())
				if err == nil {
					ends[i] = conn.(*net.TCPConn)
				}
				return err
			})
		})
	}
	wait.Wait()
	must(t, errors.Join(errs[:]...)) // the second SYN was sent before the first came, or else it was refused
	said := [2][]byte{noise(20_000), noise(30_000)}
	exchange(t, ends[0], ends[1], said)
	g.ended(t, ends[:]...)
	g.each(func(p *recording, f *found) {
		if f.streams != 1 || !f.last.Complete() {
			t.Errorf("%s: %d streams", p.name, f.streams)
		}
		if f.last.Source(flow.Forward) != addrs[0] {
			said[0], said[1] = said[1], said[0]
			defer func() { said[0], said[1] = said[1], said[0] }()
		}
		f.handed(t, p.name, said)
		f.nothing(t, p.name, flow.Retransmission, flow.Spurious) // the SYN-ACK has the SYN again
	})
}

// TestPortReuse: two connections, one behind the other, between the same ports.
func TestPortReuse(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	var all [2][]byte
	for i := range 3 {
		client, server := g.talkTo(t, 2222, 1111)
		said := [2][]byte{noise(4000 + i), noise(3000 + i)}
		var heard [2][]byte
		for i, ends := range [][2]*net.TCPConn{{client, server}, {server, client}} {
			_, err := ends[0].Write(said[i])
			must(t, err)
			heard[i] = make([]byte, len(said[i]))
			_, err = io.ReadFull(ends[1], heard[i])
			must(t, err)
			all[i] = append(all[i], heard[i]...)
		}
		// A reset leaves nothing behind that the next connection could meet.
		must(t, server.SetLinger(0))
		must(t, server.Close())
		if _, err := client.Read(heard[0]); !errors.Is(err, unix.ECONNRESET) {
			t.Fatal(err)
		}
		must(t, client.Close())
	}
	must(t, g.stop())
	g.each(func(p *recording, f *found) {
		if f.streams != 3 {
			t.Errorf("%s: %d streams", p.name, f.streams)
		}
		f.handed(t, p.name, all)
		f.nothing(t, p.name)
	})
}

// TestUrgent: urgent bytes are bytes of the stream.
func TestUrgent(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	client, server := g.talkTo(t, 0, 0)
	option(t, server, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	said := noise(10_000)
	raw, err := client.SyscallConn()
	must(t, err)
	for i, part := range slices.Collect(slices.Chunk(said, 1000)) {
		flags := 0
		if i%3 == 1 {
			flags = unix.MSG_OOB
		}
		must(t, raw.Write(func(fd uintptr) bool { err = unix.Sendto(int(fd), part, flags, nil); return err != unix.EAGAIN }))
		must(t, err)
	}
	must(t, client.CloseWrite())
	heard, err := io.ReadAll(server)
	must(t, err)
	must(t, server.CloseWrite())
	if !bytes.Equal(heard, said) {
		t.Fatal("other bytes were heard")
	}
	g.ended(t, client, server)
	g.each(func(p *recording, f *found) {
		f.handed(t, p.name, [2][]byte{said, nil})
		f.nothing(t, p.name)
		if !slices.ContainsFunc(p.frames, func(f capture.Frame) bool { return read(f.Data[ethernetHeader:]).flags&wire.URG != 0 }) {
			t.Errorf("%s: nothing was urgent", p.name)
		}
	})
}

// TestSuperPackets: what a sender leaves to its device to cut up is in its capture in one piece.
func TestSuperPackets(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	client, server := g.talkTo(t, 0, 0)
	said := [2][]byte{noise(2 << 20), noise(1 << 20)}
	exchange(t, client, server, said)
	g.ended(t, client, server)
	g.each(func(p *recording, f *found) {
		f.handed(t, p.name, said)
		f.nothing(t, p.name)
		if !slices.ContainsFunc(p.frames, func(f capture.Frame) bool { return len(f.Data) > 4000 }) {
			t.Errorf("%s: there are no super-packets", p.name)
		}
	})
}

// TestECN: marks are counted as they are.
func TestECN(t *testing.T) {
	t.Parallel()
	// One bit in the second byte of each packet is turned: for IPv6 a part of its traffic class, or of its flow label,
	// which no checksum covers. One in eight that may be marked so is.
	mark := netlab.Impair{AtoB: impair.Config{Seed: 4, Corrupt: 1, CorruptFrom: 1, CorruptTo: 2}, Keep: 2000}
	g := newPair(t, netlab.LinkConfig{Impair: &mark}, map[string]string{"net.ipv4.tcp_ecn": "1", "net.ipv4.tcp_congestion_control": "reno"})
	ends, err := g.connect(netip.AddrPortFrom(g.b.Addr6(), 0), 0, time.Now().Add(patience), 0)
	must(t, err)
	defer ends[0].Close()
	defer ends[1].Close()
	said := [2][]byte{noise(150_000), noise(1000)}
	exchange(t, ends[0], ends[1], said)
	g.ended(t, ends[:]...)
	g.each(func(p *recording, f *found) {
		f.handed(t, p.name, said)
		f.nothing(t, p.name)
		var marked, echoed, answered uint32
		for i := range p.frames {
			s := p.tcp(i)
			if s.stranger {
				continue
			}
			to := s.dst.Addr() == g.b.Addr6()
			if to && p.frames[i].Data[ethernetHeader+1]>>4&3 == 3 {
				marked++
			}
			if s.flags&wire.SYN == 0 && !to && s.flags&wire.ECE != 0 {
				echoed++
			}
			if s.flags&wire.SYN == 0 && to && s.flags&wire.CWR != 0 {
				answered++
			}
		}
		forward, backward := f.last.Side(flow.Forward), f.last.Side(flow.Backward)
		if forward.CE != marked || backward.ECE != echoed || forward.CWR != answered || !forward.ECN || !backward.ECN {
			t.Errorf("%s: %d marked, %d echoed, %d answered; said: %d, %d, %d, ECN %v %v", p.name, marked, echoed, answered, forward.CE, backward.ECE, forward.CWR, forward.ECN, backward.ECN)
		}
		if p.name == "receiver" && (marked == 0 || echoed == 0) {
			t.Error("nothing was marked")
		}
	})
}

// TestSnaplen: what the capture cut is a gap of known size and no loss.
func TestSnaplen(t *testing.T) {
	for _, n := range theWorld(t).networks {
		for _, p := range n.places {
			var whole, cut []capture.Frame
			for i, f := range p.frames {
				if s := n.truth.sights[p][i]; s != nil && !s.whole {
					continue // which nobody can tell when it is cut
				}
				whole = append(whole, f)
				f.Data = f.Data[:min(len(f.Data), 120)]
				cut = append(cut, f)
			}
			a, b := follow(whole), follow(cut)
			for i := range whole {
				one, two := kindsOf(a.by[uint64(i+1)]), kindsOf(b.by[uint64(i+1)])
				if !slices.Equal(one, two) {
					t.Errorf("%s at the %s: frame %d: whole %v, cut %v", n.name, p.name, i+1, a.by[uint64(i+1)], b.by[uint64(i+1)])
				}
			}
			for d := range flow.Direction(2) {
				if len(b.bytes[d])+int(b.cut[d]) != len(n.talk.said[d]) || b.gaps != b.cut[0]+b.cut[1] {
					t.Errorf("%s at the %s: %s: %d bytes and %d that were cut off, of %d", n.name, p.name, d, len(b.bytes[d]), b.cut[d], len(n.talk.said[d]))
				}
			}
		}
	}
}

func kindsOf(verdicts []flow.Verdict) (all []string) {
	for _, v := range verdicts {
		all = append(all, v.Kind.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestBothEnds: a packet that was captured at both ends of a link is one packet.
func TestBothEnds(t *testing.T) {
	t.Parallel()
	g := newPair(t, netlab.LinkConfig{}, nil)
	for _, h := range []*netlab.Host{g.a, g.b} {
		for _, offload := range []string{"tx-checksum", "tso", "gso"} {
			must(t, h.SetOffload(h.Ifname(), offload, false))
		}
	}
	client, server := g.talkTo(t, 0, 0)
	said := [2][]byte{noise(100_000), noise(50_000)}
	exchange(t, client, server, said)
	g.ended(t, client, server)
	var both []capture.Frame
	for i, p := range g.places {
		for _, f := range p.frames {
			f.Interface = i
			both = append(both, f)
		}
	}
	slices.SortStableFunc(both, func(a, b capture.Frame) int { return a.Time.Compare(b.Time) })
	f := follow(both)
	f.handed(t, "both", said)
	f.nothing(t, "both", flow.Copy)
	if k := f.kinds(); k[flow.Copy] != len(both)/2 {
		if dir := os.Getenv("FLOW_KEEP"); dir != "" {
			write(t, filepath.Join(dir, "both.pcapng"), both)
		}
		t.Errorf("%d copies of %d frames: %v", k[flow.Copy], len(both), k)
	}
}

// TestAny: a router's capture on all interfaces has each packet twice, with another TTL and other hardware addresses.
func TestAny(t *testing.T) {
	t.Parallel()
	c, random := draw(8)
	g, err := newRig(t.Name(), c)
	must(t, err)
	t.Cleanup(func() { g.lab.Close() })
	must(t, g.record("all", g.r, capture.Any))
	must(t, g.speak(c, random))
	must(t, g.stop())
	// What one interface shows is judged elsewhere; here the second sight of a packet must not be taken for another.
	p := g.places[3]
	f := follow(p.frames)
	f.handed(t, p.name, g.talk.said)
	seen := map[string]bool{}
	for i := range p.frames {
		name := key(p.frames[i].Data[20:])
		if n := uint64(i + 1); seen[name] && !f.has(n, flow.Copy) && !f.has(n, flow.Duplicate) && !f.has(n, flow.Corrupt) {
			t.Errorf("frame %d came before: %v", n, f.by[n])
		} else if !seen[name] && (f.has(n, flow.Copy) || f.has(n, flow.Duplicate)) {
			t.Errorf("frame %d did not come before: %v", n, f.by[n])
		}
		seen[name] = true
	}
}

func (f *found) has(packet uint64, k flow.Kind) bool {
	return slices.ContainsFunc(f.by[packet], func(v flow.Verdict) bool { return v.Kind == k })
}
