//go:build !linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"
)

const anySupported = false

var errNoLive = fmt.Errorf("capture: live capture needs Linux packet sockets, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)

// Live is a live capture. On this system Open always fails, so there is none.
type Live struct{}

// Open fails with errors.ErrUnsupported: live capture needs Linux.
func Open(context.Context, string, *Config) (*Live, error) { return nil, errNoLive }

// LinkOf fails with errors.ErrUnsupported.
func LinkOf(string) (LinkType, error) { return 0, errNoLive }

// Next fails with errors.ErrUnsupported.
func (*Live) Next(*Frame) error { return errNoLive }

// TryNext fails with errors.ErrUnsupported.
func (*Live) TryNext(*Frame) (bool, error) { return false, errNoLive }

// Frames yields one error.
func (*Live) Frames(context.Context) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) { yield(Frame{}, errNoLive) }
}

// Interfaces returns nil.
func (*Live) Interfaces() []Interface { return nil }

// Stats fails with errors.ErrUnsupported.
func (*Live) Stats() (Stats, error) { return Stats{}, errNoLive }

// Buffer returns 0.
func (*Live) Buffer() int { return 0 }

// SetReadDeadline fails with errors.ErrUnsupported.
func (*Live) SetReadDeadline(time.Time) error { return errNoLive }

// Stop fails with errors.ErrUnsupported.
func (*Live) Stop() error { return errNoLive }

// Close does nothing.
func (*Live) Close() error { return nil }
