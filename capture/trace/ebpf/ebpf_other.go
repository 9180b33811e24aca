//go:build !linux || !(amd64 || arm64)

package ebpf

import (
	"errors"
	"fmt"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/absent"
)

var errUnsupported = fmt.Errorf("ebpf: tracing socket calls needs Linux on amd64 or arm64: %w", errors.ErrUnsupported)

// Tracer traces one program and its descendants.
type Tracer struct{ absent.Tracer }

// Open returns an error: it needs Linux.
func Open(*Config) (*Tracer, error) { return nil, errUnsupported }

// Start returns an error.
func (t *Tracer) Start(trace.Command) error { return errUnsupported }

// Attach returns an error.
func (t *Tracer) Attach(int) error { return errUnsupported }

// Lost returns 0.
func (t *Tracer) Lost() (lost, all uint64) { return 0, 0 }
