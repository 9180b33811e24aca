//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExplain(t *testing.T) {
	user := "Name:\tx\nState:\tS (sleeping)\nTracerPid:\t0\nVmSize:\t 100 kB\n"
	for _, c := range []struct{ status, scope, want string }{
		{user, "", "run as root"},
		{user, "0", "run as root"},
		{user, "1", "sudo sysctl kernel.yama.ptrace_scope=0"},
		{user, "2", "ptrace_scope is 2: run as root"},
		{user, "3", "until the next boot"},
		{user + "Kthread:\t0\n", "1", "ptrace_scope"},
		{strings.Replace(user, "TracerPid:\t0", fmt.Sprint("TracerPid:\t", os.Getpid()), 1), "1", "traces it already"},
		{"Name:\tkthreadd\nState:\tS (sleeping)\nTracerPid:\t0\nKthread:\t1\n", "0", "thread of the kernel"},
		{"Name:\tkthreadd\nState:\tS (sleeping)\nTracerPid:\t0\n", "1", "thread of the kernel"}, // before Linux 6.8
		{"Name:\tx\nState:\tZ (zombie)\nTracerPid:\t0\n", "0", "run as root"},
		{"", "1", "ptrace_scope is 1"},
	} {
		if got := explain(c.status, c.scope); !strings.Contains(got, c.want) {
			t.Errorf("%q, scope %q: %q, want %q", c.status, c.scope, got, c.want)
		}
	}
	if got := remedy(os.Getpid(), unix.ESRCH); got != "" {
		t.Errorf("a remedy for what is no refusal: %q", got)
	}
}

// TestNotStarted checks what is said of a shim that did not become the program.
func TestNotStarted(t *testing.T) {
	for code, want := range map[int]struct {
		text, hint string
	}{
		shimNoFilter:      {"no seccomp filters", "CONFIG_SECCOMP_FILTER"},
		int(unix.ENOEXEC): {"exec format error", "#!"},
		int(unix.EACCES):  {"permission denied", "noexec"},
		int(unix.ENOENT):  {"no such file", "interpreter"},
	} {
		tr := newTracer(nil)
		err := tr.ended(unix.WaitStatus(code << 8))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), want.text) || !strings.Contains(e.Hint(), want.hint) || tr.Status().ExitCode() != 0 {
			t.Errorf("status %d: %v, hint %q, exit code %d", code, err, e.Hint(), tr.Status().ExitCode())
		}
	}
}
