package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/raw/path"
)

// row is a hop as the table has it.
type row struct {
	ttl                            int
	address                        string // the name, where it is known
	others                         int    // more addresses that answer at this TTL
	loss                           float64
	sent                           uint64
	answered                       uint64
	last, mean, best, worst, stdev time.Duration
	verdict                        string
	bad                            bool // real loss
	detail                         []string
}

// columns are the table's: the verdict is always among them, for a percentage alone misleads.
var columns = []live.Column{
	{Name: "hop", Width: 3, Keep: true}, {Name: "address", Width: 15, Grow: 24, Keep: true, Left: true}, {Name: "loss", Width: 6}, {Name: "sent", Width: 6},
	{Name: "last", Width: 7}, {Name: "mean", Width: 7}, {Name: "worst", Width: 7}, {Name: "best", Width: 7}, {Name: "stdev", Width: 7},
	{Name: "verdict", Width: 16, Grow: 1000, Keep: true, Left: true},
}

// cells are the texts of a row, under columns.
func (r *row) cells() []string {
	address := r.address
	if r.others > 0 {
		address += fmt.Sprintf(" +%d", r.others)
	}
	list := []string{strconv.Itoa(r.ttl), address, cli.Percent(r.loss), strconv.FormatUint(r.sent, 10)}
	for _, d := range []time.Duration{r.last, r.mean, r.worst, r.best, r.stdev} {
		text := "-"
		if r.answered > 0 {
			text = live.Milliseconds(d)
		}
		list = append(list, text)
	}
	return append(list, r.verdict)
}

func (r *row) mood() live.Mood {
	switch {
	case r.bad:
		return live.Bad
	case r.verdict != "" && r.loss > 0:
		return live.Warning
	}
	return live.Plain
}

var orderNames = []string{"hop", "loss", "mean", "worst"}

// compareRows orders rows in one of orderNames.
func compareRows(order int) func(a, b row) int {
	return func(a, b row) int {
		byNumber := cmp.Compare(a.ttl, b.ttl)
		switch order {
		case 1:
			return cmp.Or(cmp.Compare(b.loss, a.loss), byNumber)
		case 2:
			return cmp.Or(cmp.Compare(b.mean, a.mean), byNumber)
		case 3:
			return cmp.Or(cmp.Compare(b.worst, a.worst), byNumber)
		}
		return byNumber
	}
}

// look is what is known of a host now, for the screen.
func (s *session) look(a live.Ask) live.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.trails[min(a.Page, len(s.trails)-1)]
	v := live.View{Title: cli.Escape(s.title(w.target)), Page: "host", Pages: len(s.trails), State: []string{fmt.Sprintf("round %d", s.told)},
		Paused: s.rounds.Paused.Load(), Notes: []string{w.conclusion().text}, Orders: orderNames, Columns: columns}
	var rows []row
	for _, h := range w.shown() {
		rows = append(rows, s.row(w, h))
	}
	for _, r := range live.Pick(a, rows, compareRows(a.Order), func(r row) string { return strconv.Itoa(r.ttl) }) {
		v.Rows = append(v.Rows, live.Row{Key: strconv.Itoa(r.ttl), Name: fmt.Sprintf("hop %d", r.ttl), Cells: r.cells(), Mood: r.mood(), Detail: r.detail})
	}
	return v
}

func (s *session) row(w *trail, h *hop) row {
	r := row{ttl: h.ttl, address: "*", loss: h.loss(), sent: h.tally.Sent, answered: h.tally.Received(), last: h.rtt.Last(), mean: h.rtt.Mean(), best: h.rtt.Min(),
		worst: h.rtt.Max(), stdev: h.rtt.StdDev(), others: max(len(h.who)-1, 0)}
	if len(h.who) > 0 {
		from := h.heard
		r.address = from.String()
		if name, _ := s.names.get(from); name != "" {
			r.address = cli.Escape(name)
		}
	}
	for _, a := range h.who {
		r.detail = append(r.detail, fmt.Sprintf("%s: %s", s.label(a.from), cli.Plural(a.n, "answer")))
		r.detail = append(r.detail, s.noteTexts(a)...)
	}
	if v := w.verdict(h.ttl); v != nil {
		r.verdict, r.bad = shortVerdict(v), v.Finding == path.Real
		r.detail = slices.Insert(r.detail, 0, v.Finding.String()+": "+v.Why)
	}
	if h.rtt.Count() > 1 {
		r.detail = append(r.detail, fmt.Sprintf("p50 %s, p90 %s, p99 %s, jitter %s", milliseconds(h.rtt.Quantile(.5)), milliseconds(h.rtt.Quantile(.9)),
			milliseconds(h.rtt.Quantile(.99)), milliseconds(h.rtt.Jitter())))
	}
	return r
}

// printTable prints what --watch has counted, at its end: as the screen has it, within the width of a line.
func (s *session) printTable(w *trail) {
	out := s.env.Stdout
	table := live.Layout(columns, lineWidth)
	out.Printf(" %s\n", table.Head())
	for _, h := range w.shown() {
		r := s.row(w, h)
		out.Printf(" %s\n", strings.TrimRight(table.Row(r.cells()), " "))
	}
}
