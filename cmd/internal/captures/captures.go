// Package captures opens capture files for commands.
package captures

import (
	"context"
	"fmt"
	"os"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
)

// Open opens a capture file, "-" for standard input, to be read until ctx ends: then opening and reading give its cause
// as the error. A pipe is read as it is written. The rights of the process are given up, if giveUp is not nil, once the
// file is open and before a byte of it is read.
func Open(ctx context.Context, env *cli.Env, giveUp func() error, name string, config *capture.ReaderConfig) (*capture.Reader, error) {
	readers, err := OpenAll(ctx, env, giveUp, []string{name}, config)
	if err != nil {
		return nil, err
	}
	return readers[0], nil
}

// OpenAll is Open for several files: all are open before the first is read.
func OpenAll(ctx context.Context, env *cli.Env, giveUp func() error, names []string, config *capture.ReaderConfig) (readers []*capture.Reader, err error) {
	var files []*os.File // nil for standard input
	defer func() {
		if err == nil {
			return
		}
		for _, r := range readers {
			r.Close()
		}
		for _, f := range files[len(readers):] {
			f.Close() // nil too
		}
		readers = nil
	}()
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var f *os.File
		if name != "-" {
			if f, err = cli.OpenFile(ctx, name); err != nil {
				return nil, fmt.Errorf("capture: %w", err)
			}
		}
		files = append(files, f)
	}
	if giveUp != nil {
		if err := giveUp(); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		var r *capture.Reader
		if f == nil {
			r, err = config.New(ctx, env.Source())
		} else {
			r, err = config.FromFile(ctx, f)
		}
		if err != nil {
			return readers, err
		}
		readers = append(readers, r)
	}
	return readers, nil
}
