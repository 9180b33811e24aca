package traffic

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/flow"
	"sockwire/capture/report/plot"
	"sockwire/capture/stats"
)

// packetOf is what points lead to.
const packetOf = "packet"

// builder makes a report's parts, and gathers what their points lead to.
type builder struct {
	c       *Collector
	records map[uint64][]plot.Fact
}

// since is a time on the axis, in seconds from the first packet.
func (b *builder) since(at int64) float64 { return float64(at-b.c.start) / 1e9 }

func clock(at int64) string {
	return time.Unix(0, at).UTC().Format("2006-01-02 15:04:05.000000000 UTC")
}

// about notes a fact of a packet, unless it is known.
func (b *builder) about(number uint64, name, text string) {
	if number == 0 || text == "" {
		return
	}
	for _, f := range b.records[number] {
		if f.Name == name && (name == "time" || name == "line" || f.Text == text) {
			return
		}
	}
	b.records[number] = append(b.records[number], plot.Fact{Name: name, Text: text})
}

func (b *builder) sorted() []plot.Record {
	all := make([]plot.Record, 0, len(b.records))
	for n, facts := range b.records {
		all = append(all, plot.Record{Of: packetOf, Number: n, Facts: facts})
	}
	slices.SortFunc(all, func(a, b plot.Record) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

func (b *builder) overview(s *stats.Collector) []string {
	total, span := s.Total(), s.Span()
	text := fmt.Sprintf("%s packets, %s on the wire", plot.Short(float64(total.Packets), ""), plot.Short(float64(total.Bytes), "B"))
	if !span.First.IsZero() {
		text += fmt.Sprintf(", from %s for %s", clock(span.First.UnixNano()), plot.Short(span.Duration().Seconds(), "s"))
	}
	about := []string{text + ". Times in the charts count from the first packet."}
	if n := s.Drops(); n > 0 {
		about = append(about, fmt.Sprintf("The capture lost %d packets, by its own account.", n))
	}
	return about
}

var classes = [numClasses]struct {
	name  string
	color plot.Color
}{{"all", plot.Gray}, {"TCP", plot.Blue}, {"UDP", plot.Orange}, {"others", plot.Purple}}

// steps turns bins into steps, with a step to 0 where bins were empty at the end.
func (b *builder) steps(n int, start func(i int) int64, value func(i int) (y float64, number uint64, text string)) []plot.Point {
	points := make([]plot.Point, 0, n+1)
	for i := range n {
		y, number, text := value(i)
		points = append(points, plot.Point{X: b.since(start(i)), Y: y, Number: number, Text: text})
	}
	if n > 0 {
		points = append(points, plot.Point{X: b.since(start(n)), Y: 0})
	}
	return points
}

// overTime draws packets and bits.
func (b *builder) overTime() []plot.Chart {
	list := b.c.packets.list
	width := float64(b.c.packets.width) / 1e9
	about := []string{"Each step is " + plot.Short(width, "s") + ", and leads to the first packet in it."}
	packets := plot.Chart{Name: "packets", Title: "Packets a second", About: about, Of: packetOf, X: timeAxis, Y: plot.Axis{Label: "packets a second", Zero: true}}
	bits := plot.Chart{Name: "bits", Title: "Bits a second", About: about, Of: packetOf, X: timeAxis, Y: plot.Axis{Label: "bits a second, on the wire", Unit: "bit/s", Zero: true}}
	for class, of := range classes {
		if class > 0 && !slices.ContainsFunc(list, func(n counted) bool { return n.packets[class] > 0 && n.packets[class] < n.packets[0] }) {
			continue
		}
		add := func(to *plot.Chart, value func(n *counted) (float64, string)) {
			to.Series = append(to.Series, plot.Series{Name: of.name, Kind: plot.Steps, Color: of.color, Points: b.steps(len(list), b.c.packets.start,
				func(i int) (float64, uint64, string) {
					y, text := value(&list[i])
					return y / width, list[i].first, text
				})})
		}
		add(&packets, func(n *counted) (float64, string) {
			return float64(n.packets[class]), strconv.FormatUint(n.packets[class], 10) + " packets"
		})
		add(&bits, func(n *counted) (float64, string) {
			return 8 * float64(n.bytes[class]), strconv.FormatUint(n.bytes[class], 10) + " bytes"
		})
	}
	for i := range list {
		if n := &list[i]; n.first != 0 {
			b.about(n.first, "time", clock(n.firstTime))
			b.about(n.first, "line", n.line)
		}
	}
	all := []plot.Chart{packets, bits}
	if slices.ContainsFunc(list, func(n counted) bool { return n.drops > 0 }) {
		all = append(all, plot.Chart{Name: "drops", Title: "Packets that the capture lost", About: []string{"As the capture itself tells."}, Of: packetOf,
			X: timeAxis, Y: plot.Axis{Label: "packets", Zero: true}, Series: []plot.Series{{Name: "lost", Kind: plot.Steps, Color: plot.Red,
				Points: b.steps(len(list), b.c.packets.start, func(i int) (float64, uint64, string) { return float64(list[i].drops), list[i].first, "" })}}})
	}
	return all
}

var timeAxis = plot.Axis{Label: "after the first packet", Unit: "s"}

// shares draws protocols and conversations.
func (b *builder) shares(s *stats.Collector, top int) plot.Section {
	protocols := plot.Chart{Name: "protocols", Title: "Protocols, by bytes on the wire", Y: plot.Axis{Label: "bytes", Unit: "B"},
		About: []string{"Each with all that is in it. The part in another colour is of packets that end with it."}}
	var walk func(list []*stats.Protocol, path string)
	walk = func(list []*stats.Protocol, path string) {
		for _, p := range list {
			name := path + p.Type.String()
			if p.Port != 0 {
				name += fmt.Sprintf(", port %d", p.Port)
			}
			protocols.Bars = append(protocols.Bars, plot.Bar{Name: name, Value: float64(p.Bytes), Part: float64(p.End.Bytes),
				Text: fmt.Sprintf("%d packets", p.Packets)})
			walk(p.Children, path+p.Type.String()+" › ")
		}
	}
	walk(s.Protocols(), "")
	if n := len(protocols.Bars); n > 40 {
		slices.SortStableFunc(protocols.Bars, func(a, b plot.Bar) int { return cmp.Compare(b.Value, a.Value) })
		protocols.Bars = protocols.Bars[:40]
		protocols.About = append(protocols.About, fmt.Sprintf("The 40 with the most bytes, of %d.", n))
	}
	list := s.Conversations()
	talks := plot.Chart{Name: "conversations", Title: "Conversations, by bytes on the wire", Y: plot.Axis{Label: "bytes", Unit: "B"},
		About: []string{"The part in another colour is what the first end sent."}}
	slices.SortStableFunc(list, func(a, b stats.Conversation) int { return cmp.Compare(b.Total().Bytes, a.Total().Bytes) })
	if len(list) > top {
		talks.About = append(talks.About, fmt.Sprintf("The %d with the most bytes, of %d.", top, len(list)))
		list = list[:top]
	}
	if n := s.Untracked(); n.Packets > 0 {
		talks.About = append(talks.About, fmt.Sprintf("%d packets of conversations beyond the first %d are in none.", n.Packets, stats.DefaultLimit))
	}
	for _, t := range list {
		talks.Bars = append(talks.Bars, plot.Bar{Name: fmt.Sprintf("%s ↔ %s %s", end(t.A), end(t.B), protocolName(t.Protocol)),
			Value: float64(t.Total().Bytes), Part: float64(t.AtoB.Bytes), Text: fmt.Sprintf("%d → and %d ← packets", t.AtoB.Packets, t.BtoA.Packets)})
	}
	section := plot.Section{Title: "Protocols and conversations"}
	for _, c := range []plot.Chart{protocols, talks} {
		if len(c.Bars) > 0 {
			section.Charts = append(section.Charts, c)
		}
	}
	return section
}

func end(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return net.JoinHostPort(a.Addr().String(), strconv.Itoa(int(a.Port())))
}

func protocolName(p uint8) string {
	switch p {
	case 1, 58:
		return "ICMP"
	case 6:
		return "TCP"
	case 17:
		return "UDP"
	case 132:
		return "SCTP"
	}
	return fmt.Sprintf("IP protocol %d", p)
}

// tcp draws what all streams together show.
func (b *builder) tcp(t *flow.Totals) plot.Section {
	section := plot.Section{Title: "TCP", About: []string{fmt.Sprintf("%d streams, %d of them from their beginning; %d segments with data, %s of them; %s sent again, %s missing.",
		t.Streams, t.Complete, t.Segments, plot.Short(float64(t.Bytes), "B"), plot.Short(float64(t.Again), "B"), plot.Short(float64(t.Missing), "B"))}}
	if c := b.events(); len(c.Series) > 0 {
		section.Charts = append(section.Charts, c)
	}
	if b.c.all.Count > 0 {
		section.Tables = append(section.Tables, plot.Table{Title: "Round trips, from a segment to its acknowledgement, as seen at the place of the capture",
			Head: tripHead, Rows: [][]string{tripRow("handshakes", &t.Handshakes), tripRow("round trips", &t.RoundTrips)}})
		section.Charts = append(section.Charts, b.tripsOverTime(), distribution(&b.c.all))
	}
	return section
}

var tripHead = []string{"", "count", "min", "median", "90 %", "99 %", "max", "mean"}

func tripRow(name string, r *flow.RoundTrips) []string {
	row := []string{name, strconv.FormatUint(r.Count, 10)}
	for _, d := range []time.Duration{r.Min, r.Percentile(50), r.Percentile(90), r.Percentile(99), r.Max, r.Mean()} {
		row = append(row, plot.Short(d.Seconds(), "s"))
	}
	return row
}

// events draws what went wrong over time.
func (b *builder) events() plot.Chart {
	list := b.c.events.list
	c := plot.Chart{Name: "events", Title: "What went wrong over time", Of: packetOf, X: timeAxis, Y: plot.Axis{Label: "packets", Zero: true}}
	if len(list) > 0 {
		c.About = []string{"Each point counts what was found in " + plot.Short(float64(b.c.events.width)/1e9, "s") + ", and leads to the first packet that it is about. What is taken back later counts below 0."}
	}
	for k, kind := range eventKinds {
		s := plot.Series{Name: kind.String(), Kind: plot.Points, Color: kindColors[kind]}
		for i := range list {
			if n := list[i].counts[k]; n != 0 {
				s.Points = append(s.Points, plot.Point{X: b.since(b.c.events.start(i)), Y: float64(n), Number: list[i].first[k]})
			}
		}
		if len(s.Points) > 0 {
			c.Series = append(c.Series, s)
		}
	}
	return c
}

var kindColors = map[flow.Kind]plot.Color{
	flow.Retransmission: plot.Orange, flow.LostBefore: plot.Red, flow.LostBehind: plot.Pink, flow.Missed: plot.Gray, flow.Reordered: plot.Purple,
	flow.DuplicateAck: plot.Teal, flow.ZeroWindow: plot.Blue, flow.Corrupt: plot.Green,
}

// tripsOverTime draws percentiles of the round trips.
func (b *builder) tripsOverTime() plot.Chart {
	list := b.c.trips.list
	width := plot.Short(float64(b.c.trips.width)/1e9, "s")
	c := plot.Chart{Name: "round-trips", Title: "Round trips over time", Of: packetOf, X: timeAxis, Y: plot.Axis{Label: "round trip", Unit: "s", Log: true},
		About: []string{"Of all streams together, in pieces of " + width + ". The longest leads to the packet that acknowledged so late; percentiles are to within 7 %."}}
	median := plot.Series{Name: "median", Kind: plot.Points, Color: plot.Blue}
	high := plot.Series{Name: "90 %", Kind: plot.Points, Color: plot.Purple}
	longest := plot.Series{Name: "longest", Kind: plot.Points, Color: plot.Orange}
	for i := range list {
		n := &list[i]
		if n.trips.Count == 0 {
			continue
		}
		x, text := b.since(b.c.trips.start(i)), fmt.Sprintf("of %d", n.trips.Count)
		median.Points = append(median.Points, plot.Point{X: x, Y: n.trips.Percentile(50).Seconds(), Number: n.number, Text: text})
		high.Points = append(high.Points, plot.Point{X: x, Y: n.trips.Percentile(90).Seconds(), Number: n.number, Text: text})
		longest.Points = append(longest.Points, plot.Point{X: x, Y: float64(n.longest) / 1e9, Number: n.number, Text: text})
		b.about(n.number, "time", clock(n.at))
		b.about(n.number, "round trip", time.Duration(n.longest).String())
	}
	c.Series = []plot.Series{longest, high, median}
	return c
}

// distribution draws which share of round trips is below a time.
func distribution(r *flow.RoundTrips) plot.Chart {
	s := plot.Series{Name: "round trips", Kind: plot.Line, Color: plot.Blue}
	for i := range 201 {
		p := float64(i) / 2
		if y := r.Percentile(p).Seconds(); y > 0 {
			s.Points = append(s.Points, plot.Point{X: y, Y: p})
		}
	}
	s.Points = append(s.Points, plot.Point{X: r.Percentile(99.9).Seconds(), Y: 99.9}, plot.Point{X: r.Max.Seconds(), Y: 100})
	slices.SortStableFunc(s.Points, func(a, b plot.Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	return plot.Chart{Name: "round-trip-distribution", Title: "How many round trips took at most so long", X: plot.Axis{Label: "round trip", Unit: "s", Log: true},
		Y: plot.Axis{Label: "share of all", Unit: "%", Zero: true}, About: []string{"To within 7 %."}, Series: []plot.Series{s}}
}

func sides(s *flow.Summary) [2]string {
	return [2]string{end(s.Client) + " → " + end(s.Server), end(s.Server) + " → " + end(s.Client)}
}

func kindsOf(s *flow.Summary) string {
	var parts []string
	for _, k := range flow.Kinds() {
		if n := s.Count(k); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, k))
		}
	}
	return strings.Join(parts, ", ")
}
