//go:build amd64 || arm64

package ptrace

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/tracetest"
	"sockwire/capture/trace/show"
)

// needTracing skips where the system forbids a process to trace its own children.
func needTracing(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.ENOSYS) {
		if os.Getenv("REQUIRE_NETLAB") == "1" {
			t.Fatalf("REQUIRE_NETLAB=1, but tracing is forbidden here: %v", err)
		}
		t.Skipf("tracing is forbidden here: %v", err)
	}
}

// traceProgram runs one of the programs to its end.
func traceProgram(t *testing.T, name string, cfg *Config) ([]trace.Event, Status) {
	t.Helper()
	tr, err := Start(Command{Path: "/proc/self/exe", Args: []string{name}, Files: [3]*os.File{nil, nil, os.Stderr}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var log tracetest.Log
	for e, err := range tr.Events(ctx) {
		if err != nil {
			needTracing(t, err)
			t.Fatal(err)
		}
		log.Add(e)
	}
	if ctx.Err() != nil {
		t.Fatal("the program did not end")
	}
	return log.Events(), tr.Status()
}

func names(events []trace.Event) []string {
	var all []string
	for _, c := range trace.Correlate(events).Calls {
		all = append(all, c.Name)
	}
	return all
}

// plainCalls are the calls on sockets of the program plain; x/sys asks for the protocol of each address it returns.
var plainCalls = strings.Fields("socket socket bind getsockname getsockopt sendto recvfrom getsockopt recvfrom getsockopt connect write read dup close setsockopt close socketpair sendmsg close " +
	"recvmsg close listen getpeername")

func TestCalls(t *testing.T) {
	for _, everything := range []bool{false, true} {
		events, status := traceProgram(t, "plain", &Config{everything: everything})
		if status != (Status{}) {
			t.Fatalf("status %+v", status)
		}
		if got := names(events); !slices.Equal(got, plainCalls) {
			t.Errorf("everything %v:\n got %v\nwant %v", everything, got, plainCalls)
		}
		tl := trace.Correlate(events)
		if err := tl.Check(); err != nil {
			t.Error(err)
		}
		text := string(show.Append(nil, tl, show.Options{}))
		for _, want := range []string{
			`socket\(AF_INET, SOCK_DGRAM, IPPROTO_IP\) = \d+.*s1\n`,
			`bind\(\d+, 127\.0\.0\.1:0\) = 0`,
			`sendto\(\d+, "one", 3, 127\.0\.0\.1:\d+\) = 3`,
			`recvfrom\(\d+, 100, MSG_PEEK → 127\.0\.0\.1:\d+\) = 3 "one".*all of #6; and left in the queue`,
			`connect\(\d+, 127\.0\.0\.1:\d+\) = 0`,
			`write\(\d+, "two", 3\) = 3`,
			`read\(\d+, 100\) = 3 "two".*all of #12`,
			`setsockopt\(\d+, SOL_SOCKET, SO_BROADCAST, 1, 4\) = 0`,
			`sendmsg\(\d+, "x", 1, \[SCM_RIGHTS \[\d+\]\]\) = 1.*s4 receives it, and descriptor \d+ as \d+`,
			`listen\(\d+, 1\) = E`,
			`getpeername\(99\) = EBADF`,
		} {
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("no line %q in\n%s", want, text)
			}
		}
		// The second socket is closed with its second descriptor, the first one where it was passed to.
		for i, call := range []string{"close", "close"} {
			s := tl.Sockets[i]
			if s.Closed < 0 {
				t.Errorf("%s was not seen to be closed by %s", s.Name, call)
			}
		}
		if a, b := tl.Sockets[0], tl.Sockets[1]; a.Closed < b.Closed {
			t.Errorf("%s closed at %v, before %s at %v: passing it must keep it open", a.Name, a.Closed, b.Name, b.Closed)
		}
	}
}

func TestThreads(t *testing.T) {
	events, status := traceProgram(t, "chat", &Config{Data: 100})
	if status.ExitCode() != 0 {
		t.Fatalf("status %+v", status)
	}
	tl := trace.Correlate(events)
	if err := tl.Check(); err != nil {
		t.Error(err)
	}
	accepted, sent, received, open := 0, 0, 0, 0
	for _, s := range tl.Sockets {
		if s.Kind != trace.KindStream || s.Family == trace.FamilyUnix {
			continue
		}
		if s.Parent != nil {
			accepted++
		}
		if s.Closed < 0 {
			open++
		}
	}
	for _, c := range tl.Calls {
		if c.Errno == "" && c.On != nil && c.On.Kind == trace.KindStream {
			switch c.Name {
			case "write", "sendto":
				sent += int(c.Result)
			case "read", "recvfrom":
				received += int(c.Result)
				for _, span := range c.Received {
					from := tl.Call(span.Call)
					if string(from.Data[span.From:span.To]) != string(c.Data) && len(c.Received) == 1 {
						t.Errorf("#%d %q is said to come from %q", c.Number, c.Data, from.Data[span.From:span.To])
					}
				}
				if c.Result > 0 && len(c.Received) == 0 {
					t.Errorf("where #%d %q comes from is not known", c.Number, c.Data)
				}
			}
		}
	}
	const want = 2 * 3 * len("hello from 0")
	if accepted != 3 || sent != want || received != want || open > 1 {
		t.Errorf("accepted %d, sent %d, received %d, open %d; want 3, %d, %d and at most the listener", accepted, sent, received, open, want, want)
	}
}

func TestStatus(t *testing.T) {
	if _, s := traceProgram(t, "exit7", nil); s.ExitCode() != 7 {
		t.Errorf("status %+v, want 7", s)
	}
	if _, s := traceProgram(t, "killed", nil); s.Signal != syscall.SIGTERM || s.ExitCode() != 143 {
		t.Errorf("status %+v, want SIGTERM", s)
	}
}

// TestStop stops and continues a traced program as job control does.
func TestStop(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tr, err := Start(Command{Path: "/proc/self/exe", Args: []string{"stopped"}, Files: [3]*os.File{nil, w, os.Stderr}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		var failed error
		for _, err := range tr.Events(t.Context()) {
			failed = err
		}
		ended <- failed
	}()
	for stop := time.Now().Add(20 * time.Second); time.Now().Before(stop); time.Sleep(10 * time.Millisecond) {
		tr.Signal(syscall.SIGCONT) // one that comes before the stop is lost, as without a tracer
		select {
		case err := <-ended:
			if err != nil {
				needTracing(t, err)
				t.Fatal(err)
			}
			w.Close()
			if b, _ := io.ReadAll(r); string(b) != "continued\n" || tr.Status().ExitCode() != 0 {
				t.Fatalf("output %q, status %+v", b, tr.Status())
			}
			return
		default:
		}
	}
	t.Fatal("it did not go on")
}

// TestAttach traces a running program for a while and lets it go on.
func TestAttach(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"echo"}
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); cmd.Wait() }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(text string) {
		t.Helper()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 100)
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(b); err != nil || string(b[:n]) != text {
			t.Fatalf("%q %v", b[:n], err)
		}
	}
	ask("before")
	tr, err := Attach(cmd.Process.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log tracetest.Log
	ended, seen := make(chan error, 1), make(chan bool, 1)
	go func() {
		var failed error
		for e, err := range tr.Events(ctx) {
			if failed = err; err != nil {
				break
			}
			log.Add(e)
			if c, ok := e.(*trace.Call); ok && !c.Pending && c.Name == "sendto" && string(c.Data) == "during" {
				seen <- true
			}
			if _, ok := e.(*trace.State); ok {
				select {
				case seen <- false: // attached, its sockets are found
				default:
				}
			}
		}
		ended <- failed
	}()
	select {
	case <-seen:
	case err := <-ended:
		needTracing(t, err)
		t.Fatal(err)
	}
	ask("during")
	for !<-seen {
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	ask("after")
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status")
	if !strings.Contains(string(b), "TracerPid:\t0\n") || strings.Contains(string(b), "stopped") {
		t.Errorf("it was not let go:\n%s", b)
	}
	tl := trace.Correlate(log.Events())
	if len(tl.Sockets) == 0 || !tl.Sockets[0].Local.IsValid() || tl.Sockets[0].Kind != trace.KindDatagram {
		t.Errorf("sockets %+v", tl.Sockets)
	}
}

// TestKilledTracer kills a tracer: the program that it started ends too.
func TestKilledTracer(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"tracer"}
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	line, err := r.ReadString('\n')
	if err != nil {
		cmd.Wait()
		needTracing(t, os.ErrPermission)
	}
	cmd.Process.Kill()
	// The program holds the other end of the pipe until it ends.
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
	cmd.Wait()
	if pid := strings.TrimSpace(line); pid == "" {
		t.Error("the program did not start")
	}
}

func TestErrors(t *testing.T) {
	if _, err := Start(Command{Path: "/nonexistent", Args: []string{"x"}}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such program: %v", err)
	}
	if _, err := Attach(1<<30, nil); !errors.Is(err, unix.ESRCH) {
		t.Errorf("no such process: %v", err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	header := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 57)...)
	if err := os.WriteFile(foreign, header, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Command{Path: foreign, Args: []string{"x"}}, nil); !errors.Is(err, ErrForeign) {
		t.Errorf("a program of 32 bits: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	tr, err := Start(Command{Path: text, Args: []string{"x"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range tr.Events(t.Context()) {
		if err != nil {
			needTracing(t, err)
		}
		if err != nil && !errors.Is(err, unix.ENOEXEC) {
			t.Errorf("no executable: %v", err)
		}
	}
}

// TestStrace compares the network calls with those that strace lists.
func TestStrace(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal("REQUIRE_PEERS=1, but there is no strace")
		}
		t.Skip("strace is not installed: nothing to compare with")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "plain")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if b, err := exec.Command(strace, "-f", "-qq", "-e", "trace=network", "-e", "signal=none", "-o", out, program).CombinedOutput(); err != nil {
		t.Fatalf("strace: %v %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(string(b), -1) {
		want = append(want, m[1])
	}
	events, _ := traceProgram(t, "plain", nil)
	got := slices.DeleteFunc(names(events), func(n string) bool { return !slices.Contains(want, n) })
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestBegin checks that times count from the moment at which the program begins, not from that at which the trace was
// asked for.
func TestBegin(t *testing.T) {
	cfg := &Config{Clock: trace.NewClock()}
	tr, err := Start(Command{Path: "/proc/self/exe", Args: []string{"plain"}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	began := false
	for e, err := range tr.Events(t.Context()) {
		if err != nil {
			needTracing(t, err)
			t.Fatal(err)
		}
		if c, ok := e.(*trace.Call); ok && !began {
			began = true
			<-tr.Running()
			if start := cfg.Clock.Start(); !start.After(asked) || c.Entered < 0 {
				t.Errorf("the trace was asked for at %v, the clock began at %v, the first call came %v later", asked, start, c.Entered)
			}
		}
	}
	if !began {
		t.Error("no call was seen")
	}
}
