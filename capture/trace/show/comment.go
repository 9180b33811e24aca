package show

import (
	"fmt"
	"sockwire/capture/trace"
	"strings"
)

// Comment says in one line what the packet is to the timeline: the calls whose bytes it carries, with
// their arguments and results, and what caused it. It is meant as the packet's comment in a capture file in which
// this timeline's packets follow before other frames: numbers of packets are then those of the file.
func Comment(t *trace.Timeline, p *trace.PacketRecord, before int) string {
	var parts []string
	for _, s := range p.Carries {
		c := t.Call(s.Call)
		parts = append(parts, fmt.Sprintf("carries %s, %s", s, summary(c)))
	}
	if p.Unattributed > 0 && p.From != nil {
		parts = append(parts, fmt.Sprintf("%d bytes of a call that is not known", p.Unattributed))
	}
	if p.Retransmit {
		parts = append(parts, "retransmission")
	}
	parts = append(parts, verdictNotes(p)...)
	if said := saidNote(p); said != "" {
		parts = append(parts, said)
	}
	switch p.Cause.Kind {
	case trace.CauseCall:
		if len(p.Carries) != 1 || p.Carries[0].Call != p.Cause.Call {
			parts = append(parts, fmt.Sprintf("caused by #%d %s", p.Cause.Call, summary(t.Call(p.Cause.Call))))
		}
	case trace.CausePacket:
		parts = append(parts, fmt.Sprintf("caused by packet %d", before+p.Cause.Packet))
	case trace.CauseTimer:
		parts = append(parts, "caused by a timer")
	default:
		parts = append(parts, "cause unknown")
	}
	return fmt.Sprintf("%s %s", arrow(p), strings.Join(parts, "; "))
}

// summary is the call in one line: caller, arguments, result.
func summary(c *trace.CallRecord) string {
	s := signature(c, 0)
	if c.Actor != "" {
		s = escape(c.Actor) + " " + s
	}
	if c.Pending {
		return s + " has not returned"
	}
	return s + " = " + outcome(c, 0)
}
