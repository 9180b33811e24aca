// Package pathlab makes networks with a known path, or known paths, from a source to a target, for tests of what traces
// paths: chains, diamonds, routers that answer seldom or never, links that lose one way only, boxes that rewrite
// packets. It is [netlab] with the routes said as a drawing; the routers are the kernel's own.
//
//	n := pathlab.New(t, pathlab.Config{Edges: "s-a a-b1 a-b2 b1-c b2-c c-t"})
//	n.Source.Do(func() error { … trace n.Dst4 … })
//
// Linux only, as netlab is.
package pathlab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config describes a network.
type Config struct {
	// Edges are the links, "s-a a-b b-t": packets for the target go from left to right, to each of several next hops in
	// equal shares, by flow. The first name is the source, the last the target. "b~a" is a link that only ways back
	// use.
	Edges string
	Back  map[string]string // the neighbour by which a node answers the source; otherwise it is the one of its first edge
	Links map[string]Link   // by edge, as it is written in Edges
	Boxes map[string]Box    // nodes that are no routers: they carry packets as the function says, and cost no TTL

	IPv6        bool   // addresses of both families; otherwise IPv4 alone, which is made faster
	HashPolicy6 int    // net.ipv6.fib_multipath_hash_policy: 0, addresses and flow label; 1, addresses and ports
	Limits      bool   // routers and target limit their ICMP errors as the kernel does by default; otherwise they answer all
	Seed        uint64 // of the routers' hashes and of what links lose; each differs from each
}

// Link is how a link is; the zero value is perfect.
type Link struct {
	There, Back float64       // probability that a packet is lost, to the right and to the left
	Delay       time.Duration // each way
	MTU         int           // bytes; 0 is 1500
}

// Box is handed an IP packet that came from the neighbour in, and returns the packet to carry on and the neighbour it
// goes to. No packet: it is dropped. It may change the packet in place, and is never run twice at once.
type Box func(in string, packet []byte) (out string, result []byte)

// Chain returns the edges of a chain of so many hops, the target being the last: "s-r1 r1-r2 r2-t" for 3.
func Chain(hops int) string {
	var edges []string
	at := "s"
	for i := 1; i < hops; i++ {
		next := fmt.Sprintf("r%d", i)
		edges = append(edges, at+"-"+next)
		at = next
	}
	return strings.Join(append(edges, at+"-t"), " ")
}

// Diamonds returns the edges of diamonds in a row, one of each width: a source, a router, then for each width so many
// routers side by side and one where they meet, then the target. The names are a0, b1.1 b1.2 …, a1, b2.1 … .
func Diamonds(widths ...int) string {
	edges := []string{"s-a0"}
	for d, width := range widths {
		var in, out []string
		for i := range width {
			in = append(in, fmt.Sprintf("a%d-b%d.%d", d, d+1, i+1))
			out = append(out, fmt.Sprintf("b%d.%d-a%d", d+1, i+1, d+1))
		}
		edges = append(append(edges, in...), out...)
	}
	return strings.Join(append(edges, fmt.Sprintf("a%d-t", len(widths))), " ")
}

// edge is one link of the drawing.
type edge struct {
	text     string
	from, to string
	onlyBack bool
}

func parse(text string) (edges []edge, names []string, err error) {
	for word := range strings.FieldsSeq(text) {
		e := edge{text: word}
		var ok bool
		if e.from, e.to, ok = strings.Cut(word, "-"); !ok {
			e.from, e.to, ok = strings.Cut(word, "~")
			e.onlyBack = true
		}
		if !ok || e.from == "" || e.to == "" || e.from == e.to {
			return nil, nil, fmt.Errorf("pathlab: %q is no edge: a-b or a~b is meant", word)
		}
		for _, name := range []string{e.from, e.to} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		edges = append(edges, e)
	}
	if len(edges) == 0 {
		return nil, nil, fmt.Errorf("pathlab: no edges")
	}
	return edges, names, nil
}

// target is the name the drawing leads to: the end of the last edge that packets for it take.
func target(edges []edge) string {
	name := ""
	for _, e := range edges {
		if !e.onlyBack {
			name = e.to
		}
	}
	return name
}

// Paths returns all paths of a drawing from the source to the target, as "a b1 c t", sorted; boxes leave no trace.
func (c *Config) Paths() []string {
	edges, names, err := parse(c.Edges)
	if err != nil {
		return nil
	}
	end := target(edges)
	var paths []string
	var walk func(at string, seen []string)
	walk = func(at string, seen []string) {
		if at == end {
			paths = append(paths, strings.Join(seen, " "))
			return
		}
		for _, e := range edges {
			if e.onlyBack || e.from != at {
				continue
			}
			next := seen
			if c.Boxes[e.to] == nil {
				next = append(seen[:len(seen):len(seen)], e.to)
			}
			walk(e.to, next)
		}
	}
	walk(names[0], nil)
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Addresses of the target, on its loopback interface.
var (
	dst4 = netip.MustParseAddr("10.255.255.1")
	dst6 = netip.MustParseAddr("fd00:0:0:ffff::1")
)
