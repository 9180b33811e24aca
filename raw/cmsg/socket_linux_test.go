package cmsg

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Socket serves a Receiver as a net.Conn does: deadlines and Close end its wait, what comes is received.
func TestSocket(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := NewSocket(fds[0], "near"), NewSocket(fds[1], "far")
	defer far.Close()
	ms := []Message{{Buf: make([]byte, 10)}}
	r := NewReceiver(near, 1)
	if err := near.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Receive(ms); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	if n, err := r.TryReceive(ms); n != 0 || err != nil {
		t.Errorf("a try after the deadline: %d, %v", n, err)
	}
	if err := near.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := Control(far, func(fd int) error { return unix.Send(fd, []byte("hello"), 0) }); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Receive(ms); n != 1 || err != nil || string(ms[0].Buf[:ms[0].N]) != "hello" {
		t.Errorf("received %d, %v, %q", n, err, ms[0].Buf[:ms[0].N])
	}
	ended := make(chan error)
	go func() {
		_, err := r.Receive(ms)
		ended <- err
	}()
	near.Close()
	if err := <-ended; err == nil {
		t.Error("received from a closed socket")
	}
	if err := Control(near, func(int) error { return nil }); err == nil {
		t.Error("a closed socket is controlled")
	}
	want := errors.New("its own")
	if err := Control(far, func(int) error { return want }); err != want {
		t.Errorf("got %v", err)
	}
}
