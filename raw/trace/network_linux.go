package trace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw"
	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

const (
	sendBatch    = 64
	receiveBatch = 64
	quoteRoom    = 1500
	readBuffer   = 4 << 20
)

// link is the sockets of one family: one that sends everything and receives ICMP, and one that receives what targets
// answer in the probes' own protocol.
type link struct {
	six      bool
	icmp     *descriptor
	direct   *descriptor // nil where there is none
	send     *cmsg.Sender
	recv     *cmsg.Receiver
	recvd    *cmsg.Receiver
	at       int // where the waiter has the two sockets
	directAt int
	stamps   bool // sends are stamped

	out  []cmsg.Message
	outN []uint64
}

// rawNetwork sends through raw sockets.
type rawNetwork struct {
	*waiter
	routes  *routes
	tracer  Tracer
	links   [2]*link
	errs    [2]error // why there is no link of a family
	match   *matcher
	holds   []int // descriptors that keep our ports from others
	sources map[netip.Addr]source
	zones   map[string]uint32

	stamped bool           // a send was
	in      []cmsg.Message // packets received, of the batch that is being looked at
	queue   []cmsg.Message // entries of the error queue
	info    cmsg.Info
	backlog
	work arrival
}

// source is the address that packets to a target leave with.
type source struct {
	addr netip.Addr
	err  syscall.Errno
}

func openNetwork(ctx context.Context, t *Tracer) (network, error) {
	if t.Unprivileged {
		return openPlain(ctx, t)
	}
	w, err := newWaiter()
	if err != nil {
		return nil, err
	}
	n := &rawNetwork{waiter: w, tracer: *t, sources: map[netip.Addr]source{}, zones: map[string]uint32{}}
	if err := n.open(); err != nil {
		n.close()
		if plain, no := openPlain(ctx, t); no == nil && errors.Is(err, os.ErrPermission) && (t.Protocol == UDP || t.Protocol == ICMP) {
			return plain, nil
		} else if no == nil {
			plain.close()
		}
		return nil, err
	}
	return n, nil
}

func (n *rawNetwork) open() (err error) {
	if n.routes, err = openRoutes(n.tracer.Interface); err != nil {
		return err
	}
	if err := n.checkSource(); err != nil {
		return err
	}
	base := n.tracer.SourcePort
	if base == 0 {
		if base, err = n.reserve(); err != nil {
			return err
		}
	}
	n.match = newMatcher(newCodec(&n.tracer, base))
	for i, six := range []bool{false, true} {
		if src := n.tracer.Source; src.IsValid() && src.Unmap().Is6() != six {
			n.errs[i] = syscall.EAFNOSUPPORT
			continue
		}
		n.links[i], n.errs[i] = n.openLink(six, base)
	}
	if n.links[0] == nil && n.links[1] == nil {
		return n.errs[0]
	}
	_ = cmsg.AwaitStamps()
	n.in, n.queue = messages(receiveBatch, quoteRoom), messages(receiveBatch, 64)
	return nil
}

// checkSource refuses a source address that this host does not have: a raw socket would send from it, and all answers
// would go elsewhere.
func (n *rawNetwork) checkSource() error {
	a := n.tracer.Source.Unmap()
	if !a.IsValid() {
		return nil
	}
	family, name := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: as4(a)})
	if a.Is6() {
		family, name = unix.AF_INET6, &unix.SockaddrInet6{Addr: a.As16(), ZoneId: n.scope(a.Zone())}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil // whatever is wrong is found when the sockets are opened
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, name); errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("source %v: %w", a, err)
	}
	return nil
}

// openLink opens the sockets of a family.
func (n *rawNetwork) openLink(six bool, base uint16) (*link, error) {
	family, proto := unix.AF_INET, wire.ProtoICMP
	if six {
		family, proto = unix.AF_INET6, wire.ProtoICMPv6
	}
	l := &link{six: six, stamps: true}
	fd, err := n.socket(family, proto)
	if err != nil {
		return nil, err
	}
	l.icmp = newDescriptor(fd)
	ok := false
	defer func() {
		if !ok {
			l.close()
		}
	}()
	if six {
		err = unix.SetsockoptInt(fd, unix.SOL_IPV6, ipv6HdrIncl, 1)
	} else {
		err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_HDRINCL, 1)
	}
	if err != nil {
		return nil, os.NewSyscallError("setsockopt HDRINCL", err)
	}
	// What the kernel believes the path's MTU to be must not keep large probes back.
	if six {
		err = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	} else {
		err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	}
	if err != nil {
		return nil, os.NewSyscallError("setsockopt MTU_DISCOVER", err)
	}
	want := cmsg.TxPerCall | cmsg.RxSoftware
	if six {
		want |= cmsg.TTL
	}
	if _, err := cmsg.Enable(fd, want); err != nil {
		return nil, err
	}
	if err := cmsg.AttachFilter(fd, icmpFilter(six, n.match.codec.protocol, base, n.tracer.Flows)); err != nil {
		return nil, err
	}
	if l.send, err = cmsg.NewSender(l.icmp, sendBatch); err != nil {
		return nil, err
	}
	l.recv = cmsg.NewReceiver(l.icmp, receiveBatch)
	l.send.Brief, l.recv.Brief = true, true
	if n.match.codec.protocol != ICMP {
		if fd, err = n.socket(family, int(n.match.codec.protocolNumber(six))); err != nil {
			return nil, err
		}
		l.direct = newDescriptor(fd)
		if _, err := cmsg.Enable(fd, want&^cmsg.TxPerCall); err != nil {
			return nil, err
		}
		if err := cmsg.AttachFilter(fd, portFilter(six, base, n.tracer.Flows)); err != nil {
			return nil, err
		}
		l.recvd = cmsg.NewReceiver(l.direct, receiveBatch)
		l.recvd.Brief = true
	}
	l.out = make([]cmsg.Message, sendBatch)
	size := n.match.codec.sizeOf(&Probe{Target: netip.IPv6Unspecified()})
	for i := range l.out {
		l.out[i] = cmsg.Message{Buf: make([]byte, size), OOB: make([]byte, 0, 128)}
	}
	l.out, l.outN = l.out[:0], make([]uint64, 0, sendBatch)
	if l.at = n.watch(l.icmp); l.direct != nil {
		l.directAt = n.watch(l.direct)
	}
	ok = true
	return l, nil
}

const ipv6HdrIncl = 36 // IPV6_HDRINCL

// socket opens a raw socket that lets nothing in yet.
func (n *rawNetwork) socket(family, proto int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		err = os.NewSyscallError("socket", err)
		if errors.Is(err, os.ErrPermission) {
			err = &permissionError{err, "raw sockets need cap_net_raw; without it there are UDP probes, and ICMP ones for the groups in net.ipv4.ping_group_range"}
		}
		return -1, err
	}
	if err := cmsg.Silence(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	cmsg.SetReadBuffer(fd, readBuffer)
	if n.tracer.Interface != "" {
		if err := unix.BindToDevice(fd, n.tracer.Interface); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("bind to device "+n.tracer.Interface, err)
		}
	}
	return fd, nil
}

// reserve finds source ports that no other program has, and keeps them: of TCP a socket that is bound and does not
// listen, so that the kernel resets what a target opens. Of other protocols and ICMP, whose identifiers are nobody's,
// it is a number at random.
func (n *rawNetwork) reserve() (uint16, error) {
	kind := 0
	switch n.tracer.Protocol {
	case UDP:
		kind = unix.SOCK_DGRAM
	case TCP:
		kind = unix.SOCK_STREAM
	}
	flows := n.tracer.Flows
	for range 64 {
		base := uint16(32768 + rand.IntN(28000-flows))
		if kind == 0 || n.hold(kind, base, min(flows, 256)) {
			return base, nil
		}
	}
	return 0, errors.New("no source ports are free")
}

// hold binds count ports from base on.
func (n *rawNetwork) hold(kind int, base uint16, count int) bool {
	held := len(n.holds)
	for i := range count {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				continue // a family that is not there
			}
			n.holds = append(n.holds, fd)
			if family == unix.AF_INET {
				err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(base) + i})
			} else {
				_ = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_V6ONLY, 1)
				err = unix.Bind(fd, &unix.SockaddrInet6{Port: int(base) + i})
			}
			if errors.Is(err, unix.EADDRINUSE) {
				for _, fd := range n.holds[held:] {
					unix.Close(fd)
				}
				n.holds = n.holds[:held]
				return false
			}
			cmsg.SetReadBuffer(fd, 0)
		}
	}
	return true
}

func (n *rawNetwork) link(a netip.Addr) (*link, syscall.Errno) {
	i := 0
	if a.Is6() {
		i = 1
	}
	if l := n.links[i]; l != nil {
		return l, 0
	}
	return nil, syscall.EAFNOSUPPORT
}

func (n *rawNetwork) send(number uint64, p *Probe) syscall.Errno {
	l, errno := n.link(p.Target)
	if errno != 0 {
		return errno
	}
	src, ok := n.sources[p.Target]
	if !ok {
		src = n.findSource(p.Target)
		n.sources[p.Target] = src
	}
	if src.err != 0 {
		return src.err
	}
	if len(l.out) == cap(l.out) {
		n.transmit(l)
	}
	s := n.match.sent(number, p, src.addr, n.moment())
	i := len(l.out)
	l.out, l.outN = l.out[:i+1], append(l.outN, number)
	m := &l.out[i]
	if size := n.match.codec.sizeOf(p); size > cap(m.Buf) {
		m.Buf = make([]byte, size)
	}
	m.Buf = n.match.codec.build(m.Buf[:cap(m.Buf)], number, p, src.addr)
	m.Addr = netip.AddrPortFrom(p.Target.WithZone(""), 0)
	m.Scope, m.OOB = 0, m.OOB[:0]
	if zone := p.Target.Zone(); zone != "" {
		m.Scope = n.scope(zone)
	}
	if s.asked = l.stamps; s.asked {
		m.OOB = cmsg.AppendTimestampID(cmsg.AppendTimestamping(m.OOB, cmsg.TxSoftware), uint32(number))
	}
	return 0
}

func (n *rawNetwork) cause(number uint64) probe.Cause {
	return n.match.numbered(uint32(number)).cause(n.stamped)
}

func (n *rawNetwork) flush() {
	for _, l := range n.links {
		if l != nil && len(l.out) > 0 {
			n.transmit(l)
		}
	}
}

// transmit sends the batch of a link. A probe that cannot be sent has ended; those behind it go on.
func (n *rawNetwork) transmit(l *link) {
	ms, ns := l.out, l.outN
	call := n.moment()
	for _, number := range ns {
		n.match.numbered(uint32(number)).call = call
	}
	for tries := 0; len(ms) > 0; {
		k, err := l.send.TrySend(ms)
		ms, ns = ms[k:], ns[k:]
		if k > 0 {
			tries = 0
		}
		var errno syscall.Errno
		switch {
		case err == nil && len(ms) == 0:
		case err == nil: // the send buffer is full
			unix.Poll([]unix.PollFd{{Fd: int32(l.icmp.fd.Load()), Events: unix.POLLOUT}}, 10)
		case !errors.As(err, &errno):
			ns, ms = ns[:0], ms[:0]
		case errno == syscall.EINVAL && l.stamps:
			// This kernel does not let the sender number its stamps (Linux 6.13 does).
			l.stamps = false
			for i := range ms {
				ms[i].OOB = ms[i].OOB[:0]
				n.match.numbered(uint32(ns[i])).asked = false
			}
		case errno == syscall.ENOBUFS && tries < 100:
			tries++
			unix.Poll([]unix.PollFd{{Fd: int32(l.icmp.fd.Load()), Events: unix.POLLOUT}}, 1)
		default:
			n.unsent(ns[0], n.now(), errno)
			ms, ns, tries = ms[1:], ns[1:], 0
		}
	}
	l.out, l.outN = l.out[:0], l.outN[:0]
}

// receive waits for something to come.
func (n *rawNetwork) receive(ctx context.Context, idle, until time.Duration) error {
	if !n.empty() {
		until, idle = 0, 0
	}
	if err := n.wait(ctx, idle, until); err != nil {
		return err
	}
	for _, l := range n.links {
		if l == nil {
			continue
		}
		if err := n.take(l); err != nil {
			return fmt.Errorf("trace: receive: %w", err)
		}
	}
	return nil
}

// take takes in what has come on a link: stamps of what was sent, what routers say, and what targets do.
func (n *rawNetwork) take(l *link) error {
	data, stamps := n.ready(l.at)
	if data {
		proto := uint8(wire.ProtoICMP)
		if l.six {
			proto = wire.ProtoICMPv6
		}
		if err := n.takeAll(l, l.recv, proto, stamps); err != nil {
			return err
		}
	} else if stamps {
		n.takeStamps(l)
	}
	if l.direct == nil {
		return nil
	}
	if direct, _ := n.ready(l.directAt); direct {
		return n.takeAll(l, l.recvd, n.match.codec.protocolNumber(l.six), true)
	}
	return nil
}

func (n *rawNetwork) takeAll(l *link, from *cmsg.Receiver, proto uint8, stamps bool) error {
	for {
		k, err := from.TryReceive(n.in)
		if stamps {
			n.takeStamps(l) // the stamp of a probe's sending is queued before its answer
		}
		read := n.moment()
		for i := range n.in[:k] {
			n.takePacket(l, proto, &n.in[i], read)
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			var errno syscall.Errno
			if !errors.As(err, &errno) {
				return err
			}
			continue // an error of an earlier send
		}
		if k < len(n.in) {
			return nil
		}
		stamps = true
	}
}

// takeStamps notes when the kernel handed probes to their device.
func (n *rawNetwork) takeStamps(l *link) {
	for l.stamps {
		k, err := l.recv.TryReceiveErrors(n.queue)
		for i := range n.queue[:k] {
			m := &n.queue[i]
			n.info.Parse(m.OOB[:m.NN], m.Flags)
			if at, id, ok := n.info.Error.Timestamp(); ok && at == cmsg.StampSent && n.info.Has&cmsg.RxSoftware != 0 {
				if s := n.match.numbered(id); s != nil {
					s.stamp, n.stamped = n.info.Software.UnixNano(), true
				}
			}
		}
		if err != nil || k < len(n.queue) {
			return
		}
	}
}

// takePacket takes in a packet.
func (n *rawNetwork) takePacket(l *link, proto uint8, m *cmsg.Message, read moment) {
	n.info.Parse(m.OOB[:m.NN], m.Flags)
	a := &n.work
	var s *sentProbe
	var ok bool
	if l.six {
		from := m.Addr.Addr()
		if m.Scope != 0 {
			from = from.WithZone(n.zone(m.Scope))
		}
		hops := 0
		if n.info.Has&cmsg.TTL != 0 {
			hops = n.info.TTL
		}
		s, ok = n.match.match6(proto, m.Buf[:m.N], from, hops, a)
	} else {
		s, ok = n.match.matchIP(m.Buf[:m.N], m.Flags&unix.MSG_TRUNC != 0, a)
	}
	if s == nil {
		n.match.foreign++
		return
	}
	received := int64(0)
	if n.info.Has&cmsg.RxSoftware != 0 {
		received = n.info.Software.UnixNano()
	}
	a.n, a.at, a.failed = s.n, read.steady, false
	r := &a.reply
	r.RTT, r.Source, r.Split, _ = raw.RoundTrip(raw.Reading{Steady: s.call.steady, Wall: s.call.wall}, s.stamp, received,
		raw.Reading{Steady: read.steady, Wall: read.wall})
	if !ok {
		n.match.settleDoubt(s, a, &n.list)
		return
	}
	s.answered, s.exceeded = true, r.Kind == Exceeded
	n.add(a)
}

func (n *rawNetwork) local(target netip.Addr) Local {
	return n.routes.local(target, n.scope(target.Zone()))
}

func (n *rawNetwork) limits() []string { return nil }

func (n *rawNetwork) close() error {
	for _, l := range n.links {
		if l != nil {
			l.close()
		}
	}
	for _, fd := range n.holds {
		unix.Close(fd)
	}
	n.holds = nil
	if n.routes != nil {
		n.routes.close()
	}
	n.stop()
	return nil
}

func (l *link) close() {
	for _, d := range []*descriptor{l.icmp, l.direct} {
		if d != nil {
			d.close()
		}
	}
}

// findSource asks the kernel for the address that packets to a target leave with.
func (n *rawNetwork) findSource(target netip.Addr) (s source) {
	if n.tracer.Source.IsValid() {
		return source{addr: n.tracer.Source.Unmap()}
	}
	a, err := n.routes.source(target, n.scope(target.Zone()))
	if err == nil {
		return source{addr: a}
	}
	s.err = syscall.EINVAL
	errors.As(err, &s.err)
	return s
}

// scope returns the index of a zone, 0 for none.
func (n *rawNetwork) scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if i, ok := n.zones[zone]; ok {
		return i
	}
	i := uint32(0)
	if d, err := interfaceIndex(zone); err == nil {
		i = d
	}
	n.zones[zone] = i
	return i
}

// zone returns the name of a scope.
func (n *rawNetwork) zone(scope uint32) string {
	for name, i := range n.zones {
		if i == scope {
			return name
		}
	}
	return interfaceName(scope)
}
