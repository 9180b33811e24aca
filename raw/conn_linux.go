package raw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/wire"
)

// Conn is a raw socket or a ping socket. Methods may be called from several goroutines at once; reads wait behind
// each other, and so do writes.
type Conn struct {
	pc         net.PacketConn // *net.IPConn or *net.UDPConn: x/net and the runtime's poller know it
	rc         syscall.RawConn
	proto      Protocol
	family     int
	headers    bool // packets received start with the IPv4 header
	readBuffer int
	errors     bool
	unpolled   *unpolled // instead of pc, which is closed: see leavePoller

	readMu  sync.Mutex
	recv    *cmsg.Receiver
	inbox   []cmsg.Message
	info    cmsg.Info
	zones   map[uint32]string // interface indexes as text
	writeMu sync.Mutex
	send    *cmsg.Sender
	outbox  []cmsg.Message
}

const (
	batchSize   = 64
	controlSize = 256
)

// Listen opens a socket that receives every packet of the protocol that reaches this host and passes the filter, and
// nothing that arrived before it was bound and filtered. ctx bounds opening only.
func Listen(ctx context.Context, proto Protocol, cfg *Config) (*Conn, error) {
	cfg = cmp.Or(cfg, &Config{})
	c, err := listen(ctx, proto, cfg)
	if err != nil {
		kind := "raw socket"
		if cfg.Unprivileged {
			kind = "ping socket"
		}
		return nil, fmt.Errorf("raw: listen: %s for %v: %w", kind, proto, err)
	}
	return c, nil
}

func listen(ctx context.Context, proto Protocol, cfg *Config) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := cfg.check(proto); err != nil {
		return nil, err
	}
	c := &Conn{proto: proto, family: cfg.family(proto), errors: cfg.Errors, zones: map[uint32]string{}}
	c.headers = c.family == 4 && !cfg.Unprivileged
	fd, err := openSocket(c.family, proto, cfg.Unprivileged)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "raw socket")
	defer file.Close()
	if err := cmsg.Silence(fd); err != nil {
		return nil, err
	}
	if err := c.configure(fd, cfg); err != nil {
		return nil, err
	}
	// FilePacketConn duplicates the descriptor and makes it a net.IPConn, which the runtime's poller waits for and
	// x/net's ipv4 and ipv6 packages take.
	if c.pc, err = net.FilePacketConn(file); err != nil {
		return nil, err
	}
	if err := c.start(cfg); err != nil {
		c.pc.Close()
		return nil, err
	}
	return c, nil
}

func openSocket(family int, proto Protocol, unprivileged bool) (int, error) {
	domain, kind := unix.AF_INET, unix.SOCK_RAW
	if family == 6 {
		domain = unix.AF_INET6
	}
	if unprivileged {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(proto))
	switch {
	case errors.Is(err, os.ErrPermission):
		return 0, &permissionError{os.NewSyscallError("socket", err), privilegeHint(unprivileged)}
	case err != nil:
		return 0, os.NewSyscallError("socket", err)
	}
	return fd, nil
}

func privilegeHint(unprivileged bool) string {
	if unprivileged {
		return `sudo sysctl -w net.ipv4.ping_group_range="0 2147483647" lets every user open ping sockets`
	}
	exe, err := os.Executable()
	if err != nil {
		exe = "PROGRAM"
	}
	return "sudo setcap cap_net_raw+ep " + exe + " lets this program open raw sockets"
}

// configure sets what has to be set before the socket is bound and binds it.
func (c *Conn) configure(fd int, cfg *Config) error {
	if cfg.Interface != "" {
		if err := unix.BindToDevice(fd, cfg.Interface); err != nil {
			return fmt.Errorf("interface %q: %w", cfg.Interface, os.NewSyscallError("setsockopt SO_BINDTODEVICE", err))
		}
	}
	var want cmsg.Set
	if cfg.Errors {
		want |= cmsg.Errors
	}
	want |= cmsg.PacketInfo | cmsg.RxSoftware | cmsg.Drops | cfg.Report
	if !c.headers {
		want |= cmsg.TTL | cmsg.TOS
	}
	if _, err := cmsg.Enable(fd, want); err != nil {
		return err
	}
	for _, o := range c.options(cfg) {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			err = os.NewSyscallError("setsockopt "+o.text, err)
			if errors.Is(err, os.ErrPermission) {
				err = &permissionError{err, privilegeHint(false)}
			}
			return err
		}
	}
	var err error
	if c.readBuffer, err = cmsg.SetReadBuffer(fd, cmp.Or(cfg.ReadBuffer, -1)); err != nil {
		return err
	}
	if cfg.Local.IsValid() || cfg.Unprivileged {
		if err := unix.Bind(fd, c.bindAddress(cfg)); err != nil {
			return fmt.Errorf("local address %v: %w", cfg.Local, os.NewSyscallError("bind", err))
		}
	}
	return nil
}

type option struct {
	text               string
	level, name, value int
}

// options are those that x/net has no word for.
func (c *Conn) options(cfg *Config) []option {
	var all []option
	if cfg.HeaderIncluded && c.family == 6 {
		all = append(all, option{"IPV6_HDRINCL", unix.SOL_IPV6, unix.IPV6_HDRINCL, 1})
	}
	if cfg.Broadcast {
		all = append(all, option{"SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST, 1})
	}
	if cfg.Mark != 0 {
		all = append(all, option{"SO_MARK", unix.SOL_SOCKET, unix.SO_MARK, int(cfg.Mark)})
	}
	return all
}

// setOptions sets, by x/net, the options that it has words for.
func (c *Conn) setOptions(cfg *Config) (err error) {
	set := func(what string, wanted bool, by func() error) {
		if !wanted || err != nil {
			return
		}
		if err = by(); err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
	}
	ttl, tos := int(cfg.TTL), int(cfg.TOS)
	if c.family == 4 {
		p := ipv4.NewPacketConn(c.pc)
		set("header inclusion", cfg.HeaderIncluded, func() error { _, err := ipv4.NewRawConn(c.pc); return err })
		set("time to live", ttl != 0, func() error { return errors.Join(p.SetTTL(ttl), p.SetMulticastTTL(ttl)) })
		set("type of service", tos != 0, func() error { return p.SetTOS(tos) })
		return err
	}
	p := ipv6.NewPacketConn(c.pc)
	set("hop limit", ttl != 0, func() error { return errors.Join(p.SetHopLimit(ttl), p.SetMulticastHopLimit(ttl)) })
	set("traffic class", tos != 0, func() error { return p.SetTrafficClass(tos) })
	return err
}

// setFilter has the kernel run a program on each packet from now on; none lets all in.
func (c *Conn) setFilter(program []bpf.RawInstruction) error {
	switch {
	case len(program) == 0:
		return cmsg.Control(c.rc, func(fd int) error {
			return os.NewSyscallError("setsockopt SO_DETACH_FILTER", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
		})
	case c.family == 4:
		return ipv4.NewPacketConn(c.pc).SetBPF(program)
	}
	return ipv6.NewPacketConn(c.pc).SetBPF(program)
}

func (c *Conn) bindAddress(cfg *Config) unix.Sockaddr {
	local := cfg.Local
	if c.family == 4 {
		sa := new(unix.SockaddrInet4)
		if local.IsValid() {
			sa.Addr = local.Unmap().As4()
		}
		return sa
	}
	sa := new(unix.SockaddrInet6)
	if local.IsValid() {
		sa.Addr = local.As16()
	}
	if scope := zoneIndex(local.Zone()); scope != 0 {
		sa.ZoneId = uint32(scope)
	} else if local.IsLinkLocalUnicast() {
		sa.ZoneId = uint32(zoneIndex(cfg.Interface))
	}
	return sa
}

// start makes the batches, lets packets in, and returns when the socket is ready.
func (c *Conn) start(cfg *Config) error {
	var err error
	if c.rc, err = c.pc.(syscall.Conn).SyscallConn(); err != nil {
		return err
	}
	if c.send, err = cmsg.NewSender(c.rc, batchSize); err != nil {
		return err
	}
	c.recv = cmsg.NewReceiver(c.rc, batchSize)
	c.inbox, c.outbox = make([]cmsg.Message, batchSize), make([]cmsg.Message, batchSize)
	for i := range c.inbox {
		c.inbox[i].OOB = make([]byte, controlSize)
	}
	if err := c.setOptions(cfg); err != nil {
		return err
	}
	// What another processor was about to queue when silence began has had time to come.
	if err := cmsg.Control(c.rc, cmsg.Drain); err != nil {
		return err
	}
	return c.setFilter(cfg.Filter)
}

// ReadPacket waits for one packet and receives it into b. It allocates nothing once the addresses of links seen
// have been. The error answers to os.ErrDeadlineExceeded, net.ErrClosed or [ErrQueued].
func (c *Conn) ReadPacket(b []byte) (Meta, error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	m := &c.inbox[0]
	m.Buf = b
	defer func() { m.Buf = nil }()
	_, err := c.recv.Receive(c.inbox[:1])
	if err != nil {
		return Meta{}, c.readError(err)
	}
	return c.meta(m), nil
}

// ReadPackets waits for packets and receives as many as there are, at most 64, into the buffers of ps. It returns
// how many, at least one unless there is an error, and allocates no more than ReadPacket does.
func (c *Conn) ReadPackets(ps []Packet) (int, error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	ms := c.inbox[:min(len(ps), len(c.inbox))]
	for i := range ms {
		ms[i].Buf = ps[i].Buf
	}
	n, err := c.recv.Receive(ms)
	for i := range ms[:n] {
		ps[i].Meta = c.meta(&ms[i])
	}
	if err != nil {
		return 0, c.readError(err)
	}
	return n, nil
}

func (c *Conn) readError(err error) error {
	if c.errors && cmsg.Earlier(err) {
		return fmt.Errorf("raw: read: %w: %w", ErrQueued, err)
	}
	return fmt.Errorf("raw: read: %w", err)
}

// meta reads what came with m.
func (c *Conn) meta(m *cmsg.Message) Meta {
	i := &c.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	meta := Meta{N: m.N, From: m.Addr.Addr(), To: i.Dst, Ifindex: i.Ifindex, TTL: i.TTL, TOS: i.TOS, Dropped: i.Drops,
		Truncated: m.Flags&unix.MSG_TRUNC != 0, Hardware: i.Hardware}
	meta.Time, meta.Source = i.Software, TimeKernel
	if i.Has&cmsg.RxSoftware == 0 {
		meta.Time, meta.Source = time.Now().Round(0), TimeProcess
	}
	if m.Scope != 0 {
		meta.From = meta.From.WithZone(c.zone(m.Scope))
	}
	if c.headers {
		meta.HeaderLen = headerLen(m.Buf[:m.N])
		if m.N >= ipv4.HeaderLen {
			meta.TOS, meta.TTL = int(m.Buf[1]), int(m.Buf[8])
			meta.To = netip.AddrFrom4([4]byte(m.Buf[16:20]))
		}
	}
	if c.proto == ICMP && !meta.Truncated {
		meta.BadChecksum = wire.Checksum(m.Buf[meta.HeaderLen:m.N]) != 0
	}
	return meta
}

// headerLen returns the length of the IPv4 header at the front of b, at most all of b.
func headerLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return min(max(int(b[0]&15)*4, ipv4.HeaderLen), len(b))
}

// ReadError takes one entry off the error queue without waiting; ok is false if it is empty. What the entry quotes of
// the packet that was sent is received into b, from the protocol's header on.
func (c *Conn) ReadError(b []byte) (e QueuedError, ok bool, err error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	m := &c.inbox[0]
	m.Buf = b
	n, err := c.recv.TryReceiveErrors(c.inbox[:1])
	m.Buf = nil
	if err != nil {
		return e, false, fmt.Errorf("raw: read error queue: %w", err)
	}
	if n == 0 {
		return e, false, nil
	}
	i := &c.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	e = QueuedError{Error: i.Error, N: m.N, To: m.Addr.Addr(), Time: i.Software}
	if i.Has&cmsg.RxSoftware == 0 {
		e.Time = time.Now().Round(0)
	}
	return e, true, nil
}

// WritePacket sends b to dst. Without Config.HeaderIncluded b starts with the protocol's header, else with the IP
// header, and dst says where to route it. It allocates nothing. Without Config.Errors a packet thrown away by a full
// queue of this host counts as sent; with it the error is ENOBUFS.
func (c *Conn) WritePacket(b []byte, dst netip.Addr) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	m := &c.outbox[0]
	*m = cmsg.Message{Buf: b, Addr: netip.AddrPortFrom(dst.WithZone(""), 0), Scope: uint32(zoneIndex(dst.Zone()))}
	_, err := c.sendAll(c.outbox[:1])
	*m = cmsg.Message{}
	if err != nil {
		return fmt.Errorf("raw: write to %v: %w", dst, err)
	}
	return nil
}

// WritePackets sends ps in order to their To, with their Control, in batches of 64. It returns how many were sent;
// the error is that of ps[n].
func (c *Conn) WritePackets(ps []Packet) (n int, err error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	for n < len(ps) {
		ms := c.outbox[:min(len(ps)-n, len(c.outbox))]
		for i := range ms {
			p := &ps[n+i]
			scope := zoneIndex(p.To.Zone())
			if scope == 0 && (p.To.IsLinkLocalUnicast() || p.To.IsLinkLocalMulticast()) {
				scope = p.Ifindex
			}
			ms[i] = cmsg.Message{Buf: p.Buf, OOB: p.Control, Addr: netip.AddrPortFrom(p.To.WithZone(""), 0), Scope: uint32(scope)}
		}
		sent, err := c.sendAll(ms)
		n += sent
		if err != nil {
			return n, fmt.Errorf("raw: write to %v: %w", ps[n].To, err)
		}
	}
	return n, nil
}

// sendAll sends ms. With the error queue on, the first send after an ICMP error fails with the errno of that error,
// which belongs to an earlier packet: it is tried again.
func (c *Conn) sendAll(ms []cmsg.Message) (n int, err error) {
	for tries := 0; ; {
		sent, err := c.send.Send(ms[n:])
		n += sent
		if sent > 0 {
			tries = 0
		}
		if err == nil || !c.errors || tries == 3 || !cmsg.Earlier(err) {
			return n, err
		}
		tries++
	}
}

// Drops returns how many packets the socket has lost in its receive buffer so far, to the last one, modulo 2^32.
func (c *Conn) Drops() (n uint32, err error) {
	err = cmsg.Control(c.rc, func(fd int) (err error) {
		n, err = cmsg.ReadDrops(fd)
		return err
	})
	return n, err
}

// sendBufferFull tells whether what was sent and has not left takes up the send buffer. Of a raw socket the kernel lets
// twice the buffer be used, and refuses what is more with ENOBUFS instead of EAGAIN.
func (c *Conn) sendBufferFull() bool {
	full := false
	_ = c.rc.Control(func(fd uintptr) {
		unsent, size, err := cmsg.ReadUnsent(int(fd))
		full = err == nil && unsent > size
	})
	return full
}

// Close closes the socket; waiting calls return net.ErrClosed.
func (c *Conn) Close() error {
	if c.unpolled != nil {
		return c.unpolled.close()
	}
	return c.pc.Close()
}

// zone returns the interface index as text, which netip takes for a zone and zoneIndex reads without asking the
// kernel for a name. The texts of interfaces seen are kept, so that a packet from one costs no allocation.
func (c *Conn) zone(scope uint32) string {
	text, ok := c.zones[scope]
	if !ok {
		text = strconv.FormatUint(uint64(scope), 10)
		c.zones[scope] = text
	}
	return text
}

// zoneIndex returns the interface index of a zone, which is a number or a name; 0 if there is none such.
func zoneIndex(zone string) int {
	if zone == "" {
		return 0
	}
	if n, err := strconv.Atoi(zone); err == nil {
		return n
	}
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return ifi.Index
	}
	return 0
}
