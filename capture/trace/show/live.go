package show

import (
	"math"
	"slices"
	"sockwire/capture/trace"
	"time"
	"unicode/utf8"
)

// Live writes a timeline piece by piece while it grows: each call of Append is given the timeline joined
// anew and writes what was not written yet. A line that was written is not taken back, so what depends on
// later events is said as it is known then. The zero value is ready.
type Live struct {
	entered, left, packets map[int]bool
	captions               map[*trace.Caption]bool
	actors                 []string             // that were seen, in their order
	sockets                map[string]socketKey // as they were last returned by Records
	last                   *trace.PacketRecord
	columns                *columns
	width                  int // of the longest actor's name so far
}

func (l *Live) begin() {
	if l.entered == nil {
		l.entered, l.left, l.packets, l.captions = map[int]bool{}, map[int]bool{}, map[int]bool{}, map[*trace.Caption]bool{}
	}
}

// Append appends the lines of what happened up to a time that the last Append did not write. A call that
// has not returned by then is opened, and closed by a later Append.
func (l *Live) Append(b []byte, t *trace.Timeline, until time.Duration, o Options) []byte {
	l.begin()
	for _, c := range t.Calls {
		l.width = max(l.width, utf8.RuneCountInString(c.Actor))
	}
	w := &text{Timeline: t, Options: o, b: b, last: l.last, columns: l.columns, width: l.width, ended: until == math.MaxInt64, actors: &l.actors}
	if o.Columns > 0 && w.columns == nil {
		w.columns = &columns{width: o.Columns}
	}
	if w.columns != nil {
		w.columns.room(t.Sockets)
	}
	all := l.rest(t, until)
	for i := 0; i < len(all); i++ {
		e := all[i]
		whole := i+1 < len(all) && !e.leave && e.call != nil && all[i+1].leave && all[i+1].call == e.call
		switch {
		case e.caption != nil:
			l.captions[e.caption] = true
		case e.packet != nil:
			l.packets[e.packet.Number] = true
		case e.leave:
			l.left[e.call.Number] = true
		case whole:
			l.entered[e.call.Number], l.left[e.call.Number] = true, true
			i++
		default:
			l.entered[e.call.Number] = true
		}
		w.entry(e, whole)
	}
	l.last, l.columns = w.last, w.columns
	return w.b
}

// entry writes a call as it is entered, as it is left, or whole, or a packet.
func (w *text) entry(e entry, whole bool) {
	switch {
	case e.caption != nil:
		w.caption(e.caption)
	case w.columns != nil:
		w.column(e, whole)
	case e.packet != nil:
		w.packet(e.packet)
	case e.leave:
		w.left(e.call)
	case whole:
		w.whole(e.call)
	default:
		w.entered(e.call)
	}
	if e.leave || whole || e.call != nil && e.call.Pending && (w.ended || e.call.Ended) {
		w.waited(e.call)
	}
}

// rest are the entries up to a time that were not written.
func (l *Live) rest(t *trace.Timeline, until time.Duration) []entry {
	return slices.DeleteFunc(entries(t), func(e entry) bool {
		return e.at > until || e.caption != nil && l.captions[e.caption] || e.packet != nil && l.packets[e.packet.Number] || e.call != nil && (e.leave && l.left[e.call.Number] || !e.leave && l.entered[e.call.Number])
	})
}

// Records returns, as Append does, what was not returned yet as values for encoding/json: a packet when its time
// has come, a call when it has returned (or, at the end, has not), in that order, and before them a record of
// each socket that is new or has changed.
func (l *Live) Records(t *trace.Timeline, until time.Duration, start time.Time) []any {
	l.begin()
	var all []any
	known := make(map[string]socketKey, len(t.Sockets)) // one that the timeline has no more never comes again
	for _, s := range t.Sockets {
		if s.Created > until {
			continue
		}
		r := socketRecord(s, "")
		key := r.key()
		if l.sockets[s.Name] != key {
			all = append(all, r)
		}
		known[s.Name] = key
	}
	l.sockets = known
	for _, e := range l.rest(t, until) {
		switch {
		case e.caption != nil: // it is for people
		case e.packet != nil:
			l.packets[e.packet.Number] = true
			all = append(all, packetRecord(e.packet, "", start))
		case e.leave || e.call.Ended || e.call.Pending && until == math.MaxInt64:
			l.entered[e.call.Number], l.left[e.call.Number] = true, true
			all = append(all, callRecord(t, e.call, "", start))
		}
	}
	return all
}

// Forget lets go of records that Append will not be given again.
func (l *Live) Forget(gone *trace.Timeline) {
	for _, c := range gone.Calls {
		delete(l.entered, c.Number)
		delete(l.left, c.Number)
	}
	for _, p := range gone.Packets {
		delete(l.packets, p.Number)
	}
}
