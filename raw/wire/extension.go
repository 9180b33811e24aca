package wire

// MaxExtensions is how many extension headers are walked over. RFC 8200 knows no bound; more than a handful are not
// met.
const MaxExtensions = 64

// Stop says why a walk over extension headers ended.
type Stop uint8

// Ends of a walk.
const (
	// StopTransport: what stands there is no extension header: a transport, a tunnel, ESP, or nothing ([ProtoNone]).
	StopTransport Stop = iota
	// StopFragment: a later fragment. What follows the fragment header is no header but a piece of what is carried.
	StopFragment
	// StopCut: the bytes end in the header that stands there.
	StopCut
	// StopMalformed: the header that stands there has a length that cannot be.
	StopMalformed
	// StopBound: there are more than [MaxExtensions].
	StopBound
)

// String says it in a few words.
func (s Stop) String() string {
	switch s {
	case StopTransport:
		return "transport reached"
	case StopFragment:
		return "later fragment"
	case StopCut:
		return "cut in an extension header"
	case StopMalformed:
		return "extension header with an impossible length"
	case StopBound:
		return "too many extension headers"
	}
	return "unknown"
}

// IsExtension reports whether an IP protocol number is that of an extension header that [WalkExtensions] passes. AH may
// stand behind IPv4 too, the others are of IPv6 only.
func IsExtension(protocol uint8) bool {
	switch protocol {
	case ProtoHopByHop, ProtoRouting, ProtoFragment, ProtoAH, ProtoDstOpts, ProtoMobility, ProtoHIP, ProtoShim6:
		return true
	}
	return false
}

// ExtensionLength returns the length in bytes that an extension header says it has, of which b has the first 2 bytes or
// more. It is less than 8, or for AH less than 12, where that cannot be.
func ExtensionLength(protocol uint8, b []byte) int {
	switch protocol {
	case ProtoFragment:
		return FragmentLen
	case ProtoAH: // RFC 4302, section 2.2
		return 4 * (int(b[1]) + 2)
	}
	return 8 * (int(b[1]) + 1) // RFC 8200, section 4; RFC 6275, section 6.1.1; RFC 7401, section 5.1; RFC 5533, section 5.1
}

// Extension is the view of an extension header, whole.
type Extension []byte

func (h Extension) NextHeader() uint8 { return h[0] }

// Length is what a header other than a fragment header or AH says that it takes, in bytes.
func (h Extension) Length() int { return ExtensionLength(ProtoDstOpts, h) }

// Options are the bytes of the options of a hop-by-hop or destination options header, padding included. See
// [IPv6Options].
func (h Extension) Options() []byte { return h[2:] }

// RoutingType and SegmentsLeft are fields of a routing header.
func (h Extension) RoutingType() uint8  { return h[2] }
func (h Extension) SegmentsLeft() uint8 { return h[3] }

// FinalDestination returns where in a routing header the address of the final destination stands, which checksums of
// transports cover, as long as segments are left: the last of type 0 (RFC 2460, section 4.4) and type 2 (RFC 6275,
// section 6.4), the first of a segment routing header (RFC 8754, section 2). ok is false where the destination of the
// IPv6 header is the final one, or where the type does not tell.
func (h Extension) FinalDestination() (at int, ok bool) {
	if len(h) < 24 || h.SegmentsLeft() == 0 {
		return 0, false
	}
	switch h.RoutingType() {
	case 0, 2:
		return 8 + (len(h)-24)/16*16, true
	case 4:
		return 8, true
	}
	return 0, false
}

// HomeAddress returns where in a destination options header the home address stands, which checksums of transports
// cover as the source (RFC 6275, section 6.3).
func (h Extension) HomeAddress() (at int, ok bool) {
	for o := range IPv6Options(h.Options()) {
		if o.Kind == IPv6OptionHomeAddress && len(o.Data) == 16 {
			return 2 + o.Offset + 2, true
		}
	}
	return 0, false
}

// Fragment is the view of a fragment header, 8 bytes (RFC 8200, section 4.5).
type Fragment []byte

func (h Fragment) NextHeader() uint8 { return h[0] }

// FragmentOffset is in bytes.
func (h Fragment) FragmentOffset() int { return int(be16(h[2:]) &^ 7) }
func (h Fragment) MoreFragments() bool { return h[3]&1 != 0 }
func (h Fragment) ID() uint32          { return be32(h[4:]) }

// Fragmented reports whether there are other fragments. A header that says there are none makes an atomic fragment (RFC
// 6946).
func (h Fragment) Fragmented() bool { return be16(h[2:])&^6 != 0 }

// AH is the view of an authentication header (RFC 4302).
type AH []byte

func (h AH) NextHeader() uint8 { return h[0] }
func (h AH) SPI() uint32       { return be32(h[4:]) }
func (h AH) Sequence() uint32  { return be32(h[8:]) }
func (h AH) ICV() []byte       { return h[12:] }

// ExtensionWalk is a walk over the extension headers of IPv6, one [ExtensionWalk.Next] a header:
//
//	w := wire.WalkExtensions(ip.NextHeader(), payload)
//	for w.Next() {
//		switch w.Header() { … w.Bytes() … }
//	}
//	switch w.Stop { case wire.StopTransport: … w.Protocol, payload[w.Offset:] … }
type ExtensionWalk struct {
	// Protocol and Offset are what the walk has come to and where in the bytes given it starts: after the last Next
	// what follows the extension headers, or the header that could not be passed.
	Protocol uint8
	Offset   int
	// Stop says why Next returned false.
	Stop Stop

	b       []byte
	header  uint8
	start   int
	headers int
	later   bool
}

// WalkExtensions starts a walk: next is the protocol of what b starts with. Give it what [ParseIPv6] returns, or, for
// the AH of an IPv4 packet, what [ParseIPv4] does, if the protocol of that is [ProtoAH].
func WalkExtensions(next uint8, b []byte) ExtensionWalk { return ExtensionWalk{Protocol: next, b: b} }

// Next passes one extension header and reports whether there was one, whole.
func (w *ExtensionWalk) Next() bool {
	switch {
	case w.later:
		w.Stop = StopFragment
		return false
	case !IsExtension(w.Protocol):
		w.Stop = StopTransport
		return false
	case w.headers == MaxExtensions:
		w.Stop = StopBound
		return false
	}
	left := len(w.b) - w.Offset
	if left < 8 {
		w.Stop = StopCut
		return false
	}
	n := ExtensionLength(w.Protocol, w.b[w.Offset:])
	switch {
	case w.Protocol == ProtoAH && n < 12:
		w.Stop = StopMalformed
		return false
	case n > left:
		w.Stop = StopCut
		return false
	}
	w.header, w.start = w.Protocol, w.Offset
	w.later = w.Protocol == ProtoFragment && Fragment(w.b[w.Offset:]).FragmentOffset() != 0
	w.headers++
	w.Protocol, w.Offset = w.b[w.Offset], w.Offset+n
	return true
}

// Header returns the protocol number of the header that Next has passed.
func (w *ExtensionWalk) Header() uint8 { return w.header }

// Start returns where in the bytes given the header that Next has passed starts.
func (w *ExtensionWalk) Start() int { return w.start }

// Bytes returns the header that Next has passed.
func (w *ExtensionWalk) Bytes() []byte { return w.b[w.start:w.Offset:w.Offset] }

// SkipExtensions walks over all extension headers and returns what follows them and where in b. Where stop is not
// [StopTransport] there is no header of that protocol there: see [Stop].
func SkipExtensions(next uint8, b []byte) (protocol uint8, offset int, stop Stop) {
	w := WalkExtensions(next, b)
	for w.Next() {
	}
	return w.Protocol, w.Offset, w.Stop
}

// Layout is where the parts of an IP packet are, as offsets from its first byte.
type Layout struct {
	Version   uint8 // 4 or 6
	Protocol  uint8 // of what stands at Transport
	Stop      Stop  // why it stands there; StopFragment is for IPv4 too
	Transport int   // behind the IP header, its options, and extension headers
	End       int   // of the packet: the total or payload length says it, bytes that are missing cut it
	// Source and Destination are where the addresses are that checksums of transports cover: those of the IP header,
	// but for the final destination of a source route that is not used up, and a home address.
	Source, Destination int
	// FragmentHeader is where the fragment header of an IPv6 packet is, 0 where there is none.
	FragmentHeader int
	// Fragmented: there are other fragments. FragmentOffset is where this one belongs, in bytes.
	Fragmented     bool
	FragmentOffset int
}

// Parse finds the parts of the IPv4 or IPv6 packet that b starts with. ok is false when b is cut in the IP header, or
// is no such packet. Bytes behind the end of the packet, such as the padding of a frame, do not matter. AH is passed in
// either version.
func Parse(b []byte) (l Layout, ok bool) {
	if len(b) == 0 {
		return l, false
	}
	switch b[0] >> 4 {
	case 4:
		return parse4(b)
	case 6:
		return parse6(b)
	}
	return l, false
}

func parse4(b []byte) (l Layout, ok bool) {
	h, payload, ok := ParseIPv4(b)
	if !ok {
		return l, false
	}
	l = Layout{
		Version: 4, Protocol: h.Protocol(), Transport: len(h), End: len(h) + len(payload),
		Source: IPv4SourceAt, Destination: IPv4DestinationAt, Fragmented: h.Fragmented(), FragmentOffset: h.FragmentOffset(),
	}
	if len(h) > IPv4Len {
		if at, ok := SourceRoute(h.Options()); ok {
			l.Destination = IPv4Len + at
		}
	}
	switch {
	case l.FragmentOffset != 0:
		l.Stop = StopFragment
	case l.Protocol == ProtoAH:
		for w := WalkExtensions(ProtoAH, payload); ; {
			more := w.Protocol == ProtoAH && w.Next()
			l.Protocol, l.Transport, l.Stop = w.Protocol, len(h)+w.Offset, w.Stop
			if !more {
				break
			}
		}
	}
	return l, true
}

func parse6(b []byte) (l Layout, ok bool) {
	h, payload, ok := ParseIPv6(b)
	if !ok {
		return l, false
	}
	l = Layout{Version: 6, Transport: IPv6Len, End: IPv6Len + len(payload), Source: IPv6SourceAt, Destination: IPv6DestinationAt}
	w := WalkExtensions(h.NextHeader(), payload)
	for w.Next() {
		switch at := IPv6Len + w.Start(); w.Header() {
		case ProtoRouting:
			if final, ok := Extension(w.Bytes()).FinalDestination(); ok {
				l.Destination = at + final
			}
		case ProtoDstOpts:
			if home, ok := Extension(w.Bytes()).HomeAddress(); ok {
				l.Source = at + home
			}
		case ProtoFragment:
			f := Fragment(w.Bytes())
			l.FragmentHeader, l.Fragmented, l.FragmentOffset = at, f.Fragmented(), f.FragmentOffset()
		}
	}
	l.Protocol, l.Transport, l.Stop = w.Protocol, IPv6Len+w.Offset, w.Stop
	return l, true
}

// PseudoHeader returns the sum of the pseudo header of the packet b for a transport of the protocol, length bytes long
// with its data. See the function of this name.
func (l *Layout) PseudoHeader(b []byte, protocol uint8, length int) Sum {
	n := 16
	if l.Version == 4 {
		n = 4
	}
	return Sum(0).Add(b[l.Source : l.Source+n]).Add(b[l.Destination : l.Destination+n]).Add32(uint32(length)).Add16(uint16(protocol))
}
