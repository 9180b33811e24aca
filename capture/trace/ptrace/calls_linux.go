//go:build amd64 || arm64

package ptrace

import (
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

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
	case th.process.stepped && th.returns(): // it has stopped at the beginning of this call before
	case i.op == infoSeccomp, i.op == infoEntry && (!t.filtered() || th.process.stepped):
		args := [6]uint64(i.a[1:7])
		f, native := abi.LookupForeign(i.arch, i.a[0])
		if native {
			t.enter(th, i.a[0], args)
			return
		}
		t.foreignCall(th, f, args)
	}
	t.proceed(th, 0)
}

// returns tells whether the end of the call that the thread is in is waited for.
func (th *thread) returns() bool {
	return th.call != nil || th.table || th.copies || th.revealed != nil
}

// foreignCall says of a process, once, that it makes calls about sockets which are not understood; what they did to its
// descriptors is looked at.
func (t *Tracer) foreignCall(th *thread, f abi.ForeignCall, args [6]uint64) {
	p := th.process
	if f.Class == 0 || f.Class == abi.Descriptor && t.socketOf(th, int(int32(args[0]))) == 0 {
		return
	}
	if !p.foreign {
		p.foreign = true
		t.note("%s", abi.ForeignNote(p.Name, p.PID))
	}
	if f.Makes {
		th.table = true
		th.close()
	}
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
	t.memory.of(th.tid)
	if inMemory, yes := abi.Untraced(number, args, &t.memory); yes {
		t.reveal(th, args[0], inMemory)
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
		t.tellAll(p)
		th.table = true
		th.close()
		p.apart = p.apart || p.threads > 1 // it may take a table of its own: CLONE_FILES, CLOSE_RANGE_UNSHARE
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
			if abi.Copies(s.Name, args) && p.IsEpoll(fd) {
				th.copies, th.args = true, args
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
	t.sockets.Waiting(&p.Process, c)
	if c.Op == trace.OpSend && c.Segment == 0 && id != 0 {
		c.Segment = t.sockets.Segment(id)
	}
	t.calls++
	c.Number = t.calls
	th.call, th.args = c, args
	switch s.Name {
	case "close":
		t.tell(p, fd, id)
		th.close()
	case "dup2", "dup3":
		th.close()
	}
	c.Entered = t.clock.Now()
	t.emit(c)
	t.proceed(th, 0)
	return true
}

// leave ends the record of a call. The one that was given when it was entered stays as it is.
func (t *Tracer) leave(th *thread, result int64, left time.Duration) {
	if th.revealed != nil {
		th.revealed.undo(th.tid)
		th.revealed = nil
	}
	if th.table {
		th.table = false
		t.refresh(th.process)
	}
	if th.copies {
		th.copies = false
		t.sockets.CopyEpoll(&th.process.Process, int(int32(th.args[0])), int(result))
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
