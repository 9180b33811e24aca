package capture

import (
	"os"
	"sync/atomic"
)

// mapping is a mapped file. Its reader holds one reference, and a writer that has still to write out of it
// another.
type mapping struct {
	bytes []byte
	file  *os.File // to see whether it is as long as it was
	refs  atomic.Int32
	unmap func([]byte) error
}

func (m *mapping) retain() { m.refs.Add(1) }

func (m *mapping) release() error {
	if m.refs.Add(-1) > 0 {
		return nil
	}
	return m.unmap(m.bytes)
}
