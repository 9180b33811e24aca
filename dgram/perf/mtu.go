package perf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"sockwire/dgram"
)

// MTUResult is what SearchMTU found.
type MTUResult struct {
	MTU     int        // bytes of the largest IP packet that passes unfragmented
	Payload int        // bytes of UDP payload in it
	Probes  int        // datagrams that left this host
	Hop     netip.Addr // the router that said which size it can pass on, if one did
	HopMTU  int
}

// SearchMTU finds the largest datagram that reaches the server of cfg.Target unfragmented, by halving, with DF set and the
// system's own idea of the path ignored (RFC 8899 in spirit). A size counts as too large when the sending host or a router
// says so, or when three probes of it are not answered within cfg.Timeout each.
func SearchMTU(ctx context.Context, cfg Config) (*MTUResult, error) {
	socket := dgram.Config{}
	if cfg.Socket != nil {
		socket = *cfg.Socket
	}
	socket.Fragmentation, socket.NoOffload = dgram.FragmentProbe, true
	cfg.Socket, cfg.Network = &socket, defaulted(cfg.Network, "udp")
	cfg.Timeout, cfg.Settle = defaulted(cfg.Timeout, 200*time.Millisecond), time.Millisecond
	cfg.Requests = &Load{Count: 1}
	f, err := newFlow(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	defer f.close()
	overhead := 20 + 8
	if f.conn.RemoteAddr().IP.Addr().Is6() {
		overhead = 40 + 8
	}
	r := &MTUResult{}
	low, high := HeaderSize-1, f.conn.MaxPayload(dgram.Addr{})
	for low < high && ctx.Err() == nil {
		size := (low + high + 1) / 2
		passed, err := f.probe(ctx, size, r)
		if err != nil {
			return nil, err
		}
		if passed {
			low = size
		} else {
			high = size - 1
		}
		if hint := r.HopMTU - overhead; !passed && hint >= low && hint < high {
			high = hint // a router knows better than halving
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("perf: path MTU: %w", context.Cause(ctx))
	}
	if low < HeaderSize {
		return nil, fmt.Errorf("perf: path MTU: no datagram of any size is answered: %w", ErrServerGone)
	}
	r.Payload, r.MTU = low, low+overhead
	return r, nil
}

// probe asks whether one size passes.
func (f *flow) probe(ctx context.Context, size int, r *MTUResult) (bool, error) {
	b := make([]byte, size)
	h := header{kind: kindProbe, session: f.session, seq: uint64(size), sent: time.Now().UnixNano()}
	h.put(b)
	match := func(_, answer []byte) bool {
		var a header
		return a.parse(answer) && a.kind == kindProbed && a.session == f.session && a.seq == uint64(size)
	}
	for try := 0; try < 3; try++ {
		r.Probes++
		_, err := f.conn.Exchange(ctx, b, dgram.Addr{}, &dgram.Exchange{Timeout: f.cfg.Timeout, Tries: 1, Match: match})
		var told *dgram.NetworkError
		switch {
		case err == nil:
			return true, nil
		case errors.As(err, &told):
			if told.Unreachable() {
				return false, fmt.Errorf("perf: path MTU: %w: %w", ErrServerGone, told)
			}
			if told.MTU > 0 && told.From.IsValid() {
				r.Hop, r.HopMTU = told.From, told.MTU
			}
			if told.MTU > 0 || errors.Is(told, syscall.EMSGSIZE) {
				return false, nil
			}
		case errors.Is(err, syscall.EMSGSIZE):
			r.Probes--
			return false, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		default:
			return false, fmt.Errorf("perf: path MTU: %w", err)
		}
	}
	return false, nil
}
