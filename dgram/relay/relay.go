// Package relay passes datagrams between clients and a target, and does to them on the way what a bad network does,
// as a seed says: it loses, duplicates, reorders, delays, corrupts and truncates them and limits their rate. It
// knows and tells what became of each one, so that what another program measures can be held against the truth.
//
// It needs no privilege: it is a program with sockets, not a part of the network. What impairs is raw/impair.
package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
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

	MaxClients int           // more are refused and counted; 0 means 1024
	Idle       time.Duration // a client that is silent for so long is forgotten; 0 means a minute

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
	Refused           uint64 // datagrams of clients beyond MaxClients
	SendErrors        uint64 // deliveries that this host refused, and errors told by the network
	// Overrun counts datagrams that the relay's own receive buffers lost. Unless it is 0, the records are not all.
	Overrun uint64
}

// Relay is a running relay. Make one with New, start it with Run.
type Relay struct {
	cfg    Config
	listen *dgram.Conn

	mu      sync.Mutex
	clients map[dgram.Addr]*client
	totals  Totals // of clients that are gone
	closed  bool
	wg      sync.WaitGroup

	recording sync.Mutex
}

// New opens the listening socket.
func New(ctx context.Context, cfg Config) (*Relay, error) {
	if cfg.Network == "" {
		cfg.Network = "udp"
	}
	if cfg.MaxClients <= 0 {
		cfg.MaxClients = 1024
	}
	if cfg.Idle <= 0 {
		cfg.Idle = time.Minute
	}
	for _, c := range []impair.Config{cfg.Forward, cfg.Backward} {
		if _, err := impair.New(c); err != nil {
			return nil, fmt.Errorf("relay: %w", err)
		}
	}
	if _, err := dgram.Resolve(ctx, cfg.Network, cfg.Target); err != nil {
		return nil, fmt.Errorf("relay: target: %w", err)
	}
	c, err := dgram.Listen(ctx, cfg.Network, cfg.Listen, socket)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	return &Relay{cfg: cfg, listen: c, clients: map[dgram.Addr]*client{}}, nil
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

// unread takes what has arrived at a socket and was not read. New arrivals must not keep us here.
func unread(c *dgram.Conn, b *dgram.Batch, take func(*dgram.Datagram)) {
	const most = 200 * time.Millisecond
	for end := time.Now().Add(most); time.Now().Before(end); {
		ds, err := c.TryReceiveBatch(b)
		var told *dgram.NetworkError
		if err != nil && !errors.As(err, &told) || err == nil && len(ds) == 0 {
			return
		}
		for i := range ds {
			take(&ds[i])
		}
	}
}

func (r *Relay) pass(ctx context.Context, d *dgram.Datagram) {
	// A client that is forgotten at this very moment takes nothing more; the next one of its address does.
	for c := r.client(ctx, d.From); c != nil && !c.forward.take(d); c = r.client(ctx, d.From) {
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

// client is one client and the socket that speaks to the target for it.
type client struct {
	addr              dgram.Addr
	up                *dgram.Conn
	forward, backward *stream
	batch             *dgram.Batch
	answered          chan struct{} // closed when its answers are read no more
}

// client returns the state of a client, new if need be; nil if there are too many.
func (r *Relay) client(ctx context.Context, addr dgram.Addr) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[addr]; c != nil {
		return c
	}
	if len(r.clients) >= r.cfg.MaxClients {
		r.totals.Refused++
		return nil
	}
	up, err := dgram.Dial(ctx, r.cfg.Network, r.cfg.Target, socket)
	if err != nil {
		r.totals.SendErrors++
		return nil
	}
	c := &client{addr: addr, up: up, batch: up.NewBatch(16, 1<<16), answered: make(chan struct{})}
	// Every client has random numbers of its own, so that one does not change what happens to another.
	offset := uint64(r.totals.Clients) << 32
	c.forward = r.stream(Forward, c, r.cfg.Forward, offset, func(b []byte, tos uint8) error {
		_, err := up.SendAll([]dgram.Message{{Payload: b, TOS: tos}})
		return err
	})
	back := r.listen
	c.backward = r.stream(Backward, c, r.cfg.Backward, offset+1<<31, func(b []byte, tos uint8) error {
		_, err := back.SendAll([]dgram.Message{{Payload: b, To: addr, TOS: tos}})
		return err
	})
	r.totals.Clients++
	r.clients[addr] = c
	r.wg.Go(func() { r.answers(c) })
	return c
}

// answers passes back what the target sends to a client, until its socket waits no more.
func (r *Relay) answers(c *client) {
	defer close(c.answered)
	for {
		ds, err := c.up.ReceiveBatch(c.batch)
		var told *dgram.NetworkError
		if err != nil && !errors.As(err, &told) {
			return
		}
		for i := range ds {
			c.backward.take(&ds[i])
		}
	}
}

// forget ends the clients that have been silent since before.
func (r *Relay) forget(before time.Time) {
	r.mu.Lock()
	var gone []*client
	for addr, c := range r.clients {
		if c.forward.quietSince(before) && c.backward.quietSince(before) {
			delete(r.clients, addr)
			gone = append(gone, c)
		}
	}
	r.mu.Unlock()
	for _, c := range gone {
		r.end(c)
	}
}

// end delivers what is held back for a client, closes its socket and adds up its totals.
func (r *Relay) end(c *client) {
	c.forward.finish()
	_ = c.up.SetReadDeadline(time.Unix(1, 0))
	<-c.answered // an error that it has taken from the queue is counted by now
	_ = c.up.SetReadDeadline(time.Time{})
	unread(c.up, c.batch, func(d *dgram.Datagram) { c.backward.take(d) })
	overrun := drops(c.up)
	told := reported(c.up)
	c.up.Close()
	c.backward.finish()
	r.mu.Lock()
	defer r.mu.Unlock()
	addTotals(&r.totals.Forward, c.forward.im.Totals())
	addTotals(&r.totals.Backward, c.backward.im.Totals())
	r.totals.SendErrors += c.forward.failed + c.backward.failed + told
	r.totals.Overrun += overrun
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

// stream is one direction of one client: decisions, and what is not due yet.
type stream struct {
	relay     *Relay
	direction Direction
	client    *client
	send      func(b []byte, tos uint8) error

	mu       sync.Mutex
	im       *impair.Impairer
	queue    impair.Queue[delivery]
	timer    *time.Timer
	last     time.Time // of the last arrival
	order    uint64
	failed   uint64
	finished bool
}

// delivery is a datagram on its way out, or its copy.
type delivery struct {
	*held
	copy bool
}

// held is a datagram that is not delivered yet. The buffer holds the payload after damage.
type held struct {
	record  Record
	payload []byte
	tos     uint8
	left    int // deliveries to go
}

func (r *Relay) stream(direction Direction, c *client, cfg impair.Config, offset uint64, send func([]byte, uint8) error) *stream {
	if offset != 0 {
		cfg.Seed += offset
	}
	im, _ := impair.New(cfg) // checked by New
	s := &stream{relay: r, direction: direction, client: c, send: send, im: im, last: time.Now()}
	s.timer = time.AfterFunc(time.Hour, s.tick)
	s.timer.Stop()
	return s
}

// take decides what becomes of an arrival and delivers what is due. It tells whether the stream still takes any.
func (s *stream) take(d *dgram.Datagram) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished {
		return false
	}
	now := time.Now()
	s.last = now
	h := &held{tos: d.TOS}
	h.record.Direction, h.record.Client = s.direction, s.client.addr
	h.record.Decision = s.im.Decide(now, len(d.Payload))
	h.record.Head = append([]byte(nil), d.Payload[:min(s.relay.cfg.Head, len(d.Payload))]...)
	decision := &h.record.Decision
	if decision.Drop != impair.None {
		s.relay.record(&h.record)
		return true
	}
	h.payload = decision.Apply(append([]byte(nil), d.Payload...))
	h.left = 1
	if decision.Duplicated() {
		h.left = 2
		s.queue.PushCopy(decision.DueCopy, delivery{h, true})
	}
	if decision.Behind > 0 {
		s.queue.Hold(decision.Due, decision.Behind, delivery{h, false})
	} else {
		s.queue.Push(decision.Due, delivery{h, false})
	}
	s.deliver(now)
	return true
}

func (s *stream) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.finished {
		s.deliver(time.Now())
	}
}

// deliver sends what is due and sets the timer for what is not.
func (s *stream) deliver(now time.Time) {
	for {
		d, _, ok := s.queue.Pop(now)
		if !ok {
			break
		}
		s.put(d)
	}
	if due, ok := s.queue.Next(); ok {
		s.timer.Reset(time.Until(due))
	}
}

func (s *stream) put(d delivery) {
	if err := s.send(d.payload, d.tos); err != nil && !errors.Is(err, net.ErrClosed) {
		s.failed++
	}
	s.order++
	r := &d.record
	if d.copy {
		r.DeliveredCopy, r.OrderCopy = time.Now(), s.order
	} else {
		r.Delivered, r.Order = time.Now(), s.order
	}
	if d.left--; d.left == 0 {
		s.relay.record(r)
	}
}

func (s *stream) quietSince(before time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.Before(before)
}

// finish delivers all that is held back, in the order in which it would have gone.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.timer.Stop()
	for {
		d, _, ok := s.queue.Pop(time.Now().Add(24 * time.Hour))
		if !ok {
			return
		}
		s.put(d)
	}
}

func (r *Relay) record(rec *Record) {
	if r.cfg.Record == nil {
		return
	}
	r.recording.Lock()
	defer r.recording.Unlock()
	r.cfg.Record(rec)
}
