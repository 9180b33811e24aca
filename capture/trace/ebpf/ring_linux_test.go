//go:build amd64 || arm64

package ebpf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

func init() {
	programs["ring"] = func() { ringExchange(newTestRing()) }
	programs["ringless"] = func() { ringExchange(nil) }
}

// testRing is io_uring by its system calls alone: one request at a time.
type testRing struct {
	fd                       int
	sqTail, sqMask, cqHead   *uint32
	cqTail, cqMask, sqArray  *uint32
	submissions, completions unsafe.Pointer
}

func fatal(what string, errno unix.Errno) {
	if errno != 0 {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, errno)
		os.Exit(90)
	}
}

// newTestRing makes a ring of eight entries, io_uring_setup(2).
func newTestRing() *testRing {
	var p struct {
		sqEntries, cqEntries, flags, cpu, idle, features, wq uint32
		_                                                    [3]uint32
		sq, cq                                               struct {
			head, tail, mask, entries, flags, dropped, array, _ uint32
			_                                                   uint64
		}
	}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&p)), 0)
	fatal("io_uring_setup", errno)
	at := func(offset int64, size int) unsafe.Pointer {
		b, err := unix.Mmap(int(fd), offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			fatal("mmap", err.(unix.Errno))
		}
		return unsafe.Pointer(&b[0])
	}
	sq, cq := at(0, int(p.sq.array+4*p.sqEntries)), at(0x8000000, int(p.cq.flags)+16*int(p.cqEntries)+64)
	word := func(base unsafe.Pointer, off uint32) *uint32 { return (*uint32)(unsafe.Add(base, off)) }
	return &testRing{
		fd: int(fd), sqTail: word(sq, p.sq.tail), sqMask: word(sq, p.sq.mask), sqArray: word(sq, p.sq.array),
		cqHead: word(cq, p.cq.head), cqTail: word(cq, p.cq.tail), cqMask: word(cq, p.cq.mask),
		submissions: at(0x10000000, 64*int(p.sqEntries)), completions: unsafe.Add(cq, p.cq.dropped), // cqes stands there
	}
}

// do submits a request and waits for its completion, io_uring_enter(2).
func (r *testRing) do(op uint8, fd int, off uint64, addr unsafe.Pointer, size, flags uint32) (result int32) {
	tail := atomic.LoadUint32(r.sqTail)
	i := tail & *r.sqMask
	sqe := unsafe.Slice((*byte)(unsafe.Add(r.submissions, 64*i)), 64)
	clear(sqe)
	sqe[0] = op
	order.PutUint32(sqe[4:], uint32(fd))
	order.PutUint64(sqe[8:], off)
	order.PutUint64(sqe[16:], uint64(uintptr(addr)))
	order.PutUint32(sqe[24:], size)
	order.PutUint32(sqe[28:], flags)
	*(*uint32)(unsafe.Add(unsafe.Pointer(r.sqArray), 4*i)) = i
	atomic.StoreUint32(r.sqTail, tail+1)
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), 1, 1, 1, 0, 0)
	fatal("io_uring_enter", errno)
	head := atomic.LoadUint32(r.cqHead)
	for atomic.LoadUint32(r.cqTail) == head {
		runtime.Gosched()
	}
	result = *(*int32)(unsafe.Add(r.completions, 16*(head&*r.cqMask)+8))
	atomic.StoreUint32(r.cqHead, head+1)
	if result < 0 {
		fatal(fmt.Sprintf("operation %d", op), unix.Errno(-result))
	}
	return result
}

// Operations of include/uapi/linux/io_uring.h.
const (
	opSendmsg, opRecvmsg, opAccept, opConnect = 9, 10, 13, 16
	opClose, opSend, opRecv                   = 19, 26, 27
)

// ringExchange is a stream and a datagram, through a ring or by plain calls.
func ringExchange(r *testRing) {
	runtime.LockOSThread()
	if r == nil {
		if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil { // descriptors are the same then
			os.Exit(91)
		}
	}
	call := func(op uint8, number uintptr, fd int, addr unsafe.Pointer, size int) int {
		if r != nil {
			switch op {
			case opConnect:
				return int(r.do(op, fd, uint64(size), addr, 0, 0))
			case opSendmsg, opRecvmsg:
				return int(r.do(op, fd, 0, addr, 1, 0))
			}
			return int(r.do(op, fd, 0, addr, uint32(size), 0))
		}
		a, b, c := uintptr(addr), uintptr(size), uintptr(0)
		if op == opSendmsg || op == opRecvmsg {
			b = 0
		}
		n, _, errno := unix.Syscall6(number, uintptr(fd), a, b, c, 0, 0)
		fatal(fmt.Sprintf("call %d", number), errno)
		return int(n)
	}
	must := func(fd int, err error) int {
		if err != nil {
			fatal("socket", err.(unix.Errno))
		}
		return fd
	}
	name := func(fd int) *unix.RawSockaddrInet4 {
		must(0, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		if must(0, nil); fd < 0 {
			os.Exit(92)
		}
		sa, err := unix.Getsockname(fd)
		must(0, err)
		a := sa.(*unix.SockaddrInet4)
		return &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(a.Port)<<8 | uint16(a.Port)>>8, Addr: a.Addr}
	}
	l, c := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)), must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	to := name(l)
	must(0, unix.Listen(l, 5))
	call(opConnect, unix.SYS_CONNECT, c, unsafe.Pointer(to), int(unsafe.Sizeof(*to)))
	s := call(opAccept, unix.SYS_ACCEPT4, l, nil, 0)
	b := make([]byte, 100)
	text := func(s string) (unsafe.Pointer, int) {
		p := []byte(s)
		return unsafe.Pointer(&p[0]), len(p)
	}
	one, n := text("one")
	call(opSend, unix.SYS_SENDTO, c, one, n)
	two, n := text(" two")
	call(opSend, unix.SYS_SENDTO, c, two, n)
	call(opRecv, unix.SYS_RECVFROM, s, unsafe.Pointer(&b[0]), 5)
	call(opRecv, unix.SYS_RECVFROM, s, unsafe.Pointer(&b[0]), len(b))
	call(opClose, unix.SYS_CLOSE, s, nil, 0)
	call(opRecv, unix.SYS_RECVFROM, c, unsafe.Pointer(&b[0]), len(b)) // the end
	u, v := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)), must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	at := name(u)
	datagram, n := text("datagram")
	out := unix.Iovec{Base: (*byte)(datagram)}
	out.SetLen(n)
	message := unix.Msghdr{Name: (*byte)(unsafe.Pointer(at)), Namelen: uint32(unsafe.Sizeof(*at)), Iov: &out}
	message.SetIovlen(1)
	call(opSendmsg, unix.SYS_SENDMSG, v, unsafe.Pointer(&message), 0)
	in := unix.Iovec{Base: &b[0]}
	in.SetLen(len(b))
	room := unix.Msghdr{Iov: &in}
	room.SetIovlen(1)
	call(opRecvmsg, unix.SYS_RECVMSG, u, unsafe.Pointer(&room), 0)
	runtime.KeepAlive(to)
	runtime.KeepAlive(at)
}

// needRings skips where the system has no io_uring for programs.
func needRings(t *testing.T) {
	t.Helper()
	if b, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled"); err == nil && strings.TrimSpace(string(b)) != "0" {
		t.Skipf("io_uring is switched off here: kernel.io_uring_disabled is %s", b)
	}
	if fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&[30]uint32{})), 0); errno != 0 {
		t.Skipf("io_uring cannot be had here: %v", errno)
	} else {
		unix.Close(int(fd))
	}
}

// TestRings: a program in Go and one built with liburing, through io_uring and by plain calls: the joins are the same.
func TestRings(t *testing.T) {
	needRings(t)
	t.Run("go", func(t *testing.T) { sameJoins(t, command("ring", nil), command("ringless", nil), 10, nothing) })
	t.Run("liburing", func(t *testing.T) {
		cc := peer(t, "cc")
		program := filepath.Join(t.TempDir(), "ring")
		if out, err := exec.Command(cc, "-O1", "-o", program, "testdata/ring.c", "-luring").CombinedOutput(); err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Fatalf("REQUIRE_PEERS=1, but %v\n%s", err, out)
			}
			t.Skipf("%v\n%s", err, out)
		}
		run := func(args ...string) trace.Command {
			return trace.Command{Path: program, Args: append([]string{program}, args...), Files: [3]*os.File{nil, nil, os.Stderr}}
		}
		sameJoins(t, run(), run("plain"), 13, nothing)
		// What such a descriptor is called is the ring's business.
		sameJoins(t, run("fixed"), run("plain"), 13, regexp.MustCompile(` fd -?[0-9]+`))
		sameJoins(t, run("provided"), run("plain"), 13, nothing)
	})
}

var nothing = regexp.MustCompile(`^$`)

// sameJoins traces two programs that do the same, but for what is left out: of the first so many calls are submitted.
func sameJoins(t *testing.T, through, plain trace.Command, submitted int, without *regexp.Regexp) {
	t.Helper()
	joins := func(c trace.Command) (all []string, rings int) {
		tl := timeline(t, "ebpf", c)
		payload(t, tl)
		for _, c := range tl.Calls {
			if c.Ring {
				rings++
				if c.Pending || c.Left < c.Entered {
					t.Errorf("#%d %s is not completed", c.Number, c.Name)
				}
			}
			if c.On != nil {
				all = append(all, told(tl, c))
			}
		}
		return all, rings
	}
	want, none := joins(plain)
	got, rings := joins(through)
	if none != 0 || rings != submitted {
		t.Errorf("%d calls were submitted, not %d; by plain calls %d", rings, submitted, none)
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); without.ReplaceAllString(a, "") != without.ReplaceAllString(b, "") {
		t.Errorf("through io_uring:\n%s\nby plain calls:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
