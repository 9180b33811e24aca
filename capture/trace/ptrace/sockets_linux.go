package ptrace

import (
	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

// process is a thread group.
type process struct {
	abi.Process
	coverage
	threads  int
	closing  int // threads that may be closing descriptors
	exiting  int // threads that are about to end
	borrower abi.Borrower
	ringed   bool
	foreign  bool // it makes calls of another table
	apart    bool // its threads may have tables of descriptors of their own, or one with another process
}

// close notes that a thread is in a call that may close descriptors.
func (th *thread) close() {
	if !th.closing {
		th.closing = true
		th.process.closing++
	}
}

func (th *thread) closed() {
	if th.closing {
		th.closing = false
		th.process.closing--
	}
}

// socketOf tells which socket a descriptor is. What was recorded of it is right as long as nothing is being closed and
// all that closes descriptors is seen; asking the kernel at each call took a tenth of the tracing thread's time.
func (t *Tracer) socketOf(th *thread, fd int) trace.SocketID {
	p := th.process
	if id := p.Socket(fd); id != 0 && p.closing == 0 && !p.ringed && !p.apart && t.filtered() {
		return id
	}
	return abi.SocketOf(th.tid, fd)
}

// kernel asks about a program that is stopped.
type kernel struct{ *Tracer }

// Descriptor reads which socket a descriptor of a thread is, 0 for none.
func (kernel) Descriptor(tid, fd int) trace.SocketID { return abi.SocketOf(tid, fd) }

// refresh makes the table of a process what it really is.
func (t *Tracer) refresh(p *process) {
	at := t.clock.Now()
	t.sockets.Refresh(&p.Process, abi.Scan(p.PID), at)
}

// forget drops a process that has ended.
func (t *Tracer) forget(p *process) {
	t.sockets.Forget(&p.Process, t.clock.Now())
	p.borrower.Close()
	delete(t.processes, p.PID)
}

// Inspect asks a copy of the descriptor.
func (k kernel) Inspect(p *abi.Process, fd int, st *trace.State) {
	k.processes[p.PID].borrower.Borrow(p.PID, fd, func(fd int) {
		abi.Inspect(fd, st)
		if n := abi.Dropped(fd); n > 0 {
			k.losses[st.Socket] = n // before it was traced
		}
	})
}

// Epoll does not know: an epoll instance has no name of its own.
func (kernel) Epoll(int) abi.EpollID { return 0 }

// Interest reads what an instance waits for that the program has not made before us.
func (kernel) Interest(p *abi.Process, fd int) ([]trace.Wait, bool) { return abi.Interest(p.PID, fd) }

// losses are how many packets sockets had dropped by their own counts when they were looked at last. Nothing tells this
// engine of single ones.
type losses map[trace.SocketID]uint32

// tell says how many packets a socket dropped since it was looked at last. Its process has stopped.
func (t *Tracer) tell(p *process, fd int, id trace.SocketID) {
	p.borrower.Borrow(p.PID, fd, func(mine int) {
		now := abi.Dropped(mine)
		n := now - t.losses[id] // 32 bits, as the kernel counts
		if n == 0 {
			return
		}
		t.losses[id] = now
		t.note("descriptor %d of %s (process %d): its socket dropped packets that had come for it, %d by its own count (SO_MEMINFO): it tells how many, not which", fd, p.Name, p.PID, n)
	})
}

// tellAll says it of all sockets of a process.
func (t *Tracer) tellAll(p *process) {
	for _, fd := range p.Descriptors() {
		t.tell(p, fd, p.Socket(fd))
	}
}
