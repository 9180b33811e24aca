//go:build amd64 || arm64

package drop_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"sockwire/capture/drop"
)

// Of linux/userfaultfd.h.
type (
	uffdAPI      struct{ api, features, ioctls uint64 }
	uffdRegister struct{ start, length, mode, ioctls uint64 }
	uffdZero     struct {
		start, length, mode uint64
		zeroed              int64
	}
)

const (
	uffdioAPI      = 0xc018aa3f
	uffdioRegister = 0xc020aa00
	uffdioZeroPage = 0xc020aa04
)

// hold makes b's end of the connection busy: a send that waits for its data holds the socket. release lets it go on.
func (k *talk) hold() (release func()) {
	t := k.s.t
	t.Helper()
	fd, _, no := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if no != 0 {
		t.Skipf("userfaultfd: %v", no)
	}
	t.Cleanup(func() { unix.Close(int(fd)) })
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	k.s.must(err)
	ioctl := func(request uintptr, arg unsafe.Pointer) {
		t.Helper()
		if _, _, no := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg)); no != 0 {
			t.Fatalf("userfaultfd: %v", no)
		}
	}
	start, length := uint64(uintptr(unsafe.Pointer(&page[0]))), uint64(len(page))
	ioctl(uffdioAPI, unsafe.Pointer(&uffdAPI{api: 0xaa}))
	ioctl(uffdioRegister, unsafe.Pointer(&uffdRegister{start: start, length: length, mode: 1}))
	sent := make(chan error, 1)
	control(t, k.conn, func(conn int) error {
		conn, err := unix.Dup(conn)
		go func() {
			defer unix.Close(conn)
			sent <- unix.Send(conn, page[:100], 0)
		}()
		return err
	})
	// The fault is told when the send holds the socket and waits.
	var event [32]byte
	if _, err := unix.Read(int(fd), event[:]); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		ioctl(uffdioZeroPage, unsafe.Pointer(&uffdZero{start: start, length: length}))
		if err := <-sent; err != nil {
			t.Errorf("the send that waited: %v", err)
		}
		k.s.must(unix.Munmap(page))
	}
}

// groups are the ways in which a program at a control group drops.
var groups = []lossCase{
	{name: "control group out", reason: "BPF_CGROUP_EGRESS", sender: true, run: func(s *stage) expected {
		defer s.group(ebpf.AttachCGroupInetEgress)()
		return expected{n: 2, cookie: s.client(netip.AddrPortFrom(s.b.Addr4(), 7000), 2), role: drop.Sender}
	}},
	{name: "control group in", reason: "SOCKET_FILTER", counter: "Udp InErrors", run: func(s *stage) expected {
		defer s.group(ebpf.AttachCGroupInetIngress)()
		_, cookie := s.udp(s.b, 7000)
		s.datagram(7000)
		return expected{n: 1, cookie: cookie, role: drop.Receiver}
	}},
}

// group moves this process into a control group of its own, of which a program drops all packets.
func (s *stage) group(attach ebpf.AttachType) (leave func()) {
	t := s.t
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	s.must(err)
	root := ""
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			root = f[1]
		}
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	s.must(err)
	home := ""
	for line := range strings.Lines(string(own)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			home = filepath.Join(root, strings.TrimSpace(path), "cgroup.procs")
		}
	}
	if root == "" {
		t.Skip("control groups of version 2 are not mounted")
	}
	group := filepath.Join(root, fmt.Sprintf("sockwire-drop-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("no control group can be made: %v", err)
	}
	pid := []byte(fmt.Sprint(os.Getpid()))
	s.must(os.WriteFile(filepath.Join(group, "cgroup.procs"), pid, 0))
	p := s.program(ebpf.CGroupSKB, attach, asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()})
	l, err := link.AttachCgroup(link.CgroupOptions{Path: group, Attach: attach, Program: p})
	s.must(err)
	t.Cleanup(func() {
		l.Close()
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	return func() { s.must(os.WriteFile(home, pid, 0)) }
}
