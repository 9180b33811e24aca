package inject

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// packetReceiver sees what passes on one device, one packet a system call, without link headers.
type packetReceiver struct {
	conn     *cmsg.Socket
	loopback bool
	stopped  atomic.Bool
	buf      []byte
	oob      []byte
	info     cmsg.Info

	// Arguments and results of read.
	n, oobn int
	from    unix.Sockaddr
	err     error
}

// receiveBuffer is the receive buffer asked for, in bytes: some thousands of small packets.
const receiveBuffer = 4 << 20

// OpenReceiver returns a receiver of all that passes on a device, for exchanges of a few packets: it has no filter and
// makes a system call for each. A live capture with a filter does it for many. It needs CAP_NET_RAW while it is opened.
func OpenReceiver(device string) (Receiver, error) {
	r, err := openReceiver(device)
	if err != nil {
		return nil, fmt.Errorf("inject: receive on %s: %w", device, err)
	}
	return r, nil
}

func openReceiver(name string) (*packetReceiver, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	// With protocol 0 the socket receives nothing before bind.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("packet socket", err)
	}
	r := &packetReceiver{
		conn: cmsg.NewSocket(fd, "receiver"), loopback: device.Flags&net.FlagLoopback != 0, buf: make([]byte, 1<<16), oob: make([]byte, 256),
	}
	cmsg.SetReadBuffer(fd, receiveBuffer) // the kernel grants what it may
	err = os.NewSyscallError("SO_TIMESTAMPNS", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	if err == nil {
		all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: device.Index}))
	}
	if err != nil {
		r.conn.Close()
		return nil, err
	}
	return r, nil
}

func (r *packetReceiver) Next(got *Received) error {
	for {
		if err := r.receive(); err != nil {
			return err
		}
		from, ok := r.from.(*unix.SockaddrLinklayer)
		leaving := ok && from.Pkttype == unix.PACKET_OUTGOING
		if leaving && r.loopback { // it comes again as an arrival
			continue
		}
		*got = Received{Frame: r.buf[:r.n], Time: r.stamp(), Leaving: leaving}
		return nil
	}
}

// receive reads one packet, or what is left of them after Stop.
func (r *packetReceiver) receive() error {
	if !r.stopped.Load() {
		err := r.conn.Read(r.read)
		if err == nil {
			return r.err
		}
		if !r.stopped.Load() {
			return err
		}
	}
	if err := r.conn.Control(func(fd uintptr) { r.read(fd) }); err != nil {
		return err
	}
	if r.err == unix.EAGAIN {
		return io.EOF
	}
	return r.err
}

func (r *packetReceiver) read(fd uintptr) (done bool) {
	for {
		r.n, r.oobn, _, r.from, r.err = unix.Recvmsg(int(fd), r.buf, r.oob, unix.MSG_DONTWAIT)
		if r.err != unix.EINTR {
			return r.err != unix.EAGAIN
		}
	}
}

// stamp returns when the kernel saw the packet.
func (r *packetReceiver) stamp() time.Time {
	if r.info.Parse(r.oob[:r.oobn], 0); r.info.Has&cmsg.RxSoftware != 0 {
		return r.info.Software
	}
	return time.Now()
}

func (r *packetReceiver) SetReadDeadline(t time.Time) error {
	if r.stopped.Load() {
		return nil
	}
	return r.conn.SetReadDeadline(t)
}

// Stop leaves what is queued to be read.
func (r *packetReceiver) Stop() error {
	if r.stopped.Swap(true) {
		return nil
	}
	err := cmsg.Control(r.conn, func(fd int) error {
		// Any protocol that nothing has takes the socket off the device's traffic.
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_LOOP}), Ifindex: 0})
	})
	r.conn.SetReadDeadline(time.Unix(1, 0))
	return os.NewSyscallError("bind", err)
}

func (r *packetReceiver) Close() error { return r.conn.Close() }
