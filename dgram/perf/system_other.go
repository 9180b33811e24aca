//go:build !linux

package perf

import (
	"errors"
	"fmt"
	"syscall"

	"sockwire/dgram"
)

func ownClock() clock { return clock{} }

func shareAddress(*dgram.Conn) error {
	return fmt.Errorf("perf: a server needs sockets of its own for each session, which this system does not give: %w", errors.ErrUnsupported)
}

// timesSends: this system can tell when a datagram leaves.
const timesSends = false

// hearsRouters: this system tells a socket what routers say of each datagram that it has sent (IP_RECVERR).
const hearsRouters = false

func probePath(*dgram.Conn) error {
	return fmt.Errorf("ignoring what the system knows of the path: %w", errors.ErrUnsupported)
}

func unsentBytes(syscall.RawConn) int { return 0 }
