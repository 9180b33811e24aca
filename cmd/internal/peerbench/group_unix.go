//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a command not yet started the leader of a process group of its own, and returns how to interrupt and
// to kill what it and its children have become.
func ownGroup(cmd *exec.Cmd) (interrupt, kill func() error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	signal := func(s syscall.Signal) func() error {
		return func() error { return syscall.Kill(-cmd.Process.Pid, s) }
	}
	return signal(syscall.SIGINT), signal(syscall.SIGKILL)
}
