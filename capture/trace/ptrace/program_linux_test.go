//go:build amd64 || arm64

package ptrace

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The programs that tests trace are this test binary under other names.
var programs = map[string]func(){
	"chat": chat, "exit7": func() { os.Exit(7) }, "killed": killed, "stopped": stopped, "echo": echo, "plain": plain, "tracer": tracerProgram, "sleeper": sleeper,
	"asks": asks,
}

func TestMain(m *testing.M) {
	if p := programs[filepath.Base(os.Args[0])]; p != nil {
		p()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	return v
}

// asks connects to a name that nobody has.
func asks() {
	fd := must(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0))
	_ = unix.Connect(fd, &unix.SockaddrUnix{Name: "/nowhere"}) // its error is what the example shows
	unix.Close(fd)
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

// plain makes system calls in a known order on one thread, by hand.
func plain() {
	a := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	b := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	must(0, unix.Bind(a, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	to := must(unix.Getsockname(a))
	must(0, unix.Sendto(b, []byte("one"), 0, to))
	buf := make([]byte, 100)
	must2(unix.Recvfrom(a, buf, unix.MSG_PEEK))
	must2(unix.Recvfrom(a, buf, 0))
	must(0, unix.Connect(b, to))
	must(unix.Write(b, []byte("two")))
	must(unix.Read(a, buf))
	d := must(unix.Dup(b))
	unix.Close(b)
	must(0, unix.SetsockoptInt(d, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
	unix.Close(d)
	p := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	must(0, unix.Sendmsg(p[0], []byte("x"), unix.UnixRights(a), nil, 0))
	unix.Close(a)
	oob := make([]byte, 64)
	n, oobn, _, _, err := unix.Recvmsg(p[1], buf, oob, 0)
	must(n, err)
	messages := must(unix.ParseSocketControlMessage(oob[:oobn]))
	fds := must(unix.ParseUnixRights(&messages[0]))
	unix.Close(fds[0])
	_ = unix.Listen(p[0], 1)
	_, _ = unix.Getpeername(99)
}

func must2(_ int, _ unix.Sockaddr, err error) { must(0, err) }

func killed() {
	signal.Reset()
	unix.Kill(os.Getpid(), unix.SIGTERM)
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

func sleeper() {
	fmt.Println(os.Getpid())
	time.Sleep(time.Minute)
}

// tracerProgram traces the sleeper until it is killed.
func tracerProgram() {
	t := must(Start(Command{Path: "/proc/self/exe", Args: []string{"sleeper"}, Files: [3]*os.File{nil, os.Stdout, os.Stderr}}, nil))
	for range t.Events(context.Background()) {
	}
}
