package trace_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

// sharing makes sockets that share an address, with a cookie each: 101 and so on.
func (s *script) sharing(n int, kind trace.Kind, proto uint8, local string) {
	s.add(&trace.Host{Name: "h", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Captured: true})
	for i := range n {
		id := trace.SocketID(i + 1)
		s.state(1+float64(i)/10, trace.State{Socket: id, Change: trace.Created, Host: "h", FD: 3 + i, Family: trace.FamilyIPv4, Kind: kind, Protocol: proto})
		if local != "" {
			s.state(1.5, trace.State{Socket: id, Change: trace.Bound, Local: trace.Addr{IP: netip.MustParseAddrPort(local)}})
		}
		s.state(2, trace.State{Socket: id, Change: trace.Sighted, Cookie: uint64(101 + i)})
	}
}

// arrives adds a datagram from elsewhere that was given to sockets.
func (s *script) arrives(t float64, to, data string, cookies ...uint64) *trace.Packet {
	s.packets++
	p := &trace.Packet{Number: s.packets, Time: ms(t), Host: "h", Direction: trace.In, Protocol: trace.ProtoUDP,
		Src: netip.MustParseAddrPort("192.0.2.9:999"), Dst: netip.MustParseAddrPort(to), UDP: &trace.UDP{Length: 8 + len(data)},
		NetworkHeader: 20, TransportHeader: 8, Payload: []byte(data), PayloadLength: len(data), Receivers: cookies}
	s.add(p)
	return p
}

func (s *script) receive(n int, t float64, id trace.SocketID, data string) {
	s.call(n, t, t+0.1, trace.Call{Name: "recv", FD: 2 + int(id), Socket: id, Host: "h", Data: []byte(data), Size: 100, Result: int64(len(data))})
}

func names(p *trace.PacketRecord) string {
	var all []string
	if p.To != nil {
		all = append(all, p.To.Name)
	}
	for _, s := range p.Also {
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}

// Sockets that share a port: the kernel knows which of them got the datagram.
func TestToldDatagram(t *testing.T) {
	for _, tt := range []struct {
		name    string
		cookies []uint64
		dst     string
		to      string
		takers  []int // the receives that took it
	}{
		{"the first of a group", []uint64{101}, "192.0.2.1:53", "s1", []int{1}},
		{"the second", []uint64{102}, "192.0.2.1:53", "s2", []int{2}},
		{"somebody else's socket", []uint64{999}, "192.0.2.1:53", "", nil},
		{"a multicast group", []uint64{101, 999, 103}, "224.0.0.251:53", "s1 s3", []int{1, 3}},
	} {
		s := new(script)
		s.sharing(3, trace.KindDatagram, 0, "0.0.0.0:53")
		s.arrives(10, tt.dst, "hello", tt.cookies...)
		for id := range 3 {
			if slices.Contains(tt.takers, id+1) {
				s.receive(id+1, 11, trace.SocketID(id+1), "hello")
			}
		}
		line := trace.Correlate(s.events)
		if got := names(line.Packet(1)); got != tt.to {
			t.Errorf("%s: to %q, want %q", tt.name, got, tt.to)
		}
		for _, n := range tt.takers {
			if line.Call(n).Message != 1 {
				t.Errorf("%s: receive #%d took message %d", tt.name, n, line.Call(n).Message)
			}
		}
		if text := string(show.Append(nil, line, show.Options{})); tt.to != "" && !strings.Contains(text, "→"+strings.ReplaceAll(tt.to, " ", ",")+" ") {
			t.Errorf("%s:\n%s", tt.name, text)
		}
	}
}

// Two sockets that send from one port: the kernel knows which one sent.
func TestToldSender(t *testing.T) {
	s := new(script)
	s.sharing(2, trace.KindDatagram, 0, "192.0.2.1:53")
	for i, cookie := range []uint64{102, 101} {
		id := trace.SocketID(cookie - 100)
		to := trace.Addr{IP: netip.MustParseAddrPort("192.0.2.9:999")}
		s.call(i+1, 10+float64(i), 10.5+float64(i), trace.Call{Name: "sendto", FD: 2 + int(id), Socket: id, Host: "h", Data: []byte("x"), Size: 1, Result: 1, Addr: to})
		s.packets++
		s.add(&trace.Packet{Number: s.packets, Time: ms(10.2 + float64(i)), Host: "h", Direction: trace.Out, Protocol: trace.ProtoUDP,
			Src: netip.MustParseAddrPort("192.0.2.1:53"), Dst: to.IP, UDP: &trace.UDP{Length: 9}, NetworkHeader: 20, TransportHeader: 8, Payload: []byte("x"), PayloadLength: 1, Sender: cookie})
	}
	line := trace.Correlate(s.events)
	for n, want := range map[int]string{1: "s2", 2: "s1"} {
		p := line.Packet(n)
		if p.From == nil || p.From.Name != want || len(p.Carries) != 1 || p.Carries[0].Call != n {
			t.Errorf("packet %d from %v carries %v, want %s and #%d", n, p.From, p.Carries, want, n)
		}
	}
}

// Of two listeners of one address the kernel chooses one, and of equal addresses of ended connections it knows the
// socket.
func TestToldListener(t *testing.T) {
	for cookie, want := range map[uint64]string{101: "s1", 102: "s2", 999: "s1"} {
		s := new(script)
		s.sharing(2, trace.KindStream, 0, "192.0.2.1:80")
		for id := range 2 {
			s.call(id+1, 3, 3.1, trace.Call{Name: "listen", FD: 3 + id, Socket: trace.SocketID(id + 1), Host: "h"})
		}
		s.packets++
		s.add(&trace.Packet{Number: s.packets, Time: ms(10), Host: "h", Direction: trace.In, Protocol: trace.ProtoTCP, Src: netip.MustParseAddrPort("192.0.2.9:999"),
			Dst: netip.MustParseAddrPort("192.0.2.1:80"), TCP: &trace.TCP{Seq: 1, Flags: wire.SYN}, NetworkHeader: 20, TransportHeader: 20, Receivers: []uint64{cookie}})
		if got := names(trace.Correlate(s.events).Packet(1)); got != want {
			t.Errorf("given to %d: %q, want %q", cookie, got, want)
		}
	}
}

// Each raw socket of a protocol gets a copy, whether it is read or not.
func TestToldRaw(t *testing.T) {
	s := new(script)
	s.sharing(3, trace.KindRaw, 253, "")
	p := s.arrives(10, "192.0.2.1:0", "", 101, 103)
	p.Protocol, p.UDP, p.TransportHeader = 253, nil, 0
	p.Src, p.Dst = netip.AddrPortFrom(p.Src.Addr(), 0), netip.AddrPortFrom(p.Dst.Addr(), 0)
	p.Network = append(make([]byte, 20), "data"...)
	p.Payload, p.PayloadLength = p.Network[20:], 4
	for id := range 3 {
		s.receive(id+1, 11, trace.SocketID(id+1), string(p.Network))
	}
	line := trace.Correlate(s.events)
	if got := names(line.Packet(1)); got != "s1 s3" {
		t.Errorf("to %q", got)
	}
	for n, want := range map[int]int{1: 1, 2: 0, 3: 1} {
		if got := line.Call(n).Message; got != want {
			t.Errorf("receive #%d took message %d, want %d", n, got, want)
		}
	}
}

// The window keeps a socket's cookie, and a message to several sockets until the last of them has taken it.
func TestToldWindow(t *testing.T) {
	s := new(script)
	s.sharing(2, trace.KindDatagram, 0, "0.0.0.0:53")
	var w trace.Window
	for _, e := range s.events {
		w.Add(e)
	}
	w.Forget(ms(5), false)
	s.events = nil
	s.arrives(10, "224.0.0.251:53", "hello", 101, 102)
	s.receive(1, 11, 1, "hello")
	for _, e := range s.events {
		w.Add(e)
	}
	w.Forget(ms(20), false)
	s.events = nil
	s.receive(2, 30, 2, "hello")
	w.Add(s.events[0])
	line := w.Timeline()
	if p := line.Packet(1); p == nil || names(p) != "s1 s2" || line.Call(2).Message != 1 {
		t.Errorf("packet %+v, receive %+v", p, line.Call(2))
	}
}
