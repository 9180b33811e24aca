//go:build amd64 || arm64

package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
)

// Tracker tells owners of frames. It is safe for concurrent use.
type Tracker struct {
	bpfprog.Loaded
	maps
	networks []uint32
	notes    []string
	looker   *looker // instead of all others

	mu      sync.Mutex
	table   *table
	clock   time.Duration // CLOCK_REALTIME at the zero of CLOCK_MONOTONIC
	set     int64         // when that was read, as UnixNano
	told    atomic.Uint64 // the events of table, for who does not hold mu
	drained int64         // all events up to then were taken
	failed  error         // of drain, while nobody asked
	done    chan struct{}
}

// Delay is how old a frame has to be before its owners are asked for: a packet is captured before it reaches its
// socket.
const Delay = 5 * time.Millisecond

// Open puts the programs into the kernel. Its error is an *Error. The capture should be opened before, so that no frame
// is without its events; what is lost between is unknown.
func Open(cfg *Config) (*Tracker, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	t := &Tracker{table: newTable(cfg.sockets()), networks: cfg.Networks}
	t.table.look, t.table.task = look, taskOf
	if b, err := os.ReadFile("/etc/passwd"); err == nil {
		t.table.users = users(string(b))
	}
	if ns, err := os.Readlink("/proc/self/ns/pid"); err == nil && ns != "pid:[4026531836]" { // PROC_PID_INIT_INO
		return nil, &Error{errors.New("in a process namespace the kernel's programs see other process numbers than this command"), "run outside of the container"}
	}
	if err := t.load(cfg); err != nil {
		t.Loaded.Close()
		return nil, explain(err)
	}
	t.seedGroups()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.drain(); err != nil {
		t.Loaded.Close()
		return nil, err
	}
	t.done = make(chan struct{})
	go t.keep(t.done)
	return t, nil
}

// drainEvery is how long events lie in the ring while no frame comes: processes of the whole host fill it.
const drainEvery = 100 * time.Millisecond

// keep takes events while nobody asks, until the tracker is closed.
func (t *Tracker) keep(done <-chan struct{}) {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			t.mu.Lock()
			if now.UnixNano()-t.drained > int64(drainEvery/2) && t.done != nil {
				t.failed = t.drain()
			}
			t.mu.Unlock()
		}
	}
}

// Look makes a Tracker that needs no programs in the kernel: it looks up the sockets (sock_diag(7)) and the processes
// that have them (proc(5)) when a packet is there. All it tells is Inferred, of TCP and UDP alone. What it does not
// see: sockets and processes that have ended when it looks, which of several processes with a socket or a port a packet
// is for, threads, raw and packet sockets, copies of multicast packets. To see the sockets of other users' processes,
// it needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.
//
// It looks in Config.Namespaces. Its error is an *Error.
func Look(cfg *Config) (*Tracker, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	l, err := newLooker(cfg)
	if err != nil {
		return nil, err
	}
	return &Tracker{looker: l}, nil
}

// explain says what to do about programs that the kernel does not take.
func explain(err error) error {
	var rejected *ebpf.VerifierError
	switch {
	case errors.As(err, &rejected):
		return &Error{err, "this kernel does not take the programs: capture without owners"}
	case errors.Is(err, os.ErrPermission):
		return &Error{unix.EPERM, "it needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"}
	case errors.Is(err, bpfprog.ErrTypes):
		return &Error{err, "it needs a kernel with its own type information (CONFIG_DEBUG_INFO_BTF)"}
	}
	return &Error{err, "it needs Linux 6.3 or later with BPF and control groups of version 2"}
}

func (t *Tracker) load(cfg *Config) error {
	l, err := bpfprog.KernelLayout()
	if err != nil {
		return err
	}
	ring := cfg.Ring
	if ring == 0 {
		ring = 16 << 20
	}
	err = t.Make([]bpfprog.Map{
		{To: &t.ring, Spec: ebpf.MapSpec{Name: "owner_ring", Type: ebpf.RingBuf, MaxEntries: uint32(ring)}},
		{To: &t.flows, Spec: ebpf.MapSpec{Name: "owner_flows", Type: ebpf.LRUHash, KeySize: bpfprog.FlowKeySize, ValueSize: bpfprog.FlowSize, MaxEntries: bpfprog.FlowsLimit}},
		{To: &t.sockets, Spec: ebpf.MapSpec{Name: "owner_sockets", Type: ebpf.LRUHash, KeySize: 8, ValueSize: soSize, MaxEntries: uint32(cfg.sockets())}},
		{To: &t.forks, Spec: ebpf.MapSpec{Name: "owner_forks", Type: ebpf.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 1 << 14}},
		{To: &t.lost, Spec: ebpf.MapSpec{Name: "owner_lost", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	}...)
	if err != nil {
		return err
	}
	if err := t.Loaded.Open(t.ring); err != nil {
		return err
	}
	for _, p := range []struct {
		spec  ebpf.ProgramSpec
		write func(*code)
		less  string // what is not known without it; empty where nothing works without
	}{
		{point("fork", "sched_process_fork"), (*code).fork, ""},
		{point("exec", "sched_process_exec"), (*code).exec, ""},
		{point("exit", "sched_process_exit"), (*code).exit, ""},
		{point("mkdir", "cgroup_mkdir"), (*code).mkdir, "control groups that are made and removed during the capture"},
		{point("leave", "sys_exit"), (*code).leave, ""},
		{point("receive", "sock_recv_length"), (*code).receive, "processes that only receive with a socket that another made"},
		{point("establish", "inet_sock_set_state"), (*code).establish, ""},
		{point("queue", "net_dev_queue"), (*code).queue, "packet sockets"},
		{ebpf.ProgramSpec{Name: "owner_create", Type: ebpf.CGroupSock, AttachType: ebpf.AttachCGroupInetSockCreate}, (*code).create, ""},
		{ebpf.ProgramSpec{Name: "owner_in", Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetIngress}, func(c *code) { c.packet(false) }, ""},
		{ebpf.ProgramSpec{Name: "owner_out", Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetEgress}, func(c *code) { c.packet(true) }, ""},
		{ebpf.ProgramSpec{Name: "owner_stood", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task_file"}, (*code).stood, "who had the sockets that stood before"},
	} {
		c := &code{bpfprog.New(l), &t.maps, t.networks}
		p.write(c)
		c.functions()
		err := t.Run(c.Code, p.spec)
		if err != nil && p.less != "" && !errors.Is(err, os.ErrPermission) {
			t.notes = append(t.notes, fmt.Sprintf("not known on this kernel: %s (%v)", p.less, err))
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func point(name, at string) ebpf.ProgramSpec { return bpfprog.Point("owner_"+name, at) }

// seedGroups reads the paths of the control groups that there are: the number of each is its inode.
func (t *Tracker) seedGroups() {
	root, err := bpfprog.ControlGroup()
	if err != nil {
		return
	}
	left := 1 << 14
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // it went away
		}
		if left--; left < 0 {
			return filepath.SkipAll
		}
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil {
			t.table.groups.put(st.Ino, "/"+strings.TrimPrefix(strings.TrimPrefix(path, root), "/"))
		}
		return nil
	})
}

// Notes say what is not known on this kernel.
func (t *Tracker) Notes() []string {
	if t.looker != nil {
		return lookNotes
	}
	return t.notes
}

// readLimit is how many events are taken before others have their turn.
const readLimit = 1 << 13

// drain takes the events that there are. The caller holds mu.
func (t *Tracker) drain() error {
	before := time.Now()
	var e event
	for more := true; more; {
		var err error
		more, err = t.Read(readLimit, func(b []byte) error {
			if err := parseEvent(b, &e); err != nil {
				return err
			}
			t.table.take(&e)
			return nil
		})
		if err != nil {
			return &Error{fmt.Errorf("read the ring: %w", err), ""}
		}
		if time.Since(before) > time.Second {
			break // others make them faster
		}
	}
	t.told.Store(t.table.events)
	t.drained = before.UnixNano()
	if t.drained-t.set > int64(time.Second) {
		// Frames are stamped with the one, what programs record with the other.
		t.clock, t.set = bpfprog.Offset(bpfprog.Clock(unix.CLOCK_REALTIME), bpfprog.Clock(unix.CLOCK_MONOTONIC)), t.drained
	}
	return nil
}

// refresh takes the events that there are, and forgets what no frame will ask for.
func (t *Tracker) refresh() error {
	if err := t.drain(); err != nil {
		return err
	}
	until := time.Duration(t.drained) - t.clock - remember
	for _, m := range t.table.matchers {
		m.Forget(until)
	}
	return nil
}

// Socket tells who has a socket now, by its cookie (SO_COOKIE, socket(7)): who used it last. ok is false where that is
// not known. The role is Receiver.
func (t *Tracker) Socket(cookie uint64) (o Owner, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looker != nil {
		return t.looker.socket(cookie)
	}
	if err := t.drain(); err != nil {
		return o, false, err
	}
	o = t.table.owner(cookie<<8|slotTime, 0, time.Duration(math.MaxInt64), Receiver)
	return o, o.Process != nil, nil
}

// remember is how late a frame may be.
const remember = 5 * time.Second

// Losses counts what could not be kept.
func (t *Tracker) Losses() (l Losses) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looker != nil {
		return Losses{Sockets: t.looker.forgotten}
	}
	_ = t.lost.Lookup(uint32(0), &l.Events) // a map of ours
	l.Sockets = t.table.sockets.forgotten
	return l
}

// Close takes the programs out of the kernel.
func (t *Tracker) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looker != nil {
		t.looker.close()
	}
	if t.done != nil {
		close(t.done)
		t.done = nil
	}
	t.Loaded.Close()
}
