package follow

import (
	"sync"
	"time"

	"sockwire/capture"
	"sockwire/capture/trace"
)

// inboxLimit is how many packets that have come may wait to be joined, and how many other events. A reader may have to
// wait then: the packets of the capture in the kernel's buffer, and the program at its next call.
const inboxLimit = 1 << 15

// inbox holds what the engine and the capture have told and the follower has not taken. Who adds waits when
// there is too much.
type inbox struct {
	mu        sync.Mutex
	room      sync.Cond
	all       []arrival
	packets   int // of them
	boundless bool
}

// arrival is an event, and for a packet that is to be saved its frame.
type arrival struct {
	event trace.Event
	frame *capture.Frame
}

func (b *inbox) add(e trace.Event, f *capture.Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.room.L == nil {
		b.room.L = &b.mu
	}
	_, packet := e.(*trace.Packet)
	for b.full(packet) && !b.boundless {
		b.room.Wait()
	}
	if packet {
		b.packets++
	}
	b.all = append(b.all, arrival{e, f})
}

// full tells whether a packet, or something else, has to wait. Neither waits for the other.
func (b *inbox) full(packet bool) bool {
	if packet {
		return b.packets >= inboxLimit
	}
	return len(b.all)-b.packets >= inboxLimit
}

func (b *inbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// take takes what has come, but for packets after a time: they wait for their calls here, and not in the window.
func (b *inbox) take(until time.Duration) []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	var taken, kept []arrival
	for _, a := range b.all {
		if p, ok := a.event.(*trace.Packet); ok && p.Time > until {
			kept = append(kept, a)
		} else {
			taken = append(taken, a)
		}
	}
	b.all, b.packets = kept, len(kept)
	b.room.Broadcast()
	return taken
}

// end lets those that add wait no more: nobody takes what they have until they have ended.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.boundless = true
	b.room.Broadcast()
}
