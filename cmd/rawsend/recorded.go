package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"sockwire/capture"
	"sockwire/capture/filter"
	"sockwire/cmd/internal/captures"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/packet"
)

// maxLoaded bounds the memory that the packets of -r may take.
const maxLoaded = 2 << 30

// recording is the packets of a capture file that are to be sent.
type recording struct {
	frames []capture.Frame
	cut    int // left out: the capture did not keep them whole
	other  int // left out: of a link type that cannot be sent
}

// load reads the packets of -r that match, and changes them.
func load(ctx context.Context, env *cli.Env, o *options) (*recording, error) {
	r, err := captures.Open(ctx, env, o.read)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	expression, err := filter.Parse(o.filter)
	if err != nil {
		return nil, err
	}
	programs := map[capture.LinkType]*filter.Program{}
	var list recording
	size := 0
	var edited, unedited uint64
	for f, err := range r.Frames(ctx) {
		if err != nil && ctx.Err() != nil {
			break // what was read until then is shown
		}
		if err != nil {
			return nil, err
		}
		if firstLayer(f.Link, f.Data) == nil {
			list.other++
			continue
		}
		program := programs[f.Link]
		if program == nil {
			p, err := expression.Compile(f.Link, nil)
			if err != nil {
				return nil, fmt.Errorf("filter for %s: %w", f.Link, err)
			}
			program = &p
			programs[f.Link] = program
		}
		if !program.MatchFrame(&f) {
			continue
		}
		if len(f.Data) < f.Length && !o.describe {
			list.cut++
			continue
		}
		f.Data = bytes.Clone(f.Data)
		f.Comments = nil
		if o.edit != nil {
			layers, all := o.edit.Apply(packet.Dissect(f.Data, firstLayer(f.Link, f.Data)), edited+unedited)
			if all {
				edited++
			} else {
				unedited++
			}
			if f.Data, err = packet.Append(nil, layers...); err != nil {
				return nil, fmt.Errorf("packet %d of the file: %w", len(list.frames)+1, err)
			}
			f.Length = len(f.Data)
		}
		if size += len(f.Data); size > maxLoaded {
			return nil, cli.WithHint(fmt.Errorf("%s holds more than 2 GiB of packets", o.read), "choose some with a filter")
		}
		list.frames = append(list.frames, f)
		if o.count > 0 && uint64(len(list.frames)) == o.count {
			break
		}
	}
	if list.other > 0 {
		env.Warnf("%d packets left out: their link type is neither Ethernet nor raw IP", list.other)
	}
	if list.cut > 0 {
		env.Warnf("%d packets left out: the capture did not keep them whole", list.cut)
	}
	if unedited > 0 {
		env.Warnf("%d of %d packets lack a layer that --edit names, and keep what it would have changed there", unedited, edited+unedited)
	}
	if len(list.frames) == 0 && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if len(list.frames) == 0 {
		return nil, fmt.Errorf("no packet of %s is left to work with: %w", o.read, cli.ErrNo)
	}
	return &list, nil
}

// firstLayer returns a new first layer of frames of a link type, nil for one that cannot be built.
func firstLayer(link capture.LinkType, data []byte) packet.Layer {
	switch {
	case link == capture.LinkEthernet:
		return new(packet.Ethernet)
	case len(data) == 0:
		return nil
	case link == capture.LinkIPv6, link == capture.LinkRaw && data[0]>>4 == 6:
		return new(packet.IPv6)
	case link == capture.LinkIPv4, link == capture.LinkRaw:
		return new(packet.IPv4)
	}
	return nil
}

// expressionRecord is a packet as an expression.
type expressionRecord struct {
	Type       string    `json:"type"`
	Number     int       `json:"number"`
	Time       time.Time `json:"time"`
	Expression string    `json:"expression"`
}

// describe prints packets as expressions.
func describe(ctx context.Context, env *cli.Env, o *options) error {
	list, err := load(ctx, env, o)
	if err != nil {
		return err
	}
	for i, f := range list.frames {
		if o.count > 0 && uint64(i) == o.count {
			break
		}
		text := packet.Format(packet.Dissect(f.Data, firstLayer(f.Link, f.Data)))
		if o.json {
			env.Stdout.JSON(expressionRecord{"expression", i + 1, f.Time, text})
		} else {
			env.Stdout.Printf("%s\n", text)
		}
		if err := env.Stdout.Flush(); err != nil {
			return err
		}
	}
	return nil
}
