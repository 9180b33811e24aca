package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// Drawing writes a timeline as an SVG image, for documents: the calls of the program that sent the first packet on the
// left, those of all others on the right, packets as arrows between them, each on a line of its own in the order of
// time. Text stays text; colours follow the reader's light or dark scheme. Its methods are not safe for use by several
// goroutines at once.
type Drawing struct {
	w     io.Writer
	title string
	part  Part
	lines []drawn
	left  string // whose calls stand on the left: who sent the first packet
	sent  bool   // that is known
	more  int    // events that there is no room for
}

// drawn is an event of a drawing.
type drawn struct {
	at      time.Duration
	text    string
	call    bool
	caption bool
	actor   string // of a call, or of the socket that a packet comes from
	to      string // of the socket that a packet goes to
	in      bool   // a packet came in
}

// mostDrawn is how many events a drawing has; it is to be looked at whole.
const mostDrawn = 200

// NewDrawing begins a drawing on w, which is written by Close.
func NewDrawing(w io.Writer, title string) *Drawing {
	return &Drawing{w: w, title: title}
}

// Begin begins a part: the next timelines belong to it.
func (d *Drawing) Begin(part Part) {
	if d.part = part; len(d.lines) > 0 && len(d.lines) < mostDrawn {
		d.lines = append(d.lines, drawn{text: printable(part.Name), caption: true})
	}
}

// Add takes a timeline's captions, calls and packets. None may be given twice.
func (d *Drawing) Add(t *trace.Timeline) {
	for item := range show.Items(t, d.part.Name, d.part.Start) {
		if len(d.lines) == mostDrawn {
			d.more++
			continue
		}
		switch {
		case item.Caption != nil:
			d.lines = append(d.lines, drawn{text: item.Text, caption: true})
		case item.Call != nil:
			text := fmt.Sprintf("#%d %s", item.Call.Number, item.Text)
			d.lines = append(d.lines, drawn{at: item.Call.Entered, text: text, call: true, actor: item.Call.Actor})
		case item.Packet != nil:
			l := drawn{at: item.Packet.Time, text: item.Text, in: item.Packet.Direction == trace.In}
			if s := item.Packet.From; s != nil {
				l.actor = s.Actor
			}
			if s := item.Packet.To; s != nil {
				l.to = s.Actor
			}
			if !d.sent && l.actor != "" {
				d.left, d.sent = l.actor, true
			}
			d.lines = append(d.lines, l)
		}
	}
}

// right tells whether a call stands on the right, or a packet comes from there.
func (d *Drawing) right(l *drawn) bool {
	switch {
	case l.call || l.actor != "":
		return l.actor != d.left
	case l.to != "":
		return l.to == d.left
	}
	return l.in
}

// actors names the sides.
func (d *Drawing) actors() (left, right string) {
	for i := range d.lines {
		switch l := &d.lines[i]; {
		case !l.call:
		case !d.sent && d.left == "":
			d.left = l.actor // no packet tells: who began
		case right == "" && l.actor != d.left:
			right = l.actor
		}
	}
	return printable(d.left), printable(right)
}

// Places in a drawing, in its units.
const (
	drawnWidth = 1080
	leftLane   = 400
	rightLane  = 740
	lineHeight = 19
	letter     = 6.62 // the width of a letter of 11
)

const drawnStyle = `<style>
svg{--paper:#fff;--ink:#1b1f24;--dim:#59636e;--left:#0550ae;--right:#8250df;--wire:#116329}
@media (prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--dim:#9198a1;--left:#79c0ff;--right:#d2a8ff;--wire:#7ee787}}
text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:var(--ink);white-space:pre}
.paper{fill:var(--paper)}.dim{fill:var(--dim)}.left{fill:var(--left)}.right{fill:var(--right)}.wire{fill:var(--wire)}
.head{font-weight:bold}.note{font-style:italic;fill:var(--dim);paint-order:stroke;stroke:var(--paper);stroke-width:5}
.lane{stroke:var(--dim);stroke-width:1}.arrow{stroke:var(--wire);stroke-width:1.2;fill:none;marker-end:url(#tip)}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="wire" d="M0 0L8 4L0 8z"/></marker></defs>
`

// Close writes the drawing. It does not close what it writes to.
func (d *Drawing) Close([]*show.Comparison) error {
	b := bufio.NewWriter(d.w)
	height, y := 60, 44
	for i := range d.lines {
		height += d.lines[i].height()
	}
	if d.more > 0 {
		height += lineHeight
	}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-labelledby="t">`+"\n<title id=\"t\">%s</title>\n", drawnWidth,
		height, drawnWidth, escapeXML(printable(d.title)))
	b.WriteString(drawnStyle)
	fmt.Fprintf(b, `<rect class="paper" width="%d" height="%d"/>`+"\n", drawnWidth, height)
	for _, x := range []int{leftLane, rightLane} {
		fmt.Fprintf(b, `<line class="lane" x1="%d" y1="32" x2="%d" y2="%d"/>`+"\n", x, x, height-12)
	}
	write := func(class string, x, y int, anchor, text string) {
		fmt.Fprintf(b, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, escapeXML(text))
	}
	left, right := d.actors()
	write("head dim", 10, 22, "start", "ms")
	write("head left", leftLane, 22, "middle", left)
	write("head right", rightLane, 22, "middle", right)
	for i := range d.lines {
		l := &d.lines[i]
		switch {
		case l.caption:
			for j, text := range fold(l.text, 150) {
				write("note", 60, y+7+j*lineHeight, "start", text)
			}
		case l.call && d.right(l):
			write("right", rightLane+10, y, "start", fit(l.text, drawnWidth-rightLane-20))
		case l.call:
			write("left", leftLane-10, y, "end", fit(l.text, leftLane-80))
		default:
			from, to := leftLane, rightLane
			if d.right(l) {
				from, to = to, from
			}
			write("wire", (leftLane+rightLane)/2, y-4, "middle", fit(l.text, rightLane-leftLane-20))
			fmt.Fprintf(b, `<path class="arrow" d="M%d %dL%d %d"/>`+"\n", from, y, to, y+6)
		}
		if !l.caption {
			write("dim", 48, y, "end", fmt.Sprintf("%.2f", float64(l.at)/1e6))
		}
		y += l.height()
	}
	if d.more > 0 {
		write("note", 60, y, "start", fmt.Sprintf("and %d more events", d.more))
	}
	b.WriteString("</svg>\n")
	return b.Flush()
}

// height is how much room an event takes.
func (l *drawn) height() int {
	switch {
	case l.caption:
		return lineHeight*len(fold(l.text, 150)) + 6
	case l.call:
		return lineHeight
	}
	return lineHeight + 8
}

// fit shortens a text to a width.
func fit(text string, width int) string {
	letters := []rune(text)
	if n := int(float64(width) / letter); len(letters) > n {
		return string(letters[:n-1]) + "…"
	}
	return text
}

// fold breaks a text into lines between words.
func fold(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// printable leaves out of a name what has no shape, or changes that of others.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}

var escapeXML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace
