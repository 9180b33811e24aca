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
	"sockwire/capture/flow"
	"sockwire/capture/stats"
	"sockwire/capture/where"
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

// pipeline decodes and prints the frames of a file on all processors. A batch of frames is read, filtered and decoded,
// seen by the History and the analysis, rendered, and written. Reading, History and analysis, and writing take the
// batches one after another, in order; the rest is parallel. No goroutine is bound to a batch: who has done with one
// step takes what is most urgent, so nobody waits as long as there is something to do. Only History and analysis are
// always the first goroutine's, for what they know of all connections is then in the cache of one processor.
type pipeline struct {
	o       *options
	env     *cli.Env
	matcher *matcher
	names   *names

	// By who reads.
	readers []*capture.Reader
	named   []int // entries of each reader's Names that are known
	secrets []int // the same of its Secrets
	src     frames
	enough  context.CancelCauseFunc // ends a read that waits
	stable  bool
	choice  selection
	chunk   *chunk // that is read into; nil where none is lent
	shown   bool   // what was taken is flushed before more is waited for
	read    atomic.Uint64
	share   atomic.Int64 // percent of the file that is read, 0 where that is not known

	// By who has the turn.
	history  decode.History
	analysis *analysis // nil where nothing asks for it
	chooses  bool      // by --where
	early    bool      // and what it leaves out is not numbered either
	numbered uint64    // packets, those that it leaves out too
	bare     bool      // it needs no more of plain packets than their segments, and nothing else does
	matched  uint64    // packets that were chosen
	bytes    uint64
	drops    uint64
	window   window // by turns of the output

	mu      sync.Mutex
	wake    sync.Cond
	waiting int  // goroutines
	waits   bool // and the first is one of them
	steps   [numSteps]step
	batches []*batch // in turn
	chunks  []*chunk // that nothing uses
	done    bool
	err     error

	statsMu sync.Mutex
	stats   stats.Collector
}

// step is one that takes the batches in order.
type step struct {
	next uint64 // batch
	busy bool
}

const (
	reading = iota
	inTurn
	writing
	numSteps
)

// stage is how far a batch has come.
type stage uint8

const (
	isWritten stage = iota // and may be used again
	isRead
	isDecoded
	isInOrder
	isRendering
	isRendered
)

// batchBytes bounds what a batch holds of its own: the data of frames that are not mapped, and comments. Its last frame
// may go beyond.
const batchBytes = 4 << 20

// chunkBytes is how much of a file is read at once. What is read stays in the caches until it is decoded; to map the
// file instead costs four times the time, for the pages and for the bytes that nobody expects to be read.
const chunkBytes = 512 << 10

// chunk is a piece of a file.
type chunk struct {
	bytes []byte
	users int // batches, and the reader
}

// batch is what a worker works on.
type batch struct {
	stage   stage
	err     error // what failed: the steps that follow pass it on
	held    int
	flush   bool // nothing more waits: what there is goes out
	frames  []capture.Frame
	packets []decode.Packet
	read    []flow.Segment // of the packets; only with an analysis
	places  []where.Place  // of the frames, and then of the packets; only with --where
	fits    []bool         // whether the packets fit with --where, nil without it
	whys    [][]byte       // what --where gave on each, with --why
	n       int
	bytes   uint64 // on the wire
	drops   uint64
	arena   []byte
	chunk   *chunk
	shown   *shown
}

// run reads everything and returns the error that ended it, nil for the end of the file.
func (p *pipeline) run(ctx context.Context) error {
	p.shown = true
	p.o.printNames(p.env)
	p.wake.L = &p.mu
	if len(p.readers) == 1 && !p.stable && p.readers[0].Size() > 0 {
		p.lend()
	}
	workers := max(runtime.GOMAXPROCS(0), 2)
	if p.chunk == nil {
		workers++ // one waits for what is read
	}
	for range 2*workers + 1 {
		p.batches = append(p.batches, &batch{shown: new(shown)})
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { p.work(ctx, i == 0) })
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

func (p *pipeline) work(ctx context.Context, first bool) {
	debug.SetPanicOnFault(true) // a mapped file that is shortened meanwhile: see capture.Guard
	w := worker{p: p, first: first, render: newRenderer(p.o, p.env, p.names), decoder: p.o.newDecoder()}
	if p.chooses {
		w.chooser = p.o.newChooser()
	}
	p.mu.Lock()
	for w.next(ctx) {
	}
	p.mu.Unlock()
	if p.o.stats != "" {
		p.statsMu.Lock()
		p.stats.Merge(&w.stats)
		p.statsMu.Unlock()
	}
}

// at returns the batch that step k takes next.
func (p *pipeline) at(k int) *batch { return p.batches[p.steps[k].next%uint64(len(p.batches))] }

// ready tells whether step k can take a batch that has come to a stage.
func (p *pipeline) ready(k int, s stage) bool { return !p.steps[k].busy && p.at(k).stage == s }

// job is what a worker can do.
type job uint8

const (
	none job = iota
	toWrite
	toTurn
	toRender
	toRead
)

// urgent returns the job that is nearest to the end of the work, of those that a worker can have. Who has the turns
// does not read what may make it wait. The caller holds mu.
func (p *pipeline) urgent(first bool) (job, *batch) {
	if p.ready(writing, isRendered) {
		return toWrite, nil
	}
	if first && p.ready(inTurn, isDecoded) {
		return toTurn, nil
	}
	for n := p.steps[writing].next; n < p.steps[inTurn].next; n++ {
		if b := p.batches[n%uint64(len(p.batches))]; b.stage == isInOrder {
			return toRender, b
		}
	}
	if !p.done && p.ready(reading, isWritten) && (!first || p.chunk != nil) {
		return toRead, nil
	}
	return none, nil
}

// next does what is most urgent. The caller holds mu, which is free while something is done. It reports false when all
// is done.
func (w *worker) next(ctx context.Context) bool {
	p := w.p
	switch what, b := p.urgent(w.first); what {
	case toWrite:
		p.step(writing, isWritten, w.write)
	case toTurn:
		p.step(inTurn, isInOrder, w.inOrder)
	case toRender:
		b.stage = isRendering
		p.then(b, isRendered, w.show)
		p.giveBack(b.chunk)
		b.chunk = nil
	case toRead:
		b := p.step(reading, isRead, func(b *batch) error { return p.take(ctx, b) })
		p.rouse()
		p.then(b, isDecoded, w.decode)
	default:
		if p.over() {
			p.wake.Broadcast()
			return false
		}
		w.wait()
		return true
	}
	p.rouse()
	return true
}

// over tells whether all is done: what is being read is not, also when it is the last. The caller holds mu.
func (p *pipeline) over() bool {
	return p.done && !p.steps[reading].busy && p.steps[writing].next == p.steps[reading].next
}

// wait waits until there may be something to do.
func (w *worker) wait() {
	p := w.p
	p.waiting++
	p.waits = p.waits || w.first
	p.wake.Wait()
	if w.first {
		p.waits = false
	}
	p.waiting--
}

// rouse wakes those that wait, if there is something to do for them. The caller holds mu.
func (p *pipeline) rouse() {
	if p.waiting == 0 {
		return
	}
	if what, _ := p.urgent(p.waits); what != none || p.done {
		p.wake.Broadcast()
	}
}

// step does step k with the batch whose turn it is, which comes to a stage by it.
func (p *pipeline) step(k int, to stage, do func(b *batch) error) *batch {
	b := p.at(k)
	p.steps[k].busy = true
	p.then(b, to, do)
	p.steps[k].busy = false
	p.steps[k].next++
	return b
}

// then does something with a batch, which comes to a stage by it.
func (p *pipeline) then(b *batch, to stage, do func(b *batch) error) {
	p.mu.Unlock()
	if b.err == nil || to == isWritten {
		b.err = capture.Guard(func() error { return do(b) })
	}
	if b.err != nil {
		p.enough(b.err)
	}
	p.mu.Lock()
	if b.err != nil {
		p.finish(b.err)
	}
	b.stage = to
}

// lend gives the reader another chunk to read into. The caller holds mu, or is alone.
func (p *pipeline) lend() {
	p.giveBack(p.chunk)
	if n := len(p.chunks); n > 0 {
		p.chunk, p.chunks = p.chunks[n-1], p.chunks[:n-1]
	} else {
		p.chunk = &chunk{bytes: make([]byte, chunkBytes)}
	}
	p.chunk.users = 1
	p.readers[0].Lend(p.chunk.bytes)
}

// giveBack ends one use of a chunk. The caller holds mu, or is alone.
func (p *pipeline) giveBack(c *chunk) {
	if c == nil {
		return
	}
	if c.users--; c.users == 0 {
		p.chunks = append(p.chunks, c)
	}
}

// take fills b with the next frames of the source.
func (p *pipeline) take(ctx context.Context, b *batch) error {
	if b.frames == nil {
		b.frames, b.packets = make([]capture.Frame, batchFrames), make([]decode.Packet, batchFrames)
		if p.analysis != nil {
			b.read = make([]flow.Segment, batchFrames)
		}
		if p.chooses {
			b.places, b.fits = make([]where.Place, batchFrames), make([]bool, batchFrames)
		}
		if p.chooses && p.o.why {
			b.whys = make([][]byte, batchFrames)
		}
	}
	b.n, b.held, b.flush, b.arena = 0, 0, false, b.arena[:0]
	if ctx.Err() != nil {
		p.stop(io.EOF)
		return nil
	}
	p.useChunk(b)
	err := capture.Guard(func() error { return p.fill(b) })
	p.note()
	if err != nil {
		err = unlessStopped(ctx, err) // what was read until then is shown
		p.mu.Lock()
		p.finish(err)
		p.mu.Unlock()
	}
	p.shown = b.flush
	return nil
}

// useChunk makes the chunk that is read into one of b, after a new one is lent if it is full.
func (p *pipeline) useChunk(b *batch) {
	if p.chunk == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readers[0].Full() {
		p.lend()
	}
	p.giveBack(b.chunk)
	b.chunk = p.chunk
	b.chunk.users++
}

// fill takes frames until b or the chunk is full, or until the source would wait. Before it waits, an empty batch makes
// those before it show what they have.
func (p *pipeline) fill(b *batch) error {
	for b.n < len(b.frames) && b.held < batchBytes {
		if p.choice.over() {
			return io.EOF
		}
		f := &b.frames[b.n]
		ok, err := p.src.TryNext(f)
		if !ok && err == nil {
			switch full := p.chunk != nil && p.readers[0].Full(); {
			case full && b.n > 0:
				return nil
			case full:
				p.useChunk(b)
				continue
			case b.n > 0 || !p.shown:
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
		if !p.stable && p.chunk == nil {
			b.keep(f)
		}
		if p.chooses {
			b.places[b.n] = p.choice.place
		}
		if p.o.snaplen > 0 && len(f.Data) > p.o.snaplen {
			f.Data = f.Data[:p.o.snaplen:p.o.snaplen]
		}
		b.n++
	}
	return nil
}

// note remembers how far reading has come, and the names and secrets that the files hold.
func (p *pipeline) note() {
	if len(p.readers) == 1 && p.readers[0].Size() > 0 {
		p.share.Store(100 * p.readers[0].Offset() / p.readers[0].Size())
	}
	for i, r := range p.readers {
		list := r.Secrets()
		p.o.learnSecrets(list[p.secrets[i]:])
		p.secrets[i] = len(list)
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
	first   bool // it has the turns
	render  *renderer
	decoder decode.Decoder
	chooser *where.Matcher // nil without --where
	stats   stats.Collector
}

// write gives what is shown of b to the window.
func (w *worker) write(b *batch) error {
	if b.err != nil {
		return b.err
	}
	p := w.p
	enough, err := p.window.add(p.env, b.shown, b.flush)
	if enough {
		p.stop(io.EOF)
	}
	b.shown = p.window.take()
	if err == nil && b.flush {
		err = p.env.Stdout.Flush()
	}
	return err
}

// decode filters the frames of b and decodes those that match.
func (w *worker) decode(b *batch) error {
	n := 0
	b.bytes, b.drops = 0, 0
	for i := range b.frames[:b.n] {
		f := &b.frames[i]
		ok, err := w.p.matcher.match(f)
		if err != nil {
			b.n = n
			return err
		}
		if !ok && !w.p.o.why {
			continue
		}
		if w.p.bare && w.p.analysis.tracker.ReadFrame(f, &b.read[n]) {
			b.packets[n].Bare(*f)
		} else {
			// The error is in the packet and will be shown.
			_ = w.decoder.Decode(*f, &b.packets[n])
			if w.p.analysis != nil {
				w.p.analysis.read(&b.packets[n], &b.read[n])
			}
		}
		if w.chooser != nil && !w.fit(b, i, n, ok) {
			continue
		}
		b.bytes += uint64(f.Length)
		b.drops += f.Drops
		n++
	}
	b.n = n
	return nil
}

// fit notes whether frame i of b, which is packet n, fits with --where. It reports false where that leaves the packet
// out for good. ok tells whether it fits with the expression.
func (w *worker) fit(b *batch, i, n int, ok bool) bool {
	w.chooser.Place = b.places[i]
	b.places[n] = b.places[i]
	b.fits[n] = w.chooser.Match(&b.packets[n]) && ok
	if w.p.o.why {
		b.whys[n] = appendWhere(b.whys[n][:0], w.chooser)
	}
	return b.fits[n] || !w.p.early
}

// cut leaves the first n packets of b.
func (b *batch) cut(n int) {
	for i := n; i < b.n; i++ {
		f := &b.packets[i].Frame
		b.bytes -= uint64(f.Length)
		b.drops -= f.Drops
	}
	b.n = n
}

// inOrder does what needs to see the packets of all batches one after another. What it has to look at was read before.
func (w *worker) inOrder(b *batch) error {
	p := w.p
	if limit := p.o.count; limit > 0 && p.o.choice == nil && (!p.chooses || p.o.why) {
		left := uint64(limit) - p.matched
		if uint64(b.n) >= left {
			b.cut(int(left))
			p.stop(io.EOF)
		}
	}
	b.shown.first, b.shown.n = p.numbered+1, b.n
	number := p.numbered
	p.numbered += uint64(b.n)
	if !p.chooses || p.o.why {
		p.matched += uint64(b.n)
		p.bytes += b.bytes
		p.drops += b.drops
	}
	for i := range b.packets[:b.n] {
		at := &b.packets[i]
		number++
		switch {
		case !p.o.countsOnly():
			p.history.Add(at)
		case p.analysis != nil:
			at.Number = number
		}
		if p.analysis != nil {
			if p.chooses {
				w.chooser.Place = b.places[i]
			}
			p.analysis.watch(w.chooser)
			if err := p.analysis.add(at, &b.read[i], b.shown); err != nil {
				return err
			}
		}
		if p.chooses && !p.o.why && w.choose(b, i) {
			b.cut(i + 1)
			b.shown.n = b.n
			p.numbered = number
			p.stop(io.EOF)
			break
		}
	}
	return nil
}

// choose counts packet i of b if --where chooses it, after the analysis. It reports whether it is the last that -c asks
// for.
func (w *worker) choose(b *batch, i int) (last bool) {
	p := w.p
	if p.analysis != nil {
		b.fits[i] = p.analysis.fits(&b.packets[i], w.chooser, b.fits[i])
	}
	if !b.fits[i] {
		return false
	}
	p.matched++
	p.bytes += uint64(b.packets[i].Frame.Length)
	p.drops += b.packets[i].Frame.Drops
	return p.o.count > 0 && p.o.choice == nil && p.matched >= uint64(p.o.count)
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
		if w.p.chooses && !b.fits[i] && !w.p.o.why {
			if w.p.o.choice != nil {
				b.shown.about[i].left = true
				b.shown.place(b.shown.out, i, endPlace)
			}
			continue
		}
		switch {
		case w.p.o.stats != "":
			w.stats.Add(&b.packets[i])
		case !w.p.o.countsOnly():
			w.render.show(b.shown, i, &b.packets[i], w.p.matcher)
			if w.p.chooses && w.p.o.why {
				b.shown.out = append(b.shown.out, b.whys[i]...)
			}
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
