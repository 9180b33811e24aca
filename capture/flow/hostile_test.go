package flow

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// hostile makes segments of IPv4 fast: the same frame, changed.
type hostile struct {
	b   []byte
	d   decode.Decoder
	p   decode.Packet
	now time.Time
}

func newHostile() *hostile {
	h := &hostile{b: make([]byte, 40+1448), d: decode.Decoder{SkipChecksums: true, SkipApplications: true}, now: fragmentStart}
	h.b[0], h.b[8], h.b[9] = 0x45, 64, wire.ProtoTCP
	copy(h.b[12:], []byte{192, 0, 2, 1, 198, 51, 100, 1})
	h.b[32] = 0x50
	return h
}

// add gives the tracker a segment of a connection between two of many ends.
func (h *hostile) add(t *Tracker, conn uint32, back bool, flags wire.TCPFlags, seq, ack uint32, payload int) Result {
	b := h.b[:40+payload]
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	host := []byte{192, byte(conn >> 24), byte(conn >> 16), 1 + byte(conn>>14)&3}
	at, other := 12, 16
	if back {
		at, other = 16, 12
	}
	copy(b[at:], host)
	copy(b[other:], []byte{198, 51, 100, 1})
	client, server := uint16(1024+conn&0x3fff), uint16(80)
	if back {
		client, server = server, client
	}
	binary.BigEndian.PutUint16(b[20:], client)
	binary.BigEndian.PutUint16(b[22:], server)
	binary.BigEndian.PutUint32(b[24:], seq)
	binary.BigEndian.PutUint32(b[28:], ack)
	b[33] = byte(flags)
	binary.BigEndian.PutUint16(b[34:], 65535)
	binary.BigEndian.PutUint16(b[10:], 0)
	wire.IPv4(b[:20]).UpdateChecksum()
	h.now = h.now.Add(time.Microsecond)
	h.d.Decode(capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw, Time: h.now}, &h.p)
	h.p.Number++
	return t.Add(&h.p)
}

// inUse is the memory that is in use now.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// mostMegabytes is what a million connections may take that have sent something both ways.
const mostMegabytes = 300

// TestMillionConnections holds a million connections, each with its handshake and data both ways, and then as many
// again: memory has a bound, and is level after. TestMemory is about those that only wait.
func TestMillionConnections(t *testing.T) {
	n := uint32(1_000_000)
	if testing.Short() {
		n = 1 << 16
	}
	tracker := NewTracker(&Config{Streams: int(n)})
	before := inUse()
	h := newHostile()
	round := func(from, to uint32) {
		for c := from; c < to; c++ {
			h.add(tracker, c, false, wire.SYN, c, 0, 0)
			h.add(tracker, c, true, wire.SYN|wire.ACK, 7*c, c+1, 0)
			h.add(tracker, c, false, wire.ACK|wire.PSH, c+1, 7*c+1, 100)
			h.add(tracker, c, true, wire.ACK|wire.PSH, 7*c+1, c+101, 200)
		}
	}
	round(0, n)
	full := inUse() - before
	streams := tracker.table.used
	round(n, 2*n)
	again := inUse() - before
	t.Logf("%d connections: %d MB; after as many others: %d MB", streams, full>>20, again>>20)
	if streams != int(n) || tracker.table.used > int(n) {
		t.Errorf("%d streams, and then %d", streams, tracker.table.used)
	}
	if full > mostMegabytes<<20 {
		t.Errorf("%d MB, more than %d", full>>20, mostMegabytes)
	}
	if again > full+full/20+1<<20 {
		t.Errorf("from %d MB to %d MB", full>>20, again>>20)
	}
	if tracker.Lost().Streams != uint64(n) {
		t.Errorf("%+v", tracker.Lost())
	}
	runtime.KeepAlive(h)
}

// TestSYNFlood: SYNs without an end, of which nothing else comes.
func TestSYNFlood(t *testing.T) {
	tracker := NewTracker(&Config{Streams: 10000, Reassemble: true})
	h := newHostile()
	for c := range uint32(1 << 20) {
		h.add(tracker, c*2654435761, false, wire.SYN, c, 0, 0)
		if tracker.table.used > 10000 {
			t.Fatalf("%d streams", tracker.table.used)
		}
	}
	if l := tracker.Lost(); l.Streams < 1<<19 {
		t.Errorf("%+v", l)
	}
}

// TestStorms sends segments at random places, overlapping in every way, and with a hole before each, for long: memory
// keeps its bound, and a packet takes no longer at the end than it may.
func TestStorms(t *testing.T) {
	const most = 1 << 20
	for name, place := range map[string]func(rng *rand.Rand, i uint32) (seq uint32, payload int){
		"holes":           func(rng *rand.Rand, i uint32) (uint32, int) { return 1 + i*2, 1 },
		"holes, backward": func(rng *rand.Rand, i uint32) (uint32, int) { return 1 + 1<<30 - i*2, 1 },
		"overlaps":        func(rng *rand.Rand, i uint32) (uint32, int) { return 2 + rng.Uint32N(60000), 1 + rng.IntN(1448) },
		"anywhere":        func(rng *rand.Rand, i uint32) (uint32, int) { return rng.Uint32(), rng.IntN(1448) },
		"wide holes":      func(rng *rand.Rand, i uint32) (uint32, int) { return i * 100_000, 1448 },
	} {
		t.Run(name, func(t *testing.T) {
			tracker := NewTracker(&Config{Reassemble: true, Streams: 100, StreamBytes: 1 << 18, Bytes: most})
			h := newHostile()
			rng := rand.New(rand.NewPCG(1, 1))
			for c := range uint32(4) {
				h.add(tracker, c, false, wire.SYN, 0, 0, 0)
				h.add(tracker, c, true, wire.SYN|wire.ACK, 0, 1, 0)
			}
			before := inUse()
			n := uint32(300_000)
			if testing.Short() {
				n = 50_000
			}
			verdicts, chunks := 0, 0
			for i := range n {
				seq, payload := place(rng, i/4)
				r := h.add(tracker, i%4, false, wire.ACK, seq, 1, payload)
				verdicts += len(r.Verdicts)
				chunks += len(r.Chunks)
				if i%64 == 0 {
					h.add(tracker, i%4, true, wire.ACK, 1, rng.Uint32(), 0)
				}
				if tracker.bytes > most+most/4 {
					t.Fatalf("packet %d: %d bytes are kept", i, tracker.bytes)
				}
			}
			if used := inUse() - before; int64(used) > 16<<20 {
				t.Errorf("%d bytes of memory for %d that are accounted", used, tracker.bytes)
			}
			// No packet may bring more than it and what was waiting.
			if verdicts+chunks > 20*int(n) {
				t.Errorf("%d verdicts and %d chunks of %d packets", verdicts, chunks, n)
			}
			tracker.Finish()
			if tracker.bytes != 0 {
				t.Errorf("%d bytes are left", tracker.bytes)
			}
			runtime.KeepAlive(h)
		})
	}
}

// TestMutatedPackets changes the packets of whole conversations, and of datagrams in fragments, and gives them to a
// Tracker and a Defragmenter; FLOW_MUTANTS=2500000 does so more often.
func TestMutatedPackets(t *testing.T) {
	n := 30_000
	if more, err := strconv.Atoi(os.Getenv("FLOW_MUTANTS")); err == nil {
		n = more
	}
	var packets [][]byte
	h := newHostile()
	seq, ack := uint32(0xfffffff0), uint32(5)
	take := func(back bool, flags wire.TCPFlags, payload int) {
		s, a := seq, ack
		if back {
			s, a = ack, seq
		}
		tracker := NewTracker(nil)
		h.add(tracker, 1, back, flags, s, a, payload)
		packets = append(packets, bytes.Clone(h.p.Frame.Data))
		if step := uint32(payload); back {
			ack += step
		} else {
			seq += step
		}
		if flags&(wire.SYN|wire.FIN) != 0 {
			if back {
				ack++
			} else {
				seq++
			}
		}
	}
	take(false, wire.SYN, 0)
	take(true, wire.SYN|wire.ACK, 0)
	for range 4 {
		take(false, wire.ACK|wire.PSH, 50)
		take(true, wire.ACK, 80)
	}
	take(false, wire.ACK|wire.FIN, 0)
	take(true, wire.ACK|wire.FIN, 0)
	for _, whole := range [][]byte{datagram4(t, 300), datagram6(t, 300)} {
		for from := 0; from < 304; from += 80 {
			packets = append(packets, fragment(whole, from, from+80, 9))
		}
	}
	rng := rand.New(rand.NewPCG(1, 15))
	var d decode.Decoder
	var p decode.Packet
	var number uint64
	now := fragmentStart
	tracker, defragmenter := NewTracker(&Config{Reassemble: true, Streams: 16, StreamBytes: 4000, Bytes: 40_000}), &Defragmenter{Datagrams: 16, Bytes: 40_000}
	at := map[*Stream]*[2]int64{}
	check := func(r Result) {
		for i := range r.Verdicts {
			r.Verdicts[i].AppendJSON(r.Verdicts[i].AppendText(nil))
		}
		for _, c := range r.Chunks {
			if at[c.Stream] == nil {
				at[c.Stream] = new([2]int64)
			}
			o := &at[c.Stream][c.Direction]
			if tracker.Lost() != (Lost{}) || c.End && *o == 0 { // or none of its bytes were ever seen
				*o = c.Offset // the record of the stream was given up, and begins anew
			}
			if c.Offset != *o {
				t.Fatalf("packet %d: a chunk of stream %d, %v, at %d, want %d: %x", number, c.Stream.number, c.Direction, c.Offset, *o, p.Frame.Data)
			} else {
				*o += int64(len(c.Data)) + c.Gap
			}
		}
		for _, s := range r.Ended {
			delete(at, s)
		}
	}
	for i := 0; i < n; i++ {
		b := bytes.Clone(packets[i%len(packets)])
		if rng.IntN(3) > 0 {
			b = bytes.Clone(packets[rng.IntN(len(packets))])
		}
		for range rng.IntN(4) {
			switch at := rng.IntN(len(b)); rng.IntN(4) {
			case 0:
				b[at] ^= 1 << rng.IntN(8)
			case 1:
				b[at] = []byte{0, 1, 0x7f, 0x80, 0xff, 5, 0x2c}[rng.IntN(7)]
			case 2:
				b = b[:max(at, 1)]
			case 3:
				b = slices.Insert(b, at, byte(rng.Uint32()))
			}
		}
		if b[0]>>4 == 4 && len(b) >= 20 && rng.IntN(4) > 0 { // most come as far as the segment
			wire.IPv4(b[:20]).UpdateChecksum()
		}
		now = now.Add(time.Duration(rng.IntN(1 << 20)))
		if rng.IntN(1000) == 0 {
			now = now.Add(time.Duration(rng.Int64()>>20) - 1<<42)
		}
		number++
		d.SkipChecksums = rng.IntN(2) == 0
		f := capture.Frame{Data: b, Length: len(b) + rng.IntN(8)/7*rng.IntN(2000), Link: capture.LinkRaw, Time: now}
		for range 8 {
			d.Decode(f, &p)
			p.Number = number
			check(tracker.Add(&p))
			g := defragmenter.Add(&p)
			if g == nil || g.Fate != FragmentWhole {
				break
			}
			if g.Frame.Length < len(g.Frame.Data) || g.Length != g.Have {
				t.Fatalf("%d of %d bytes, %d of %d", len(g.Frame.Data), g.Frame.Length, g.Have, g.Length)
			}
			f = g.Frame
		}
		if c := defragmenter.Counts(); c.Bytes > 40_000 || c.Bytes < 0 || tracker.cfg.Streams == 16 && tracker.bytes > 60_000 || tracker.bytes < 0 {
			t.Fatalf("%+v, %d bytes", c, tracker.bytes)
		}
		for g := range defragmenter.GivenUp() {
			if len(g.Missing) == 0 {
				t.Fatalf("%+v", g)
			}
		}
		if i%10_000 == 9_999 {
			check(tracker.Finish())
			clear(at)
			if tracker.bytes != 0 {
				t.Fatalf("%d bytes are left", tracker.bytes)
			}
			tracker = NewTracker(&Config{Reassemble: true, Streams: 16, StreamBytes: 4000, Bytes: 40_000})
			if i/10_000%2 == 0 { // with room for all
				tracker = NewTracker(&Config{Reassemble: true})
			}
		}
	}
	c := defragmenter.Counts()
	t.Logf("%d packets, %+v", n, c)
	if n >= 30_000 && (c.Whole == 0 || c.Ignored == 0 || c.Overlaps == 0) {
		t.Error("the mutants are too wild")
	}
}
