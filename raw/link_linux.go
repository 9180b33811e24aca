package raw

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"sockwire/raw/cmsg"
)

const (
	sendBatch    = 16 // echoes per system call, at most: those behind wait for those before
	receiveBatch = 64 // packets per system call
)

// link is the socket of one family.
type link struct {
	conn    *Conn
	codec   codec
	send    *cmsg.Sender
	out     []cmsg.Message // to be sent, and the numbers of the echoes
	outN    []uint64
	recv    *cmsg.Receiver
	data    []cmsg.Message
	errs    []cmsg.Message
	icmp    []int // of errs, those that are errors and not yet taken in
	info    cmsg.Info
	used    bool // an echo was sent here
	stamps  bool
	stamped uint64 // highest echo the kernel stamped
	drops   uint32
	dropsAt time.Duration
	filled  bool             // the send buffer has been full since an echo was last thrown away
	leased  bool             // the flow label was asked of the kernel
	large   []uint64         // echoes refused for their size; the error queue is to say what would have passed
	mtus    []pathMTU        // what it said before the echo was known to be refused
	backlog int              // packets read without a pause
	ask     func(fd uintptr) // sets waiting, the bytes not yet read
	waiting int
	emptied time.Duration // when the receive buffer was last read to its end
	peak    int           // most of them since drops were last looked at
}

// openLinks opens a socket for each family asked for; with none asked for, one family is enough.
func (r *Run) openLinks() error {
	var errs []error
	kind := r.p.Socket
	for i, family := range []int{4, 6} {
		if r.p.Family != 0 && r.p.Family != family || family == 6 && r.p.Message == TimestampRequest {
			continue
		}
		l, got, err := r.openLink(family, kind)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.links[i] = l
		kind, r.report.Socket = got, got
	}
	if r.links[0] == nil && r.links[1] == nil {
		return errs[0]
	}
	return nil
}

func (r *Run) openLink(family int, kind SocketKind) (*link, SocketKind, error) {
	if kind == AnySocket {
		l, err := r.listen(family, RawSocket)
		if err == nil || !errors.Is(err, os.ErrPermission) || r.p.Message == TimestampRequest {
			return l, RawSocket, err
		}
		l, pingErr := r.listen(family, PingSocket)
		if pingErr == nil {
			return l, PingSocket, nil
		}
		if call := (*os.SyscallError)(nil); errors.As(pingErr, &call) && call.Syscall == "socket" && errors.Is(pingErr, os.ErrPermission) {
			return nil, 0, &permissionError{pingErr, privilegeHint(true) + "; or " + privilegeHint(false)}
		}
		return nil, 0, pingErr
	}
	l, err := r.listen(family, kind)
	return l, kind, err
}

func (r *Run) listen(family int, kind SocketKind) (*link, error) {
	p := &r.p
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
		if r.devices.hardware {
			cfg.Report |= cmsg.RxHardware
		}
	}
	if kind == PingSocket && family == 4 && len(p.Options) > 0 {
		cfg.Report |= cmsg.Options
	}
	var err error
	if l.conn, err = Listen(r.ctx, proto, cfg); err != nil && l.stamps && errors.Is(err, errors.ErrUnsupported) {
		l.stamps = false
		cfg.Report &^= cmsg.TxPerCall | cmsg.RxHardware
		l.conn, err = Listen(r.ctx, proto, cfg)
	}
	if err != nil {
		return nil, err
	}
	if kind == PingSocket {
		l.codec.base = l.conn.ID()
	}
	if err := tune(l.conn, p); err != nil {
		l.conn.Close()
		return nil, fmt.Errorf("raw: ping: %w", err)
	}
	l.codec.template = l.codec.makeTemplate(p)
	if r.inline {
		// Every packet that arrives would wake the runtime's poller, to no end.
		if err := l.conn.leavePoller(); err != nil {
			l.conn.Close()
			return nil, err
		}
	}
	l.recv = cmsg.NewReceiver(l.conn.rc, receiveBatch)
	if l.send, err = cmsg.NewSender(l.conn.rc, sendBatch); err != nil {
		l.conn.Close()
		return nil, err
	}
	l.recv.Brief, l.send.Brief = r.inline, r.inline
	l.makeBuffers(p)
	return l, nil
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

// heardUntil returns the time up to which everything that arrived has been taken in. An echo whose timeout passed after
// that may have its answer waiting here, or read from the socket by a goroutine that was stopped on its way to takeIn.
func (r *Run) heardUntil(now time.Duration) time.Duration {
	until := now
	for _, l := range r.links {
		// A socket that nothing was sent on holds no answer. What strangers sent to it before it had its filter may stay.
		if l != nil && l.used && (l.queued() > 0 || !r.inline && !l.recv.Waiting()) {
			until = min(until, l.emptied)
		}
	}
	return until
}

func (r *Run) link(target netip.Addr) *link {
	if target.Is4() {
		return r.links[0]
	}
	return r.links[1]
}
