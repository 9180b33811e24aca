package abi

import (
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// Process is a thread group and its descriptors that are sockets.
type Process struct {
	PID  int
	Name string
	fds  map[int]trace.SocketID
	// epolls has the descriptors that are epoll instances, where the engine does not know them by their files.
	epolls map[int]EpollID
}

// Socket returns which socket a descriptor is by what was recorded so far, 0 for none.
func (p *Process) Socket(fd int) trace.SocketID { return p.fds[fd] }

// Descriptors returns the descriptors that are sockets by what was recorded so far, in order.
func (p *Process) Descriptors() []int { return sorted(p.fds) }

// Kernel tells what is so at the moment that is being recorded.
type Kernel interface {
	// Descriptor returns which socket a descriptor of a thread is, 0 for none.
	Descriptor(tid, fd int) trace.SocketID
	// Inspect fills in the family, kind, protocol and names of the socket that a descriptor is, as far as
	// they can be had.
	Inspect(p *Process, fd int, st *trace.State)
	// Opened is told of each descriptor of a process that has become a socket, or an epoll instance that is followed by
	// its number.
	Opened(p *Process, fd int)
	// Epoll returns which epoll instance a descriptor of the thread is, 0 where that is to be followed by its number.
	Epoll(fd int) EpollID
	// Interest returns what an epoll instance waits for of which no call has told, Socket being the inode of whatever
	// it is. It returns false where that cannot be had, or the descriptor is no epoll instance.
	Interest(p *Process, fd int) ([]trace.Wait, bool)
}

// Sockets follows which descriptors of which processes are which sockets, and tells what becomes of these.
type Sockets struct {
	host   string
	emit   func(trace.Event)
	kernel Kernel
	open   map[trace.SocketID]*socket
	flying map[trace.SocketID]int // passed by messages that were not received yet
	epolls epolls
}

// socket is what is known of a socket.
type socket struct {
	family  trace.Family
	kind    trace.Kind
	proto   uint8
	named   bool // its local address was told
	segment int  // UDP_SEGMENT
	refs    int  // descriptors, and messages on their way that pass it
	cookie  uint64
}

// NewSockets knows no sockets yet; changes of state are of host and go to emit.
func NewSockets(host string, kernel Kernel, emit func(trace.Event)) *Sockets {
	return &Sockets{host: host, emit: emit, kernel: kernel, open: map[trace.SocketID]*socket{}, flying: map[trace.SocketID]int{}}
}

// Segment returns what UDP_SEGMENT the socket has set, 0 for none.
func (t *Sockets) Segment(id trace.SocketID) int {
	if s := t.open[id]; s != nil {
		return s.segment
	}
	return 0
}

// Raw tells whether packets are told apart by all that is sent and received on the socket.
func (t *Sockets) Raw(id trace.SocketID) bool {
	s := t.open[id]
	return s != nil && (s.kind == trace.KindRaw || s.proto == trace.ProtoICMP || s.proto == trace.ProtoICMPv6)
}

// Sight tells the cookie of a socket, once, and whether the socket is known.
func (t *Sockets) Sight(id trace.SocketID, cookie uint64, at time.Duration) bool {
	s := t.open[id]
	if s == nil {
		return false
	}
	if s.cookie == 0 && cookie != 0 {
		s.cookie = cookie
		t.emit(&trace.State{Time: at, Socket: id, Change: trace.Sighted, Host: t.host, Cookie: cookie})
	}
	return true
}

// set makes fd of a process mean a socket, 0 for none.
func (t *Sockets) set(p *Process, fd int, id trace.SocketID, at time.Duration, call int) {
	old := p.fds[fd]
	if old == id {
		return
	}
	if p.fds == nil {
		p.fds = map[int]trace.SocketID{}
	}
	if id != 0 {
		p.fds[fd] = id
		t.socket(id).refs++
		t.kernel.Opened(p, fd)
	} else {
		delete(p.fds, fd)
	}
	if old != 0 {
		t.release(old, at, call, fd)
	}
}

// release takes a reference from a socket; the last one closes it.
func (t *Sockets) release(id trace.SocketID, at time.Duration, call, fd int) {
	s := t.open[id]
	if s == nil {
		return
	}
	if s.refs--; s.refs > 0 {
		return
	}
	delete(t.open, id)
	t.epolls.closed(id)
	t.emit(&trace.State{Time: at, Socket: id, Change: trace.Closed, Call: call, FD: fd, Host: t.host})
}

func (t *Sockets) socket(id trace.SocketID) *socket {
	s := t.open[id]
	if s == nil {
		s = &socket{}
		t.open[id] = s
	}
	return s
}

// Refresh makes the table of a process what it really is.
func (t *Sockets) Refresh(p *Process, now map[int]trace.SocketID, at time.Duration) {
	for _, fd := range sorted(p.fds) {
		if now[fd] == 0 {
			t.set(p, fd, 0, at, 0)
		}
	}
	for _, fd := range sorted(now) {
		t.Discover(p, fd, now[fd], at)
	}
}

// sorted are the descriptors of a table in order, so that two engines name sockets alike.
func sorted(fds map[int]trace.SocketID) []int { return slices.Sorted(maps.Keys(fds)) }

// Discover takes up a socket that no recorded call has made, if it is not known yet.
func (t *Sockets) Discover(p *Process, fd int, id trace.SocketID, at time.Duration) {
	if id == 0 || p.fds[fd] == id {
		return
	}
	if t.open[id] == nil {
		s := t.socket(id)
		st := &trace.State{Time: at, Socket: id, Change: trace.Created, Actor: p.Name, Host: t.host, FD: fd}
		t.inspect(p, fd, s, st)
		t.emit(st)
	}
	t.set(p, fd, id, at, 0)
}

// Fork gives a new process the table of its maker.
func (t *Sockets) Fork(from, to *Process, at time.Duration) {
	for fd, id := range from.fds {
		t.set(to, fd, id, at, 0)
	}
	to.epolls = maps.Clone(from.epolls)
}

// Forget drops the table of a process that has ended.
func (t *Sockets) Forget(p *Process, at time.Duration) {
	for _, fd := range sorted(p.fds) {
		t.set(p, fd, 0, at, 0)
	}
}

// inspect asks the kernel what a socket is and how it is called, for the socket and for st.
func (t *Sockets) inspect(p *Process, fd int, s *socket, st *trace.State) {
	st.Family, st.Kind, st.Protocol = s.family, s.kind, s.proto
	t.kernel.Inspect(p, fd, st)
	if st.Family == trace.FamilyPacket {
		st.Protocol = 0
	}
	if st.Kind == trace.KindRaw || st.Family == trace.FamilyPacket || st.Family == trace.FamilyUnknown {
		st.Local, st.Remote = trace.Addr{}, trace.Addr{}
	}
	if st.Local.IP.IsValid() && st.Local.IP.Port() == 0 {
		st.Local = trace.Addr{}
	}
	s.family, s.kind, s.proto, s.named = st.Family, st.Kind, st.Protocol, st.Local.IsValid()
}

// Apply tells what a call that has returned did to sockets and descriptors.
func (t *Sockets) Apply(p *Process, c *trace.Call) {
	at, ok := c.Left, c.Errno == ""
	made := func(fd int, change trace.StateChange, parent trace.SocketID) trace.SocketID {
		id := t.kernel.Descriptor(c.Thread, fd)
		if id == 0 {
			return 0
		}
		s := t.socket(id)
		st := &trace.State{Time: at, Socket: id, Change: change, Call: c.Number, Actor: p.Name, Host: t.host, FD: fd, Parent: parent}
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
		switch to, _ := c.Arg("addr"); {
		case ok && to.Text == nameOr(families, unix.AF_UNSPEC):
			t.rename(p, c, trace.Dissolved)
		case (ok || c.Errno == "EINPROGRESS") && c.Addr.IsValid():
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
			if id := t.kernel.Descriptor(c.Thread, fd); ok && id != 0 {
				t.Discover(p, fd, id, at)
				t.arrived(id, at)
			}
		}
	case "setsockopt":
		if opt, _ := c.Arg("optname"); ok && opt.Text == "UDP_SEGMENT" {
			v, _ := c.Arg("optval")
			t.socket(c.Socket).segment = int(v.Int)
		}
	default:
		if ok {
			t.applyWait(p, c)
		}
	}
	if c.Op == trace.OpSend && ok {
		t.sent(p, c)
	}
}

// sent names a socket that a send has given an address, and counts passed sockets as open.
func (t *Sockets) sent(p *Process, c *trace.Call) {
	for _, fd := range c.FDs {
		if id := t.kernel.Descriptor(c.Thread, fd); id != 0 {
			t.socket(id).refs++
			t.flying[id]++
		}
	}
	s := t.open[c.Socket]
	if s == nil {
		return
	}
	switch {
	case slices.Contains(c.Flags, "MSG_FASTOPEN"):
		t.rename(p, c, trace.Connected)
	case !s.named:
		t.rename(p, c, trace.Bound)
	}
}

// arrived ends the flight of a passed socket.
func (t *Sockets) arrived(id trace.SocketID, at time.Duration) {
	if t.flying[id] == 0 {
		return
	}
	if t.flying[id]--; t.flying[id] == 0 {
		delete(t.flying, id)
	}
	t.release(id, at, 0, -1)
}

// rename tells the names that a socket has now. One that is dissolved has no peer any more; a port that the kernel
// chose is gone too.
func (t *Sockets) rename(p *Process, c *trace.Call, change trace.StateChange) {
	s := t.open[c.Socket]
	if s == nil {
		return
	}
	st := &trace.State{Time: c.Left, Socket: c.Socket, Change: change, Call: c.Number, FD: c.FD}
	t.inspect(p, c.FD, s, st)
	switch {
	case change == trace.Dissolved:
		st.Remote = trace.Addr{}
	case change == trace.Connected && !st.Remote.IsValid():
		st.Remote = c.Addr
	}
	if change == trace.Dissolved || st.Local.IsValid() || st.Remote.IsValid() {
		t.emit(st)
	}
}
