package show

import (
	"fmt"
	"sockwire/capture/trace"
	"strings"
	"time"
	"unicode/utf8"
)

// columns lays a timeline out with a column for each socket. A column goes to another socket when its own is
// closed, or when there are more sockets than fit, and then begins with that socket's name.
type columns struct {
	width   int // of the whole
	slots   []*slot
	counter int // of uses
}

// slot is a column and whose it is.
type slot struct {
	socket *trace.Socket
	used   int // when it was used last, on the counter of columns
}

const (
	timeWidth  = 9
	gap        = " │ "
	narrowest  = 28 // a column that can still be read
	leastWidth = 20
)

// room makes columns for the sockets that calls are made on, as far as they fit.
func (c *columns) room(sockets []*trace.Socket) {
	n := 0
	for _, s := range sockets {
		if len(s.Calls) > 0 {
			n++
		}
	}
	for len(c.slots) < max(1, min(n, c.most())) {
		c.slots = append(c.slots, &slot{})
	}
}

// most is how many columns fit.
func (c *columns) most() int {
	return max(1, (c.width-timeWidth+utf8.RuneCountInString(gap))/(narrowest+utf8.RuneCountInString(gap)))
}

// cell is the width of a column.
func (c *columns) cell() int {
	n := max(len(c.slots), 1)
	return max(leastWidth, (c.width-timeWidth-(n-1)*utf8.RuneCountInString(gap))/n)
}

// of returns the column of a socket, and whether it has just been given it.
func (c *columns) of(s *trace.Socket, now time.Duration) (at int, fresh bool) {
	c.counter++
	take := -1
	for i, x := range c.slots {
		switch {
		case x.socket != nil && x.socket.Name == s.Name:
			x.socket, x.used = s, c.counter
			return i, false
		case (x.socket == nil || x.socket.Closed >= 0 && x.socket.Closed < now) && (take < 0 || x.used < c.slots[take].used):
			take = i
		}
	}
	if take < 0 {
		take = 0
		for i, x := range c.slots {
			if x.used < c.slots[take].used {
				take = i
			}
		}
	}
	*c.slots[take] = slot{s, c.counter}
	return take, true
}

// column writes an entry into the columns of its sockets.
func (w *text) column(e entry, whole bool) {
	if e.packet != nil {
		w.columnPacket(e.packet)
		return
	}
	c := e.call
	var s string
	number := fmt.Sprintf("#%d ", c.Number)
	switch {
	case e.leave:
		s = number + "└ = " + outcome(c, w.Data) + filledIn(c, w.Data) + took(c)
		s = joined(s, w.notes(c))
	case whole:
		s = number + signature(c, w.Data) + " = " + outcome(c, w.Data) + took(c)
		s = joined(s, headerNote(c), w.notes(c))
	default:
		s = number + opening(c, w.Data) + "…"
		if c.Pending && (w.ended || c.Ended) {
			s += "  has not returned"
		}
		s = joined(s, headerNote(c))
	}
	on := c.On
	if on == nil {
		on = w.made(c)
	}
	if on == nil {
		w.across(e.at, joined(escape(c.Actor), s), "")
		return
	}
	at := w.place(on, e.at)
	w.row(e.at, map[int]string{at: s}, "")
}

// joined puts notes after text.
func joined(s string, notes ...string) string {
	if note := strings.Join(nonEmpty(notes...), "; "); note != "" {
		s = strings.TrimLeft(s+"  "+note, " ")
	}
	return s
}

func (w *text) columnPacket(p *trace.PacketRecord) {
	what, carries := w.describe(p)
	what = strings.Join(strings.Fields(what), " ")
	s := joined(what+" "+strings.Join(strings.Fields(carries), " "), w.packetNotes(p)...)
	switch {
	case p.From == nil && p.To == nil:
		w.across(p.Time, s, w.packetColor(p))
	default:
		// Both places first: giving one may take the other's column away when only one fits.
		cells := map[int]string{}
		for _, s := range p.ReceivedBy() {
			cells[w.place(s, p.Time)] = "< " + what
		}
		if p.From != nil {
			cells[w.place(p.From, p.Time)] = "> " + s
		}
		w.row(p.Time, cells, w.packetColor(p))
	}
	w.raw(p)
	if w.Detail != nil {
		w.b = append(w.b, w.Detail(p)...)
	}
	w.last = p
}

// place returns the column of a socket, and names it where it begins.
func (w *text) place(s *trace.Socket, now time.Duration) int {
	at, fresh := w.columns.of(s, now)
	if fresh {
		address := s.Local.String()
		if s.Remote.IsValid() {
			address += " → " + s.Remote.String()
		}
		w.row(-1, map[int]string{at: "── " + strings.Join(nonEmpty(s.Name, escape(s.Actor), address), " ") + " ──"}, bold)
	}
	return at
}

// row writes cells beside each other, each as many lines as it needs. A time before the start is not written.
func (w *text) row(at time.Duration, cells map[int]string, color string) {
	width := w.columns.cell()
	lines := map[int][]string{}
	height := 0
	for i, s := range cells {
		if w.Plain != nil {
			s = w.Plain(s)
		}
		lines[i] = wrap(s, width)
		height = max(height, len(lines[i]))
	}
	for n := range height {
		stamp := strings.Repeat(" ", timeWidth)
		if n == 0 && at >= 0 {
			stamp = w.time(at) + " "
		}
		var row strings.Builder
		for i := range w.columns.slots {
			if i > 0 {
				row.WriteString(w.paint(dim, gap))
			}
			s := ""
			if n < len(lines[i]) {
				s = lines[i][n]
			}
			row.WriteString(w.paint(color, s))
			if i+1 < len(w.columns.slots) {
				row.WriteString(strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0)))
			}
		}
		w.line("%s%s", stamp, row.String())
	}
}

// across writes text that belongs to no socket over all columns.
func (w *text) across(at time.Duration, s, color string) {
	if w.Plain != nil {
		s = w.Plain(s)
	}
	for n, l := range wrap(s, max(leastWidth, w.columns.width-timeWidth)) {
		stamp := strings.Repeat(" ", timeWidth)
		if n == 0 && at >= 0 {
			stamp = w.time(at) + " "
		}
		w.line("%s%s", stamp, w.paint(color, l))
	}
}

// wrap breaks text into lines of a width, at spaces where there are any; all but the first are indented.
func wrap(s string, width int) []string {
	const indent = "  "
	var lines []string
	rest := []rune(s)
	room := width
	for len(rest) > room {
		cut := room
		for i := room; i > room/2; i-- {
			if rest[i] == ' ' || rest[i-1] == '|' || rest[i-1] == ',' {
				cut = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(rest[:cut]), " "))
		rest = []rune(strings.TrimLeft(string(rest[cut:]), " "))
		room = width - len(indent)
	}
	lines = append(lines, string(rest))
	for i := range lines[1:] {
		lines[i+1] = indent + lines[i+1]
	}
	return lines
}
