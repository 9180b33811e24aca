package perf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
	"sockwire/raw/cmsg"
)

// askedLast is how many of the last requests are remembered one by one.
const askedLast = 1 << 14

// asked remembers when requests were due and when they were sent, for what a reply says of that is the server's word.
type asked struct {
	mu   sync.Mutex
	ring [askedLast]struct{ seq, due, sent int64 }
}

// put remembers a request; nobody does on a nil receiver.
func (a *asked) put(h *header) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := &a.ring[h.seq%askedLast]
	e.seq, e.due, e.sent = int64(h.seq), h.due, h.sent
}

// matches tells whether a reply repeats what was asked; of a request too long ago, whether it may.
func (a *asked) matches(h *header, arrived int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := &a.ring[h.seq%askedLast]
	if e.seq != int64(h.seq) {
		return e.seq > int64(h.seq) && h.sent <= arrived && h.due <= arrived
	}
	return e.due == h.due && e.sent == h.sent
}

// reply accounts for an answer to a request, once.
func (f *flow) reply(h *header, d *dgram.Datagram) {
	switch f.down.ledger.Receive(h.seq) {
	case ledger.InOrder, ledger.Reordered:
	default:
		f.down.last = d.Time
		return
	}
	f.down.last = d.Time
	if n := len(d.Payload); f.down.smallest == 0 || n < f.down.smallest {
		f.down.smallest = n
	}
	if f.down.bytes == 0 {
		f.down.first = d.Time
	}
	f.down.bytes += uint64(len(d.Payload))
	rtt := d.Time.UnixNano() - h.sent
	f.waited += time.Duration(rtt)
	f.down.jitter.Add(time.Duration(rtt))
	f.network.Record(max(time.Duration(rtt)-time.Duration(h.took), 0))
	f.server.Record(time.Duration(h.took))
	f.rtt.Record(time.Duration(d.Time.UnixNano() - h.due))
}

// silentRequests is how many requests in a row may go unanswered, and the marks between them, before the server is
// gone.
const silentRequests = 8

// pingPong sends one request at a time and waits for its reply.
func (f *flow) pingPong(ctx context.Context) {
	load, s := f.cfg.Requests, f.up
	timeout := f.cfg.Timeout
	if timeout == 0 {
		timeout = max(time.Second, 2*f.roundTrip)
	}
	sizes := load.sizes()
	buf := make([]byte, 1<<16)
	f.pending = f.conn.NewBatch(1, len(buf))
	s.start = time.Now()
	end := time.Time{}
	if load.Duration > 0 {
		end = s.start.Add(load.Duration)
	}
	unbind := cmsg.Until(ctx, func(t time.Time) error {
		_ = f.conn.SetWriteDeadline(t)
		return f.conn.SetReadDeadline(t)
	})
	sent := s.start // the last one
	for ctx.Err() == nil {
		now := time.Now()
		seq := s.sent.Load()
		if load.Count > 0 && seq >= load.Count || !end.IsZero() && !now.Before(end) {
			break
		}
		if silent := now.Sub(time.Unix(0, f.heard.Load())); silent > max(f.patience, silentRequests*timeout) || f.closed.Load() {
			f.fail(fmt.Errorf("perf: %w %v ago", ErrServerGone, silent.Round(time.Millisecond)))
			break
		}
		b := s.arena[:sizes[seq%uint64(len(sizes))]]
		h := header{kind: kindRequest, session: f.session, seq: seq, sent: now.UnixNano(), due: now.UnixNano()}
		h.put(b)
		f.asked.put(&h)
		s.next.Store(seq + 1)
		s.sent.Add(1)
		s.messages = append(s.messages[:0], dgram.Message{Payload: b})
		s.sample(now, 10*sampleInterval) // seldom, for taking in the times costs as much as a round trip
		sent = now
		if _, err := f.conn.SendAll(s.messages); err != nil {
			if ctx.Err() == nil && fatal(err) {
				f.fail(err)
				break
			}
			s.failed.Add(1)
			continue
		}
		s.bytes.Add(uint64(len(b)))
		until := now.Add(timeout)
		if !end.IsZero() && end.Before(until) {
			until = end
		}
		if !f.awaitReply(ctx, seq, until, buf) && ctx.Err() == nil && !until.Equal(end) {
			f.timeouts++
			_ = s.sendMark(0, time.Now()) // is it the requests that get lost, or has the server gone?
		}
		f.publish()
	}
	s.end = time.Now()
	unbind()
	if !f.closed.Load() && !f.lost() {
		f.lateReplies(sent, buf)
	}
}

// lateReplies waits for what is still on its way, and for what comes twice: until nothing has come for the settling
// time, and for replies that are missing as long as any took before.
func (f *flow) lateReplies(sent time.Time, buf []byte) {
	for overdue := 0; overdue < 256; {
		until := f.down.last.Add(f.cfg.Settle)
		if f.down.ledger.Counts().Unique < f.up.sent.Load() {
			slowest := min(max(f.roundTrip, f.rtt.Max()), time.Minute)
			if late := sent.Add(slowest + f.cfg.Settle); late.After(until) {
				until = late
			}
		}
		if time.Now().After(until) { // what lies there already, and no more than a server may have left there
			overdue++
		}
		_ = f.conn.SetReadDeadline(until)
		if _, _, err := f.next(buf); err != nil {
			return
		}
	}
}

// next takes in the next datagram, and returns its header if it is the server's. What the network says is taken in
// besides, and ends it where the server's port is closed. What has arrived by the read deadline counts, whenever this
// host gets round to it.
func (f *flow) next(buf []byte) (h header, ours bool, err error) {
	for {
		d, err := f.conn.Receive(buf)
		if err == nil {
			h, ours = f.take(&d)
			return h, ours, nil
		}
		if f.takeError(err) && !f.closed.Load() {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if ds, _ := f.conn.TryReceiveBatch(f.pending); len(ds) > 0 {
				h, ours = f.take(&ds[0])
				return h, ours, nil
			}
		}
		return h, false, err
	}
}

// awaitReply waits for the reply to one request, until a time or the end of ctx.
func (f *flow) awaitReply(ctx context.Context, seq uint64, until time.Time, buf []byte) bool {
	_ = f.conn.SetReadDeadline(until)
	if ctx.Err() != nil { // it ended before the deadline was set, which took its own away
		return false
	}
	for {
		h, ours, err := f.next(buf)
		if err != nil {
			return false
		}
		if ours && h.kind == kindReply && h.seq == seq {
			return true
		}
	}
}
