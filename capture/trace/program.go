package trace

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Command is a program for an engine to start and trace.
type Command struct {
	Path  string   // of the executable, see exec.LookPath
	Args  []string // with the name of the program first
	Env   []string
	Dir   string      // "" for the current one
	Files [3]*os.File // standard input, output and error; nil is /dev/null
}

// Status is how a program that was started ended.
type Status struct {
	Code   int            // its exit status
	Signal syscall.Signal // that ended it, 0 if it exited by itself
}

// ExitCode is the status as a shell has it: 128 and the number of the signal that ended the program.
func (s Status) ExitCode() int {
	if s.Signal != 0 {
		return 128 + int(s.Signal)
	}
	return s.Code
}

// Engine is a Source that traces a program: Start and Attach of the packages ptrace and ebpf make one.
type Engine interface {
	Source
	// Status returns how a started program ended, once Events has.
	Status() Status
	// Signal sends a signal to the first process.
	Signal(os.Signal) error
	// Running is closed by Events when the program has begun, or the process is attached to, or that has failed. The
	// times of all events count from that moment: the engine's clock begins anew.
	Running() <-chan struct{}
	// Heard returns until when all calls that have ended are among the events that were yielded: where the program
	// makes them faster than they are read, that is some time ago. It may be called beside Events.
	Heard() time.Duration
	// Rights are the capabilities that this process needs while the program runs, capabilities(7).
	Rights() []int
	// Stops tells whether the program waits for this process at each call that is recorded.
	Stops() bool
	// Close gives back what the engine has taken when Events was not called; Events does so by itself.
	Close()
}

// Error is why a program cannot be traced, with what to do about it.
type Error struct {
	Engine string // "ptrace", "ebpf"
	Op     string // "start", "attach to"
	On     string
	Err    error
	// Remedy is what to do about it, "" where nothing is known.
	Remedy string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s %s: %s", e.Engine, e.Op, e.On, strings.TrimPrefix(e.Err.Error(), e.Engine+": "))
}
func (e *Error) Unwrap() error { return e.Err }

// Hint is Remedy.
func (e *Error) Hint() string { return e.Remedy }

// ErrForeign says that a program is of an architecture or word size whose calls are not understood.
var ErrForeign = errors.New("a program for another kind of processor, or of 32 bits: its calls are not understood")
