package filter

import (
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// kernelFilter runs programs in the kernel: on the receiving end of a pair of datagram sockets a filter
// sees just what was sent. It needs no privilege.
type kernelFilter struct{ send, receive int }

func newKernelFilter(t *testing.T) *kernelFilter {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return &kernelFilter{fds[0], fds[1]}
}

func (k *kernelFilter) attach(p *Program) error {
	raw := append([]bpf.RawInstruction(nil), p.Raw()...)
	prog := unix.SockFprog{Len: uint16(len(raw)), Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0]))}
	return unix.SetsockoptSockFprog(k.receive, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
}

func (k *kernelFilter) match(t *testing.T, data []byte) bool {
	if err := unix.Send(k.send, data, 0); err != nil {
		t.Fatal("sending to the filtered socket: ", err)
	}
	buf := make([]byte, len(data)+1)
	_, _, err := unix.Recvfrom(k.receive, buf, 0)
	if err == unix.EAGAIN {
		return false
	}
	if err != nil {
		t.Fatal("receiving through the filter: ", err)
	}
	return true
}
