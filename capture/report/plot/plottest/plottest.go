// Package plottest reads drawings of package plot back, for tests: which values a path is of.
package plottest

import (
	"encoding/xml"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Drawing is what was read of a chart.
type Drawing struct {
	Title  string
	Names  []string           // of the series
	Series map[string][]Point // by name
	Bars   []Bar
	// X and Y are how far off a value may be: half of the last digit of a coordinate. On a logarithmic axis it is a
	// share.
	X, Y float64
}

// Point is one value; Ranges have To.
type Point struct{ X, Y, To float64 }

// Bar is a named one, as long as its share of the longest.
type Bar struct {
	Name, Text string
	Share      float64
}

type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Inside  []element  `xml:",any"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e *element) each(visit func(*element)) {
	visit(e)
	for i := range e.Inside {
		e.Inside[i].each(visit)
	}
}

// Read reads an SVG file.
func Read(t testing.TB, name string) Drawing {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var root element
	if err := xml.Unmarshal(b, &root); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	d := Drawing{Series: map[string][]Point{}}
	var texts []string
	var paths []*element
	var data *element
	root.each(func(e *element) {
		switch {
		case e.XMLName.Local == "title":
			d.Title = e.Text
		case e.attr("class") == "legend":
			for i := range e.Inside {
				if e.Inside[i].XMLName.Local == "text" {
					d.Names = append(d.Names, e.Inside[i].Text)
				}
			}
		case e.XMLName.Local == "text" && e.attr("class") == "":
			texts = append(texts, e.Text)
		case e.attr("class") == "data":
			data = e
		case e.attr("data-series") != "":
			paths = append(paths, e)
		case e.attr("data-bar") != "":
			long := numbers(t, strings.Split(strings.TrimSuffix(e.attr("d"), "z"), "h")[1])
			d.Bars = append(d.Bars, Bar{Share: long[0] / 940})
		}
	})
	for i := range d.Bars {
		d.Bars[i].Name, d.Bars[i].Text = texts[2*i], texts[2*i+1]
	}
	if data == nil {
		return d
	}
	x, y, logs := numbers(t, data.attr("data-x")), numbers(t, data.attr("data-y")), strings.Fields(data.attr("data-log"))
	d.X, d.Y = 0.0051*(x[1]-x[0])/10000, 0.0051*(y[1]-y[0])/10000
	value := func(share float64, of []float64, log string) float64 {
		v := of[0] + share*(of[1]-of[0])
		if log == "true" {
			return math.Pow(10, v)
		}
		return v
	}
	for i, p := range paths {
		for _, at := range way(t, p.attr("d")) {
			d.Series[d.Names[i]] = append(d.Series[d.Names[i]], Point{value(at[0]/10000, x, logs[0]), value(1-at[1]/10000, y, logs[1]), value(1-at[2]/10000, y, logs[1])})
		}
	}
	return d
}

func numbers(t testing.TB, text string) (all []float64) {
	for _, s := range regexp.MustCompile(`-?[0-9][0-9.e+-]*`).FindAllString(text, -1) {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

var commands = regexp.MustCompile(`([MLHVh])(-?[0-9.]+)(?: (-?[0-9.]+))?`)

// way returns the points of a path: x, y, and the other end of a stroke.
func way(t testing.TB, d string) (all [][3]float64) {
	var x, y float64
	moved := false // since the last H
	for _, m := range commands.FindAllStringSubmatch(d, -1) {
		a, _ := strconv.ParseFloat(m[2], 64)
		b, _ := strconv.ParseFloat(m[3], 64)
		switch m[1] {
		case "M", "L":
			x, y = a, b
			all = append(all, [3]float64{x, y, y})
			moved = false
		case "H":
			x, moved = a, true
		case "V":
			if moved {
				y, moved = a, false
				all = append(all, [3]float64{x, y, y})
			} else {
				all[len(all)-1][2] = a
			}
		}
	}
	return all
}
