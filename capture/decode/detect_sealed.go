package decode

import "bytes"

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// isHTTP2 tells the preface of a client, or the SETTINGS that a server begins with (RFC 9113 section 3.4).
func isHTTP2(b []byte, port bool) bool {
	if b[0] == 'P' {
		return len(b) >= 14 && bytes.HasPrefix([]byte(http2Preface), b[:min(len(b), len(http2Preface))])
	}
	if len(b) < 15 || b[0] != 0 || b[1] != 0 || b[2] == 0 || b[2] > 60 || b[2]%6 != 0 || b[3] != 4 || b[4] != 0 || be32(b[5:]) != 0 {
		return false
	}
	for at := 9; at+6 <= min(len(b), 9+int(b[2])); at += 6 {
		if id := be16(b[at:]); id == 0 || id > 9 {
			return false
		}
	}
	return true
}

// lengthHTTP2 is that of the preface, or of a frame (RFC 9113 section 4.1).
func lengthHTTP2(b []byte) int {
	switch {
	case len(b) < 3:
		return 0
	case string(b[:3]) == http2Preface[:3]:
		return len(http2Preface)
	case b[0] > 16:
		return -1
	}
	return 9 + (int(b[0])<<16 | int(b[1])<<8 | int(b[2]))
}

// isWireGuard tells a message by its type, three zeros and its length (section 5.4 of the WireGuard paper).
func isWireGuard(b []byte, port bool) bool {
	if len(b) < 4 || b[1] != 0 || b[2] != 0 || b[3] != 0 {
		return false
	}
	switch b[0] {
	case 1:
		return len(b) == 148 || port
	case 2:
		return len(b) == 92 || port
	case 3:
		return len(b) == 64 || port
	case 4:
		return port && len(b) >= 16
	}
	return false
}

// isSSH tells the line of the version (RFC 4253 section 4.2), or on its port a packet in the clear or not.
func isSSH(b []byte, port bool) bool {
	return bytes.HasPrefix(b, []byte("SSH-2.0-")) || bytes.HasPrefix(b, []byte("SSH-1.")) || port
}

// isDTLS tells a record of DTLS 1.0 or 1.2 (RFC 6347 section 4.1).
func isDTLS(b []byte, port bool) bool {
	if len(b) < 13 || b[0] < 20 || b[0] > 25 || b[1] != 0xfe || b[2] != 0xff && b[2] != 0xfd {
		return false
	}
	n := int(be16(b[11:]))
	return n > 0 && n <= 1<<14+2048 && (port || b[0] != 23 || 13+n <= len(b))
}

// isISAKMP tells the header of IKE (RFC 7296 section 3.1), behind the marker of UDP port 4500 too.
func isISAKMP(b []byte, port bool) bool {
	if len(b) >= 4 && be32(b) == 0 {
		b = b[4:]
	}
	return len(b) >= 28 && be32(b)|be32(b[4:]) != 0 && (b[17] == 0x20 || b[17] == 0x10) && be32(b[24:]) >= 28
}
