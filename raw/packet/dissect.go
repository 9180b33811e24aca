package packet

import (
	"bytes"
	"net/netip"
	"reflect"
)

// Dissect takes a packet apart into layers that build it again: Append(nil, Dissect(b, first)...) is b for any b. first
// says what b starts with, such as new(Ethernet) or new(IPv4). Fields are left out where computing them gives the
// same bytes; what has no layer of its own, is cut or is malformed becomes a [Payload]. The layers hold views of b.
//
// To read packets fast, use package capture/decode; Dissect is for building them anew.
func Dissect(b []byte, first Layer) []Layer {
	d := dissection{whole: b, end: len(b)}
	d.walk(first)
	for {
		got, err := Append(nil, d.layers...)
		if err == nil && bytes.Equal(got, b) {
			break
		}
		d.giveUpInnermost()
	}
	simplify(d.layers, b)
	return d.layers
}

// dissection is the state of taking one packet apart.
type dissection struct {
	whole  []byte
	end    int // of what belongs to the current layer
	layers []Layer
	starts []int
}

func (d *dissection) walk(l Layer) {
	at := 0
	for l != nil && len(d.layers) < maxLayers-1 {
		h, ok := l.(header)
		if !ok {
			break
		}
		r := reader{b: d.whole[at:d.end], whole: d.end == len(d.whole)}
		next := h.read(&r)
		if r.bad {
			break
		}
		if r.end != 0 {
			d.bound(&r, r.end)
		}
		d.end -= r.cut
		d.layers = append(d.layers, l)
		d.starts = append(d.starts, at)
		at += r.pos
		l = layerOf(next)
	}
	if at < d.end || len(d.layers) == 0 {
		d.layers = append(d.layers, Payload(d.whole[at:d.end:d.end]))
		d.starts = append(d.starts, at)
	}
}

// giveUpInnermost makes a payload of the innermost header, which did not build the bytes it was read from.
func (d *dissection) giveUpInnermost() {
	last := len(d.layers) - 1
	if _, ok := d.layers[last].(Payload); ok && last > 0 {
		last--
	}
	if last == 0 {
		d.layers = []Layer{Payload(d.whole)}
		return
	}
	d.layers = append(d.layers[:last], Payload(d.whole[d.starts[last]:d.end:d.end]))
}

// bound ends the current layers n bytes behind the start of the header that r reads, if an Ethernet header can take
// the rest as its trailer.
func (d *dissection) bound(r *reader, n int) {
	if r.bad || len(d.layers) == 0 || n < r.pos || n >= len(r.b) || d.end != len(d.whole) {
		return
	}
	if e, ok := d.layers[0].(*Ethernet); ok {
		d.end -= len(r.b) - n
		e.Trailer = d.whole[d.end:]
	}
}

// simplify leaves out what is computed to the same bytes.
func simplify(layers []Layer, want []byte) {
	buf := make([]byte, 0, len(want)+256)
	for _, l := range layers {
		if _, ok := l.(Payload); ok {
			continue
		}
		v := reflect.ValueOf(l).Elem()
		for i := range v.NumField() {
			f := v.Field(i)
			if f.IsZero() {
				continue
			}
			t := target{ptr: f.Addr().Interface()}
			before := reflect.New(f.Type()).Elem()
			before.Set(f)
			if _, isAddr := t.ptr.(*netip.Addr); isAddr || !t.clear() {
				continue
			}
			got, err := Append(buf[:0], layers...)
			if err != nil || !bytes.Equal(got, want) {
				f.Set(before)
			}
		}
	}
}
