//go:build !linux

package main

import (
	"context"
	"os/exec"
)

// runGroup runs a command until it or ctx ends. What it started may stay.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}
