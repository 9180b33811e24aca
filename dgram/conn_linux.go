package dgram

import (
	"cmp"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// dualOptions: an IPv6 socket takes the options of IPv4 too.
const dualOptions = true

// control sets the options that must be there before bind or connect, and gives a Unix socket a name if autobind.
func control(cfg *Config, autobind bool) func(network, address string, rc syscall.RawConn) error {
	return func(network, _ string, rc syscall.RawConn) error {
		return cmsg.Control(rc, func(fd int) error { return preset(fd, network, cfg, autobind) })
	}
}

func preset(fd int, network string, cfg *Config, autobind bool) error {
	if _, err := cmsg.SetReadBuffer(fd, cmp.Or(cfg.ReadBuffer, -1)); err != nil { // what comes at once fills it too
		return err
	}
	if isUnix(network) {
		if autobind {
			return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{}))
		}
		return nil
	}
	o := options{fd: fd}
	o.flag("SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST, cfg.Broadcast) // Go has set it
	if cfg.ReuseAddr {
		o.set("SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if cfg.ReusePort {
		o.set("SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if cfg.Interface != "" && o.err == nil {
		o.err = os.NewSyscallError("setsockopt SO_BINDTODEVICE "+cfg.Interface, unix.BindToDevice(fd, cfg.Interface))
	}
	if cfg.Mark != 0 {
		o.set("SO_MARK", unix.SOL_SOCKET, unix.SO_MARK, cfg.Mark)
	}
	if o.err != nil {
		return o.err
	}
	// A datagram that arrives before it is asked for has no interface (ipv4_pktinfo_prepare) and no time of its own.
	want := cmsg.PacketInfo | cmsg.TTL | cmsg.TOS | cmsg.RxSoftware | cmsg.Drops | cmsg.Errors
	if cfg.SendTimes {
		want |= cmsg.TxPerCall
	}
	_, err := cmsg.Enable(fd, want)
	return err
}

// options sets socket options until one fails.
type options struct {
	fd  int
	err error
}

func (o *options) set(name string, level, opt, value int) {
	if o.err == nil {
		o.err = os.NewSyscallError("setsockopt "+name, unix.SetsockoptInt(o.fd, level, opt, value))
	}
}

func (o *options) flag(name string, level, opt int, on bool) {
	value := 0
	if on {
		value = 1
	}
	o.set(name, level, opt, value)
}

// setup sets the rest of the options on an open socket.
func (c *Conn) setup(cfg *Config) error {
	rc, err := c.nc.SyscallConn()
	if err != nil {
		return err
	}
	if err := cmsg.Control(rc, func(fd int) error { return c.configure(fd, cfg) }); err != nil {
		return err
	}
	if err := c.back.setup(rc, cfg); err != nil {
		return err
	}
	c.back.atOnce, c.back.unix.atOnce = true, true
	return c.out.setup(rc, cfg)
}

func (c *Conn) configure(fd int, cfg *Config) error {
	var err error
	if c.readBuffer, err = cmsg.SetReadBuffer(fd, -1); err != nil {
		return err
	}
	if c.writeBuffer, err = cmsg.SetWriteBuffer(fd, cmp.Or(cfg.WriteBuffer, -1)); err != nil {
		return err
	}
	if isUnix(c.network) {
		if cfg.Credentials {
			_, err := cmsg.Enable(fd, cmsg.Credentials)
			return err
		}
		return nil
	}
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return os.NewSyscallError("getsockopt SO_DOMAIN", err)
	}
	c.family6 = domain == unix.AF_INET6
	o := options{fd: fd}
	c.ownOptions(&o, cfg)
	if o.err != nil {
		return o.err
	}
	c.markReplies = cfg.MarkReplies && cfg.TTL == 0
	c.out.stamping = cfg.SendTimes
	if cfg.Coalesce {
		granted, _ := cmsg.Enable(fd, cmsg.GRO) // an old kernel hands over one by one, as without
		c.coalesce = granted&cmsg.GRO != 0
	}
	return nil
}

// ownOptions sets what x/net does not know, for both families where the socket carries both. On an IPv6 socket the
// options of IPv4 hold for the IPv4 it carries; where it carries none they do no harm.
func (c *Conn) ownOptions(o *options, cfg *Config) {
	discover4 := [...]int{-1, unix.IP_PMTUDISC_DONT, unix.IP_PMTUDISC_DO, unix.IP_PMTUDISC_PROBE}[cfg.Fragmentation]
	if c.family6 {
		discover6 := [...]int{-1, unix.IPV6_PMTUDISC_DONT, unix.IPV6_PMTUDISC_DO, unix.IPV6_PMTUDISC_PROBE}[cfg.Fragmentation]
		if discover6 >= 0 {
			o.set("IPV6_MTU_DISCOVER", unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, discover6)
		}
		o.set("IPV6_MULTICAST_ALL", unix.SOL_IPV6, unix.IPV6_MULTICAST_ALL, 0)
	}
	if discover4 >= 0 {
		o.set("IP_MTU_DISCOVER", unix.SOL_IP, unix.IP_MTU_DISCOVER, discover4)
	}
	o.set("IP_MULTICAST_ALL", unix.SOL_IP, unix.IP_MULTICAST_ALL, 0)
}

// StopCoalescing has the kernel hand over datagrams one by one from now on (Config.Coalesce). It is for who finds that
// joined ones are not what was sent.
func (c *Conn) StopCoalescing() error {
	rc, err := c.nc.SyscallConn()
	if err == nil {
		err = cmsg.Control(rc, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 0) })
	}
	if err != nil {
		return fmt.Errorf("dgram: stop coalescing: %w", os.NewSyscallError("setsockopt UDP_GRO", err))
	}
	return nil
}

// Drops returns how many datagrams the receive buffer has lost since the socket was opened, to the last one, modulo
// 2^32 (SO_MEMINFO).
func (c *Conn) Drops() (n uint32, err error) {
	rc, err := c.nc.SyscallConn()
	if err == nil {
		err = cmsg.Control(rc, func(fd int) (err error) {
			n, err = cmsg.ReadDrops(fd)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("dgram: drops: %w", err)
	}
	return n, nil
}
