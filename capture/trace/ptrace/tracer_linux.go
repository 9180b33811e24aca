//go:build amd64 || arm64

package ptrace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

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
	calls     int
	resume    int // the request that lets a thread go on which no call of is recorded
	executed  bool
	status    Status
	foreign   bool // it was said that a program is not understood

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
}

const (
	options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP
	syscallStop = unix.SIGTRAP | 0x80
	rawData     = 65535 // a raw packet is not longer
)

func newTracer(cfg *Config) *Tracer {
	t := &Tracer{
		threads: map[int]*thread{}, early: map[int]unix.WaitStatus{}, processes: map[int]*process{},
		tids: map[int]int{}, resume: unix.PTRACE_CONT,
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

// Status returns how a started program ended, once Events has.
func (t *Tracer) Status() Status { return t.status }

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

func (t *Tracer) emit(e trace.Event) { t.batch.add(e) }

func (t *Tracer) note(format string, args ...any) {
	t.emit(&trace.Note{Time: t.clock.Now(), Text: fmt.Sprintf(format, args...)})
}

// trace is the tracing thread.
func (t *Tracer) trace(ctx context.Context) error {
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
	p := t.processes[t.pid]
	t.refresh(p)
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
			if !t.cover(th, false) {
				return nil
			}
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
	if th.call != nil || th.table || th.process.stepped {
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
	th.table = false
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
	p := t.add(tid, pid).process
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

// info is struct ptrace_syscall_info.
type info struct {
	op      uint8
	_       [3]uint8
	arch    uint32
	ip, sp  uint64
	a       [8]uint64 // entry and seccomp: number and arguments; exit: result and whether it is an error
	padding [2]uint64
}

const (
	infoEntry   = 1
	infoExit    = 2
	infoSeccomp = 3
)

func (t *Tracer) syscall(th *thread, left time.Duration) {
	var i info
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(th.tid), unsafe.Sizeof(i), uintptr(unsafe.Pointer(&i)), 0, 0)
	switch {
	case errno != 0: // killed
	case i.op == infoExit:
		t.leave(th, int64(i.a[0]), left)
		if int64(i.a[0]) >= 0 && !t.cover(th, false) {
			return
		}
	case th.process.stepped && (th.call != nil || th.table): // it has stopped at the beginning of this call before
	case i.op == infoSeccomp, i.op == infoEntry && (!t.filtered() || th.process.stepped):
		if i.arch == abi.AuditArch {
			t.enter(th, i.a[0], [6]uint64(i.a[1:7]))
			return
		}
	}
	t.proceed(th, 0)
}

func (t *Tracer) decoder(th *thread, id trace.SocketID) abi.Decoder {
	t.memory.of(th.tid)
	d := abi.Decoder{Memory: &t.memory, Data: max(t.cfg.Data, 0)}
	if t.cfg.Data > 0 && t.sockets.Raw(id) {
		d.Data = rawData
	}
	return d
}

// enter looks at a call that a thread makes and lets it go on.
func (t *Tracer) enter(th *thread, number uint64, args [6]uint64) {
	if isLast(number, args) && t.filtered() {
		th.process.want(whole)
		if !t.cover(th, true) {
			return
		}
	}
	s, ok := abi.Lookup(number)
	if !ok || !t.record(th, s, args) {
		t.proceed(th, 0)
	}
}

// record begins the record of a call, if it is of interest, and lets the thread go on.
func (t *Tracer) record(th *thread, s abi.Syscall, args [6]uint64) bool {
	p := th.process
	fd, other := abi.DescriptorOf(s.Name, args)
	id := t.socketOf(th, fd)
	op := trace.OpByName
	switch s.Class {
	case abi.Ring:
		if !p.ringed {
			p.ringed = true
			t.note("%s (process %d) uses io_uring: what it does there is not seen", p.Name, p.PID)
			th.table = true
			p.want(whole) // a ring may open sockets
		}
		return false
	case abi.Table:
		th.table = true
		th.close()
		p.apart = p.apart || p.threads > 1 // it may have taken a table of its own: CLOSE_RANGE_UNSHARE
		return false
	case abi.Wait:
		if !t.cfg.Wait {
			return false
		}
	case abi.Descriptor:
		if s.Name == "splice" {
			op = trace.OpSend
			if id == 0 {
				op, fd, id = trace.OpReceive, other, t.socketOf(th, other)
			}
		}
		if id == 0 {
			if made := int(int32(args[1])); (s.Name == "dup2" || s.Name == "dup3") && p.Socket(made) != 0 {
				th.table = true // it closes a socket
				th.close()
			}
			return false
		}
	}
	t.sockets.Discover(&p.Process, fd, id, t.clock.Now())
	c := &trace.Call{
		Process: p.PID, Thread: th.tid, Actor: p.Name, Host: t.cfg.Host, Name: s.Name, FD: fd, Socket: id, Op: op, Pending: true,
	}
	if th.tid != t.pid {
		c.Actor = fmt.Sprintf("%s/%d", p.Name, th.tid)
	}
	d := t.decoder(th, id)
	if s.Name == "sendto" {
		t.memory.ahead(piece{args[1], min(args[2], uint64(d.Data))}, piece{args[4], min(args[5], maxAddress)})
	}
	d.Enter(c, args)
	if c.Op == trace.OpSend && c.Segment == 0 && id != 0 {
		c.Segment = t.sockets.Segment(id)
	}
	t.calls++
	c.Number = t.calls
	th.call, th.args = c, args
	if s.Name == "close" || s.Name == "dup2" || s.Name == "dup3" {
		th.close()
	}
	c.Entered = t.clock.Now()
	t.emit(c)
	t.proceed(th, 0)
	return true
}

// leave ends the record of a call. The one that was given when it was entered stays as it is.
func (t *Tracer) leave(th *thread, result int64, left time.Duration) {
	if th.table {
		th.table = false
		t.refresh(th.process)
	}
	if th.call == nil {
		th.closed()
		return
	}
	if dying(th.tid, result) {
		return // to nobody
	}
	c := *th.call
	th.call = nil
	c.Args = c.Args[:len(c.Args):len(c.Args)] // what is added goes elsewhere
	c.Left = left
	d := t.decoder(th, c.Socket)
	d.Leave(&c, th.args, result)
	t.sockets.Apply(&th.process.Process, &c)
	th.closed()
	t.emit(&c)
}

// end ends the call of a thread that has ended in it.
func (t *Tracer) end(th *thread, at time.Duration) {
	if th.call == nil {
		return
	}
	c := *th.call
	c.Ended, c.Left = true, at
	th.call = nil
	t.emit(&c)
}

// dying tells whether a signal has interrupted a call and is about to end the thread.
func dying(tid int, result int64) bool {
	if result != -int64(unix.EINTR) && (result < -516 || result > -512) { // those that are for the kernel, linux/errno.h
		return false
	}
	return fatal(abi.Status(tid))
}

// harmless are the signals that end no process by default: those that are ignored and those that stop it or let it
// go on, see signal(7).
const harmless = 1<<(unix.SIGCHLD-1) | 1<<(unix.SIGCONT-1) | 1<<(unix.SIGURG-1) | 1<<(unix.SIGWINCH-1) |
	1<<(unix.SIGSTOP-1) | 1<<(unix.SIGTSTP-1) | 1<<(unix.SIGTTIN-1) | 1<<(unix.SIGTTOU-1)

// fatal tells whether a signal waits that the thread takes and that ends its process, by what /proc/PID/status says.
func fatal(status map[string]string) bool {
	set := func(field string) uint64 {
		n, _ := strconv.ParseUint(status[field], 16, 64)
		return n
	}
	return (set("SigPnd")|set("ShdPnd"))&^(set("SigBlk")|set("SigIgn")|set("SigCgt")|harmless) != 0
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
		ptrace(unix.PTRACE_DETACH, th.tid, 0)
		t.remove(th)
	}
	return stopping
}
