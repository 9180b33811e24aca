package trace_test

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

// sent is a random stream: calls, and the bytes of all of them.
type sent struct {
	*script
	data   []byte
	starts []int // offset of each call's first byte
	first  int   // number of the first call
}

// randomStream writes n sends and puts their bytes on the wire in segments that know nothing of their borders,
// some again, some out of order.
func randomStream(r *rand.Rand, n int) *sent {
	s := &sent{script: new(script), first: 100}
	s.connection()
	t := 200.0
	var queued, on int // bytes written, bytes on the wire
	segment := func() {
		size := 1 + r.IntN(min(queued-on, 3000))
		s.segment(t, true, wire.ACK, uint32(1+on), 1, string(s.data[on:on+size]))
		on += size
		t += 0.01
		if r.IntN(5) == 0 {
			again := r.IntN(on)
			length := 1 + r.IntN(on-again)
			s.segment(t, true, wire.ACK, uint32(1+again), 1, string(s.data[again:again+length]))
			t += 0.01
		}
	}
	for i := range n {
		b := make([]byte, r.IntN(2000))
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		s.starts = append(s.starts, len(s.data))
		s.data = append(s.data, b...)
		call := s.send(s.first+i, t, t, "send", 4, clientID, string(b))
		t += 0.1
		queued = len(s.data)
		for on < queued && r.IntN(3) > 0 {
			segment()
		}
		call.Left = ms(t)
		t += 1 // the call has returned before the next one
	}
	for on < queued {
		segment()
	}
	s.call(s.first+n, t, t+0.5, trace.Call{Name: "shutdown", FD: 4, Socket: clientID})
	s.segment(t+0.1, true, wire.FIN|wire.ACK, uint32(1+on), 1, "")
	return s
}

// TestSegmentsCarryWhatCallsWrote checks the property that all else rests on: whatever the segments are, the spans
// of each one hold exactly its bytes, and those that are no retransmissions tile what was written.
func TestSegmentsCarryWhatCallsWrote(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomStream(r, 1+r.IntN(30))
		timeline := trace.Correlate(s.events)
		if err := timeline.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, p := range timeline.Packets {
			var got []byte
			for _, span := range p.Carries {
				start := s.starts[span.Call-s.first]
				got = append(got, s.data[start+span.From:start+span.To]...)
			}
			if !bytes.Equal(got, p.Payload) {
				t.Fatalf("seed %d: packet %d holds %d bytes, its spans %v hold %d others", seed, p.Number, p.PayloadLength, p.Carries, len(got))
			}
		}
		for _, c := range timeline.Calls {
			if c.Name == "send" && c.Offset != int64(s.starts[c.Number-s.first]) {
				t.Fatalf("seed %d: #%d starts at %d, want %d", seed, c.Number, c.Offset, s.starts[c.Number-s.first])
			}
		}
	}
}

// TestOrderOfEventsDoesNotMatter checks that Correlate is a function of the events and not of their order.
func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	for _, s := range scripts {
		events := s.script().events
		want := trace.Correlate(events)
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 2))
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			got := trace.Correlate(events)
			// Pointers differ; what is said must not.
			if diff := gocmp.Diff(string(show.Append(nil, want, show.Options{})), string(show.Append(nil, got, show.Options{}))); diff != "" {
				t.Fatalf("%s, seed %d:\n%s", s.name, seed, diff)
			}
			if show.Title(want, "x") != show.Title(got, "x") {
				t.Fatalf("%s: title %q, want %q", s.name, show.Title(got, "x"), show.Title(want, "x"))
			}
		}
	}
}

// TestNoCreditBeforeEntering checks that a segment on the wire before a call was entered is not credited to it.
func TestNoCreditBeforeEntering(t *testing.T) {
	s := new(script)
	s.connection()
	s.segment(130, true, wire.PSH|wire.ACK, 1, 1, "first|")
	s.send(10, 131, 131.1, "send", 4, clientID, "first|")
	timeline := trace.Correlate(s.events)
	p := timeline.Packets[3]
	if len(p.Carries) != 0 || p.Unattributed != 6 {
		t.Errorf("carries %v, unattributed %d; want nothing and 6", p.Carries, p.Unattributed)
	}
	if err := timeline.Check(); err == nil {
		t.Error("Check does not complain about bytes whose call is not known")
	}
}

// TestSimultaneousSends checks that nothing is claimed about two sends on one socket that ran at once.
func TestSimultaneousSends(t *testing.T) {
	s := new(script)
	s.connection()
	s.send(10, 130, 132, "send", 4, clientID, "aaa")
	s.send(11, 131, 133, "send", 4, clientID, "bbb")
	s.send(12, 134, 135, "send", 4, clientID, "ccc")
	s.segment(131.5, true, wire.PSH|wire.ACK, 1, 1, "bbbaaa")
	s.segment(134.5, true, wire.PSH|wire.ACK, 7, 1, "ccc")
	timeline := trace.Correlate(s.events)
	if p := timeline.Packets[3]; len(p.Carries) != 0 || p.Unattributed != 6 {
		t.Errorf("carries %v, %d bytes unattributed; want all 6 bytes unknown", p.Carries, p.Unattributed)
	}
	want := []trace.Span{{Call: 12, From: 0, To: 3, All: true}}
	if diff := gocmp.Diff(want, timeline.Packets[4].Carries); diff != "" {
		t.Error(diff)
	}
}

// TestOneOfSimultaneousSends checks that of sends that ran at once the one whose place the source does not know has the
// gap that the others leave, whichever was entered first; two of them are not told apart.
func TestOneOfSimultaneousSends(t *testing.T) {
	for name, c := range map[string]struct {
		offsets [3]int64 // of aaa, bbbb and cc, less than 0 when not known
		want    []trace.Span
	}{
		"first entered":  {[3]int64{-1, 0, 7}, []trace.Span{{Call: 11, To: 4, All: true}, {Call: 10, To: 3, All: true}, {Call: 12, To: 2, All: true}}},
		"last entered":   {[3]int64{4, 0, -1}, []trace.Span{{Call: 11, To: 4, All: true}, {Call: 10, To: 3, All: true}, {Call: 12, To: 2, All: true}}},
		"two":            {[3]int64{-1, 0, -1}, []trace.Span{{Call: 11, To: 4, All: true}}},
		"does not fit":   {[3]int64{-1, 1, 7}, []trace.Span{{Call: 11, To: 4, All: true}, {Call: 12, To: 2, All: true}}},
		"out of what is": {[3]int64{-1, 0, 70}, []trace.Span{{Call: 11, To: 4, All: true}}},
	} {
		s := new(script)
		s.connection()
		for i, send := range []*trace.Call{
			s.send(10, 130, 133, "send", 4, clientID, "aaa"), s.send(11, 131, 132, "send", 4, clientID, "bbbb"), s.send(12, 132.5, 134, "send", 4, clientID, "cc"),
		} {
			send.OffsetKnown, send.Offset = c.offsets[i] >= 0, max(c.offsets[i], 0)
		}
		s.send(13, 135, 136, "send", 4, clientID, "after")
		s.segment(133.5, true, wire.PSH|wire.ACK, 1, 1, "bbbbaaacc")
		s.segment(135.5, true, wire.PSH|wire.ACK, 10, 1, "after")
		packets := trace.Correlate(s.events).Packets
		got := packets[3].Carries
		slices.SortFunc(got, func(a, b trace.Span) int {
			return slices.Index([]int{11, 10, 12}, a.Call) - slices.Index([]int{11, 10, 12}, b.Call)
		})
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := gocmp.Diff([]trace.Span{{Call: 13, To: 5, All: true}}, packets[4].Carries); diff != "" {
			t.Errorf("%s: the send after them: %s", name, diff)
		}
	}
}

// TestUrgent checks that an urgent byte stands in the stream, and that of a receive which begins where one stands
// nothing is claimed, nor of what comes after, unless the socket takes urgent bytes in line.
func TestUrgent(t *testing.T) {
	for _, inline := range []bool{false, true} {
		s := new(script)
		s.connection()
		if inline {
			s.call(9, 129, 129.1, trace.Call{Name: "setsockopt", FD: 6, Socket: serverID, Args: []trace.Arg{named("level", "SOL_SOCKET"), named("optname", "SO_OOBINLINE"), number("optval", 1)}})
		}
		s.send(10, 130, 131, "send", 4, clientID, "plain")
		s.send(11, 132, 133, "send", 4, clientID, "!").Flags = []string{"MSG_OOB"}
		s.send(12, 134, 135, "send", 4, clientID, "more")
		s.segment(130.5, true, wire.PSH|wire.ACK, 1, 1, "plain")
		s.segment(132.5, true, wire.PSH|wire.ACK, 6, 1, "!")
		s.segment(134.5, true, wire.PSH|wire.ACK, 7, 1, "more")
		receive := func(n int, at float64, result int64) *trace.Call {
			return s.call(n, at, at+0.5, trace.Call{Name: "recv", FD: 6, Socket: serverID, Size: 100, Result: result})
		}
		receive(20, 140, 5)
		receive(21, 141, 4)
		receive(22, 142, 1)
		timeline := trace.Correlate(s.events)
		for i, want := range []int{10, 11, 12} {
			if got := timeline.Packets[3+i].Carries; len(got) != 1 || got[0].Call != want || !got[0].All {
				t.Errorf("segment %d carries %v, want all of #%d", i, got, want)
			}
		}
		want := [][]trace.Span{{{Call: 10, To: 5, All: true}}, nil, nil}
		if inline {
			want = [][]trace.Span{{{Call: 10, To: 5, All: true}}, {{Call: 11, To: 1, All: true}, {Call: 12, To: 3}}, {{Call: 12, From: 3, To: 4}}}
		}
		for i, n := range []int{20, 21, 22} {
			if diff := gocmp.Diff(want[i], timeline.Call(n).Received); diff != "" {
				t.Errorf("in line %v: #%d received %s", inline, n, diff)
			}
		}
	}
}

// TestOffsetsFromTheSource checks that a source which knows where a call's bytes stand is believed.
func TestOffsetsFromTheSource(t *testing.T) {
	s := new(script)
	s.connection()
	a := s.send(10, 130, 132, "send", 4, clientID, "aaa")
	b := s.send(11, 131, 133, "send", 4, clientID, "bbb")
	a.OffsetKnown, a.Offset = true, 3
	b.OffsetKnown, b.Offset = true, 0
	s.segment(131.5, true, wire.PSH|wire.ACK, 1, 1, "bbbaaa")
	got := trace.Correlate(s.events).Packets[3].Carries
	slices.SortFunc(got, func(a, b trace.Span) int { return cmp.Compare(a.Call, b.Call) })
	if diff := gocmp.Diff([]trace.Span{{Call: 10, To: 3, All: true}, {Call: 11, To: 3, All: true}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestConnectionsOnTheSamePorts checks that a second connection of the same addresses starts anew.
func TestConnectionsOnTheSamePorts(t *testing.T) {
	s := new(script)
	s.connection()
	s.send(10, 130, 130.2, "send", 4, clientID, "old")
	s.segment(130.1, true, wire.PSH|wire.ACK, 1, 1, "old")
	s.segment(131, true, wire.RST|wire.ACK, 4, 1, "")
	s.state(132, trace.State{Socket: clientID, Change: trace.Closed, FD: 4})
	s.state(133, trace.State{Socket: 9, Change: trace.Created, Actor: "client", Host: "client", FD: 4, Family: trace.FamilyIPv4, Kind: trace.KindStream})
	s.call(20, 134, 134.5, trace.Call{Name: "connect", FD: 4, Socket: 9, Addr: trace.Addr{IP: serverAddr}})
	s.state(134.5, trace.State{Socket: 9, Change: trace.Connected, Call: 20, Local: trace.Addr{IP: clientAddr}, Remote: trace.Addr{IP: serverAddr}})
	s.segment(134.1, true, wire.SYN, 5000, 0, "")
	s.segment(134.2, false, wire.SYN|wire.ACK, 7000, 5001, "")
	s.send(21, 135, 135.2, "send", 4, 9, "new")
	s.segment(135.1, true, wire.PSH|wire.ACK, 5001, 7001, "new")
	timeline := trace.Correlate(s.events)
	if err := timeline.Check(); err != nil {
		t.Error(err)
	}
	last := timeline.Packets[len(timeline.Packets)-1]
	if last.From == nil || last.From.Name != "s4" || last.FromSeq != 1 || len(last.Carries) != 1 || last.Carries[0].Call != 21 {
		t.Errorf("the new connection's segment: from %v, seq %d, carries %v", last.From, last.FromSeq, last.Carries)
	}
}

// TestSuperPacket checks that a super-packet of segmentation offload is shown with its segments.
func TestSuperPacket(t *testing.T) {
	s := new(script)
	s.connection()
	s.send(107, 146, 146.6, "send", 4, clientID, string(make([]byte, 2500)))
	p := s.segment(146.460, true, wire.PSH|wire.ACK, 1, 1, string(make([]byte, 2000)))
	p.Segments, p.SegmentSize = 2, 1000
	got := string(show.Append(nil, trace.Correlate(s.events), show.Options{}))
	want := " 146.460       s2→s3  P. 1:2001(2000) = #107[0:2000]                offload: 2 segments of ≤ 1000 on the wire\n"
	if !bytes.Contains([]byte(got), []byte(want)) {
		t.Errorf("no line %q in\n%s", want, got)
	}
}

// TestSuperPacketOfAnUnknownCut checks that segments are counted by the MSS where the capture does not tell them, and
// that options beyond the time stamps take room.
func TestSuperPacketOfAnUnknownCut(t *testing.T) {
	for _, tt := range []struct{ header, segments, size int }{{32, 3, 1448}, {44, 3, 1436}} {
		s := new(script)
		s.connection()
		for _, e := range s.events {
			if p, ok := e.(*trace.Packet); ok && p.TCP != nil && p.TCP.Flags&wire.SYN != 0 {
				p.TCP.MSS, p.TCP.Timestamps = 1460, true
			}
		}
		s.send(107, 146, 146.6, "send", 4, clientID, string(make([]byte, 3000)))
		p := s.segment(146.460, true, wire.PSH|wire.ACK, 1, 1, string(make([]byte, 3000)))
		p.TransportHeader, p.TCP.Timestamps = tt.header, true
		small := s.segment(146.470, true, wire.PSH|wire.ACK, 3001, 1, string(make([]byte, 1000)))
		small.TransportHeader = tt.header
		packets := trace.Correlate(s.events).Packets
		if got := packets[len(packets)-2]; got.Segments != tt.segments || got.SegmentSize != tt.size {
			t.Errorf("header of %d bytes: %d segments of %d", tt.header, got.Segments, got.SegmentSize)
		}
		if got := packets[len(packets)-1]; got.Segments > 1 {
			t.Errorf("1000 bytes are %d segments", got.Segments)
		}
	}
}

// TestRefused checks that the reset is found to be the errno of the connect.
func TestRefused(t *testing.T) {
	s := new(script)
	s.state(1, trace.State{Socket: clientID, Change: trace.Created, Host: "client", FD: 4, Family: trace.FamilyIPv4, Kind: trace.KindStream})
	c := s.call(1, 2, 4, trace.Call{Name: "connect", FD: 4, Socket: clientID, Addr: trace.Addr{IP: serverAddr}, Errno: "ECONNREFUSED"})
	s.segment(3, true, wire.SYN, 0, 0, "")
	p := s.segment(3.1, false, wire.RST|wire.ACK, 0, 1, "")
	p.TCP.Seq = 0
	timeline := trace.Correlate(s.events)
	if got := timeline.Call(c.Number).Error; got != 2 {
		t.Errorf("connect failed by packet %d, want 2", got)
	}
	if syn := timeline.Packets[0]; syn.From == nil || syn.Cause != (trace.Cause{Kind: trace.CauseCall, Call: 1}) {
		t.Errorf("SYN from %v, cause %+v", syn.From, syn.Cause)
	}
}

// TestResetToNobody has a reset for a socket that is not known, as those of other programs are.
func TestResetToNobody(t *testing.T) {
	s := new(script)
	s.segment(3, true, wire.SYN, 0, 0, "")
	s.segment(3.1, false, wire.RST|wire.ACK, 0, 1, "")
	if p := trace.Correlate(s.events).Packets; len(p) != 2 || p[1].To != nil {
		t.Errorf("%d packets", len(p))
	}
}

// TestReceivesAtOnce checks two receives that ran at once: without their places nothing is said of them nor of what
// comes after; with a place that the source knows it is said, and one that ran alone makes all known again.
func TestReceivesAtOnce(t *testing.T) {
	receive := func(s *script, n int, from, to float64, size int, offset int64) {
		s.call(n, from, to, trace.Call{Name: "recv", FD: 5, Socket: serverID, Size: size, Result: int64(size), Offset: offset, OffsetKnown: offset >= 0})
	}
	for _, c := range []struct {
		name   string
		places [4]int64
		want   [4]int64
	}{
		{"nothing known", [4]int64{-1, -1, -1, -1}, [4]int64{-1, -1, -1, -1}},
		{"one known", [4]int64{-1, 0, -1, -1}, [4]int64{-1, 0, -1, -1}},
		{"a later one known", [4]int64{-1, -1, 6, -1}, [4]int64{-1, -1, 6, 9}},
		{"all known", [4]int64{3, 0, 6, 9}, [4]int64{3, 0, 6, 9}},
	} {
		s := new(script)
		s.connection()
		s.send(10, 120, 121, "send", 4, clientID, "abcdefghijkl")
		s.segment(120.5, true, wire.PSH|wire.ACK, 1, 1, "abcdefghijkl")
		receive(s, 20, 130, 132, 3, c.places[0])
		receive(s, 21, 130.5, 131, 3, c.places[1])
		receive(s, 22, 133, 134, 3, c.places[2])
		receive(s, 23, 135, 136, 3, c.places[3])
		timeline := trace.Correlate(s.events)
		if err := timeline.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for i, want := range c.want {
			got := timeline.Call(20 + i)
			if got.Offset != want {
				t.Errorf("%s: #%d is at %d, want %d", c.name, got.Number, got.Offset, want)
			}
			if known := len(got.Received) == 1 && got.Received[0] == (trace.Span{Call: 10, From: int(want), To: int(want) + 3}); known != (want >= 0) {
				t.Errorf("%s: #%d received %v", c.name, got.Number, got.Received)
			}
		}
	}
}

// TestWhatLetsDataLeave checks which call is said to have made data leave that a call before it had left waiting.
func TestWhatLetsDataLeave(t *testing.T) {
	option := func(name string, value int) trace.Call {
		return trace.Call{Name: "setsockopt", Args: []trace.Arg{named("level", "IPPROTO_TCP"), named("optname", name), number("optval", value)}}
	}
	for _, c := range []struct {
		name string
		call trace.Call
		want trace.CauseKind
	}{
		{"TCP_NODELAY on", option("TCP_NODELAY", 1), trace.CauseCall},
		{"TCP_NODELAY off", option("TCP_NODELAY", 0), trace.CauseUnknown},
		{"TCP_CORK off", option("TCP_CORK", 0), trace.CauseCall},
		{"TCP_CORK on", option("TCP_CORK", 1), trace.CauseUnknown},
		{"shutdown", trace.Call{Name: "shutdown", Args: []trace.Arg{named("how", "SHUT_WR")}}, trace.CauseCall},
		{"close", trace.Call{Name: "close"}, trace.CauseCall},
		{"another option", option("TCP_KEEPIDLE", 1), trace.CauseUnknown},
		{"a wait for data", trace.Call{Name: "pselect6"}, trace.CauseTimer},
	} {
		s := new(script)
		s.connection()
		s.send(10, 120, 120.1, "send", 4, clientID, "held back")
		c.call.FD, c.call.Socket = 4, clientID
		s.call(11, 130, 130.2, c.call)
		leaves := s.segment(130.1, true, wire.PSH|wire.ACK, 1, 1, "held back")
		got := trace.Correlate(s.events).Packet(leaves.Number).Cause
		if got.Kind != c.want || c.want == trace.CauseCall && got.Call != 11 {
			t.Errorf("%s: %+v, want %v", c.name, got, c.want)
		}
	}
}
