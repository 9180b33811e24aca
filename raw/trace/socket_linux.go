package trace

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/inject"
	"sockwire/raw/probe"
)

// descriptor is a socket that the runtime's poller does not watch: the network waits for all of its sockets at once.
type descriptor struct{ fd atomic.Int64 }

func newDescriptor(fd int) *descriptor {
	d := new(descriptor)
	d.fd.Store(int64(fd))
	return d
}

func (d *descriptor) Control(f func(fd uintptr)) error {
	fd := d.fd.Load()
	if fd < 0 {
		return os.ErrClosed
	}
	f(uintptr(fd))
	return nil
}

// Read runs f once: it never waits.
func (d *descriptor) Read(f func(fd uintptr) bool) error {
	done := false
	if err := d.Control(func(fd uintptr) { done = f(fd) }); err != nil || done {
		return err
	}
	return os.ErrDeadlineExceeded
}

func (d *descriptor) Write(f func(fd uintptr) bool) error { return d.Read(f) }

func (d *descriptor) close() error {
	if fd := d.fd.Swap(-1); fd >= 0 {
		return unix.Close(int(fd))
	}
	return nil
}

// waiter waits for any of several sockets, for a time, and for being woken.
type waiter struct {
	start time.Time
	waker int // eventfd: something else is to be looked at
	fds   []unix.PollFd
}

func newWaiter() (*waiter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &waiter{start: time.Now(), waker: fd, fds: []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}, nil
}

// watch adds a descriptor to those that are waited for, and returns its place.
func (w *waiter) watch(d *descriptor) (place int) {
	w.fds = append(w.fds, unix.PollFd{Fd: int32(d.fd.Load()), Events: unix.POLLIN})
	return len(w.fds) - 1
}

func (w *waiter) now() time.Duration { return time.Since(w.start) }

// moment reads both clocks.
func (w *waiter) moment() moment {
	t := time.Now()
	return moment{t.Sub(w.start), t.UnixNano()}
}

func (w *waiter) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(w.waker, one[:])
}

// wait waits until a time at most, or until there is something to look at, or ctx ends; what comes before idle does not
// end it.
func (w *waiter) wait(ctx context.Context, idle, until time.Duration) error {
	if ctx.Done() != nil {
		if ctx.Err() != nil {
			until, idle = 0, 0
		} else if until-w.now() > soon {
			stop := context.AfterFunc(ctx, w.wake)
			defer stop()
		}
	}
	if d := idle - w.now(); d > 0 {
		if err := w.poll(w.fds[:1], d); err != nil {
			return err
		}
	}
	if err := w.poll(w.fds, until-w.now()); err != nil {
		return err
	}
	if w.fds[0].Revents != 0 {
		var count [8]byte
		unix.Read(w.waker, count[:])
	}
	return nil
}

// soon is how long a wait may go on after the end of its context without being woken.
const soon = 10 * time.Millisecond

// poll waits. Short waits, of which a trace has hundreds a second, are made without the runtime's knowledge: its
// monitor thread stays asleep then, which otherwise looks in every 20 µs to see whether the call has ended. While one
// lasts the collector waits.
func (w *waiter) poll(fds []unix.PollFd, d time.Duration) error {
	timeout := unix.NsecToTimespec(int64(max(d, 0)))
	first, many := unsafe.Pointer(unsafe.SliceData(fds)), uintptr(len(fds))
	var errno syscall.Errno
	if d <= briefWait {
		_, _, errno = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(first), many, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
	} else {
		_, _, errno = unix.Syscall6(unix.SYS_PPOLL, uintptr(first), many, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
	}
	if errno != 0 && errno != unix.EINTR {
		return fmt.Errorf("trace: wait: %w", os.NewSyscallError("ppoll", errno))
	}
	return nil
}

// briefWait is the longest wait that other goroutines of the process may have to sit out.
const briefWait = quantum

// ready tells what the last wait found on a descriptor that is watched: something to read, and entries in the error
// queue.
func (w *waiter) ready(place int) (data, errors bool) {
	e := w.fds[place].Revents
	return e&unix.POLLIN != 0, e&unix.POLLERR != 0
}

func (w *waiter) stop() { unix.Close(w.waker) }

// backlog is what became known and was not yet taken.
type backlog struct {
	list  []arrival
	taken int
}

func (b *backlog) add(a *arrival) { b.list = append(b.list, *a) }

func (b *backlog) empty() bool { return b.taken == len(b.list) }

func (b *backlog) next(a *arrival) bool {
	if b.empty() {
		b.list, b.taken = b.list[:0], 0
		return false
	}
	*a = b.list[b.taken]
	b.taken++
	return true
}

// unsent tells that a probe could not be sent.
func (b *backlog) unsent(number uint64, at time.Duration, errno syscall.Errno) {
	b.list = append(b.list, arrival{n: number, at: at, failed: true,
		reply: Reply{Outcome: probe.Lost, Cause: probe.SendFailed, Errno: errno, QuotedTTL: -1}})
}

// permissionError is that of a socket that the process may not open.
type permissionError struct {
	err  error
	hint string
}

func (e *permissionError) Error() string { return e.err.Error() }
func (e *permissionError) Unwrap() error { return e.err }

// Hint says what to do about it.
func (e *permissionError) Hint() string { return e.hint }

// routes knows the ways out of the network namespace in which it was opened.
type routes struct {
	resolver *inject.Resolver
	asker    [2]int                // sockets that are connected, and send nothing: the kernel then says what it would send from, and its MTU
	name     unix.RawSockaddrInet6 // room for the address of either family
}

func openRoutes(device string) (*routes, error) {
	r := &routes{asker: [2]int{-1, -1}}
	var err error
	if r.resolver, err = inject.OpenResolver(device); err != nil {
		return nil, err
	}
	for i, family := range []int{unix.AF_INET, unix.AF_INET6} {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			continue // a family that is not there
		}
		r.asker[i] = fd
		if device != "" {
			if err := unix.BindToDevice(fd, device); err != nil {
				r.close()
				return nil, os.NewSyscallError("bind to device "+device, err)
			}
		}
	}
	return r, nil
}

func (r *routes) close() {
	if r.resolver != nil {
		r.resolver.Close()
	}
	for _, fd := range r.asker {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// connect connects the asking socket to a target, and returns it. Of many targets each is asked for: without a wait,
// and so without the runtime's knowledge.
func (r *routes) connect(target netip.Addr, scope uint32) (fd int, err error) {
	const port = 33434
	side, size := 0, uintptr(unix.SizeofSockaddrInet4)
	if target.Is6() {
		side, size = 1, unix.SizeofSockaddrInet6
		r.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(port), Addr: target.As16(), Scope_id: scope}
	} else {
		*r.name4() = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(port), Addr: as4(target)}
	}
	if fd = r.asker[side]; fd < 0 {
		return fd, unix.EAFNOSUPPORT
	}
	// Dissolved first: connected, it would keep its source address.
	if err := dissolve(fd); err != nil {
		return fd, err
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&r.name)), size); errno != 0 {
		return fd, errno
	}
	return fd, nil
}

// name4 is the room for a name as one of IPv4.
func (r *routes) name4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(&r.name))
}

// networkOrder returns the number whose bytes in memory are those of v in network order.
func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// source is the address that packets to a target leave with.
func (r *routes) source(target netip.Addr, scope uint32) (netip.Addr, error) {
	fd, err := r.connect(target, scope)
	if err != nil {
		return netip.Addr{}, err
	}
	size := uint32(unsafe.Sizeof(r.name))
	if _, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&r.name)), uintptr(unsafe.Pointer(&size))); errno != 0 {
		return netip.Addr{}, errno
	}
	if r.name.Family == unix.AF_INET {
		return netip.AddrFrom4(r.name4().Addr), nil
	}
	return netip.AddrFrom16(r.name.Addr), nil
}

// local is what this host knows of the way to a target.
func (r *routes) local(target netip.Addr, scope uint32) (l Local) {
	if route, err := r.resolver.Route(target.WithZone("")); err == nil {
		l.Interface, l.MTU, l.NextHop = route.Interface, route.MTU, route.NextHop
	}
	if fd, err := r.connect(target, scope); err == nil {
		level, option := unix.SOL_IP, unix.IP_MTU
		if target.Is6() {
			level, option = unix.SOL_IPV6, unix.IPV6_MTU
		}
		if v, err := unix.GetsockoptInt(fd, level, option); err == nil {
			l.Believed = v
		}
	}
	if l.MTU == 0 {
		l.MTU = l.Believed
	}
	return l
}

// dissolve takes a connected UDP socket back to one that is not (connect(2), AF_UNSPEC).
func dissolve(fd int) error {
	var none [16]byte // sockaddr with AF_UNSPEC, which is 0
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), uintptr(len(none))); errno != 0 {
		return errno
	}
	return nil
}

func as4(a netip.Addr) (b [4]byte) {
	if a.Is4() {
		b = a.As4()
	}
	return b
}

func messages(n, size int) []cmsg.Message {
	ms := make([]cmsg.Message, n)
	for i := range ms {
		ms[i] = cmsg.Message{Buf: make([]byte, size), OOB: make([]byte, 256)}
	}
	return ms
}
