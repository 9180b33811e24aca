package trace

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"sockwire/raw/wire"
)

// Check verifies what must hold on every timeline, and returns all that does not: no packet is
// credited to a call that had not been entered; spans lie inside what their calls passed; per direction of
// a stream the segments that are no retransmissions carry every byte of every send exactly once (all of
// them up to a FIN, without a gap until the capture ended otherwise); the fragments of a datagram tile
// it; receives account for every byte they returned.
func (t *Timeline) Check() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("trace: "+format, args...)) }
	for _, p := range t.Packets {
		for _, s := range p.Carries {
			c := t.Call(s.Call)
			switch {
			case c == nil:
				fault("packet %d carries bytes of #%d, which is no call", p.Number, s.Call)
			case c.Entered > p.Time:
				fault("packet %d at %v carries bytes of #%d, entered at %v", p.Number, p.Time, s.Call, c.Entered)
			case s.From < 0 || s.To < s.From || s.To > c.sentSize(s.Message):
				fault("packet %d carries bytes %d..%d of #%d, which passed %d", p.Number, s.From, s.To, s.Call, c.sentSize(s.Message))
			}
		}
	}
	for _, f := range t.flows {
		t.checkStream(f, fault)
	}
	t.checkDatagrams(fault)
	for _, c := range t.Calls {
		t.checkReceive(c, fault)
	}
	return errors.Join(errs...)
}

func (t *Timeline) checkStream(f *flow, fault func(string, ...any)) {
	if f.from == nil || !f.anchored {
		return
	}
	stretch := f.from.stretch(f.conn.start)
	if stretch < f.from.forgotten {
		return
	}
	total, _, _ := f.from.before(stretch)
	for _, iv := range f.intervals {
		if iv.unsure {
			return
		}
		total = iv.to
	}
	once := f.before.sent
	for _, p := range slices.Concat(f.conn.packets, f.parts) {
		if p.first == nil && p.Src != f.src || p.PayloadLength <= 0 {
			continue
		}
		from := p.FromSeq - 1
		if p.TCP != nil && p.TCP.Flags&wire.SYN != 0 {
			from++
		}
		if p.Unattributed > 0 && !p.Retransmit && !p.Simultaneous {
			fault("packet %d of %s: no call is known for %d of its %d bytes", p.Number, f.from.Name, p.Unattributed, p.PayloadLength)
		}
		if fresh := once.add(from, from+int64(p.PayloadLength)); !p.Retransmit && fresh != int64(p.PayloadLength) {
			fault("packet %d of %s carries %d bytes again and is not called a retransmission", p.Number, f.from.Name, int64(p.PayloadLength)-fresh)
		}
		sum := p.Unattributed
		for _, s := range p.Carries {
			sum += s.To - s.From
		}
		if sum != p.PayloadLength {
			fault("packet %d has %d bytes and carries %d", p.Number, p.PayloadLength, sum)
		}
	}
	sent := int64(0)
	if len(once) > 0 {
		sent = once[0].to
	}
	switch {
	case len(once) > 1 || len(once) == 1 && once[0].from != 0:
		fault("the segments of %s leave a gap: %v", f.from.Name, once)
	case f.fin >= 0 && (sent != total || f.fin != total):
		fault("the segments of %s end at %d and its FIN at %d, its calls passed %d bytes", f.from.Name, sent, f.fin, total)
	case sent > total:
		fault("the segments of %s hold %d bytes, its calls passed %d", f.from.Name, sent, total)
	}
}

// checkDatagrams verifies that the parts of each message that left, left once and whole.
func (t *Timeline) checkDatagrams(fault func(string, ...any)) {
	type key struct{ call, message int }
	parts := map[key][]Span{}
	for _, p := range t.Packets {
		if (p.TCP != nil || p.first != nil) && p.Raw == nil {
			continue
		}
		for _, s := range p.Carries {
			k := key{s.Call, s.Message}
			parts[k] = append(parts[k], s)
		}
	}
	for k, spans := range parts {
		slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
		at := 0
		for _, s := range spans {
			if s.From != at {
				fault("the packets of #%d do not tile it: %v", k.call, spans)
			}
			at = s.To
		}
		if size := t.Call(k.call).sentSize(k.message); at != size {
			fault("the packets of #%d hold %d of its %d bytes", k.call, at, size)
		}
	}
}

func (t *Timeline) checkReceive(c *CallRecord, fault func(string, ...any)) {
	if len(c.Received) == 0 {
		return
	}
	sum := int64(0)
	for _, s := range c.Received {
		sender := t.Call(s.Call)
		if sender == nil || sender.Entered > c.Left || s.To > sender.sentSize(s.Message) {
			fault("#%d received bytes %d..%d of #%d, which cannot be", c.Number, s.From, s.To, s.Call)
			return
		}
		sum += int64(s.To - s.From)
	}
	if c.On != nil && c.On.Kind == KindStream && sum != c.Result && !c.partly {
		fault("#%d received %d bytes, %d of them are known", c.Number, c.Result, sum)
	}
}
