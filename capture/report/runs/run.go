// Package runs draws what became of the probes of a run: round trips over time, how they are spread, losses by cause;
// and compares two runs.
//
// It knows nothing of how probes are sent: pings, requests and datagrams are drawn alike. It imports nothing of this
// module but package plot.
package runs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"sockwire/capture/report/plot"
)

// MaxPoints is how many round trips, and how many losses, a Run keeps one by one. When there are more, every second is
// left out, and then every second of those that come; counts stay whole.
const MaxPoints = 16384

// Run is one run. The zero value is ready; it is filled by its methods.
type Run struct {
	Name string // such as "this run"
	Of   string // what numbers are of, such as "echo"
	Sent uint64
	// Causes counts what was lost, by its cause.
	Causes map[string]uint64
	// Delays are those of one way, of each stream: the first MaxDelays are shown.
	Delays  []Delay
	rates   []Rate
	trips   thinned
	losses  thinned
	buckets []Bucket
}

// Rate is what was counted in a piece of time.
type Rate struct {
	At, Length time.Duration // since the start; At is its end
	Counts     map[string]float64
	Trip       time.Duration // the mean round trip then, 0 for none
	// Delays are the mean one-way delays then, above the least so far, by direction.
	Delays map[string]time.Duration
}

// MaxDelays is how many streams' one-way delays are shown.
const MaxDelays = 16

// Delay is how the one-way delays of a stream are spread. All but Least are what is above Least.
type Delay struct {
	Name               string        // such as "up"
	Known              bool          // the clocks are one, or synchronised: Least is true
	Least              time.Duration // as stamped
	P50, P90, P99, Max time.Duration
}

// Bucket counts round trips above the one before, and at most To.
type Bucket struct {
	To    time.Duration
	Count uint64
}

// Probe is what is drawn of one.
type Probe struct {
	At     time.Time
	Number uint64
	Series string        // such as the host that it went to
	RTT    time.Duration // of one that was answered
	Cause  string        // of one that was lost
	Facts  []plot.Fact
}

// thinned is a list that leaves out every second when it is full.
type thinned struct {
	list   []Probe
	stride uint64 // one of so many is kept
	count  uint64
}

func (t *thinned) add(p Probe) {
	t.stride = max(t.stride, 1)
	if t.count++; (t.count-1)%t.stride != 0 {
		return
	}
	if len(t.list) == MaxPoints {
		n := 0
		for i := 0; i < len(t.list); i += 2 {
			t.list[n] = t.list[i]
			n++
		}
		clear(t.list[n:])
		t.list, t.stride = t.list[:n], 2*t.stride
		if (t.count-1)%t.stride != 0 {
			return
		}
	}
	t.list = append(t.list, p)
}

// Answered takes a probe that was answered.
func (r *Run) Answered(p Probe) {
	r.Sent++
	r.trips.add(p)
}

// Lost takes a probe that was lost.
func (r *Run) Lost(p Probe) {
	r.Sent++
	if r.Causes == nil {
		r.Causes = map[string]uint64{}
	}
	r.Causes[p.Cause]++
	r.losses.add(p)
}

// Found takes back that a probe was lost, by its cause, "" for the one that is kept: Answered or Lost is called for it
// again.
func (r *Run) Found(number uint64, cause string) {
	r.losses.list = slices.DeleteFunc(r.losses.list, func(p Probe) bool {
		if p.Number == number && cause == "" {
			cause = p.Cause
		}
		return p.Number == number
	})
	if r.Causes[cause] > 0 {
		r.Causes[cause]--
		r.Sent--
	}
}

// Spread takes how many round trips took how long, where they are not known one by one.
func (r *Run) Spread(b Bucket) { r.buckets = append(r.buckets, b) }

// maxRates is how many pieces of time are kept: with more, two that follow each other become one.
const maxRates = 4096

// Count takes what was counted in the next piece of time.
func (r *Run) Count(x Rate) {
	if len(r.rates) == maxRates {
		for i := range maxRates / 2 {
			a, b := r.rates[2*i], r.rates[2*i+1]
			for name, n := range b.Counts {
				a.Counts[name] += n
			}
			switch {
			case a.Trip == 0:
				a.Trip = b.Trip
			case b.Trip > 0:
				a.Trip = (a.Trip + b.Trip) / 2
			}
			for name, d := range b.Delays {
				if was := a.Delays[name]; was > 0 {
					d = (was + d) / 2
				}
				if a.Delays == nil {
					a.Delays = map[string]time.Duration{}
				}
				a.Delays[name] = d
			}
			r.rates[i] = Rate{At: b.At, Length: a.Length + b.Length, Counts: a.Counts, Trip: a.Trip, Delays: a.Delays}
		}
		r.rates = r.rates[:maxRates/2]
	}
	r.rates = append(r.rates, x)
}

// LostCount is how many were lost.
func (r *Run) LostCount() (n uint64) {
	for _, c := range r.Causes {
		n += c
	}
	return n
}

// sample is a value that was seen so often.
type sample struct {
	value float64 // seconds
	count uint64
}

// samples are the round trips in rising order.
func (r *Run) samples() []sample {
	var all []sample
	for i := range r.trips.list {
		all = append(all, sample{r.trips.list[i].RTT.Seconds(), 1})
	}
	for _, b := range r.buckets {
		if b.Count > 0 {
			all = append(all, sample{b.To.Seconds(), b.Count})
		}
	}
	slices.SortFunc(all, func(a, b sample) int { return cmp.Compare(a.value, b.value) })
	return all
}

func total(all []sample) (n uint64) {
	for _, s := range all {
		n += s.count
	}
	return n
}

// quantile is the smallest value that a share of q is at most.
func quantile(all []sample, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	want, seen := q*float64(total(all)), uint64(0)
	for _, s := range all {
		if seen += s.count; float64(seen) >= want {
			return s.value
		}
	}
	return all[len(all)-1].value
}

// start is when the first probe was sent, or the zero Time.
func (r *Run) start() (first time.Time) {
	for _, list := range [][]Probe{r.trips.list, r.losses.list} {
		for i := range list {
			if at := list[i].At; !at.IsZero() && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

var timeAxis = plot.Axis{Label: "after the first", Unit: "s"}

func (r *Run) overview() []string {
	text := fmt.Sprintf("%s: %d sent, %d lost", r.Name, r.Sent, r.LostCount())
	if r.Sent > 0 {
		text += fmt.Sprintf(" (%.3g %%)", 100*float64(r.LostCount())/float64(r.Sent))
	}
	if first := r.start(); !first.IsZero() {
		text += ", from " + first.UTC().Format("2006-01-02 15:04:05.000 UTC")
	}
	about := []string{text + "."}
	if n := max(r.trips.stride, r.losses.stride); n > 1 {
		about = append(about, fmt.Sprintf("There were too many to draw each: one of %d is drawn. Counts are of all.", n))
	}
	return about
}

// of is what the numbers of the i-th run are of.
func (r *Run) of(i int) string {
	if i == 0 {
		return r.Of
	}
	return "other" + r.Of
}

func suffix(i int) string { return [...]string{"", "-compared"}[i] }

// maxSeries is how many hosts have a colour of their own.
const maxSeries = 6

// overTime draws round trips and losses.
func (r *Run) overTime(i int) plot.Chart {
	c := plot.Chart{Name: "round-trips" + suffix(i), Title: "Round trips over time, " + r.Name, Of: r.of(i), X: timeAxis, Y: plot.Axis{Label: "round trip", Unit: "s", Log: true}}
	start := r.start()
	lowest := 1.0
	at := map[string]int{}
	for k := range r.trips.list {
		p := &r.trips.list[k]
		name := p.Series
		if _, known := at[name]; !known && len(at) >= maxSeries {
			name = "others"
		}
		n, known := at[name]
		if !known {
			n = len(c.Series)
			at[name] = n
			color := []plot.Color{plot.Blue, plot.Green, plot.Purple, plot.Teal, plot.Pink, plot.Gray, plot.Gray}[min(n, maxSeries)]
			c.Series = append(c.Series, plot.Series{Name: name, Kind: plot.Points, Color: color})
		}
		c.Series[n].Points = append(c.Series[n].Points, plot.Point{X: p.At.Sub(start).Seconds(), Y: p.RTT.Seconds(), Number: p.Number})
		lowest = min(lowest, p.RTT.Seconds())
	}
	if len(r.losses.list) > 0 {
		lost := plot.Series{Name: "lost", Kind: plot.Points, Color: plot.Red}
		for k := range r.losses.list {
			p := &r.losses.list[k]
			lost.Points = append(lost.Points, plot.Point{X: p.At.Sub(start).Seconds(), Y: lowest, Number: p.Number, Text: p.Cause})
		}
		sort.SliceStable(lost.Points, func(a, b int) bool { return lost.Points[a].X < lost.Points[b].X })
		c.Series = append(c.Series, lost)
		c.About = append(c.About, "What was lost stands at the lower end: it has no round trip.")
	}
	for k := range c.Series {
		points := c.Series[k].Points
		sort.SliceStable(points, func(a, b int) bool { return points[a].X < points[b].X })
	}
	return c
}

// overPieces draws what was counted in pieces of time, and the round trips then.
func (r *Run) overPieces(i int) []plot.Chart {
	if len(r.rates) == 0 {
		return nil
	}
	var names []string
	for _, x := range r.rates {
		for name := range x.Counts {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	c := plot.Chart{Name: "rates" + suffix(i), Title: "Datagrams a second, " + r.Name, X: timeAxis, Y: plot.Axis{Label: "datagrams a second", Zero: true}}
	for k, name := range names {
		s := plot.Series{Name: name, Kind: plot.Steps, Color: plot.Color(k % 8)}
		for _, x := range r.rates {
			if x.Length > 0 {
				s.Points = append(s.Points, plot.Point{X: (x.At - x.Length).Seconds(), Y: x.Counts[name] / x.Length.Seconds()})
			}
		}
		if n := len(r.rates); len(s.Points) > 0 {
			s.Points = append(s.Points, plot.Point{X: r.rates[n-1].At.Seconds(), Y: s.Points[len(s.Points)-1].Y})
		}
		c.Series = append(c.Series, s)
	}
	trips := plot.Series{Name: "mean of each piece", Kind: plot.Points, Color: plot.Blue}
	for _, x := range r.rates {
		if x.Trip > 0 {
			trips.Points = append(trips.Points, plot.Point{X: x.At.Seconds(), Y: x.Trip.Seconds()})
		}
	}
	charts := []plot.Chart{c}
	if delays := r.overDelays(i); len(delays.Series) > 0 {
		charts = append(charts, delays)
	}
	if len(trips.Points) == 0 {
		return charts
	}
	return append(charts, plot.Chart{Name: "mean-round-trips" + suffix(i), Title: "Round trips over time, " + r.Name, X: timeAxis,
		Y: plot.Axis{Label: "mean round trip", Unit: "s", Log: true}, Series: []plot.Series{trips}})
}

// overDelays draws the mean one-way delays of pieces of time.
func (r *Run) overDelays(i int) plot.Chart {
	c := plot.Chart{Name: "delays" + suffix(i), Title: "One-way delays over time, " + r.Name, X: timeAxis, Y: plot.Axis{Label: "mean delay above the least so far", Unit: "s", Zero: true},
		About: []string{"What is above the least delay seen so far needs no synchronised clocks; how much faster one of them runs is in it."}}
	at := map[string]int{}
	for _, x := range r.rates {
		for _, name := range slices.Sorted(maps.Keys(x.Delays)) {
			k, known := at[name]
			if !known {
				k = len(c.Series)
				at[name] = k
				c.Series = append(c.Series, plot.Series{Name: name, Kind: plot.Points, Color: plot.Color(k % 8)})
			}
			c.Series[k].Points = append(c.Series[k].Points, plot.Point{X: x.At.Seconds(), Y: x.Delays[name].Seconds()})
		}
	}
	return c
}

// delayTable shows how one-way delays are spread; it has no rows where none are known.
func delayTable(all []*Run) plot.Table {
	t := plot.Table{Title: "One-way delays: the least, and what is above it", Head: []string{"", "least", "median", "90 %", "99 %", "max"}}
	for _, r := range all {
		for k := range r.Delays[:min(len(r.Delays), MaxDelays)] {
			d := &r.Delays[k]
			least := "unknown: the clocks differ"
			if d.Known {
				least = plot.Short(d.Least.Seconds(), "s")
			}
			row := []string{r.Name + ": " + d.Name, least}
			for _, v := range []time.Duration{d.P50, d.P90, d.P99, d.Max} {
				row = append(row, "+"+plot.Short(v.Seconds(), "s"))
			}
			t.Rows = append(t.Rows, row)
		}
		if n := len(r.Delays) - MaxDelays; n > 0 {
			t.Rows = append(t.Rows, []string{fmt.Sprintf("%s: %d more", r.Name, n), "", "", "", "", ""})
		}
	}
	return t
}

// distribution draws which share of the round trips took at most so long.
func distribution(all []*Run) plot.Chart {
	c := plot.Chart{Name: "distribution", Title: "How many round trips took at most so long", X: plot.Axis{Label: "round trip", Unit: "s", Log: true},
		Y: plot.Axis{Label: "share of those that were answered", Unit: "%", Zero: true}}
	for i, r := range all {
		list := r.samples()
		n, seen := total(list), uint64(0)
		s := plot.Series{Name: r.Name, Kind: plot.Steps, Color: [...]plot.Color{plot.Blue, plot.Orange}[i]}
		every := max(1, len(list)/2000)
		for k, x := range list {
			if seen += x.count; k%every == 0 || k == len(list)-1 {
				s.Points = append(s.Points, plot.Point{X: x.value, Y: 100 * float64(seen) / float64(n)})
			}
		}
		if len(s.Points) > 0 {
			c.Series = append(c.Series, s)
		}
	}
	return c
}

func table(all []*Run) plot.Table {
	t := plot.Table{Title: "Round trips", Head: []string{"", "answered", "min", "median", "90 %", "99 %", "max", "sent", "lost"}}
	for _, r := range all {
		list := r.samples()
		row := []string{r.Name, fmt.Sprint(max(r.trips.count, total(list)))}
		for _, q := range []float64{0, .5, .9, .99, 1} {
			row = append(row, plot.Short(quantile(list, q), "s"))
		}
		t.Rows = append(t.Rows, append(row, fmt.Sprint(r.Sent), fmt.Sprint(r.LostCount())))
	}
	return t
}

// losses draws what was lost, by cause.
func losses(all []*Run) plot.Chart {
	c := plot.Chart{Name: "losses", Title: "Losses by cause", Y: plot.Axis{Label: "lost"}}
	for _, r := range all {
		var names []string
		for name, n := range r.Causes {
			if n > 0 {
				names = append(names, name)
			}
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(r.Causes[b], r.Causes[a]), cmp.Compare(a, b)) })
		for _, name := range names {
			c.Bars = append(c.Bars, plot.Bar{Name: r.Name + ": " + name, Value: float64(r.Causes[name]),
				Text: fmt.Sprintf("%.3g %% of %d", 100*float64(r.Causes[name])/float64(max(r.Sent, 1)), r.Sent)})
		}
	}
	return c
}

// records are what the points of the i-th run lead to.
func (r *Run) records(i int) []plot.Record {
	var all []plot.Record
	for _, list := range [][]Probe{r.trips.list, r.losses.list} {
		for k := range list {
			p := &list[k]
			facts := []plot.Fact{{Name: "time", Text: p.At.UTC().Format("2006-01-02 15:04:05.000000000 UTC")}}
			if p.Cause != "" {
				facts = append(facts, plot.Fact{Name: "lost", Text: p.Cause})
			} else {
				facts = append(facts, plot.Fact{Name: "round trip", Text: p.RTT.String()})
			}
			all = append(all, plot.Record{Of: r.of(i), Number: p.Number, Facts: append(facts, p.Facts...)})
		}
	}
	slices.SortStableFunc(all, func(a, b plot.Record) int { return cmp.Compare(a.Number, b.Number) })
	return all
}
