//go:build amd64 || arm64

package ebpf

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bpf "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

// Tracer traces one program and its descendants. It is a trace.Engine.
type Tracer struct {
	cfg     Config
	clock   *trace.Clock
	zero    time.Duration // CLOCK_MONOTONIC at the clock's start
	kernel  *kernel
	hooks   *hooks
	reasons *reasons
	command trace.Command // of a program to start
	attach  int           // or the process to attach to

	events    []trace.Event // to be yielded
	threads   map[int]*thread
	requests  map[uint64]*thread // of io_uring, by the number of their record
	forgetful bool               // some of them were forgotten
	processes map[int]*process
	sockets   *abi.Sockets
	streams   map[trace.SocketID]*stream
	calls     int
	record    *record // that is being looked at
	thread    *thread // that it is of

	launched chan struct{} // the program was started, or could not be
	began    chan struct{} // closed by begin
	begins   sync.Once

	sighted []trace.Sighting // that were read
	looked  int              // so many of them were looked at: the others are later than the calls that were
	toYield []trace.Sighting // to be yielded

	lost, cut int // as far as it was said
	missed    uint64
	unsaid    uint64
	seen      uint64
	heard     atomic.Int64 // until when, as a time.Duration

	mu     sync.Mutex
	pid    int // of the first process
	alive  bool
	status trace.Status
}

type process struct {
	abi.Process
	borrower abi.Borrower
	waiting  bool // for its program to be executed: what it does until then is ours
	ringed   bool
	foreign  bool
	// inherited is what the epoll instances waited for, by their descriptors, when the process was attached to.
	inherited map[int][]trace.Wait
}

// thread is a thread in a call.
type thread struct {
	of, actor string // what its process was called, and it
	call      *trace.Call
	number    uint64
	args      [6]uint64
	sockets   []socket // as they were when it was entered
	epolls    []epoll
}

// Open puts the programs into the kernel and readies them. Its error says why that cannot be. Start or
// Attach follows, then Events.
func Open(cfg *Config) (*Tracer, error) {
	t := &Tracer{
		threads: map[int]*thread{}, requests: map[uint64]*thread{}, processes: map[int]*process{}, streams: map[trace.SocketID]*stream{}, record: &record{}, hooks: &hooks{}, reasons: &reasons{},
		launched: make(chan struct{}), began: make(chan struct{}),
	}
	if cfg != nil {
		t.cfg = *cfg
	}
	if t.clock = t.cfg.Clock; t.clock == nil {
		t.clock = trace.NewClock()
	}
	t.sockets = abi.NewSockets(t.cfg.Host, moment{t}, t.emit)
	if err := permitted(); err != nil {
		return nil, err
	}
	var err error
	if t.kernel, err = load(&t.cfg); err != nil {
		return nil, explain(err)
	}
	t.kernel.unringed = t.kernel.openRings(t.cfg.data())
	t.zero = bpfprog.Offset(bpfprog.Clock(unix.CLOCK_MONOTONIC), t.clock.Now)
	return t, nil
}

// permitted tells whether programs can be loaded and what they tell is understood.
func permitted() error {
	if ns, err := os.Readlink("/proc/self/ns/pid"); err == nil && ns != "pid:[4026531836]" { // PROC_PID_INIT_INO
		return &trace.Error{Engine: "ebpf", Op: "trace", On: "in a process namespace", Err: errors.New("the kernel's programs see other process numbers than this command"), Remedy: "use the engine ptrace, or run outside of the container"}
	}
	return nil
}

// explain says what to do about programs that the kernel does not take.
func explain(err error) error {
	e := &trace.Error{Engine: "ebpf", Op: "load", On: "programs into the kernel", Err: err}
	var rejected *bpf.VerifierError
	switch {
	case errors.As(err, &rejected):
		e.Remedy = "this kernel does not take them: use the engine ptrace"
	case errors.Is(err, os.ErrPermission):
		e.Err = unix.EPERM // the library's text is about older kernels
		e.Remedy = "it needs root, or CAP_BPF and CAP_PERFMON"
	case errors.Is(err, bpfprog.ErrTypes):
		e.Remedy = "it needs a kernel with its own type information (CONFIG_DEBUG_INFO_BTF)"
	default:
		e.Remedy = "it needs Linux 6.2 or later with BPF"
	}
	return e
}

func (t *Tracer) at(ns uint64) time.Duration { return time.Duration(ns) - t.zero }

// Start prepares to trace a program, which Events then runs. The error is a *trace.Error.
func (t *Tracer) Start(c trace.Command) error {
	fail := func(err error, remedy string) error {
		return &trace.Error{Engine: "ebpf", Op: "start", On: c.Path, Err: err, Remedy: remedy}
	}
	switch _, err := os.Stat(c.Path); {
	case err != nil:
		return fail(err, "")
	case len(c.Args) == 0:
		return fail(unix.EINVAL, "Command.Args needs the name of the program")
	case abi.Foreign(c.Path):
		return fail(trace.ErrForeign, abi.RemedyForeign)
	}
	t.command = c
	t.hook("self")
	return nil
}

// hook begins to record packets at the sockets of the network namespace of a process.
func (t *Tracer) hook(process string) {
	if !t.cfg.Packets {
		return
	}
	network, err := bpfprog.NetworkOf("/proc/" + process + "/ns/net")
	if err == nil {
		t.hooks, err = openHooks(network)
	}
	if err != nil {
		t.note("whose each packet is, is told from its addresses: %v", err)
	}
	if network == 0 {
		return
	}
	if t.reasons, err = openReasons(network); err != nil {
		t.note("what the kernel says of why it sends segments again and resets is not told: %v", err)
	}
}

// Attach begins to trace a running process with all its threads. The error is a *trace.Error.
func (t *Tracer) Attach(pid int) error {
	fail := func(err error, remedy string) error {
		return &trace.Error{Engine: "ebpf", Op: "attach to", On: "process " + strconv.Itoa(pid), Err: err, Remedy: remedy}
	}
	if remedy, err := abi.Unattachable(pid); err != nil {
		return fail(err, remedy)
	}
	t.attach, t.pid, t.alive = pid, pid, true
	t.begin(t.clock.Now())
	if err := t.kernel.follow(follow{process: uint32(pid)}); err != nil {
		return fail(err, "")
	}
	if remedy, err := abi.Unattachable(pid); err != nil { // its end is not told when it came before
		return fail(err, remedy)
	}
	t.hook(strconv.Itoa(pid))
	p := &process{Process: abi.Process{PID: pid, Name: abi.Comm(pid)}}
	t.processes[pid] = p
	t.sockets.Refresh(&p.Process, abi.Scan(pid), t.clock.Now())
	if t.cfg.Wait {
		p.inherited = abi.ScanEpolls(pid)
	}
	return nil
}

// Running is closed when the program has been executed, or by Attach.
func (t *Tracer) Running() <-chan struct{} { return t.began }

// begin makes a moment the start of the clock.
func (t *Tracer) begin(at time.Duration) {
	t.begins.Do(func() {
		t.clock.Advance(at)
		t.zero += at
		close(t.began)
	})
}

// Rights are to signal the program.
func (t *Tracer) Rights() []int { return []int{unix.CAP_KILL} }

// Stops is false: the kernel records what the program does.
func (t *Tracer) Stops() bool { return false }

// Heard returns until when all records have been read and their events yielded: where the program makes them faster
// than they are read, that is some time ago. It may be called beside Events.
func (t *Tracer) Heard() time.Duration { return time.Duration(t.heard.Load()) }

// Close takes the programs out of the kernel. Events does so at its end.
func (t *Tracer) Close() {
	t.kernel.Close()
	t.hooks.Close()
	t.reasons.Close()
}

// readStep is how long a record may wait until it is read.
const readStep = 5 * time.Millisecond

// Events traces until the program and all its descendants have ended, and yields what their threads do. When
// ctx is done a program that was started is killed, and one that was attached to goes on untraced. It can be
// called once.
func (t *Tracer) Events(ctx context.Context) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		defer t.Close()
		defer func() { t.begin(t.clock.Now()) }()
		ended := make(chan error, 1)
		launched := t.attach != 0
		if !launched {
			go t.launch(ended)
			<-t.launched
		}
		var failed error
		done, running, more := ctx.Done(), !launched, true
		left := false // records in the ring
		for {
			wait := readStep
			if left {
				wait = 0
			}
			select {
			case failed = <-ended:
				running = false
			case <-done:
				done = nil
				t.stop()
			case <-time.After(wait):
			}
			var err error
			now := t.clock.Now()
			left, err = t.read()
			failed = errors.Join(failed, err)
			t.account(false)
			over := !left && !running && len(t.processes) == 0 || done == nil && t.attach != 0 || err != nil
			if over {
				t.kernel.Detach()
				t.hooks.Detach()
				t.reasons.Detach()
				for left, err = t.read(); left; left, err = t.read() {
				}
				failed = errors.Join(failed, err)
				t.account(true)
			}
			for _, e := range t.events {
				if more && !yield(e, nil) {
					more = false
					t.stop()
				}
			}
			clear(t.events)
			t.events = t.events[:0]
			if !left {
				t.heard.Store(int64(min(now, t.clock.Now()))) // the clock may have begun anew
			}
			if over || !more && t.attach != 0 {
				break
			}
		}
		if failed != nil && more {
			yield(nil, failed)
		}
	}
}

// launch starts the program on a thread that the kernel's programs know: what that one makes is followed
// from its first instruction. The thread stays until the program has ended, which ends with it.
func (t *Tracer) launch(ended chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := 0, t.kernel.follow(follow{thread: uint32(unix.Gettid())})
	if err == nil {
		pid, err = abi.Fork(t.command, t.command.Path, t.command.Args, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL})
		err = errors.Join(err, t.kernel.follow(follow{}))
	}
	if err != nil {
		close(t.launched)
		ended <- &trace.Error{Engine: "ebpf", Op: "start", On: t.command.Path, Err: err, Remedy: abi.RemedyStart(err)}
		return
	}
	t.mu.Lock()
	t.pid, t.alive = pid, true
	t.mu.Unlock()
	close(t.launched)
	var ws unix.WaitStatus
	for {
		if _, err = unix.Wait4(pid, &ws, 0, nil); err != unix.EINTR {
			break
		}
	}
	t.mu.Lock()
	t.alive = false
	if ws.Signaled() {
		t.status = trace.Status{Signal: ws.Signal()}
	} else {
		t.status = trace.Status{Code: ws.ExitStatus()}
	}
	t.mu.Unlock()
	ended <- err
}

// started is the number of the process that was started.
func (t *Tracer) started() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pid
}

// Status returns how a started program ended, once Events has.
func (t *Tracer) Status() trace.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// Signal sends a signal to the first process.
func (t *Tracer) Signal(s os.Signal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := s.(syscall.Signal)
	if !ok || !t.alive {
		return os.ErrProcessDone
	}
	return unix.Kill(t.pid, n)
}

// stop kills what was started.
func (t *Tracer) stop() {
	if t.attach != 0 {
		return
	}
	_ = t.Signal(syscall.SIGKILL) // it may have ended just now
	for pid := range t.processes {
		if pid != t.pid {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// readLimit is how many records are taken before their events are yielded: where the program makes them
// faster than they are read, the ring never is empty.
const readLimit = 1 << 13

// read takes the records that are in the rings, up to a limit, and tells whether there may be more. Those of packets
// are taken first, and looked at in the order of all: each socket is known when its packets come, and not closed yet.
func (t *Tracer) read() (more bool, err error) {
	packets := false
	if len(t.sighted) < readLimit {
		if t.sighted, packets, err = t.hooks.read(t.sighted); err != nil {
			return false, err
		}
	}
	var reasons []*trace.Reason
	if err = t.reasons.read(func(r *trace.Reason) { reasons = append(reasons, r) }); err != nil {
		return false, err
	}
	more, err = t.readCalls()
	for _, r := range reasons { // now, for the clock begins at the first call
		r.Time = t.at(uint64(r.Time))
		t.emit(r)
	}
	if !more {
		t.sight(math.MaxUint64)
	}
	if len(t.toYield) > 0 {
		t.emit(&trace.Sightings{Host: t.cfg.Host, All: t.toYield})
		t.toYield = nil
	}
	return more || packets, err
}

// sight takes up the packets that were seen at sockets before a time.
func (t *Tracer) sight(until uint64) {
	for ; t.looked < len(t.sighted) && uint64(t.sighted[t.looked].Time) < until; t.looked++ {
		s := t.sighted[t.looked]
		s.Time = t.at(uint64(s.Time))
		if !t.sockets.Sight(s.Socket, s.Cookie, s.Time) {
			s.Socket = 0
		}
		t.toYield = append(t.toYield, s)
	}
	if t.looked == len(t.sighted) {
		t.sighted, t.looked = t.sighted[:0], 0
	}
}

func (t *Tracer) readCalls() (more bool, err error) {
	more, err = t.kernel.Read(readLimit, func(b []byte) error {
		if err := t.record.parse(b); err != nil {
			return err
		}
		t.seen++
		t.take(t.record)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("ebpf: read the ring: %w", err)
	}
	return more, err
}

// account says what was lost. Every record that was made was seen, or is counted by the processor that had no
// room for it.
func (t *Tracer) account(last bool) {
	made, lost, err := t.kernel.counts()
	if err != nil {
		t.note("how many events were lost is not known: %v", err)
		return
	}
	if last && made-lost > t.seen {
		lost = made - t.seen
	}
	if n := t.hooks.missed(); n > t.missed && (last || t.missed == 0) {
		t.note("%d packets at sockets did not fit into the ring: whose they are is told from their addresses", n-t.missed)
		t.missed = n
	}
	if n := t.reasons.missed(); n > t.unsaid && (last || t.unsaid == 0) {
		t.note("of %d segments that were sent again, or resets, what the kernel says of why did not fit into the ring", n-t.unsaid)
		t.unsaid = n
	}
	if n := int(lost); n > t.lost && (last || t.lost == 0) {
		t.note("%d events did not fit into the ring: calls are missing, or have no result", n-t.lost)
		t.lost = n
	}
	if t.lost > 0 { // an end may be among them
		for pid, p := range t.processes {
			if unix.Kill(pid, 0) == unix.ESRCH {
				t.forget(p, t.clock.Now())
			}
		}
	}
}

// Lost returns how many records found no room in the ring, and how many there were in all.
func (t *Tracer) Lost() (lost, all uint64) { return uint64(t.lost), uint64(t.lost) + t.seen }

func (t *Tracer) emit(e trace.Event) { t.events = append(t.events, e) }

func (t *Tracer) note(format string, args ...any) {
	t.emit(&trace.Note{Time: t.clock.Now(), Text: fmt.Sprintf(format, args...)})
}

// take looks at one record.
func (t *Tracer) take(r *record) {
	t.sight(r.time)
	p := t.processes[r.pid]
	at := t.at(r.time)
	if r.kind == recordFork {
		t.fork(r, at)
		return
	}
	if p == nil || p.waiting && r.kind != recordExec && r.kind != recordExit {
		return
	}
	if r.full && t.cut == 0 {
		t.cut++
		t.note("a call of %s (process %d) passed more than one record holds: not all of its messages are known", p.Name, p.PID)
	}
	switch r.kind {
	case recordEnter:
		t.enter(p, r, at)
	case recordLeave:
		t.leave(p, r, at)
	case recordTable:
		t.refresh(p, r, at)
	case recordExec:
		if t.attach == 0 && p.waiting && p.PID == t.started() {
			t.begin(at)
			at = 0
		}
		p.waiting, p.Name = false, r.name()
		p.borrower.Close()
		t.end(r.tid, at)
		t.refresh(p, r, at)
		if r.args[2] == 1 || abi.Foreign(fmt.Sprintf("/proc/%d/exe", p.PID)) { // ELFCLASS32
			t.foreign(p, true)
		}
	case recordExit:
		t.end(r.tid, at)
		if r.args[0] == 0 {
			t.forget(p, at)
		}
	case recordRing:
		if !p.ringed && t.kernel.unringed != nil {
			p.ringed = true
			t.note("%s (process %d) uses io_uring: what it does there is not seen: %v", p.Name, p.PID, t.kernel.unringed)
		}
	case recordSubmit:
		t.submitted(p, r, at)
	case recordComplete:
		t.completed(p, r, at)
	case recordForeign:
		t.foreign(p, false)
	}
}

// foreign says of a process, once, that its calls are not understood: its program is of 32 bits, or calls are that are
// about sockets.
func (t *Tracer) foreign(p *process, program bool) {
	switch {
	case p.foreign:
		return
	case program:
		t.note("process %d is %v", p.PID, trace.ErrForeign)
	default:
		t.note("%s", abi.ForeignNote(p.Name, p.PID))
	}
	p.foreign = true
}

func (t *Tracer) forget(p *process, at time.Duration) {
	t.abandon(p.PID, at)
	t.sockets.Forget(&p.Process, at)
	p.borrower.Close()
	delete(t.processes, p.PID)
}

// fork takes up a process that another has made.
func (t *Tracer) fork(r *record, at time.Duration) {
	tid, pid, followed := int(r.args[0]), int(r.args[1]), r.args[2] != 0
	from := t.processes[r.pid]
	if !followed {
		t.note("the kernel had no memory to follow thread %d: its calls are missing", tid)
		return
	}
	if pid == r.pid {
		return
	}
	p := &process{Process: abi.Process{PID: pid}}
	t.processes[pid] = p
	if from == nil { // us
		p.waiting = true
		return
	}
	p.Name, p.waiting, p.inherited = from.Name, from.waiting, from.inherited
	t.sockets.Fork(&from.Process, &p.Process, at)
}

// refresh makes the table of a process what the record says.
func (t *Tracer) refresh(p *process, r *record, at time.Duration) {
	t.thread = nil
	now := map[int]trace.SocketID{}
	for _, s := range r.sockets {
		now[s.fd] = s.id
	}
	t.sockets.Refresh(&p.Process, now, at)
}
