package app

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The values are those of RFC 9001, appendix A.1, and RFC 9369, appendix A.1.
func TestInitialKeys(t *testing.T) {
	dcid := unhex(t, "8394c8f03e515708")
	for version, want := range map[uint32][3]string{
		1:            {"1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"},
		quicVersion2: {"8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"},
	} {
		key, iv, hp, ok := initialKeys(version, dcid)
		if !ok || hex.EncodeToString(key) != want[0] || hex.EncodeToString(iv) != want[1] || hex.EncodeToString(hp) != want[2] {
			t.Errorf("version %#x: %x %x %x %v", version, key, iv, hp, ok)
		}
	}
	if _, _, _, ok := initialKeys(0xff00001d, dcid); ok {
		t.Error("keys for a version that has others")
	}
}

// seal makes an Initial packet of version 1 with the frames.
func seal(t testing.TB, frames []byte) []byte {
	dcid := unhex(t, "8394c8f03e515708")
	key, nonce, hp, _ := initialKeys(1, dcid)
	for len(frames) < 100 {
		frames = append(frames, 0)
	}
	const number, size = 7, 2
	header := append(unhex(t, "c1 00000001 08"), dcid...)
	header = append(header, 0, 1, 0xaa) // no source connection id, a token of one byte
	length := size + len(frames) + 16
	header = append(header, 0x40|byte(length>>8), byte(length), 0, number)
	nonce[11] ^= number
	block, _ := aes.NewCipher(key)
	gcm, _ := cipher.NewGCM(block)
	b := append(header, gcm.Seal(nil, nonce, frames, header)...)
	mask, _ := aes.NewCipher(hp)
	var m [16]byte
	at := len(header) - size
	mask.Encrypt(m[:], b[at+4:])
	b[0] ^= m[0] & 0x0f
	b[at] ^= m[1]
	b[at+1] ^= m[2]
	return b
}

// initialServerName is the name in a client's first Initial packet, with the protocols behind commas.
func initialServerName(packet []byte, h longHeader) (name []byte) {
	message, said, ok := initialHello(packet, h)
	if !ok {
		return nil
	}
	name = append(name, said.sni.of(message)...)
	for p := range said.alpn.names(message) {
		name = append(append(name, ','), p.of(message)...)
	}
	return name
}

// The name is found whatever the order of the CRYPTO frames, and only where all before it is there.
func TestInitialServerName(t *testing.T) {
	hello := unhex(t, "01 000061 0303 0000000000000000000000000000000000000000000000000000000000000000 00 0004 1301c02b 01 00 0034"+
		"0000 0010 000e 00 000b 6578616d706c652e636f6d"+"0010 000e 000c 02 6832 08 687474702f312e31"+"002b 0005 04 0304 0303"+"ff01 0001 00")
	crypto := func(from, to int) []byte { return append([]byte{6, byte(from), byte(to - from)}, hello[from:to]...) }
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	const want = "example.com"
	for name, c := range map[string]struct {
		frames []byte
		want   string
	}{
		"in order":     {join(crypto(0, 60), crypto(60, 63), crypto(63, 80)), want},
		"out of order": {join([]byte{1, 0, 0}, crypto(40, 63), crypto(0, 40), []byte{0}, crypto(63, 80)), want},
		"overlapping":  {join(crypto(30, 63), crypto(0, 60), crypto(50, 63), crypto(63, 80)), want},
		"all of it":    {join(crypto(0, 60), crypto(60, len(hello))), want + ",h2,http/1.1"},
		"a gap":        {join(crypto(0, 40), crypto(50, 63), crypto(63, 80)), ""},
		"no start":     {join(crypto(10, 63)), ""},
		"other frames": {append([]byte{0x1c}, crypto(0, 63)...), ""},
	} {
		packet := seal(t, c.frames)
		h := readLongHeader(packet)
		if h.end != len(packet) {
			t.Fatalf("the packet ends at %d of %d", h.end, len(packet))
		}
		if got := initialServerName(packet, h); string(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		packet[len(packet)-1] ^= 1
		if got := initialServerName(packet, h); got != nil {
			t.Errorf("%s: %q of a damaged packet", name, got)
		}
	}
}
