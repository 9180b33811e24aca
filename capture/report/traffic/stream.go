package traffic

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/flow"
	"sockwire/capture/report/plot"
	"sockwire/raw/wire"
)

// stream draws one stream: where its bytes stand over time, its round trips, and what is on its way.
func (b *builder) stream(r *recorder) plot.Section {
	s := r.summary
	section := plot.Section{Title: fmt.Sprintf("Stream %d: %s", s.Number, sides(s)[0])}
	found := kindsOf(s)
	if found == "" {
		found = "nothing but plain progress"
	}
	section.About = []string{fmt.Sprintf("Packets %d to %d, %s; ended: %v. Found: %s.", s.FirstPacket, s.LastPacket, plot.Short(s.Duration.Seconds(), "s"), s.End, found)}
	if r.partial {
		section.About = append(section.About, "Its beginning is not drawn: there were too many other streams then.")
	}
	if r.grain > 0 {
		section.About = append(section.About, fmt.Sprintf("Packets of one side within %s that follow each other, and of which nothing is to be said, are drawn as one.",
			plot.Short(float64(r.grain)/1e9, "s")))
	}
	if r.left > 0 {
		section.About = append(section.About, fmt.Sprintf("%d packets had no room in the drawing.", r.left))
	}
	var rows [][]string
	for _, d := range []flow.Direction{flow.Forward, flow.Backward} {
		if s.Sides[d].Bytes+s.Sides[d].Again > 0 {
			section.Charts = append(section.Charts, b.sequence(r, d))
		}
		if trips := &s.Sides[d].RoundTrips; trips.Count > 0 {
			rows = append(rows, tripRow(sides(s)[d], trips))
		}
	}
	if len(rows) > 0 {
		section.Tables = append(section.Tables, plot.Table{Title: fmt.Sprintf("Round trips of stream %d, by what was acknowledged", s.Number), Head: tripHead, Rows: rows})
		section.Charts = append(section.Charts, b.streamTrips(r))
	}
	section.Charts = append(section.Charts, b.flight(r))
	for i := range r.items {
		b.item(r, &r.items[i])
	}
	return section
}

func (r *recorder) name(what string, d flow.Direction) string {
	return fmt.Sprintf("stream-%d-%s-from-%s", r.number, what, [...]string{"client", "server"}[d&1])
}

// look is how a segment is drawn: by the verdict that says most of it.
type look struct {
	name  string
	kind  plot.Kind
	color plot.Color
}

// looks are those of segments with data, by what was found about them; the first that holds is taken.
var looks = []struct {
	look
	is func(s *flow.Verdict) bool
}{
	{look{"bad checksum", plot.Ranges, plot.Pink}, func(s *flow.Verdict) bool { return s.Kind == flow.Corrupt }},
	{look{"duplicate or copy", plot.Ranges, plot.Gray}, func(s *flow.Verdict) bool { return s.Kind == flow.Duplicate || s.Kind == flow.Copy }},
	{look{"again: timer", plot.Ranges, plot.Red}, again(flow.Timer)},
	{look{"again: SACK, duplicate ACKs", plot.Ranges, plot.Orange}, again(flow.SACK, flow.Fast)},
	{look{"again: tail loss probe", plot.Ranges, plot.Purple}, again(flow.TailProbe)},
	{look{"again: cause unknown", plot.Ranges, plot.Pink}, again(flow.Unknown)},
	{look{"reordered", plot.Ranges, plot.Teal}, func(s *flow.Verdict) bool { return s.Kind == flow.Reordered }},
}

func again(causes ...flow.Cause) func(s *flow.Verdict) bool {
	return func(s *flow.Verdict) bool {
		for _, c := range causes {
			if s.Kind == flow.Retransmission && s.Cause == c {
				return true
			}
		}
		return false
	}
}

// marks are what is marked on a segment or an acknowledgement, besides how it is drawn.
var marks = []struct {
	kind  flow.Kind
	name  string
	color plot.Color
}{
	{flow.LostBehind, "lost behind here", plot.Red}, {flow.LostBefore, "lost before here", plot.Pink}, {flow.Missed, "missed by the capture", plot.Gray},
	{flow.Spurious, "needless", plot.Purple}, {flow.DuplicateAck, "duplicate ACK", plot.Orange}, {flow.ZeroWindow, "zero window", plot.Red},
	{flow.WindowFull, "window full", plot.Orange}, {flow.WindowProbe, "window probe", plot.Teal}, {flow.KeepAlive, "keep-alive", plot.Teal},
	{flow.Undecided, "undecided", plot.Gray},
}

// seriesList are series by name, in the order in which they came.
type seriesList []plot.Series

func (l *seriesList) add(k look, p plot.Point) {
	for i := range *l {
		if (*l)[i].Name == k.name {
			(*l)[i].Points = append((*l)[i].Points, p)
			return
		}
	}
	*l = append(*l, plot.Series{Name: k.name, Kind: k.kind, Color: k.color, Points: []plot.Point{p}})
}

func words(list []flow.Verdict) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, "; ")
}

// sequence draws the bytes of one direction, and what the other side said of them.
func (b *builder) sequence(r *recorder, d flow.Direction) plot.Chart {
	c := plot.Chart{Name: r.name("sequence", d), Title: "Sequence numbers " + sides(r.summary)[d], Of: packetOf, X: timeAxis,
		Y:     plot.Axis{Label: "bytes of the stream", Unit: "B", Zero: true},
		About: []string{"Upright strokes are segments, from their first byte to their last. The receiver has acknowledged all below the line, and takes what is below the other."}}
	var data, told seriesList
	acks := plot.Series{Name: "acknowledged", Kind: plot.Steps, Color: plot.Green}
	window := plot.Series{Name: "window", Kind: plot.Steps, Color: plot.Gray}
	for i := range r.items {
		it := &r.items[i]
		x, said := b.since(it.time), r.said[it.number]
		p := plot.Point{X: x, Number: it.number, Text: words(said)}
		y := float64(it.to)
		if it.side == d {
			if it.to > it.from {
				p.Y, p.To = float64(it.from), float64(it.to)
				data.add(segmentLook(said), p)
			}
		} else if it.ack >= 0 {
			y = float64(it.ack)
			acks.Points = append(acks.Points, plot.Point{X: x, Y: y, Number: it.number})
			window.Points = append(window.Points, plot.Point{X: x, Y: float64(it.ack + it.window), Number: it.number})
			for _, block := range r.sacks[it.sack[0]:it.sack[1]] {
				told.add(look{"selected (SACK)", plot.Ranges, plot.Teal}, plot.Point{X: x, Y: float64(block[0]), To: float64(block[1]), Number: it.number})
			}
		}
		for _, s := range said {
			if s.Direction != it.side {
				continue
			}
			for _, m := range marks {
				if m.kind == s.Kind && (it.side == d) == (it.to > it.from) {
					told.add(look{m.name, plot.Points, m.color}, plot.Point{X: x, Y: y, Number: it.number, Text: s.String()})
				}
			}
		}
	}
	if len(window.Points) > 0 {
		c.Series = append(c.Series, window, acks)
	}
	c.Series = append(append(c.Series, data...), told...)
	return c
}

func segmentLook(list []flow.Verdict) look {
	for i := range looks {
		for j := range list {
			if looks[i].is(&list[j]) {
				return looks[i].look
			}
		}
	}
	return look{"data", plot.Ranges, plot.Blue}
}

// streamTrips draws the round trips of both directions.
func (b *builder) streamTrips(r *recorder) plot.Chart {
	c := plot.Chart{Name: fmt.Sprintf("stream-%d-round-trips", r.number), Title: fmt.Sprintf("Round trips of stream %d", r.number), Of: packetOf, X: timeAxis,
		Y:     plot.Axis{Label: "round trip", Unit: "s", Log: true},
		About: []string{"From a segment to its acknowledgement, which a point leads to. Of packets that are drawn as one, the longest."}}
	for _, d := range []flow.Direction{flow.Forward, flow.Backward} {
		s := plot.Series{Name: sides(r.summary)[d], Kind: plot.Points, Color: [...]plot.Color{plot.Blue, plot.Orange}[d]}
		for i := range r.items {
			if it := &r.items[i]; it.side != d && it.trip >= 0 {
				s.Points = append(s.Points, plot.Point{X: b.since(it.time), Y: float64(it.trip) / 1e9, Number: it.number})
			}
		}
		if len(s.Points) > 0 {
			c.Series = append(c.Series, s)
		}
	}
	return c
}

// flight draws how many bytes are on their way, at the place of the capture.
func (b *builder) flight(r *recorder) plot.Chart {
	c := plot.Chart{Name: fmt.Sprintf("stream-%d-in-flight", r.number), Title: fmt.Sprintf("Bytes on their way in stream %d", r.number), Of: packetOf, X: timeAxis,
		Y: plot.Axis{Label: "sent and not acknowledged", Unit: "B", Zero: true}, About: []string{"As seen from the place of the capture."}}
	for _, d := range []flow.Direction{flow.Forward, flow.Backward} {
		if r.summary.Sides[d].Segments == 0 {
			continue
		}
		s := plot.Series{Name: sides(r.summary)[d], Kind: plot.Steps, Color: [...]plot.Color{plot.Blue, plot.Orange}[d]}
		for i := range r.items {
			it := &r.items[i]
			y := it.flight
			if it.side != d {
				y = it.cleared
			}
			s.Points = append(s.Points, plot.Point{X: b.since(it.time), Y: float64(y), Number: it.number})
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// item notes what is known of a packet.
func (b *builder) item(r *recorder, it *item) {
	b.about(it.number, "time", clock(it.time))
	b.about(it.number, "line", r.line(it))
	if it.count > 1 {
		b.about(it.number, "with", fmt.Sprintf("%d packets up to #%d that follow it", it.count-1, it.last))
	}
	for _, s := range r.said[it.number] {
		b.about(it.number, "verdict", s.String())
	}
	b.about(it.number, "stream", strconv.FormatUint(r.number, 10))
	if it.trip >= 0 {
		b.about(it.number, "round trip", time.Duration(it.trip).String())
	}
	if it.to > it.from {
		b.about(it.number, "in flight", fmt.Sprintf("%d bytes", it.flight))
	}
}

// line says what the packet said, in the form that pktview prints, with the window in bytes.
func (r *recorder) line(it *item) string {
	ends := [2]string{end(r.summary.Client), end(r.summary.Server)}
	line := fmt.Sprintf("%s > %s: Flags [%v]", ends[it.side], ends[it.side.Other()], it.flags)
	if it.to > it.from {
		line += fmt.Sprintf(", seq %d:%d", it.from+1, it.to+1)
	} else if it.flags&(wire.SYN|wire.FIN|wire.RST) != 0 {
		line += fmt.Sprintf(", seq %d", it.from+1)
	}
	if it.ack >= 0 {
		line += fmt.Sprintf(", ack %d, window %d bytes", it.ack+1, it.window)
	}
	if blocks := r.sacks[it.sack[0]:it.sack[1]]; len(blocks) > 0 {
		line += ", sack"
		for _, s := range blocks {
			line += fmt.Sprintf(" {%d:%d}", s[0]+1, s[1]+1)
		}
	}
	return line + fmt.Sprintf(", length %d", it.to-it.from)
}
