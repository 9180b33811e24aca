package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/netlab"
)

// Row is one comparison: our side and its peers do the same job.
type Row struct {
	Name  string // short and stable: what a user types
	About string // the job, and what bounds it
	// Figures name what each side's Run returns, in order.
	Figures []Figure
	Ours    Side
	Peers   []Side
	// Prepare makes what the sides need (files in b.Dir, a lab) before the first run; optional.
	Prepare func(ctx context.Context, b *Bench) (cleanup func(), err error)
}

// Figure is one measured quantity.
type Figure struct {
	Name, Unit    string
	LowerIsBetter bool
}

// Side is a tool doing the row's job.
type Side struct {
	Name  string
	Needs []string // programs that must be installed
	// Goals are the ratios, ours to this peer's, that are to be reached, one for each figure: at least that much, or
	// at most for a figure that is better when lower. 0 sets no goal. Only peers have goals.
	Goals []float64
	Run   func(ctx context.Context, b *Bench) ([]float64, error)
}

// Bench is what rows work with.
type Bench struct {
	Dir   string // for the rows' files; removed at the end
	env   *cli.Env
	built map[string]string
}

func newBench(env *cli.Env) (*Bench, error) {
	dir, err := os.MkdirTemp("", "peerbench")
	if err != nil {
		return nil, err
	}
	return &Bench{Dir: dir, env: env, built: map[string]string{}}, nil
}

func (b *Bench) close() { os.RemoveAll(b.Dir) }

// Build compiles one of our commands, such as "pktview", the way the README says, and returns its path.
func (b *Bench) Build(ctx context.Context, command string) (string, error) {
	if file := b.built[command]; file != "" {
		return file, nil
	}
	file := filepath.Join(b.Dir, command)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, "sockwire/cmd/"+command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", command, err, out)
	}
	b.built[command] = file
	return file, nil
}

// twoHosts puts two hosts with a link between them into a lab.
func twoHosts(lab *netlab.Lab) (one, other *netlab.Host, err error) {
	if one, err = lab.Host("a"); err != nil {
		return nil, nil, err
	}
	if other, err = lab.Host("b"); err != nil {
		return nil, nil, err
	}
	_, err = lab.Link(one, other, netlab.LinkConfig{})
	return one, other, err
}

// inLabOf makes a lab, which prepare fills. Its cleanup calls forget at the end.
func inLabOf(config *netlab.Config, prepare func(*netlab.Lab) error, forget func()) (func(), error) {
	lab, err := netlab.New(config)
	if err != nil {
		return nil, err
	}
	cleanup := func() { forget(); lab.Close() }
	if err := prepare(lab); err != nil {
		cleanup()
		return nil, err
	}
	return cleanup, nil
}

// Usage is what a finished process cost.
type Usage struct {
	Wall, CPU time.Duration
	Stdout    int64 // bytes written
	Stderr    string
}

// Time runs a command to its end, its standard output read and counted, and returns what it cost. What it
// printed on standard error is part of an error.
func (b *Bench) Time(cmd *exec.Cmd) (Usage, error) {
	var out counter
	var stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	u := Usage{Wall: time.Since(start), Stdout: int64(out), Stderr: stderr.String()}
	if cmd.ProcessState != nil {
		u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if err != nil {
		return u, fmt.Errorf("%s: %w\n%s", cmd.Args[0], err, &stderr)
	}
	return u, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// result is one figure of one pairing, over all runs.
type result struct {
	Type      string  `json:"type"`
	Row       string  `json:"row"`
	Figure    string  `json:"figure"`
	Unit      string  `json:"unit"`
	Peer      string  `json:"peer"`
	Ours      float64 `json:"ours"`
	Theirs    float64 `json:"theirs"`
	Ratio     float64 `json:"ratio"`
	RatioLow  float64 `json:"ratio_low"`
	RatioHigh float64 `json:"ratio_high"`
	Goal      float64 `json:"goal,omitempty"`
	Met       bool    `json:"met"`
}

func (b *Bench) runAll(ctx context.Context, rows []Row, runs int, asJSON bool) error {
	if !asJSON {
		b.env.Stdout.Printf("%s, %s/%s, %d processors, medians of %d runs each, in turn\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runs)
		b.env.Stdout.Printf("| row | figure | ours | peer | theirs | ratio (lowest to highest) | goal |\n|---|---|---|---|---|---|---|\n")
	}
	missed := false
	for _, row := range rows {
		results, err := b.runRow(ctx, row, runs)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			b.env.Warnf("%s: %v", row.Name, err)
			missed = true
			continue
		}
		for _, r := range results {
			missed = missed || !r.Met
			if asJSON {
				b.env.Stdout.JSON(r)
				continue
			}
			b.env.Stdout.Printf("| %s | %s | %s | %s | %s | %.2f (%.2f to %.2f) | %s |\n", r.Row, r.Figure, cli.Scaled(r.Ours, r.Unit), r.Peer,
				cli.Scaled(r.Theirs, r.Unit), r.Ratio, r.RatioLow, r.RatioHigh, goalText(r, row))
		}
		if err := b.env.Stdout.Flush(); err != nil {
			return err
		}
	}
	if missed {
		return cli.ErrNo
	}
	return nil
}

func goalText(r result, row Row) string {
	if r.Goal == 0 {
		return ""
	}
	sign := "≥"
	for _, f := range row.Figures {
		if f.Name == r.Figure && f.LowerIsBetter {
			sign = "≤"
		}
	}
	text := fmt.Sprintf("%s %g", sign, r.Goal)
	if !r.Met {
		text += " missed"
	}
	return text
}

// runRow measures our side and each installed peer in turn, runs times after one warm-up.
func (b *Bench) runRow(ctx context.Context, row Row, runs int) ([]result, error) {
	var peers []Side
	for _, p := range row.Peers {
		if missing := missingProgram(p.Needs); missing != "" {
			b.env.Warnf("%s: no comparison with %s: %s is not installed", row.Name, p.Name, missing)
			continue
		}
		peers = append(peers, p)
	}
	if len(peers) == 0 {
		return nil, errors.New("no peer to compare with")
	}
	if missing := missingProgram(row.Ours.Needs); missing != "" {
		return nil, fmt.Errorf("%s is not installed", missing)
	}
	if row.Prepare != nil {
		cleanup, err := row.Prepare(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("prepare: %w", err)
		}
		if cleanup != nil {
			defer cleanup()
		}
	}
	sides := append([]Side{row.Ours}, peers...)
	measured := make([][][]float64, len(sides)) // by side, run, figure
	stop := b.env.Progress(func() string { return row.Name })
	defer stop()
	for n := -1; n < runs; n++ { // the first is a warm-up
		for i, s := range sides {
			figures, err := s.Run(ctx, b)
			if err == nil && len(figures) != len(row.Figures) {
				err = fmt.Errorf("%d figures, want %d", len(figures), len(row.Figures))
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
			if n >= 0 {
				measured[i] = append(measured[i], figures)
			}
		}
	}
	var results []result
	for i, p := range peers {
		for f, figure := range row.Figures {
			goal := 0.0
			if f < len(p.Goals) {
				goal = p.Goals[f]
			}
			results = append(results, compare(row.Name, figure, p.Name, goal, column(measured[0], f), column(measured[i+1], f)))
		}
	}
	return results, nil
}

func missingProgram(names []string) string {
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			return n
		}
	}
	return ""
}

func column(runs [][]float64, f int) []float64 {
	c := make([]float64, len(runs))
	for i, r := range runs {
		c[i] = r[f]
	}
	return c
}

func compare(row string, f Figure, peer string, goal float64, ours, theirs []float64) result {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ratio(ours[i], theirs[i])
	}
	r := result{Type: "result", Row: row, Figure: f.Name, Unit: f.Unit, Peer: peer, Ours: median(ours), Theirs: median(theirs),
		Ratio: median(ratios), RatioLow: slices.Min(ratios), RatioHigh: slices.Max(ratios), Goal: goal, Met: true}
	if goal > 0 {
		r.Met = r.Ratio >= goal
		if f.LowerIsBetter {
			r.Met = r.Ratio <= goal
		}
	}
	return r
}

// ratio is a/b; nothing against nothing is even.
func ratio(a, b float64) float64 {
	if a == b {
		return 1
	}
	if b == 0 {
		return math.MaxFloat64
	}
	return a / b
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}
