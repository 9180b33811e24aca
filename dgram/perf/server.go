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
	"sync/atomic"
	"syscall"
	"time"

	"sockwire/dgram"
)

// ServerConfig says what a server grants. The zero value is ready.
type ServerConfig struct {
	Network        string        // "udp", "udp4" or "udp6"; "" is "udp"
	Socket         *dgram.Config // of all sockets; ReadBuffer 0 asks for 4 MiB
	MaxSessions    int           // at a time; 0 means 256
	MaxPerPeer     int           // sessions of one IPv4 address or IPv6 prefix of 64 bits; 0 means 64
	MaxRate        float64       // datagrams per second of a reverse stream, a tenth of them at once; 0 is no limit
	MaxDuration    time.Duration // of a session; 0 means an hour
	Echo           bool          // send every datagram back that is not understood
	PeerRate       float64       // answers per second to one address, or prefix as above, outside sessions; 0 means 100,000
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

	damaged *dgram.ReceiveErrors

	mu       sync.Mutex
	sessions map[dgram.Addr]*session
	ended    map[dgram.Addr]uint64 // the nonces of the last sessions that have ended
	wg       sync.WaitGroup
	foreign  foreign
	stats    ServerStats
}

// ServerStats counts what a server has done.
type ServerStats struct {
	Sessions int    // ever
	Active   int    // now
	Answered uint64 // datagrams of other tools answered
	Ignored  uint64 // datagrams that were not understood, that are not to be answered, or beyond a limit
	NoRoom   uint64 // answers that found no room on their way out
	Refused  uint64 // sessions refused
	Evicted  uint64 // silent sessions that made room for others
	Reason   string // why the last was refused
}

// NewServer opens the listening socket.
func NewServer(ctx context.Context, address string, cfg *ServerConfig) (*Server, error) {
	s := &Server{clock: ownClock(), sessions: map[dgram.Addr]*session{}}
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
	socket.MarkReplies = true
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
	s.foreign.rc, _ = c.SyscallConn()
	s.damaged, _ = dgram.OpenReceiveErrors() // where that fails, such losses count as those of the buffer
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
	if len(d.Payload) < handshakeSize || !s.peers.allow(d.From.IP.Addr(), now) {
		s.ignored()
		return
	}
	var answer []byte
	var err error
	switch h.kind {
	case kindHello:
		answer, err = s.cookie(d, h.seq, now)
	case kindStart:
		if st, ok := s.proven(d, now); ok {
			answer, err = s.begin(ctx, d, h.seq, st.Params)
		}
	}
	if err != nil || answer == nil || len(answer) > len(d.Payload) {
		s.ignored()
		return
	}
	if err := s.conn.Reply(d, answer); err != nil {
		s.unsent(err)
	}
}

// cookie answers a hello: with it, who receives at the address can show that he does. Nothing is kept.
func (s *Server) cookie(d *dgram.Datagram, nonce uint64, now time.Time) ([]byte, error) {
	return control(header{kind: kindCookie, seq: nonce}, cookie{makeCookie(s.secret[:], d.From.String(), now.Unix()/60)}, 0)
}

// proven reads a start, and tells whether it has the cookie.
func (s *Server) proven(d *dgram.Datagram, now time.Time) (st start, ok bool) {
	return st, body(d.Payload, &st) == nil && checkCookie(s.secret[:], d.From.String(), st.Cookie, now)
}

// unsent counts an answer that did not leave.
func (s *Server) unsent(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, dgram.ErrNoRoom) {
		s.stats.NoRoom++
	}
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
	if old := s.sessions[d.From]; old != nil && old.nonce == nonce {
		return old.accepted(nonce)
	} else if old != nil || s.ended[d.From] == nonce {
		return nil, nil // that one is about to end, or this is a late double of what began one that has ended
	}
	reason := s.cfg.refuses(&p)
	if reason == "" {
		reason = s.makeRoom(d.From.IP.Addr())
	}
	var c *dgram.Conn
	if reason == "" {
		var err error
		if c, err = s.dial(ctx, d, &p); err != nil {
			reason = "no socket for the session"
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
				reason = "the server may open no more files: see ulimit -n there"
			}
		}
	}
	if reason != "" {
		s.stats.Refused++
		s.stats.Reason = reason
		return control(header{kind: kindRefuse, seq: nonce}, refusal{reason}, 0)
	}
	var id [8]byte
	rand.Read(id[:])
	n := &session{server: s, conn: c, peer: d.From, id: binary.BigEndian.Uint64(id[:]), nonce: nonce, params: p}
	n.account = newAccount(c, n.id, &p, true, s.damaged)
	n.lastHeard.Store(time.Now().UnixNano())
	ctx, n.cancel = context.WithTimeout(ctx, s.cfg.MaxDuration)
	s.sessions[d.From] = n
	s.stats.Sessions++
	s.wg.Go(func() { n.run(ctx) })
	return n.accepted(nonce)
}

// refuses says why what a client asks for is not granted, or "".
func (c *ServerConfig) refuses(p *Params) string {
	if p.Reverse == nil {
		return ""
	}
	if err := p.Reverse.check(); err != nil {
		return err.Error()
	}
	if c.MaxRate <= 0 {
		return ""
	}
	if interval := p.Reverse.interval(); interval == 0 || 1e9/interval > c.MaxRate {
		return fmt.Sprintf("the server sends at most %g datagrams a second", c.MaxRate)
	}
	if n := p.Reverse.group(); float64(n) > bucketDepth(c.MaxRate) {
		return fmt.Sprintf("the server sends at most %d datagrams at once, not %d", int(bucketDepth(c.MaxRate)), n)
	}
	return ""
}

// makeRoom says why there is no room for a session of an address, or "". Where there are too many, the one that has been
// silent for longest goes, if it is silent at all.
func (s *Server) makeRoom(from netip.Addr) string {
	own, around := site(from), network(from)
	inSite := func(n *session) bool { return site(n.peer.IP.Addr()) == own }
	inNetwork := func(n *session) bool { return network(n.peer.IP.Addr()) == around }
	all := func(*session) bool { return true }
	for _, limit := range []struct {
		n    int
		of   func(*session) bool
		text string
	}{
		{s.cfg.MaxPerPeer, inSite, "this address has its %d sessions already"},
		{s.cfg.perNetwork(), inNetwork, "the network of this address has its %d sessions already"},
		{s.cfg.MaxSessions, all, "the server has its %d sessions already"},
	} {
		count := 0
		var oldest *session
		for _, n := range s.sessions {
			if !limit.of(n) {
				continue
			}
			count++
			if oldest == nil || n.lastHeard.Load() < oldest.lastHeard.Load() {
				oldest = n
			}
		}
		if count < limit.n {
			continue
		}
		if time.Since(time.Unix(0, oldest.lastHeard.Load())) < silentFor {
			return fmt.Sprintf(limit.text, limit.n)
		}
		oldest.cancel()
		delete(s.sessions, oldest.peer)
		s.stats.Evicted++
	}
	return ""
}

// silentFor is how long a session must have been silent to make room for another; a client sends ten times a second.
const silentFor = 2 * time.Second

// perNetwork is how many sessions a network may have, see network: three quarters, where that leaves a few for others.
func (c *ServerConfig) perNetwork() int {
	if c.MaxSessions < 16 {
		return c.MaxSessions
	}
	return c.MaxSessions - c.MaxSessions/4
}

// dial opens a session's socket.
func (s *Server) dial(ctx context.Context, d *dgram.Datagram, p *Params) (*dgram.Conn, error) {
	local := s.conn.LocalAddr().IP
	if local.Addr().IsUnspecified() {
		local = d.To
	}
	cfg := *s.cfg.Socket
	cfg.Local, cfg.ReuseAddr, cfg.Coalesce = local.String(), true, true
	if p.Reverse != nil {
		cfg.NoOffload = cfg.NoOffload || p.Reverse.NoOffload
	}
	return dgram.Dial(ctx, "udp", d.From.IP.String(), &cfg)
}

// maxEnded is how many sessions that have ended are remembered, by the nonce that began each.
const maxEnded = 1024

func (s *Server) remove(n *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[n.peer] == n {
		delete(s.sessions, n.peer)
	}
	if s.ended == nil || len(s.ended) >= maxEnded {
		s.ended = map[dgram.Addr]uint64{}
	}
	s.ended[n.peer] = n.nonce
}

// session is one flow of a client at the server, with a socket of its own.
type session struct {
	server  *Server
	conn    *dgram.Conn
	peer    dgram.Addr
	id      uint64
	nonce   uint64 // of the handshake
	params  Params
	account *account

	reverse     *sender
	stopReverse context.CancelFunc
	cancel      context.CancelFunc
	sending     sync.WaitGroup
	heard       time.Time
	begun       bool // the client has been heard since the handshake
	// lastHeard is heard for others, in nanoseconds since 1970, to the last batch.
	lastHeard atomic.Int64

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
	limit := sessionIdle
	if !n.begun {
		limit = sessionStart
	}
	return min(max(n.params.Silence, limit), sessionSilence)
}

func (n *session) accepted(nonce uint64) ([]byte, error) {
	return control(header{kind: kindAccept, session: n.id, seq: nonce}, accept{n.server.clock}, 0)
}

func (n *session) run(ctx context.Context) {
	defer n.server.remove(n)
	defer n.conn.Close()
	defer n.sending.Wait()
	defer n.cancel()
	stop := context.AfterFunc(ctx, func() {
		_ = n.conn.SetReadDeadline(time.Unix(1, 0))
		_ = n.conn.SetWriteDeadline(time.Unix(1, 0))
	})
	defer stop()
	b := n.conn.NewBatch(n.server.cfg.ReceiveBatches, 1<<16)
	n.arena = make([]byte, 0, 1<<16)
	n.heard = time.Now()
	for ctx.Err() == nil {
		_ = n.conn.SetReadDeadline(n.heard.Add(n.idle()))
		if ctx.Err() != nil {
			return
		}
		ds, err := n.conn.ReceiveBatch(b)
		if err != nil {
			var told *dgram.NetworkError
			if errors.As(err, &told) && !told.Unreachable() {
				continue
			}
			if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(n.heard) < n.idle() && ctx.Err() == nil {
				continue
			}
			return // silent, gone, or told to stop
		}
		n.account.batch(ds, time.Now())
		for i := range ds {
			if !n.handle(ctx, &ds[i]) {
				return
			}
		}
		n.lastHeard.Store(n.heard.UnixNano())
		n.answer()
		n.reportUnasked()
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
	if h.kind == kindHello || h.kind == kindStart {
		return n.handshake(d, &h)
	}
	n.heard, n.begun = time.Now(), true
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
		if h.flags&flagStop != 0 && n.reverse != nil {
			n.stopReverse()
		}
		n.report(d, &h, n.account.quiet(d.Time))
	case kindProbe:
		n.control(d, header{kind: kindProbed, session: n.id, seq: h.seq, due: int64(len(d.Payload))}, nil)
	case kindBye:
		return false
	}
	if n.params.Reverse != nil && n.reverse == nil && (h.kind == kindMark || h.kind == kindData) {
		n.startReverse(ctx)
	}
	return true
}

// handshake answers once more what began the session. A client that begins another from the same port, because the session before
// was not said goodbye to, ends this one when it has shown that the address is its own; false then.
func (n *session) handshake(d *dgram.Datagram, h *header) bool {
	var answer []byte
	var err error
	switch now := time.Now(); {
	case h.kind == kindHello:
		answer, err = n.server.cookie(d, h.seq, now)
	case h.seq == n.nonce:
		answer, err = n.accepted(h.seq)
	default:
		_, ok := n.server.proven(d, now)
		return !ok
	}
	if err == nil && len(answer) <= len(d.Payload) {
		_ = n.conn.Send(answer, dgram.Addr{})
	}
	return true
}

// reportUnasked reports to a client whose marks do not get through, as when the receive buffer is full. It has sent more than it
// gets.
func (n *session) reportUnasked() {
	if n.got < 2*controlSize || time.Since(n.reported) < 2*markInterval {
		return
	}
	n.got, n.reported = 0, time.Now()
	answer := header{kind: kindReport, session: n.id}
	if b, err := control(answer, n.account.report(false).fitting(answer), 0); err == nil {
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
	if n.reverse != nil {
		r.Failed = n.reverse.failed.Load()
	}
	answer := header{kind: kindReport, session: n.id, seq: h.seq}
	n.control(d, answer, r.fitting(answer))
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
	n.reverse.limit = n.server.cfg.MaxRate
	sending, stop := context.WithCancel(ctx)
	n.stopReverse = stop
	n.sending.Go(func() {
		defer stop()
		_ = n.reverse.run(sending)
		for ctx.Err() == nil { // until the client says goodbye
			_ = n.reverse.sendMark(flagFinal, time.Now())
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}
