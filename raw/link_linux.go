package raw

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/wire"
)

const (
	sendBatch    = 16 // echoes per system call, at most: those behind wait for those before
	receiveBatch = 64 // packets per system call
)

// link is the socket of one family: it turns echoes into messages, and what arrives into bytes and facts. It knows
// nothing of what is on its way.
type link struct {
	conn  *Conn
	codec codec

	send   *cmsg.Sender
	out    []cmsg.Message // to be sent, and the numbers of the echoes
	outN   []uint64
	used   bool // an echo was sent here
	stamps bool // send timestamps are asked for
	leased bool // the flow label was asked of the kernel
	filled bool // the send buffer has been full since an echo was last thrown away
	paths  pathMTUs

	recv *cmsg.Receiver
	data []cmsg.Message
	errs []cmsg.Message
	icmp []int // of errs, those that are errors and not yet taken in
	info cmsg.Info

	drops   uint32        // of the receive buffer, when last looked at
	dropsAt time.Duration // when that was
	backlog int           // packets read without a pause
	peak    int           // most of them since drops were last looked at
	emptied time.Duration // when the receive buffer was last read to its end
	ask     func(fd uintptr)
	waiting int // what ask found: bytes not yet read
}

// linkConfig says how to open a link.
type linkConfig struct {
	p        *Pinger
	polled   bool // the runtime's poller waits for what arrives
	hardware bool // ask for the device's stamps
}

// openLink opens the socket of a family, of the kind asked for or, where that is left open, the best that is allowed.
func openLink(ctx context.Context, family int, kind SocketKind, c linkConfig) (*link, SocketKind, error) {
	if kind != AnySocket {
		l, err := newLink(ctx, family, kind, c)
		return l, kind, err
	}
	l, err := newLink(ctx, family, RawSocket, c)
	if err == nil || !errors.Is(err, os.ErrPermission) || c.p.Message == TimestampRequest {
		return l, RawSocket, err
	}
	l, pingErr := newLink(ctx, family, PingSocket, c)
	if pingErr == nil {
		return l, PingSocket, nil
	}
	if call := (*os.SyscallError)(nil); errors.As(pingErr, &call) && call.Syscall == "socket" && errors.Is(pingErr, os.ErrPermission) {
		return nil, 0, &permissionError{pingErr, privilegeHint(true) + "; or " + privilegeHint(false)}
	}
	return nil, 0, pingErr
}

func newLink(ctx context.Context, family int, kind SocketKind, c linkConfig) (*link, error) {
	p := c.p
	l := &link{codec: codec{six: family == 6, message: p.Message, key: newKey(), magic: rand.Uint32(), multiple: p.Broadcast}}
	cfg := &Config{Local: p.Source, Interface: p.Device, TTL: p.TTL, TOS: p.TOS, Mark: p.Mark, Broadcast: p.Broadcast,
		ReadBuffer: p.ReadBuffer, Errors: true, Unprivileged: kind == PingSocket}
	proto := ICMP
	if family == 6 {
		proto = ICMPv6
		if !cfg.Local.IsValid() {
			cfg.Local = netip.IPv6Unspecified()
		}
	}
	if kind == RawSocket {
		l.codec.idBits = 4
		l.codec.base = p.base
		if p.base == 0 {
			l.codec.base = uint16(1+rand.IntN(1<<12-1)) << 4
		}
		cfg.Filter = l.codec.filter()
	}
	if p.Stamps != StampsOff {
		cfg.Report |= cmsg.TxPerCall
		l.stamps = true
		if c.hardware {
			cfg.Report |= cmsg.RxHardware
		}
	}
	if kind == PingSocket && family == 4 && len(p.Options) > 0 {
		cfg.Report |= cmsg.Options
	}
	var err error
	if l.conn, err = Listen(ctx, proto, cfg); err != nil && l.stamps && errors.Is(err, errors.ErrUnsupported) {
		l.stamps = false
		cfg.Report &^= cmsg.TxPerCall | cmsg.RxHardware
		l.conn, err = Listen(ctx, proto, cfg)
	}
	if err != nil {
		return nil, err
	}
	if kind == PingSocket {
		l.codec.base = l.conn.ID()
	}
	if err := l.prepare(c); err != nil {
		l.conn.Close()
		return nil, err
	}
	return l, nil
}

// prepare sets the options that Config has no word for, and makes the buffers.
func (l *link) prepare(c linkConfig) error {
	if err := setPingOptions(l.conn, c.p); err != nil {
		return fmt.Errorf("raw: ping: %w", err)
	}
	l.codec.template = l.codec.makeTemplate(c.p)
	if !c.polled {
		// Every packet that arrives would wake the runtime's poller, to no end.
		if err := l.conn.leavePoller(); err != nil {
			return err
		}
	}
	var err error
	l.recv = cmsg.NewReceiver(l.conn.rc, receiveBatch)
	if l.send, err = cmsg.NewSender(l.conn.rc, sendBatch); err != nil {
		return err
	}
	l.recv.Brief, l.send.Brief = !c.polled, !c.polled
	l.makeBuffers(c.p)
	return nil
}

func (l *link) makeBuffers(p *Pinger) {
	in, out := receiveBatch, sendBatch
	if p.Size > 4096 {
		in, out = 8, 8
	}
	l.data, l.errs, l.icmp = make([]cmsg.Message, in), make([]cmsg.Message, receiveBatch), make([]int, 0, receiveBatch)
	for i := range l.data {
		l.data[i] = cmsg.Message{Buf: make([]byte, max(p.Size+icmpHeader+60, 576)+1), OOB: make([]byte, controlSize)}
	}
	for i := range l.errs {
		l.errs[i] = cmsg.Message{Buf: make([]byte, 128), OOB: make([]byte, controlSize)}
	}
	l.out, l.outN = make([]cmsg.Message, out), make([]uint64, 0, out)
	for i := range l.out {
		l.out[i] = cmsg.Message{Buf: make([]byte, len(l.codec.template)), OOB: make([]byte, 0, 128)}
	}
}

// put adds the message of echo n to the batch to be sent. scope is the interface of a link-local target, label an IPv6
// flow label, and stamps are the timestamps wanted; 0 is none of each.
func (l *link) put(n uint64, target netip.Addr, scope, label uint32, stamps cmsg.Set) {
	l.used = true
	i := len(l.out)
	l.out, l.outN = l.out[:i+1], append(l.outN, n)
	m := &l.out[i]
	m.Buf = l.codec.build(m.Buf, n, target)
	m.Addr = netip.AddrPortFrom(target.WithZone(""), 0)
	m.Scope = scope
	m.OOB = m.OOB[:0]
	if l.codec.six && label != 0 {
		m.OOB = cmsg.AppendFlowInfo(m.OOB, label)
	}
	if stamps != 0 {
		m.OOB = cmsg.AppendTimestampID(cmsg.AppendTimestamping(m.OOB, stamps), uint32(n))
	}
}

// packetSize is the length of the IP packet of an echo with so many bytes of IPv4 options.
func (l *link) packetSize(options int) int {
	if l.codec.six {
		return ipv6.HeaderLen + len(l.codec.template)
	}
	return ipv4.HeaderLen + options + len(l.codec.template)
}

// arrival is a packet received.
type arrival struct {
	message  []byte // ICMP, as much of it as there was room for
	size     int    // of the whole message
	badSum   bool
	from     netip.Addr // without its zone, of which scope is the interface
	scope    uint32
	ttl, tos int
	options  []byte // of the IPv4 header
	received int64  // by the kernel's stamp, 0 if there is none
}

// read takes a packet apart; ok is false if it is none. What came with it is in l.info.
func (l *link) read(m *cmsg.Message) (a arrival, ok bool) {
	i := &l.info
	i.Parse(m.OOB[:m.NN], m.Flags)
	a = arrival{message: m.Buf[:m.N], size: m.N, from: m.Addr.Addr(), scope: m.Scope, ttl: i.TTL, tos: i.TOS, options: i.Options}
	if i.Has&cmsg.RxSoftware != 0 {
		a.received = i.Software.UnixNano()
	}
	if !l.conn.headers {
		return a, true
	}
	b := a.message
	if len(b) < ipv4.HeaderLen {
		return a, false
	}
	a.ttl, a.tos = int(b[8]), int(b[1])
	header := headerLen(b)
	a.options, a.message = b[ipv4.HeaderLen:header], b[header:]
	if m.Flags&unix.MSG_TRUNC != 0 {
		// Longer than any answer to what was sent. What was cut off was under the checksum too, which so says nothing.
		a.size = int(binary.BigEndian.Uint16(b[2:])) - header
		return a, true
	}
	a.size, a.badSum = len(a.message), wire.Checksum(a.message) != 0
	return a, true
}

// took notes that a batch of n packets was read: if it was not full, the receive buffer is empty. at is when that was.
func (l *link) took(n int, at time.Duration) {
	if l.backlog += n; n < len(l.data) {
		l.peak, l.backlog = max(l.peak, l.backlog), 0
		l.emptied = at
	}
}

// dropped takes in how many packets the socket has dropped in all, and returns how many of them since it was last told,
// from when on, and whether they were damaged: an IPv6 raw socket also counts those that the kernel threw away for
// their checksum. Its buffer, of packets of size bytes, cannot have been full if few were ever found waiting in it.
func (l *link) dropped(total uint32, size int, now time.Duration) (n uint32, since time.Duration, damaged bool) {
	n, since = total-l.drops, l.dropsAt
	l.dropsAt = now
	if n == 0 || n >= 1<<31 {
		return 0, since, false
	}
	const overhead = 1024 // bytes that a packet costs the buffer beside its own, at most
	full := 4*l.peak*(size+overhead) >= l.conn.ReadBuffer()
	l.drops, l.peak = total, 0
	return n, since, l.codec.six && l.conn.ID() == 0 && !full
}

// queued returns how much of the receive buffer is taken by what has not been read.
func (l *link) queued() int {
	if l.ask == nil {
		// Bound once: a closure made at each call would be an allocation.
		l.ask = func(fd uintptr) { l.waiting, _ = cmsg.ReadQueued(int(fd)) }
	}
	l.waiting = 0
	_ = l.conn.rc.Control(l.ask)
	return l.waiting
}

// pathMTUs matches echoes that were too large to be sent with the entries of the error queue that tell the path's MTU,
// which may come before or after.
type pathMTUs struct {
	known []pathMTU // and no echo that it is about
	large []uint64  // echoes that wait for theirs
}

// pathMTU is what this host knows of the way to a target.
type pathMTU struct {
	target netip.Addr
	mtu    int
}

// take returns what was told of the way to a target, once; ok is false if nothing was.
func (p *pathMTUs) take(target netip.Addr) (mtu int, ok bool) {
	for i, m := range p.known {
		if m.target == target {
			p.known = slices.Delete(p.known, i, i+1)
			return m.mtu, true
		}
	}
	return 0, false
}

// tell keeps what was told. An echo that is tried again makes an entry each time.
func (p *pathMTUs) tell(m pathMTU) {
	const most = 64
	if len(p.known) == most {
		p.known = p.known[1:]
	}
	p.known = append(p.known, m)
}
