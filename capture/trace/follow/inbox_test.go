package follow

import (
	"math"
	"testing"

	"sockwire/capture/trace"
)

// TestInbox checks that packets wait for the calls of their time, and that neither takes the other's room.
func TestInbox(t *testing.T) {
	var b inbox
	for n := range inboxLimit {
		b.add(&trace.Packet{Number: n + 1, Time: 10}, nil)
	}
	if !b.full(true) || b.full(false) {
		t.Fatalf("with %d packets: full for packets %v, for calls %v", inboxLimit, b.full(true), b.full(false))
	}
	b.add(&trace.Call{Number: 1, Entered: 20}, nil)
	if got := b.take(9); len(got) != 1 || b.len() != inboxLimit || !b.full(true) {
		t.Errorf("before the packets' time: %d taken, %d kept", len(got), b.len())
	}
	got := b.take(10)
	if len(got) != inboxLimit || b.len() != 0 || b.full(true) {
		t.Fatalf("at the packets' time: %d taken, %d kept", len(got), b.len())
	}
	for i, a := range got {
		if a.event.(*trace.Packet).Number != i+1 {
			t.Fatalf("packet %d is at place %d", a.event.(*trace.Packet).Number, i)
		}
	}
	b.add(&trace.Packet{Time: 30}, nil)
	if got := b.take(math.MaxInt64); len(got) != 1 {
		t.Errorf("at the end: %d taken", len(got))
	}
}
