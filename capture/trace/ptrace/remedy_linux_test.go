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
	user := map[string]string{"State": "S (sleeping)", "TracerPid": "0", "VmSize": "100 kB"}
	for _, c := range []struct {
		status      map[string]string
		child       bool
		scope, want string
	}{
		{user, false, "", "run as root"},
		{user, false, "0", "run as root"},
		{user, false, "1", "sudo sysctl kernel.yama.ptrace_scope=0"},
		{user, false, "2", "ptrace_scope is 2: run as root"},
		{user, false, "3", "until the next boot"},
		{map[string]string{"TracerPid": fmt.Sprint(os.Getpid())}, false, "1", "traces it already"},
		{user, true, "", "SYS_PTRACE"},
		{user, true, "1", "SYS_PTRACE"},
		{user, true, "2", "ptrace_scope is 2: run as root"},
		{user, true, "3", "until the next boot"},
		{nil, false, "1", "ptrace_scope is 1"},
	} {
		if got := explain(c.status, c.child, c.scope); !strings.Contains(got, c.want) {
			t.Errorf("%q, scope %q: %q, want %q", c.status, c.scope, got, c.want)
		}
	}
	if got := remedy(os.Getpid(), false, unix.ESRCH); got != "" {
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
