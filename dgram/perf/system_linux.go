package perf

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"sockwire/dgram"
	"sockwire/raw/cmsg"
)

// ownClock asks the kernel.
func ownClock() clock {
	var c clock
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		c.Boot = hashed(strings.TrimSpace(string(id)))
	}
	var t unix.Timex
	if state, err := unix.Adjtimex(&t); err == nil {
		c.Synced = state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
		c.MaxError = int64(t.Maxerror) * 1000
	}
	return c
}

// shareAddress lets sessions have sockets of their own on the address of a socket that was opened without sharing, so
// that two servers do not share an address unnoticed. Each session's socket then has a receive buffer and a drop count
// of its own.
func shareAddress(c *dgram.Conn) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return cmsg.Control(rc, func(fd int) error {
		return os.NewSyscallError("setsockopt SO_REUSEADDR", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	})
}

// timesSends: this system can tell when a datagram leaves.
const timesSends = true

// hearsRouters: this system tells a socket what routers say of each datagram that it has sent (IP_RECVERR).
const hearsRouters = true

// probePath has a connected socket set DF on all it sends, and ignore what the system knows of the path.
func probePath(c *dgram.Conn) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	level, option, value := unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE
	if c.RemoteAddr().IP.Addr().Is6() {
		level, option, value = unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE
	}
	return cmsg.Control(rc, func(fd int) error {
		return os.NewSyscallError("setsockopt IP_MTU_DISCOVER", unix.SetsockoptInt(fd, level, option, value))
	})
}

// unsentBytes is how much of a socket's send buffer is taken by what has not left this host (SIOCOUTQ); 0 if that is
// not told.
func unsentBytes(rc syscall.RawConn) (n int) {
	_ = rc.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}
