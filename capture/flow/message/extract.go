package message

import (
	"bufio"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/capture/save"
)

// Bounds of an Extractor whose ExtractConfig has 0.
const (
	DefaultFileBytes  = 64 << 20
	DefaultTotalBytes = 4 << 30
	DefaultFiles      = 10000
	maxOpen           = 128 // files that are written at a time
)

// ExtractConfig bounds an Extractor. The zero value is ready.
type ExtractConfig struct {
	FileBytes  int64 // of one file; what is more is cut off, and said; 0 means DefaultFileBytes
	TotalBytes int64 // of all files; 0 means DefaultTotalBytes
	Files      int   // how many; 0 means DefaultFiles
	Encoded    bool  // leaves the Content-Encoding as it is
}

// Extractor writes the bodies of HTTP messages to files in a directory: new files only, with harmless names made of
// what Content-Disposition or the target of the request says (see package save). It is not for use by several
// goroutines at once.
//
// Bodies with the encodings gzip, deflate and zstd are decoded; others, such as br, are kept as they are, and the name
// tells. A gap is zeros in the file. Bodies of no bytes give no file.
type Extractor struct {
	cfg    ExtractConfig
	dir    *save.Dir
	open   map[bodyKey]*body
	oldest []*body
	counts ExtractCounts
}

// ExtractCounts is what an Extractor did.
type ExtractCounts struct {
	Files   int   // that were written
	Bytes   int64 // in them
	Partial int   // of the files, those that are not the whole body
	Passed  int   // bodies that were not written, because there were too many files or bytes
}

// File is a body that was written.
type File struct {
	Name        string // in the directory
	Bytes       int64
	Stream      uint64
	Direction   flow.Direction
	Message     uint64 // its number in the direction
	First, Last uint64 // packets of the message
	URL         string // host and target of the request, as they were sent: text from outside
	ContentType string // as it was sent: text from outside
	Encoding    string // the Content-Encoding of what is in the file; "" where it is decoded or there was none
	// Complete: it is the whole body. Otherwise Why says what it is not.
	Complete bool
	Why      string
}

// bodyKey is where a body comes from: there is one at a time.
type bodyKey struct {
	stream uint64
	d      flow.Direction
}

// body is one that is being written.
type body struct {
	key     bodyKey
	number  uint64
	http    *HTTP
	name    string // "" until there are bytes
	file    *os.File
	written int64 // in the file
	missing int64
	cut     bool // there was more than may be written
	first   uint64
	passed  bool
}

// NewExtractor makes one that writes into a directory, which has to be there.
func NewExtractor(dir string, cfg *ExtractConfig) (*Extractor, error) {
	d, err := save.Open(dir)
	if err != nil {
		return nil, err
	}
	x := &Extractor{dir: d, open: map[bodyKey]*body{}}
	if cfg != nil {
		x.cfg = *cfg
	}
	if x.cfg.FileBytes <= 0 {
		x.cfg.FileBytes = DefaultFileBytes
	}
	if x.cfg.TotalBytes <= 0 {
		x.cfg.TotalBytes = DefaultTotalBytes
	}
	if x.cfg.Files <= 0 {
		x.cfg.Files = DefaultFiles
	}
	return x, nil
}

// Counts returns what was done so far.
func (x *Extractor) Counts() ExtractCounts { return x.counts }

// Add takes each message of a Parser that hands out Bodies, and returns the file that is complete with it, or nil. An
// error is one of the directory: there is no room, for instance.
func (x *Extractor) Add(m *Message) (*File, error) {
	if m.Protocol != decode.TypeHTTP || m.HTTP == nil || m.Part == Whole {
		return nil, nil
	}
	key := bodyKey{m.Stream.Number(), m.Direction}
	b := x.open[key]
	if b != nil && b.number != m.Number { // its end was never told
		delete(x.open, key)
		return x.finish(b, m, false)
	}
	switch m.Part {
	case Begins:
		x.begin(key, m)
	case Body:
		if b == nil {
			b = x.begin(key, m)
		}
		return nil, x.write(b, m)
	case Ends:
		if b != nil {
			delete(x.open, key)
			return x.finish(b, m, m.HTTP.Complete)
		}
	}
	return nil, nil
}

func (x *Extractor) begin(key bodyKey, m *Message) *body {
	b := &body{key: key, number: m.Number, http: m.HTTP, first: m.First}
	x.open[key] = b
	return b
}

// write appends a piece.
func (x *Extractor) write(b *body, m *Message) error {
	if b.passed {
		return nil
	}
	if b.file == nil {
		if err := x.create(b); err != nil || b.passed {
			return err
		}
	}
	room := min(x.cfg.FileBytes-b.written, x.cfg.TotalBytes-x.counts.Bytes)
	if m.Missing > 0 {
		b.missing += m.Missing
		n := min(m.Missing, room)
		b.cut = b.cut || n < m.Missing
		b.written += n
		x.counts.Bytes += n
		if _, err := b.file.Seek(b.written, io.SeekStart); err != nil {
			return err
		}
		return b.file.Truncate(b.written)
	}
	data := m.Data
	if int64(len(data)) > room {
		data, b.cut = data[:max(room, 0)], true
	}
	n, err := b.file.Write(data)
	b.written += int64(n)
	x.counts.Bytes += int64(n)
	return err
}

// create makes the file of a body, as long as there may be more.
func (x *Extractor) create(b *body) (err error) {
	if x.counts.Files+x.writing() >= x.cfg.Files || x.counts.Bytes >= x.cfg.TotalBytes {
		b.passed = true
		x.counts.Passed++
		return nil
	}
	for x.writing() >= maxOpen { // the file stays, and its body gets no more
		old := x.oldest[0]
		old.passed = true
		old.cut = true
		x.shut(old)
	}
	b.file, b.name, err = x.dir.CreateNamed(x.name(b))
	if err == nil {
		x.oldest = append(x.oldest, b)
	}
	return err
}

func (x *Extractor) writing() int { return len(x.oldest) }

// shut closes the file of a body.
func (x *Extractor) shut(b *body) error {
	for i := range x.oldest {
		if x.oldest[i] == b {
			x.oldest = append(x.oldest[:i], x.oldest[i+1:]...)
			break
		}
	}
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// encoding is what a body is encoded with, "" for nothing.
func (b *body) encoding() string {
	e := strings.ToLower(strings.TrimSpace(string(b.http.Encoding)))
	if e == "identity" {
		return ""
	}
	return e
}

// suffixes are what names get whose bodies stay encoded.
var suffixes = map[string]string{"gzip": ".gz", "x-gzip": ".gz", "deflate": ".deflate", "zstd": ".zst", "br": ".br", "compress": ".Z"}

// name is what the file is to be called: by Content-Disposition (RFC 6266), or by the target.
func (x *Extractor) name(b *body) string {
	name := named(b.http)
	if e := b.encoding(); e != "" { // until it is decoded
		if s := suffixes[e]; s != "" {
			name += s
		} else {
			name += ".encoded"
		}
	}
	return name
}

func named(h *HTTP) string {
	if _, params, err := mime.ParseMediaType(string(h.Disposition)); err == nil && params["filename"] != "" {
		return save.Name(params["filename"])
	}
	target := string(h.Target)
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	if _, rest, ok := strings.Cut(target, "://"); ok { // absolute form
		_, target, _ = strings.Cut(rest, "/")
	}
	target = target[strings.LastIndexByte(target, '/')+1:]
	if plain, err := url.PathUnescape(target); err == nil {
		target = plain
	}
	if target != "" {
		return save.Name(target)
	}
	switch kind, _, _ := strings.Cut(string(h.ContentType), ";"); strings.TrimSpace(kind) {
	case "text/html":
		return "index.html"
	case "application/json":
		return "index.json"
	}
	return "index"
}

// finish ends a body and tells its file.
func (x *Extractor) finish(b *body, m *Message, complete bool) (*File, error) {
	err := x.shut(b)
	if b.name == "" || err != nil {
		return nil, err
	}
	f := &File{Name: b.name, Bytes: b.written, Stream: b.key.stream, Direction: b.key.d, Message: b.number, First: b.first, Last: b.first,
		URL: string(b.http.Host) + string(b.http.Target), ContentType: string(b.http.ContentType), Encoding: b.encoding(), Complete: complete}
	if m != nil && m.Number == b.number {
		f.Last = m.Last
	}
	switch {
	case b.passed:
		f.Why = fmt.Sprintf("more than %d bodies at a time", maxOpen)
	case b.cut:
		f.Why = fmt.Sprintf("only the first %d bytes are kept", b.written)
	case b.missing > 0:
		f.Why = fmt.Sprintf("%d bytes of it were not captured", b.missing)
	case !complete:
		f.Why = "its end was not captured"
	}
	f.Complete = complete && f.Why == ""
	if err := x.decode(f, b); err != nil {
		return nil, err
	}
	x.counts.Files++
	if !f.Complete {
		x.counts.Partial++
	}
	return f, nil
}

// decode replaces a file by what it decodes to, if it does.
func (x *Extractor) decode(f *File, b *body) error {
	if f.Encoding == "" || x.cfg.Encoded {
		return nil
	}
	in, err := x.dir.OpenRead(f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := decoder(f.Encoding, bufio.NewReader(in))
	if err != nil {
		f.say(err.Error())
		return nil
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	out, name, err := x.dir.CreateNamed(named(b.http))
	if err != nil {
		return err
	}
	limit := min(x.cfg.FileBytes, x.cfg.TotalBytes-x.counts.Bytes+b.written)
	n, failed := io.Copy(out, io.LimitReader(r, limit))
	var more int
	if failed == nil && n == limit {
		more, _ = io.ReadFull(r, make([]byte, 1))
	}
	err = out.Close()
	var broken *os.PathError
	if err == nil && errors.As(failed, &broken) { // of the directory, not of the encoding
		err = failed
	}
	if err != nil || n == 0 && failed != nil {
		_ = x.dir.Remove(name)
		if err == nil {
			f.say("its " + f.Encoding + " cannot be decoded")
		}
		return err
	}
	switch {
	case failed != nil:
		f.Complete = false
		f.say(fmt.Sprintf("its %s breaks off after %d bytes", f.Encoding, n))
	case more > 0:
		f.Complete = false
		f.say(fmt.Sprintf("only the first %d bytes are kept", n))
	}
	x.counts.Bytes += n - b.written
	_ = x.dir.Remove(f.Name)
	f.Name, f.Bytes, f.Encoding = name, n, ""
	return nil
}

func (f *File) say(why string) {
	if f.Why != "" {
		f.Why += "; "
	}
	f.Why += why
}

// decoder returns what decodes an encoding; an error says that nothing here does.
func decoder(encoding string, r *bufio.Reader) (io.Reader, error) {
	switch encoding {
	case "gzip", "x-gzip":
		if z, err := gzip.NewReader(r); err == nil {
			return z, nil
		}
		return nil, errors.New("it is no gzip")
	case "deflate": // RFC 9110 section 8.4.1.2: in zlib's format, which some senders leave out
		if head, err := r.Peek(2); err == nil && head[0]&15 == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(r)
		}
		return flate.NewReader(r), nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("it is encoded as %.32q, which is kept", encoding)
}

// Close ends the bodies whose end was not told, and returns their files. The directory is let go.
func (x *Extractor) Close() ([]*File, error) {
	var files []*File
	var first error
	left := slices.SortedFunc(maps.Values(x.open), func(a, b *body) int { // the same on each run
		return cmp.Or(cmp.Compare(a.key.stream, b.key.stream), cmp.Compare(a.key.d, b.key.d))
	})
	clear(x.open)
	for _, b := range left {
		f, err := x.finish(b, nil, false)
		if f != nil {
			files = append(files, f)
		}
		if first == nil {
			first = err
		}
	}
	if err := x.dir.Close(); first == nil {
		first = err
	}
	return files, first
}
