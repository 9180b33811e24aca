//go:build unix

package cli_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"sockwire/cmd/internal/cli"
)

func init() { mains["stubborn"] = stubborn }

// stubborn waits to be interrupted, says so, and then does not end.
func stubborn(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := cli.New("stubborn", "wait for signals")
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		env.OnStatus(func() string { return "status: waiting" })
		env.Stdout.Printf("ready\n")
		env.Stdout.Flush()
		<-ctx.Done()
		env.Stdout.Printf("summary, interrupted %v: %v\n", cli.Interrupted(ctx), context.Cause(ctx))
		env.Stdout.Flush()
		if len(args) > 0 {
			select {}
		}
		return nil
	})
}

func TestSignals(t *testing.T) {
	for _, tt := range []struct {
		name, arg string
		code      int
	}{{"first stops", "", 0}, {"second kills", "stay", 128 + int(syscall.SIGINT)}} {
		t.Run(tt.name, func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe)
			if tt.arg != "" {
				cmd.Args = append(cmd.Args, tt.arg)
			}
			cmd.Env = append(os.Environ(), "CLI_TEST_MAIN=stubborn")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			status, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines, statusLines := bufio.NewReader(out), bufio.NewReader(status)
			expect := func(r *bufio.Reader, want string) {
				t.Helper()
				if line, err := r.ReadString('\n'); !strings.HasPrefix(line, want) {
					t.Fatalf("got %q, %v; want %q", line, err, want)
				}
			}
			expect(lines, "ready")
			cmd.Process.Signal(syscall.SIGQUIT)
			expect(statusLines, "status: waiting")
			cmd.Process.Signal(syscall.SIGINT)
			expect(lines, "summary, interrupted true: interrupted by interrupt")
			if tt.arg != "" {
				cmd.Process.Signal(syscall.SIGINT)
			}
			err = cmd.Wait()
			var exit *exec.ExitError
			if code := cmd.ProcessState.ExitCode(); code != tt.code || err != nil && !errors.As(err, &exit) {
				t.Errorf("exit status %d, %v; want %d", code, err, tt.code)
			}
		})
	}
}
