package flow

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// TestReadFrame: what ReadFrame knows of a frame is what Read knows of the packet, for frames of all kinds, and mutants
// of them; and plain ones it does know.
func TestReadFrame(t *testing.T) {
	tr := NewTracker(&Config{Interfaces: true})
	rng := rand.New(rand.NewPCG(7, 7))
	var d decode.Decoder
	var p decode.Packet
	taken, left := 0, 0
	check := func(f capture.Frame, plain bool) {
		var got, want Segment
		got.fragment, got.sacks, got.corrupt = true, 3, true // what was there before
		ok := tr.ReadFrame(&f, &got)
		d.Decode(f, &p)
		tr.Read(&p, &want)
		switch {
		case !ok && plain:
			t.Fatalf("%+v is not read", f)
		case !ok:
			left++
			return
		}
		taken++
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%x:\n%+v, want\n%+v", f.Data, got, want)
		}
	}
	var all []packetOf
	for seed := range uint64(5) {
		all = append(all, noise(rand.New(rand.NewPCG(seed, 2)), 200)...)
	}
	all = append(all, handshake(8)...)
	all = append(all, ackOf(5*ms, 1, 2, 3, 10, 20, 30, 40), packetOf{vlan: 5, flags: wire.ACK}, packetOf{flags: wire.ACK, length: 3, cut: 1})
	for i, k := range all {
		k.v6 = i%3 == 0
		k.iface, k.dir, k.drops, k.ce = i%4, capture.Direction(i%3), uint64(i%5), i%7 == 0
		f := k.frame()
		check(f, !k.bad && k.vlan == 0 && k.cut == 0)
		f.Data = append(f.Data, 0, 0, 0, 0) // the padding of a short frame
		f.Length += 4
		check(f, !k.bad && k.vlan == 0 && k.cut == 0)
		for range 20 {
			f.Data[rng.IntN(len(f.Data))] ^= 1 << rng.IntN(8)
			check(f, false)
		}
		f.Data = f.Data[:rng.IntN(len(f.Data))]
		check(f, false)
	}
	if taken < 1000 || left < 1000 {
		t.Errorf("%d were read, and %d left", taken, left)
	}
	f := all[0].frame()
	var s Segment
	if n := testing.AllocsPerRun(100, func() { tr.ReadFrame(&f, &s) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
