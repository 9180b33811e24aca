package perf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
	"sockwire/raw/cmsg"
	"sockwire/raw/probe"
)

// sender sends one load over a connected socket, each datagram numbered, stamped and digested.
type sender struct {
	conn    *dgram.Conn
	session uint64
	load    Load
	kind    kind
	padMark bool   // a client pads its marks so that the report is no larger
	asked   *asked // of requests

	sent   atomic.Uint64 // numbers used, those of failed sends too
	bytes  atomic.Uint64
	next   atomic.Uint64 // one past the highest number that may have left by now: sent, and those being handed over
	failed atomic.Uint64 // sends that this host refused
	trains atomic.Bool   // several were handed to the kernel at once

	// limit is how many datagrams a second leave at most, bucketDepth of them at once, whatever the load says; 0 is no
	// limit.
	limit   float64
	tokens  float64
	allowed int           // datagrams that may leave now
	filled  time.Duration // when tokens were last added, after the start

	markFlags atomic.Uint32 // to be sent with each mark
	late      *ledger.Histogram
	stack     *ledger.Histogram // from this program to the device, of a sample, by the kernel's stamps
	start     time.Time
	end       time.Time
	unsent    uint64 // due before the end, and not sent: the sender could not keep its rate

	arena    []byte
	messages []dgram.Message
	dues     []time.Duration
	mark     []byte
	marked   time.Time

	stamp   uint32 // of the last sample
	sampled time.Time
	samples [64]time.Time // when samples were handed to the kernel, by stamp
	times   []dgram.SendTime
}

const (
	batchLimit   = 256       // datagrams handed to the kernel at once
	arenaSize    = 512 << 10 // bytes handed to the kernel at once
	markInterval = 100 * time.Millisecond
	// patience is how many sends in a row may fail before it is taken for final.
	patience = 200
	// sampleInterval is how often a datagram is timed on its way through this host.
	sampleInterval = 5 * time.Millisecond
)

func newSender(c *dgram.Conn, session uint64, k kind, load Load, padMark bool) *sender {
	s := &sender{conn: c, session: session, kind: k, load: load, padMark: padMark, allowed: batchLimit}
	s.late, s.stack = ledger.NewHistogram(), ledger.NewHistogram()
	s.arena = make([]byte, arenaSize)
	for i := range s.arena {
		s.arena[i] = byte(i)
	}
	s.messages = make([]dgram.Message, 0, batchLimit)
	s.dues = make([]time.Duration, 0, batchLimit)
	size := HeaderSize
	if padMark {
		size = controlSize
	}
	s.mark = make([]byte, size)
	return s
}

// overtime is how long what was due before the end may still be sent, from when the sender finds that the end has come:
// it may not have run for a moment.
const overtime = 50 * time.Millisecond

// run sends until the load is done or ctx ends, which is no error. The end of the load's time is the end: what could
// not be sent by then, at a rate that this host does not reach or for want of room, is not sent.
func (s *sender) run(ctx context.Context) error {
	w := probe.NewWaiter()
	s.start = w.Start()
	defer func() { s.end = time.Now() }()
	table, interval := probe.NewTimetable(s.load.timing(s.session)), s.load.interval()
	end := time.Duration(1 << 62)
	if s.load.Duration > 0 {
		end = s.load.Duration
		_ = s.conn.SetWriteDeadline(s.start.Add(end + overtime))
	}
	defer cmsg.Until(ctx, s.conn.SetWriteDeadline)()
	sizes := s.load.sizes()
	failures := 0
	var found time.Duration // when the end was found to have come
	for ctx.Err() == nil {
		now := w.Now()
		if now >= end && found == 0 {
			found = now
			_ = s.conn.SetWriteDeadline(s.start.Add(found + overtime))
		}
		if found > 0 && now >= found+overtime {
			break
		}
		s.refill(now)
		s.fill(table, min(now, end-1), sizes)
		s.tokens -= float64(len(s.messages))
		var err error
		if len(s.messages) > 0 {
			err = s.flush(&failures)
		}
		if err == nil {
			err = s.sendMark(0, time.Now())
		}
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		default: // the time is up; if that is news, what is due may still leave
			continue
		}
		next := table.Due()
		switch {
		case s.load.Count > 0 && s.sent.Load() >= s.load.Count, next >= end, interval == 0 && w.Now() >= end:
			return nil
		case s.limit > 0 && s.tokens < 1:
			next = max(next, now+time.Duration((1-s.tokens)*1e9/s.limit)+1)
		}
		if next > w.Now() {
			// Wake in time for the next mark too.
			at := min(next, end, w.Now()+markInterval)
			if err := w.Until(ctx, at, nil); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	if ctx.Err() == nil && interval > 0 {
		due := s.load.before(end, table.Due(), s.sent.Load())
		s.unsent = due - min(due, s.sent.Load())
	}
	return nil
}

// bucketDepth is how many datagrams may leave at once under a limit of so many a second.
func bucketDepth(limit float64) float64 { return max(limit/10, 1) }

// refill works out how many datagrams may leave now.
func (s *sender) refill(now time.Duration) {
	if s.allowed = batchLimit; s.limit <= 0 {
		return
	}
	depth := bucketDepth(s.limit)
	if s.filled == 0 && s.tokens == 0 {
		s.tokens = depth
	}
	s.tokens = min(s.tokens+(now-s.filled).Seconds()*s.limit, depth)
	s.filled = now
	s.allowed = min(s.allowed, int(s.tokens))
}

// fill prepares what is due, one datagram behind the other, so that they can travel as a train.
func (s *sender) fill(t *probe.Timetable, limit time.Duration, sizes []int) {
	s.messages, s.dues = s.messages[:0], s.dues[:0]
	seq := s.sent.Load()
	used := 0
	for len(s.messages) < s.allowed && t.Due() <= limit {
		if s.load.Count > 0 && seq >= s.load.Count {
			break
		}
		size := sizes[seq%uint64(len(sizes))]
		if used+size > len(s.arena) {
			break
		}
		due := t.Due()
		if s.load.Rate == 0 && s.load.Bits == 0 {
			due = limit
		}
		t.Take(size)
		s.messages = append(s.messages, dgram.Message{Payload: s.arena[used : used+size]})
		s.dues = append(s.dues, due)
		used += size
		seq++
	}
}

// flush stamps, digests and sends what fill prepared.
func (s *sender) flush(failures *int) error {
	h := header{kind: s.kind, session: s.session, seq: s.sent.Load()}
	now := time.Now()
	h.sent = now.UnixNano()
	elapsed := now.Sub(s.start)
	begin := s.start.UnixNano()
	bytes := 0
	for i := range s.messages {
		h.due = begin + int64(s.dues[i])
		h.put(s.messages[i].Payload)
		s.asked.put(&h)
		s.late.Record(elapsed - s.dues[i])
		h.seq++
		bytes += len(s.messages[i].Payload)
	}
	s.sample(now, sampleInterval)
	if len(s.messages) > 1 {
		s.trains.Store(true)
	}
	s.next.Store(h.seq)
	ms := s.messages
	for len(ms) > 0 {
		n, err := s.conn.SendAll(ms)
		if n > 0 {
			*failures = 0
		}
		if err == nil {
			break
		}
		if errors.Is(err, os.ErrDeadlineExceeded) { // the time is up; the numbers of these are not used
			for _, m := range ms[n:] {
				bytes -= len(m.Payload)
			}
			h.seq -= uint64(len(ms) - n)
			s.sent.Store(h.seq)
			s.bytes.Add(uint64(bytes))
			return err
		}
		// This one is not sent; its number is used up, and it is a loss with a known cause.
		if fatal(err) {
			return err
		}
		if *failures++; *failures > patience {
			return fmt.Errorf("perf: %d sends in a row failed: %w", *failures, err)
		}
		s.failed.Add(1)
		bytes -= len(ms[n].Payload)
		ms = ms[n+1:]
	}
	s.sent.Store(h.seq)
	s.bytes.Add(uint64(bytes))
	return nil
}

// sample has the kernel time the first datagram of the batch, now and then, and takes in the times of earlier ones.
func (s *sender) sample(now time.Time, every time.Duration) {
	if now.Sub(s.sampled) < every {
		return
	}
	s.sampled = now
	s.times = s.conn.SendTimes(s.times[:0])
	for _, t := range s.times {
		at := s.samples[t.Stamp%uint32(len(s.samples))]
		if !t.Queued && s.stamp-t.Stamp < uint32(len(s.samples)) {
			s.stack.Record(max(t.Time.Sub(at), 0))
		}
	}
	s.stamp = max(s.stamp+1, 1)
	s.samples[s.stamp%uint32(len(s.samples))] = now.Round(0) // the kernel's stamps are of the wall clock
	s.messages[0].Stamp = s.stamp
}

// fatal tells errors that no later send will escape.
func fatal(err error) bool {
	return errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.EINVAL)
}

// sendMark says how many were sent so far, ten times a second, or at once with a flag.
func (s *sender) sendMark(flags uint8, now time.Time) error {
	if flags == 0 && now.Sub(s.marked) < markInterval {
		return nil
	}
	s.marked = now
	if s.trains.Load() {
		flags |= flagTrains
	}
	h := header{kind: kindMark, flags: flags | uint8(s.markFlags.Load()), session: s.session, seq: s.sent.Load(), sent: now.UnixNano()}
	h.put(s.mark)
	if err := s.conn.Send(s.mark, dgram.Addr{}); err != nil && fatal(err) {
		return err
	}
	return nil
}
