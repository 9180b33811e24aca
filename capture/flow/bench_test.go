package flow

import (
	"fmt"
	"runtime"
	"testing"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// talk are packets of n connections in turn, all plain: rounds of two segments and an acknowledgement.
func talk(n, rounds int) []decode.Packet {
	var all []decode.Packet
	var d decode.Decoder
	put := func(p packetOf) {
		all = append(all, decode.Packet{})
		q := &all[len(all)-1]
		d.Decode(p.frame(), q)
		q.Number = uint64(len(all))
	}
	for port := range n {
		for _, p := range handshake(8) {
			p.port = port
			put(p)
		}
	}
	for r := range rounds {
		for port := range n {
			at, seq := ms*100+ms*20*timeOf(r), 1+200*r
			for i, p := range segmentsOf(at, seq, 2, 200+20*r, 10+2*r) {
				p.port, p.seq = port, seq+100*i
				put(p)
			}
			p := ackOf(at+10*ms, seq+200, 1000+20*r, 200+20*r)
			p.port = port
			put(p)
		}
	}
	return all
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []struct {
		name      string
		n, rounds int
	}{{"one stream", 1, 3000}, {"1000 streams", 1000, 8}} {
		b.Run(size.name, func(b *testing.B) {
			all := talk(size.n, size.rounds)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; {
				t := NewTracker(nil)
				for j := range all {
					t.Add(&all[j])
					if i++; i == b.N {
						return
					}
				}
			}
		})
	}
}

// TestAddAllocates: plain progress costs no allocation, with one stream and with many.
func TestAddAllocates(t *testing.T) {
	for _, n := range []int{1, 50} {
		all := talk(n, 200)
		tr := NewTracker(nil)
		half := len(all) / 2
		for i := range all[:half] {
			tr.Add(&all[i])
		}
		i := half
		if got := testing.AllocsPerRun(len(all)-half-2, func() { tr.Add(&all[i]); i++ }); got > 0 {
			t.Errorf("%d streams: %v allocations a packet", n, got)
		}
	}
}

// TestMemory: a million open connections fit into 300 MB, and more do not take more.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a million connections")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tr := NewTracker(nil)
	var d decode.Decoder
	var p decode.Packet
	hand := handshake(8)
	frames := [][]byte{hand[0].frame().Data, hand[1].frame().Data, hand[2].frame().Data}
	number, ended := uint64(0), 0
	open := func(from, to int) {
		for i := from; i < to; i++ {
			for k := range frames {
				f := hand[k].frame0(frames[k])
				ip := f.Data[14:]
				at := 12
				if k == 1 {
					at = 16
				}
				ip[at], ip[at+1], ip[at+2], ip[at+3] = 10, byte(i>>16), byte(i>>8), byte(i)
				wire.IPv4(ip[:20]).UpdateChecksum()
				d.SkipChecksums = true
				d.Decode(f, &p)
				number++
				p.Number = number
				ended += len(tr.Add(&p).Ended)
			}
		}
	}
	size := func() uint64 {
		runtime.GC()
		runtime.ReadMemStats(&after)
		return (after.HeapAlloc - before.HeapAlloc) >> 20
	}
	open(0, 1_000_000)
	million := size()
	if million > 300 || ended > 0 {
		t.Errorf("a million connections take %d MB, and %d were given up", million, ended)
	}
	open(1_000_000, 1_500_000)
	if more := size(); more > million+8 || ended != 500_000 {
		t.Errorf("half a million more take %d MB, and %d were given up", more-million, ended)
	}
	t.Logf("%d MB", million)
	runtime.KeepAlive(tr)
}

// TestEarlierIsBounded: what was sent again is remembered as long as its part, not for as long as the stream lives.
func TestEarlierIsBounded(t *testing.T) {
	tr := NewTracker(nil)
	h := newHostile()
	h.add(tr, 1, false, wire.SYN, 0, 0, 0)
	h.add(tr, 1, true, wire.SYN|wire.ACK, 0, 1, 0)
	var r *record
	for i := range uint32(20_000) {
		h.add(tr, 1, false, wire.ACK, 1+100*i, 1, 100)
		x := h.add(tr, 1, false, wire.ACK, 1+100*i, 1, 60) // a part of it
		h.add(tr, 1, true, wire.ACK, 1, 101+100*i, 0)
		r = x.Stream.half[x.Direction].rec
		for j := range r.parts[r.head:] {
			if p := &r.parts[r.head+j]; p.sends == 2 && r.previous(p).packet != p.last.packet-1 {
				t.Fatalf("round %d, part %d: sent again in %d, before in %d", i, j, p.last.packet, r.previous(p).packet)
			}
		}
	}
	if cap(r.earlier) > 4*2*history {
		t.Errorf("%d are remembered of %d parts", cap(r.earlier), len(r.parts)-r.head)
	}
}

// BenchmarkRead compares the two ways to read a segment, of a packet without data and of a long one.
func BenchmarkRead(b *testing.B) {
	tr := NewTracker(nil)
	d := decode.Decoder{}
	var p decode.Packet
	var s Segment
	for _, size := range []int{0, 1448} {
		f := packetOf{flags: wire.ACK, length: size}.frame()
		b.Run(fmt.Sprintf("decoded/%d", size), func(b *testing.B) {
			for b.Loop() {
				d.Decode(f, &p)
				tr.Read(&p, &s)
			}
		})
		b.Run(fmt.Sprintf("plain/%d", size), func(b *testing.B) {
			for b.Loop() {
				tr.ReadFrame(&f, &s)
			}
		})
	}
}
