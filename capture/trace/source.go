package trace

import (
	"context"
	"iter"
	"sync"
	"time"
)

// Source gives the events of one trace as they happen. A call is given twice: Pending when it is entered,
// and whole, under the same number, when it has returned, or Ended when its thread has ended in it. Events are not changed after they were given.
// The stream ends when there is nothing more to trace; it ends with an error that is not nil when
// tracing itself failed.
type Source interface {
	Events(ctx context.Context) iter.Seq2[Event, error]
}

// Note is something about the trace that the reader of a timeline has to know: calls that cannot be seen,
// events that were lost. Text may hold text from outside. A timeline is joined without notes.
type Note struct {
	Time time.Duration
	Text string
}

func (*Note) event() {}

// Caption is what whoever makes the calls says about those that follow, for the reader of a timeline as text.
type Caption struct {
	Time time.Duration
	Text string
}

func (*Caption) event() {}

// Log collects events from several goroutines. A call that has returned takes the place of the same call
// as it was entered. The zero value is ready.
type Log struct {
	mu     sync.Mutex
	events []Event
	calls  map[int]int // where the pending call of a number stands
	notes  []*Note
}

// Add adds an event, which must not change any more.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e := e.(type) {
	case *Note:
		l.notes = append(l.notes, e)
		return
	case *Call:
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
func (l *Log) Events() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events...)
}

// Len returns the number of events so far.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// Notes returns the notes that were not returned before.
func (l *Log) Notes() []*Note {
	l.mu.Lock()
	defer l.mu.Unlock()
	notes := l.notes
	l.notes = nil
	return notes
}
