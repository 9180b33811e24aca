package inject

import (
	"encoding/binary"

	"sockwire/raw/wire"
)

// CompleteChecksums writes the checksums that an IP packet, given without its link header, was captured without because
// the sender left them to its device, and reports whether it wrote any. They are known by what stands in their place:
// the sum of the pseudo header, which is what Linux and others leave there, or, of an IPv4 header, zero. left says that
// the capture itself says so: then the checksum of the transport is written whatever stands in its place. A packet
// whose checksums are merely wrong stays as it is, and so do fragments, of which nobody can tell. It changes p and does
// not allocate.
func CompleteChecksums(p []byte, left bool) bool {
	l, ok := wire.Parse(p)
	if !ok {
		return false
	}
	wrote := false
	if l.Version == 4 {
		header := p[:4*int(p[0]&15)]
		if ip := wire.IPv4(header); ip.Checksum() == 0 && !ip.GoodChecksum() {
			ip.UpdateChecksum()
			wrote = true
		}
	}
	if l.Stop != wire.StopTransport || l.Fragmented {
		return wrote
	}
	t := p[l.Transport:l.End]
	at := 0
	switch l.Protocol {
	case wire.ProtoTCP:
		at = 16
	case wire.ProtoUDP:
		at = 6
	default:
		return wrote
	}
	if len(t) < at+2 {
		return wrote
	}
	stands := binary.BigEndian.Uint16(t[at:])
	pseudo := l.PseudoHeader(p, l.Protocol, len(t))
	partial := stands == pseudo.Fold() || stands == l.PseudoHeader(p, l.Protocol, 0).Fold() // of a segment that is to be cut
	none := l.Protocol == wire.ProtoUDP && stands == 0
	if none || !partial && !left || pseudo.Add(t).Good() {
		return wrote
	}
	binary.BigEndian.PutUint16(t[at:], 0)
	sum := pseudo.Add(t).Checksum()
	if sum == 0 && l.Protocol == wire.ProtoUDP {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(t[at:], sum)
	return true
}
