package trace_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/tracetest"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

// arrival is an event and when a reader hears of it.
type arrival struct {
	at time.Duration
	e  trace.Event
}

// arrivals are the events of a script as a source gives them: a call when it is entered and when it has returned.
func arrivals(events []trace.Event) []arrival {
	var all []arrival
	for _, e := range events {
		switch e := e.(type) {
		case *trace.Call:
			entered := *e
			entered.Pending, entered.Result, entered.Errno = true, 0, ""
			all = append(all, arrival{e.Entered, &entered})
			if !e.Pending {
				all = append(all, arrival{e.Left, e})
			}
		case *trace.Packet:
			all = append(all, arrival{e.Time, e})
		case *trace.State:
			all = append(all, arrival{e.Time, e})
		case *trace.Host:
			all = append(all, arrival{math.MinInt64, e})
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return all
}

// traffic is a long trace of many sockets: streams in both directions over TCP and Unix sockets with receives
// that lag behind, datagrams of which some are lost, connections that come and go, and perhaps threads that wait.
func traffic(r *rand.Rand, rounds int, waits bool) *script {
	s := new(script)
	s.add(&trace.Host{Name: "client", Addrs: []netip.Addr{clientAddr.Addr(), serverAddr.Addr()}, Captured: true})
	var id trace.SocketID
	t := 1.0
	tick := func() float64 { t += 0.05; return t }
	call := func(name string, fd int, id trace.SocketID, data string, result int) {
		s.calls++
		c := trace.Call{Name: name, FD: fd, Socket: id, Host: "client", Result: int64(result), Data: []byte(data), Size: len(data)}
		if name == "recv" {
			c.Size = 10000
		}
		s.call(s.calls, tick(), tick(), c)
	}
	socket := func(fd int, st trace.State) trace.SocketID {
		id++
		s.calls++
		s.call(s.calls, tick(), tick(), trace.Call{Name: "socket", Result: int64(fd)})
		st.Socket, st.Call, st.FD, st.Host = id, s.calls, fd, "client"
		s.state(t, st)
		return id
	}
	port := uint16(1024)
	var dissolved trace.SocketID // a stream socket that is used for another connection
	for range rounds {
		port++
		local, remote := netip.AddrPortFrom(clientAddr.Addr(), port), serverAddr
		a := dissolved
		if a != 0 {
			s.state(tick(), trace.State{Socket: a, Change: trace.Connected, Local: trace.Addr{IP: local}, Remote: trace.Addr{IP: remote}})
		} else {
			a = socket(3, trace.State{Family: trace.FamilyIPv4, Kind: trace.KindStream, Local: trace.Addr{IP: local}, Remote: trace.Addr{IP: remote}})
		}
		b := socket(4, trace.State{Family: trace.FamilyIPv4, Kind: trace.KindStream, Local: trace.Addr{IP: remote}, Remote: trace.Addr{IP: local}})
		var from, sent, acked, got [2]int
		ends, addrs := [2]trace.SocketID{a, b}, [2]netip.AddrPort{local, remote}
		isn := [2]uint32{r.Uint32(), r.Uint32()}
		segment := func(i int, flags wire.TCPFlags, seq, n int) {
			s.packets++
			s.add(&trace.Packet{Number: s.packets, Time: ms(tick()), Host: "client", Direction: trace.Out, Src: addrs[i], Dst: addrs[1-i], Protocol: trace.ProtoTCP,
				TCP: &trace.TCP{Seq: isn[i] + uint32(seq), Ack: isn[1-i] + uint32(acked[1-i]) + 1, Flags: flags}, PayloadLength: n, Length: 66 + n})
		}
		segment(0, wire.SYN, 0, 0)
		segment(1, wire.SYN|wire.ACK, 0, 0)
		segment(0, wire.ACK, 1, 0)
		u := socket(5, trace.State{Family: trace.FamilyIPv4, Kind: trace.KindDatagram, Local: trace.Addr{IP: local}})
		v := socket(6, trace.State{Family: trace.FamilyIPv4, Kind: trace.KindDatagram, Local: trace.Addr{IP: remote}})
		x := socket(7, trace.State{Family: trace.FamilyUnix, Kind: trace.KindStream})
		y := socket(8, trace.State{Family: trace.FamilyUnix, Kind: trace.KindStream, Peer: x})
		var queue []string
		unix := 0
		for range 40 + r.IntN(40) {
			i := r.IntN(2)
			if waits && r.IntN(4) == 0 { // a thread waits, for long or for short, and finds something ready or not
				all := []trace.SocketID{a, b, u, v, x, y}
				r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				s.calls++
				length := []float64{0.1, 3, 30, 300}[r.IntN(4)]
				s.polls(s.calls, tick(), t+length, []trace.Readiness{trace.Readable, trace.Writable, trace.Readable | trace.Writable}[r.IntN(3)],
					all[:1+r.IntN(5)], all[:r.IntN(2)]...)
			}
			switch r.IntN(8) {
			case 0, 1:
				n := 1 + r.IntN(3000)
				call("send", 3+i, ends[i], string(make([]byte, n)), n)
				from[i] += n
			case 2:
				if n := min(from[i]-sent[i], 1+r.IntN(4000)); n > 0 {
					segment(i, wire.ACK|wire.PSH, 1+sent[i], n)
					sent[i] += n
				}
				if n := sent[i] - acked[i]; n > 0 && r.IntN(4) == 0 { // again
					segment(i, wire.ACK, 1+acked[i], 1+r.IntN(n))
				}
			case 3:
				acked[1-i] = sent[1-i]
				segment(i, wire.ACK, 1+sent[i], 0)
			case 4:
				if n := min(acked[1-i]-got[1-i], 1+r.IntN(2000)); n > 0 {
					call("recv", 3+i, ends[i], "", n)
					got[1-i] += n
				}
			case 5:
				data := fmt.Sprint("datagram ", s.calls)
				s.calls++
				s.packets++
				s.call(s.calls, tick(), tick()+1, trace.Call{Name: "sendto", FD: 5, Socket: u, Host: "client", Data: []byte(data), Size: len(data), Result: int64(len(data)), Addr: trace.Addr{IP: remote}})
				s.add(&trace.Packet{Number: s.packets, Time: ms(t + 0.5), Host: "client", Direction: trace.Out, Src: local, Dst: remote, Protocol: trace.ProtoUDP,
					UDP: &trace.UDP{Length: 8 + len(data)}, Payload: []byte(data), PayloadLength: len(data), Length: 42 + len(data)})
				t += 2
				if r.IntN(5) > 0 {
					queue = append(queue, data)
				}
			case 6:
				if len(queue) > 0 {
					call("recv", 6, v, queue[0], len(queue[0]))
					queue = queue[1:]
				}
			case 7:
				if unix > 0 && r.IntN(2) == 0 {
					n := 1 + r.IntN(unix)
					call("read", 8, y, "", n)
					s.events[len(s.events)-1].(*trace.Call).Size = 5000
					unix -= n
				} else {
					n := 1 + r.IntN(500)
					call("write", 7, x, string(make([]byte, n)), n)
					unix += n
				}
			}
		}
		for i := range 2 {
			if n := from[i] - sent[i]; n > 0 {
				segment(i, wire.ACK|wire.PSH, 1+sent[i], n)
				sent[i] += n
			}
		}
		if dissolved = 0; r.IntN(3) == 0 {
			dissolved = a
			s.calls++
			s.call(s.calls, tick(), t+0.2, trace.Call{Name: "connect", FD: 3, Socket: a, Host: "client", Args: []trace.Arg{named("addr", "AF_UNSPEC")}})
			s.state(t+0.2, trace.State{Socket: a, Change: trace.Dissolved, Call: s.calls})
			acked[1] = sent[1]
			segment(0, wire.RST|wire.ACK, 1+sent[0], 0)
			t += 0.2
			for i, s_ := range []trace.SocketID{b, u, v, x, y} {
				s.state(tick(), trace.State{Socket: s_, Change: trace.Closed, FD: 4 + i})
			}
			t += float64(r.IntN(1500))
			continue
		}
		for i := range 2 {
			call("close", 3+i, ends[i], "", 0)
			acked[1-i] = sent[1-i] + i
			segment(i, wire.FIN|wire.ACK, 1+sent[i], 0)
		}
		acked[1] = sent[1] + 1
		segment(0, wire.ACK, 2+sent[0], 0)
		for i, s_ := range []trace.SocketID{a, b, u, v, x, y} {
			s.state(tick(), trace.State{Socket: s_, Change: trace.Closed, FD: 3 + i})
		}
		t += float64(r.IntN(1500))
	}
	return s
}

// TestWindow writes long traces through a window that forgets whatever it may: what is written is what one joining of
// all events gives, and the window stays small.
func TestWindow(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 9))
		all := arrivals(traffic(r, 12, seed%2 == 1).events)
		// What is known only later is not said by either: both write at the same times.
		const delay, lag = 20 * time.Millisecond, 50 * time.Millisecond
		var whole, pieces show.Live
		var log tracetest.Log
		var w trace.Window
		var want, got []byte
		largest, counted := 0, 0
		next := time.Duration(0)
		flush := func(until time.Duration) {
			want = whole.Append(want, trace.Correlate(log.Events()), until, show.Options{})
			got = pieces.Append(got, w.Timeline(), until, show.Options{})
			gone := w.Forget(until-lag, false)
			pieces.Forget(gone)
			counted += len(gone.Calls)
			largest = max(largest, w.Len())
		}
		for _, a := range all {
			if a.at > next {
				flush(a.at - delay)
				next = a.at + time.Duration(r.IntN(int(100*time.Millisecond)))
			}
			log.Add(a.e)
			w.Add(a.e)
		}
		if err := w.Timeline().Check(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		flush(math.MaxInt64)
		if diff := gocmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
		if calls := len(trace.Correlate(log.Events()).Calls); counted != calls || largest > log.Len()/4 || w.Len() != 0 {
			t.Errorf("seed %d: %d of %d calls forgotten, %d events held at most of %d, %d at the end", seed, counted, calls, largest, log.Len(), w.Len())
		}
	}
}

// TestWindowLostReturns forgets calls whose returns are never told, once their thread makes another call.
func TestWindowLostReturns(t *testing.T) {
	var w trace.Window
	for i := range 1000 {
		w.Add(&trace.Call{Number: i + 1, Thread: 7, Name: "getpid", Entered: ms(float64(i)), Pending: true})
	}
	gone := w.Forget(ms(900), false)
	if len(gone.Calls) != 900 || w.Len() != 100 {
		t.Errorf("%d calls forgotten, %d held", len(gone.Calls), w.Len())
	}
	w.Add(&trace.Call{Number: 1000, Thread: 7, Name: "getpid", Entered: ms(999), Left: ms(1001)})
	if c := w.Timeline().Call(1000); c == nil || c.Pending || w.Len() != 100 {
		t.Errorf("the call that has returned: %+v", c)
	}
}

func BenchmarkWindow(b *testing.B) {
	all := arrivals(traffic(rand.New(rand.NewPCG(1, 1)), 400, false).events)
	b.ReportAllocs()
	for b.Loop() {
		var live show.Live
		var w trace.Window
		var out []byte
		for i, a := range all {
			w.Add(a.e)
			if i%8192 == 8191 {
				out = live.Append(out[:0], w.Timeline(), a.at-10*time.Millisecond, show.Options{})
				live.Forget(w.Forget(a.at-20*time.Millisecond, false))
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/event")
}
