package runs

import "sockwire/capture/report/plot"

// Report draws a run, or two beside each other, the second for comparison; other may be nil.
func Report(title string, run, other *Run) *plot.Report {
	r := &plot.Report{Title: title}
	all := []*Run{run}
	if other != nil {
		all = append(all, other)
		r.About = append(r.About, Compare(run, other).Sentences()...)
	}
	for _, x := range all {
		r.About = append(r.About, x.overview()...)
	}
	over := plot.Section{Title: "Over time"}
	for i, x := range all {
		if c := x.overTime(i); len(c.Series) > 0 {
			over.Charts = append(over.Charts, c)
		}
		over.Charts = append(over.Charts, x.overPieces(i)...)
	}
	if len(over.Charts) > 0 {
		r.Sections = append(r.Sections, over)
	}
	spread := plot.Section{Title: "How round trips are spread", Tables: []plot.Table{table(all)}}
	if c := distribution(all); len(c.Series) > 0 {
		spread.Charts = append(spread.Charts, c)
	}
	r.Sections = append(r.Sections, spread)
	if t := delayTable(all); len(t.Rows) > 0 {
		r.Sections = append(r.Sections, plot.Section{Title: "How one-way delays are spread", Tables: []plot.Table{t}})
	}
	if c := losses(all); len(c.Bars) > 0 {
		r.Sections = append(r.Sections, plot.Section{Title: "Losses by cause", Charts: []plot.Chart{c}})
	}
	for i, x := range all {
		r.Records = append(r.Records, x.records(i)...)
	}
	return r
}
