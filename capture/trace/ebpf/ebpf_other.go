//go:build !linux || !(amd64 || arm64)

package ebpf

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"sockwire/capture/trace"
)

var errUnsupported = fmt.Errorf("ebpf: tracing socket calls needs Linux on amd64 or arm64: %w", errors.ErrUnsupported)

// Tracer traces one program and its descendants.
type Tracer struct{}

// Open returns an error: it needs Linux.
func Open(*Config) (*Tracer, error) { return nil, errUnsupported }

// Start returns an error.
func (t *Tracer) Start(trace.Command) error { return errUnsupported }

// Attach returns an error.
func (t *Tracer) Attach(int) error { return errUnsupported }

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

// Lost returns 0.
func (t *Tracer) Lost() (lost, all uint64) { return 0, 0 }

// Signal returns an error.
func (t *Tracer) Signal(os.Signal) error { return errUnsupported }

// Status returns the zero Status.
func (t *Tracer) Status() trace.Status { return trace.Status{} }
