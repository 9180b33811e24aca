package capture_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sockwire/capture"
	"sockwire/raw/netlab"

	"golang.org/x/sys/unix"
)

// oneWay, in the environment, makes this program part of TestWithinOneWay.
const oneWay = "CAPTURE_TEST_ONE_WAY"

func init() {
	if part := os.Getenv(oneWay); part != "" {
		os.Exit(playOneWay(part))
	}
}

func namespace() string {
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return err.Error()
	}
	return name
}

// TestWithin: do runs in the namespace, on the caller's thread, which goes back and lives on.
func TestWithin(t *testing.T) {
	netlab.Need(t)
	_, a, _ := netlab.Two(t)
	var there string
	must(t, a.Do(func() error { there = namespace(); return nil }))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, thread := namespace(), unix.Gettid()
	waits := a.Command(t.Context(), "cat")
	stdin, err := waits.StdinPipe()
	must(t, err)
	stdout, err := waits.StdoutPipe()
	must(t, err)
	must(t, waits.Start())
	defer waits.Wait()
	defer stdin.Close()
	fmt.Fprint(stdin, "x")
	_, err = stdout.Read(make([]byte, 1)) // it is where it belongs
	must(t, err)
	wrong := errors.New("by the test")
	for range 3 {
		err := capture.Within(strconv.Itoa(waits.Process.Pid), func() error {
			if got := namespace(); got != there || unix.Gettid() != thread {
				t.Errorf("in %s on thread %d, not in %s on %d", got, unix.Gettid(), there, thread)
			}
			return wrong
		})
		if err != wrong || namespace() != home || unix.Gettid() != thread {
			t.Errorf("%v; back in %s on thread %d, before %s on %d", err, namespace(), unix.Gettid(), home, thread)
		}
	}
	for _, name := range []string{"no-such-namespace", "/dev/null", "2147483647"} {
		if err := capture.Within(name, func() error { t.Error("called"); return nil }); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if namespace() != home {
		t.Error("left behind in", namespace())
	}
}

// TestWithinOneWay: a program in a user namespace of its own may enter what it owns, and not go back on that thread.
func TestWithinOneWay(t *testing.T) {
	netlab.Need(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), oneWay+"=parent")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "there, and back\n" {
		t.Errorf("%v: %q", err, out)
	}
}

// playOneWay is the parent, which enters the namespace of its child, or the child.
func playOneWay(part string) int {
	if part == "child" {
		io.Copy(io.Discard, os.Stdin)
		return 0
	}
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), oneWay+"=child")
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	stdin, err := child.StdinPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer child.Wait()
	defer stdin.Close()
	home, there := namespace(), ""
	want, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", child.Process.Pid))
	err = capture.Within(strconv.Itoa(child.Process.Pid), func() error { there = namespace(); return nil })
	if err != nil || there != want || there == home || namespace() != home {
		fmt.Println(err, home, there, want, namespace())
		return 1
	}
	fmt.Println("there, and back")
	return 0
}
