package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/drop"
	"sockwire/capture/owner"
	"sockwire/capture/share"
	"sockwire/capture/where"
	"sockwire/cmd/internal/cli"
)

// converter writes frames of files to a file.
type converter struct {
	o        *options
	env      *cli.Env
	matcher  *matcher
	choice   selection
	progress atomic.Uint64
	matched  uint64
	chosen   *numberSet // of those that matched; nil where all are written, or analysis says which
	analysis *analysis
	chooser  *where.Matcher // nil without --where
	decoder  decode.Decoder
	history  decode.History
	packet   decode.Packet
	shown    shown
	taken    uint64 // of matched
	flushed  uint64 // of taken
	bytes    uint64
	drops    uint64
	stored   uint64 // in the file, so far
	misfit   bool   // the format cannot hold what was to be written
	closed   bool   // the output was finished, whatever became of the input
}

// wanted tells whether f is to be written.
func (c *converter) wanted(f *capture.Frame) (bool, error) {
	if !c.choice.takes(f) {
		return false, nil
	}
	ok, err := c.matcher.match(f)
	if !ok || err != nil {
		return false, err
	}
	if c.o.snaplen > 0 && len(f.Data) > c.o.snaplen {
		f.Data = f.Data[:c.o.snaplen:c.o.snaplen]
	}
	c.matched++
	if ok, err := c.chooses(f); !ok || err != nil {
		return false, err
	}
	c.taken++
	c.bytes += uint64(f.Length)
	c.drops += f.Drops
	return true, nil
}

func newConverter(env *cli.Env, o *options) *converter {
	c := &converter{o: o, env: env, matcher: newMatcher(env, o), choice: selection{o: o}, decoder: o.newDecoder(), chooser: o.newChooser()}
	if o.choice == nil && !o.joinsMessages() {
		c.matcher.only(o.before)
	}
	if o.choice != nil || o.joinsMessages() {
		c.analysis = newAnalysis(env, o, &c.history, true)
	}
	return c
}

// chooses tells whether --flow takes a packet that matched: by what is known of the whole file, or else by what is
// known now.
func (c *converter) chooses(f *capture.Frame) (bool, error) {
	switch {
	case c.analysis == nil && c.chooser == nil:
		return c.chosen == nil || c.chosen.has(c.matched), nil
	case c.analysis == nil && c.chosen != nil && !c.chosen.has(c.matched):
		return false, nil
	}
	_ = c.decoder.Decode(*f, &c.packet)
	fits := true
	if c.chooser != nil {
		c.chooser.Place = c.choice.place
		fits = c.chooser.Match(&c.packet)
	}
	if c.analysis == nil {
		return fits, nil
	}
	c.history.Add(&c.packet)
	ok, err := c.analysis.chooses(&c.packet, &c.shown, c.chooser, &fits)
	if c.chosen != nil {
		ok = c.chosen.has(c.matched)
	}
	return ok && fits, err
}

func (c *converter) full() bool {
	return c.choice.over() || c.o.count > 0 && c.taken >= uint64(c.o.count)
}

// copyBlocks converts one file to one, keeping all that the format written can hold.
func (c *converter) copyBlocks(ctx context.Context, r *capture.Reader) error {
	format := r.Format()
	switch format {
	case capture.FormatPcapng:
		format = capture.FormatPcapNano
	case capture.FormatSnoop:
		format = capture.FormatPcap // which holds its times too
	}
	w, err := c.o.output(c.env, format)
	if err != nil {
		return err
	}
	var b capture.Block
	for n := uint64(0); !c.full(); n++ {
		if n&1023 == 0 {
			c.progress.Store(n)
			if ctx.Err() != nil {
				break
			}
		}
		var ok bool
		if ok, err = r.TryNextBlock(&b); !ok && err == nil {
			if err = c.flush(w); err == nil {
				err = r.NextBlock(&b)
			}
		}
		if err != nil {
			break
		}
		if b.IsPacket() {
			if ok, err = c.wanted(&b.Frame); err != nil {
				break
			}
			if !ok {
				continue
			}
		}
		if err = w.WriteBlock(&b); err != nil {
			c.misfit = true
			break
		}
		if b.IsPacket() {
			c.stored++
		}
	}
	return c.end(w.Close(), unlessStopped(ctx, err))
}

// flush writes out what is there before more is waited for.
func (c *converter) flush(w interface{ Flush() error }) error {
	if c.flushed == c.taken {
		return nil
	}
	c.flushed = c.taken
	if err := w.Flush(); err != nil {
		return err
	}
	if c.o.write == "-" {
		return c.env.Stdout.Flush()
	}
	return nil
}

// leaveNothing removes the file that -w names when an error ended the writing before a packet was in it.
func (c *converter) leaveNothing(err error) {
	if err == nil || c.o.write == "-" || c.stored > 0 {
		return
	}
	if info, statErr := os.Lstat(c.o.write); statErr == nil && info.Mode().IsRegular() {
		os.Remove(c.o.write)
	}
}

// end says what to report: what is wrong with the output comes before what is wrong with the input.
func (c *converter) end(closing, err error) error {
	c.progress.Store(c.choice.number)
	if closing == nil && c.o.write == "-" {
		closing = c.env.Stdout.Flush()
	}
	if c.misfit && !c.o.rotates() && !c.o.isTable() && c.o.split == "" {
		c.leaveNothing(err)
	}
	for _, e := range []*error{&err, &closing} {
		if errors.Is(*e, capture.ErrLinkTypes) {
			*e = cli.WithHint(*e, "name it .pcapng, or write a file for each link type with --split link")
		}
	}
	if closing != nil {
		return closing
	}
	c.closed = true
	if err == io.EOF {
		return nil
	}
	return err
}

// copyFrames merges files, or splits them into several.
func (c *converter) copyFrames(ctx context.Context, readers []*capture.Reader) error {
	var src frames = readers[0]
	if len(readers) > 1 {
		src = capture.Merge(readers...)
	}
	w, err := newSink(c.env, c.o)
	if err != nil {
		return err
	}
	var f capture.Frame
	for n := uint64(0); !c.full(); n++ {
		if n&1023 == 0 {
			c.progress.Store(n)
			if ctx.Err() != nil {
				break
			}
		}
		var ok bool
		if ok, err = src.TryNext(&f); !ok && err == nil {
			if err = c.flush(w); err == nil {
				err = src.Next(&f)
			}
		}
		if err != nil {
			break
		}
		if ok, err = c.wanted(&f); err != nil {
			break
		}
		if !ok {
			continue
		}
		if f.Interface >= w.described {
			if err = w.describe(src.Interfaces()); err != nil {
				c.misfit = true
				break
			}
		}
		if err = w.put(&f, c.matched); err != nil {
			c.misfit = true
			break
		}
		c.stored++
	}
	return c.end(w.Close(), unlessStopped(ctx, err))
}

func (c *converter) summary(start time.Time) {
	if c.o.json && c.o.write != "-" {
		c.env.Stdout.JSON(fileSummary{"summary", c.taken, c.progress.Load(), c.bytes, c.drops, c.o.duplicates(), time.Since(start).Nanoseconds()})
	} else if !c.o.quiet {
		to := c.o.write
		if c.o.split != "" {
			to = strings.Join(c.o.written, ", ")
		}
		if to == "" { // no packet, so no file
			to = "nothing"
		}
		c.env.Warnf("%s written to %s", cli.Plural(c.taken, "packet"), cli.Escape(to))
		if n := c.o.duplicates(); n > 0 {
			c.env.Warnf("%s left out", cli.Plural(n, "duplicate"))
		}
	}
}

// sink is where frames go one by one: a file, a row of files, or standard output.
type sink struct {
	frameWriter
	described int
	sharer    *share.Sharer // nil without --share
}

type frameWriter interface {
	Describe([]capture.Interface) error
	Write(*capture.Frame) error
	WriteStatistics(*capture.Statistics) error
	Flush() error
	Close() error
}

var (
	_ frameWriter = (*capture.Writer)(nil)
	_ frameWriter = (*capture.Rotator)(nil)
	_ frameWriter = (*tableSink)(nil)
	_ frameWriter = (*linkFiles)(nil)
)

// put writes a frame, which is a packet of that number.
func (s *sink) put(f *capture.Frame, number uint64) error {
	if s.sharer != nil {
		shared := s.sharer.Frame(f)
		f = &shared
	}
	if t, ok := s.frameWriter.(*tableSink); ok {
		return t.WriteNumbered(f, number, -1)
	}
	return s.Write(f)
}

// own says whose the frame is that is put next, where what is written has columns for it, and is not to be shared.
func (s *sink) own(owners []owner.Owner) {
	if t, ok := s.frameWriter.(*tableSink); ok && s.sharer == nil {
		t.Own(owners)
	}
}

// putDrop writes a packet that the kernel dropped.
func (s *sink) putDrop(f *capture.Frame, number uint64, d *drop.Drop) error {
	if t, ok := s.frameWriter.(*tableSink); ok {
		if a, ok := t.numberedWriter.(*allTables); ok {
			return a.WriteDrop(f, number, d)
		}
	}
	return s.put(f, number)
}

func newSink(env *cli.Env, o *options) (*sink, error) {
	if o.isTable() {
		w, err := newTableSink(env, o)
		if err != nil {
			return nil, fileError(err)
		}
		return &sink{frameWriter: w, sharer: o.sharer}, nil
	}
	if o.split != "" {
		return &sink{frameWriter: newLinkFiles(o), sharer: o.sharer}, nil
	}
	if !o.rotates() {
		w, err := o.output(env, capture.FormatPcapNano)
		if err != nil {
			return nil, err
		}
		return &sink{frameWriter: w, sharer: o.sharer}, nil
	}
	config := capture.ConfigFor(o.write)
	config.Section = o.section()
	r, err := capture.NewRotator(o.write, &config, o.rotation)
	if err != nil {
		return nil, fileError(err)
	}
	return &sink{frameWriter: r, sharer: o.sharer}, nil
}

// describe adds interfaces that are new, so that their frames can be written.
func (s *sink) describe(ifs []capture.Interface) error {
	s.described = len(ifs)
	if s.sharer != nil {
		ifs = slices.Clone(ifs)
		for i := range ifs {
			ifs[i] = share.Interface(ifs[i], i)
		}
	}
	return s.Describe(ifs)
}
