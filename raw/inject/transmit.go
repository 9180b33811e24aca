package inject

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"sockwire/raw/packet"
	"sockwire/raw/probe"
)

// Batch is packets on their way to an engine.
type Batch struct {
	// Packets are borrowed until the batch has been sent.
	Packets [][]byte
	// Due are when the packets are to leave, from the start, one for each; empty when the schedule says.
	Due []time.Duration
	// follows are the places of packets that leave with the one before, as the fragments of one do.
	follows map[int]bool
	buf     []byte
	ends    []int
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Packets)
	clear(b.follows)
	b.Packets, b.Due, b.buf = b.Packets[:0], b.Due[:0], b.buf[:0]
}

// Source gives packets.
type Source interface {
	// Fill adds packets to b, about n of them and at least one; io.EOF when there are no more.
	Fill(b *Batch, n int) error
}

// TemplateSource gives Count packets of a template from number First on, which must not be changed meanwhile. Fragments
// of a packet count as one.
type TemplateSource struct {
	Template *packet.Template
	First    uint64
	Count    uint64 // 0 for no end
	given    uint64
	same     [][]byte // the packet, when all are equal
	series   *packet.Series
}

// Fill adds packets, built when they are asked for unless all are equal.
func (s *TemplateSource) Fill(b *Batch, n int) error {
	if s.Count != 0 {
		n = int(min(uint64(n), s.Count-s.given))
	}
	if n == 0 {
		return io.EOF
	}
	if s.same == nil && !s.Template.Varies() {
		p, ends, err := s.Template.Append(nil, nil, s.First)
		if err != nil {
			return err
		}
		from := 0
		for _, to := range ends {
			s.same = append(s.same, p[from:to:to])
			from = to
		}
	}
	if s.same == nil && s.series == nil {
		s.series = packet.NewSeries(s.Template)
	}
	for range n {
		if s.same != nil {
			for i, p := range s.same {
				if i > 0 {
					b.follow()
				}
				b.Packets = append(b.Packets, p)
			}
		} else if err := b.add(s.series.Append(b.buf, b.ends[:0], s.First+s.given)); err != nil {
			return err
		}
		s.given++
	}
	return nil
}

// Build adds packet n of a template.
func (b *Batch) Build(t *packet.Template, n uint64) error {
	return b.add(t.Append(b.buf, b.ends[:0], n))
}

// BuildLayers adds the packet of layers that t.Layers(n) returned and the program has changed.
func (b *Batch) BuildLayers(t *packet.Template, layers []packet.Layer, n uint64) error {
	return b.add(t.Build(b.buf, b.ends[:0], layers, n))
}

func (b *Batch) add(buf []byte, ends []int, err error) error {
	if err != nil {
		return err
	}
	from := len(b.buf)
	b.buf, b.ends = buf, ends // where the buffer grew, earlier packets stay in the old one
	for i, to := range ends {
		if i > 0 {
			b.follow()
		}
		b.Packets = append(b.Packets, buf[from:to:to])
		from = to
	}
	return nil
}

// follow makes the next packet leave with the one before.
func (b *Batch) follow() {
	if b.follows == nil {
		b.follows = map[int]bool{}
	}
	b.follows[len(b.Packets)] = true
}

// Recorded is a source of packets that are there already, such as those of a capture file.
type Recorded struct {
	Packets [][]byte
	Due     []time.Duration // when each leaves, from the start; nil leaves it to the schedule
	Loops   int             // how often all of it is sent; 0 is once
	next    int
	loop    int
}

// Fill adds the next packets, as they are.
func (s *Recorded) Fill(b *Batch, n int) error {
	if s.next == len(s.Packets) {
		if s.loop++; s.loop >= s.Loops || len(s.Packets) == 0 {
			return io.EOF
		}
		s.next = 0
	}
	end := min(s.next+n, len(s.Packets))
	b.Packets = append(b.Packets, s.Packets[s.next:end]...)
	if s.Due != nil {
		for _, due := range s.Due[s.next:end] {
			b.Due = append(b.Due, time.Duration(s.loop)*s.Due[len(s.Due)-1]+due)
		}
	}
	s.next = end
	return nil
}

// Report is what a transmission achieved.
type Report struct {
	Sent     uint64 // packets that the kernel took
	Bytes    uint64
	Refusals uint64 // times that the kernel had no room and was asked again
	Failed   uint64 // packets that the kernel would not take, left out
	Failure  error  // of the first of them

	First, Last time.Time // when the first and the last packet were handed over

	gaps *hdrhistogram.Histogram // ns between hand-overs
}

// Rate returns the packets per second from the first packet to the last, 0 if fewer than two were sent.
func (r *Report) Rate() float64 {
	d := r.Last.Sub(r.First)
	if r.Sent < 2 || d <= 0 {
		return 0
	}
	return float64(r.Sent-1) / d.Seconds()
}

// Gap returns the gap between packets, as they were handed to the kernel, that q of 100 gaps do not exceed. Packets
// handed over in one batch have no gap between them.
func (r *Report) Gap(q float64) time.Duration {
	if r.gaps == nil || r.gaps.TotalCount() == 0 {
		return 0
	}
	return time.Duration(r.gaps.ValueAtQuantile(q))
}

// Transmission is one run of packets from a source to an engine.
type Transmission struct {
	Engine   Engine
	Source   Source
	Schedule Schedule
	// Duration ends the run that long after its start; 0 for no such end.
	Duration time.Duration
	// Progress, if set, gets the packets and bytes sent so far, from the transmitting goroutine, at most every 50 ms.
	Progress func(sent, bytes uint64)

	sleep func(ctx context.Context, d time.Duration) bool // precise unless a test has its own
}

// Transmit sends until the source ends, the duration is over, or ctx is done, none of which is an error. A packet that
// the kernel will not take is left out and counted, unless it is the first: then its error ends the run.
func (t *Transmission) Transmit(ctx context.Context) (Report, error) {
	if t.sleep == nil {
		t.sleep = preciseSleep
	}
	r := Report{gaps: hdrhistogram.New(1, int64(time.Hour), 3)}
	if err := t.Schedule.Validate(); err != nil {
		return r, err
	}
	err := t.run(ctx, &r)
	r.Refusals = t.Engine.Refusals()
	return r, err
}

func (t *Transmission) run(ctx context.Context, r *Report) error {
	var batch Batch
	pace := newPacer(t.Schedule)
	start := time.Now()
	told := start
	for ctx.Err() == nil {
		batch.Reset()
		if err := t.Source.Fill(&batch, t.Engine.Batch()); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		for next := 0; next < len(batch.Packets); {
			n, wait := t.ready(&batch, next, pace, time.Since(start))
			if t.Duration > 0 && time.Since(start)+wait >= t.Duration {
				t.sleep(ctx, t.Duration-time.Since(start))
				return nil
			}
			if n == 0 {
				if !t.sleep(ctx, wait) {
					return nil
				}
				continue
			}
			if err := t.send(batch.Packets[next:next+n], r); err != nil {
				return err
			}
			next += n
			if ctx.Err() != nil {
				return nil
			}
			if t.Progress != nil && r.Last.Sub(told) > 50*time.Millisecond {
				told = r.Last
				t.Progress(r.Sent, r.Bytes)
			}
		}
	}
	return nil
}

// ready returns how many packets of the batch, from next on, are due, and if none is, how long the first has to wait.
func (t *Transmission) ready(b *Batch, next int, pace *pacer, now time.Duration) (n int, wait time.Duration) {
	if len(b.Due) > 0 {
		for next+n < len(b.Due) && b.Due[next+n] <= now {
			n++
		}
		if n == 0 {
			return 0, b.Due[next] - now
		}
		return n, 0
	}
	if t.Schedule.flood() {
		return len(b.Packets) - next, 0
	}
	for next+n < len(b.Packets) && (pace.due() <= now || b.follows[next+n]) {
		pace.sent(len(b.Packets[next+n]), b.follows[next+n])
		n++
	}
	if n == 0 {
		return 0, pace.due() - now
	}
	return n, 0
}

// preciseSleep waits for d, about as exactly as the kernel can, and reports whether ctx is still alive.
func preciseSleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		probe.NewWaiter().Until(ctx, d, nil)
	}
	return ctx.Err() == nil
}

func (t *Transmission) send(packets [][]byte, r *Report) error {
	for len(packets) > 0 {
		n, err := t.Engine.Send(packets)
		now := time.Now()
		if n > 0 {
			if r.Sent == 0 {
				r.First = now
			} else {
				r.gaps.RecordValue(max(1, int64(now.Sub(r.Last))))
			}
			if n > 1 {
				r.gaps.RecordValues(1, int64(n-1))
			}
			r.Last = now
			r.Sent += uint64(n)
			for _, p := range packets[:n] {
				r.Bytes += uint64(len(p))
			}
		}
		packets = packets[n:]
		if err == nil {
			continue
		}
		if r.Sent == 0 || len(packets) == 0 {
			return err
		}
		r.Failed++
		if r.Failure == nil {
			r.Failure = err
		}
		packets = packets[1:]
	}
	return nil
}
