package decode

// named returns what Decoder.Ports says of a port, the destination before the source; TypeNone for nothing.
func (d *Decoder) named(transport uint8, src, dst uint16, b []byte) Type {
	for _, n := range [...]uint16{dst, src} {
		for _, proto := range [...]uint8{transport, 0} {
			if t, ok := d.Ports[Port{proto, n}]; ok {
				return beside(t, b, t)
			}
			if t, ok := d.Ports[Port{proto, n - 1}]; ok && n&1 != 0 {
				if t := beside(t, b, TypeNone); t != TypeNone {
					return t
				}
			}
		}
	}
	return TypeNone
}

// beside returns the one of those that share the ports of t that b is, otherwise otherwise.
func beside(t Type, b []byte, otherwise Type) Type {
	if t < numTypes {
		for _, s := range besideOf[t] {
			if len(b) > 0 && rowOf[s].is(b, true) {
				return s
			}
		}
	}
	return otherwise
}
