package plot

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sockwire/capture/report/page"
)

// Chart is one drawing. Its texts may come from outside: they are shown as text.
type Chart struct {
	Name  string   // of its file, and in addresses: letters, digits and -
	Title string   // what it shows
	About []string // sentences: how to read it, and what is left out
	X, Y  Axis
	// Of is what the numbers of its points are of, such as "packet"; "" if they lead nowhere.
	Of     string
	Series []Series
	// Bars makes it a list of named bars, in the unit of Y, instead of a plot with axes.
	Bars []Bar
}

// Series are points that belong together. They should be in the order of X.
type Series struct {
	Name   string
	Kind   Kind
	Color  Color
	Points []Point
}

// Kind is how a series is drawn.
type Kind uint8

// Kinds.
const (
	Line   Kind = iota // from point to point
	Steps              // each point holds until the next
	Points             // dots
	Ranges             // upright from Y to To
)

var kindNames = [...]string{"line", "steps", "points", "ranges"}

// Color is one of those that can be told apart, in light and in dark.
type Color uint8

// Colors.
const (
	Blue Color = iota
	Gray
	Orange
	Red
	Green
	Purple
	Teal
	Pink
	numColors
)

// Point is one value.
type Point struct {
	X, Y   float64
	To     float64 // of Ranges
	Number uint64  // what it leads to, 0 for nothing
	Text   string  // said of it besides its values
}

// Bar is one of a list, with a part of it that stands out.
type Bar struct {
	Name  string
	Value float64
	Part  float64 // of Value, drawn in another colour; 0 for none
	Text  string  // said of it besides its value
}

// unit is how many parts a plot has each way, in the coordinates of its paths.
const unit = 10000

// The size of a drawing, in pixels. The script of a page has the same numbers.
const (
	width, height  = 960, 340
	left, right    = 74, 14
	top, bottom    = 10, 40
	charWidth      = 6.6
	legendLine     = 18
	barLine        = 34
	marksX, marksY = 8, 6
	titleLine      = 24
	keyWidth       = 18
)

//go:embed plot.css
var plotCSS string

// WriteSVG writes the chart as a drawing on its own.
func (c *Chart) WriteSVG(w io.Writer) error {
	_, err := io.WriteString(w, c.svg(true))
	return err
}

// svg draws the chart, with title and style of its own if it is to stand alone.
func (c *Chart) svg(alone bool) string {
	var b strings.Builder
	d := drawing{b: &b, c: c}
	y := float64(top)
	if alone {
		y += titleLine
	}
	if len(c.Bars) > 0 {
		d.begin(alone, y+float64(len(c.Bars))*barLine+bottom/2)
		d.bars(y)
	} else {
		legend := d.legendHeight()
		d.begin(alone, y+legend+height)
		d.legend(y)
		d.plot(y + legend)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// domains returns the ranges of the axes.
func (c *Chart) domains() (x, y domain) {
	all := func(of func(p *Point, ranges bool, yield func(float64))) func(func(float64)) {
		return func(yield func(float64)) {
			for i := range c.Series {
				for j := range c.Series[i].Points {
					of(&c.Series[i].Points[j], c.Series[i].Kind == Ranges, yield)
				}
			}
		}
	}
	x = c.X.domainOf(all(func(p *Point, _ bool, yield func(float64)) { yield(p.X) }))
	y = c.Y.domainOf(all(func(p *Point, ranges bool, yield func(float64)) {
		yield(p.Y)
		if ranges {
			yield(p.To)
		}
	}))
	return x, y
}

type drawing struct {
	b *strings.Builder
	c *Chart
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d.b, format, args...) }

func (d *drawing) begin(alone bool, high float64) {
	if !alone {
		d.printf(`<svg class="chart" viewBox="0 0 %d %v" aria-hidden="true">`+"\n", width, high)
		return
	}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="%d" height="%v" viewBox="0 0 %d %v" role="img">`+"\n",
		width, high, width, high)
	d.printf("<title>%s</title>\n<desc>%s</desc>\n<style>%s</style>\n", page.Text(d.c.Title), page.Text(strings.Join(d.c.About, " ")), plotCSS)
	d.printf(`<rect class="paper" width="%d" height="%v"/>`+"\n", width, high)
	d.printf(`<text class="title" x="%d" y="%d">%s</text>`+"\n", top, top+12, page.Text(d.c.Title))
}

// keyed calls place for each entry of the legend.
func (d *drawing) keyed(place func(i int, x, y float64)) (lines int) {
	x, y := float64(left), 0.0
	for i := range d.c.Series {
		w := keyWidth + 14 + charWidth*float64(utf8.RuneCountInString(d.c.Series[i].Name))
		if x+w > width && x > left {
			x, y = left, y+legendLine
		}
		place(i, x, y)
		x += w
	}
	return int(y/legendLine) + 1
}

func (d *drawing) legendHeight() float64 {
	return legendLine * float64(d.keyed(func(int, float64, float64) {}))
}

func (d *drawing) legend(at float64) {
	d.printf(`<g class="legend">` + "\n")
	d.keyed(func(i int, x, y float64) {
		s := &d.c.Series[i]
		y += at + 8
		d.printf(`<path class="%s" d="M%v %vh%v"/><text x="%v" y="%v">%s</text>`+"\n", s.class(), x, y, s.keyLength(), x+keyWidth, y+4, page.Text(s.Name))
	})
	d.printf("</g>\n")
}

// keyLength is how long a series is drawn in the legend.
func (s *Series) keyLength() float64 {
	if s.Kind == Points || s.Kind == Ranges {
		return 0.01
	}
	return keyWidth - 6
}

func (s *Series) class() string { return fmt.Sprintf("%s c%d", kindNames[s.Kind], s.Color%numColors) }

// plot draws the axes, and the series in a frame of their own that cuts off what is outside.
func (d *drawing) plot(y0 float64) {
	c := d.c
	x, y := c.domains()
	const w, h = width - left - right, height - bottom
	d.printf(`<g class="axes">` + "\n")
	for _, t := range c.Y.ticks(y, marksY) {
		at := round(y0 + h*(y.hi-t.at)/(y.hi-y.lo))
		d.printf(`<path class="grid" d="M%d %vh%d"/><text x="%d" y="%v" text-anchor="end">%s</text>`+"\n", left, at, w, left-6, at+4, t.text)
	}
	for _, t := range c.X.ticks(x, marksX) {
		at := round(left + w*(t.at-x.lo)/(x.hi-x.lo))
		d.printf(`<path class="grid" d="M%v %vv%d"/><text x="%v" y="%v" text-anchor="middle">%s</text>`+"\n", at, y0, h, at, y0+h+16, t.text)
	}
	d.printf(`<text class="label" x="%d" y="%v" text-anchor="end">%s</text>`+"\n", width-right, y0+h+32, page.Text(c.X.Label))
	d.printf(`<text class="label" x="%d" y="%v">%s</text>`+"\n</g>\n", left+6, y0+12, page.Text(c.Y.Label))
	d.printf(`<svg class="data" x="%d" y="%v" width="%d" height="%d" viewBox="0 0 %d %d" preserveAspectRatio="none" data-x="%v %v" data-y="%v %v" `+
		`data-log="%v %v">`+"\n", left, y0, w, h, unit, unit, x.lo, x.hi, y.lo, y.hi, c.X.Log, c.Y.Log)
	for i := range c.Series {
		s := &c.Series[i]
		d.printf(`<path class="%s" data-series="%d" d="`, s.class(), i)
		d.path(s, x, y)
		d.printf(`"/>` + "\n")
	}
	d.printf("</svg>\n")
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// path writes the way of a series.
func (d *drawing) path(s *Series, x, y domain) {
	b := make([]byte, 0, 16*len(s.Points))
	number := func(command byte, v float64) {
		b = append(b, command)
		b = strconv.AppendFloat(b, math.Round(100*min(max(v, -unit), 2*unit))/100, 'f', -1, 64)
	}
	across := func(v float64) float64 { return unit * (d.c.X.scaled(v) - x.lo) / (x.hi - x.lo) }
	down := func(v float64) float64 { return unit * (y.hi - d.c.Y.scaled(v)) / (y.hi - y.lo) }
	begun := false
	for i := range s.Points {
		p := &s.Points[i]
		if math.IsNaN(p.Y) || math.IsNaN(p.X) { // a gap
			begun = false
			continue
		}
		switch {
		case s.Kind == Points:
			number('M', across(p.X))
			number(' ', down(p.Y))
			b = append(b, "h0"...)
		case s.Kind == Ranges:
			number('M', across(p.X))
			number(' ', down(p.Y))
			number('V', down(p.To))
		case !begun:
			number('M', across(p.X))
			number(' ', down(p.Y))
		case s.Kind == Steps:
			number('H', across(p.X))
			number('V', down(p.Y))
		default:
			number('L', across(p.X))
			number(' ', down(p.Y))
		}
		begun = true
	}
	d.b.Write(b)
}

// bars draws a list of bars, each with its name above.
func (d *drawing) bars(y float64) {
	most := slices.MaxFunc(d.c.Bars, func(a, b Bar) int { return int(math.Copysign(1, a.Value-b.Value)) }).Value
	for i, bar := range d.c.Bars {
		at := y + barLine*float64(i)
		text := Short(bar.Value, d.c.Y.Unit)
		if bar.Text != "" {
			text += ", " + bar.Text
		}
		long := round((width - 2*top) * bar.Value / max(most, math.SmallestNonzeroFloat64))
		d.printf(`<text x="%d" y="%v">%s</text><text x="%d" y="%v" text-anchor="end">%s</text>`+"\n", top, at+12, page.Text(bar.Name), width-top, at+12, page.Text(text))
		d.printf(`<path class="bar c0" data-bar="%d" d="M%d %vh%vv10h-%vz"/>`+"\n", i, top, at+17, long, long)
		if bar.Part > 0 {
			part := round((width - 2*top) * bar.Part / most)
			d.printf(`<path class="bar c2" d="M%d %vh%vv10h-%vz"/>`+"\n", top, at+17, part, part)
		}
	}
}
