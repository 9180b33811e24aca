package dgram

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sockwire/raw/wire"
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
	stamps  recent[SendTime]
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
	if err := nameable(network, address); err != nil {
		return nil, err
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
		return nil, openError("listen", network, address, unlessEnded(ctx, err))
	}
	return newConn(pc.(netConn), network, cfg, false, newSocketFile(network, address))
}

// Dial opens a socket connected to one peer: only its datagrams are received, and the errors it causes come back from
// Receive as a [*NetworkError]. A Unix socket gets a name of the kernel's choice unless Config.Local names one, so that
// the peer can answer.
func Dial(ctx context.Context, network, address string, cfg *Config) (*Conn, error) {
	cfg, err := checked(cfg)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(nameable(network, address), nameable(network, cfg.Local)); err != nil {
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
		return nil, openError("dial", network, address, unlessEnded(ctx, err))
	}
	return newConn(nc.(netConn), network, cfg, true, file)
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
	if err := nameable(network, address); err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return nil, fmt.Errorf("dgram: resolve %q: port: %w", address, cause(unlessEnded(ctx, err)))
	}
	if ip, err := netip.ParseAddr(host); err == nil && (network == "udp" || ip.Is4() == (network == "udp4")) {
		// With its zone, which the resolver drops.
		return []Addr{new(zones).canonical(UDP(netip.AddrPortFrom(ip, uint16(port))))}, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+strings.TrimPrefix(network, "udp"), host)
	if err != nil {
		return nil, fmt.Errorf("dgram: resolve %q: %w", address, cause(unlessEnded(ctx, err)))
	}
	var addrs []Addr
	for _, ip := range ips {
		addrs = append(addrs, UDP(netip.AddrPortFrom(ip, uint16(port))))
	}
	return addrs, nil
}

func checked(cfg *Config) (*Config, error) {
	cfg = cmp.Or(cfg, &Config{})
	for _, v := range []struct {
		name  string
		value int
		max   int
	}{{"TTL", cfg.TTL, 255}, {"TOS", cfg.TOS, 255}, {"MulticastTTL", cfg.MulticastTTL, 255},
		{"Fragmentation", int(cfg.Fragmentation), int(FragmentProbe)}, {"ReadBuffer", cfg.ReadBuffer, 1 << 30},
		{"WriteBuffer", cfg.WriteBuffer, 1 << 30}} {
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

func newConn(nc netConn, network string, cfg *Config, connected bool, file socketFile) (*Conn, error) {
	c := &Conn{
		nc: nc, network: network, connected: connected, file: file,
		local: unmapped(nc.LocalAddr()), remote: unmapped(nc.RemoteAddr()), answerServices: cfg.AnswerServices,
	}
	err := c.setup(cfg)
	if err == nil {
		err = c.setOptions(cfg)
	}
	if err != nil {
		nc.Close()
		return nil, errors.Join(fmt.Errorf("dgram: %s: %w", network, err), file.remove())
	}
	c.one.Batch = c.NewBatch(1, 0)
	c.errs.Batch = c.NewBatch(1, 0)
	return c, nil
}

// nameable refuses a mistyped address before the system's resolver is asked for it as for a name.
func nameable(network, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || isUnix(network) {
		return nil // said by who takes it apart
	}
	if err := wire.CheckHostName(host); err != nil {
		return fmt.Errorf("dgram: %q: %w", address, err)
	}
	return nil
}

// unlessEnded is err, or why ctx ended if it did: package net says only that it was cancelled.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
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
