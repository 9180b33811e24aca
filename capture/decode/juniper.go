package decode

import "sockwire/capture"

// Juniper's routers put a header of their own before what they capture: a magic number, flags, and extensions behind
// them. What follows depends on the link type, which is that of a kind of interface card.

const (
	juniperNoHeader   = 2    // of the flags: the link header was taken off, and a protocol is in its place
	juniperExtensions = 0x80 // extensions follow, with their length before them
)

func (c *cursor) juniper(t Type, h []byte) Type {
	if h[0] != 'M' || h[1] != 'G' || h[2] != 'C' {
		return c.malformed(t, "the magic number is not MGC")
	}
	flags, n := h[3], 4
	if flags&juniperExtensions != 0 {
		if h = c.need(t, 6); h == nil {
			return TypeNone
		}
		n = 6 + int(be16(h[4:]))
	}
	if h = c.need(t, n); h == nil {
		return TypeNone
	}
	next := TypePayload
	if flags&juniperNoHeader != 0 {
		if c.need(t, n+4) != nil {
			n += 4
			c.add(t, n)
			return c.ipVersion(TypePayload)
		}
		return TypeNone
	}
	cookie := 0
	switch c.on {
	case capture.LinkJuniperEther, capture.LinkJuniperPPPoE:
		next = TypeEthernet
	case capture.LinkJuniperPPP:
		next = TypePPP
	case capture.LinkJuniperFrelay:
		next = TypeFrameRelay
	case capture.LinkJuniperCHDLC:
		next = TypeHDLC
	case capture.LinkJuniperATM1:
		next, cookie = TypeLLC, 4
	case capture.LinkJuniperATM2:
		next, cookie = TypeLLC, 8
	case capture.LinkJuniperPPPoEATM:
		next, cookie = TypePPPoE, 2 // which is an EtherType
	case capture.LinkJuniperGGSN:
		cookie = 4
	}
	if h = c.need(t, n+cookie); h == nil {
		return TypeNone
	}
	c.add(t, n+cookie)
	switch {
	case c.on == capture.LinkJuniperPPPoEATM:
		return etherType(be16(h[n:]))
	case next == TypeLLC:
		return c.llcOrIP()
	case next == TypePayload:
		return c.ipVersion(TypePayload)
	}
	return next
}

// llcOrIP tells an LLC header that carries something, aa aa 03 or fe fe 03, from a packet of IP.
func (c *cursor) llcOrIP() Type {
	if c.off < min(len(c.data), c.end) && (c.data[c.off] == sapSNAP || c.data[c.off] == sapISO) {
		return TypeLLC
	}
	return c.ipVersion(TypePayload)
}

var (
	fJuniperMagic     = Define("juniper.magic-number", "Magic number", KindHex).As("magic").At(0, 3)
	fJuniperDirection = Define("juniper.direction", "Received", KindBool).Bits(31, 1)
	fJuniperNoHeader  = Define("juniper.l2hdr", "Link header is missing", KindBool).Bits(30, 1)
	fJuniperExtLength = Define("juniper.ext_total_len", "Length of the extensions", KindUint).At(4, 2)
	fJuniperDevice    = Define("juniper.ext.ifd", "Device interface index", KindUint)
	fJuniperLogical   = Define("juniper.ext.ifl", "Logical interface index", KindUint)
	fJuniperUnit      = Define("juniper.ext.unit", "Logical unit number", KindUint)
	fJuniperMedia     = Define("juniper.ext.ifmt", "Device media type", KindUint)
	fJuniperEncap     = Define("juniper.ext.ifle", "Logical interface encapsulation", KindUint)
)

var juniperExtension = map[byte]*Definition{
	1: fJuniperDevice, 3: fJuniperMedia, 4: fJuniperLogical, 5: fJuniperUnit, 6: fJuniperEncap,
}

func juniperFields(w *FieldWriter) {
	w.Add(0, fJuniperMagic, fJuniperDirection, fJuniperNoHeader)
	h := w.data
	if len(h) < 6 || h[3]&juniperExtensions == 0 {
		return
	}
	w.Add(0, fJuniperExtLength)
	end := min(len(h), 6+int(be16(h[4:])))
	for off := 6; off+2 <= end; {
		n := int(h[off+1])
		if off+2+n > end {
			return
		}
		// Numbers of one byte; longer ones stand lowest byte first.
		if d := juniperExtension[h[off]]; d != nil && n > 0 && n <= 8 && !w.Has(d) {
			v := uint64(0)
			for i := n; i > 0; i-- {
				v = v<<8 | uint64(h[off+1+i])
			}
			w.Value(d, off+2, n, v)
		}
		off += 2 + n
	}
}
