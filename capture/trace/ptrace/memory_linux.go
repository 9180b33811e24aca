package ptrace

import (
	"slices"

	"golang.org/x/sys/unix"
)

const maxAddress = 128 // struct sockaddr_storage

// piece is a piece of memory.
type piece struct{ address, length uint64 }

// memory is that of a stopped thread.
type memory struct {
	tid   int
	kept  [2]piece // what was read ahead
	bytes []byte   // of both
}

// of makes it the memory of a thread as it is now.
func (m *memory) of(tid int) { m.tid, m.kept = tid, [2]piece{} }

// ahead reads two pieces at once, for ReadMemory to give. Where not all of both can be read, nothing is.
func (m *memory) ahead(a, b piece) {
	n := int(a.length + b.length)
	if a.length == 0 || b.length == 0 || b.address == 0 {
		return // one call will do
	}
	m.bytes = slices.Grow(m.bytes[:0], n)[:n]
	remote := [2]unix.RemoteIovec{{Base: uintptr(a.address), Len: int(a.length)}, {Base: uintptr(b.address), Len: int(b.length)}}
	if m.read(m.bytes, remote[:]) == n {
		m.kept = [2]piece{a, b}
	}
}

// ReadMemory uses process_vm_readv(2), which reads up to the first page that cannot be read.
func (m *memory) ReadMemory(b []byte, address uint64) int {
	from := uint64(0)
	for _, k := range m.kept {
		if address == k.address && uint64(len(b)) <= k.length {
			return copy(b, m.bytes[from:])
		}
		from += k.length
	}
	remote := [1]unix.RemoteIovec{{Base: uintptr(address), Len: len(b)}}
	return m.read(b, remote[:])
}

func (m *memory) read(b []byte, remote []unix.RemoteIovec) int {
	if len(b) == 0 {
		return 0
	}
	local := [1]unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	n, err := unix.ProcessVMReadv(m.tid, local[:], remote, 0)
	if err != nil {
		return 0
	}
	return n
}
