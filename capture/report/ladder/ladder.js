// A timeline as a ladder. The data stands in the page in pieces of compressed JSON: parts and their events are read when it
// opens, the details of an event when it is chosen. Only what is in view is drawn. Text of the data is set as text, never as markup.
(() => {
// ---- what the page holds

const parts = [];      // {name, about, explain, events, sockets, lanes, left, index}
const blocks = {};     // the script of each block of details
const unpacked = new Map();
const sentences = ['']; // that explain calls
let beyond = 0;

async function read() {
  const pieces = [];
  for (const script of document.querySelectorAll('script[data-kind]')) {
    if (script.dataset.kind === 'block') { blocks[script.dataset.block] = script; continue; }
    pieces.push({ kind: script.dataset.kind, unpacked: unpack(script) }); // all at once: one by one each would wait
    script.remove();
  }
  for (const { kind, unpacked } of pieces) {
    const value = await unpacked;
    if (kind === 'part') parts.push({ ...value, events: [], sockets: [] });
    else if (kind === 'left') beyond = value;
    else if (kind === 'sentence') sentences.push(value);
    else if (kind === 'kinds') showKinds(value);
    else {
      const part = parts[value.part];
      for (const s of value.sockets || []) part.sockets.push(s);
      addEvents(part.events, value);
    }
  }
  for (const part of parts) prepare(part);
}

// Event is a call, a packet or a note of a timeline.
class Event {
  constructor(piece, i, t) {
    const names = piece.names;
    this.at = -1;                       // its place in its part
    this.k = names[piece.kind[i]];      // call, packet or note
    this.n = piece.number[i];
    this.t = t;                         // ns
    this.u = piece.took[i] < 0 ? Infinity : t + piece.took[i]; // when a call returned
    this.s = names[piece.socket[i]];
    this.a = names[piece.actor[i]];
    this.g = piece.receivers[piece.to[i]];
    this.i = piece.in[i];
    this.x = piece.text[i];
    this.r = piece.result[i];
    this.y = piece.notes[i];
    this.h = piece.explain[i];          // the number of a sentence
    this.m = names[piece.mark[i]];
    this.d = piece.block[i];
    this.names = names;
    this.links = piece.links[i] || none; // numbers
  }
  // l are its links: to which event, why, and about which bytes. They are made of their numbers when they are asked for.
  get l() {
    const all = [], f = this.links, names = this.names;
    for (let i = 0; i < f.length; i += linkNumbers) {
      const l = { r: names[f[i]], k: names[f[i + 1]], n: f[i + 2] };
      if (f[i + 3]) { l.m = f[i + 4]; l.b = f[i + 5]; l.e = f[i + 6]; l.all = f[i + 7] === 1; }
      all.push(l);
    }
    return all;
  }
}
const none = [], linkNumbers = 8;

function addEvents(events, piece) {
  piece.receivers = piece.names.map(s => s.split(' ').filter(Boolean));
  let t = 0;
  for (let i = 0; i < (piece.kind || none).length; i++) events.push(new Event(piece, i, t += piece.at[i]));
}

const idOf = e => e.k + '-' + e.n;
const byTime = (a, b) => a.t - b.t || order[a.k] - order[b.k];

// prepare sorts a part's events and the calls' returns, and gives every socket its lane.
function prepare(part) {
  const events = part.events;
  if (events.some((e, i) => i > 0 && byTime(events[i - 1], e) > 0)) events.sort(byTime);
  events.forEach((e, i) => e.at = i);
  part.left = events.filter(e => e.k === 'call' && e.u < Infinity);
  part.left.sort((a, b) => a.u - b.u || a.at - b.at);
  part.lanes = lanesOf(part);
}

// indexOf is by what a part's events are found, by their kind and number, and what leads back to each: the links to event
// i are those from[at[i]] to from[at[i + 1]], each the link of that event. It is made when it is first asked for.
function indexOf(part) {
  if (part.index) return part.index;
  const call = new Map(), packet = new Map(), find = (k, n) => (k === 'call' ? call : packet).get(n), events = part.events;
  for (const e of events) if (e.k !== 'note') (e.k === 'call' ? call : packet).set(e.n, e);
  const at = new Int32Array(events.length + 2), each = f => {
    for (const e of events)
      for (let i = 0; i < e.links.length; i += linkNumbers) {
        const to = find(e.names[e.links[i + 1]], e.links[i + 2]);
        if (to) f(e.at, i / linkNumbers, to.at);
      }
  };
  each((from, i, to) => at[to + 2]++);
  for (let i = 2; i < at.length; i++) at[i] += at[i - 1];
  const from = new Int32Array(at[at.length - 1]), link = new Int32Array(from.length);
  each((e, i, to) => { from[at[to + 1]] = e; link[at[to + 1]++] = i; });
  return part.index = { find, at, from, link };
}

const find = (k, n) => indexOf(view.part).find(k, n);
const named = name => { const [k, n] = name.split('-'); return find(k, +n); };

// back are the links that lead to an event, as links from it.
function back(e) {
  const { at, from, link } = indexOf(view.part), all = [];
  for (let i = at[e.at]; i < at[e.at + 1]; i++) {
    const other = view.part.events[from[i]], l = other.l[link[i]];
    all.push({ ...l, r: backward[l.r] || l.r, k: other.k, n: other.n });
  }
  return all;
}

const order = { note: 0, call: 1, packet: 2 };
const backward = { carries: 'carried by', receives: 'received by', takes: 'taken by', 'error from': 'reported by', 'caused by': 'causes',
  'ended by': 'ends', quotes: 'quoted by', answers: 'answered by', 'shown by': 'shows' };

// lanesOf gives each socket a lane, those of a program side by side. Of a program with many, sockets that were not open at the same
// time share one.
function lanesOf(part) {
  const actors = new Map();
  const group = name => { if (!actors.has(name)) actors.set(name, []); return actors.get(name); };
  const alone = new Set(); // programs with calls on no socket
  for (const s of part.sockets) group(s.actor || '').push({ names: [s.name], socket: s, from: s.created_ns, until: s.closed_ns === null ? Infinity : s.closed_ns });
  for (const e of part.events) if (e.k === 'call' && !e.s) { alone.add(e.a); group(e.a); }
  const lanes = [], place = new Map();
  let outside = -1;
  for (const [actor, all] of actors) {
    const shared = all.length > 24, mine = [];
    if (alone.has(actor)) {
      place.set('actor ' + actor, lanes.length);
      lanes.push({ actor, names: [], title: actor });
    }
    for (const lane of all) {
      const free = shared && mine.find(l => l.until < lane.from);
      if (free) { free.names.push(...lane.names); free.until = lane.until; place.set(lane.names[0], free.index); continue; }
      lane.index = lanes.length; lane.actor = actor; mine.push(lane);
      place.set(lane.names[0], lane.index); lanes.push(lane);
    }
  }
  const at = name => place.has(name) ? place.get(name) : -1;
  const laneOf = e => e.s ? at(e.s) : e.k === 'call' ? at('actor ' + e.a) : -1;
  const known = e => e.g.map(at).filter(i => i >= 0);
  if (part.events.some(e => e.k === 'packet' && (!e.s || !place.has(e.s) || !e.g.some(name => place.has(name))))) {
    outside = lanes.length;
    lanes.push({ actor: 'elsewhere', names: [], title: 'elsewhere' });
  }
  // A packet has two ends: where one is not known, it is elsewhere.
  part.laneOf = e => { const lane = laneOf(e); return lane < 0 && e.k === 'packet' ? outside : lane; };
  part.lanesTo = e => {
    const to = known(e);
    return to.length || e.k !== 'packet' ? to : [part.laneOf(e) === outside ? 0 : outside];
  };
  for (const l of lanes) {
    const s = l.socket;
    l.title = l.names.length ? l.names[0] + (l.names.length > 1 ? ' …' : '') : l.title;
    l.under = s ? s.local || s.kind : '';
  }
  return lanes;
}

// ---- what is shown

const view = { part: null, rows: null, y: null, height: 0, zoom: 1, chosen: null, hover: null, width: 0, x: [], wide: false, textAt: 0 };
const timeWidth = () => innerWidth <= 800 ? 56 : 80;

// Rows of a call: that it was entered, that it was entered and returned with nothing between, and that it returned.
const entered = 0, whole = 1, returned = 2;

// select makes the rows of a part: one for a note and a packet, one or two for a call, as something happened inside it. Row i
// is of the event of[i]; first and last are the rows of each event.
function select() {
  const part = view.part, socket = $('socket').value, kind = $('kind').value, text = $('find').value.toLowerCase();
  const free = !socket && !kind && !text;
  const wanted = e => free || e.k !== 'note' && (!socket || e.s === socket || e.g.includes(socket)) &&
    (!kind || e.k === kind || kind === 'marked' && !!e.m) &&
    (!text || (e.x + ' ' + e.y + ' #' + e.n).toLowerCase().includes(text));
  const events = free ? part.events : part.events.filter(wanted);
  const chosen = new Uint8Array(part.events.length);
  for (const e of events) chosen[e.at] = 1;
  const left = free ? part.left : part.left.filter(e => chosen[e.at]);
  const of = [], how = new Uint8Array(events.length + left.length);
  const first = view.first = new Int32Array(part.events.length).fill(-1), last = view.last = new Int32Array(part.events.length).fill(-1);
  for (let i = 0, k = 0; i < events.length || k < left.length;) {
    const e = i < events.length && (k === left.length || events[i].t <= left[k].u) ? events[i++] : null;
    if (e) {
      first[e.at] = last[e.at] = of.length;
      of.push(e);
    } else if (of[of.length - 1] === left[k]) how[last[left[k++].at]] = whole;
    else {
      how[last[left[k].at] = of.length] = returned;
      of.push(left[k++]);
    }
  }
  view.rows = { of, how, length: of.length, at: i => how[i] === returned ? of[i].u : of[i].t };
  // Calls that are open where each block of rows begins: what of them is in view is found without looking at all before.
  view.open = [];
  let open = [], calls = 0, packets = 0;
  for (let i = 0; i < of.length; i++) {
    const e = of[i];
    if (i % 256 === 0) view.open.push(open = open.filter(e => last[e.at] >= i || e.u === Infinity));
    if (e.k === 'call' && how[i] === entered) open.push(e);
    if (e.k === 'packet') packets++;
    if (e.k === 'call' && how[i] !== returned) calls++;
  }
  $('count').textContent = count(calls, 'call') + ', ' + count(packets, 'packet') + (beyond ? '; ' + beyond + ' more did not fit this page' : '');
  layout();
}

const count = (n, what) => n + ' ' + what + (n === 1 ? '' : 's');

// layout places the rows: evened out, or at their times.
function layout() {
  const { part, rows } = view, even = $('scale').value === 'even', explain = $('explain').checked;
  const width = Math.max(260, $('scroll').clientWidth), n = Math.max(1, part.lanes.length), room = width - timeWidth() - 8;
  view.wide = room / n >= 210;
  const step = view.wide ? room / n : Math.max(26, Math.min(70, room * .45 / n));
  view.x = part.lanes.map((_, i) => timeWidth() + (view.wide ? 14 + step * i : step * (i + .5)));
  view.step = step;
  view.textAt = view.wide ? 0 : timeWidth() + step * n + 6;
  view.width = Math.max(width, view.wide ? 0 : view.textAt + 150);
  const y = view.y = new Float64Array(rows.length + 1);
  let at = 8;
  if (even) {
    for (let i = 0; i < rows.length; i++) {
      y[i] = at;
      at += rows.of[i].k === 'note' ? 10 + 18 * noteLines(rows.of[i]) : Math.max(12, 20 * view.zoom) + (explain && rows.of[i].h && rows.how[i] !== returned ? 16 : 0);
    }
  } else if (rows.length) {
    const start = rows.at(0), span = Math.max(1, rows.at(rows.length - 1) - start);
    const scale = view.zoom * Math.max(600, Math.min(rows.length * 20, 2e6)) / span;
    for (let i = 0; i < rows.length; i++) y[i] = 8 + Math.min(1.5e7, (rows.at(i) - start) * scale);
    at = y[rows.length - 1] + 30;
  }
  y[rows.length] = at;
  view.height = at + 10;
  $('rows').style.height = view.height + 'px';
  $('rows').style.width = view.width - 1 + 'px';
  $('lines').setAttribute('width', view.width - 1);
  $('lines').setAttribute('height', view.height);
  drawnRows.clear();
  showLanes();
  draw();
}

// A note has no details to be read in: it is wrapped, and has as many lines as it needs.
const noteWidth = () => view.width - timeWidth() - 24;
const pen = document.createElement('canvas').getContext('2d');
function noteLines(e) {
  pen.font = '600 13px system-ui, sans-serif';
  let lines = 1, at = 0;
  for (const word of plain(e.x).split(' ')) {
    const wide = pen.measureText(word + ' ').width;
    if (at > 0 && at + wide > noteWidth()) { lines++; at = 0; }
    at += wide;
    for (; at > noteWidth(); at -= noteWidth()) lines++;
  }
  return lines;
}

function showLanes() {
  const box = $('lanes');
  box.replaceChildren();
  view.part.lanes.forEach((l, i) => {
    const e = make('div', 'lane');
    e.append(make('b', '', l.title), make('span', '', view.step > 60 ? l.actor : ''), make('br'), make('span', '', view.wide ? l.under : ''));
    e.style.maxWidth = view.step - 4 + 'px';
    e.title = plain([l.title, l.actor, l.under].filter(Boolean).join(' '));
    e.style.left = view.x[i] - $('scroll').scrollLeft + (view.wide ? view.step / 2 - 14 : 0) + 'px';
    if (view.wide) e.style.left = Math.max(view.x[i], 40) - $('scroll').scrollLeft + 'px', e.style.transform = 'none';
    box.append(e);
  });
}

// below is the index of the first row at or under a height.
function below(height) {
  let a = 0, b = view.rows.length;
  while (a < b) { const m = (a + b) >> 1; if (view.y[m] < height) a = m + 1; else b = m; }
  return a;
}

// What is drawn of each row, by its place: it stays while it is in view and looks the same, for most of a step of scrolling
// is there already.
let drawnRows = new Map();

// sync makes elements the children of a box, in their order, and touches only those that come and go.
function sync(box, elements) {
  const stay = new Set(elements);
  for (let e = box.firstChild; e;) {
    const next = e.nextSibling;
    if (!stay.has(e)) e.remove();
    e = next;
  }
  let at = box.firstChild;
  for (const e of elements) {
    if (e === at) at = at.nextSibling; else box.insertBefore(e, at);
  }
}

let all = false; // for printing: every row, not only those in view
const printable = 4000;

function draw() {
  const box = $('scroll'), { rows, y } = view;
  let from = Math.max(0, below(box.scrollTop - 40) - 1), to = Math.min(rows.length, below(box.scrollTop + box.clientHeight + 40) + 1);
  if (all) { from = 0; to = Math.min(rows.length, printable); }
  if (to - from > 600 && !all) to = from + 600; // in true time more can share a place than can be seen
  const lines = [], elements = [];
  const top = from < to ? y[from] - 40 : 0, bottom = from < to ? y[to - 1] + 60 : 0;
  for (const x of view.x) lines.push(drawn('line', { class: 'rail', x1: x, x2: x, y1: Math.max(0, top), y2: Math.min(view.height, bottom) }));
  const kin = kinOf(view.hover || view.chosen);
  const state = e => e.m + (e === view.chosen ? ' chosen' : kin.has(e) ? ' kin' : '');
  const bars = new Set(view.open[Math.floor(from / 256)] || []);
  for (let i = Math.floor(from / 256) * 256; i < to; i++) if (rows.of[i].k === 'call' && rows.how[i] !== returned) bars.add(rows.of[i]);
  for (const e of bars) {
    const lane = view.part.laneOf(e), first = view.first[e.at], last = view.last[e.at];
    if (lane < 0 || last < from && e.u < Infinity) continue;
    const y1 = y[first] + 2, y2 = e.u === Infinity ? view.height - 8 : Math.max(y1 + 12, last > first ? y[last] + 12 : barEnd(e, y1));
    lines.push(drawn('rect', { class: 'bar ' + state(e) + (e.u === Infinity ? ' open' : ''), x: view.x[lane] - 4, width: 8,
      y: Math.max(y1, top), height: Math.max(2, Math.min(y2, bottom) - Math.max(y1, top)), rx: 2, 'data-of': idOf(e) }));
  }
  let shown = -100;
  const now = new Map();
  for (let i = from; i < to; i++) {
    const e = rows.of[i];
    const dense = y[i] - shown < 12;
    if (!dense) shown = y[i];
    const look = state(e) + (dense ? ' dense' : '');
    let d = drawnRows.get(i);
    if (!d || d.look !== look) {
      d = { look, arrow: [], row: row(e, i, dense, state(e)) };
      if (e.k === 'packet') arrow(d.arrow, e, y[i] + 9, state(e));
    }
    now.set(i, d);
    lines.push(...d.arrow);
    elements.push(d.row);
  }
  drawnRows = now;
  sync($('lines'), lines);
  sync($('rows'), elements);
  const active = view.chosen && document.getElementById('row-' + idOf(view.chosen));
  if (active) box.setAttribute('aria-activedescendant', active.id); else box.removeAttribute('aria-activedescendant');
}

// barEnd is where the bar of a call of one row ends: in true time, when it returned.
function barEnd(e, y1) {
  if ($('scale').value === 'even' || view.rows.length < 2) return y1;
  const start = view.rows.at(0), end = view.rows.at(view.rows.length - 1);
  return 8 + (e.u - start) * (view.y[view.rows.length - 1] - 8) / Math.max(1, end - start);
}

function arrow(lines, e, y, state) {
  const slant = 7, x1 = view.x[view.part.laneOf(e)];
  for (const lane of view.part.lanesTo(e)) {
    const x2 = view.x[lane], y1 = e.i ? y - slant : y, y2 = e.i ? y : y + slant;
    if (x1 === x2) {
      lines.push(drawn('path', { class: 'arrow ' + state, d: `M${x1} ${y1} h18 v${slant} h-12`, 'data-of': idOf(e) }));
      lines.push(drawn('path', { class: 'head ' + state, d: `M${x1 + 4} ${y1 + slant} l7 -3.5 v7 z` }));
      continue;
    }
    const back = x2 > x1 ? -1 : 1, lost = e.m === 'lost';
    const xe = lost ? x1 + (x2 - x1) * .6 : x2 + back * 4, ye = lost ? y1 + slant * .6 : y2;
    lines.push(drawn('line', { class: 'arrow ' + state, x1, y1, x2: xe, y2: ye, 'data-of': idOf(e) }));
    if (lost) lines.push(drawn('path', { class: 'arrow ' + state, d: `M${xe - 5} ${ye - 5} l10 10 m0 -10 l-10 10` }));
    else lines.push(drawn('path', { class: 'head ' + state, d: `M${xe - back * 1} ${ye} l${back * 8} -4 v8 z` }));
  }
}

function row(e, i, dense, state) {
  const how = view.rows.how[i], d = make('div', 'row ' + e.k + ' ' + state + (dense ? ' dense' : ''));
  d.style.top = view.y[i] + 'px';
  d.style.left = '0';
  d.style.width = view.width + 'px';
  d.style.height = '18px';
  const at = make('span', 'at', (view.rows.at(i) / 1e6).toFixed(3));
  const say = make('span', 'say');
  if (e.k === 'note') {
    d.setAttribute('role', 'presentation');
    say.textContent = plain(e.x);
    place(say, timeWidth() + 20, noteWidth());
    if ($('scale').value === 'true') say.style.whiteSpace = 'nowrap'; // there it has no more room than it has time
    d.title = say.textContent;
    d.append(say);
    return d;
  }
  d.setAttribute('role', 'option');
  d.setAttribute('aria-selected', e === view.chosen);
  d.setAttribute('aria-posinset', i + 1);
  d.setAttribute('aria-setsize', view.rows.length);
  d.dataset.of = idOf(e);
  if (how !== returned) d.id = 'row-' + idOf(e);
  const number = e.k === 'call' ? '#' + e.n + ' ' : '';
  say.textContent = plain(how === returned ? '└ ' + number + '= ' + e.r : number + (how === whole || e.k === 'packet' ? e.x : opening(e)));
  if (e.y && (how !== entered || e.k === 'packet')) { const y = make('span', 'y', '  ' + e.y); say.append(y); }
  d.title = say.textContent;
  const lane = view.part.laneOf(e), to = view.part.lanesTo(e), lo = Math.min(lane, ...to), hi = Math.max(lane, ...to);
  let x, w;
  if (!view.wide) { x = view.textAt; w = view.width - x; }
  else if (e.k === 'call') { x = view.x[Math.max(0, lane)] + 8; w = view.step - 14; }
  else { x = view.x[lo] + 14; w = lo === hi ? view.step - 20 : view.x[hi] - view.x[lo] - 24; }
  w -= 4;
  place(say, x, w);
  d.append(at, say);
  if ($('explain').checked && e.h && how !== returned) {
    const more = make('span', 'more', sentences[e.h]);
    place(more, x, view.width - x);
    d.append(more);
  }
  return d;
}

function place(e, x, w) { e.style.left = x + 'px'; e.style.width = Math.max(60, w) + 'px'; }

// opening is a call as it was entered: what stands behind its = was not known.
const opening = e => e.r && e.x.endsWith(' = ' + e.r) ? e.x.slice(0, -e.r.length - 3) + ' …' : e.x;

// kinOf are the events that belong to one: the packets of a call's bytes, the receive that takes them, and back. A packet and
// a receive belong together when both have some of the same bytes of a call.
function kinOf(e) {
  const kin = new Set();
  if (!e) return kin;
  for (const l of [...e.l, ...back(e)]) {
    const other = find(l.k, l.n);
    if (!other || other === e) continue;
    kin.add(other);
    if (l.r !== 'carries' && l.r !== 'receives') continue;
    for (const m of back(other)) {
      const same = l.b === undefined || m.b === undefined || l.m === m.m && l.b < m.e && m.b < l.e;
      if ((m.r === 'carried by' || m.r === 'received by') && same) kin.add(find(m.k, m.n));
    }
  }
  kin.delete(e);
  return kin;
}

// ---- details

async function details(e) {
  const n = String(e.d);
  if (!unpacked.has(n)) {
    if (unpacked.size > 16) unpacked.delete(unpacked.keys().next().value);
    unpacked.set(n, unpack(blocks[n]));
  }
  return (await unpacked.get(n))[idOf(e)];
}

async function showDetail(e) {
  const box = $('detail'), d = await details(e);
  if (e !== view.chosen) return; // another was chosen meanwhile
  box.replaceChildren();
  box.dataset.of = idOf(e);
  box.append(make('h2', '', (e.k === 'call' ? '#' : 'packet ') + e.n + '  ' + e.x));
  if (e.y) box.append(make('p', '', e.y));
  if (e.h) box.append(make('p', 'hint', sentences[e.h]));
  links(box, e);
  if (d.layers) packetBytes(box, d);
  box.append(make('h3', '', 'As in --json'));
  box.append(facts(d.record));
}

// links are what the event has to do with others.
function links(box, e) {
  const all = [...e.l, ...back(e)];
  if (!all.length) return;
  const list = make('ul', 'links');
  for (const l of all) {
    const item = make('li'), a = make('a', '', l.k + ' ' + (l.k === 'call' ? '#' : '') + l.n);
    const other = find(l.k, l.n);
    item.append(make('span', '', l.r + ' '));
    if (other) { a.href = '#' + hashOf(other); item.append(a); } else item.append(make('span', '', a.textContent));
    if (l.b !== undefined) item.append(make('span', '', l.all ? ' all' : ' bytes ' + l.b + ' to ' + l.e));
    if (other) item.append(make('code', '', '  ' + other.x.slice(0, 60)));
    list.append(item);
  }
  box.append(list);
}

// facts are a record's values by name, those of values inside it too.
function facts(record) {
  const list = make('dl');
  const add = (name, value) => {
    if (value !== null && typeof value === 'object' && Object.keys(value).length) {
      for (const k in value) add(Array.isArray(value) ? name + '[' + k + ']' : name + '.' + k, value[k]);
      return;
    }
    const v = make('dd', '', value === null ? '–' : typeof value === 'object' ? (Array.isArray(value) ? '[]' : '{}') : String(value));
    v.dataset.key = name;
    list.append(make('dt', '', name), v);
  };
  for (const k in record) add(k, record[k]);
  return list;
}

// packetBytes are a packet's fields and its bytes: each marks the other.
function packetBytes(box, d) {
  const bytes = make('div', 'bytes'), spans = [];
  bytes.setAttribute('aria-label', 'Bytes of the packet');
  bytes.setAttribute('role', 'group');
  bytes.tabIndex = 0; // it scrolls
  box.append(make('h3', '', 'Bytes'), bytes);
  for (let i = 0; i < d.bytes.length / 2; i++) {
    const s = make('span', '', d.bytes.slice(2 * i, 2 * i + 2));
    s.dataset.byte = i;
    spans.push(s);
    bytes.append(s, i % 16 === 15 ? '\n' : i % 8 === 7 ? '  ' : ' ');
  }
  const fields = [];
  const mark = chosen => {
    for (const s of spans) s.classList.remove('marked');
    for (const f of fields) f.button.classList.toggle('marked', f === chosen);
    if (!chosen || !chosen.bits) return;
    for (let i = chosen.bit >> 3; i <= (chosen.bit + chosen.bits - 1) >> 3 && i < spans.length; i++) spans[i].classList.add('marked');
    const first = spans[Math.min(chosen.bit >> 3, spans.length - 1)];
    if (first) bytes.scrollTop = first.offsetTop - bytes.offsetTop - 30;
  };
  for (const layer of d.layers) {
    box.append(make('h3', '', layer.title + (layer.length ? ', bytes ' + layer.at + ' to ' + (layer.at + layer.length - 1) : '')));
    const list = make('ul', 'fields');
    for (const f of layer.fields) {
      const item = make('li'), button = make('button', '', f.name + (f.value === undefined ? '' : ': ' + f.value));
      button.type = 'button';
      button.style.paddingLeft = .3 + (f.depth || 0) + 'rem';
      button.dataset.bit = f.bit;
      button.dataset.bits = f.bits;
      const field = { ...f, button };
      fields.push(field);
      for (const type of ['mouseenter', 'focus', 'click']) button.addEventListener(type, () => mark(field));
      item.append(button);
      list.append(item);
    }
    box.append(list);
  }
  bytes.addEventListener('mouseover', event => {
    const i = event.target.dataset.byte;
    if (i === undefined) return;
    const bit = 8 * i;
    mark(fields.filter(f => f.bits && f.bit < bit + 8 && f.bit + f.bits > bit).sort((a, b) => a.bits - b.bits)[0]);
  });
}

function showKinds(rows) {
  const table = $('kinds').querySelector('table');
  rows.forEach((cells, i) => {
    const tr = make('tr');
    cells.forEach((c, k) => {
      const cell = make(i && k ? 'td' : k || c ? 'th' : 'td', '', c);
      if (cell.tagName === 'TH') cell.scope = i ? 'row' : 'col';
      tr.append(cell);
    });
    table.append(tr);
  });
  $('kinds').hidden = false;
}

// ---- what the reader does

const hashOf = e => (parts.length > 1 ? (view.part.part + 1) + '-' : '') + idOf(e);

function choose(e, reveal) {
  view.chosen = e;
  if (view.first[e.at] < 0) {
    $('socket').value = $('kind').value = $('find').value = '';
    select();
  }
  if (reveal) {
    const box = $('scroll'), y = view.y[view.first[e.at]];
    if (y < box.scrollTop + 20 || y > box.scrollTop + box.clientHeight - 60) box.scrollTop = Math.max(0, y - box.clientHeight / 2);
  }
  history.replaceState(null, '', '#' + hashOf(e));
  draw();
  return showDetail(e);
}

// follow goes to what the address names: #call-7, or #2-call-7 in the second part.
function follow() {
  const m = /^#(?:(\d+)-)?((?:call|packet)-\d+)$/.exec(location.hash);
  if (!m) return false;
  const part = parts[m[1] ? m[1] - 1 : parts.indexOf(view.part) > 0 && !m[1] ? 0 : Math.max(0, parts.indexOf(view.part))];
  if (!part) return false;
  if (part !== view.part) open(part);
  const e = named(m[2]);
  if (!e) return false;
  choose(e, true);
  return true;
}

function open(part) {
  view.part = part;
  view.chosen = view.hover = null;
  $('about').textContent = plain(part.about || '');
  $('explains').hidden = !part.explain;
  const socket = $('socket');
  socket.replaceChildren(new Option('all', ''), ...part.sockets.map(s => new Option(plain([s.name, s.actor, s.local].filter(Boolean).join(' ')), s.name)));
  for (const b of $('parts').children) b.setAttribute('aria-pressed', b.dataset.part == part.part);
  $('scroll').scrollTop = 0;
  $('detail').replaceChildren(make('p', 'hint', 'Choose a call or a packet: click it, or use the arrow keys and Enter.'));
  delete $('detail').dataset.of;
  select();
}

const under = event => {
  const t = event.target.closest && event.target.closest('[data-of]');
  return t && named(t.dataset.of);
};

// move chooses the event so many further, or the last that there is.
function move(by) {
  const { of, how, length } = view.rows, step = Math.sign(by);
  let to = null;
  for (let left = Math.abs(by), i = (view.chosen ? view.first[view.chosen.at] : by > 0 ? -1 : length) + step; left > 0 && i >= 0 && i < length; i += step)
    if (of[i].k !== 'note' && how[i] !== returned) { to = of[i]; left--; }
  if (to || view.chosen) choose(to || view.chosen, true);
}

const keys = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: 20, PageUp: -20, Home: -Infinity, End: Infinity };

function listen() {
  const box = $('scroll');
  let waiting = false;
  let left = box.scrollLeft;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (left !== box.scrollLeft) { left = box.scrollLeft; showLanes(); }
      draw();
    });
  };
  box.addEventListener('scroll', soon);
  box.addEventListener('click', event => { const e = under(event); if (e) choose(e, false); });
  box.addEventListener('mouseover', event => { const e = under(event) || null; if (e !== view.hover) { view.hover = e; soon(); } });
  box.addEventListener('mouseleave', () => { view.hover = null; soon(); });
  box.addEventListener('keydown', event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in keys) { event.preventDefault(); move(keys[event.key]); }
    else if (event.key === 'Enter' && view.chosen) { event.preventDefault(); $('detail').focus(); }
  });
  $('detail').addEventListener('keydown', event => { if (event.key === 'Escape') box.focus(); });
  for (const id of ['socket', 'kind', 'find', 'explain']) $(id).addEventListener('input', select);
  $('scale').addEventListener('input', () => { view.zoom = 1; layout(); });
  const zoom = by => {
    const box = $('scroll'), part = box.scrollTop / view.height;
    view.zoom = Math.max(.5, Math.min($('scale').value === 'even' ? 4 : 4096, view.zoom * by));
    layout();
    box.scrollTop = part * view.height;
  };
  $('in').addEventListener('click', () => zoom(2));
  $('out').addEventListener('click', () => zoom(.5));
  $('controls').addEventListener('submit', event => event.preventDefault());
  addEventListener('resize', () => layout());
  addEventListener('hashchange', follow);
  addEventListener('beforeprint', () => { all = true; layout(); $('scroll').style.height = view.height + 'px'; });
  addEventListener('afterprint', () => { all = false; $('scroll').style.height = ''; layout(); });
}

async function main() {
  if (typeof DecompressionStream === 'undefined') {
    $('detail').textContent = 'This browser is too old for this page: it cannot unpack what the page holds (DecompressionStream).';
    return;
  }
  await read();
  if (!parts.length) return;
  if (parts.length > 1) {
    for (const p of parts) {
      const b = make('button', '', p.name);
      b.type = 'button';
      b.dataset.part = p.part;
      b.addEventListener('click', () => open(p));
      $('parts').append(b);
    }
    $('parts').hidden = false;
  }
  open(parts[0]);
  listen();
  follow();
  document.documentElement.dataset.ready = Math.round(performance.now()); // ms since it was opened
}

main().catch(err => { $('detail').textContent = 'The page cannot be shown: ' + err; document.documentElement.dataset.ready = 'failed'; throw err; });
})();
