package decode

import "sockwire/capture"

// Decode fills p with the layers of f. It keeps f, so p is valid as long as f.Data. The error, if any, is an
// *Error inside p; the layers found before it stay valid. Decode allocates nothing, reads only
// f.Data[:len(f.Data)] and takes time bounded by len(f.Data).
func (d *Decoder) Decode(f capture.Frame, p *Packet) error {
	p.Frame = f
	p.n, p.failed, p.relative = 0, false, false
	c := cursor{d: d, p: p, data: f.Data[:len(f.Data):len(f.Data)], end: max(f.Length, len(f.Data)), ip: -1}
	c.all(c.link(f.Link))
	if c.extEnd > 0 {
		c.icmpExtension()
	}
	if p.failed {
		return &p.err
	}
	return nil
}

// Bare makes p a frame that is not decoded.
func (p *Packet) Bare(f capture.Frame) {
	p.Frame = f
	p.n, p.failed, p.relative = 0, false, false
}

// all decodes all there is from a layer on.
func (c *cursor) all(next Type) {
	c.run(next)
	for c.again != TypeNone || c.chunks {
		c.run(c.more())
	}
}

// run decodes layers until nothing is left.
func (c *cursor) run(next Type) {
	for next != TypeNone {
		if next == TypePayload && c.off >= c.end {
			return
		}
		if c.p.n == MaxLayers {
			c.fail(next, TooDeep, 0, "")
			return
		}
		t := next
		if next = c.layer(t); next == TypePayload && len(carriedIn[t]) > 0 {
			next = c.inside(t)
		}
	}
}

// more moves to what comes behind what was decoded: another message of a stream, or the data of another chunk of SCTP.
// It returns TypeNone when there is nothing.
func (c *cursor) more() Type {
	if c.p.n == MaxLayers {
		c.again, c.chunks = TypeNone, false
		return TypeNone
	}
	if t := c.again; t != TypeNone {
		c.again, c.off, c.end = TypeNone, c.p.later.at, c.p.later.end
		if b := c.left(); len(b) > 0 && rowOf[t].may(b) {
			return t
		}
		return TypePayload
	}
	return c.sctpChunk()
}
