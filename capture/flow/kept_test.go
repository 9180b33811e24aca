package flow

import (
	"testing"

	"sockwire/raw/wire"
)

// TestKept: of what is handed out, the last bytes are kept, so that others in their place are found; of a direction
// that is alone, a few, and always the same work a packet.
func TestKept(t *testing.T) {
	const size = 1000
	for _, both := range []bool{false, true} {
		tr := NewTracker(&Config{Reassemble: true, StreamBytes: 100_000})
		h := newHostile()
		h.add(tr, 1, false, wire.SYN, 0, 0, 0)
		if both {
			h.add(tr, 1, true, wire.SYN|wire.ACK, 0, 1, 0)
		}
		var r *record
		least, most := 1<<30, 0
		for i := range uint32(1000) {
			x := h.add(tr, 1, false, wire.ACK, 1+size*i, 1, size)
			r = x.Stream.half[x.Direction].rec
			if i >= 200 {
				least, most = min(least, len(r.buffer.kept.data)), max(most, len(r.buffer.kept.data))
			}
			h.b[40+500]++
			h.b[36]++ // the checksum, or it is the same packet
			again := h.add(tr, 1, false, wire.ACK, 1+size*i, 1, size)
			if len(again.Verdicts) == 0 || again.Verdicts[len(again.Verdicts)-1].Kind != Conflict {
				t.Fatalf("both ways %v, packet %d: %+v", both, i, again.Verdicts)
			}
		}
		want := keepAlone
		if both {
			want = 100_000
		}
		if most > want || least < want/2-2*size || cap(r.buffer.kept.data) > 2*want {
			t.Errorf("both ways %v: from %d to %d bytes are kept, in %d; want %d", both, least, most, cap(r.buffer.kept.data), want)
		}
	}
}
