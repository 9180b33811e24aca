package show

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sockwire/capture/flow"
	"sockwire/capture/trace"
)

// verdictNotes say what became of a segment. Packets have no numbers in this text: what was the first and what shows it
// is in the JSON.
func verdictNotes(p *trace.PacketRecord) []string {
	var notes []string
	for i := range p.Verdicts {
		if s := verdictNote(&p.Verdicts[i]); s != "" {
			notes = append(notes, s)
		}
	}
	return notes
}

// verdictWords are the notes of the verdicts that need no evidence.
var verdictWords = map[flow.Kind]string{
	flow.Reordered: "reordered: {places} later came first", flow.Duplicate: "doubled by the network",
	flow.DuplicateAck: "duplicate ACK {places}", flow.Conflict: "{bytes} bytes unlike those before",
	flow.LostBefore: "lost on its way here: {bytes} bytes", flow.LostBehind: "lost behind here",
	flow.Missed: "{bytes} bytes before it passed uncaptured", flow.Undecided: "{bytes} bytes undecided",
	flow.ZeroWindow: "zero window", flow.WindowProbe: "window probe", flow.WindowFull: "window full",
	flow.WindowUpdate: "window update", flow.KeepAlive: "keep-alive", flow.KeepAliveAck: "keep-alive answer",
	flow.Stray: "outside the window",
}

func verdictNote(v *flow.Verdict) string {
	switch v.Kind {
	case flow.Retransmission:
		s := "again"
		switch first, _ := v.Evidence(); {
		case first == 0:
			s += ", the first was not seen"
		case v.Delay > 0:
			s += " after " + span(v.Delay)
		}
		return s + ": " + why(v.Cause)
	case flow.Spurious:
		return "needless, the receiver had it: " + why(v.Cause)
	}
	counts := strings.NewReplacer("{places}", fmt.Sprint(v.Places), "{bytes}", fmt.Sprint(v.Bytes))
	return counts.Replace(verdictWords[v.Kind])
}

// causeWords are causes in words, where those are other than their names.
var causeWords = map[flow.Cause]string{
	flow.Unknown: "cause unknown", flow.NoCause: "cause unknown", flow.Timer: "timer", flow.TailProbe: "tail loss probe",
	flow.Fast: "duplicate ACKs", flow.SACK: "SACK", flow.DSACK: "DSACK", flow.Timestamp: "by its timestamp",
}

func why(c flow.Cause) string {
	if words, ok := causeWords[c]; ok {
		return words
	}
	return c.String()
}

// span is a time with the digits that matter.
func span(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%d s", d/time.Second)
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	}
	return fmt.Sprintf("%.1f ms", float64(d)/1e6)
}

// verdictRecords are the verdicts as JSON.
func verdictRecords(p *trace.PacketRecord) []json.RawMessage {
	var all []json.RawMessage
	for i := range p.Verdicts {
		all = append(all, p.Verdicts[i].AppendJSON(nil))
	}
	return all
}
