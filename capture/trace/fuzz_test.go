package trace_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

// bits takes values from fuzzed bytes.
type bits struct{ b []byte }

func (f *bits) n(n int) int {
	if len(f.b) == 0 {
		return 0
	}
	v := int(f.b[0])
	f.b = f.b[1:]
	return v % n
}

func (f *bits) u32() uint32 {
	var v [4]byte
	f.b = f.b[copy(v[:], f.b):]
	return binary.LittleEndian.Uint32(v[:])
}

func (f *bits) bytes() []byte {
	n := min(f.n(64), len(f.b))
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

func (f *bits) addr() netip.AddrPort {
	all := []string{"10.0.0.1:1", "10.0.0.2:2", "0.0.0.0:2", "[::]:2", "[fd00::1]:1", "[fd00::2]:2", "10.0.0.1:0", "127.0.0.1:2"}
	if n := f.n(9); n < len(all) {
		return netip.MustParseAddrPort(all[n])
	}
	return netip.AddrPort{}
}

func (f *bits) address() trace.Addr {
	if f.n(4) == 0 {
		return trace.Addr{Unix: []string{"", "@a", "/b"}[f.n(3)]}
	}
	return trace.Addr{IP: f.addr()}
}

func (f *bits) time() time.Duration { return time.Duration(f.n(256)) * time.Millisecond / 4 }

// event makes any event at all, sensible or not.
func (f *bits) event() trace.Event {
	names := []string{"send", "recv", "sendto", "recvfrom", "connect", "accept", "close", "shutdown", "listen", "setsockopt", "socket", "sendmmsg", "sendmsg", "poll", "epoll_wait", "x"}
	switch f.n(8) {
	case 0, 1, 2:
		c := &trace.Call{Number: f.n(40), Name: names[f.n(len(names))], FD: f.n(5) - 1, Socket: trace.SocketID(f.n(5)), Host: []string{"", "a", "b"}[f.n(3)],
			Entered: f.time(), Left: f.time(), Pending: f.n(8) == 0, Result: int64(int8(f.n(256))), Size: int(int8(f.n(256))), Data: f.bytes(), Addr: f.address(),
			OffsetKnown: f.n(8) == 0, Offset: int64(int32(f.u32()))}
		if f.n(6) == 0 {
			c.Errno = []string{"ECONNREFUSED", "EPERM"}[f.n(2)]
		}
		if f.n(4) == 0 {
			c.Flags = []string{[]string{"MSG_PEEK", "MSG_OOB", "MSG_TRUNC", "MSG_MORE"}[f.n(4)]}
		}
		for range f.n(3) {
			c.Messages = append(c.Messages, trace.Message{Data: f.bytes(), Size: int(int8(f.n(256))), Addr: f.address()})
		}
		for range f.n(3) {
			w := trace.Wait{FD: f.n(5) - 1, Socket: trace.SocketID(f.n(5)), Events: trace.Readiness(f.n(256)), Since: f.time()}
			c.Waits = append(c.Waits, w)
			if f.n(2) == 0 {
				c.Ready = append(c.Ready, w)
			}
		}
		for range f.n(4) {
			c.Args = append(c.Args, trace.Arg{Name: []string{"optname", "optval", "buf", "type"}[f.n(4)], Kind: trace.ArgKind(f.n(5)), Text: []string{"", "TCP_CORK", "IP_HDRINCL"}[f.n(3)],
				Int: int64(f.n(3)), Data: f.bytes(), Size: int(int8(f.n(256))), Addr: f.address()})
		}
		return c
	case 3:
		return &trace.State{Time: f.time(), Socket: trace.SocketID(f.n(5)), Change: trace.StateChange(f.n(8)), Call: f.n(40), FD: f.n(5), Host: []string{"", "a", "b"}[f.n(3)],
			Family: trace.Family(f.n(7)), Kind: trace.Kind(f.n(6)), Protocol: []uint8{0, 1, 6, 17, 58, 255}[f.n(6)], Local: f.address(), Remote: f.address(),
			Parent: trace.SocketID(f.n(5)), Peer: trace.SocketID(f.n(5))}
	case 4:
		return &trace.Host{Name: []string{"a", "b"}[f.n(2)], Addrs: []netip.Addr{f.addr().Addr()}, Captured: f.n(2) == 0}
	}
	p := &trace.Packet{Number: f.n(40), Time: f.time(), Host: "a", Direction: trace.Direction(f.n(4)), Src: f.addr(), Dst: f.addr(), Protocol: []uint8{1, 6, 17, 58}[f.n(4)],
		IPID: uint32(f.n(3)), Network: f.bytes(), Payload: f.bytes(), NetworkHeader: int(int8(f.n(256))), TransportHeader: int(int8(f.n(256))), PayloadLength: int(int8(f.n(256))),
		Fragment: trace.Fragment{Is: f.n(3) == 0, Offset: int(int8(f.n(256))) * 8, More: f.n(2) == 0}, Segments: f.n(3)}
	switch f.n(5) {
	case 0, 1:
		p.TCP = &trace.TCP{Seq: f.u32(), Ack: f.u32(), Flags: wire.TCPFlags(f.n(256)), MSS: uint16(f.n(3))}
	case 2:
		p.UDP = &trace.UDP{Length: f.n(256)}
	case 3:
		p.ICMP = &trace.ICMP{Type: uint8(f.n(256)), Code: uint8(f.n(4)), ID: uint16(f.n(2))}
		if f.n(2) == 0 {
			p.ICMP.Quote = &trace.Quote{Protocol: p.Protocol, Src: f.addr(), Dst: f.addr(), IPID: uint32(f.n(3)), Payload: f.bytes()}
		}
	}
	return p
}

// FuzzCorrelate gives the correlator events that make no sense. It must not panic, must not credit a packet to a
// call that had not been entered, and every renderer must take what it made.
func FuzzCorrelate(f *testing.F) {
	f.Add([]byte("some calls and packets that do not belong together at all, in any order"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := &bits{b}
		var events []trace.Event
		for len(in.b) > 0 && len(events) < 200 {
			events = append(events, in.event())
		}
		timeline := trace.Correlate(events)
		for _, p := range timeline.Packets {
			for _, s := range p.Carries {
				if c := timeline.Call(s.Call); c != nil && c.Entered > p.Time && p.Number != 0 && unique(events) {
					t.Fatalf("packet %d at %v carries #%d, entered at %v", p.Number, p.Time, s.Call, c.Entered)
				}
			}
			show.Comment(timeline, p, 0)
		}
		timeline.Check()
		timeline.Complete()
		show.Title(timeline, "x")
		show.Append(nil, timeline, show.Options{Color: true, Actors: true})
		show.Records(timeline, "x", time.Unix(0, 0))
		show.Summarize(timeline).AppendText(nil)
		show.AppendComparison(nil, show.Compare(timeline), 80)
	})
}

// unique tells whether calls have numbers of their own, as sources give them.
func unique(events []trace.Event) bool {
	seen := map[int]bool{}
	for _, e := range events {
		if c, ok := e.(*trace.Call); ok {
			if seen[c.Number] {
				return false
			}
			seen[c.Number] = true
		}
	}
	return true
}

// FuzzFromFrame reads any bytes as a frame.
func FuzzFromFrame(f *testing.F) {
	f.Add(uint16(1), append(make([]byte, 12), 8, 0, 0x45, 0, 0, 40, 0, 0, 0x20, 0, 64, 6))
	f.Add(uint16(101), []byte{0x60, 0, 0, 0, 0, 8, 58, 64})
	f.Fuzz(func(t *testing.T, link uint16, b []byte) {
		p := trace.FromFrame(capture.Frame{Data: b, Length: len(b), Link: capture.LinkType(link)}, 1, 0, "a", "eth0")
		if len(p.Network) > len(b) || len(p.Payload) > len(b) || p.PayloadLength < 0 {
			t.Fatalf("a frame of %d bytes has %d of network and %d of payload", len(b), len(p.Network), len(p.Payload))
		}
		show.Append(nil, trace.Correlate([]trace.Event{p}), show.Options{})
	})
}
