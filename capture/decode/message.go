package decode

import (
	"sockwire/capture"
	"sockwire/raw/wire"
)

// SetMessage makes p hold the application message of type t that f.Data is, as it was put together from a stream, and what
// it carries, as its only layers. Where f.Length is more than len(f.Data) the rest of it is not here, as in a frame that the capture cut.
// Link says nothing then.
func (p *Packet) SetMessage(t Type, f capture.Frame) {
	p.Frame = f
	p.n, p.failed, p.relative = 1, false, false
	n := len(f.Data)
	p.layers[0] = Layer{Type: t, Header: n, Length: max(f.Length, n)}
	if f.Length > n {
		p.failed = true
		p.err = Error{Layer: t, Fault: Truncated, Need: f.Length, Have: n}
	} else if t >= firstApplication && rowOf[t].carries != nil {
		p.n = 0
		c := cursor{d: new(Decoder), p: p, data: f.Data[:n:n], end: n, ip: -1}
		c.all(t)
	}
}

// StreamApplication tells what is spoken on a stream between two ports of which b are bytes, from a place where a
// message may start, in the way Decode tells it of a segment. It is TypePayload where nothing tells.
func (d *Decoder) StreamApplication(src, dst uint16, b []byte) Type {
	if len(b) == 0 {
		return TypePayload
	}
	if t := d.named(wire.ProtoTCP, src, dst, b); t != TypeNone {
		return t
	}
	return inStreams.find(src, dst, b)
}
