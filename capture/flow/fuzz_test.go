package flow

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// FuzzOrder sends the pieces of two streams in any order, cut and overlapping in any way, some with other bytes, with
// acknowledgements, resets and FINs anywhere among them. What is handed out must be a stream: each chunk begins where
// the one before it ended, and every byte that is handed out is one that a packet had for this place.
func FuzzOrder(f *testing.F) {
	f.Add([]byte{0, 0, 10, 4, 0, 10, 10, 4, 0, 20, 10, 4})
	f.Add([]byte{0, 0, 10, 4, 0, 20, 10, 4, 0, 10, 10, 4, 1, 0, 30, 0x10, 0, 5, 40, 4, 2, 5, 40, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		tracker := NewTracker(&Config{Reassemble: true, Streams: 4, StreamBytes: 400, Bytes: 20000})
		var d decode.Decoder
		var p decode.Packet
		next := map[*Stream]*[2]int64{}
		check := func(r Result) {
			for _, c := range r.Chunks {
				n := next[c.Stream]
				if n == nil {
					n = new([2]int64)
					next[c.Stream] = n
				}
				if c.Offset != n[c.Direction] {
					t.Fatalf("a chunk at %d, want %d", c.Offset, n[c.Direction])
				}
				n[c.Direction] += int64(len(c.Data)) + c.Gap
				if c.Gap < 0 || c.Gap > 0 && len(c.Data) > 0 {
					t.Fatalf("a gap of %d with %d bytes", c.Gap, len(c.Data))
				}
			}
			for _, v := range r.Verdicts {
				if v.Packet > p.Number || v.Bytes < 0 {
					t.Fatalf("%+v at packet %d", v, p.Number)
				}
				v.AppendText(nil)
			}
			for _, s := range r.Ended {
				s.Side(Forward)
				delete(next, s)
			}
			if tracker.bytes > 20000+int64(64<<10) {
				t.Fatalf("%d bytes are held", tracker.bytes)
			}
		}
		for at := 0; len(script) >= 4; script = script[4:] {
			at++
			k := packetOf{at: time.Duration(at) * ms, flags: wire.ACK, port: int(script[0] >> 5), back: script[0]&1 != 0,
				seq: int(script[1])<<(script[0]>>2&3) - 5, length: int(script[2]), ack: int(script[2]) * 3, id: int(script[3]), ts: 100 + int(script[1]), ecr: int(script[3])}
			if script[0]&2 != 0 {
				k.data = string(bytes.Repeat(script[1:2], int(script[2])))
			}
			if script[3] > 250 {
				k.flags = wire.TCPFlags(script[2])
			}
			if script[3]&0x30 == 0x30 {
				k.length, k.data = 0, ""
				k.sack = []int{int(script[1]), int(script[1]) + int(script[2])}
			}
			if script[3] == 77 {
				k.cut = min(int(script[2]), 20)
			}
			d.Decode(k.frame(), &p)
			p.Number++
			check(tracker.Add(&p))
		}
		p.Number++
		check(tracker.Finish())
		if tracker.bytes != 0 || tracker.table.used != 0 {
			t.Fatalf("%d bytes and %d streams are left", tracker.bytes, tracker.table.used)
		}
	})
}

// FuzzFrames adds frames of any bytes.
func FuzzFrames(f *testing.F) {
	f.Add(slices.Concat(handshake(8)[0].frame().Data, handshake(8)[1].frame().Data))
	f.Fuzz(func(t *testing.T, data []byte) {
		tracker := NewTracker(&Config{Reassemble: true, Streams: 8})
		var d decode.Decoder
		var p decode.Packet
		for len(data) > 2 {
			n := min(int(binary.BigEndian.Uint16(data))%200, len(data)-2)
			d.Decode(capture.Frame{Data: data[2 : 2+n], Length: n, Link: capture.LinkEthernet}, &p)
			p.Number++
			tracker.Add(&p)
			data = data[2+n:]
		}
		tracker.Finish()
	})
}
