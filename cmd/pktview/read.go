package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sockwire/capture"
	"sockwire/cmd/internal/captures"
	"sockwire/cmd/internal/cli"
)

// fileSummary is the last record of reading.
type fileSummary struct {
	Type    string `json:"type"`
	Packets uint64 `json:"packets"` // that matched
	Read    uint64 `json:"read"`
	Bytes   uint64 `json:"bytes"`                // on the wire, of those that matched
	Drops   uint64 `json:"drops"`                // told by the file before packets that matched
	Copies  uint64 `json:"duplicates,omitempty"` // left out by --dedup
	Elapsed int64  `json:"elapsed_ns"`
}

// readFiles does all that -r asks for.
func readFiles(ctx context.Context, env *cli.Env, o *options) error {
	if err := o.keepInputs(); err != nil {
		return err
	}
	// What is enough ends reading too: the input may be a pipe that stays silent from then on.
	reading, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	readers, err := openAll(reading, env, o)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer func() {
		for _, r := range readers {
			r.Close()
		}
	}()
	if o.follow != nil && o.followAs == "raw" && cli.IsTerminal(env.Stdout.Unwrapped()) {
		return cli.WithHint(errors.New("raw bytes are no text for a terminal"), "pktview ... | other command, or --follow-as text")
	}
	var before *pipeline
	if o.twice() {
		if before, err = choose(reading, env, o, readers[:len(o.read)]); err != nil {
			return unlessStopped(ctx, err)
		}
		readers = readers[len(o.read):]
	}
	if o.write != "" {
		return convert(ctx, env, o, readers, before)
	}
	start := time.Now()
	p := newPipeline(env, o, readers, false)
	p.enough = enough
	if p.analysis != nil {
		if err := p.analysis.open(o); err != nil {
			return err
		}
	}
	if before != nil {
		p.analysis.follower.chosen(before.analysis.follower)
	}
	if o.resolve {
		p.names = newNames(ctx)
	}
	stop := env.Progress(func() string { return readProgress(p.read.Load(), p.share.Load(), start) })
	env.OnStatus(func() string { return cli.Plural(p.read.Load(), "packet") + " read" })
	err = p.run(reading)
	stop()
	if o.report != "" {
		err = cli.Join(err, writeReport(env, o, &p.stats, p.analysis))
	} else if o.stats != "" {
		printStats(env, o, &p.stats, p.analysis)
	}
	if p.analysis != nil {
		p.analysis.warn(env)
		p.window.warn(env)
	}
	if o.extract != "" {
		p.analysis.extract.end(env)
	}
	if o.prints() && p.analysis != nil && p.analysis.fragments != nil {
		printUnfinished(env, o, p.analysis.fragments)
	}
	if o.streams {
		printStreams(env.Stdout, o, p.analysis.census)
	}
	if o.follow != nil {
		err = cli.Join(err, p.analysis.follower.end(ctx.Err() == nil))
	}
	warnTimes(env, readers)
	if n := o.duplicates(); n > 0 && !o.json && !o.quiet {
		env.Warnf("%s left out", cli.Plural(n, "duplicate"))
	}
	if o.json {
		n := p.counts()
		env.Stdout.JSON(fileSummary{"summary", n.packets, p.read.Load(), n.bytes, n.drops, o.duplicates(), time.Since(start).Nanoseconds()})
	}
	if err != nil {
		return err
	}
	if (o.filter != nil || o.choice != nil || o.where != nil) && p.counts().packets == 0 && ctx.Err() == nil {
		return cli.ErrNo
	}
	return nil
}

// twice tells whether files are read twice: once to find out what is chosen, with all that is found later, and once to
// write it. A pipe cannot be.
func (o *options) twice() bool {
	if (o.choice == nil || o.write == "") && (o.follow == nil || o.follow.filter == nil) {
		return false
	}
	for _, name := range o.read {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// choose reads the files for what is chosen of them. The result has read them.
func choose(ctx context.Context, env *cli.Env, o *options, readers []*capture.Reader) (*pipeline, error) {
	ctx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	p := newPipeline(env, o, readers, true)
	p.enough = enough
	p.matcher.warn = nil // it is said when they are read again
	p.window.chosen = new(numberSet)
	start := time.Now()
	stop := env.Progress(func() string { return readProgress(p.read.Load(), p.share.Load(), start) })
	err := p.run(ctx)
	stop()
	if err == nil && o.dedupText != "" {
		err = o.checkEdits() // to forget what was seen
	}
	p.window.warn(env)
	return p, err
}

// newPipeline returns what reads the files, or reads them for what is chosen only.
func newPipeline(env *cli.Env, o *options, readers []*capture.Reader, choosing bool) *pipeline {
	p := &pipeline{o: o, env: env, matcher: newMatcher(env, o), choice: selection{o: o}, readers: readers, named: make([]int, len(readers)),
		secrets: make([]int, len(readers)),
		src:     readers[0], stable: true, enough: func(error) {}}
	if len(readers) > 1 {
		p.src = capture.Merge(readers...)
	}
	for _, r := range readers {
		p.stable = p.stable && r.Stable()
	}
	if o.analyses() {
		p.analysis = newAnalysis(env, o, &p.history, choosing)
		p.bare = (o.streams || o.follow != nil) && !o.noSums
	}
	if p.chooses = o.where != nil && !choosing; p.chooses && p.analysis == nil && !o.numbersAll() && !o.why {
		p.early = true
		p.matcher.only(o.before)
	}
	p.window = newWindow(o, newRenderer(o, env, nil))
	return p
}

// warnTimes says of times that cannot be meant as they stand.
func warnTimes(env *cli.Env, readers []*capture.Reader) {
	for _, r := range readers {
		if n, at := r.OddTimes(); n > 0 {
			env.Warnf("%s: the time of %s cannot be as it stands, first at byte %d: a fraction beyond a second is read as nanoseconds",
				r.Name(), cli.Plural(n, "packet"), at)
		}
	}
}

// keepInputs refuses to write over a file that is read.
func (o *options) keepInputs() error {
	if o.write == "" || o.write == "-" || o.rotates() {
		return nil
	}
	to, err := os.Stat(o.write)
	if err != nil {
		return nil // it is made anew, or creating it will say what is wrong
	}
	for _, name := range o.read {
		if from, err := os.Stat(name); err == nil && os.SameFile(from, to) && from.Mode().IsRegular() {
			return cli.Usagef("-w %s would write over what -r reads", o.write)
		}
	}
	return nil
}

func openAll(ctx context.Context, env *cli.Env, o *options) ([]*capture.Reader, error) {
	// One file is read into chunks, which is faster than to map it; what is merged, or copied, is borrowed for longer.
	config := &capture.ReaderConfig{Memory: o.memory, Mapped: o.write != "" || len(o.read) > 1}
	names := o.read
	if o.twice() {
		names = append(names[:len(names):len(names)], names...)
	}
	readers, err := captures.OpenAll(ctx, env, func() error { return giveUp(env, o.write != "" || o.extract != "" || o.report != "", false) }, names, config)
	return readers, fileError(err)
}

// readProgress is shown once reading takes a second.
func readProgress(n uint64, share int64, start time.Time) string {
	elapsed := time.Since(start)
	if elapsed < time.Second {
		return ""
	}
	text := fmt.Sprintf("%s read, %.0f a second", cli.Plural(n, "packet"), float64(n)/elapsed.Seconds())
	if share > 0 {
		text = fmt.Sprintf("%d%%, %s", share, text)
	}
	return text
}

// convert copies what matches to a file.
func convert(ctx context.Context, env *cli.Env, o *options, readers []*capture.Reader, before *pipeline) error {
	c := newConverter(env, o)
	if before != nil {
		if c.chosen = before.window.chosen; !o.joinsMessages() {
			c.analysis = nil
		}
	}
	start := time.Now()
	stop := env.Progress(func() string { return readProgress(c.progress.Load(), 0, start) })
	defer stop()
	err := capture.Guard(func() error {
		if len(readers) == 1 && !o.rotates() && !o.isTable() && o.sharer == nil && o.split == "" {
			return c.copyBlocks(ctx, readers[0])
		}
		return c.copyFrames(ctx, readers)
	})
	stop()
	warnTimes(env, readers)
	if err == nil || c.closed {
		c.summary(start)
	}
	if err != nil {
		return err
	}
	if (o.filter != nil || o.choice != nil || o.where != nil) && c.taken == 0 && ctx.Err() == nil {
		return cli.ErrNo
	}
	return nil
}

// output opens what -w names.
func (o *options) output(env *cli.Env, format capture.Format) (*capture.Writer, error) {
	config := capture.ConfigFor(o.write)
	config.Section = o.section()
	if config.Format == capture.FormatPcapNano && format != capture.FormatPcapNano {
		config.Format = format
	}
	if o.write != "-" {
		w, err := capture.Create(o.write, &config)
		return w, fileError(err)
	}
	if cli.IsTerminal(env.Stdout.Unwrapped()) {
		return nil, cli.WithHint(errors.New("a capture file is no text for a terminal"), "pktview -w - | ... or -w FILE")
	}
	return capture.NewWriter(env.Stdout.Bytes(), &config)
}

// section says who wrote a file; of one that is shared, not on what.
func (o *options) section() capture.Section {
	if o.sharer != nil {
		return capture.Section{Application: "pktview " + cli.Version()}
	}
	return capture.Section{OS: system(), Application: "pktview " + cli.Version()}
}
