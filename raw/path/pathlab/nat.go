package pathlab

import (
	"encoding/binary"

	"sockwire/raw/wire"
)

// flowKey is what a NAT tells the flows of its one source apart by.
type flowKey struct {
	protocol uint8
	port     uint16
}

// NAT returns a box that translates the source of IPv4 packets from the neighbour inside: the address into another of
// the same network, that ends in 200, the port, or of ICMP the identifier, into one of 50000 and more; and answers
// back. quotes says whether it translates what ICMP errors quote as well, as RFC 5508 wants; otherwise these show what
// was outside.
func NAT(inside, outside string, quotes bool) Box {
	given, owners := map[flowKey]uint16{}, map[flowKey]uint16{}
	var source, public [4]byte
	return func(in string, p []byte) (string, []byte) {
		l, ok := wire.Parse(p)
		switch {
		case !ok || p[0]>>4 != 4:
			return "", nil
		case in == inside:
			key := flowKey{l.Protocol, port(p, l.Transport, l.Protocol, false)}
			if given[key] == 0 {
				given[key] = uint16(50000 + len(given))
				owners[flowKey{l.Protocol, given[key]}] = key.port
			}
			source = [4]byte(p[12:16])
			public = source
			public[3] = 200
			rewrite(p, l.Transport, l.Protocol, false, public, given[key])
			return outside, p
		case [4]byte(p[16:20]) != public:
			return inside, p
		}
		if l.Protocol != wire.ProtoICMP || p[l.Transport] != 3 && p[l.Transport] != 11 {
			rewrite(p, l.Transport, l.Protocol, true, source, owners[flowKey{l.Protocol, port(p, l.Transport, l.Protocol, true)}])
			return inside, p
		}
		copy(p[16:20], source[:])
		wire.IPv4(p)[:l.Transport].UpdateChecksum()
		if inner := p[l.Transport+8 : l.End]; quotes && len(inner) >= 28 {
			at := int(inner[0]&15) * 4
			rewrite(inner, at, inner[9], false, source, owners[flowKey{inner[9], port(inner, at, inner[9], false)}])
			icmp := p[l.Transport:l.End]
			icmp[2], icmp[3] = 0, 0
			binary.BigEndian.PutUint16(icmp[2:], wire.Checksum(icmp))
		}
		return inside, p
	}
}

// portAt is where the inside host's port is behind the IP header, or ICMP's identifier; an answer has it as its
// destination.
func portAt(protocol uint8, answer bool) int {
	switch {
	case protocol == wire.ProtoICMP:
		return 4
	case answer:
		return 2
	}
	return 0
}

func port(p []byte, transport int, protocol uint8, answer bool) uint16 {
	return binary.BigEndian.Uint16(p[transport+portAt(protocol, answer):])
}

// rewrite writes address and port of the inside host, and mends checksums by what has changed, as far as p goes.
func rewrite(p []byte, transport int, protocol uint8, answer bool, addr [4]byte, port uint16) {
	at, sum := 12, -1
	if answer {
		at = 16
	}
	switch protocol {
	case wire.ProtoICMP:
		sum = 2
	case wire.ProtoUDP:
		sum = 6
	case wire.ProtoTCP:
		sum = 16
	}
	portBytes := p[transport+portAt(protocol, answer):][:2]
	old := append(append([]byte(nil), p[at:at+4]...), portBytes...)
	copy(p[at:], addr[:])
	binary.BigEndian.PutUint16(portBytes, port)
	changed := append(append([]byte(nil), addr[:]...), portBytes...)
	if protocol == wire.ProtoICMP { // without a pseudo header
		old, changed = old[4:], changed[4:]
	}
	if sum >= 0 && transport+sum+2 <= len(p) {
		field := p[transport+sum:]
		binary.BigEndian.PutUint16(field, wire.UpdateChecksum(binary.BigEndian.Uint16(field), old, changed))
	}
	wire.IPv4(p)[:transport].UpdateChecksum()
}
