package capture

import "syscall"

// unneeded says that the pages of a mapped file need not stay mapped, see madvise(2). It is a hint.
func unneeded(b []byte) { _ = syscall.Madvise(b, syscall.MADV_DONTNEED) }
