package trace

import (
	"cmp"
	"slices"
)

// arranged are events by kind, each kind in the order of time. Of equal events the order does not depend on that in
// which they came.
type arranged struct {
	calls    []*CallRecord
	packets  []*PacketRecord
	states   []*State
	hosts    []*Host
	captions []*Caption
}

// arrange makes records of events.
func arrange(events []Event) *arranged {
	in := new(arranged)
	for _, e := range events {
		switch e := e.(type) {
		case *Call:
			in.calls = append(in.calls, &CallRecord{Call: e.sane(), Offset: -1})
		case *Packet:
			in.packets = append(in.packets, &PacketRecord{Packet: e.sane(), Segments: e.Segments, SegmentSize: e.SegmentSize})
		case *State:
			in.states = append(in.states, e)
		case *Caption:
			in.captions = append(in.captions, e)
		case *Host:
			in.hosts = append(in.hosts, e)
		}
	}
	slices.SortStableFunc(in.calls, func(a, b *CallRecord) int {
		return cmp.Or(cmp.Compare(a.Entered, b.Entered), cmp.Compare(a.Number, b.Number))
	})
	slices.SortStableFunc(in.packets, func(a, b *PacketRecord) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Number, b.Number))
	})
	slices.SortStableFunc(in.states, func(a, b *State) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Call, b.Call), cmp.Compare(a.Change, b.Change),
			cmp.Compare(a.Socket, b.Socket))
	})
	slices.SortStableFunc(in.captions, func(a, b *Caption) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Text, b.Text))
	})
	return in
}

func callsByNumber(all []*CallRecord) map[int]*CallRecord {
	by := make(map[int]*CallRecord, len(all))
	for _, c := range all {
		by[c.Number] = c
	}
	return by
}

func packetsByNumber(all []*PacketRecord) map[int]*PacketRecord {
	by := make(map[int]*PacketRecord, len(all))
	for _, p := range all {
		by[p.Number] = p
	}
	return by
}

// sane returns the call, or a copy without the lengths and times that cannot be. Most calls have none, and a window
// joins each many times.
func (c *Call) sane() *Call {
	sent := c.Errno != "" || c.Result >= 0 || !c.Sends() && !c.Reads()
	if sent && c.Size >= 0 && c.Left >= c.Entered && !slices.ContainsFunc(c.Args, Arg.insane) && !slices.ContainsFunc(c.Messages, Message.insane) {
		return c
	}
	d := *c
	d.Size = max(d.Size, 0)
	d.Left = max(d.Left, d.Entered)
	d.Args = slices.Clone(d.Args)
	for i := range d.Args {
		d.Args[i].Size = max(d.Args[i].Size, 0)
	}
	d.Messages = slices.Clone(d.Messages)
	for i := range d.Messages {
		d.Messages[i].Size, d.Messages[i].Room = max(d.Messages[i].Size, 0), max(d.Messages[i].Room, 0)
	}
	if !sent {
		d.Result = 0
	}
	return &d
}

func (a Arg) insane() bool     { return a.Size < 0 }
func (m Message) insane() bool { return m.Size < 0 || m.Room < 0 }

// sane returns the packet, or a copy without the lengths that cannot be.
func (p *Packet) sane() *Packet {
	if min(p.PayloadLength, p.NetworkHeader, p.TransportHeader, p.Fragment.Offset) >= 0 && p.Direction <= Out {
		return p
	}
	q := *p
	q.PayloadLength = max(q.PayloadLength, 0)
	q.NetworkHeader = max(q.NetworkHeader, 0)
	q.TransportHeader = max(q.TransportHeader, 0)
	q.Fragment.Offset = max(q.Fragment.Offset, 0)
	q.Direction = min(q.Direction, Out)
	return &q
}
