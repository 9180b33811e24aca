package inject_test

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var errEOF = io.EOF

// udpSocket is a UDP socket with a large buffer.
type udpSocket struct{ *os.File }

func openUDP(port, buffer int) (*udpSocket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "udp")
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer); err != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
		f.Close()
		return nil, err
	}
	return &udpSocket{f}, f.SetReadDeadline(time.Now().Add(10 * time.Second))
}
