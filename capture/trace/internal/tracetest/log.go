// Package tracetest has what tests of traces share.
package tracetest

import (
	"sync"

	"sockwire/capture/trace"
)

// Log collects events from several goroutines. A call that has returned takes the place of the same call
// as it was entered. The zero value is ready.
type Log struct {
	mu     sync.Mutex
	events []trace.Event
	calls  map[int]int // where the pending call of a number stands
	notes  []*trace.Note
}

// Add adds an event, which must not change any more.
func (l *Log) Add(e trace.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e := e.(type) {
	case *trace.Note:
		l.notes = append(l.notes, e)
		return
	case *trace.Call:
		if at, ok := l.calls[e.Number]; ok {
			l.events[at] = e
			delete(l.calls, e.Number)
			return
		}
		if e.Pending {
			if l.calls == nil {
				l.calls = map[int]int{}
			}
			l.calls[e.Number] = len(l.events)
		}
	}
	l.events = append(l.events, e)
}

// Events returns what was added so far, without the notes.
func (l *Log) Events() []trace.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]trace.Event(nil), l.events...)
}

// Len returns the number of events so far.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// Notes returns the notes that were not returned before.
func (l *Log) Notes() []*trace.Note {
	l.mu.Lock()
	defer l.mu.Unlock()
	notes := l.notes
	l.notes = nil
	return notes
}
