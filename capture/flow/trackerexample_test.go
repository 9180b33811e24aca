package flow

import (
	"fmt"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// A segment is sent, lost behind the place of the capture, and sent again.
func ExampleTracker() {
	tracker := NewTracker(&Config{Reassemble: true})
	var decoder decode.Decoder
	var p decode.Packet
	for i, captured := range append(handshake(7),
		packetOf{at: 30 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 130, ecr: 900, id: 3},
		packetOf{at: 31 * ms, flags: wire.ACK, seq: 6, ack: 1, data: " world", ts: 131, ecr: 900, id: 4},
		packetOf{at: 52 * ms, back: true, flags: wire.ACK, seq: 1, ack: 1, ts: 950, ecr: 120, id: 1, sack: []int{6, 12}},
		packetOf{at: 53 * ms, flags: wire.ACK, seq: 1, ack: 1, data: "hello", ts: 153, ecr: 950, id: 5},
		packetOf{at: 73 * ms, back: true, flags: wire.ACK, seq: 1, ack: 12, ts: 971, ecr: 153, id: 2},
	) {
		decoder.Decode(captured.frame(), &p)
		p.Number = uint64(i + 1)
		r := tracker.Add(&p)
		for i := range r.Verdicts {
			fmt.Printf("#%d: %s\n", r.Verdicts[i].Packet, r.Verdicts[i].String())
		}
		for _, c := range r.Chunks {
			fmt.Printf("#%d: %q\n", c.Packet, c.Data)
		}
	}
	for s := range tracker.Streams() {
		server, client := s.Handshake()
		side := s.Side(Forward)
		fmt.Printf("%v to %v: %d bytes, %d again, round trip %v\n", s.Source(Forward), s.Source(Backward), side.Bytes, side.Again, server+client)
	}
	// Output:
	// #4: "hello"
	// #5: " world"
	// #6: duplicate ACK 1
	// #7: again: #4, SACK 23 ms
	// #4: lost behind here: again in #7
	// 192.0.2.1:40000 to 198.51.100.1:80: 11 bytes, 5 again, round trip 20.05ms
}
