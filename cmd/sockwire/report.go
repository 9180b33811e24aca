package main

import (
	"bytes"
	"os"
	"strings"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/report"
	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/capture/trace/show"
	"sockwire/cmd/internal/cli"
)

// ranScene is one scene as it was played.
type ranScene struct {
	scene
	v6       bool
	session  *follow.Session
	timeline *trace.Timeline
}

// title names the scene, and its family where it is played over both.
func (a *ranScene) title() string {
	if a.both && a.v6 {
		return a.name + " over IPv6"
	}
	return a.name
}

// playReport writes what was played, as text, JSON Lines or a picture, and the packets to a file.
type playReport struct {
	env     *cli.Env
	o       options
	lab     bool
	live    bool // packets are captured
	said    bool // and whether they are was said
	ran     []*ranScene
	lost    uint64
	file    *os.File
	writer  *capture.Writer
	written int // packets in the file
	printer decode.Printer
	output  *os.File // of -o, or nil
	picture picture  // in it, or nil
}

func newReport(env *cli.Env, o options, file *os.File, lab bool) *playReport {
	return &playReport{env: env, o: o, lab: lab, file: file}
}

// open makes the file that -o names: of a picture, or of what standard output would have had.
func (r *playReport) open() error {
	f, err := r.o.trace.create()
	if f == nil {
		return err
	}
	r.output = f
	r.env.Stdout, r.env.Color = cli.NewOutput(f), false
	r.picture = newPicture(r.o.trace.output, r.env.Stdout, "What sockets put on the wire")
	return nil
}

// source says where the packets of the next scene come from. Without any, blind is the reason.
func (r *playReport) source(ifs []capture.Interface, blind error) error {
	first := !r.said
	r.said, r.live = true, len(ifs) > 0
	if !first {
		return nil
	}
	if !r.live {
		r.env.Warnf("packets are not shown: %v", blind)
	}
	if r.file == nil {
		return nil
	}
	w, err := capture.NewWriter(r.file, &capture.WriterConfig{Section: capture.Section{Application: "sockwire " + cli.Version()}})
	if err != nil {
		return err
	}
	r.writer = w
	return w.Describe(ifs)
}

// write writes one scene.
func (r *playReport) write(a *ranScene) error {
	r.ran = append(r.ran, a)
	r.lost += a.session.Lost()
	if err := a.timeline.Check(); err != nil {
		r.env.Warnf("%s does not add up: %s", a.name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if r.writer != nil {
		n := r.written
		for _, p := range a.timeline.Packets {
			if p.Uncaptured {
				continue
			}
			f := *a.session.Frame(p.Number)
			f.Interface = 0
			f.Comments = []string{a.name + ": " + show.Comment(a.timeline, p, r.written)}
			if err := r.writer.Write(&f); err != nil {
				return err
			}
			n++
		}
		r.written = n
	}
	switch {
	case r.picture != nil:
		r.picture.Begin(report.Part{Name: a.title(), About: a.short, Start: a.session.Clock().Start(), Explain: true, Frame: a.session.Frame})
		r.picture.Add(a.timeline)
		return nil
	case r.o.json:
		return r.records(a)
	}
	if len(r.ran) == 1 {
		r.env.Stdout.Printf("%s", show.Legend)
		if r.o.columns {
			r.env.Stdout.Printf("%s", show.LegendColumns)
		}
	}
	r.env.Stdout.Printf("\n")
	r.env.Stdout.Printf("%s\n", show.Title(a.timeline, strings.ToUpper(a.name)))
	o := show.Options{Color: r.env.Color, Actors: true, Columns: r.o.width(r.env.Stdout.Unwrapped()), Width: lineWidth(r.env.Stdout), Plain: plain()}
	if r.o.verbose {
		o.Detail = func(p *trace.PacketRecord) []byte { return r.detail(a, p) }
	}
	return r.env.Stdout.Text(show.Append(nil, a.timeline, o))
}

// detail is the field tree of a packet and its bytes, layer by layer.
func (r *playReport) detail(a *ranScene, p *trace.PacketRecord) []byte {
	var d decode.Decoder
	var q decode.Packet
	f := a.session.Frame(p.Number)
	if f == nil { // it never came to an interface
		f = &capture.Frame{Data: p.Network, Length: p.NetworkHeader + p.TransportHeader + p.PayloadLength, Link: capture.LinkRaw}
	}
	_ = d.Decode(*f, &q) // a fault is part of the tree
	b := r.printer.AppendTree(nil, &q)
	b = decode.AppendHex(b, &q, true)
	const margin = "                "
	return append([]byte(margin), append(bytes.ReplaceAll(bytes.TrimRight(b, "\n"), []byte("\n"), []byte("\n"+margin)), '\n')...)
}

type sceneRecord struct {
	Type    string `json:"type"`
	Scene   string `json:"scene"`
	Family  string `json:"family,omitempty"`
	Start   string `json:"start"`
	Lab     bool   `json:"lab"`
	Packets bool   `json:"packets_captured"`
	MTU     int    `json:"mtu,omitempty"`
}

type summaryRecord struct {
	Type   string             `json:"type"`
	Scenes int                `json:"scenes"`
	Calls  int                `json:"calls"`
	Total  int                `json:"packets"`
	Lost   uint64             `json:"packets_lost"`
	Kinds  []*show.Comparison `json:"kinds"`
}

type traceSummary struct {
	Type    string `json:"type"`
	Calls   int    `json:"calls"`
	Total   int    `json:"packets"`
	Packets bool   `json:"packets_captured"`
	Lost    uint64 `json:"packets_lost"`
	Forced  int    `json:"forgotten_early"`
	Exit    int    `json:"exit_status"`
	*show.Summary
}

func (r *playReport) records(a *ranScene) error {
	s := sceneRecord{Type: "scene", Scene: a.name, Start: a.session.Clock().Start().UTC().Format(time.RFC3339Nano), Lab: r.lab, Packets: r.live}
	if a.internet {
		s.Family = "ipv4"
		if a.v6 {
			s.Family = "ipv6"
		}
	}
	if r.lab {
		s.MTU = r.o.mtu
	}
	err := r.env.Stdout.JSON(s)
	for _, record := range show.Records(a.timeline, a.name, a.session.Clock().Start()) {
		err = cli.Join(err, r.env.Stdout.JSON(record))
	}
	return err
}

// end writes the comparison of the kinds and finishes the file.
func (r *playReport) end() error {
	var err error
	if r.writer != nil {
		err = r.writer.Close()
	}
	if r.file != nil {
		err = cli.Join(err, r.file.Close())
	}
	var timelines []*trace.Timeline
	s := summaryRecord{Type: "summary", Scenes: len(r.ran), Lost: r.lost}
	for _, a := range r.ran {
		timelines = append(timelines, a.timeline)
		s.Calls += len(a.timeline.Calls)
		s.Total += len(a.timeline.Packets)
	}
	s.Kinds = show.Compare(timelines...)
	if r.lost > 0 {
		defer r.env.Warnf("the capture missed %d packets", r.lost)
	}
	switch {
	case r.picture != nil:
		err = cli.Join(err, r.picture.Close(s.Kinds))
	case r.o.json:
		err = cli.Join(err, r.env.Stdout.JSON(s))
	case len(s.Kinds) > 0:
		r.env.Stdout.Printf("\nCOMPARED  counted in this run: %d calls, %d packets\n", s.Calls, s.Total)
		err = cli.Join(err, r.env.Stdout.Text(show.AppendComparison(nil, s.Kinds, cli.Width(r.env.Stdout.Unwrapped()))))
	}
	if r.output != nil {
		err = cli.Join(err, r.env.Stdout.Flush(), r.output.Close())
	}
	return err
}
