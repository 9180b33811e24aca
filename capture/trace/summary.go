package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CallSummary counts the calls of one name.
type CallSummary struct {
	Name   string        `json:"name"`
	Calls  int           `json:"calls"`
	Errors int           `json:"errors"`
	Bytes  int64         `json:"bytes"`
	Time   time.Duration `json:"time_ns"` // between entering and leaving, all calls together
}

// SocketSummary counts what one socket did.
type SocketSummary struct {
	Socket      string        `json:"socket"`
	Kind        string        `json:"kind"`
	Local       string        `json:"local,omitempty"`
	Remote      string        `json:"remote,omitempty"`
	Calls       int           `json:"calls"`
	Sent        int64         `json:"sent_bytes"`
	Received    int64         `json:"received_bytes"`
	Packets     int           `json:"packets_sent"`
	Retransmits int           `json:"retransmissions"`
	Blocked     time.Duration `json:"blocked_ns"` // in calls
	BlockedOn   string        `json:"blocked_on,omitempty"`
}

// Summary is what strace -c is for system calls, for sockets.
type Summary struct {
	Calls   []CallSummary   `json:"calls"`   // the longest together first
	Sockets []SocketSummary `json:"sockets"` // in the order of creation
}

// moved is how many bytes a call sent or received.
func (c *CallRecord) moved() int64 {
	if !c.ok() || !c.sends() && !c.receives() {
		return 0
	}
	if len(c.Messages) == 0 {
		return c.Result
	}
	n := int64(0)
	for i, m := range c.Messages {
		if int64(i) < c.Result {
			n += int64(m.Size)
		}
	}
	return n
}

// Summarize counts.
func (t *Timeline) Summarize() *Summary {
	s := &Summary{Calls: []CallSummary{}, Sockets: []SocketSummary{}}
	at := map[string]int{}
	for _, c := range t.Calls {
		i, ok := at[c.Name]
		if !ok {
			i = len(s.Calls)
			at[c.Name] = i
			s.Calls = append(s.Calls, CallSummary{Name: c.Name})
		}
		sum := &s.Calls[i]
		sum.Calls++
		sum.Bytes += c.moved()
		if c.Errno != "" {
			sum.Errors++
		}
		if !c.Pending {
			sum.Time += c.Left - c.Entered
		}
	}
	slices.SortStableFunc(s.Calls, func(a, b CallSummary) int { return cmp.Compare(b.Time, a.Time) })
	sent, again := map[*Socket]int{}, map[*Socket]int{}
	for _, p := range t.Packets {
		if p.From != nil {
			sent[p.From] += max(p.Segments, 1)
			if p.Retransmit {
				again[p.From]++
			}
		}
	}
	for _, k := range t.Sockets {
		s.Sockets = append(s.Sockets, k.summary(sent[k], again[k]))
	}
	return s
}

func (k *Socket) summary(sent, again int) SocketSummary {
	r := SocketSummary{Socket: k.Name, Kind: k.Kind.String(), Local: k.Local.text(), Remote: k.Remote.text(), Calls: len(k.calls), Packets: sent, Retransmits: again}
	if k.Family == FamilyUnix {
		r.Kind = "unix " + r.Kind
	}
	on := map[string]time.Duration{}
	for _, c := range k.calls {
		switch {
		case c.sends():
			r.Sent += c.moved()
		case c.receives() && !c.flag("MSG_PEEK"):
			r.Received += c.moved()
		}
		if !c.Pending {
			r.Blocked += c.Left - c.Entered
			on[c.Name] += c.Left - c.Entered
		}
	}
	for name, d := range on {
		if r.BlockedOn == "" || d > on[r.BlockedOn] || d == on[r.BlockedOn] && name < r.BlockedOn {
			r.BlockedOn = name
		}
	}
	return r
}

// AppendText appends the summary as two tables.
func (s *Summary) AppendText(b []byte) []byte {
	rows := [][]string{{"CALL", "calls", "errors", "bytes", "time ms"}}
	for _, c := range s.Calls {
		rows = append(rows, []string{escape(c.Name), fmt.Sprint(c.Calls), fmt.Sprint(c.Errors), fmt.Sprint(c.Bytes), milliseconds(c.Time)})
	}
	b = appendTable(b, rows)
	rows = [][]string{{"SOCKET", "kind", "calls", "sent", "received", "packets", "again", "in calls ms", "most in", "from", "to"}}
	for _, k := range s.Sockets {
		rows = append(rows, []string{k.Socket, k.Kind, fmt.Sprint(k.Calls), fmt.Sprint(k.Sent), fmt.Sprint(k.Received), fmt.Sprint(k.Packets),
			fmt.Sprint(k.Retransmits), milliseconds(k.Blocked), escape(k.BlockedOn), escape(k.Local), escape(k.Remote)})
	}
	return appendTable(append(b, '\n'), rows)
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d.Nanoseconds())/1e6) }

func appendTable(b []byte, rows [][]string) []byte {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			fmt.Fprintf(&line, "%-*s  ", width[i], cell)
		}
		b = append(append(b, strings.TrimRight(line.String(), " ")...), '\n')
	}
	return b
}
