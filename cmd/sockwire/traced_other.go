//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"sockwire/cmd/internal/cli"
)

// traceProgram cannot trace here: it is made of Linux's ptrace and packet sockets.
func traceProgram(context.Context, *cli.Env, options, []string) (int, error) {
	err := fmt.Errorf("tracing a program needs Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
	return 0, cli.WithHint(err, "use a Linux machine, a virtual one will do")
}
