package raw

import (
	"bytes"
	"testing"

	"sockwire/raw/wire"
)

// TestQuoteBehindExtensions: an error is understood whatever headers the echo got on its way, and however the lengths
// in the quote were changed.
func TestQuoteBehindExtensions(t *testing.T) {
	echo := []byte{128, 0, 0, 0, 1, 2, 3, 4, 9, 9}
	ip6 := func(next byte, length byte, headers ...byte) []byte {
		b := make([]byte, 40)
		b[0], b[5], b[6] = 0x60, length, next
		return append(append(b, headers...), echo...)
	}
	options := []byte{wire.ProtoICMPv6, 0, 1, 4, 0, 0, 0, 0}
	six := &codec{six: true}
	for name, b := range map[string][]byte{
		"none":                ip6(wire.ProtoICMPv6, 10),
		"length changed":      ip6(wire.ProtoICMPv6, 3),
		"length 0":            ip6(wire.ProtoICMPv6, 0),
		"destination options": ip6(wire.ProtoDstOpts, 18, options...),
		"AH":                  ip6(wire.ProtoAH, 26, append([]byte{wire.ProtoICMPv6, 2}, make([]byte, 14)...)...),
		"first fragment":      ip6(wire.ProtoFragment, 18, wire.ProtoICMPv6, 0, 0, 1, 0, 0, 0, 9),
	} {
		if _, message, ok := six.quote(b); !ok || !bytes.Equal(message, echo) {
			t.Errorf("%s: % x, %v", name, message, ok)
		}
	}
	for name, b := range map[string][]byte{
		"later fragment": ip6(wire.ProtoFragment, 18, wire.ProtoICMPv6, 0, 0, 9, 0, 0, 0, 9), "UDP": ip6(wire.ProtoUDP, 10), "cut": ip6(wire.ProtoDstOpts, 18)[:44],
	} {
		if _, _, ok := six.quote(b); ok {
			t.Errorf("%s is taken for an echo", name)
		}
	}
	four := append([]byte{0x46, 0, 0, 34, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 1, 1, 1, 0}, echo...)
	if dst, message, ok := new(codec).quote(four); !ok || dst.String() != "192.0.2.2" || !bytes.Equal(message, echo) {
		t.Errorf("IPv4 with options: %v % x %v", dst, message, ok)
	}
	if _, _, ok := six.quote(four); ok {
		t.Error("IPv4 is taken for IPv6")
	}
}
