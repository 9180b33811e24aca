package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
)

// A file that another program shortens while it is read ends with an error, not with a crash, mapped or not.
func TestShortenedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "many.pcapng")
	var many []capture.Frame
	for range 500 {
		many = append(many, conversation(t)...)
	}
	write(t, file, many)
	for i := range 4 {
		convert, mapped := i&1 != 0, i&2 != 0
		var o options
		o.read, o.write = []string{file}, filepath.Join(t.TempDir(), "copy.pcap")
		r, err := (&capture.ReaderConfig{Mapped: mapped}).Open(context.Background(), file)
		must(t, err)
		defer r.Close()
		must(t, os.Truncate(file, 8192))
		var out strings.Builder
		env := &cli.Env{Stdout: cli.NewOutput(&out), Stderr: &out}
		if convert {
			c := newConverter(env, &o)
			err = capture.Guard(func() error { return c.copyBlocks(context.Background(), r) })
		} else {
			p := newPipeline(env, &o, []*capture.Reader{r}, false)
			err = p.run(context.Background())
		}
		if !errors.Is(err, capture.ErrShortened) {
			t.Errorf("converting %v, mapped %v: %v", convert, mapped, err)
		}
		write(t, file, many)
	}
}
