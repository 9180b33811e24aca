package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// refused checks that a command said in one line what is wrong and in another what to do, and nothing else.
func refused(t *testing.T, o outcome, line, hint string) {
	t.Helper()
	lines := strings.Split(o.Stderr, "\n")
	if o.Code != 2 || o.Stdout != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], "sockwire: ") || !strings.Contains(lines[0], line) ||
		!strings.HasPrefix(lines[1], "sockwire: hint: ") || !strings.Contains(lines[1], hint) {
		t.Errorf("%+v\nwant exit status 2, %q and the hint %q", o, line, hint)
	}
}

// TestRefused gives programs that cannot be traced.
func TestRefused(t *testing.T) {
	j := newJudge(t)
	h := j.host(t, "host", false)
	dir := t.TempDir()
	for name, f := range map[string]struct {
		data string
		mode os.FileMode
	}{
		"plain": {"text", 0o644}, "text": {"text", 0o755}, "nothere": {"#!/nonexistent/interpreter\n", 0o755},
		"foreign": {"\x7fELF\x01\x01\x01" + strings.Repeat("\x00", 60), 0o755},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(f.data), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args       []string
		line, hint string
	}{
		{[]string{"--", "no-such-command"}, "executable file not found", "PATH"},
		{[]string{"--", "/nonexistent/program"}, "no such file or directory", "path of a program"},
		{[]string{"--", "./plain"}, "permission denied", "can be executed"},
		{[]string{"--", dir}, "is a directory", "can be executed"},
		{[]string{"--", "./text"}, "start ./text: exec format error", "#!"},
		{[]string{"--", "./nothere"}, "start ./nothere: no such file or directory", "interpreter"},
		{[]string{"--", "./foreign"}, "32 bits", "64 bits"},
		{[]string{"-p", "1073741824"}, "no such process", "ps shows"},
		{[]string{"-p", "0"}, "-p 0 is no process", "--help"},
		{[]string{"-p", "-3"}, "-p -3 is no process", "--help"},
	} {
		refused(t, j.do(t, h, dir, append([]string{"sockwire", "--engine", "ptrace", "-o", "/dev/null"}, c.args...)...), c.line, c.hint)
	}
	refused(t, j.do(t, h, dir, "sh", "-c", `exec "$0" --engine ptrace -p $$`, filepath.Join(j.bin, "sockwire")), "operation not permitted", "another")
	if b, err := os.ReadFile("/proc/2/status"); err == nil && bytes.HasPrefix(b, []byte("Name:\tkthreadd\n")) && os.Geteuid() == 0 {
		refused(t, j.do(t, h, dir, "sockwire", "--engine", "ptrace", "-p", "2"), "operation not permitted", "thread of the kernel")
	}
	program, _, pid := j.idle(t, "-o", "/dev/null")
	refused(t, j.do(t, h, dir, "sockwire", "--engine", "ptrace", "-p", strconv.Itoa(pid)), "operation not permitted", "traces it already")
	program.in.Close()
	program.Wait()
}

// TestRefusedToNobody does what a user without rights may not do, and what he may only do in part.
func TestRefusedToNobody(t *testing.T) {
	run := func(args ...string) outcome {
		cmd := asNobody(t, args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL) {
			t.Skipf("another user cannot be had here: %v", err)
		}
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
	o := run("--engine", "ptrace", "-o", "/dev/null", "--", "sh", "-c", "echo out; exit 3")
	if want := "sockwire: only calls are shown, packets are not: "; o.Stdout != "out\n" || o.Code != 3 || !strings.HasPrefix(o.Stderr, want) ||
		strings.Count(o.Stderr, "\n") != 2 || !strings.Contains(o.Stderr, "\nsockwire: hint: capturing needs cap_net_raw; without it, --isolate") {
		t.Errorf("without capture: %+v", o)
	}
	o = run("--engine", "ptrace", "-p", strconv.Itoa(os.Getpid()), "-o", "/dev/null")
	lines := strings.SplitAfter(o.Stderr, "\n")
	o.Stderr = strings.Join(lines[min(2, len(lines)):], "") // that there are no packets is said before
	refused(t, o, "operation not permitted", "run as root")

	path, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sockwire-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "setuid")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(file, b, 0o755), os.Chmod(file, 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	refused(t, run("--engine", "ptrace", "-o", "/dev/null", "--", file), "set-user-ID program", "root")
	// One that the traced program executes runs without its rights, which is said.
	o = run("--engine", "ptrace", "-o", "/dev/null", "--", "sh", "-c", file+"; exit 4")
	if o.Code != 4 || strings.Count(o.Stderr, "set-user-ID program would run without the rights of its owner") != 1 {
		t.Errorf("a set-user-ID program started by the traced one: %+v", o)
	}
}
