package trace_test

import (
	"testing"

	"sockwire/capture"
	"sockwire/capture/trace"
)

// BenchmarkFromFrame is what a captured segment costs before it is joined.
func BenchmarkFromFrame(b *testing.B) {
	segment := append([]byte{
		0x45, 0, 0x05, 0xdc, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
		0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x18, 1, 0, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2,
	}, make([]byte, 128)...)
	f := capture.Frame{Data: segment, Length: 1500, Link: capture.LinkRaw}
	b.ReportAllocs()
	for b.Loop() {
		trace.FromFrame(f, 1, 0, "", "lo")
	}
}
