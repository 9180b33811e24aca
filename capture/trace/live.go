package trace

import (
	"math"
	"time"
	"unicode/utf8"
)

// Live writes a timeline piece by piece while it grows: each call of Append is given the timeline joined
// anew and writes what was not written yet. A line that was written is not taken back, so what depends on
// later events is said as it is known then. The zero value is ready.
type Live struct {
	entered, left, packets map[int]bool
	last                   *PacketRecord
}

// Append appends the lines of what happened up to a time that the last Append did not write. A call that
// has not returned by then is opened, and closed by a later Append.
func (l *Live) Append(b []byte, t *Timeline, until time.Duration, o TextOptions) []byte {
	if l.entered == nil {
		l.entered, l.left, l.packets = map[int]bool{}, map[int]bool{}, map[int]bool{}
	}
	w := &text{Timeline: t, TextOptions: o, b: b, last: l.last, ended: until == math.MaxInt64}
	for _, c := range t.Calls {
		w.width = max(w.width, utf8.RuneCountInString(c.Actor))
	}
	all := l.rest(t, until)
	for i := 0; i < len(all); i++ {
		e := all[i]
		switch {
		case e.packet != nil:
			l.packets[e.packet.Number] = true
			w.packet(e.packet)
		case e.leave:
			l.left[e.call.Number] = true
			w.left(e.call)
		case i+1 < len(all) && all[i+1].leave && all[i+1].call == e.call:
			l.entered[e.call.Number], l.left[e.call.Number] = true, true
			w.whole(e.call)
			i++
		default:
			l.entered[e.call.Number] = true
			w.entered(e.call)
		}
	}
	l.last = w.last
	return w.b
}

// rest are the entries up to a time that were not written.
func (l *Live) rest(t *Timeline, until time.Duration) []entry {
	var rest []entry
	for _, e := range t.entries() {
		done := e.packet != nil && l.packets[e.packet.Number] || e.call != nil && (e.leave && l.left[e.call.Number] || !e.leave && l.entered[e.call.Number])
		if e.at <= until && !done {
			rest = append(rest, e)
		}
	}
	return rest
}

// Only returns the timeline with only those calls and packets for which the functions return true; a nil
// function keeps all. What the others are to them stays known.
func (t *Timeline) Only(call func(*CallRecord) bool, packet func(*PacketRecord) bool) *Timeline {
	out := *t
	out.Calls, out.Packets = nil, nil
	for _, c := range t.Calls {
		if call == nil || call(c) {
			out.Calls = append(out.Calls, c)
		}
	}
	for _, p := range t.Packets {
		if packet == nil || packet(p) {
			out.Packets = append(out.Packets, p)
		}
	}
	return &out
}

// MadeBy tells whether the call created the socket.
func (s *Socket) MadeBy(c *CallRecord) bool { return s.madeBy == c.Number && c.Number != 0 }
