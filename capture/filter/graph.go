package filter

import "fmt"

// block is one node of the program's graph: assignments, then a test. Edges lead forward only.
type block struct {
	sets []set
	kind blockKind
	jump jump
	a, b *expr // of the test
	// next[1] is where the test leads when it holds, next[0] when not; without test both are the same.
	next [2]*block

	id   int // position in the order of the last walk
	in   facts
	mark int // of the last walk that came here
	home int // where its instructions start
}

type blockKind uint8

const (
	blockTest  blockKind = iota
	blockProbe           // computes a, because that can reject the packet, and goes on
	blockPass            // only assigns
	blockAccept
	blockReject
)

// set assigns to a variable.
type set struct {
	v int
	e *expr
}

// maxBlocks bounds the graph before it is shortened.
const maxBlocks = 1 << 16

type graph struct {
	accept, reject *block
	entry          *block
	count          int
	walk           int // number of the last walk
}

// build links a condition into blocks.
func build(c *cond) (*graph, error) {
	g := &graph{accept: &block{kind: blockAccept}, reject: &block{kind: blockReject}}
	g.entry = g.link(c, g.accept, g.reject)
	if g.count > maxBlocks {
		return nil, fmt.Errorf("filter: %w: it needs more than %d tests", ErrTooLarge, maxBlocks)
	}
	return g, nil
}

// link returns where to start to reach yes if the condition holds and no if not.
func (g *graph) link(c *cond, yes, no *block) *block {
	if g.count > maxBlocks {
		return g.reject
	}
	switch c.kind {
	case condTrue:
		return yes
	case condFalse:
		return no
	case condFail:
		return g.reject
	case condNot:
		return g.link(c.x, no, yes)
	case condAnd:
		return g.link(c.x, g.link(c.y, yes, no), no)
	case condOr:
		return g.link(c.x, yes, g.link(c.y, yes, no))
	case condDo:
		return g.assign(c.steps, yes)
	case condPart:
		return g.link(c.x, yes, no)
	}
	g.count++
	return &block{kind: blockTest, jump: c.jump, a: c.a, b: c.b, next: [2]*block{no, yes}}
}

func (g *graph) assign(steps []step, next *block) *block {
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		if s.when != nil {
			next = g.link(s.when, g.assign(s.then, next), next)
			continue
		}
		g.count++
		next = &block{kind: blockPass, sets: []set{{s.v, s.e}}, next: [2]*block{next, next}}
	}
	return next
}

// order returns the reachable blocks so that every edge leads to a later one. A block is placed so that
// the branch that fails follows it where possible.
func (g *graph) order() []*block {
	out := make([]*block, 0, g.count+2)
	g.walk++
	var visit func(b *block)
	visit = func(b *block) {
		if b.mark == g.walk {
			return
		}
		b.mark = g.walk
		if b.kind != blockAccept && b.kind != blockReject {
			visit(b.next[0])
			visit(b.next[1])
		}
		out = append(out, b)
	}
	visit(g.entry)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	for i, b := range out {
		b.id = i
	}
	return out
}

// fact is the outcome of a test made before, or with kind blockProbe just that a was computed.
type fact struct {
	a, b  *expr
	jump  jump
	yes   bool
	probe bool
}

// facts are what holds on every path to a block.
type facts struct {
	list []fact
	// length is how many bytes the packet has at least.
	length uint32
	valid  bool
}
