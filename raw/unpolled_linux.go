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

// Read runs f once: nobody waits for the socket but await and awaitRoom, which look at its error queue too. A wait for
// room alone would be none while an entry lies there.
func (u *unpolled) Read(f func(fd uintptr) bool) error {
	done := false
	if err := u.Control(func(fd uintptr) { done = f(fd) }); err != nil || done {
		return err
	}
	return os.ErrDeadlineExceeded
}

// Write is Read for sends.
func (u *unpolled) Write(f func(fd uintptr) bool) error { return u.Read(f) }

func (u *unpolled) close() error {
	fd := u.fd.Swap(-1)
	if fd < 0 {
		return net.ErrClosed
	}
	return os.NewSyscallError("close", unix.Close(int(fd)))
}

// await waits for a packet, or an entry of an error queue, at most for d.
func (r *run) await(d time.Duration) {
	var fds [2]unix.PollFd
	for i, l := range r.links {
		fds[i] = unix.PollFd{Fd: int32(l.conn.unpolled.fd.Load()), Events: unix.POLLIN}
	}
	timeout := unix.NsecToTimespec(int64(max(d, 0)))
	unix.Ppoll(fds[:len(r.links)], &timeout, nil)
}

// awaitRoom waits, at most for d, until there is room to send, or something to take in that may be why there is none.
func (l *link) awaitRoom(d time.Duration) {
	fds := []unix.PollFd{{Events: unix.POLLOUT | unix.POLLIN}}
	_ = l.conn.rc.Control(func(fd uintptr) {
		fds[0].Fd = int32(fd)
		timeout := unix.NsecToTimespec(int64(d))
		unix.Ppoll(fds, &timeout, nil)
	})
	if fds[0].Revents&unix.POLLOUT == 0 && fds[0].Revents != 0 {
		// What is there has to be taken in first. If that changes nothing, the processor is not to be spent on asking.
		time.Sleep(time.Millisecond)
	}
}
