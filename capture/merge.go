package capture

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Merged gives the frames of several readers in the order of their times. Each reader's own order is kept:
// a frame that is earlier than the one before it in its file comes right after that one. Frames without a
// time take that of the frame before them.
type Merged struct {
	inputs []mergeInput
	ifs    []Interface
	empty  []*mergeInput // whose next frame is to be read
	err    error         // the first of any reader, given at the end
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
	for i := len(readers) - 1; i >= 0; i-- { // the first is read first
		m.inputs[i].r = readers[i]
		m.empty = append(m.empty, &m.inputs[i])
	}
	return m
}

// Next reads the next frame into f. f.Data is valid until the next step. An error of one reader comes
// at the end, after the frames of all others.
func (m *Merged) Next(f *Frame) error {
	_, err := m.next(f, (*mergeInput).next)
	return err
}

// TryNext reads the next frame as Next does, if that needs no waiting. It reports false where Next might wait.
func (m *Merged) TryNext(f *Frame) (bool, error) { return m.next(f, (*mergeInput).tryNext) }

func (m *Merged) next(f *Frame, next func(*mergeInput) (bool, error)) (bool, error) {
	if m.ended {
		return false, m.err
	}
	for len(m.empty) > 0 {
		in := m.empty[len(m.empty)-1]
		ok, err := next(in)
		if !ok && err == nil {
			return false, nil
		}
		m.empty = m.empty[:len(m.empty)-1]
		m.step(in, err)
	}
	var first *mergeInput
	for i := range m.inputs {
		if in := &m.inputs[i]; !in.done && (first == nil || in.when.Before(first.when)) {
			first = in
		}
	}
	if first == nil {
		m.ended = true
		if m.err == nil {
			m.err = io.EOF
		}
		return false, m.err
	}
	m.empty = append(m.empty, first)
	*f = first.frame
	f.Interface = first.ids[f.Interface]
	return true, nil
}

func (in *mergeInput) next() (bool, error) {
	err := in.r.Next(&in.frame)
	return err == nil, err
}

func (in *mergeInput) tryNext() (bool, error) { return in.r.TryNext(&in.frame) }

// step takes the next frame of an input. Its error is kept until the other inputs have ended.
func (m *Merged) step(in *mergeInput, err error) {
	if err != nil {
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

// Frames yields the frames until all readers end, until ctx is done, or an error. When ctx ends while it waits for a
// pipe, the Readers have ended.
func (m *Merged) Frames(ctx context.Context) iter.Seq2[Frame, error] {
	readers := make([]*Reader, len(m.inputs))
	for i := range m.inputs {
		readers[i] = m.inputs[i].r
	}
	return frames(ctx, m.Next, readers...)
}

// Interfaces returns those of all readers. The slice only grows; it must not be changed.
func (m *Merged) Interfaces() []Interface { return m.ifs[:len(m.ifs):len(m.ifs)] }

var (
	_ Source = (*Live)(nil)
	_ Source = (*Reader)(nil)
	_ Source = (*Merged)(nil)
)

// frames yields what next, which reads readers, gives until io.EOF.
func frames(ctx context.Context, next func(*Frame) error, readers ...*Reader) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		done := ctx.Done()
		for _, r := range readers {
			if r.cancel != nil {
				defer context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })()
			}
		}
		var f Frame
		for {
			select {
			case <-done:
				return
			default:
			}
			err := next(&f)
			switch {
			case err == io.EOF, err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
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
