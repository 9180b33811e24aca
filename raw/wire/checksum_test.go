package wire_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sockwire/raw/wire"
)

// slow is RFC 1071 word for word.
func slow(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func TestChecksumOfEveryLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 300)
	for n := range len(b) {
		for i := range b[:n] {
			b[i] = byte(rng.Uint32())
		}
		if n%7 == 0 {
			for i := range b[:n] {
				b[i] = 0xff
			}
		}
		if got, want := wire.Checksum(b[:n]), slow(b[:n]); got != want {
			t.Fatalf("%d bytes: %#04x, want %#04x", n, got, want)
		}
		even := n / 2 &^ 1
		if got, want := wire.Sum(0).Add(b[:even]).Add(b[even:n]).Checksum(), slow(b[:n]); got != want {
			t.Fatalf("%d bytes in two pieces: %#04x, want %#04x", n, got, want)
		}
	}
}

func TestUpdateChecksum(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 40)
	for range 20000 {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		b[10], b[11] = 0, 0
		if rng.IntN(4) == 0 {
			clear(b[12:])
			b[0] = 1 // an Internet checksum over nothing but zeros has two zeros; RFC 1624 excludes it
		}
		before := wire.Checksum(b)
		at, n := 2*rng.IntN(16), 2*(1+rng.IntN(4))
		from := append([]byte(nil), b[at:at+n]...)
		for i := range from {
			b[at+i] = byte(rng.Uint32())
		}
		want := wire.Checksum(b)
		if got := wire.UpdateChecksum(before, from, b[at:at+n]); got != want {
			t.Fatalf("changed %x to %x: %#04x, want %#04x", from, b[at:at+n], got, want)
		}
		before, old := wire.Checksum(b), binary.BigEndian.Uint16(b[20:])
		binary.BigEndian.PutUint16(b[20:], uint16(rng.Uint32()))
		if got, want := wire.UpdateChecksum16(before, old, binary.BigEndian.Uint16(b[20:])), wire.Checksum(b); got != want {
			t.Fatalf("changed one word: %#04x, want %#04x", got, want)
		}
	}
}

func TestChecksumOfKnownHeader(t *testing.T) {
	// The IPv4 header that RFC 1071's readers use as an example, checksum b861.
	h := []byte{0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7}
	if got := wire.Checksum(h); got != 0xb861 {
		t.Fatalf("%#04x, want 0xb861", got)
	}
	pseudo := wire.PseudoHeader(netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("192.168.0.199"), 17, 95)
	want := slow([]byte{0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7, 0, 17, 0, 95})
	if pseudo.Checksum() != want {
		t.Fatalf("pseudo-header %#04x, want %#04x", pseudo.Checksum(), want)
	}
}
