package perf

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"sockwire/dgram"
	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
)

// Iperf2Result is what an iperf2 server reported of our stream.
type Iperf2Result struct {
	Sent, Bytes uint64
	Elapsed     time.Duration
	Reported    Iperf2Report
}

// Iperf2Report is the server's report.
type Iperf2Report struct {
	Datagrams, Lost, OutOfOrder, Bytes uint64
	Jitter                             time.Duration
}

// iperfMin holds the identifier, the time and an empty client header, which asks for nothing.
const iperfMin = 64

// iperfPause is how long the server gets after the first datagram.
const iperfPause = 100 * time.Millisecond

// RunIperf2 sends cfg.Up to a server of iperf2 in its protocol, and returns the report that the server sends at the
// end.
func RunIperf2(ctx context.Context, cfg Config) (*Iperf2Result, error) {
	load := *cfg.Up
	if err := load.check(); err != nil {
		return nil, err
	}
	for _, n := range load.sizes() {
		if n < iperfMin {
			return nil, fmt.Errorf("perf: iperf2 datagrams have at least %d bytes, not %d", iperfMin, n)
		}
	}
	socket := configOf(cfg.Socket)
	c, err := dgram.Dial(ctx, cmp.Or(cfg.Network, "udp"), cfg.Target, &socket)
	if err != nil {
		return nil, fmt.Errorf("perf: %w", err)
	}
	defer c.Close()
	stop := cmsg.Until(ctx, c.SetWriteDeadline)
	if load.Duration > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(load.Duration + iperfPause + overtime))
	}
	r := &Iperf2Result{}
	w := probe.NewWaiter()
	table := probe.NewTimetable(load.timing(1))
	sizes := load.sizes()
	b := make([]byte, dgram.MaxPayload4)
	for ctx.Err() == nil && (load.Count == 0 || r.Sent < load.Count) && (load.Duration == 0 || w.Now() < load.Duration) {
		if err := w.Until(ctx, table.Due(), nil); err != nil {
			break
		}
		p := b[:sizes[r.Sent%uint64(len(sizes))]]
		table.Take(len(p))
		putIperf(p, int32(r.Sent))
		if err := c.Send(p, dgram.Addr{}); errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("perf: iperf2: %w", err)
		}
		r.Sent++
		r.Bytes += uint64(len(p))
		if r.Sent == 1 {
			// The server opens a socket for us now; what comes before that is done is lost.
			if err := w.Until(ctx, w.Now()+iperfPause, nil); err != nil {
				break
			}
			w, table = probe.NewWaiter(), probe.NewTimetable(load.timing(1))
		}
	}
	stop()
	r.Elapsed = w.Now()
	// The last datagram carries the negative of its number, again and again until the report comes.
	last := b[:max(sizes[0], iperfHeader+4+iperfReport)]
	answer := make([]byte, 1<<16)
	for try := range 10 {
		putIperf(last, -int32(r.Sent))
		once := dgram.Exchange{Timeout: time.Duration(try+1) * 250 * time.Millisecond, Tries: 1, Buffer: answer}
		a, err := c.Exchange(context.WithoutCancel(ctx), last, dgram.Addr{}, &once)
		if err == nil && r.Reported.read(a.Payload) {
			if r.Reported.Datagrams > r.Sent+1 || r.Reported.Lost > r.Sent || r.Reported.OutOfOrder > r.Sent {
				return r, fmt.Errorf("perf: iperf2: %w: of %d sent it counts %d, %d lost and %d out of order", ErrContradiction, r.Sent,
					r.Reported.Datagrams, r.Reported.Lost, r.Reported.OutOfOrder)
			}
			return r, nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, fmt.Errorf("perf: iperf2: %w", err)
		}
	}
	return nil, fmt.Errorf("perf: iperf2: no report: %w", ErrServerGone)
}

// putIperf writes the identifier and the time; the rest stays as it is.
func putIperf(b []byte, id int32) {
	now := time.Now()
	binary.BigEndian.PutUint32(b, uint32(id))
	binary.BigEndian.PutUint32(b[4:], uint32(now.Unix()))
	binary.BigEndian.PutUint32(b[8:], uint32(now.Nanosecond()/1000))
}

// read takes the report out of the answer to the last datagram.
func (r *Iperf2Report) read(b []byte) bool {
	const at = iperfHeader + 4
	be := binary.BigEndian
	if len(b) < at+40 || be.Uint32(b[at:])&0x80000000 == 0 {
		return false
	}
	word := func(i int) uint64 { return uint64(be.Uint32(b[at+4*i:])) }
	*r = Iperf2Report{
		Bytes: word(1)<<32 | word(2), Lost: word(5), OutOfOrder: word(6), Datagrams: word(7),
		Jitter: time.Duration(word(8))*time.Second + time.Duration(word(9))*time.Microsecond,
	}
	return true
}
