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
	borrower abi.Borrower
	ringed   bool
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
	k.processes[p.PID].borrower.Borrow(p.PID, fd, func(fd int) { abi.Inspect(fd, st) })
}
