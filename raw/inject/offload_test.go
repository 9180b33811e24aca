package inject_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"sockwire/raw/inject"
	"sockwire/raw/wire"
)

// TestCompleteChecksums: what a device would have written is written, and nothing else.
func TestCompleteChecksums(t *testing.T) {
	const route = ", options=[lsrr{ptr=4, addrs=[203.0.113.9]}]"
	for _, spec := range []string{
		there + "} / udp{sport=1, dport=2} / text{hello}", there + "} / tcp{sport=1, dport=2, seq=9} / text{odd}", there6 + "} / udp{sport=1, dport=2} / text{x}",
		there6 + "} / dstopts / tcp{sport=1, dport=2, seq=9}", there + route + "} / udp{sport=1, dport=2} / text{hello}",
		there6 + "} / rh{type=0, left=1, addrs=[2001:db8::9]} / udp{sport=1, dport=2}",
	} {
		whole := built(t, spec)
		l, ok := wire.Parse(whole)
		if !ok {
			t.Fatal(spec)
		}
		at := l.Transport + 6
		if l.Protocol == wire.ProtoTCP {
			at = l.Transport + 16
		}
		with := func(sum uint16) []byte {
			b := bytes.Clone(whole)
			binary.BigEndian.PutUint16(b[at:], sum)
			return b
		}
		check := func(name string, captured []byte, left bool, want []byte) {
			t.Helper()
			got := bytes.Clone(captured)
			wrote := inject.CompleteChecksums(got, left)
			if !bytes.Equal(got, want) || wrote != !bytes.Equal(captured, want) {
				t.Errorf("%s, %s: wrote %t\n got %x\nwant %x", spec, name, wrote, got, want)
			}
		}
		pseudo := func(length int) uint16 { return l.PseudoHeader(whole, l.Protocol, length).Fold() }
		check("right", whole, false, whole)
		check("right, though said to be left", whole, true, whole)
		check("pseudo header", with(pseudo(len(whole)-l.Transport)), false, whole)
		check("pseudo header without a length", with(pseudo(0)), false, whole)
		check("anything, said to be left", with(0x1234), true, whole)
		check("wrong", with(0x1234), false, with(0x1234))
		if l.Protocol == wire.ProtoUDP {
			check("none", with(0), true, with(0))
		}
		check("with padding", append(with(pseudo(len(whole)-l.Transport)), 1, 2, 3), false, append(bytes.Clone(whole), 1, 2, 3))
		if l.Version == 4 {
			header := bytes.Clone(whole)
			header[10], header[11] = 0, 0
			check("no header checksum", header, false, whole)
			wrong := bytes.Clone(whole)
			wrong[10]++
			check("a wrong header checksum", wrong, false, wrong)
		}
		for n := range whole { // cut anywhere it does no harm
			inject.CompleteChecksums(bytes.Clone(whole[:n]), true)
		}
	}
	fragment := built(t, there+", mf=1} / udp{sport=1, dport=2, chksum=0x1234} / text{hello}")
	if inject.CompleteChecksums(bytes.Clone(fragment), true) {
		t.Error("a fragment's checksum was written")
	}
}
