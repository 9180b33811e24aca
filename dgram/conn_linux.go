package dgram

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// control sets the options that must be there before bind or connect, and gives a Unix socket a name if autobind.
func control(cfg *Config, autobind bool) func(network, address string, rc syscall.RawConn) error {
	return func(network, _ string, rc syscall.RawConn) error {
		var err error
		if ctl := rc.Control(func(fd uintptr) { err = preset(int(fd), network, cfg, autobind) }); ctl != nil {
			return ctl
		}
		return err
	}
}

func preset(fd int, network string, cfg *Config, autobind bool) error {
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
	if ctl := rc.Control(func(fd uintptr) { err = c.configure(int(fd), cfg) }); ctl != nil {
		return ctl
	}
	if err != nil {
		return err
	}
	if err := c.back.setup(rc, cfg); err != nil {
		return err
	}
	c.back.atOnce, c.back.unix.atOnce = true, true
	return c.out.setup(rc, cfg)
}

func (c *Conn) configure(fd int, cfg *Config) error {
	if err := c.buffers(fd, cfg); err != nil {
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
	c.ipOptions(&o, cfg)
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

func (c *Conn) buffers(fd int, cfg *Config) (err error) {
	if cfg.ReadBuffer > 0 {
		c.readBuffer, err = cmsg.SetReadBuffer(fd, cfg.ReadBuffer)
	} else {
		c.readBuffer, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	}
	if err != nil {
		return err
	}
	if cfg.WriteBuffer > 0 {
		c.writeBuffer, err = cmsg.SetWriteBuffer(fd, cfg.WriteBuffer)
	} else {
		c.writeBuffer, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
	}
	return err
}

// ipOptions sets what holds for every datagram sent, for both families where the socket carries both.
func (c *Conn) ipOptions(o *options, cfg *Config) {
	ttl := max(cfg.MulticastTTL, 1)
	discover4 := [...]int{-1, unix.IP_PMTUDISC_DONT, unix.IP_PMTUDISC_DO, unix.IP_PMTUDISC_PROBE}[cfg.Fragmentation]
	if c.family6 {
		discover6 := [...]int{-1, unix.IPV6_PMTUDISC_DONT, unix.IPV6_PMTUDISC_DO, unix.IPV6_PMTUDISC_PROBE}[cfg.Fragmentation]
		if cfg.TTL != 0 {
			o.set("IPV6_UNICAST_HOPS", unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, cfg.TTL)
		}
		if cfg.TOS != 0 {
			o.set("IPV6_TCLASS", unix.SOL_IPV6, unix.IPV6_TCLASS, cfg.TOS)
		}
		if discover6 >= 0 {
			o.set("IPV6_MTU_DISCOVER", unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, discover6)
		}
		o.set("IPV6_MULTICAST_HOPS", unix.SOL_IPV6, unix.IPV6_MULTICAST_HOPS, ttl)
		o.flag("IPV6_MULTICAST_LOOP", unix.SOL_IPV6, unix.IPV6_MULTICAST_LOOP, !cfg.NoLoop)
		o.set("IPV6_MULTICAST_ALL", unix.SOL_IPV6, unix.IPV6_MULTICAST_ALL, 0)
		if cfg.Interface != "" {
			o.set("IPV6_MULTICAST_IF", unix.SOL_IPV6, unix.IPV6_MULTICAST_IF, int(c.zones.index(cfg.Interface)))
		}
	}
	// On an IPv6 socket these hold for the IPv4 it carries; where it carries none they do no harm.
	if cfg.TTL != 0 {
		o.set("IP_TTL", unix.SOL_IP, unix.IP_TTL, cfg.TTL)
	}
	if cfg.TOS != 0 {
		o.set("IP_TOS", unix.SOL_IP, unix.IP_TOS, cfg.TOS)
	}
	if discover4 >= 0 {
		o.set("IP_MTU_DISCOVER", unix.SOL_IP, unix.IP_MTU_DISCOVER, discover4)
	}
	o.set("IP_MULTICAST_TTL", unix.SOL_IP, unix.IP_MULTICAST_TTL, ttl)
	o.flag("IP_MULTICAST_LOOP", unix.SOL_IP, unix.IP_MULTICAST_LOOP, !cfg.NoLoop)
	o.set("IP_MULTICAST_ALL", unix.SOL_IP, unix.IP_MULTICAST_ALL, 0)
	if cfg.Interface != "" && o.err == nil {
		mreq := &unix.IPMreqn{Ifindex: int32(c.zones.index(cfg.Interface))}
		o.err = os.NewSyscallError("setsockopt IP_MULTICAST_IF", unix.SetsockoptIPMreqn(o.fd, unix.SOL_IP, unix.IP_MULTICAST_IF, mreq))
	}
}

// StopCoalescing has the kernel hand over datagrams one by one from now on (Config.Coalesce). It is for who finds that
// joined ones are not what was sent.
func (c *Conn) StopCoalescing() error {
	rc, err := c.nc.SyscallConn()
	if err == nil {
		if ctl := rc.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 0) }); ctl != nil {
			err = ctl
		}
	}
	if err != nil {
		return fmt.Errorf("dgram: stop coalescing: %w", os.NewSyscallError("setsockopt UDP_GRO", err))
	}
	return nil
}

// Drops returns how many datagrams the receive buffer has lost since the socket was opened, to the last one, modulo
// 2^32 (SO_MEMINFO).
func (c *Conn) Drops() (uint32, error) {
	rc, err := c.nc.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("dgram: drops: %w", err)
	}
	var n uint32
	if ctl := rc.Control(func(fd uintptr) { n, err = cmsg.ReadDrops(int(fd)) }); ctl != nil {
		err = ctl
	}
	if err != nil {
		return 0, fmt.Errorf("dgram: drops: %w", err)
	}
	return n, nil
}

// Room for the control messages that configure asked for, and on Unix sockets for credentials and the 253 descriptors that
// one datagram can pass (SCM_MAX_FD).
const (
	controlRoom     = 320
	controlRoomUnix = 1200
)

func (c *Conn) setupBatch(b *Batch) {
	room := controlRoom
	if isUnix(c.network) {
		room = controlRoomUnix
	} else {
		b.errs = make([]cmsg.Message, 8)
		for i := range b.errs {
			b.errs[i].Buf = make([]byte, 128)
			b.errs[i].OOB = make([]byte, 512)
		}
	}
	arena := make([]byte, len(b.ms)*room)
	for i := range b.ms {
		b.ms[i].OOB = arena[i*room : (i+1)*room : (i+1)*room]
	}
	rc, err := c.nc.SyscallConn()
	if err != nil {
		return // only of a nil connection
	}
	b.recv = cmsg.NewReceiver(rc, max(len(b.ms), len(b.errs)))
}

// receive fills the batch. Errors told by the network are kept in c.reports; a dialled socket returns them.
func (b *Batch) receive(wait bool) ([]Datagram, error) {
	c := b.c
	b.ds = b.ds[:0]
	for {
		n, err := b.once(wait)
		if n > 0 {
			for i := range b.ms[:n] {
				b.datagram(i)
			}
			return b.ds, nil
		}
		if c.connected || b.peer.IP.IsValid() {
			if told := c.reports.take(b.peer.IP); told != nil {
				return nil, fmt.Errorf("dgram: receive: %w", told)
			}
		}
		switch {
		case err == nil && !wait:
			return nil, nil
		case err == nil, transient(err) && !isUnix(c.network):
			// Entries of the error queue only, or an error that belongs to an earlier send.
		default:
			return nil, fmt.Errorf("dgram: receive: %w", cause(err))
		}
	}
}

func (b *Batch) once(wait bool) (int, error) {
	if !wait {
		if b.errs != nil {
			b.c.drainWith(b)
		}
		return b.recv.TryReceive(b.ms)
	}
	if b.errs == nil {
		return b.recv.Receive(b.ms)
	}
	n, errs, err := b.recv.ReceiveBoth(b.ms, b.errs)
	for i := range b.errs[:errs] {
		b.report(&b.errs[i])
	}
	return n, err
}

// transient tells the errors that an earlier send has left on the socket: they say nothing about this call.
func transient(err error) bool {
	for _, e := range []syscall.Errno{unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EMSGSIZE, unix.EACCES,
		unix.EPROTO, unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.EHOSTDOWN, unix.ENONET} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (b *Batch) report(m *cmsg.Message) {
	b.info.Parse(m.OOB[:m.NN], m.Flags)
	e := &b.info.Error
	if at, id, ok := e.Timestamp(); ok && b.info.Has&cmsg.Errors != 0 {
		if b.info.Has&cmsg.RxSoftware != 0 {
			b.c.stamps.add(SendTime{Stamp: id, Queued: at == cmsg.StampScheduled, Time: b.info.Software})
		}
		return
	}
	if b.info.Has&cmsg.Errors == 0 || e.Origin != cmsg.OriginLocal && e.Origin != cmsg.OriginICMP && e.Origin != cmsg.OriginICMPv6 {
		return
	}
	told := &NetworkError{
		To: b.c.zoned(m.Addr, m.Scope), From: e.Offender.Unmap(), Type: e.Type, Code: e.Code, MTU: e.MTU(), Err: e.Errno,
		Payload: append([]byte(nil), m.Buf[:m.N]...),
	}
	b.c.reports.add(told)
}

// drain moves the error queue into c.reports without waiting, and returns how many ICMP errors it held.
func (c *Conn) drain() int {
	if isUnix(c.network) || c.closed.Load() {
		return 0
	}
	c.errs.Lock()
	defer c.errs.Unlock()
	return c.drainWith(c.errs.Batch)
}

func (c *Conn) drainWith(b *Batch) (icmp int) {
	for {
		n, err := b.recv.TryReceiveErrors(b.errs)
		for i := range b.errs[:n] {
			b.report(&b.errs[i])
			if b.info.Error.Origin == cmsg.OriginICMP || b.info.Error.Origin == cmsg.OriginICMPv6 {
				icmp++
			}
		}
		if n == 0 || err != nil {
			return icmp
		}
	}
}

func (c *Conn) zoned(a netip.AddrPort, scope uint32) netip.AddrPort {
	if scope == 0 {
		return a
	}
	return netip.AddrPortFrom(a.Addr().WithZone(c.zones.name(scope)), a.Port())
}

// datagram appends what message i holds to b.ds: one datagram, or several of one size that the kernel has joined.
func (b *Batch) datagram(i int) {
	m, info, c := &b.ms[i], &b.info, b.c
	info.Parse(m.OOB[:m.NN], m.Flags)
	d := Datagram{
		Payload: m.Buf[:m.N], Ifindex: info.Ifindex, Time: info.Software,
		TTL: uint8(info.TTL), TOS: uint8(info.TOS), Truncated: m.Flags&unix.MSG_TRUNC != 0,
	}
	if info.Has&cmsg.Drops != 0 {
		d.Dropped = info.Drops - c.dropped.Swap(info.Drops)
	}
	if isUnix(c.network) {
		b.unixDatagram(i, &d)
	} else {
		d.From.IP = c.zoned(m.Addr, m.Scope)
	}
	if info.Has&cmsg.PacketInfo != 0 {
		d.To, d.Interface = netip.AddrPortFrom(info.Dst, c.local.IP.Port()), b.interfaceName(info.Ifindex)
	}
	if info.Has&cmsg.RxSoftware == 0 {
		d.Time = time.Now()
	}
	size := info.SegmentSize
	if info.Has&cmsg.GRO == 0 || size <= 0 || m.N <= size {
		b.ds = append(b.ds, d)
		return
	}
	cut := d.Truncated
	d.Coalesced = true
	for rest := m.Buf[:m.N]; len(rest) > 0; {
		n := min(size, len(rest))
		d.Payload, rest = rest[:n:n], rest[n:]
		d.Truncated = cut && len(rest) == 0
		b.ds = append(b.ds, d)
		d.Dropped = 0
	}
}

func (b *Batch) interfaceName(index int) string {
	if b.via.index != index {
		b.via.index, b.via.name = index, b.c.zones.name(uint32(index))
	}
	return b.via.name
}

func (b *Batch) unixDatagram(i int, d *Datagram) {
	info := &b.info
	if name := b.recv.UnixName(i); len(name) > 0 {
		d.From.Unix = b.c.names.of(name)
	}
	if info.Has&cmsg.Credentials != 0 {
		d.Credentials = Credentials{PID: int(info.Pid), UID: int(info.UID), GID: int(info.GID), Valid: true}
	}
	for _, fd := range info.Rights {
		d.Files = append(d.Files, os.NewFile(uintptr(fd), "passed"))
	}
}

const maxNames = 1024

func (n *names) of(raw []byte) string {
	n.Lock()
	defer n.Unlock()
	if s, ok := n.known[string(raw)]; ok {
		return s
	}
	if n.known == nil || len(n.known) == maxNames {
		n.known = map[string]string{}
	}
	s := string(raw)
	if raw[0] == 0 {
		s = "@" + string(raw[1:])
	}
	n.known[string(raw)] = s
	return s
}

// kernelName is a Unix socket's name as bind and sendmsg take it: x/sys writes the @ as a zero byte.
func kernelName(name string) *unix.SockaddrUnix {
	return &unix.SockaddrUnix{Name: strings.Clone(name)}
}
