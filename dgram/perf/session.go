package perf

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sockwire/dgram"
)

// How long a client may be silent: before it is first heard, for it may be far away; then, for it sends ten times a
// second, or says that it will not; and at most.
const (
	sessionStart   = 20 * time.Second
	sessionIdle    = 5 * time.Second
	sessionSilence = 5 * time.Minute
)

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
	hops    *hopsBack // nil until they are asked for

	got      int // bytes received since the last report
	reported time.Time
}

// pendingReply is a reply that is not sent yet, and when its request arrived.
type pendingReply struct {
	header
	arrived int64
}

// idle is how long the client may be silent.
func (n *session) idle() time.Duration {
	limit := sessionIdle
	if !n.begun {
		limit = sessionStart
	}
	return min(max(n.params.Silence, limit), sessionSilence)
}

func (n *session) accepted(nonce uint64) ([]byte, error) {
	granted := accept{Clock: n.server.clock, Version: version, HopRate: n.server.cfg.hopRate()}
	return control(header{kind: kindAccept, session: n.id, seq: nonce}, granted, 0)
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
				n.hops.routerSaid(told, n.id)
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
	if h.kind >= kindHop { // each is answered with no more than it has, so nothing is saved up for a report
		return n.hop(d, &h)
	}
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

// handshake answers once more what began the session. A client that begins another from the same port, because the
// session before was not said goodbye to, ends this one when it has shown that the address is its own; false then.
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

// reportUnasked reports to a client whose marks do not get through, as when the receive buffer is full. It has sent
// more than it gets.
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

// hop takes what a client asks of the way back. It is false where the session ends, which it does not.
func (n *session) hop(d *dgram.Datagram, h *header) bool {
	if n.server.cfg.hopRate() == 0 {
		return true
	}
	if n.hops == nil {
		n.hops = &hopsBack{}
	}
	told, _ := n.conn.Reports() // what comes in batches leaves the errors for later
	for _, e := range told {
		if e.Unreachable() {
			return false
		}
		n.hops.routerSaid(e, n.id)
	}
	switch h.kind {
	case kindHop:
		n.sendHop(h, len(d.Payload), time.Now())
	case kindCame:
		n.hops.came(h, d.Time)
	case kindHops:
		var asked hopsQuestion
		if body(d.Payload, &asked) == nil {
			n.control(d, header{kind: kindHopsTold, session: n.id, seq: h.seq}, n.hops.answer(asked.Numbers))
		}
	}
	return true
}

// sendHop sends what one datagram of the client is worth.
func (n *session) sendHop(h *header, size int, now time.Time) {
	k := n.hops
	rate := n.server.cfg.hopRate()
	known := h.seq+hopsKept < k.next || k.ring[h.seq%hopsKept].n == h.seq+1
	if h.flags == 0 || h.seq >= hopsMost || known {
		return
	}
	if !k.spare.take(now, rate, min(hopsAtOnce, max(rate/4, 1))) || !n.server.allowHop(now) {
		return
	}
	if k.ready = k.ready[:0]; size > HeaderSize {
		size = HeaderSize
	}
	k.ready = append(k.ready, make([]byte, size)...)
	out := header{kind: kindHopped, flags: h.flags, session: n.id, seq: h.seq, sent: now.UnixNano()}
	out.put(k.ready)
	k.next = max(k.next, h.seq+1)
	err := n.conn.TrySend(dgram.Message{Payload: k.ready, TTL: h.flags})
	k.ring[h.seq%hopsKept] = sentHop{n: h.seq + 1, sent: now, ttl: h.flags, refused: err != nil}
}
