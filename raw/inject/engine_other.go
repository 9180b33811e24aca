//go:build !linux

package inject

import (
	"errors"
	"fmt"
)

// OpenRaw fails: engines exist on Linux.
func OpenRaw(cfg *Config) (Engine, error) { return nil, unsupported("raw socket") }

// OpenFrames fails: packet sockets exist on Linux.
func OpenFrames(cfg *Config) (Engine, error) { return nil, unsupported("packet socket") }

// OpenXDP fails: AF_XDP sockets exist on Linux.
func OpenXDP(cfg *Config) (Engine, error) { return nil, unsupported("AF_XDP") }

// OpenTrains fails: packet sockets exist on Linux.
func OpenTrains(cfg *Config) (Engine, error) { return nil, unsupported("trains") }

// OpenReceiver fails: packet sockets exist on Linux.
func OpenReceiver(device string) (Receiver, error) { return nil, unsupported("receive") }

func cutsTrains(device string) error { return unsupported("trains") }

func unsupported(what string) error {
	return fmt.Errorf("inject: %s: %w: sending crafted packets needs Linux", what, errors.ErrUnsupported)
}
