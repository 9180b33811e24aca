package path

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Graph is what is known of the paths to a target: who answers at each TTL, and who is behind whom.
type Graph struct {
	Nodes []Node `json:"nodes"` // the first is the source, at TTL 0; by TTL, then by address
	Edges []Edge `json:"edges"` // by the numbers of their nodes

	Confidence float64  `json:"confidence"` // at least: that no branch was missed, if balancers give equal shares
	Complete   bool     `json:"complete"`   // the search came to its end; otherwise there may be more, and Why says what ended it
	Why        string   `json:"why,omitempty"`
	Reached    bool     `json:"reached"` // the target answered
	Probes     int      `json:"probes"`
	Changes    []Change `json:"changes,omitempty"` // the path changed meanwhile, and the search began again; the graph is that of after
}

// Change is a change of the path that was seen while it was explored.
type Change struct {
	TTL  int        `json:"ttl"`
	From netip.Addr `json:"from"` // not valid: nobody answered
	To   netip.Addr `json:"to"`
}

// Balance is how a node shares out packets among its next hops.
type Balance uint8

const (
	Alone    Balance = iota // there is one next hop
	ByFlow                  // packets of one flow go one way
	ByPacket                // packets of one flow go several ways
)

var balances = [...]string{"alone", "by flow", "by packet"}

func (b Balance) String() string { return balances[min(int(b), len(balances)-1)] }

// MarshalText implements [encoding.TextMarshaler].
func (b Balance) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// Node is who answers at a TTL. A router that is so many hops away by one way, and more by another, is two nodes.
type Node struct {
	TTL     int        `json:"ttl"`
	Addr    netip.Addr `json:"addr,omitzero"` // not valid: nobody answers here
	Kind    Kind       `json:"kind"`
	Balance Balance    `json:"balance"`
	Flows   int        `json:"flows"`          // how many flows were seen to come through
	Loop    bool       `json:"loop,omitempty"` // it answered at a lower TTL as well: packets go round

	// Branch numbers the silent nodes of a TTL from 1 where there are several. They are told apart by who answers next
	// before and next behind them on a flow's way; silent routers with the same on both sides are one node. Not valid
	// is the source, or nobody.
	Branch int        `json:"branch,omitempty"`
	After  netip.Addr `json:"after,omitzero"`
	Before netip.Addr `json:"before,omitzero"`
}

// Edge is a way from one node to the next.
type Edge struct {
	From  int  `json:"from"` // numbers of the nodes
	To    int  `json:"to"`
	Guess bool `json:"guess,omitempty"` // packets, not flows, are shared out before it: the two were seen, but not that one leads to the other
	Flow  int  `json:"flow"`            // one that goes this way

	Count Count         `json:"count"`          // probes whose TTL ended at To, by this way
	RTT   time.Duration `json:"rtt_ns"`         // least round trip from To; 0 is not known
	Mean  time.Duration `json:"mean_rtt_ns"`    // mean round trip
	MTU   int           `json:"mtu,omitempty"`  // bytes that are known to pass this edge and all before it, and no more do; 0 is not known
	Hole  bool          `json:"hole,omitempty"` // packets larger than MTU vanish here, and nobody says so
	Loss  *Verdict      `json:"loss,omitempty"` // what is said of the hop To by this way
}

// Paths returns the ways from the source to an end, as lists of nodes' numbers without the source, at most limit.
func (g *Graph) Paths(limit int) [][]int {
	next := make([][]int, len(g.Nodes))
	for _, e := range g.Edges {
		next[e.From] = append(next[e.From], e.To)
	}
	var paths [][]int
	var walk func(at int, seen []int)
	walk = func(at int, seen []int) {
		if len(paths) >= limit {
			return
		}
		if len(next[at]) == 0 {
			if len(seen) > 0 {
				paths = append(paths, seen)
			}
			return
		}
		for _, to := range next[at] {
			walk(to, append(seen[:len(seen):len(seen)], to))
		}
	}
	if len(g.Nodes) > 0 {
		walk(0, nil)
	}
	return paths
}

// Label names a node: its address, "*" where nobody answers, or "source". Of several silent nodes at one TTL it says
// which it is: "*2 after 192.0.2.1 before 192.0.2.9".
func (n *Node) Label() string {
	switch {
	case n.TTL == 0:
		return "source"
	case n.Branch > 0:
		text := fmt.Sprintf("*%d", n.Branch)
		if n.After.IsValid() {
			text += " after " + n.After.String()
		}
		if n.Before.IsValid() {
			text += " before " + n.Before.String()
		}
		return text
	case !n.Addr.IsValid():
		return "*"
	}
	return n.Addr.String()
}

// sort puts nodes and edges in their order.
func (g *Graph) sort() {
	order := make([]int, len(g.Nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &g.Nodes[a], &g.Nodes[b]
		return cmp.Or(cmp.Compare(x.TTL, y.TTL), x.Addr.Compare(y.Addr), x.After.Compare(y.After), x.Before.Compare(y.Before))
	})
	nodes, at := make([]Node, len(order)), make([]int, len(order))
	for i, old := range order {
		nodes[i], at[old] = g.Nodes[old], i
	}
	g.Nodes = nodes
	g.number()
	for i := range g.Edges {
		g.Edges[i].From, g.Edges[i].To = at[g.Edges[i].From], at[g.Edges[i].To]
	}
	slices.SortFunc(g.Edges, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
}

// number numbers the silent nodes of TTLs that have several.
func (g *Graph) number() {
	silent := map[int]int{}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; n.TTL > 0 && !n.Addr.IsValid() {
			silent[n.TTL]++
			n.Branch = silent[n.TTL]
		}
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; silent[n.TTL] == 1 {
			n.Branch = 0
		}
	}
}

// DOT returns the graph in the language of Graphviz. label gives what stands in a node and beside an edge; nil is
// addresses, and loss, round trip and MTU.
func (g *Graph) DOT(label func(n *Node) string) string {
	if label == nil {
		label = (*Node).Label
	}
	var b strings.Builder
	b.WriteString("digraph paths {\n\trankdir=LR;\n\tnode [shape=box];\n")
	for i := range g.Nodes {
		n := &g.Nodes[i]
		text, style := label(n), ""
		if n.Balance != Alone {
			text += "\n" + n.Balance.String()
		}
		if !n.Addr.IsValid() && n.TTL > 0 {
			style = ", style=dotted"
		}
		if n.Loop {
			text += "\nloop"
		}
		fmt.Fprintf(&b, "\tn%d [label=%s%s];\n", i, quote(text), style)
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		style := ""
		if e.Guess {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "\tn%d -> n%d [label=%s%s];\n", e.From, e.To, quote(strings.Join(e.words(), "\n")), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// words say what was measured of an edge.
func (e *Edge) words() (words []string) {
	if e.Loss != nil && e.Loss.Finding == Real && e.Loss.From == e.Loss.TTL {
		words = append(words, fmt.Sprintf("loses %.1f %%", 100*e.Loss.Loss.Loss()))
	}
	if e.RTT > 0 {
		words = append(words, fmt.Sprintf("%.1f ms", float64(e.RTT)/float64(time.Millisecond)))
	}
	if e.MTU > 0 {
		words = append(words, fmt.Sprintf("MTU %d", e.MTU))
	}
	return words
}

// quote writes text as a string of DOT: quotes and backslashes escaped, new lines as \n, what cannot be printed left
// out.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r >= ' ' && r != 0x7f:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
