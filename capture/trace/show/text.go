package show

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"sockwire/capture/flow"
	"sockwire/capture/trace"
	"sockwire/raw/wire"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Options say how a timeline is written as text. The zero value is ready.
type Options struct {
	Color  bool // ANSI colours
	Actors bool // name who called before each call
	Data   int  // bytes of data to show, 0 for 32
	// Columns is the width in characters in which each socket gets a column of its own; 0 is no columns.
	Columns int
	// Width is the width in characters at which lines are broken; 0 leaves them as long as they are.
	Width int
	// Plain changes what stands in columns before it is laid out, to ASCII for instance; nil leaves it.
	Plain func(string) string
	// Detail returns lines to write below a packet, nil for none. Each ends with a newline.
	Detail func(p *trace.PacketRecord) []byte
}

// Legend says in a few lines how a timeline as text is read.
const Legend = `How to read this: the first column is the time in milliseconds (ms).
  #5 client    call number 5, made by the program client; its first argument is
               mostly a descriptor, the number by which a program knows a socket
  … and └      what stands between them happened before the call returned
  s1, s1→s2    sockets, in the order they were made; a packet from one to another
  P. 1:7(6)    TCP flags (S SYN, F FIN, R RST, P PSH, . ACK), and which bytes of
               the stream: from number 1 up to 7, which is 6
  all of #5    whose bytes a packet carries, or a call receives: all of call 5;
               #5[0:2] is the first two of them
`

// LegendColumns is what columns need besides.
const LegendColumns = `  > and <      what the socket of the column sent, and what came to it
`

// entry is one line to be: a call entered, a call left, or a packet.
type entry struct {
	at     time.Duration
	order  int // at the same time: captions, entering, packets, leaving
	call   *trace.CallRecord
	packet *trace.PacketRecord
	leave  bool
	// caption is nil unless the line is one.
	caption *trace.Caption
}

func entries(t *trace.Timeline) []entry {
	var all []entry
	for _, c := range t.Calls {
		all = append(all, entry{at: c.Entered, order: 0, call: c})
		if !c.Pending {
			all = append(all, entry{at: max(c.Left, c.Entered), order: 2, call: c, leave: true})
		}
	}
	for _, p := range t.Packets {
		all = append(all, entry{at: p.Time, order: 1, packet: p})
	}
	for _, c := range t.Captions {
		all = append(all, entry{at: c.Time, order: -1, caption: c})
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order)) })
	return all
}

// text writes the lines of a timeline.
type text struct {
	*trace.Timeline
	Options
	b       []byte
	last    *trace.PacketRecord
	width   int      // of the actors' names
	ended   bool     // nothing is to follow
	columns *columns // nil without
	actors  *[]string
}

// Append appends the timeline in its notation: one line per call or two when something happened
// inside it, one line per packet, in the order of time. Text from outside is escaped.
func Append(b []byte, t *trace.Timeline, o Options) []byte {
	return new(Live).Append(b, t, math.MaxInt64, o)
}

const (
	dim    = "\x1b[2m"
	bold   = "\x1b[1m"
	cyan   = "\x1b[36m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	reset  = "\x1b[0m"
)

// actorColors are given to those who call, in the order in which they come.
var actorColors = []string{cyan, "\x1b[32m", "\x1b[35m", "\x1b[34m"}

// actor is the colour of who calls, and of the packets of its sockets. What comes from elsewhere is as the first.
func (w *text) actor(name string) string {
	name, _, _ = strings.Cut(name, "/") // the threads of a program have one
	if i := slices.Index(*w.actors, name); i >= 0 {
		return actorColors[i%len(actorColors)]
	}
	if name == "" {
		return cyan
	}
	*w.actors = append(*w.actors, name)
	return actorColors[(len(*w.actors)-1)%len(actorColors)]
}

// packetColor is that of who sent it, or red for what says that something failed.
func (w *text) packetColor(p *trace.PacketRecord) string {
	switch {
	case p.TCP != nil && p.TCP.Flags&wire.RST != 0, p.ICMP != nil && p.ICMP.Quote != nil:
		return red
	case p.From != nil:
		return w.actor(p.From.Actor)
	}
	return cyan
}

func (w *text) paint(color, s string) string {
	if !w.Color || s == "" {
		return s
	}
	return color + s + reset
}

func (w *text) line(format string, args ...any) {
	line := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	w.b = appendBroken(w.b, line, w.Width)
}

const continuation = 16 // by which the rest of a broken line is indented

// appendBroken appends a line, or several of a width, broken at spaces where there are any. Colours do not count, and
// go on.
func appendBroken(b []byte, line string, width int) []byte {
	type place struct {
		at    int // in b
		color string
	}
	var space place // the last at which the line can be broken
	column, color := 0, ""
	for i := 0; i < len(line); {
		if n := strings.IndexByte(line[i:], 'm') + 1; line[i] == '\x1b' && n > 0 {
			if color = line[i : i+n]; color == reset {
				color = ""
			}
			b = append(b, line[i:i+n]...)
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(line[i:])
		i += n
		if width > 0 && column >= max(width, continuation+20) {
			cut := place{len(b), color}
			if space.at > 0 {
				cut = space
			}
			rest := bytes.TrimLeft(slices.Clone(b[cut.at:]), " ")
			b = bytes.TrimRight(b[:cut.at], " ")
			if cut.color != "" {
				b = append(b, reset...)
			}
			b = append(append(b, '\n'), strings.Repeat(" ", continuation)...)
			b = append(append(b, cut.color...), rest...)
			column, space = continuation+visible(rest), place{}
			if r == ' ' && len(rest) == 0 {
				continue
			}
		}
		if r == ' ' && column > continuation {
			space = place{len(b), color}
		}
		b = utf8.AppendRune(b, r)
		column++
	}
	return append(b, '\n')
}

// visible is how many characters are shown of a text that may have colours.
func visible(b []byte) (n int) {
	for len(b) > 0 {
		if end := bytes.IndexByte(b, 'm') + 1; b[0] == '\x1b' && end > 0 {
			b = b[end:]
			continue
		}
		_, size := utf8.DecodeRune(b)
		b = b[size:]
		n++
	}
	return n
}

func (w *text) time(t time.Duration) string {
	return w.paint(dim, fmt.Sprintf("%8.3f", float64(t.Nanoseconds())/1e6))
}

func (w *text) number(c *trace.CallRecord) string {
	s := fmt.Sprintf("#%-2d ", c.Number)
	if w.Actors {
		s += w.paint(w.actor(c.Actor), fmt.Sprintf("%-*s", w.width, escape(c.Actor))) + "  "
	}
	return s
}

// caption writes what is said about what follows.
func (w *text) caption(c *trace.Caption) {
	if w.columns != nil {
		w.across(-1, c.Text, bold)
		return
	}
	const indent, width = 9, 80
	for _, l := range wrap(escape(c.Text), width-indent) {
		w.line("%*s%s", indent, "", w.paint(bold, strings.TrimSpace(l)))
	}
}

func (w *text) entered(c *trace.CallRecord) {
	tail := "…"
	if c.Pending && (w.ended || c.Ended) {
		tail += "  has not returned"
	}
	w.line("%s %s%s %s%s", w.time(c.Entered), w.number(c), w.paint(bold, opening(c, w.Data)), tail, w.note(headerNote(c)))
}

func (w *text) left(c *trace.CallRecord) {
	w.line("%s %s└ = %s%s%s%s", w.time(c.Left), w.number(c), w.result(c), filledIn(c, w.Data), took(c), w.note(w.notes(c)))
}

func (w *text) whole(c *trace.CallRecord) {
	note := strings.Join(nonEmpty(headerNote(c), w.notes(c)), "; ")
	w.line("%s %s%s = %s%s%s", w.time(c.Entered), w.number(c), w.paint(bold, signature(c, w.Data)), w.result(c), took(c), w.note(note))
}

func (w *text) result(c *trace.CallRecord) string {
	if c.Errno != "" {
		return w.paint(red, escape(c.Errno))
	}
	return outcome(c, w.Data)
}

func (w *text) note(s string) string {
	if s == "" {
		return ""
	}
	return "    " + w.paint(yellow, s)
}

func nonEmpty(s ...string) []string {
	return slices.DeleteFunc(s, func(s string) bool { return s == "" })
}

// took is how long the call lasted, where that is worth saying.
func took(c *trace.CallRecord) string {
	d := c.Left - c.Entered
	switch {
	case d < 100*time.Microsecond:
		return ""
	case d < time.Millisecond:
		return fmt.Sprintf(" (%d µs)", d.Microseconds())
	}
	return fmt.Sprintf(" (%.1f ms)", float64(d.Microseconds())/1e3)
}

// signature is the call with its arguments: those passed, and after an arrow those that the kernel filled in.
func signature(c *trace.CallRecord, shown int) string {
	return called(c) + "(" + arguments(c, false, shown) + filledIn(c, shown) + ")"
}

// called is the call's name, and how it was made where that was not by calling it.
func called(c *trace.CallRecord) string {
	if c.Ring {
		return "io_uring " + escape(c.Name)
	}
	return escape(c.Name)
}

// opening is the call as it was entered.
func opening(c *trace.CallRecord, shown int) string {
	return called(c) + "(" + arguments(c, false, shown) + ")"
}

// filledIn is what the kernel filled in.
func filledIn(c *trace.CallRecord, shown int) string {
	if s := arguments(c, true, shown); s != "" {
		return " → " + s
	}
	return ""
}

func arguments(c *trace.CallRecord, returned bool, shown int) string {
	var all []string
	for _, a := range c.Args {
		if a.Returned == returned {
			all = append(all, argument(a, shown))
		}
	}
	return strings.Join(all, ", ")
}

// Argument shows an argument as a timeline does.
func Argument(a trace.Arg) string { return argument(a, 0) }

// argument shows so many bytes of data, 0 for the usual number.
func argument(a trace.Arg, shown int) string {
	switch a.Kind {
	case trace.ArgName:
		return escape(a.Text)
	case trace.ArgAddr:
		return a.Addr.String()
	case trace.ArgData:
		if a.Text != "" {
			return escape(a.Text)
		}
		return quoteUpTo(a.Data, a.Size, shown)
	}
	if a.Text != "" {
		return escape(a.Text)
	}
	return strconv.FormatInt(a.Int, 10)
}

const shownData = 32

// quoteUpTo shows data up to a number of bytes, which 0 leaves to us: then long data is cut shorter.
func quoteUpTo(data []byte, size, shown int) string {
	cut := size > shownData
	switch {
	case shown != 0 && shown != shownData:
		data = data[:min(len(data), size, shown)]
	case !cut:
		data = data[:min(len(data), size)]
	case len(data) > 4 && bytes.Count(data, data[:1]) == len(data):
		data = data[:4]
	default:
		data = data[:min(len(data), 16)]
	}
	more := ""
	if len(data) < size {
		more = "…"
	}
	for _, b := range data {
		if b < 0x20 && b != '\n' && b != '\t' && b != '\r' || b == 0x7f || b >= 0x80 && !utf8.Valid(data) {
			return fmt.Sprintf("<% x%s>", data, more)
		}
	}
	q := strconv.QuoteToASCII(string(data))
	return q[:len(q)-1] + more + `"`
}

// escape makes text from outside safe for a terminal.
func escape(s string) string {
	q := strconv.QuoteToGraphic(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// outcome is the result, and what a receive received.
func outcome(c *trace.CallRecord, shown int) string {
	if c.Errno != "" {
		return escape(c.Errno)
	}
	s := strconv.FormatInt(c.Result, 10) + readyText(c.Call)
	if c.Meaning != "" {
		s += " " + escape(c.Meaning)
	}
	if c.Reads() && c.Result > 0 && len(c.Data) > 0 {
		n := min(int(c.Result), c.Size)
		s += " " + quoteUpTo(c.Data[:min(len(c.Data), n)], n, shown)
	}
	if len(c.Returned) > 0 {
		s += " " + escape(strings.Join(c.Returned, "|"))
	}
	return s
}

// headerNote says something of the call itself.
func headerNote(c *trace.CallRecord) string {
	if c.Sends() && c.On != nil && c.On.Kind == trace.KindRaw && c.On.Internet() && c.Errno == "" {
		if c.On.HeaderIncluded(c) {
			return "header included"
		}
		return "no header included"
	}
	return ""
}

// notes say what became of the call, where the lines around it do not.
func (w *text) notes(c *trace.CallRecord) string {
	var n []string
	add := func(format string, args ...any) { n = append(n, fmt.Sprintf(format, args...)) }
	if made := w.made(c); made != nil {
		add("%s", made.Name)
	}
	if c.Error != 0 && c.Errno != "" {
		what := "ICMP error"
		if p := w.Packet(c.Error); p != nil && p.TCP != nil {
			what = "RST"
		}
		add("from the %s above", what)
	}
	switch {
	case c.Silent && c.Because != "":
		add("no packet: %s", c.Because)
	case c.Silent:
		add("no packet")
	case c.NoWire:
		add("%s", w.unixNote(c))
	}
	switch {
	case c.Receives() && c.Succeeded():
		n = append(n, w.receiveNotes(c)...)
	case c.Reads() && c.Succeeded():
		n = append(n, w.queueNotes(c)...)
	}
	return strings.Join(n, "; ")
}

// made is the socket that the call created.
func (w *text) made(c *trace.CallRecord) *trace.Socket {
	if c.Took != nil {
		return c.Took
	}
	if c.Name == "socket" && c.Succeeded() {
		return w.Made(c.Number)
	}
	return nil
}

func (w *text) receiveNotes(c *trace.CallRecord) []string {
	var n []string
	stream := c.On != nil && c.On.Kind == trace.KindStream
	switch {
	case c.End:
		n = append(n, "end of stream: the peer has finished sending")
	case c.Result == 0 && (c.Message != 0 || len(c.Received) > 0):
		n = append(n, "an empty datagram: data, not the end")
	case c.Message != 0 && c.On.Kind == trace.KindRaw && c.On.Internet():
		header := "with its IP header"
		if c.On.Family == trace.FamilyIPv6 {
			header = "without its IP header"
		}
		n = append(n, strings.Join(nonEmpty(spans(c.Received), fmt.Sprintf("the packet at %.3f %s", float64(w.Packet(c.Message).Time.Nanoseconds())/1e6, header)), ": "))
	case len(c.Received) > 1 && allWhole(c.Received):
		n = append(n, count(len(c.Received), "send")+" in one receive")
	case len(c.Received) > 1:
		n = append(n, spans(c.Received)+": "+count(len(c.Received), "send")+" in one receive")
	case len(c.Received) == 1 && (stream || c.Result > 0):
		n = append(n, spans(c.Received))
	}
	if c.Lost > 0 {
		said := ", and nothing says so"
		if c.HasReturned("MSG_TRUNC") || c.Result > int64(c.Size) {
			said = ", as MSG_TRUNC tells"
		}
		n = append(n, fmt.Sprintf("the other %s of the message are lost%s", count(c.Lost, "byte"), said))
	}
	if c.HasFlag("MSG_PEEK") {
		n = append(n, "and left in the queue")
	}
	return n
}

func allWhole(s []trace.Span) bool {
	return !slices.ContainsFunc(s, func(s trace.Span) bool { return !s.All })
}

var numerals = []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}

// count says how many there are: "three sends", "14 bytes".
func count(n int, what string) string {
	s := strconv.Itoa(n)
	if n >= 0 && n < len(numerals) && what != "byte" {
		s = numerals[n]
	}
	if n != 1 {
		what += "s"
	}
	return s + " " + what
}

func spans(all []trace.Span) string {
	s := make([]string, len(all))
	for i, x := range all {
		s[i] = x.String()
	}
	return strings.Join(s, ", ")
}

// unixNote says who received what a Unix socket sent.
func (w *text) unixNote(c *trace.CallRecord) string {
	takers := w.Takers(c.Number)
	switch {
	case len(takers) == 0 && w.ended:
		return "nothing on the wire; nobody is seen to receive it"
	case len(takers) == 0:
		return "nothing on the wire; not received yet"
	}
	var names []string
	for _, r := range takers {
		if r.On != nil && !slices.Contains(names, r.On.Name) {
			names = append(names, r.On.Name)
		}
	}
	s := "nothing on the wire; " + strings.Join(names, ", ") + " receives it"
	var got []int
	for _, r := range takers {
		got = append(got, r.FDs...)
	}
	for i, fd := range c.FDs {
		if i < len(got) {
			s += fmt.Sprintf(", and descriptor %d as %d", fd, got[i])
		}
	}
	return s
}

// packet writes one packet and what it carries.
func (w *text) packet(p *trace.PacketRecord) {
	what, carries := w.describe(p)
	note := strings.Join(w.packetNotes(p), "; ")
	if note != "" {
		if strings.HasPrefix(carries, " = ") {
			carries = fmt.Sprintf("%-29s", carries)
		}
		note = "  " + w.paint(yellow, note)
	}
	color := w.packetColor(p)
	if p.Retransmit {
		carries = strings.Replace(carries, "RETRANSMIT", w.paint(red, "RETRANSMIT"), 1)
	}
	w.line("%s       %s  %s%s%s", w.time(p.Time), w.paint(color, fmt.Sprintf("%-5s", arrow(p))), w.paint(color, what), carries, note)
	w.raw(p)
	if w.Detail != nil {
		w.b = append(w.b, w.Detail(p)...)
	}
	w.last = p
}

// arrow shows the sockets: "s2→s3", "s2→s3,s4" where several got it, "s3→" where the receiver is no known socket.
func arrow(p *trace.PacketRecord) string {
	s := "→"
	if p.From != nil {
		s = p.From.Name + s
	}
	return s + receivers(p)
}

// receivers names the sockets that were given a packet, not all of many.
func receivers(p *trace.PacketRecord) string {
	const most = 4
	s, to := "", p.ReceivedBy()
	for i, k := range to {
		if i == most {
			return s + fmt.Sprintf(",+%d", len(to)-most)
		}
		if i > 0 {
			s += ","
		}
		s += k.Name
	}
	return s
}

// describe returns what the packet is and, padded to stand after it, what it carries.
func (w *text) describe(p *trace.PacketRecord) (what, carries string) {
	carried := spans(p.Carries)
	if p.Unattributed > 0 && p.From != nil {
		carried = strings.Join(nonEmpty(carried, "unknown"), ", ")
	}
	if p.Retransmit {
		carried = strings.TrimPrefix(carried+"  RETRANSMIT", "  ")
	}
	switch {
	case p.From == nil && p.To == nil && p.Line() != "":
		return escape(p.Line()), ""
	case p.Fragment.Is && (p.Raw == nil || !p.Raw.HeaderIncluded):
		return w.fragment(p)
	case p.TCP != nil && p.Raw == nil:
		return segment(p, carried)
	}
	switch {
	case p.UDP != nil && p.Raw != nil, p.UDP != nil && p.From == nil && p.To == nil:
		what = fmt.Sprintf("UDP %s → %s ttl %d", p.Src, p.Dst, p.TTL)
	case p.UDP != nil:
		what = fmt.Sprintf("UDP :%d → :%d length %d", p.Src.Port(), p.Dst.Port(), p.PayloadLength)
	case p.TCP != nil:
		what = fmt.Sprintf("TCP %s → %s %s ttl %d", p.Src, p.Dst, p.TCP.Flags, p.TTL)
	case p.ICMP != nil:
		what = w.icmp(p)
	default:
		what = fmt.Sprintf("protocol %d, %d bytes", p.Protocol, p.TransportHeader+p.PayloadLength)
	}
	if carried != "" {
		carries = "   " + carried
	}
	return what, carries
}

func segment(p *trace.PacketRecord, carried string) (what, carries string) {
	numbers := fmt.Sprintf("unknown:unknown(%d)", p.PayloadLength)
	if p.Relative {
		numbers = fmt.Sprintf("%d:%d(%d)", p.FromSeq, p.ToSeq, p.PayloadLength)
	}
	what = fmt.Sprintf("%-2s %s", p.TCP.Flags, numbers)
	if p.PayloadLength == 0 {
		if p.TCP.Flags&wire.ACK != 0 && p.AckRelative {
			what += fmt.Sprintf(" ack %d", p.AckSeq)
		}
		if p.TCP.Flags&wire.SYN != 0 && p.TCP.MSS > 0 {
			what += fmt.Sprintf(" mss %d", p.TCP.MSS)
		}
		if carried != "" {
			carries = "  " + carried
		}
		return what, carries
	}
	what = fmt.Sprintf("%-15s", what)
	if carried != "" {
		carries = " = " + carried
	}
	return what, carries
}

func (w *text) fragment(p *trace.PacketRecord) (what, carries string) {
	n := p.PayloadLength + p.TransportHeader
	part := fmt.Sprintf("%d+%d", p.Fragment.Offset, n)
	if !p.Fragment.More {
		part = fmt.Sprintf("%d last", p.Fragment.Offset)
	}
	what = fmt.Sprintf("%-24s", fmt.Sprintf("frag id %#x %s", p.IPID, part))
	if len(p.Carries) == 0 {
		return what, "  unknown"
	}
	s := p.Carries[0]
	carries = fmt.Sprintf("  bytes %d..%d", s.From, s.To)
	if p.Fragment.Offset == 0 {
		switch {
		case p.Raw != nil:
		case p.UDP != nil:
			carries = "  UDP header," + carries[1:]
		case p.TCP != nil:
			carries = "  TCP header," + carries[1:]
		}
		carries += fmt.Sprintf(" of #%d", s.Call)
	}
	return what, carries
}

func (w *text) icmp(p *trace.PacketRecord) string {
	s := "ICMP "
	if p.Protocol == trace.ProtoICMPv6 {
		s = "ICMPv6 "
	}
	if p.ICMP.Name != "" {
		s += p.ICMP.Name
	} else {
		s += fmt.Sprintf("type %d code %d", p.ICMP.Type, p.ICMP.Code)
	}
	switch v6 := p.Protocol == trace.ProtoICMPv6; {
	case p.ICMP.EchoRequest(v6) || p.ICMP.EchoReply(v6):
		s += fmt.Sprintf(" seq %d", p.ICMP.Seq)
	case p.Quotes != 0 && w.last != nil && w.last.Number == p.Quotes:
		s += ", quoting it"
	case p.Quotes != 0:
		s += fmt.Sprintf(", quoting the packet at %.3f", float64(w.Packet(p.Quotes).Time.Nanoseconds())/1e6)
	case p.ICMP.Quote != nil:
		s += ", quoting an unknown packet"
	}
	return s
}

// packetNotes say what is not seen from the lines around the packet.
func (w *text) packetNotes(p *trace.PacketRecord) []string {
	var n []string
	v := p.Again()
	if cause := w.causeNote(p); cause != "" && (cause != "timer" || v == nil || v.Cause != flow.Timer) {
		n = append(n, cause)
	}
	n = append(n, verdictNotes(p)...)
	if said := saidNote(p); said != "" {
		n = append(n, said)
	}
	n = append(n, dropNotes(p)...)
	switch {
	case p.From != nil || p.To != nil:
	case p.ICMP != nil && p.ICMP.FromKernel(p.Protocol == trace.ProtoICMPv6):
		n = append(n, "of the kernel itself")
	default:
		n = append(n, "of no socket seen here")
	}
	if p.Segments > 1 {
		n = append(n, fmt.Sprintf("offload: %d segments of ≤ %d on the wire", p.Segments, p.SegmentSize))
	}
	return n
}

// causeNote says what caused a segment when it is not the call it stands under, nor the packet it
// answers without data.
func (w *text) causeNote(p *trace.PacketRecord) string {
	if p.TCP == nil || p.Raw != nil || p.From == nil {
		return ""
	}
	switch p.Cause.Kind {
	case trace.CauseTimer:
		return "timer"
	case trace.CauseCall:
		c := w.Call(p.Cause.Call)
		if p.PayloadLength == 0 || slices.ContainsFunc(p.Carries, func(s trace.Span) bool { return s.Call == c.Number }) {
			return ""
		}
		if name, value, ok := c.Option(); ok {
			return fmt.Sprintf("caused by #%d setsockopt(%s, %d)", c.Number, escape(name), value)
		}
		return fmt.Sprintf("caused by #%d %s", c.Number, escape(c.Name))
	case trace.CausePacket:
		if p.PayloadLength > 0 || p.TCP.Flags&wire.FIN != 0 {
			return "caused by the acknowledgement above"
		}
		return ""
	}
	return "cause unknown"
}

// raw writes what the kernel did to what a raw socket passed.
func (w *text) raw(p *trace.PacketRecord) { w.below(rawNote(p)) }

// below writes what there is to say of the line above.
func (w *text) below(s string) {
	switch {
	case s == "":
	case w.columns != nil:
		w.across(-1, s, dim)
	default:
		w.line("%16s%s", "", w.paint(dim, s))
	}
}

// rawNote says what the kernel did to what a raw socket passed, "" for other packets.
func rawNote(p *trace.PacketRecord) string {
	r := p.Raw
	if r == nil || p.Fragment.Is && p.Fragment.Offset > 0 {
		return ""
	}
	if r.HeaderIncluded {
		s := "the kernel changed: "
		if len(r.Changes) == 0 {
			s = "the kernel changed nothing"
		}
		return s + changeList(r.Changes) + fmt.Sprintf("; %d payload bytes as passed", r.AsPassed)
	}
	family := "IPv4"
	if p.Network[0]>>4 == 6 {
		family = "IPv6"
	}
	s := fmt.Sprintf("the kernel prepended: %d bytes of %s", r.Prepended, family)
	for _, c := range r.Filled {
		switch c.Field {
		case "total length", "id", "ttl", "checksum", "payload length", "hop limit", "flow label":
			s += fmt.Sprintf(", %s %s", c.Field, c.Left)
		case "flags":
			if c.Left != "none" {
				s += ", " + c.Left
			}
		}
	}
	if len(r.Changes) > 0 {
		s += "; it changed: " + changeList(r.Changes)
	}
	return s + fmt.Sprintf("; %d bytes as passed", r.AsPassed)
}

func changeList(all []trace.Change) string {
	s := make([]string, len(all))
	for i, c := range all {
		s[i] = fmt.Sprintf("%s %s→%s", c.Field, c.Passed, c.Left)
	}
	return strings.Join(s, ", ")
}

// Title returns the heading of a timeline: its name and its sockets, a line for every connection.
func Title(t *trace.Timeline, name string) string {
	var lines []string
	done := map[*trace.Socket]bool{}
	describe := func(s *trace.Socket, address trace.Addr) string {
		return strings.Join(nonEmpty(s.Name, escape(s.Actor), address.String()), " ")
	}
	for s := range t.Streams() {
		if s.From != nil && s.To != nil && s.Opens && s.To.Remote.IsValid() && !done[s.From] {
			done[s.From], done[s.To] = true, true
			lines = append(lines, describe(s.From, trace.Addr{IP: s.Src})+" → "+describe(s.To, trace.Addr{IP: s.Dst}))
		}
	}
	for _, s := range t.Sockets {
		if s.Peer != nil && !done[s] {
			done[s], done[s.Peer] = true, true
			lines = append(lines, describe(s, trace.Addr{IP: s.Local.IP})+" → "+describe(s.Peer, s.Peer.Local))
		}
	}
	for _, s := range t.Sockets {
		listens := slices.ContainsFunc(s.Calls, func(c *trace.CallRecord) bool { return c.Name == "listen" })
		if !done[s] && !listens {
			lines = append(lines, describe(s, s.Local))
		}
	}
	return strings.TrimRight(name+"  "+strings.Join(lines, "\n"+strings.Repeat(" ", utf8.RuneCountInString(name)+2)), " ")
}

// queueNotes say what was read from the error queue.
func (w *text) queueNotes(c *trace.CallRecord) []string {
	var n []string
	for _, q := range c.Queued {
		switch q.Origin {
		case "icmp", "icmp6":
			s := "an ICMP error, of a packet that is not known"
			if p := w.Packet(c.Error); p != nil {
				s = "the ICMP error above"
				if sent := w.Packet(p.Quotes); sent != nil && len(sent.Carries) > 0 {
					s += ", about " + spans(sent.Carries)
				}
			}
			n = append(n, s)
		case "local":
			n = append(n, "an error that this host found itself")
		case "timestamping":
			n = append(n, "a time stamp of a send")
		case "zerocopy":
			s := "zero-copy send " + fmt.Sprint(q.Info)
			if q.Data != q.Info {
				s = fmt.Sprintf("zero-copy sends %d to %d", q.Info, q.Data)
			}
			if q.Code == 1 { // SO_EE_CODE_ZEROCOPY_COPIED
				s += ", copied after all"
			}
			n = append(n, "the end of "+s)
		case "txtime":
			n = append(n, "a send whose time had passed")
		}
	}
	if len(n) == 0 {
		return nil
	}
	return []string{"from the error queue: " + strings.Join(n, ", ")}
}
