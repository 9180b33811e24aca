package abi

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUnattachable(t *testing.T) {
	user := "Name:\tx\nState:\tS (sleeping)\nTgid:\t42\nPid:\t42\nVmSize:\t 100 kB\n"
	for name, c := range map[string]struct {
		pid          int
		status, want string
		err          error
	}{
		"user":                      {42, user, "", nil},
		"user since Linux 6.8":      {42, user + "Kthread:\t0\n", "", nil},
		"none":                      {42, "", "ps shows", unix.ESRCH},
		"zero":                      {0, user, "ps shows", unix.ESRCH},
		"negative":                  {-42, user, "ps shows", unix.ESRCH},
		"thread":                    {43, user, "its process, 42", unix.ESRCH},
		"zombie":                    {42, strings.Replace(user, "S (sleeping)", "Z (zombie)", 1), "has ended", unix.ESRCH},
		"kernel":                    {42, "Name:\tk\nState:\tS (sleeping)\nTgid:\t42\nKthread:\t1\n", "thread of the kernel", unix.EPERM},
		"kernel before Linux 6.8":   {42, "Name:\tk\nState:\tS (sleeping)\nTgid:\t42\n", "thread of the kernel", unix.EPERM},
		"a name with a line's form": {42, "Name:\tTgid:\t7\n" + user[len("Name:\tx\n"):], "", nil},
	} {
		if remedy, err := unattachable(c.pid, statusFields(c.status)); err != c.err || !strings.Contains(remedy, c.want) || err == nil && remedy != "" {
			t.Errorf("%s: %v, %q, want %v, %q", name, err, remedy, c.err, c.want)
		}
	}
	if remedy, err := Unattachable(os.Getpid()); err != unix.EPERM || !strings.Contains(remedy, "another") {
		t.Errorf("this process: %v, %q", err, remedy)
	}
	if _, err := Unattachable(os.Getppid()); err != nil && !errors.Is(err, unix.EPERM) { // in a container it may be none that is seen
		t.Errorf("the parent: %v", err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await := unix.Siginfo{}
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &await, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if remedy, err := Unattachable(cmd.Process.Pid); err != unix.ESRCH || !strings.Contains(remedy, "has ended") {
		t.Errorf("a zombie: %v, %q", err, remedy)
	}
	cmd.Wait()
	if remedy, err := Unattachable(cmd.Process.Pid); err != unix.ESRCH || !strings.Contains(remedy, "ps shows") {
		t.Errorf("none: %v, %q", err, remedy)
	}
}

func TestRemedyStart(t *testing.T) {
	for err, want := range map[error]string{
		unix.ENOEXEC: "#!", fmt.Errorf("start: %w", unix.ENOENT): "interpreter", unix.EACCES: "noexec",
	} {
		if got := RemedyStart(err); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if got := RemedyStart(unix.ENOMEM); got != "" {
		t.Errorf("memory: %q", got)
	}
}
