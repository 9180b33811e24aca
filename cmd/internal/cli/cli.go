// Package cli is what the commands share: how they start and stop, their exit status, their flags, errors
// and hints, records on standard output, and text from outside made safe for a terminal.
//
// A command's main is one line, cli.Main(run), and run is
//
//	func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
//		var o options
//		c := cli.New("rawping", "send ICMP echoes and account for each")
//		c.Flags.IntVarP(&o.count, "count", "c", 0, "stop after `N` echoes")
//		return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
//			…
//		})
//	}
//
// so that a test calls run as the shell would. Only Main touches os.Args, signals and os.Exit.
//
// Exit status: 0 it worked; 1 the network said no ([ErrNo]); 2 usage or operation error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
)

// Exit statuses of every command.
const (
	ExitOK    = 0
	ExitNo    = 1 // the network said no: no answer, nothing matched, an assertion failed
	ExitError = 2 // usage or operation error
)

// ErrInterrupted is the cause of a context that a signal cancelled.
var ErrInterrupted = errors.New("interrupted")

// RunFunc is a whole command: what Main calls, and tests too. It returns the exit status.
type RunFunc func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// Main runs a command with the process's arguments and streams, and exits with its status.
//
// The first SIGINT or SIGTERM cancels the context with ErrInterrupted, so that the command stops and still
// prints its summary; the second ends the process. SIGQUIT prints a status line if the command offers one.
// A closed standard output is an error like any other, not a silent death by SIGPIPE.
func Main(run RunFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	status := new(statusLine)
	ctx = context.WithValue(ctx, statusKey{}, status)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, mainSignals...)
	go func() {
		interrupted := false
		for s := range signals {
			switch {
			case s == syscall.SIGPIPE:
				// Received so that the write fails with EPIPE instead.
			case isStatusSignal(s):
				status.print(os.Stderr)
			case interrupted:
				if n, ok := s.(syscall.Signal); ok {
					os.Exit(128 + int(n))
				}
				os.Exit(ExitError)
			default:
				interrupted = true
				cancel(fmt.Errorf("%w by %v", ErrInterrupted, s))
			}
		}
	}()
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	os.Exit(code)
}

// Interrupted tells whether a signal asked the command to stop.
func Interrupted(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), ErrInterrupted)
}

type statusKey struct{}

// statusLine holds the function that says how far a command is.
type statusLine struct {
	text atomic.Pointer[func() string]
	mu   sync.Mutex
}

func (s *statusLine) print(w io.Writer) {
	text := s.text.Load()
	if text == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(w, "%s\n", (*text)())
}
