package table

import (
	"runtime"
	"sync"

	"sockwire/capture"
	"sockwire/capture/owner"
)

// chunkBytes bounds what a chunk holds of frames; the last may go beyond.
const chunkBytes = 2 << 20

// PacketsWriter writes packets to one file, on several processors: some decode packets and make columns of them, each
// other encodes a part of the columns. It is not for use by several goroutines at once.
type PacketsWriter struct {
	config  Config
	file    *file
	columns []*pages
	at      *chunk // that is filled
	pool    chan *chunk
	fill    chan *chunk
	encode  []chan *chunk
	running sync.WaitGroup
	rows    int64 // of the row group
	number  uint64
	owners  []owner.Owner // of the packet to come
	closed  bool

	mu  sync.Mutex
	err error
}

// chunk is some packets on their way.
type chunk struct {
	items  []item
	n      int
	bytes  []byte
	rows   *rows
	filled chan struct{}
	left   sync.WaitGroup // parts that are not encoded
	ends   chan struct{}  // closed when the row group that ends with it is written; nil where none does
	group  int64          // rows of that row group
}

// CreatePackets makes a file of packets; one that exists is replaced when the new one is complete. A nil cfg means the
// zero value.
func CreatePackets(name string, cfg *Config) (*PacketsWriter, error) {
	return createPackets(name, true, cfg)
}

func createPackets(name string, over bool, cfg *Config) (*PacketsWriter, error) {
	w := &PacketsWriter{}
	if cfg != nil {
		w.config = *cfg
	}
	if w.config.Run == "" {
		w.config.Run = NewRun()
	}
	if w.config.Workers <= 0 {
		w.config.Workers = runtime.GOMAXPROCS(0)
	}
	var err error
	if w.file, err = create(name, over, Packets, &w.config); err != nil {
		return nil, err
	}
	w.columns = newPages(Packets)
	w.start()
	return w, nil
}

// start starts the goroutines.
func (w *PacketsWriter) start() {
	n := w.config.Workers
	chunks := 2*n + 2
	w.pool, w.fill = make(chan *chunk, chunks), make(chan *chunk, chunks)
	for range chunks {
		w.pool <- &chunk{items: make([]item, chunkRows), rows: newRows(Packets)}
	}
	for range n {
		w.running.Go(w.fillAll)
	}
	columns := len(Packets.Columns)
	for i := range n {
		part := [2]int{i * columns / n, (i + 1) * columns / n} // of the columns: from, to
		in := make(chan *chunk, chunks)
		w.encode = append(w.encode, in)
		w.running.Go(func() { w.encodeAll(part, in) })
	}
}

// fillAll makes columns of the chunks that come.
func (w *PacketsWriter) fillAll() {
	x := &filler{run: w.config.Run, decoder: w.config.Decoder, withData: w.config.Data}
	for c := range w.fill {
		c.rows.reset()
		for i := range c.items[:c.n] {
			x.fill(c.rows, &c.items[i])
		}
		close(c.filled)
	}
}

// encodeAll writes a part of the columns of the chunks that come.
func (w *PacketsWriter) encodeAll(part [2]int, in chan *chunk) {
	for c := range in {
		<-c.filled
		ends := c.ends
		if w.failed() == nil {
			if err := w.encodePart(c, part); err != nil {
				w.fail(err)
			}
		}
		c.left.Done()
		if ends != nil {
			<-ends
		}
	}
}

func (w *PacketsWriter) encodePart(c *chunk, part [2]int) error {
	if err := c.rows.encode(part[0], part[1], w.columns); err != nil || c.ends == nil {
		return err
	}
	return finish(w.columns[part[0]:part[1]])
}

func (w *PacketsWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *PacketsWriter) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Own says whose the packet is that is written next. It copies what it keeps.
func (w *PacketsWriter) Own(owners []owner.Owner) { w.owners = append(w.owners[:0], owners...) }

// Write adds a packet, numbered after the one before. It copies what it keeps.
func (w *PacketsWriter) Write(f *capture.Frame) error { return w.WriteNumbered(f, w.number+1, -1) }

// WriteNumbered adds a packet with its number, and the TCP stream it is of, below 0 for none.
func (w *PacketsWriter) WriteNumbered(f *capture.Frame, number uint64, stream int64) error {
	c := w.at
	if c == nil {
		if err := w.failed(); err != nil {
			return &Incomplete{w.file.name, err}
		}
		c = <-w.pool
		c.n, c.bytes, c.filled = 0, c.bytes[:0], make(chan struct{})
		w.at = c
	}
	w.number = number
	it := &c.items[c.n]
	it.frame, it.number, it.stream = *f, number, stream
	it.owners, w.owners = append(it.owners[:0], w.owners...), w.owners[:0]
	if len(c.bytes)+len(f.Data) > cap(c.bytes) {
		c.bytes = make([]byte, 0, max(2*cap(c.bytes), len(f.Data), 64<<10))
	}
	from := len(c.bytes)
	c.bytes = append(c.bytes, f.Data...)
	it.frame.Data = c.bytes[from:len(c.bytes):len(c.bytes)]
	if len(f.Comments) > 0 {
		it.frame.Comments = append([]string(nil), f.Comments...)
	}
	c.n++
	if c.n == len(c.items) || len(c.bytes) >= chunkBytes {
		w.send(false)
	}
	return nil
}

// send hands the chunk on. last ends the row group with it.
func (w *PacketsWriter) send(last bool) {
	c := w.at
	if c == nil {
		return
	}
	w.at = nil
	w.rows += int64(c.n)
	c.ends = nil
	if last = last || w.rows >= groupRows; last {
		c.group, w.rows = w.rows, 0
		c.ends = make(chan struct{})
	}
	c.left.Add(len(w.encode))
	w.fill <- c
	for _, in := range w.encode {
		in <- c
	}
	go func() {
		c.left.Wait()
		if c.ends != nil {
			if w.failed() == nil {
				if err := w.file.commit(w.columns, c.group); err != nil {
					w.fail(err)
				}
			}
			close(c.ends)
		}
		w.pool <- c
	}()
}

func (w *PacketsWriter) close() error { return w.Close() }

// Close completes the file, which gets its name.
func (w *PacketsWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	w.send(true)
	close(w.fill)
	for _, in := range w.encode {
		close(in)
	}
	w.running.Wait()
	for range cap(w.pool) { // all are written
		<-w.pool
	}
	if err := w.failed(); err != nil {
		return w.file.abandon(err)
	}
	if w.rows > 0 { // the last chunk was full
		if err := finish(w.columns); err != nil {
			return w.file.abandon(err)
		}
		if err := w.file.commit(w.columns, w.rows); err != nil {
			return w.file.abandon(err)
		}
	}
	return w.file.complete()
}

// Size is how many bytes are written: those of complete row groups.
func (w *PacketsWriter) Size() int64 { return w.file.size.Load() }

// Abandon ends the writer; nothing is left of the file.
func (w *PacketsWriter) Abandon(why error) {
	w.fail(why)
	_ = w.Close()
}
