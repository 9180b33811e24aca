package perf

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"sockwire/dgram"
	"sockwire/raw/cmsg"
)

// MTUResult is what SearchMTU found.
type MTUResult struct {
	MTU     int        // bytes of the largest IP packet that passes unfragmented
	Payload int        // bytes of UDP payload in it
	Probes  int        // datagrams that left this host
	Hop     netip.Addr // the router that said which size it can pass on, if one did
	HopMTU  int
}

// SearchMTU finds the largest datagram that reaches the server of cfg.Target unfragmented, with DF set and the system's
// own idea of the path ignored (RFC 8899 in spirit): the largest that the interface takes, what a router says, and
// halving. A size counts as too large when the sending host says so, when a router says so of a probe of that size or a
// smaller one, which it quotes, or when three probes of it are not answered, the last within cfg.Timeout; 0 means 200
// ms, or two round trips where they are longer. Where ctx ends it early, the result is what is known to pass, beside
// the error.
func SearchMTU(ctx context.Context, cfg Config) (*MTUResult, error) {
	socket := configOf(cfg.Socket)
	socket.Fragmentation, socket.NoOffload = dgram.FragmentAllow, true // for the handshake
	cfg.Socket, cfg.Network = &socket, cmp.Or(cfg.Network, "udp")
	cfg.Settle, cfg.Requests = time.Millisecond, &Load{Count: 1}
	cfg.narrow = true
	f, err := newFlow(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if err := probePath(f.conn); err != nil {
		return nil, fmt.Errorf("perf: path MTU: %w", err)
	}
	s := newMTUSearch(f)
	err = s.run(ctx)
	r := &s.result
	if s.low >= HeaderSize {
		r.Payload, r.MTU = s.low, s.low+s.overhead
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("perf: path MTU: %w", err)
	case ctx.Err() != nil:
		return r, fmt.Errorf("perf: path MTU: %w", context.Cause(ctx))
	case s.low < HeaderSize:
		return r, fmt.Errorf("perf: path MTU: no datagram of any size is answered: %w", ErrServerGone)
	}
	return r, nil
}

// mtuSearch is a search under way. Sizes are of payloads.
type mtuSearch struct {
	f        *flow
	overhead int // bytes of IP and UDP header
	timeout  time.Duration
	low      int // passes
	high     int // nothing above it does, as far as is known
	top      int // nothing above it does, as this host or a router has said of what it quoted
	hint     int // what a router may have said passes; 0 for none
	sent     map[int]bool
	buf      []byte
	result   MTUResult
}

func newMTUSearch(f *flow) *mtuSearch {
	s := &mtuSearch{f: f, overhead: 20 + 8, timeout: f.cfg.Timeout, low: HeaderSize - 1, sent: map[int]bool{}}
	s.buf = make([]byte, 1<<16)
	if f.conn.RemoteAddr().IP.Addr().Is6() {
		s.overhead = 40 + 8
	}
	s.timeout = max(cmp.Or(s.timeout, 200*time.Millisecond), 2*f.roundTrip, 4*time.Millisecond)
	s.top = f.conn.MaxPayload(dgram.Addr{})
	s.high = s.top
	return s
}

func (s *mtuSearch) run(ctx context.Context) error {
	defer cmsg.Until(ctx, s.f.conn.SetReadDeadline)()
	size := s.high // most paths take what the interface takes
	for s.low < s.high && ctx.Err() == nil {
		if err := s.probe(ctx, size); err != nil {
			return err
		}
		switch {
		case s.hint > s.low && s.hint < s.high:
			size = s.hint // a router knows better than halving
		case s.hint == s.low && s.low > 0:
			size = s.low + 1 // if that does not pass, the router was right
		case s.high == s.top && !s.sent[s.top]:
			size = s.top // what this host or a router said is tried as it is
		default:
			size = (s.low + s.high + 1) / 2
		}
	}
	return nil
}

// probe asks whether one size passes, and moves low or high.
func (s *mtuSearch) probe(ctx context.Context, size int) error {
	b := make([]byte, size)
	for wait := s.timeout / 4; wait <= s.timeout; wait *= 2 {
		now := time.Now()
		h := header{kind: kindProbe, session: s.f.session, seq: uint64(size), sent: now.UnixNano()}
		h.put(b)
		s.sent[size] = true
		s.result.Probes++
		switch err := s.f.conn.Send(b, dgram.Addr{}); {
		case errors.Is(err, syscall.EMSGSIZE):
			s.result.Probes--
			s.local(size)
			return nil
		case err != nil:
			return err
		}
		if err := s.listen(ctx, size, now.Add(wait)); err != nil {
			return err
		}
		if ctx.Err() != nil || s.low >= size || s.high < size {
			return nil
		}
	}
	s.high = size - 1
	return nil
}

// local lowers the limit by what this host said when it refused a size: the MTU of its interface. The error queue has
// that of this very send last.
func (s *mtuSearch) local(size int) {
	limit := size - 1
	told, _ := s.f.conn.Reports()
	for _, e := range told {
		s.networkSaid(e, size)
		if mtu := e.MTU - s.overhead; !e.From.IsValid() && e.MTU > 0 && mtu < size {
			limit = mtu
		}
	}
	s.lower(max(limit, s.low))
}

// lower says that nothing above limit passes.
func (s *mtuSearch) lower(limit int) {
	s.top = min(s.top, limit)
	s.high = min(s.high, s.top)
}

// listen takes answers and errors until it is settled whether a size passes, or until a time.
func (s *mtuSearch) listen(ctx context.Context, size int, until time.Time) error {
	_ = s.f.conn.SetReadDeadline(until)
	for ctx.Err() == nil && s.low < size && s.high >= size {
		d, err := s.f.conn.Receive(s.buf)
		var told *dgram.NetworkError
		switch {
		case err == nil:
			s.answer(&d)
		case errors.As(err, &told):
			if told.Unreachable() {
				return fmt.Errorf("%w: %w", ErrServerGone, told)
			}
			s.networkSaid(told, size)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		default:
			return err
		}
	}
	return nil
}

// answer takes in that a probe has arrived, this one or one before.
func (s *mtuSearch) answer(d *dgram.Datagram) {
	var h header
	if !h.parse(d.Payload) || h.kind != kindProbed || h.session != s.f.session {
		return
	}
	if h.seq > dgram.MaxPayload6 || !s.sent[int(h.seq)] || h.due != int64(h.seq) {
		return // of no probe that was sent, or of what did not arrive whole
	}
	s.low = max(s.low, int(h.seq))
	if s.high < s.low { // its answer was late, and so may be those of others
		s.high = max(s.top, s.low)
	}
}

// networkSaid takes in an error from the network. It is about the probe that it quotes, which need not be the last one
// sent; where it quotes too little, what it says is a hint only, for anybody may have said it.
func (s *mtuSearch) networkSaid(e *dgram.NetworkError, size int) {
	if !errors.Is(e, syscall.EMSGSIZE) || !e.From.IsValid() {
		return // one of this host comes back from the send too
	}
	quoted, proven := s.quoted(e.Payload)
	passes := e.MTU - s.overhead
	switch {
	case proven && e.MTU > 0 && passes >= s.low && passes < quoted:
		s.lower(passes)
	case proven && quoted > s.low:
		s.lower(quoted - 1)
		return
	case !proven && e.MTU > 0 && passes >= s.low && passes < size && passes >= HeaderSize:
		s.hint = passes
	default:
		return
	}
	s.result.Hop, s.result.HopMTU = e.From, e.MTU
}

// quoted returns the size of the probe of this search that an error quotes.
func (s *mtuSearch) quoted(b []byte) (size int, ok bool) {
	be := binary.BigEndian
	if len(b) < 24 || be.Uint32(b) != magic || kind(b[4]) != kindProbe || be.Uint64(b[8:]) != s.f.session {
		return 0, false
	}
	n := be.Uint64(b[16:])
	return int(n), n <= dgram.MaxPayload6 && s.sent[int(n)]
}
