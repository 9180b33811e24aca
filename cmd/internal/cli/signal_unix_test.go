//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sockwire/cmd/internal/cli"
)

func init() { mains["stubborn"] = stubborn }

// stubborn waits to be interrupted and says so. With "stay" it does not end then, with "slowly" it takes its time, in
// which it reads a line.
func stubborn(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := cli.New("stubborn", "wait for signals")
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		env.OnStatus(func() string { return "status: waiting" })
		env.Stdout.Printf("ready\n")
		env.Stdout.Flush()
		<-ctx.Done()
		env.Stdout.Printf("ending, interrupted %v: %v\n", cli.Interrupted(ctx), context.Cause(ctx))
		env.Stdout.Flush()
		if len(args) > 0 && args[0] == "stay" {
			select {}
		}
		if len(args) > 0 && args[0] == "slowly" {
			bufio.NewReader(stdin).ReadString('\n')
		}
		env.Stdout.Printf("summary\n")
		return nil
	})
}

// process is a command of this binary that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *bufio.Reader
}

func startMain(t *testing.T, name string, wrapper []string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := append(append(wrapper, exe), args...)
	p := &process{t: t, cmd: exec.Command(words[0], words[1:]...)}
	p.cmd.Env = append(os.Environ(), "CLI_TEST_MAIN="+name)
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	status, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	p.stdin, p.stdout, p.stderr = in, bufio.NewReader(out), bufio.NewReader(status)
	return p
}

func (p *process) expect(r *bufio.Reader, want string) {
	p.t.Helper()
	if line, err := r.ReadString('\n'); !strings.HasPrefix(line, want) {
		p.t.Fatalf("got %q, %v; want %q", line, err, want)
	}
}

func (p *process) exits(want int) {
	p.t.Helper()
	p.cmd.Wait()
	if code := p.cmd.ProcessState.ExitCode(); code != want {
		p.t.Errorf("%v; want exit status %d", p.cmd.ProcessState, want)
	}
}

func TestSignalsEndInOrder(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			p := startMain(t, "stubborn", nil)
			p.expect(p.stdout, "ready")
			p.cmd.Process.Signal(syscall.SIGQUIT)
			p.expect(p.stderr, "status: waiting")
			p.cmd.Process.Signal(s)
			p.expect(p.stdout, "ending, interrupted true: interrupted by "+s.String())
			p.expect(p.stdout, "summary")
			p.exits(0)
		})
	}
}

// TestSignalTwiceAtOnce: timeout(1) signals its child and then its process group, so the child gets two within
// microseconds. It still ends in order.
func TestSignalTwiceAtOnce(t *testing.T) {
	p := startMain(t, "stubborn", nil, "slowly")
	p.expect(p.stdout, "ready")
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.expect(p.stdout, "ending")
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		p.cmd.Process.Signal(s)
	}
	// The line that SIGQUIT gives shows that the signals before it had their turn. Of signals that wait together the
	// lowest number comes first, so it is asked for twice.
	for range 2 {
		p.cmd.Process.Signal(syscall.SIGQUIT)
		p.expect(p.stderr, "status: waiting")
	}
	io.WriteString(p.stdin, "\n")
	p.expect(p.stdout, "summary")
	p.exits(0)
}

// TestSecondSignalMuchLater: who asks again a second later wants the process gone.
func TestSecondSignalMuchLater(t *testing.T) {
	p := startMain(t, "stubborn", nil, "stay")
	p.expect(p.stdout, "ready")
	p.cmd.Process.Signal(syscall.SIGINT)
	p.expect(p.stdout, "ending")
	start := time.Now()
	ended := make(chan struct{})
	go func() {
		p.cmd.Wait()
		close(ended)
	}()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			p.cmd.Process.Signal(syscall.SIGINT)
			continue
		case <-ended:
		}
		break
	}
	// The process saw the first signal a little before this test heard of it.
	if took := time.Since(start); took < 900*time.Millisecond || p.cmd.ProcessState.ExitCode() != 128+int(syscall.SIGINT) {
		t.Errorf("%v after %v; want exit status 130 after a second", p.cmd.ProcessState, took)
	}
}

// program finds a program of the system that the test needs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatalf("REQUIRE_PEERS is set: %v", err)
		}
		t.Skip(err)
	}
	return path
}

// TestNohup: a SIGHUP that was ignored from the start stays so.
func TestNohup(t *testing.T) {
	sh := program(t, "sh")
	p := startMain(t, "stubborn", []string{sh, "-c", `trap "" HUP; exec "$0" "$@"`})
	p.expect(p.stdout, "ready")
	p.cmd.Process.Signal(syscall.SIGHUP)
	p.cmd.Process.Signal(syscall.SIGQUIT)
	p.expect(p.stderr, "status: waiting")
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.expect(p.stdout, "ending, interrupted true: interrupted by terminated")
	p.expect(p.stdout, "summary")
	p.exits(0)
}

// TestTimeout runs the program that sends both signals.
func TestTimeout(t *testing.T) {
	path := program(t, "timeout")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		cmd := exec.Command(path, "0.2", exe)
		cmd.Env = append(os.Environ(), "CLI_TEST_MAIN=stubborn")
		var stdout bytes.Buffer
		cmd.Stdout = &stdout
		cmd.Run()
		if !strings.HasSuffix(stdout.String(), "summary\n") {
			t.Fatalf("%v, no summary: %q", cmd.ProcessState, &stdout)
		}
	}
}
