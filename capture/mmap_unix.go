//go:build linux || darwin || freebsd || netbsd || openbsd

package capture

import (
	"os"
	"syscall"
)

// mapFile maps the rest of a regular file, from its current offset on. It returns nil for anything else.
func mapFile(f *os.File) (m *mapping, offset int64) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() != int64(int(info.Size())) {
		return nil, 0
	}
	if offset, err = f.Seek(0, 1); err != nil || offset >= info.Size() {
		return nil, 0
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, 0
	}
	m = &mapping{bytes: b, unmap: syscall.Munmap}
	m.refs.Store(1)
	return m, offset
}
