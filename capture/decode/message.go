package decode

import "sockwire/capture"

// SetMessage makes p hold one layer only: the application message of type t that f.Data is, as it was put together from
// a stream. Where f.Length is more than len(f.Data) the rest of it is not here, as in a frame that the capture cut.
// Link says nothing then.
func (p *Packet) SetMessage(t Type, f capture.Frame) {
	p.Frame = f
	p.n, p.failed, p.relative = 1, false, false
	n := len(f.Data)
	p.layers[0] = Layer{Type: t, Header: n, Length: max(f.Length, n)}
	if f.Length > n {
		p.failed = true
		p.err = Error{Layer: t, Fault: Truncated, Need: f.Length, Have: n}
	}
}

// StreamApplication tells what is spoken on a stream between two ports of which b are bytes, from a place where a
// message may start, in the way Decode tells it of a segment. It is TypePayload where nothing tells.
func (d *Decoder) StreamApplication(src, dst uint16, b []byte) Type {
	if len(b) == 0 {
		return TypePayload
	}
	for _, port := range [...]uint16{dst, src} {
		if t, ok := d.Ports[port]; ok {
			return t
		}
	}
	return inStreams.find(src, dst, b)
}
