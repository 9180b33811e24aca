//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"sockwire/cmd/internal/cli"
)

// sendBuffer is the default of Linux.
func sendBuffer() int { return 212992 }

// perform cannot play scenes here: the lab and the capture are made of Linux namespaces and packet sockets.
func perform(context.Context, *cli.Env, options, []scene) (int, error) {
	err := fmt.Errorf("playing scenes needs Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
	return 0, cli.WithHint(err, "sockwire list and --help work here; the scenes need a Linux machine, a virtual one will do")
}
