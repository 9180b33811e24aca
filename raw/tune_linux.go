package raw

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// tune sets the socket options of a Pinger that Config has no word for.
func tune(c *Conn, p *Pinger) error {
	var err error
	ctl := c.rc.Control(func(fd uintptr) { err = tuneSocket(int(fd), c.family, p) })
	return errors.Join(ctl, err)
}

func tuneSocket(fd, family int, p *Pinger) error {
	level, discover := unix.SOL_IP, unix.IP_MTU_DISCOVER
	loopLevel, loop := unix.SOL_IP, unix.IP_MULTICAST_LOOP
	if family == 6 {
		level, discover = unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER
		loopLevel, loop = unix.SOL_IPV6, unix.IPV6_MULTICAST_LOOP
	}
	// The kernel's numbers of IPv4 and IPv6 are the same.
	ways := map[Fragmentation]int{FragmentDo: unix.IP_PMTUDISC_DO, FragmentWant: unix.IP_PMTUDISC_WANT, FragmentDont: unix.IP_PMTUDISC_DONT,
		FragmentProbe: unix.IP_PMTUDISC_PROBE}
	if way, ok := ways[p.Fragment]; ok {
		if err := unix.SetsockoptInt(fd, level, discover, way); err != nil {
			return fmt.Errorf("path MTU discovery: %w", os.NewSyscallError("setsockopt", err))
		}
	}
	if p.SendBuffer > 0 {
		if _, err := cmsg.SetWriteBuffer(fd, p.SendBuffer); err != nil {
			return err
		}
	}
	if p.NoLoop {
		if err := unix.SetsockoptInt(fd, loopLevel, loop, 0); err != nil {
			return fmt.Errorf("multicast loop: %w", os.NewSyscallError("setsockopt", err))
		}
	}
	if len(p.Options) > 0 && family == 4 {
		if err := unix.SetsockoptString(fd, unix.SOL_IP, unix.IP_OPTIONS, string(p.Options)); err != nil {
			return fmt.Errorf("IPv4 options: %w", os.NewSyscallError("setsockopt IP_OPTIONS", err))
		}
	}
	return nil
}

// defaultTTL returns the time to live that an IPv4 socket sends with.
func defaultTTL(c *Conn) (ttl byte, err error) {
	ctl := c.rc.Control(func(fd uintptr) {
		var n int
		n, err = unix.GetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TTL)
		ttl = byte(n)
	})
	return ttl, errors.Join(ctl, err)
}
