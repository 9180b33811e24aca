package inject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"sockwire/raw/probe"
)

// Report is what a transmission achieved.
type Report struct {
	Sent     uint64 // packets that the kernel took
	Bytes    uint64
	Refusals uint64    // times that the kernel had no room and was asked again
	Failed   uint64    // packets that the kernel would not take, left out
	Failure  error     // of the first of them, a [*Failure]
	Failures []Failure // the first of them, at most 20

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

// Failure is a packet that the kernel would not take.
type Failure struct {
	Number uint64 // of the packet in its source
	Size   int    // of the packet in bytes, its link header left out
	MTU    int    // of the device, where the packet is too large for it; 0 otherwise
	Err    error
}

const maxFailures = 20

// Error names the packet, counted from 1.
func (f *Failure) Error() string {
	err := f.Err
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	if f.MTU > 0 {
		return fmt.Sprintf("packet %d of %d bytes is larger than the MTU of %d: %v", f.Number+1, f.Size, f.MTU, err)
	}
	return fmt.Sprintf("packet %d of %d bytes: %v", f.Number+1, f.Size, err)
}

func (f *Failure) Unwrap() error { return f.Err }

// Transmission is one run of packets from a source to an engine.
type Transmission struct {
	Engine   Engine
	Source   Source
	Schedule Schedule
	// Duration ends the run that long after its start; 0 for no such end.
	Duration time.Duration
	// MTU of the device, for what is said of packets that are larger; 0 where it is not known.
	MTU int
	// Frames says that packets start with an Ethernet header.
	Frames bool
	// Progress, if set, gets the packets and bytes sent so far, from the transmitting goroutine, at most every 50 ms.
	Progress func(sent, bytes uint64)

	departs departures
	counted uint64                                          // packets of a source that does not number them
	sleep   func(ctx context.Context, d time.Duration) bool // precise unless a test has its own
}

// departures is told of packets as they are handed over.
type departures interface {
	// leaving: these are about to be handed over.
	leaving(packets [][]byte, numbers []uint64, at time.Time)
	// left: the kernel took the next n of them; if refused, it would not take the one behind them.
	left(n int, refused bool)
}

// Transmit sends until the source ends, the duration is over, or ctx is done, none of which is an error. A packet that
// the kernel will not take is left out, counted and named. If it is the first and not merely too large, its error ends
// the run; if nothing was sent at all, the first error is that of the run.
func (t *Transmission) Transmit(ctx context.Context) (Report, error) {
	if t.sleep == nil {
		t.sleep = preciseSleep
	}
	r := Report{gaps: hdrhistogram.New(1, int64(time.Hour), 3)}
	if err := t.Schedule.Validate(); err != nil {
		return r, fmt.Errorf("inject: %w", err)
	}
	before := t.Engine.Refusals()
	err := t.run(ctx, &r)
	r.Refusals = t.Engine.Refusals() - before
	if err == nil && r.Sent == 0 && r.Failed > 0 {
		err = r.Failure
	}
	return r, err
}

func (t *Transmission) run(ctx context.Context, r *Report) error {
	var batch Batch
	table := probe.NewTimetable(t.Schedule)
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
		t.number(&batch)
		for next := 0; next < len(batch.Packets); {
			n, wait := t.ready(&batch, next, table, time.Since(start))
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
			if err := t.send(&batch, next, n, r); err != nil {
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

// number numbers the packets of a batch that the source has not numbered: where they are followed each gets its number,
// where they are only sent the first is enough, for one that is refused to be named.
func (t *Transmission) number(b *Batch) {
	if len(b.Numbers) > 0 {
		return
	}
	b.first = t.counted
	t.counted += uint64(len(b.Packets))
	for i := range b.Packets {
		if t.departs == nil {
			break
		}
		b.Numbers = append(b.Numbers, b.first+uint64(i))
	}
}

// ready returns how many packets of the batch, from next on, are due, and if none is, how long the first has to wait.
func (t *Transmission) ready(b *Batch, next int, table *probe.Timetable, now time.Duration) (n int, wait time.Duration) {
	if len(b.Due) > 0 {
		for next+n < len(b.Due) && b.Due[next+n] <= now {
			n++
		}
		if n == 0 {
			return 0, b.Due[next] - now
		}
		return n, 0
	}
	if t.Schedule.Unlimited() {
		return len(b.Packets) - next, 0
	}
	for ; next+n < len(b.Packets); n++ {
		size := len(b.Packets[next+n])
		switch {
		case b.follows[next+n]:
			table.Follow(size)
		case table.Due() <= now:
			table.Take(size)
		case n == 0:
			return 0, table.Due() - now
		default:
			return n, 0
		}
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

// hopeless is how many packets are refused before a run that has sent none is given up.
const hopeless = 1 << 20

// send sends n packets of a batch from a place on.
func (t *Transmission) send(b *Batch, at, n int, r *Report) error {
	packets := b.Packets[at : at+n]
	if t.departs != nil {
		t.departs.leaving(packets, b.Numbers[at:at+n], time.Now())
	}
	for len(packets) > 0 {
		n, err := t.Engine.Send(packets)
		now := time.Now()
		refused := err != nil && n < len(packets)
		if t.departs != nil {
			t.departs.left(n, refused)
		}
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
		packets, at = packets[n:], at+n
		if err == nil {
			continue
		}
		if !refused {
			return err
		}
		if r.fail(t.failure(packets[0], b.number(at), err)); r.Sent == 0 && (!errors.Is(err, syscall.EMSGSIZE) || r.Failed == hopeless) {
			return err
		}
		packets, at = packets[1:], at+1
	}
	return nil
}

// failure says which packet was refused.
func (t *Transmission) failure(p []byte, number uint64, err error) Failure {
	f := Failure{Number: number, Size: len(p), Err: err}
	if t.Frames {
		f.Size -= NetworkPart(p)
	}
	if errors.Is(err, syscall.EMSGSIZE) {
		f.MTU = t.MTU
	}
	return f
}

func (r *Report) fail(f Failure) {
	r.Failed++
	if r.Failure == nil {
		first := f
		r.Failure = &first
	}
	if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, f)
	}
}
