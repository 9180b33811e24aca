package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/raw/path"
)

// graphOf makes a graph of edges between nodes such as "a1-b2": a letter for the TTL and a number in it, "s" for the
// source.
func graphOf(edges string) *path.Graph {
	g := &path.Graph{Nodes: []path.Node{{}}, Reached: true, Complete: true, Confidence: .99, Probes: 7}
	at := map[string]int{"s": 0}
	node := func(name string) int {
		if i, ok := at[name]; ok {
			return i
		}
		var n byte
		fmt.Sscan(name[1:], &n)
		at[name] = len(g.Nodes)
		g.Nodes = append(g.Nodes, path.Node{TTL: int(name[0]-'a') + 1, Addr: netip.AddrFrom4([4]byte{198, 51, 100, (name[0]-'a'+1)*10 + n})})
		return at[name]
	}
	for _, e := range strings.Fields(edges) {
		from, to, _ := strings.Cut(e, "-")
		g.Edges = append(g.Edges, path.Edge{From: node(from), To: node(to)})
	}
	return g
}

// TestDrawing: each node in a lane, and the ways between; where lines cannot say which leads to which, words do.
func TestDrawing(t *testing.T) {
	for _, tc := range []struct{ edges, want string }{
		{"s-a1 a1-b1", "  1 ●  198.51.100.11\n  2 ●  198.51.100.21"},
		{"s-a1 a1-b1 a1-b2 b1-c1 b2-c1", "  1 ●    198.51.100.11\n    ├─┐\n  2 ● │  198.51.100.21\n  2 │ ●  198.51.100.22\n    ├─┘\n  3 ●    198.51.100.31"},
		{"s-a1 s-a2 a1-b1 a2-b2", "    ├─┐\n  1 ● │  198.51.100.11\n  1 │ ●  198.51.100.12\n  2 ● │  198.51.100.21\n  2 │ ●  198.51.100.22"},
		// A mesh is said by its lines.
		{"s-a1 s-a2 a1-b1 a1-b2 a2-b1 a2-b2", "    ├─┐\n  1 ● │  198.51.100.11\n  1 │ ●  198.51.100.12\n    ├─┤\n  2 ● │  198.51.100.21\n  2 │ ●  198.51.100.22"},
		// Half a mesh is not.
		{"s-a1 s-a2 a1-b1 a1-b2 a2-b2", "    ├─┐\n  1 ● │  198.51.100.11\n  1 │ ●  198.51.100.12\n    ├─┤\n  2 ● │  198.51.100.21\n    │ │    by 198.51.100.11\n  2 │ ●  198.51.100.22\n    │ │    by 198.51.100.11\n    │ │    by 198.51.100.12"},
		// One lane ends, the others go on.
		{"s-a1 s-a2 s-a3 a1-b1 a3-b2", "    ├─┬─┐\n  1 ● │ │  198.51.100.11\n  1 │ ● │  198.51.100.12\n  1 │ │ ●  198.51.100.13\n    │ ┌─┘\n  2 ● │    198.51.100.21\n  2 │ ●    198.51.100.22"},
	} {
		if got := strings.Join(drawing(graphOf(tc.edges), (*path.Node).Label), "\n"); got != tc.want {
			t.Errorf("%s\n%s\nwant\n%s", tc.edges, got, tc.want)
		}
	}
}

// TestBranches: a row for each edge, in the order asked for; loss that a flow brings along is not the edge's.
func TestBranches(t *testing.T) {
	g := graphOf("s-a1 a1-b1 a1-b2 b1-c1 b2-c1")
	g.Nodes[1].Balance = path.ByFlow
	of := func(sent, answered int, f path.Finding, ttl, from int) *path.Verdict {
		return &path.Verdict{TTL: ttl, Finding: f, From: from, Loss: path.Count{Sent: sent, Answered: answered}}
	}
	for i, v := range []*path.Verdict{of(40, 40, path.Clean, 1, 0), of(40, 30, path.Real, 2, 2), nil, of(40, 30, path.Real, 3, 2), of(40, 40, path.Clean, 3, 0)} {
		e := &g.Edges[i]
		e.Loss, e.Count, e.RTT, e.Mean, e.MTU = v, path.Count{Sent: 80, Answered: 70}, time.Millisecond, 2*time.Millisecond, 1500
	}
	g.Edges[2] = path.Edge{From: g.Edges[2].From, To: g.Edges[2].To, Guess: true}
	g.Edges[4].MTU, g.Edges[4].Hole, g.Edges[4].Mean = 1400, true, 3*time.Millisecond
	s := &session{opt: &options{}, env: &cli.Env{}}
	list, table := s.branches(g), live.Layout(branchColumns, lineWidth)
	for i, want := range []string{
		"  1 source               198.51.100.11       0%    1.00  1500",
		"  2 198.51.100.11        198.51.100.21      25%    1.00  1500 real from here on",
		"  2 198.51.100.11        198.51.100.22        -       -     -",
		"  3 198.51.100.21        198.51.100.31      25%    1.00  1500 real from hop 2",
		"  3 198.51.100.22        198.51.100.31       0%    1.00  1400",
	} {
		if got := strings.TrimRight(table.Row(list[i].cells()), " "); got != want || len(list[i].cells()) != len(branchColumns) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for i, want := range []string{"", "splits the paths by flow", "is a guess", "", "larger than the MTU vanish"} {
		if got := strings.Join(list[i].detail, "\n"); !strings.Contains(got, want) {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
	if list[0].mood() != live.Plain || list[1].mood() != live.Bad {
		t.Errorf("moods %v %v", list[0].mood(), list[1].mood())
	}
	for order, want := range []string{"12233", "23123", "31232"} {
		slices.SortFunc(list, compareBranches(order))
		got := ""
		for _, b := range list {
			got += fmt.Sprint(b.ttl)
		}
		if got != want {
			t.Errorf("by %s: %s, want %s", orderNames[order], got, want)
		}
	}
}

// TestWideDrawing: what is too wide is told in words, and nothing is left out.
func TestWideDrawing(t *testing.T) {
	var edges []string
	for i := range 40 {
		edges = append(edges, fmt.Sprintf("s-a%d a%d-b0", i, i))
	}
	g := graphOf(strings.Join(edges, " "))
	text := strings.Join(drawing(g, (*path.Node).Label), "\n")
	if strings.ContainsAny(text, "●│─") || strings.Count(text, "by 198.51.100.") != 40 {
		t.Error(text)
	}
	for line := range strings.Lines(text) {
		if len([]rune(line)) > lineWidth+1 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if got := graphSentence(g); got != "40 paths of 2 hops; no other with a confidence of 99 %; 7 probes" {
		t.Error(got)
	}
}

func TestGraphSentence(t *testing.T) {
	g := graphOf("s-a1 a1-b1 a1-b2 b2-c1")
	g.Nodes[1].Balance = path.ByFlow
	g.Complete, g.Why = false, "the rate was too low\x1b"
	g.Reached = false
	g.Changes = []path.Change{{TTL: 2}}
	want := `2 paths of 2 to 3 hops; not reached; there may be more: the rate was too low\x1b; hop 1 splits them by flow; the path changed once meanwhile; 7 probes`
	if got := graphSentence(g); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	g.Nodes[3].Loop, g.Nodes[3].Addr = true, here
	if got := graphSentence(g); !strings.Contains(got, fmt.Sprintf("; not reached: the way goes round, hop %d is %v again; ", g.Nodes[3].TTL, here)) {
		t.Error(got)
	}
	if got := graphSentence(&path.Graph{Nodes: []path.Node{{}}, Why: "x"}); !strings.HasPrefix(got, "nobody answers; not reached; ") {
		t.Error(got)
	}
}
