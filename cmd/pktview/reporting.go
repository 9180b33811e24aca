package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/report/plot"
	"sockwire/capture/report/traffic"
	"sockwire/capture/stats"
	"sockwire/cmd/internal/cli"
)

// checkReport makes --report count what its charts need: all parts of --stats, and what TCP did.
func (o *options) checkReport() error {
	if o.report == "" {
		return nil
	}
	if err := plot.CheckName(o.report); err != nil {
		return cli.Usagef("--report: %v", err)
	}
	switch {
	case o.drops:
		return cli.Usagef("--report draws what passes interfaces, or a file: give it without --drops")
	case o.owner:
		return cli.Usagef("--report has no owners: give it without --owner, --pid, --comm, --uid and --cgroup")
	}
	o.stats = "all,tcp"
	return o.checkStats()
}

// reportStream reads the number that --follow has beside --report.
func (o *options) reportStream() error {
	n, err := strconv.ParseUint(o.followText, 10, 31)
	if err != nil {
		return cli.Usagef("with --report, --follow is the number of the TCP stream that is drawn, not %q", o.followText)
	}
	o.reportOnly = &n
	return nil
}

// newTraffic returns what gathers a report, nil where none is asked for.
func newTraffic(o *options) *traffic.Collector {
	if o.report == "" {
		return nil
	}
	r := newRenderer(o, &cli.Env{}, nil)
	r.printer.Location, r.printer.Number = time.UTC, false
	return traffic.NewCollector(&traffic.Config{Stream: o.reportOnly, Printer: &r.printer})
}

// writeReport writes what --report names.
func writeReport(env *cli.Env, o *options, c *stats.Collector, a *analysis) error {
	of := "What passed"
	if len(o.read) > 0 {
		of = strings.Join(o.read, ", ")
	}
	if o.expression != "" {
		of += ": " + o.expression
	}
	counts := traffic.Counts{Title: of, Stats: c, Totals: &a.census.totals, Top: o.top}
	if l := a.tracker.Lost(); l.Streams+l.Records+l.Holes > 0 {
		counts.About = append(counts.About, fmt.Sprintf("Given up to stay within bounds: %s that had not ended, %s of segments, %s that were waited for.",
			cli.Plural(l.Streams, "stream"), cli.Plural(l.Records, "record"), cli.Plural(l.Holes, "gap")))
	}
	report := a.traffic.Report(&counts)
	if o.reportOnly != nil && a.traffic.Drawn() == 0 {
		env.Warnf("there is no TCP stream %d", *o.reportOnly)
	}
	return fileError(report.Save(o.report))
}
