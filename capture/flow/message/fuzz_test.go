package message

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/flow"
)

// stream makes a flow.Stream between a port and another, and says whether it was seen from its start.
func stream(t testing.TB, port uint16, complete bool) *flow.Stream {
	t.Helper()
	k := newTalk(port)
	if complete {
		k.segment(flow.Forward, 2, nil)
	} else {
		k.segment(flow.Forward, wireACK, []byte("x"))
	}
	tracker := flow.NewTracker(nil)
	var dec decode.Decoder
	var p decode.Packet
	dec.Decode(k.frames[0], &p)
	p.Number = 1
	return tracker.Add(&p).Stream
}

// FuzzMessages takes a script of chunks of two directions, with gaps, and holds: nothing panics, memory keeps its
// bound, what is told lies in the stream and can be shown, offsets grow, and bodies are pieces of the stream in order.
func FuzzMessages(f *testing.F) {
	script := func(turns []turn, n int) []byte {
		var b []byte
		for _, x := range turns {
			for part := range slices.Chunk(x.data, n) {
				b = append(b, byte(x.d))
				b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
				b = append(b, part...)
			}
		}
		return b
	}
	f.Add(script(httpTalk(), 50), uint16(80), true)
	f.Add(script(httpTalk(), 1000), uint16(8080), false)
	f.Add(script([]turn{{flow.Forward, unhex("16030100050100000103")}, {flow.Backward, unhex("160303000402000000140303000101170303000400000000150303000202 28")}}, 7), uint16(443), true)
	f.Add(script([]turn{{flow.Forward, dnsMessage(f, "dns{id=1,qname=a.example}")}}, 9), uint16(53), true)
	f.Add(append(script(httpTalk()[:2], 50), 2, 0, 40, 3, 1, 0), uint16(80), true)
	f.Fuzz(func(t *testing.T, b []byte, port uint16, complete bool) { play(t, b, port, complete) })
}

func unhex(s string) []byte {
	var b []byte
	fmt.Sscanf(strings.ReplaceAll(s, " ", ""), "%x", &b)
	return b
}

// play gives a script to a Parser: a byte with the direction in bit 0, a gap in bit 1 and an end in bit 2, two with the
// length, and the bytes, where it is no gap.
func play(t testing.TB, b []byte, port uint16, complete bool) {
	s := stream(t, port, complete)
	p := &Parser{Bodies: true, Bytes: 4096, MaxMessage: 1500}
	var at [2]int64
	var said [2][]byte
	var next [2]int64
	packet := uint64(0)
	show := decode.Printer{Applications: app.Renderer{}, Time: decode.TimeNone}
	var line []byte
	check := func(messages []Message) {
		for i := range messages {
			m := &messages[i]
			d := m.Direction
			if m.Offset < 0 || m.Length < 0 || m.Missing > m.Length || m.Part != Body && m.Offset+m.Length > at[d] {
				t.Fatalf("%v: at %d, %d bytes, %d missing, of %d", m.Part, m.Offset, m.Length, m.Missing, at[d])
			}
			if m.Part == Whole || m.Part == Begins {
				if m.Offset < next[d] {
					t.Fatalf("a message at %d behind %d", m.Offset, next[d])
				}
				next[d] = m.Offset + m.Length
			}
			if m.Protocol == decode.TypeHTTP && m.Part != Ends && m.Missing == 0 && !bytes.Contains(said[d], m.Data) {
				t.Fatalf("%v: %q was never said", m.Part, m.Data)
			}
			if m.PacketCount == 0 && m.Part != Body || len(m.Packets) > maxPackets || m.First > m.Last || m.Last > packet {
				t.Fatalf("%v: packets %v of %d", m.Part, m.Packets, packet)
			}
			var q decode.Packet
			m.Packet(&q)
			line = show.AppendLine(line[:0], &q)
			line = show.AppendTree(line[:0], &q)
			line = show.AppendJSON(line[:0], &q)
		}
		if streams, n := p.Kept(); streams > 1 || n > 4096 || n < 0 {
			t.Fatalf("%d streams, %d bytes", streams, n)
		}
	}
	for len(b) >= 3 {
		kind, n := b[0], int(binary.BigEndian.Uint16(b[1:]))
		b = b[3:]
		d := flow.Direction(kind & 1)
		packet++
		c := flow.Chunk{Stream: s, Direction: d, Offset: at[d], Packet: packet, End: kind&4 != 0}
		if kind&2 != 0 {
			c.Gap = int64(n)
		} else {
			n = min(n, len(b))
			c.Data = b[:n]
			b = b[n:]
			said[d] = append(said[d], c.Data...)
		}
		at[d] += int64(n)
		check(p.Add(&c))
	}
	check(p.End(s))
	if streams, n := p.Kept(); streams != 0 || n != 0 {
		t.Fatalf("after the end %d streams and %d bytes are kept", streams, n)
	}
}

// TestMutatedMessages changes bytes, lengths and order of talks; FLOW_MUTANTS=2500000 does so more often.
func TestMutatedMessages(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 3000
	}
	if more, err := strconv.Atoi(os.Getenv("FLOW_MUTANTS")); err == nil {
		n = more
	}
	mutateMessages(t, n)
}

func mutateMessages(t testing.TB, n int) {
	seeds := [][]byte{}
	for _, x := range conversations(t) {
		for _, size := range []int{9, 60, 1400} {
			var b []byte
			for _, turn := range x.turns {
				for part := range slices.Chunk(turn.data, size) {
					b = append(b, byte(turn.d))
					b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
					b = append(b, part...)
				}
			}
			seeds = append(seeds, append(binary.BigEndian.AppendUint16(nil, x.port), b...))
		}
	}
	for _, x := range [][]turn{handshakes(t, 0x303, 3, nil), handshakes(t, 0x304, 0, nil)} {
		b := []byte{1, 187}
		for _, turn := range x {
			b = append(b, byte(turn.d))
			b = binary.BigEndian.AppendUint16(b, uint16(len(turn.data)))
			b = append(b, turn.data...)
		}
		seeds = append(seeds, b)
	}
	slices.SortFunc(seeds, bytes.Compare)
	rng := rand.New(rand.NewPCG(1, 15))
	for i := range n {
		b := bytes.Clone(seeds[i%len(seeds)])
		for range 1 + rng.IntN(8) {
			at := 2 + rng.IntN(len(b)-2)
			switch rng.IntN(5) {
			case 0:
				b[at] ^= 1 << rng.IntN(8)
			case 1:
				b[at] = []byte{0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, '\r', '\n', ':', ' '}[rng.IntN(12)]
			case 2:
				b = slices.Delete(b, at, min(len(b), at+1+rng.IntN(20)))
			case 3:
				b = slices.Insert(b, at, b[2:2+rng.IntN(min(40, len(b)-2))]...)
			case 4:
				b = slices.Insert(b, at, byte(2+rng.IntN(6)), 0, byte(rng.IntN(256)))
			}
			if len(b) < 4 {
				break
			}
		}
		play(t, b[2:], binary.BigEndian.Uint16(b), i%7 != 0)
	}
}
