// Package absent is what the engines share where they cannot be: all but how to open them, which returns why.
package absent

import (
	"context"
	"errors"
	"iter"
	"os"
	"time"

	"sockwire/capture/trace"
)

// Tracer is an engine that there is none of on this system.
type Tracer struct{}

// Running returns nil.
func (t *Tracer) Running() <-chan struct{} { return nil }

// Rights returns none.
func (t *Tracer) Rights() []int { return nil }

// Stops returns false.
func (t *Tracer) Stops() bool { return false }

// Heard returns 0.
func (t *Tracer) Heard() time.Duration { return 0 }

// Close does nothing.
func (t *Tracer) Close() {}

// Events yields an error.
func (t *Tracer) Events(context.Context) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) { yield(nil, errors.ErrUnsupported) }
}

// Signal returns an error.
func (t *Tracer) Signal(os.Signal) error { return errors.ErrUnsupported }

// Status returns the zero Status.
func (t *Tracer) Status() trace.Status { return trace.Status{} }
