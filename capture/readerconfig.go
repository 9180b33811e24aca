package capture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// ReaderConfig says how capture files are read. The zero value is ready.
type ReaderConfig struct {
	// Memory is how many bytes a file may make its Reader keep: names, interfaces, the comments of a block, and the
	// window of a packed file. 0 means DefaultMemory. A file that wants more is refused at the place where it
	// does, with an error that wraps ErrMemory.
	Memory int64
	// Held is how many bytes of a file's packets may be kept with Reader.Keep and Reader.Hold; 0 means DefaultHeld. The
	// packets of a file that is not packed can be kept in any case: they are about as long as the file.
	Held int64
	// Mapped maps regular files that are not packed, and frames are read without a copy: they are Stable. Next, and
	// whoever looks at the data of a frame, must then run under Guard.
	Mapped bool
}

// What the zero ReaderConfig allows.
const (
	DefaultMemory = 32 << 20
	DefaultHeld   = 128 << 20
)

// OpenFile opens a file, or standard input for "-", as the zero ReaderConfig does.
func OpenFile(name string) (*Reader, error) {
	return new(ReaderConfig).Open(context.Background(), name)
}

// NewReader returns a Reader of r as the zero ReaderConfig does.
func NewReader(r io.Reader) (*Reader, error) {
	return new(ReaderConfig).New(context.Background(), r)
}

// Open opens a file, or standard input for "-". When ctx ends, opening a FIFO that has no writer ends, and so does
// a read that waits for a pipe: Next then returns an error that wraps the context's cause.
func (c *ReaderConfig) Open(ctx context.Context, name string) (*Reader, error) {
	if name == "-" {
		return c.file(ctx, os.Stdin, false)
	}
	f, err := openFile(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	return c.file(ctx, f, true)
}

// FromFile is Open for a file that is open, which Close closes.
func (c *ReaderConfig) FromFile(ctx context.Context, f *os.File) (*Reader, error) {
	return c.file(ctx, f, true)
}

// openFile is os.Open, which waits for the writer of a FIFO, until ctx ends.
func openFile(ctx context.Context, name string) (*os.File, error) {
	if info, err := os.Stat(name); ctx.Done() == nil || err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return os.Open(name)
	}
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened)
	go func() {
		f, err := os.Open(name)
		select {
		case done <- opened{f, err}:
		case <-ctx.Done():
			f.Close() // nobody waits for it any more; nil is closed too
		}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("open %s: %w", name, context.Cause(ctx))
	}
}

func (c *ReaderConfig) file(ctx context.Context, f *os.File, owned bool) (*Reader, error) {
	r := c.reader()
	r.name = f.Name()
	if owned {
		r.file = f
	}
	info, err := f.Stat()
	regular := err == nil && info.Mode().IsRegular()
	if regular {
		r.onDisk = info.Size()
	}
	err = r.source(ctx, c, f, !regular)
	if err == nil {
		err = Guard(r.begin)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return r, nil
}

// source makes the input of r: a mapped file, or what reads f.
func (r *Reader) source(ctx context.Context, c *ReaderConfig, f *os.File, waits bool) error {
	if c.Mapped && !waits && !packed(f) {
		var offset int64
		if r.mapped, offset = mapFile(f); r.mapped != nil {
			r.mapped.file = f
			r.in = input{buf: r.mapped.bytes, at: int(offset)}
			return nil
		}
	}
	if !waits {
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		r.in = input{src: &regularFile{f, at, r.onDisk}, off: at}
		return nil
	}
	r.wait(ctx, f)
	return nil
}

// packed tells whether f, a regular file, begins as a packed one. Those are not mapped: the goroutines of the
// decompressor are not under Guard.
func packed(f *os.File) bool {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	var head [4]byte
	n, _ := f.ReadAt(head[:], at)
	return compressionOf(head[:n]) != Uncompressed
}

// New returns a Reader of src, which stays the caller's to close. It reads the file's header, and no more than it
// needs of a pipe. When ctx ends, so does a read that waits, as with Open; src is then still being read from by a
// goroutine, until that returns.
func (c *ReaderConfig) New(ctx context.Context, src io.Reader) (*Reader, error) {
	if f, ok := src.(*os.File); ok {
		return c.file(ctx, f, false)
	}
	r := c.reader()
	switch src.(type) {
	case *bytes.Reader, *bytes.Buffer, *strings.Reader:
		r.in = input{src: src}
	default:
		r.wait(ctx, src)
	}
	if err := r.begin(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (c *ReaderConfig) reader() *Reader {
	r := &Reader{memory: budget{limit: c.Memory}, held: budget{limit: c.Held}}
	if r.memory.limit <= 0 {
		r.memory.limit = DefaultMemory
	}
	if r.held.limit <= 0 {
		r.held.limit = DefaultHeld
	}
	return r
}

// wait reads src, which may make its reader wait, until ctx ends or the Reader is closed.
func (r *Reader) wait(ctx context.Context, src io.Reader) {
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.in = input{src: &patient{ctx: ctx, src: src}, waits: true, ready: readiness(src)}
}

// regularFile reads a file, and tells when it ends before the place where it ended at first.
type regularFile struct {
	f    *os.File
	at   int64
	size int64
}

func (r *regularFile) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	r.at += int64(n)
	if err == io.EOF && r.at < r.size {
		err = ErrShortened
	}
	return n, err
}

// patient reads src until a context ends. A read that then still waits keeps its buffer, and nobody else uses it
// any more.
type patient struct {
	ctx context.Context
	src io.Reader
	ask chan []byte
	got chan result
}

type result struct {
	n   int
	err error
}

func (p *patient) Read(b []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, context.Cause(p.ctx)
	}
	if p.ask == nil {
		p.ask, p.got = make(chan []byte), make(chan result, 1)
		go p.serve()
	}
	select {
	case p.ask <- b:
	case <-p.ctx.Done():
		return 0, context.Cause(p.ctx)
	}
	select {
	case r := <-p.got:
		return r.n, r.err
	case <-p.ctx.Done():
	}
	select {
	case r := <-p.got: // it came first
		return r.n, r.err
	default:
		return 0, context.Cause(p.ctx)
	}
}

func (p *patient) serve() {
	for {
		select {
		case b := <-p.ask:
			n, err := p.src.Read(b)
			p.got <- result{n, err}
		case <-p.ctx.Done():
			return
		}
	}
}
