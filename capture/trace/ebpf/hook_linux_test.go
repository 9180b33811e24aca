//go:build amd64 || arm64

package ebpf

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// aPacket is a record of a packet as the programs write it.
func aPacket() []byte {
	b := make([]byte, pkSize)
	order.PutUint64(b[pkTime:], 12345)
	order.PutUint64(b[pkInode:], 99)
	order.PutUint64(b[pkCookie:], 7)
	order.PutUint32(b[pkKept:], trace.SightingHeader)
	b[pkDirection], b[pkRaw] = uint8(trace.In), 1
	order.PutUint16(b[pkGroup:], unix.PACKET_MULTICAST)
	b[pkHeader] = 0x45
	return b
}

func TestParsePacket(t *testing.T) {
	var got trace.Sighting
	want := trace.Sighting{Time: 12345, Direction: trace.In, Cookie: 7, Socket: 99, Raw: true, Group: true, Kept: trace.SightingHeader}
	want.Header[0] = 0x45
	b := aPacket()
	if err := parsePacket(b, &got); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = parsePacket(b, &got) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	order.PutUint32(b[pkKept:], trace.SightingHeader+1)
	if parsePacket(b, &got) == nil || parsePacket(b[:pkSize-1], &got) == nil {
		t.Error("taken, though more is said to be there than is")
	}
}

// FuzzPacket: whatever the ring holds, it gives a sighting that a matcher takes, or an error.
func FuzzPacket(f *testing.F) {
	f.Add(aPacket())
	f.Fuzz(func(t *testing.T, b []byte) {
		var s trace.Sighting
		if parsePacket(b, &s) != nil {
			return
		}
		var m trace.Matcher
		m.Add(&trace.Sightings{All: []trace.Sighting{s, s}})
		m.Forget(time.Hour)
	})
}
