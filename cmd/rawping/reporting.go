package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"sockwire/capture/report/plot"
	"sockwire/capture/report/runs"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/probe"
)

// drawn is what --report and --compare ask for: nil where they are not given.
type drawn struct {
	run   runs.Run
	other *runs.Run // nil without --compare
}

// newDrawn begins a report, and reads the run that it is compared with.
func newDrawn(ctx context.Context, env *cli.Env, o *options) (*drawn, error) {
	if o.report == "" {
		return nil, nil
	}
	d := &drawn{run: runs.Run{Name: "this run", Of: "echo"}}
	if o.compare == "" {
		return d, nil
	}
	in, err := env.Open(ctx, o.compare)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	d.other = &runs.Run{Name: o.compare, Of: "echo"}
	if err := readRun(in, d.other); err != nil {
		return nil, fmt.Errorf("--compare %s: %w", o.compare, err)
	}
	return d, nil
}

// longestRecord bounds a line of --json: the longest is far shorter.
const longestRecord = 1 << 20

// readRun reads what --json has written of a run.
func readRun(in io.Reader, run *runs.Run) error {
	echoes := 0
	err := runs.Records(in, longestRecord, func(kind string, line []byte) error {
		if kind != "echo" {
			return nil
		}
		echoes++
		var r echoRecord
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		addRecord(run, &r)
		return nil
	})
	if err == nil && echoes == 0 {
		err = errors.New("there are no echoes in it: it is to be what rawping --json wrote, without -q")
	}
	return err
}

// addRecord draws one end.
func addRecord(run *runs.Run, r *echoRecord) {
	if r.Duplicate || r.Overdue {
		return
	}
	if was := r.InsteadOf; was != "" && was != probe.Answered.String() && was != probe.Late.String() && was != probe.Pending.String() {
		run.Found(r.N, "")
	}
	p := runs.Probe{At: r.Time, Number: r.N, Series: r.Target}
	if r.Name != "" {
		p.Series = r.Name
	}
	p.Facts = []plot.Fact{{Name: "target", Text: p.Series}, {Name: "sequence number", Text: strconv.Itoa(r.Seq)}, {Name: "outcome", Text: r.Outcome}}
	if r.From != "" {
		p.Facts = append(p.Facts, plot.Fact{Name: "from", Text: r.From})
	}
	if r.Error != "" {
		p.Facts = append(p.Facts, plot.Fact{Name: "error", Text: r.Error})
	}
	switch r.Outcome {
	case probe.Pending.String():
		run.Sent++ // it is in no loss figure
	case probe.Answered.String(), probe.Late.String():
		p.RTT = time.Duration(r.RTT)
		run.Answered(p)
	default:
		if p.Cause = r.Cause; p.Cause == "" {
			p.Cause = r.Outcome
		}
		run.Lost(p)
	}
}

// save writes the report, and says how the runs differ.
func (d *drawn) save(env *cli.Env, o *options, of string) error {
	if d.other != nil && !o.quiet {
		for _, text := range runs.Compare(&d.run, d.other).Sentences() {
			env.Warnf("%s", text)
		}
	}
	return runs.Report("Echoes to "+of, &d.run, d.other).Save(o.report)
}
