//go:build !linux

package filter

import "testing"

type kernelFilter struct{}

func newKernelFilter(t *testing.T) *kernelFilter {
	t.Skip("only Linux runs classic BPF on sockets")
	return nil
}

func (k *kernelFilter) attach(*Program) error         { return nil }
func (k *kernelFilter) match(*testing.T, []byte) bool { return false }
