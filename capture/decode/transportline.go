package decode

import "sockwire/raw/wire"

func (r *Printer) appendTCP(b []byte, p *Packet, i int) ([]byte, int) {
	h := p.TCP(i)
	if h == nil {
		b = append(b, "TCP, seq "...)
		return appendUint(b, uint64(be32(p.Header(i)[4:]))), p.n
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
	b = append(b, ", length "...)
	b = appendInt(b, length)
	return r.appendCarried(b, p, i)
}

func (r *Printer) appendUDP(b []byte, p *Packet, i int) ([]byte, int) {
	b = append(b, "UDP, length "...)
	b = appendInt(b, p.PayloadLength(i))
	return r.appendCarried(b, p, i)
}

// appendRest adds a layer that has no line of its own.
func (r *Printer) appendRest(b []byte, p *Packet, i int) ([]byte, int) {
	l := &p.layers[i]
	if r.Applications != nil && l.Type >= firstApplication {
		if b, ok := r.Applications.AppendLine(b, p, i); ok {
			return b, i + 1
		}
	}
	if l.Type != TypePayload && l.Type != TypeFragment {
		b = append(b, l.Type.Title()...)
		b = append(b, ", "...)
	}
	b = append(b, "length "...)
	return appendInt(b, l.Length), i + 1
}

// appendCarried adds what transport layer i carries, when that is more than bytes.
func (r *Printer) appendCarried(b []byte, p *Packet, i int) ([]byte, int) {
	if i++; i >= p.n {
		return b, i
	}
	t := p.layers[i].Type
	if t == TypePayload {
		return b, i + 1
	}
	if t < firstApplication {
		return append(b, ": "...), i
	}
	if r.Applications == nil {
		return append(append(b, ": "...), t.Title()...), i + 1
	}
	n := len(b)
	c, ok := r.Applications.AppendLine(append(b, ": "...), p, i)
	if !ok {
		c = append(append(c[:n], ": "...), t.Title()...)
	}
	return c, i + 1
}
