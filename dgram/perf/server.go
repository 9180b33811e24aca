package perf

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"sockwire/dgram"
)

// ServerConfig says what a server grants. The zero value is ready.
type ServerConfig struct {
	Network     string        // "udp", "udp4" or "udp6"; "" is "udp"
	Socket      *dgram.Config // of all sockets; ReadBuffer 0 asks for 4 MiB
	MaxSessions int           // at a time; 0 means 256
	MaxPerPeer  int           // sessions of one IPv4 address or IPv6 prefix of 64 bits; 0 means 64
	MaxRate     float64       // datagrams per second of a reverse stream, a tenth of them at once; 0 is no limit
	MaxDuration time.Duration // of a session; 0 means an hour
	Echo        bool          // send every datagram back that is not understood
	PeerRate    float64       // answers per second to one address, or prefix as above, outside sessions; 0 means 100,000
	NoForeign   bool          // do not answer other tools' protocols
	// HopRate is how many datagrams per second whose time to live ends on the way are sent for all clients that list
	// the hops of the way back, to one at most a quarter of them; 0 means 2,000, less than 0 that none are.
	HopRate float64
	// Refused, if set, is called in a goroutine of its own when a client is refused, at most once a second.
	Refused        func(client dgram.Addr, reason string)
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
	hops   allowance // of all clients, guarded by mu

	damaged *dgram.ReceiveErrors

	mu       sync.Mutex
	sessions map[dgram.Addr]*session
	refusal  time.Time             // when Refused was last called
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
	Hops     uint64 // datagrams sent for the hops of ways back
	Evicted  uint64 // silent sessions that made room for others
	Reason   string // why the last was refused
}

// NewServer opens the listening socket.
func NewServer(ctx context.Context, address string, cfg *ServerConfig) (*Server, error) {
	s := &Server{cfg: configOf(cfg), clock: ownClock(), sessions: map[dgram.Addr]*session{}}
	s.cfg.Network = cmp.Or(s.cfg.Network, "udp")
	s.cfg.MaxSessions = cmp.Or(s.cfg.MaxSessions, 256)
	s.cfg.MaxPerPeer = cmp.Or(s.cfg.MaxPerPeer, 64)
	s.cfg.MaxDuration = cmp.Or(s.cfg.MaxDuration, time.Hour)
	s.cfg.PeerRate = cmp.Or(s.cfg.PeerRate, 100_000)
	s.cfg.ReceiveBatches = cmp.Or(s.cfg.ReceiveBatches, 32)
	socket := configOf(s.cfg.Socket)
	socket.ReadBuffer = cmp.Or(socket.ReadBuffer, defaultBuffer)
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

// hopRate is what one session gets.
func (c *ServerConfig) hopRate() float64 {
	rate := cmp.Or(c.HopRate, hopsRate) / 4
	if !hearsRouters || rate < 0 {
		return 0
	}
	if c.MaxRate > 0 {
		rate = min(rate, c.MaxRate)
	}
	return rate
}

// allowHop takes one datagram from the allowance of all clients.
func (s *Server) allowHop(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	rate := cmp.Or(s.cfg.HopRate, hopsRate)
	if !s.hops.take(now, rate, max(rate/4, 1)) {
		return false
	}
	s.stats.Hops++
	return true
}
