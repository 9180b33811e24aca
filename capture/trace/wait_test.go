package trace_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

// polls adds a call that waits for sockets to be readable, the descriptor of each being its identity and 10, and that
// reports some of them.
func (s *script) polls(number_ int, entered, left float64, events trace.Readiness, waits []trace.SocketID, ready ...trace.SocketID) *trace.Call {
	c := trace.Call{Name: "poll", FD: -1, Result: int64(len(ready)), Thread: number_}
	for _, id := range waits {
		c.Waits = append(c.Waits, trace.Wait{FD: int(id) + 10, Socket: id, Events: events})
	}
	for _, id := range ready {
		c.Ready = append(c.Ready, trace.Wait{FD: int(id) + 10, Socket: id, Events: events})
	}
	c.Args = []trace.Arg{number("nfds", len(waits)), number("timeout", 1000)}
	return s.call(number_, entered, left, c)
}

// waitScript waits on the sockets of the connection s1 (listener), s2 (client), s3 (accepted), on two datagram sockets
// and on a pair of Unix sockets.
func waitScript() *script {
	s := new(script)
	s.call(1, 2.5, 2.6, trace.Call{Name: "listen", FD: 3, Socket: listenerID})
	s.polls(2, 100, 116.2, trace.Readable, []trace.SocketID{listenerID}, listenerID)
	s.connection()
	c := s.polls(7, 116.5, 117.1, trace.Readable, []trace.SocketID{clientID, serverID}, serverID)
	c.Name = "epoll_wait"
	s.send(10, 116.941, 117.007, "sendto", 4, clientID, "first|")
	s.segment(116.980, true, wire.PSH|wire.ACK, 1, 1, "first|")
	s.call(11, 117.2, 117.21, trace.Call{Name: "recvfrom", FD: 5, Socket: serverID, Size: 100, Result: 6, Data: []byte("first|")})
	s.polls(12, 118, 128, trace.Readable, []trace.SocketID{clientID, serverID})
	c = s.polls(13, 129, 129.5, trace.Readable, []trace.SocketID{clientID})
	c.Result, c.Errno = -1, "EINTR"
	s.segment(130, false, wire.ACK, 1, 7, "")
	s.polls(14, 129.8, 130.3, trace.Writable, []trace.SocketID{clientID}, clientID)

	// Two datagrams before the wait, one of several threads.
	a, b := netip.MustParseAddrPort("10.0.0.1:5000"), netip.MustParseAddrPort("10.0.0.2:6000")
	s.state(200, trace.State{Socket: 4, Change: trace.Created, Actor: "a", Host: "client", FD: 14, Family: trace.FamilyIPv4, Kind: trace.KindDatagram, Local: trace.Addr{IP: a}, Remote: trace.Addr{IP: b}})
	s.state(200, trace.State{Socket: 5, Change: trace.Created, Actor: "b", Host: "server", FD: 15, Family: trace.FamilyIPv4, Kind: trace.KindDatagram, Local: trace.Addr{IP: b}})
	datagram := func(n int, t float64, data string) {
		s.send(n, t, t+0.1, "send", 14, 4, data)
		s.packets++
		s.add(&trace.Packet{Number: s.packets, Time: ms(t + 0.05), Host: "client", Direction: trace.Out, Src: a, Dst: b, Protocol: trace.ProtoUDP,
			UDP: &trace.UDP{Length: 8 + len(data)}, Payload: []byte(data), PayloadLength: len(data), Length: 42 + len(data)})
	}
	datagram(20, 201, "one")
	s.polls(21, 202, 207, trace.Readable, []trace.SocketID{5}, 5) // a thread that was woken late, of what was there
	s.call(22, 208, 208.1, trace.Call{Name: "recv", FD: 15, Socket: 5, Size: 100, Result: 3, Data: []byte("one")})
	s.polls(23, 209, 212, trace.Readable, []trace.SocketID{5}, 5)
	s.polls(24, 209.1, 216, trace.Readable, []trace.SocketID{5}, 5) // what the other thread has reported did not end it
	datagram(25, 211, "two")
	datagram(26, 215, "three")

	s.state(300, trace.State{Socket: 6, Change: trace.Created, FD: 16, Family: trace.FamilyUnix, Kind: trace.KindStream})
	s.state(300, trace.State{Socket: 7, Change: trace.Created, FD: 17, Family: trace.FamilyUnix, Kind: trace.KindStream, Peer: 6})
	s.polls(30, 301, 303, trace.Readable, []trace.SocketID{4, 7}, 7)
	s.send(31, 302, 302.1, "write", 16, 6, "hello")
	s.polls(32, 303.5, 303.51, trace.Readable|trace.Writable, []trace.SocketID{7}, 7)
	s.call(33, 304, 304.1, trace.Call{Name: "read", FD: 17, Socket: 7, Size: 10, Result: 5, Data: []byte("hello")})
	s.polls(34, 305, 307, trace.Readable, []trace.SocketID{7}, 7)
	s.call(35, 306, 306.1, trace.Call{Name: "close", FD: 16, Socket: 6})

	// What came into the list meanwhile, what is no socket, what nothing explains, and what goes on.
	c = s.polls(40, 400, 410, trace.Readable, []trace.SocketID{4, 5}, 5)
	c.Name, c.Waits[1].Since, c.Unlisted = "epoll_pwait", ms(408), 3
	c = s.polls(41, 420, 430, trace.Readable, []trace.SocketID{4})
	c.Result, c.Ready = 1, []trace.Wait{{FD: -1, Events: trace.Readable, Data: 0xabc}}
	c = s.polls(42, 440, 441, trace.Readable, []trace.SocketID{4, 5})
	c.Pending = true
	return s
}

// TestWaits: what ended each wait.
func TestWaits(t *testing.T) {
	tl := trace.Correlate(waitScript().events)
	if err := tl.Check(); err != nil {
		t.Error(err)
	}
	wakes := map[int]trace.Wake{
		2:  {Kind: trace.WakePacket, Packet: 3}, // the handshake is complete
		7:  {Kind: trace.WakePacket, Packet: 4},
		12: {Kind: trace.WakeTimeout},
		13: {Kind: trace.WakeSignal},
		14: {Kind: trace.WakePacket, Packet: 5},
		21: {Kind: trace.WakeReady},
		23: {Kind: trace.WakePacket, Packet: 7},
		24: {Kind: trace.WakePacket, Packet: 8},
		30: {Kind: trace.WakeCall, Call: 31},
		32: {Kind: trace.WakeReady},
		34: {Kind: trace.WakeCall, Call: 35},
		40: {}, // it had been ready, but that would not have taken so long
		41: {Kind: trace.WakeDescriptor},
		42: {},
	}
	for n, want := range wakes {
		got := tl.Call(n).Wake
		if got.Kind != want.Kind || got.Packet != want.Packet || got.Call != want.Call {
			t.Errorf("#%d: %v %d %d, want %v %d %d", n, got.Kind, got.Packet, got.Call, want.Kind, want.Packet, want.Call)
		}
	}
}

// TestWaitsSummary: at which sockets the time of a wait is counted.
func TestWaitsSummary(t *testing.T) {
	sum := show.Summarize(trace.Correlate(waitScript().events))
	want := map[string]string{
		"s1": "1 16.200 poll map[packet:1]",
		"s2": "4 11.600 poll map[another:1 packet:1 signal:1 timeout:1]",
		"s3": "2 10.600 poll map[packet:1 timeout:1]",
	}
	rows := map[string]*show.SocketSummary{}
	for i := range sum.Sockets {
		rows[sum.Sockets[i].Socket] = &sum.Sockets[i]
	}
	for name, text := range want {
		if got := waitText(rows[name]); got != text {
			t.Errorf("%s: %s, want %s", name, got, text)
		}
	}
	table := string(sum.AppendText(nil))
	for _, line := range []string{
		"SOCKET  waits  waited ms  most in  ended by\n",
		"s4      3      22.000     poll     another 3\n",
		"s5      4      16.900     poll     packet 2, ready 1, unknown 1\n",
		"s7      3      4.010      poll     call 2, ready 1\n",
		"a wait for several sockets is counted at each of them; calls that waited for more than are listed: 1, not counted at the others\n",
	} {
		if !strings.Contains(table, line) {
			t.Errorf("no line %q in\n%s", line, table)
		}
	}
	// Without such calls nothing is said of waiting.
	if b := string(show.Summarize(trace.Correlate(streamScript().events)).AppendText(nil)); strings.Contains(b, "wait") {
		t.Errorf("%s", b)
	}
}

func waitText(k *show.SocketSummary) string {
	if k == nil {
		return "no row"
	}
	return fmt.Sprintf("%d %.3f %s %v", k.Waits, float64(k.Waited)/1e6, k.WaitedIn, k.WaitsEndedBy)
}

// TestBlockedIn: the time in calls that block is the socket's, and the name of the call says what it waited for.
func TestBlockedIn(t *testing.T) {
	for _, c := range []struct {
		call   trace.Call
		length float64
		name   string
	}{
		{trace.Call{Name: "connect"}, 30, "connect"},
		{trace.Call{Name: "connect", Errno: "ETIMEDOUT", Result: -1}, 30, "connect"},
		{trace.Call{Name: "accept4", Result: 9}, 40, "accept4"},
		{trace.Call{Name: "recvfrom", Size: 10, Result: 3}, 50, "recvfrom"},
		{trace.Call{Name: "recvfrom", Size: 10, Errno: "EAGAIN", Result: -1}, 50, "recvfrom"}, // SO_RCVTIMEO
		{trace.Call{Name: "write", Size: 1000, Result: 1000}, 60, "write"},
		{trace.Call{Name: "close"}, 70, "close"}, // SO_LINGER
	} {
		s := new(script)
		s.state(1, trace.State{Socket: 1, Change: trace.Created, FD: 3, Family: trace.FamilyIPv4, Kind: trace.KindStream})
		s.call(1, 2, 3, trace.Call{Name: "getsockname", FD: 3, Socket: 1})
		c.call.FD, c.call.Socket = 3, 1
		s.call(2, 10, 10+c.length, c.call)
		if c.name == "close" {
			s.state(10+c.length, trace.State{Socket: 1, Change: trace.Closed, Call: 2})
		}
		k := show.Summarize(trace.Correlate(s.events)).Sockets[0]
		if k.Blocked != ms(1+c.length) || k.BlockedOn != c.name || k.Waits != 0 {
			t.Errorf("%s: %+v", c.name, k)
		}
	}
}

// TestReadinessNames: each call has names of its own for the same bits.
func TestReadinessNames(t *testing.T) {
	for _, c := range []struct {
		call string
		r    trace.Readiness
		want []string
	}{
		{"poll", 0x2005, []string{"POLLIN", "POLLOUT", "POLLRDHUP"}},
		{"epoll_wait", 1<<31 | 1<<30 | 1, []string{"EPOLLIN", "EPOLLONESHOT", "EPOLLET"}},
		{"pselect6", trace.Readable | trace.Urgent | trace.Writable, []string{"read", "except", "write"}},
		{"ppoll", 1 << 20, []string{"0x100000"}},
		{"poll", 0, []string{}},
	} {
		if diff := gocmp.Diff(c.want, c.r.Names(c.call)); diff != "" {
			t.Errorf("%s %#x: %s", c.call, uint32(c.r), diff)
		}
	}
}

// TestWaitForgotten: a wait is long, and what ended it was forgotten before it returned.
func TestWaitForgotten(t *testing.T) {
	s := waitScript()
	all := arrivals(s.events)
	var w trace.Window
	var totals show.Totals
	for _, a := range all {
		w.Add(a.e)
		totals.Add(w.Forget(a.at, false)) // whatever has happened is forgotten at once
	}
	totals.Add(w.Forget(ms(1e6), false))
	got, want := totals.Summary(), show.Summarize(trace.Correlate(s.events))
	for i, k := range want.Sockets {
		// What was there before a wait is known as long as something waits.
		if i >= len(got.Sockets) || waitText(&got.Sockets[i]) != waitText(&k) {
			t.Errorf("forgotten: %s %s\n all known: %s %s", got.Sockets[i].Socket, waitText(&got.Sockets[i]), k.Socket, waitText(&k))
		}
	}
	if w.Len() != 5 { // the call that goes on, and two sends and datagrams that may still be received
		t.Errorf("%d events held", w.Len())
	}
}

// TestWaitColumns: what was waited for stands below the call across all columns.
func TestWaitColumns(t *testing.T) {
	tl := trace.Correlate(waitScript().events)
	b := string(show.Append(nil, tl, show.Options{Columns: 100}))
	lines := strings.Split(b, "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "waited for s2, s3 until the packet") })
	if i < 1 || !strings.Contains(lines[i-1], "= 1 [13 EPOLLIN]") {
		t.Errorf("%s", b)
	}
}
