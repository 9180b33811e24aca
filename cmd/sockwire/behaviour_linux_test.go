package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// TestTransparent runs programs untraced and traced: their output, exit status, and what they see of themselves are
// the same.
func TestTransparent(t *testing.T) {
	j, engines := newJudge(t), each(t)
	h := j.host(t, "host", false)
	for name, c := range map[string]struct {
		args []string
		want outcome
		long bool
	}{
		"status":   {args: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}, want: outcome{"out\n", "err\n", 3}},
		"SIGTERM":  {args: []string{"sh", "-c", "kill -TERM $$"}, want: outcome{Code: 143}},
		"SIGKILL":  {args: []string{"sh", "-c", "kill -KILL $$"}, want: outcome{Code: 137}},
		"SIGABRT":  {args: []string{"sh", "-c", "ulimit -c 0; kill -ABRT $$"}, want: outcome{Code: 134}},
		"handler":  {args: []string{"sh", "-c", "trap 'echo caught' USR1; kill -USR1 $$; echo after"}, want: outcome{Stdout: "caught\nafter\n"}},
		"ignored":  {args: []string{"sh", "-c", "trap '' TERM; kill -TERM $$; echo after"}, want: outcome{Stdout: "after\n"}},
		"pipe":     {args: []string{"sh", "-c", "yes | head -n 1"}, want: outcome{Stdout: "y\n"}},
		"status 0": {args: []string{"sh", "-c", "sh -c 'exit 5'; echo $?; sh -c 'kill -SEGV $$' 2>/dev/null; echo $?"}, want: outcome{Stdout: "5\n139\n"}},
		// Descriptors, masks and limits are those that this test gives.
		"self": {args: []string{"sh", "-c", "ls /proc/self/fd; grep -E 'Sig(Blk|Ign)|Umask|CapEff|NoNewPrivs' /proc/self/status; ulimit -a; nice; pwd"}},
		// Job control: stopped and continued by its parent, which is told.
		"jobs":                {args: []string{"exercise", "jobs"}, want: outcome{}},
		"orphans and zombies": {args: []string{"sh", "-c", "(sleep 0.05; echo late) & (exit 4) & wait; exec sh -c 'echo last; exit 2'"}, want: outcome{"late\nlast\n", "", 2}},
		"200 children":        {args: []string{"exercise", "children"}, want: outcome{}, long: true},
		"not to be traced":    {args: []string{"exercise", "untraced"}, want: outcome{}},
		"threads that end":    {args: []string{"exercise", "threadends", "threads", "execthread"}, want: outcome{Stdout: "hello\n"}, long: true},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && c.long {
				t.Skip("in short mode a part is enough")
			}
			t.Parallel()
			dir, out := t.TempDir(), filepath.Join(t.TempDir(), "timeline")
			alone := j.do(t, h, dir, c.args...)
			if alone != c.want && name != "self" {
				t.Fatalf("alone it does %+v, this test expects %+v", alone, c.want)
			}
			for _, engine := range engines {
				for _, flags := range [][]string{nil, {"--wait", "--summary"}} {
					if (c.long || testing.Short()) && flags != nil {
						continue
					}
					args := append([]string{"sockwire", "--engine", engine, "-o", out}, flags...)
					if traced := j.do(t, h, dir, append(append(args, "--"), c.args...)...); traced != alone {
						t.Errorf("%s %v:\nalone  %+v\ntraced %+v", engine, flags, alone, traced)
					}
				}
			}
		})
	}
}

// TestRights has the traced program look at what rights sockwire has: as soon as it runs, hardly any.
func TestRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user has none")
	}
	j := newJudge(t)
	h := j.host(t, "host", false)
	const kill, readSearch, ptraces = 1 << unix.CAP_KILL, 1 << unix.CAP_DAC_READ_SEARCH, 1 << unix.CAP_SYS_PTRACE
	for _, engine := range each(t) {
		want := map[string]uint64{"ebpf": kill, "ptrace": kill | readSearch | ptraces}[engine]
		// Rights are given up beside the program: it waits until they are.
		script := fmt.Sprintf("for i in $(seq 400); do c=$(sed -n 's/^CapPrm:\t//p' /proc/$PPID/status); [ $c = %016x ] && break; sleep 0.05; done; echo $c", want)
		o := j.do(t, h, "/", "sockwire", "--engine", engine, "-o", "/dev/null", "--", "sh", "-c", script)
		if got := strings.TrimSpace(o.Stdout); got != fmt.Sprintf("%016x", want) {
			t.Errorf("%s: rights %s, want %016x: %+v", engine, got, want, o)
		}
	}
}

// TestSetuid has a user without rights execute a file that gives him its owner's: it does so under sockwire too, when
// that is root's.
func TestSetuid(t *testing.T) {
	j, engines := newJudge(t), each(t)
	h := j.host(t, "host", false)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip(err)
	}
	args := []string{setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", setuidCopy(t, "id"), "-u"}
	alone := j.do(t, h, "/", args...)
	if alone.Stdout != "0\n" {
		t.Skipf("files give no rights here: %+v", alone)
	}
	for _, engine := range engines {
		if traced := j.do(t, h, "/", append([]string{"sockwire", "--engine", engine, "-o", "/dev/null", "--"}, args...)...); traced != alone {
			t.Errorf("%s:\nalone  %+v\ntraced %+v", engine, alone, traced)
		}
	}
}

// setuidCopy copies a program to a file that gives its owner's rights, where all may execute it.
func setuidCopy(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
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
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "setuid")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(file, b, 0o755), os.Chmod(file, 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	return file
}

// running is a command that a test talks to.
type running struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a command on a host.
func (j *judge) start(t *testing.T, h *netlab.Host, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &running{Cmd: h.Command(ctx, filepath.Join(j.bin, args[0]), args[1:]...)}
	out, err := r.StdoutPipe()
	if err == nil {
		r.in, err = r.StdinPipe()
	}
	r.out, r.Stderr = bufio.NewReader(out), os.Stderr
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *running) line(t *testing.T) string {
	t.Helper()
	s, err := r.out.ReadString('\n')
	if err != nil {
		t.Fatalf("after %q: %v", s, err)
	}
	return strings.TrimSpace(s)
}

// status reads a field of /proc/PID/status, "" for a process that is not there.
func status(pid int, field string) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// idle starts a program and attaches sockwire to it from another host.
func (j *judge) idle(t *testing.T, flags ...string) (program, tracer *running, pid int) {
	t.Helper()
	program = j.start(t, j.host(t, "program", false), "exercise", "idle")
	pid, err := strconv.Atoi(program.line(t))
	if err != nil {
		t.Fatal(err)
	}
	tracer = j.start(t, j.host(t, "tracer", false), append([]string{"sockwire", "--engine", j.engine, "-p", strconv.Itoa(pid)}, flags...)...)
	await(t, "attaching", func() bool { return j.traced(pid) })
	return program, tracer, pid
}

// traced tells whether all threads of a process have a tracer: ptrace takes them one after the other. The kernel's
// programs are seen by what comes after them: the capture in the network of the process.
func (j *judge) traced(pid int) bool {
	if j.engine == "ebpf" {
		packet, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/packet", pid))
		return err == nil && strings.Count(string(packet), "\n") > 1
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, thread := range threads {
		tid, _ := strconv.Atoi(thread.Name())
		if status(tid, "TracerPid") == "0" {
			return false
		}
	}
	return err == nil
}

// ask has the idle program send a datagram.
func (r *running) ask(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		t.Fatal(err)
	}
	if s := r.line(t); s != "still here" {
		t.Fatalf("the program says %q", s)
	}
}

// TestAttached attaches to a program in another network namespace, whose calls and packets are seen, and is killed:
// the program goes on as if nothing had been.
func TestAttached(t *testing.T) { eachEngine(t, (*judge).attached) }

func (j *judge) attached(t *testing.T) {
	out := filepath.Join(t.TempDir(), "timeline")
	program, tracer, pid := j.idle(t, "-o", out)
	for i := 0; ; i++ { // until it has been written: with a delay
		program.ask(t)
		b, _ := os.ReadFile(out)
		if strings.Contains(string(b), "write(") && strings.Contains(string(b), "UDP :") && strings.Contains(string(b), "length 10   all of #") {
			break
		}
		if i == 1000 {
			t.Fatalf("the timeline is %s", b)
		}
		time.Sleep(20 * time.Millisecond)
	}
	tracer.Process.Kill()
	tracer.Wait()
	await(t, "letting go", func() bool { return status(pid, "TracerPid") == "0" })
	program.ask(t)
	program.in.Close()
	if err := program.Wait(); err != nil {
		t.Error(err)
	}
}

// TestDetach ends a trace by an interrupt: the program goes on, and the summary is shown.
func TestDetach(t *testing.T) { eachEngine(t, (*judge).detach) }

func (j *judge) detach(t *testing.T) {
	program, tracer, pid := j.idle(t, "--summary")
	program.ask(t)
	if err := tracer.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(tracer.out)
	if err != nil || !strings.Contains(string(b), "write ") || !strings.Contains(string(b), "datagram ") {
		t.Errorf("%v: %s", err, b)
	}
	if err := tracer.Wait(); err != nil {
		t.Errorf("sockwire: %v", err)
	}
	if s := status(pid, "TracerPid"); s != "0" {
		t.Errorf("TracerPid is %s", s)
	}
	program.ask(t)
	program.in.Close()
	if err := program.Wait(); err != nil {
		t.Error(err)
	}
}

// TestEndsWithTracer kills sockwire: the program that it started ends too, and with ptrace the child of that.
func TestEndsWithTracer(t *testing.T) { eachEngine(t, (*judge).endsWithTracer) }

func (j *judge) endsWithTracer(t *testing.T) {
	tracer := j.start(t, j.host(t, "host", false), "sockwire", "--engine", j.engine, "-o", "/dev/null", "--", "sh", "-c", `echo $$; "$0" idle; exit`, filepath.Join(j.bin, "exercise"))
	shell, err := strconv.Atoi(tracer.line(t))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(tracer.line(t))
	if err != nil {
		t.Fatal(err)
	}
	tracer.Process.Kill()
	over := func(pid int) bool { s := status(pid, "State"); return s == "" || s[0] == 'Z' || s[0] == 'X' }
	if j.engine == "ebpf" { // the child of the program goes on
		await(t, "the end of the program", func() bool { return over(shell) })
		tracer.in.Close()
	}
	// The programs hold the pipe until they end.
	if b, err := io.ReadAll(tracer.out); err != nil || len(b) > 0 {
		t.Errorf("%q %v", b, err)
	}
	tracer.Wait()
	for _, pid := range []int{shell, child} {
		await(t, "the end of the programs", func() bool { return over(pid) })
	}
}

// TestInterrupts checks that an interrupt reaches the program once: one that the terminal sends to both, and one
// that is sent to sockwire alone.
func TestInterrupts(t *testing.T) { eachEngine(t, (*judge).interrupts) }

func (j *judge) interrupts(t *testing.T) {
	h := j.host(t, "host", false)
	args := []string{"sockwire", "--engine", j.engine, "-o", "/dev/null", "--", filepath.Join(j.bin, "exercise"), "interrupts"}
	for _, signal := range []syscall.Signal{unix.SIGINT, unix.SIGTERM} {
		r := j.start(t, h, args...)
		r.line(t)
		r.Process.Signal(signal)
		if s := r.line(t); s != "came: "+signal.String() {
			t.Errorf("%v: the program says %q", signal, s)
		}
		r.in.Close()
		if s := r.line(t); s != "more: 0" {
			t.Errorf("%v: the program says %q", signal, s)
		}
		if err := r.Wait(); err != nil {
			t.Error(err)
		}
	}

	terminal, master := clitest.Terminal(t)
	cmd := h.Command(t.Context(), filepath.Join(j.bin, args[0]), args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	r := &running{Cmd: cmd, out: bufio.NewReader(master)}
	if s := r.line(t); s != "ready" {
		t.Fatalf("the program says %q", s)
	}
	master.WriteString("\x03")
	if s := strings.TrimPrefix(r.line(t), "^C"); s != "came: interrupt" {
		t.Errorf("the program says %q", s)
	}
	time.Sleep(100 * time.Millisecond) // in which a second one would come
	master.WriteString("\n")
	for s := r.line(t); s != "more: 0"; s = r.line(t) {
		if s != "" {
			t.Errorf("the program says %q", s)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
