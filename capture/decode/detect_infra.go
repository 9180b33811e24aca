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
