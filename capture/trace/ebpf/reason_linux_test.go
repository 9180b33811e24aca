//go:build amd64 || arm64

package ebpf

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReasonRecords reads what the programs write, and nothing else.
func TestReasonRecords(t *testing.T) {
	r := &reasons{resets: map[uint32]string{1: "NO_SOCKET"}}
	b := make([]byte, rsSize)
	b[rsKind], b[rsSocket] = reasonReset, 1
	order.PutUint32(b[rsReason:], 1)
	order.PutUint16(b[rsFamily:], unix.AF_INET)
	binary.BigEndian.PutUint16(b[rsLocal:], 80)
	binary.BigEndian.PutUint16(b[rsRemote:], 4000)
	copy(b[rsFrom:], []byte{192, 0, 2, 1})
	copy(b[rsTo:], []byte{192, 0, 2, 2})
	e, err := r.parse(b)
	if err != nil || e.Src != netip.MustParseAddrPort("192.0.2.1:80") || e.Dst != netip.MustParseAddrPort("192.0.2.2:4000") || !e.Reset || e.Said.Cause != "NO_SOCKET" {
		t.Errorf("%+v, %v", e, err)
	}
	// The packet that is answered says it better than a socket of which little is left.
	b[rsHeader] = 1
	copy(b[rsBytes:], []byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2, 0, 22, 0, 23})
	if e, err = r.parse(b); err != nil || e.Src != netip.MustParseAddrPort("198.51.100.2:23") || e.Dst != netip.MustParseAddrPort("198.51.100.1:22") {
		t.Errorf("%+v, %v", e, err)
	}
	for _, header := range [][]byte{{0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 6}, {0x45, 0, 0, 0, 0, 0, 0, 0, 0, 17}, {0x60, 0, 0, 0, 0, 0, 58}, {0}} {
		clear(b[rsBytes:])
		copy(b[rsBytes:], header)
		if _, err := r.parse(b); err != nil {
			t.Errorf("%x: %v", header, err)
		}
	}
	b[rsKind] = 9
	if _, err := r.parse(b); err == nil {
		t.Error("a record of no kind is read")
	}
	for n := range rsSize {
		if _, err := r.parse(b[:n]); err == nil {
			t.Errorf("a record of %d bytes is read", n)
		}
	}
}
