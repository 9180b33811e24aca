package decode

import "encoding/binary"

// family returns the layer that a BSD address family announces; each system has its own number for IPv6.
func family(n uint32) Type {
	switch n {
	case 2:
		return TypeIPv4
	case 10, 24, 28, 30:
		return TypeIPv6
	}
	return TypePayload
}

// loopback decodes LINKTYPE_NULL, whose family is in the byte order of the capturing host, and
// LINKTYPE_LOOP, whose family is big-endian.
func (c *cursor) loopback(t Type, h []byte) Type {
	c.add(t, 4)
	return family(loopbackFamily(h))
}

// loopbackFamily reads the family in the order in which it is a small number.
func loopbackFamily(h []byte) uint32 {
	if n := binary.LittleEndian.Uint32(h); n <= 0xffff {
		return n
	}
	return be32(h)
}

var fNullFamily = Define("null.family", "Family", KindUint)

func loopbackFields(w *FieldWriter) {
	if len(w.data) >= 4 {
		w.Value(fNullFamily, 0, 4, uint64(loopbackFamily(w.data)))
		if t := family(loopbackFamily(w.data)); t != TypePayload {
			w.Note(t.Title())
		}
	}
}

func (*Printer) appendLoopback(b []byte, p *Packet, i int) []byte {
	if next := p.next(i); next == TypePayload || next == TypeNone {
		b = appendUint(append(b, "family "...), uint64(loopbackFamily(p.Header(i))))
		b = append(b, ", "...)
	}
	return b
}
