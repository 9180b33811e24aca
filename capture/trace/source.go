package trace

import (
	"context"
	"iter"
	"time"
)

// Source gives the events of one trace as they happen. A call is given twice: Pending when it is entered,
// and whole, under the same number, when it has returned, or Ended when its thread has ended in it. Events are not
// changed after they were given. The stream ends when there is nothing more to trace; it ends with an error that is not
// nil when tracing itself failed.
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
