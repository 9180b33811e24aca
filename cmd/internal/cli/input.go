package cli

import (
	"context"
	"fmt"
	"io"
	"os"
)

// Input is a file, a pipe, a device or standard input, to be read until a context ends: nobody need wait for a pipe
// that stays silent. Once the context has ended, reading gives its cause as the error; of one that a signal
// cancelled that is an Interruption, so that the command can go on with what it has.
type Input struct {
	ctx    context.Context
	name   string
	src    io.Reader
	closer io.Closer // of src, nil for what is not ours to close
	direct bool      // reading never waits

	buf  []byte
	rest []byte // of buf: read and not yet given
	came chan read
	err  error
}

// read is what one read of the source gave.
type read struct {
	n   int
	err error
}

// inputBuffer is what a pipe holds on Linux.
const inputBuffer = 64 << 10

// NewInput returns an Input of r, which stays the caller's to close.
func NewInput(ctx context.Context, name string, r io.Reader) *Input {
	in := &Input{ctx: ctx, name: name, src: r}
	if f, ok := r.(*os.File); ok {
		info, err := f.Stat()
		in.direct = err == nil && info.Mode().IsRegular()
	}
	return in
}

// Open opens a file for reading, or standard input for "-". A FIFO is waited for until somebody writes to it. The end
// of ctx ends this, and each read.
func (e *Env) Open(ctx context.Context, name string) (*Input, error) {
	if name == "-" {
		return NewInput(ctx, stdinName, e.Source()), nil
	}
	f, err := OpenFile(ctx, name)
	if err != nil {
		return nil, err
	}
	in := NewInput(ctx, name, f)
	in.closer = f
	return in, nil
}

// OpenFile is os.Open until ctx ends.
func OpenFile(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	came := make(chan opened, 1)
	go func() {
		f, err := os.Open(name)
		came <- opened{f, err}
	}()
	select {
	case o := <-came:
		return o.f, o.err
	case <-ctx.Done():
		go func() {
			if o := <-came; o.err == nil {
				o.f.Close()
			}
		}()
		return nil, fmt.Errorf("open %s: %w", name, context.Cause(ctx))
	}
}

// AwaitReader waits until a FIFO that is to be written has a reader, for as long as ctx lasts: then creating it does
// not wait. Close what it returns when the writing is done. Of what is no FIFO nothing is waited for, and nil returned,
// which can be closed too.
func AwaitReader(ctx context.Context, name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return nil, nil // creating it says what is wrong
	}
	opened := make(chan *os.File)
	go func() {
		f, _ := os.OpenFile(name, os.O_WRONLY, 0)
		select {
		case opened <- f:
		case <-ctx.Done():
			f.Close() // nil too
		}
	}()
	select {
	case f := <-opened:
		return f, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("open %s: %w", name, context.Cause(ctx))
	}
}

const stdinName = "standard input"

// ReadFile reads a whole file, or standard input for "-", as Open and Read do. One of more than limit bytes is an
// error.
func (e *Env) ReadFile(ctx context.Context, name string, limit int64) ([]byte, error) {
	in, err := e.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return in.ReadAll(limit)
}

// ReadAll reads to the end. More than limit bytes are an error.
func (in *Input) ReadAll(limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", in.name, err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%s has more than %d bytes", in.name, limit)
	}
	return b, nil
}

// Name is the file's name, or "standard input".
func (in *Input) Name() string { return in.name }

// Source is standard input as the command was given it, for a reader that ends its reads with the context itself.
func (e *Env) Source() io.Reader {
	if in, ok := e.Stdin.(*Input); ok {
		return in.src
	}
	return e.Stdin
}

// Read reads as io.Reader has it. It waits until something comes, and gives all that has come.
func (in *Input) Read(p []byte) (int, error) {
	if in.direct {
		if in.ctx.Err() != nil {
			return 0, context.Cause(in.ctx)
		}
		return in.src.Read(p)
	}
	if len(in.rest) == 0 && in.err == nil {
		in.fetch()
	}
	if len(in.rest) == 0 {
		return 0, in.err
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// fetch reads the source on a goroutine of its own, into a buffer that is left to that goroutine if ctx ends first:
// a read of a pipe or a terminal cannot be taken back on every system.
func (in *Input) fetch() {
	if in.buf == nil {
		in.buf = make([]byte, inputBuffer)
		in.came = make(chan read, 1)
	}
	go func(src io.Reader, b []byte, came chan<- read) {
		n, err := src.Read(b)
		came <- read{n, err}
	}(in.src, in.buf, in.came)
	select {
	case r := <-in.came:
		in.rest, in.err = in.buf[:r.n], r.err
	case <-in.ctx.Done():
		select {
		case r := <-in.came:
			in.rest = in.buf[:r.n]
		default:
		}
		in.err = context.Cause(in.ctx)
	}
}

// Close closes what Open opened.
func (in *Input) Close() error {
	if in.closer == nil {
		return nil
	}
	return in.closer.Close()
}
