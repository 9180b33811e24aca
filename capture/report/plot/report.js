// Charts that were drawn before: this adds what a drawing cannot do. The numbers of each chart stand in the page as compressed JSON,
// and what its points lead to, in pieces that are unpacked when one of them is looked at.
(() => {
const charts = [];   // in the order of the page
const pieces = [];   // of records: {of, first, last, script, rows}
const left = 74, right = 14, low = 40, above = 10, high = 340; // as the drawings have them
const unit = 10000;

// ---- axes, as the drawings have them

const scaled = (a, v) => a.log ? Math.log10(Math.max(v, 1e-12)) : v;
const value = (a, s) => a.log ? 10 ** s : s;

function prefix(v, unit) {
  if (unit === '%') return [1, ''];
  v = Math.abs(v) * (1 + 1e-12);
  if (v === 0) return [1, ''];
  if (unit === 's') return v >= 1 ? [1, ''] : v >= 1e-3 ? [1e-3, 'm'] : v >= 1e-6 ? [1e-6, 'µ'] : [1e-9, 'n'];
  return v >= 1e12 ? [1e12, 'T'] : v >= 1e9 ? [1e9, 'G'] : v >= 1e6 ? [1e6, 'M'] : v >= 1e3 ? [1e3, 'k'] : [1, ''];
}
const withUnit = (number, p, unit) => p + unit ? number + ' ' + p + unit : number;

function fixed(v, step, most, unit) {
  const [scale, p] = prefix(most, unit);
  const decimals = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / scale) - 1e-9)));
  return withUnit((v / scale + 0).toFixed(decimals), p, unit);
}

function short(v, unit) {
  const [scale, p] = prefix(v, unit);
  v /= scale;
  const whole = Math.abs(v);
  let text = v.toFixed(whole < 1000 ? 3 - Math.max(0, Math.floor(Math.log10(Math.max(whole, 1)))) : 0);
  if (text.includes('.')) text = text.replace(/\.?0+$/, '');
  return withUnit(text, p, unit);
}

function ticks(a, [lo, hi], n) {
  const all = [];
  if (a.log && hi - lo > .9) {
    const parts = (hi - lo) * 3 > n ? [1] : [1, 2, 5], every = Math.max(1, Math.ceil((hi - lo) / n));
    for (let e = Math.floor(lo); e <= Math.floor(hi); e++) {
      if (e % every) continue;
      for (const p of parts) {
        const at = e + Math.log10(p);
        if (at >= lo && at <= hi) all.push({ at, text: short(p * 10 ** e, a.unit) });
      }
    }
    return all;
  }
  const from = value(a, lo), to = value(a, hi), rough = (to - from) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].find(m => m * power >= rough * (1 - 1e-9)) * power;
  if ((a.unit === '' || a.unit === 'B') && step < 1) step = 1;
  for (let i = Math.ceil(from / step); i * step <= to * (1 + 1e-12) && all.length < 4 * n; i++)
    all.push({ at: scaled(a, i * step), text: fixed(i * step, step, Math.max(Math.abs(from), Math.abs(to)), a.unit) });
  return all;
}

// ---- drawing

// fit returns the range of y that the points in view need.
function fit(c) {
  if (c.x[0] === c.full[0] && c.x[1] === c.full[1]) return c.fullY;
  let lo = Infinity, hi = -Infinity;
  c.series.forEach((s, k) => {
    if (c.hidden.has(k)) return;
    for (let i = 0; i < s.x.length; i++) {
      const x = scaled(c.data.x, s.x[i]);
      if (s.y[i] === null || x < c.x[0] || x > c.x[1]) continue;
      for (const v of s.to ? [s.y[i], s.to[i]] : [s.y[i]]) { const y = scaled(c.data.y, v); lo = Math.min(lo, y); hi = Math.max(hi, y); }
    }
  });
  if (lo > hi) return c.fullY;
  if (c.data.y.zero && !c.data.y.log) lo = Math.min(lo, 0);
  const margin = .05 * (hi - lo) || 1;
  return [lo - (lo === 0 && c.data.y.zero ? 0 : margin), hi + margin];
}

// draw lays out the chart for the width that there is, with the axes of what is in view.
function draw(c) {
  const width = Math.max(260, c.box.clientWidth || 960), w = width - left - right, h = high - low;
  c.width = width; c.y = fit(c);
  c.svg.setAttribute('viewBox', `0 0 ${width} ${high + above}`);
  const axes = drawn('g', { class: 'axes' });
  const text = (attributes, content) => { const t = drawn('text', attributes); t.textContent = plain(content); axes.append(t); };
  const round = v => Math.round(v * 10) / 10;
  for (const t of ticks(c.data.y, c.y, 6)) {
    const at = round(above + h * (c.y[1] - t.at) / (c.y[1] - c.y[0]));
    axes.append(drawn('path', { class: 'grid', d: `M${left} ${at}h${w}` }));
    text({ x: left - 6, y: at + 4, 'text-anchor': 'end' }, t.text);
  }
  for (const t of ticks(c.data.x, c.x, Math.max(2, Math.min(8, Math.floor(w / 90))))) {
    const at = round(left + w * (t.at - c.x[0]) / (c.x[1] - c.x[0]));
    axes.append(drawn('path', { class: 'grid', d: `M${at} ${above}v${h}` }));
    text({ x: at, y: above + h + 16, 'text-anchor': 'middle' }, t.text);
  }
  text({ class: 'label', x: width - right, y: above + h + 32, 'text-anchor': 'end' }, c.data.x.label);
  text({ class: 'label', x: left + 6, y: above + 12 }, c.data.y.label);
  c.svg.querySelector('.axes').replaceWith(axes);
  const part = (v, of) => unit * (v - of[0]) / (of[1] - of[0]);
  const x0 = part(c.x[0], c.full), x1 = part(c.x[1], c.full), y0 = unit - part(c.y[1], c.fullY), y1 = unit - part(c.y[0], c.fullY);
  for (const [k, v] of Object.entries({ x: left, y: above, width: w, height: h, viewBox: `${x0} ${y0} ${x1 - x0} ${y1 - y0}` })) c.frame.setAttribute(k, v);
  spots(c);
}

const across = (c, v) => left + (c.width - left - right) * (scaled(c.data.x, v) - c.x[0]) / (c.x[1] - c.x[0]);
const down = (c, v) => above + (high - low) * (c.y[1] - scaled(c.data.y, v)) / (c.y[1] - c.y[0]);

// spots rings the point that is chosen, and those of what the details are about.
function spots(c) {
  for (const e of c.svg.querySelectorAll('.spot, .mark')) e.remove();
  const ring = (s, i, kind) => {
    const x = across(c, s.x[i]), y = down(c, s.to ? (s.y[i] + s.to[i]) / 2 : s.y[i]);
    if (x >= left - 1 && x <= c.width - right + 1) c.svg.append(drawn('circle', { class: kind, cx: x, cy: y, r: kind === 'spot' ? 6 : 8 }));
  };
  if (c.data.of && shown && shown.of === c.data.of)
    c.series.forEach((s, k) => { if (!c.hidden.has(k) && s.n) s.n.forEach((n, i) => { if (n === shown.number && s.y[i] !== null) ring(s, i, 'mark'); }); });
  if (c.at) ring(c.series[c.at.k], c.at.i, 'spot');
}

// ---- what is said of a point

const nameOf = (c, n) => c.data.of + ' ' + n;

function words(c, k, i) {
  const s = c.series[k], x = c.data.x, y = c.data.y;
  let t = `${s.name}: ${short(s.x[i], x.unit)}${x.label ? ' ' + x.label : ''}, ${short(s.y[i], y.unit)}`;
  if (s.to && s.to[i] !== s.y[i]) t += ' to ' + short(s.to[i], y.unit);
  if (s.text && s.text[i]) t += ' · ' + s.text[i];
  if (s.n && s.n[i]) t += ' · ' + nameOf(c, s.n[i]);
  return t;
}

function choose(c, k, i) {
  c.at = { k, i };
  const s = c.series[k], text = words(c, k, i);
  c.said.textContent = plain(text);
  c.box.setAttribute('aria-valuenow', i);
  c.box.setAttribute('aria-valuemax', Math.max(0, s.x.length - 1));
  c.box.setAttribute('aria-valuetext', plain(text));
  const x = scaled(c.data.x, s.x[i]);
  if (x < c.x[0] || x > c.x[1]) { const half = (c.x[1] - c.x[0]) / 2; look(c, x - half, x + half); } else spots(c);
}

// nearest finds the point that is closest to a place of the drawing.
function nearest(c, px, py) {
  let best = null, least = 40 * 40;
  c.series.forEach((s, k) => {
    if (c.hidden.has(k)) return;
    for (let i = 0; i < s.x.length; i++) {
      if (s.y[i] === null) continue;
      const dx = across(c, s.x[i]) - px;
      if (dx * dx >= least) continue;
      let a = down(c, s.y[i]), b = s.to ? down(c, s.to[i]) : a;
      if (a > b) [a, b] = [b, a];
      const dy = py < a ? a - py : py > b ? py - b : 0, d = dx * dx + dy * dy;
      if (d < least) { least = d; best = { k, i }; }
    }
  });
  return best;
}

// ---- looking closer

function look(c, lo, hi) {
  const span = Math.min(hi - lo, c.full[1] - c.full[0]);
  if (!(span > 1e-9 * (c.full[1] - c.full[0]))) return;
  lo = Math.max(c.full[0], Math.min(lo, c.full[1] - span));
  c.x = span === c.full[1] - c.full[0] ? [...c.full] : [lo, lo + span];
  draw(c);
}

function zoom(c, by) {
  const middle = c.at ? scaled(c.data.x, c.series[c.at.k].x[c.at.i]) : (c.x[0] + c.x[1]) / 2, half = (c.x[1] - c.x[0]) * by / 2;
  look(c, middle - half, middle + half);
}

// ---- keys and mouse

function step(c, by, to) {
  const at = c.at || { k: -1, i: 0 }, fits = k => !c.hidden.has(k) && c.series[k].x.length > 0;
  let k = at.k;
  if (k < 0 || to === 'series' || !fits(k)) {
    const n = c.series.length;
    if (k < 0 && by < 0) k = 0;
    for (let tries = 0; tries <= n; tries++) { k = (k + (by || 1) + n) % n; if (fits(k)) break; }
    if (!fits(k)) return;
    if (at.k < 0) return choose(c, k, to === 'end' ? c.series[k].x.length - 1 : 0);
    const want = c.series[at.k].x[at.i], xs = c.series[k].x;
    let i = 0;
    for (let j = 0; j < xs.length; j++) if (Math.abs(xs[j] - want) < Math.abs(xs[i] - want)) i = j;
    return choose(c, k, i);
  }
  const last = c.series[k].x.length - 1;
  choose(c, k, to === 'start' ? 0 : to === 'end' ? last : Math.max(0, Math.min(last, at.i + by)));
}

function details(c) {
  if (!c.at) return;
  const n = (c.series[c.at.k].n || [])[c.at.i];
  if (!n) return;
  cameFrom = c;
  location.hash = '#' + c.data.of + '-' + n;
}

let cameFrom = null;

function listen(c) {
  const keys = {
    ArrowRight: () => step(c, 1), ArrowLeft: () => step(c, -1), ArrowDown: () => step(c, 1, 'series'), ArrowUp: () => step(c, -1, 'series'),
    Home: () => step(c, 0, 'start'), End: () => step(c, 0, 'end'), PageDown: () => step(c, 20), PageUp: () => step(c, -20),
    '+': () => zoom(c, .5), '=': () => zoom(c, .5), '-': () => zoom(c, 2), 0: () => look(c, ...c.full),
    Enter: () => { details(c); $('detail').focus(); },
  };
  c.box.addEventListener('keydown', event => {
    if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    keys[event.key]();
    event.preventDefault();
  });
  const place = event => {
    const r = c.svg.getBoundingClientRect();
    return [(event.clientX - r.left) * c.width / r.width, (event.clientY - r.top) * c.width / r.width];
  };
  const at = px => c.x[0] + (px - left) / (c.width - left - right) * (c.x[1] - c.x[0]);
  let pulled = null, from = 0;
  c.svg.addEventListener('pointerdown', event => {
    if (event.button !== 0 || event.pointerType === 'touch') return;
    from = place(event)[0];
    pulled = drawn('rect', { class: 'pulled', x: from, y: above, width: 0, height: high - low });
    c.svg.append(pulled);
    c.svg.setPointerCapture(event.pointerId);
  });
  c.svg.addEventListener('pointermove', event => {
    const [px, py] = place(event);
    if (pulled) {
      pulled.setAttribute('x', Math.min(px, from));
      pulled.setAttribute('width', Math.abs(px - from));
      return;
    }
    const best = nearest(c, px, py);
    if (best) choose(c, best.k, best.i);
  });
  c.svg.addEventListener('pointerup', event => {
    if (!pulled) return;
    const px = place(event)[0];
    pulled.remove();
    pulled = null;
    if (Math.abs(px - from) > 8) look(c, at(Math.min(px, from)), at(Math.max(px, from)));
  });
  c.svg.addEventListener('click', event => {
    const [px, py] = place(event), best = nearest(c, px, py);
    if (!best || Math.abs(px - from) > 8 && event.pointerType !== 'touch') return;
    choose(c, best.k, best.i);
    details(c);
  });
  c.svg.addEventListener('dblclick', () => look(c, ...c.full));
}

// ---- details

let shown = null; // {of, number} of what the details are about

async function recordOf(of, number) {
  const piece = pieces.find(p => p.of === of && p.first <= number && number <= p.last);
  if (!piece) return null;
  if (!piece.rows) piece.rows = await unpack(piece.script);
  const row = piece.rows.find(r => r[0] === number);
  return row ? row[1] : null;
}

// follow shows what the address asks for.
async function follow() {
  const m = /^#([a-z]+)-(\d+)$/.exec(location.hash);
  if (!m || ['part', 'chart', 'table'].includes(m[1])) return;
  const of = m[1], number = +m[2], box = $('detail');
  const facts = await recordOf(of, number) || [];
  shown = { of, number };
  box.replaceChildren(make('h2', '', of + ' ' + number));
  const list = make('dl');
  for (const [name, text] of facts) {
    list.append(make('dt', '', name));
    const dd = make('dd');
    // Numbers such as #12 lead to others of the kind.
    for (const piece of text.split(/(#\d+)/)) {
      if (/^#\d+$/.test(piece)) { const a = make('a', '', piece); a.href = '#' + of + '-' + piece.slice(1); dd.append(a); }
      else dd.append(plain(piece));
    }
    dd.dataset.key = name;
    list.append(dd);
  }
  for (const c of charts) {
    if (c.data.of !== of) continue;
    c.series.forEach((s, k) => (s.n || []).forEach((n, i) => {
      if (n !== number || s.y[i] === null) return;
      list.append(make('dt', '', 'in'));
      const dd = make('dd'), go = make('button', '', c.title);
      go.type = 'button';
      go.addEventListener('click', () => { choose(c, k, i); c.box.scrollIntoView({ block: 'nearest' }); c.box.focus(); });
      dd.append(go, plain(' ' + words(c, k, i)));
      list.append(dd);
    }));
  }
  if (list.children.length) box.append(list);
  else box.append(make('p', 'hint', 'This page has nothing about it.'));
  box.dataset.of = m[0].slice(1);
  charts.forEach(spots);
}

// ---- the page

const rowsInTable = 2000;

// table shows the values of a chart as text.
function table(c) {
  const t = make('table'), head = make('tr'), bars = c.data.bars;
  const names = bars ? ['', c.data.y.label || 'value', ''] : ['series', c.data.x.label || 'x', c.data.y.label || 'y', 'to', 'said', c.data.of];
  for (const n of names) { const th = make(n ? 'th' : 'td', '', n); if (n) th.scope = 'col'; head.append(th); }
  t.append(head);
  const row = cells => { const r = make('tr'); for (const x of cells) r.append(make('td', '', String(x))); t.append(r); };
  let n = 0;
  if (bars) for (const b of bars) row([b.name, short(b.value, c.data.y.unit), b.text || '']);
  else for (const s of c.series)
    for (let i = 0; i < s.x.length && n < rowsInTable; i++) {
      if (s.y[i] === null) continue;
      n++;
      row([s.name, short(s.x[i], c.data.x.unit), short(s.y[i], c.data.y.unit), s.to ? short(s.to[i], c.data.y.unit) : '', (s.text || {})[i] || '', (s.n || [])[i] || '']);
    }
  const box = make('div', 'table');
  box.tabIndex = 0;
  box.setAttribute('role', 'region');
  box.setAttribute('aria-label', 'Values of ' + plain(c.title));
  box.append(t);
  if (n >= rowsInTable) box.append(make('p', 'hint', `The first ${rowsInTable} values.`));
  return box;
}

function open(data) {
  const figure = $('chart-' + data.name), box = figure.querySelector('.plot'), svg = box.querySelector('svg.chart');
  const c = { data, figure, box, svg, frame: svg.querySelector('svg.data'), series: data.series, hidden: new Set(), at: null,
    title: figure.querySelector('figcaption').textContent };
  const values = make('details');
  values.append(make('summary', '', 'Values as a table'));
  values.addEventListener('toggle', () => { if (values.open && values.children.length === 1) values.append(table(c)); });
  figure.append(values);
  if (data.bars) return;
  charts.push(c);
  const range = name => c.frame.dataset[name].split(' ').map(Number);
  c.full = range('x'); c.fullY = range('y'); c.x = [...c.full];
  const tools = make('div', 'tools'), button = (text, act) => {
    const b = make('button', '', text);
    b.type = 'button';
    b.addEventListener('click', () => act(b));
    tools.append(b);
    return b;
  };
  data.series.forEach((s, k) => {
    const b = button('', () => {
      c.hidden.has(k) ? c.hidden.delete(k) : c.hidden.add(k);
      b.setAttribute('aria-pressed', !c.hidden.has(k));
      c.frame.querySelector(`[data-series="${k}"]`).style.display = c.hidden.has(k) ? 'none' : '';
      if (c.at && c.at.k === k) c.at = null;
      draw(c);
    });
    b.append(make('span', `swatch ${s.kind} c${s.color}`), plain(s.name));
    b.setAttribute('aria-pressed', true);
  });
  for (const [text, say, act] of [['−', 'Look from further away', () => zoom(c, 2)], ['+', 'Look closer', () => zoom(c, .5)], ['all', 'Show all', () => look(c, ...c.full)]])
    button(text, act).setAttribute('aria-label', say + ': ' + plain(c.title));
  box.before(tools);
  c.said = make('output', 'said');
  box.after(c.said);
  box.classList.add('live');
  for (const [k, v] of Object.entries({ role: 'slider', 'aria-valuemin': 0, 'aria-valuenow': 0, 'aria-valuemax': 0, 'aria-valuetext': 'no point chosen' }))
    box.setAttribute(k, v);
  listen(c);
  draw(c);
}

async function main() {
  if (typeof DecompressionStream === 'undefined') {
    $('detail').textContent = 'This browser is too old to look closer: it cannot unpack what the page holds (DecompressionStream). The drawings are whole.';
    return;
  }
  for (const script of document.querySelectorAll('script[data-kind]')) {
    const d = script.dataset;
    if (d.kind === 'records') pieces.push({ of: d.of, first: +d.first, last: +d.last, script });
    else open(await unpack(script));
  }
  addEventListener('resize', () => charts.forEach(draw));
  addEventListener('beforeprint', () => charts.forEach(draw));
  addEventListener('hashchange', follow);
  $('detail').addEventListener('keydown', event => { if (event.key === 'Escape' && cameFrom) cameFrom.box.focus(); });
  await follow();
  document.documentElement.dataset.ready = Math.round(performance.now());
}

main().catch(err => { $('detail').textContent = 'The page cannot be shown: ' + err; document.documentElement.dataset.ready = 'failed'; throw err; });
})();
