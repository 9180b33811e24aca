package trace

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw"
	"sockwire/raw/cmsg"
	"sockwire/raw/inject"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// plainNetwork sends through sockets that every user may open: UDP sockets, or ping sockets, one for each flow, whose
// error queues tell what routers say (ip(7), IP_RECVERR). The kernel writes the headers; which probe an answer is about
// is told by the payload, of which a router must have quoted the beginning, or of ICMP by the sequence number.
type plainNetwork struct {
	*waiter
	routes *routes
	tracer Tracer
	match  *matcher
	plains [2][]*plain // by flow
	errs   [2]error

	in    []cmsg.Message
	queue []cmsg.Message
	one   []cmsg.Message
	info  cmsg.Info
	room  []byte
	backlog
	work arrival
}

// plain is the socket of a flow.
type plain struct {
	six    bool
	flow   uint16
	d      *descriptor
	send   *cmsg.Sender
	recv   *cmsg.Receiver
	at     int // where the waiter has it
	stamps bool
}

const plainFlows = 256 // each is a socket

func openPlain(ctx context.Context, t *Tracer) (network, error) {
	if t.Protocol != UDP && t.Protocol != ICMP {
		return nil, errors.ErrUnsupported
	}
	if t.Flows > plainFlows {
		return nil, fmt.Errorf("%d flows without a raw socket: at most %d", t.Flows, plainFlows)
	}
	w, err := newWaiter()
	if err != nil {
		return nil, err
	}
	n := &plainNetwork{waiter: w, tracer: *t, match: newMatcher(newCodec(t, t.SourcePort)), room: make([]byte, 1<<16)}
	if n.routes, err = openRoutes(t.Interface); err != nil {
		n.close()
		return nil, err
	}
	for i, six := range []bool{false, true} {
		if src := t.Source; src.IsValid() && src.Unmap().Is6() != six {
			n.errs[i] = syscall.EAFNOSUPPORT
			continue
		}
		for flow := range t.Flows {
			var p *plain
			if p, n.errs[i] = n.open(six, uint16(flow)); n.errs[i] != nil {
				break
			}
			n.plains[i] = append(n.plains[i], p)
		}
	}
	if n.errs[0] != nil && n.errs[1] != nil {
		n.close()
		return nil, n.errs[0]
	}
	_ = cmsg.AwaitStamps()
	n.in, n.queue, n.one = messages(receiveBatch, quoteRoom), messages(receiveBatch, quoteRoom), make([]cmsg.Message, 1)
	return n, nil
}

// open opens the socket of a flow.
func (n *plainNetwork) open(six bool, flow uint16) (*plain, error) {
	family, proto := unix.AF_INET, 0
	if six {
		family = unix.AF_INET6
	}
	if n.tracer.Protocol == ICMP {
		proto = int(n.match.codec.protocolNumber(six))
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		err = os.NewSyscallError("socket", err)
		if errors.Is(err, os.ErrPermission) {
			err = &permissionError{err, "ping sockets are for the groups in the sysctl net.ipv4.ping_group_range; UDP probes need no right"}
		}
		return nil, err
	}
	p := &plain{six: six, flow: flow, d: newDescriptor(fd), stamps: true}
	if err := n.prepare(fd, p); err != nil {
		p.d.close()
		return nil, err
	}
	if p.send, err = cmsg.NewSender(p.d, 1); err != nil {
		p.d.close()
		return nil, err
	}
	p.recv = cmsg.NewReceiver(p.d, receiveBatch)
	p.send.Brief, p.recv.Brief = true, true
	p.at = n.watch(p.d)
	return p, nil
}

func (n *plainNetwork) prepare(fd int, p *plain) error {
	discover := unix.IP_PMTUDISC_PROBE
	if n.tracer.Fragment {
		discover = unix.IP_PMTUDISC_DONT
	}
	level, option := unix.SOL_IP, unix.IP_MTU_DISCOVER
	if p.six {
		level, option = unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER
		if err := unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_V6ONLY, 1); err != nil && n.tracer.Protocol != ICMP {
			return os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	if err := unix.SetsockoptInt(fd, level, option, discover); err != nil {
		return os.NewSyscallError("setsockopt MTU_DISCOVER", err)
	}
	if n.tracer.Interface != "" {
		if err := unix.BindToDevice(fd, n.tracer.Interface); err != nil {
			return os.NewSyscallError("bind to device "+n.tracer.Interface, err)
		}
	}
	const must = cmsg.Errors | cmsg.RxSoftware
	if granted, err := cmsg.Enable(fd, must|cmsg.TxPerCall|cmsg.TTL|cmsg.ErrorExtensions); granted&must != must {
		return err
	}
	return n.bind(fd, p)
}

// bind gives the socket its address and port.
func (n *plainNetwork) bind(fd int, p *plain) error {
	port := 0
	if n.tracer.SourcePort != 0 {
		port = int(n.tracer.SourcePort) + int(p.flow)
	}
	var to unix.Sockaddr = &unix.SockaddrInet4{Port: port, Addr: as4(n.tracer.Source.Unmap())}
	if p.six {
		six := &unix.SockaddrInet6{Port: port}
		if n.tracer.Source.IsValid() {
			six.Addr = n.tracer.Source.As16()
		}
		to = six
	}
	return os.NewSyscallError("bind", unix.Bind(fd, to))
}

func (n *plainNetwork) send(number uint64, p *Probe) syscall.Errno {
	side := 0
	if p.Target.Is6() {
		side = 1
	}
	if int(p.Flow) >= len(n.plains[side]) {
		return syscall.EAFNOSUPPORT
	}
	via := n.plains[side][p.Flow]
	s := n.match.sent(number, p, netip.Addr{}, n.moment())
	b := n.match.codec.build(n.room, number, p, unspecified(via.six))
	m := &n.one[0]
	m.Addr, m.Scope, m.OOB = netip.AddrPortFrom(p.Target.WithZone(""), n.tracer.Port), 0, m.OOB[:0]
	if n.tracer.Protocol == ICMP {
		m.Addr = netip.AddrPortFrom(m.Addr.Addr(), 0)
	}
	if via.six {
		m.Buf = b[wire.IPv6Len:]
		if n.tracer.FlowLabel != 0 {
			m.OOB = cmsg.AppendFlowInfo(m.OOB, n.tracer.FlowLabel)
		}
		m.OOB = cmsg.AppendTrafficClass(cmsg.AppendHopLimit(m.OOB, int(p.TTL)), int(n.tracer.TrafficClass))
		if zone := p.Target.Zone(); zone != "" {
			if i, err := interfaceIndex(zone); err == nil {
				m.Scope = i
			}
		}
	} else {
		m.Buf = b[wire.IPv4Len:]
		m.OOB = cmsg.AppendTOS(cmsg.AppendTTL(m.OOB, int(p.TTL)), int(n.tracer.TrafficClass))
	}
	if n.tracer.Protocol == UDP {
		m.Buf = m.Buf[headerUDP:]
	}
	plainLen := len(m.OOB)
	if via.stamps {
		m.OOB = cmsg.AppendTimestampID(cmsg.AppendTimestamping(m.OOB, cmsg.TxSoftware), uint32(number))
	}
	return n.transmit(via, m, plainLen, s)
}

// transmit sends a probe. An error of one before, which the kernel tells at the next call, is no reason not to.
func (n *plainNetwork) transmit(via *plain, m *cmsg.Message, plainLen int, s *sentProbe) syscall.Errno {
	for tries := 0; ; tries++ {
		s.call = n.moment()
		k, err := via.send.TrySend(n.one)
		if k == 1 {
			return 0
		}
		var errno syscall.Errno
		switch {
		case err == nil:
			unix.Poll([]unix.PollFd{{Fd: int32(via.d.fd.Load()), Events: unix.POLLOUT}}, 10)
		case !errors.As(err, &errno):
			return syscall.EBADF
		case errno == syscall.EINVAL && via.stamps:
			via.stamps, m.OOB = false, m.OOB[:plainLen]
		case errno == syscall.EMSGSIZE || errno == syscall.EACCES || errno == syscall.EPERM || tries > 4:
			return errno
		default:
			if errno == syscall.ENOBUFS {
				return errno
			}
		}
	}
}

func unspecified(six bool) netip.Addr {
	if six {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func (n *plainNetwork) flush() {}

// cause: the queues of plain sockets refuse aloud, for they have IP_RECVERR.
func (n *plainNetwork) cause(uint64) probe.Cause { return probe.Unanswered }

func (n *plainNetwork) receive(ctx context.Context, idle, until time.Duration) error {
	if !n.empty() {
		until, idle = 0, 0
	}
	if err := n.wait(ctx, idle, until); err != nil {
		return err
	}
	for _, side := range n.plains {
		for _, p := range side {
			if data, errs := n.ready(p.at); !data && !errs {
				continue
			}
			if err := n.take(p); err != nil {
				return fmt.Errorf("trace: receive: %w", err)
			}
		}
	}
	return nil
}

// take takes in what has come on a socket.
func (n *plainNetwork) take(p *plain) error {
	for {
		data, queue, err := p.recv.TryReceiveBoth(n.in, n.queue)
		read := n.moment()
		// The stamp of a probe's sending is queued before what routers say of it.
		for i := range n.queue[:queue] {
			n.takeError(p, &n.queue[i], read)
		}
		for i := range n.in[:data] {
			n.takeAnswer(p, &n.in[i], read)
		}
		var errno syscall.Errno
		switch {
		case err == nil || errors.Is(err, os.ErrDeadlineExceeded):
			if data < len(n.in) && queue < len(n.queue) {
				return nil
			}
		case !errors.As(err, &errno):
			return err
		}
	}
}

// takeError takes in an entry of the error queue: a stamp, or what a router said.
func (n *plainNetwork) takeError(p *plain, m *cmsg.Message, read moment) {
	n.info.Parse(m.OOB[:m.NN], m.Flags)
	e := &n.info.Error
	if at, id, ok := e.Timestamp(); ok {
		if s := n.match.numbered(id); s != nil && at == cmsg.StampSent && n.info.Has&cmsg.RxSoftware != 0 {
			s.stamp = n.info.Software.UnixNano()
		}
		return
	}
	if e.Origin != cmsg.OriginICMP && e.Origin != cmsg.OriginICMPv6 {
		return
	}
	quote, extensions := m.Buf[:m.N], []byte(nil)
	if off := e.ExtensionOffset; off > 0 && off < len(quote) && !e.ExtensionsInvalid {
		quote, extensions = quote[:off], quote[off:]
	}
	s := n.match.matchPlain(p.six, p.flow, m.Addr.Addr(), quote)
	if s == nil {
		n.match.foreign++
		return
	}
	a := &n.work
	a.reply = Reply{From: e.Offender, ICMP: true, Type: e.Type, Code: e.Code, MTU: e.MTU(), QuotedTTL: -1, Kind: errorKind(p.six, e.Type, e.Code)}
	readExtensions(extensions, &a.reply)
	n.answered(s, a, read)
}

// takeAnswer takes in what a target sent.
func (n *plainNetwork) takeAnswer(p *plain, m *cmsg.Message, read moment) {
	n.info.Parse(m.OOB[:m.NN], m.Flags)
	a := &n.work
	a.reply = Reply{Kind: Reached, From: m.Addr.Addr(), QuotedTTL: -1}
	if n.tracer.Protocol == UDP {
		a.reply.Port = inject.Open
	}
	var s *sentProbe
	b := m.Buf[:m.N]
	if n.tracer.Protocol == ICMP {
		if reply, _ := wire.ICMPReplyType(p.six, echoType(p.six)); len(b) < headerICMP+payloadLeast || b[0] != reply {
			return
		}
		a.reply.ICMP, a.reply.Type = true, b[0]
		s = n.match.proven64(b[headerICMP:])
	} else {
		s = n.match.answerUDP(b, p.flow, &a.reply)
	}
	if s == nil || s.probe.Flow != p.flow || s.probe.Target.Is6() != p.six {
		n.match.foreign++
		return
	}
	n.answered(s, a, read)
}

// answered works out the round trip of an answer.
func (n *plainNetwork) answered(s *sentProbe, a *arrival, read moment) {
	a.n, a.at, a.failed = s.n, read.steady, false
	if n.info.Has&cmsg.TTL != 0 {
		a.reply.ReplyTTL = uint8(n.info.TTL)
	}
	received := int64(0)
	if n.info.Has&cmsg.RxSoftware != 0 {
		received = n.info.Software.UnixNano()
	}
	s.answered, s.exceeded = true, a.reply.Kind == Exceeded
	a.reply.RTT, a.reply.Source, a.reply.Split, _ = raw.RoundTrip(raw.Reading{Steady: s.call.steady, Wall: s.call.wall}, s.stamp, received,
		raw.Reading{Steady: read.steady, Wall: read.wall})
	n.add(a)
}

func (n *plainNetwork) local(target netip.Addr) Local {
	scope, _ := interfaceIndex(target.Zone())
	return n.routes.local(target, scope)
}

func (n *plainNetwork) limits() []string {
	return []string{
		"what routers changed, and the TTL that they saw: the kernel keeps the quoted header to itself (cap_net_raw shows it)",
		"the answers of routers that quote no more than 8 bytes of a UDP probe (cap_net_raw tells them apart)",
	}
}

func (n *plainNetwork) close() error {
	for _, side := range n.plains {
		for _, p := range side {
			p.d.close()
		}
	}
	if n.routes != nil {
		n.routes.close()
	}
	n.stop()
	return nil
}
