//go:build unix

package cli_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sockwire/cmd/internal/cli"
)

func init() { mains["reader"] = reader }

// reader reads what its argument names until it is told to end, and says how much.
func reader(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := cli.New("reader", "read")
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		env.Stdout.Printf("ready\n")
		env.Stdout.Flush()
		in, err := env.Open(ctx, args[0])
		n := 0
		if err == nil {
			defer in.Close()
			b := make([]byte, 100)
			for err == nil {
				var k int
				if k, err = in.Read(b); k > 0 {
					n += k
					env.Stdout.Printf("%d bytes\n", k)
					env.Stdout.Flush()
				}
			}
		}
		env.Stdout.Printf("summary: %d bytes, interrupted %v, %v\n", n, cli.Interrupted(ctx), err)
		return nil
	})
}

// TestSignalEndsReading: one signal ends waiting for a FIFO's writer, and a read of a FIFO, a pipe and standard input.
func TestSignalEndsReading(t *testing.T) {
	fifo := func() string {
		name := filepath.Join(t.TempDir(), "fifo")
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	t.Run("a FIFO that nobody writes to", func(t *testing.T) {
		name := fifo()
		p := startMain(t, "reader", nil, name)
		p.expect(p.stdout, "ready")
		p.cmd.Process.Signal(syscall.SIGINT)
		p.expect(p.stdout, "summary: 0 bytes, interrupted true, open "+name+": interrupted by interrupt")
		p.exits(0)
	})
	t.Run("a FIFO that stays silent", func(t *testing.T) {
		name := fifo()
		p := startMain(t, "reader", nil, name)
		w, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		io.WriteString(w, "12345")
		p.expect(p.stdout, "ready")
		p.expect(p.stdout, "5 bytes")
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.expect(p.stdout, "summary: 5 bytes, interrupted true, interrupted by terminated")
		p.exits(0)
	})
	t.Run("standard input", func(t *testing.T) {
		p := startMain(t, "reader", nil, "-")
		io.WriteString(p.stdin, "123")
		p.expect(p.stdout, "ready")
		p.expect(p.stdout, "3 bytes")
		p.cmd.Process.Signal(syscall.SIGHUP)
		p.expect(p.stdout, "summary: 3 bytes, interrupted true, interrupted by hangup")
		p.exits(0)
	})
}
