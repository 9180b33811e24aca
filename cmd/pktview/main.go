// Command pktview captures live traffic or reads capture files, and filters, decodes, counts and writes them.
package main

import (
	"context"
	"io"
	"os"

	"sockwire/cmd/internal/cli"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := newCommand(&o)
	return c.Execute(ctx, joinTop(args), stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		o.readFile = func(name string) ([]byte, error) { return env.ReadFile(ctx, name, maxFilterFile) }
		o.topGiven = c.Flags.Changed("top")
		var err error
		cli.Unprivileged(func() {
			args = o.takeFiles(env, args)
			err = o.check(args)
		})
		if err == nil {
			var held *os.File
			if held, err = cli.AwaitReader(ctx, o.write); held != nil {
				defer held.Close()
			}
		}
		if err == nil {
			err = perform(ctx, env, &o)
		}
		if place := caret(err); place != "" {
			io.WriteString(env.Stderr, place)
		}
		return err
	})
}

// maxFilterFile bounds the file that -F names: the longest expression that anybody wrote is far shorter.
const maxFilterFile = 1 << 20

func perform(ctx context.Context, env *cli.Env, o *options) error {
	switch {
	case o.list:
		return listInterfaces(env, o)
	case o.listsFields():
		return listFields(env, o.fields)
	case o.listProtocols:
		return listProtocols(env)
	case o.dump > 0 || o.explain:
		if err := giveUp(env, false, false); err != nil {
			return err
		}
		return listProgram(ctx, env, o)
	case o.info:
		return describeFiles(ctx, env, o)
	case o.drops:
		return showDrops(ctx, env, o)
	case len(o.read) > 0 && o.stats == "drops":
		return countDrops(ctx, env, o)
	case len(o.read) > 0:
		return readFiles(ctx, env, o)
	}
	return captureLive(ctx, env, o)
}
