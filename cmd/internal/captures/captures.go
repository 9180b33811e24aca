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
// as the error. A file is mapped into memory where that can be; a pipe is read as it is written.
func Open(ctx context.Context, env *cli.Env, name string) (*capture.Reader, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	in, err := env.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if in.File() == os.Stdin {
		return capture.OpenFile("-")
	}
	if in.File() != nil {
		in.Close()
		return capture.OpenFile(name)
	}
	r, err := capture.NewReader(in)
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("%s: %w", in.Name(), err)
	}
	return r, nil
}
