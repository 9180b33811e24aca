package decode

// AppendTree adds the layers of p with all their fields, one line each with its place in the frame, and a line
// for each fault. Every line ends in a newline.
func (r *Printer) AppendTree(b []byte, p *Packet) []byte {
	for i := range p.layers[:p.n] {
		l := &p.layers[i]
		b = append(b, l.Type.Title()...)
		if l.Flags&Quoted != 0 {
			b = append(b, " (quoted)"...)
		}
		b = append(b, ", "...)
		if l.Type == TypePayload || l.Type == TypeFragment {
			b = appendCount(b, l.Length)
		} else {
			b = appendCount(b, l.Header)
			if n := p.PayloadLength(i); n > 0 {
				b = append(b, " and carries "...)
				b = appendInt(b, n)
			}
		}
		b = append(b, ", at "...)
		b = append(appendInt(b, l.Offset), '\n')
		r.fields = r.appendFields(r.fields[:0], p, i)
		for k := range r.fields {
			b = appendFieldLine(b, &r.fields[k])
		}
	}
	if p.failed {
		b = p.err.append(append(b, "! "...))
		b = append(b, '\n')
	}
	return b
}

// appendFields adds the fields of layer i, those of application layers too.
func (r *Printer) appendFields(dst []Field, p *Packet, i int) []Field {
	if p.layers[i].Type < firstApplication {
		return p.AppendFields(dst, i)
	}
	if r.Applications != nil {
		return r.Applications.AppendFields(dst, p, i)
	}
	return dst
}

func appendCount(b []byte, n int) []byte {
	b = appendInt(b, n)
	if n == 1 {
		return append(b, " byte"...)
	}
	return append(b, " bytes"...)
}

// placeWidth is the width of the column that says where a field is.
const placeWidth = 12

func appendFieldLine(b []byte, f *Field) []byte {
	b = append(b, "  "...)
	start := len(b)
	b = appendPlace(b, f)
	for len(b) < start+placeWidth+2*int(f.Depth) {
		b = append(b, ' ')
	}
	b = append(b, f.Name...)
	if f.Kind != KindGroup {
		b = append(b, ": "...)
		b = AppendValue(b, f)
	}
	return append(b, '\n')
}

// appendPlace adds the bytes of a field as 14, 16-17 or, within bytes, 14.4-7 and 20.1.
func appendPlace(b []byte, f *Field) []byte {
	if f.Bits == 0 {
		return b
	}
	first, last := f.Bit, f.Bit+f.Bits-1
	b = appendInt(b, first/8)
	if first%8 == 0 && last%8 == 7 {
		if last/8 > first/8 {
			b = appendInt(append(b, '-'), last/8)
		}
		return b
	}
	b = appendInt(append(b, '.'), first%8)
	switch {
	case last == first:
	case last/8 == first/8:
		b = appendInt(append(b, '-'), last%8)
	default:
		b = appendInt(append(appendInt(append(b, '-'), last/8), '.'), last%8)
	}
	return b
}
