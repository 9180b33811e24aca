package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// awaitStamps waits until the kernel stamps packets as they pass. It begins to only some time after the first
// socket has asked for it (net_enable_timestamp leaves the work to a kernel thread), and until then a packet
// gets the time at which it is read, which would put it after calls that it came before. A datagram to
// ourselves over the loopback interface, read later on purpose, tells the one from the other.
func awaitStamps() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	self := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(fd, self); err != nil {
		return fmt.Errorf("time stamps: %w", err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	if _, err := cmsg.Enable(fd, cmsg.RxSoftware); err != nil {
		return fmt.Errorf("time stamps: %w", err)
	}
	timeout := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return err
	}
	oob := make([]byte, 256)
	var info cmsg.Info
	for range 1000 {
		if err := unix.Sendto(fd, nil, 0, local); err != nil {
			return fmt.Errorf("time stamps: %w", err)
		}
		sent := time.Now()
		time.Sleep(300 * time.Microsecond)
		_, n, flags, _, err := unix.Recvmsg(fd, nil, oob, 0)
		if err != nil {
			return fmt.Errorf("time stamps: %w", err)
		}
		info.Reset()
		info.Parse(oob[:n], flags)
		if !info.Software.IsZero() && info.Software.UnixNano() <= sent.UnixNano() {
			return nil
		}
	}
	return errors.New("the kernel does not stamp packets as they pass")
}
