//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// ownGroup returns how to interrupt and to kill a command; there are no process groups here.
func ownGroup(cmd *exec.Cmd) (interrupt, kill func() error) {
	return func() error { return cmd.Process.Signal(os.Interrupt) }, func() error { return cmd.Process.Kill() }
}
