package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sockwire/capture"
	"sockwire/capture/filter"
	"sockwire/cmd/internal/captures"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
	"sockwire/raw/packet"
)

// recording is the packets of a capture file that are to be sent.
type recording struct {
	frames []capture.Frame
	cut    int // left out: the capture did not keep them whole
	other  int // left out: of a link type that cannot be sent
}

// load reads the packets of -r that match, and changes them.
func load(ctx context.Context, env *cli.Env, o *options) (*recording, error) {
	in, err := openRecorded(ctx, env, o)
	if err != nil {
		return nil, err
	}
	defer in.file.Close()
	var list recording
	for o.count == 0 || uint64(len(list.frames)) < o.count {
		var f capture.Frame
		if err = in.next(ctx, &f, nil); err == nil {
			f, err = in.file.Keep(&f)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, moreMemory(err)
		}
		list.frames = append(list.frames, f)
	}
	list.cut, list.other = in.cut, in.other
	return &list, in.end(ctx, env)
}

// moreMemory says what lets a file take more.
func moreMemory(err error) error {
	if errors.Is(err, capture.ErrMemory) {
		return cli.WithHint(err, "choose some packets with a filter, or allow more with --memory 1GiB")
	}
	return err
}

// recorded reads a capture file's packets that match, and changes them.
type recorded struct {
	o          *options
	file       *capture.Reader
	expression *filter.Filter
	programs   map[capture.LinkType]*filter.Program
	taken      int
	cut, other int    // as of recording
	edited     uint64 // by --edit
	unedited   uint64 // for want of a layer that --edit names
	completed  uint64 // whose checksums were left to a device
	buf        []byte
}

func openRecorded(ctx context.Context, env *cli.Env, o *options) (*recorded, error) {
	expression, err := filter.Parse(o.filter)
	if err != nil {
		return nil, err
	}
	config := &capture.ReaderConfig{Held: o.memory}
	var giveUp func() error
	if !o.sends() {
		giveUp = env.DropPrivilege
	}
	file, err := captures.Open(ctx, env, giveUp, o.read, config)
	if err != nil {
		return nil, moreMemory(err)
	}
	return &recorded{o: o, file: file, expression: expression, programs: map[capture.LinkType]*filter.Program{}}, nil
}

// next reads the next packet into f, valid until the following one; io.EOF is the end of the file, or of ctx. Before it
// waits for more to come it calls waiting, if that is not nil.
func (r *recorded) next(ctx context.Context, f *capture.Frame, waiting func() error) error {
	for {
		if ctx.Err() != nil {
			return io.EOF
		}
		ok, err := r.file.TryNext(f)
		if !ok && err == nil {
			if waiting != nil {
				err = waiting()
			}
			if err == nil {
				err = r.file.Next(f)
			}
		}
		if err != nil && ctx.Err() != nil {
			return io.EOF
		}
		if err != nil {
			return err
		}
		if ok, err = r.wanted(f); err != nil {
			return err
		}
		if ok {
			r.taken++
			return r.edit(f)
		}
	}
}

// wanted tells whether f matches and can be sent.
func (r *recorded) wanted(f *capture.Frame) (bool, error) {
	if firstLayer(f.Link, f.Data) == nil {
		r.other++
		return false, nil
	}
	program := r.programs[f.Link]
	if program == nil {
		p, err := r.expression.Compile(f.Link, nil)
		if err != nil {
			return false, fmt.Errorf("filter for %s: %w", f.Link, err)
		}
		program = &p
		r.programs[f.Link] = program
	}
	if !program.MatchFrame(f) {
		return false, nil
	}
	if len(f.Data) < f.Length && !r.o.describe {
		r.cut++
		return false, nil
	}
	return true, nil
}

// edit makes f what is sent: with the checksums that its device was to write, and changed as --edit says.
func (r *recorded) edit(f *capture.Frame) error {
	f.Comments = nil
	if r.o.describe && r.o.edit == nil {
		return nil
	}
	r.buf = append(r.buf[:0], f.Data...)
	f.Data = r.buf
	if !r.o.describe && inject.CompleteChecksums(f.Data[networkAt(f.Link, f.Data):], f.Offload.ChecksumPending) {
		r.completed++
	}
	if r.o.edit == nil {
		return nil
	}
	layers, all := r.o.edit.Apply(packet.Dissect(f.Data, firstLayer(f.Link, f.Data)), r.edited+r.unedited)
	if all {
		r.edited++
	} else {
		r.unedited++
	}
	var err error
	if f.Data, err = packet.Append(nil, layers...); err != nil {
		return fmt.Errorf("packet %d of the file: %w", r.taken, err)
	}
	f.Length = len(f.Data)
	return nil
}

// end says what was left out, and that nothing is left where that is so.
func (r *recorded) end(ctx context.Context, env *cli.Env) error {
	if r.completed > 0 {
		env.Warnf("%s captured without checksums, which were left to the device: they are completed", cli.Plural(r.completed, "packet"))
	}
	if r.other > 0 {
		env.Warnf("%s left out: their link type is neither Ethernet nor raw IP", cli.Plural(r.other, "packet"))
	}
	if r.cut > 0 {
		env.Warnf("%s left out: the capture did not keep all of their bytes", cli.Plural(r.cut, "packet"))
	}
	if r.unedited > 0 {
		env.Warnf("%d of %d packets lack a layer that --edit names, and keep what it would have changed there", r.unedited, r.edited+r.unedited)
	}
	if n, at := r.file.OddTimes(); n > 0 {
		env.Warnf("the time of %d packets cannot be as it stands, first at byte %d: a fraction beyond a second is read as nanoseconds", n, at)
	}
	if r.taken == 0 && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.taken == 0 {
		return fmt.Errorf("no packet of %s is left to work with: %w", r.o.read, cli.ErrNo)
	}
	return nil
}

// plan makes the plan of what is to be sent of a recording, and when.
func (r *recording) plan(o *options) {
	o.makePlan()
	if o.plan.Listen == inject.ListenIfUseful {
		o.plan.Listen = inject.ListenNever
	}
	recorded := &inject.Recorded{Loops: o.loop, Frames: r.frames[0].Link == capture.LinkEthernet}
	if o.rate.IsZero() && !o.flood {
		recorded.Due = []time.Duration{}
	}
	first, last := r.frames[0].Time, time.Duration(0)
	for i := range r.frames {
		f := &r.frames[i]
		if recorded.Due != nil {
			last = max(last, time.Duration(float64(f.Time.Sub(first))/o.speed))
			recorded.Due = append(recorded.Due, last)
		}
		recorded.Packets = append(recorded.Packets, f.Data)
	}
	o.plan.Recorded = recorded
}

// replay sends the packets of a capture file.
func replay(ctx context.Context, env *cli.Env, o *options) error {
	if o.engine == "trains" {
		return cli.Usagef("--engine trains makes one packet many; recorded packets differ")
	}
	var list *recording
	var err error
	cli.Unprivileged(func() { list, err = load(ctx, env, o) })
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w while the packets were read: none was sent", context.Cause(ctx))
	}
	for i := range list.frames {
		if (list.frames[i].Link == capture.LinkEthernet) != (list.frames[0].Link == capture.LinkEthernet) {
			return errors.New("the packets start some with Ethernet headers and some without: choose with a filter")
		}
	}
	list.plan(o)
	return send(ctx, env, o)
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

// describe prints packets as expressions, each as it is read.
func describe(ctx context.Context, env *cli.Env, o *options) error {
	in, err := openRecorded(ctx, env, o)
	if err != nil {
		return err
	}
	defer in.file.Close()
	var f capture.Frame
	for o.count == 0 || uint64(in.taken) < o.count {
		if err := in.next(ctx, &f, env.Stdout.Flush); err != nil {
			if err == io.EOF {
				break
			}
			return moreMemory(err)
		}
		text := packet.Format(packet.Dissect(f.Data, firstLayer(f.Link, f.Data)))
		if o.json {
			err = env.Stdout.JSON(expressionRecord{"expression", in.taken, f.Time, text})
		} else {
			_, err = fmt.Fprintf(env.Stdout, "%s\n", text)
		}
		if err != nil {
			return err
		}
	}
	return in.end(ctx, env)
}
