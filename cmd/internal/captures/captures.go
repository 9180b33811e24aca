// Package captures opens capture files for commands.
package captures

import (
	"context"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
)

// Open opens a capture file, "-" for standard input, to be read until ctx ends: then opening and reading give its cause
// as the error. A pipe is read as it is written.
func Open(ctx context.Context, env *cli.Env, name string, config *capture.ReaderConfig) (*capture.Reader, error) {
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case name == "-":
		return config.New(ctx, env.Source())
	}
	return config.Open(ctx, name)
}
