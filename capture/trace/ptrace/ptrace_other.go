//go:build !linux || !(amd64 || arm64)

package ptrace

import (
	"errors"
	"fmt"

	"sockwire/capture/trace/internal/absent"
)

var errUnsupported = fmt.Errorf("ptrace: tracing socket calls needs Linux on amd64 or arm64: %w", errors.ErrUnsupported)

// Tracer traces one program and its descendants.
type Tracer struct{ absent.Tracer }

// Calls returns none.
func Calls(bool) []string { return nil }

// Start returns an error: it needs Linux.
func Start(Command, *Config) (*Tracer, error) { return nil, errUnsupported }

// Attach returns an error: it needs Linux.
func Attach(int, *Config) (*Tracer, error) { return nil, errUnsupported }
