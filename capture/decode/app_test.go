package decode_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// TestApplications renders every packet of the corpus with its application layers, whole and mutated: nothing may
// panic, take long, or let through what a terminal acts on.
func TestApplications(t *testing.T) {
	var d decode.Decoder
	var p decode.Packet
	var b []byte
	r := decode.Printer{Location: time.UTC, Applications: app.Renderer{}}
	rng := rand.New(rand.NewPCG(3, 4))
	frames := decode.TestFrames(t)
	rendered := 0
	var slowest time.Duration
	rounds := 20
	if testing.Short() || decode.RaceEnabled {
		rounds = 3
	}
	for _, f := range frames {
		d.Decode(f, &p)
		layers := p.Layers()
		if len(layers) == 0 || layers[len(layers)-1].Type < decode.TypeDNS {
			continue
		}
		b = decode.RenderAll(t, &r, b, &p)
		start := layers[len(layers)-1].Offset
		whole := append([]byte(nil), f.Data...)
		for range rounds {
			for range 1 + rng.IntN(6) {
				at := start + rng.IntN(len(f.Data)-start)
				f.Data[at] = decode.Mutate(rng, f.Data[at])
			}
			begin := time.Now()
			d.Decode(f, &p)
			b = r.AppendLine(b[:0], &p)
			b = r.AppendTree(b[:0], &p)
			b = r.AppendJSON(b[:0], &p)
			slowest = max(slowest, time.Since(begin))
			b = decode.RenderAll(t, &r, b, &p)
			copy(f.Data, whole)
			rendered++
		}
	}
	t.Logf("%d mutated packets decoded and rendered, the slowest took %v for line, tree and JSON together", rendered, slowest)
}

func FuzzApplications(f *testing.F) {
	for _, s := range appSamples {
		f.Add(byte(s.kind), s.tcp, s.data)
	}
	f.Fuzz(func(t *testing.T, kind byte, tcp bool, data []byte) {
		r := decode.Printer{Location: time.UTC, Applications: app.Renderer{}}
		kind = byte(decode.TypeDNS) + kind%byte(decode.TypeRTP-decode.TypeDNS+1)
		frame := carry(decode.Type(kind), tcp, data)
		d := decode.Decoder{Ports: map[uint16]decode.Type{9: decode.Type(kind)}}
		var p decode.Packet
		d.Decode(frame, &p)
		decode.RenderAll(t, &r, nil, &p)
	})
}
