package main

import (
	"path/filepath"
	"strings"
	"time"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/capture/owner"
	"sockwire/capture/table"
	"sockwire/cmd/internal/cli"
)

// tableConfig is how the flags ask for tables.
func (o *options) tableConfig(env *cli.Env) *table.Config {
	c := &table.Config{Decoder: o.newDecoder(), Data: o.withData, Version: cli.Version()}
	c.Warn = func(text string) { env.Warnf("%s", cli.Escape(text)) }
	if o.sharer != nil {
		c.Run = "shared-" + table.RandomName() // without the host's name
	}
	return c
}

// tableSink is a table of packets, or a row of them.
type tableSink struct{ numberedWriter }

type numberedWriter interface {
	Write(*capture.Frame) error
	WriteNumbered(f *capture.Frame, number uint64, stream int64) error
	Own([]owner.Owner)
	Close() error
}

func newTableSink(env *cli.Env, o *options) (*tableSink, error) {
	switch {
	case o.tables != "":
		w, err := table.CreateTables(o.tables, o.tableConfig(env))
		return &tableSink{&allTables{Tables: w, rotation: o.rotation, begun: time.Now()}}, err
	case o.rotates():
		w, err := table.NewRotator(o.write, o.tableConfig(env), o.rotation)
		return &tableSink{w}, err
	}
	w, err := table.CreatePackets(o.write, o.tableConfig(env))
	return &tableSink{w}, err
}

// allTables are tables in a directory, in new files when a rotation asks for it.
type allTables struct {
	*table.Tables
	rotation capture.Rotation
	begun    time.Time
	packets  int64
}

// due begins new files where it is time.
func (a *allTables) due() error {
	if a.packets > 0 && (a.rotation.Count > 0 && a.packets >= a.rotation.Count || a.rotation.Every > 0 && time.Since(a.begun) >= a.rotation.Every) {
		a.packets, a.begun = 0, time.Now()
		if err := a.Rotate(); err != nil {
			return err
		}
	}
	a.packets++
	return nil
}

func (a *allTables) WriteNumbered(f *capture.Frame, number uint64, stream int64) error {
	if err := a.due(); err != nil {
		return err
	}
	return a.Tables.WriteNumbered(f, number, stream)
}

func (a *allTables) WriteDrop(f *capture.Frame, number uint64, d *drop.Drop) error {
	if err := a.due(); err != nil {
		return err
	}
	return a.Tables.WriteDrop(f, number, d)
}

// Describe does nothing: rows have the numbers of interfaces alone.
func (*tableSink) Describe([]capture.Interface) error { return nil }

// WriteStatistics writes none: what the kernel dropped is with the packet behind it. It comes every few seconds of a
// capture, and hours that are over are completed then.
func (s *tableSink) WriteStatistics(*capture.Statistics) error {
	if a, ok := s.numberedWriter.(*allTables); ok {
		return a.Settle(time.Now())
	}
	return nil
}

// Flush does nothing: a table can be read when it is complete.
func (*tableSink) Flush() error { return nil }

// checkTables refuses what tables cannot be with, and makes --tables what is written to.
func (o *options) checkTables() error {
	switch packed := strings.ToLower(filepath.Ext(o.write)); {
	case (packed == ".gz" || packed == ".zst") && isTableName(strings.TrimSuffix(o.write, filepath.Ext(o.write))):
		return cli.Usagef("a table is compressed inside: let the name after -w end in .parquet, without %s", packed)
	case o.tables != "" && o.write != "":
		return cli.Usagef("--tables writes tables and -w a file: give one of them")
	case o.withData && o.tables == "" && !o.isTable():
		return cli.Usagef("--with-data is of tables: give it with -w FILE.parquet or --tables")
	case o.tables == "":
		return nil
	case o.stats != "" || o.streams || o.followText != "" || o.extract != "" || o.info:
		return cli.Usagef("--tables writes: give it without --stats, --streams, --follow, --extract and --info")
	case o.rotation.Size > 0 || o.rotation.Keep > 0 || o.sizeFlag != "":
		return cli.Usagef("--tables begins new files by time or number: -G or --rotate-count, without -C and -W")
	}
	o.write = o.tables
	return nil
}
