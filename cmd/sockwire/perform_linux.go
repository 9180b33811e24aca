package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/netlab"
)

// perform plays the scenes in a lab, or what can be played of them on loopback, and reports them. A copy of
// this process does it, inside namespaces of its own; then status is the copy's.
func perform(ctx context.Context, env *cli.Env, o options, chosen []scene) (status int, err error) {
	inside, status, err := netlab.Enter()
	switch {
	case !inside && err == nil:
		return status, nil
	case !inside:
		if chosen, err = withoutLab(env, chosen, err); err != nil {
			return 0, err
		}
	}
	return 0, runAll(ctx, env, o, chosen, inside)
}

// playAll plays and reports.
func runAll(ctx context.Context, env *cli.Env, o options, chosen []scene, inside bool) error {
	file, err := o.createFile()
	if err != nil {
		return err
	}
	r := newReport(env, o, file, inside)
	if err := r.open(); err != nil {
		return cli.Join(err, r.end())
	}
	for _, s := range chosen {
		for _, v6 := range o.families(&s) {
			if err := runOne(ctx, r, s, v6); err != nil {
				return cli.Join(fmt.Errorf("scene %s: %w", s.name, err), r.end())
			}
		}
	}
	return r.end()
}

// playOne plays one scene in a lab of its own, so that no connection of an earlier one is in its way, and
// reports it, also when it ended early.
func runOne(ctx context.Context, r *playReport, s scene, v6 bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t, err := newPlace(ctx, r.o, r.lab)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	defer t.close()
	if err := r.source(t.interfaces(), t.blind); err != nil {
		return err
	}
	a, err := t.run(ctx, s, v6)
	if a != nil {
		err = cli.Join(err, r.write(a))
	}
	return err
}

// withoutLab says why there is no lab and how to get one, and returns the scenes that loopback can play.
func withoutLab(env *cli.Env, chosen []scene, reason error) ([]scene, error) {
	var can []scene
	var names, cannot []string
	for _, s := range chosen {
		if s.loopback != "" && !mayRaw() {
			cannot = append(cannot, fmt.Sprintf("%s (%s)", s.name, s.loopback))
			continue
		}
		can = append(can, s)
		names = append(names, s.name)
	}
	var hinted interface{ Hint() string }
	hint := "run it as root, or on a machine that allows user namespaces"
	if errors.As(reason, &hinted) && hinted.Hint() != "" {
		hint = hinted.Hint()
	}
	if len(can) == 0 {
		return nil, cli.WithHint(fmt.Errorf("no lab can be made, and without one these cannot be played: %s: %w", strings.Join(cannot, ", "), reason), "%s", hint)
	}
	env.Warnf("no lab can be made: %v", reason)
	line := "on the loopback interface it plays " + strings.Join(names, " ")
	if len(cannot) > 0 {
		line += "; it cannot play " + strings.Join(cannot, ", ")
	}
	env.Warnf("%s", line)
	fmt.Fprintf(env.Stderr, "%s: hint: %s\n", env.Name, hint)
	return can, nil
}

// sendBuffer is the size of a socket's send buffer in bytes, as the system sets it.
func sendBuffer() int {
	b, err := os.ReadFile("/proc/sys/net/core/wmem_default")
	if err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			return n
		}
	}
	return 212992 // the default of the kernel
}

// mayRaw tells whether this process may open raw sockets here.
func mayRaw() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
