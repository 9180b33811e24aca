package traffic

import (
	"cmp"
	"fmt"
	"slices"

	"sockwire/capture/flow"
	"sockwire/capture/report/plot"
	"sockwire/capture/stats"
)

// Counts is what others counted of the same packets.
type Counts struct {
	Title  string   // "" for one of its own
	About  []string // sentences under the title
	Stats  *stats.Collector
	Totals *flow.Totals // nil where no streams were followed
	Top    int          // how many conversations are drawn; 0 means 20
}

// Report makes the report. Add may go on afterwards, and Report be called again.
func (c *Collector) Report(n *Counts) *plot.Report {
	b := builder{c: c, records: map[uint64][]plot.Fact{}}
	r := &plot.Report{Title: cmp.Or(n.Title, "A capture"), About: slices.Clone(n.About)}
	if n.Stats != nil {
		r.About = append(r.About, b.overview(n.Stats)...)
	}
	if c.untimed > 0 {
		r.About = append(r.About, fmt.Sprintf("%d packets have no time, and are in no chart over time.", c.untimed))
	}
	r.Sections = append(r.Sections, plot.Section{Title: "Packets over time", Charts: b.overTime()})
	if n.Stats != nil {
		r.Sections = append(r.Sections, b.shares(n.Stats, cmp.Or(n.Top, 20)))
	}
	if n.Totals != nil && n.Totals.Streams > 0 {
		r.Sections = append(r.Sections, b.tcp(n.Totals))
	}
	for _, s := range c.best {
		r.Sections = append(r.Sections, b.stream(s))
	}
	r.Records = b.sorted()
	return r
}
