//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace/internal/abi"
)

// remedy says what to do about a refusal to trace a process, which may be a child of ours.
func remedy(pid int, child bool, err error) string {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return "this kernel has no ptrace(2)"
	case !errors.Is(err, os.ErrPermission):
		return ""
	}
	scope, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	return explain(abi.Status(pid), child, strings.TrimSpace(string(scope)))
}

// explain finds the reason in what /proc/PID/status says and in kernel.yama.ptrace_scope, "" where there is no Yama.
func explain(status map[string]string, child bool, scope string) string {
	if tracer, _ := strconv.Atoi(status["TracerPid"]); tracer > 0 {
		return fmt.Sprintf("process %d (%s) traces it already: end that first", tracer, abi.Comm(tracer))
	}
	// Documentation/admin-guide/LSM/Yama.rst
	switch {
	case scope == "3":
		return "kernel.yama.ptrace_scope is 3: nothing can be traced until the next boot"
	case child && scope != "2":
		return "a filter of system calls forbids it, as containers have: give the container the capability SYS_PTRACE"
	case scope == "", scope == "0":
		return "it is another user's, or has more rights than this command: run as root"
	}
	return "kernel.yama.ptrace_scope is " + scope + ": run as root, or allow it until the next boot with: sudo sysctl kernel.yama.ptrace_scope=0"
}
