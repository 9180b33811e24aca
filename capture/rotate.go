package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/ncruces/go-strftime"
)

// Rotation says when a Rotator starts its next file. Zero limits do not count.
type Rotation struct {
	Size  int64         // bytes of the file before compression
	Every time.Duration // age of the file, at least a second
	Count int64         // frames in the file
	Keep  int           // files of this run to keep; older ones are removed
}

// Rotator writes frames to a row of files. Each is a whole capture: every file begins with the interfaces.
// The names are made of the given one, the time at which the file was begun and a running number, such as
// dump-20260102T150405-00001.pcapng.zst for dump.pcapng.zst, so they sort by time. With Rotation.Every, a name that
// holds conversions of strftime(3), such as dump-%H%M.pcap, gets the local time instead, and a number only where such a
// file exists. A file that exists is never written over, also after a crash and a new start; a finished file is on the
// disk before the next one is begun. It is not safe for concurrent use.
type Rotator struct {
	name     string
	config   WriterConfig
	rotation Rotation
	ifs      []Interface
	w        *Writer
	file     *os.File
	begun    time.Time
	frames   int64
	names    *Names
	kept     []string
	now      func() time.Time
	finish   func(*Writer) error
}

// NewRotator returns a Rotator whose first file is made at once. A nil cfg means ConfigFor(name). A
// Rotation of zero limits makes one file of exactly the given name, an existing one written over.
func NewRotator(name string, cfg *WriterConfig, rotation Rotation) (*Rotator, error) {
	if cfg == nil {
		c := ConfigFor(name)
		cfg = &c
	}
	if rotation.Every != 0 && rotation.Every < time.Second || rotation.Size < 0 || rotation.Count < 0 ||
		rotation.Keep < 0 {
		return nil, fmt.Errorf("capture: rotation %+v is out of range", rotation)
	}
	r := &Rotator{name: name, config: *cfg, rotation: rotation, names: NewNames(name, rotation), now: time.Now}
	if err := r.begin(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Rotator) rotates() bool {
	return r.rotation.Size > 0 || r.rotation.Every > 0 || r.rotation.Count > 0
}

// begin makes the next file.
func (r *Rotator) begin() error {
	var err error
	if !r.rotates() {
		r.file, err = os.Create(r.name)
	} else {
		r.file, err = r.create()
	}
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	if r.w, err = NewWriter(r.file, &r.config); err != nil {
		r.file.Close()
		return err
	}
	r.w.file = r.file
	r.begun, r.frames = r.now(), 0
	if len(r.ifs) > 0 {
		return r.w.Describe(r.ifs)
	}
	return nil
}

// create makes a file that was not there before.
func (r *Rotator) create() (*os.File, error) {
	for {
		name := r.names.Next()
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r.names.Taken()
		r.kept = append(r.kept, name)
		return f, nil
	}
}

// Names are the names of a row of files, as a Rotator makes them.
type Names struct {
	name   string
	timed  bool // conversions of strftime(3) count
	number int
	again  int // for the file to come
	now    func() time.Time
}

// NewNames returns the names of a row of files that are made of a name by a rotation.
func NewNames(name string, rotation Rotation) *Names {
	return &Names{name: name, timed: rotation.Every > 0, now: time.Now}
}

// Next returns a name to try for the next file, each time another one until Taken is called.
func (n *Names) Next() string {
	name := n.name
	if n.timed {
		name = inTime(name, n.now())
	}
	dir, base := filepath.Split(name)
	stem, ext := base, ""
	for {
		e := strings.ToLower(filepath.Ext(stem))
		if e != ".gz" && e != ".zst" && e != ".pcap" && e != ".pcapng" && e != ".cap" && e != ".dmp" && e != ".parquet" {
			break
		}
		ext = stem[len(stem)-len(e):] + ext
		stem = stem[:len(stem)-len(e)]
	}
	n.number++
	n.again++
	switch {
	case name == n.name:
		stem += "-" + n.now().UTC().Format("20060102T150405")
		return fmt.Sprintf("%s%s-%05d%s", dir, stem, n.number, ext)
	case n.again > 1:
		return fmt.Sprintf("%s%s-%05d%s", dir, stem, n.again-1, ext)
	}
	return name
}

// Taken says that the last name is taken: the next file is another.
func (n *Names) Taken() { n.again = 0 }

// conversion is one of strftime(3) in C99, and of what date(1) has more. Others stay as they are.
var conversion = regexp.MustCompile(`%[aAbBcCdDeFgGhHIjklmMnprRsStTuUVwWxXyYzZ%]`)

// inTime writes a time into the conversions of a name, as strftime(3) does in the C locale.
func inTime(name string, t time.Time) string {
	return conversion.ReplaceAllStringFunc(name, func(c string) string { return strftime.Format(c, t) })
}

// Name returns the name of the file that is being written.
func (r *Rotator) Name() string { return r.file.Name() }

// OnFinish has f called with the Writer of each file before it is closed, to write statistics.
func (r *Rotator) OnFinish(f func(w *Writer) error) { r.finish = f }

// Describe adds those of ifs that were not described yet, to this file and those after it.
func (r *Rotator) Describe(ifs []Interface) error {
	if len(ifs) > len(r.ifs) {
		r.ifs = append(r.ifs, ifs[len(r.ifs):]...)
	}
	return r.w.Describe(r.ifs)
}

// Write appends a frame, to the next file if this one has reached a limit.
func (r *Rotator) Write(f *Frame) error {
	if r.frames > 0 && r.due() {
		if err := r.next(); err != nil {
			return err
		}
	}
	r.frames++
	return r.w.Write(f)
}

func (r *Rotator) due() bool {
	limit := &r.rotation
	return limit.Count > 0 && r.frames >= limit.Count ||
		limit.Size > 0 && r.w.Size() >= limit.Size ||
		limit.Every > 0 && r.now().Sub(r.begun) >= limit.Every
}

func (r *Rotator) next() error {
	if err := r.end(); err != nil {
		return err
	}
	for r.rotation.Keep > 0 && len(r.kept) >= r.rotation.Keep {
		if err := os.Remove(r.kept[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("capture: %w", err)
		}
		r.kept = r.kept[1:]
	}
	return r.begin()
}

// end finishes the current file and puts it on the disk.
func (r *Rotator) end() error {
	if r.finish != nil {
		if err := r.finish(r.w); err != nil {
			r.w.Close()
			return err
		}
	}
	if err := r.w.Flush(); err != nil {
		r.w.Close()
		return err
	}
	// What cannot be synced (a pipe, a device) needs none.
	if err := r.file.Sync(); err != nil && r.rotates() {
		r.w.Close()
		return fmt.Errorf("capture: %w", err)
	}
	return r.w.Close()
}

// WriteStatistics appends an Interface Statistics Block to the current file.
func (r *Rotator) WriteStatistics(s *Statistics) error { return r.w.WriteStatistics(s) }

// Flush makes everything written so far readable. Call it once a second on a live capture.
func (r *Rotator) Flush() error { return r.w.Flush() }

// Close finishes the current file.
func (r *Rotator) Close() error { return r.end() }
