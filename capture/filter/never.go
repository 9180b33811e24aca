package filter

import (
	"cmp"
	"fmt"
	"strings"

	"sockwire/capture"
)

// Part is a part of an expression.
type Part struct {
	Text string // with its qualifiers written out, or as far as about 100 bytes
	Col  int    // where it starts, a byte column from 1
}

// NeverError says that no frame of a link type can match, and which parts of the expression are to blame: one that does
// not hold on any frame, or as few as possible that do not hold together. It is [ErrNeverMatches].
type NeverError struct {
	Link  capture.LinkType
	Parts []Part
}

func (e *NeverError) Error() string {
	s := fmt.Sprintf("filter: %v (link type %s)", ErrNeverMatches, e.Link)
	if because := e.Because(); because != "" {
		s += ": " + because
	}
	return s
}

// Unwrap returns ErrNeverMatches.
func (e *NeverError) Unwrap() error { return ErrNeverMatches }

// Because says which parts are to blame, in a few words; it is empty where that is not known.
func (e *NeverError) Because() string {
	texts := make([]string, len(e.Parts))
	for i, p := range e.Parts {
		texts[i] = "'" + p.Text + "'"
	}
	switch len(texts) {
	case 0:
		return ""
	case 1:
		return texts[0] + " does not hold on any frame"
	case 2:
		return texts[0] + " and " + texts[1] + " exclude each other"
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " and " + texts[last] + " do not hold together"
}

// maxBlamed bounds how many conditions are tried one by one, maxTries how often some of them are put together, and
// maxWork how many tests these have in all: a second or so.
const (
	maxBlamed = 64
	maxTries  = 500
	maxWork   = 1 << 16
)

// blamer looks for what cannot hold.
type blamer struct {
	src     string
	pool    pool
	prelude *cond // what every frame goes through first
	tries   int
	work    int
}

// Contradiction looks harder than Compile for a reason why no frame of a link type can match: it also puts the parts
// that "and" joins together one by one. It returns nil where it finds none, which proves nothing. opts may be nil.
func (f *Filter) Contradiction(link capture.LinkType, opts *Options) *NeverError {
	opts = cmp.Or(opts, &Options{})
	b, c := f.blamer(link, opts)
	if b == nil {
		return nil
	}
	if blamed := b.contradiction(nil, c); blamed != nil {
		return &NeverError{Link: link, Parts: b.parts(blamed)}
	}
	return nil
}

// contradiction returns parts of a condition, and of those that it is joined to by "and", that do not hold together.
func (b *blamer) contradiction(with []*cond, c *cond) []*cond {
	if j, ok := c.node.(*junction); ok && j.or {
		var first []*cond
		for _, alternative := range disjuncts(nil, c) {
			blamed := b.contradiction(with, alternative)
			if blamed == nil {
				return nil
			}
			if first == nil {
				first = blamed
			}
		}
		return first
	}
	list := conjuncts(append([]*cond{}, with...), c)
	if b.holdNever(list) {
		return b.blame(joined(list))
	}
	for i, x := range list {
		for _, y := range list[:i] {
			if b.tries > maxTries {
				return nil
			}
			if b.holdNever([]*cond{y, x}) {
				return []*cond{y, x}
			}
		}
	}
	return nil
}

// never returns the error for an expression that the optimizer found to match nothing.
func (f *Filter) never(link capture.LinkType, opts *Options) *NeverError {
	e := &NeverError{Link: link}
	b, c := f.blamer(link, opts)
	if b != nil {
		e.Parts = b.parts(b.blame(c))
	}
	return e
}

// blamer returns nil where the expression is not one condition.
func (f *Filter) blamer(link capture.LinkType, opts *Options) (*blamer, *cond) {
	c, l, err := lowerParts(f, link, opts)
	if err != nil || f.anywhere || f.root == nil {
		return nil, nil
	}
	b := &blamer{src: f.src, pool: l.pool, prelude: always}
	if c.kind == condAnd && c.x.kind == condDo {
		b.prelude, c = c.x, c.y
	}
	return b, c
}

func (b *blamer) parts(list []*cond) []Part {
	var parts []Part
	for _, c := range list {
		parts = append(parts, Part{partText(b.src, c.node), c.node.where().pos + 1})
	}
	return parts
}

// holdNever reports whether conditions can be proven not to hold together.
func (b *blamer) holdNever(list []*cond) bool {
	if b.work > maxWork {
		return false
	}
	b.tries++
	c := always
	for i := len(list) - 1; i >= 0; i-- {
		c = and(list[i], c)
	}
	g, err := build(and(b.prelude, c))
	if err != nil {
		b.work = maxWork + 1 // it is too large for this
		return false
	}
	b.work += g.count
	g.optimize(b.pool)
	return g.entry == g.reject
}

// blame returns as few parts of a condition as possible that do not hold together. It is known that they do not.
func (b *blamer) blame(c *cond) []*cond {
	list := conjuncts(nil, c)
	if len(list) > maxBlamed {
		return []*cond{c}
	}
	for i := len(list) - 1; i >= 0; i-- {
		rest := append(append([]*cond{}, list[:i]...), list[i+1:]...)
		if len(rest) > 0 && b.holdNever(rest) {
			list = rest
		}
	}
	if len(list) == 1 {
		if j, ok := list[0].node.(*junction); ok && j.or {
			return b.blame(disjuncts(nil, list[0])[0]) // none of them holds: the first stands for all
		}
	}
	return list
}

// conjuncts are the parts that "and" joins, whatever the parentheses.
func conjuncts(list []*cond, c *cond) []*cond {
	if j, ok := c.node.(*junction); ok && !j.or {
		return conjuncts(conjuncts(list, c.x.x), c.x.y)
	}
	return append(list, c)
}

func disjuncts(list []*cond, c *cond) []*cond {
	if j, ok := c.node.(*junction); ok && j.or {
		return disjuncts(disjuncts(list, c.x.x), c.x.y)
	}
	return append(list, c)
}

// useless returns a warning for every alternative that can never be the one that holds: by itself, or because of what
// it is joined to by "and".
func (b *blamer) useless(c *cond) []Warning {
	var out []Warning
	b.alternatives(c, nil, func(alternative *cond, blamed []*cond) {
		e := NeverError{Parts: b.parts(blamed)}
		out = append(out, Warning{alternative.node.where().pos + 1, "this alternative never holds: " + e.Because()})
	})
	return out
}

// joined makes one part of several.
func joined(list []*cond) *cond {
	c := list[0]
	for _, next := range list[1:] {
		n := &junction{span: span{c.node.where().pos, next.node.where().end}, left: c.node, right: next.node}
		c = &cond{kind: condPart, node: n, x: &cond{kind: condAnd, x: c, y: next}}
	}
	return c
}

func (b *blamer) alternatives(c *cond, with []*cond, report func(alternative *cond, blamed []*cond)) {
	list := conjuncts(nil, c)
	for i, part := range list {
		others := append(append(append([]*cond{}, with...), list[:i]...), list[i+1:]...)
		j, ok := part.node.(*junction)
		if !ok || !j.or {
			continue
		}
		for _, alternative := range disjuncts(nil, part) {
			if b.tries > maxTries {
				return
			}
			if blamed := b.contradiction(others, alternative); blamed != nil {
				report(alternative, blamed)
				continue
			}
			b.alternatives(alternative, others, report)
		}
	}
}
