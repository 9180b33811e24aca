package dgram

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sockwire/raw/cmsg"
)

// netConn is what UDP and Unix sockets of package net have in common.
type netConn interface {
	net.Conn
	syscall.Conn
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}

// Conn is a datagram socket. Its methods may be called from several goroutines; those that receive take turns, and so
// do those that send.
type Conn struct {
	nc        netConn
	network   string
	local     Addr
	remote    Addr
	connected bool
	file      socketFile // to remove on Close
	closed    atomic.Bool

	readBuffer, writeBuffer int
	answerServices          bool // see Unanswerable
	markReplies             bool
	coalesce                bool
	family6                 bool // an IPv6 socket, which may carry IPv4 too

	one struct { // for Receive
		sync.Mutex
		*Batch
		rest []Datagram
	}
	out  outgoing // of Send and SendAll, which wait for room
	back outgoing // of Reply and TrySend, which do not
	errs struct { // for reading the error queue beside a receive
		sync.Mutex
		*Batch
	}
	names   names
	dropped atomic.Uint32 // as last reported with a datagram
	reports reports
	stamps  stamps
	zones   zones
	own     ownAddresses
	echoes  echoes
}

// Listen opens a socket on a local address and takes datagrams from anybody. The networks are those of package net:
// "udp", "udp4" and "udp6" with "host:port", where an empty host is all addresses (with "udp" over IPv4 and IPv6 at
// once), and "unixgram" with a path, "@" and an abstract name, or nothing for a name of the kernel's choice.
//
// Errors answer to os.ErrPermission and to errnos such as EADDRINUSE, and may offer a Hint() string.
func Listen(ctx context.Context, network, address string, cfg *Config) (*Conn, error) {
	cfg, err := checked(cfg)
	if err != nil {
		return nil, err
	}
	if isUnix(network) && strings.HasPrefix(address, "@") && len(address) == 1 {
		return nil, fmt.Errorf("dgram: listen %s %s: an abstract name needs at least one byte after the @", network, address)
	}
	lc := net.ListenConfig{Control: control(cfg, false)}
	listen := lc.ListenPacket
	if isUnix(network) {
		listen = func(ctx context.Context, network, name string) (net.PacketConn, error) {
			return listenUnix(ctx, &lc, network, name, cfg)
		}
	}
	pc, err := listen(ctx, network, address)
	if err != nil {
		return nil, openError("listen", network, address, err)
	}
	file := newSocketFile(network, address)
	c, err := newConn(pc.(netConn), network, cfg, false)
	if err != nil {
		return nil, errors.Join(err, file.remove())
	}
	c.file = file
	return c, nil
}

// Dial opens a socket connected to one peer: only its datagrams are received, and the errors it causes come back from
// Receive as a [*NetworkError]. A Unix socket gets a name of the kernel's choice unless Config.Local names one, so that
// the peer can answer.
func Dial(ctx context.Context, network, address string, cfg *Config) (*Conn, error) {
	cfg, err := checked(cfg)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Control: control(cfg, isUnix(network) && cfg.Local == "")}
	if cfg.Local != "" {
		if isUnix(network) {
			d.LocalAddr = &net.UnixAddr{Name: cfg.Local, Net: network}
		} else if d.LocalAddr, err = net.ResolveUDPAddr(network, cfg.Local); err != nil {
			return nil, fmt.Errorf("dgram: dial from %s: %w", cfg.Local, cause(err))
		}
	}
	old := newSocketFile(network, cfg.Local)
	nc, err := d.DialContext(ctx, network, address)
	file := newSocketFile(network, cfg.Local)
	if err != nil {
		if old.path == "" {
			err = errors.Join(err, file.remove()) // bound, and then not connected
		}
		if errors.Is(err, syscall.ECONNREFUSED) && isUnix(network) {
			return nil, withHint(fmt.Errorf("dgram: dial %s %s: %w", network, address, cause(err)), "nobody listens there any more")
		}
		return nil, openError("dial", network, address, err)
	}
	c, err := newConn(nc.(netConn), network, cfg, true)
	if err != nil {
		return nil, errors.Join(err, file.remove())
	}
	c.file = file
	return c, nil
}

// Resolve returns the addresses that a name stands for, in the order to try them.
func Resolve(ctx context.Context, network, address string) ([]Addr, error) {
	if isUnix(network) {
		if address == "" {
			return nil, errors.New("dgram: resolve: a Unix socket needs a name")
		}
		return []Addr{Unix(address)}, nil
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dgram: resolve %q: %w", address, cause(err))
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return nil, fmt.Errorf("dgram: resolve %q: port: %w", address, cause(err))
	}
	if ip, err := netip.ParseAddr(host); err == nil && (network == "udp" || ip.Is4() == (network == "udp4")) {
		// With its zone, which the resolver drops.
		return []Addr{new(zones).canonical(UDP(netip.AddrPortFrom(ip, uint16(port))))}, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+strings.TrimPrefix(network, "udp"), host)
	if err != nil {
		return nil, fmt.Errorf("dgram: resolve %q: %w", address, cause(err))
	}
	var addrs []Addr
	for _, ip := range ips {
		addrs = append(addrs, UDP(netip.AddrPortFrom(ip, uint16(port))))
	}
	return addrs, nil
}

func checked(cfg *Config) (*Config, error) {
	if cfg == nil {
		cfg = new(Config)
	}
	for _, v := range []struct {
		name  string
		value int
		max   int
	}{{"TTL", cfg.TTL, 255}, {"TOS", cfg.TOS, 255}, {"MulticastTTL", cfg.MulticastTTL, 255},
		{"Fragmentation", int(cfg.Fragmentation), int(FragmentProbe)}, {"ReadBuffer", cfg.ReadBuffer, 1 << 30}, {"WriteBuffer", cfg.WriteBuffer, 1 << 30}} {
		if v.value < 0 || v.value > v.max {
			return nil, fmt.Errorf("dgram: %s is %d, beyond 0 to %d", v.name, v.value, v.max)
		}
	}
	if cfg.Interface != "" {
		if _, err := net.InterfaceByName(cfg.Interface); err != nil {
			return nil, fmt.Errorf("dgram: interface %q: %w", cfg.Interface, cause(err))
		}
	}
	return cfg, nil
}

func newConn(nc netConn, network string, cfg *Config, connected bool) (*Conn, error) {
	c := &Conn{
		nc: nc, network: network, connected: connected,
		local: unmapped(nc.LocalAddr()), remote: unmapped(nc.RemoteAddr()), answerServices: cfg.AnswerServices,
	}
	if err := c.setup(cfg); err != nil {
		nc.Close()
		return nil, fmt.Errorf("dgram: %s: %w", network, err)
	}
	c.one.Batch = c.NewBatch(1, 0)
	c.errs.Batch = c.NewBatch(1, 0)
	return c, nil
}

// cause strips package net's wrapping, whose text repeats ours.
func cause(err error) error {
	var op *net.OpError
	for errors.As(err, &op) {
		err = op.Err
	}
	var addr *net.AddrError
	if errors.As(err, &addr) && addr.Addr == "" {
		return errors.New(addr.Err)
	}
	return err
}

// LocalAddr is the address of this end. A wildcard stays one: see Datagram.To for the address a peer used.
func (c *Conn) LocalAddr() Addr { return c.local }

// RemoteAddr is the peer that Dial connected to, else the zero Addr.
func (c *Conn) RemoteAddr() Addr { return c.remote }

// ReadBuffer is the size of the receive buffer in bytes as the system granted it. Linux doubles what was asked for and
// stops at twice net.core.rmem_max without CAP_NET_ADMIN; a small datagram is charged about 768 bytes of it.
func (c *Conn) ReadBuffer() int { return c.readBuffer }

// WriteBuffer is the size of the send buffer in bytes as the system granted it.
func (c *Conn) WriteBuffer() int { return c.writeBuffer }

// SyscallConn gives access to the socket for options this package does not know. Do not read, write or close there.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.nc.SyscallConn() }

// SetReadDeadline ends waiting receives at t with os.ErrDeadlineExceeded. The zero time is never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetWriteDeadline ends sends that wait for room at t with os.ErrDeadlineExceeded. The zero time is never.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.nc.SetWriteDeadline(t) }

// Close closes the socket, wakes whoever waits on it with net.ErrClosed, and removes the file that Listen
// made, if it is still that one.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return fmt.Errorf("dgram: close: %w", net.ErrClosed)
	}
	if err := errors.Join(c.nc.Close(), c.file.remove()); err != nil {
		return fmt.Errorf("dgram: close: %w", cause(err))
	}
	return nil
}

// MaxPayload is the largest payload in bytes that a datagram to the given address can carry, whatever the path. For a
// Unix socket it depends on the send buffer.
func (c *Conn) MaxPayload(to Addr) int {
	if to.IsZero() {
		to = c.remote
	}
	switch {
	case isUnix(c.network):
		return c.writeBuffer - 32 // what unix_dgram_sendmsg leaves for itself
	case to.IP.Addr().Is4() || !c.family6:
		return MaxPayload4
	default:
		return MaxPayload6
	}
}

// Send sends one datagram, waiting for room if the send buffer is full. The zero Addr is the peer that Dial connected
// to. A nil error means that this host took the datagram, no more: what the network says about it comes back from
// Receive or Reports.
func (c *Conn) Send(payload []byte, to Addr) error {
	_, err := c.sendOne(&c.out, Message{Payload: payload, To: to})
	return err
}

// Reply sends a datagram back to where d came from, from the address and interface it was sent to, as a host with several
// addresses must. It never waits, so that a peer that cannot be reached does not keep others from their answers: where there
// is no room in the send buffer, or in the peer's receive buffer for a Unix socket, it fails with [ErrNoRoom]. Ask
// [Conn.Unanswerable] first whether there should be an answer.
func (c *Conn) Reply(d *Datagram, payload []byte) error {
	m := Message{Payload: payload, To: d.From}
	if c.local.IP.IsValid() && c.local.IP.Addr().IsUnspecified() && d.To.IsValid() && !d.To.Addr().IsMulticast() && d.To.Addr() != broadcast4 {
		m.From = d.To.Addr()
	}
	if d.From.IP.Addr().IsLinkLocalUnicast() {
		m.Ifindex = d.Ifindex
	}
	if c.markReplies {
		m.TTL = answerTTL
	}
	return c.TrySend(m)
}

// TrySend is Send for any message, without waiting: neither for room, without which it fails with [ErrNoRoom], nor for
// another send that does. A deadline has no effect on it.
func (c *Conn) TrySend(m Message) error {
	_, err := c.sendOne(&c.back, m)
	return err
}

// ErrNoRoom says that a datagram which was not to wait was not sent.
var ErrNoRoom = errors.New("no room for it now")

func (c *Conn) sendOne(o *outgoing, m Message) (int, error) {
	o.Lock()
	defer o.Unlock()
	o.single[0] = m
	n, err := c.sendAll(o, o.single[:])
	o.single[0] = Message{}
	return n, err
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// SendAll sends messages in order, waiting for room, and returns how many this host took; the error is that of ms[n].
// Sizes and addresses are checked before anything is sent. The slice and the payloads are used during the call only.
//
// Messages to one destination with payloads of one size (the last may be shorter) that lie one behind the other in one
// slice, as buf[0:1400], buf[1400:2800] and so on do, travel through this host's stack as one and are cut into
// datagrams last of all (UDP_SEGMENT). Where that does not work they are sent one by one; nothing else changes.
func (c *Conn) SendAll(ms []Message) (n int, err error) {
	c.out.Lock()
	defer c.out.Unlock()
	return c.sendAll(&c.out, ms)
}

func (c *Conn) sendAll(o *outgoing, ms []Message) (int, error) {
	for i := range ms {
		if err := c.check(&ms[i]); err != nil {
			return 0, at(i, len(ms), err)
		}
	}
	n, err := c.transmit(o, ms)
	if err != nil {
		return n, at(n, len(ms), c.sendError(&ms[n], err))
	}
	return n, nil
}

func (c *Conn) check(m *Message) error {
	switch {
	case m.To.IsZero() && !c.connected:
		return withHint(errors.New("no destination"), "only a dialled socket knows its peer")
	case !m.To.IsZero() && (m.To.Unix != "") != isUnix(c.network):
		return fmt.Errorf("%v is no address for a %s socket", m.To, c.network)
	case m.To.IP.IsValid() && !c.family6 && !m.To.IP.Addr().Unmap().Is4():
		return fmt.Errorf("%v is no address for an IPv4 socket", m.To)
	case m.To.IP.IsValid() && m.To.IP.Port() == 0:
		return fmt.Errorf("%v: port 0 is nobody's", m.To)
	case len(m.To.Unix) > maxUnixName:
		return fmt.Errorf("the name of a Unix socket has at most %d bytes, %q has %d", maxUnixName, m.To.Unix, len(m.To.Unix))
	}
	if limit := c.MaxPayload(m.To); len(m.Payload) > limit {
		to := m.To
		if to.IsZero() {
			to = c.remote
		}
		return &SizeError{To: to, Size: len(m.Payload), Limit: limit}
	}
	return nil
}

func at(i, n int, err error) error {
	if n > 1 {
		return fmt.Errorf("dgram: send: message %d: %w", i, err)
	}
	return fmt.Errorf("dgram: send: %w", err)
}

func (c *Conn) sendError(m *Message, err error) error {
	to := m.To
	if to.IsZero() {
		to = c.remote
	}
	wrapped := fmt.Errorf("to %v: %w", to, err)
	switch {
	case errors.Is(err, syscall.EACCES) && to.IP.IsValid():
		return withHint(wrapped, "a broadcast address has to be asked for; or a firewall forbids it")
	case errors.Is(err, syscall.ENOENT) && to.Unix != "", errors.Is(err, syscall.ECONNREFUSED) && to.Unix != "":
		return withHint(wrapped, "nobody listens on %s", to.Unix)
	}
	return wrapped
}

// Receive waits for one datagram and puts its payload into b, which Payload then points into. A longer one is cut and
// marked Truncated; the rest is lost. On a dialled socket a [*NetworkError] may come instead; the socket stays usable.
func (c *Conn) Receive(b []byte) (Datagram, error) { return c.receiveFrom(b, Addr{}) }

// receiveFrom is Receive that also ends with what the network says about datagrams to peer, unless that is zero.
func (c *Conn) receiveFrom(b []byte, peer Addr) (Datagram, error) {
	c.one.Lock()
	defer c.one.Unlock()
	c.one.peer = peer
	if c.coalesce {
		if len(c.one.rest) == 0 {
			ds, err := c.one.receive(true)
			if err != nil {
				return Datagram{}, err
			}
			c.one.rest = ds
		}
		d := c.one.rest[0]
		c.one.rest = c.one.rest[1:]
		n := copy(b, d.Payload)
		d.Truncated = d.Truncated || n < len(d.Payload)
		d.Payload = b[:n]
		return d, nil
	}
	c.one.ms[0].Buf = b
	ds, err := c.one.receive(true)
	c.one.ms[0].Buf = nil
	if err != nil {
		return Datagram{}, err
	}
	return ds[0], nil
}

// Batch holds the buffers of a batch of datagrams, for one goroutine at a time. Make it with [Conn.NewBatch].
type Batch struct {
	c    *Conn
	recv *cmsg.Receiver
	ms   []cmsg.Message
	errs []cmsg.Message
	info cmsg.Info
	ds   []Datagram
	via  struct { // the last interface's name: most come through one
		index int
		name  string
	}
	peer Addr // a NetworkError about it ends the wait on a socket that is not connected
}

// maxSegments is the most datagrams that one read of a coalescing socket returns (UDP_MAX_SEGMENTS of Linux 6.9 on).
const maxSegments = 128

// NewBatch returns buffers for so many messages (1 to 1024) of at most size bytes each. Longer datagrams are cut and
// marked. A socket that coalesces needs, and gets, 64 KiB for each message, which may bring up to 128 datagrams.
func (c *Conn) NewBatch(messages, size int) *Batch {
	messages = min(max(messages, 1), 1024)
	segments := 1
	if c.coalesce {
		size, segments = 1<<16, maxSegments
	}
	b := &Batch{c: c, ms: make([]cmsg.Message, messages), ds: make([]Datagram, 0, messages*segments)}
	arena := make([]byte, messages*size)
	for i := range b.ms {
		b.ms[i].Buf = arena[i*size : (i+1)*size : (i+1)*size]
	}
	c.setupBatch(b)
	return b
}

// ReceiveBatch waits until there is at least one datagram and returns all that are there, up to the Batch's room. It
// never waits for more. They are valid until the Batch is used again. Errors are those of Receive.
func (c *Conn) ReceiveBatch(b *Batch) ([]Datagram, error) { return b.receive(true) }

// TryReceiveBatch is ReceiveBatch without waiting: no datagrams and no error if there are none.
func (c *Conn) TryReceiveBatch(b *Batch) ([]Datagram, error) { return b.receive(false) }

// Datagrams yields what is received until ctx is done or the loop breaks. Payload is valid until the next step. An error
// is the last thing yielded, but for a [*NetworkError] on a dialled socket, after which the loop may go on. While it runs,
// the read deadline is its own.
func (c *Conn) Datagrams(ctx context.Context) iter.Seq2[Datagram, error] {
	return func(yield func(Datagram, error) bool) {
		stop := c.readUntil(ctx)
		defer stop()
		b := c.NewBatch(16, 1<<16)
		for {
			ds, err := b.receive(true)
			for _, d := range ds {
				if !yield(d, nil) {
					return
				}
			}
			if err == nil {
				continue
			}
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			var told *NetworkError
			if !yield(Datagram{}, err) || !errors.As(err, &told) {
				return
			}
		}
	}
}

// readUntil has ctx end waiting receives. The function it returns undoes that.
func (c *Conn) readUntil(ctx context.Context) (stop func()) {
	return until(ctx, c.nc.SetReadDeadline)
}

// writeUntil has ctx end sends that wait for room.
func (c *Conn) writeUntil(ctx context.Context) (stop func()) {
	return until(ctx, c.nc.SetWriteDeadline)
}

func until(ctx context.Context, setDeadline func(time.Time) error) (stop func()) {
	done := make(chan struct{})
	off := context.AfterFunc(ctx, func() {
		_ = setDeadline(time.Unix(1, 0))
		close(done)
	})
	return func() {
		if !off() {
			<-done
		}
		_ = setDeadline(time.Time{})
	}
}

// Reports returns what the network said about datagrams sent since the last call, at most the last 64, and how many
// such errors there have been in all. It looks into the error queue without waiting.
func (c *Conn) Reports() ([]*NetworkError, uint64) {
	c.drain()
	c.reports.Lock()
	defer c.reports.Unlock()
	list := c.reports.list
	c.reports.list = nil
	return list, c.reports.total
}

// SendTimes appends the times of stamped datagrams that came in since the last call to list, without waiting; the last 256
// are kept. A datagram that was cut by the device, or never left, has none.
func (c *Conn) SendTimes(list []SendTime) []SendTime {
	c.drain()
	c.stamps.Lock()
	defer c.stamps.Unlock()
	list = append(list, c.stamps.list...)
	c.stamps.list = c.stamps.list[:0]
	return list
}

// stamps are send times that nobody has asked for yet.
type stamps struct {
	sync.Mutex
	list []SendTime
}

const maxStamps = 256

func (s *stamps) add(t SendTime) {
	s.Lock()
	defer s.Unlock()
	if len(s.list) == maxStamps {
		s.list = s.list[:copy(s.list, s.list[1:])]
	}
	s.list = append(s.list, t)
}

// reports are errors that no call has returned yet.
type reports struct {
	sync.Mutex
	list  []*NetworkError
	total uint64
}

const maxReports = 64

func (r *reports) add(e *NetworkError) {
	r.Lock()
	defer r.Unlock()
	r.total++
	if len(r.list) == maxReports {
		r.list = append(r.list[:0], r.list[1:]...)
	}
	r.list = append(r.list, e)
}

// take removes the first error about a datagram to the given address, or about any if that is not valid.
func (r *reports) take(to netip.AddrPort) *NetworkError {
	r.Lock()
	defer r.Unlock()
	for i, e := range r.list {
		if !to.IsValid() || e.To == to {
			r.list = slices.Delete(r.list, i, i+1)
			return e
		}
	}
	return nil
}

// names remembers the strings of Unix names that datagrams come from, so that none is made per datagram.
type names struct {
	sync.Mutex
	known map[string]string
}

// zones translates between interface names and indexes, remembering what it has asked.
type zones struct {
	sync.Mutex
	names   map[uint32]string
	indexes map[string]uint32
}

func (z *zones) name(index uint32) string {
	z.Lock()
	defer z.Unlock()
	if name, ok := z.names[index]; ok {
		return name
	}
	name := strconv.Itoa(int(index))
	if ifi, err := net.InterfaceByIndex(int(index)); err == nil {
		name = ifi.Name
	}
	if z.names == nil {
		z.names = map[uint32]string{}
	}
	z.names[index] = name
	return name
}

func (z *zones) index(name string) uint32 {
	if name == "" {
		return 0
	}
	z.Lock()
	defer z.Unlock()
	if index, ok := z.indexes[name]; ok {
		return index
	}
	index := uint32(0)
	if ifi, err := net.InterfaceByName(name); err == nil {
		index = uint32(ifi.Index)
	} else if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		index = uint32(n)
	}
	if z.indexes == nil {
		z.indexes = map[string]uint32{}
	}
	z.indexes[name] = index
	return index
}

// canonical is an address as those of received datagrams are: with the interface's name, not its number.
func (z *zones) canonical(a Addr) Addr {
	ip := a.IP.Addr()
	if ip.Zone() == "" {
		return a
	}
	if index := z.index(ip.Zone()); index != 0 {
		a.IP = netip.AddrPortFrom(ip.WithZone(z.name(index)), a.IP.Port())
	}
	return a
}

func unspecified(v4 bool) netip.Addr {
	if v4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
