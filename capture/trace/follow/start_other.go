//go:build !linux

package follow

import (
	"context"
	"errors"
	"fmt"

	"sockwire/capture/trace"
)

var errUnsupported = fmt.Errorf("follow: tracing a program needs Linux: %w", errors.ErrUnsupported)

// Start returns an error: it needs Linux.
func Start(context.Context, trace.Command, *Config) (*Session, error) { return nil, errUnsupported }

// Attach returns an error: it needs Linux.
func Attach(context.Context, int, *Config) (*Session, error) { return nil, errUnsupported }
