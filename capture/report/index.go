package report

import "strings"

// event is what the page needs of every event to draw it.
type event struct {
	kind    string // call, packet or note
	number  int
	at      int64  // ns
	left    *int64 // ns, of a call that returned
	socket  string
	actor   string // where there is no socket to tell it
	to      []string
	in      bool // captured where it arrived
	text    string
	result  string // of a call, where it stands on a line of its own
	notes   string
	explain int    // which of the page's sentences, from 1
	mark    string // error, again, lost, reset
	links   []link
	block   int
}

// link leads from an event to another.
type link struct {
	relation string // carries, receives, caused by, …
	kind     string
	number   int
	// Which bytes of the call, if it is about bytes.
	bytes    bool
	from, to int
	message  int
	all      bool
}

// index is a piece of a part: its sockets that are new, and its events by columns, which are smaller than an object for
// each, and read in a fraction of the time. Where a column has a number for a text, it is its place in Names, of which
// the first is "".
type index struct {
	Part    int      `json:"part"`
	Sockets []any    `json:"sockets,omitempty"`
	Names   []string `json:"names"`

	Kind    []int    `json:"kind"`
	Number  []int    `json:"number"`
	At      []int64  `json:"at"`   // ns since the event before
	Took    []int64  `json:"took"` // ns; -1 of what has not returned
	Socket  []int    `json:"socket"`
	Actor   []int    `json:"actor"`
	To      []int    `json:"to"` // the names of the sockets, a space behind each
	In      []int    `json:"in"`
	Text    []string `json:"text"`
	Result  []string `json:"result"`
	Notes   []string `json:"notes"`
	Explain []int    `json:"explain"`
	Mark    []int    `json:"mark"`
	Links   [][]int  `json:"links"` // the numbers of all, one behind the other: see linkNumbers
	Block   []int    `json:"block"`

	last   int64
	places map[string]int
}

func newIndex(part int) *index {
	return &index{Part: part, Names: []string{""}, places: map[string]int{"": 0}}
}

// name is the place of a text among the names.
func (x *index) name(s string) int {
	at, ok := x.places[s]
	if !ok {
		at = len(x.Names)
		x.Names, x.places[s] = append(x.Names, s), at
	}
	return at
}

func (x *index) add(e *event) {
	took := int64(-1)
	if e.left != nil {
		took = *e.left - e.at
	}
	var to strings.Builder
	for _, name := range e.to {
		to.WriteString(name + " ")
	}
	var links []int
	for i := range e.links {
		links = x.linkNumbers(links, &e.links[i])
	}
	x.Kind = append(x.Kind, x.name(e.kind))
	x.Number = append(x.Number, e.number)
	x.At = append(x.At, e.at-x.last)
	x.Took = append(x.Took, took)
	x.Socket = append(x.Socket, x.name(e.socket))
	x.Actor = append(x.Actor, x.name(e.actor))
	x.To = append(x.To, x.name(to.String()))
	x.In = append(x.In, number(e.in))
	x.Text = append(x.Text, e.text)
	x.Result = append(x.Result, e.result)
	x.Notes = append(x.Notes, e.notes)
	x.Explain = append(x.Explain, e.explain)
	x.Mark = append(x.Mark, x.name(e.mark))
	x.Links = append(x.Links, links)
	x.Block = append(x.Block, e.block)
	x.last = e.at
}

// linkNumbers appends the numbers of a link: its relation, kind and number, then whether it is about bytes, of which
// message, from which to which, and whether they are all.
func (x *index) linkNumbers(b []int, l *link) []int {
	return append(b, x.name(l.relation), x.name(l.kind), l.number, number(l.bytes), l.message, l.from, l.to, number(l.all))
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
