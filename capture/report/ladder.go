// Package report writes what other packages found as something to look at: one self-contained file that opens from disk
// in any browser and asks no network for anything.
//
// A Ladder is a timeline of package trace as a page: a lane for each socket, calls as bars, packets as arrows between
// the lanes, and the details of whatever is chosen. Perfetto writes the same in the Chrome trace format.
//
// Text from outside (payloads, names) reaches a page only as data: compressed, in base64, and shown as text.
package report

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"

	"sockwire/capture"
	"sockwire/capture/flow"
	"sockwire/capture/report/page"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

var (
	//go:embed ladder/ladder.css
	ladderCSS string
	//go:embed ladder/ladder.js
	ladderJS string
	//go:embed ladder/ladder.html
	ladderHTML string
)

// Ladder writes timelines as a page, piece by piece as they come: what was written is not held. Its methods are not
// safe for use by several goroutines at once.
type Ladder struct {
	w       *page.Writer
	parts   []part
	index   *index            // the piece that is being filled, or nil
	details map[string]detail // of the block that is being filled
	block   int               // its number
	left    int               // events beyond MaxEvents
	said    map[string]int    // sentences, by their numbers
	events  int
}

// MaxEvents is how many calls and packets a page holds. The rest is counted, and the page says so.
const MaxEvents = 500_000

// indexEvents is how many events are in one piece of what the page reads when it opens.
const indexEvents = 4096

// blockEvents is how many events have their details in one block, which the page unpacks when one of them is looked at.
const blockEvents = 256

// Part is where events of one timeline stand in a page.
type Part struct {
	Name  string    // of a scene, or the program; text from outside is shown as such
	About string    // a sentence, or ""
	Start time.Time // the wall clock time of the timeline's start
	// Explain adds a sentence to each step, for somebody who learns sockets.
	Explain bool
	// Frame returns a packet's frame for the field tree and the bytes, or nil; it is asked while Add runs.
	Frame func(number int) *capture.Frame
}

type part struct {
	Part
	index   int
	sockets map[string]bool
}

// NewLadder begins a page with that title on w. What cannot be written is the error of Close.
func NewLadder(w io.Writer, title string) *Ladder {
	layout := page.Layout{Style: ladderCSS, Script: ladderJS, Body: ladderHTML}
	return &Ladder{w: page.New(w, title, layout), details: map[string]detail{}, said: map[string]int{}}
}

// Begin begins a part of the page; what Add is given belongs to the last one that began.
func (l *Ladder) Begin(p Part) {
	l.flush()
	l.parts = append(l.parts, part{Part: p, index: len(l.parts), sockets: map[string]bool{}})
	l.w.Data("part", partData{len(l.parts) - 1, p.Name, p.About, p.Start.UTC().Format(time.RFC3339Nano), p.Explain})
}

type partData struct {
	Part    int    `json:"part"`
	Name    string `json:"name"`
	About   string `json:"about,omitempty"`
	Start   string `json:"start"`
	Explain bool   `json:"explain"`
}

// detail is what the page shows of an event when it is chosen.
type detail struct {
	Record any         `json:"record"`
	Layers []layerData `json:"layers,omitempty"`
	Bytes  string      `json:"bytes,omitempty"` // in hexadecimal
}

// Add writes a timeline's events into the part that began last. None may be given twice; sockets may.
func (l *Ladder) Add(t *trace.Timeline) {
	if len(l.parts) == 0 {
		l.Begin(Part{})
	}
	p := &l.parts[len(l.parts)-1]
	l.begin(p)
	for i, r := range show.SocketRecords(t, "") {
		if name := t.Sockets[i].Name; !p.sockets[name] {
			p.sockets[name] = true
			l.index.Sockets = append(l.index.Sockets, r)
		}
	}
	for item := range show.Items(t, "", p.Start) {
		if l.events++; l.events > MaxEvents {
			l.left++
			continue
		}
		if len(l.details) >= blockEvents {
			l.flushDetails()
		}
		if len(l.index.Kind) >= indexEvents {
			l.flushIndex()
			l.begin(p)
		}
		e := l.event(p, t, item)
		l.index.add(&e)
	}
}

// begin begins a piece of the index, unless one is being filled.
func (l *Ladder) begin(p *part) {
	if l.index == nil {
		l.index = newIndex(p.index)
	}
}

// event makes an item's event, and notes its details for the block.
func (l *Ladder) event(p *part, t *trace.Timeline, item show.Item) event {
	e := event{text: item.Text, notes: strings.Join(item.Notes, "; "), block: l.block}
	d := detail{Record: item.Record}
	switch {
	case item.Caption != nil:
		e.kind, e.at, e.block = "note", int64(item.Caption.Time), -1
		return e
	case item.Packet != nil:
		packetEvent(&e, item.Packet)
		if p.Frame != nil {
			d.Layers, d.Bytes = tree(p.Frame(item.Packet.Number))
		}
	default:
		callEvent(&e, t, item.Call)
		e.result = item.Result
		if p.Explain {
			e.explain = l.sentence(show.Explain(item.Call))
		}
	}
	l.details[fmt.Sprintf("%s-%d", e.kind, e.number)] = d
	return e
}

// sentence is the number of a sentence, which the page is told once; 0 is none.
func (l *Ladder) sentence(s string) int {
	if s == "" {
		return 0
	}
	if l.said[s] == 0 {
		l.said[s] = len(l.said) + 1
		l.w.Data("sentence", s)
	}
	return l.said[s]
}

func callEvent(e *event, t *trace.Timeline, c *trace.CallRecord) {
	e.kind, e.number, e.at = "call", c.Number, int64(c.Entered)
	if !c.Pending {
		left := int64(max(c.Left, c.Entered))
		e.left = &left
	}
	on := c.On
	if on == nil {
		on = t.Made(c.Number)
	}
	if on != nil {
		e.socket = on.Name
	} else {
		e.actor = c.Actor
	}
	if c.Errno != "" {
		e.mark = "error"
	}
	for _, s := range c.Received {
		e.links = append(e.links, spanLink("receives", s))
	}
	e.link("takes", "packet", c.Message)
	e.link("error from", "packet", c.Error)
	if c.Waiting() {
		e.link("ended by", "packet", c.Wake.Packet)
		e.link("ended by", "call", c.Wake.Call)
	}
}

func packetEvent(e *event, p *trace.PacketRecord) {
	e.kind, e.number, e.at, e.in = "packet", p.Number, int64(p.Time), p.Direction == trace.In
	if p.From != nil {
		e.socket = p.From.Name
	}
	for _, s := range p.ReceivedBy() {
		e.to = append(e.to, s.Name)
	}
	e.mark = mark(p)
	for _, s := range p.Carries {
		e.links = append(e.links, spanLink("carries", s))
	}
	e.link("caused by", "call", p.Cause.Call)
	e.link("caused by", "packet", p.Cause.Packet)
	e.link("quotes", "packet", p.Quotes)
	e.link("answers", "packet", p.Replies)
	for i := range p.Verdicts {
		first, second := p.Verdicts[i].Evidence()
		e.link("shown by", "packet", int(first))
		e.link("shown by", "packet", int(second))
	}
}

// link adds a link, unless the number is 0: nothing is known.
func (e *event) link(relation, kind string, number int) {
	if number != 0 && (kind != e.kind || number != e.number) {
		e.links = append(e.links, link{relation: relation, kind: kind, number: number})
	}
}

func spanLink(relation string, s trace.Span) link {
	return link{relation: relation, kind: "call", number: s.Call, bytes: true, from: s.From, to: s.To, message: s.Message, all: s.All}
}

// flush writes what is being filled.
func (l *Ladder) flush() {
	l.flushIndex()
	l.flushDetails()
}

func (l *Ladder) flushIndex() {
	if l.index != nil && len(l.index.Kind)+len(l.index.Sockets) > 0 {
		l.w.Data("index", l.index)
	}
	l.index = nil
}

// flushDetails writes the block of details.
func (l *Ladder) flushDetails() {
	if len(l.details) > 0 {
		l.w.Piece(fmt.Sprintf(`data-kind="block" data-block="%d" data-part="%d"`, l.block, len(l.parts)-1), l.details)
		l.block++
		clear(l.details)
	}
}

// Close writes the comparison of the kinds of socket, unless it is nil, and the end of the page. It does not close what
// is written to.
func (l *Ladder) Close(kinds []*show.Comparison) error {
	l.flush()
	if l.left > 0 {
		l.w.Data("left", l.left)
	}
	if len(kinds) > 0 {
		l.w.Data("kinds", show.ComparisonRows(kinds))
	}
	return l.w.Close()
}

// mark is what stands out of a packet: that the kernel dropped it, that the bytes were sent again, that some were lost,
// that it says something failed.
func mark(p *trace.PacketRecord) string {
	if len(p.Drops) > 0 {
		return "lost"
	}
	for i := range p.Verdicts {
		switch p.Verdicts[i].Kind {
		case flow.LostBefore, flow.LostBehind:
			return "lost"
		}
	}
	switch {
	case p.Retransmit || p.Again() != nil:
		return "again"
	case p.TCP != nil && p.TCP.Flags&wire.RST != 0, p.ICMP != nil && p.ICMP.Quote != nil:
		return "error"
	}
	return ""
}
