package decode

import "sockwire/raw/wire"

func (r *Printer) appendTCP(b []byte, p *Packet, i int) []byte {
	h := p.TCP(i)
	if h == nil {
		b = append(b, "TCP, seq "...)
		return appendUint(b, uint64(be32(p.Header(i)[4:])))
	}
	flags := h.Flags()
	b = append(b, "Flags ["...)
	b = flags.Append(b)
	b = append(b, ']')
	length := p.PayloadLength(i)
	seq, ack := h.Sequence(), h.Acknowledgment()
	if p.relative && !r.Absolute {
		seq -= p.seqBase
		ack -= p.ackBase
	}
	if length > 0 || flags&(wire.SYN|wire.FIN|wire.RST) != 0 {
		b = append(b, ", seq "...)
		b = appendUint(b, uint64(seq))
		if length > 0 {
			b = appendUint(append(b, ':'), uint64(seq+uint32(length)))
		}
	}
	if flags&wire.ACK != 0 {
		b = append(b, ", ack "...)
		b = appendUint(b, uint64(ack))
	}
	b = append(b, ", win "...)
	b = appendUint(b, uint64(h.Window()))
	if flags&wire.URG != 0 {
		b = append(b, ", urg "...)
		b = appendUint(b, uint64(h.Urgent()))
	}
	if len(h) > 20 {
		b = append(b, ", options ["...)
		b = appendTCPOptions(b, h.Options())
		b = append(b, ']')
	}
	return appendInt(append(b, ", length "...), length)
}

func (*Printer) appendUDP(b []byte, p *Packet, i int) []byte {
	return appendInt(append(b, "UDP, length "...), p.PayloadLength(i))
}

// appendRest adds a layer that has no line of its own.
func (*Printer) appendRest(b []byte, p *Packet, i int) []byte {
	l := &p.layers[i]
	if l.Type != TypePayload && l.Type != TypeFragment {
		b = append(b, l.Type.Title()...)
		b = append(b, ", "...)
	}
	return appendInt(append(b, "length "...), l.Length)
}

// appendCarried adds what transport layer i carries, when that is more than bytes, and returns the last layer that it
// added.
func (r *Printer) appendCarried(b []byte, p *Packet, i int) ([]byte, int) {
	t := p.next(i)
	switch {
	case t == TypeNone:
		return b, i
	case t == TypePayload:
		return b, i + 1
	case t < firstApplication:
		return append(b, ": "...), i
	}
	return r.appendShown(append(b, ": "...), p, i+1)
}

// appendShown adds layer i, one of package app, and what leads to the layer behind it. Bytes that it carries are passed
// over: it returns the last layer that it added.
func (r *Printer) appendShown(b []byte, p *Packet, i int) ([]byte, int) {
	l := &p.layers[i]
	shown := false
	if r.Applications != nil {
		b, shown = r.Applications.AppendLine(b, p, i)
	}
	if !shown {
		b = append(b, l.Type.Title()...)
		if i == 0 || !p.layers[i-1].Type.Transport() { // which says the length
			b = appendInt(append(b, ", length "...), l.Length)
		}
	}
	switch t := p.next(i); {
	case t == TypePayload && i+2 >= p.n:
		return b, i + 1
	case t == TypePayload:
		return append(b, "; "...), i + 1
	case t == TypeNone:
		return b, i
	case p.layers[i+1].Offset >= l.Offset+l.Length:
		return append(b, "; "...), i
	}
	return append(b, ": "...), i
}
