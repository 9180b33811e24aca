package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/dgram/perf"
)

// watch is what --watch shows: the intervals so far, the newest first.
type watch struct {
	cfg *perf.Config

	mu    sync.Mutex // guards all below
	spans []span     // the last mostSpans, in order
	n     int        // spans so far
	ways  []*way
	at    time.Duration
}

// span is an interval of one direction.
type span struct {
	number int
	way    string
	at     time.Duration
	length time.Duration
	counts perf.Counts
	delay  time.Duration
	jitter time.Duration
}

// way is a direction since the beginning or the last reset.
type way struct {
	name   string
	sum    perf.Counts
	delays string // what its delays are of
}

const mostSpans = 3600

func newWatch(cfg *perf.Config) *watch {
	w := &watch{cfg: cfg}
	switch {
	case cfg.Requests != nil:
		w.ways = []*way{{name: "asked", delays: "round trip"}}
	default:
		if cfg.Up != nil {
			w.ways = append(w.ways, &way{name: "up", delays: "delay"})
		}
		if cfg.Down != nil {
			w.ways = append(w.ways, &way{name: "down", delays: "delay"})
		}
	}
	return w
}

// add takes in an interval.
func (w *watch) add(i perf.Interval) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = i.At
	for _, y := range w.ways {
		s := span{number: w.n, way: y.name, at: i.At, length: i.Length, counts: i.Up, delay: i.UpDelay, jitter: i.UpJitter}
		switch y.name {
		case "down":
			s.counts, s.delay, s.jitter = i.Down, i.DownDelay, i.DownJitter
		case "asked":
			s.counts.Unique, s.delay, s.jitter = i.Replies, i.RoundTrip, i.DownJitter
		}
		y.sum = plus(y.sum, s.counts)
		if len(w.spans) == mostSpans {
			w.spans = slices.Delete(w.spans, 0, 1)
		}
		w.spans = append(w.spans, s)
		w.n++
	}
}

func plus(a, b perf.Counts) perf.Counts {
	return perf.Counts{Sent: a.Sent + b.Sent, Unique: a.Unique + b.Unique, Lost: a.Lost + b.Lost, Duplicate: a.Duplicate + b.Duplicate, Reordered: a.Reordered + b.Reordered,
		Corrupt: a.Corrupt + b.Corrupt, Dropped: a.Dropped + b.Dropped, Checksum: a.Checksum + b.Checksum, Bytes: a.Bytes + b.Bytes}
}

func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans = nil
	for _, y := range w.ways {
		y.sum = perf.Counts{}
	}
}

var watchColumns = []live.Column{
	{Name: "at", Width: 7, Keep: true}, {Name: "", Width: 5, Left: true}, {Name: "sent", Width: 9}, {Name: "received", Width: 9, Keep: true},
	{Name: "rate", Width: 12}, {Name: "lost", Width: 6, Keep: true}, {Name: "delay ms", Width: 8},
	{Name: "jitter", Width: 7}, {Name: "full", Width: 6}, {Name: "chksum", Width: 6},
	{Name: "damaged", Width: 7}, {Name: "twice", Width: 6}, {Name: "order", Width: 6},
}

var watchOrders = []string{"time", "loss", "delay"}

// look is what the screen shows now.
func (w *watch) look(a live.Ask) live.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := live.View{Title: cli.Escape(w.cfg.Target), State: []string{w.at.Round(time.Second).String()}, Columns: watchColumns, Orders: watchOrders,
		Empty: "nothing has been counted yet"}
	for _, y := range w.ways {
		v.Notes = append(v.Notes, y.sentence(), w.bars(y, max(a.Width-27, 8)))
	}
	for _, s := range live.Pick(a, slices.Clone(w.spans), compareSpans(a.Order), span.key) {
		v.Rows = append(v.Rows, s.row())
	}
	return v
}

func compareSpans(order int) func(a, b span) int {
	return func(a, b span) int {
		newest := cmp.Compare(b.number, a.number)
		switch order {
		case 1:
			return cmp.Or(cmp.Compare(b.counts.Lost, a.counts.Lost), newest)
		case 2:
			return cmp.Or(cmp.Compare(b.delay, a.delay), newest)
		}
		return newest
	}
}

// sentence is the sum of a direction, with the causes of its losses.
func (y *way) sentence() string {
	c := &y.sum
	text := fmt.Sprintf("%s: %d sent, %d received, %d lost", y.name, c.Sent, c.Unique, c.Lost)
	var causes cli.Parts
	causes.Count(c.Dropped, "buffer full")
	causes.Count(c.Checksum, "bad checksum")
	causes.Count(c.Corrupt, "damaged")
	causes.Count(c.Lost-min(c.Lost, c.Dropped+c.Checksum+c.Corrupt), "in the network or not known yet")
	if len(causes) > 0 {
		text += ": " + causes.String()
	}
	return text
}

// bars are the last rates and delays of a direction, in as many columns.
func (w *watch) bars(y *way, columns int) string {
	var list []span
	for _, s := range w.spans {
		if s.way == y.name {
			list = append(list, s)
		}
	}
	list = list[max(len(list)-columns/2, 0):]
	rates := live.Bars(len(list), func(i int) float64 { return float64(list[i].counts.Unique) / max(list[i].length.Seconds(), 1e-9) })
	delays := live.Bars(len(list), func(i int) float64 {
		if list[i].delay == 0 {
			return -1
		}
		return float64(list[i].delay)
	})
	return strings.TrimRight(fmt.Sprintf("  received %s  %s %s", rates, y.delays, delays), " ")
}

func (s span) key() string { return strconv.Itoa(s.number) }

// milliseconds is a time that is 0 where it is not known.
func milliseconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return live.Milliseconds(d)
}

func (s span) row() live.Row {
	c := &s.counts
	cells := []string{fmt.Sprintf("%.1fs", s.at.Seconds()), s.way, perSecond(c.Sent, s.length), perSecond(c.Unique, s.length), bits(c.Bytes, s.length)}
	cells = append(cells, strconv.FormatUint(c.Lost, 10), milliseconds(s.delay), milliseconds(s.jitter))
	for _, n := range []uint64{c.Dropped, c.Checksum, c.Corrupt, c.Duplicate, c.Reordered} {
		cells = append(cells, strconv.FormatUint(n, 10))
	}
	r := live.Row{Key: s.key(), Name: fmt.Sprintf("%s, up to %.1f s", s.way, s.at.Seconds()), Cells: cells}
	if c.Lost > 0 {
		r.Mood = live.Bad
	} else if c.Duplicate+c.Reordered+c.Corrupt > 0 {
		r.Mood = live.Warning
	}
	r.Detail = []string{(&way{name: s.way, sum: s.counts}).sentence(), fmt.Sprintf("%d duplicate, %d reordered, %s in %v", c.Duplicate, c.Reordered,
		cli.Plural(c.Bytes, "byte"), s.length.Round(time.Millisecond))}
	return r
}
