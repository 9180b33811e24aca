package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/stats"
	"sockwire/cmd/internal/cli"
)

// batchFrames is how many frames a worker takes at a time: enough to make handing over cheap, few enough for
// their packets to stay in the cache. A million lines take three quarters of the time that they take with 128.
const batchFrames = 512

// frames is what files are read through: a Reader or several merged.
type frames interface {
	Next(f *capture.Frame) error
	TryNext(f *capture.Frame) (bool, error)
	Interfaces() []capture.Interface
}

// pipeline decodes and prints the frames of a file on all processors. Every worker takes the next batch of
// frames, filters and decodes it, waits for its turn to let the History see it, renders it, and waits for
// its turn to write. So reading, History and output see the packets in order, and the rest is parallel.
type pipeline struct {
	o       *options
	env     *cli.Env
	matcher *matcher
	names   *names

	mu       sync.Mutex // reading
	readers  []*capture.Reader
	named    []int // entries of each reader's Names that are known
	src      frames
	enough   context.CancelCauseFunc // ends a read that waits
	stable   bool
	choice   selection
	done     bool
	shown    bool // what was taken is flushed before more is waited for
	err      error
	last     *turn
	read     atomic.Uint64
	share    atomic.Int64   // percent of the file that is read, 0 where that is not known
	history  decode.History // by turns
	analysis *analysis      // by turns; nil where nothing asks for it
	matched  uint64         // by turns
	bytes    uint64
	drops    uint64
	window   window // by turns of the output

	statsMu sync.Mutex
	stats   stats.Collector
}

// turn is the place of a batch in the order of all.
type turn struct {
	history, output chan struct{}
}

func newTurn() *turn { return &turn{history: make(chan struct{}), output: make(chan struct{})} }

// batchBytes bounds what a batch holds of its own: the data of frames that are not mapped, and comments. Its last frame
// may go beyond.
const batchBytes = 4 << 20

// batch is what a worker works on.
type batch struct {
	held    int
	flush   bool // nothing more waits: what there is goes out
	frames  []capture.Frame
	packets []decode.Packet
	n       int
	arena   []byte
	shown   *shown
	prev    *turn
	turn    *turn
}

// run reads everything and returns the error that ended it, nil for the end of the file.
func (p *pipeline) run(ctx context.Context) error {
	p.shown = true
	p.o.printNames(p.env)
	p.last = newTurn()
	close(p.last.history)
	close(p.last.output)
	var wg sync.WaitGroup
	// One more than the processors: somebody usually waits for a turn.
	for range runtime.GOMAXPROCS(0) + 1 {
		wg.Go(func() { p.work(ctx) })
	}
	wg.Wait()
	last := p.window.take()
	if p.analysis != nil {
		if err := p.analysis.finish(last); p.err == nil {
			p.err = err
		}
	}
	if _, err := p.window.add(p.env, last, true); p.err == nil {
		p.err = err
	}
	return p.err
}

func (p *pipeline) work(ctx context.Context) {
	debug.SetPanicOnFault(true) // a mapped file that is shortened meanwhile: see capture.Guard
	w := worker{p: p, render: newRenderer(p.o, p.env, p.names), decoder: p.o.newDecoder()}
	b := &batch{frames: make([]capture.Frame, batchFrames), packets: make([]decode.Packet, batchFrames), shown: new(shown)}
	for p.take(ctx, b) {
		w.process(b)
	}
	if p.o.stats != "" {
		p.statsMu.Lock()
		p.stats.Merge(&w.stats)
		p.statsMu.Unlock()
	}
}

// take fills b with the next frames of the source. It reports false when there are none left.
func (p *pipeline) take(ctx context.Context, b *batch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.n, b.held, b.flush, b.arena = 0, 0, false, b.arena[:0]
	if p.done {
		return false
	}
	if ctx.Err() != nil {
		p.done = true
		return false
	}
	err := capture.Guard(func() error { return p.fill(b) })
	p.note()
	if err != nil {
		p.finish(unlessStopped(ctx, err)) // what was read until then is shown
	}
	p.shown = b.flush
	b.prev, b.turn = p.last, newTurn()
	p.last = b.turn
	return true
}

// fill takes frames until b is full, or until the source would wait. Before it waits, an empty batch makes those before
// it show what they have.
func (p *pipeline) fill(b *batch) error {
	for b.n < len(b.frames) && b.held < batchBytes {
		if p.choice.over() {
			return io.EOF
		}
		f := &b.frames[b.n]
		ok, err := p.src.TryNext(f)
		if !ok && err == nil {
			if b.n > 0 || !p.shown {
				b.flush = true
				return nil
			}
			err = p.src.Next(f)
		}
		if err != nil {
			return err
		}
		p.read.Add(1)
		if !p.choice.takes(f) {
			continue
		}
		for _, c := range f.Comments {
			b.held += int(unsafe.Sizeof(c)) + len(c)
		}
		if !p.stable {
			b.keep(f)
		}
		if p.o.snaplen > 0 && len(f.Data) > p.o.snaplen {
			f.Data = f.Data[:p.o.snaplen:p.o.snaplen]
		}
		b.n++
	}
	return nil
}

// note remembers how far reading has come, and the names that the files hold. The caller holds mu.
func (p *pipeline) note() {
	if len(p.readers) == 1 && p.readers[0].Size() > 0 {
		p.share.Store(100 * p.readers[0].Offset() / p.readers[0].Size())
	}
	if p.names != nil {
		for i, r := range p.readers {
			list := r.Names()
			for _, n := range list[p.named[i]:] {
				p.names.add(n)
			}
			p.named[i] = len(list)
		}
	}
}

// keep copies what f borrows from its source. Growing the arena leaves earlier frames on the old one.
func (b *batch) keep(f *capture.Frame) {
	if len(b.arena)+len(f.Data) > cap(b.arena) {
		b.arena = make([]byte, 0, max(2*cap(b.arena), len(f.Data), 64<<10))
	}
	b.held += len(f.Data)
	at := len(b.arena)
	b.arena = append(b.arena, f.Data...)
	f.Data = b.arena[at:len(b.arena):len(b.arena)]
	if len(f.Comments) > 0 {
		f.Comments = append([]string(nil), f.Comments...)
	}
}

// finish ends reading with the first error. The caller holds mu.
func (p *pipeline) finish(err error) {
	p.done = true
	if p.err == nil && err != io.EOF {
		p.err = err
	}
}

func (p *pipeline) stop(err error) {
	p.enough(err) // whoever reads holds mu
	p.mu.Lock()
	p.finish(err)
	p.mu.Unlock()
}

// worker is what one goroutine needs for itself.
type worker struct {
	p       *pipeline
	render  *renderer
	decoder decode.Decoder
	stats   stats.Collector
}

// process takes b through its turns. Whatever fails, the turns are passed on.
func (w *worker) process(b *batch) {
	p := w.p
	err := capture.Guard(func() error { return w.decode(b) })
	<-b.prev.history
	if err == nil {
		err = capture.Guard(func() error { return w.inOrder(b) })
	}
	close(b.turn.history)
	if err == nil {
		err = capture.Guard(func() error { return w.show(b) })
	}
	<-b.prev.output
	if err == nil {
		var enough bool
		if enough, err = p.window.add(p.env, b.shown, b.flush); enough {
			p.stop(io.EOF)
		}
		b.shown = p.window.take()
	}
	if err == nil && b.flush {
		err = p.env.Stdout.Flush()
	}
	if err != nil {
		p.stop(err)
	}
	close(b.turn.output)
}

// decode filters the frames of b and decodes those that match.
func (w *worker) decode(b *batch) error {
	n := 0
	for i := range b.frames[:b.n] {
		f := &b.frames[i]
		ok, err := w.p.matcher.match(f)
		if err != nil {
			b.n = n
			return err
		}
		if ok || w.p.o.why {
			// The error is in the packet and will be shown.
			_ = w.decoder.Decode(*f, &b.packets[n])
			n++
		}
	}
	b.n = n
	return nil
}

// inOrder does what needs to see the packets of all batches one after another.
func (w *worker) inOrder(b *batch) error {
	p := w.p
	if limit := p.o.count; limit > 0 && p.o.choice == nil {
		left := uint64(limit) - p.matched
		if uint64(b.n) >= left {
			b.n = int(left)
			p.stop(io.EOF)
		}
	}
	b.shown.first, b.shown.n = p.matched+1, b.n
	p.matched += uint64(b.n)
	for i := range b.packets[:b.n] {
		f := &b.packets[i].Frame
		p.bytes += uint64(f.Length)
		p.drops += f.Drops
		if p.analysis != nil || p.o.stats == "" {
			p.history.Add(&b.packets[i])
		}
		if p.analysis != nil {
			if err := p.analysis.add(&b.packets[i], b.shown); err != nil {
				return err
			}
		}
	}
	return nil
}

// counts are those of the packets that matched, once all is read.
func (p *pipeline) counts() counts {
	if p.o.choice != nil {
		return p.window.shown
	}
	return counts{p.matched, p.bytes, p.drops}
}

func (w *worker) show(b *batch) error {
	for i := range b.packets[:b.n] {
		switch {
		case w.p.o.stats != "":
			w.stats.Add(&b.packets[i])
		case !w.p.o.countsOnly():
			w.render.show(b.shown, i, &b.packets[i], w.p.matcher)
		}
	}
	return nil
}

// unlessStopped returns err, or nil where it only says that ctx ended.
func unlessStopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return nil
	}
	return err
}
