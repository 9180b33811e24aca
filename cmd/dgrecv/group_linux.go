package main

import (
	"context"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grace is what programs have to end in when they are signalled to, before they are killed.
const grace = 500 * time.Millisecond

// runGroup runs a command in a process group of its own, and returns when the command has ended or ctx has. Whatever it
// started ends with it, however that came about; only who made a group or session of its own (setsid) stays.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	group := -cmd.Process.Pid
	ended := make(chan struct{})
	signalled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(signalled)
		_ = unix.Kill(group, unix.SIGTERM)
		select {
		case <-ended:
		case <-time.After(grace):
			_ = unix.Kill(group, unix.SIGKILL)
		}
	})
	// The command's end is waited for and not yet taken notice of: until then its number, and its group's, is nobody
	// else's.
	for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	close(ended)
	if !stop() {
		<-signalled
	}
	_ = unix.Kill(group, unix.SIGKILL)
	if err := cmd.Wait(); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}
