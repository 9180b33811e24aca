package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Env is what a running command has around it.
type Env struct {
	Name string
	// Stdin is an Input: the signal that ends the command ends a read of it.
	Stdin  io.Reader
	Stdout *Output
	Stderr io.Writer
	// Color says whether records may be coloured. It is settled once from --color, NO_COLOR, TERM and whether
	// standard output is a terminal.
	Color bool

	status   *statusLine
	progress *progress
}

func newEnv(ctx context.Context, c *Command, stdin io.Reader, stdout, stderr io.Writer, color string) (*Env, error) {
	env := &Env{Name: c.Name, Stdin: NewInput(ctx, stdinName, stdin), Stdout: NewOutput(stdout).InLocale()}
	env.progress = &progress{w: inLocale(stderr), terminal: IsTerminal(stderr)}
	env.Stderr = env.progress
	env.status, _ = ctx.Value(statusKey{}).(*statusLine)
	switch color {
	case "always":
		env.Color = true
	case "auto", "":
		env.Color = IsTerminal(stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	case "never":
	default:
		return nil, Usagef("--color is auto, always or never, not %q", color)
	}
	return env, nil
}

func (e *Env) close() {
	e.progress.stop()
	e.OnStatus(nil)
}

// OnStatus sets what SIGQUIT prints. The function is called from another goroutine.
func (e *Env) OnStatus(text func() string) {
	if e.status == nil {
		return
	}
	if text == nil {
		e.status.text.Store(nil)
		return
	}
	e.status.text.Store(&text)
}

// Warnf prints a line "name: …" on standard error.
func (e *Env) Warnf(format string, a ...any) {
	fmt.Fprintf(e.Stderr, "%s: %s\n", e.Name, Escape(fmt.Sprintf(format, a...)))
}

// Progress shows text, rewritten a few times a second, as the last line on standard error while that is a
// terminal, until the command ends or stop is called. text is called from another goroutine.
func (e *Env) Progress(text func() string) (stop func()) {
	e.progress.start(text)
	return e.progress.stop
}

// HoldWarnings keeps what is written to standard error until release is called, where that is a terminal: a screen is
// on it.
func (e *Env) HoldWarnings() (release func()) {
	if e.progress.terminal {
		e.progress.hold()
	}
	return e.progress.release
}

// descriptor is that of a file, or none that there is.
func descriptor(w any) uintptr {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// IsTerminal tells whether w is a terminal.
func IsTerminal(w any) bool { return term.IsTerminal(int(descriptor(w))) }

// Width returns the width in columns of the terminal that w is, or 80.
func Width(w any) int {
	if width, _, err := term.GetSize(int(descriptor(w))); err == nil && width > 0 {
		return width
	}
	return 80
}

// Output is standard output: buffered, safe for several goroutines, and it remembers its first error, so that a
// command need not look at each write. Execute flushes it and reports that error.
type Output struct {
	mu    sync.Mutex
	buf   *bufio.Writer
	w     io.Writer
	json  bytes.Buffer
	err   error
	ascii bool // of text
}

// NewOutput returns an Output over w with a buffer of 64 KiB.
func NewOutput(w io.Writer) *Output {
	return &Output{buf: bufio.NewWriterSize(w, 64<<10), w: w}
}

// Unwrapped returns the writer below, for questions such as whether it is a terminal.
func (o *Output) Unwrapped() io.Writer { return o.w }

// Write appends text to the output, in ASCII where InLocale was called and the locale has no more. Call Flush where a
// reader waits for it.
func (o *Output) Write(p []byte) (int, error) {
	if !o.ascii {
		return o.write(p)
	}
	if _, err := o.write(ToASCII(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Bytes is the output for what is no text, such as a capture file.
func (o *Output) Bytes() io.Writer { return writerFunc(o.write) }

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// WriteJSON appends lines of JSON, with what JSON would escape escaped.
func (o *Output) WriteJSON(p []byte) error {
	_, err := o.write(escapeJSON(p, o.ascii))
	return err
}

func (o *Output) write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.buf.Write(p)
	o.err = err
	return n, err
}

// InLocale makes Write, Printf, Text and JSON write ASCII where the locale has no more. It is for what people read, not
// for files.
func (o *Output) InLocale() *Output {
	o.ascii = ASCII()
	return o
}

// Printf formats to the output.
func (o *Output) Printf(format string, a ...any) { _ = o.Text(fmt.Appendf(nil, format, a...)) }

// Text is Write for a caller who asks only for the error.
func (o *Output) Text(b []byte) error {
	_, err := o.Write(b)
	return err
}

// JSON writes v as one line of JSON. Records are structs whose first field is `json:"type"`, durations are
// integers named *_ns, times are time.Time, which marshal as RFC 3339 with nanoseconds.
// Characters that are not Shown are written as \uXXXX: text from the network does no harm to a terminal.
func (o *Output) JSON(v any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	o.json.Reset()
	e := json.NewEncoder(&o.json)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err // the value's fault, not the output's
	}
	_, o.err = o.buf.Write(escapeJSON(o.json.Bytes(), o.ascii))
	return o.err
}

// Flush writes out what is buffered and returns the first error of the output so far: a command that runs for long
// stops when its reader has gone.
func (o *Output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = o.buf.Flush()
	}
	return o.err
}

// Flushing writes out what was printed every so often, so that a reader of a pipe does not wait, until stop is called.
func (e *Env) Flushing(every time.Duration) (stop func()) {
	done := make(chan struct{})
	gone := repeat(every, done, func() { e.Stdout.Flush() })
	return func() { close(done); <-gone }
}

// repeat calls f every so often on a goroutine of its own until done is closed; then it closes what it returns.
func repeat(every time.Duration, done <-chan struct{}, f func()) (gone <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				f()
			}
		}
	}()
	return ended
}

// progress is standard error with a line at its end that is rewritten.
type progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	shown    bool
	done     chan struct{}
	holding  bool
	held     []byte
}

// Fd lets a progress pass for the terminal it writes to.
func (p *progress) Fd() uintptr { return descriptor(p.w) }

func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holding {
		if len(p.held) < maxHeld {
			p.held = append(p.held, b...)
		}
		return len(b), nil
	}
	p.clear()
	return p.w.Write(b)
}

// maxHeld bounds what is kept of warnings while a screen is shown.
const maxHeld = 64 << 10

func (p *progress) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.holding = true
}

// release writes what was held.
func (p *progress) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) >= maxHeld {
		p.held = append(p.held, "(more was said that there was no room for)\n"...)
	}
	if len(p.held) > 0 {
		p.w.Write(p.held)
	}
	p.holding, p.held = false, nil
}

func (p *progress) clear() {
	if p.shown {
		io.WriteString(p.w, "\r\x1b[K")
		p.shown = false
	}
}

const progressInterval = 250 * time.Millisecond

func (p *progress) start(text func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal || p.done != nil {
		return
	}
	done := make(chan struct{})
	p.done = done
	repeat(progressInterval, done, func() { p.show(text(), done) })
}

func (p *progress) show(line string, done chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != done || line == "" || p.holding {
		return
	}
	line = Escape(line)
	if limit := Width(p) - 1; len(line) > limit {
		line = line[:limit]
	}
	p.clear()
	io.WriteString(p.w, line)
	p.shown = true
}

func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		return
	}
	close(p.done)
	p.done = nil
	p.clear()
}
