package decode

// AppendLine adds one line about p, without a line end.
func (r *Printer) AppendLine(b []byte, p *Packet) []byte {
	if r.Number && p.Number != 0 {
		b = append(appendUint(b, p.Number), ' ', ' ')
	}
	b = r.appendTime(b, p)
	if r.Names != nil {
		b = r.appendInterface(b, p)
	}
	start := len(b)
	b = r.appendLayers(b, p)
	if n := len(b) - len(", "); n > start && string(b[n:]) == ", " { // a header that carries nothing
		b = b[:n]
	}
	if len(b) == start {
		b = append(b, "length "...)
		b = appendInt(b, p.Frame.Length)
	}
	b = appendNotes(b, p)
	return b
}

// appendNotes adds what is not a matter of course: faults, bad checksums, super-packets.
func appendNotes(b []byte, p *Packet) []byte {
	for i := range p.layers[:p.n] {
		l := &p.layers[i]
		if l.Checksum == ChecksumBad {
			b = append(b, " [bad "...)
			b = append(b, l.Type.String()...)
			b = append(b, " checksum]"...)
		}
	}
	if n := p.Segments(); n > 1 {
		b = append(b, " [offload: "...)
		b = appendInt(b, n)
		b = append(b, " segments]"...)
	} else if n == 0 {
		b = append(b, " [offload: super-packet]"...)
	}
	if p.failed {
		b = append(b, " ["...)
		b = p.err.append(b)
		b = append(b, ']')
	}
	return b
}
