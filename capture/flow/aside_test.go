package flow

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// noise makes the packets of connections between the same few ends, one after another and some at once, of which some
// are lost, damaged, seen twice, late or far off, and some begin or end in the middle.
func noise(rng *rand.Rand, n int) (all []packetOf) {
	at := timeOf(0)
	for len(all) < n {
		port, isn, seq, id := rng.IntN(3), rng.IntN(4)*70_000, [2]int{}, [2]int{1, 100}
		start := len(all)
		for i := range 2 + rng.IntN(30) {
			side := rng.IntN(2)
			p := packetOf{at: at, port: port, back: side == 1, flags: wire.ACK, seq: isn + seq[side], ack: isn + seq[1-side], id: id[side]}
			switch {
			case i == 0:
				side, p.back, p.flags, p.seq, p.ack = 0, false, wire.SYN, isn, 0
			case i == 1:
				side, p.back, p.flags, p.seq, p.ack = 1, true, wire.SYN|wire.ACK, isn, isn+1
			case rng.IntN(30) == 0:
				p.flags |= wire.RST
			case rng.IntN(12) == 0:
				p.flags |= wire.FIN
			case rng.IntN(20) == 0:
				p.seq, p.ack = rng.IntN(1<<31), rng.IntN(1<<31)
			case rng.IntN(3) > 0:
				p.length = 1 + rng.IntN(200)
			}
			if rng.IntN(3) == 0 {
				p.ts, p.ecr = 10+i, 5+i
			}
			p.bad = rng.IntN(25) == 0
			seq[side] += p.length
			if p.flags&(wire.SYN|wire.FIN) != 0 {
				seq[side]++
			}
			id[side]++
			at += timeOf(rng.IntN(2000)) * 1000
			switch rng.IntN(15) {
			case 0: // lost
			case 1:
				all = append(all, p, p)
			default:
				all = append(all, p)
			}
		}
		for range rng.IntN(3) { // late
			if i := start + rng.IntN(len(all)-start+1); i > start && i < len(all) {
				j := max(start, i-1-rng.IntN(4))
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	return all
}

// TestUnwatched: which packets belong to which stream is the same where no stream is watched, or every other.
func TestUnwatched(t *testing.T) {
	watches := map[string]func(*Stream) bool{
		"none": func(*Stream) bool { return false }, "every other": func(s *Stream) bool { return s.Number()%2 == 0 },
	}
	rounds := uint64(800)
	if testing.Short() {
		rounds = 100
	}
	var d decode.Decoder
	for seed := range rounds {
		all := noise(rand.New(rand.NewPCG(seed, 1)), 100)
		packets := make([]decode.Packet, len(all))
		whole := NewTracker(nil)
		want := make([]string, len(all))
		for i := range all {
			d.Decode(all[i].frame(), &packets[i])
			packets[i].Number = uint64(i + 1)
			want[i] = place(whole.Add(&packets[i]))
		}
		for _, name := range slices.Sorted(maps.Keys(watches)) {
			x := NewTracker(&Config{Watch: watches[name]})
			for i := range packets {
				if got := place(x.Add(&packets[i])); got != want[i] {
					for j := range all[:i+1] {
						t.Logf("#%d %s %+v", j+1, want[j], all[j])
					}
					t.Fatalf("seed %d, %s watched, packet %d: %s, want %s", seed, name, i+1, got, want[i])
				}
			}
		}
	}
}

func place(r Result) string {
	if r.Stream == nil {
		return "none"
	}
	return fmt.Sprint(r.Stream.Number(), " ", r.Direction)
}
