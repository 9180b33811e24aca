package path

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// network is a simulated one, drawn as "s-a a-b a-c b-t c-t": the first name is the source, the last the target.
type network struct {
	mu      sync.Mutex
	next    map[string][]string
	names   []string
	seed    uint64
	silent  map[string]bool
	packet  map[string]bool    // nodes that share out packets
	loss    map[string]float64 // by edge
	back    map[string]float64
	limit   map[string]int   // answers that a node gives, of so many
	mtu     map[string]int   // by edge
	hole    map[string]bool  // nodes that do not say that a packet is too big
	change  func(n *network) // run before the probe number at
	at      int
	probes  int
	random  *rand.Rand
	answers map[string]int
}

func draw(edges string, seed uint64) *network {
	n := &network{next: map[string][]string{}, seed: seed, random: rand.New(rand.NewPCG(seed, 3)), answers: map[string]int{}}
	for word := range strings.FieldsSeq(edges) {
		from, to, _ := strings.Cut(word, "-")
		n.next[from] = append(n.next[from], to)
		for _, name := range []string{from, to} {
			if !slices.Contains(n.names, name) {
				n.names = append(n.names, name)
			}
		}
	}
	return n
}

func (n *network) addr(name string) netip.Addr {
	i := slices.Index(n.names, name)
	return netip.AddrFrom4([4]byte{198, 51, byte(100 + i>>8), byte(i)})
}

func (n *network) name(a netip.Addr) string {
	if !a.IsValid() {
		return "*"
	}
	b := a.As4()
	return n.names[int(b[2]-100)<<8|int(b[3])]
}

func (n *network) Probe(ctx context.Context, probes []Probe) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		for _, p := range probes {
			n.mu.Lock()
			a := n.carry(p)
			n.mu.Unlock()
			if !yield(a, nil) {
				return
			}
		}
	}
}

func (n *network) carry(p Probe) Answer {
	if n.probes++; n.change != nil && n.probes > n.at {
		n.change(n)
		n.change = nil
	}
	a := Answer{Probe: p}
	at, way := n.names[0], 1.0
	for hop := 1; ; hop++ {
		next := n.next[at]
		choice := 0
		if n.packet[at] {
			choice = n.random.IntN(len(next))
		} else {
			x := (uint64(p.Flow)+1)*0x9e3779b97f4a7c15 ^ (n.seed+1)*0xbf58476d1ce4e5b9 ^ uint64(slices.Index(n.names, at)+1)*0x94d049bb133111eb
			choice = int(rand.New(rand.NewPCG(x, n.seed)).Uint64() % uint64(len(next)))
		}
		edge := at + "-" + next[choice]
		if mtu := n.mtu[edge]; mtu > 0 && p.Size > mtu {
			if n.hole[at] {
				return a
			}
			a.Kind, a.From, a.MTU = TooBig, n.addr(at), mtu
			break
		}
		if n.random.Float64() < n.loss[edge] {
			return a
		}
		way *= 1 - n.back[edge]
		if at = next[choice]; len(n.next[at]) == 0 {
			a.Kind, a.From = Reached, n.addr(at)
			break
		}
		if hop == p.TTL {
			a.Kind, a.From = Exceeded, n.addr(at)
			break
		}
		if hop > 255 {
			return a
		}
	}
	n.answers[at]++
	if n.random.Float64() >= way || n.silent[at] || n.limit[at] > 0 && n.answers[at]%n.limit[at] != 0 {
		return Answer{Probe: p}
	}
	a.RTT = time.Millisecond * time.Duration(slices.Index(n.names, at))
	return a
}

// paths are all ways through the drawing, as "a b t", those of silent nodes as "*".
func (n *network) paths() []string {
	var all []string
	var walk func(at string, seen []string)
	walk = func(at string, seen []string) {
		if len(n.next[at]) == 0 {
			all = append(all, strings.Join(seen, " "))
		}
		for _, to := range n.next[at] {
			name := to
			if n.silent[to] {
				name = "*"
			}
			walk(to, append(seen[:len(seen):len(seen)], name))
		}
	}
	walk(n.names[0], nil)
	slices.Sort(all)
	return slices.Compact(all)
}

// found are the ways through a graph, in the same words.
func (n *network) found(g *Graph) []string {
	var all []string
	for _, path := range g.Paths(100000) {
		var names []string
		for _, i := range path {
			names = append(names, n.name(g.Nodes[i].Addr))
		}
		all = append(all, strings.Join(names, " "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// diamonds draws diamonds of such widths in a row.
func diamonds(widths ...int) string {
	var b strings.Builder
	b.WriteString("s-a0")
	for d, width := range widths {
		for i := range width {
			fmt.Fprintf(&b, " a%d-b%d.%d b%d.%d-a%d", d, d, i, d, i, d+1)
		}
	}
	fmt.Fprintf(&b, " a%d-t", len(widths))
	return b.String()
}
