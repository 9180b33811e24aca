package main

import (
	"strconv"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/cmd/internal/cli"
)

// note is something that was found about a packet.
type note struct {
	packet  uint64
	stream  int
	verdict flow.Verdict // or none: Kind is 0

	of     []uint64 // it completes a datagram that came in these fragments
	differ bool     // and those differ where they overlap
	in     uint64   // it is part of a datagram, or of a message, that is whole in this packet

	part  decode.Type // of a message; 0 for a datagram
	text  []byte      // what is said of a message that is complete
	below []byte      // the tree of it
}

func newNote(v *flow.Verdict) note {
	n := note{packet: v.Packet, stream: -1, verdict: *v}
	if v.Stream != nil {
		n.stream, n.verdict.Stream = int(v.Stream.Number()), nil // it may be another's when this is shown
	}
	return n
}

// appendRecord adds a line of JSON about a packet that is out already.
func (n *note) appendRecord(b []byte) []byte {
	if n.verdict.Kind == 0 {
		return b // the datagram says it
	}
	b = strconv.AppendUint(append(b, `{"type":"verdict","packet":`...), n.packet, 10)
	if n.stream >= 0 {
		b = strconv.AppendInt(append(b, `,"stream":`...), int64(n.stream), 10)
	}
	b = append(n.verdict.AppendJSON(append(b, `,"verdict":`...)), '}')
	return append(b, '\n')
}

// appendNotes adds what was found of a packet to its line, or to its record.
func (r *renderer) appendNotes(b []byte, notes []note) []byte {
	if !r.o.json {
		for i := range notes {
			b = append(b, notes[i].text...)
		}
		told := false
		for i := range notes {
			if notes[i].part != 0 {
				if notes[i].in != 0 && !told { // where it is part of several, the first says it
					b = notes[i].appendPart(b)
					told = true
				}
				continue
			}
			v := &notes[i].verdict
			if v.Kind == 0 {
				b = notes[i].appendFragments(b)
				continue
			}
			if first, _ := v.Evidence(); v.Kind == flow.Reset && first == 0 {
				continue // the flags on the line say so
			}
			b = append(v.AppendText(append(b, " ["...)), ']')
		}
		return b
	}
	verdicts := list{name: "verdicts"}
	for i := range notes {
		if n := &notes[i]; n.verdict.Kind != 0 {
			b = n.verdict.AppendJSON(verdicts.next(b))
		}
	}
	b = verdicts.end(b)
	for i := range notes {
		if notes[i].part == 0 {
			b = notes[i].appendJSON(b)
		}
	}
	return appendJSONMessages(b, notes)
}

// list is a member of a record that is a list: one without elements is not written.
type list struct {
	name string
	open bool
}

func (l *list) next(b []byte) []byte {
	if l.open {
		return append(b, ',')
	}
	l.open = true
	return append(append(append(b, `,"`...), l.name...), `":[`...)
}

func (l *list) end(b []byte) []byte {
	if l.open {
		b = append(b, ']')
	}
	return b
}

// appendPart adds the mark of a packet that has a part of a message.
func (n *note) appendPart(b []byte) []byte {
	b = append(append(b, " [part of "...), n.part.Title()...)
	return append(strconv.AppendUint(append(b, " in #"...), n.in, 10), ']')
}

// appendJSONMessages adds the messages that are complete in the packet, and those that it is a part of.
func appendJSONMessages(b []byte, notes []note) []byte {
	messages, parts := list{name: "messages"}, list{name: "part_of"}
	for i := range notes {
		if len(notes[i].text) > 0 {
			b = append(messages.next(b), notes[i].text...)
		}
	}
	b = messages.end(b)
	for i := range notes {
		if n := &notes[i]; n.part != 0 && n.in != 0 {
			b = append(append(append(parts.next(b), `{"layer":"`...), n.part.String()...), `","packet":`...)
			b = append(strconv.AppendUint(b, n.in, 10), '}')
		}
	}
	return parts.end(b)
}

// appendTrees adds the trees of the messages that are complete in the packet.
func appendTrees(b []byte, notes []note) []byte {
	for i := range notes {
		b = append(b, notes[i].below...)
	}
	return b
}

// appendFragments adds the mark of a fragment, or of what was put together.
func (n *note) appendFragments(b []byte) []byte {
	if n.in != 0 {
		return append(strconv.AppendUint(append(b, " [whole in #"...), n.in, 10), ']')
	}
	b = appendNumbers(append(b, " [whole of "...), n.of, len(n.of))
	if n.differ {
		b = append(b, "; they differ where they overlap"...)
	}
	return append(b, ']')
}

// appendJSON adds the same to a record.
func (n *note) appendJSON(b []byte) []byte {
	if n.in != 0 {
		return strconv.AppendUint(append(b, `,"whole_in":`...), n.in, 10)
	}
	whole := list{name: "whole_of"}
	for _, part := range n.of {
		b = strconv.AppendUint(whole.next(b), part, 10)
	}
	b = whole.end(b)
	if n.differ {
		b = append(b, `,"fragments_differ":true`...)
	}
	return b
}

// appendVerdicts adds the value of the column flow.verdict.
func (r *renderer) appendVerdicts(b []byte, notes []note, first bool) []byte {
	r.value = r.value[:0]
	for i := range notes {
		if notes[i].verdict.Kind == 0 {
			continue
		}
		if len(r.value) > 0 {
			r.value = append(r.value, ',')
		}
		r.value = append(r.value, notes[i].verdict.Kind.String()...)
	}
	at := len(b)
	if b = r.add(b, &verdictColumn, r.value); first {
		b = append(b[:at], b[at+1:]...)
	}
	return b
}

// verdictColumn is the column flow.verdict, for what adds its value.
var verdictColumn = decode.Column{Name: "flow.verdict"}

// shownNumbers is how many numbers of packets stand on a line.
const shownNumbers = 8

// appendNumbers adds the first numbers of many packets.
func appendNumbers(b []byte, list []uint64, count int) []byte {
	for i, n := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		if i == shownNumbers && count > shownNumbers+1 {
			b = append(b, "and "...)
			return append(b, cli.Plural(uint64(count-i), "other")...)
		}
		b = strconv.AppendUint(append(b, '#'), n, 10)
	}
	return b
}
