package main

import (
	"os"
	"time"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/capture/trace/show"
	"sockwire/cmd/internal/cli"
)

// packetFile is the file of -w. Its methods do nothing on a nil one.
type packetFile struct {
	session *follow.Session
	file    *os.File
	w       *capture.Writer
	place   map[int]int // in the file, of the packets written and not yet forgotten, by number
	count   int
	failed  error // of the file: nothing more is written to it
}

// packetFile makes the file that -w names; nil without.
func (o *options) packetFile(session *follow.Session) (*packetFile, error) {
	file, err := o.createFile()
	if file == nil {
		return nil, err
	}
	w, err := capture.NewWriter(file, &capture.WriterConfig{Section: capture.Section{Application: "sockwire " + cli.Version()}})
	if err != nil {
		return nil, cli.Join(err, file.Close())
	}
	return &packetFile{session: session, file: file, w: w, place: map[int]int{}}, nil
}

// forget lets go of packets that will not be given again.
func (s *packetFile) forget(gone *trace.Timeline) {
	if s == nil {
		return
	}
	for _, p := range gone.Packets {
		delete(s.place, p.Number)
	}
}

// write writes the packets up to a time with their calls as comments.
func (s *packetFile) write(t *trace.Timeline, until time.Duration) error {
	if s == nil || s.session.Live() == nil || s.failed != nil {
		return nil
	}
	s.failed = s.append(t, until)
	return s.failed
}

func (s *packetFile) append(t *trace.Timeline, until time.Duration) error {
	// Interfaces are described as their packets come.
	if err := s.w.Describe(s.session.Live().Interfaces()); err != nil {
		return err
	}
	for _, p := range t.Packets {
		if p.Time > until {
			break
		}
		if s.place[p.Number] != 0 || p.Uncaptured {
			continue
		}
		s.count++
		s.place[p.Number] = s.count
		f := *s.session.Frame(p.Number)
		q := *p
		q.Cause.Packet = s.place[p.Cause.Packet]
		if q.Cause.Kind == trace.CausePacket && q.Cause.Packet == 0 {
			q.Cause = trace.Cause{}
		}
		f.Comments = []string{show.Comment(t, &q, 0)}
		if err := s.w.Write(&f); err != nil {
			return err
		}
	}
	return nil
}

func (s *packetFile) close() error {
	if s == nil {
		return nil
	}
	return cli.Join(s.w.Close(), s.file.Close())
}
