//go:build !linux || !(amd64 || arm64)

package owner

import (
	"errors"
	"fmt"
	"time"

	"sockwire/capture"
)

var errUnsupported = &Error{fmt.Errorf("telling owners needs Linux on amd64 or arm64: %w", errors.ErrUnsupported), "capture without owners"}

// Tracker tells owners of frames.
type Tracker struct{}

// Delay is how old a frame has to be before its owners are asked for.
const Delay = 5 * time.Millisecond

// Network returns an error: there are no network namespaces.
func Network() (uint32, error) { return 0, errUnsupported }

// Open returns an error: it needs Linux.
func Open(*Config) (*Tracker, error) { return nil, errUnsupported }

// Look returns an error: it needs Linux.
func Look(*Config) (*Tracker, error) { return nil, errUnsupported }

// Notes returns nil.
func (t *Tracker) Notes() []string { return nil }

// Owners returns an error.
func (t *Tracker) Owners(to []Owner, _ *capture.Frame, _ uint32) ([]Owner, error) {
	return to, errUnsupported
}

// Asker asks a Tracker.
type Asker struct {
	Tracker *Tracker
	Changes uint64
}

// Owners returns an error.
func (a *Asker) Owners(*capture.Frame, uint32) ([]Owner, error) { return nil, errUnsupported }

// Socket returns an error.
func (t *Tracker) Socket(uint64) (Owner, bool, error) { return Owner{}, false, errUnsupported }

// Losses returns the zero Losses.
func (t *Tracker) Losses() Losses { return Losses{} }

// Close does nothing.
func (t *Tracker) Close() {}
