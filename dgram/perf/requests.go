package perf

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
)

// reply accounts for an answer to a request, once.
func (f *flow) reply(h *header, d *dgram.Datagram) {
	switch f.down.ledger.Receive(h.seq) {
	case ledger.InOrder, ledger.Reordered:
	default:
		f.down.last = d.Time
		return
	}
	f.down.last = d.Time
	if f.down.bytes == 0 {
		f.down.first = d.Time
	}
	f.down.bytes += uint64(len(d.Payload))
	rtt := d.Time.UnixNano() - h.sent
	f.down.jitter.Add(time.Duration(rtt))
	f.network.Record(max(time.Duration(rtt)-time.Duration(h.took), 0))
	f.server.Record(time.Duration(h.took))
	f.rtt.Record(time.Duration(d.Time.UnixNano() - h.due))
}

// pingPong sends one request at a time and waits for its reply.
func (f *flow) pingPong(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { _ = f.conn.SetReadDeadline(time.Unix(1, 0)) })()
	load, s := f.cfg.Requests, f.up
	sizes := load.sizes()
	buf := make([]byte, 1<<16)
	s.start = time.Now()
	for ctx.Err() == nil {
		now := time.Now()
		seq := s.sent.Load()
		if load.Count > 0 && seq >= load.Count || load.Duration > 0 && now.Sub(s.start) >= load.Duration {
			break
		}
		if silent := now.Sub(time.Unix(0, f.heard.Load())); silent > max(f.patience, f.cfg.Timeout) || f.closed.Load() {
			f.fail(fmt.Errorf("perf: %w %v ago", ErrServerGone, silent.Round(time.Millisecond)))
			break
		}
		b := s.arena[:sizes[seq%uint64(len(sizes))]]
		h := header{kind: kindRequest, session: f.session, seq: seq, sent: now.UnixNano(), due: now.UnixNano()}
		h.put(b)
		s.sent.Add(1)
		s.messages = append(s.messages[:0], dgram.Message{Payload: b})
		s.sample(now, 10*sampleInterval) // seldom, for taking in the times costs as much as a round trip
		if _, err := f.conn.SendAll(s.messages); err != nil {
			if fatal(err) {
				f.fail(err)
				break
			}
			s.failed.Add(1)
			continue
		}
		s.bytes.Add(uint64(len(b)))
		_ = f.conn.SetReadDeadline(now.Add(f.cfg.Timeout))
		if !f.awaitReply(seq, buf) && ctx.Err() == nil {
			f.timeouts++
		}
		f.publish()
	}
	s.end = time.Now()
	// What was answered late, or twice, may still come.
	_ = f.conn.SetReadDeadline(time.Now().Add(min(f.cfg.Settle, 50*time.Millisecond)))
	if !f.closed.Load() && ctx.Err() == nil {
		f.awaitReply(1<<64-1, buf)
	}
}

// awaitReply waits for the reply to one request, until the read deadline.
func (f *flow) awaitReply(seq uint64, buf []byte) bool {
	for {
		d, err := f.conn.Receive(buf)
		if err != nil {
			if f.told(err) && !f.closed.Load() {
				continue
			}
			return false
		}
		f.take(&d)
		if binaryKind(d.Payload) == kindReply && binary.BigEndian.Uint64(d.Payload[16:]) == seq {
			return true
		}
	}
}

// binaryKind is the kind of a datagram that take has checked, 0 for what is none of ours.
func binaryKind(b []byte) kind {
	if len(b) < HeaderSize {
		return 0
	}
	return kind(b[4])
}
