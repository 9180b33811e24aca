package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// exercises are programs of ours, or parts of one, that tests trace: each uses one thing that sockets can do, by system
// calls in an order that is the same at every run. They check what they receive themselves.
var exercises = map[string]func(){
	"sendmmsg":   exerciseMessages,
	"splice":     exerciseSplice,
	"sendfile":   exerciseSendfile,
	"vectors":    exerciseVectors,
	"segment":    exerciseSegment,
	"peek":       exercisePeek,
	"halfclose":  func() { exerciseStream(false) },
	"ipv6":       func() { exerciseStream(true); exerciseDatagrams(true, 10, 1000) },
	"fragments":  func() { exerciseDatagrams(false, 4000, 65507); exerciseDatagrams(true, 4000, 20000) },
	"empty":      func() { exerciseDatagrams(false, 0, 1) },
	"fastopen":   exerciseFastOpen,
	"cork":       exerciseCork,
	"nagle":      exerciseNagle,
	"lose":       exerciseLose,
	"refused":    exerciseRefused,
	"reset":      exerciseReset,
	"rights":     exerciseRights,
	"dup":        exerciseDup,
	"threads":    exerciseThreads,
	"atonce":     exerciseAtOnce,
	"large":      exerciseLarge,
	"raw":        exerciseRaw,
	"options":    exerciseOptions,
	"goserver":   exerciseGoServer,
	"execthread": exerciseExecThread,
	"hello":      func() { fmt.Println("hello") },
	"vfork":      func() { exerciseChildren(30) },
	"children":   func() { exerciseChildren(200) },
	"jobs":       exerciseJobs,
	"stops":      exerciseStops,
	"interrupts": exerciseInterrupts,
	"idle":       exerciseIdle,
	"threadends": exerciseThreadEnds,
	"unix":       exerciseUnix,
	"dissolve":   exerciseDissolve,
	"records":    exerciseRecords,
	"netlink":    exerciseNetlink,
	"untraced":   exerciseUntraced,
	"lookup":     exerciseLookup,
	"interrupt":  exerciseInterrupt,
	"killed":     exerciseKilled,
	"blocks":     exerciseBlocks,
}

func init() {
	if filepath.Base(os.Args[0]) == "exercise" {
		runtime.LockOSThread() // here it is the first thread, whose number is that of the process
	}
	commands["exercise"] = func() {
		for _, name := range os.Args[1:] {
			exercises[name]()
		}
	}
}

// got returns what a step gave, and ends the program when a step of it fails.
func got[T any](v T, err error) T {
	did(err)
	return v
}

func did(err error) {
	if err != nil {
		_, _, line, _ := runtime.Caller(1)
		_, _, line2, _ := runtime.Caller(2)
		fmt.Fprintf(os.Stderr, "lines %d, %d: %v\n", line, line2, err)
		os.Exit(99)
	}
}

func expect(ok bool, format string, args ...any) {
	if !ok {
		did(fmt.Errorf(format, args...))
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i*7)
	}
	return b
}

func loopback(v6 bool) unix.Sockaddr {
	if v6 {
		return &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	}
	return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
}

func domain(v6 bool) int {
	if v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// bound makes a socket with a port.
func bound(v6 bool, typ int) (fd int, name unix.Sockaddr) {
	fd = got(unix.Socket(domain(v6), typ, 0))
	did(unix.Bind(fd, loopback(v6)))
	return fd, got(unix.Getsockname(fd))
}

func listening(v6 bool) (fd int, name unix.Sockaddr) {
	fd, name = bound(v6, unix.SOCK_STREAM)
	did(unix.Listen(fd, 8))
	return fd, name
}

func dial(name unix.Sockaddr, v6 bool, typ int) int {
	fd := got(unix.Socket(domain(v6), typ, 0))
	did(unix.Connect(fd, name))
	return fd
}

func accept(l int) int {
	fd, _, err := unix.Accept(l)
	did(err)
	return fd
}

// connected makes both ends of a TCP connection.
func connected(v6 bool) (client, server int) {
	l, name := listening(v6)
	client = dial(name, v6, unix.SOCK_STREAM)
	server = accept(l)
	unix.Close(l)
	return client, server
}

// take receives exactly what is wanted, in one call.
func take(fd int, want []byte) {
	b := make([]byte, len(want))
	n, _, err := unix.Recvfrom(fd, b, unix.MSG_WAITALL)
	did(err)
	expect(n == len(want) && bytes.Equal(b, want), "received %d bytes, want %d", n, len(want))
}

func end(fd int) {
	n := got(unix.Read(fd, make([]byte, 10)))
	expect(n == 0, "%d bytes after the end", n)
}

// message is a struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      uint32
}

func messagesOf(names []*unix.RawSockaddrInet4, buffers [][]byte) []message {
	all := make([]message, len(buffers))
	for i, b := range buffers {
		iov := &unix.Iovec{Base: unsafe.SliceData(b)}
		iov.SetLen(len(b))
		all[i].header.Iov = iov
		all[i].header.SetIovlen(1)
		if names != nil {
			all[i].header.Name, all[i].header.Namelen = (*byte)(unsafe.Pointer(names[i])), unix.SizeofSockaddrInet4
		}
	}
	return all
}

func exerciseMessages() {
	a, name := bound(false, unix.SOCK_DGRAM)
	other, otherName := bound(false, unix.SOCK_DGRAM)
	s := got(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	raw := func(name unix.Sockaddr) *unix.RawSockaddrInet4 {
		port := name.(*unix.SockaddrInet4).Port
		return &unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(port>>8) | uint16(port)<<8, Addr: [4]byte{127, 0, 0, 1}}
	}
	data := [][]byte{[]byte("one"), pattern(3000), []byte("three"), []byte("to the other")}
	out := messagesOf([]*unix.RawSockaddrInet4{raw(name), raw(name), raw(name), raw(otherName)}, data)
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s), uintptr(unsafe.Pointer(&out[0])), 4, 0, 0, 0)
	expect(n == 4, "sendmmsg: %d %v", int(n), errno)
	in := messagesOf(nil, [][]byte{make([]byte, 100), make([]byte, 3000), make([]byte, 2)})
	n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, uintptr(a), uintptr(unsafe.Pointer(&in[0])), 3, 0, 0, 0)
	expect(n == 3 && in[0].length == 3 && in[1].length == 3000 && in[2].length == 2, "recvmmsg: %d %v", int(n), errno)
	take(other, data[3])
	// A stream has no messages: they go end to end.
	c, p := connected(false)
	out = messagesOf(nil, [][]byte{[]byte("some "), []byte("of a "), []byte("stream")})
	n, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, uintptr(c), uintptr(unsafe.Pointer(&out[0])), 3, 0, 0, 0)
	expect(n == 3, "sendmmsg: %d %v", int(n), errno)
	take(p, []byte("some of a stream"))
	for _, fd := range []int{c, p, a, other, s} {
		unix.Close(fd)
	}
}

// exerciseSplice moves data from a pipe to a socket, and from the other end of the connection to a pipe.
func exerciseSplice() {
	c, p := connected(false)
	data := pattern(5000)
	var in, out [2]int
	did(unix.Pipe(in[:]))
	did(unix.Pipe(out[:]))
	got(unix.Write(in[1], data))
	n := got(unix.Splice(in[0], nil, c, nil, len(data), 0))
	expect(n == 5000, "spliced %d", n)
	peeked, _, err := unix.Recvfrom(p, make([]byte, 5000), unix.MSG_PEEK|unix.MSG_WAITALL)
	expect(peeked == 5000, "peeked %d %v", peeked, err)
	for left := 5000; left > 0; { // what is in several buffers may take several calls
		left -= int(got(unix.Splice(p, nil, out[1], nil, left, 0)))
	}
	b := make([]byte, 5000)
	got(unix.Read(out[0], b))
	expect(bytes.Equal(b, data), "other bytes")
	unix.Close(c)
	unix.Close(p)
}

func exerciseSendfile() {
	f := got(os.CreateTemp("", "sockwire-test"))
	os.Remove(f.Name())
	data := pattern(30000)
	got(f.Write(data))
	c, p := connected(false)
	got(unix.Write(c, []byte("header")))
	offset := int64(1000)
	n := got(unix.Sendfile(c, int(f.Fd()), &offset, 29000))
	expect(n == 29000, "sent %d", n)
	take(p, append([]byte("header"), data[1000:]...))
	unix.Close(c)
	end(p)
	unix.Close(p)
}

func exerciseVectors() {
	c, p := connected(false)
	n := got(unix.Writev(c, [][]byte{[]byte("one, "), pattern(2000), []byte("three")}))
	expect(n == 2010, "wrote %d", n)
	peeked, _, err := unix.Recvfrom(p, make([]byte, 2010), unix.MSG_PEEK|unix.MSG_WAITALL)
	expect(peeked == 2010, "peeked %d %v", peeked, err)
	a, b := make([]byte, 10), make([]byte, 5000)
	n = got(unix.Readv(p, [][]byte{a, b}))
	expect(n == 2010 && string(a[:5]) == "one, " && string(b[1995:2000]) == "three", "read %d", n)
	// With flags, and the offset that means none.
	iov := unix.Iovec{Base: unsafe.StringData("flagged")}
	iov.SetLen(7)
	wrote, _, errno := unix.Syscall6(unix.SYS_PWRITEV2, uintptr(p), uintptr(unsafe.Pointer(&iov)), 1, ^uintptr(0), ^uintptr(0), 0)
	expect(wrote == 7, "pwritev2: %v", errno)
	iov.Base = unsafe.SliceData(b)
	read, _, errno := unix.Syscall6(unix.SYS_PREADV2, uintptr(c), uintptr(unsafe.Pointer(&iov)), 1, ^uintptr(0), ^uintptr(0), 0)
	expect(read == 7 && string(b[:7]) == "flagged", "preadv2: %v", errno)
	unix.Close(c)
	unix.Close(p)
	// Of datagrams.
	a1, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	got(unix.Writev(s, [][]byte{[]byte("data"), []byte("gram")}))
	n = got(unix.Readv(a1, [][]byte{a[:3], b}))
	expect(n == 8 && string(a[:3]) == "dat", "read %d", n)
	unix.Close(s)
	unix.Close(a1)
}

func exerciseSegment() {
	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	control := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&control[unix.CmsgLen(0)])) = 1000
	did(unix.Sendmsg(s, pattern(2500), control, nil, 0))
	for _, part := range [][2]int{{0, 1000}, {1000, 2000}, {2000, 2500}} {
		take(r, pattern(2500)[part[0]:part[1]])
	}
	did(unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_SEGMENT, 500))
	got(unix.Write(s, pattern(1200)))
	for _, part := range [][2]int{{0, 500}, {500, 1000}, {1000, 1200}} {
		take(r, pattern(1200)[part[0]:part[1]])
	}
	unix.Close(s)
	unix.Close(r)
}

func exercisePeek() {
	c, p := connected(false)
	got(unix.Write(c, []byte("looked at twice")))
	b := make([]byte, 15)
	for range 2 {
		n, _, err := unix.Recvfrom(p, b, unix.MSG_PEEK|unix.MSG_WAITALL)
		expect(n == 15 && err == nil, "peeked %d %v", n, err)
	}
	take(p, []byte("looked at"))
	take(p, []byte(" twice"))
	unix.Close(c)
	unix.Close(p)
	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	got(unix.Write(s, []byte("a datagram")))
	n, _, err := unix.Recvfrom(r, b, unix.MSG_PEEK)
	expect(n == 10 && err == nil, "peeked %d %v", n, err)
	n, _, err = unix.Recvfrom(r, b[:4], unix.MSG_TRUNC)
	expect(n == 10 && err == nil, "received %d %v", n, err)
	unix.Close(s)
	unix.Close(r)
}

// exerciseStream closes one half of a connection and answers on the other.
func exerciseStream(v6 bool) {
	c, p := connected(v6)
	got(unix.Write(c, []byte("question")))
	did(unix.Shutdown(c, unix.SHUT_WR))
	take(p, []byte("question"))
	end(p)
	got(unix.Write(p, []byte("the answer")))
	unix.Close(p)
	take(c, []byte("the answer"))
	end(c)
	unix.Close(c)
}

func exerciseDatagrams(v6 bool, sizes ...int) {
	r, name := bound(v6, unix.SOCK_DGRAM)
	s := got(unix.Socket(domain(v6), unix.SOCK_DGRAM, 0))
	b := make([]byte, 65536)
	for _, size := range sizes {
		did(unix.Sendto(s, pattern(size), 0, name))
		n, from, err := unix.Recvfrom(r, b, 0)
		expect(err == nil && bytes.Equal(b[:n], pattern(size)), "received %d of %d: %v", n, size, err)
		did(unix.Sendto(r, []byte("got it"), 0, from))
		take(s, []byte("got it"))
	}
	unix.Close(s)
	unix.Close(r)
}

// exerciseFastOpen gets a cookie with the first connection and sends data in the SYN of the second. It wants
// net.ipv4.tcp_fastopen to be 3.
func exerciseFastOpen() {
	l, name := listening(false)
	did(unix.SetsockoptInt(l, unix.SOL_TCP, unix.TCP_FASTOPEN, 8))
	for range 2 {
		c := got(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
		did(unix.Sendto(c, []byte("fast"), unix.MSG_FASTOPEN, name))
		p := accept(l)
		take(p, []byte("fast"))
		got(unix.Write(c, []byte(" and more")))
		take(p, []byte(" and more"))
		unix.Close(c)
		end(p)
		unix.Close(p)
	}
	c := got(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	did(unix.SetsockoptInt(c, unix.SOL_TCP, unix.TCP_FASTOPEN_CONNECT, 1))
	did(unix.Connect(c, name)) // sends nothing yet
	got(unix.Write(c, []byte("with the SYN")))
	p := accept(l)
	take(p, []byte("with the SYN"))
	unix.Close(c)
	end(p)
	unix.Close(p)
	unix.Close(l)
}

func exerciseCork() {
	c, p := connected(false)
	did(unix.SetsockoptInt(c, unix.SOL_TCP, unix.TCP_CORK, 1))
	got(unix.Write(c, []byte("held back ")))
	got(unix.Write(c, []byte("until the cork is out")))
	did(unix.SetsockoptInt(c, unix.SOL_TCP, unix.TCP_CORK, 0))
	take(p, []byte("held back until the cork is out"))
	did(unix.Sendto(c, []byte("more "), unix.MSG_MORE, nil))
	did(unix.Sendto(c, []byte("to come"), 0, nil))
	take(p, []byte("more to come"))
	unix.Close(c)
	unix.Close(p)
	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	did(unix.Sendto(s, []byte("two sends, "), unix.MSG_MORE, nil))
	got(unix.Write(s, []byte("one datagram")))
	take(r, []byte("two sends, one datagram"))
	did(unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_CORK, 1))
	got(unix.Write(s, pattern(2000)))
	got(unix.Write(s, []byte("end")))
	did(unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_CORK, 0))
	take(r, append(pattern(2000), "end"...))
	unix.Close(s)
	unix.Close(r)
}

// exerciseNagle writes small pieces to a peer that acknowledges late.
func exerciseNagle() {
	c, p := connected(false)
	did(unix.SetsockoptInt(p, unix.SOL_TCP, unix.TCP_QUICKACK, 0))
	for range 2 {
		for _, text := range []string{"first ", "second ", "third "} {
			got(unix.Write(c, []byte(text)))
		}
		take(p, []byte("first second third "))
		got(unix.Write(p, []byte("thanks")))
		take(c, []byte("thanks"))
	}
	unix.Close(c)
	unix.Close(p)
}

// exerciseLose has a peer whose filter drops all until a segment must have been sent again. Nagle's algorithm holds
// back what was written after it, which a tail-loss probe sends (RFC 8985 section 7).
func exerciseLose() {
	c, p := connected(false)
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	did(unix.SetsockoptSockFprog(p, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop}))
	for _, text := range []string{"lost ", "held back ", "as well"} {
		got(unix.Write(c, []byte(text)))
	}
	// Questions asked by calls on the socket might be what made it send.
	port := got(unix.Getsockname(c)).(*unix.SockaddrInet4).Port
	local := fmt.Sprintf("0100007F:%04X", port)
	for again := false; !again; time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(string(got(os.ReadFile("/proc/self/net/tcp")))) {
			if f := strings.Fields(line); len(f) > 6 && f[1] == local {
				again = f[6] != "00000000" // how often
			}
		}
	}
	did(unix.SetsockoptInt(p, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
	take(p, []byte("lost held back as well"))
	unix.Close(c)
	end(p)
	unix.Close(p)
}

func exerciseRefused() {
	l, name := listening(false)
	unix.Close(l)
	c := got(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	expect(unix.Connect(c, name) == unix.ECONNREFUSED, "not refused")
	unix.Close(c)
	r, name := bound(false, unix.SOCK_DGRAM)
	unix.Close(r)
	s := dial(name, false, unix.SOCK_DGRAM)
	got(unix.Write(s, []byte("nobody there")))
	_, err := unix.Read(s, make([]byte, 10))
	expect(err == unix.ECONNREFUSED, "read: %v", err)
	unix.Close(s)
}

// exerciseReset ends connections by resets: closed with bytes unread, closed by SO_LINGER, and written to after.
func exerciseReset() {
	c, p := connected(false)
	got(unix.Write(c, []byte("never read")))
	peeked, _, err := unix.Recvfrom(p, make([]byte, 10), unix.MSG_PEEK|unix.MSG_WAITALL)
	expect(peeked == 10, "peeked %d %v", peeked, err)
	unix.Close(p)
	_, err = unix.Read(c, make([]byte, 10))
	expect(err == unix.ECONNRESET, "read: %v", err)
	_, err = unix.SendmsgN(c, []byte("too late"), nil, nil, unix.MSG_NOSIGNAL)
	expect(err == unix.EPIPE, "send: %v", err)
	unix.Close(c)
	c, p = connected(false)
	did(unix.SetsockoptLinger(c, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	unix.Close(c)
	_, err = unix.Read(p, make([]byte, 10))
	expect(err == unix.ECONNRESET, "read: %v", err)
	unix.Close(p)
}

// exerciseRights passes one end of a connection and uses it under its new number.
func exerciseRights() {
	c, p := connected(false)
	pair := got(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	did(unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(c), nil, 0))
	unix.Close(c)
	b, oob := make([]byte, 10), make([]byte, 64)
	n, oobn, _, _, err := unix.Recvmsg(pair[1], b, oob, 0)
	expect(err == nil && n == 1, "recvmsg: %d %v", n, err)
	messages := got(unix.ParseSocketControlMessage(oob[:oobn]))
	passed := got(unix.ParseUnixRights(&messages[0]))[0]
	got(unix.Write(passed, []byte("by another number")))
	take(p, []byte("by another number"))
	unix.Close(passed)
	end(p)
	for _, fd := range []int{p, pair[0], pair[1]} {
		unix.Close(fd)
	}
}

func exerciseDup() {
	c, p := connected(false)
	a := got(unix.Dup(c))
	did(unix.Dup3(c, 100, unix.O_CLOEXEC))
	b := got(unix.FcntlInt(uintptr(c), unix.F_DUPFD, 200))
	d := got(unix.FcntlInt(uintptr(c), unix.F_DUPFD_CLOEXEC, 200))
	got(unix.FcntlInt(uintptr(c), unix.F_GETFL, 0))
	for _, fd := range []int{c, a, 100, b, d} {
		got(unix.Write(fd, []byte("again ")))
		unix.Close(fd)
	}
	take(p, []byte("again again again again again "))
	end(p)
	// A descriptor that another one replaces is closed.
	c, q := connected(false)
	did(unix.Dup3(p, c, 0))
	end(q)
	unix.Close(c)
	unix.Close(p)
	unix.Close(q)
}

// exerciseThreads has eight threads with a connection each.
func exerciseThreads() {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			runtime.LockOSThread()
			c, p := connected(i%2 == 1)
			for range 20 {
				got(unix.Write(c, []byte("ping")))
				take(p, []byte("ping"))
				got(unix.Write(p, []byte("pong")))
				take(c, []byte("pong"))
			}
			unix.Close(c)
			unix.Close(p)
		})
	}
	wg.Wait()
}

// exerciseAtOnce has two threads write to one connection at once while a third reads, looks at what is there, drops
// some of it unseen (MSG_TRUNC, tcp(7)), and is sent urgent bytes.
func exerciseAtOnce() {
	c, p := connected(false)
	const rounds, size = 100, 40
	var wg sync.WaitGroup
	for _, letter := range "ab" {
		wg.Go(func() {
			runtime.LockOSThread()
			for i := range rounds {
				if i%25 == 24 {
					did(unix.Sendto(c, []byte("!"), unix.MSG_OOB, nil))
				}
				got(unix.Write(c, bytes.Repeat([]byte{byte(letter)}, size)))
			}
		})
	}
	reader := make(chan bool)
	go func() {
		runtime.LockOSThread()
		b := make([]byte, 3*size)
		for i := 0; ; i++ {
			n, _, err := unix.Recvfrom(p, b, unix.MSG_PEEK)
			did(err)
			flags := 0
			if i%8 == 7 {
				flags = unix.MSG_TRUNC
			}
			if n, _, err = unix.Recvfrom(p, b[:n], flags); n == 0 {
				break
			}
			did(err)
		}
		close(reader)
	}()
	wg.Wait()
	did(unix.Shutdown(c, unix.SHUT_WR))
	<-reader
	unix.Close(c)
	unix.Close(p)
}

// exerciseLarge writes more than the buffer of the socket holds, so that writes block.
func exerciseLarge() {
	c, p := connected(false)
	did(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10))
	data := pattern(1 << 18)
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		for b := data; len(b) > 0; {
			n := got(unix.Write(c, b))
			b = b[n:]
		}
		unix.Close(c)
		close(done)
	}()
	for b := data; len(b) > 0; b = b[1<<15:] {
		take(p, b[:1<<15])
	}
	end(p)
	unix.Close(p)
	<-done
}

// exerciseRaw sends an echo request, and a datagram with its IP header.
func exerciseRaw() {
	s := got(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP))
	request := []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1, 'r', 'a', 'w', '!'}
	sum := uint32(0)
	for i := 0; i < len(request); i += 2 {
		sum += uint32(request[i])<<8 | uint32(request[i+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	request[2], request[3] = byte(sum>>8), byte(sum)
	did(unix.Sendto(s, request, 0, loopback(false)))
	b := make([]byte, 100)
	for i := 0; i < 2; i++ { // the request comes back to us too
		n, _, err := unix.Recvfrom(s, b, 0)
		expect(err == nil && n == 32 && bytes.HasSuffix(b[:n], []byte("raw!")), "received %x %v", b[:n], err)
	}
	unix.Close(s)
	r, name := bound(false, unix.SOCK_DGRAM)
	port := name.(*unix.SockaddrInet4).Port
	h := got(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW))
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 9, 17, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1, 0x15, 0xb3, byte(port >> 8), byte(port), 0, 13, 0, 0, 'c', 'r', 'a', 'f', 't'}
	did(unix.Sendto(h, ip, 0, loopback(false)))
	take(r, []byte("craft"))
	unix.Close(h)
	unix.Close(r)
}

func exerciseOptions() {
	s := got(unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))
	did(unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
	did(unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0))
	got(unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF))
	did(unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}))
	_, err := unix.Read(s, make([]byte, 1))
	expect(err == unix.EAGAIN, "read: %v", err)
	_, err = unix.GetsockoptInt(s, 12345, 1)
	expect(err != nil, "a level that is not there")
	expect(unix.Bind(s, &unix.SockaddrInet6{Addr: [16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8}}) == unix.EADDRNOTAVAIL, "bound to a foreign address")
	// To an IPv4 address through an IPv6 socket.
	r, name := bound(false, unix.SOCK_DGRAM)
	mapped := &unix.SockaddrInet6{Port: name.(*unix.SockaddrInet4).Port, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
	did(unix.Sendto(s, []byte("mapped"), 0, mapped))
	take(r, []byte("mapped"))
	unix.Close(s)
	_, err = unix.Write(s, []byte("closed"))
	expect(err == unix.EBADF, "write: %v", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_UDP)
	expect(err == unix.EPROTONOSUPPORT, "socket: %v", err)
	expect(unix.Listen(r, 1) == unix.EOPNOTSUPP, "a datagram socket listens")
	expect(unix.Close(r) == nil && unix.Shutdown(r, 0) == unix.EBADF, "shut down what is closed")
}

// exerciseGoServer is a static program with several threads: goroutines that serve and ask over the net package.
func exerciseGoServer() {
	runtime.UnlockOSThread()
	l := got(net.Listen("tcp", "127.0.0.1:0"))
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			c := got(l.Accept())
			b := got(io.ReadAll(c))
			got(c.Write(bytes.ToUpper(b)))
			c.Close()
		})
		wg.Go(func() {
			c := got(net.Dial("tcp", l.Addr().String())).(*net.TCPConn)
			got(fmt.Fprintf(c, "hello from %d", i))
			did(c.CloseWrite())
			b := got(io.ReadAll(c))
			expect(string(b) == fmt.Sprintf("HELLO FROM %d", i), "%q", b)
			c.Close()
		})
	}
	wg.Wait()
	l.Close()
}

// exerciseExecThread becomes another program from a thread that is not the first, while others run.
func exerciseExecThread() {
	c, p := connected(false)
	got(unix.Write(c, []byte("before")))
	take(p, []byte("before"))
	tids := make(chan int)
	for range 5 {
		go func() {
			runtime.LockOSThread()
			tids <- unix.Gettid()
			unix.Read(c, make([]byte, 1))
		}()
	}
	go func() {
		runtime.LockOSThread()
		for range 5 {
			asleep(<-tids, unix.SYS_READ)
		}
		did(syscall.Exec("/proc/self/exe", []string{"exercise", "hello"}, os.Environ()))
	}()
	select {}
}

// exerciseChildren starts children by vfork, which inherit a socket, and leaves some as zombies.
func exerciseChildren(n int) {
	name := got(exec.LookPath("true"))
	s := got(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	for i := range n {
		pid := got(syscall.ForkExec(name, []string{"true"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2, uintptr(s[1])}}))
		if i%10 != 0 {
			got(unix.Wait4(pid, nil, 0, nil))
		}
	}
	unix.Close(s[0])
	unix.Close(s[1])
}

// exerciseThreadEnds has a hundred threads that each use a socket and end at the same time.
func exerciseThreadEnds() {
	var ready, done sync.WaitGroup
	gate := make(chan bool)
	for range 100 {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
			s := got(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
			ready.Done()
			<-gate
			unix.Close(s)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
}

func exerciseUnix() {
	dir := got(os.MkdirTemp("", "sockwire-test"))
	defer os.RemoveAll(dir)
	path := &unix.SockaddrUnix{Name: dir + "/s"}
	l := got(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	did(unix.Bind(l, path))
	did(unix.Listen(l, 1))
	c := got(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	did(unix.Connect(c, path))
	p := accept(l)
	got(unix.Write(c, []byte("by a path")))
	take(p, []byte("by a path"))
	r := got(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0))
	abstract := &unix.SockaddrUnix{Name: "@sockwire-" + strings.ReplaceAll(dir, "/", "-")}
	did(unix.Bind(r, abstract))
	s := got(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0))
	did(unix.Sendto(s, []byte("abstract"), 0, abstract))
	take(r, []byte("abstract"))
	q := got(unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0))
	got(unix.Write(q[0], []byte("a record")))
	take(q[1], []byte("a record"))
	for _, fd := range []int{l, c, p, r, s, q[0], q[1]} {
		unix.Close(fd)
	}
}

// exerciseDissolve uses sockets again after connect with AF_UNSPEC: without a port, with one that they were bound to,
// and as another connection.
func exerciseDissolve() {
	dissolve := func(fd int) {
		none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
		_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none))
		expect(errno == 0, "connect with AF_UNSPEC: %v", errno)
	}
	first, firstName := bound(false, unix.SOCK_DGRAM)
	second, secondName := bound(false, unix.SOCK_DGRAM)
	fixed, _ := bound(false, unix.SOCK_DGRAM)
	for _, s := range []int{got(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)), fixed} {
		did(unix.Connect(s, firstName))
		got(unix.Write(s, []byte("connected")))
		take(first, []byte("connected"))
		dissolve(s)
		did(unix.Sendto(s, []byte("to another"), 0, secondName))
		take(second, []byte("to another"))
		did(unix.Connect(s, firstName))
		got(unix.Write(s, []byte("connected again")))
		take(first, []byte("connected again"))
		unix.Close(s)
	}
	l, name := listening(false)
	c := dial(name, false, unix.SOCK_STREAM)
	for i, text := range []string{"the first connection", "the second", "and the third"} {
		if i > 0 {
			dissolve(c)
			did(unix.Connect(c, name))
		}
		s := accept(l)
		got(unix.Write(c, []byte(text)))
		take(s, []byte(text))
		got(unix.Write(s, []byte("answer to "+text)))
		take(c, []byte("answer to "+text))
		unix.Close(s)
		end(c)
	}
	for _, fd := range []int{first, second, l, c} {
		unix.Close(fd)
	}
}

// exerciseRecords sends records before anybody has accepted them.
func exerciseRecords() {
	name := &unix.SockaddrUnix{Name: "@sockwire-records-" + strconv.Itoa(os.Getpid())}
	l := got(unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0))
	did(unix.Bind(l, name))
	did(unix.Listen(l, 2))
	var clients []int
	for i := range 2 {
		c := got(unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0))
		did(unix.Connect(c, name))
		got(unix.Write(c, []byte("before the accept "+strconv.Itoa(i))))
		clients = append(clients, c)
	}
	for i, c := range clients {
		s := accept(l)
		take(s, []byte("before the accept "+strconv.Itoa(i)))
		got(unix.Write(c, []byte("after it")))
		take(s, []byte("after it"))
		unix.Close(s)
		unix.Close(c)
	}
	unix.Close(l)
}

// exerciseNetlink asks the kernel for its interfaces, on a raw socket that has no IP below it, and for the flags of a
// descriptor.
func exerciseNetlink() {
	s := got(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE))
	request := [20]byte{0: 20, 4: unix.RTM_GETLINK, 6: unix.NLM_F_REQUEST | unix.NLM_F_ACK, 7: unix.NLM_F_DUMP >> 8}
	got(unix.Write(s, request[:]))
	n := got(unix.Read(s, make([]byte, 1<<16)))
	expect(n > 0, "no answer")
	did(unix.SetNonblock(s, true))
	flags := got(unix.FcntlInt(uintptr(s), unix.F_GETFL, 0))
	expect(flags == unix.O_RDWR|unix.O_NONBLOCK, "flags %#x", flags)
	unix.Close(s)
}

// exerciseLookup does what the C library does before it asks for names, and then sends something.
func exerciseLookup() {
	for range 2 {
		s := got(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))
		expect(unix.Connect(s, &unix.SockaddrUnix{Name: "/var/run/nscd/socket"}) != nil, "a name service cache runs here")
		unix.Close(s)
	}
	exerciseDatagrams(false, 10)
}

// exerciseUntraced makes processes that no tracer is to follow, which use sockets, with their flags in a register and
// in memory.
func exerciseUntraced() {
	for _, number := range []uintptr{unix.SYS_CLONE, unix.SYS_CLONE3} {
		arguments := [8]uint64{0: unix.CLONE_UNTRACED, 4: uint64(unix.SIGCHLD)} // struct clone_args
		a, b := uintptr(unix.CLONE_UNTRACED|uint64(unix.SIGCHLD)), uintptr(0)
		if number == unix.SYS_CLONE3 {
			a, b = uintptr(unsafe.Pointer(&arguments)), unsafe.Sizeof(arguments)
		}
		pid, _, errno := syscall.RawSyscall6(number, a, b, 0, 0, 0, 0)
		if errno == 0 && pid == 0 { // a copy with one thread: nothing of Go's runtime is to be used
			status := uintptr(0)
			if s, _, e := syscall.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM, 0); e != 0 {
				status = uintptr(e)
			} else if _, _, e = syscall.RawSyscall(unix.SYS_SHUTDOWN, s, unix.SHUT_WR, 0); e != unix.ENOTCONN {
				status = 98
			}
			if arguments[0] != unix.CLONE_UNTRACED {
				status = 97
			}
			for {
				syscall.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
			}
		}
		expect(errno == 0, "call %d: %v", number, errno)
		var ws unix.WaitStatus
		got(unix.Wait4(int(pid), &ws, 0, nil))
		expect(ws.Exited() && ws.ExitStatus() == 0 && arguments[0] == unix.CLONE_UNTRACED, "call %d: the process ended with %#x, the flags are %#x", number, ws, arguments[0])
	}
}

// exerciseInterrupt has a receive that a signal interrupts, and one that goes on after it.
func exerciseInterrupt() {
	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	came := make(chan os.Signal, 1)
	signal.Notify(came, unix.SIGUSR1) // with SA_RESTART, as all of Go's handlers
	tid := unix.Gettid()
	go func() {
		runtime.LockOSThread()
		asleep(tid, unix.SYS_RECVFROM)
		did(unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1))
		<-came
		asleep(tid, unix.SYS_RECVFROM)
		got(unix.Write(s, []byte("after a signal")))
	}()
	take(r, []byte("after a signal"))
	did(unix.SetsockoptTimeval(r, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 1000}))
	_, err := unix.Read(r, make([]byte, 1))
	expect(errors.Is(err, unix.EAGAIN), "read: %v", err)
	unix.Close(r)
	unix.Close(s)
}

// exerciseKilled starts programs that wait for a datagram for ever, and ends them by signals: one that no program can
// handle, one of which the kernel makes such a one, and one that leaves a core dump.
func exerciseKilled() {
	did(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}))
	for _, signal := range []unix.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGABRT} {
		pid := got(syscall.ForkExec("/proc/self/exe", []string{"exercise", "blocks"}, &syscall.ProcAttr{Env: append(os.Environ(), "GOTRACEBACK=none"), Files: []uintptr{0, 1, 2}}))
		asleep(pid, unix.SYS_RECVFROM)
		did(unix.Kill(pid, signal))
		var ws unix.WaitStatus
		got(unix.Wait4(pid, &ws, 0, nil))
		expect(ws.Signaled() && ws.Signal() == signal, "status %x, want ended by %v", ws, signal)
	}
}

// exerciseBlocks waits for ever, and lets all signals do what they do by default: Go's runtime handles them otherwise.
func exerciseBlocks() {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGABRT} {
		var action [4]uint64 // struct sigaction of the kernel: SIG_DFL
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
		expect(errno == 0, "rt_sigaction: %v", errno)
	}
	r, _ := bound(false, unix.SOCK_DGRAM)
	unix.Recvfrom(r, make([]byte, 1), 0)
}

// asleep waits until a thread sleeps in a system call: it is neither on its way there nor stopped by a tracer.
func asleep(tid, number int) {
	sleeps := func() bool {
		b := got(os.ReadFile(fmt.Sprintf("/proc/%d/stat", tid)))
		return b[bytes.LastIndexByte(b, ')')+2] == 'S'
	}
	for ; ; time.Sleep(time.Millisecond) {
		if !sleeps() {
			continue
		}
		in := got(os.ReadFile(fmt.Sprintf("/proc/%d/syscall", tid)))
		if strings.HasPrefix(string(in), strconv.Itoa(number)+" ") && sleeps() {
			return
		}
	}
}

// exerciseStops stops twice, and goes on each time when its input says that this was seen.
func exerciseStops() {
	for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGTSTP} {
		did(unix.Kill(os.Getpid(), signal))
		got(os.Stdin.Read(make([]byte, 1)))
	}
}

// exerciseJobs controls a job as a shell does: it sees it stop twice, lets it go on, and waits for its end.
func exerciseJobs() {
	var seen [2]int // a stop that the job has left behind is not reported, nor that it went on
	did(unix.Pipe2(seen[:], unix.O_CLOEXEC))
	pid := got(syscall.ForkExec("/proc/self/exe", []string{"exercise", "stops"}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{uintptr(seen[0]), 1, 2},
		Sys: &syscall.SysProcAttr{Setpgid: true}}))
	var ws unix.WaitStatus
	for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGTSTP} {
		got(unix.Wait4(pid, &ws, unix.WUNTRACED, nil))
		expect(ws.Stopped() && ws.StopSignal() == signal, "status %x, want stopped by %v", ws, signal)
		b := got(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))
		// Stopped is T, or t when the tracer has been told.
		state := b[bytes.LastIndexByte(b, ')')+2]
		expect(state == 'T' || state == 't', "state %c", state)
		did(unix.Kill(pid, unix.SIGCONT))
		got(unix.Wait4(pid, &ws, unix.WCONTINUED, nil))
		expect(ws.Continued(), "status %x, want continued", ws)
		got(unix.Write(seen[1], []byte{1}))
	}
	got(unix.Wait4(pid, &ws, 0, nil))
	expect(ws.Exited() && ws.ExitStatus() == 0, "status %x", ws)
}

// exerciseInterrupts counts interrupts until its input says that there are no more.
func exerciseInterrupts() {
	came := make(chan os.Signal, 10)
	signal.Notify(came, unix.SIGINT, unix.SIGTERM)
	fmt.Println("ready")
	first := <-came
	fmt.Println("came:", first)
	os.Stdin.Read(make([]byte, 1))
	fmt.Println("more:", len(came))
}

// exerciseIdle says its number, answers each line with a datagram sent, waited for and received, and ends with its
// input.
func exerciseIdle() {
	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	ep := got(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	did(ctl(ep, unix.EPOLL_CTL_ADD, r, unix.EPOLLIN))
	fmt.Println(os.Getpid())
	for b := make([]byte, 1); ; {
		if n, err := os.Stdin.Read(b); n == 0 || err != nil {
			return
		}
		got(unix.Write(s, []byte("still here")))
		expect(epollWait(ep, 10_000) == 1, "not one")
		take(r, []byte("still here"))
		fmt.Println("still here")
	}
}
