package show

import (
	"fmt"
	"slices"
	"sockwire/capture/trace"
	"strings"
)

// Comparison is what one kind of socket did in some timelines: every figure and every answer is counted
// from their events.
type Comparison struct {
	Kind     string `json:"kind"` // stream, datagram, raw, unix
	Captured bool   `json:"packets_captured"`
	Sends    int    `json:"sends"`
	Receives int    `json:"receives"`
	Packets  int    `json:"packets"`
	Payload  int    `json:"payload_bytes"` // passed by the sends
	Wire     int    `json:"wire_bytes"`    // of frames as captured, link headers included
	Overhead int    `json:"overhead_bytes"`

	// One receive took exactly one send, out of those whose origin is known.
	Whole      int `json:"receives_of_one_send"`
	Attributed int `json:"receives_known"`
	// Bytes of messages that did not fit their receive.
	Lost int `json:"lost_bytes"`

	Acknowledged int `json:"acknowledged_bytes"` // by the peer's TCP
	Answers      int `json:"answers"`            // echo replies
	Errors       int `json:"icmp_errors"`

	InOrder int `json:"receives_in_order"`
	Ordered int `json:"receives_ordered"` // that another one of the same socket precedes

	// Unprivileged and Privileged count the sockets made by threads without and with capabilities, Denied
	// those that a thread without was refused.
	Unprivileged int    `json:"made_without_capabilities"`
	Privileged   int    `json:"made_with_capabilities"`
	Denied       int    `json:"denied_without_capabilities"`
	Needs        string `json:"capability,omitempty"`

	// Headers are the bytes that stood before the payload, as seen.
	Headers []HeaderBytes `json:"kernel_wrote"`
	// Changed are the fields that the kernel changed in IP headers passed to raw sockets.
	Changed []string `json:"kernel_changed,omitempty"`

	order map[*trace.Socket]int
}

// HeaderBytes is how long a header was: from the shortest to the longest.
type HeaderBytes struct {
	Header string `json:"header"`
	Min    int    `json:"min_bytes"`
	Max    int    `json:"max_bytes"`
}

// Compare counts what each kind of socket did, in the order stream, datagram, raw, unix; kinds of which no socket
// sent anything are left out: they were there for the others, and there is nothing to compare.
func Compare(timelines ...*trace.Timeline) []*Comparison {
	kinds := []string{"stream", "datagram", "raw", "unix"}
	by := map[string]*Comparison{}
	for _, k := range kinds {
		by[k] = &Comparison{Kind: k, order: map[*trace.Socket]int{}}
	}
	used := map[string]bool{}
	for _, t := range timelines {
		for _, s := range t.Sockets {
			if c := by[group(s)]; c != nil {
				used[group(s)] = true
				c.Captured = c.Captured || t.Captured(s.Host) || s.Family == trace.FamilyUnix
				c.socket(t, s)
			}
		}
		for _, call := range t.Calls {
			if c := by[deniedGroup(call)]; c != nil {
				c.Denied++
			}
		}
		for _, p := range t.Packets {
			owner := p.From
			if owner == nil {
				owner = p.To
			}
			if c := by[group(owner)]; c != nil {
				c.packet(p)
			}
		}
		for s := range t.Streams() {
			if s.From != nil {
				by["stream"].Acknowledged += int(s.Acknowledged)
			}
		}
	}
	var out []*Comparison
	for _, k := range kinds {
		if c := by[k]; used[k] && c.Sends > 0 {
			if c.Packets > 0 {
				c.Overhead = c.Wire - c.Payload
			}
			out = append(out, c)
		}
	}
	return out
}

// group is the column that a socket belongs to.
func group(s *trace.Socket) string {
	switch {
	case s == nil:
		return ""
	case s.Family == trace.FamilyUnix:
		return "unix"
	case s.PassesHeaders():
		return "raw"
	case s.Internet():
		return s.Kind.String()
	}
	return "" // netlink and others that have no network behind them
}

// deniedGroup is the column of a refused socket call.
func deniedGroup(c *trace.CallRecord) string {
	if c.Name != "socket" || c.Errno != "EPERM" && c.Errno != "EACCES" || !c.CapsKnown || c.Caps != 0 {
		return ""
	}
	switch t, _ := c.Arg("type"); t.Text {
	case "SOCK_RAW":
		return "raw"
	case "SOCK_STREAM":
		return "stream"
	case "SOCK_DGRAM":
		return "datagram"
	}
	return ""
}

func (k *Comparison) socket(t *trace.Timeline, s *trace.Socket) {
	if made := t.Call(s.MadeBy); made != nil && made.CapsKnown && made.Name == "socket" {
		if made.Caps == 0 {
			k.Unprivileged++
		} else {
			k.Privileged++
			k.Needs = capabilityName(made.Caps)
		}
	}
	for _, c := range s.Calls {
		switch {
		case !c.Succeeded():
		case c.Sends():
			k.Sends++
			k.Payload += int(c.Call.Result)
		case c.Receives():
			k.receive(s, c)
		}
	}
}

// capabilityName names a set of one capability, as capabilities(7) does.
func capabilityName(set uint64) string {
	switch set {
	case 1 << 13:
		return "CAP_NET_RAW"
	case 1 << 10:
		return "CAP_NET_BIND_SERVICE"
	}
	return fmt.Sprintf("capabilities %#x", set)
}

func (k *Comparison) receive(s *trace.Socket, c *trace.CallRecord) {
	k.Receives++
	k.Lost += c.Lost
	if len(c.Received) == 0 {
		return
	}
	k.Attributed++
	first, last := c.Received[0], c.Received[len(c.Received)-1]
	if len(c.Received) == 1 && (first.All || s.Kind != trace.KindStream) {
		k.Whole++
	}
	if before, ok := k.order[s]; ok {
		k.Ordered++
		if first.Call >= before {
			k.InOrder++
		}
	}
	k.order[s] = last.Call
}

func (k *Comparison) packet(p *trace.PacketRecord) {
	k.Packets++
	k.Wire += p.Length
	switch {
	case p.Quotes != 0:
		k.Errors++
	case p.Replies != 0:
		k.Answers++
	}
	if p.From == nil {
		return
	}
	k.header("link", p.LinkHeader)
	if p.Raw != nil && p.Raw.HeaderIncluded {
		for _, c := range p.Raw.Changes {
			if !slices.Contains(k.Changed, c.Field) {
				k.Changed = append(k.Changed, c.Field)
			}
		}
		return
	}
	k.header("IP", p.NetworkHeader)
	if p.Raw == nil && !(p.Fragment.Is && p.Fragment.Offset > 0) {
		name := "UDP"
		if p.TCP != nil {
			name = "TCP"
		}
		k.header(name, p.TransportHeader)
	}
}

func (k *Comparison) header(name string, n int) {
	if n == 0 {
		return
	}
	for i := range k.Headers {
		if h := &k.Headers[i]; h.Header == name {
			h.Min, h.Max = min(h.Min, n), max(h.Max, n)
			return
		}
	}
	k.Headers = append(k.Headers, HeaderBytes{name, n, n})
}

// Boundaries says whether one receive took exactly one send, always.
func (k *Comparison) Boundaries() string {
	switch {
	case k.Attributed == 0:
		return "unknown"
	case k.Whole == k.Attributed && k.Lost > 0:
		return fmt.Sprintf("yes, %d bytes cut off", k.Lost)
	case k.Whole == k.Attributed:
		return fmt.Sprintf("yes, %d of %d", k.Whole, k.Attributed)
	}
	return fmt.Sprintf("no, %d of %d", k.Whole, k.Attributed)
}

// Confirmed says who told the sender that its data arrived.
func (k *Comparison) Confirmed() string {
	switch {
	case !k.Captured:
		return "unknown"
	case k.Acknowledged > 0:
		return fmt.Sprintf("peer's TCP, %d of %d bytes", k.Acknowledged, k.Payload)
	case k.Packets == 0 && k.Sends > 0:
		return "the send itself"
	}
	s := "nobody"
	if k.Answers > 0 {
		s += fmt.Sprintf("; %d answered", k.Answers)
	}
	if k.Errors > 0 {
		s += "; " + count(k.Errors, "ICMP error")
	}
	return s
}

// Order says whether the receives took the sends in their order.
func (k *Comparison) Order() string {
	switch {
	case k.Ordered == 0:
		return "unknown"
	case k.InOrder == k.Ordered:
		return fmt.Sprintf("yes, %d of %d", k.InOrder, k.Ordered)
	}
	return fmt.Sprintf("no, %d of %d", k.InOrder, k.Ordered)
}

// Privilege says which capability making such a socket needed.
func (k *Comparison) Privilege() string {
	switch {
	case k.Unprivileged > 0:
		return "none"
	case k.Privileged > 0 && k.Denied > 0:
		return k.Needs
	}
	return "unknown"
}

// KernelWrote says what the kernel put before the payload, in bytes a packet, and which fields of a header
// that was passed it changed.
func (k *Comparison) KernelWrote() string {
	if !k.Captured {
		return "unknown"
	}
	var all []string
	for _, h := range k.Headers {
		if h.Min == h.Max {
			all = append(all, fmt.Sprintf("%s %d", h.Header, h.Min))
		} else {
			all = append(all, fmt.Sprintf("%s %d to %d", h.Header, h.Min, h.Max))
		}
	}
	if len(all) == 0 {
		return "nothing"
	}
	s := strings.Join(all, ", ")
	if len(k.Changed) > 0 {
		s += "; changed " + strings.Join(k.Changed, ", ")
	}
	return s
}

// comparisonRows are the questions of the table.
var comparisonRows = []struct {
	name  string
	value func(k *Comparison) string
}{
	{"", func(k *Comparison) string { return k.Kind }},
	{"sends", func(k *Comparison) string { return fmt.Sprint(k.Sends) }},
	{"receives", func(k *Comparison) string { return fmt.Sprint(k.Receives) }},
	{"packets", func(k *Comparison) string { return k.captured(k.Packets) }},
	{"payload bytes", func(k *Comparison) string { return fmt.Sprint(k.Payload) }},
	{"bytes on the wire", func(k *Comparison) string { return k.captured(k.Wire) }},
	{"overhead", (*Comparison).overhead},
	{"one receive is one send", (*Comparison).Boundaries},
	{"delivery confirmed by", (*Comparison).Confirmed},
	{"order kept", (*Comparison).Order},
	{"privilege needed", (*Comparison).Privilege},
	{"kernel put before, bytes", (*Comparison).KernelWrote},
}

// ComparisonRows returns the table as AppendComparison has it: the first row is the kinds, the first cell of each the
// question.
func ComparisonRows(kinds []*Comparison) [][]string {
	var rows [][]string
	for _, r := range comparisonRows {
		row := []string{r.name}
		for _, k := range kinds {
			row = append(row, r.value(k))
		}
		rows = append(rows, row)
	}
	return rows
}

// AppendComparison appends the table: a row for each question, a column for each kind. Cells are broken so that its
// lines have at most so many characters, if that can be; 0 is no limit.
func AppendComparison(b []byte, kinds []*Comparison, width int) []byte {
	rows := ComparisonRows(kinds)
	const narrow, wide, between = 10, 27, 2
	names := 0
	for _, r := range rows {
		names = max(names, len(r[0]))
	}
	cell := wide
	if width > 0 && len(kinds) > 0 {
		cell = max(narrow, min(wide, (width-names-between*len(kinds))/len(kinds)))
	}
	var table [][]string
	for _, r := range rows {
		cells := [][]string{{r[0]}}
		height := 1
		for _, value := range r[1:] {
			lines := wrapCell(value, cell)
			cells, height = append(cells, lines), max(height, len(lines))
		}
		for n := range height {
			line := make([]string, len(cells))
			for i, c := range cells {
				if n < len(c) {
					line[i] = c[n]
				}
			}
			table = append(table, line)
		}
	}
	return appendTable(b, table)
}

// captured is a count of packets or their bytes.
func (k *Comparison) captured(n int) string {
	if !k.Captured {
		return "not captured"
	}
	return fmt.Sprint(n)
}

func (k *Comparison) overhead() string {
	switch {
	case !k.Captured:
		return "unknown"
	case k.Packets == 0:
		return "0"
	case k.Payload == 0:
		return fmt.Sprint(k.Overhead)
	}
	return fmt.Sprintf("%d (%.0f %%)", k.Overhead, 100*float64(k.Overhead)/float64(k.Wire))
}

// wrapCell breaks text at commas and semicolons.
func wrapCell(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.SplitAfter(s, " ") {
		if line != "" && len(line)+len(strings.TrimRight(word, " ")) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		line += word
	}
	return append(lines, line)
}
