package inject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// wireTap is a receiver that a test feeds.
type wireTap struct {
	mu       sync.Mutex
	came     sync.Cond
	queue    []Received
	stopped  bool
	deadline bool // passed
}

func newWireTap() *wireTap {
	w := new(wireTap)
	w.came.L = &w.mu
	return w
}

func (w *wireTap) put(p []byte, leaving bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, Received{Frame: p, Time: time.Now(), Leaving: leaving})
	w.came.Broadcast()
}

func (w *wireTap) Next(r *Received) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case len(w.queue) > 0 && (w.stopped || !w.deadline):
			*r, w.queue = w.queue[0], w.queue[1:]
			return nil
		case w.stopped:
			return io.EOF
		case w.deadline:
			return fmt.Errorf("tap: %w", os.ErrDeadlineExceeded)
		}
		w.came.Wait()
	}
}

func (w *wireTap) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = !t.IsZero()
	w.came.Broadcast()
	return nil
}

func (w *wireTap) Stop() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.came.Broadcast()
	return nil
}

func (w *wireTap) Close() error { return nil }

// farEnd is an engine with somebody behind it who answers, and a tap on the wire between them.
type farEnd struct {
	tap    *wireTap
	answer func(n int, p []byte) [][]byte // to the n-th packet, given while it is being handed over
	seen   bool                           // departures show on the tap
	sent   int
	err    error
}

func (e *farEnd) Send(packets [][]byte) (int, error) {
	for i, p := range packets {
		if e.err != nil && e.sent == 1 {
			err := e.err
			e.err = nil
			return i, err
		}
		if e.seen {
			e.tap.put(p, true)
		}
		time.Sleep(time.Millisecond)
		for _, answer := range e.answer(e.sent, p) {
			e.tap.put(answer, false)
		}
		e.sent++
	}
	time.Sleep(5 * time.Millisecond) // the system call goes on
	return len(packets), nil
}
func (e *farEnd) Batch() int       { return 64 }
func (e *farEnd) Refusals() uint64 { return 0 }
func (e *farEnd) String() string   { return "far end" }
func (e *farEnd) Close() error     { return nil }

// exchangeWith returns an exchange of packets that are there, over an engine.
func exchangeWith(e *farEnd, packets ...[]byte) *Exchange {
	p := &Plan{Recorded: &Recorded{Packets: packets}, Listen: ListenAlways, Route: &Route{MTU: 1500}, engine: e}
	return &Exchange{Plan: p, Receiver: e.tap, Wait: time.Second}
}

func mustBuild(t *testing.T, layers ...packet.Layer) []byte {
	t.Helper()
	b, err := packet.Append(nil, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// synOf and reply are a SYN and its answer, which nothing tells from others like them.
func synOf(t *testing.T) []byte {
	return mustBuild(t, &packet.IPv4{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.2"), ID: 1}, &packet.TCP{SrcPort: 1, DstPort: 2, Seq: 9, Flags: wire.TCPFlags(2)})
}

func reply(t *testing.T) []byte {
	return mustBuild(t, &packet.IPv4{Src: netip.MustParseAddr("198.51.100.2"), Dst: netip.MustParseAddr("192.0.2.1"), ID: 5}, &packet.TCP{SrcPort: 2, DstPort: 1, Ack: 10, Flags: wire.TCPFlags(0x12)})
}

// TestAnswersDuringTheCall: answers that come before the system call returns that sends their packets are theirs, in
// order, whether or not the packets are seen leaving.
func TestAnswersDuringTheCall(t *testing.T) {
	for _, seen := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e := &farEnd{tap: newWireTap(), seen: seen}
			e.answer = func(int, []byte) [][]byte { return [][]byte{reply(t)} }
			x := exchangeWith(e, synOf(t), synOf(t), synOf(t))
			var numbers []uint64
			for answer, err := range x.Answers(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				numbers = append(numbers, answer.Number)
				if answer.RTT < 0 || answer.RTT > 10*time.Millisecond || answer.Verdict != Open || answer.Extra {
					t.Errorf("seen %t: %+v", seen, answer)
				}
			}
			if fmt.Sprint(numbers) != "[0 1 2]" || x.result.Replies != 3 || len(x.unanswered()) != 0 {
				t.Errorf("seen %t: answers to %v, %d replies", seen, numbers, x.result.Replies)
			}
		})
	}
}

// TestRefusedProbeWaitsForNothing: what the kernel would not take is no probe, neither for an answer nor among the
// silent.
func TestRefusedProbeWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &farEnd{tap: newWireTap(), err: os.ErrInvalid}
		e.answer = func(int, []byte) [][]byte { return [][]byte{reply(t)} }
		x := exchangeWith(e, synOf(t), synOf(t), synOf(t))
		start := time.Now()
		var numbers []uint64
		for answer, err := range x.Answers(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, answer.Number)
		}
		if fmt.Sprint(numbers) != "[0 2]" || x.result.Report.Failed != 1 || x.result.Report.Failures[0].Number != 1 || len(x.unanswered()) != 0 {
			t.Errorf("answers to %v, %+v", numbers, x.result.Report)
		}
		if time.Since(start) > 100*time.Millisecond {
			t.Errorf("waited for %v", time.Since(start))
		}
	})
}

// TestExchangeGivesUp: silence is waited for, asked again, and named; the end of the context and breaking off end all
// at once.
func TestExchangeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &farEnd{tap: newWireTap(), answer: func(int, []byte) [][]byte { return nil }}
		x := exchangeWith(e, synOf(t))
		start := time.Now()
		for answer, err := range x.Answers(t.Context()) {
			t.Errorf("%+v, %v", answer, err)
		}
		if d := time.Since(start); d < time.Second || d > 1100*time.Millisecond || len(x.unanswered()) != 1 {
			t.Errorf("after %v, %d silent", d, len(x.unanswered()))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		e := &farEnd{tap: newWireTap(), answer: func(int, []byte) [][]byte { return nil }}
		x := exchangeWith(e, synOf(t))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		for answer, err := range x.Answers(ctx) {
			t.Errorf("%+v, %v", answer, err)
		}
		if d := time.Since(start); d > 200*time.Millisecond {
			t.Errorf("after %v", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		e := &farEnd{tap: newWireTap(), answer: func(int, []byte) [][]byte { return [][]byte{reply(t)} }}
		x := exchangeWith(e, synOf(t), synOf(t))
		x.Schedule.Packets = 1
		for _, err := range x.Answers(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if e.sent != 1 {
			t.Errorf("%d packets were sent after the loop was broken off", e.sent-1)
		}
	})
	// An error ends it, whatever was on its way.
	synctest.Test(t, func(t *testing.T) {
		e := &farEnd{tap: newWireTap(), err: os.ErrPermission, sent: 1, answer: func(int, []byte) [][]byte { return nil }}
		x := exchangeWith(e, synOf(t))
		var last error
		for _, err := range x.Answers(t.Context()) {
			last = err
		}
		if !errors.Is(last, os.ErrPermission) {
			t.Errorf("%v", last)
		}
	})
}
