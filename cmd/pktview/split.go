package main

import (
	"errors"
	"path/filepath"
	"strings"

	"sockwire/capture"
)

// linkFiles is a file for each link type, made when the first packet of that type is written.
type linkFiles struct {
	name   string // that -w gives
	config capture.WriterConfig
	ifs    []capture.Interface
	files  map[capture.LinkType]*linkFile
	order  []*linkFile
	names  *[]string // of the files, for the summary
}

// linkFile has the interfaces of one link type, which are numbered anew.
type linkFile struct {
	*capture.Writer
	ifs     []capture.Interface
	numbers map[int]int
}

func newLinkFiles(o *options) *linkFiles {
	config := capture.ConfigFor(o.write)
	config.Section = o.section()
	return &linkFiles{name: o.write, config: config, files: map[capture.LinkType]*linkFile{}, names: &o.written}
}

// nameFor puts the link type before the first extension: trace-EN10MB.pcap.zst for trace.pcap.zst.
func (l *linkFiles) nameFor(link capture.LinkType) string {
	dir, base := filepath.Split(l.name)
	stem := base
	for _, ext := range []string{".gz", ".zst", ".pcap", ".pcapng", ".cap", ".dmp"} {
		if n := len(stem) - len(ext); n > 0 && strings.EqualFold(stem[n:], ext) {
			stem = stem[:n]
		}
	}
	return dir + stem + "-" + link.String() + base[len(stem):]
}

// Describe keeps the interfaces until frames of theirs come.
func (l *linkFiles) Describe(ifs []capture.Interface) error {
	l.ifs = ifs
	return nil
}

// file returns the file of a frame and the number that its interface has there.
func (l *linkFiles) file(f *capture.Frame) (*linkFile, int, error) {
	out := l.files[f.Link]
	if out == nil {
		name := l.nameFor(f.Link)
		w, err := capture.Create(name, &l.config)
		if err != nil {
			return nil, 0, err
		}
		out = &linkFile{Writer: w, numbers: map[int]int{}}
		l.files[f.Link], l.order = out, append(l.order, out)
		*l.names = append(*l.names, name)
	}
	number, ok := out.numbers[f.Interface]
	if !ok {
		number = len(out.ifs)
		i := capture.Interface{Link: f.Link}
		if f.Interface < len(l.ifs) {
			i = l.ifs[f.Interface]
		}
		out.numbers[f.Interface], out.ifs = number, append(out.ifs, i)
		if err := out.Describe(out.ifs); err != nil {
			return nil, 0, err
		}
	}
	return out, number, nil
}

func (l *linkFiles) Write(f *capture.Frame) error {
	out, number, err := l.file(f)
	if err != nil {
		return err
	}
	mine := *f
	mine.Interface = number
	return out.Write(&mine)
}

// WriteStatistics leaves out what is said of an interface that has no frames.
func (l *linkFiles) WriteStatistics(s *capture.Statistics) error {
	for _, out := range l.order {
		if number, ok := out.numbers[s.Interface]; ok {
			mine := *s
			mine.Interface = number
			return out.WriteStatistics(&mine)
		}
	}
	return nil
}

func (l *linkFiles) Flush() error {
	return l.each(func(w *capture.Writer) error { return w.Flush() })
}

func (l *linkFiles) Close() error {
	return l.each(func(w *capture.Writer) error { return w.Close() })
}

func (l *linkFiles) each(do func(*capture.Writer) error) (err error) {
	for _, out := range l.order {
		err = errors.Join(err, do(out.Writer))
	}
	return err
}
