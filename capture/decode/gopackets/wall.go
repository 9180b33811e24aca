package gopackets

import (
	"slices"

	"github.com/google/gopacket"
)

// maxInput is how many bytes a decoder gets, and maxLayers how many layers it may make of them.
const (
	maxInput  = 64 << 10
	maxLayers = 8
)

// part is a part of the copy.
type part struct{ off, n int }

// layer is one that came out of the wall, and what its decoder was handed.
type layer struct {
	gopacket.Layer
	part
}

// wall is what a decoder of gopacket sees of the world: a place to put layers.
type wall struct {
	e      *entry
	copied []byte
	handed part // to the decoder that runs
	depth  int
	layers []layer
}

// decode runs the decoders of an entry on a copy of data. What they made before one of them panicked stands.
func (e *entry) decode(data []byte) *wall {
	n := min(len(data), maxInput)
	w := &wall{e: e, copied: make([]byte, n), handed: part{0, n}}
	copy(w.copied, data)
	w.run(e.first)
	return w
}

func (w *wall) run(d gopacket.Decoder) {
	defer func() { _ = recover() }()
	w.depth++
	to := w.handed.off + w.handed.n
	_ = d.Decode(w.copied[w.handed.off:to:to], w)
}

// place returns where b is, which a decoder has cut out of what it was handed: its capacity reaches to the end of that.
func (w *wall) place(handed part, b []byte) (p part, ok bool) {
	p = part{handed.off + handed.n - cap(b), len(b)}
	return p, p.n > 0 && p.off >= handed.off && &w.copied[p.off] == &b[0]
}

// AddLayer takes a layer.
func (w *wall) AddLayer(l gopacket.Layer) {
	if len(w.layers) < maxLayers {
		w.layers = append(w.layers, layer{l, w.handed})
	}
}

// NextDecoder lets the next decoder run, where the list has it, on what the layer before carries.
func (w *wall) NextDecoder(next gopacket.Decoder) error {
	switch t := next.(type) {
	case gopacket.LayerType:
		if !slices.Contains(w.e.then, t) {
			return nil
		}
	case gopacket.DecodeFunc:
		if !w.e.functions {
			return nil
		}
	default:
		return nil
	}
	if len(w.layers) == 0 || len(w.layers) >= maxLayers || w.depth >= maxLayers {
		return nil
	}
	last := &w.layers[len(w.layers)-1]
	if rest, ok := w.place(last.part, last.LayerPayload()); ok {
		w.handed = rest
		w.run(next)
	}
	return nil
}

// What a decoder may tell beside, and nobody here wants to know.

func (*wall) SetTruncated()                                 {}
func (*wall) SetLinkLayer(gopacket.LinkLayer)               {}
func (*wall) SetNetworkLayer(gopacket.NetworkLayer)         {}
func (*wall) SetTransportLayer(gopacket.TransportLayer)     {}
func (*wall) SetApplicationLayer(gopacket.ApplicationLayer) {}
func (*wall) SetErrorLayer(gopacket.ErrorLayer)             {}
func (*wall) DumpPacketData()                               {}
func (*wall) DecodeOptions() *gopacket.DecodeOptions        { return new(gopacket.DecodeOptions) }

var _ gopacket.PacketBuilder = (*wall)(nil)
