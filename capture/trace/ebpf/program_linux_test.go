//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The programs that tests trace are this test binary under other names. Those of scenes make their calls in a known
// order on one thread; two engines must tell the same of them.
var scenes = map[string]func(){
	"cork": cork, "nagle": nagle, "mmsg": mmsg, "vectors": vectors, "sendfile": sendfile, "splice": splice, "segment": segment, "peek": peek,
	"halfclose": halfclose, "refused": refused, "reset": reset, "ipv6": ipv6, "fragments": fragments, "rights": rights, "unixstream": unixStream,
	"fastopen": fastOpen, "descriptors": descriptors, "nonblocking": nonblocking, "raw": raw,
}

var programs = map[string]func(){
	"chat": chat, "exit7": func() { os.Exit(7) }, "killed": killed, "stopped": stopped, "echo": echo, "flood": flood, "tracer": tracerProgram, "sleeper": sleeper,
	"others": others,
}

// inside says that the tests run in a network namespace of their own.
const inside = "SOCKWIRE_EBPF_TEST"

func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if p := programs[name]; p != nil {
		p()
		os.Exit(0)
	}
	if p := scenes[name]; p != nil {
		p()
		os.Exit(0)
	}
	// The runtime's signals restart calls, and a sendto with MSG_FASTOPEN then sends twice.
	os.Setenv("GODEBUG", "asyncpreemptoff=1")
	if os.Geteuid() == 0 && os.Getenv(inside) == "" {
		os.Exit(enclose())
	}
	if os.Getenv(inside) != "" {
		if err := network(); err != nil { // the programs of every test use it
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// enclose runs the tests again in a network of their own. The kernel takes programs from root there, as long as no user
// namespace is made.
func enclose() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

var local = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}

// connected are the two ends of a TCP connection.
func connected(family int, at unix.Sockaddr) (client, server int) {
	l := must(unix.Socket(family, unix.SOCK_STREAM, 0))
	check(unix.Bind(l, at))
	check(unix.Listen(l, 1))
	client = must(unix.Socket(family, unix.SOCK_STREAM, 0))
	check(unix.Connect(client, must(unix.Getsockname(l))))
	server, _, err := unix.Accept4(l, 0)
	check(err)
	check(unix.Close(l))
	return client, server
}

func tcp() (client, server int) { return connected(unix.AF_INET, local) }

// udp are two sockets, of which the first is connected to the second.
func udp() (a, b int) {
	a, b = must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)), must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	check(unix.Bind(b, local))
	check(unix.Connect(a, must(unix.Getsockname(b))))
	return a, b
}

func write(fd int, text string) { must(unix.Write(fd, []byte(text))) }

// all receives exactly n bytes.
func all(fd, n int) {
	got, _, err := unix.Recvfrom(fd, make([]byte, n), unix.MSG_WAITALL)
	check(err)
	if got != n {
		check(fmt.Errorf("%d bytes of %d", got, n))
	}
}

func end(fd int) {
	if n := must(unix.Read(fd, make([]byte, 10))); n != 0 {
		check(fmt.Errorf("%d bytes instead of the end", n))
	}
}

func shut(fds ...int) {
	for _, fd := range fds {
		check(unix.Close(fd))
	}
}

func cork() {
	c, s := tcp()
	check(unix.SetsockoptInt(c, unix.IPPROTO_TCP, unix.TCP_CORK, 1))
	write(c, "aaa")
	write(c, "bbbb")
	check(unix.SetsockoptInt(c, unix.IPPROTO_TCP, unix.TCP_CORK, 0))
	all(s, 7)
	shut(c, s)
}

func nagle() {
	c, s := tcp()
	for _, text := range []string{"first|", "second|", "third|"} {
		write(c, text)
	}
	all(s, 19)
	write(s, "answer")
	all(c, 6)
	shut(c, s)
}

type message struct {
	header unix.Msghdr
	length uint32
	_      uint32
}

// several makes messages for sendmmsg and recvmmsg.
func several(texts ...string) ([]message, *[]unix.Iovec) {
	messages, vectors := make([]message, len(texts)), make([]unix.Iovec, len(texts))
	for i, text := range texts {
		b := []byte(text)
		vectors[i] = unix.Iovec{Base: &b[0], Len: uint64(len(b))}
		messages[i].header = unix.Msghdr{Iov: &vectors[i], Iovlen: 1}
	}
	return messages, &vectors
}

func mmsg() {
	a, b := udp()
	out, keep := several("one", "two more", "three at last", strings.Repeat("x", 100))
	if _, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(a), uintptr(unsafe.Pointer(&out[0])), 4, 0, 0, 0); errno != 0 {
		check(errno)
	}
	in, keepToo := several(strings.Repeat(" ", 50), strings.Repeat(" ", 50), strings.Repeat(" ", 50), strings.Repeat(" ", 200))
	names := make([]unix.RawSockaddrInet4, 4)
	for i := range in {
		in[i].header.Name, in[i].header.Namelen = (*byte)(unsafe.Pointer(&names[i])), 16
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(b), uintptr(unsafe.Pointer(&in[0])), 4, 0, 0, 0)
	if errno != 0 || n != 4 {
		check(fmt.Errorf("%d messages: %w", n, errno))
	}
	_, _ = keep, keepToo
	shut(a, b)
}

func vectors() {
	c, s := tcp()
	must(unix.Writev(c, [][]byte{[]byte("one"), {}, []byte("second"), []byte(strings.Repeat("v", 60))}))
	all(s, 60)
	must(unix.Readv(s, [][]byte{make([]byte, 4), make([]byte, 40)}))
	must(0, unix.Sendmsg(c, []byte("header"), nil, nil, 0))
	all(s, 6)
	shut(c, s)
}

func sendfile() {
	f := must(os.CreateTemp("", "sendfile"))
	defer os.Remove(f.Name())
	must(f.WriteString(strings.Repeat("file ", 1000)))
	c, s := tcp()
	var at int64 = 5
	must(unix.Sendfile(c, int(f.Fd()), &at, 3000))
	all(s, 3000)
	write(c, "after")
	all(s, 5)
	shut(c, s)
}

func splice() {
	c, s := tcp()
	var p [2]int
	check(unix.Pipe2(p[:], 0))
	write(p[1], "through a pipe")
	must(unix.Splice(p[0], nil, c, nil, 14, 0))
	must(unix.Splice(s, nil, p[1], nil, 14, 0))
	must(unix.Read(p[0], make([]byte, 14)))
	write(c, "after")
	all(s, 5)
	shut(c, s, p[0], p[1])
}

func segment() {
	a, b := udp()
	check(unix.SetsockoptInt(a, unix.SOL_UDP, unix.UDP_SEGMENT, 100))
	write(a, strings.Repeat("s", 350))
	for range 4 {
		must(unix.Read(b, make([]byte, 200)))
	}
	check(unix.SetsockoptInt(a, unix.SOL_UDP, unix.UDP_SEGMENT, 0))
	oob := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&oob[unix.CmsgLen(0)])) = 50
	check(unix.Sendmsg(a, []byte(strings.Repeat("t", 120)), oob, nil, 0))
	for range 3 {
		must(unix.Read(b, make([]byte, 200)))
	}
	shut(a, b)
}

func peek() {
	c, s := tcp()
	write(c, "look at me")
	b := make([]byte, 4)
	for _, flags := range []int{unix.MSG_PEEK, 0, unix.MSG_PEEK} {
		_, _, err := unix.Recvfrom(s, b, flags)
		check(err)
	}
	all(s, 6)
	shut(c, s)
}

func halfclose() {
	c, s := tcp()
	write(c, "request")
	check(unix.Shutdown(c, unix.SHUT_WR))
	all(s, 7)
	end(s)
	write(s, "response")
	all(c, 8)
	shut(s)
	end(c)
	shut(c)
}

// closedPort is a port on which nobody listens.
func closedPort(typ int) unix.Sockaddr {
	fd := must(unix.Socket(unix.AF_INET, typ, 0))
	check(unix.Bind(fd, local))
	at := must(unix.Getsockname(fd))
	check(unix.Close(fd))
	return at
}

func expect(err, want error) {
	if err != want {
		check(fmt.Errorf("%v instead of %v", err, want))
	}
}

func refused() {
	to := closedPort(unix.SOCK_DGRAM)
	u := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	check(unix.Connect(u, to))
	write(u, "nobody")
	_, err := unix.Write(u, []byte("again"))
	expect(err, unix.ECONNREFUSED)
	c := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	expect(unix.Connect(c, closedPort(unix.SOCK_STREAM)), unix.ECONNREFUSED)
	shut(u, c)
}

func reset() {
	c, s := tcp()
	write(c, "never read")
	check(unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	shut(s)
	_, err := unix.Read(c, make([]byte, 10))
	expect(err, unix.ECONNRESET)
	shut(c)
}

func ipv6() {
	at := &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	c, s := connected(unix.AF_INET6, at)
	write(c, "over IPv6")
	all(s, 9)
	shut(c, s)
	a, b := must(unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)), must(unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0))
	check(unix.Bind(b, at))
	check(unix.Sendto(a, []byte("datagram"), 0, must(unix.Getsockname(b))))
	_, _, err := unix.Recvfrom(b, make([]byte, 20), 0)
	check(err)
	shut(a, b)
}

func fragments() {
	a, b := udp()
	write(a, strings.Repeat("f", 4000))
	must(unix.Read(b, make([]byte, 5000)))
	shut(a, b)
}

func rights() {
	p := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0))
	u := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	check(unix.Sendmsg(p[0], []byte("take it"), unix.UnixRights(u, 2), nil, 0))
	shut(u)
	oob := make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(p[1], make([]byte, 20), oob, 0)
	check(err)
	messages := must(unix.ParseSocketControlMessage(oob[:n]))
	fds := must(unix.ParseUnixRights(&messages[0]))
	check(unix.Bind(fds[0], local))
	check(unix.Sendto(fds[0], []byte("to myself"), 0, must(unix.Getsockname(fds[0]))))
	must(unix.Read(fds[0], make([]byte, 20)))
	shut(fds...)
	shut(p[0], p[1])
}

func unixStream() {
	l := must(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	at := &unix.SockaddrUnix{Name: fmt.Sprintf("@sockwire-ebpf-%d", os.Getpid())}
	check(unix.Bind(l, at))
	check(unix.Listen(l, 1))
	c := must(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	check(unix.Connect(c, at))
	s, _, err := unix.Accept4(l, 0)
	check(err)
	write(c, "hello")
	all(s, 5)
	shut(c)
	end(s)
	shut(s, l)
}

func fastOpen() {
	l := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	check(unix.Bind(l, local))
	check(unix.SetsockoptInt(l, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 5))
	check(unix.Listen(l, 5))
	at := must(unix.Getsockname(l))
	for i := range 3 {
		c := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
		if i < 2 { // the first time for a cookie
			check(unix.Sendto(c, []byte("in the SYN"), unix.MSG_FASTOPEN, at))
		} else {
			check(unix.SetsockoptInt(c, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1))
			check(unix.Connect(c, at))
			write(c, "in the SYN")
		}
		s, _, err := unix.Accept4(l, 0)
		check(err)
		all(s, 10)
		write(c, "and after")
		all(s, 9)
		shut(c)
		end(s)
		shut(s)
	}
	shut(l)
}

// descriptors makes, copies and closes descriptors in all ways.
func descriptors() {
	u := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	check(unix.SetsockoptInt(u, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
	must(unix.FcntlInt(uintptr(u), unix.F_SETFL, unix.O_NONBLOCK))
	d := must(unix.Dup(u))
	e := must(unix.FcntlInt(uintptr(u), unix.F_DUPFD_CLOEXEC, 20))
	check(unix.Dup3(u, 30, 0))
	shut(u, d)
	null := must(unix.Open("/dev/null", unix.O_RDWR, 0))
	check(unix.Dup3(null, 30, 0)) // closes a socket
	check(unix.CloseRange(uint(e), uint(e), 0))
	check(unix.Close(30))
	must(unix.Read(null, make([]byte, 10)))
	shut(null)
	expect(unix.Listen(99, 1), unix.EBADF)
	expect(unix.Listen(2, 1), unix.ENOTSOCK)
}

func nonblocking() {
	l := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0))
	check(unix.Bind(l, local))
	check(unix.Listen(l, 1))
	_, _, err := unix.Accept4(l, 0)
	expect(err, unix.EAGAIN)
	c := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0))
	expect(unix.Connect(c, must(unix.Getsockname(l))), unix.EINPROGRESS)
	fds := []unix.PollFd{{Fd: int32(l), Events: unix.POLLIN}}
	must(unix.Poll(fds, 10000))
	s, _, err := unix.Accept4(l, 0)
	check(err)
	write(c, "quickly")
	all(s, 7)
	shut(c, s, l)
}

func raw() {
	r := must(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP))
	echo := []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g'}
	sum := uint32(0)
	for i := 0; i < len(echo); i += 2 {
		sum += uint32(echo[i])<<8 | uint32(echo[i+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	echo[2], echo[3] = byte(sum>>8), byte(sum)
	check(unix.Sendto(r, echo, 0, local))
	for range 2 { // one's own request, and the answer
		_, _, err := unix.Recvfrom(r, make([]byte, 100), 0)
		check(err)
	}
	shut(r)
}

// chat is a static Go program with several threads: a server with a goroutine for each of three clients.
func chat() {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			c := must(l.Accept())
			b := must(io.ReadAll(c))
			must(c.Write([]byte(strings.ToUpper(string(b)))))
			c.Close()
		})
		wg.Go(func() {
			c := must(net.Dial("tcp", l.Addr().String())).(*net.TCPConn)
			must(fmt.Fprintf(c, "hello from %d", i))
			c.CloseWrite()
			must(io.ReadAll(c))
			c.Close()
		})
	}
	wg.Wait()
}

func killed() {
	unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

// stopped stops itself, and says so when it goes on.
func stopped() {
	unix.Kill(os.Getpid(), unix.SIGSTOP)
	fmt.Println("continued")
}

// echo answers datagrams until its standard input ends.
func echo() {
	c := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	fmt.Println(c.LocalAddr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	b := make([]byte, 100)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		c.WriteToUDPAddrPort(b[:n], from)
	}
}

const floodSends = 5000

// flood sends more than a small ring holds.
func flood() {
	a, b := udp()
	for range floodSends {
		write(a, strings.Repeat("x", 60))
	}
	shut(a, b)
}

// others makes calls that are not about sockets.
func others() {
	f := must(os.Open("/proc/self/exe"))
	b := make([]byte, 100)
	for range 1000 {
		must(unix.Read(int(f.Fd()), b))
		unix.Getppid()
	}
	f.Close()
}

func sleeper() {
	fmt.Println(os.Getpid())
	unix.Pause()
}

// tracerProgram traces the sleeper until it is killed.
func tracerProgram() {
	t := must(Open(nil))
	check(t.Start(command("sleeper", os.Stdout)))
	for range t.Events(background) {
	}
}

// TestOrdinaryCalls names the calls that are passed over at once when their first argument is no socket.
func TestOrdinaryCalls(t *testing.T) {
	table := callTable(true)
	for number, want := range map[int]uint8{
		unix.SYS_READ: kindFirst | kindMoves, unix.SYS_WRITEV: kindFirst | kindMoves, unix.SYS_CLOSE: kindFirst, unix.SYS_FCNTL: kindFirst,
		unix.SYS_SENDTO: kindMoves, unix.SYS_SOCKET: 0, unix.SYS_DUP3: 0, unix.SYS_SPLICE: 0, unix.SYS_GETPPID: 0,
	} {
		if got := table[8*number+tKind] & (kindFirst | kindMoves); got != want {
			t.Errorf("call %d: %b, want %b", number, got, want)
		}
	}
}
