package packet

import (
	"net/netip"

	"sockwire/raw/wire"
)

// What transports must know of the IP layers before them.

// pseudoHeader returns the sum of the pseudo-header of the nearest IP layer of outer.
func pseudoHeader(outer []Layer, protocol uint8, length int) (wire.Sum, bool) {
	var final, home netip.Addr
	for i := len(outer) - 1; i >= 0; i-- {
		switch l := outer[i].(type) {
		case *Routing:
			if a, ok := l.final(); ok {
				final = a
			}
		case *DestinationOptions:
			if a, ok := l.home(); ok {
				home = a
			}
		case *IPv4:
			return wire.PseudoHeader(l.Src, l.final(), protocol, length), true
		case *IPv6:
			src, dst := l.Src, l.Dst
			if final.IsValid() {
				dst = final
			}
			if home.IsValid() {
				src = home
			}
			return wire.PseudoHeader(src, dst, protocol, length), true
		}
	}
	return 0, false
}

// transportChecksum returns the checksum that is given, or that of the bytes of data that are covered, with the
// pseudo-header.
func transportChecksum(given Opt[uint16], outer []Layer, protocol uint8, data, covered []byte) (uint16, error) {
	if given.given {
		return given.value, nil
	}
	pseudo, ok := pseudoHeader(outer, protocol, len(data))
	if !ok {
		return 0, errNoPseudoHeader
	}
	return pseudo.Add(covered).Checksum(), nil
}

// jumbo reports whether the enclosing IP packet is an IPv6 jumbogram, in which a long UDP length is 0 (RFC 2675).
func jumbo(outer []Layer) bool {
	for _, l := range outer {
		if h, ok := l.(*HopByHop); ok && h.jumbo() {
			return true
		}
	}
	return false
}
