package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/raw/path"
	"sockwire/raw/trace"
)

// explore finds every path to each host, and prints what it found in the order of the hosts. It returns what the exit
// status says. With --watch it does so again and again, on a terminal beside a table of the edges.
func (s *session) explore(ctx context.Context, open *trace.Session) (err error) {
	bad, reached := false, 0
	if s.opt.watch && s.liveTable() {
		bad, err = s.exploreLive(ctx, open)
	} else {
		defer s.env.Progress(s.status)()
		bad, reached, err = s.exploreRounds(ctx, open, s.printGraph)
	}
	if err != nil {
		return err
	}
	if s.opt.watch && s.plain() && (s.liveTable() || !s.opt.unmeasured) {
		s.printBranches()
	}
	if s.opt.json {
		r := s.summaryRecord(ctx)
		r.Reached = reached
		s.env.Stdout.JSON(r)
	}
	if bad {
		return cli.ErrNo
	}
	return nil
}

// branch is an edge of a graph as the table of --watch --paths has it: a row for each way into a node.
type branch struct {
	ttl        int // of the node that it leads to
	from, to   string
	loss       float64
	sent       int
	least      time.Duration
	mean       time.Duration
	mtu        int
	verdict    string
	bad, known bool // real loss; somebody answers behind it
	detail     []string
}

// branchColumns are the table's. The verdict is always among them, for a percentage alone misleads.
var branchColumns = []live.Column{
	{Name: "hop", Width: 3, Keep: true}, {Name: "from", Width: 15, Grow: 24, Keep: true, Left: true}, {Name: "to", Width: 15, Grow: 24, Keep: true, Left: true},
	{Name: "loss", Width: 6}, {Name: "least", Width: 7}, {Name: "mean", Width: 7}, {Name: "sent", Width: 5}, {Name: "MTU", Width: 5, Keep: true},
	{Name: "verdict", Width: 17, Grow: 1000, Keep: true, Left: true},
}

// branches are the edges of a graph, by hop.
func (s *session) branches(g *path.Graph) (list []branch) {
	for i := range g.Edges {
		e := &g.Edges[i]
		from, to := &g.Nodes[e.From], &g.Nodes[e.To]
		count := e.Count
		if e.Loss != nil { // of one flow: those that lose what they lose before this edge say nothing of it
			count = e.Loss.Loss
		}
		b := branch{ttl: to.TTL, from: s.nodeLabel(from), to: s.nodeLabel(to), sent: count.Sent, loss: count.Loss(), least: e.RTT, mean: e.Mean, mtu: e.MTU}
		b.known = count.Answered > 0
		if v := e.Loss; v != nil {
			b.verdict, b.bad = shortVerdict(v), v.Finding == path.Real
			b.detail = append(b.detail, v.Finding.String()+": "+v.Why)
		}
		if e.Hole {
			b.detail = append(b.detail, "packets larger than the MTU vanish here, and nobody says so")
		}
		if e.Guess {
			b.detail = append(b.detail, "packets are shared out before it, not flows: that one leads to the other is a guess")
		}
		if from.Balance != path.Alone {
			b.detail = append(b.detail, b.from+" splits the paths "+from.Balance.String())
		}
		b.detail = append(b.detail, fmt.Sprintf("flow %d goes this way", e.Flow))
		list = append(list, b)
	}
	return list
}

// cells are the texts of a branch, under branchColumns.
func (b *branch) cells() []string {
	list := []string{strconv.Itoa(b.ttl), b.from, b.to, "-", "-", "-", strconv.Itoa(b.sent), "-", b.verdict}
	if b.sent > 0 {
		list[3] = cli.Percent(b.loss)
	}
	if b.known {
		list[4], list[5] = live.Milliseconds(b.least), live.Milliseconds(b.mean)
	}
	if b.mtu > 0 {
		list[7] = strconv.Itoa(b.mtu)
	}
	return list
}

func (b *branch) mood() live.Mood {
	switch {
	case b.bad:
		return live.Bad
	case b.verdict != "" && b.loss > 0:
		return live.Warning
	}
	return live.Plain
}

func (b *branch) key() string { return strconv.Itoa(b.ttl) + " " + b.from + " " + b.to }

// compareBranches orders them in one of orderNames; the worst time of an edge is not known, so there are three.
func compareBranches(order int) func(a, b branch) int {
	return func(a, b branch) int {
		place := cmp.Or(cmp.Compare(a.ttl, b.ttl), cmp.Compare(a.key(), b.key()))
		switch order {
		case 1:
			return cmp.Or(cmp.Compare(b.loss, a.loss), place)
		case 2:
			return cmp.Or(cmp.Compare(b.mean, a.mean), place)
		}
		return place
	}
}

// lookBranches is what is known of the paths to a host now, for the screen.
func (s *session) lookBranches(a live.Ask) live.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.trails[min(a.Page, len(s.trails)-1)]
	v := live.View{Title: cli.Escape(s.title(w.target)), Page: "host", Pages: len(s.trails), State: []string{fmt.Sprintf("round %d", s.told)},
		Orders: orderNames[:3], Columns: branchColumns, Empty: "looking for all paths"}
	if w.graph == nil {
		return v
	}
	v.Notes = append(v.Notes, w.sentenceOf(w.graph))
	if w.graphChange != "" {
		v.Notes = append(v.Notes, w.graphChange)
	}
	for _, b := range live.Pick(a, s.branches(w.graph), compareBranches(a.Order), func(b branch) string { return b.key() }) {
		v.Rows = append(v.Rows, live.Row{Key: b.key(), Name: fmt.Sprintf("hop %d, from %s to %s", b.ttl, b.from, b.to), Cells: b.cells(), Mood: b.mood(), Detail: b.detail})
	}
	return v
}

// exploreLive finds all paths again and again beside a screen.
func (s *session) exploreLive(ctx context.Context, open *trace.Session) (bad bool, err error) {
	err = live.Run(ctx, s.env, live.Source{Look: s.lookBranches}, func(ctx context.Context) (err error) {
		bad, _, err = s.exploreRounds(ctx, open, func(_ *trail, g *path.Graph) error {
			for i := range g.Nodes {
				s.names.ask(g.Nodes[i].Addr)
			}
			return nil
		})
		return err
	})
	return bad, err
}

// printBranches prints what --watch knows at its end: as the screen has it, within the width of a line.
func (s *session) printBranches() {
	table := live.Layout(branchColumns, lineWidth)
	for _, w := range s.trails {
		if w.graph == nil {
			continue
		}
		s.env.Stdout.Printf(" %s\n", table.Head())
		for _, b := range s.branches(w.graph) {
			s.env.Stdout.Printf(" %s\n", strings.TrimRight(table.Row(b.cells()), " "))
		}
		s.printBack(w)
		s.env.Stdout.Printf("%s\n", wrapped(cli.Escape(s.title(w.target))+": "+w.sentenceOf(w.graph)))
	}
}
