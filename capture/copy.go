package capture

import (
	"errors"
	"syscall"
)

// copiedSection tells which section of which reader the writer's current section is a copy of.
type copiedSection struct {
	reader  *Reader
	section int
}

// spanCopy is the length up to which bytes are gathered in the buffer rather than written by themselves.
const spanCopy = 16 << 10

// span is a run of bytes of a mapped file that is to be written as it is. It holds the mapping open.
type span struct {
	bytes []byte
	from  *mapping
	end   int64 // offset in the mapping after the last byte
}

func (s *span) drop() {
	if s.from != nil {
		s.from.release()
	}
	*s = span{}
}

// spill writes the pending span, so that something else can follow.
func (w *Writer) spill() error {
	if w.span.from == nil {
		return nil
	}
	defer w.span.drop()
	if len(w.span.bytes) <= spanCopy {
		w.buf = append(w.buf, w.span.bytes...)
		return w.room()
	}
	if err := w.drain(); err != nil {
		return err
	}
	err := w.emit(w.span.bytes)
	if errors.Is(err, syscall.EFAULT) { // the kernel found no bytes there
		w.err = nil
		err = w.fail(ErrShortened)
	}
	return err
}

// WriteBlock appends a block as it was read, so that pcapng to pcapng loses nothing: unknown blocks, options
// and the division into sections stay as they are. If b.Frame.Data was made shorter, or b.Frame.Time changed, that is
// written, with the block's options. Packets of another format are converted; other blocks that pcap cannot hold are
// left out.
//
// Do not mix it with Write and Describe: the interfaces are those of the blocks.
func (w *Writer) WriteBlock(b *Block) error {
	if w.err != nil {
		return w.err
	}
	r := b.reader
	if w.config.Format == FormatPcapng && r.format == FormatPcapng {
		return w.copyBlock(b)
	}
	if !b.IsPacket() {
		return nil
	}
	if err := w.Describe(r.ifs); err != nil {
		return err
	}
	if w.sameRecords(b) {
		return w.raw(b)
	}
	return w.Write(&b.Frame)
}

// sameRecords tells whether the record of b can be written as it is.
func (w *Writer) sameRecords(b *Block) bool {
	h := &b.reader.pcap
	if b.reader.format != w.config.Format || h.modified || h.major != 2 || h.minor != 4 || b.changed() {
		return false
	}
	if !w.started {
		w.started, w.order, w.recent = true, h.order, recentOptions{}
		w.buf = append(w.buf, h.raw[:]...)
	}
	return w.order == h.order
}

func (w *Writer) copyBlock(b *Block) error {
	r := b.reader
	here := copiedSection{r, r.section}
	switch {
	case b.Type == BlockSection:
		w.started, w.order, w.ifs, w.copied = true, b.order, w.ifs[:0], here
		return w.raw(b)
	case w.copied != here:
		return w.fail(errNoSection)
	case b.Type == BlockInterface:
		i := len(r.ifs) - 1
		w.ifs = append(w.ifs, writerInterface{link: r.ifs[i].Link, snaplen: int(r.state[i].snaplen), clock: r.state[i].clock})
		return w.raw(b)
	case b.IsPacket() && b.changed():
		if err := w.spill(); err != nil {
			return err
		}
		if err := w.packet(&b.Frame, b.Frame.Interface-r.base, b.keptOptions()); err != nil {
			return w.fail(err)
		}
		return w.room()
	}
	return w.raw(b)
}

// changed tells whether the frame is another than the block holds.
func (b *Block) changed() bool { return len(b.Frame.Data) != b.captured || b.Frame.Time != b.time }

var errNoSection = errors.New("a block before its section header")

func (b *Block) keptOptions() []byte {
	if b.Type != BlockEnhancedPacket || len(b.options) == 0 {
		return nil
	}
	return b.options
}

// raw writes the bytes of b as they are. Out of a mapped file, runs of them are written without a copy.
func (w *Writer) raw(b *Block) error {
	m := b.reader.mapped
	if m == nil || b.reader.packing != Uncompressed {
		if err := w.spill(); err != nil {
			return err
		}
		w.buf = append(w.buf, b.raw...)
		return w.room()
	}
	end := b.Offset + int64(len(b.raw))
	if w.span.from == m && w.span.end == b.Offset {
		w.span.bytes = m.bytes[w.span.end-int64(len(w.span.bytes)) : end]
		w.span.end = end
		if len(w.span.bytes) >= writeBuffer {
			return w.spill()
		}
		return nil
	}
	if err := w.spill(); err != nil {
		return err
	}
	m.retain()
	w.span = span{bytes: b.raw, from: m, end: end}
	return nil
}
