package decode

// maxShown is how many bytes of a value are shown.
const maxShown = 256

// AppendValue adds the value of a field as text for people, escaped.
func AppendValue(b []byte, f *Field) []byte {
	switch f.Kind {
	case KindUint:
		b = appendUint(b, f.Number)
	case KindHex:
		b = appendHexN(b, f.Number, max(1, (f.Bits+3)/4))
	case KindBool:
		if f.Number != 0 {
			b = append(b, "set"...)
		} else {
			b = append(b, "not set"...)
		}
	case KindState:
		return append(b, f.Note...)
	case KindIP:
		b = appendAddr(b, f.Bytes)
	case KindMAC:
		b = AppendMAC(b, f.Bytes[:min(len(f.Bytes), maxShown)])
	case KindBytes:
		b = AppendBytes(b, f.Bytes[:min(len(f.Bytes), maxShown)])
		if len(f.Bytes) > maxShown {
			b = append(b, "..."...)
		}
	case KindText:
		b = AppendQuoted(b, f.Bytes, maxShown)
	}
	if f.Note != "" {
		b = append(append(append(b, " ("...), f.Note...), ')')
	}
	return b
}
