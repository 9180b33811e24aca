package whole

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

// commands are those of the project.
var commands = []string{"dgperf", "dgrecv", "dgrelay", "dgsend", "pktview", "rawping", "rawsend", "rawtrace", "sockwire"}

func TestMain(m *testing.M) { netlab.Run(tidy{m}) }

// tidy removes the programs that were built once the tests are done.
type tidy struct{ m *testing.M }

func (t tidy) Run() int {
	defer func() {
		if built != "" {
			os.RemoveAll(built)
		}
	}()
	return t.m.Run()
}

var (
	programs string // the directory of the programs: WHOLE_BIN, or where they are built
	built    string
	build    = sync.OnceValue(func() error {
		if given := os.Getenv("WHOLE_BIN"); given != "" {
			programs = given
			return nil
		}
		var err error
		if built, err = os.MkdirTemp("", "sockwire-whole-"); err != nil {
			return err
		}
		if err := os.Chmod(built, 0o755); err != nil {
			return err
		}
		args, cgo := []string{"build", "-o", built + "/"}, "0"
		if racing() {
			args, cgo = append(args, "-race"), "1"
		}
		cmd := exec.Command("go", append(args, "../../...")...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %v\n%s", cmd, err, out)
		}
		programs = built
		return nil
	})
)

// program returns the path of a built command.
func program(t testing.TB, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(programs, name)
}

// running is a command that runs, on a host of a lab or, when that is nil, here.
type running struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout capturedPipe
	stderr capturedPipe
	ended  chan struct{}
}

// capturedPipe keeps what came, and lets a test wait for a text in it.
type capturedPipe struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and made anew when something came
	slow time.Duration // that whoever reads it takes each time
}

func (c *capturedPipe) Write(p []byte) (int, error) {
	time.Sleep(c.slow)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(p)
	if c.more != nil {
		close(c.more)
		c.more = nil
	}
	return len(p), nil
}

func (c *capturedPipe) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// holds returns whether text has come, and what is closed when more has.
func (c *capturedPipe) holds(text string) (bool, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.more == nil {
		c.more = make(chan struct{})
	}
	return strings.Contains(c.text.String(), text), c.more
}

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

func start(t testing.TB, h *netlab.Host, name string, args ...string) *running {
	t.Helper()
	path := name
	if !strings.Contains(name, "/") {
		path = program(t, name)
	}
	ctx, cancel := context.WithCancel(context.Background()) // servers run as long as the test
	t.Cleanup(cancel)
	r, err := begin(ctx, h, path, 0, args...)
	if err != nil {
		t.Fatal(err)
	}
	r.t = t
	t.Cleanup(r.kill)
	return r
}

// begin starts a program, on a host of a lab or, when that is nil, here. What it prints is read at most once in slow.
func begin(ctx context.Context, h *netlab.Host, path string, slow time.Duration, args ...string) (*running, error) {
	r := &running{ended: make(chan struct{})}
	r.stdout.slow, r.stderr.slow = slow, slow
	if h == nil {
		r.cmd = exec.CommandContext(ctx, path, args...)
	} else {
		r.cmd = h.Command(ctx, path, args...)
	}
	in, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r.stdin, r.cmd.Stdout, r.cmd.Stderr = in, &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		r.cmd.Wait()
		close(r.ended)
	}()
	return r, nil
}

func (r *running) kill() {
	r.cmd.Process.Kill()
	<-r.ended
}

// await waits until a text has come on one of the outputs.
func (r *running) await(text string) {
	r.t.Helper()
	if err := r.saw(text); err != nil {
		r.t.Fatal(err)
	}
}

// saw waits until a text has come on one of the outputs.
func (r *running) saw(text string) error {
	deadline := time.After(patience)
	for {
		out, moreOut := r.stdout.holds(text)
		err, moreErr := r.stderr.holds(text)
		if out || err {
			return nil
		}
		select {
		case <-moreOut:
		case <-moreErr:
		case <-r.ended:
			return fmt.Errorf("%v ended without %q: %v", r.cmd.Args, text, r)
		case <-deadline:
			return fmt.Errorf("%v: no %q: %v", r.cmd.Args, text, r)
		}
	}
}

func (r *running) signal(s ...syscall.Signal) {
	for _, s := range s {
		r.cmd.Process.Signal(s)
	}
}

// wait waits for the end and returns the exit status.
func (r *running) wait() int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("%v does not end: %v", r.cmd.Args, r)
	}
	return r.cmd.ProcessState.ExitCode()
}

func (r *running) String() string {
	state := "running"
	if r.cmd.ProcessState != nil {
		state = r.cmd.ProcessState.String()
	}
	return fmt.Sprintf("%s\nstdout %q\nstderr %q", state, tail(r.stdout.String()), tail(r.stderr.String()))
}

func tail(s string) string {
	if len(s) > 2000 {
		return "…" + s[len(s)-2000:]
	}
	return s
}

// run runs a command to its end.
func run(t testing.TB, h *netlab.Host, name string, args ...string) *running {
	t.Helper()
	r := start(t, h, name, args...)
	r.stdin.Close()
	r.wait()
	return r
}
