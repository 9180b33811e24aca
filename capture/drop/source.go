package drop

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"sockwire/capture"
)

// Config says which drops to tell. The zero value is ready: those of the calling thread's network namespace.
type Config struct {
	// Networks are the inodes of the network namespaces of which drops are told (NetworkOf), at most 1024; none is that
	// of the calling thread.
	Networks []uint64
	// All tells the drops in every network namespace, and those of which no namespace is known.
	All bool
	// Snaplen is how many bytes of each packet are kept at most; 0 means 65535, which is all that there can be.
	Snaplen int
	// Buffer is the size of the ring in bytes, a power of two from 64 KiB to 1 GiB; 0 means 16 MiB.
	Buffer int
}

// DefaultBuffer is the size of the ring in bytes where a Config does not say.
const DefaultBuffer = 16 << 20

const maxNetworks = 1024

func (c *Config) withDefaults() (Config, error) {
	var out Config
	if c != nil {
		out = *c
	}
	if out.Snaplen == 0 {
		out.Snaplen = 65535
	}
	if out.Buffer == 0 {
		out.Buffer = DefaultBuffer
	}
	switch {
	case out.Snaplen < 0 || out.Snaplen > 65535:
		return out, fmt.Errorf("drop: snaplen %d is not in 0..65535", out.Snaplen)
	case out.Buffer < 64<<10 || out.Buffer > 1<<30 || out.Buffer&(out.Buffer-1) != 0:
		return out, fmt.Errorf("drop: buffer of %d bytes: it is a power of two in %d..%d", out.Buffer, 64<<10, 1<<30)
	case len(out.Networks) > maxNetworks:
		return out, fmt.Errorf("drop: %d network namespaces are more than %d", len(out.Networks), maxNetworks)
	}
	return out, nil
}

// Source gives the drops of this host as they happen. It is a capture.Source: each network namespace, device and link
// type is an interface of it.
//
// One goroutine reads; Stats, Interfaces, Stop and Close may be called from others.
type Source struct {
	kernel  kernel
	config  Config
	reading reading
	drop    Drop
	comment [1]string
	text    []byte

	saidLost  uint64    // losses that frames said
	askedLost time.Time // when the kernel was asked for them last

	mu         sync.Mutex
	stats      Stats
	interfaces []capture.Interface
	known      map[place]int
}

// place is where a drop belongs among the interfaces.
type place struct {
	network uint32
	index   int
	link    capture.LinkType
}

var _ capture.Source = (*Source)(nil)

// Next waits for the next drop and gives its frame; Drop tells the rest. After Stop, when all is given, the error is
// io.EOF. The frame is valid until the next step.
func (s *Source) Next(f *capture.Frame) error {
	_, err := s.next(f, true)
	return err
}

// TryNext gives the next frame if there is one already.
func (s *Source) TryNext(f *capture.Frame) (bool, error) { return s.next(f, false) }

// Drop is the drop of which a frame was given last. It is valid until the next step.
func (s *Source) Drop() *Drop { return &s.drop }

// Drops yields drops until ctx is done, the Source is stopped or the loop breaks. A drop is valid until the next step.
func (s *Source) Drops(ctx context.Context) iter.Seq2[*Drop, error] {
	return func(yield func(*Drop, error) bool) {
		for _, err := range s.Frames(ctx) {
			if !yield(&s.drop, err) {
				return
			}
		}
	}
}

// Frames yields the frames of drops until ctx is done, the Source is stopped or the loop breaks.
func (s *Source) Frames(ctx context.Context) iter.Seq2[capture.Frame, error] {
	return func(yield func(capture.Frame, error) bool) {
		stop := context.AfterFunc(ctx, func() { s.Stop() })
		defer stop()
		var f capture.Frame
		for {
			if err := s.Next(&f); err != nil {
				if err != io.EOF {
					yield(capture.Frame{}, err)
				}
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// Interfaces are those at which there were drops so far.
func (s *Source) Interfaces() []capture.Interface {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interfaces[:len(s.interfaces):len(s.interfaces)]
}

// Buffer is the size of the ring in bytes.
func (s *Source) Buffer() int { return s.config.Buffer }

// maxInterfaces bounds what is remembered of interfaces. Drops at others are told as those of the last.
const maxInterfaces = 1 << 12

// take makes a drop of a record, and tells whether it is of a packet.
func (s *Source) take(b []byte, at time.Time) (bool, error) {
	packet, err := s.reading.parse(&s.drop, b, at)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		return false, err
	case !packet:
		s.stats.Messages++
		return false, nil
	}
	s.stats.Delivered++
	d := &s.drop
	d.Frame.Interface = s.place(d)
	s.text = d.AppendText(s.text[:0])
	s.comment[0] = string(s.text)
	d.Frame.Comments = s.comment[:]
	return true, nil
}

func (s *Source) place(d *Drop) int {
	at := place{d.Network, d.Frame.Ifindex, d.Frame.Link}
	if i, ok := s.known[at]; ok {
		return i
	}
	if len(s.interfaces) >= maxInterfaces {
		return len(s.interfaces) - 1
	}
	device := d.Device
	if device == "" {
		device = "none"
	}
	if s.known == nil {
		s.known = make(map[place]int)
	}
	s.known[at] = len(s.interfaces)
	i := capture.Interface{
		Name: device, Index: at.index, Link: at.link, Snaplen: s.config.Snaplen, Resolution: time.Nanosecond,
		Description: fmt.Sprintf("dropped packets, network namespace %d", d.Network),
	}
	s.interfaces = append(s.interfaces, i)
	return s.known[at]
}
