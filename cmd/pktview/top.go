package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"sockwire/capture/owner"
	"sockwire/capture/stats"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
)

// joinTop makes one argument of --top and a number behind it, for the flag may stand alone too.
func joinTop(args []string) []string {
	for i := 0; i+1 < len(args) && args[i] != "--"; i++ {
		if _, err := strconv.Atoi(args[i+1]); args[i] == "--top" && err == nil {
			return append(append(args[:i:i], "--top="+args[i+1]), joinTop(args[i+2:])...)
		}
	}
	return args
}

// checkTop takes --top for the live view where nothing else is asked for that it bounds.
func (o *options) checkTop() error {
	switch {
	case !o.topGiven || o.countsOnly() || o.list || o.dump > 0 || o.explain:
		return nil
	case len(o.read) > 0:
		return cli.WithHint(cli.Usagef("--top is a view of what passes now, or bounds what --stats and --streams list"), "files are counted by --stats: add it")
	case o.drops || o.write != "" || o.fields != "":
		return cli.Usagef("--top shows who talks now: give it without --drops, -w and --fields")
	}
	o.live, o.stats = true, "protocols,conversations,endpoints"
	if o.owner {
		o.stats += ",owners"
	}
	return nil
}

// runLive captures beside the screen of --top, or without one where there is no terminal.
func (c *capturer) runLive(ctx context.Context) error {
	if !c.o.live || c.o.json || !live.Possible(c.env) {
		return c.run(ctx)
	}
	t := &topView{c: c, start: time.Now()}
	for _, p := range topPages {
		if p.name != "owners" || c.o.owner {
			t.pages = append(t.pages, &topPage{page: p})
		}
	}
	return live.Run(ctx, c.env, live.Source{Look: t.look, Reset: t.reset}, c.run)
}

// topView is what --top shows. The counts are those that --stats prints at the end.
type topView struct {
	c     *capturer
	pages []*topPage
	start time.Time
}

// page is a kind of thing that is counted.
type page struct {
	name    string
	columns []live.Column
	// list adds all of them to the page, and returns what tells of one, by its place.
	list func(p *topPage, c *capturer) func(at int) told
}

// told is what the screen tells of something, beside its amounts.
type told struct {
	name          string
	cells, detail []string
}

// topPage is a page of the screen. What it keeps of each thing is in slices by its number, for all are looked at often.
type topPage struct {
	page
	talkers []talker
	numbers map[any]int // of things that have no number of their own
	since   []amount    // what had been counted at the last reset
	before  []amount    // what had been counted at
	at      time.Time   // that moment
	now     []float64   // bits a second since
}

type amount struct{ packets, bytes uint64 }

// talker is something that is counted.
type talker struct {
	number int // the same in all lists
	at     int // its place in this one
	total  amount
	now    float64 // bits a second
}

var topPages = []page{
	{"conversations", withAmounts(live.Column{Name: "", Width: 5, Keep: true, Left: true}, live.Column{Name: "A", Width: 15, Grow: 32, Keep: true, Left: true},
		live.Column{Name: "B", Width: 15, Grow: 32, Keep: true, Left: true}), conversationTalkers},
	{"protocols", withAmounts(live.Column{Name: "protocol", Width: 16, Grow: 24, Keep: true, Left: true}), protocolTalkers},
	{"endpoints", withAmounts(live.Column{Name: "address", Width: 15, Grow: 24, Keep: true, Left: true}, live.Column{Name: "sent", Width: 9},
		live.Column{Name: "received", Width: 9}), endpointTalkers},
	{"owners", withAmounts(live.Column{Name: "process", Width: 16, Grow: 16, Keep: true, Left: true}, live.Column{Name: "pid", Width: 7, Keep: true},
		live.Column{Name: "user", Width: 8, Grow: 8, Left: true}, live.Column{Name: "sent", Width: 9}, live.Column{Name: "received", Width: 9}), ownerTalkers},
}

func withAmounts(columns ...live.Column) []live.Column {
	return append([]live.Column{columns[0]}, append(columns[1:], live.Column{Name: "now", Width: 11, Keep: true}, live.Column{Name: "packets", Width: 8},
		live.Column{Name: "bytes", Width: 8})...)
}

func conversationTalkers(p *topPage, c *capturer) func(int) told {
	for i := range c.stats.Talks() {
		p.add(i, c.stats.TalkTotal(i))
	}
	return func(at int) told {
		n := c.stats.Talk(at)
		return told{fmt.Sprintf("%s %s ↔ %s", protocolName(n.Protocol), end(n.A), end(n.B)), []string{protocolName(n.Protocol), end(n.A), end(n.B)}, []string{
			fmt.Sprintf("A→B %s, %s; B→A %s, %s", cli.Plural(n.AtoB.Packets, "packet"), size(n.AtoB.Bytes), cli.Plural(n.BtoA.Packets, "packet"), size(n.BtoA.Bytes)),
			fmt.Sprintf("seen for %v, the last time %v ago", n.Duration().Round(time.Millisecond), time.Since(n.Last).Round(100*time.Millisecond))}}
	}
}

func protocolTalkers(p *topPage, c *capturer) func(int) told {
	type item struct {
		name string
		end  stats.Count
	}
	var items []item
	var walk func(list []*stats.Protocol, path string)
	walk = func(list []*stats.Protocol, path string) {
		for _, n := range list {
			name := path + n.Type.String()
			p.add(p.number(name), n.Count)
			items = append(items, item{name, n.End})
			walk(n.Children, name+" ")
		}
	}
	walk(c.stats.Protocols(), "")
	return func(at int) told {
		n := &items[at]
		return told{n.name, []string{n.name}, []string{fmt.Sprintf("the last layer of %s, %s", cli.Plural(n.end.Packets, "packet"), size(n.end.Bytes))}}
	}
}

func endpointTalkers(p *topPage, c *capturer) func(int) told {
	list := c.stats.Endpoints()
	for i := range list {
		p.add(p.number(list[i].Addr), list[i].Total())
	}
	return func(at int) told {
		e := &list[at]
		name := e.Addr.String()
		return told{name, []string{name, compact(e.Sent.Bytes, 9), compact(e.Recv.Bytes, 9)}, []string{
			fmt.Sprintf("sent %s, %s; received %s, %s", cli.Plural(e.Sent.Packets, "packet"), size(e.Sent.Bytes), cli.Plural(e.Recv.Packets, "packet"), size(e.Recv.Bytes))}}
	}
}

func ownerTalkers(p *topPage, c *capturer) func(int) told {
	type key struct {
		pid  int
		name string
	}
	list := c.owning.tally.Counts()
	for _, n := range list {
		p.add(p.number(key{n.PID, n.Name}), stats.Count{Packets: n.Packets[0] + n.Packets[1], Bytes: n.Bytes[0] + n.Bytes[1]})
	}
	return func(at int) told {
		n := list[at]
		name, user := cli.Escape(n.Name), cli.Escape(cmp.Or(n.User, strconv.FormatUint(uint64(n.UID), 10)))
		detail := []string{cli.Escape(n.Exe), fmt.Sprintf("sent %s, %s; received %s, %s", cli.Plural(n.Packets[0], "packet"), size(n.Bytes[0]), cli.Plural(n.Packets[1], "packet"),
			size(n.Bytes[1])), fmt.Sprintf("exact %d, inferred %d", n.Known[owner.Exact], n.Known[owner.Inferred])}
		if n.Group != "" {
			detail = append(detail, "cgroup "+cli.Escape(n.Group))
		}
		return told{name, []string{name, strconv.Itoa(n.PID), user, compact(n.Bytes[0], 9), compact(n.Bytes[1], 9)}, detail}
	}
}

// add adds to the list.
func (p *topPage) add(number int, total stats.Count) {
	p.talkers = append(p.talkers, talker{number: number, at: len(p.talkers), total: amount{total.Packets, total.Bytes}})
}

// number is that of a thing, the next one if it is new.
func (p *topPage) number(key any) int {
	if p.numbers == nil {
		p.numbers = make(map[any]int)
	}
	n, ok := p.numbers[key]
	if !ok {
		n = len(p.numbers)
		p.numbers[key] = n
	}
	return n
}

// gather lists what a page counts, since the last reset, with what passes now, and returns what tells of one. The caller
// holds mu.
func (p *topPage) gather(c *capturer, now time.Time) func(at int) told {
	p.talkers = p.talkers[:0]
	tell := p.list(p, c)
	most := 0
	for i := range p.talkers {
		most = max(most, p.talkers[i].number+1)
	}
	p.since, p.before, p.now = grown(p.since, most), grown(p.before, most), grown(p.now, most)
	first := p.at.IsZero()
	since := now.Sub(p.at)
	fresh := since >= rateSpan
	if fresh {
		p.at = now
	}
	kept := p.talkers[:0]
	for _, t := range p.talkers {
		n := t.number
		if fresh {
			if before := &p.before[n]; !first {
				p.now[n] = float64(t.total.bytes-min(before.bytes, t.total.bytes)) * 8 / since.Seconds()
			}
			p.before[n] = t.total
		}
		t.now = p.now[n]
		t.total = amount{t.total.packets - min(p.since[n].packets, t.total.packets), t.total.bytes - min(p.since[n].bytes, t.total.bytes)}
		if t.total.packets > 0 {
			kept = append(kept, t)
		}
	}
	p.talkers = kept
	return tell
}

// grown has room for n, and zeros at its end.
func grown[T any](list []T, n int) []T {
	return append(list, make([]T, max(n-len(list), 0))...)
}

// rateSpan is over how long "now" is at least.
const rateSpan = time.Second

// reset counts anew for the screen.
func (t *topView) reset() {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.start = time.Now()
	for _, p := range t.pages {
		clear(p.since)
		p.gather(t.c, t.start)
		for _, n := range p.talkers {
			p.since[n.number] = n.total
		}
	}
}

var topOrders = []string{"now", "bytes", "packets"}

// compareTalkers orders them; of equal ones, those that came first stay first.
func compareTalkers(order int) func(a, b talker) int {
	return func(a, b talker) int {
		most := cmp.Or(cmp.Compare(b.total.bytes, a.total.bytes), cmp.Compare(b.total.packets, a.total.packets), cmp.Compare(a.number, b.number))
		switch order {
		case 0:
			return cmp.Or(cmp.Compare(b.now, a.now), most)
		case 2:
			return cmp.Or(cmp.Compare(b.total.packets, a.total.packets), most)
		}
		return most
	}
}

// look is what the screen shows now.
func (t *topView) look(a live.Ask) live.View {
	_, dropped, _ := t.c.counts()
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	p := t.pages[a.Page]
	tell := p.gather(t.c, time.Now())
	v := live.View{Title: p.name, Page: "page", Pages: len(t.pages), Columns: p.columns, Orders: topOrders, Empty: "nothing has passed yet",
		State: []string{time.Since(t.start).Round(time.Second).String(), cli.Plural(len(p.talkers), "row")}}
	total := t.c.stats.Total()
	v.Notes = []string{fmt.Sprintf("%s, %s captured, %d dropped by the kernel", cli.Plural(total.Packets, "packet"), size(total.Bytes), dropped)}
	if p.name == "owners" {
		known := t.c.owning.tally.Known
		v.Notes[0] += fmt.Sprintf("; owners of %d exact, of %d inferred, of %d unknown", known[owner.Exact], known[owner.Inferred], known[owner.Unknown])
	}
	if n := t.c.stats.Untracked().Packets; n > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%s of conversations beyond the first %d are not listed", cli.Plural(n, "packet"), stats.DefaultLimit))
	}
	for i, n := range live.Pick(a, p.talkers, compareTalkers(a.Order), talker.key) {
		if t.c.o.top > 0 && i >= t.c.o.top {
			break
		}
		said := tell(n.at)
		for len(said.cells) < len(p.columns)-3 {
			said.cells = append(said.cells, "")
		}
		v.Rows = append(v.Rows, live.Row{Key: n.key(), Name: said.name, Detail: said.detail,
			Cells: append(said.cells, rate(n.now), compact(n.total.packets, 8), compact(n.total.bytes, 8))})
	}
	return v
}

func (t talker) key() string { return strconv.Itoa(t.number) }
