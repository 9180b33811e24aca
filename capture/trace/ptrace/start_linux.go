//go:build amd64 || arm64

package ptrace

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace/internal/abi"
)

// Start prepares to trace a program, which Events then runs. The error is an *Error.
func Start(c Command, cfg *Config) (*Tracer, error) {
	fail := func(err error, remedy string) (*Tracer, error) { return nil, refuse("start", c.Path, err, remedy) }
	info, err := os.Stat(c.Path)
	switch {
	case err != nil:
		return fail(err, "")
	case len(c.Args) == 0:
		return fail(unix.EINVAL, "Command.Args needs the name of the program")
	case abi.Foreign(c.Path):
		return fail(ErrForeign, abi.RemedyForeign)
	case setuid(info):
		return fail(ErrSetuid, "run this command as root, or attach to the program with its process number as root")
	}
	t := newTracer(cfg)
	t.command, t.started = c, true
	return t, nil
}

// setuid tells whether a program of this file would get other rights if it were not traced by this user.
func setuid(info os.FileInfo) bool {
	return info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 && os.Geteuid() != 0
}

// Attach prepares to trace a running process with all its threads; Events then attaches. The error is an
// *Error.
func Attach(pid int, cfg *Config) (*Tracer, error) {
	if remedy, err := abi.Unattachable(pid); err != nil {
		return nil, refuse("attach to", "process "+strconv.Itoa(pid), err, remedy)
	}
	t := newTracer(cfg)
	t.pid, t.resume = pid, unix.PTRACE_SYSCALL
	return t, nil
}

// launch starts the shim, traces it, and lets it become the program.
func (t *Tracer) launch() error {
	fail := func(err error, remedy string) error { return refuse("start", t.command.Path, err, remedy) }
	var gate [2]int
	if err := unix.Pipe2(gate[:], unix.O_CLOEXEC); err != nil {
		return fail(err, "")
	}
	defer unix.Close(gate[1])
	// A high number is out of the way of descriptors that the program inherits; the shim closes it.
	high, err := unix.FcntlInt(uintptr(gate[0]), unix.F_DUPFD, 100)
	unix.Close(gate[0])
	if err != nil {
		return fail(err, "")
	}
	pid, err := t.fork(high)
	unix.Close(high)
	if err != nil {
		return fail(err, "")
	}
	t.mu.Lock()
	t.pid = pid
	t.mu.Unlock()
	if err := seize(pid, options|unix.PTRACE_O_EXITKILL); err != nil {
		unix.Kill(pid, unix.SIGKILL)
		var ws unix.WaitStatus
		unix.Wait4(pid, &ws, unix.WALL, nil)
		return fail(fmt.Errorf("trace: %w", err), remedy(pid, true, err))
	}
	th := t.add(pid, pid)
	th.begun = true
	// What it has inherited from us is covered before it becomes the program.
	for _, fd := range slices.Sorted(maps.Keys(abi.Scan(pid))) {
		th.process.want(spanOf(fd))
	}
	th.process.spans, th.process.wanted = th.process.wanted, nil
	if _, err := unix.Write(gate[1], appendSpans([]byte{1}, th.process.spans)); err != nil {
		return fail(err, "")
	}
	return nil
}

func (t *Tracer) fork(gate int) (int, error) {
	filter := filterCalls
	switch {
	case t.cfg.everything:
		filter = filterNone
	case t.cfg.Wait:
		filter = filterWait
	}
	args := append([]string{shimName, strconv.Itoa(gate), filter, t.command.Path}, t.command.Args...)
	return abi.Fork(t.command, "/proc/self/exe", args, nil)
}

func seize(tid, options int) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(tid), 0, uintptr(options), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// attach traces all threads of a process that runs.
func (t *Tracer) attach() error {
	fail := func(err error) error {
		return refuse("attach to", "process "+strconv.Itoa(t.pid), err, remedy(t.pid, false, err))
	}
	// Threads may be made meanwhile: those made by a traced one are traced by themselves.
	for again := true; again; {
		again = false
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", t.pid))
		if err != nil {
			return fail(unix.ESRCH)
		}
		for _, e := range entries {
			tid, err := strconv.Atoi(e.Name())
			if err != nil || t.threads[tid] != nil {
				continue
			}
			if err := seize(tid, options); err != nil {
				if tid == t.pid {
					return fail(err)
				}
				continue // it has ended, or was seized with its maker
			}
			again = true
			t.add(tid, t.pid)
			_ = unix.PtraceInterrupt(tid) // an error is the end of the thread, which is waited for
		}
	}
	t.begin()
	p := t.processes[t.pid]
	t.refresh(p)
	return nil
}
