//go:build !linux

package filter

import (
	"errors"
	"fmt"
	"syscall"
)

// Attach needs Linux's SO_ATTACH_FILTER.
func (p Program) Attach(syscall.RawConn) error {
	return fmt.Errorf("filter: attach: classic BPF on sockets needs Linux: %w", errors.ErrUnsupported)
}
