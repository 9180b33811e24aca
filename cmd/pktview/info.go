package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"sockwire/capture"
	"sockwire/capture/info"
	"sockwire/cmd/internal/captures"
	"sockwire/cmd/internal/cli"
)

// The records of --info --json.
type (
	fileRecord struct {
		Type        string          `json:"type"`
		Name        string          `json:"name"`
		Format      string          `json:"format"`
		Compression string          `json:"compression,omitempty"`
		Size        int64           `json:"size,omitempty"` // on the disk
		SHA256      string          `json:"sha256,omitempty"`
		SHA1        string          `json:"sha1,omitempty"`
		Packets     uint64          `json:"packets"`
		Bytes       uint64          `json:"bytes"`
		Captured    uint64          `json:"captured_bytes"`
		MinLength   int             `json:"min_length"`
		MaxLength   int             `json:"max_length"`
		Cut         uint64          `json:"cut_packets"`
		First       *time.Time      `json:"first,omitempty"`
		Last        *time.Time      `json:"last,omitempty"`
		Duration    int64           `json:"duration_ns"`
		PerSecond   float64         `json:"packets_per_second"`
		Bits        float64         `json:"bits_per_second"`
		Disorder    uint64          `json:"first_out_of_order,omitempty"` // its number
		Drops       uint64          `json:"drops"`
		Comments    uint64          `json:"packet_comments"`
		Names       int             `json:"names"`
		Secrets     int             `json:"secrets"`
		Other       int             `json:"other_blocks"`
		Sections    []sectionRecord `json:"sections"`
		Untold      int             `json:"untold_sections,omitempty"` // beyond the first 1000
		Interfaces  []infoInterface `json:"interfaces"`
	}
	sectionRecord struct {
		Hardware    string   `json:"hardware,omitempty"`
		OS          string   `json:"os,omitempty"`
		Application string   `json:"application,omitempty"`
		Comments    []string `json:"comments,omitempty"`
	}
	infoInterface struct {
		Name        string   `json:"name,omitempty"`
		Description string   `json:"description,omitempty"`
		Link        string   `json:"link"`
		Snaplen     int      `json:"snaplen"`
		Resolution  int64    `json:"resolution_ns"`
		TimeOffset  int64    `json:"time_offset_s,omitempty"`
		Filter      string   `json:"filter,omitempty"`
		Comments    []string `json:"comments,omitempty"`
		Packets     uint64   `json:"packets"`
		Bytes       uint64   `json:"bytes"`
		Received    *int64   `json:"received,omitempty"` // as the file says
		Dropped     *int64   `json:"dropped,omitempty"`
	}
)

// describeFiles says what each file is.
func describeFiles(ctx context.Context, env *cli.Env, o *options) error {
	sums := make([]fileRecord, len(o.read)) // taken before rights are given up: that takes nothing apart
	for i, name := range o.read {
		if about, err := os.Stat(name); err != nil || !about.Mode().IsRegular() {
			continue // opening it will say what is wrong
		}
		stop := env.Progress(func() string { return "reading " + name })
		var err error
		sums[i].Size, sums[i].SHA256, sums[i].SHA1, err = info.Hashes(ctx, name)
		if stop(); err != nil {
			return fileError(err)
		}
	}
	config := &capture.ReaderConfig{Memory: o.memory}
	readers, err := captures.OpenAll(ctx, env, func() error { return giveUp(env, false, false) }, o.read, config)
	if err != nil {
		return fileError(err)
	}
	for i, r := range readers {
		if i > 0 && !o.json {
			env.Stdout.Printf("\n")
		}
		err = cli.Join(err, describeFile(ctx, env, o, o.read[i], r, &sums[i]))
		r.Close()
	}
	if o.json {
		env.Stdout.JSON(struct {
			Type  string `json:"type"`
			Files int    `json:"files"`
		}{"summary", len(o.read)})
	}
	return err
}

func describeFile(ctx context.Context, env *cli.Env, o *options, name string, r *capture.Reader, sums *fileRecord) error {
	stop := env.Progress(func() string { return "reading " + name })
	f, err := info.Read(ctx, r)
	stop()
	record := newFileRecord(name, f)
	record.Size, record.SHA256, record.SHA1 = sums.Size, sums.SHA256, sums.SHA1
	if o.json {
		env.Stdout.JSON(record)
	} else {
		printInfo(env.Stdout, o, f, &record)
	}
	warnTimes(env, []*capture.Reader{r})
	return err
}

func newFileRecord(name string, f *info.File) fileRecord {
	packets, bits := f.PerSecond()
	r := fileRecord{
		Type: "file", Name: name, Format: f.Format.String(), Compression: packing(f.Compression),
		Packets: f.Packets, Bytes: f.Bytes, Captured: f.Captured, MinLength: f.MinLength, MaxLength: f.MaxLength, Cut: f.Cut,
		First: when(f.First), Last: when(f.Last), Duration: f.Duration().Nanoseconds(), PerSecond: packets, Bits: bits, Disorder: f.Disorder,
		Drops: f.Drops, Comments: f.Comments, Names: f.Names, Secrets: f.Secrets, Other: f.Other,
		Sections: []sectionRecord{}, Untold: f.Untold, Interfaces: []infoInterface{},
	}
	for _, s := range f.Sections {
		r.Sections = append(r.Sections, sectionRecord{s.Hardware, s.OS, s.Application, s.Comments})
	}
	for i := range f.Interfaces {
		a := &f.Interfaces[i]
		n := infoInterface{
			Name: a.Name, Description: a.Description, Link: a.Link.String(), Snaplen: a.Snaplen, Resolution: a.Resolution.Nanoseconds(),
			TimeOffset: a.TimeOffset, Filter: a.Filter, Comments: a.Comments, Packets: a.Packets, Bytes: a.Bytes,
		}
		if s := a.Statistics; s != nil {
			n.Received, n.Dropped = known(s.Received, s.Accepted), known(s.SystemDrop, s.Dropped)
		}
		r.Interfaces = append(r.Interfaces, n)
	}
	return r
}

// known returns the first of two counts that is told, nil where none is.
func known(a, b int64) *int64 {
	for _, n := range []int64{a, b} {
		if n >= 0 {
			return &n
		}
	}
	return nil
}

func packing(c capture.Compression) string {
	return map[capture.Compression]string{capture.Gzip: "gzip", capture.Zstd: "zstd"}[c]
}

// printInfo prints a line for each fact, empty ones left out.
func printInfo(out *cli.Output, o *options, f *info.File, r *fileRecord) {
	loc := time.Local
	if o.utc {
		loc = time.UTC
	}
	line := func(name, format string, a ...any) {
		out.Printf("%-15s %s\n", name+":", cli.Escape(fmt.Sprintf(format, a...)))
	}
	text := func(name, value string) {
		if value != "" {
			line(name, "%s", value)
		}
	}
	number := func(name string, n uint64) {
		if n > 0 {
			line(name, "%d", n)
		}
	}
	line("file", "%s", r.Name)
	if r.Compression != "" {
		line("format", "%s, packed with %s", r.Format, r.Compression)
	} else {
		line("format", "%s", r.Format)
	}
	if r.SHA256 != "" {
		line("size", "%s", cli.Plural(uint64(r.Size), "byte"))
	}
	text("SHA-256", r.SHA256)
	text("SHA-1", r.SHA1)
	line("packets", "%d", r.Packets)
	line("bytes", "%d on the wire, %d captured", r.Bytes, r.Captured)
	if r.Packets > 0 {
		line("lengths", "%d to %d, %.1f on average", r.MinLength, r.MaxLength, float64(r.Bytes)/float64(r.Packets))
	}
	number("cut packets", r.Cut)
	if r.First != nil {
		line("first", "%s", r.First.In(loc).Format(infoTime))
		line("last", "%s", r.Last.In(loc).Format(infoTime))
		line("duration", "%s", spanText(f.Duration()))
	}
	if r.PerSecond > 0 {
		line("rate", "%spackets/s, %s", short(r.PerSecond), rate(r.Bits))
	}
	if r.Disorder > 0 {
		line("order", "packet %d is earlier than the one before it", r.Disorder)
	}
	number("lost", r.Drops)
	number("packet comments", r.Comments)
	number("names", uint64(r.Names))
	number("secrets", uint64(r.Secrets))
	number("other blocks", uint64(r.Other))
	for i, s := range r.Sections {
		if len(r.Sections) > 1 {
			line("section", "%d", i+1)
		}
		text("written on", s.Hardware)
		text("written under", s.OS)
		text("written by", s.Application)
		for _, c := range s.Comments {
			line("comment", "%s", c)
		}
	}
	number("more sections", uint64(r.Untold))
	for i, n := range r.Interfaces {
		name := fmt.Sprint(i)
		if n.Name != "" {
			name += " " + n.Name
		}
		line("interface", "%s, link type %s, %s", name, n.Link, cli.Plural(n.Packets, "packet"))
		text("  description", n.Description)
		if n.Snaplen > 0 {
			line("  snaplen", "%d", n.Snaplen)
		}
		line("  time unit", "%v", time.Duration(n.Resolution))
		if n.TimeOffset != 0 {
			line("  times from", "%s", time.Unix(n.TimeOffset, 0).In(loc).Format(infoTime))
		}
		text("  filter", n.Filter)
		if n.Received != nil {
			line("  received", "%d", *n.Received)
		}
		if n.Dropped != nil {
			line("  dropped", "%d", *n.Dropped)
		}
		for _, c := range n.Comments {
			line("  comment", "%s", c)
		}
	}
}

const infoTime = "2006-01-02 15:04:05.999999999 -0700"
