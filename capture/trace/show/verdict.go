package show

import (
	"encoding/json"
	"fmt"
	"time"

	"sockwire/capture/flow"
	"sockwire/capture/trace"
)

// verdictNotes say what became of a segment. Packets have no numbers in this text: what was the first and what shows it is in the
// JSON.
func verdictNotes(p *trace.PacketRecord) []string {
	var notes []string
	for i := range p.Verdicts {
		if s := verdictNote(&p.Verdicts[i]); s != "" {
			notes = append(notes, s)
		}
	}
	return notes
}

func verdictNote(v *flow.Verdict) string {
	first, _ := v.Evidence()
	switch v.Kind {
	case flow.Retransmission:
		s := "again"
		switch {
		case first == 0:
			s += ", the first was not seen"
		case v.Delay > 0:
			s += " after " + span(v.Delay)
		}
		return s + ": " + why(v.Cause)
	case flow.Spurious:
		return "needless, the receiver had it: " + why(v.Cause)
	case flow.Reordered:
		return fmt.Sprintf("reordered: %d later came first", v.Places)
	case flow.Duplicate:
		return "doubled by the network"
	case flow.DuplicateAck:
		return fmt.Sprintf("duplicate ACK %d", v.Places)
	case flow.LostBefore:
		return fmt.Sprintf("lost on its way here: %d bytes", v.Bytes)
	case flow.LostBehind:
		return "lost behind here"
	case flow.Missed:
		return fmt.Sprintf("%d bytes before it passed uncaptured", v.Bytes)
	case flow.ZeroWindow:
		return "zero window"
	case flow.WindowProbe:
		return "window probe"
	case flow.WindowFull:
		return "window full"
	case flow.WindowUpdate:
		return "window update"
	case flow.KeepAlive:
		return "keep-alive"
	case flow.KeepAliveAck:
		return "keep-alive answer"
	case flow.Conflict:
		return fmt.Sprintf("%d bytes unlike those before", v.Bytes)
	case flow.Stray:
		return "outside the window"
	case flow.Undecided:
		return fmt.Sprintf("%d bytes undecided", v.Bytes)
	}
	return ""
}

// why is a cause in words.
func why(c flow.Cause) string {
	switch c {
	case flow.Unknown, flow.NoCause:
		return "cause unknown"
	case flow.Timer:
		return "timer"
	case flow.TailProbe:
		return "tail loss probe"
	case flow.Fast:
		return "duplicate ACKs"
	case flow.SACK:
		return "SACK"
	case flow.DSACK:
		return "DSACK"
	case flow.Timestamp:
		return "by its timestamp"
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
