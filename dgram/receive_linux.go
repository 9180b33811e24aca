package dgram

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// kernelBatch is what a Batch has to receive with on this system.
type kernelBatch struct {
	recv *cmsg.Receiver
	errs []cmsg.Message // entries of the error queue; nil for a Unix socket
	info cmsg.Info
	via  struct { // the last interface's name: most come through one
		index int
		name  string
	}
}

// Room for the control messages that configure asked for, and on Unix sockets for credentials and the 253 descriptors
// that one datagram can pass (SCM_MAX_FD).
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
			if netErr := c.reports.take(b.peer.IP); netErr != nil {
				return nil, fmt.Errorf("dgram: receive: %w", netErr)
			}
		}
		switch {
		case err == nil && !wait:
			return nil, nil
		case err == nil, cmsg.Earlier(err) && !isUnix(c.network):
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

func (b *Batch) report(m *cmsg.Message) {
	b.info.Parse(m.OOB[:m.NN], m.Flags)
	e := &b.info.Error
	if at, id, ok := e.Timestamp(); ok && b.info.Has&cmsg.Errors != 0 {
		if b.info.Has&cmsg.RxSoftware != 0 {
			b.c.stamps.add(SendTime{Stamp: id, Queued: at == cmsg.StampScheduled, Time: b.info.Software}, maxStamps)
		}
		return
	}
	if b.info.Has&cmsg.Errors == 0 || e.Origin != cmsg.OriginLocal && e.Origin != cmsg.OriginICMP && e.Origin != cmsg.OriginICMPv6 {
		return
	}
	netErr := &NetworkError{
		To: b.c.zoned(m.Addr, m.Scope), From: e.Offender.Unmap(), Type: e.Type, Code: e.Code, MTU: e.MTU(), Err: e.Errno,
		Payload: append([]byte(nil), m.Buf[:m.N]...), Time: time.Now(),
	}
	if b.info.Has&cmsg.RxSoftware != 0 {
		netErr.Time = b.info.Software
	}
	if e.Origin != cmsg.OriginLocal && b.info.Has&cmsg.TTL != 0 {
		netErr.TTL = uint8(b.info.TTL)
	}
	b.c.reports.add(netErr, maxReports)
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
