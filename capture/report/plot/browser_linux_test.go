package plot_test

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture/report/browsertest"
	"sockwire/capture/report/plot"
)

// hostile is text that a page must show as text.
const hostile = "<script>document.title='owned'</script></script><img src=x onerror=alert(1)>\x1b[2J\u202egnp.exe"

// sample is a report with each kind of chart.
func sample() *plot.Report {
	r := &plot.Report{Title: "A report " + hostile, About: []string{"About it. " + hostile}}
	waves := plot.Chart{Name: "waves", Title: "Waves " + hostile, Of: "packet", X: plot.Axis{Label: "time", Unit: "s"}, Y: plot.Axis{Label: "height", Unit: "B", Zero: true}}
	for k := range 4 {
		s := plot.Series{Name: fmt.Sprintf("series %d %s", k, hostile[:20]), Kind: plot.Kind(k), Color: plot.Color(k)}
		for i := range 50 {
			y := 1000 * (2 + math.Sin(float64(i+10*k)/5))
			s.Points = append(s.Points, plot.Point{X: float64(i) / 1000, Y: y, To: y + 100, Number: uint64(1 + i + 100*k), Text: hostile})
		}
		waves.Series = append(waves.Series, s)
	}
	trips := plot.Chart{Name: "trips", Title: "Trips", X: plot.Axis{Label: "time", Unit: "s"}, Y: plot.Axis{Label: "round trip", Unit: "s", Log: true},
		Series: []plot.Series{{Name: "trips", Kind: plot.Points, Points: []plot.Point{{X: 0, Y: 1e-5}, {X: 1, Y: 0.3}}}}}
	bars := plot.Chart{Name: "bars", Title: "Bars", Y: plot.Axis{Label: "bytes", Unit: "B"}, Bars: []plot.Bar{{Name: hostile, Value: 3000, Part: 1000, Text: hostile}, {Name: "b", Value: 10}}}
	r.Sections = []plot.Section{{Title: "Part " + hostile, Charts: []plot.Chart{waves, trips},
		Tables: []plot.Table{{Title: "A table", Head: []string{"", "count"}, Rows: [][]string{{hostile, "1"}}}}}, {Title: "Bars", Charts: []plot.Chart{bars}}}
	for n := range uint64(900) { // more than a piece
		r.Records = append(r.Records, plot.Record{Of: "packet", Number: n + 1, Facts: []plot.Fact{{Name: "line", Text: fmt.Sprintf("line %d %s", n+1, hostile)}, {Name: "verdict", Text: "again: #12"}}})
	}
	return r
}

func pageFile(t testing.TB, r *plot.Report) string {
	name := filepath.Join(t.TempDir(), "page.html")
	if err := r.Save(name); err != nil {
		t.Fatal(err)
	}
	return name
}

const helpers = `
	const wait = ms => new Promise(r => setTimeout(r, ms)), $ = id => document.getElementById(id);
	const until = async f => { for (let i = 0; i < 2000 && !f(); i++) await wait(5); return !!f(); };
	const figure = $('chart-waves'), box = figure.querySelector('.plot'), frame = box.querySelector('svg.data');
	const key = (k, on) => (on || box).dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true, cancelable: true}));
	const facts = async name => { await until(() => $('detail').dataset.of === name); return [...$('detail').querySelectorAll('dd')].map(d => d.textContent).join('|'); };`

// In a browser every point leads to what it is of, keys and mouse do what they say, text is text, nothing is asked of a
// network.
func TestReportInBrowser(t *testing.T) {
	b := browsertest.Start(t)
	p := b.Open(t, pageFile(t, sample()), 1600, 1000)
	for name, script := range map[string]string{
		"address": `location.hash = '#packet-137'; const got = await facts('packet-137');
			return got.includes('line 137 <script>') && got.includes('\\u001b[2J\\u202egnp') && got.includes('series 1') && box.querySelectorAll('.mark').length === 1`,
		"a number leads on": `location.hash = '#packet-3'; await facts('packet-3'); $('detail').querySelector('a').click(); return (await facts('packet-12')).includes('line 12 ')`,
		"nothing known":     `location.hash = '#packet-5000'; await facts('packet-5000'); return $('detail').textContent.includes('nothing about it')`,
		"keys": `box.focus(); key('ArrowRight'); key('Home'); key('ArrowRight'); key('ArrowRight');
			const third = box.getAttribute('aria-valuetext'); key('ArrowDown'); key('End'); const other = box.getAttribute('aria-valuetext');
			key('Enter'); const ok = (await facts('packet-150')).includes('line 150') && document.activeElement.id === 'detail';
			key('Escape', $('detail'));
			return ok && third.includes('packet 3') && other.startsWith('series 1') && document.activeElement === box && box.querySelectorAll('.spot').length === 1`,
		"zoom": `key('Home'); const all = frame.getAttribute('viewBox'); key('+'); key('+'); const near = frame.getAttribute('viewBox').split(' ').map(Number);
			key('0'); return Math.abs(near[2] - 2500) < 1 && frame.getAttribute('viewBox') === all`,
		"pull": `const r = box.querySelector('svg').getBoundingClientRect(), all = frame.getAttribute('viewBox');
			const mouse = (type, x) => box.querySelector('svg').dispatchEvent(new PointerEvent(type, {bubbles: true, button: 0, pointerId: 1, pointerType: 'mouse', clientX: r.left + x, clientY: r.top + 100}));
			SVGElement.prototype.setPointerCapture = () => {};
			mouse('pointerdown', 300); mouse('pointermove', 500); mouse('pointerup', 500);
			const near = frame.getAttribute('viewBox') !== all; box.querySelector('svg').dispatchEvent(new MouseEvent('dblclick', {bubbles: true}));
			return near && frame.getAttribute('viewBox') === all && !box.querySelector('.pulled')`,
		"hide": `const b = figure.querySelector('.tools button'); b.click(); const path = frame.querySelector('[data-series="0"]');
			const gone = path.style.display === 'none' && b.getAttribute('aria-pressed') === 'false'; b.click(); return gone && path.style.display === ''`,
		"table": `const d = figure.querySelector('details'); d.open = true; return until(() => d.querySelectorAll('tr').length === 201)`,
		"bars":  `const d = $('chart-bars').querySelector('details'); d.open = true; return until(() => d.querySelectorAll('tr').length === 3 && d.textContent.includes('3 kB'))`,
		"axes as drawn": fmt.Sprintf(`const marks = e => [...e.querySelectorAll('.axes text:not(.label)')].map(t => t.textContent).filter(t => / s$| ms$| µs$/.test(t)).join();
			const doc = new DOMParser().parseFromString(%q, 'image/svg+xml'), here = $('chart-trips');
			return marks(doc).length > 10 && marks(here) === marks(doc)`, drawing(t, "trips")),
	} {
		if !browsertest.Eval[bool](p, "(async () => {"+helpers+script+"})()") {
			t.Errorf("%s does not do what it should", name)
		}
	}
	if title := browsertest.Eval[string](p, `document.title + document.querySelectorAll('img').length`); !strings.HasPrefix(title, "A report <script>document.title='owned'") || !strings.HasSuffix(title, "0") {
		t.Errorf("the title is %q", title)
	}
	for _, f := range p.Faults() {
		t.Error(f)
	}
}

func drawing(t *testing.T, name string) string {
	var b bytes.Buffer
	if err := sample().Chart(name).WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// axe-core finds nothing to say, in both colour schemes, on a phone and on a wide screen; and nothing is wider than the
// page.
func TestReportIsAccessible(t *testing.T) {
	browsertest.Start(t).Looks(t, pageFile(t, sample()), "report", func(p *browsertest.Page) {
		browsertest.Eval[bool](p, "(async () => {"+helpers+`location.hash = '#packet-3'; await facts('packet-3'); return true})()`)
	})
}

// The page is valid HTML, as tidy sees it.
func TestReportIsValid(t *testing.T) { browsertest.Valid(t, pageFile(t, sample())) }
