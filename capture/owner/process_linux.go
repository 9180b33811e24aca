//go:build amd64 || arm64

package owner

import (
	"bytes"
	"io"
	"os"
	"sockwire/capture/internal/bpfprog"
	"strconv"
	"strings"
)

// Network is the inode of the network namespace of this thread.
func Network() (uint32, error) {
	n, err := bpfprog.NetworkOf("/proc/thread-self/ns/net")
	if err != nil {
		return 0, &Error{err, ""}
	}
	return uint32(n), nil
}

// maxArgs bounds what is kept of a command line.
const maxArgs = 4096

// look reads what proc(5) says of a process.
func look(pid int) (exe string, args []string, group string) {
	dir := "/proc/" + strconv.Itoa(pid)
	exe, _ = os.Readlink(dir + "/exe")
	if b, err := head(dir+"/cmdline", maxArgs); err == nil {
		args = arguments(string(bytes.TrimRight(b, "\x00")))
	}
	if b, err := head(dir+"/cgroup", 1<<14); err == nil {
		for line := range strings.Lines(string(b)) {
			if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
				group = path
			}
		}
	}
	return exe, args, group
}

func head(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// taskOf reads what proc(5) says of a process in short, and the number of its parent, 0 where there is none.
func taskOf(pid int) (p Parent, parent int) {
	p.PID = pid
	dir := "/proc/" + strconv.Itoa(pid)
	b, err := head(dir+"/stat", 1<<10)
	begin, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if err != nil || begin < 0 || end < begin {
		return p, 0
	}
	p.Name = string(b[begin+1 : end])
	if fields := strings.Fields(string(b[end+1:])); len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1]) // the kernel writes numbers
	}
	if b, err := head(dir+"/status", 1<<13); err == nil {
		if _, rest, ok := strings.Cut(string(b), "\nUid:"); ok {
			if ids := strings.Fields(rest); len(ids) > 1 {
				id, _ := strconv.ParseUint(ids[1], 10, 32) // the effective one; the kernel writes numbers
				p.UID = uint32(id)
			}
		}
	}
	return p, parent
}
