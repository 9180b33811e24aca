//go:build amd64 || arm64

package owner

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("OWNER_ROLE"); role != "" {
		play(strings.Fields(role))
		return
	}
	netlab.Run(m)
}

// The programs whose packets are captured. Each says on its standard output what it sent and got.

func play(role []string) {
	must := func(err error) {
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	in := bufio.NewReader(os.Stdin)
	wait := func() { in.ReadString('\n') }
	switch role[0] {
	case "client": // address, connections
		n, _ := strconv.Atoi(role[2])
		for range n {
			c, err := net.Dial("tcp", role[1])
			must(err)
			fmt.Println("client", c.LocalAddr().(*net.TCPAddr).Port, os.Getpid())
			fmt.Fprintf(c, "hello\n")
			io.Copy(io.Discard, c)
			c.Close()
		}
	case "serve": // a listener, as descriptor 3
		f := os.NewFile(3, "")
		l, err := net.FileListener(f)
		must(err)
		f.Close() // the listener has a copy
		fmt.Println("ready")
		go func() {
			wait()
			os.Exit(0)
		}()
		for {
			c, err := l.Accept()
			must(err)
			fmt.Println("server", c.RemoteAddr().(*net.TCPAddr).Port, os.Getpid())
			go func() {
				bufio.NewReader(c).ReadString('\n')
				fmt.Fprintf(c, "bye\n")
				c.Close()
			}()
		}
	case "send": // a datagram socket as descriptor 3: address, text
		to := netip.MustParseAddrPort(role[1])
		must(unix.Sendto(3, []byte(role[2]), 0, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}))
		fmt.Println("sent", role[2], os.Getpid())
	case "receive": // with descriptor 3, so many
		n, _ := strconv.Atoi(role[1])
		fmt.Println("ready")
		b := make([]byte, 1500)
		for range n {
			got, _, err := unix.Recvfrom(3, b, 0)
			must(err)
			fmt.Println("got", string(b[:got]), os.Getpid())
		}
	case "member": // of a group, gets so many
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		must(err)
		group := netip.MustParseAddrPort(role[1])
		must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		must(unix.SetsockoptIPMreq(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreq{Multiaddr: group.Addr().As4(), Interface: [4]byte{127, 0, 0, 1}}))
		must(unix.Bind(fd, &unix.SockaddrInet4{Addr: group.Addr().As4(), Port: int(group.Port())}))
		fmt.Println("ready")
		b := make([]byte, 1500)
		for range 3 {
			n, _, err := unix.Recvfrom(fd, b, 0)
			must(err)
			fmt.Println("got", string(b[:n]), os.Getpid())
		}
	case "track":
		tr, err := Open(nil)
		must(err)
		defer tr.Close()
		fmt.Println("ready")
		wait()
	case "hostile": // with a name that a terminal obeys, to a socket of its own: text
		runtime.LockOSThread()
		must(os.WriteFile("/proc/thread-self/comm", []byte(hostileName), 0))
		if len(role) > 2 { // in a network namespace of its own
			must(netlab.LoopbackUp(0))
		}
		fmt.Println("ready")
		wait()
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		must(err)
		must(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		own, err := unix.Getsockname(fd)
		must(err)
		must(unix.Sendto(fd, []byte(role[1]), 0, own))
		_, _, err = unix.Recvfrom(fd, make([]byte, 100), 0)
		must(err)
		fmt.Println("done")
		wait()
	case "given": // a socket is passed over descriptor 3: it receives with it
		b, oob := make([]byte, 1), make([]byte, 64)
		_, n, _, _, err := unix.Recvmsg(3, b, oob, 0)
		must(err)
		m, err := unix.ParseSocketControlMessage(oob[:n])
		must(err)
		fds, err := unix.ParseUnixRights(&m[0])
		must(err)
		fmt.Println("ready")
		b = make([]byte, 1500)
		got, from, err := unix.Recvfrom(fds[0], b, 0)
		must(err)
		fmt.Println("got", string(b[:got]), os.Getpid())
		must(unix.Sendto(fds[0], append(b[:got], "-answer"...), 0, from))
		fmt.Println("sent", string(b[:got])+"-answer", os.Getpid())
	}
}

// player is a program that runs.
type player struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func start(t *testing.T, truth *truth, role string, file *os.File) *player {
	t.Helper()
	p := prepare(t, role)
	if file != nil {
		p.cmd.ExtraFiles = []*os.File{file}
	}
	p.run(t)
	return p
}

func prepare(t *testing.T, role string) *player {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &player{cmd: exec.Command(exe)}
	p.cmd.Env = append(os.Environ(), "OWNER_ROLE="+role)
	p.cmd.Stderr = os.Stderr
	p.in, _ = p.cmd.StdinPipe()
	out, _ := p.cmd.StdoutPipe()
	p.out = bufio.NewScanner(out)
	return p
}

func (p *player) run(t *testing.T) {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.in.Close()
		p.cmd.Process.Kill()
	})
}

// hear takes what the program says up to a word, or to its end.
func (p *player) hear(t *testing.T, truth *truth, until string) {
	t.Helper()
	for p.out.Scan() {
		f := strings.Fields(p.out.Text())
		if f[0] == until {
			return
		}
		if f[0] == "failed" {
			t.Fatal(p.out.Text())
		}
		pid, _ := strconv.Atoi(f[len(f)-1])
		truth.mu.Lock()
		truth.said[f[0]+" "+f[1]] = append(truth.said[f[0]+" "+f[1]], pid)
		truth.mu.Unlock()
	}
	if until == "" {
		p.cmd.Wait()
	}
}

// truth is what the programs said: of a port or a text, who.
type truth struct {
	mu   sync.Mutex
	said map[string][]int
}

// watch opens a capture of the loopback interface and a tracker. It skips where the kernel takes no programs from us:
// that needs real root.
func watch(t *testing.T, cfg *Config) (*capture.Live, *Tracker, uint32) {
	t.Helper()
	loopbackUp(t)
	network, err := Network()
	if err != nil {
		t.Fatal(err)
	}
	live, err := capture.Open(t.Context(), "lo", &capture.Config{Immediate: true, Buffer: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { live.Close() })
	if cfg == nil {
		cfg = &Config{Networks: []uint32{network}}
	}
	tr, err := Open(cfg)
	netlab.NeedRoot(t, err)
	t.Cleanup(tr.Close)
	for _, note := range tr.Notes() {
		t.Log(note)
	}
	return live, tr, network
}

func loopbackUp(t *testing.T) {
	t.Helper()
	must(t, netlab.LoopbackUp(0))
}

// shares counts how owners were known.
type shares struct {
	exact, inferred, unknown, wrong int
	missed                          int // inferred, and whoever it was is not named
}

// compare asks for the owners of all frames, and looks whether the programs said the same.
func compare(t *testing.T, live *capture.Live, tr *Tracker, network uint32, said *truth) (s shares) {
	t.Helper()
	time.Sleep(2 * Delay) // frames are asked for when they are old enough
	if err := live.Stop(); err != nil {
		t.Fatal(err)
	}
	check := func(key string, owners []Owner, role Role) {
		who, known := said.said[key]
		if !known {
			return
		}
		n, inferred, named := 0, 0, false
		for _, o := range owners {
			if o.Role != role {
				continue
			}
			n++
			right := slices.Contains(who, o.PID)
			named = named || right
			switch {
			case o.How == Inferred:
				inferred++
			case right:
				s.exact++
			default:
				s.wrong++
				t.Errorf("%s: %v %s (%d) is said to be %v, the programs say %v", key, role, o.Name, o.PID, o.How, who)
			}
		}
		switch {
		case n == 0:
			s.unknown++
		case inferred > 0:
			s.inferred++
			if !named {
				s.missed++
			}
		}
	}
	var f capture.Frame
	asker := Asker{Tracker: tr}
	for live.Next(&f) == nil {
		b := f.Data[14:]
		l, ok := wire.Parse(b)
		if !ok || l.Version != 4 || len(b) < l.Transport+8 || f.Drops > 0 {
			continue
		}
		owners, err := asker.Owners(&f, network)
		if err != nil {
			t.Fatal(err)
		}
		from, to := binary.BigEndian.Uint16(b[l.Transport:]), binary.BigEndian.Uint16(b[l.Transport+2:])
		switch l.Protocol {
		case wire.ProtoTCP:
			check(fmt.Sprint("client ", from), owners, Sender)
			check(fmt.Sprint("server ", to), owners, Sender)
			check(fmt.Sprint("client ", to), owners, Receiver)
			check(fmt.Sprint("server ", from), owners, Receiver)
		case wire.ProtoUDP:
			text := string(b[l.Transport+8 : l.End])
			check("sent "+text, owners, Sender)
			check("got "+text, owners, Receiver)
		}
	}
	all := float64(max(s.exact+s.inferred+s.unknown+s.wrong, 1)) / 100
	t.Logf("exact %d (%.1f %%), inferred %d (%.1f %%), unknown %d (%.1f %%), wrong %d", s.exact, float64(s.exact)/all,
		s.inferred, float64(s.inferred)/all, s.unknown, float64(s.unknown)/all, s.wrong)
	return s
}

// TestShortLived: processes that live for milliseconds, connecting to a group of SO_REUSEPORT listeners. With
// OWNER_FULL=1 there are 2,000 of them with 10,000 connections.
func TestShortLived(t *testing.T) {
	processes := 24
	if os.Getenv("OWNER_FULL") == "1" {
		processes = 2000
	}
	live, tr, network := watch(t, nil)
	said := &truth{said: map[string][]int{}}
	var servers []*player
	port := 0
	var hearing sync.WaitGroup
	for range 3 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}); err != nil {
			t.Fatal(err)
		}
		if err := unix.Listen(fd, 512); err != nil {
			t.Fatal(err)
		}
		if sa, err := unix.Getsockname(fd); err == nil {
			port = sa.(*unix.SockaddrInet4).Port
		}
		file := os.NewFile(uintptr(fd), "")
		p := start(t, said, "serve", file)
		file.Close()
		p.hear(t, said, "ready")
		servers = append(servers, p)
		hearing.Go(func() { p.hear(t, said, "") })
	}
	slots := make(chan struct{}, 4)
	var clients sync.WaitGroup
	for range processes {
		slots <- struct{}{}
		p := start(t, said, fmt.Sprintf("client 127.0.0.1:%d 5", port), nil)
		clients.Go(func() {
			p.hear(t, said, "")
			<-slots
		})
	}
	clients.Wait()
	for _, p := range servers {
		fmt.Fprintln(p.in)
	}
	hearing.Wait()
	s := compare(t, live, tr, network, said)
	if s.exact < processes*5*10 || s.unknown > s.exact/100 {
		t.Errorf("too little is known: %+v", s)
	}
	if l := tr.Losses(); l != (Losses{}) {
		t.Errorf("lost %+v", l)
	}
}

// datagram makes a bound socket of ours.
func datagram(t *testing.T) (*os.File, netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "")
	t.Cleanup(func() { f.Close() })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return f, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(sa.(*unix.SockaddrInet4).Port))
}

// TestPassedSockets: sockets that a process inherits, that two have, and that are passed to another.
func TestPassedSockets(t *testing.T) {
	live, tr, network := watch(t, nil)
	said := &truth{said: map[string][]int{}}
	a, at := datagram(t)
	b, bt := datagram(t)

	// Inherited: a child sends and another receives, with sockets that we have too.
	receiver := start(t, said, "receive 2", b)
	receiver.hear(t, said, "ready")
	for _, text := range []string{"one", "two"} {
		start(t, said, "send "+bt.String()+" "+text, a).hear(t, said, "")
	}
	receiver.hear(t, said, "")

	// Passed: we let go of it, and who got it receives before it has sent anything.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(pair[1]), "")
	given := start(t, said, "given", far)
	far.Close()
	c, ct := datagram(t)
	if err := unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(int(c.Fd())), nil, 0); err != nil {
		t.Fatal(err)
	}
	c.Close()
	given.hear(t, said, "ready")
	start(t, said, "send "+ct.String()+" three", a).hear(t, said, "")
	given.hear(t, said, "")
	unix.Close(pair[0])
	_ = at

	s := compare(t, live, tr, network, said)
	if s.exact < 4 || s.unknown > 0 { // whoever sends is always known
		t.Errorf("%+v", s)
	}
}

// TestSharedSocket: which of two processes takes a datagram from the socket that both have is not known of the datagram:
// both are named, and neither is said to be exact.
func TestSharedSocket(t *testing.T) {
	live, tr, network := watch(t, nil)
	said := &truth{said: map[string][]int{}}
	a, _ := datagram(t)
	b, bt := datagram(t)
	var receivers []*player
	for range 2 {
		p := start(t, said, "receive 2", b)
		p.hear(t, said, "ready")
		receivers = append(receivers, p)
	}
	b.Close() // they alone have it
	for _, text := range []string{"one", "two", "three", "four"} {
		start(t, said, "send "+bt.String()+" "+text, a).hear(t, said, "")
	}
	for _, p := range receivers {
		p.hear(t, said, "")
	}
	s := compare(t, live, tr, network, said)
	if s.exact != 4 || s.inferred != 4 || s.missed > 0 { // whoever sends is always known
		t.Errorf("%+v", s)
	}
}

// TestMulticast: each member of a group owns its copy.
func TestMulticast(t *testing.T) {
	live, tr, network := watch(t, nil)
	said := &truth{said: map[string][]int{}}
	var members []*player
	for range 3 {
		p := start(t, said, "member 239.1.2.3:4321", nil)
		p.hear(t, said, "ready")
		members = append(members, p)
	}
	a, _ := datagram(t)
	if err := unix.SetsockoptInet4Addr(int(a.Fd()), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, [4]byte{127, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "second", "third"} {
		start(t, said, "send 239.1.2.3:4321 "+text, a).hear(t, said, "")
	}
	for _, p := range members {
		p.hear(t, said, "")
	}
	s := compare(t, live, tr, network, said)
	if s != (shares{exact: 12}) { // three are sent, and nine got
		t.Errorf("%+v", s)
	}
}

// TestRawAndPacketSockets: they have owners too.
func TestRawAndPacketSockets(t *testing.T) {
	live, tr, network := watch(t, nil)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 253) // for experiments, RFC 3692
	must(t, err)
	defer unix.Close(fd)
	if err := unix.Sendto(fd, []byte("raw data"), 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	p, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p)
	ip := []byte{0x45, 0, 0, 28, 0, 1, 0, 0, 64, 254, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 'f', 'r', 'a', 'm', 'e', ' ', ' ', ' '}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendto(p, ip, 0, &unix.SockaddrLinklayer{Protocol: 8, Ifindex: lo.Index}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * Delay)
	live.Stop()
	seen := map[byte]bool{}
	var f capture.Frame
	for live.Next(&f) == nil {
		proto := f.Data[14+9]
		if proto != 253 && proto != 254 {
			continue
		}
		owners, err := tr.Owners(nil, &f, network)
		if err != nil {
			t.Fatal(err)
		}
		seen[proto] = true
		if len(owners) == 0 || owners[0].PID != os.Getpid() || owners[0].How != Exact || owners[0].Role != Sender {
			t.Errorf("protocol %d: %+v", proto, owners)
		}
	}
	if !seen[253] || !seen[254] {
		t.Errorf("captured %v", seen)
	}
}

// TestProcess: what is told of a process is what it is.
func TestProcess(t *testing.T) {
	live, tr, network := watch(t, nil)
	a, to := datagram(t)
	name := "evil\x1b[31m\n"
	done := make(chan error)
	go func() {
		b := append([]byte(name), 0)
		err := os.WriteFile(filepath.Join("/proc/self/comm"), b[:len(b)-1], 0)
		if err == nil {
			err = unix.Sendto(int(a.Fd()), []byte("x"), 0, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * Delay)
	live.Stop()
	var f capture.Frame
	n := 0
	for live.Next(&f) == nil {
		owners, err := tr.Owners(nil, &f, network)
		if err != nil {
			t.Fatal(err)
		}
		exe, _ := os.Executable()
		for _, o := range owners {
			if o.PID != os.Getpid() {
				continue
			}
			n++
			if o.Exe != exe || len(o.Args) != len(os.Args) || o.UID != uint32(os.Geteuid()) || o.Group == "" {
				t.Errorf("%+v", *o.Process)
			}
		}
	}
	if n == 0 {
		t.Error("no packet has us for its owner")
	}
	cookie, err := unix.GetsockoptUint64(int(a.Fd()), unix.SOL_SOCKET, unix.SO_COOKIE)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok, err := tr.Socket(cookie); err != nil || !ok || o.PID != os.Getpid() {
		t.Errorf("socket %d: %+v %v %v", cookie, o, ok, err)
	}
	if o, ok, err := tr.Socket(1 << 40); ok || err != nil {
		t.Errorf("a socket that is none: %+v %v", o, err)
	}
}
