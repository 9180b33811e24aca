package ptrace

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

// process is a thread group and its descriptors that are sockets.
type process struct {
	pid     int
	name    string
	fds     map[int]trace.SocketID
	threads int
	pidfd   int // -1 when there is none
	ringed  bool
}

// socket is what is known of a socket.
type socket struct {
	family  trace.Family
	kind    trace.Kind
	proto   uint8
	named   bool // its local address was told
	segment int  // UDP_SEGMENT
	refs    int  // descriptors, and messages on their way that pass it
}

// descriptor reads which socket a descriptor of a thread is, 0 for none.
func descriptor(tid, fd int) trace.SocketID {
	if fd < 0 {
		return 0
	}
	var path [40]byte
	name := append(path[:0], "/proc/"...)
	name = strconv.AppendInt(name, int64(tid), 10)
	name = append(name, "/fd/"...)
	name = strconv.AppendInt(name, int64(fd), 10)
	var target [64]byte
	n, err := unix.Readlink(string(name), target[:])
	if err != nil {
		return 0
	}
	text, ok := strings.CutPrefix(string(target[:n]), "socket:[")
	if !ok {
		return 0
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
	if err != nil {
		return 0
	}
	return trace.SocketID(inode)
}

// scan reads all descriptors of a process that are sockets.
func scan(pid int) map[int]trace.SocketID {
	fds := map[int]trace.SocketID{}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return fds
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			if id := descriptor(pid, fd); id != 0 {
				fds[fd] = id
			}
		}
	}
	return fds
}

// set makes fd of a process mean a socket, 0 for none.
func (t *Tracer) set(p *process, fd int, id trace.SocketID, at time.Duration, call int) {
	old := p.fds[fd]
	if old == id {
		return
	}
	if id != 0 {
		p.fds[fd] = id
		t.socket(id).refs++
	} else {
		delete(p.fds, fd)
	}
	if old != 0 {
		t.release(old, at, call, fd)
	}
}

// release takes a reference from a socket; the last one closes it.
func (t *Tracer) release(id trace.SocketID, at time.Duration, call, fd int) {
	s := t.sockets[id]
	if s == nil {
		return
	}
	if s.refs--; s.refs > 0 {
		return
	}
	delete(t.sockets, id)
	t.emit(&trace.State{Time: at, Socket: id, Change: trace.Closed, Call: call, FD: fd, Host: t.cfg.Host})
}

func (t *Tracer) socket(id trace.SocketID) *socket {
	s := t.sockets[id]
	if s == nil {
		s = &socket{}
		t.sockets[id] = s
	}
	return s
}

// refresh makes the table of a process what it really is.
func (t *Tracer) refresh(p *process) {
	at := t.clock.Now()
	now := scan(p.pid)
	for fd := range p.fds {
		if now[fd] == 0 {
			t.set(p, fd, 0, at, 0)
		}
	}
	for fd, id := range now {
		t.discover(p, fd, id, at)
	}
}

// discover takes up a socket that no recorded call has made.
func (t *Tracer) discover(p *process, fd int, id trace.SocketID, at time.Duration) {
	if t.sockets[id] == nil {
		s := t.socket(id)
		st := &trace.State{Time: at, Socket: id, Change: trace.Created, Actor: p.name, Host: t.cfg.Host, FD: fd}
		t.inspect(p, fd, s, st)
		t.emit(st)
	}
	t.set(p, fd, id, at, 0)
}

// forget drops the table of a process that has ended.
func (t *Tracer) forget(p *process) {
	at := t.clock.Now()
	for fd := range p.fds {
		t.set(p, fd, 0, at, 0)
	}
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
	delete(t.processes, p.pid)
}

// borrow gives a copy of a descriptor of the process to look at. The copy is closed before the thread goes
// on, so that a close in the program stays the last one.
func (p *process) borrow(fd int, look func(fd int)) {
	if p.pidfd < 0 {
		pidfd, err := unix.PidfdOpen(p.pid, 0)
		if err != nil {
			return
		}
		p.pidfd = pidfd
	}
	mine, err := unix.PidfdGetfd(p.pidfd, fd, 0)
	if err != nil {
		return
	}
	look(mine)
	unix.Close(mine)
}

var (
	families = map[int]trace.Family{unix.AF_INET: trace.FamilyIPv4, unix.AF_INET6: trace.FamilyIPv6, unix.AF_UNIX: trace.FamilyUnix, unix.AF_PACKET: trace.FamilyPacket}
	kinds    = map[int]trace.Kind{unix.SOCK_STREAM: trace.KindStream, unix.SOCK_DGRAM: trace.KindDatagram, unix.SOCK_RAW: trace.KindRaw, unix.SOCK_SEQPACKET: trace.KindSeqpacket}
)

// inspect asks the kernel what a socket is and how it is called, for the socket and for st.
func (t *Tracer) inspect(p *process, fd int, s *socket, st *trace.State) {
	p.borrow(fd, func(fd int) {
		if family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil {
			s.family = families[family]
		}
		if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
			s.kind = kinds[kind]
		}
		if proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err == nil && s.family != trace.FamilyPacket {
			s.proto = uint8(proto)
		}
		if s.kind != trace.KindRaw && s.family != trace.FamilyPacket && s.family != trace.FamilyUnknown {
			st.Local, st.Remote = name(fd, unix.SYS_GETSOCKNAME), name(fd, unix.SYS_GETPEERNAME)
		}
		if st.Local.IP.IsValid() && st.Local.IP.Port() == 0 {
			st.Local = trace.Addr{}
		}
		s.named = st.Local.IsValid()
	})
	st.Family, st.Kind, st.Protocol = s.family, s.kind, s.proto
}

// name asks for the local or the remote name of a socket.
func name(fd int, call uintptr) trace.Addr {
	var b [128]byte
	n := uint32(len(b))
	if _, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&n))); errno != 0 {
		return trace.Addr{}
	}
	return abi.Sockaddr(b[:min(int(n), len(b))])
}

// changes tells what a call that has returned did to sockets and descriptors.
func (t *Tracer) changes(th *thread, c *trace.Call) {
	p, at, ok := th.process, c.Left, c.Errno == ""
	made := func(fd int, change trace.StateChange, parent trace.SocketID) trace.SocketID {
		id := descriptor(th.tid, fd)
		if id == 0 {
			return 0
		}
		s := t.socket(id)
		st := &trace.State{Time: at, Socket: id, Change: change, Call: c.Number, Actor: p.name, Host: t.cfg.Host, FD: fd, Parent: parent}
		t.inspect(p, fd, s, st)
		if st.Remote == (trace.Addr{}) && parent != 0 {
			st.Remote = c.Addr
		}
		t.emit(st)
		t.set(p, fd, id, at, c.Number)
		return id
	}
	switch c.Name {
	case "socket":
		if ok {
			made(int(c.Result), trace.Created, 0)
		}
	case "socketpair":
		if ok && len(c.FDs) == 2 {
			a, b := made(c.FDs[0], trace.Created, 0), made(c.FDs[1], trace.Created, 0)
			t.emit(&trace.State{Time: at, Socket: b, Change: trace.Bound, Call: c.Number, FD: c.FDs[1], Peer: a})
			c.FDs = nil
		}
	case "accept", "accept4":
		if ok {
			made(int(c.Result), trace.Accepted, c.Socket)
		}
	case "bind", "listen":
		if ok {
			t.rename(p, c, trace.Bound)
		}
	case "connect":
		if (ok || c.Errno == "EINPROGRESS") && c.Addr.IsValid() {
			t.rename(p, c, trace.Connected)
		}
	case "close":
		if c.Errno != "EBADF" && p.fds[c.FD] == c.Socket {
			t.set(p, c.FD, 0, at, c.Number)
		}
	case "dup", "dup2", "dup3":
		if ok {
			t.set(p, int(c.Result), c.Socket, at, c.Number)
		}
	case "fcntl":
		if cmd, _ := c.Arg("cmd"); ok && strings.HasPrefix(cmd.Text, "F_DUPFD") {
			t.set(p, int(c.Result), c.Socket, at, c.Number)
		}
	case "recvmsg", "recvmmsg":
		for _, fd := range c.FDs {
			if id := descriptor(th.tid, fd); ok && id != 0 {
				t.discover(p, fd, id, at)
				t.arrived(id, at)
			}
		}
	case "setsockopt":
		if opt, _ := c.Arg("optname"); ok && opt.Text == "UDP_SEGMENT" {
			v, _ := c.Arg("optval")
			t.socket(c.Socket).segment = int(v.Int)
		}
	}
	if c.Op == trace.OpSend && ok {
		t.sent(th, c)
	}
}

// sent names a socket that a send has given an address, and counts passed sockets as open.
func (t *Tracer) sent(th *thread, c *trace.Call) {
	for _, fd := range c.FDs {
		if id := descriptor(th.tid, fd); id != 0 {
			t.socket(id).refs++
			t.flying[id]++
		}
	}
	s := t.sockets[c.Socket]
	if s == nil {
		return
	}
	switch {
	case slices.Contains(c.Flags, "MSG_FASTOPEN"):
		t.rename(th.process, c, trace.Connected)
	case !s.named:
		t.rename(th.process, c, trace.Bound)
	}
}

// arrived ends the flight of a passed socket.
func (t *Tracer) arrived(id trace.SocketID, at time.Duration) {
	if t.flying[id] == 0 {
		return
	}
	t.flying[id]--
	t.release(id, at, 0, -1)
}

// rename tells the names that a socket has now.
func (t *Tracer) rename(p *process, c *trace.Call, change trace.StateChange) {
	s := t.sockets[c.Socket]
	if s == nil {
		return
	}
	st := &trace.State{Time: c.Left, Socket: c.Socket, Change: change, Call: c.Number, FD: c.FD}
	t.inspect(p, c.FD, s, st)
	if change == trace.Connected && !st.Remote.IsValid() {
		st.Remote = c.Addr
	}
	if st.Local.IsValid() || st.Remote.IsValid() {
		t.emit(st)
	}
}

// elfClass returns 32 or 64 for an ELF executable of this machine's byte order, 0 for anything else.
func elfClass(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	var b [20]byte
	if n, _ := f.ReadAt(b[:], 0); n < len(b) || string(b[:4]) != "\x7fELF" {
		return 0
	}
	if machine := binary.LittleEndian.Uint16(b[18:]); b[4] == 2 && machine != elfMachine {
		return 32 // as little understood
	}
	return 32 * int(b[4])
}
