package show

import (
	"cmp"
	"fmt"
	"slices"
	"sockwire/capture/trace"
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
	Socket      string `json:"socket"`
	Kind        string `json:"kind"`
	Local       string `json:"local,omitempty"`
	Remote      string `json:"remote,omitempty"`
	Calls       int    `json:"calls"`
	Sent        int64  `json:"sent_bytes"`
	Received    int64  `json:"received_bytes"`
	Packets     int    `json:"packets_sent"`
	Retransmits int    `json:"retransmissions"`
	// Blocked is the time in calls on it, of several threads added up, and BlockedOn the name of those in which most of
	// it went: connect(2) waits for the answer of the peer, accept(2) for a connection, a receive for data, a send for
	// room in the buffer, close(2) for what SO_LINGER asks.
	Blocked   time.Duration `json:"blocked_ns"`
	BlockedOn string        `json:"blocked_on,omitempty"`
	// Waited is the time in calls that wait for it, perhaps among others: a wait for several sockets is counted at each
	// of them, so the sum over all sockets can be more than has passed. Waits are those calls, WaitedIn is the name of
	// those in which most of the time went, WaitsEndedBy counts what ended them: the name of a WakeKind, or "another"
	// where only others were ready. Calls that wait are seen where the source records them.
	Waited       time.Duration  `json:"waited_ns,omitempty"`
	Waits        int            `json:"waits,omitempty"`
	WaitedIn     string         `json:"waited_in,omitempty"`
	WaitsEndedBy map[string]int `json:"waits_ended_by,omitempty"`
}

// Summary is what strace -c is for system calls, for sockets.
type Summary struct {
	Calls   []CallSummary   `json:"calls_by_name"` // the longest together first
	Sockets []SocketSummary `json:"sockets"`       // in the order of creation
	// Unlisted counts calls that waited for more descriptors than they list: at the sockets beyond they are not
	// counted.
	Unlisted int `json:"waits_unlisted,omitempty"`
}

// moved is how many bytes a call sent or received.
func moved(c *trace.CallRecord) int64 {
	if !c.Succeeded() || !c.Sends() && !c.Receives() {
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

// Totals counts a trace piece by piece. The zero value is ready.
type Totals struct {
	Calls, Packets int

	calls   map[string]*CallSummary
	order   []*CallSummary
	sockets map[string]*socketTotal
	rows    []*socketTotal
	others  *socketTotal

	unlisted int
}

// maxRows is how many sockets have totals of their own; those after are counted together.
const maxRows = 10_000

type socketTotal struct {
	SocketSummary
	in map[string]time.Duration // by the name of the call

	waited   map[string]time.Duration // in calls that wait for it, by their names
	lastWait int                      // the last of them
}

// Add counts the calls and packets of a timeline. None may be given twice.
func (s *Totals) Add(t *trace.Timeline) {
	if s.calls == nil {
		s.calls, s.sockets = map[string]*CallSummary{}, map[string]*socketTotal{}
	}
	s.Calls += len(t.Calls)
	s.Packets += len(t.Packets)
	for _, k := range t.Sockets {
		s.row(k).name(k)
	}
	for _, c := range t.Calls {
		s.call(c)
		if c.On != nil {
			s.row(c.On).call(c)
		}
		s.wait(t, c)
	}
	for _, p := range t.Packets {
		if p.From != nil {
			r := s.row(p.From)
			r.Packets += max(p.Segments, 1)
			if p.Retransmit {
				r.Retransmits++
			}
		}
	}
}

func (s *Totals) call(c *trace.CallRecord) {
	sum := s.calls[c.Name]
	if sum == nil {
		sum = &CallSummary{Name: c.Name}
		s.calls[c.Name] = sum
		s.order = append(s.order, sum)
	}
	sum.Calls++
	sum.Bytes += moved(c)
	if c.Errno != "" {
		sum.Errors++
	}
	if !c.Pending {
		sum.Time += c.Left - c.Entered
	}
}

func (s *Totals) row(k *trace.Socket) *socketTotal {
	if r := s.sockets[k.Name]; r != nil {
		return r
	}
	if len(s.rows) == maxRows {
		if s.others == nil {
			s.others = &socketTotal{SocketSummary: SocketSummary{Socket: "others"}, in: map[string]time.Duration{}}
		}
		return s.others
	}
	r := &socketTotal{SocketSummary: SocketSummary{Socket: k.Name}, in: map[string]time.Duration{}}
	s.sockets[k.Name] = r
	s.rows = append(s.rows, r)
	return r
}

// name notes what is known of the socket.
func (r *socketTotal) name(k *trace.Socket) {
	if r.Socket != k.Name {
		return
	}
	r.Kind, r.Local, r.Remote = k.Kind.String(), addressText(k.Local), addressText(k.Remote)
	if k.Family == trace.FamilyUnix {
		r.Kind = "unix " + r.Kind
	}
}

func (r *socketTotal) call(c *trace.CallRecord) {
	r.Calls++
	switch {
	case c.Sends():
		r.Sent += moved(c)
	case c.Receives() && !c.HasFlag("MSG_PEEK"):
		r.Received += moved(c)
	}
	if !c.Pending {
		r.Blocked += c.Left - c.Entered
		r.in[c.Name] += c.Left - c.Entered
	}
}

// Summary returns what was counted.
func (s *Totals) Summary() *Summary {
	sum := &Summary{Calls: []CallSummary{}, Sockets: []SocketSummary{}, Unlisted: s.unlisted}
	for _, c := range s.order {
		sum.Calls = append(sum.Calls, *c)
	}
	slices.SortStableFunc(sum.Calls, func(a, b CallSummary) int { return cmp.Compare(b.Time, a.Time) })
	for _, r := range s.rows {
		sum.Sockets = append(sum.Sockets, r.summary())
	}
	if s.others != nil {
		sum.Sockets = append(sum.Sockets, s.others.summary())
	}
	return sum
}

func (r *socketTotal) summary() SocketSummary {
	sum := r.SocketSummary
	sum.BlockedOn, sum.WaitedIn = longest(r.in), longest(r.waited)
	return sum
}

// longest is the name that has most of the time, of equals the first by the alphabet.
func longest(in map[string]time.Duration) (most string) {
	for name, d := range in {
		if most == "" || d > in[most] || d == in[most] && name < most {
			most = name
		}
	}
	return most
}

// Summarize counts.
func Summarize(t *trace.Timeline) *Summary {
	var s Totals
	s.Add(t)
	return s.Summary()
}

// Append appends the summary as two tables.
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
	b = appendTable(append(b, '\n'), rows)
	b = append(b, "sent, received: bytes; packets: sent; again: of these, sent again (retransmissions);\n"+
		"in calls: from entering calls to returning; most in: the call that took most of it\n"...)
	return s.appendWaits(b)
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
