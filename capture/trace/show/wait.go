package show

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sockwire/capture/trace"
	"strings"
	"time"
)

const (
	shownWaits = 8
	short      = time.Millisecond // a wait that is not worth a word
)

// readyText shows what a call found to be ready.
func readyText(c *trace.Call) string {
	if len(c.Ready) == 0 {
		return ""
	}
	var all []string
	for i := range c.Ready {
		if i == shownWaits {
			all = append(all, "…")
			break
		}
		all = append(all, waitText(&c.Ready[i], c.Name))
	}
	return " [" + strings.Join(all, ", ") + "]"
}

func waitText(w *trace.Wait, call string) string {
	s := fmt.Sprint(w.FD)
	if w.FD < 0 {
		s = fmt.Sprintf("data %#x", w.Data)
	}
	return s + " " + strings.Join(w.Events.Names(call), "|")
}

// waited writes what a call has waited for and what ended that, where it is worth saying.
func (w *text) waited(c *trace.CallRecord) { w.below(w.waitNote(c)) }

func (w *text) waitNote(c *trace.CallRecord) string {
	var names []string
	others := c.Unlisted
	for i := range c.Waits {
		s := w.Socket(c.Waits[i].Socket, c.Waits[i].Began(c.Call))
		switch {
		case s == nil || slices.Contains(names, s.Name):
		case len(names) < shownWaits:
			names = append(names, s.Name)
		default:
			others++
		}
	}
	if len(names) == 0 {
		return ""
	}
	if others > 0 {
		names = append(names, fmt.Sprintf("%d more", others))
	}
	if c.Pending {
		return "waits for " + strings.Join(names, ", ")
	}
	s := "waited for " + strings.Join(names, ", ")
	brief := c.Left-c.Entered < short // there was nothing to wait for, or no time given
	switch wake := &c.Wake; wake.Kind {
	case trace.WakePacket:
		packet := fmt.Sprintf("the packet at %.3f", float64(wake.At.Nanoseconds())/1e6)
		if w.last != nil && w.last.Number == wake.Packet {
			packet = "the packet above"
		}
		return s + " until " + packet + " made " + became(wake, c)
	case trace.WakeCall:
		return s + fmt.Sprintf(" until #%d made ", wake.Call) + became(wake, c)
	case trace.WakeTimeout:
		if !brief {
			return s + " until the time was over"
		}
	case trace.WakeSignal:
		return s + " until a signal came"
	case trace.WakeUnknown:
		if c.Errno == "" && wake.Socket != nil {
			return s + " until " + wake.Socket.Name + " was ready: why is unknown"
		}
	case trace.WakeReady:
		if !brief {
			return s + ": " + wake.Socket.Name + " was ready before"
		}
	case trace.WakeDescriptor:
		if !brief {
			return s + " until a descriptor was ready that is no socket"
		}
	}
	return ""
}

// became says which socket became what.
func became(w *trace.Wake, c *trace.CallRecord) string {
	var got trace.Readiness
	for i := range c.Wakes {
		if c.Wakes[i].Socket == w.Socket {
			got |= c.Ready[i].Events
		}
	}
	what := "ready"
	switch {
	case got&(trace.Failed|trace.HungUp) != 0:
	case got&(trace.Readable|trace.Writable) == trace.Readable|trace.Writable:
		what = "readable and writable"
	case got&trace.Readable != 0:
		what = "readable"
	case got&trace.Writable != 0:
		what = "writable"
	}
	return w.Socket.Name + " " + what
}

// wait counts a call that waits at each socket that it waits for.
func (s *Totals) wait(t *trace.Timeline, c *trace.CallRecord) {
	if c.Pending || !c.Waiting() {
		return
	}
	if c.Unlisted > 0 {
		s.unlisted++
	}
	for i := range c.Waits {
		w := &c.Waits[i]
		k := t.Socket(w.Socket, w.Began(c.Call))
		if k == nil {
			continue
		}
		if r := s.sockets[k.Name]; r != nil && r.lastWait != c.Number { // not one that is left out
			r.lastWait = c.Number
			r.wait(c, k, w.Began(c.Call))
		}
	}
}

func (r *socketTotal) wait(c *trace.CallRecord, k *trace.Socket, since time.Duration) {
	until := c.Left
	if k.Closed >= 0 {
		until = min(until, k.Closed)
	}
	if r.waited == nil {
		r.waited, r.WaitsEndedBy = map[string]time.Duration{}, map[string]int{}
	}
	d := max(until-since, 0)
	r.Waited += d
	r.waited[c.Name] += d
	r.Waits++
	r.WaitsEndedBy[ended(c, k)]++
}

// ended says in a word what ended the wait for a socket.
func ended(c *trace.CallRecord, k *trace.Socket) string {
	for i := range c.Wakes {
		if c.Wakes[i].Socket == k {
			return c.Wakes[i].Kind.String()
		}
	}
	if len(c.Wakes) > 0 {
		return "another"
	}
	return c.Wake.Kind.String()
}

// appendWaits appends a table of the sockets that calls waited for, if there are any.
func (s *Summary) appendWaits(b []byte) []byte {
	rows := [][]string{{"SOCKET", "waits", "waited ms", "most in", "ended by"}}
	for _, k := range s.Sockets {
		if k.Waits == 0 {
			continue
		}
		kinds := slices.Sorted(maps.Keys(k.WaitsEndedBy))
		slices.SortStableFunc(kinds, func(a, b string) int { return cmp.Compare(k.WaitsEndedBy[b], k.WaitsEndedBy[a]) })
		for i, kind := range kinds {
			kinds[i] = fmt.Sprintf("%s %d", kind, k.WaitsEndedBy[kind])
		}
		rows = append(rows, []string{k.Socket, fmt.Sprint(k.Waits), milliseconds(k.Waited), escape(k.WaitedIn), strings.Join(kinds, ", ")})
	}
	if len(rows) == 1 {
		return b
	}
	b = appendTable(append(b, '\n'), rows)
	b = append(b, "a wait for several sockets is counted at each of them"...)
	if s.Unlisted > 0 {
		b = fmt.Appendf(b, "; calls that waited for more than are listed: %d, not counted at the others", s.Unlisted)
	}
	return append(b, '\n')
}
