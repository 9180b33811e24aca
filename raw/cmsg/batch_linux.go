package cmsg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Header is struct mmsghdr: one message of sendmmsg(2) or recvmmsg(2), and how many bytes of it went or came. Go pads
// it as C does.
type Header struct {
	unix.Msghdr
	N uint32
}

// vector is the kernel's view of a batch of messages.
type vector struct {
	hdrs  []Header
	iovs  []unix.Iovec
	names []unix.RawSockaddrAny
}

func newVector(n int) vector {
	v := vector{make([]Header, n), make([]unix.Iovec, n), make([]unix.RawSockaddrAny, n)}
	for i := range v.hdrs {
		h := &v.hdrs[i].Msghdr
		h.Name = (*byte)(unsafe.Pointer(&v.names[i]))
		h.Iov = &v.iovs[i]
		h.SetIovlen(1)
	}
	return v
}

// buffers points message i at the caller's memory.
func (v *vector) buffers(i int, m *Message) {
	v.iovs[i].Base = unsafe.SliceData(m.Buf)
	v.iovs[i].SetLen(len(m.Buf))
	h := &v.hdrs[i].Msghdr
	h.Control = unsafe.SliceData(m.OOB)
	h.SetControllen(len(m.OOB))
}

func (v *vector) name(i int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&v.names[i])), unix.SizeofSockaddrAny)
}

// Receiver receives batches of datagrams, or entries of the error queue, from one socket without allocating.
// Waiting is done by the runtime's poller: read deadlines and Close of the socket end it with
// [os.ErrDeadlineExceeded] and [net.ErrClosed]. A Receiver serves one goroutine; while it waits, another Receiver
// of the same socket waits behind it.
type Receiver struct {
	// Brief has the system calls made without the runtime's knowledge. That keeps its monitor thread asleep, which
	// costs a program that wakes often and does little more than its work; but while a call lasts, the collector waits.
	// So it is for batches that the kernel is through with in some microseconds.
	Brief bool

	// Began is when the receive that returned last looked at the socket for the last time: whatever had arrived by then
	// and has not been returned was beyond the room for it.
	Began time.Time

	rc   syscall.RawConn
	idle atomic.Bool
	vec  vector
	step func(fd uintptr) bool // r.poll, bound once: a method value made per call would be an allocation

	once func(fd uintptr) // r.pollOnce, for the same reason

	// Arguments and results of step.
	data, errs   []Message
	wait         bool
	nData, nErrs int
	errno        syscall.Errno
	done         bool // of once
}

// NewReceiver returns a Receiver of at most n messages per system call (1 to 1024) from the socket behind rc.
func NewReceiver(rc syscall.RawConn, n int) *Receiver {
	r := &Receiver{rc: rc, vec: newVector(min(max(n, 1), 1024))}
	r.step, r.once = r.poll, r.pollOnce
	return r
}

// Receive waits for datagrams and fills ms from the front with what is there: at least one, at most len(ms) or the
// Receiver's own limit. It never waits for more once it has one. An error of the socket, such as a pending ICMP
// error, is returned as an [*os.SyscallError]; it is used up by that and the socket stays usable.
func (r *Receiver) Receive(ms []Message) (int, error) {
	n, _, err := r.run(ms, nil, true)
	return n, err
}

// TryReceive is Receive without waiting, neither for datagrams nor for another Receiver of the socket that does: 0 and
// nil if there is nothing. A deadline has no effect on it.
func (r *Receiver) TryReceive(ms []Message) (int, error) {
	n, _, err := r.run(ms, nil, false)
	return n, err
}

// TryReceiveErrors takes entries off the error queue (MSG_ERRQUEUE) without waiting: 0 and nil if it is empty.
// Buf receives what the entry quotes of the datagram that was sent, Addr the address it was sent to.
func (r *Receiver) TryReceiveErrors(ms []Message) (int, error) {
	_, n, err := r.run(nil, ms, false)
	return n, err
}

// ReceiveBoth waits until there are datagrams or entries in the error queue, and fills data and errs with them. The
// error queue is read second: what was queued before a datagram arrived, such as the send timestamp of the request
// it answers, is in errs, unless errs was too short.
// A pending error that the error queue explains is not returned as an error too.
func (r *Receiver) ReceiveBoth(data, errs []Message) (nData, nErrs int, err error) {
	return r.run(data, errs, true)
}

// TryReceiveBoth is ReceiveBoth without waiting.
func (r *Receiver) TryReceiveBoth(data, errs []Message) (nData, nErrs int, err error) {
	return r.run(data, errs, false)
}

// Waiting tells whether a receive is waiting, having found nothing. Another goroutine that sees the socket empty, and
// then sees this, knows that no message is on its way to the Receiver's caller. Any goroutine may call it.
func (r *Receiver) Waiting() bool { return r.idle.Load() }

func (r *Receiver) run(data, errs []Message, wait bool) (int, int, error) {
	if len(data) == 0 && len(errs) == 0 {
		return 0, 0, nil
	}
	r.data, r.errs, r.wait = data, errs, wait
	r.nData, r.nErrs, r.errno = 0, 0, 0
	err := r.read()
	r.data, r.errs = nil, nil
	if err == nil && r.errno != 0 {
		err = os.NewSyscallError("recvmmsg", r.errno)
	}
	return r.nData, r.nErrs, err
}

// read runs poll until it is done. What never waits does not ask the poller, which would have it wait behind another
// goroutine's read, or refuse it after a deadline.
func (r *Receiver) read() error {
	if !r.wait {
		return r.rc.Control(r.once)
	}
	err := r.rc.Read(r.step)
	for notPollable(err) {
		if err = r.rc.Control(r.once); err == nil && !r.done {
			err = r.rc.Read(r.step)
		}
	}
	return err
}

// poll makes one attempt; it returns false to be called again when the socket may have something.
func (r *Receiver) poll(fd uintptr) bool {
	r.idle.Store(false)
	r.Began = time.Now()
	// A pending error fails one read of the datagrams; with an error queue to look at, the queue tells it better.
	for try := 0; ; try++ {
		if len(r.data) > 0 {
			r.nData, r.errno = r.recvmmsg(fd, r.data, 0)
		}
		if len(r.errs) > 0 {
			var errno syscall.Errno
			r.nErrs, errno = r.recvmmsg(fd, r.errs, unix.MSG_ERRQUEUE)
			if errno != 0 && errno != unix.EAGAIN {
				r.errno = errno
				return true
			}
		}
		if r.nData+r.nErrs > 0 {
			r.errno = 0
			return true
		}
		if r.errno == unix.EAGAIN || r.errno == 0 {
			r.errno = 0
			r.idle.Store(r.wait)
			return !r.wait
		}
		if len(r.errs) == 0 || try > 0 {
			return true
		}
	}
}

// notPollable tells the error with which the runtime's poller refuses to wait for a socket that reported EPOLLERR and
// nothing else: one whose error queue is not empty and whose send buffer is full. That is no fault of the socket, and
// the poller keeps refusing, even if the queue has been read, until data comes or the send buffer has room. The error's
// value is internal to package os.
func notPollable(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "not pollable")
}

// Earlier tells whether an error of a call is one that the kernel makes of ICMP errors, and so says nothing about this
// call: it was left on the socket by an earlier send.
func Earlier(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains([]syscall.Errno{unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH,
		unix.EHOSTDOWN, unix.ENONET, unix.ENOPROTOOPT, unix.EMSGSIZE, unix.EOPNOTSUPP, unix.EPROTO, unix.EACCES}, errno)
}

// pollOnce does what step and the poller would: one attempt, and if that finds nothing a wait. It waits in the kernel,
// and not for long, because a deadline or a Close is noticed only when the poller is asked again.
func (r *Receiver) pollOnce(fd uintptr) {
	if r.done = r.poll(fd); r.done {
		return
	}
	const patience = 20 * time.Millisecond
	if len(r.errs) == 0 {
		time.Sleep(patience / 10) // the queue that nobody reads here would end every wait at once
		return
	}
	unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
}

func (r *Receiver) recvmmsg(fd uintptr, ms []Message, flags int) (int, syscall.Errno) {
	ms = ms[:min(len(ms), len(r.vec.hdrs))]
	for i := range ms {
		r.vec.buffers(i, &ms[i])
		r.vec.hdrs[i].Namelen = unix.SizeofSockaddrAny
		r.vec.hdrs[i].Flags = 0
	}
	var n uintptr
	var errno syscall.Errno
	for {
		n, errno = batchCall(r.Brief, unix.SYS_RECVMMSG, fd, r.vec.hdrs[:len(ms)], flags|unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		if errno != unix.EINTR {
			break
		}
	}
	if errno != 0 {
		return 0, errno
	}
	for i := range ms[:n] {
		h, m := &r.vec.hdrs[i], &ms[i]
		m.N, m.NN = int(h.N), int(h.Controllen)
		m.Flags = int(h.Flags) &^ unix.MSG_CMSG_CLOEXEC // the kernel echoes it
		m.Addr, m.Scope = sockaddr(r.vec.name(i)[:min(h.Namelen, unix.SizeofSockaddrAny)])
	}
	return int(n), 0
}

// batchCall makes one of the calls for several messages.
func batchCall(brief bool, call, fd uintptr, hdrs []Header, flags int) (n uintptr, errno syscall.Errno) {
	if brief {
		n, _, errno = unix.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))), uintptr(len(hdrs)), uintptr(flags), 0, 0)
	} else {
		n, _, errno = unix.Syscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))), uintptr(len(hdrs)), uintptr(flags), 0, 0)
	}
	return n, errno
}

// UnixName returns the source name of message i of the last batch received from a Unix socket: a path, an abstract
// name with its leading zero byte, or nothing. It is valid until the next call of r.
func (r *Receiver) UnixName(i int) []byte {
	size := int(min(r.vec.hdrs[i].Namelen, unix.SizeofSockaddrAny))
	if size <= 2 || r.vec.names[i].Addr.Family != unix.AF_UNIX {
		return nil
	}
	name := r.vec.name(i)[2:size]
	if name[0] != 0 && name[len(name)-1] == 0 {
		name = name[:len(name)-1]
	}
	return name
}

// Sender sends batches of datagrams on one socket without allocating. Waiting for room in the send buffer is done by
// the runtime's poller, as with [Receiver]. A Sender serves one goroutine; several Senders of one socket take turns.
type Sender struct {
	Brief bool // as for [Receiver]

	rc     syscall.RawConn
	vec    vector
	domain int
	step   func(fd uintptr) bool
	once   func(fd uintptr)

	ms    []Message
	wait  bool
	n     int
	errno syscall.Errno
}

// NewSender returns a Sender of at most n messages per system call (1 to 1024) on the socket behind rc.
func NewSender(rc syscall.RawConn, n int) (*Sender, error) {
	s := &Sender{rc: rc, vec: newVector(min(max(n, 1), 1024))}
	s.step = s.poll
	s.once = func(fd uintptr) { s.poll(fd) }
	var err error
	ctl := rc.Control(func(fd uintptr) {
		s.domain, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
	})
	if err = errors.Join(ctl, err); err != nil {
		return nil, fmt.Errorf("cmsg: new sender: %w", err)
	}
	return s, nil
}

// Send sends all of ms in order, waiting for room when the send buffer is full. It returns how many the kernel took;
// the error, an [*os.SyscallError] unless a deadline or Close ended the wait, is that of ms[n]. The kernel reports
// an error only for the first message of a system call, after another attempt at that message.
func (s *Sender) Send(ms []Message) (n int, err error) { return s.run(ms, true) }

// TrySend is Send without waiting, neither for room nor for another Sender of the socket that does: it returns early,
// and without an error, when the send buffer is full. A deadline has no effect on it.
func (s *Sender) TrySend(ms []Message) (n int, err error) { return s.run(ms, false) }

func (s *Sender) run(ms []Message, wait bool) (int, error) {
	for i := range ms {
		if !s.fits(ms[i].Addr.Addr()) {
			return 0, fmt.Errorf("cmsg: send: message %d: %v is not of the socket's family: %w", i, ms[i].Addr, os.ErrInvalid)
		}
	}
	if len(ms) == 0 {
		return 0, nil
	}
	s.ms, s.wait, s.n, s.errno = ms, wait, 0, 0
	var err error
	if wait {
		err = s.rc.Write(s.step)
	} else {
		err = s.rc.Control(s.once)
	}
	s.ms = nil
	if err == nil && s.errno != 0 {
		err = os.NewSyscallError("sendmmsg", s.errno)
	}
	return s.n, err
}

func (s *Sender) fits(a netip.Addr) bool {
	return !a.IsValid() || s.domain == unix.AF_INET6 || s.domain == unix.AF_INET && a.Unmap().Is4()
}

// poll sends until all is sent or something stands in the way; false asks to be called when there is room.
func (s *Sender) poll(fd uintptr) bool {
	for s.n < len(s.ms) {
		ms := s.ms[s.n:min(len(s.ms), s.n+len(s.vec.hdrs))]
		for i := range ms {
			s.vec.buffers(i, &ms[i])
			s.vec.hdrs[i].Namelen = s.putName(i, &ms[i])
		}
		n, errno := batchCall(s.Brief, unix.SYS_SENDMMSG, fd, s.vec.hdrs[:len(ms)], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch errno {
		case 0:
			for i := range ms[:n] {
				ms[i].N = int(s.vec.hdrs[i].N)
			}
			s.n += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return !s.wait
		default:
			s.errno = errno
			return true
		}
	}
	return true
}

// putName writes the destination of message i in the socket's family and returns its length, 0 for none.
func (s *Sender) putName(i int, m *Message) uint32 {
	ip := m.Addr.Addr()
	if !ip.IsValid() {
		return 0
	}
	if s.domain == unix.AF_INET {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.vec.names[i]))
		*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: bigEndian(m.Addr.Port()), Addr: ip.Unmap().As4()}
		return unix.SizeofSockaddrInet4
	}
	sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&s.vec.names[i]))
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: bigEndian(m.Addr.Port()), Addr: ip.As16(), Scope_id: m.Scope}
	return unix.SizeofSockaddrInet6
}

// bigEndian returns the number whose bytes in memory are those of v in network order.
func bigEndian(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return ne.Uint16(b[:])
}
