//go:build amd64 || arm64

package bpfprog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// Loaded is programs in the running kernel, their maps and the ring that they write. The zero value has none.
type Loaded struct {
	all      []*ebpf.Map
	programs []*ebpf.Program
	links    []link.Link
	reader   *ringbuf.Reader
	sample   []byte // that was read last
}

// Map is a map to be made, and where it is to be kept.
type Map struct {
	To   **ebpf.Map
	Spec ebpf.MapSpec
}

// Make makes maps that end with the programs.
func (l *Loaded) Make(maps ...Map) error {
	for _, m := range maps {
		made, err := ebpf.NewMap(&m.Spec)
		if err != nil {
			return fmt.Errorf("make the map %s: %w", m.Spec.Name, err)
		}
		*m.To = made
		l.all = append(l.all, made)
	}
	return nil
}

// Open readies the ring to be read.
func (l *Loaded) Open(ring *ebpf.Map) (err error) {
	if l.reader, err = ringbuf.NewReader(ring); err != nil {
		return fmt.Errorf("read the ring: %w", err)
	}
	return nil
}

// Point is a program at a trace point.
func Point(name, at string) ebpf.ProgramSpec {
	return ebpf.ProgramSpec{Name: name, Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: at}
}

// Run loads a program that was written and attaches it to what its specification says; one for control groups to the
// root of them, and an iterator by running it once.
func (l *Loaded) Run(c *Code, spec ebpf.ProgramSpec) error {
	program, err := c.Build(spec)
	if err != nil {
		return err
	}
	l.programs = append(l.programs, program)
	var at link.Link
	to := spec.AttachTo
	switch {
	case spec.AttachType == ebpf.AttachTraceIter:
		at, err = iterate(program)
	case to != "":
		at, err = link.AttachTracing(link.TracingOptions{Program: program})
	default:
		if to, err = ControlGroup(); err == nil {
			at, err = link.AttachCgroup(link.CgroupOptions{Path: to, Attach: spec.AttachType, Program: program})
		}
		to = "the control group " + to
	}
	if err != nil {
		return fmt.Errorf("attach to %s: %w", to, err)
	}
	l.links = append(l.links, at)
	return nil
}

func iterate(p *ebpf.Program) (link.Link, error) {
	it, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return nil, err
	}
	r, err := it.Open()
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
	}
	return it, err
}

// Misses is how often a program was not run because another of ours ran on the same processor.
func (l *Loaded) Misses() (n uint64) {
	for _, p := range l.programs {
		if stats, err := p.Stats(); err == nil {
			n += stats.RecursionMisses
		}
	}
	return n
}

// Read takes what is in the ring, up to so many records, and tells whether there may be more.
func (l *Loaded) Read(limit int, take func([]byte) error) (more bool, err error) {
	if l.reader == nil || l.reader.AvailableBytes() == 0 { // which costs no system call
		return false, nil
	}
	for range limit {
		if got, err := l.Next(false, take); err != nil || !got {
			return false, err
		}
	}
	return true, nil
}

// Detach ends the recording.
func (l *Loaded) Detach() {
	for _, at := range l.links {
		at.Close()
	}
	l.links = nil
}

// Close takes the programs out of the kernel.
func (l *Loaded) Close() {
	l.Detach()
	for _, p := range l.programs {
		p.Close()
	}
	if l.reader != nil {
		l.reader.Close()
	}
	for _, m := range l.all {
		m.Close()
	}
}

// Next takes one record, and tells whether there was one. With wait it waits for it, until Flush is called.
func (l *Loaded) Next(wait bool, take func([]byte) error) (bool, error) {
	if l.reader == nil {
		return false, nil
	}
	if wait {
		l.reader.SetDeadline(time.Time{})
	} else {
		l.reader.SetDeadline(time.Unix(1, 0))
	}
	raw := ringbuf.Record{RawSample: l.sample}
	err := l.reader.ReadInto(&raw)
	l.sample = raw.RawSample
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ringbuf.ErrFlushed) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, take(raw.RawSample)
}

// Flush wakes who waits in Next.
func (l *Loaded) Flush() error {
	if l.reader == nil {
		return nil
	}
	return l.reader.Flush()
}
