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
