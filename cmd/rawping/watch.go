package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/raw"
	"sockwire/raw/probe"
)

// watch is what --watch shows of the hosts while they are pinged: the accounts that the run keeps anyway, and the ends
// of each host's last echoes.
type watch struct {
	mu    sync.Mutex // guards all below, and the accounts
	hosts []*watched // by index; nil for those of which no echo has ended
	apart bool       // what is shown is counted since a reset, beside the run's own accounts
	start time.Time
}

// watched is a host.
type watched struct {
	index   int
	name    string
	account *account
	recent  [recentEchoes]uint32 // round trips in microseconds, or unanswered
	ended   int                  // echoes that are or were in recent
}

const (
	recentEchoes = 30
	unanswered   = 1<<32 - 1
)

// add takes in an end that account has counted.
func (w *watch) add(e *raw.Echo, a *account, name func() string, trip time.Duration) {
	for len(w.hosts) <= e.Index {
		w.hosts = append(w.hosts, nil)
	}
	h := w.hosts[e.Index]
	if h == nil {
		h = &watched{index: e.Index, name: cli.Escape(name()), account: a}
		if w.apart {
			h.account = newAccount()
		}
		w.hosts[e.Index] = h
	}
	if w.apart {
		h.account.add(e, trip)
	}
	if e.Duplicate || e.Revised || e.Outcome == probe.Pending {
		return
	}
	h.recent[h.ended%recentEchoes] = unanswered
	if answered(e) {
		h.recent[h.ended%recentEchoes] = uint32(min(trip.Microseconds(), unanswered-1))
	}
	h.ended++
}

func newAccount() *account { return &account{rtt: probe.Stats{Compact: true}} }

// reset begins anew; the accounts of the run go on beside.
func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.apart, w.start = true, time.Now()
	for _, h := range w.hosts {
		if h != nil {
			h.account, h.ended = newAccount(), 0
		}
	}
}

var watchColumns = []live.Column{
	{Name: "host", Width: 15, Grow: 24, Keep: true, Left: true}, {Name: "sent", Width: 6}, {Name: "lost", Width: 6, Keep: true}, {Name: "loss", Width: 6},
	{Name: "last ms", Width: 7, Keep: true}, {Name: "avg", Width: 7}, {Name: "p99", Width: 7},
	{Name: "x lost", Width: 8, Grow: recentEchoes - 8, Left: true, Recent: true}, {Name: "times", Width: 8, Grow: recentEchoes - 8, Left: true, Recent: true},
}

var watchOrders = []string{"host", "loss", "last", "avg", "p99"}

// order compares hosts in one of watchOrders: the worst first.
func order(which int) func(a, b *watched) int {
	worse := func(of func(h *watched) float64) func(a, b *watched) int {
		return func(a, b *watched) int { return cmp.Or(cmp.Compare(of(b), of(a)), cmp.Compare(a.index, b.index)) }
	}
	switch which {
	case 1:
		return worse(func(h *watched) float64 { return h.account.loss() })
	case 2:
		return worse(func(h *watched) float64 { return float64(h.account.rtt.Last()) })
	case 3:
		return worse(func(h *watched) float64 { return float64(h.account.rtt.Mean()) })
	case 4:
		return worse(func(h *watched) float64 { return float64(h.account.rtt.Quantile(.99)) })
	}
	return func(a, b *watched) int { return cmp.Compare(a.index, b.index) }
}

// look is what the screen shows now.
func (w *watch) look(a live.Ask) live.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := live.View{Orders: watchOrders, Columns: watchColumns, Empty: "no echo has ended yet"}
	var total probe.Tally
	up := 0
	list := make([]*watched, 0, len(w.hosts))
	for _, h := range w.hosts {
		if h == nil {
			continue
		}
		list = append(list, h)
		total.Add(&h.account.tally)
		if h.account.tally.Received() > 0 {
			up++
		}
	}
	v.Title, v.State = cli.Plural(len(list), "host"), []string{time.Since(w.start).Round(time.Second).String()}
	v.Notes = []string{fmt.Sprintf("%s, %d without an answer; %s ended, %d answered, loss %s", cli.Plural(up, "host")+" alive", len(list)-up, cli.Plural(total.Sent, "echo"),
		total.Received(), cli.Percent((&account{tally: total}).loss()))}
	for _, h := range live.Pick(a, list, order(a.Order), (*watched).key) {
		v.Rows = append(v.Rows, h.row())
	}
	return v
}

func (h *watched) key() string { return strconv.Itoa(h.index) }

func (h *watched) row() live.Row {
	a := h.account
	cells := []string{h.name, strconv.FormatUint(a.tally.Sent, 10), strconv.FormatUint(a.tally.Ended()-a.tally.Received(), 10), cli.Percent(a.loss())}
	for _, d := range []time.Duration{a.rtt.Last(), a.rtt.Mean(), a.rtt.Quantile(.99)} {
		text := "-"
		if a.rtt.Count() > 0 {
			text = live.Milliseconds(d)
		}
		cells = append(cells, text)
	}
	r := live.Row{Key: h.key(), Name: h.name, Cells: append(cells, h.strip(), h.times())}
	switch {
	case h.ended > 0 && h.at(h.kept()-1) == unanswered:
		r.Mood = live.Bad
	case a.loss() > 0:
		r.Mood = live.Warning
	}
	if text := lossText(a); text != "" {
		r.Detail = append(r.Detail, text)
	}
	if a.rtt.Count() > 0 {
		r.Detail = append(r.Detail, fmt.Sprintf("min %s, p50 %s, p90 %s, p99 %s, max %s, jitter %s ms", milliseconds(a.rtt.Min()), milliseconds(a.rtt.Quantile(.5)),
			milliseconds(a.rtt.Quantile(.9)), milliseconds(a.rtt.Quantile(.99)), milliseconds(a.rtt.Max()), milliseconds(a.rtt.Jitter())))
	}
	if a.tally.Duplicates+a.reordered > 0 {
		r.Detail = append(r.Detail, fmt.Sprintf("%d duplicates, %d reordered", a.tally.Duplicates, a.reordered))
	}
	return r
}

// at is the end of one of the kept() last echoes, 0 for the oldest.
func (h *watched) at(i int) uint32 { return h.recent[(h.ended-h.kept()+i)%recentEchoes] }

func (h *watched) kept() int { return min(h.ended, recentEchoes) }

// strip has a mark for each of the last echoes: x is one that was not answered.
func (h *watched) strip() string {
	var b strings.Builder
	for i := range h.kept() {
		if h.at(i) == unanswered {
			b.WriteByte('x')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// times are the same as bars.
func (h *watched) times() string {
	return live.Bars(h.kept(), func(i int) float64 {
		if v := h.at(i); v != unanswered {
			return float64(v)
		}
		return -1
	})
}

// watches tells whether a screen shows what is found.
func (s *session) watches() bool {
	o := s.opt
	return o.watch && live.Possible(s.env) && !o.json && !o.csv && !o.alive && !o.unreachable && !o.live
}
