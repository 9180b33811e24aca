package capture

import (
	"context"
	"io"
	"iter"
	"slices"
	"time"
)

// Merged gives the frames of several readers in the order of their times. Each reader's own order is kept:
// a frame that is earlier than the one before it in its file comes right after that one. Frames without a
// time take that of the frame before them.
type Merged struct {
	inputs []mergeInput
	ifs    []Interface
	last   *mergeInput // whose frame was given last, and may now be stepped over
	err    error       // the first of any reader, given at the end
	ended  bool
}

type mergeInput struct {
	r     *Reader
	frame Frame
	when  time.Time // by which the frame is ordered: never decreases within an input
	ids   []int     // of the reader's interfaces among the merged
	done  bool
}

// Merge returns a Source of the frames of readers, which stay the caller's to close.
func Merge(readers ...*Reader) *Merged {
	m := &Merged{inputs: make([]mergeInput, len(readers))}
	for i, r := range readers {
		m.inputs[i].r = r
	}
	return m
}

// Next reads the next frame into f. f.Data is valid until the next step. An error of one reader comes
// at the end, after the frames of all others.
func (m *Merged) Next(f *Frame) error {
	if m.ended {
		return m.err
	}
	if m.last == nil {
		for i := range m.inputs {
			m.step(&m.inputs[i])
		}
	} else {
		m.step(m.last)
	}
	m.last = nil
	for i := range m.inputs {
		if in := &m.inputs[i]; !in.done && (m.last == nil || in.when.Before(m.last.when)) {
			m.last = in
		}
	}
	if m.last == nil {
		m.ended = true
		if m.err == nil {
			m.err = io.EOF
		}
		return m.err
	}
	*f = m.last.frame
	f.Interface = m.last.ids[f.Interface]
	return nil
}

// step reads the next frame of an input. Its error is kept until the other inputs have ended.
func (m *Merged) step(in *mergeInput) {
	if err := in.r.Next(&in.frame); err != nil {
		in.done = true
		if err != io.EOF && m.err == nil {
			m.err = err
		}
	}
	for i := len(in.ids); i < len(in.r.ifs); i++ {
		in.ids = append(in.ids, len(m.ifs))
		m.ifs = append(m.ifs, in.r.ifs[i])
	}
	if in.frame.Time.After(in.when) {
		in.when = in.frame.Time
	}
}

// Frames yields the frames until all readers end, until ctx is done, or an error.
func (m *Merged) Frames(ctx context.Context) iter.Seq2[Frame, error] {
	return frames(ctx, m.Next)
}

// Interfaces returns those of all readers. The slice is the caller's.
func (m *Merged) Interfaces() []Interface { return slices.Clone(m.ifs) }

var (
	_ Source = (*Live)(nil)
	_ Source = (*Reader)(nil)
	_ Source = (*Merged)(nil)
)

// frames yields what next gives until io.EOF.
func frames(ctx context.Context, next func(*Frame) error) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		done := ctx.Done()
		var f Frame
		for {
			select {
			case <-done:
				return
			default:
			}
			err := next(&f)
			switch {
			case err == io.EOF:
				return
			case err != nil:
				yield(Frame{}, err)
				return
			case !yield(f, nil):
				return
			}
		}
	}
}
