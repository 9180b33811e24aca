package cmsg

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// StampsSends tells whether the kernel stamps a datagram on its way out where it is asked to with the call that sends
// it ([TxPerCall]): if it does, one without a stamp never reached a device. The error says why not, or why that is not
// known.
func StampsSends() error {
	fd, self, err := toItself(TxPerCall)
	if err != nil {
		return fmt.Errorf("cmsg: send stamps: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendmsg(fd, nil, AppendTimestampID(AppendTimestamping(nil, TxSched), 1), self, 0); err != nil {
		return fmt.Errorf("cmsg: send stamps: %w", err)
	}
	// The stamp is queued within the send.
	oob := make([]byte, 256)
	_, n, flags, _, err := unix.Recvmsg(fd, nil, oob, unix.MSG_ERRQUEUE)
	if err != nil {
		return fmt.Errorf("cmsg: send stamps: %w", err)
	}
	var info Info
	info.Parse(oob[:n], flags)
	if _, _, ok := info.Error.Timestamp(); !ok {
		return errors.New("cmsg: the kernel does not stamp what is sent")
	}
	return nil
}

// toItself opens a socket on the loopback interface for datagrams to its own address, which reports what want names.
func toItself(want Set) (fd int, self unix.Sockaddr, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, nil, os.NewSyscallError("socket", err)
	}
	if _, err = Enable(fd, want); err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		self, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
	}
	return fd, self, err
}

// AwaitStamps waits, for at most some five seconds, until the kernel stamps packets as they pass. It begins to
// only some time after the first socket has asked for it (net_enable_timestamp leaves the work to a kernel thread), and
// until then a packet has no time, or that at which it is read. So call it once the socket is open whose times matter.
//
// A datagram to ourselves over the loopback interface, read later on purpose, tells the one from the other. The error
// says that it could not be sent, as where that interface is down, or that no stamp came.
func AwaitStamps() error {
	fd, self, err := toItself(RxSoftware)
	if err != nil {
		return fmt.Errorf("cmsg: time stamps: %w", err)
	}
	defer unix.Close(fd)
	timeout := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return fmt.Errorf("cmsg: time stamps: %w", err)
	}
	oob := make([]byte, 256)
	var info Info
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if err := unix.Sendto(fd, nil, 0, self); err != nil {
			return fmt.Errorf("cmsg: time stamps: %w", err)
		}
		sent := time.Now()
		nap(300 * time.Microsecond)
		_, n, flags, _, err := unix.Recvmsg(fd, nil, oob, 0)
		if err != nil {
			return fmt.Errorf("cmsg: time stamps: %w", err)
		}
		info.Parse(oob[:n], flags)
		if !info.Software.IsZero() && info.Software.UnixNano() <= sent.UnixNano() {
			return nil
		}
	}
	return errors.New("cmsg: the kernel does not stamp packets as they pass")
}

// nap sleeps on this thread: the runtime's timers wait for a whole millisecond where nothing else runs.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil)
}
