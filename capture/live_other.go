//go:build !linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

const anySupported = false

var errNoLive = fmt.Errorf("live capture needs Linux packet sockets, this is %s: %w",
	runtime.GOOS, errors.ErrUnsupported)

// live is nothing where there are no sockets for it: it cannot be opened.
type live struct {
	config Config
	name   string
}

func linkOf(string) (LinkType, error) { return 0, errNoLive }

func (*live) open() error                                             { return errNoLive }
func (*live) read(*Frame, bool) error                                 { return errNoLive }
func (*live) frames(_ context.Context, yield func(Frame, error) bool) { yield(Frame{}, errNoLive) }
func (*live) interfaces() []Interface                                 { return nil }
func (*live) buffer() int                                             { return 0 }
func (*live) counts() (Stats, error)                                  { return Stats{}, errNoLive }
func (*live) setReadDeadline(time.Time) error                         { return errNoLive }
func (*live) stop() error                                             { return errNoLive }
func (*live) close() error                                            { return nil }
