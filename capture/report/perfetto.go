package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// Perfetto writes timelines in the Chrome trace format (JSON object form), which Perfetto's page and chrome://tracing
// read: calls as slices of their threads, packets as slices of the wire, arrows from a call to the packets that carry
// its bytes and from a send to the receive that takes them. Its methods are not safe for use by several goroutines at
// once.
type Perfetto struct {
	w       io.Writer
	err     error
	written bool
	part    Part
	shift   time.Duration // of the part's times
	began   time.Time     // the first part
	named   map[[2]int]bool
	arrows  int
}

// NewPerfetto begins a trace on w. What cannot be written is the error of Close.
func NewPerfetto(w io.Writer) *Perfetto {
	p := &Perfetto{w: w, named: map[[2]int]bool{}}
	p.write(`{"displayTimeUnit":"ns","traceEvents":[`)
	return p
}

// wirePID is the process that packets belong to. No process has it.
const wirePID = 0

// traceEvent is an event of the format, https://perfetto.dev/docs and the "Trace Event Format" of the Chromium project.
type traceEvent struct {
	Name     string   `json:"name"`
	Category string   `json:"cat,omitempty"`
	Phase    string   `json:"ph"`
	Time     float64  `json:"ts"` // µs
	Duration *float64 `json:"dur,omitempty"`
	Process  int      `json:"pid"`
	Thread   int      `json:"tid"`
	ID       int      `json:"id,omitempty"`
	Binding  string   `json:"bp,omitempty"`
	Args     any      `json:"args,omitempty"`
}

// Begin begins a part: the next timelines belong to it.
func (p *Perfetto) Begin(part Part) {
	if p.began.IsZero() {
		p.began = part.Start
		p.name("process_name", wirePID, 0, "the wire")
	}
	p.part, p.shift = part, part.Start.Sub(p.began)
}

// Add writes a timeline's calls and packets. None may be given twice.
func (p *Perfetto) Add(t *trace.Timeline) {
	for item := range show.Items(t, p.part.Name, p.part.Start) {
		switch {
		case item.Call != nil:
			p.call(t, item)
		case item.Packet != nil:
			p.packet(t, item)
		}
	}
}

func (p *Perfetto) call(t *trace.Timeline, item show.Item) {
	c := item.Call
	if who := c.Actor; who != "" {
		p.name("process_name", c.Process, c.Process, who)
		p.name("thread_name", c.Process, c.Thread, fmt.Sprintf("%s thread %d", who, c.Thread))
	}
	e := traceEvent{Name: c.Name, Category: "call", Phase: "B", Time: p.at(c.Entered), Process: c.Process, Thread: c.Thread, Args: arguments(item)}
	if !c.Pending {
		d := float64(max(c.Left-c.Entered, 1)) / 1e3
		e.Phase, e.Duration = "X", &d
	}
	p.event(e)
	for _, s := range c.Received {
		if sent := t.Call(s.Call); sent != nil {
			p.arrow("received", place{sent.Entered, sent.Process, sent.Thread}, place{max(c.Left, c.Entered), c.Process, c.Thread})
		}
	}
}

func (p *Perfetto) packet(t *trace.Timeline, item show.Item) {
	q := item.Packet
	lane := 1 // by direction: packets out, and in
	if q.Direction == trace.In {
		lane = 2
	}
	p.name("thread_name", wirePID, lane, [...]string{"", "packets sent", "packets received"}[lane])
	width := 1.0
	p.event(traceEvent{Name: item.Text, Category: "packet", Phase: "X", Time: p.at(q.Time), Duration: &width, Process: wirePID, Thread: lane, Args: arguments(item)})
	for _, s := range q.Carries {
		if c := t.Call(s.Call); c != nil {
			p.arrow("carried", place{c.Entered, c.Process, c.Thread}, place{q.Time, wirePID, lane})
		}
	}
}

// arguments are what a viewer shows of an event: its line, its notes, and the record of --json.
func arguments(item show.Item) any {
	return struct {
		Line   string   `json:"line"`
		Notes  []string `json:"notes,omitempty"`
		Record any      `json:"record"`
	}{item.Text, item.Notes, item.Record}
}

// place is where an arrow begins or ends: in the slice that holds that time.
type place struct {
	at              time.Duration
	process, thread int
}

func (p *Perfetto) arrow(name string, from, to place) {
	p.arrows++
	p.event(traceEvent{Name: name, Category: name, Phase: "s", Time: p.at(from.at), Process: from.process, Thread: from.thread, ID: p.arrows})
	p.event(traceEvent{Name: name, Category: name, Phase: "f", Binding: "e", Time: p.at(to.at), Process: to.process, Thread: to.thread, ID: p.arrows})
}

// at is a time of the part in µs since the first part began.
func (p *Perfetto) at(t time.Duration) float64 { return float64(p.shift+t) / 1e3 }

// name names a process or a thread, once.
func (p *Perfetto) name(what string, process, thread int, name string) {
	key := [2]int{process, thread}
	if what == "process_name" {
		key[1] = -1
	}
	if p.named[key] {
		return
	}
	p.named[key] = true
	p.event(traceEvent{Name: what, Phase: "M", Process: process, Thread: thread, Args: map[string]string{"name": name}})
}

func (p *Perfetto) event(e traceEvent) {
	b, err := json.Marshal(e)
	if err != nil && p.err == nil {
		p.err = err
	}
	separator := ",\n"
	if !p.written {
		separator, p.written = "\n", true
	}
	p.write(separator + string(b))
}

func (p *Perfetto) write(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

// Close writes the end of the trace. It does not close what is written to.
func (p *Perfetto) Close([]*show.Comparison) error {
	p.write("\n]}\n")
	return p.err
}
