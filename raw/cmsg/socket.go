package cmsg

import (
	"context"
	"os"
	"syscall"
	"time"
)

// Control runs f on the descriptor behind rc and returns what f returns, or why it could not be run.
func Control(rc syscall.RawConn, f func(fd int) error) error {
	var err error
	if refused := rc.Control(func(fd uintptr) { err = f(int(fd)) }); refused != nil {
		return refused
	}
	return err
}

// Socket is a descriptor that package net has no type for, such as a packet socket's or a timer's. It is a
// [syscall.RawConn] for [NewReceiver], [NewSender] and [Control]. If the descriptor does not block, reads and writes
// wait by the runtime's poller: deadlines end them with [os.ErrDeadlineExceeded], and Close with an error.
type Socket struct {
	syscall.RawConn
	file *os.File
}

// NewSocket takes over an open descriptor. The name is for errors.
func NewSocket(fd int, name string) *Socket {
	file := os.NewFile(uintptr(fd), name)
	rc, err := file.SyscallConn()
	if err != nil {
		panic("cmsg: " + name + " is no descriptor") // nothing else fails there
	}
	return &Socket{rc, file}
}

// SetReadDeadline ends reads that wait at t. The zero time is never.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.file.SetReadDeadline(t) }

// SetWriteDeadline ends writes that wait at t. The zero time is never.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.file.SetWriteDeadline(t) }

// Close closes the descriptor and wakes whoever waits on it.
func (s *Socket) Close() error { return s.file.Close() }

// Until has ctx end what waits until a deadline that set sets. The function it returns undoes that, and takes the
// deadline away.
func Until(ctx context.Context, set func(time.Time) error) (stop func()) {
	done := make(chan struct{})
	off := context.AfterFunc(ctx, func() {
		_ = set(time.Unix(1, 0))
		close(done)
	})
	return func() {
		if !off() {
			<-done // or it would come after it is taken away
		}
		_ = set(time.Time{})
	}
}
