package decode

import (
	"sockwire/capture"
	"sockwire/raw/wire"
)

// Decoder decodes frames. The zero value is ready: it verifies checksums and tells application layers by
// their well-known ports and their first bytes. It holds no state between frames; one Decoder may serve
// several goroutines, each with Packets of its own.
type Decoder struct {
	// SkipChecksums leaves all checksums unverified, which saves reading the payloads.
	SkipChecksums bool
	// SkipApplications stops at the payload of the transport layer.
	SkipApplications bool
	// Ports says what is spoken on ports, before the first bytes and the well-known ports are asked. TypeRTP, which no
	// port and no byte pattern can tell, is only ever found this way. A port mapped to TypePayload is left undecoded.
	Ports map[Port]Type
}

// Port is a port of a transport, for Decoder.Ports.
type Port struct {
	Transport uint8 // IP protocol number, such as 6 for TCP; 0 for all that have ports
	Number    uint16
}

// cursor is the state of one Decode: where the next layer starts, how far it may reach, and what the
// layers above it must know of those below.
type cursor struct {
	d    *Decoder
	p    *Packet
	data []byte // captured bytes of the frame
	off  int    // where the next layer starts
	end  int    // where the layer around it ends on the wire; may lie past the captured bytes

	on capture.LinkType // of the frame, or that a header before it names

	ip     int // index of the innermost IP layer, for pseudo headers; -1 for none
	src    int // offsets of the addresses that transport checksums cover: of the IP header, or of a source route
	dst    int
	part   bool // the IP packet is a fragment
	short  bool // a length field claims bytes that the frame never had
	quoted bool // inside the quotation of an ICMP error

	stream bool // the transport is TCP

	wlanPad bool // the 802.11 header is padded to 4 bytes

	again  Type // what starts where later says, behind the message that is decoded; TypeNone for nothing
	chunks bool // later says where chunks of SCTP are

	extOff, extEnd int // the ICMP extension structure behind a quotation, extEnd 0 for none
}

// need returns the n header bytes of layer t, or nil after noting that they are not all there.
func (c *cursor) need(t Type, n int) []byte {
	to := c.off + n
	if to <= len(c.data) && to <= c.end {
		return c.data[c.off:to:to]
	}
	if to > c.end {
		c.fail(t, Cut, n, "")
	} else {
		c.fail(t, Truncated, n, "")
	}
	return nil
}

// fail notes what is wrong with layer t, which starts at the cursor. The first fault is kept. A quotation
// that ends early is what ICMP errors look like, not a fault.
func (c *cursor) fail(t Type, k Fault, need int, reason string) {
	if c.p.failed || c.quoted && (k == Cut || k == Truncated) {
		return
	}
	c.p.failed = true
	have := min(len(c.data), c.end) - c.off
	c.p.err = Error{Layer: t, Fault: k, Offset: c.off, Need: need, Have: max(have, 0), Reason: reason}
}

// malformed notes a value that cannot be and ends the decoding.
func (c *cursor) malformed(t Type, reason string) Type {
	c.fail(t, Malformed, 0, reason)
	return TypeNone
}

// add appends a layer with a header of n bytes that reaches to the end of the one around it, and moves the
// cursor behind the header.
func (c *cursor) add(t Type, n int) *Layer {
	l := &c.p.layers[c.p.n]
	*l = Layer{Type: t, Offset: c.off, Header: n, Length: c.end - c.off}
	if c.quoted {
		l.Flags = Quoted
	}
	c.p.n++
	c.off += n
	return l
}

// rest makes all that is left one layer: a payload, the data of a fragment, or a layer whose inside is for
// a renderer to look at.
func (c *cursor) rest(t Type) Type {
	n := min(len(c.data), c.end) - c.off
	if n < 0 {
		return TypeNone
	}
	l := c.add(t, n)
	if t == TypePayload || t == TypeFragment {
		l.Header = 0
	} else if c.end > len(c.data) {
		c.off = l.Offset
		c.fail(t, Truncated, l.Length, "")
	}
	return TypeNone
}

// limit shortens the layer l, whose header starts at off, to the length its own length field claims. A
// length past the end of the layer around it is noted and not believed.
func (c *cursor) limit(l *Layer, length int) {
	if end := l.Offset + length; end <= c.end {
		c.end = end
	} else {
		l.Flags |= Overlong
		c.short = true
		if !c.p.failed && !c.quoted {
			c.p.failed = true
			c.p.err = Error{Layer: l.Type, Fault: Cut, Offset: l.Offset, Need: length,
				Have: max(min(len(c.data), c.end)-l.Offset, 0), Reason: "the length field exceeds what holds the layer"}
		}
	}
	l.Length = c.end - l.Offset
}

// left returns the captured bytes from the cursor on.
func (c *cursor) left() []byte {
	return c.data[min(c.off, len(c.data)):min(len(c.data), max(c.end, c.off))]
}

// captured reports whether the bytes up to the end of the current layer are all here.
func (c *cursor) captured() bool { return c.end <= len(c.data) }

// verify computes the state of the transport checksum in layer l, whose bytes start at l.Offset, are covered to
// offset to, and include a pseudo header with protocol number proto when pseudo is set.
func (c *cursor) verify(l *Layer, stored uint16, to int, proto uint8, pseudo bool) {
	c.verifyLength(l, stored, to, to-l.Offset, proto, pseudo)
}

// verifyPart is verify for a checksum that covers the bytes up to offset to only, while the length in the pseudo
// header is that of all up to end.
func (c *cursor) verifyPart(l *Layer, stored uint16, to, end int, proto uint8) {
	c.verifyLength(l, stored, to, end-l.Offset, proto, true)
}

func (c *cursor) verifyLength(l *Layer, stored uint16, to, length int, proto uint8, pseudo bool) {
	if c.part || c.short || to > len(c.data) || c.d.SkipChecksums {
		l.Checksum = ChecksumUnverified
		return
	}
	if pseudo && !c.quoted && c.p.Frame.Offload.ChecksumPending {
		l.Checksum = ChecksumOffloaded
		return
	}
	var start wire.Sum
	if pseudo {
		if c.ip < 0 {
			l.Checksum = ChecksumUnverified
			return
		}
		start = c.pseudo(length, proto)
	}
	switch {
	case start.Add(c.data[l.Offset:to]).Good(), pseudo && !c.quoted && c.p.Frame.Offload.ChecksumValid:
		l.Checksum = ChecksumGood
	case c.quoted: // what is quoted may have been changed on its way
		l.Checksum = ChecksumUnverified
	case pseudo && (c.unsaid() || stored == start.Fold()):
		// A Linux sender leaves the sum of the pseudo header for the device to complete.
		l.Checksum = ChecksumOffloaded
	default:
		l.Checksum = ChecksumBad
	}
}

// unsaid reports whether the frame was sent from here and its source, such as a file, could not say what was left
// to the device. A live capture, which knows the device, does say.
func (c *cursor) unsaid() bool {
	return c.p.Frame.Direction == capture.DirectionOut && c.p.Frame.Ifindex == 0
}

// pseudo sums the pseudo header of the innermost IP layer (RFC 9293 section 3.1, RFC 8200 section 8.1).
func (c *cursor) pseudo(length int, proto uint8) wire.Sum {
	n := 16
	if c.p.layers[c.ip].Type == TypeIPv4 {
		n = 4
	}
	s := wire.Sum(0).Add(c.data[c.src : c.src+n]).Add(c.data[c.dst : c.dst+n])
	return s.Add32(uint32(length)).Add16(uint16(proto))
}

// ipVersion tells IPv4 from IPv6 by the first nibble, as LINKTYPE_RAW asks for.
func (c *cursor) ipVersion(otherwise Type) Type {
	if c.off >= min(len(c.data), c.end) {
		return otherwise
	}
	switch c.data[c.off] >> 4 {
	case 4:
		return TypeIPv4
	case 6:
		return TypeIPv6
	}
	return otherwise
}

// typeOrLength returns what follows a field that is an EtherType from 1536 on and a length up to 1500.
func (c *cursor) typeOrLength(t uint16) Type {
	if t > 1500 {
		return etherType(t)
	}
	c.end = min(c.end, c.off+int(t))
	if c.off+2 <= min(len(c.data), c.end) && be16(c.data[c.off:]) == 0xffff {
		return etherType(0x8137) // Novell's IPX without LLC
	}
	return TypeLLC
}
