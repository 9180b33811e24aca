package decode

import "bytes"

var bgpMarker = bytes.Repeat([]byte{0xff}, 16)

// isBGP tells a message by its marker and type; on its port a segment may start inside of a message.
func isBGP(b []byte, port bool) bool {
	if port {
		return true
	}
	return len(b) >= 19 && b[18] >= 1 && b[18] <= 5 && be16(b[16:]) >= 19 && bytes.HasPrefix(b, bgpMarker)
}

// lengthBGP is that of the header (RFC 4271 section 4.1).
func lengthBGP(b []byte) int {
	n := min(len(b), len(bgpMarker))
	switch {
	case !bytes.Equal(b[:n], bgpMarker[:n]):
		return -1
	case len(b) < 19:
		return 0
	case be16(b[16:]) < 19:
		return -1
	}
	return int(be16(b[16:]))
}

// isRADIUS tells a code that there is, and a length that the datagram holds.
func isRADIUS(b []byte, port bool) bool {
	if len(b) < 20 || int(be16(b[2:])) < 20 {
		return false
	}
	return b[0] >= 1 && b[0] <= 6 || b[0] >= 11 && b[0] <= 13 || b[0] >= 40 && b[0] <= 45
}

func isBFD(b []byte, port bool) bool { return len(b) >= 24 && b[0]>>5 <= 1 }

func isLDP(b []byte, port bool) bool { return len(b) >= 10 && be16(b) == 1 }

// lengthLDP is that of a PDU (RFC 5036 section 3.1).
func lengthLDP(b []byte) int {
	switch {
	case len(b) < 4:
		return 0
	case be16(b) != 1 || be16(b[2:]) < 6:
		return -1
	}
	return 4 + int(be16(b[2:]))
}

// The first bytes of what LLC carries for the ISO network layer (ISO/IEC TR 9577), with the version behind them.

func isISIS(b []byte, port bool) bool { return len(b) >= 8 && b[0] == 0x83 && b[2] == 1 }

func isESIS(b []byte, port bool) bool { return len(b) >= 9 && b[0] == 0x82 && b[2] == 1 }

func isCLNP(b []byte, port bool) bool { return len(b) >= 9 && b[0] == 0x81 && b[2] == 1 }

// carriesEAPOL tells an EAP packet (IEEE 802.1X section 11.3).
func carriesEAPOL(b []byte) (header int, next Type) {
	if len(b) < 4 || b[1] != 0 {
		return 0, TypeNone
	}
	return 4, TypePayload // rows that it carries tell
}

// isEAP tells a packet by its code and length (RFC 3748 section 4).
func isEAP(b []byte, port bool) bool {
	return len(b) >= 4 && b[0] >= 1 && b[0] <= 6 && be16(b[2:]) >= 4
}

// carriesMACsec tells what is only signed and not encrypted, with its EtherType behind the SecTAG.
func carriesMACsec(b []byte) (header int, next Type) {
	if len(b) < 6 {
		return 0, TypeNone
	}
	if header = 6; b[0]&0x20 != 0 {
		header = 14
	}
	if b[0]&0x0c != 0 || header+2 > len(b) {
		return header, TypePayload
	}
	return header + 2, etherType(be16(b[header:]))
}

func isNetFlow(b []byte, port bool) bool {
	if len(b) < 16 {
		return false
	}
	switch be16(b) {
	case 1, 5, 7, 9, 10:
		return true
	}
	return false
}

func isSFlow(b []byte, port bool) bool { return len(b) >= 8 && be32(b) >= 2 && be32(b) <= 5 }

// isGTP tells version 1, or GTP' of version 0.
func isGTP(b []byte, port bool) bool { return len(b) >= 8 && b[0]>>5 <= 1 && b[1] != 0 }

// carriesGTP tells what a G-PDU carries behind the header and its extensions (3GPP TS 29.281 section 5).
func carriesGTP(b []byte) (header int, next Type) {
	if len(b) < 8 || b[0]>>5 != 1 || b[1] != 255 {
		return 0, TypeNone
	}
	header = 8
	if b[0]&7 != 0 {
		header = 12
		for kind := 11; b[0]&4 != 0 && kind < len(b) && b[kind] != 0; kind = header - 1 {
			if header >= len(b) || b[header] == 0 {
				return 0, TypeNone
			}
			header += 4 * int(b[header])
		}
	}
	if header >= len(b) {
		return 0, TypeNone
	}
	return header, ipOf(b[header:])
}

// ipOf tells IPv4 from IPv6 by the first nibble.
func ipOf(b []byte) Type {
	switch {
	case len(b) > 0 && b[0]>>4 == 4:
		return TypeIPv4
	case len(b) > 0 && b[0]>>4 == 6:
		return TypeIPv6
	}
	return TypePayload
}

func isGTPv2(b []byte, port bool) bool { return len(b) >= 8 && b[0]>>5 == 2 }

func isPFCP(b []byte, port bool) bool { return len(b) >= 8 && b[0]>>5 == 1 }

func isL2TP(b []byte, port bool) bool { return len(b) >= 6 && (b[1]&15 == 2 || b[1]&15 == 3) }

// carriesL2TP tells the PPP frame of a data message of version 2 (RFC 2661 section 3.1).
func carriesL2TP(b []byte) (header int, next Type) {
	if len(b) < 6 || b[0]&0x80 != 0 || b[1]&15 != 2 {
		return 0, TypeNone
	}
	header = 6
	if b[0]&0x40 != 0 {
		header += 2
	}
	if b[0]&8 != 0 {
		header += 4
	}
	if b[0]&2 != 0 {
		if header+2 > len(b) {
			return 0, TypeNone
		}
		header += 2 + int(be16(b[header:]))
	}
	return header, TypePPP
}

// carriesERSPAN tells the frame behind a header of type II or III. Type I has no header: see the GRE reader.
func carriesERSPAN(b []byte) (header int, next Type) {
	switch {
	case len(b) >= 8 && b[0]>>4 == 1:
		return 8, TypeEthernet
	case len(b) < 12 || b[0]>>4 != 2:
		return 0, TypeNone
	}
	header = 12
	if b[11]&1 != 0 { // a subheader of the platform
		header = 20
	}
	switch b[10] >> 2 & 31 { // what the frame is
	case 0:
		return header, TypeEthernet
	case 2:
		return header, ipOf(b[min(header, len(b)):])
	}
	return header, TypePayload
}

// isNSH tells a header by its version, length and type of metadata.
func isNSH(b []byte, port bool) bool {
	return len(b) >= 8 && b[0]>>6 == 0 && b[1]&63 >= 2 && (b[2]&15 == 1 || b[2]&15 == 2) && b[3] >= 1 && b[3] <= 5
}

func carriesNSH(b []byte) (header int, next Type) {
	if len(b) < 8 {
		return 0, TypeNone
	}
	if header = 4 * int(b[1]&63); header < 8 {
		return 0, TypeNone
	}
	switch b[3] {
	case 1:
		return header, TypeIPv4
	case 2:
		return header, TypeIPv6
	case 3:
		return header, TypeEthernet
	case 5:
		return header, TypeMPLS
	}
	return header, TypePayload
}

// isTeredo tells the indications of RFC 4380 section 5.1.1, and IPv6.
func isTeredo(b []byte, port bool) bool {
	return len(b) >= 8 && (b[0]>>4 == 6 || b[0] == 0 && b[1] <= 1)
}

func carriesTeredo(b []byte) (header int, next Type) {
	if len(b) >= 4 && be16(b) == 1 {
		header = 4 + int(b[2]) + int(b[3]) + 9
	}
	if header+8 <= len(b) && be16(b[header:]) == 0 {
		header += 8
	}
	if header >= len(b) || b[header]>>4 != 6 {
		return 0, TypeNone
	}
	return header, TypeIPv6
}

func isLISPData(b []byte, port bool) bool { return len(b) > 8 && ipOf(b[8:]) != TypePayload }

func carriesLISP(b []byte) (header int, next Type) { return 8, ipOf(b[min(8, len(b)):]) }

func isLISP(b []byte, port bool) bool { return len(b) >= 4 && b[0]>>4 >= 1 && b[0]>>4 <= 8 }

// carriesLISPControl tells the packet in an encapsulated control message.
func carriesLISPControl(b []byte) (header int, next Type) {
	if len(b) < 5 || b[0]>>4 != 8 {
		return 0, TypeNone
	}
	return 4, ipOf(b[4:])
}

func isOpenFlow(b []byte, port bool) bool {
	return len(b) >= 8 && b[0] >= 1 && b[0] <= 6 && b[1] <= 35 && be16(b[2:]) >= 8
}

func lengthOpenFlow(b []byte) int {
	switch {
	case b[0] < 1 || b[0] > 6:
		return -1
	case len(b) < 4:
		return 0
	case be16(b[2:]) < 8:
		return -1
	}
	return int(be16(b[2:]))
}

func isBabel(b []byte, port bool) bool { return len(b) >= 4 && b[0] == 42 && b[1] == 2 }

// carriesIPComp tells that what follows is compressed.
func carriesIPComp(b []byte) (header int, next Type) { return min(4, len(b)), TypePayload }

func isLSPPing(b []byte, port bool) bool {
	return len(b) >= 16 && be16(b) == 1 && b[4] >= 1 && b[4] <= 4
}
