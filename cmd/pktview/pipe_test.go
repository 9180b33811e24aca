package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
)

// piped runs pktview on a pipe that stays open, and returns what writes frames to it and what reads the output.
func piped(t *testing.T, ctx context.Context, cfg *capture.WriterConfig, args ...string) (feed func(n int), out *bufio.Reader, code chan int) {
	t.Helper()
	stdin, in, err := os.Pipe()
	must(t, err)
	read, stdout, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() {
		for _, f := range []*os.File{in, stdin, read, stdout} {
			f.Close()
		}
	})
	w, err := capture.NewWriter(in, cfg)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
	frames := conversation(t)[:1]
	code = make(chan int, 1)
	go func() {
		var stderr bytes.Buffer
		code <- run(ctx, args, stdin, stdout, &stderr)
		stdout.Close()
	}()
	return func(n int) {
		for range n {
			must(t, w.Write(&frames[0]))
		}
		must(t, w.Flush())
	}, bufio.NewReader(read), code
}

// Whatever is printed or written of a packet is out as soon as the packet is in the pipe: nothing is held back when
// nothing waits. Each read here would wait for ever otherwise.
func TestPipeIsShownAtOnce(t *testing.T) {
	for _, packing := range []capture.Compression{capture.Uncompressed, capture.Gzip, capture.Zstd} {
		for _, args := range [][]string{
			{"-r", "-"}, {"-r", "-", "--json"}, {"-r", "-", "-v"}, {"-r", "-", "-X"}, {"-r", "-", "tcp"}, {"-r", "-", "--why", "tcp"},
		} {
			t.Run(fmt.Sprint(packing, args), func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				feed, out, code := piped(t, ctx, &capture.WriterConfig{Compression: packing}, args...)
				// One packet, two, a whole batch, and more than one.
				for _, n := range []int{1, 2, batchFrames, batchFrames + 1} {
					feed(n)
					for seen := 0; seen < n; {
						line, err := out.ReadString('\n')
						must(t, err)
						if strings.Contains(line, "8080") && (strings.Contains(line, "Flags [S]") || strings.HasPrefix(line, `{"type":"packet"`)) {
							seen++
						}
					}
				}
				cancel(fmt.Errorf("%w by the test", cli.ErrInterrupted))
				rest, err := io.ReadAll(out)
				must(t, err)
				if got := <-code; got != 0 || args[len(args)-1] == "--json" && !strings.Contains(string(rest), `"type":"summary"`) {
					t.Errorf("exit status %d, %q", got, rest)
				}
			})
		}
	}
}

// What is said is written as it comes too.
func TestPipeIsFollowedAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stdin, in, err := os.Pipe()
	must(t, err)
	read, stdout, err := os.Pipe()
	must(t, err)
	defer func() {
		for _, f := range []*os.File{in, stdin, read, stdout} {
			f.Close()
		}
	}()
	w, err := capture.NewWriter(in, nil)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() { code <- run(ctx, []string{"-r", "-", "--follow", "port 9999"}, stdin, stdout, &stderr) }()
	out := bufio.NewReader(read)
	frames := streams(t)
	at := 0
	for _, step := range []struct {
		packets int
		want    []string
	}{
		{15, []string{"stream 1: 192.0.2.1:40001 → 192.0.2.2:9999", "> hello", "> \\x1b[31m"}},
		{19, []string{"bye bye"}},
	} {
		for ; at < step.packets; at++ {
			must(t, w.Write(&frames[at]))
		}
		must(t, w.Flush())
		for _, want := range step.want {
			for line := ""; !strings.Contains(line, want); { // for ever, where it is held back
				line, err = out.ReadString('\n')
				must(t, err)
			}
		}
	}
	cancel(fmt.Errorf("%w by the test", cli.ErrInterrupted))
	if got := <-code; got != 0 {
		t.Errorf("exit status %d, %s", got, &stderr)
	}
}

// The same of packets that are written on, to a pipe and to a file.
func TestPipeIsWrittenAtOnce(t *testing.T) {
	for _, more := range [][]string{nil, {"-C", "1MB"}} {
		name := filepath.Join(t.TempDir(), "copy.pcapng")
		target := "-"
		if more != nil {
			target = name
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		feed, out, code := piped(t, ctx, nil, append([]string{"-r", "-", "-q", "-w", target}, more...)...)
		feed(1)
		if target == "-" {
			r, err := capture.NewReader(out)
			must(t, err)
			var f capture.Frame
			must(t, r.Next(&f))
			feed(1)
			must(t, r.Next(&f))
			must(t, r.Close())
		} else {
			for packetsOf(t, filepath.Dir(name)) == 0 { // for ever, where it is held back
				must(t, t.Context().Err())
			}
		}
		cancel(fmt.Errorf("%w by the test", cli.ErrInterrupted))
		if got := <-code; got != 0 {
			t.Errorf("%v: exit status %d", more, got)
		}
	}
}

// packetsOf counts the packets in the files of a folder.
func packetsOf(t *testing.T, dir string) (n int) {
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, name := range list {
		r, err := capture.OpenFile(name)
		if err != nil {
			continue // it has just been made
		}
		var f capture.Frame
		for r.Next(&f) == nil {
			n++
		}
		r.Close()
	}
	return n
}

// The count ends reading although the pipe stays open and silent.
func TestCountEndsReadingOfPipe(t *testing.T) {
	for _, args := range [][]string{{"-r", "-", "-c", "2"}, {"-r", "-", "-c", "2", "-q", "-w", "-"}} {
		feed, out, code := piped(t, t.Context(), nil, args...)
		feed(2)
		got, err := io.ReadAll(out)
		must(t, err)
		if c := <-code; c != 0 || len(got) == 0 {
			t.Errorf("exit status %d, %q", c, got)
		}
	}
}

// The worker that has the turns must not leave while the last batch is being read: nobody else would take it.
func TestNobodyLeavesWhileTheLastIsRead(t *testing.T) {
	p := &pipeline{done: true} // as who reads sets it before its batch is counted
	p.steps[reading].busy = true
	if p.over() {
		t.Error("all is done while a batch is being read")
	}
	p.steps[reading].busy = false
	if !p.over() {
		t.Error("nothing is left, and it is not over")
	}
}
