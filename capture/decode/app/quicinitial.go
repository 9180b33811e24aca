package app

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// Kinds of long headers, by their numbers in version 1 (RFC 9000 section 17.2).
const (
	quicInitial = iota
	quicZeroRTT
	quicHandshake
	quicRetry
)

func quicKindName(kind int) string { return quicTypeName(uint64(kind)) }

// longHeader is where the parts of a packet with a long header are. Nothing is read behind the connection ids of a
// Retry.
type longHeader struct {
	kind          int
	token, tokenN int // of an Initial
	length        int // where the length stands
	number        int // where the packet number stands, behind the length
	end           int // of the packet, 0 where it is not all here
}

// readLongHeader reads the header of the packet that data starts with (RFC 9000 section 17.2).
func readLongHeader(data []byte) (h longHeader) {
	_, _, off, ok := connectionIDs(data)
	if !ok || data[0]&0xc0 != 0xc0 {
		return h
	}
	h.kind = int(data[0] >> 4 & 3)
	if binary.BigEndian.Uint32(data[1:]) == quicVersion2 {
		h.kind = (h.kind + 3) & 3 // RFC 9369 section 3.2
	}
	if h.kind == quicRetry {
		return h
	}
	h.token = off
	if h.kind == quicInitial {
		h.tokenN, h.token, ok = varint(data, off)
		if !ok || h.tokenN > len(data)-h.token {
			h.tokenN = 0
			return h
		}
	}
	h.length = h.token + h.tokenN
	n, number, ok := varint(data, h.length)
	h.number = number
	if ok && n > 0 && n <= len(data)-number {
		h.end = number + n
	}
	return h
}

// varint reads a variable-length integer (RFC 9000 section 16) and returns where it ends.
func varint(b []byte, off int) (v, end int, ok bool) {
	if off >= len(b) {
		return 0, off, false
	}
	n := 1 << (b[off] >> 6)
	if off+n > len(b) {
		return 0, off, false
	}
	x := uint64(b[off] & 0x3f)
	for _, c := range b[off+1 : off+n] {
		x = x<<8 | uint64(c)
	}
	return int(min(x, 1<<31-1)), off + n, true
}

// initialHello returns the ClientHello in a client's first Initial packet, and what it says; ok is false where there is
// none to be seen. Initial packets are encrypted with keys made of what they carry in the open, so that who is
// on the path can read them (RFC 9001 section 5.2).
func initialHello(data []byte, h longHeader) (message []byte, said hello, ok bool) {
	if h.kind != quicInitial || h.end == 0 || h.end-h.number < 4+16 {
		return nil, said, false
	}
	frames, ok := openInitial(data, h)
	if !ok {
		return nil, said, false
	}
	message, ok = cryptoStream(frames)
	if !ok || len(message) < 6 || message[0] != 1 {
		return nil, said, false
	}
	said, ok = readHello(message, 0, 4)
	return message, said, ok
}

// initialKeys are what protects a client's Initial packets (RFC 9001 section 5.2; RFC 9369 section 3.3 for version 2).
func initialKeys(version uint32, dcid []byte) (key, iv, hp []byte, ok bool) {
	salt, prefix := "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic "
	switch version {
	case 1:
	case quicVersion2:
		salt, prefix = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2 "
	default:
		return nil, nil, nil, false
	}
	initial, err := hkdf.Extract(sha256.New, dcid, []byte(salt))
	if err != nil {
		return nil, nil, nil, false
	}
	secret := expandLabel(initial, "client in", 32)
	return expandLabel(secret, prefix+"key", 16), expandLabel(secret, prefix+"iv", 12), expandLabel(secret, prefix+"hp", 16), true
}

// openInitial removes the protection of a client's Initial packet and returns its frames (RFC 9001 section 5.4).
func openInitial(data []byte, h longHeader) ([]byte, bool) {
	dcid, scid, _, _ := connectionIDs(data)
	key, nonce, hp, ok := initialKeys(binary.BigEndian.Uint32(data[1:]), data[dcid:scid-1])
	if !ok {
		return nil, false
	}
	mask, err := aes.NewCipher(hp)
	if err != nil {
		return nil, false
	}
	var m [16]byte
	mask.Encrypt(m[:], data[h.number+4:])
	first := data[0] ^ m[0]&0x0f
	size := int(first&3) + 1
	header := append([]byte(nil), data[:h.number+size]...)
	header[0] = first
	for i := range size {
		header[h.number+i] ^= m[1+i]
		nonce[12-size+i] ^= header[h.number+i]
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, false
	}
	frames, err := gcm.Open(nil, nonce, data[h.number+size:h.end], header)
	return frames, err == nil
}

// expandLabel is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func expandLabel(secret []byte, label string, n int) []byte {
	info := append([]byte{0, byte(n), byte(len("tls13 ") + len(label))}, "tls13 "+label+"\x00"...)
	key, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		return make([]byte, n)
	}
	return key
}

// maxCrypto bounds the handshake bytes that are put together.
const maxCrypto = 16 << 10

// cryptoStream puts the CRYPTO frames among frames in order (RFC 9000 section 19.6) and returns what they hold from the
// start without a gap.
func cryptoStream(frames []byte) ([]byte, bool) {
	var stream []byte
	var have []bool
	for off := 0; off < len(frames); {
		kind := frames[off]
		off++
		switch kind {
		case 0, 1: // PADDING, PING
			continue
		case 6:
		default:
			return nil, false // a ClientHello goes with nothing else
		}
		at, next, ok := varint(frames, off)
		n, next, ok2 := varint(frames, next)
		if !ok || !ok2 || n > len(frames)-next || at > maxCrypto-n {
			return nil, false
		}
		if grow := at + n - len(stream); grow > 0 {
			stream, have = append(stream, make([]byte, grow)...), append(have, make([]bool, grow)...)
		}
		copy(stream[at:], frames[next:next+n])
		for i := at; i < at+n; i++ {
			have[i] = true
		}
		off = next + n
	}
	for i, here := range have {
		if !here {
			return stream[:i], true
		}
	}
	return stream, true
}
