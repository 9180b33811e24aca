package inject

import (
	"io"
	"time"

	"sockwire/raw/packet"
)

// Batch is packets on their way to an engine.
type Batch struct {
	// Packets are borrowed until the batch has been sent.
	Packets [][]byte
	// Numbers are those of the packets in their source, one for each; fragments of a packet have its number. A source
	// may leave them all out: then packets count from 0 on.
	Numbers []uint64
	// Due are when the packets are to leave, from the start, one for each; empty when the schedule says.
	Due []time.Duration
	// follows are the places of packets that leave with the one before, as the fragments of one do.
	follows map[int]bool
	first   uint64 // number of the first packet, where Numbers are left out
	buf     []byte
	ends    []int
}

// number returns the number of the packet at a place.
func (b *Batch) number(at int) uint64 {
	if at < len(b.Numbers) {
		return b.Numbers[at]
	}
	return b.first + uint64(at)
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Packets)
	clear(b.follows)
	b.Packets, b.Numbers, b.Due, b.buf = b.Packets[:0], b.Numbers[:0], b.Due[:0], b.buf[:0]
}

// Source gives packets.
type Source interface {
	// Fill adds packets to b, about n of them and at least one; io.EOF when there are no more.
	Fill(b *Batch, n int) error
}

// Build adds packet n of a template.
func (b *Batch) Build(t *packet.Template, n uint64) error {
	return b.BuildLayers(t, t.Layers(n), n)
}

// BuildLayers adds the packet of layers that t.Layers(n) returned and the program has changed.
func (b *Batch) BuildLayers(t *packet.Template, layers []packet.Layer, n uint64) error {
	buf, ends, err := t.Build(b.buf, b.ends[:0], layers, n)
	return b.add(buf, ends, n, err)
}

// add adds packet n, built behind what the buffer held.
func (b *Batch) add(buf []byte, ends []int, n uint64, err error) error {
	if err != nil {
		return err
	}
	from := len(b.buf)
	b.buf, b.ends = buf, ends // where the buffer grew, earlier packets stay in the old one
	for i, to := range ends {
		b.put(buf[from:to:to], n, i > 0)
		from = to
	}
	return nil
}

// put adds a packet that is there; one that follows leaves with the one before.
func (b *Batch) put(p []byte, n uint64, follows bool) {
	if follows {
		if b.follows == nil {
			b.follows = map[int]bool{}
		}
		b.follows[len(b.Packets)] = true
	}
	b.Packets, b.Numbers = append(b.Packets, p), append(b.Numbers, n)
}

// TemplateSource gives Count packets of a template from number First on, which must not be changed meanwhile. Fragments
// of a packet count as one. A source address that the expression leaves out is that of the way to the destination, as
// the routing table of the network namespace has it in which Fill is called first.
type TemplateSource struct {
	Template *packet.Template
	First    uint64
	Count    uint64 // 0 for no end
	given    uint64
	same     [][]byte // the packet, when all are equal
	series   *packet.Series
	resolver *Resolver // where the sources of packets differ, as their destinations do
	started  bool
}

// Fill adds packets, built when they are asked for unless all are equal.
func (s *TemplateSource) Fill(b *Batch, n int) error {
	if s.Count != 0 {
		n = int(min(uint64(n), s.Count-s.given))
	}
	if n == 0 {
		if s.resolver != nil {
			s.resolver.Close()
			s.resolver = nil
		}
		return io.EOF
	}
	if !s.started {
		if err := s.start(); err != nil {
			return err
		}
		s.started = true
	}
	for range n {
		number := s.First + s.given
		switch {
		case len(s.same) == 1 && s.First == 0: // counted from 0 on, as they are where no numbers are given
			b.Packets = append(b.Packets, s.same[0])
		case s.same != nil:
			for i, p := range s.same {
				b.put(p, number, i > 0)
			}
		case s.series != nil:
			buf, ends, err := s.series.Append(b.buf, b.ends[:0], number)
			if err := b.add(buf, ends, number, err); err != nil {
				return err
			}
		default:
			layers := s.Template.Layers(number)
			if _, err := s.resolver.FillSource(s.Template, layers); err != nil {
				return err
			}
			if err := b.BuildLayers(s.Template, layers, number); err != nil {
				return err
			}
		}
		s.given++
	}
	return nil
}

// start finds out how packets are built: one for all, by what differs, or each anew.
func (s *TemplateSource) start() error {
	layers := s.Template.Layers(s.First)
	if missingSource(s.Template, layers) {
		resolver, err := OpenResolver("")
		if err != nil {
			return err
		}
		if _, err := resolver.FillSource(s.Template, layers); err != nil {
			resolver.Close()
			return err
		}
		if dst := destinationField(layers); s.Template.VariesAt(dst) {
			s.resolver = resolver // kept: whoever sends for long may have lost the right to open another
			return nil
		}
		resolver.Close()
	}
	if s.Template.Varies() {
		s.series = packet.NewSeries(s.Template)
		return nil
	}
	p, ends, err := s.Template.Append(nil, nil, s.First)
	if err != nil {
		return err
	}
	from := 0
	for _, to := range ends {
		s.same = append(s.same, p[from:to:to])
		from = to
	}
	return nil
}

// missingSource reports whether the outermost IP layer has no source address, and none was given.
func missingSource(t *packet.Template, layers []packet.Layer) bool {
	at, src, dst := outermost(layers, false)
	if at < 0 || src.IsValid() || !dst.IsValid() {
		return false
	}
	if _, ok := layers[at].(*packet.ARP); ok {
		return !t.Given(at, "spa")
	}
	return !t.Given(at, "src")
}

// Recorded is a source of packets that are there already, such as those of a capture file.
type Recorded struct {
	Packets [][]byte
	Frames  bool            // they start with an Ethernet header, not with IP
	Due     []time.Duration // when each leaves, from the start; nil leaves it to the schedule
	Loops   int             // how often all of it is sent; 0 is once
	next    int
	loop    int
}

// Fill adds the next packets, as they are.
func (s *Recorded) Fill(b *Batch, n int) error {
	if s.next == len(s.Packets) {
		if s.loop++; s.loop >= s.Loops || len(s.Packets) == 0 {
			return io.EOF
		}
		s.next = 0
	}
	end := min(s.next+n, len(s.Packets))
	for i := s.next; i < end; i++ {
		b.put(s.Packets[i], uint64(s.loop*len(s.Packets)+i), false)
	}
	if s.Due != nil {
		for _, due := range s.Due[s.next:end] {
			b.Due = append(b.Due, time.Duration(s.loop)*s.Due[len(s.Due)-1]+due)
		}
	}
	s.next = end
	return nil
}
