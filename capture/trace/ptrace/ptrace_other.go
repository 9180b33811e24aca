//go:build !linux || !(amd64 || arm64)

package ptrace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"sockwire/capture/trace"
)

var errUnsupported = fmt.Errorf("ptrace: tracing socket calls needs Linux on amd64 or arm64: %w", errors.ErrUnsupported)

// Tracer traces one program and its descendants.
type Tracer struct{}

// Calls returns none.
func Calls(bool) []string { return nil }

// Start returns an error: it needs Linux.
func Start(Command, *Config) (*Tracer, error) { return nil, errUnsupported }

// Attach returns an error: it needs Linux.
func Attach(int, *Config) (*Tracer, error) { return nil, errUnsupported }

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
	return func(yield func(trace.Event, error) bool) { yield(nil, errUnsupported) }
}

// Signal returns an error.
func (t *Tracer) Signal(os.Signal) error { return errUnsupported }

// Status returns the zero Status.
func (t *Tracer) Status() Status { return Status{} }
