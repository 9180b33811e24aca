package main

import (
	"strconv"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// note is something that was found about a packet.
type note struct {
	packet  uint64
	stream  int
	verdict flow.Verdict
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
	b = strconv.AppendUint(append(b, `{"type":"verdict","packet":`...), n.packet, 10)
	if n.stream >= 0 {
		b = strconv.AppendInt(append(b, `,"stream":`...), int64(n.stream), 10)
	}
	b = append(n.verdict.AppendJSON(append(b, `,"verdict":`...)), '}')
	return append(b, '\n')
}

// appendNotes adds what was found of a packet to its line, or to its record.
func (r *renderer) appendNotes(b []byte, notes []note) []byte {
	if !r.o.marks || len(notes) == 0 {
		return b
	}
	if !r.o.json {
		for i := range notes {
			v := &notes[i].verdict
			if first, _ := v.Evidence(); v.Kind == flow.Reset && first == 0 {
				continue // the flags on the line say so
			}
			b = append(v.AppendText(append(b, " ["...)), ']')
		}
		return b
	}
	for i := range notes {
		if i == 0 {
			b = append(b, `,"verdicts":[`...)
		} else {
			b = append(b, ',')
		}
		b = notes[i].verdict.AppendJSON(b)
	}
	return append(b, ']')
}

// appendVerdicts adds the value of the column flow.verdict.
func (r *renderer) appendVerdicts(b []byte, notes []note, first bool) []byte {
	r.value = r.value[:0]
	for i := range notes {
		if i > 0 {
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

// Columns of --fields that are found by the analysis.
var (
	streamColumn  = decode.Column{Name: "flow.stream"}
	verdictColumn = decode.Column{Name: "flow.verdict"}
)
