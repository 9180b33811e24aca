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
func (r *Printer) appendRest(b []byte, p *Packet, i int) []byte {
	l := &p.layers[i]
	if r.Applications != nil && l.Type >= firstApplication {
		if b, ok := r.Applications.AppendLine(b, p, i); ok {
			return b
		}
	}
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
	i++
	b = append(b, ": "...)
	if r.Applications != nil {
		if c, ok := r.Applications.AppendLine(b, p, i); ok {
			return c, i
		}
	}
	return append(b, t.Title()...), i
}
