package report_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// hostile is text that a page must show as text: markup, an end of a script, controls, and signs that turn the
// direction.
const hostile = "<script>document.title='owned'</script></script><img src=x onerror=alert(1)>\x1b[2J\u202egnp.exe"

// sample is a TCP connection as events, with its frames.
type sample struct {
	t       testing.TB
	events  []trace.Event
	frames  map[int]*capture.Frame
	now     time.Duration
	calls   int
	sent    [2]uint32 // bytes each way, client first
	actor   string
	packets int
}

var (
	start  = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	client = netip.MustParseAddrPort("192.0.2.1:40000")
	server = netip.MustParseAddrPort("192.0.2.2:80")
)

// exchanges makes a connection on which the client sends so many messages, each taken by a receive.
func exchanges(t testing.TB, n int, message string) *sample {
	s := &sample{t: t, frames: map[int]*capture.Frame{}, actor: "client"}
	s.state(trace.State{Socket: 1, Change: trace.Created, Actor: "server " + hostile, Host: "server", FD: 3, Family: trace.FamilyIPv4, Kind: trace.KindStream})
	s.state(trace.State{Socket: 1, Change: trace.Bound, Local: trace.Addr{IP: server}})
	s.state(trace.State{Socket: 2, Change: trace.Created, Actor: "client", Host: "client", FD: 4, Family: trace.FamilyIPv4, Kind: trace.KindStream})
	s.events = append(s.events, &trace.Host{Name: "client", Addrs: []netip.Addr{client.Addr()}, Captured: true},
		&trace.Host{Name: "server", Addrs: []netip.Addr{server.Addr()}, Captured: true},
		&trace.Caption{Time: s.now, Text: "The client connects. " + hostile})
	s.call(trace.Call{Name: "connect", FD: 4, Socket: 2, Actor: "client", Addr: trace.Addr{IP: server},
		Args: []trace.Arg{{Name: "fd", Int: 4}, {Name: "addr", Kind: trace.ArgAddr, Addr: trace.Addr{IP: server}}}}, func() {
		s.segment(0, wire.SYN, nil)
		s.segment(1, wire.SYN|wire.ACK, nil)
		s.segment(0, wire.ACK, nil)
	})
	s.state(trace.State{Socket: 2, Change: trace.Connected, Local: trace.Addr{IP: client}, Remote: trace.Addr{IP: server}})
	s.state(trace.State{Socket: 5, Change: trace.Accepted, Actor: "server " + hostile, Host: "server", FD: 5, Family: trace.FamilyIPv4,
		Kind: trace.KindStream, Parent: 1, Local: trace.Addr{IP: server}, Remote: trace.Addr{IP: client}})
	for i := range n {
		data := []byte(fmt.Sprintf("%d %s", i, message))
		s.call(trace.Call{Name: "send", FD: 4, Socket: 2, Actor: "client", Data: data, Size: len(data), Result: int64(len(data)),
			Args: []trace.Arg{{Name: "fd", Int: 4}, {Name: "buf", Kind: trace.ArgData, Data: data, Size: len(data)}}}, func() {
			s.segment(0, wire.PSH|wire.ACK, data)
			s.segment(1, wire.ACK, nil)
		})
		s.call(trace.Call{Name: "recv", FD: 5, Socket: 5, Actor: "server " + hostile, Data: data, Size: 1000, Result: int64(len(data)),
			Args: []trace.Arg{{Name: "fd", Int: 5}, {Name: "len", Int: 1000}}}, nil)
	}
	s.call(trace.Call{Name: "recv", FD: 5, Socket: 5, Actor: "server " + hostile, Errno: "EAGAIN", Result: -1, Size: 10, Args: []trace.Arg{{Name: "fd", Int: 5}}}, nil)
	s.call(trace.Call{Name: "poll", FD: -1, Pending: true, Actor: "client", Args: []trace.Arg{{Name: "nfds", Int: 1}}}, nil)
	return s
}

func (s *sample) state(e trace.State) {
	s.now += time.Microsecond
	e.Time = s.now
	s.events = append(s.events, &e)
}

func (s *sample) call(c trace.Call, inside func()) {
	s.calls++
	s.now += 10 * time.Microsecond
	c.Number, c.Process, c.Thread, c.Entered = s.calls, 100+c.FD, 100+c.FD, s.now
	if inside != nil {
		inside()
	}
	s.now += 5 * time.Microsecond
	if !c.Pending {
		c.Left = s.now
	}
	s.events = append(s.events, &c)
}

// segment adds a segment of the client (0) or the server (1).
func (s *sample) segment(from int, flags wire.TCPFlags, data []byte) {
	s.t.Helper()
	s.now += 7 * time.Microsecond
	s.packets++
	ends := [2]netip.AddrPort{client, server}
	src, dst := ends[from], ends[1-from]
	seq, ack := 1000*uint32(from+1)+s.sent[from], 1000*uint32(2-from)+s.sent[1-from]
	if flags&wire.SYN == 0 {
		seq++
	}
	ack++
	if flags&wire.ACK == 0 {
		ack = 0
	}
	s.sent[from] += uint32(len(data))
	b, err := packet.Append(nil, &packet.IPv4{Src: src.Addr(), Dst: dst.Addr()},
		&packet.TCP{SrcPort: src.Port(), DstPort: dst.Port(), Seq: seq, Ack: ack, Flags: flags}, packet.Payload(data))
	if err != nil {
		s.t.Fatal(err)
	}
	f := &capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw, Time: start.Add(s.now), Direction: capture.DirectionOut}
	if from == 1 {
		f.Direction = capture.DirectionIn
	}
	s.frames[s.packets] = f
	s.events = append(s.events, trace.FromFrame(*f, s.packets, s.now, "client", "veth0"))
}

func (s *sample) frame(number int) *capture.Frame { return s.frames[number] }

func (s *sample) timeline() *trace.Timeline { return trace.Correlate(s.events) }
