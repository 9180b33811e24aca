// Package share makes captures safe to hand on. Of a packet it keeps what it knows to be harmless, header by header;
// all else is zero, also what no decoder knows.
//
// Addresses are mapped with a key: IP addresses so that those with a common prefix have one of the same length
// afterwards (the idea of Crypto-PAn: a bit is flipped by what AES makes of the bits before it), hardware addresses and
// the labels of names one by one. The same key maps the same in every file and on every machine. Payloads are zero, and
// as long as they were; names in DNS are hashed in place, label by label, also in what an ICMP error quotes. Checksums
// are right afterwards, unless they were wrong before: those stay wrong. Those of fragments, and in quotations, are 0.
//
// What stays: times, lengths, ports, protocol numbers, sequence numbers and other numbers of headers, VLANs and tunnels'
// ids, TCP's options for sizes, windows, timestamps and SACK, and the addresses that everybody knows: unspecified,
// loopback, broadcast and the well-known multicast groups. Who has the key can find out whether an address is in the
// capture; who has not can still recognise hosts by what they do.
package share

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"

	"sockwire/capture/decode"
)

// MinKey is how many bytes a key has at least.
const MinKey = 16

// maxKnown bounds how many mappings are remembered.
const maxKnown = 1 << 18

// Sharer maps frames. It is not for use by several goroutines at once.
type Sharer struct {
	block   cipher.Block
	pad     [16]byte
	secret  [32]byte
	known   map[netip.Addr]netip.Addr
	labels  map[string]string
	decoder decode.Decoder
	packet  decode.Packet
	out     []byte
}

// New returns a Sharer for a key of at least MinKey bytes that nobody can guess. A nil key is a random one, which is
// gone with the Sharer.
func New(key []byte) (*Sharer, error) {
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key)
	}
	if len(key) < MinKey {
		return nil, fmt.Errorf("share: the key has %d bytes, and needs %d", len(key), MinKey)
	}
	s := &Sharer{known: map[netip.Addr]netip.Addr{}, labels: map[string]string{}}
	derive := func(what string) [32]byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte("sockwire share " + what))
		return [32]byte(h.Sum(nil))
	}
	k, pad := derive("addresses"), derive("pad")
	var err error
	if s.block, err = aes.NewCipher(k[:]); err != nil {
		return nil, fmt.Errorf("share: %w", err)
	}
	s.block.Encrypt(s.pad[:], pad[:16])
	s.secret = derive("names")
	return s, nil
}

// public tells the addresses that say nothing of anybody.
func public(a netip.Addr) bool {
	switch {
	case a.IsUnspecified(), a.IsLoopback(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return true
	case a.Is4() && a.IsMulticast():
		b := a.As4()
		return b[0] == 224 && b[1] == 0 && b[2] == 0
	case a.Is6() && a.IsMulticast():
		b := a.As16()
		for _, c := range b[2:14] {
			if c != 0 {
				return false
			}
		}
		return true
	}
	return false
}

// Address maps an IP address. Those that say nothing of anybody stay as they are.
func (s *Sharer) Address(a netip.Addr) netip.Addr {
	if !a.IsValid() || public(a) {
		return a
	}
	if to, ok := s.known[a]; ok {
		return to
	}
	to := s.mapped(a)
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[a] = to
	return to
}

func (s *Sharer) mapped(a netip.Addr) netip.Addr {
	b := a.AsSlice()
	out := append([]byte(nil), b...)
	first := 0 // bits that stay
	switch {
	case a.Is6() && a.IsMulticast():
		first = 16
	case a.Is6() && a.IsLinkLocalUnicast():
		first = 64
	case a.Is4() && a.IsMulticast():
		first = 8
	}
	ones := 3 // what begins with so many ones, and no other, is multicast or reserved
	if a.Is6() {
		ones = 8
	}
	var in, sum [16]byte
	leading := true // only ones so far
	for i := range 8 * len(b) {
		bit := b[i/8] >> (7 - i%8) & 1
		if i >= first && !(leading && i < ones) {
			in = s.pad
			copy(in[:i/8], b)
			if n := i % 8; n > 0 {
				mask := byte(0xff) << (8 - n)
				in[i/8] = b[i/8]&mask | s.pad[i/8]&^mask
			}
			in[15] ^= byte(i) ^ byte(len(b)) // the same bits, as many as they are, and of the version
			s.block.Encrypt(sum[:], in[:])
			out[i/8] ^= sum[0] >> 7 << (7 - i%8)
		}
		leading = leading && bit == 1
	}
	to, _ := netip.AddrFromSlice(out)
	return to.WithZone(a.Zone())
}

// ip maps an address of 4 or 16 bytes into dst.
func (s *Sharer) ip(dst, src []byte) {
	if a, ok := netip.AddrFromSlice(src); ok && len(dst) >= len(src) {
		copy(dst, s.Address(a).AsSlice())
	}
}

// digest is the keyed hash of something.
func (s *Sharer) digest(kind string, b []byte) [32]byte {
	h := hmac.New(sha256.New, s.secret[:])
	h.Write([]byte(kind))
	h.Write(b)
	return [32]byte(h.Sum(nil))
}

// mac maps a hardware address of 6 bytes into dst. Whether it is of a group, and whether it was given locally, stays.
func (s *Sharer) mac(dst, src []byte) {
	if len(src) != 6 || len(dst) < 6 {
		return
	}
	a := [6]byte(src)
	switch {
	case a == [6]byte{} || a == [6]byte{255, 255, 255, 255, 255, 255},
		a[0] == 1 && a[1] == 0x80 && a[2] == 0xc2 && a[3] == 0 && a[4] == 0,
		a[0] == 1 && a[1] == 0 && a[2] == 0x5e && a[3] == 0 && a[4] == 0,
		a[0] == 0x33 && a[1] == 0x33 && a[2] == 0 && a[3] == 0 && a[4] == 0:
		copy(dst, src)
		return
	}
	sum := s.digest("mac", src)
	copy(dst[:6], sum[:6])
	dst[0] = dst[0]&^3 | src[0]&3
	switch {
	case a[0] == 0x33 && a[1] == 0x33:
		dst[0], dst[1] = 0x33, 0x33
	case a[0] == 1 && a[1] == 0 && a[2] == 0x5e:
		copy(dst, a[:3])
	}
}

const alphabet = "abcdefghijklmnopqrstuvwxyz012345"

// label maps a label of a name to one of the same length.
func (s *Sharer) label(src []byte) string {
	key := strings.ToLower(string(src))
	if to, ok := s.labels[key]; ok {
		return to
	}
	sum := s.digest("label", []byte(key))
	b := make([]byte, len(src))
	for i := range b {
		b[i] = alphabet[(sum[i%32]+byte(i/32))&31]
	}
	if len(s.labels) >= maxKnown {
		clear(s.labels)
	}
	s.labels[key] = string(b)
	return string(b)
}
