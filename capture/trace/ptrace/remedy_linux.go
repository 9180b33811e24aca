//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"sockwire/capture/trace/internal/abi"
)

// remedy says what to do about a refusal to trace a process.
func remedy(pid int, err error) string {
	if !errors.Is(err, os.ErrPermission) {
		return ""
	}
	scope, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return explain(string(status), strings.TrimSpace(string(scope)))
}

// explain finds the reason in what /proc/PID/status says and in kernel.yama.ptrace_scope, "" where there is no Yama.
func explain(status, scope string) string {
	field := map[string]string{}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		field[name] = strings.TrimSpace(value)
	}
	if tracer, _ := strconv.Atoi(field["TracerPid"]); tracer > 0 {
		return fmt.Sprintf("process %d (%s) traces it already: end that first", tracer, abi.Comm(tracer))
	}
	if field["Kthread"] == "1" || field["Kthread"] == "" && status != "" && field["VmSize"] == "" && !strings.HasPrefix(field["State"], "Z") {
		return "it is a thread of the kernel, which makes no system calls"
	}
	// Documentation/admin-guide/LSM/Yama.rst
	switch scope {
	case "", "0":
		return "it is another user's, or has more rights than this command: run as root"
	case "3":
		return "kernel.yama.ptrace_scope is 3: nothing can be traced until the next boot"
	}
	return "kernel.yama.ptrace_scope is " + scope + ": run as root, or allow it until the next boot with: sudo sysctl kernel.yama.ptrace_scope=0"
}
