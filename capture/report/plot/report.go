package plot

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sockwire/capture/report/page"
)

// Report is a number of charts, and what their points lead to. Its texts may come from outside: they are shown as text.
type Report struct {
	Title    string
	About    []string // sentences under the title: what it is of, and what is left out
	Sections []Section
	Records  []Record // in the order of their numbers, those of the same Of together
}

// Section is a part of a report.
type Section struct {
	Title  string
	About  []string
	Tables []Table
	Charts []Chart
}

// Table is a few rows of text, the first column with the names of the rows.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// Record is what a page shows of a number that points lead to, at the address #OF-NUMBER.
type Record struct {
	Of     string // such as "packet"
	Number uint64
	Facts  []Fact
}

// Fact is a name and what is so called.
type Fact struct{ Name, Text string }

var (
	//go:embed report.css
	reportCSS string
	//go:embed report.js
	reportJS string
	//go:embed report.html
	reportHTML string
)

// Charts are those of all sections.
func (r *Report) Charts() []*Chart {
	var all []*Chart
	for i := range r.Sections {
		for j := range r.Sections[i].Charts {
			all = append(all, &r.Sections[i].Charts[j])
		}
	}
	return all
}

// Chart returns the chart of that name, nil if there is none.
func (r *Report) Chart(name string) *Chart {
	for _, c := range r.Charts() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// WriteHTML writes the report as a page.
func (r *Report) WriteHTML(w io.Writer) error {
	p := page.New(w, r.Title, page.Layout{Style: plotCSS + reportCSS, Script: reportJS, Body: reportHTML})
	paragraphs(p, r.About)
	for i := range r.Sections {
		s := &r.Sections[i]
		p.Write(fmt.Sprintf("<section>\n<h2 id=\"part-%d\">%s</h2>\n", i+1, page.Text(s.Title)))
		paragraphs(p, s.About)
		for j := range s.Tables {
			s.Tables[j].write(p, fmt.Sprintf("table-%d-%d", i+1, j+1))
		}
		for j := range s.Charts {
			s.Charts[j].write(p)
		}
		p.Write("</section>\n")
	}
	for _, c := range r.Charts() {
		p.Data("chart", c.data())
	}
	r.writeRecords(p)
	return p.Close()
}

func paragraphs(p *page.Writer, all []string) {
	for _, text := range all {
		p.Write("<p>" + page.Text(text) + "</p>\n")
	}
}

func (t *Table) write(p *page.Writer, id string) {
	title := t.Title
	if title == "" {
		title = "Table"
	}
	p.Write(fmt.Sprintf(`<div class="table" role="region" tabindex="0" aria-labelledby="%s"><table><caption id="%[1]s">%s</caption>`+"\n<tr>", id, page.Text(title)))
	for _, h := range t.Head {
		if h == "" {
			p.Write("<td></td>")
			continue
		}
		p.Write(`<th scope="col">` + page.Text(h) + "</th>")
	}
	p.Write("</tr>\n")
	for _, row := range t.Rows {
		p.Write("<tr>")
		for i, cell := range row {
			if i == 0 {
				p.Write(`<th scope="row">` + page.Text(cell) + "</th>")
			} else {
				p.Write("<td>" + page.Text(cell) + "</td>")
			}
		}
		p.Write("</tr>\n")
	}
	p.Write("</table></div>\n")
}

func (c *Chart) write(p *page.Writer) {
	p.Write(fmt.Sprintf(`<figure id="chart-%s"><figcaption>%s</figcaption>`+"\n", page.Text(c.Name), page.Text(c.Title)))
	paragraphs(p, c.About)
	kind := "plot"
	if len(c.Bars) > 0 {
		kind = "plot list"
	}
	p.Write(fmt.Sprintf(`<div class="%s" role="img" tabindex="0" aria-label="%s">`+"\n", kind, page.Text(c.Title)))
	p.Write(c.svg(false))
	p.Write("</div>\n</figure>\n")
}

// recordsInPiece is how many records are unpacked at once when one of them is looked at.
const recordsInPiece = 512

func (r *Report) writeRecords(p *page.Writer) {
	for list := r.Records; len(list) > 0; {
		n := 1
		for n < len(list) && n < recordsInPiece && list[n].Of == list[0].Of {
			n++
		}
		rows := make([][]any, n)
		for i := range rows {
			rows[i] = []any{list[i].Number, list[i].Facts}
		}
		p.Piece(fmt.Sprintf(`data-kind="records" data-of="%s" data-first="%d" data-last="%d"`, page.Text(list[0].Of), list[0].Number, list[n-1].Number), rows)
		list = list[n:]
	}
}

// MarshalJSON implements [encoding/json.Marshaler].
func (f Fact) MarshalJSON() ([]byte, error) { return json.Marshal([2]string{f.Name, f.Text}) }

// WriteSVGs writes each chart as NAME.svg into a folder, which is made if it is not there.
func (r *Report) WriteSVGs(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, c := range r.Charts() {
		if err := save(filepath.Join(dir, c.Name+".svg"), c.WriteSVG); err != nil {
			return err
		}
	}
	return nil
}

// Save writes the report to name: a folder of SVG drawings where that ends in /, else a page.
func (r *Report) Save(name string) error {
	if strings.HasSuffix(name, "/") {
		return r.WriteSVGs(name)
	}
	return save(name, r.WriteHTML)
}

// save writes a file. One that was there stays until the new one is whole, unless it is not a regular file.
func save(name string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err = write(f); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		f.Close()
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// data is what a page's script knows of a chart.
func (c *Chart) data() any {
	type series struct {
		Name  string         `json:"name"`
		Kind  string         `json:"kind"`
		Color Color          `json:"color"`
		X     numbers        `json:"x"`
		Y     numbers        `json:"y"`
		To    numbers        `json:"to,omitempty"`
		N     []uint64       `json:"n,omitempty"`
		Text  map[int]string `json:"text,omitempty"`
	}
	type bar struct {
		Name  string  `json:"name"`
		Value float64 `json:"value"`
		Text  string  `json:"text,omitempty"`
	}
	type axis struct {
		Label string `json:"label"`
		Unit  string `json:"unit"`
		Log   bool   `json:"log"`
		Zero  bool   `json:"zero"`
	}
	v := struct {
		Name   string   `json:"name"`
		Of     string   `json:"of"`
		X      axis     `json:"x"`
		Y      axis     `json:"y"`
		Series []series `json:"series"`
		Bars   []bar    `json:"bars,omitempty"`
	}{Name: c.Name, Of: c.Of, X: axis(c.X), Y: axis(c.Y), Series: []series{}}
	for i := range c.Series {
		from := &c.Series[i]
		s := series{Name: from.Name, Kind: kindNames[from.Kind], Color: from.Color % numColors, X: numbers{}, Y: numbers{}, Text: map[int]string{}}
		for j, p := range from.Points {
			s.X, s.Y = append(s.X, p.X), append(s.Y, p.Y)
			if from.Kind == Ranges {
				s.To = append(s.To, p.To)
			}
			if c.Of != "" {
				s.N = append(s.N, p.Number)
			}
			if p.Text != "" {
				s.Text[j] = p.Text
			}
		}
		v.Series = append(v.Series, s)
	}
	for _, b := range c.Bars {
		v.Bars = append(v.Bars, bar{b.Name, b.Value, b.Text})
	}
	return v
}

// numbers are values in JSON, a gap as null.
type numbers []float64

func (n numbers) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 12*len(n)), '[')
	for i, v := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, v, 'g', -1, 64)
		}
	}
	return append(b, ']'), nil
}

// CheckName says why a report cannot be saved under a name: it is to end in .html, or in / for a folder of drawings, and
// where it is to stand a file can be made. One is made for that, and removed.
func CheckName(name string) error {
	dir := filepath.Dir(name)
	switch {
	case strings.HasSuffix(name, "/"):
		if dir = filepath.Clean(name); !exists(dir) {
			dir = filepath.Dir(dir)
		}
	case !strings.HasSuffix(name, ".html"):
		return fmt.Errorf("%q is neither FILE.html, for a page, nor FOLDER/, for a drawing of each chart", name)
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	}
	switch info, err := os.Stat(name); {
	case err != nil || info.Mode().IsRegular():
	case !info.IsDir():
		return nil // a pipe, which is written to as it is
	case !strings.HasSuffix(name, "/"):
		return fmt.Errorf("%s is a folder: for drawings in it write %s/", name, name)
	}
	f, err := os.CreateTemp(dir, ".report.*")
	if err != nil {
		return fmt.Errorf("no file can be made in %s: %w", dir, errors.Unwrap(err))
	}
	f.Close()
	return os.Remove(f.Name())
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
