package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Reader reads a capture file: pcap in all its variants, pcapng or Solaris' snoop, plain or packed with gzip or zstd. It
// is for one goroutine.
type Reader struct {
	in      input
	format  Format
	packing Compression
	mapped  *mapping
	keep    int    // offset in the mapping from which pages are kept resident
	checked int    // offset in the mapping up to which the file was seen to be there, lately
	name    string // of the file, for errors; empty for NewReader
	file    *os.File
	unpack  func()
	cancel  context.CancelCauseFunc // ends a read that waits; nil where none does
	err     error                   // that ends the file, returned from then on

	oddTimes uint64
	firstOdd int64 // offset of the first

	memory budget
	held   budget
	onDisk int64 // length of a regular file when it was opened

	pcap       pcapHeader
	snoopDrops uint32 // that the last record counts

	order    byteOrder
	section  int // sections begun
	base     int // interfaces of earlier sections
	ifs      []Interface
	state    []readerInterface
	comments []string
	names    []NameRecord
	secrets  []Secrets
	block    Block // for Next
}

// readerInterface is what decoding the frames of an interface needs.
type readerInterface struct {
	clock   clock
	snaplen uint32
}

// Block is a unit of a capture file: a block of pcapng, or a record of pcap or snoop. It is borrowed from the Reader
// until its next step.
type Block struct {
	Type   BlockType
	Offset int64 // of its first byte in the uncompressed file
	// Frame is the frame of a packet block.
	Frame Frame

	raw      []byte    // the whole block or record
	captured int       // bytes of Frame.Data, as read
	time     time.Time // Frame.Time, as read
	order    byteOrder
	options  []byte // in raw
	reader   *Reader
}

// IsPacket tells whether Frame means something.
func (b *Block) IsPacket() bool {
	return b.Type == BlockEnhancedPacket || b.Type == BlockPacket || b.Type == BlockSimplePacket
}

// Body returns what lies between the block's lengths, nil for a record.
func (b *Block) Body() []byte {
	if b.reader.format != FormatPcapng {
		return nil
	}
	return b.raw[8 : len(b.raw)-4]
}

// Options yields code and value of each of the block's options; the value is in the byte order of Order.
func (b *Block) Options() iter.Seq2[uint16, []byte] { return options(b.options, b.order) }

// Order returns the byte order of the block's section.
func (b *Block) Order() binary.ByteOrder { return b.order }

// Name returns the file's name, empty for New.
func (r *Reader) Name() string { return r.name }

// Format returns the file's format.
func (r *Reader) Format() Format { return r.format }

// Compression returns how the file is packed.
func (r *Reader) Compression() Compression { return r.packing }

// Offset returns how many bytes of the uncompressed file have been read.
func (r *Reader) Offset() int64 { return r.in.offset() }

// Size returns the length of a regular file that is not packed, as it was when it was opened, to compare Offset with,
// and 0 for any other.
func (r *Reader) Size() int64 {
	if r.packing != Uncompressed {
		return 0
	}
	return r.onDisk
}

// Stable tells whether Frame.Data stays valid until Close rather than until the next step, as it does in a
// mapped file that is not compressed.
func (r *Reader) Stable() bool { return r.in.src == nil }

// Lend gives the Reader a buffer to read into, from now on until it is given another: what Next and TryNext find stays
// valid until its owner uses that buffer for something else. TryNext reports false when the buffer is full, and Full
// tells that; Next then makes a buffer itself. What was read ahead moves to the new buffer, which should have room for
// many packets. It does nothing to a mapped file, whose frames stay valid in any case.
func (r *Reader) Lend(buf []byte) {
	if r.in.src == nil {
		return
	}
	r.in.into(buf)
	r.in.lent, r.in.full = true, false
}

// Full reports whether the last TryNext found nothing because the buffer that was lent has no room.
func (r *Reader) Full() bool { return r.in.full }

// Interfaces returns those described so far. The slice only grows; it must not be changed.
func (r *Reader) Interfaces() []Interface { return r.ifs[:len(r.ifs):len(r.ifs)] }

// Names returns what the Name Resolution Blocks read so far say. The slice only grows; it must not be changed.
func (r *Reader) Names() []NameRecord { return r.names[:len(r.names):len(r.names)] }

// Secrets returns what the Decryption Secrets Blocks read so far hold. The slice only grows; it must not be changed.
func (r *Reader) Secrets() []Secrets { return r.secrets[:len(r.secrets):len(r.secrets)] }

// residentPages is how much of a mapped file stays in this process's memory behind the place that is read.
const residentPages = 16 << 20

// forget gives back the pages of a mapped file that were read some time ago, so that the size of a file does
// not count as memory. What they hold stays valid: touching it maps it again.
func (r *Reader) forget() {
	if r.in.at < r.keep+2*residentPages {
		return
	}
	to := (r.in.at - residentPages) &^ (residentPages - 1)
	unneeded(r.mapped.bytes[r.keep:to])
	r.keep = to
}

// checkAhead is how much of a mapped file is read before it is looked whether the file is still as long as it was.
const checkAhead = 256 << 10

// check finds out whether a mapped file was shortened, and lets it end there: what is mapped behind its end reads as
// zeros up to the end of the page, and is a fault from there on.
func (r *Reader) check() {
	r.checked = r.in.at + checkAhead
	if info, err := r.mapped.file.Stat(); err == nil && info.Size() < int64(len(r.in.buf)) {
		r.in.buf = r.in.buf[:max(int(info.Size()), r.in.at)]
		r.in.err = ErrShortened
	}
}

// Close frees what the Reader holds. Frames' Data must not be used afterwards.
func (r *Reader) Close() error {
	if r.cancel != nil {
		r.cancel(os.ErrClosed)
	}
	if r.unpack != nil {
		r.unpack()
		r.unpack = nil
	}
	var err error
	if r.mapped != nil {
		err = r.mapped.release()
		r.mapped = nil
		r.in = input{}
	}
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
		r.file = nil
	}
	r.err = fmt.Errorf("capture: %w", os.ErrClosed)
	return err
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// compressionOf tells how a file is packed that begins with head.
func compressionOf(head []byte) Compression {
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return Gzip
	case bytes.Equal(head, zstdMagic):
		return Zstd
	}
	return Uncompressed
}

// begin finds out what the input is and reads its header.
func (r *Reader) begin() error {
	head, err := r.in.peek(4)
	if err != nil {
		return r.notCapture(err)
	}
	r.packing = compressionOf(head)
	if r.packing != Uncompressed {
		if err := r.inflate(); err != nil {
			return err
		}
		if head, err = r.in.peek(4); err != nil {
			return r.notCapture(err)
		}
	} else {
		r.held.limit = max(r.held.limit, int64(2*costFrame/recordLen+1)*r.onDisk) // its records, each kept as a Frame
	}
	if binary.LittleEndian.Uint32(head) == uint32(BlockSection) {
		r.format = FormatPcapng
		return r.sniffSection()
	}
	if string(head) == snoopMagic[:len(head)] {
		return r.beginSnoop()
	}
	return r.beginPcap(head)
}

func (r *Reader) notCapture(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
		return &FileError{Offset: 0, Err: fmt.Errorf("an empty file is no capture: %w", err)}
	}
	return err
}

// inflate puts a decompressor before the input.
func (r *Reader) inflate() error {
	rest := r.in.src
	if err := r.in.err; err != nil {
		rest = failing{err}
	}
	src := io.MultiReader(bytes.NewReader(r.in.buf[r.in.at:]), rest)
	waits := r.in.waits // whether it gives something at once, nobody can tell
	if r.packing == Gzip {
		z, err := gzip.NewReader(src)
		if err != nil {
			return &FileError{Err: fmt.Errorf("gzip: %w", err)}
		}
		r.in = input{src: z, waits: waits}
		return nil
	}
	window := uint64(max(r.window(), zstd.MinWindowSize))
	z, err := zstd.NewReader(src, zstd.WithDecoderMaxMemory(window), zstd.WithDecoderMaxWindow(window),
		zstd.WithDecoderConcurrency(2))
	if err != nil {
		return &FileError{Err: fmt.Errorf("zstd: %w", err)}
	}
	r.unpack = z.Close
	r.in = input{src: windowed{z, r.window()}, waits: waits}
	return nil
}

// windowed is a zstd decoder that refuses longer windows.
type windowed struct {
	*zstd.Decoder
	limit int64
}

func (w windowed) Read(p []byte) (int, error) {
	n, err := w.Decoder.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = fmt.Errorf("a zstd window longer than %d bytes: %w", w.limit, ErrMemory)
	}
	return n, err
}

// window is the longest window that a zstd file may have: the decoder keeps two.
func (r *Reader) window() int64 { return r.memory.limit / 2 }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Next reads the next frame into f, skipping blocks that hold none. The end of the file is io.EOF. A file
// that ends within a record, or is damaged, gives all frames before that and then a *FileError.
// f.Data is valid until the next step, and until Close if Stable. It allocates only for comments.
func (r *Reader) Next(f *Frame) error {
	if r.format != FormatPcapng {
		if _, err := r.nextRecord(f); err != nil {
			return r.end(err)
		}
		return nil
	}
	for {
		if err := r.nextBlock(&r.block); err != nil {
			return r.end(err)
		}
		if r.block.IsPacket() {
			*f = r.block.Frame
			return nil
		}
	}
}

// TryNext reads the next frame as Next does, if that needs no waiting: of a pipe, only what has come is taken. It
// reports false where Next might wait. Whoever gathers output writes it out then.
func (r *Reader) TryNext(f *Frame) (bool, error) {
	r.in.try = true
	return r.tried(r.Next(f))
}

// TryNextBlock is to NextBlock what TryNext is to Next.
func (r *Reader) TryNextBlock(b *Block) (bool, error) {
	r.in.try = true
	return r.tried(r.NextBlock(b))
}

func (r *Reader) tried(err error) (bool, error) {
	r.in.try = false
	if err == errWait {
		return false, nil
	}
	return err == nil, err
}

// NextBlock reads the next block, whatever it is, so that Writer.WriteBlock can copy a file without a loss.
// It ends as Next does.
func (r *Reader) NextBlock(b *Block) error {
	if r.format == FormatPcapng {
		err := r.end(r.nextBlock(b))
		b.time = b.Frame.Time
		return err
	}
	b.Offset = r.in.offset()
	raw, err := r.nextRecord(&b.Frame)
	if err != nil {
		return r.end(err)
	}
	b.Type, b.raw, b.captured, b.order, b.options, b.reader = BlockPacket, raw, len(b.Frame.Data), r.pcap.order, nil, r
	b.time = b.Frame.Time
	return nil
}

// end keeps the error that ends the file.
func (r *Reader) end(err error) error {
	if err == nil || err == errWait || r.err != nil {
		return err
	}
	if r.name != "" && err != io.EOF {
		err = fmt.Errorf("%s: %w", r.name, err)
	}
	r.err = err
	return err
}

// Frames yields the frames of the file until its end, until ctx is done, or an error. When ctx ends while it waits
// for a pipe, the Reader has ended.
func (r *Reader) Frames(ctx context.Context) iter.Seq2[Frame, error] {
	return frames(ctx, r.Next, r)
}

func (r *Reader) damaged(offset int64, format string, a ...any) error {
	return &FileError{Offset: offset, Err: fmt.Errorf(format, a...)}
}

// beginPcap reads a pcap file header.
func (r *Reader) beginPcap(head []byte) error {
	h := &r.pcap
	var magic uint32
	for _, h.order = range []byteOrder{binary.LittleEndian, binary.BigEndian} {
		magic = h.order.Uint32(head)
		if magic == magicMicro || magic == magicNano || magic == magicModified || magic == magicNavtel {
			break
		}
		magic = 0
	}
	if magic == 0 {
		return r.damaged(r.in.offset(), "% x begins no capture file", head)
	}
	b, err := r.in.peek(pcapHeaderLen)
	if err != nil {
		return err
	}
	h.nano, h.modified = magic == magicNano, magic == magicModified
	h.major, h.minor = h.order.Uint16(b[4:]), h.order.Uint16(b[6:])
	h.snaplen = h.order.Uint32(b[16:])
	h.link = linkFromFile(LinkType(h.order.Uint32(b[20:]))) // the bits above say how long the FCS is
	if h.major < 2 {
		return r.damaged(r.in.offset()+4, "pcap version %d.%d is older than any described", h.major, h.minor)
	}
	copy(h.raw[:], b)
	r.in.skip(pcapHeaderLen)
	r.format = FormatPcap
	resolution := time.Microsecond
	if h.nano {
		r.format, resolution = FormatPcapNano, time.Nanosecond
	}
	snaplen := h.snaplen
	if snaplen > maxRecord {
		snaplen = 0
	}
	r.ifs = []Interface{{Link: h.link, Snaplen: int(snaplen), Resolution: resolution}}
	return nil
}

// beginSnoop reads a snoop file header.
func (r *Reader) beginSnoop() error {
	b, err := r.in.peek(snoopHeaderLen)
	if err != nil {
		return err
	}
	link, at, err := snoopLink(b)
	if err != nil {
		return &FileError{Offset: r.in.offset() + int64(at), Err: err}
	}
	r.in.skip(snoopHeaderLen)
	r.format = FormatSnoop
	r.pcap = pcapHeader{order: binary.BigEndian, link: link}
	r.ifs = []Interface{{Link: link, Resolution: time.Microsecond}}
	return nil
}

// nextSnoop reads a snoop record and returns its bytes with the padding.
func (r *Reader) nextSnoop(f *Frame) ([]byte, error) {
	b, err := r.in.peek(snoopRecordLen)
	if err != nil {
		return nil, err
	}
	var s snoopRecord
	s.read(b)
	offset := r.in.offset()
	if err := s.check(); err != nil {
		return nil, &FileError{Offset: offset + 8, Err: err}
	}
	if b, err = r.in.peek(int(s.record)); err != nil {
		return nil, err
	}
	r.in.skip(len(b))
	if r.in.src == nil {
		r.forget()
	}
	nsec := s.micro * 1000
	if s.micro >= 1_000_000 {
		nsec = r.oddFraction(offset, s.micro)
	}
	f.Time = time.Unix(int64(s.sec), int64(nsec))
	end := snoopRecordLen + int(s.captured)
	f.Data = b[snoopRecordLen:end:end]
	f.Length = int(s.length)
	f.at(0, r.pcap.link)
	if s.drops > r.snoopDrops { // a count that falls has begun anew
		f.Drops = uint64(s.drops - r.snoopDrops)
	}
	r.snoopDrops = s.drops
	return b, nil
}

// linkFromFile maps the raw-IP values that some systems write although the registry has another.
func linkFromFile(l LinkType) LinkType {
	if l == 12 || l == 14 {
		return LinkRaw
	}
	return l
}

// oddFraction returns the nanoseconds that a fraction of a second means that is no fraction in the file's unit: one
// that fits nanoseconds is that, in a file whose header says microseconds, and no other moves the time into another
// second.
func (r *Reader) oddFraction(offset int64, frac uint32) (nsec uint32) {
	r.oddTime(offset)
	return min(frac, 999_999_999)
}

func (r *Reader) oddTime(offset int64) {
	if r.oddTimes++; r.oddTimes == 1 {
		r.firstOdd = offset
	}
}

// OddTimes returns how many packets so far had a time that cannot be meant as it stands: a fraction of a second that is
// more than one, or a time later than any clock tells. It also returns where the first of them is. The fraction of a
// file of microseconds is then taken for nanoseconds if it can be, else as the end of its second.
func (r *Reader) OddTimes() (n uint64, first int64) { return r.oddTimes, r.firstOdd }

// nextRecord reads a record of pcap or snoop and returns its bytes.
func (r *Reader) nextRecord(f *Frame) ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.mapped != nil && r.in.at >= r.checked {
		r.check()
	}
	if r.format == FormatSnoop {
		return r.nextSnoop(f)
	}
	h := &r.pcap
	head := recordLen
	if h.modified {
		head = recordLenModif
	}
	b, err := r.in.peek(head)
	if err != nil {
		return nil, err
	}
	var sec, frac, captured, length uint32
	if h.order == byteOrder(binary.LittleEndian) { // the usual case, without an interface call a field
		sec, frac = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		captured, length = binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	} else {
		sec, frac = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		captured, length = binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	}
	// Before version 2.3 the two lengths were the other way round, and 2.3 had both.
	if h.major == 2 && (h.minor < 3 || (h.minor == 3 && captured > length)) || h.major == 543 {
		captured, length = length, captured
	}
	if captured > maxRecord {
		return nil, r.damaged(r.in.offset()+8, "a record of %d bytes: the longest that is believed is %d",
			captured, maxRecord)
	}
	if b, err = r.in.peek(head + int(captured)); err != nil {
		return nil, err
	}
	r.in.skip(len(b))
	if r.in.src == nil {
		r.forget()
	}
	nsec := frac
	switch {
	case !h.nano && frac < 1_000_000:
		nsec *= 1000
	case !h.nano || frac >= 1_000_000_000:
		nsec = r.oddFraction(r.in.offset()-int64(len(b)), frac)
	}
	f.Time = time.Unix(int64(sec), int64(nsec))
	f.Data = b[head:]
	f.Length = int(length)
	f.at(0, h.link)
	if h.modified {
		f.Ifindex = int(h.order.Uint32(b[16:]))
		if b[22] == 4 { // PACKET_OUTGOING
			f.Direction = DirectionOut
		}
	}
	return b, nil
}
