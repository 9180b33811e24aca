//go:build amd64 || arm64

package ptrace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

// Tracer traces one program and its descendants. It is a trace.Source.
type Tracer struct {
	cfg     Config
	clock   *trace.Clock
	command Command // of a program to start
	pid     int     // of the first process
	started bool

	batch     batch
	memory    memory // of the thread that is looked at
	threads   map[int]*thread
	early     map[int]unix.WaitStatus // first threads of processes whose makers have not told of them, stopped until then
	processes map[int]*process
	sockets   *abi.Sockets
	losses    losses
	calls     int
	resume    int // the request that lets a thread go on which no call of is recorded
	executed  bool
	status    Status
	foreign   bool          // it was said that a program is not understood
	began     chan struct{} // closed by begin
	begins    sync.Once

	mu       sync.Mutex
	tids     map[int]int // thread to process, for those that signal
	stopping bool
	running  bool
}

// thread is one traced thread.
type thread struct {
	tid     int
	process *process
	call    *trace.Call // that it is in, if it is recorded
	args    [6]uint64
	table   bool // it is in a call that changes the table of descriptors
	closing bool // it is in a call that may close descriptors
	begun   bool // it has made its first step
	exiting bool // it is about to end
	copies  bool // it is in a call that copies its first argument, the descriptor of an epoll instance
	// revealed is what was changed of the call that it is in, or was made by.
	revealed *revealed
}

const (
	options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACEEXIT
	syscallStop = unix.SIGTRAP | 0x80
	rawData     = 65535 // a raw packet is not longer
)

func newTracer(cfg *Config) *Tracer {
	t := &Tracer{
		threads: map[int]*thread{}, early: map[int]unix.WaitStatus{}, processes: map[int]*process{},
		tids: map[int]int{}, losses: losses{}, resume: unix.PTRACE_CONT, began: make(chan struct{}),
	}
	if cfg != nil {
		t.cfg = *cfg
	}
	if t.cfg.Data == 0 {
		t.cfg.Data = 32
	}
	t.batch.room.L = &t.batch.mu
	if t.clock = t.cfg.Clock; t.clock == nil {
		t.clock = trace.NewClock()
	}
	if t.cfg.everything {
		t.resume = unix.PTRACE_SYSCALL
	}
	t.sockets = abi.NewSockets(t.cfg.Host, kernel{t}, t.emit)
	return t
}

// Events traces until the program and all its descendants have ended, and yields what their threads do. When
// ctx is done a program that was started is killed, and one that was attached to is let go. It can be called
// once.
func (t *Tracer) Events(ctx context.Context) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			// The thread is not given back: whatever it may still trace ends or goes on with it.
			runtime.LockOSThread()
			failed <- t.trace(ctx)
		}()
		more, running := true, true
		var err error
		for running {
			select {
			case err = <-failed:
				running = false
			case <-time.After(batchDelay):
			}
			for _, e := range t.batch.take() {
				if more && !yield(e, nil) {
					more = false
					cancel()
				}
			}
		}
		if err != nil && more {
			yield(nil, err)
		}
	}
}

// batchDelay is how long an event may wait until it is yielded. Waking the reader for each event would cost the
// traced program more than the trace itself.
const batchDelay = 10 * time.Millisecond

// batchLimit is how many events may wait for the reader. The traced program waits when there are more, rather
// than that they are lost or fill the memory.
const batchLimit = 1 << 14

// batch holds events on their way from the tracing thread to the reader.
type batch struct {
	mu     sync.Mutex
	room   sync.Cond // with mu
	events []trace.Event
}

func (b *batch) add(e trace.Event) {
	b.mu.Lock()
	for len(b.events) >= batchLimit {
		b.room.Wait()
	}
	b.events = append(b.events, e)
	b.mu.Unlock()
}

func (b *batch) take() []trace.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	b.room.Broadcast()
	return events
}

// Calls are the names of the system calls that are recorded, in their order; with wait also of those that Config.Wait
// adds. They depend on the architecture.
func Calls(wait bool) []string { return abi.Names(wait) }

// Status returns how a started program ended, once Events has.
func (t *Tracer) Status() Status { return t.status }

// Running is closed when the program has been executed, or a process is attached to.
func (t *Tracer) Running() <-chan struct{} { return t.began }

// begin makes this moment the start of the clock.
func (t *Tracer) begin() {
	t.begins.Do(func() {
		t.clock.Advance(t.clock.Now())
		close(t.began)
	})
}

// Heard is always up to now: a call that is recorded waits until that is done.
func (t *Tracer) Heard() time.Duration { return math.MaxInt64 }

// Rights are to signal the program, and to look into one that has rights itself or is of another user.
func (t *Tracer) Rights() []int {
	return []int{unix.CAP_KILL, unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH}
}

// Stops is true.
func (t *Tracer) Stops() bool { return true }

// Close has nothing to do.
func (t *Tracer) Close() {}

// Signal sends a signal to the first process.
func (t *Tracer) Signal(s os.Signal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := s.(syscall.Signal)
	if !ok || !t.running {
		return os.ErrProcessDone
	}
	return unix.Kill(t.pid, n)
}

func (t *Tracer) emit(e trace.Event) {
	if st, ok := e.(*trace.State); ok && st.Change == trace.Closed {
		delete(t.losses, st.Socket)
	}
	t.batch.add(e)
}

func (t *Tracer) note(format string, args ...any) {
	t.emit(&trace.Note{Time: t.clock.Now(), Text: fmt.Sprintf(format, args...)})
}

// trace is the tracing thread.
func (t *Tracer) trace(ctx context.Context) error {
	defer t.begin()
	begin := t.attach
	if t.started {
		begin = t.launch
	}
	if err := begin(); err != nil {
		return err
	}
	t.mu.Lock()
	t.running = true
	t.mu.Unlock()
	end := context.AfterFunc(ctx, t.stop)
	defer end()
	defer func() {
		t.mu.Lock()
		t.running = false
		t.mu.Unlock()
	}()
	setStops(false)
	defer setStops(true)
	for len(t.threads) > 0 {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		if err == unix.EINTR {
			continue
		}
		if err == unix.ECHILD {
			break
		}
		if err != nil {
			return fmt.Errorf("ptrace: wait: %w", err)
		}
		if err := t.event(tid, ws); err != nil {
			return err
		}
	}
	return nil
}

// add takes up a thread.
func (t *Tracer) add(tid, pid int) *thread {
	if th := t.threads[tid]; th != nil {
		return th
	}
	p := t.processes[pid]
	if p == nil {
		p = &process{Process: abi.Process{PID: pid, Name: abi.Comm(pid)}}
		t.processes[pid] = p
	}
	p.threads++
	th := &thread{tid: tid, process: p}
	t.threads[tid] = th
	t.mu.Lock()
	t.tids[tid] = pid
	if t.stopping {
		t.dismiss(tid, pid)
	}
	t.mu.Unlock()
	return th
}

func (t *Tracer) remove(th *thread) {
	th.closed()
	if th.exiting {
		th.process.exiting--
	}
	delete(t.threads, th.tid)
	t.mu.Lock()
	delete(t.tids, th.tid)
	t.mu.Unlock()
	if th.process.threads--; th.process.threads == 0 {
		t.forget(th.process)
	}
}

// event handles one report of wait4.
func (t *Tracer) event(tid int, ws unix.WaitStatus) error {
	left := t.clock.Now()
	th := t.threads[tid]
	switch {
	case ws.Exited(), ws.Signaled():
		if tid == t.pid && t.started {
			if err := t.ended(ws); err != nil {
				return err
			}
		}
		if th != nil {
			t.end(th, left)
			t.remove(th)
		}
		delete(t.early, tid)
		return t.adopt()
	case !ws.Stopped():
		return nil
	}
	if th == nil { // a new one, heard of before its maker
		pid, _ := identify(tid)
		if t.processes[pid] == nil {
			t.early[tid] = ws
			return nil
		}
		th = t.add(tid, pid)
	}
	signal, what := ws.StopSignal(), int(ws>>16)
	switch {
	case signal == syscallStop:
		t.syscall(th, left)
	case what == unix.PTRACE_EVENT_SECCOMP:
		t.syscall(th, left)
	case what == unix.PTRACE_EVENT_STOP:
		if signal == unix.SIGSTOP || signal == unix.SIGTSTP || signal == unix.SIGTTIN || signal == unix.SIGTTOU {
			if t.letGo(th) {
				return nil
			}
			ptrace(unix.PTRACE_LISTEN, tid, 0)
			return nil
		}
		if !th.begun { // it is at the end of the call that made it
			th.begun = true
			if th.revealed != nil {
				th.revealed.undo(tid)
				th.revealed = nil
			}
			if !t.cover(th, false) {
				return nil
			}
		}
		t.proceed(th, 0)
	case what == unix.PTRACE_EVENT_EXIT:
		if !th.exiting {
			th.exiting = true
			th.process.exiting++
		}
		if th.process.exiting == th.process.threads { // the last one: its descriptors are still there
			t.tellAll(th.process)
		}
		t.proceed(th, 0)
	case what == unix.PTRACE_EVENT_EXEC:
		t.exec(th)
		t.proceed(th, 0)
	case what == unix.PTRACE_EVENT_CLONE, what == unix.PTRACE_EVENT_FORK, what == unix.PTRACE_EVENT_VFORK:
		err := t.child(th)
		t.proceed(th, 0)
		return err
	case signal == unix.SIGSTOP && t.letGo(th):
	default:
		t.proceed(th, int(signal))
	}
	return nil
}

// ended notes how the first process ended, or that it never became the program.
func (t *Tracer) ended(ws unix.WaitStatus) error {
	t.mu.Lock()
	t.running = false
	t.mu.Unlock()
	if ws.Signaled() {
		t.status = Status{Signal: ws.Signal()}
		return nil
	}
	code := ws.ExitStatus()
	if t.executed {
		t.status = Status{Code: code}
		return nil
	}
	if code == shimNoFilter {
		return refuse("start", t.command.Path, errors.New("this kernel has no seccomp filters, or forbids them"), "use a kernel with CONFIG_SECCOMP_FILTER, or attach to a running program")
	}
	err := unix.Errno(code)
	return refuse("start", t.command.Path, err, abi.RemedyStart(err))
}

// ptrace does a request whose only failure is that the thread has been killed, which wait4 will tell.
func ptrace(request, tid, data int) {
	unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), 0, uintptr(data), 0, 0)
}

// proceed lets a thread go on to where it is to stop next, with a signal.
func (t *Tracer) proceed(th *thread, signal int) {
	request := t.resume
	if th.returns() || th.process.stepped {
		request = unix.PTRACE_SYSCALL
	}
	ptrace(request, th.tid, signal)
}

// exec takes note that a process has become another program; of its threads only one is left.
func (t *Tracer) exec(th *thread) {
	p := th.process
	// A shim that is traced very early reports that it has become the shim.
	if !t.executed && !isShim(p.PID) {
		t.executed = true
		t.begin()
		_, filters := identify(p.PID)
		p.before = max(filters-len(p.spans), -1)
	}
	for _, other := range t.threads {
		if other.process == p && other != th {
			t.end(other, t.clock.Now())
			t.remove(other)
		}
	}
	t.end(th, t.clock.Now()) // that of the first thread, which another has replaced
	th.table, th.copies, th.revealed = false, false, nil
	th.closed()
	p.Name = abi.Comm(p.PID)
	p.borrower.Close()
	t.refresh(p)
	if abi.Foreign(fmt.Sprintf("/proc/%d/exe", p.PID)) && !t.foreign {
		t.foreign = true
		t.note("process %d is %v", p.PID, ErrForeign)
	}
	if info, err := os.Stat(fmt.Sprintf("/proc/%d/exe", p.PID)); err == nil && setuid(info) {
		t.note("%s (process %d): %v", p.Name, p.PID, ErrSetuid)
	}
}

// isShim tells whether a process is the shim, which has not become the program.
func isShim(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.HasPrefix(string(b), shimName+"\x00")
}

// child takes up what a thread has just made; its first stop is still to come, or has been.
func (t *Tracer) child(maker *thread) error {
	msg, err := unix.PtraceGetEventMsg(maker.tid)
	if err != nil {
		return nil // killed
	}
	tid := int(msg)
	pid, filters := identify(tid)
	fresh := t.processes[pid] == nil
	made := t.add(tid, pid)
	if !made.begun {
		made.revealed = maker.revealed
	}
	p := made.process
	if same, known := sameTable(maker.tid, tid); p == maker.process {
		p.apart = p.apart || !same || !known
	} else if t.filtered() && (same || !known) {
		// What one of them opens, the other has: both stop for all descriptors, the maker at the end of its call.
		p.want(whole)
		maker.process.want(whole)
		maker.table = true
		p.apart, maker.process.apart = true, true
	}
	if fresh {
		p.inherit(&maker.process.coverage, filters)
		t.sockets.Fork(&maker.process.Process, &p.Process, t.clock.Now())
	}
	ws, early := t.early[tid]
	if !early {
		return nil
	}
	delete(t.early, tid)
	return t.event(tid, ws)
}

// adopt takes up processes whose makers may have been killed before they could tell of them.
func (t *Tracer) adopt() error {
	for tid, ws := range t.early {
		pid, filters := identify(tid)
		p := t.add(tid, pid).process
		p.before = filters
		t.refresh(p)
		delete(t.early, tid)
		if err := t.event(tid, ws); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the trace from outside: it kills what was started, and lets go of what was attached to.
func (t *Tracer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopping = true
	for tid, pid := range t.tids {
		t.dismiss(tid, pid)
	}
}

// dismiss makes a thread stop before a signal reaches it, so that it can be let go without; a program that
// was started is killed.
func (t *Tracer) dismiss(tid, pid int) {
	if t.started {
		unix.Kill(pid, unix.SIGKILL)
	} else {
		unix.Tgkill(pid, tid, unix.SIGSTOP)
	}
}

// letGo detaches from a thread when the trace is being stopped: it has stopped for the signal of release,
// which goes no further, or is stopped by job control, which stays so.
func (t *Tracer) letGo(th *thread) bool {
	t.mu.Lock()
	stopping := t.stopping && !t.started
	t.mu.Unlock()
	if stopping {
		if th.process.threads == 1 {
			t.tellAll(th.process)
		}
		ptrace(unix.PTRACE_DETACH, th.tid, 0)
		t.remove(th)
	}
	return stopping
}
