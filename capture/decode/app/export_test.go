package app

import "sockwire/capture/decode"

// Unguarded renders the first layer of p and lets panics through.
func Unguarded(p *decode.Packet) {
	l := p.Layers()[0]
	shown := protocols[l.Type]
	shown.line(nil, p.Header(0), true)
	w := decode.NewFieldWriter(nil, p, l.Offset, l.Offset+l.Header)
	shown.fields(&w, true)
}
