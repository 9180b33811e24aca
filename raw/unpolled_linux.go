package raw

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// leavePoller takes the socket away from the runtime's poller, so that what arrives wakes nobody. Reads that would wait
// have to be avoided from then on, deadlines have no effect, and x/net's views of the socket are gone.
func (c *Conn) leavePoller() error {
	var fd int
	var err error
	ctl := c.rc.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(ctl, os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)); err != nil {
		return err
	}
	u := new(unpolled)
	u.fd.Store(int64(fd))
	c.pc.Close()
	c.rc, c.unpolled = u, u
	c.recv = cmsg.NewReceiver(c.rc, batchSize)
	c.send, err = cmsg.NewSender(c.rc, batchSize)
	return err
}

// unpolled is a descriptor that the runtime knows nothing of. It is closed only when nobody uses it.
type unpolled struct{ fd atomic.Int64 }

// Control runs f on the descriptor.
func (u *unpolled) Control(f func(fd uintptr)) error {
	fd := u.fd.Load()
	if fd < 0 {
		return net.ErrClosed
	}
	f(uintptr(fd))
	return nil
}

// Read runs f until it is done, waiting in the kernel where it has to.
func (u *unpolled) Read(f func(fd uintptr) bool) error { return u.wait(f, unix.POLLIN) }

// Write is Read for sends.
func (u *unpolled) Write(f func(fd uintptr) bool) error { return u.wait(f, unix.POLLOUT) }

func (u *unpolled) wait(f func(fd uintptr) bool, events int16) error {
	for {
		fd := u.fd.Load()
		if fd < 0 {
			return net.ErrClosed
		}
		if f(uintptr(fd)) {
			return nil
		}
		// A timeout, so that a close is noticed.
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 100)
	}
}

func (u *unpolled) close() error {
	fd := u.fd.Swap(-1)
	if fd < 0 {
		return net.ErrClosed
	}
	return os.NewSyscallError("close", unix.Close(int(fd)))
}

// await waits for a packet, or an entry of an error queue, at most for d.
func (r *Run) await(d time.Duration) {
	var fds [2]unix.PollFd
	n := 0
	for _, l := range r.links {
		if l != nil {
			fds[n] = unix.PollFd{Fd: int32(l.conn.unpolled.fd.Load()), Events: unix.POLLIN}
			n++
		}
	}
	timeout := unix.NsecToTimespec(int64(max(d, 0)))
	unix.Ppoll(fds[:n], &timeout, nil)
}
