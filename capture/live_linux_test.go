package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/netlab"
)

// modes are the two ways to receive; both must tell the same.
var modes = map[string]bool{"ring": false, "immediate": true}

func open(t *testing.T, h *netlab.Host, name string, cfg capture.Config) *capture.Live {
	t.Helper()
	var l *capture.Live
	err := h.Do(func() error {
		var err error
		l, err = capture.Open(context.Background(), name, &cfg)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// udp returns a socket of host a that sends to a bound socket of host b.
func udp(t *testing.T, a, b *netlab.Host, size int) (send func(seq uint32), port uint16) {
	t.Helper()
	var server, client *net.UDPConn
	must(t, b.Do(func() (err error) {
		server, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Addr4(), 0)))
		return err
	}))
	t.Cleanup(func() { server.Close() })
	to := server.LocalAddr().(*net.UDPAddr)
	must(t, a.Do(func() (err error) {
		client, err = net.DialUDP("udp", nil, to)
		return err
	}))
	t.Cleanup(func() { client.Close() })
	payload := make([]byte, size)
	return func(seq uint32) {
		binary.BigEndian.PutUint32(payload, seq)
		if _, err := client.Write(payload); err != nil {
			t.Fatal(err)
		}
	}, uint16(to.Port)
}

// seqOf returns the sequence number of a frame that udp sent to port over IPv4.
func seqOf(f *capture.Frame, port uint16) (uint32, bool) {
	d := f.Data
	switch f.Link {
	case capture.LinkEthernet:
		if len(d) < 14 || binary.BigEndian.Uint16(d[12:]) != unix.ETH_P_IP {
			return 0, false
		}
		d = d[14:]
	case capture.LinkLinuxSLL2:
		if len(d) < 20 || binary.BigEndian.Uint16(d) != unix.ETH_P_IP {
			return 0, false
		}
		d = d[20:]
	}
	if len(d) < 32 || d[0] != 0x45 || d[9] != unix.IPPROTO_UDP || binary.BigEndian.Uint16(d[22:]) != port {
		return 0, false
	}
	return binary.BigEndian.Uint32(d[28:]), true
}

// rest stops l and returns the sequence numbers of what was left.
func rest(t *testing.T, l *capture.Live, port uint16, each func(f *capture.Frame)) []uint32 {
	t.Helper()
	must(t, l.Stop())
	var seqs []uint32
	var f capture.Frame
	for {
		err := l.Next(&f)
		if err == io.EOF {
			return seqs
		}
		must(t, err)
		if seq, ok := seqOf(&f, port); ok {
			seqs = append(seqs, seq)
			if each != nil {
				each(&f)
			}
		}
	}
}

func wantInOrder(t *testing.T, seqs []uint32, n int) {
	t.Helper()
	if len(seqs) != n {
		t.Fatalf("%d frames, want %d", len(seqs), n)
	}
	for i, s := range seqs {
		if s != uint32(i) {
			t.Fatalf("frame %d has number %d", i, s)
		}
	}
}

func TestLive(t *testing.T) {
	for name, immediate := range modes {
		t.Run(name, func(t *testing.T) {
			_, a, b := netlab.Two(t)
			before := time.Now()
			out := open(t, a, a.Ifname(), capture.Config{Immediate: immediate})
			in := open(t, b, b.Ifname(), capture.Config{Immediate: immediate})
			send, port := udp(t, a, b, 100)
			const n = 500
			for i := range n {
				send(uint32(i))
			}
			check := func(direction capture.Direction, ifindex int) func(f *capture.Frame) {
				last := before
				return func(f *capture.Frame) {
					if f.Direction != direction || f.Link != capture.LinkEthernet || f.Interface != 0 || f.Ifindex != ifindex {
						t.Errorf("frame %+v, want direction %v and ifindex %d", f, direction, ifindex)
					}
					if f.Length != 14+20+8+100 || len(f.Data) != f.Length || cap(f.Data) != len(f.Data) {
						t.Errorf("length %d, data %d of %d", f.Length, len(f.Data), cap(f.Data))
					}
					if f.Time.Before(last) || f.Time.After(time.Now()) {
						t.Errorf("time %v after %v", f.Time, last)
					}
					last = f.Time
					if !f.Offload.ChecksumPending {
						t.Errorf("the checksum was left to the device, and the frame says %+v", f.Offload)
					}
				}
			}
			wantInOrder(t, rest(t, out, port, check(capture.DirectionOut, a.Ifindex())), n)
			wantInOrder(t, rest(t, in, port, check(capture.DirectionIn, b.Ifindex())), n)
			stats, err := in.Stats()
			must(t, err)
			if stats.Dropped != 0 || stats.Received != stats.Delivered || stats.Received < n {
				t.Errorf("statistics %+v", stats)
			}
			ifs := in.Interfaces()
			if len(ifs) != 1 || ifs[0].Name != b.Ifname() || ifs[0].Index != b.Ifindex() || ifs[0].Link != capture.LinkEthernet {
				t.Errorf("interfaces %+v", ifs)
			}
		})
	}
}

func TestLiveImmediateHasAllUpToNow(t *testing.T) {
	_, a, b := netlab.Two(t)
	l := open(t, a, a.Ifname(), capture.Config{Immediate: true})
	send, port := udp(t, a, b, 10)
	var f capture.Frame
	for i := range uint32(100) {
		send(i)
		found := false
		for {
			ok, err := l.TryNext(&f)
			must(t, err)
			if !ok {
				break
			}
			if seq, is := seqOf(&f, port); is && seq == i {
				found = true
			}
		}
		if !found && i > 0 { // the first waits for ARP
			t.Fatalf("frame %d was sent, and is not queued", i)
		}
	}
}

func TestLiveLoopbackOnce(t *testing.T) {
	for name, immediate := range modes {
		for _, c := range []struct {
			device string
			way    capture.Direction
			want   capture.Direction
		}{
			{"lo", capture.DirectionUnknown, capture.DirectionIn},
			{"lo", capture.DirectionOut, capture.DirectionOut},
			{"lo", capture.DirectionIn, capture.DirectionIn},
			{capture.Any, capture.DirectionUnknown, capture.DirectionIn},
			{capture.Any, capture.DirectionOut, capture.DirectionOut},
		} {
			t.Run(name+"/"+c.device+"/"+c.way.String(), func(t *testing.T) {
				_, a, _ := netlab.Two(t)
				l := open(t, a, c.device, capture.Config{Immediate: immediate, Direction: c.way})
				var conn *net.UDPConn
				must(t, a.Do(func() (err error) {
					conn, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
					return err
				}))
				defer conn.Close()
				to := conn.LocalAddr().(*net.UDPAddr)
				for i := range uint32(20) {
					_, err := conn.WriteTo(binary.BigEndian.AppendUint32(nil, i), to)
					must(t, err)
				}
				wantInOrder(t, rest(t, l, uint16(to.Port), func(f *capture.Frame) {
					if f.Direction != c.want {
						t.Errorf("direction %v, want %v", f.Direction, c.want)
					}
					if name := l.Interfaces()[f.Interface].Name; name != "lo" || f.Ifindex != 1 {
						t.Errorf("interface %q, index %d", name, f.Ifindex)
					}
				}), 20)
			})
		}
	}
}

func TestLiveDirection(t *testing.T) {
	for name, immediate := range modes {
		t.Run(name, func(t *testing.T) {
			_, a, b := netlab.Two(t)
			in := open(t, a, a.Ifname(), capture.Config{Immediate: immediate, Direction: capture.DirectionIn})
			out := open(t, a, a.Ifname(), capture.Config{Immediate: immediate, Direction: capture.DirectionOut})
			send, port := udp(t, a, b, 10)
			for i := range uint32(10) {
				send(i)
			}
			wantInOrder(t, rest(t, in, port, nil), 0)
			wantInOrder(t, rest(t, out, port, nil), 10)
		})
	}
}

func assemble(t *testing.T, prog ...bpf.Instruction) []bpf.RawInstruction {
	t.Helper()
	raw, err := bpf.Assemble(prog)
	must(t, err)
	return raw
}

func TestLiveFilterAndSnaplen(t *testing.T) {
	for name, immediate := range modes {
		for _, device := range []string{"eth0", capture.Any} {
			t.Run(name+"/"+device, func(t *testing.T) {
				_, a, b := netlab.Two(t)
				header := uint32(14)
				protocol := uint32(12)
				if device == capture.Any {
					header, protocol = 20, 0
				}
				// Even sequence numbers of UDP over IPv4.
				prog := assemble(t,
					bpf.LoadAbsolute{Off: protocol, Size: 2}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 5},
					bpf.LoadAbsolute{Off: header + 9, Size: 1}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 3},
					bpf.LoadAbsolute{Off: header + 31, Size: 1}, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 1, SkipTrue: 1},
					bpf.RetConstant{Val: 0x40000}, bpf.RetConstant{Val: 0})
				for what, filter := range map[string][]bpf.RawInstruction{
					"kernel": prog,
					// A load of the length makes a cooked filter run in the reader.
					"reader": append(assemble(t, bpf.LoadExtension{Num: bpf.ExtLen}), prog...),
				} {
					l := open(t, b, device, capture.Config{Immediate: immediate, Filter: filter, Snaplen: 60})
					send, port := udp(t, a, b, 100)
					for i := range uint32(20) {
						send(i)
					}
					seqs := rest(t, l, port, func(f *capture.Frame) {
						if len(f.Data) != 60 || f.Length != int(header)+128 {
							t.Errorf("%s: %d of %d bytes", what, len(f.Data), f.Length)
						}
					})
					if len(seqs) != 10 || seqs[3] != 6 {
						t.Errorf("%s: numbers %v", what, seqs)
					}
				}
			})
		}
	}
}

// sendRaw puts a frame on the first link of h.
func sendRaw(t *testing.T, h *netlab.Host, frame []byte) {
	t.Helper()
	must(t, h.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: h.Ifindex()})
	}))
}

func TestLivePutsVLANTagBack(t *testing.T) {
	for name, immediate := range modes {
		t.Run(name, func(t *testing.T) {
			_, a, b := netlab.Two(t)
			plain := open(t, b, b.Ifname(), capture.Config{Immediate: immediate, Promiscuous: true})
			cooked := open(t, b, capture.Any, capture.Config{Immediate: immediate})
			frame := func(tpid uint16) []byte {
				f := append(append([]byte{}, b.MAC()...), a.MAC()...)
				f = binary.BigEndian.AppendUint16(f, tpid)
				f = binary.BigEndian.AppendUint16(f, 5<<13|101)
				f = binary.BigEndian.AppendUint16(f, 0x88b5) // for local experiments, IEEE 802
				return append(f, "forty bytes of payload behind the tag..."...)
			}
			var sent [][]byte
			for _, tpid := range []uint16{unix.ETH_P_8021Q, unix.ETH_P_8021AD} {
				sent = append(sent, frame(tpid))
				sendRaw(t, a, sent[len(sent)-1])
			}
			must(t, plain.Stop())
			must(t, cooked.Stop())
			var got [][]byte
			var f capture.Frame
			for plain.Next(&f) == nil {
				if len(f.Data) == len(sent[0]) && bytes.HasSuffix(f.Data, []byte("tag...")) {
					got = append(got, bytes.Clone(f.Data))
					if f.Length != len(f.Data) {
						t.Errorf("length %d of %d", f.Length, len(f.Data))
					}
				}
			}
			for i := range sent {
				if len(got) != len(sent) || !bytes.Equal(got[i], sent[i]) {
					t.Fatalf("got\n% x\nsent\n% x", got, sent)
				}
			}
			n := 0
			for cooked.Next(&f) == nil {
				if !bytes.HasSuffix(f.Data, []byte("tag...")) {
					continue
				}
				want := sent[n][12:]
				if !bytes.Equal(f.Data[:2], want[:2]) || !bytes.Equal(f.Data[20:], want[2:]) || f.Length != len(f.Data) {
					t.Errorf("cooked % x, want % x after the header", f.Data, want)
				}
				n++
			}
			if n != len(sent) {
				t.Errorf("%d cooked frames", n)
			}
		})
	}
}

func TestLiveSegmentOffload(t *testing.T) {
	for name, immediate := range modes {
		t.Run(name, func(t *testing.T) {
			_, a, b := netlab.Two(t)
			l := open(t, a, a.Ifname(), capture.Config{Immediate: immediate, Direction: capture.DirectionOut})
			var ln net.Listener
			must(t, b.Do(func() (err error) {
				ln, err = net.Listen("tcp", netip.AddrPortFrom(b.Addr4(), 0).String())
				return err
			}))
			defer ln.Close()
			got := make(chan int64, 1)
			go func() {
				c, err := ln.Accept()
				if err != nil {
					got <- -1
					return
				}
				n, _ := io.Copy(io.Discard, c)
				c.Close()
				got <- n
			}()
			const size = 1 << 20
			must(t, a.Do(func() error {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					return err
				}
				if _, err := c.Write(make([]byte, size)); err != nil {
					return err
				}
				return c.Close()
			}))
			if n := <-got; n != size {
				t.Fatalf("%d bytes arrived", n)
			}
			must(t, l.Stop())
			var f capture.Frame
			super := 0
			for l.Next(&f) == nil {
				if f.Length <= 1514 {
					if f.Offload.SegmentSize != 0 {
						t.Errorf("segments %+v in a frame of %d bytes", f.Offload, f.Length)
					}
					continue
				}
				super++
				ip := f.Data[14:]
				header := 14 + int(ip[0]&15)*4 + int(f.Data[14+int(ip[0]&15)*4+12]>>4)*4
				size := int(f.Offload.SegmentSize)
				if size == 0 || size > 1460 || int(f.Offload.Segments) != (f.Length-header+size-1)/size {
					t.Errorf("%d bytes, header %d, offload %+v", f.Length, header, f.Offload)
				}
			}
			if super == 0 {
				t.Error("a megabyte in one write made no super-packet")
			}
		})
	}
}

func TestLiveClose(t *testing.T) {
	for name, immediate := range modes {
		t.Run(name, func(t *testing.T) {
			_, a, b := netlab.Two(t)
			l := open(t, b, b.Ifname(), capture.Config{Immediate: immediate, Timeout: time.Millisecond})
			send, port := udp(t, a, b, 50)
			send(7)
			var f capture.Frame
			for {
				must(t, l.Next(&f))
				if _, ok := seqOf(&f, port); ok {
					break
				}
			}
			must(t, l.Close())
			if seq, ok := seqOf(&f, port); !ok || seq != 7 {
				t.Error("the frame is gone with Close")
			}
			for range 2 {
				if err := l.Next(&f); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Next after Close: %v", err)
				}
			}
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("second Close: %v", err)
			}
			if _, err := l.Stats(); err != nil {
				t.Errorf("statistics after Close: %v", err)
			}

			l = open(t, b, "lo", capture.Config{Immediate: immediate})
			woken := make(chan error)
			go func() {
				var f capture.Frame
				woken <- l.Next(&f)
			}()
			must(t, l.Close())
			if err := <-woken; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Next woken by Close: %v", err)
			}

			l = open(t, b, "lo", capture.Config{Immediate: immediate})
			go func() {
				var f capture.Frame
				woken <- l.Next(&f)
			}()
			must(t, l.Stop())
			if err := <-woken; err != io.EOF {
				t.Errorf("Next woken by Stop: %v", err)
			}
		})
	}
}

func TestLiveDeadlineAndContext(t *testing.T) {
	for name, immediate := range modes {
		t.Run(name, func(t *testing.T) {
			_, _, b := netlab.Two(t)
			l := open(t, b, "lo", capture.Config{Immediate: immediate})
			must(t, l.SetReadDeadline(time.Unix(1, 0)))
			var f capture.Frame
			if err := l.Next(&f); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Next at the deadline: %v", err)
			}
			must(t, l.SetReadDeadline(time.Time{}))
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() {
				for _, err := range l.Frames(ctx) {
					if err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Frames at the end of its context: %v", err)
			}
			if ok, err := l.TryNext(&f); ok || err != nil {
				t.Errorf("TryNext after it: %v %v", ok, err)
			}
		})
	}
}

// onlyTo keeps what udp sends to port, so that nothing else of the link is among the drops.
func onlyTo(t *testing.T, port uint16) []bpf.RawInstruction {
	return assemble(t,
		bpf.LoadAbsolute{Off: 12, Size: 2}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 5},
		bpf.LoadAbsolute{Off: 23, Size: 1}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 3},
		bpf.LoadAbsolute{Off: 36, Size: 2}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(port), SkipTrue: 1},
		bpf.RetConstant{Val: 0x40000}, bpf.RetConstant{Val: 0})
}

// A receive buffer that is too small: every gap in the numbers is told by the frame behind it.
func TestLiveDropsWhereTheyHappened(t *testing.T) {
	_, a, b := netlab.Two(t)
	send, port := udp(t, a, b, 10)
	l := open(t, b, b.Ifname(), capture.Config{Immediate: true, Buffer: 64 << 10, Filter: onlyTo(t, port)})
	send(0)
	var f capture.Frame
	next, drops, frames := uint32(1), uint64(0), 0
	read := func() {
		for {
			ok, err := l.TryNext(&f)
			must(t, err)
			if !ok {
				return
			}
			seq, ok := seqOf(&f, port)
			if !ok {
				t.Fatalf("the filter let % x through", f.Data)
			}
			if seq == 0 {
				continue
			}
			if uint64(seq-next) != f.Drops {
				t.Fatalf("frame %d after %d says that %d were dropped", seq, next-1, f.Drops)
			}
			next = seq + 1
			drops += f.Drops
			frames++
		}
	}
	read()
	number := uint32(1)
	for range 5 {
		for range 300 {
			send(number)
			number++
		}
		read()
	}
	stats, err := l.Stats()
	must(t, err)
	if drops == 0 || stats.Dropped < drops {
		t.Fatalf("%d drops told, statistics %+v", drops, stats)
	}
	if total := uint64(frames) + stats.Dropped; total != uint64(number-1) {
		t.Errorf("%d frames and %d drops of %d sent", frames, stats.Dropped, number-1)
	}
}

func TestRingDropsAreTold(t *testing.T) {
	_, a, b := netlab.Two(t)
	send, port := udp(t, a, b, 1400)
	l := open(t, b, b.Ifname(), capture.Config{Buffer: 64 << 10, Filter: onlyTo(t, port)}) // two blocks are the least
	const n = 1000
	for i := range n {
		send(uint32(i))
	}
	var f capture.Frame
	must(t, l.Next(&f)) // frees the first block when it is read
	var told uint64
	frames := 0
	take := func() {
		told += f.Drops
		if _, ok := seqOf(&f, port); ok {
			frames++
		}
	}
	take()
	must(t, l.Stop())
	for l.Next(&f) == nil {
		take()
	}
	stats, err := l.Stats()
	must(t, err)
	if stats.Dropped == 0 || frames+int(stats.Dropped) != n {
		t.Errorf("%d frames and %d drops of %d", frames, stats.Dropped, n)
	}
	if told > stats.Dropped {
		t.Errorf("%d told of %d dropped", told, stats.Dropped)
	}
}

func TestLiveDoesNotAllocate(t *testing.T) {
	for name, immediate := range modes {
		for _, device := range []string{"eth0", capture.Any} {
			t.Run(name+"/"+device, func(t *testing.T) {
				_, a, b := netlab.Two(t)
				l := open(t, b, device, capture.Config{Immediate: immediate, Timeout: time.Millisecond})
				send, _ := udp(t, a, b, 50)
				const n = 300
				for i := range uint32(n + 10) {
					send(i)
				}
				var f capture.Frame
				must(t, l.Next(&f))
				if allocs := testing.AllocsPerRun(n, func() {
					if err := l.Next(&f); err != nil {
						t.Fatal(err)
					}
				}); allocs != 0 {
					t.Errorf("%v allocations a frame", allocs)
				}
			})
		}
	}
}

func TestOpenErrors(t *testing.T) {
	ctx := context.Background()
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		device string
		cfg    capture.Config
		is     error
	}{
		"no such device":    {ctx, "none0", capture.Config{}, capture.ErrNoDevice},
		"empty name":        {ctx, "", capture.Config{}, capture.ErrNoDevice},
		"name too long":     {ctx, "an-interface-name-of-many-bytes", capture.Config{}, capture.ErrNoDevice},
		"cancelled":         {cancelled, "lo", capture.Config{}, context.Canceled},
		"snaplen":           {ctx, "lo", capture.Config{Snaplen: -1}, nil},
		"buffer too small":  {ctx, "lo", capture.Config{Buffer: 1}, nil},
		"timeout":           {ctx, "lo", capture.Config{Timeout: time.Hour}, nil},
		"filter too long":   {ctx, "lo", capture.Config{Filter: make([]bpf.RawInstruction, 5000)}, nil},
		"unknown direction": {ctx, "lo", capture.Config{Direction: 9}, nil},
	} {
		l, err := capture.Open(c.ctx, c.device, &c.cfg)
		if err == nil {
			l.Close()
			t.Errorf("%s: opened", name)
		} else if c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
	netlab.Need(t)
	_, a, _ := netlab.Two(t)
	must(t, a.Do(func() error {
		if l, err := capture.Open(ctx, "eth0", &capture.Config{DeviceTime: true}); !errors.Is(err, errors.ErrUnsupported) {
			if err == nil {
				l.Close()
			}
			t.Errorf("time stamps of a virtual device: %v", err)
		}
		return nil
	}))
}

func TestInterfaces(t *testing.T) {
	_, a, _ := netlab.Two(t)
	must(t, a.Do(func() error {
		list, err := capture.Interfaces()
		if err != nil {
			return err
		}
		names := make(map[string]bool)
		for _, d := range list {
			names[d.Name] = true
		}
		if !names["lo"] || !names["eth0"] || list[len(list)-1].Name != capture.Any {
			t.Errorf("interfaces %+v", list)
		}
		return nil
	}))
}

// refusing is an expression that cannot be compiled.
type refusing struct{ text string }

func (r refusing) Text() string { return r.text }
func (r refusing) CompileLive(link capture.LinkType, snaplen int, netmask netip.Addr) ([]bpf.RawInstruction, error) {
	return nil, fmt.Errorf("for %v, %d bytes, mask %v: %w", link, snaplen, netmask, os.ErrInvalid)
}

// TestExpression: the expression is compiled for the interface, and is in the description.
func TestExpression(t *testing.T) {
	_, err := capture.Open(t.Context(), "lo", &capture.Config{Expression: refusing{"x"}, Snaplen: 99})
	if !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), "for EN10MB, 99 bytes, mask 255.0.0.0") {
		t.Errorf("%v", err)
	}
	if _, err := capture.Open(t.Context(), "lo", &capture.Config{Expression: refusing{"x"}, Filter: onlyTo(t, 9)}); err == nil {
		t.Error("a filter and an expression are taken together")
	}
}
