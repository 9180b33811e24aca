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
	"time"
)

// Exit statuses of every command.
const (
	ExitOK    = 0
	ExitNo    = 1 // the network said no: no answer, nothing matched, an assertion failed
	ExitError = 2 // usage or operation error
)

// ErrInterrupted is what the cause of a context is that a signal cancelled: see Interruption.
var ErrInterrupted = errors.New("interrupted")

// RunFunc is a whole command: what Main calls, and tests too. It returns the exit status.
type RunFunc func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// Main runs a command with the process's arguments and streams, and exits with its status.
//
// The first SIGINT, SIGTERM or SIGHUP cancels the context with an Interruption, so that the command stops and still
// prints its summary. A SIGINT or SIGTERM that comes a second later or more ends the process: a person wants it gone.
// One that comes sooner is the same wish told twice, as timeout(1) does, which signals its child and then the group.
// A SIGHUP that was ignored when the process began, as nohup(1) has it, stays ignored.
// SIGQUIT prints a status line if the command offers one.
// A closed standard output is an error like any other, not a silent death by SIGPIPE.
func Main(run RunFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	status := new(statusLine)
	ctx = context.WithValue(ctx, statusKey{}, status)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, endingSignals()...)
	signal.Notify(signals, otherSignals...)
	go func() {
		var e ending
		for s := range signals {
			switch {
			case isPipeSignal(s):
				// Received so that the write fails with EPIPE instead.
			case isStatusSignal(s):
				status.print(os.Stderr)
			default:
				switch e.next(s, time.Now()) {
				case endInOrder:
					cancel(&Interruption{s})
				case endNow:
					if n, ok := s.(syscall.Signal); ok {
						os.Exit(128 + int(n))
					}
					os.Exit(ExitError)
				}
			}
		}
	}()
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	os.Exit(code)
}

// endingSignals are those that end a command in order.
func endingSignals() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// impatience is how long after the first signal a second one can be a person's: who wants a process gone looks first
// whether it goes.
const impatience = time.Second

// ending decides what each signal means that asks a command to end.
type ending struct {
	asked bool
	at    time.Time // when it was asked to end
}

type meaning int

const (
	sameWish meaning = iota
	endInOrder
	endNow
)

func (e *ending) next(s os.Signal, now time.Time) meaning {
	if !e.asked {
		e.asked, e.at = true, now
		return endInOrder
	}
	if (s == os.Interrupt || s == syscall.SIGTERM) && now.Sub(e.at) >= impatience {
		return endNow
	}
	return sameWish
}

// Interruption is the cause of a context that a signal cancelled. It is ErrInterrupted.
type Interruption struct{ Signal os.Signal }

func (i *Interruption) Error() string { return fmt.Sprintf("%v by %v", ErrInterrupted, i.Signal) }

// Is makes an Interruption answer to errors.Is(err, ErrInterrupted).
func (i *Interruption) Is(target error) bool { return target == ErrInterrupted }

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
