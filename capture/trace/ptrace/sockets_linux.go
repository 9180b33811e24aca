package ptrace

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

// process is a thread group.
type process struct {
	abi.Process
	threads int
	pidfd   int // -1 when there is none
	ringed  bool
}

// kernel asks about a program that is stopped.
type kernel struct{ *Tracer }

// Descriptor reads which socket a descriptor of a thread is, 0 for none.
func (kernel) Descriptor(tid, fd int) trace.SocketID { return descriptor(tid, fd) }

func descriptor(tid, fd int) trace.SocketID {
	if fd < 0 {
		return 0
	}
	var path [40]byte
	name := append(path[:0], "/proc/"...)
	name = strconv.AppendInt(name, int64(tid), 10)
	name = append(name, "/fd/"...)
	name = strconv.AppendInt(name, int64(fd), 10)
	var target [64]byte
	n, err := unix.Readlink(string(name), target[:])
	if err != nil {
		return 0
	}
	text, ok := strings.CutPrefix(string(target[:n]), "socket:[")
	if !ok {
		return 0
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
	if err != nil {
		return 0
	}
	return trace.SocketID(inode)
}

// scan reads all descriptors of a process that are sockets.
func scan(pid int) map[int]trace.SocketID {
	fds := map[int]trace.SocketID{}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return fds
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			if id := descriptor(pid, fd); id != 0 {
				fds[fd] = id
			}
		}
	}
	return fds
}

// refresh makes the table of a process what it really is.
func (t *Tracer) refresh(p *process) {
	at := t.clock.Now()
	t.sockets.Refresh(&p.Process, scan(p.PID), at)
}

// forget drops a process that has ended.
func (t *Tracer) forget(p *process) {
	t.sockets.Forget(&p.Process, t.clock.Now())
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
	delete(t.processes, p.PID)
}

// borrow gives a copy of a descriptor of the process to look at. The copy is closed before the thread goes
// on, so that a close in the program stays the last one.
func (p *process) borrow(fd int, look func(fd int)) {
	if p.pidfd < 0 {
		pidfd, err := unix.PidfdOpen(p.PID, 0)
		if err != nil {
			return
		}
		p.pidfd = pidfd
	}
	mine, err := unix.PidfdGetfd(p.pidfd, fd, 0)
	if err != nil {
		return
	}
	look(mine)
	unix.Close(mine)
}

// Inspect asks a copy of the descriptor.
func (k kernel) Inspect(p *abi.Process, fd int, st *trace.State) {
	k.processes[p.PID].borrow(fd, func(fd int) { abi.Inspect(fd, st) })
}

// elfClass returns 32 or 64 for an ELF executable of this machine's byte order, 0 for anything else.
func elfClass(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	var b [20]byte
	if n, _ := f.ReadAt(b[:], 0); n < len(b) || string(b[:4]) != "\x7fELF" {
		return 0
	}
	if machine := binary.LittleEndian.Uint16(b[18:]); b[4] == 2 && machine != elfMachine {
		return 32 // as little understood
	}
	return 32 * int(b[4])
}
