package app

import "encoding/binary"

// recordAt tells whether a record of TLS starts at off, and how long its inside is.
func recordAt(data []byte, off int) (size int, ok bool) {
	if off+5 > len(data) || data[off] < 20 || data[off] > 24 || data[off+1] != 3 {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(data[off+3:])), true
}

// plainHandshake tells a handshake message from an encrypted one by its type and length.
func plainHandshake(data []byte, off, size int) bool {
	return size >= 4 && tlsHandshakeName(uint64(data[off+5])) != "" && handshakeLength(data, off+5) <= max(size, 1<<17)
}

func handshakeLength(data []byte, at int) int {
	return int(data[at+1])<<16 | int(data[at+2])<<8 | int(data[at+3])
}

// nextHandshake returns where the message behind the one at a place starts, in the record at off; 0 where there is
// none, or what follows is encrypted. The last may go on in the next record.
func nextHandshake(data []byte, off, size, at int) int {
	next, end := at+4+handshakeLength(data, at), min(off+5+size, len(data))
	if next+4 > end || tlsHandshakeName(uint64(data[next])) == "" || handshakeLength(data, next) > 1<<17 {
		return 0
	}
	return next
}

// joined returns the ClientHello that starts in the record at off where it goes on in those behind it, as far as it is
// here, and where the last of them ends. It is nil where the message lies in one record.
func joined(data []byte, off, size int) (message []byte, end int) {
	need := 4 + handshakeLength(data, off+5)
	if end = off + 5 + size; data[off+5] != tlsClientHello || need <= size || end+5 > len(data) || data[end] != tlsHandshake {
		return nil, end
	}
	message = append(message, data[off+5:end]...)
	for n := 0; n < tlsRecords && len(message) < need; n++ {
		size, ok := recordAt(data, end)
		if !ok || data[end] != tlsHandshake {
			break
		}
		from := end + 5
		end = min(from+size, len(data))
		message = append(message, data[from:end]...)
	}
	return message, end
}
