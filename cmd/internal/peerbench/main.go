// Peerbench measures sockwire's commands and packages beside the tools that people use for the same job: in turn,
// in one run, on one machine, so that what the machine does meanwhile touches both sides alike. It prints medians
// and the ratio between them; speed is reported here and never asserted in a test.
//
//	go run ./cmd/internal/peerbench list
//	go run ./cmd/internal/peerbench text-lines live-capture
//
// A row whose peer is not installed says so. Rows send only between hosts of a private network of their own.
package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/netlab"
)

func main() { cli.Main(inLab) }

// inLab runs in namespaces, where rows can make hosts. Where that is forbidden, rows without a lab still run.
func inLab(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if inside, status, err := netlab.Enter(); err == nil && !inside {
		return status
	}
	return run(ctx, args, stdin, stdout, stderr)
}

// allRows are the benchmarks, each group in the file of the command it measures.
func allRows() []Row {
	return slices.Concat(rawpingRows(), rawsendRows(), captureRows(), dgramRows(), traceRows(), rawtraceRows(), viewRows())
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	rows := allRows()
	c := cli.New("peerbench", "measure sockwire beside the tools it replaces")
	c.Usage = []string{"[flags] [ROW...]", "list"}
	c.Long = "Without a row, all are run. A row may be a pattern such as 'dgram-*'."
	c.ExitStatus = "a ratio missed its goal"
	runs := c.Flags.IntP("runs", "n", 5, "measure each side `N` times, in turn")
	asJSON := c.Flags.Bool("json", false, "print JSON Lines")
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		if *runs < 1 || *runs > 100 {
			return cli.Usagef("--runs is 1 to 100, not %d", *runs)
		}
		if len(args) == 1 && args[0] == "list" {
			for _, r := range rows {
				env.Stdout.Printf("%-24s %s\n", r.Name, r.About)
			}
			return nil
		}
		chosen, err := choose(rows, args)
		if err != nil {
			return err
		}
		bench, err := newBench(env)
		if err != nil {
			return err
		}
		defer bench.close()
		return bench.runAll(ctx, chosen, *runs, *asJSON)
	})
}

func choose(rows []Row, patterns []string) ([]Row, error) {
	if len(patterns) == 0 {
		return rows, nil
	}
	var chosen []Row
	for _, p := range patterns {
		found := false
		for _, r := range rows {
			ok, err := path.Match(p, r.Name)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", p, err)
			}
			if ok {
				found = true
				chosen = append(chosen, r)
			}
		}
		if !found {
			names := make([]string, len(rows))
			for i, r := range rows {
				names[i] = r.Name
			}
			return nil, cli.WithHint(fmt.Errorf("no row matches %q", p), "nearest is %q; peerbench list names them all", cli.Nearest(p, names))
		}
	}
	return chosen, nil
}
