package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sockwire/capture/report/runs"
	"sockwire/cmd/internal/cli"
	"sockwire/dgram/perf"
)

// drawn is what --report and --compare ask for.
type drawn struct {
	run   runs.Run
	other *runs.Run // nil without --compare
}

// newDrawn begins a report, and reads the run that it is compared with; nil without --report.
func newDrawn(ctx context.Context, env *cli.Env, o *options) (*drawn, error) {
	if o.report == "" {
		return nil, nil
	}
	d := &drawn{run: runs.Run{Name: "this run"}}
	if o.compare == "" {
		return d, nil
	}
	in, err := env.Open(ctx, o.compare)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	d.other = &runs.Run{Name: o.compare}
	if err := readRun(in, d.other, o.requests); err != nil {
		return nil, fmt.Errorf("--compare %s: %w", o.compare, err)
	}
	return d, nil
}

// longestRecord bounds a line of --json: the buckets of a distribution are the longest.
const longestRecord = 8 << 20

// readRun reads what --json has written of a run.
func readRun(in io.Reader, run *runs.Run, requests bool) error {
	var seen struct{ summaries, buckets int }
	err := runs.Records(in, longestRecord, func(kind string, line []byte) (err error) {
		switch kind {
		case "interval":
			var r intervalRecord
			if err = json.Unmarshal(line, &r); err == nil {
				addInterval(run, &r)
			}
		case "flow":
			var r directionRecord
			if err = json.Unmarshal(line, &r); err == nil {
				addDelays(run, &r)
			}
		case "summary":
			var r directionRecord
			if err = json.Unmarshal(line, &r); err == nil {
				seen.summaries++
				addDirection(run, &r)
			}
		case "distribution":
			var r distribution
			if err = json.Unmarshal(line, &r); err == nil && r.Name == "rtt" {
				seen.buckets += len(r.Buckets)
				addDistribution(run, &r)
			}
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case seen.summaries == 0:
		return errors.New("there is no summary in it: it is to be what dgperf --json wrote")
	case requests && seen.buckets == 0:
		return errors.New("there is no distribution of round trips in it: it is to be what dgperf --requests --histogram --json wrote")
	}
	return nil
}

// addInterval draws what was counted in a second or so.
func addInterval(run *runs.Run, r *intervalRecord) {
	rate := runs.Rate{At: time.Duration(r.At), Length: time.Duration(r.Length), Trip: time.Duration(r.RoundTrip), Counts: map[string]float64{}}
	for direction, c := range map[string]*counts{"up": r.Up, "down": r.Down} {
		if c == nil {
			continue
		}
		rate.Counts[direction+": sent"] = float64(c.Sent)
		if c.Delay > 0 {
			if rate.Delays == nil {
				rate.Delays = map[string]time.Duration{}
			}
			rate.Delays[direction] = time.Duration(c.Delay)
		}
		if r.Replies == nil {
			rate.Counts[direction+": received"], rate.Counts[direction+": lost"] = float64(c.Unique), float64(c.Lost)
		}
	}
	if r.Replies != nil {
		rate.Counts["answered"] = float64(*r.Replies)
	}
	run.Count(rate)
}

// addDirection draws the losses of all flows in one direction.
func addDirection(run *runs.Run, r *directionRecord) {
	if run.Causes == nil {
		run.Causes = map[string]uint64{}
	}
	run.Sent += r.Sent
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{r.SendErrors, "refused by the sending host"}, {r.LostDropped, "no room in the receive buffer"}, {r.LostCheck, "wrong checksum"},
		{r.LostICMP, "ICMP error"}, {r.LostCorrupt, "damaged"}, {r.LostNetwork, "in the network"},
	} {
		if c.n > 0 {
			run.Causes[r.Direction+": "+c.what] += c.n
		}
	}
}

// addDelays shows the one-way delays of a flow in one direction.
func addDelays(run *runs.Run, r *directionRecord) {
	if v := r.OneWay; v != nil && r.Direction != "requests" {
		run.Delays = append(run.Delays, runs.Delay{Name: fmt.Sprintf("flow %d %s", r.Flow, r.Direction),
			Known: perf.Relation(r.Clock) != perf.ClockIndependent, Least: v.Min, P50: v.P50, P90: v.P90, P99: v.P99, Max: v.Max})
	}
}

// addDistribution draws how round trips are spread.
func addDistribution(run *runs.Run, r *distribution) {
	for _, b := range r.Buckets {
		run.Spread(runs.Bucket{To: time.Duration(b.To), Count: b.Count})
	}
}

// save writes the report, and says how the runs differ.
func (d *drawn) save(env *cli.Env, o *options) error {
	if d.other != nil && !o.quiet {
		for _, text := range runs.Compare(&d.run, d.other).Sentences() {
			env.Warnf("%s", text)
		}
	}
	return runs.Report("Datagrams to "+o.address.Text, &d.run, d.other).Save(o.report)
}
