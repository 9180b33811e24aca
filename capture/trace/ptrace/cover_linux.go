//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace/internal/abi"
)

// coverage is what the filters of a process, which all its threads have alike, stop it for.
type coverage struct {
	spans   []span // descriptors that are watched, in the order of their filters
	before  int    // how many filters there were before those
	wanted  []span // that are to be watched and are not yet
	stepped bool   // it cannot be given filters and stops at every call
}

// want asks for a span of which not all is watched.
func (c *coverage) want(s span) {
	within := func(o span) bool { return o.first <= s.first && s.last <= o.last }
	if !slices.ContainsFunc(c.spans, within) && !slices.ContainsFunc(c.wanted, within) {
		c.wanted = append(c.wanted, s)
	}
}

// inherit takes over the filters of the process that has made this one. That one may have got more meanwhile:
// filters is how many this one has, -1 where the kernel does not tell.
func (c *coverage) inherit(from *coverage, filters int) {
	n := 0
	if filters >= 0 && from.before >= 0 {
		n = min(max(filters-from.before, 0), len(from.spans))
	}
	c.spans, c.before, c.stepped = slices.Clip(from.spans[:n]), filters-n, from.stepped
}

// filtered tells whether the program is stopped by filters.
func (t *Tracer) filtered() bool { return t.resume == unix.PTRACE_CONT }

// Opened sees to it that a process stops at the use of a descriptor that has become a socket.
func (k kernel) Opened(p *abi.Process, fd int) {
	if k.filtered() {
		k.processes[p.PID].want(spanOf(fd))
	}
}

// cover gives a process the filters that it wants. The thread is at the end of a call, or else at the beginning
// of one, which it then begins again. A process that cannot have them stops at every call from now on. It tells
// whether the thread is still there.
func (t *Tracer) cover(th *thread, beginning bool) bool {
	p := th.process
	if len(p.wanted) == 0 || p.stepped {
		return true
	}
	wanted := p.wanted
	p.wanted = nil
	err := inject(th.tid, beginning, func(j *injection) error { return j.filters(wanted) })
	var gone errGone
	switch {
	case errors.As(err, &gone):
		p.wanted = wanted // by its other threads
		_ = t.event(th.tid, gone.status)
		return false
	case err != nil:
		t.step(p, th)
	default:
		p.spans = append(p.spans, wanted...)
	}
	return true
}

// step makes a process stop at every call. Its threads but the one that is stopped are interrupted, to go on like that.
func (t *Tracer) step(p *process, stopped *thread) {
	p.stepped = true
	for _, th := range t.threads {
		if th.process == p && th != stopped {
			_ = unix.PtraceInterrupt(th.tid) // one that has ended is waited for
		}
	}
}

// filters adds filters for spans to all threads of the process.
func (j *injection) filters(spans []span) (err error) {
	const room = 4096
	at, err := j.call(unix.SYS_MMAP, 0, room, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	for _, s := range spans {
		b, err := s.filter().image(at)
		if err == nil {
			err = j.write(b, at)
		}
		var other uint64
		if err == nil {
			other, err = j.call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, at)
		}
		if err == nil && other != 0 {
			err = fmt.Errorf("thread %d has filters of its own", other)
		}
		if err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
	}
	if _, err := j.call(unix.SYS_MUNMAP, at, room); err != nil {
		return fmt.Errorf("munmap: %w", err)
	}
	return nil
}

// sameTable tells whether two threads have the same table of descriptors, if the kernel can say so.
func sameTable(a, b int) (same, known bool) {
	const files = 2 // KCMP_FILES
	n, _, errno := unix.RawSyscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), files, 0, 0, 0)
	return n == 0, errno == 0
}

// identify reads which process a thread belongs to, and how many filters it has, -1 before Linux 5.9.
func identify(tid int) (pid, filters int) {
	status := abi.Status(tid)
	pid, err := strconv.Atoi(status["Tgid"])
	if err != nil {
		pid = tid
	}
	filters, err = strconv.Atoi(status["Seccomp_filters"])
	if err != nil {
		filters = -1
	}
	return pid, filters
}
