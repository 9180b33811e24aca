package netlab_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// helperVar makes a copy of the test binary play a program that uses netlab.
const helperVar = "NETLAB_TEST_HELPER"

func TestMain(m *testing.M) {
	if helper := helpers[os.Getenv(helperVar)]; helper != nil {
		helper()
		return
	}
	netlab.Run(m)
}

var helpers = map[string]func(){
	// A command: what it does inside shows outside.
	"status": inside(func() {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil {
			fatal(err)
		}
		fmt.Println("read", strings.TrimSpace(line), "args", os.Args[1:])
		os.Exit(3)
	}),
	"suicide": inside(func() {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}),
	"signal": inside(func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("ready")
		fmt.Println("got", <-c)
		os.Exit(5)
	}),
	// A lab with everything in it that could be left behind.
	"lab": inside(func() {
		lab, err := netlab.New(nil)
		if err != nil {
			fatal(err)
		}
		a, _ := lab.Host("a")
		b, _ := lab.Host("b")
		if _, err := lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{AtoB: impair.Config{Loss: 0.1}}}); err != nil {
			fatal(err)
		}
		sleep := a.Command(context.Background(), "sleep", "1000")
		if err := sleep.Start(); err != nil {
			fatal(err)
		}
		var ns string
		a.Do(func() (err error) { ns, err = os.Readlink("/proc/thread-self/ns/net"); return err })
		fmt.Println(os.Getpid(), sleep.Process.Pid, ns)
		select {}
	}),
	// A container whose settings are mounted read-only.
	"read-only": func() {
		if os.Getenv("SOCKWIRE_NETLAB") == "" {
			for _, flags := range []uintptr{syscall.MS_BIND, syscall.MS_REMOUNT | syscall.MS_BIND | syscall.MS_RDONLY} {
				if err := syscall.Mount("/proc/sys", "/proc/sys", "", flags, ""); err != nil {
					fatal(err)
				}
			}
			if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0); !errors.Is(err, syscall.EROFS) {
				fatal(fmt.Errorf("/proc/sys is not read-only: %v", err))
			}
		}
		inside(func() {
			lab, err := netlab.New(nil)
			if err != nil {
				fatal(err)
			}
			if _, err := lab.Host("a"); err != nil {
				fatal(err)
			}
		})()
	},
	// A machine that forbids: the limits written here are those of this process's own user namespace.
	"forbidden": func() {
		for _, name := range []string{"max_user_namespaces", "max_net_namespaces"} {
			if err := os.WriteFile("/proc/sys/user/"+name, []byte("0"), 0); err != nil {
				fatal(err)
			}
		}
		err := netlab.Available()
		var e *netlab.Error
		if !errors.As(err, &e) {
			fatal(fmt.Errorf("Available returned %v", err))
		}
		fmt.Printf("%v\nhint: %s\n", e, e.Hint())
		if _, _, err := netlab.Enter(); err == nil || err.Error() != e.Error() {
			fatal(fmt.Errorf("Enter returned %v", err))
		}
		cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=^TestUDPBetweenHosts$")
		cmd.Env = append(os.Environ(), helperVar+"=")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Run()
		fmt.Println("status", cmd.ProcessState.ExitCode())
	},
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(9)
}

// inside makes a helper of what a command does inside.
func inside(do func()) func() {
	return func() {
		in, status, err := netlab.Enter()
		if err != nil {
			fatal(err)
		}
		if !in {
			os.Exit(status)
		}
		do()
	}
}

// helper returns a command that runs a helper outside of the namespaces of this process, as a program that
// was just started would be.
func helper(t *testing.T, name string, args ...string) (cmd *exec.Cmd, output *bytes.Buffer) {
	t.Helper()
	netlab.Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, "/proc/self/exe", args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SOCKWIRE_NETLAB=") && !strings.HasPrefix(v, "REQUIRE_NETLAB=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, helperVar+"="+name, "GORACE=atexit_sleep_ms=0") // a race detector build sleeps a second at its end
	cmd.Dir = "/"
	output = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = output, output
	return cmd, output
}

func TestEnterPassesStreamsArgumentsAndStatus(t *testing.T) {
	cmd, output := helper(t, "status", "one", "two words")
	cmd.Stdin = strings.NewReader("hello\n")
	cmd.Run()
	if got, want := output.String(), "read hello args [one two words]\n"; got != want || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("output %q, %v; want %q, exit status 3", got, cmd.ProcessState, want)
	}
}

func TestEnterReportsTheSignalThatEndedTheCopy(t *testing.T) {
	cmd, output := helper(t, "suicide")
	cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != 128+9 {
		t.Errorf("exit status %d, output %q", got, output)
	}
}

func TestEnterForwardsSignals(t *testing.T) {
	cmd, _ := helper(t, "signal")
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("first line %q", lines.Text())
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if !lines.Scan() || lines.Text() != "got terminated" {
		t.Errorf("second line %q", lines.Text())
	}
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 5 {
		t.Errorf("exit status %d", got)
	}
}

func TestKillLeavesNothingBehind(t *testing.T) {
	for _, victim := range []string{"outer", "inner"} {
		t.Run(victim, func(t *testing.T) {
			cmd, _ := helper(t, "lab")
			cmd.Stdout = nil
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var inner, sleep int
			var ns string
			if _, err := fmt.Fscan(out, &inner, &sleep, &ns); err != nil {
				t.Fatal(err)
			}
			if !holders(t, ns) {
				t.Fatalf("no process is in %s, where sleep should be", ns)
			}
			if victim == "outer" {
				cmd.Process.Kill()
			} else {
				syscall.Kill(inner, syscall.SIGKILL)
			}
			cmd.Wait()
			deadline := time.Now().Add(10 * time.Second)
			for alive(inner) || alive(sleep) || holders(t, ns) {
				if time.Now().After(deadline) {
					t.Fatalf("10 s after the kill: copy alive %v, command alive %v, namespace %s held %v", alive(inner), alive(sleep), ns, holders(t, ns))
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// alive reports whether a process exists and is not a zombie, which only its parent can remove.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// holders reports whether any process is in a namespace or has it open.
func holders(t *testing.T, ns string) bool {
	t.Helper()
	var links []string
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/proc/[0-9]*/fd/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, found...)
	}
	return slices.ContainsFunc(links, func(l string) bool { got, _ := os.Readlink(l); return got == ns })
}

func TestReadOnlySysctls(t *testing.T) {
	cmd, output := helper(t, "read-only")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if err := cmd.Run(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

func TestForbiddenNamespaces(t *testing.T) {
	for require, want := range map[string][]string{
		"":  {"user.max_net_namespaces=0", "hint: sudo sysctl -w", "--- SKIP: TestUDPBetweenHosts", "status 0"},
		"1": {"hint: sudo sysctl -w", "--- FAIL: TestUDPBetweenHosts", "REQUIRE_NETLAB=1, but netlab: ", "status 1"},
	} {
		cmd, output := helper(t, "forbidden")
		cmd.Env = append(cmd.Env, "REQUIRE_NETLAB="+require)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		}
		if err := cmd.Run(); err != nil {
			t.Errorf("%v: %s", err, output)
		}
		for _, w := range want {
			if !strings.Contains(output.String(), w) {
				t.Errorf("REQUIRE_NETLAB=%q: no %q in:\n%s", require, w, output)
			}
		}
	}
}

// The whole of it as a user without any right, where this process may become one.
func TestAsOrdinaryUser(t *testing.T) {
	cmd, output := helper(t, "", "-test.v", "-test.run=^(TestUDPBetweenHosts|TestSysctl|TestRouters|TestOffload|TestImpairedPackets)$")
	cmd.Env = append(cmd.Env, "REQUIRE_NETLAB=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	err := cmd.Run()
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("this process cannot become another user: %v", err)
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	if n := strings.Count(output.String(), "\n--- PASS"); n < 4 || strings.Contains(output.String(), "SKIP") {
		t.Errorf("not everything ran:\n%s", output)
	}
}

func FuzzWorkersAreInside(f *testing.F) {
	netlab.Need(f)
	f.Fuzz(func(t *testing.T, _ []byte) {
		if err := netlab.Available(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFuzzing(t *testing.T) {
	cmd, output := helper(t, "", "-test.run=^$", "-test.fuzz=FuzzWorkersAreInside", "-test.fuzztime=20x", "-test.fuzzcachedir="+t.TempDir(), "-test.parallel=1")
	cmd.Env = append(cmd.Env, "REQUIRE_NETLAB=1")
	cmd.Dir = t.TempDir()
	if err := cmd.Run(); err != nil || !strings.Contains(output.String(), "execs: 20") {
		t.Errorf("%v:\n%s", err, output)
	}
}

func TestAvailableOutside(t *testing.T) {
	if err := netlab.Available(); err != nil {
		t.Skip(err)
	}
	cmd, output := helper(t, "", "-test.v", "-test.run=^TestAvailableInside$")
	if err := cmd.Run(); err != nil || !strings.Contains(output.String(), "--- PASS") {
		t.Errorf("%v:\n%s", err, output)
	}
}

func TestAvailableInside(t *testing.T) {
	netlab.Need(t)
	if err := netlab.Available(); err != nil {
		t.Error(err)
	}
	if in, _, err := netlab.Enter(); !in || err != nil {
		t.Errorf("Enter inside: %v, %v", in, err)
	}
}
