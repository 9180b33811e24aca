// Package relay passes datagrams between clients and a target, and does to them on the way what a bad network does,
// as a seed says: it loses, duplicates, reorders, delays, corrupts and truncates them and limits their rate. It
// knows and tells what became of each one, so that what another program measures can be held against the truth.
//
// It needs no privilege: it is a program with sockets, not a part of the network. What impairs is raw/impair.
package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sockwire/dgram"
	"sockwire/raw/impair"
)

// Config says where to relay and what to do on the way. Listen and Target must be set.
type Config struct {
	Network string // "udp" (the zero value), "udp4", "udp6" or "unixgram", as for dgram.Listen
	Listen  string // where clients send
	Target  string // where their datagrams go

	Forward  impair.Config // from clients to the target
	Backward impair.Config // from the target to clients

	// MaxClients is how many clients there are at a time; 0 means 1024. MaxPerAddress is how many of them have one IPv4
	// address or are in one IPv6 network of 64 bits; 0 means a quarter of MaxClients and at least 16, and this host's
	// loopback addresses have no such limit. Beyond either, the client that has been silent longest makes room, one
	// that has sent a single datagram first; where all have sent something within the last second, the new one is
	// refused.
	MaxClients, MaxPerAddress int
	Idle                      time.Duration // a client that is silent for so long is forgotten; 0 means a minute
	// AnswerServices allows clients on the ports of well-known services: see dgram.Conn.Unanswerable.
	AnswerServices bool

	// Record, if set, is called once for each datagram, when it is known what became of it, one call at a time.
	// The Record is valid during the call. Head is how many bytes of the payload as it arrived it shows.
	Record func(*Record)
	Head   int
}

// Direction is which way a datagram went.
type Direction uint8

// Directions.
const (
	Forward  Direction = iota // from a client to the target
	Backward                  // from the target to a client
)

// String returns "forward" or "backward".
func (d Direction) String() string { return [...]string{"forward", "backward"}[d] }

// MarshalText implements encoding.TextMarshaler.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Record is the truth about one datagram. Seq and Order count within the client's direction.
type Record struct {
	Direction Direction
	Client    dgram.Addr
	impair.Record
	Head []byte // first bytes of the payload, before any damage
}

// Totals sum what was done, and what the relay itself could not do.
type Totals struct {
	Forward, Backward impair.Totals
	Clients           int    // ever
	Replaced          int    // clients that made room for others
	Refused           uint64 // datagrams of clients beyond MaxClients or MaxPerAddress
	Forged            uint64 // datagrams that no client sends: with the relay's own address, its target's, or a service's
	NoSocket          uint64 // datagrams of clients for which this host had no socket, even after another made room
	SocketError       error  // the first that a client's socket could not be opened for
	NoRoom            uint64 // deliveries for which this host's send buffer had no room
	SendErrors        uint64 // other deliveries that this host refused, and errors told by the network
	// Overrun counts datagrams that the relay's own receive buffers lost. Unless it is 0, the records are not all.
	Overrun uint64
}

// Relay is a running relay. Make one with New, start it with Run.
type Relay struct {
	cfg     Config
	listen  *dgram.Conn
	targets []dgram.Addr

	mu      sync.Mutex
	clients map[dgram.Addr]*client
	perAddr map[netip.Prefix]int
	totals  Totals // of clients that are gone
	closed  bool
	wg      sync.WaitGroup

	recording sync.Mutex
}

// New opens the listening socket.
func New(ctx context.Context, cfg Config) (*Relay, error) {
	cfg.Network = cmp.Or(cfg.Network, "udp")
	if cfg.MaxClients <= 0 {
		cfg.MaxClients = 1024
	}
	if cfg.MaxPerAddress <= 0 {
		cfg.MaxPerAddress = max(cfg.MaxClients/4, 16)
	}
	if cfg.Idle <= 0 {
		cfg.Idle = time.Minute
	}
	for _, c := range []impair.Config{cfg.Forward, cfg.Backward} {
		if _, err := impair.New(c); err != nil {
			return nil, fmt.Errorf("relay: %w", err)
		}
	}
	targets, err := dgram.Resolve(ctx, cfg.Network, cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("relay: target: %w", err)
	}
	listening := *socket
	listening.AnswerServices = cfg.AnswerServices
	c, err := dgram.Listen(ctx, cfg.Network, cfg.Listen, &listening)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{cfg: cfg, listen: c, targets: targets, clients: map[dgram.Addr]*client{}, perAddr: map[netip.Prefix]int{}}
	if err := r.checkTarget(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("relay: %w", err)
	}
	return r, nil
}

// checkTarget refuses a target that is the relay itself: one datagram would go round for ever.
func (r *Relay) checkTarget(ctx context.Context) error {
	up, err := dgram.Dial(ctx, r.cfg.Network, r.cfg.Target, nil)
	if err != nil {
		return nil // told when it is needed: the target may come later
	}
	defer up.Close()
	here, target := r.listen.LocalAddr(), up.RemoteAddr()
	to := target.IP.Addr()
	thisHost := to.IsLoopback() || to == up.LocalAddr().IP.Addr()
	if here == target || here.IP.Addr().IsUnspecified() && here.IP.Port() == target.IP.Port() && thisHost {
		return fmt.Errorf("the target %v is where the relay itself listens", target)
	}
	return nil
}

// socket is how the relay's sockets are set up: with room for bursts.
var socket = &dgram.Config{Coalesce: true, ReadBuffer: 4 << 20, WriteBuffer: 4 << 20}

// Addr is where clients send.
func (r *Relay) Addr() dgram.Addr { return r.listen.LocalAddr() }

// Run relays until ctx is done. What is still held back then is delivered at once, so that every datagram has a record.
// It closes the sockets and returns nil, or what went wrong.
func (r *Relay) Run(ctx context.Context) error {
	sweep := time.NewTicker(max(r.cfg.Idle/4, time.Millisecond))
	defer sweep.Stop()
	done := make(chan struct{})
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		for {
			select {
			case <-done:
				return
			case <-sweep.C:
				r.forget(time.Now().Add(-r.cfg.Idle))
			}
		}
	}()
	err := r.receive(ctx)
	close(done)
	<-swept
	r.stop()
	return err
}

func (r *Relay) receive(ctx context.Context) error {
	opened := context.WithoutCancel(ctx) // a client that came before the end gets its socket
	for d, err := range r.listen.Datagrams(ctx) {
		if err != nil {
			return fmt.Errorf("relay: %w", err)
		}
		r.pass(opened, &d)
	}
	// What had arrived by then is relayed too.
	unread(r.listen, r.listen.NewBatch(16, 1<<16), func(d *dgram.Datagram) { r.pass(opened, d) })
	return nil
}

// unread takes what has arrived at a socket by now and was not read. New arrivals do not keep us here.
func unread(c *dgram.Conn, b *dgram.Batch, take func(*dgram.Datagram)) {
	const most = 200 * time.Millisecond // of errors that keep coming in
	for now := time.Now(); time.Since(now) < most; {
		ds, err := c.TryReceiveBatch(b)
		var netErr *dgram.NetworkError
		if err != nil && !errors.As(err, &netErr) || err == nil && len(ds) == 0 {
			return
		}
		for i := range ds {
			take(&ds[i])
		}
		if n := len(ds); n > 0 && ds[n-1].Time.After(now) {
			return
		}
	}
}

func (r *Relay) pass(ctx context.Context, d *dgram.Datagram) {
	// A client that is forgotten at this very moment takes nothing more; the next one of its address does.
	for c := r.client(ctx, d); c != nil && !c.forward.take(d); c = r.client(ctx, d) {
	}
}

// stop delivers what is held back and closes all sockets.
func (r *Relay) stop() {
	r.mu.Lock()
	list := r.clients
	r.clients = map[dgram.Addr]*client{}
	r.mu.Unlock()
	for _, c := range list {
		r.end(c)
	}
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.Overrun += drops(r.listen)
	r.totals.SendErrors += reported(r.listen)
	r.closed = true
	r.listen.Close()
}

// reported is how many errors the network has told a socket of.
func reported(c *dgram.Conn) uint64 {
	_, n := c.Reports()
	return n
}

func drops(c *dgram.Conn) uint64 {
	n, err := c.Drops()
	if err != nil {
		return 0 // this system does not tell
	}
	return uint64(n)
}

// Totals returns the sums as they stand.
func (r *Relay) Totals() Totals {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.totals
	for _, c := range r.clients {
		for _, s := range []*stream{c.forward, c.backward} {
			s.mu.Lock()
			if s.direction == Forward {
				addTotals(&t.Forward, s.im.Totals())
			} else {
				addTotals(&t.Backward, s.im.Totals())
			}
			t.SendErrors += s.failed
			t.NoRoom += s.noRoom
			s.mu.Unlock()
		}
		t.SendErrors += reported(c.up)
		t.Overrun += drops(c.up)
	}
	if !r.closed {
		t.SendErrors += reported(r.listen)
		t.Overrun += drops(r.listen)
	}
	return t
}

func addTotals(sum *impair.Totals, t impair.Totals) {
	sum.Packets += t.Packets
	sum.Bytes += t.Bytes
	sum.Loss += t.Loss
	sum.Burst += t.Burst
	sum.Rate += t.Rate
	sum.Duplicated += t.Duplicated
	sum.Held += t.Held
	sum.Corrupted += t.Corrupted
	sum.Truncated += t.Truncated
	sum.Deliveries += t.Deliveries
	sum.Delivered += t.Delivered
}

func (r *Relay) record(rec *Record) {
	if r.cfg.Record == nil {
		return
	}
	r.recording.Lock()
	defer r.recording.Unlock()
	r.cfg.Record(rec)
}
