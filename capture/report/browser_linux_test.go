package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockwire/capture/report/browsertest"
)

// pageFile writes a page to a file.
func pageFile(t testing.TB, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// flat are the values of a record by name, as the page lists them.
func flat(out map[string]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			out[name] = "{}"
		}
		for k, x := range v {
			if name != "" {
				k = name + "." + k
			}
			flat(out, k, x)
		}
	case []any:
		if len(v) == 0 {
			out[name] = "[]"
		}
		for i, x := range v {
			flat(out, fmt.Sprintf("%s[%d]", name, i), x)
		}
	case nil:
		out[name] = "–"
	case float64:
		out[name] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		out[name] = strings.NewReplacer("\x1b", `\u001b`, "\u202e", `\u202e`).Replace(fmt.Sprint(v))
	}
}

// shown chooses an event by its address, waits for its details, and returns them with what is marked beside it.
const shown = `(async () => {
	location.hash = '#%s';
	const box = document.getElementById('detail');
	while (box.dataset.of !== '%[1]s') await new Promise(r => setTimeout(r, 1));
	return {
		facts: Object.fromEntries([...box.querySelectorAll('dd')].map(d => [d.dataset.key, d.textContent])),
		kin: [...document.querySelectorAll('.row.kin')].map(r => r.dataset.of),
		chosen: [...document.querySelectorAll('.row.chosen')].map(r => r.dataset.of),
	};
})()`

type shownEvent struct {
	Facts  map[string]string
	Kin    []string
	Chosen []string
}

// In a browser: no error, no request, every event shows what --json says of it, and its kin is marked.
func TestPageInBrowser(t *testing.T) {
	b := browsertest.Start(t)
	s := exchanges(t, 2, hostile)
	want := records(t, s.timeline())
	p := b.Open(t, pageFile(t, page(t, s)), 1600, 1000)
	for name, record := range want {
		got := browsertest.Eval[shownEvent](p, fmt.Sprintf(shown, name))
		facts := map[string]string{}
		flat(facts, "", record)
		for k, v := range facts {
			if got.Facts[k] != v {
				t.Errorf("%s: %s is %q, want %q", name, k, got.Facts[k], v)
			}
		}
		if len(got.Facts) != len(facts) {
			t.Errorf("%s: %d values, want %d", name, len(got.Facts), len(facts))
		}
		if len(got.Chosen) == 0 || got.Chosen[0] != name {
			t.Errorf("%s: chosen is %q", name, got.Chosen)
		}
	}
	// send, its segment, and the receive that takes it, from each of them.
	for name, kin := range map[string][]string{
		"call-2": {"packet-4", "call-3"}, "packet-4": {"call-2", "call-3"}, "call-3": {"call-2", "packet-4"},
	} {
		got := browsertest.Eval[shownEvent](p, fmt.Sprintf(shown, name))
		for _, k := range kin {
			if !slices.Contains(got.Kin, k) {
				t.Errorf("%s: %s is not marked beside it, only %q", name, k, got.Kin)
			}
		}
	}
	if title := browsertest.Eval[string](p, `document.title`); !strings.HasPrefix(title, "A timeline <script>document.title='owned'") || strings.ContainsAny(title, "\x1b\u202e") {
		t.Errorf("the title is %q", title)
	}
	if n := browsertest.Eval[int](p, `document.querySelectorAll('img').length`); n != 0 {
		t.Error("text has become markup")
	}
	for _, f := range p.Faults() {
		t.Error(f)
	}
}

// Hovering marks what belongs together, a field marks its bytes, filters and the keyboard do what they say.
func TestPageUse(t *testing.T) {
	b := browsertest.Start(t)
	p := b.Open(t, pageFile(t, page(t, exchanges(t, 40, "hello"), exchanges(t, 1, "second"))), 1600, 900)
	const helpers = `
		const wait = ms => new Promise(r => setTimeout(r, ms)), $ = id => document.getElementById(id);
		const until = async f => { for (let i = 0; i < 2000 && !f(); i++) await wait(5); return !!f(); };
		const key = k => $('scroll').dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true, cancelable: true}));
		const set = (id, v) => { $(id).value = v; $(id).dispatchEvent(new Event('input', {bubbles: true})); };
		document.querySelectorAll('#parts button')[0].click(); history.replaceState(null, '', '#');`
	for name, script := range map[string]string{
		"hover": `document.querySelector('.row[data-of=call-2]').dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
			return until(() => document.querySelector('.row.kin[data-of=packet-4]') && document.querySelector('.row.kin[data-of=call-3]'))`,
		"click": `document.querySelector('.row[data-of=packet-4]').click();
			return until(() => $('detail').dataset.of === 'packet-4' && location.hash === '#1-packet-4')`,
		"field": `location.hash = '#1-packet-4'; await until(() => $('detail').dataset.of === 'packet-4');
			[...document.querySelectorAll('.fields button')].find(b => b.textContent.startsWith('Time to Live')).focus();
			return [...document.querySelectorAll('.bytes .marked')].map(s => s.dataset.byte).join() === '8'`,
		"byte": `location.hash = '#1-packet-4'; await until(() => $('detail').dataset.of === 'packet-4');
			document.querySelector('[data-byte="9"]').dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
			return document.querySelector('.fields .marked').textContent.startsWith('Protocol')`,
		"keys": `$('scroll').focus(); key('Home'); key('ArrowDown'); key('ArrowDown'); const second = location.hash; key('End'); const end = location.hash;
			await until(() => $('detail').dataset.of === end.slice(3)); key('Enter'); const inDetail = document.activeElement.id;
			$('detail').dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}));
			return second === '#1-packet-2' && end === '#1-call-83' && inDetail === 'detail' && document.activeElement.id === 'scroll' &&
				$('scroll').getAttribute('aria-activedescendant') === 'row-call-83'`,
		"find":   `set('find', 'EAGAIN'); const n = document.querySelectorAll('.row').length; set('find', ''); return n === 1`,
		"kind":   `set('kind', 'packet'); const calls = document.querySelectorAll('.row.call').length; set('kind', ''); return calls === 0`,
		"socket": `set('socket', 's2'); const n = document.querySelectorAll('.row').length; set('socket', ''); return n > 0 && $('count').textContent === '83 calls, 83 packets'`,
		"true time": `set('scale', 'true'); for (let i = 0; i < 2; i++) $('in').click();
			const rows = [...document.querySelectorAll('.row:not(.note)')].map(r => [parseFloat(r.style.top), parseFloat(r.querySelector('.at').textContent)]);
			set('scale', 'even'); const [a, b, c] = [rows[0], rows[1], rows[rows.length - 1]];
			return rows.length > 3 && Math.abs((b[0] - a[0]) / (c[0] - a[0]) - (b[1] - a[1]) / (c[1] - a[1])) < 0.05`,
		"parts": `document.querySelectorAll('#parts button')[1].click(); const n = $('count').textContent; location.hash = '#1-call-2';
			return n === '5 calls, 5 packets' && until(() => $('detail').dataset.of === 'call-2' && $('count').textContent === '83 calls, 83 packets')`,
		"a part by its address": `location.hash = '#2-call-2'; const ok = await until(() => $('count').textContent === '5 calls, 5 packets' && $('detail').dataset.of === 'call-2');
			document.querySelectorAll('#parts button')[0].click(); return ok`,
		"print": `dispatchEvent(new Event('beforeprint')); const n = document.querySelectorAll('.row').length; dispatchEvent(new Event('afterprint'));
			return n > 166 && document.querySelectorAll('.row').length < 100`,
	} {
		if !browsertest.Eval[bool](p, "(async () => {"+helpers+script+"})()") {
			t.Errorf("%s does not do what it should", name)
		}
	}
	for _, f := range p.Faults() {
		t.Error(f)
	}
}

// A note can be read whole on a phone: it is wrapped, and the rows below it begin under it.
func TestNotesAreWhole(t *testing.T) {
	p := browsertest.Start(t).Open(t, pageFile(t, page(t, exchanges(t, 2, "hello"))), 360, 800)
	if got := browsertest.Eval[string](p, `(() => {
		const note = document.querySelector('.row.note'), say = note.querySelector('.say'), next = note.nextElementSibling.getBoundingClientRect();
		return [say.scrollWidth > say.clientWidth ? 'too wide' : '', say.getBoundingClientRect().bottom > next.top + 1 ? 'over the next row' : '',
			say.getBoundingClientRect().height < 30 ? 'of one line' : ''].join('');
	})()`); got != "" {
		t.Errorf("a note is %s", got)
	}
}

// axe-core finds nothing to say, in both colour schemes, on a phone and on a wide screen; and nothing is wider than the
// page.
func TestPageIsAccessible(t *testing.T) {
	name := pageFile(t, page(t, exchanges(t, 5, hostile), exchanges(t, 1, "x")))
	browsertest.Start(t).Looks(t, name, "ladder", func(p *browsertest.Page) {
		browsertest.Eval[shownEvent](p, `(async () => {
			location.hash = '#1-packet-4';
			while (document.getElementById('detail').dataset.of !== 'packet-4') await new Promise(r => setTimeout(r, 1));
			return {};
		})()`)
	})
}

// A page of 100,000 events is small enough, opens and scrolls in little time of the processor, draws only what is in
// view, and an event is found in it. How long that takes on the clock is logged: it is not this test's to judge on a busy
// machine.
func TestLargePage(t *testing.T) {
	n := 25_000 // exchanges are 4 events each
	if testing.Short() {
		n = 2_500
	}
	b := browsertest.Start(t)
	content := page(t, exchanges(t, n, "hello"))
	if len(content) > 400*4*n {
		t.Errorf("%d events take %d bytes", 4*n, len(content))
	}
	p := b.Open(t, pageFile(t, content), 1600, 1000)
	opened := p.Worked()
	if opened > time.Second {
		t.Errorf("opening takes %v of the processor", opened)
	}
	type scrolled struct {
		Opened, Longest float64
		Rows            int
		Text            string
	}
	got := browsertest.Eval[scrolled](p, `(async () => {
		const tasks = [], seen = new PerformanceObserver(l => tasks.push(...l.getEntries().map(e => e.duration)));
		seen.observe({type: 'longtask'});
		const box = document.getElementById('scroll'), rows = [];
		for (let i = 0; i <= 50; i++) {
			box.scrollTop = (box.scrollHeight - box.clientHeight) * i / 50;
			await new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)));
			rows.push(document.querySelectorAll('.row').length);
		}
		return {opened: +document.documentElement.dataset.ready, longest: Math.max(0, ...tasks), rows: Math.max(...rows),
			text: [...document.querySelectorAll('.row')].pop().textContent};
	})()`)
	t.Logf("%d events: %d bytes, open after %.0f ms with %v of the processor, longest task while scrolling %.0f ms", 4*n, len(content), got.Opened,
		opened.Round(time.Millisecond), got.Longest)
	if got.Rows == 0 || got.Rows > 700 {
		t.Errorf("%d rows at once", got.Rows)
	}
	// A step of scrolling makes what comes into view and leaves the rest as it is, in its order.
	kept := browsertest.Eval[[]int](p, `(async () => {
		const box = document.getElementById('scroll'), frame = () => new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)));
		box.scrollTop = box.scrollHeight / 2;
		await frame();
		let worst = [1000, 0, 0];
		for (const by of [60, 60, -100]) {
			const before = new Set(document.querySelectorAll('#rows > *, #lines > .arrow'));
			box.scrollTop += by;
			await frame();
			const after = [...document.querySelectorAll('#rows > *, #lines > .arrow')], places = [...document.querySelectorAll('.row')].map(e => +e.ariaPosInSet);
			worst = [Math.min(worst[0], after.filter(e => before.has(e)).length), Math.max(worst[1], after.filter(e => !before.has(e)).length),
				worst[2] + places.filter((n, i) => i > 0 && n !== places[i - 1] + 1).length];
		}
		return worst;
	})()`)
	if kept[0] < 40 || kept[1] > 20 || kept[2] > 0 {
		t.Errorf("steps of scrolling keep %d elements, make %d, and leave %d out of order", kept[0], kept[1], kept[2])
	}
	// The event in the middle by its address, what belongs to it, the next one by keyboard, and text that stands in one event.
	middle := fmt.Sprint("call-", n/2*2)
	e := browsertest.Eval[shownEvent](p, fmt.Sprintf(shown, middle))
	if e.Facts["number"] != fmt.Sprint(n/2*2) || !slices.Contains(e.Kin, fmt.Sprint("call-", n/2*2+1)) {
		t.Errorf("%s is shown as %q with %q", middle, e.Facts["number"], e.Kin)
	}
	used := browsertest.Eval[[]string](p, `(async () => {
		const $ = id => document.getElementById(id), box = $('scroll');
		box.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true, cancelable: true}));
		const next = location.hash;
		$('find').value = 'poll(1)';
		$('find').dispatchEvent(new Event('input', {bubbles: true}));
		return [next, $('count').textContent, document.querySelector('.row').textContent];
	})()`)
	if want := fmt.Sprint("#packet-", n/2*2+2); used[0] != want || used[1] != "1 call, 0 packets" || !strings.Contains(used[2], "poll(1)") {
		t.Errorf("used, it shows %q, want %s and one call", used, want)
	}
	if want := "poll(1)"; !strings.Contains(got.Text, want) {
		t.Errorf("the last row is %q, want %q", got.Text, want)
	}
	for _, f := range p.Faults() {
		t.Error(f)
	}
}
