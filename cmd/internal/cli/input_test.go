package cli_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
)

// TestInputEnds: what has come is given, and the end of the context ends a read that waits, with its cause.
func TestInputEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r, w := io.Pipe()
	in := cli.NewInput(ctx, "pipe", r)
	go io.WriteString(w, "first\nhalf")
	b := bufio.NewReader(in)
	if line, err := b.ReadString('\n'); line != "first\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	done := make(chan error, 1)
	go func() {
		rest, err := io.ReadAll(b)
		if string(rest) != "half" {
			t.Errorf("%q of what had come is given", rest)
		}
		done <- err
	}()
	cause := errors.New("enough")
	cancel(cause)
	if err := <-done; err != cause {
		t.Errorf("%v, want %v", err, cause)
	}
	if n, err := in.Read(make([]byte, 8)); n != 0 || err != cause {
		t.Errorf("after the end: %d, %v", n, err)
	}
	w.Close() // ends the read that was left behind
}

// TestInputKeepsOrder: nothing is lost or changed, whatever the sizes of reads and writes.
func TestInputKeepsOrder(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 20000)
	got, err := io.ReadAll(bufio.NewReaderSize(cli.NewInput(context.Background(), "text", strings.NewReader(text)), 17))
	if err != nil || string(got) != text {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(text))
	}
}

func TestReadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		c := cli.New("demo", "read files")
		return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
			for _, a := range args {
				b, err := env.ReadFile(ctx, a, 5)
				if err != nil {
					return err
				}
				env.Stdout.Printf("%s\n", b)
			}
			return nil
		})
	}
	stdout, stderr, code := clitest.Run(t, run, "abc", name, "-")
	if stdout != "12345\nabc\n" || code != 0 {
		t.Errorf("%q, %q, exit %d", stdout, stderr, code)
	}
	for file, want := range map[string]string{"-": "standard input has more than 5 bytes", name + "x": "no such file", filepath.Dir(name): "directory"} {
		if _, stderr, code := clitest.Run(t, run, "abcdef", file); code != 2 || !strings.Contains(stderr, want) && !strings.Contains(stderr, "cannot find") {
			t.Errorf("%s: exit %d, %q; want %q", file, code, stderr, want)
		}
	}
}
