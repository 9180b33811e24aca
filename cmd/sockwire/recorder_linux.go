package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/raw/wire"
)

// recorder keeps the events of one scene. It is a trace.Engine, and safe for concurrent use.
type recorder struct {
	clock *trace.Clock

	mu      sync.Mutex
	events  []trace.Event
	calls   int
	sockets map[int]trace.SocketID // by descriptor
	last    trace.SocketID
	bound   map[trace.SocketID]bool // its local address has been told
	open    map[int]bool            // descriptors that the scene has to close

	body  func() // plays the scene
	began chan struct{}
}

func newRecorder(clock *trace.Clock) *recorder {
	return &recorder{clock: clock, sockets: map[int]trace.SocketID{}, bound: map[trace.SocketID]bool{}, open: map[int]bool{}, began: make(chan struct{})}
}

// Events plays the scene and then yields what it has recorded: a recorder is an engine like those that trace programs.
func (r *recorder) Events(context.Context) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		close(r.began)
		r.body()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Running is closed when the scene begins.
func (r *recorder) Running() <-chan struct{} { return r.began }

// What else an engine has, a recorder does not need.
func (r *recorder) Heard() time.Duration   { return math.MaxInt64 }
func (r *recorder) Status() trace.Status   { return trace.Status{} }
func (r *recorder) Signal(os.Signal) error { return os.ErrProcessDone }
func (r *recorder) Rights() []int          { return nil }
func (r *recorder) Stops() bool            { return true }
func (r *recorder) Close()                 {}

func (r *recorder) add(e trace.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// enter numbers the call and stamps it, in one go so that numbers and times have the same order. It is
// the last thing before the system call.
func (r *recorder) enter(c *trace.Call) {
	r.mu.Lock()
	r.calls++
	c.Number = r.calls
	c.Pending = true
	c.Socket = r.sockets[c.FD]
	r.events = append(r.events, c)
	c.Entered = r.clock.Now()
	r.mu.Unlock()
}

func (r *recorder) leave(c *trace.Call, result int, err error) {
	left := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Left, c.Pending, c.Result = left, false, int64(result)
	if err != nil {
		c.Result = -1
		c.Errno = errnoName(err)
	}
}

func errnoName(err error) string {
	var e unix.Errno
	if errors.As(err, &e) {
		if name := unix.ErrnoName(e); name != "" {
			return name
		}
	}
	return err.Error()
}

// opened notes descriptors that the scene has to close.
func (r *recorder) opened(fds ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fd := range fds {
		r.open[fd] = true
	}
}

// created notes that a descriptor is a new socket.
func (r *recorder) created(c *trace.Call, fd int, st trace.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.sockets[fd], r.open[fd] = r.last, true
	st.Time, st.Socket, st.Call, st.FD, st.Actor, st.Host = c.Left, r.last, c.Number, fd, c.Actor, c.Host
	r.events = append(r.events, &st)
	if st.Local.IsValid() {
		r.bound[r.last] = true
	}
}

// changed notes what a call did to its socket.
func (r *recorder) changed(c *trace.Call, st trace.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st.Time, st.Socket, st.Call, st.FD = c.Left, c.Socket, c.Number, c.FD
	r.events = append(r.events, &st)
	if st.Local.IsValid() {
		r.bound[c.Socket] = true
	}
}

// proc is a program on a host: its methods are the system calls, each recorded with its arguments, its
// result and when it was entered and left. A call blocks as long as it blocks, on a thread of its own.
//
// A call that fails ends the program, unless the failure is what the scene is about: see expect.
type proc struct {
	*recorder
	st       *sceneRun
	actor    string
	host     string
	caps     uint64
	expected unix.Errno
}

// callError is how a failed call ends its program.
type callError struct{ error }

// expect returns p for one call that is to fail with that error. Another error, or success, ends the
// program like any unexpected failure.
func (p *proc) expect(e unix.Errno) *proc {
	q := *p
	q.expected = e
	return &q
}

// say puts a caption before the calls that follow.
func (r *recorder) say(text string) { r.add(&trace.Caption{Time: r.clock.Now(), Text: text}) }

// call starts the record of a system call. fd is -1 when it acts on none.
func (p *proc) call(name string, fd int, args ...trace.Arg) *trace.Call {
	c := &trace.Call{
		Process: p.st.pid, Thread: unix.Gettid(), Actor: p.actor, Host: p.host, Caps: p.caps, CapsKnown: true,
		Name: name, FD: fd,
	}
	if fd >= 0 {
		c.Args = append(c.Args, num("fd", fd))
	}
	c.Args = append(c.Args, args...)
	return c
}

// check ends the program when the call did not do what the scene expects.
func (p *proc) check(c *trace.Call, err error) {
	switch {
	case p.expected == 0 && err == nil:
	case p.expected != 0 && errors.Is(err, p.expected):
	case p.expected != 0 && err == nil:
		panic(callError{fmt.Errorf("%s by the %s succeeded, expected %s", c.Name, p.actor, unix.ErrnoName(p.expected))})
	default:
		panic(callError{fmt.Errorf("%s by the %s: %w", c.Name, p.actor, err)})
	}
}

func num(name string, n int) trace.Arg { return trace.Arg{Name: name, Int: int64(n)} }

func word(name, text string) trace.Arg {
	return trace.Arg{Name: name, Kind: trace.ArgName, Text: text}
}

func data(b []byte, text string) trace.Arg {
	return trace.Arg{Name: "buf", Kind: trace.ArgData, Data: b, Size: len(b), Text: text}
}

func addrArg(a trace.Addr) trace.Arg {
	return trace.Arg{Name: "addr", Kind: trace.ArgAddr, Addr: a}
}

func ip(a netip.AddrPort) trace.Addr { return trace.Addr{IP: a} }

// names of constants, as the manual pages write them.
var (
	howNames  = map[int]string{unix.SHUT_RD: "SHUT_RD", unix.SHUT_WR: "SHUT_WR", unix.SHUT_RDWR: "SHUT_RDWR"}
	families  = map[int]trace.Family{unix.AF_INET: trace.FamilyIPv4, unix.AF_INET6: trace.FamilyIPv6, unix.AF_UNIX: trace.FamilyUnix}
	kinds     = map[int]trace.Kind{unix.SOCK_STREAM: trace.KindStream, unix.SOCK_DGRAM: trace.KindDatagram, unix.SOCK_RAW: trace.KindRaw}
	flagNames = []struct {
		bit  int
		name string
	}{{unix.MSG_PEEK, "MSG_PEEK"}, {unix.MSG_TRUNC, "MSG_TRUNC"}, {unix.MSG_DONTWAIT, "MSG_DONTWAIT"}, {unix.MSG_CTRUNC, "MSG_CTRUNC"}}
)

func flagList(flags int) (names []string) {
	for _, f := range flagNames {
		if flags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return names
}

// withFlags adds flags to a call, as argument and by name; none are not shown.
func withFlags(c *trace.Call, flags int) {
	if flags != 0 {
		c.Flags = flagList(flags)
		c.Args = append(c.Args, word("flags", strings.Join(c.Flags, "|")))
	}
}

// protocolText is the name of a protocol that was asked for.
func protocolText(n int) string {
	if name := wire.IPProtocolSymbol(n); n != 0 && name != "" {
		return name
	}
	return fmt.Sprint(n)
}

// socketType is the type of a socket with its flag, as a program writes it.
func socketType(typ int) string {
	name := wire.SocketTypeName(typ &^ unix.SOCK_NONBLOCK)
	if typ&unix.SOCK_NONBLOCK != 0 {
		name += "|SOCK_NONBLOCK"
	}
	return name
}

func nameOr(m map[int]string, n int) string {
	if s, ok := m[n]; ok {
		return s
	}
	return fmt.Sprint(n)
}

// timed makes the call between its two stamps.
func (p *proc) timed(c *trace.Call, do func() (int, error)) (int, error) {
	p.enter(c)
	n, err := do()
	p.leave(c, n, err)
	return n, err
}

// act makes a call of which done, unless it is nil, notes what it did when it succeeded.
func (p *proc) act(c *trace.Call, do func() (int, error), done func(result int)) int {
	n, err := p.timed(c, do)
	if err == nil && done != nil {
		done(n)
	}
	p.check(c, err)
	return n
}

func (p *proc) socket(family, typ, protocol int) int {
	c := p.call("socket", -1, word("domain", wire.AddressFamilyName(family)), word("type", socketType(typ)), word("protocol", protocolText(protocol)))
	return p.act(c, func() (int, error) { return unix.Socket(family, typ|unix.SOCK_CLOEXEC, protocol) }, func(fd int) {
		p.created(c, fd, trace.State{Change: trace.Created, Family: families[family], Kind: kinds[typ&^unix.SOCK_NONBLOCK], Protocol: uint8(protocol)})
	})
}

// attach is bind or connect, after which the socket has the local address that it returns.
func (p *proc) attach(name string, fd int, to trace.Addr, do func(int, unix.Sockaddr) error, st trace.State) trace.Addr {
	c := p.call(name, fd, addrArg(to))
	c.Addr = to
	p.act(c, func() (int, error) { return 0, do(fd, sockaddr(to)) }, func(int) {
		st.Local = localAddr(fd)
		p.changed(c, st)
	})
	return st.Local
}

// bind returns the address that the socket got: port 0 asks for any.
func (p *proc) bind(fd int, addr netip.AddrPort) netip.AddrPort {
	return p.attach("bind", fd, ip(addr), unix.Bind, trace.State{Change: trace.Bound}).IP
}

func (p *proc) bindUnix(fd int, name string) {
	p.attach("bind", fd, trace.Addr{Unix: name}, unix.Bind, trace.State{Change: trace.Bound})
}

func (p *proc) connect(fd int, addr netip.AddrPort) { p.connectTo(fd, ip(addr)) }

func (p *proc) connectUnix(fd int, name string) { p.connectTo(fd, trace.Addr{Unix: name}) }

func (p *proc) connectTo(fd int, to trace.Addr) {
	p.attach("connect", fd, to, unix.Connect, trace.State{Change: trace.Connected, Remote: to})
}

func (p *proc) listen(fd, backlog int) {
	p.act(p.call("listen", fd, num("backlog", backlog)), func() (int, error) { return 0, unix.Listen(fd, backlog) }, nil)
}

func (p *proc) accept(fd int) int {
	c := p.call("accept", fd)
	var from unix.Sockaddr
	return p.act(c, func() (child int, err error) {
		child, from, err = unix.Accept4(fd, unix.SOCK_CLOEXEC)
		return child, err
	}, func(child int) {
		c.Addr = address(from)
		family, _ := unix.GetsockoptInt(child, unix.SOL_SOCKET, unix.SO_DOMAIN)
		typ, _ := unix.GetsockoptInt(child, unix.SOL_SOCKET, unix.SO_TYPE)
		st := trace.State{Change: trace.Accepted, Family: families[family], Kind: kinds[typ], Parent: c.Socket, Local: localAddr(child), Remote: c.Addr}
		p.created(c, child, st)
	})
}

func (p *proc) send(fd int, b []byte) int {
	c := p.sending("send", fd, b, "", trace.Addr{})
	return p.finish(c, func() (int, error) { return unix.SendmsgN(fd, b, nil, nil, 0) })
}

// sendto sends to an address. text describes the bytes where they do not speak for themselves.
func (p *proc) sendto(fd int, b []byte, text string, to netip.AddrPort) int {
	c := p.sending("sendto", fd, b, text, ip(to))
	if to.Port() == 0 { // raw sockets have no ports
		c.Args[len(c.Args)-1] = word("addr", to.Addr().String())
	}
	return p.finish(c, func() (int, error) { return len(b), unix.Sendto(fd, b, 0, sockaddr(c.Addr)) })
}

func (p *proc) sendtoUnix(fd int, b []byte, name string) int {
	c := p.sending("sendto", fd, b, "", trace.Addr{Unix: name})
	return p.finish(c, func() (int, error) { return len(b), unix.Sendto(fd, b, 0, sockaddr(c.Addr)) })
}

func (p *proc) write(fd int, b []byte) int {
	c := p.sending("write", fd, b, "", trace.Addr{})
	return p.finish(c, func() (int, error) { return unix.Write(fd, b) })
}

// sendmsg sends bytes and a descriptor over a Unix socket.
func (p *proc) sendmsg(fd int, b []byte, pass int) int {
	c := p.sending("sendmsg", fd, b, "", trace.Addr{})
	c.FDs = []int{pass}
	c.Args = append(c.Args, word("control", fmt.Sprintf("[SCM_RIGHTS [%d]]", pass)))
	return p.finish(c, func() (int, error) { return unix.SendmsgN(fd, b, unix.UnixRights(pass), nil, 0) })
}

func (p *proc) sending(name string, fd int, b []byte, text string, to trace.Addr) *trace.Call {
	b = append([]byte(nil), b...)
	c := p.call(name, fd, data(b, text), num("len", len(b)))
	if to.IsValid() {
		c.Args = append(c.Args, addrArg(to))
	}
	c.Data, c.Size, c.Addr = b, len(b), to
	return c
}

func (p *proc) finish(c *trace.Call, do func() (int, error)) int {
	n, err := p.timed(c, do)
	p.named(c)
	p.check(c, err)
	return n
}

// named tells the address that the kernel gave an unbound socket when it first sent.
func (p *proc) named(c *trace.Call) {
	p.mu.Lock()
	known := p.bound[c.Socket]
	p.mu.Unlock()
	if known || c.Socket == 0 {
		return
	}
	if typ, _ := unix.GetsockoptInt(c.FD, unix.SOL_SOCKET, unix.SO_TYPE); typ == unix.SOCK_RAW {
		return // its local port is the protocol number, raw(7)
	}
	if local := localAddr(c.FD); local.Unix != "" || local.IP.Port() != 0 {
		p.changed(c, trace.State{Change: trace.Bound, Local: local})
	}
}

func (p *proc) recv(fd, size int) []byte { return p.recvFlags(fd, size, 0) }
func (p *proc) recvFlags(fd, size, flags int) []byte {
	b, _ := p.receive("recv", fd, size, flags)
	return b
}

func (p *proc) recvfrom(fd, size int) ([]byte, trace.Addr) { return p.receive("recvfrom", fd, size, 0) }

func (p *proc) receive(name string, fd, size, flags int) ([]byte, trace.Addr) {
	c := p.call(name, fd, num("size", size))
	withFlags(c, flags)
	c.Size = size
	b := make([]byte, size)
	p.enter(c)
	n, from, err := unix.Recvfrom(fd, b, flags)
	p.leave(c, n, err)
	return p.received(c, b, from, err), c.Addr
}

func (p *proc) read(fd, size int) []byte {
	c := p.call("read", fd, num("size", size))
	c.Size = size
	b := make([]byte, size)
	_, err := p.timed(c, func() (int, error) { return unix.Read(fd, b) })
	return p.received(c, b, nil, err)
}

// recvmsg also returns the descriptors that were passed.
func (p *proc) recvmsg(fd, size int) (b []byte, fds []int) {
	c := p.call("recvmsg", fd, num("size", size))
	c.Size = size
	b = make([]byte, size)
	oob := make([]byte, unix.CmsgSpace(4*4))
	p.enter(c)
	n, oobn, flags, from, err := unix.Recvmsg(fd, b, oob, unix.MSG_CMSG_CLOEXEC)
	p.leave(c, n, err)
	c.Returned = flagList(flags)
	if messages, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_RXQ_OVFL && len(m.Data) >= 4 {
				overflow := word("control", fmt.Sprintf("[SO_RXQ_OVFL %d]", binary.NativeEndian.Uint32(m.Data)))
				overflow.Returned = true
				c.Args = append(c.Args, overflow)
			}
			if got, err := unix.ParseUnixRights(&m); err == nil {
				fds = append(fds, got...)
			}
		}
	}
	c.FDs = fds
	p.opened(fds...)
	return p.received(c, b, from, err), fds
}

func (p *proc) received(c *trace.Call, b []byte, from unix.Sockaddr, err error) []byte {
	p.mu.Lock()
	c.Addr = address(from)
	b = b[:max(0, min(int(c.Result), len(b)))]
	c.Data = b
	p.mu.Unlock()
	p.check(c, err)
	return b
}

func (p *proc) shutdown(fd, how int) {
	p.act(p.call("shutdown", fd, word("how", howNames[how])), func() (int, error) { return 0, unix.Shutdown(fd, how) }, nil)
}

func (p *proc) close(fd int) {
	c := p.call("close", fd)
	p.mu.Lock()
	delete(p.open, fd)
	p.mu.Unlock()
	_, err := p.timed(c, func() (int, error) { return 0, unix.Close(fd) })
	if c.Socket != 0 {
		p.changed(c, trace.State{Change: trace.Closed})
	}
	p.mu.Lock()
	if p.sockets[fd] == c.Socket {
		delete(p.sockets, fd)
	}
	p.mu.Unlock()
	p.check(c, err)
}

func (p *proc) setsockopt(fd, level, option int, name string, value int) {
	levels := map[int]string{unix.SOL_SOCKET: "SOL_SOCKET", unix.IPPROTO_TCP: "IPPROTO_TCP", unix.IPPROTO_IP: "IPPROTO_IP", unix.IPPROTO_IPV6: "IPPROTO_IPV6"}
	c := p.call("setsockopt", fd, word("level", nameOr(levels, level)), word("optname", name), num("optval", value), num("optlen", 4))
	p.act(c, func() (int, error) { return 0, unix.SetsockoptInt(fd, level, option, value) }, nil)
}

// openFile opens a file to read, which is how a descriptor that is no socket comes about.
func (p *proc) openFile(name string) int {
	c := p.call("open", -1, word("pathname", fmt.Sprintf("%q", name)), word("flags", "O_RDONLY"))
	return p.act(c, func() (int, error) { return unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0) }, func(fd int) { p.opened(fd) })
}

// readlink shows what a descriptor is.
func (p *proc) readlink(path string) string {
	b := make([]byte, 128)
	c := p.call("readlink", -1, word("path", fmt.Sprintf("%q", path)))
	c.Size, c.Op = len(b), trace.OpReceive
	_, err := p.timed(c, func() (int, error) { return unix.Readlink(path, b) })
	return string(p.received(c, b, nil, err))
}

// sleep lets time pass, so that the other program is seen waiting.
func (p *proc) sleep(d time.Duration) {
	c := p.call("nanosleep", -1, word("duration", d.String()))
	p.enter(c)
	select {
	case <-time.After(d):
	case <-p.st.stop:
	}
	p.leave(c, 0, nil)
}

// address makes an address of what a call returned.
func address(sa unix.Sockaddr) trace.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return ip(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)))
	case *unix.SockaddrInet6:
		return ip(netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)))
	case *unix.SockaddrUnix:
		if sa.Name == "@" { // no name at all
			return trace.Addr{}
		}
		return trace.Addr{Unix: sa.Name}
	}
	return trace.Addr{}
}

func sockaddr(a trace.Addr) unix.Sockaddr {
	switch {
	case a.Unix != "":
		return &unix.SockaddrUnix{Name: a.Unix}
	case a.IP.Addr().Is4():
		return &unix.SockaddrInet4{Addr: a.IP.Addr().As4(), Port: int(a.IP.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.IP.Addr().As16(), Port: int(a.IP.Port())}
}

func localAddr(fd int) trace.Addr {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return trace.Addr{}
	}
	return address(sa)
}

// capabilities of the calling thread, capabilities(7).
const (
	capNetBindService = 10
	capNetRaw         = 13
)

// effective sets the thread's effective capabilities to those of set that it is permitted, and returns what
// they were and are.
func effective(set uint64) (before, now uint64, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if err := unix.Capget(&header, &d[0]); err != nil {
		return 0, 0, err
	}
	before = uint64(d[0].Effective) | uint64(d[1].Effective)<<32
	permitted := uint64(d[0].Permitted) | uint64(d[1].Permitted)<<32
	now = set & permitted
	d[0].Effective, d[1].Effective = uint32(now), uint32(now>>32)
	return before, now, unix.Capset(&header, &d[0])
}

// capset gives the program a capability that it had laid down at its start.
func (p *proc) capset(capability uint, name string) {
	c := p.call("capset", -1, word("effective", name))
	_, err := p.timed(c, func() (_ int, err error) {
		if _, p.caps, err = effective(1 << capability); err == nil && p.caps == 0 {
			err = unix.EPERM
		}
		return 0, err
	})
	p.check(c, err)
}
