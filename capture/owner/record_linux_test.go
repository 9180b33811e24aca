//go:build amd64 || arm64

package owner

import (
	"strings"
	"testing"
)

// FuzzEvent: whatever the ring holds, it gives an event that the table takes, or an error.
func FuzzEvent(f *testing.F) {
	for kind := range kindGroup + 2 {
		for _, size := range []int{headerSize, packetSize, execSize, groupSize} {
			b := make([]byte, size)
			b[hKind], b[hCookie], b[hWho+4] = byte(kind), 7, 10
			copy(b[headerSize:], strings.Repeat("/long\x1b", 1000))
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e event
		if parseEvent(b, &e) != nil {
			return
		}
		tb := history()
		tb.take(&e)
		tb.take(&e)
		if len(e.file) > fileSize || len(e.args) > argsSize {
			t.Errorf("%d, %d bytes", len(e.file), len(e.args))
		}
	})
}
