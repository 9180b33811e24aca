package abi

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// waitText is a call with what it waits for, as a test wants it.
func waitText(c *trace.Call) string {
	var b strings.Builder
	for _, a := range c.Args {
		fmt.Fprintf(&b, " %s", show.Argument(a))
	}
	for i, all := range [][]trace.Wait{c.Waits, c.Ready} {
		if len(all) > 0 {
			b.WriteString([]string{" waits", " ready"}[i])
		}
		for _, w := range all {
			fmt.Fprintf(&b, " %d:%s", w.FD, strings.Join(w.Events.Names(c.Name), "|"))
			if w.Socket != 0 {
				fmt.Fprintf(&b, "=s%d", w.Socket)
			}
		}
	}
	if c.Unlisted > 0 {
		fmt.Fprintf(&b, " and %d", c.Unlisted)
	}
	return strings.TrimSpace(b.String())
}

func pollfd(fd int32, events, revents uint16) []byte {
	b := order.AppendUint32(nil, uint32(fd))
	return order.AppendUint16(order.AppendUint16(b, events), revents)
}

func epollEvent(events uint32, data uint64) []byte {
	b := make([]byte, EventSize)
	order.PutUint32(b, events)
	order.PutUint64(b[eventData:], data)
	return b
}

func longs(n ...uint64) []byte {
	var b []byte
	for _, w := range n {
		b = order.AppendUint64(b, w)
	}
	return b
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// TestDecodeWaits: the memory is at 0x1000 when the call is entered, and after is what it is when it returns.
func TestDecodeWaits(t *testing.T) {
	const at = 0x1000
	many := make([]byte, 0, 1100*pollSize)
	for i := range int32(1100) {
		many = append(many, pollfd(i, 1, 0)...)
	}
	for _, c := range []struct {
		name          string
		args          [6]uint64
		before, after []byte
		result        int64
		want          string
	}{
		{"poll", [6]uint64{at, 3, 1<<32 - 1}, join(pollfd(3, 1, 0), pollfd(-1, 1, 0), pollfd(5, 5, 0)), join(pollfd(3, 1, 0), pollfd(-1, 1, 0), pollfd(5, 5, 4)), 1,
			"[3 POLLIN, -1 POLLIN, 5 POLLIN|POLLOUT] 3 -1 waits 3:POLLIN 5:POLLIN|POLLOUT ready 5:POLLOUT"},
		{"poll", [6]uint64{0, 0, 100}, nil, nil, 0, "[] 0 100"},
		{"ppoll", [6]uint64{at + 16, 1, at}, join(longs(1, 500_000_000), pollfd(7, 0x2001, 0)), join(longs(0, 0), pollfd(7, 0x2001, 0)), 0,
			"[7 POLLIN|POLLRDHUP] 1 1.5s waits 7:POLLIN|POLLRDHUP"},
		{"ppoll", [6]uint64{at, 1, 0}, pollfd(7, 1, 0), pollfd(7, 1, 0x18), 1, "[7 POLLIN] 1 NULL waits 7:POLLIN ready 7:POLLERR|POLLHUP"},
		{"select", [6]uint64{70, at, at + 16, 0, at + 32}, longs(1<<3|1<<5, 1<<1, 1<<5, 0, 2, 1000), longs(1<<3, 0, 0, 0, 1, 0), 1,
			"70 [3 5 65] [5] NULL 2.001s waits 3:read 5:read|write 65:read ready 3:read"},
		{"pselect6", [6]uint64{4, at, 0, at + 8, 0}, longs(1<<3|1<<9, 1<<2), longs(0, 1<<2), 1, "4 [3] NULL [2] NULL waits 2:except 3:read ready 2:except"},
		{"select", [6]uint64{1<<32 - 1, at, 0, 0, 0}, longs(0), longs(0), -22, "-1 [] NULL NULL NULL"},
		{"epoll_create1", [6]uint64{unix.EPOLL_CLOEXEC}, nil, nil, 4, "EPOLL_CLOEXEC"},
		{"epoll_ctl", [6]uint64{4, unix.EPOLL_CTL_ADD, 5, at}, epollEvent(1<<31|1, 0xabc), nil, 0, "4 EPOLL_CTL_ADD 5 EPOLLIN|EPOLLET 0xabc"},
		{"epoll_ctl", [6]uint64{4, unix.EPOLL_CTL_DEL, 5, 0}, nil, nil, 0, "4 EPOLL_CTL_DEL 5"},
		{"epoll_ctl", [6]uint64{4, unix.EPOLL_CTL_MOD, 5, at}, nil, nil, -14, "4 EPOLL_CTL_MOD 5"},
		{"epoll_wait", [6]uint64{4, at, 10, 100}, nil, join(epollEvent(1, 5), epollEvent(4, 6)), 2, "4 10 100 ready -1:EPOLLIN -1:EPOLLOUT"},
		{"epoll_pwait2", [6]uint64{4, 0, 10, at}, longs(0, 1), nil, 0, "4 10 1ns"},
		{"epoll_pwait2", [6]uint64{4, 0, 10, at}, longs(1<<63, 1<<40), nil, -22, "4 10 {-9223372036854775808, 1099511627776}"},
	} {
		call := &trace.Call{Name: c.name, FD: -1, Pending: true}
		d := Decoder{Memory: pages{at, c.before}, Data: 32}
		d.Enter(call, c.args)
		d.Memory = pages{at, c.after}
		d.Leave(call, c.args, c.result)
		if got := waitText(call); got != c.want {
			t.Errorf("%s: %s\n want %s", c.name, got, c.want)
		}
	}
	call := &trace.Call{Name: "poll"}
	d := Decoder{Memory: pages{at, many}}
	d.Enter(call, [6]uint64{at, 1 << 30, 0})
	if len(call.Waits) != MaxWaits || call.Unlisted != 1<<30-MaxWaits || len(call.Args[0].Text) > 200 {
		t.Errorf("%d listed, %d not, shown as %s", len(call.Waits), call.Unlisted, call.Args[0].Text)
	}
	full := make([]byte, maxSelected/8)
	for i := range full {
		full[i] = 0xff
	}
	call = &trace.Call{Name: "select"}
	d = Decoder{Memory: pages{at, full}}
	d.Enter(call, [6]uint64{1 << 30, at})
	if len(call.Waits) != MaxWaits || call.Unlisted != maxSelected-MaxWaits || len(call.Args[1].Text) > 200 {
		t.Errorf("%d listed, %d not, shown as %s", len(call.Waits), call.Unlisted, call.Args[1].Text)
	}
}

// someKernel is a kernel of which a test says everything.
type someKernel struct {
	sockets map[int]trace.SocketID
	before  map[int][]trace.Wait // what instances wait for that were made before
}

func (k *someKernel) Descriptor(_, fd int) trace.SocketID { return k.sockets[fd] }
func (k *someKernel) Inspect(*Process, int, *trace.State) {}
func (k *someKernel) Opened(*Process, int)                {}
func (k *someKernel) Epoll(int) EpollID                   { return 0 }
func (k *someKernel) Interest(_ *Process, fd int) ([]trace.Wait, bool) {
	w, ok := k.before[fd]
	return w, ok
}

// epollTest makes calls as an engine tells of them.
type epollTest struct {
	*Sockets
	p     *Process
	clock time.Duration
}

func newEpollTest(before map[int][]trace.Wait) *epollTest {
	k := &someKernel{sockets: map[int]trace.SocketID{}, before: before}
	e := &epollTest{Sockets: NewSockets("", k, func(trace.Event) {}), p: &Process{PID: 1}}
	for fd := 10; fd < 20; fd++ {
		e.set(e.p, fd, trace.SocketID(fd), 0, 0)
	}
	return e
}

func (e *epollTest) ctl(epfd int, op string, fd int, events trace.Readiness, data uint64) {
	e.clock++
	e.Apply(e.p, &trace.Call{Name: "epoll_ctl", FD: fd, Socket: e.p.Socket(fd), Left: e.clock, Args: []trace.Arg{
		{Name: "epfd", Int: int64(epfd)}, {Name: "op", Text: op}, {Name: "events", Int: int64(events)}, {Name: "data", Int: int64(data)}}})
}

func (e *epollTest) enter(epfd int) *trace.Call {
	e.clock++
	c := &trace.Call{Name: "epoll_wait", FD: epfd, Entered: e.clock}
	e.Waiting(e.p, c)
	return c
}

func (e *epollTest) leave(c *trace.Call, data ...uint64) string {
	e.clock++
	left := *c
	left.Left, left.Result = e.clock, int64(len(data))
	for _, d := range data {
		left.Ready = append(left.Ready, trace.Wait{FD: -1, Events: 1, Data: d})
	}
	e.Apply(e.p, &left)
	return waitText(&left)
}

func (e *epollTest) is(t *testing.T, epfd int, want string, data ...uint64) {
	t.Helper()
	if got := e.leave(e.enter(epfd), data...); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestEpoll follows interest lists.
func TestEpoll(t *testing.T) {
	const add, mod, del = "EPOLL_CTL_ADD", "EPOLL_CTL_MOD", "EPOLL_CTL_DEL"
	e := newEpollTest(map[int][]trace.Wait{9: {{FD: 10, Socket: 10, Events: 1, Data: 77}, {FD: 3, Socket: 8, Events: 4}}})
	e.Apply(e.p, &trace.Call{Name: "epoll_create1", FD: -1, Result: 4})
	e.is(t, 4, "")
	e.ctl(4, add, 10, 1, 100)
	e.ctl(4, add, 11, 1<<30|1, 101)
	e.ctl(4, add, 3, 1, 102) // no socket
	e.is(t, 4, "waits 10:EPOLLIN=s10 11:EPOLLIN|EPOLLONESHOT=s11 3:EPOLLIN ready 11:EPOLLIN=s11 3:EPOLLIN", 101, 102)
	e.is(t, 4, "waits 10:EPOLLIN=s10 3:EPOLLIN ready -1:EPOLLIN", 999) // the other was reported, once
	e.ctl(4, mod, 11, 4, 101)
	e.ctl(4, mod, 10, 5, 101)
	e.is(t, 4, "waits 10:EPOLLIN|EPOLLOUT=s10 11:EPOLLOUT=s11 3:EPOLLIN ready -1:EPOLLIN", 101) // of two
	e.ctl(4, del, 3, 0, 0)
	e.is(t, 4, "waits 10:EPOLLIN|EPOLLOUT=s10 11:EPOLLOUT=s11")

	// While a thread waits, another adds one and removes one.
	c := e.enter(4)
	e.ctl(4, add, 12, 1, 103)
	e.ctl(4, del, 11, 0, 0)
	if got, want := e.leave(c, 103), "waits 10:EPOLLIN|EPOLLOUT=s10 11:EPOLLOUT=s11 12:EPOLLIN=s12 ready 12:EPOLLIN=s12"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if len(c.Waits) != 2 {
		t.Errorf("the call as it was entered has changed: %v", c.Waits)
	}

	// A copy of the descriptor, a child, a socket that is closed, and one that is closed and has a copy.
	e.CopyEpoll(e.p, 4, 5)
	child := &Process{PID: 2}
	e.Fork(e.p, child, 0)
	e.ctl(5, add, 13, 1, 104)
	e.set(e.p, 30, 12, 0, 0) // a copy of socket 12
	e.set(e.p, 12, 0, 0, 0)
	for _, p := range []*Process{e.p, child} {
		e.set(p, 10, 0, 0, 0)
	}
	e.is(t, 4, "waits 12:EPOLLIN=s12 13:EPOLLIN=s13")
	e.Forget(child, 0)
	e.set(e.p, 30, 0, 0, 0)
	e.is(t, 4, "waits 13:EPOLLIN=s13")

	// The number is given to a new instance; one that was made before is what the kernel says.
	e.Apply(e.p, &trace.Call{Name: "epoll_create1", FD: -1, Result: 4})
	e.is(t, 4, "")
	e.is(t, 5, "waits 13:EPOLLIN=s13")
	e.set(e.p, 10, 10, 0, 0)
	e.is(t, 9, "waits 10:EPOLLIN=s10 3:EPOLLOUT ready 10:EPOLLIN=s10", 77)
	e.ctl(9, del, 3, 0, 0)
	e.is(t, 9, "waits 10:EPOLLIN=s10")
}

// TestEpollBounds: a program that makes instances without end takes no memory without end.
func TestEpollBounds(t *testing.T) {
	e := newEpollTest(nil)
	for range 3 * maxEpolls {
		e.Apply(e.p, &trace.Call{Name: "epoll_create1", FD: -1, Result: 4})
		e.ctl(4, "EPOLL_CTL_ADD", 10, 1, 1)
	}
	if n := len(e.epolls.all); n != maxEpolls {
		t.Errorf("%d instances are followed", n)
	}
	e.is(t, 4, "waits 10:EPOLLIN=s10")
	for fd := range 2 * MaxWaits {
		e.ctl(4, "EPOLL_CTL_ADD", 100+fd, 1, uint64(fd))
	}
	if c := e.enter(4); len(c.Waits) != MaxWaits || c.Unlisted != MaxWaits+1 {
		t.Errorf("%d listed, %d not", len(c.Waits), c.Unlisted)
	}
}

// TestInterest reads what the kernel says of an instance of our own.
func TestInterest(t *testing.T) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ep)
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(s)}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, s, &event); err != nil {
		t.Fatal(err)
	}
	want := []trace.Wait{{FD: s, Socket: SocketOf(os.Getpid(), s), Events: 1<<31 | trace.Readable, Data: uint64(s)}}
	got, ok := Interest(os.Getpid(), ep)
	if diff := gocmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v %s", ok, diff)
	}
	if _, ok := Interest(os.Getpid(), s); ok {
		t.Error("a socket is no epoll instance")
	}
	if diff := gocmp.Diff(want, ScanEpolls(os.Getpid())[ep]); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"", "pos:\t0", "tfd:", "tfd: x events: 1 data: 2", "tfd: 1 events: 100000000 data: 2", "tfd: -1 events: 1 data: 2", "tfd: 1 events 1 data 2"} {
		if w, ok := parseInterest([]byte(line)); ok {
			t.Errorf("%q is %v", line, w)
		}
	}
	if w, ok := parseInterest([]byte("tfd:        5 events:       19 data: ffffffff00000005  pos:0 ino:8f3 sdev:9")); !ok || w != (trace.Wait{FD: 5, Events: 1, Data: 0xffffffff00000005, Socket: 0x8f3}) {
		t.Errorf("%v %v", w, ok)
	}
}
