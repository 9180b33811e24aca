package inject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"sockwire/raw/packet"
	"sockwire/raw/probe"
)

// crafted is the source of a template's packets, filled in for their destinations.
type crafted struct {
	p       *Plan
	ctx     context.Context
	numbers []uint64 // to send again; nil for all from 0 on
	total   uint64
	given   uint64
	skip    func() // told of each packet that is left out
	cookie  *Cookie
	most    int    // packets in one batch
	id      uint16 // of the first packet, where each has its own
	anyID   bool   // no id was given, and errors that quote packets are told apart by it
}

// source returns the packets of the plan; of numbers, if there are any, only those.
func (p *Plan) source(ctx context.Context, numbers []uint64, round int, skip func()) (Source, error) {
	if p.Recorded != nil {
		return p.Recorded, nil
	}
	if numbers == nil {
		if plain, err := p.plain(ctx); plain != nil || err != nil {
			return plain, err
		}
	}
	t := p.Template
	c := &crafted{p: p, ctx: ctx, numbers: numbers, total: p.Total(), skip: skip, most: math.MaxInt}
	c.id = uint16(t.Seed()) + uint16(round)*0x5555
	if p.Key != nil {
		c.cookie = NewCookie(p.Key)
	}
	if p.Listens() {
		c.most = 64 // answers are looked at meanwhile
		for i, l := range t.Layers(0) {
			if _, ok := l.(*packet.IPv4); ok {
				c.anyID = !t.Given(i, "id")
				break
			}
		}
	}
	return c, nil
}

// plain returns a source that builds packets without asking anything, nil unless nothing depends on the destination and
// nobody waits for answers.
func (p *Plan) plain(ctx context.Context) (Source, error) {
	t := p.Template
	if p.Listens() || !p.frames && t.Varies() || p.Key != nil {
		return nil, nil
	}
	layers := t.Layers(0)
	if dst := destinationField(layers); dst != nil && t.VariesAt(dst) {
		return nil, nil
	}
	if _, err := p.resolver.Fill(ctx, t, layers); err != nil {
		return nil, err
	}
	s := &TemplateSource{Template: t}
	if !p.endless() {
		s.Count = p.Total()
	}
	return s, nil
}

// number returns the next packet's number.
func (c *crafted) number() (uint64, bool) {
	if c.numbers == nil {
		return c.given, c.given < c.total
	}
	if c.given == uint64(len(c.numbers)) {
		return 0, false
	}
	return c.numbers[c.given], true
}

// Fill builds the next packets.
func (c *crafted) Fill(b *Batch, n int) error {
	for len(b.Packets) == 0 {
		for range min(n, c.most) {
			number, ok := c.number()
			if !ok {
				if len(b.Packets) == 0 {
					return io.EOF
				}
				return nil
			}
			c.given++
			if err := c.add(b, number); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *crafted) add(b *Batch, number uint64) error {
	p, t := c.p, c.p.Template
	layers := t.Layers(number)
	if p.Allow.checkLayers(t, layers) != nil { // of more packets than were looked at before sending
		c.skip()
		return nil
	}
	route, err := p.resolver.Fill(c.ctx, t, layers)
	if err != nil {
		return err
	}
	toSelf := route.Loopback && !p.Route.Loopback && p.frames // of a prefix that this host is in
	if toSelf || route.Broadcast && !p.Allow.Broadcast {
		c.skip()
		return nil
	}
	if route.Ifindex != p.Route.Ifindex && p.frames {
		err := fmt.Errorf("%s is reached through %s, not %s: %w", Destination(layers), route.Interface, p.Route.Interface, ErrOtherInterface)
		return &PacketError{number, err}
	}
	if c.anyID {
		for _, l := range layers {
			if ip, ok := l.(*packet.IPv4); ok {
				ip.ID = max(1, c.id+uint16(c.given)) // a raw socket's kernel replaces 0
				break
			}
		}
	}
	if c.cookie != nil {
		c.cookie.Stamp(layers)
	}
	before := len(b.Packets)
	if err := b.BuildLayers(t, layers, number); err != nil {
		return err
	}
	if p.frames {
		return nil
	}
	for _, built := range b.Packets[before:] {
		if alters := RawAlters(built, p.Route.MTU); alters != "" {
			return &PacketError{number, &engineError{alters}}
		}
	}
	return nil
}

// Planned is a packet as it would be sent.
type Planned struct {
	Number  uint64         // of the packet in its source, from 0
	Due     time.Duration  // from the start
	Packets [][]byte       // it, or its fragments; valid until the next step
	Layers  []packet.Layer // of a template's packet; valid until the next step
}

// Packets yields the packets of the plan as they would be sent on the schedule, and sends none. It needs no Open and no
// privilege; Ethernet destinations stay as the template has them, and source addresses that the system cannot tell are
// left out, of which the first error is given to missing, if that is not nil.
func (p *Plan) Packets(ctx context.Context, s Schedule, missing func(error)) iter.Seq2[Planned, error] {
	return func(yield func(Planned, error) bool) {
		source := &shown{p: p, missing: missing}
		if p.Template != nil {
			if source.resolver, _ = OpenResolver(p.Interface); source.resolver != nil { // what is shown can do without
				defer source.resolver.Close()
			}
		}
		table := probe.NewTimetable(s)
		var b Batch
		for ctx.Err() == nil {
			b.Reset()
			err := source.Fill(&b, 1)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Planned{}, err)
				return
			}
			n := Planned{Number: b.Numbers[0], Packets: b.Packets, Layers: source.layers, Due: table.Due()}
			if len(b.Due) > 0 && s.Unlimited() {
				n.Due = b.Due[0]
			}
			for i, p := range b.Packets { // fragments leave together
				if i == 0 {
					table.Take(len(p))
				} else {
					table.Follow(len(p))
				}
			}
			if !yield(n, nil) {
				return
			}
		}
		yield(Planned{}, context.Cause(ctx))
	}
}

// shown is the source of a plan's packets as they can be made without asking the network.
type shown struct {
	p        *Plan
	resolver *Resolver // nil where there is none
	missing  func(error)
	at       uint64
	layers   []packet.Layer // of the last packet
}

// Fill adds the next packet.
func (s *shown) Fill(b *Batch, n int) error {
	if s.p.Recorded != nil {
		return s.p.Recorded.Fill(b, n)
	}
	if s.at == s.p.Total() {
		return io.EOF
	}
	t, number := s.p.Template, s.at
	s.at++
	s.layers = t.Layers(number)
	if s.resolver != nil && Destination(s.layers).IsValid() {
		if _, err := s.resolver.FillSource(t, s.layers); err != nil && s.missing != nil {
			s.missing(err)
			s.missing = nil
		}
	}
	return b.BuildLayers(t, s.layers, number)
}
