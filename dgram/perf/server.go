package perf

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"sockwire/dgram"
)

// ServerConfig says what a server grants. The zero value is ready.
type ServerConfig struct {
	Network        string        // "udp", "udp4" or "udp6"; "" is "udp"
	Socket         *dgram.Config // of all sockets; ReadBuffer 0 asks for 4 MiB
	MaxSessions    int           // at a time; 0 means 256
	MaxPerPeer     int           // sessions of one address; 0 means 64
	MaxRate        float64       // datagrams per second of a reverse stream; 0 is no limit
	MaxDuration    time.Duration // of a session; 0 means an hour
	Echo           bool          // send every datagram back that is not understood
	PeerRate       float64       // answers per second to one address outside sessions; 0 means 100,000
	NoForeign      bool          // do not answer other tools' protocols
	ReceiveDelay   time.Duration // wait after each batch: a slow receiver, for tests
	ReceiveBatches int           // datagrams a batch; 0 means 32
}

// Server answers clients that measure. Make one with NewServer, start it with Serve.
type Server struct {
	cfg    ServerConfig
	conn   *dgram.Conn
	secret [32]byte
	clock  clock
	peers  *peers

	damaged *dgram.ChecksumErrors

	mu       sync.Mutex
	sessions map[dgram.Addr]*session
	perPeer  map[netip.Addr]int
	wg       sync.WaitGroup
	foreign  foreign
	stats    ServerStats
}

// ServerStats counts what a server has done.
type ServerStats struct {
	Sessions int    // ever
	Active   int    // now
	Answered uint64 // datagrams of other tools answered
	Ignored  uint64 // datagrams that were not understood, or beyond a limit
}

// NewServer opens the listening socket.
func NewServer(ctx context.Context, address string, cfg *ServerConfig) (*Server, error) {
	s := &Server{clock: ownClock(), sessions: map[dgram.Addr]*session{}, perPeer: map[netip.Addr]int{}}
	if cfg != nil {
		s.cfg = *cfg
	}
	s.cfg.Network = defaulted(s.cfg.Network, "udp")
	s.cfg.MaxSessions = defaulted(s.cfg.MaxSessions, 256)
	s.cfg.MaxPerPeer = defaulted(s.cfg.MaxPerPeer, 64)
	s.cfg.MaxDuration = defaulted(s.cfg.MaxDuration, time.Hour)
	s.cfg.PeerRate = defaulted(s.cfg.PeerRate, 100_000)
	s.cfg.ReceiveBatches = defaulted(s.cfg.ReceiveBatches, 32)
	socket := dgram.Config{}
	if s.cfg.Socket != nil {
		socket = *s.cfg.Socket
	}
	socket.ReadBuffer = defaulted(socket.ReadBuffer, defaultBuffer)
	s.cfg.Socket = &socket
	s.peers = newPeers(s.cfg.PeerRate)
	s.foreign.init()
	rand.Read(s.secret[:])
	c, err := dgram.Listen(ctx, s.cfg.Network, address, &socket)
	if err != nil {
		return nil, fmt.Errorf("perf: %w", err)
	}
	if err := shareAddress(c); err != nil {
		c.Close()
		return nil, err
	}
	s.conn = c
	s.damaged, _ = dgram.OpenChecksumErrors() // where that fails, such losses count as those of the buffer
	return s, nil
}

const defaultBuffer = 4 << 20

func defaulted[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Addr is where clients find the server.
func (s *Server) Addr() dgram.Addr { return s.conn.LocalAddr() }

// ReadBuffer is the receive buffer granted to the listening socket, in bytes.
func (s *Server) ReadBuffer() int { return s.conn.ReadBuffer() }

// Stats returns the counts so far.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Active = len(s.sessions)
	return st
}

// Serve answers until ctx is done; it ends the sessions, closes the sockets and returns nil, or what went wrong.
func (s *Server) Serve(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	err := s.conn.Serve(ctx, 1, func(_ context.Context, d *dgram.Datagram) { s.handle(work, d) })
	cancel()
	s.wg.Wait()
	s.conn.Close()
	s.damaged.Close()
	return err
}

// handle answers a datagram that belongs to no session's socket.
func (s *Server) handle(ctx context.Context, d *dgram.Datagram) {
	var h header
	now := time.Now()
	if d.Truncated || !h.parse(d.Payload) {
		s.stranger(d, now)
		return
	}
	if len(d.Payload) < controlSize || !s.peers.allow(d.From.IP.Addr(), now) {
		s.ignored()
		return
	}
	var answer []byte
	var err error
	address := d.From.String()
	switch h.kind {
	case kindHello:
		answer, err = control(header{kind: kindCookie, seq: h.seq}, cookie{makeCookie(s.secret[:], address, now.Unix()/60)}, 0)
	case kindStart:
		var st start
		if err = body(d.Payload, &st); err == nil && checkCookie(s.secret[:], address, st.Cookie, now) {
			answer, err = s.begin(ctx, d, h.seq, st.Params)
		}
	}
	if err != nil || answer == nil {
		s.ignored()
		return
	}
	_ = s.conn.Reply(d, answer)
}

func (s *Server) answered(n int) {
	s.mu.Lock()
	s.stats.Answered += uint64(n)
	s.mu.Unlock()
}

func (s *Server) ignored() {
	s.mu.Lock()
	s.stats.Ignored++
	s.mu.Unlock()
}

// begin makes a session, or repeats the answer for one that there is.
func (s *Server) begin(ctx context.Context, d *dgram.Datagram, nonce uint64, p Params) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := d.From.IP.Addr()
	if old := s.sessions[d.From]; old != nil {
		return old.accepted(nonce)
	}
	refuse := func(format string, a ...any) ([]byte, error) {
		return control(header{kind: kindRefuse, seq: nonce}, refusal{fmt.Sprintf(format, a...)}, 0)
	}
	switch {
	case len(s.sessions) >= s.cfg.MaxSessions:
		return refuse("the server has its %d sessions already", s.cfg.MaxSessions)
	case s.perPeer[peer] >= s.cfg.MaxPerPeer:
		return refuse("this address has its %d sessions already", s.cfg.MaxPerPeer)
	}
	if p.Reverse != nil {
		if err := p.Reverse.check(); err != nil {
			return refuse("%v", err)
		}
		if s.cfg.MaxRate > 0 && (p.Reverse.interval() == 0 || 1e9/p.Reverse.interval() > s.cfg.MaxRate) {
			return refuse("the server sends at most %g datagrams a second", s.cfg.MaxRate)
		}
	}
	local := s.conn.LocalAddr().IP
	if local.Addr().IsUnspecified() {
		local = d.To
	}
	cfg := *s.cfg.Socket
	cfg.Local, cfg.ReuseAddr, cfg.Coalesce = local.String(), true, true
	if p.Reverse != nil {
		cfg.NoOffload = cfg.NoOffload || p.Reverse.NoOffload
	}
	c, err := dgram.Dial(ctx, "udp", d.From.IP.String(), &cfg)
	if err != nil {
		return refuse("no socket for the session")
	}
	var id [8]byte
	rand.Read(id[:])
	n := &session{server: s, conn: c, peer: d.From, id: binary.BigEndian.Uint64(id[:]), params: p}
	n.account = newAccount(c, n.id, &p, true, s.damaged)
	s.sessions[d.From] = n
	s.perPeer[peer]++
	s.stats.Sessions++
	s.wg.Go(func() { n.run(ctx) })
	return n.accepted(nonce)
}

func (s *Server) remove(n *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, n.peer)
	if a := n.peer.IP.Addr(); s.perPeer[a] > 1 {
		s.perPeer[a]--
	} else {
		delete(s.perPeer, a)
	}
}

// session is one flow of a client at the server, with a socket of its own.
type session struct {
	server  *Server
	conn    *dgram.Conn
	peer    dgram.Addr
	id      uint64
	params  Params
	account *account

	reverse *sender
	cancel  context.CancelFunc
	sending sync.WaitGroup
	heard   time.Time
	served  uint64

	replies []dgram.Message
	pending []pendingReply
	arena   []byte

	got      int // bytes received since the last report
	reported time.Time
}

// pendingReply is a reply that is not sent yet, and when its request arrived.
type pendingReply struct {
	header
	arrived int64
}

// How long a client may be silent: before it is first heard, for it may be far away; then, for it sends ten times a second, or
// says that it will not; and at most.
const (
	sessionStart   = 20 * time.Second
	sessionIdle    = 5 * time.Second
	sessionSilence = 5 * time.Minute
)

// idle is how long the client may be silent.
func (n *session) idle() time.Duration {
	return min(max(n.params.Silence, sessionIdle), sessionSilence)
}

func (n *session) accepted(nonce uint64) ([]byte, error) {
	return control(header{kind: kindAccept, session: n.id, seq: nonce}, accept{Clock: n.server.clock, Buffer: n.conn.ReadBuffer()}, 0)
}

func (n *session) run(ctx context.Context) {
	ctx, n.cancel = context.WithTimeout(ctx, n.server.cfg.MaxDuration)
	defer n.server.remove(n)
	defer n.conn.Close()
	defer n.sending.Wait()
	defer n.cancel()
	stop := context.AfterFunc(ctx, func() { _ = n.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	b := n.conn.NewBatch(n.server.cfg.ReceiveBatches, 1<<16)
	n.arena = make([]byte, 0, 1<<16)
	n.heard = time.Now()
	idle := max(sessionStart, n.idle())
	for ctx.Err() == nil {
		_ = n.conn.SetReadDeadline(n.heard.Add(idle))
		if ctx.Err() != nil {
			return
		}
		ds, err := n.conn.ReceiveBatch(b)
		if err != nil {
			var told *dgram.NetworkError
			if errors.As(err, &told) && !told.Unreachable() {
				continue
			}
			if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(n.heard) < idle && ctx.Err() == nil {
				continue
			}
			return // silent, gone, or told to stop
		}
		idle = n.idle()
		n.account.batch(ds, time.Now())
		for i := range ds {
			if !n.handle(ctx, &ds[i]) {
				return
			}
		}
		n.answer()
		n.unasked()
		if n.server.cfg.ReceiveDelay > 0 {
			time.Sleep(n.server.cfg.ReceiveDelay)
		}
	}
}

// handle takes one datagram of the session's peer; false ends the session.
func (n *session) handle(ctx context.Context, d *dgram.Datagram) bool {
	var h header
	if d.From != n.peer {
		return true // came while the socket was not connected yet
	}
	n.account.arrived(d)
	if d.Truncated || !h.parse(d.Payload) || h.session != n.id && h.kind != kindStart && h.kind != kindHello {
		n.account.corrupt(d)
		return true
	}
	n.heard = time.Now()
	n.got += len(d.Payload)
	switch h.kind {
	case kindData:
		n.account.data(&h, d)
	case kindRequest:
		n.account.data(&h, d)
		n.reply(&h, d)
	case kindMark:
		n.account.ledger.Tell(h.seq)
		if h.flags&flagSingly != 0 {
			n.conn.StopOffload()
		}
		n.report(d, &h, false)
	case kindFinish:
		n.account.ledger.Tell(h.seq)
		n.report(d, &h, n.account.quiet(d.Time))
	case kindProbe:
		n.control(d, header{kind: kindProbed, session: n.id, seq: h.seq, due: int64(len(d.Payload))}, nil)
	case kindStart:
		// The answer to an earlier one was lost.
		if answer, err := n.accepted(h.seq); err == nil && len(answer) <= len(d.Payload) {
			_ = n.conn.Send(answer, dgram.Addr{})
		}
	case kindBye:
		return false
	}
	if n.params.Reverse != nil && n.reverse == nil && (h.kind == kindMark || h.kind == kindData) {
		n.startReverse(ctx)
	}
	return true
}

// unasked reports to a client whose marks do not get through, as when the receive buffer is full. It has sent more than it
// gets.
func (n *session) unasked() {
	if n.got < 2*controlSize || time.Since(n.reported) < 2*markInterval {
		return
	}
	n.got, n.reported = 0, time.Now()
	if b, err := control(header{kind: kindReport, session: n.id}, n.account.report(false), 0); err == nil {
		_ = n.conn.Send(b, dgram.Addr{})
	}
}

// control answers d, never with more than d had.
func (n *session) control(d *dgram.Datagram, h header, v any) {
	if b, err := control(h, v, 0); err == nil && len(b) <= len(d.Payload) {
		_ = n.conn.Send(b, dgram.Addr{})
	}
}

func (n *session) report(d *dgram.Datagram, h *header, final bool) {
	n.reported = n.heard
	r := *n.account.report(final)
	r.Served = n.served
	if n.reverse != nil {
		r.Failed = n.reverse.failed.Load()
	}
	n.control(d, header{kind: kindReport, session: n.id, seq: h.seq}, r)
}

// reply queues the answer to a request: the same bytes, with this host's times.
func (n *session) reply(h *header, d *dgram.Datagram) {
	size := len(d.Payload)
	if len(n.arena)+size > cap(n.arena) {
		n.answer()
	}
	at := len(n.arena)
	n.arena = append(n.arena, d.Payload...)
	b := n.arena[at : at+size]
	h.kind = kindReply
	n.replies = append(n.replies, dgram.Message{Payload: b})
	n.pending = append(n.pending, pendingReply{*h, d.Time.UnixNano()})
	n.served++
}

// answer sends the queued replies.
func (n *session) answer() {
	if len(n.replies) == 0 {
		return
	}
	now := time.Now().UnixNano()
	for i := range n.pending {
		p := &n.pending[i]
		p.took = uint32(min(max(now-p.arrived, 0), 1<<32-1))
		p.put(n.replies[i].Payload)
	}
	_, _ = n.conn.SendAll(n.replies) // what cannot be sent is a lost reply, which the client counts
	n.replies, n.pending, n.arena = n.replies[:0], n.pending[:0], n.arena[:0]
}

// startReverse begins the server's own stream. It ends with the session, or when the client falls silent.
func (n *session) startReverse(ctx context.Context) {
	n.reverse = newSender(n.conn, n.id, kindData, *n.params.Reverse, false)
	n.sending.Go(func() {
		_ = n.reverse.run(ctx)
		for ctx.Err() == nil { // until the client says goodbye
			_ = n.reverse.sendMark(flagFinal, time.Now())
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}
