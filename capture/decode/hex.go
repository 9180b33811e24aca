package decode

// AppendHex adds the captured bytes of p in hexadecimal, and as text when ascii is set. Each layer starts on
// a line of its own under its name, so that its borders are seen. Every line ends in a newline.
func AppendHex(b []byte, p *Packet, ascii bool) []byte {
	at := 0
	for i := range p.layers[:p.n] {
		l := &p.layers[i]
		if l.Offset > at {
			b = appendHexPart(b, p, "", at, l.Offset, ascii)
		}
		end := l.Offset + l.Header
		if l.Type == TypePayload || l.Type == TypeFragment {
			end = l.Offset + l.Length
		}
		end = min(end, len(p.Frame.Data))
		b = appendHexPart(b, p, l.Type.String(), l.Offset, end, ascii)
		at = max(at, end)
	}
	return appendHexPart(b, p, "", at, len(p.Frame.Data), ascii)
}

// appendHexPart adds the bytes [from, to) under a heading. Bytes without a layer of their own are padding, a
// trailer, or what could not be decoded.
func appendHexPart(b []byte, p *Packet, name string, from, to int, ascii bool) []byte {
	if from >= to {
		return b
	}
	b = append(b, "        "...)
	switch {
	case name != "":
		b = append(b, name...)
	case p.failed && from <= p.err.Offset && p.err.Offset < to:
		b = append(b, "not decoded"...)
	default:
		b = append(b, "trailer"...)
	}
	b = appendInt(append(b, ' '), from)
	b = appendInt(append(b, '-'), to-1)
	b = append(b, '\n')
	for ; from < to; from += 16 {
		b = appendHexLine(b, p.Frame.Data[from:min(from+16, to)], from, ascii)
	}
	return b
}

// appendHexLine adds up to 16 bytes in pairs, as tcpdump does.
func appendHexLine(b, data []byte, offset int, ascii bool) []byte {
	digits := 4
	if offset > 0xffff {
		digits = 8
	}
	b = appendHexN(b, uint64(offset), digits)
	b = append(b, ' ')
	for i := range 16 {
		if i%2 == 0 {
			b = append(b, ' ')
		}
		if i < len(data) {
			b = append(b, hexDigits[data[i]>>4], hexDigits[data[i]&15])
		} else if ascii {
			b = append(b, ' ', ' ')
		}
	}
	if ascii {
		b = append(b, ' ', ' ')
		for _, x := range data {
			if x < ' ' || x > '~' {
				x = '.'
			}
			b = append(b, x)
		}
	} else {
		for b[len(b)-1] == ' ' {
			b = b[:len(b)-1]
		}
	}
	return append(b, '\n')
}
