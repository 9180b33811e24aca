package trace_test

import (
	"net/netip"
	"time"

	"sockwire/capture/trace"
	"sockwire/raw/wire"
)

// script makes events by hand, as a source would.
type script struct {
	events  []trace.Event
	calls   int
	packets int
}

var (
	clientAddr = netip.MustParseAddrPort("10.0.0.1:40066")
	serverAddr = netip.MustParseAddrPort("10.0.0.2:18082")
)

// ms is a time in milliseconds.
func ms(t float64) time.Duration { return time.Duration(t*1e6 + 0.5) }

func (s *script) add(e trace.Event) { s.events = append(s.events, e) }

// call adds a call with the number it has.
func (s *script) call(number int, entered, left float64, c trace.Call) *trace.Call {
	s.calls = max(s.calls, number)
	c.Number, c.Entered, c.Left = number, ms(entered), ms(left)
	if c.FD > 0 {
		c.Args = append([]trace.Arg{{Name: "fd", Int: int64(c.FD)}}, c.Args...)
	}
	s.add(&c)
	return &c
}

func text(s string) trace.Arg {
	return trace.Arg{Name: "buf", Kind: trace.ArgData, Data: []byte(s), Size: len(s)}
}

func number(name string, n int) trace.Arg { return trace.Arg{Name: name, Int: int64(n)} }

func named(name, s string) trace.Arg { return trace.Arg{Name: name, Kind: trace.ArgName, Text: s} }

func at(a netip.AddrPort) trace.Arg {
	return trace.Arg{Name: "addr", Kind: trace.ArgAddr, Addr: trace.Addr{IP: a}}
}

// send adds a send of data that took all of it.
func (s *script) send(number_ int, entered, left float64, name string, fd int, id trace.SocketID, data string) *trace.Call {
	return s.call(number_, entered, left, trace.Call{Name: name, FD: fd, Socket: id, Args: []trace.Arg{text(data), number("len", len(data))},
		Data: []byte(data), Size: len(data), Result: int64(len(data))})
}

func (s *script) state(t float64, st trace.State) {
	st.Time = ms(t)
	s.add(&st)
}

// segment adds a TCP segment from the client (out) or the server, sequence numbers relative to the initial ones.
func (s *script) segment(t float64, out bool, flags wire.TCPFlags, seq, ack uint32, data string) *trace.Packet {
	s.packets++
	p := &trace.Packet{
		Number: s.packets, Time: ms(t), Host: "client", Direction: trace.Out, Src: clientAddr, Dst: serverAddr, Protocol: trace.ProtoTCP,
		Payload: []byte(data), PayloadLength: len(data), LinkHeader: 14, NetworkHeader: 20, TransportHeader: 32, Length: 66 + len(data),
	}
	mine, theirs := clientISN, serverISN
	if !out {
		p.Direction, p.Src, p.Dst = trace.In, serverAddr, clientAddr
		mine, theirs = serverISN, clientISN
	}
	p.TCP = &trace.TCP{Seq: mine + seq, Flags: flags}
	if flags&wire.ACK != 0 {
		p.TCP.Ack = theirs + ack
	}
	if flags&wire.SYN != 0 {
		p.TCP.MSS = 1460
	}
	s.add(p)
	return p
}

// Initial sequence numbers near the end of their range, so that every test wraps.
const (
	clientISN uint32 = 0xfffffffa
	serverISN uint32 = 0xffffffff
)

const (
	listenerID trace.SocketID = iota + 1
	clientID
	serverID
)

// connection adds a listener s1, a client s2 and the accepted s3, connected at about 115 ms.
func (s *script) connection() {
	s.add(&trace.Host{Name: "client", Addrs: []netip.Addr{clientAddr.Addr()}, Captured: true})
	s.add(&trace.Host{Name: "server", Addrs: []netip.Addr{serverAddr.Addr()}, Captured: true})
	s.state(1, trace.State{Socket: listenerID, Change: trace.Created, Actor: "server", Host: "server", FD: 3, Family: trace.FamilyIPv4, Kind: trace.KindStream})
	s.state(2, trace.State{Socket: listenerID, Change: trace.Bound, Local: trace.Addr{IP: serverAddr}})
	s.state(3, trace.State{Socket: clientID, Change: trace.Created, Actor: "client", Host: "client", FD: 4, Family: trace.FamilyIPv4, Kind: trace.KindStream})
	s.call(6, 115.785, 116.093, trace.Call{Name: "connect", FD: 4, Socket: clientID, Args: []trace.Arg{at(serverAddr)}, Addr: trace.Addr{IP: serverAddr}})
	s.state(116.093, trace.State{Socket: clientID, Change: trace.Connected, Call: 6, Local: trace.Addr{IP: clientAddr}, Remote: trace.Addr{IP: serverAddr}})
	s.state(116.4, trace.State{Socket: serverID, Change: trace.Accepted, Actor: "server", Host: "server", FD: 5, Family: trace.FamilyIPv4, Kind: trace.KindStream,
		Parent: listenerID, Local: trace.Addr{IP: serverAddr}, Remote: trace.Addr{IP: clientAddr}})
	s.segment(115.969, true, wire.SYN, 0, 0, "")
	s.segment(115.998, false, wire.SYN|wire.ACK, 0, 1, "")
	s.segment(116.015, true, wire.ACK, 1, 1, "")
}

// streamScript is a connection with Nagle's algorithm, a tail-loss probe, a needless retransmission and a cork.
func streamScript() *script {
	s := new(script)
	s.connection()
	s.send(10, 116.941, 117.007, "sendto", 4, clientID, "first|")
	s.segment(116.980, true, wire.PSH|wire.ACK, 1, 1, "first|")
	s.send(11, 117.100, 117.120, "sendto", 4, clientID, "second|")
	s.send(12, 117.304, 117.320, "sendto", 4, clientID, "third|")
	s.segment(322.869, true, wire.PSH|wire.ACK, 7, 1, "second|third|")
	s.segment(322.936, true, wire.PSH|wire.ACK, 1, 1, "first|")
	s.segment(322.950, false, wire.ACK, 1, 20, "")
	s.call(14, 323.028, 323.040, trace.Call{Name: "recvfrom", FD: 5, Socket: serverID, Size: 100, Result: 19, Data: []byte("first|second|third|")})
	s.call(17, 323.5, 323.51, trace.Call{Name: "setsockopt", FD: 4, Socket: clientID, Args: []trace.Arg{named("level", "IPPROTO_TCP"), named("optname", "TCP_CORK"), number("optval", 1)}})
	s.send(18, 324, 324.01, "sendto", 4, clientID, "header")
	s.send(19, 324.1, 324.11, "sendto", 4, clientID, "body")
	s.call(20, 325, 325.1, trace.Call{Name: "setsockopt", FD: 4, Socket: clientID, Args: []trace.Arg{named("level", "IPPROTO_TCP"), named("optname", "TCP_CORK"), number("optval", 0)}})
	s.segment(325.038, true, wire.PSH|wire.ACK, 20, 1, "headerbody")
	s.segment(325.050, false, wire.ACK, 1, 30, "")
	s.call(21, 326, 326.2, trace.Call{Name: "close", FD: 4, Socket: clientID})
	s.state(326.2, trace.State{Socket: clientID, Change: trace.Closed, Call: 21, FD: 4})
	s.segment(326.05, true, wire.FIN|wire.ACK, 30, 1, "")
	s.segment(326.10, false, wire.ACK, 1, 31, "")
	return s
}

// datagramScript is a datagram in fragments, one that nobody takes, and the error that follows.
func datagramScript() *script {
	s := new(script)
	server := netip.MustParseAddrPort("10.0.0.2:19000")
	unused := netip.MustParseAddrPort("10.0.0.2:19999")
	client, other := netip.MustParseAddrPort("10.0.0.1:44384"), netip.MustParseAddrPort("10.0.0.1:44385")
	s.add(&trace.Host{Name: "client", Addrs: []netip.Addr{client.Addr()}, Captured: true})
	s.add(&trace.Host{Name: "server", Addrs: []netip.Addr{server.Addr()}, Captured: true})
	dgram := func(t float64, id trace.SocketID, host string, fd int) {
		s.state(t, trace.State{Socket: id, Change: trace.Created, Actor: host, Host: host, FD: fd, Family: trace.FamilyIPv4, Kind: trace.KindDatagram})
	}
	dgram(1, 1, "server", 3)
	s.state(2, trace.State{Socket: 1, Change: trace.Bound, Local: trace.Addr{IP: server}})
	dgram(3, 2, "client", 4)
	dgram(4, 3, "client", 5)
	s.call(5, 80, 80.01, trace.Call{Name: "connect", FD: 5, Socket: 3, Args: []trace.Arg{at(unused)}, Addr: trace.Addr{IP: unused}})
	s.state(80.01, trace.State{Socket: 3, Change: trace.Connected, Call: 5, Local: trace.Addr{IP: other}, Remote: trace.Addr{IP: unused}})

	big := make([]byte, 4000)
	for i := range big {
		big[i] = 'x'
	}
	s.call(6, 90.059, 90.120, trace.Call{Name: "sendto", FD: 4, Socket: 2, Args: []trace.Arg{text(string(big)), number("len", 4000), at(server)},
		Data: big[:32], Size: 4000, Result: 4000, Addr: trace.Addr{IP: server}})
	s.state(90.120, trace.State{Socket: 2, Change: trace.Bound, Call: 6, Local: trace.Addr{IP: netip.MustParseAddrPort("0.0.0.0:44384")}})
	fragment := func(t float64, offset, n int, more bool) {
		s.packets++
		p := &trace.Packet{Number: s.packets, Time: ms(t), Host: "client", Direction: trace.Out, Src: client, Dst: server, Protocol: trace.ProtoUDP,
			IPID: 0xbe9d, Fragment: trace.Fragment{Is: true, Offset: offset, More: more}, LinkHeader: 14, NetworkHeader: 20, PayloadLength: n, Length: 34 + n}
		if offset == 0 {
			p.UDP, p.TransportHeader, p.PayloadLength = &trace.UDP{Length: 4008}, 8, n-8
		} else {
			p.Src, p.Dst = netip.AddrPortFrom(client.Addr(), 0), netip.AddrPortFrom(server.Addr(), 0)
		}
		p.Payload = big[:p.PayloadLength]
		s.add(p)
	}
	fragment(90.075, 0, 1480, true)
	fragment(90.085, 1480, 1480, true)
	fragment(90.087, 2960, 1048, false)
	s.call(7, 90.2, 90.21, trace.Call{Name: "recvfrom", FD: 3, Socket: 1, Args: []trace.Arg{number("size", 1000)}, Size: 1000, Result: 1000, Data: big[:32], Addr: trace.Addr{IP: client}})

	s.send(21, 91.254, 91.262, "sendto", 5, 3, "nobody")
	s.packets++
	s.add(&trace.Packet{Number: s.packets, Time: ms(91.263), Host: "client", Direction: trace.Out, Src: other, Dst: unused, Protocol: trace.ProtoUDP,
		UDP: &trace.UDP{Length: 14}, Payload: []byte("nobody"), PayloadLength: 6, LinkHeader: 14, NetworkHeader: 20, TransportHeader: 8, Length: 48, IPID: 7})
	s.packets++
	s.add(&trace.Packet{Number: s.packets, Time: ms(91.274), Host: "client", Direction: trace.In, Src: netip.AddrPortFrom(unused.Addr(), 0),
		Dst: netip.AddrPortFrom(other.Addr(), 0), Protocol: trace.ProtoICMP, LinkHeader: 14, NetworkHeader: 20, TransportHeader: 8, PayloadLength: 34, Length: 76,
		ICMP: &trace.ICMP{Type: 3, Code: 3, Name: "port unreachable", Quote: &trace.Quote{Protocol: trace.ProtoUDP, Src: other, Dst: unused, IPID: 7, Length: 14, Payload: []byte("nobody")}}})
	again := s.send(22, 91.449, 91.455, "sendto", 5, 3, "again")
	again.Result, again.Errno = -1, "ECONNREFUSED"
	return s
}

// unixScript passes a descriptor.
func unixScript() *script {
	s := new(script)
	s.state(1, trace.State{Socket: 1, Change: trace.Created, Actor: "a", FD: 6, Family: trace.FamilyUnix, Kind: trace.KindStream, Peer: 2})
	s.state(2, trace.State{Socket: 2, Change: trace.Created, Actor: "b", FD: 7, Family: trace.FamilyUnix, Kind: trace.KindStream, Peer: 1})
	c := s.send(31, 12.003, 12.010, "sendmsg", 6, 1, "hello")
	c.Args = append(c.Args, named("control", "[SCM_RIGHTS [9]]"))
	c.FDs = []int{9}
	s.call(32, 12.020, 12.030, trace.Call{Name: "recvmsg", FD: 7, Socket: 2, Args: []trace.Arg{number("size", 100)}, Size: 100, Result: 5, Data: []byte("hello"), FDs: []int{11}})
	return s
}

// rawScript is a crafted packet with its header, and an echo without.
func rawScript() *script {
	s := new(script)
	me, peer := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	s.add(&trace.Host{Name: "client", Addrs: []netip.Addr{me}, Captured: true})
	raw := func(t float64, id trace.SocketID, fd int, proto uint8) {
		s.state(t, trace.State{Socket: id, Change: trace.Created, Actor: "client", Host: "client", FD: fd, Family: trace.FamilyIPv4, Kind: trace.KindRaw, Protocol: proto})
	}
	raw(1, 1, 3, trace.ProtoICMP)
	raw(2, 2, 4, trace.ProtoUDP)
	s.call(2, 3, 3.01, trace.Call{Name: "setsockopt", FD: 4, Socket: 2, Args: []trace.Arg{named("level", "IPPROTO_IP"), named("optname", "IP_HDRINCL"), number("optval", 1)}})

	header := func(length, id, ttl, proto int, checksum uint16, src netip.Addr, flags byte) []byte {
		h := []byte{0x45, 0, byte(length >> 8), byte(length), byte(id >> 8), byte(id), flags, 0, byte(ttl), byte(proto), byte(checksum >> 8), byte(checksum)}
		h = append(h, src.AsSlice()...)
		return append(h, peer.AsSlice()...)
	}
	add := func(t float64, network []byte, transport int, p trace.Packet) {
		s.packets++
		p.Number, p.Time, p.Host, p.Direction, p.Protocol, p.TTL = s.packets, ms(t), "client", trace.Out, network[9], network[8]
		p.Network, p.NetworkHeader, p.TransportHeader, p.LinkHeader, p.Length = network, 20, transport, 14, 14+len(network)
		p.Payload = network[20+transport:]
		p.PayloadLength = len(p.Payload)
		s.add(&p)
	}
	echo := append([]byte{8, 0, 0x12, 0x34, 0, 1, 0, 1}, make([]byte, 56)...)
	s.call(17, 7.652, 7.7, trace.Call{Name: "sendto", FD: 3, Socket: 1, Args: []trace.Arg{{Name: "buf", Kind: trace.ArgData, Text: "echo request", Size: 64}, number("len", 64)},
		Data: echo, Size: 64, Result: 64, Addr: trace.Addr{IP: netip.AddrPortFrom(peer, 0)}})
	add(7.680, append(header(84, 0xab2a, 64, 1, 0x917c, me, 0x40), echo...), 8, trace.Packet{
		Src: netip.AddrPortFrom(me, 0), Dst: netip.AddrPortFrom(peer, 0), IPID: 0xab2a, ICMP: &trace.ICMP{Type: 8, Name: "echo request", ID: 1, Seq: 1}})

	udp := append([]byte{0x15, 0xb3, 0x4a, 0x38, 0, 13, 0, 0}, "craft"...)
	passed := append(header(0, 0, 7, 17, 0, netip.IPv4Unspecified(), 0), udp...)
	s.call(18, 80.365, 80.45, trace.Call{Name: "sendto", FD: 4, Socket: 2, Args: []trace.Arg{{Name: "buf", Kind: trace.ArgData, Text: `[IP|UDP|"craft"]`, Size: 33}, number("len", 33)},
		Data: passed, Size: 33, Result: 33, Addr: trace.Addr{IP: netip.AddrPortFrom(peer, 0)}})
	add(80.407, append(header(33, 0x1dd8, 7, 17, 0x97f2, me, 0), udp...), 8, trace.Packet{
		Src: netip.AddrPortFrom(me, 5555), Dst: netip.AddrPortFrom(peer, 19000), IPID: 0x1dd8, UDP: &trace.UDP{Length: 13}})
	return s
}
