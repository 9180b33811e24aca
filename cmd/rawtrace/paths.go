package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/raw/path"
	"sockwire/raw/trace"
)

// flowsMost is how many flows --paths may use: as many as the engine has.
const flowsMost = 4096

// edgeRounds is how many probes go along a flow at most until the loss of its edges is judged.
const edgeRounds = 150

// exploredAtOnce is how many hosts are explored at the same time; the rate is shared.
const exploredAtOnce = 8

// explored is what was found of the paths to a host.
type explored struct {
	graph *path.Graph
	err   error
	done  chan struct{}
}

// exploreRounds finds every path to each host once, or with --watch until its rounds are over or ctx ends, and has what
// was found told in the order of the hosts.
func (s *session) exploreRounds(ctx context.Context, open *trace.Session, tell func(*trail, *path.Graph) error) (bad bool, reached int, err error) {
	every := exploreEvery
	if s.plan.changed("interval") {
		every = s.opt.interval
	}
	for round := 1; ; round++ {
		again := time.NewTimer(every)
		defer again.Stop()
		if bad, reached, err = s.exploreOnce(ctx, open, tell); err != nil {
			return bad, reached, err
		}
		if !s.opt.watch || round == s.opt.count {
			return bad, reached, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return bad, reached, nil
		}
	}
}

// exploreEvery is how often --watch looks for all paths, unless told.
const exploreEvery = 10 * time.Second

// exploreOnce does so once, and tells whether a host was not reached or loss is real, and how many hosts were reached.
func (s *session) exploreOnce(ctx context.Context, open *trace.Session, tell func(*trail, *path.Graph) error) (bad bool, reached int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make([]*explored, len(s.trails))
	room := make(chan struct{}, exploredAtOnce)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for i, w := range s.trails {
		e := &explored{done: make(chan struct{})}
		found[i] = e
		group.Go(func() {
			defer close(e.done)
			room <- struct{}{}
			defer func() { <-room }()
			s.exploreHost(ctx, open, w, e)
		})
	}
	for i, w := range s.trails {
		<-found[i].done
		g := found[i].graph
		if err := found[i].err; err != nil {
			switch {
			case s.opt.watch && ctx.Err() != nil && w.graph != nil:
				g = w.graph // it was ended meanwhile: what was found before is told
			case g == nil || ctx.Err() == nil:
				return bad, reached, err
			}
		}
		if g.Reached {
			reached++
		}
		bad = bad || !g.Reached || realLoss(g) || w.far.bad()
		if err := tell(w, g); err != nil {
			return bad, reached, err
		}
		s.keepGraph(w, g)
	}
	s.mu.Lock()
	s.told++
	s.mu.Unlock()
	return bad, reached, nil
}

// keepGraph takes in what was found of the paths to a host.
func (s *session) keepGraph(w *trail, g *path.Graph) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probes += uint64(g.Probes)
	if w.graph != nil && w.graph != g {
		if change := changeOfPaths(w.graph, g); change != "" {
			w.graphChange = "the paths changed at " + time.Now().Format("15:04:05") + ": " + change
		}
	}
	w.graph = g
}

// exploreHost finds the paths to one host, measures their edges, and asks its far end.
func (s *session) exploreHost(ctx context.Context, open *trace.Session, w *trail, e *explored) {
	explorer := path.Explorer{Confidence: s.plan.confidence, Flows: flowsMost, LastTTL: s.opt.last}
	prober := open.Prober(w.addr)
	if e.graph, e.err = explorer.Explore(ctx, prober); e.err != nil {
		return
	}
	if !s.opt.unmeasured {
		inTime, rounds := ctx, edgeRounds
		if s.opt.decide > 0 {
			var cancel context.CancelFunc
			inTime, cancel = context.WithTimeout(ctx, s.opt.decide)
			defer cancel()
			rounds = mostRounds
		}
		measure := path.Measure{Inquiry: path.Inquiry{MaxRounds: rounds, Judge: path.Judge{Confidence: s.plan.confidence}}}
		if e.err = measure.Run(inTime, prober, e.graph); inTime.Err() != nil && ctx.Err() == nil {
			e.err = nil // what was measured in its time stands in the graph
		}
	}
	if s.opt.far != "" && e.err == nil {
		there := []netip.Addr{}
		if paths := e.graph.Paths(2); len(paths) == 1 && e.graph.Reached {
			for _, n := range paths[0] {
				there = append(there, e.graph.Nodes[n].Addr)
			}
		}
		f := s.bothWays(ctx, w, there)
		s.mu.Lock()
		w.far = f
		s.mu.Unlock()
	}
}

func realLoss(g *path.Graph) bool {
	for i := range g.Edges {
		if v := g.Edges[i].Loss; v != nil && v.Finding == path.Real {
			return true
		}
	}
	return false
}

// printGraph prints the paths to a host in the form asked for: of --watch, the drawing where it is another than the one
// before.
func (s *session) printGraph(w *trail, g *path.Graph) error {
	for i := range g.Nodes {
		s.names.ask(g.Nodes[i].Addr)
	}
	s.names.wait()
	out := s.env.Stdout
	change := ""
	if w.graph != nil {
		change = changeOfPaths(w.graph, g)
	}
	sentence := w.sentenceOf(g)
	switch {
	case s.opt.json:
		if err := out.JSON(s.pathsRecord(w, g)); err != nil {
			return err
		}
		if w.far != nil {
			s.farRecords(w)
		}
	case s.opt.dot:
		out.Printf("%s", g.DOT(s.nodeLabel))
	case s.opt.summary:
		out.Printf("%s\n", wrapped(cli.Escape(s.title(w.target))+": "+sentence))
	case w.graph != nil && change == "":
		out.Printf("%s\n", s.stamped(w, sentence))
	default:
		if change != "" {
			out.Printf("%s\n", s.stamped(w, "the paths changed: "+change))
		}
		out.Printf("paths to %s, %s\n", cli.Escape(s.title(w.target)), strings.ToUpper(s.plan.protocol.name))
		for _, line := range drawing(g, s.nodeLabel) {
			out.Printf("%s\n", line)
		}
		s.printBack(w)
		out.Printf("%s\n", wrapped(cli.Escape(s.title(w.target))+": "+sentence))
	}
	return out.Flush()
}

// sentenceOf is the sentence of the paths that were found.
func (w *trail) sentenceOf(g *path.Graph) string {
	return strings.Join(append([]string{graphSentence(g)}, w.far.texts()...), "; ")
}

// changeOfPaths says which nodes and links of one graph are not in the other, "" if both have the same.
func changeOfPaths(before, now *path.Graph) string {
	type link struct{ ttl, from, to string }
	of := func(g *path.Graph) (nodes, links map[link]bool) {
		nodes, links = map[link]bool{}, map[link]bool{}
		for _, n := range g.Nodes {
			nodes[link{strconv.Itoa(n.TTL), n.Label(), ""}] = true
		}
		for _, e := range g.Edges {
			if !e.Guess {
				from, to := &g.Nodes[e.From], &g.Nodes[e.To]
				links[link{strconv.Itoa(from.TTL), from.Label(), to.Label()}] = true
			}
		}
		return nodes, links
	}
	less := func(a, b map[link]bool) (list []string) {
		for k := range a {
			if !b[k] {
				list = append(list, fmt.Sprintf("%s at hop %s", k.from, k.ttl))
			}
		}
		slices.Sort(list)
		return list
	}
	nodesBefore, linksBefore := of(before)
	nodes, links := of(now)
	var parts []string
	if gone := less(nodesBefore, nodes); len(gone) > 0 {
		parts = append(parts, "gone is "+strings.Join(gone, ", "))
	}
	if came := less(nodes, nodesBefore); len(came) > 0 {
		parts = append(parts, "new is "+strings.Join(came, ", "))
	}
	if len(parts) == 0 && !maps.Equal(links, linksBefore) {
		parts = append(parts, "other links between the same routers")
	}
	return strings.Join(parts, "; ")
}

// nodeLabel names a node, with its name and place.
func (s *session) nodeLabel(n *path.Node) string {
	if n.TTL == 0 || !n.Addr.IsValid() {
		return n.Label()
	}
	return s.label(n.Addr)
}

// graphSentence says what was found.
func graphSentence(g *path.Graph) string {
	const limit = 1000
	paths := g.Paths(limit)
	text := cli.Plural(len(paths), "path")
	if len(paths) == limit {
		text = "more than " + text
	}
	least, most := 255, 0
	for _, p := range paths {
		least, most = min(least, len(p)), max(most, len(p))
	}
	switch {
	case len(paths) == 0 || !g.Reached && most == 0:
		text = "nobody answers"
	case least == most:
		text += " of " + cli.Plural(most, "hop")
	default:
		text += fmt.Sprintf(" of %d to %d hops", least, most)
	}
	parts := []string{text}
	if !g.Reached {
		why := "not reached"
		if i := slices.IndexFunc(g.Nodes, func(n path.Node) bool { return n.Loop }); i >= 0 {
			why += fmt.Sprintf(": the way goes round, hop %d is %s again", g.Nodes[i].TTL, g.Nodes[i].Label())
		}
		parts = append(parts, why)
	}
	if g.Complete {
		parts = append(parts, fmt.Sprintf("no other with a confidence of %s", lossPercent(g.Confidence)))
	} else {
		parts = append(parts, "there may be more: "+cli.Escape(g.Why))
	}
	var byFlow, byPacket []int
	for i := range g.Nodes {
		switch n := &g.Nodes[i]; {
		case n.Balance == path.ByFlow:
			byFlow = appendOnce(byFlow, n.TTL)
		case n.Balance == path.ByPacket:
			byPacket = appendOnce(byPacket, n.TTL)
		}
	}
	for _, b := range []struct {
		ttls []int
		how  string
	}{{byFlow, "by flow"}, {byPacket, "by packet"}} {
		if len(b.ttls) > 0 {
			parts = append(parts, behind(b.ttls)+" "+b.how)
		}
	}
	for i := range g.Edges {
		if e := &g.Edges[i]; e.Loss != nil && e.Loss.Finding == path.Real && e.Loss.From == e.Loss.TTL {
			parts = append(parts, fmt.Sprintf("loses %s on the way to %s", lossPercent(e.Loss.Loss.Loss()), g.Nodes[e.To].Label()))
		}
	}
	if n := len(g.Changes); n > 0 {
		parts = append(parts, fmt.Sprintf("the path changed %s meanwhile", timesText(n)))
	}
	return strings.Join(append(parts, cli.Plural(g.Probes, "probe")), "; ")
}

func timesText(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// behind says where paths split: TTL 0 is this host.
func behind(ttls []int) string {
	if len(ttls) == 1 && ttls[0] == 0 {
		return "this host splits them"
	}
	return hopList(ttls) + " " + verb(ttls, "splits", "split") + " them"
}

func appendOnce(list []int, n int) []int {
	if len(list) > 0 && list[len(list)-1] == n {
		return list
	}
	return append(list, n)
}

// The drawing of a graph: a line for each node, in a lane of its own, and between hops the ways from one to the next.

const mostLanes = 18 // beside each other; a wider graph is told in words alone

// drawing draws a graph.
func drawing(g *path.Graph, label func(*path.Node) string) []string {
	layers := layersOf(g)
	wide := 0
	for _, layer := range layers {
		wide = max(wide, len(layer))
	}
	d := &drawer{g: g, label: label, lanes: wide}
	if wide > mostLanes {
		d.lanes = 0
	}
	for i, layer := range layers {
		if i == 0 {
			continue // this host
		}
		d.layer(layers[i-1], layer)
	}
	return d.lines
}

// layersOf are the nodes by TTL, in the order in which their lines cross least: that of those before them.
func layersOf(g *path.Graph) (layers [][]int) {
	at := make([]float64, len(g.Nodes)) // in its layer
	for i := range g.Nodes {
		for len(layers) <= g.Nodes[i].TTL {
			layers = append(layers, nil)
		}
		layers[g.Nodes[i].TTL] = append(layers[g.Nodes[i].TTL], i)
	}
	for _, layer := range layers {
		middle := make(map[int]float64)
		for _, n := range layer {
			sum, count := 0.0, 0
			for _, e := range g.Edges {
				if e.To == n {
					sum, count = sum+at[e.From], count+1
				}
			}
			middle[n] = sum / float64(max(count, 1))
		}
		sortBy(layer, middle)
		for k, n := range layer {
			at[n] = float64(k)
		}
	}
	return layers
}

type drawer struct {
	g     *path.Graph
	label func(*path.Node) string
	lanes int // 0 draws none
	lines []string
}

// layer draws the ways from the nodes of one TTL to those of the next, and these.
func (d *drawer) layer(above, here []int) {
	exact := true
	if d.lanes > 0 && !(len(above) == 1 && len(here) == 1) {
		var line string
		if line, exact = d.ways(above, here); strings.Trim(line, " │") != "" {
			d.lines = append(d.lines, "    "+line)
		}
	}
	for lane, n := range here {
		node := &d.g.Nodes[n]
		text := fmt.Sprintf("%3d ", node.TTL)
		if d.lanes > 0 {
			for k := range here {
				mark := "│ "
				if k == lane {
					mark = "● "
				}
				text += mark
			}
			text += strings.Repeat("  ", d.lanes-len(here))
		}
		text += " " + d.label(node)
		into := d.edgesTo(n)
		if len(into) == 1 {
			text += edgeText(into[0])
		}
		text += nodeText(node)
		d.lines = append(d.lines, strings.TrimRight(text, " "))
		told := !exact || d.lanes == 0 && len(above) > 1
		for _, e := range into {
			told = told || len(into) > 1 && edgeText(e) != ""
		}
		if told {
			d.from(into, len(here))
		}
	}
}

// from says where a node's ways come from, where the lines do not, and what was measured of each.
func (d *drawer) from(into []*path.Edge, lanes int) {
	indent := "     "
	if d.lanes > 0 {
		indent = "    " + strings.Repeat("│ ", lanes) + strings.Repeat("  ", d.lanes-lanes) + "   "
	}
	for _, e := range into {
		d.lines = append(d.lines, strings.TrimRight(indent+"by "+d.g.Nodes[e.From].Label()+edgeText(e), " "))
	}
}

func (d *drawer) edgesTo(n int) (list []*path.Edge) {
	for i := range d.g.Edges {
		if d.g.Edges[i].To == n {
			list = append(list, &d.g.Edges[i])
		}
	}
	return list
}

// ways draws the line between two layers. exact is false where it does not say which leads to which.
func (d *drawer) ways(above, here []int) (line string, exact bool) {
	exact = true
	type span struct{ from, to int }
	var spans []span
	up, down := make([]bool, d.lanes+1), make([]bool, d.lanes+1)
	lane := func(list []int, n int) int {
		for k, v := range list {
			if v == n {
				return k
			}
		}
		return -1
	}
	pairs := make(map[[2]int]bool)
	for _, e := range d.g.Edges {
		a, h := lane(above, e.From), lane(here, e.To)
		if a < 0 || h < 0 {
			continue
		}
		up[a], down[h] = true, true
		pairs[[2]int{a, h}] = true
		spans = append(spans, span{min(a, h), max(a, h)})
	}
	joined := make([]bool, d.lanes+1) // a lane to the next
	for _, s := range spans {
		for k := s.from; k < s.to; k++ {
			joined[k] = true
		}
	}
	// What is joined by one line is meant to lead everywhere below it.
	for a := range above {
		for h := range here {
			together := true
			for k := min(a, h); k < max(a, h); k++ {
				together = together && joined[k]
			}
			if together && up[a] && down[h] && !pairs[[2]int{a, h}] {
				exact = false
			}
		}
	}
	var b strings.Builder
	for k := range d.lanes {
		left := k > 0 && joined[k-1]
		b.WriteString(corner(up[k], down[k], left, joined[k]))
		if joined[k] {
			b.WriteString("─")
		} else {
			b.WriteString(" ")
		}
	}
	return strings.TrimRight(b.String(), " "), exact
}

// corner is the sign for lines that meet.
func corner(up, down, left, right bool) string {
	signs := []rune(" ╵╷│╴┘┐┤╶└┌├─┴┬┼")
	at := 0
	for i, on := range []bool{up, down, left, right} {
		if on {
			at |= 1 << i
		}
	}
	return string(signs[at])
}

// edgeText says what was measured of an edge.
func edgeText(e *path.Edge) string {
	text := ""
	if e.RTT > 0 {
		text += "  " + shortTime(e.RTT)
	}
	if v := e.Loss; v != nil {
		if short := shortVerdict(v); short != "" {
			what := "unanswered" // which is not to say lost
			if v.Finding == path.Real {
				what = "lost"
			}
			text += fmt.Sprintf("  %s %s, %s", lossPercent(v.Loss.Loss()), what, short)
		}
	} else if e.Count.Lost() > 0 {
		text += fmt.Sprintf("  %d of %d unanswered", e.Count.Lost(), e.Count.Sent)
	}
	if e.MTU > 0 {
		text += fmt.Sprintf("  MTU %d", e.MTU)
	}
	if e.Hole {
		text += ", larger ones vanish"
	}
	if e.Guess {
		text += "  (a guess)"
	}
	return text
}

func shortTime(d time.Duration) string { return live.Milliseconds(d) + " ms" }

func nodeText(n *path.Node) string {
	text := ""
	if n.Balance != path.Alone {
		text += "  splits " + n.Balance.String()
	}
	if n.Loop {
		text += "  loop"
	}
	if n.Kind == path.Unreachable {
		text += "  refuses"
	}
	return text
}

// sortBy sorts a list by a number that belongs to each of its members.
func sortBy(list []int, by map[int]float64) {
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(by[a], by[b]) })
}
