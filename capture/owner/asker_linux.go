//go:build amd64 || arm64

package owner

import (
	"slices"
	"time"

	"sockwire/capture"
)

// Asker asks a Tracker for the owners of the frames of a capture, one after another: most have those of the frame
// before, and are told without looking. It is not safe for concurrent use.
type Asker struct {
	Tracker *Tracker
	// Changes counts how often a frame had other owners than the one before; the first one counts.
	Changes uint64

	owners       []Owner
	spare        []Owner // room for the next ones
	flow         flow    // whose frames have them,
	after, until int64   // of these times (UnixNano),
	events       uint64  // while so many events are known
}

// Owners tells the owners of a frame, as Tracker.Owners does. They are valid until the next call.
func (a *Asker) Owners(f *capture.Frame, in uint32) ([]Owner, error) {
	at, t := f.Time.UnixNano(), a.Tracker
	if at > a.after && at <= a.until && a.events == t.told.Load() && a.flow.has(network(f), in) {
		return a.owners, nil
	}
	a.until = 0
	found, err := t.ask(a.spare[:0], f, in, a)
	if a.spare = found; a.Changes == 0 || !slices.Equal(found, a.owners) {
		a.Changes++
		a.owners, a.spare = found, a.owners
	}
	return a.owners, err
}

// keep remembers which other frames have the owners of an answer, if there are others. The caller holds the tracker's mu.
func (a *Asker) keep(t *Tracker, from *answer) {
	if from != nil {
		a.flow, a.events = from.flow, t.table.events
		a.after, a.until = int64(from.after+t.clock), min(int64(from.until+t.clock), t.drained-int64(Delay))
	}
}

// Owners appends the owners of a frame that was captured in a network namespace, at least Delay ago. Frames must come
// in about their order.
func (t *Tracker) Owners(to []Owner, f *capture.Frame, in uint32) ([]Owner, error) {
	return t.ask(to, f, in, nil)
}

// ask does what Owners does, for an Asker if there is one.
func (t *Tracker) ask(to []Owner, f *capture.Frame, in uint32, a *Asker) ([]Owner, error) {
	b := network(f)
	if b == nil {
		return to, nil
	}
	at := f.Time.UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looker != nil {
		return t.looker.owners(to, f, in)
	}
	if t.drained-at < int64(Delay) || t.failed != nil {
		if err := t.refresh(); err != nil {
			return to, err
		}
	}
	to, from := t.table.owners(to, b, in, time.Duration(at)-t.clock)
	if a != nil {
		a.keep(t, from)
	}
	return to, nil
}
