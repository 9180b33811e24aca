package perf

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"sockwire/dgram"
)

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
		if now := time.Now(); s.cfg.Refused != nil && now.Sub(s.refusal) >= time.Second {
			s.refusal = now
			client := d.From
			go s.cfg.Refused(client, reason) // it may wait, a server may not
		}
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

// makeRoom says why there is no room for a session of an address, or "". Where there are too many, the one that has
// been silent for longest goes, if it is silent at all.
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

// remove forgets a session that has ended, but for what began it.
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
