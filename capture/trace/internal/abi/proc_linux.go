package abi

import (
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// SocketOf reads which socket a descriptor of a thread is, 0 for none.
func SocketOf(tid, fd int) trace.SocketID {
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

// Scan reads all descriptors of a process that are sockets.
func Scan(pid int) map[int]trace.SocketID {
	fds := map[int]trace.SocketID{}
	for fd := range descriptors(pid) {
		if id := SocketOf(pid, fd); id != 0 {
			fds[fd] = id
		}
	}
	return fds
}

// descriptors yields those of a process, none of one that cannot be looked into.
func descriptors(pid int) iter.Seq[int] {
	return func(yield func(int) bool) {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return
		}
		for _, e := range entries {
			if fd, err := strconv.Atoi(e.Name()); err == nil && !yield(fd) {
				return
			}
		}
	}
}

// Borrower gives copies of the descriptors of a process to look at, see pidfd_getfd(2). The zero value is
// ready.
type Borrower struct {
	pidfd int
	open  bool
}

// Borrow opens a copy of a descriptor for look and closes it again, so that a close in the program stays the
// last one if the program does not run meanwhile. Without permission nothing happens.
func (b *Borrower) Borrow(pid, fd int, look func(fd int)) {
	if !b.open {
		pidfd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return
		}
		b.pidfd, b.open = pidfd, true
	}
	mine, err := unix.PidfdGetfd(b.pidfd, fd, 0)
	if err != nil {
		return
	}
	look(mine)
	unix.Close(mine)
}

// Close forgets the process.
func (b *Borrower) Close() {
	if b.open {
		unix.Close(b.pidfd)
		b.open = false
	}
}

// Comm reads what a process is called.
func Comm(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return strconv.Itoa(pid)
	}
	return strings.TrimSpace(string(b))
}

// Foreign tells whether a file is an executable of 32 bits or for another kind of processor.
func Foreign(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [20]byte
	if n, _ := f.ReadAt(b[:], 0); n < len(b) || string(b[:4]) != "\x7fELF" {
		return false
	}
	return b[4] != 2 || binary.LittleEndian.Uint16(b[18:]) != elfMachine
}

// Fork starts an executable with the standard files, directory and environment of a command.
func Fork(c trace.Command, path string, args []string, sys *syscall.SysProcAttr) (pid int, err error) {
	files := make([]uintptr, 3)
	for i, f := range c.Files {
		if f == nil {
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				return 0, err
			}
			defer null.Close()
			f = null
		}
		files[i] = f.Fd()
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	return syscall.ForkExec(path, args, &syscall.ProcAttr{Dir: c.Dir, Env: env, Files: files, Sys: sys})
}
