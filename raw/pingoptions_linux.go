package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// setPingOptions sets the socket options of a Pinger that Config has no word for.
func setPingOptions(c *Conn, p *Pinger) error {
	if p.NoLoop {
		loop := func() error { return ipv4.NewPacketConn(c.pc).SetMulticastLoopback(false) }
		if c.family == 6 {
			loop = func() error { return ipv6.NewPacketConn(c.pc).SetMulticastLoopback(false) }
		}
		if err := loop(); err != nil {
			return fmt.Errorf("multicast loop: %w", err)
		}
	}
	return cmsg.Control(c.rc, func(fd int) error { return setSocketOptions(fd, c.family, p) })
}

// setSocketOptions sets those that x/net has no word for.
func setSocketOptions(fd, family int, p *Pinger) error {
	level, discover := unix.SOL_IP, unix.IP_MTU_DISCOVER
	if family == 6 {
		level, discover = unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER
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
	if len(p.Options) > 0 && family == 4 {
		if err := unix.SetsockoptString(fd, unix.SOL_IP, unix.IP_OPTIONS, string(p.Options)); err != nil {
			return fmt.Errorf("IPv4 options: %w", os.NewSyscallError("setsockopt IP_OPTIONS", err))
		}
	}
	return nil
}

// Who may use a leased flow label: IPV6_FL_S_EXCL and IPV6_FL_S_ANY of linux/in6.h.
const (
	labelExclusive = 1
	labelAnybody   = 255
)

// leaseFlowLabel asks the kernel for an IPv6 flow label and returns why it is refused, 0 if it is not. Without that,
// labels may be used only while nobody in this network namespace has one for himself.
func leaseFlowLabel(c *Conn, label uint32, target netip.Addr, share byte) (errno syscall.Errno) {
	// struct in6_flowlabel_req of linux/in6.h
	const (
		manager = 32 // IPV6_FLOWLABEL_MGR
		create  = 1  // IPV6_FL_F_CREATE
	)
	var req [32]byte
	dst := target.As16()
	copy(req[:], dst[:])
	binary.BigEndian.PutUint32(req[16:], label)
	req[21] = share
	binary.NativeEndian.PutUint16(req[22:], create)
	err := c.rc.Control(func(fd uintptr) {
		if err := unix.SetsockoptString(int(fd), unix.SOL_IPV6, manager, string(req[:])); err != nil {
			errors.As(err, &errno)
		}
	})
	if err != nil {
		return syscall.EBADF
	}
	return errno
}
