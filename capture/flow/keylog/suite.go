package keylog

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"encoding/binary"
	"hash"

	_ "crypto/sha256" // the hashes of suites
	_ "crypto/sha512"

	"golang.org/x/crypto/chacha20poly1305"
)

// suite is a cipher suite with associated data.
type suite struct {
	key    int // length in bytes
	salt   int // of the nonce, that comes from the secrets
	hash   crypto.Hash
	chacha bool
}

// findSuite returns how the records of a cipher suite are sealed; nil for a suite that is not opened here.
func findSuite(id uint16) *suite {
	switch id {
	case 0x1301:
		return &suite{key: 16, salt: 12, hash: crypto.SHA256}
	case 0x1302:
		return &suite{key: 32, salt: 12, hash: crypto.SHA384}
	case 0x1303, 0xcca8, 0xcca9, 0xccaa, 0xccab, 0xccac, 0xccad, 0xccae: // RFC 7905
		return &suite{key: 32, salt: 12, hash: crypto.SHA256, chacha: true}
	case 0x009c, 0x009e, 0x00a0, 0x00a2, 0x00a4, 0x00a6, 0x00a8, 0x00aa, 0x00ac, 0xc02b, 0xc02d, 0xc02f, 0xc031, 0xd001:
		return &suite{key: 16, salt: 4, hash: crypto.SHA256} // RFC 5288, 5289, 5487, 8442
	case 0x009d, 0x009f, 0x00a1, 0x00a3, 0x00a5, 0x00a7, 0x00a9, 0x00ab, 0x00ad, 0xc02c, 0xc02e, 0xc030, 0xc032, 0xd002:
		return &suite{key: 32, salt: 4, hash: crypto.SHA384}
	}
	return nil
}

// keys are what the records of one direction are sealed with.
type keys struct {
	aead cipher.AEAD
	iv   []byte // or the salt
}

func (s *suite) keys(key, iv []byte) (keys, bool) {
	if s.chacha {
		aead, err := chacha20poly1305.New(key)
		return keys{aead, iv}, err == nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return keys{}, false
	}
	aead, err := cipher.NewGCM(block)
	return keys{aead, iv}, err == nil
}

// traffic returns the keys of a traffic secret of TLS 1.3 (RFC 8446 section 7.3).
func (s *suite) traffic(secret []byte) (keys, bool) {
	if len(secret) != s.hash.Size() {
		return keys{}, false
	}
	return s.keys(s.expand(secret, "key", s.key), s.expand(secret, "iv", 12))
}

// expand is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func (s *suite) expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(n), byte(len(label))}, label...)
	b, err := hkdf.Expand(s.hash.New, secret, string(append(info, 0)), n)
	if err != nil { // n is too large, which it is not
		return make([]byte, n)
	}
	return b
}

// update is the traffic secret after a KeyUpdate (RFC 8446 section 7.2).
func (s *suite) update(secret []byte) []byte { return s.expand(secret, "traffic upd", s.hash.Size()) }

// fromMaster returns the keys of both sides from a master secret of TLS 1.2 (RFC 5246 section 6.3).
func (s *suite) fromMaster(master []byte, client, server Random) (c, v keys, ok bool) {
	seed := append(append([]byte("key expansion"), server[:]...), client[:]...)
	b := prf(s.hash.New, master, seed, 2*(s.key+s.salt))
	cut := func(n int) []byte {
		part := b[:n:n]
		b = b[n:]
		return part
	}
	ck, vk := cut(s.key), cut(s.key)
	civ, viv := cut(s.salt), cut(s.salt)
	c, ok1 := s.keys(ck, civ)
	v, ok2 := s.keys(vk, viv)
	return c, v, ok1 && ok2
}

// prf is P_hash of RFC 5246 section 5.
func prf(h func() hash.Hash, secret, seed []byte, n int) (out []byte) {
	mac := hmac.New(h, secret)
	a := seed
	for len(out) < n {
		mac.Reset()
		mac.Write(a)
		a = mac.Sum(nil)
		mac.Reset()
		mac.Write(a)
		mac.Write(seed)
		out = mac.Sum(out)
	}
	return out[:n]
}

// nonce is the salt with the number of the record in its last bytes (RFC 8446 section 5.3, RFC 7905 section 2).
func (k *keys) nonce(number uint64) [12]byte {
	var n [12]byte
	copy(n[:], k.iv)
	binary.BigEndian.PutUint64(n[4:], binary.BigEndian.Uint64(n[4:])^number)
	return n
}
