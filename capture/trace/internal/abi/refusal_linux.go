package abi

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// Status reads the fields of /proc/PID/status, none of a process that is not there.
func Status(pid int) map[string]string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return statusFields(string(b))
}

func statusFields(status string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		all[name] = strings.TrimSpace(value)
	}
	return all
}

// Unattachable says why a process cannot be traced by any engine, and what to do about it. The error is nil when
// nothing is against it but, perhaps, permission.
func Unattachable(pid int) (remedy string, err error) {
	if pid == os.Getpid() {
		return "that is the process that would trace: give the number of another", unix.EPERM
	}
	if remedy, err := unattachable(pid, Status(pid)); err != nil {
		return remedy, err
	}
	if Foreign(fmt.Sprintf("/proc/%d/exe", pid)) {
		return RemedyForeign, trace.ErrForeign
	}
	return "", nil
}

func unattachable(pid int, status map[string]string) (remedy string, err error) {
	switch of, _ := strconv.Atoi(status["Tgid"]); {
	case pid <= 0 || len(status) == 0:
		return "ps shows the processes there are", unix.ESRCH
	case of != pid:
		return fmt.Sprintf("it is a thread: give the number of its process, %d", of), unix.ESRCH
	case strings.HasPrefix(status["State"], "Z"), strings.HasPrefix(status["State"], "X"):
		return "it has ended, and waits for its parent to ask how", unix.ESRCH
	case status["Kthread"] == "1", status["Kthread"] == "" && status["VmSize"] == "": // the field is of Linux 6.8
		return "it is a thread of the kernel, which makes no system calls", unix.EPERM
	}
	return "", nil
}

// RemedyForeign is what to do about trace.ErrForeign.
const RemedyForeign = "trace a program of 64 bits for this processor"

// RemedyStart is what to do about a file that could not be executed, "" where nothing is known.
func RemedyStart(err error) string {
	switch {
	case errors.Is(err, unix.ENOEXEC):
		return "it is no executable: a script needs #! and its interpreter in the first line"
	case errors.Is(err, unix.ENOENT):
		return "the file is there, but not the interpreter that its first line names, or its dynamic linker"
	case errors.Is(err, unix.EACCES):
		return "it must be a file that may be executed, on a file system that is not mounted noexec"
	}
	return ""
}
