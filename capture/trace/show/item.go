package show

import (
	"iter"
	"sockwire/capture/trace"
	"strings"
	"time"
)

// Item is one call, packet or caption with what the text and the JSON say of it, for renderers of another kind: pages
// and trace viewers. Exactly one of Call, Packet and Caption is set.
type Item struct {
	Call    *trace.CallRecord
	Packet  *trace.PacketRecord
	Caption *trace.Caption
	// Text is the line without its time: the call with its arguments and result, or what the packet is and carries.
	// Notes is what the line says besides, one note each. Text from outside is escaped in both.
	Text  string
	Notes []string
	// Result is the end of a call's Text, what stands behind " = "; "" of one that has not returned.
	Result string
	// Record is the value for encoding/json that Records has for it; nil for a caption.
	Record any
}

// Items yields the timeline's captions, calls and packets once each, in the order of entering and of capture. start is
// the wall clock time of the timeline's start, scene is put into every record, unless empty. The timeline's sockets are
// those of SocketRecords.
func Items(t *trace.Timeline, scene string, start time.Time) iter.Seq[Item] {
	w := &text{Timeline: t, ended: true}
	return func(yield func(Item) bool) {
		for _, e := range entries(t) {
			var item Item
			switch {
			case e.leave:
				continue
			case e.caption != nil:
				item = Item{Caption: e.caption, Text: escape(e.caption.Text)}
			case e.packet != nil:
				item = w.packetItem(e.packet, scene, start)
			default:
				item = w.callItem(e.call, scene, start)
			}
			if !yield(item) {
				return
			}
		}
	}
}

// Records returns the timeline as values for encoding/json, one per line of JSON Lines: a record of type
// "socket" per socket, then "call" and "packet" in the order of the text. start is the wall clock time of the
// timeline's start; scene is put into every record, unless empty.
func Records(t *trace.Timeline, scene string, start time.Time) []any {
	all := SocketRecords(t, scene)
	for item := range Items(t, scene, start) {
		if item.Caption == nil { // that is for people
			all = append(all, item.Record)
		}
	}
	return all
}

func (w *text) callItem(c *trace.CallRecord, scene string, start time.Time) Item {
	item := Item{Call: c, Notes: nonEmpty(headerNote(c), w.notes(c)), Record: callRecord(w.Timeline, c, scene, start)}
	if c.Pending {
		item.Text = opening(c, w.Data) + "  has not returned"
	} else {
		item.Result = outcome(c, w.Data) + took(c)
		item.Text = signature(c, w.Data) + " = " + item.Result
	}
	return item
}

func (w *text) packetItem(p *trace.PacketRecord, scene string, start time.Time) Item {
	what, carries := w.describe(p)
	s := strings.Join(strings.Fields(what+" "+carries), " ")
	notes := w.packetNotes(p)
	if raw := rawNote(p); raw != "" {
		notes = append(notes, raw)
	}
	return Item{Packet: p, Text: s, Notes: notes, Record: packetRecord(p, scene, start)}
}

// SocketRecords returns a value for encoding/json for each socket of the timeline.
func SocketRecords(t *trace.Timeline, scene string) []any {
	var all []any
	for _, s := range t.Sockets {
		all = append(all, socketRecord(s, scene))
	}
	return all
}
