package where

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/decode"
)

type (
	orNode  struct{ list, cheap []node }
	andNode struct{ list, cheap []node }
	notNode struct{ of node }

	// thereNode holds where there is a value, or one that is not 0 of a number some bits of which are named.
	thereNode struct{ a *operand }

	// compareNode compares with a literal, with some of them or with another operand.
	compareNode struct {
		a     *operand
		op    relation
		all   bool // values must fit; or any
		with  *literal
		other *operand // where with is nil
	}
	inNode struct {
		a   *operand
		all bool
		set []span
	}
	containsNode struct {
		a    *operand
		all  bool
		part *literal
	}
	matchesNode struct {
		a       *operand
		all     bool
		pattern *literal
		plain   []byte // that it stands for, in small letters, where it is mere text
		re      *regexp.Regexp
	}
)

// literal is a value as it is written.
type literal struct {
	value
	text string // that reads as the value
}

// span is a value of a set, or all from one to another.
type span struct {
	from literal
	to   *literal // nil for one value
}

func (n *orNode) holds(m *Matcher) bool {
	for _, x := range n.cheap {
		if x.holds(m) {
			return true
		}
	}
	return false
}

func (n *andNode) holds(m *Matcher) bool {
	for _, x := range n.cheap {
		if !x.holds(m) {
			return false
		}
	}
	return true
}

func (n *notNode) holds(m *Matcher) bool      { return !n.of.holds(m) }
func (n *thereNode) holds(m *Matcher) bool    { return m.each(n.a, n) }
func (n *inNode) holds(m *Matcher) bool       { return m.any(n.a, n, n.all) }
func (n *containsNode) holds(m *Matcher) bool { return m.any(n.a, n, n.all) }
func (n *matchesNode) holds(m *Matcher) bool  { return m.any(n.a, n, n.all) }

func (n *compareNode) holds(m *Matcher) bool {
	if n.with != nil {
		return m.any(n.a, n, n.all)
	}
	m.load(n.other)
	return len(m.right) > 0 && m.any(n.a, n, n.all)
}

func (n *thereNode) test(m *Matcher, v *value) bool { return !n.a.masked || v.n.n != 0 }

func (n *compareNode) test(m *Matcher, v *value) bool {
	if n.with != nil {
		return n.op.holds(n.a.class, v, &n.with.value) != n.all
	}
	for i := range m.right {
		if n.op.holds(n.a.class, v, &m.right[i]) != n.all {
			return true
		}
	}
	return false
}

func (n *inNode) test(m *Matcher, v *value) bool {
	for i := range n.set {
		s := &n.set[i]
		if s.to == nil && equal.holds(n.a.class, v, &s.from.value) ||
			s.to != nil && atLeast.holds(n.a.class, v, &s.from.value) && atMost.holds(n.a.class, v, &s.to.value) {
			return !n.all
		}
	}
	return n.all
}

func (n *containsNode) test(m *Matcher, v *value) bool { return bytes.Contains(v.b, n.part.b) != n.all }

func (n *matchesNode) test(m *Matcher, v *value) bool {
	if n.plain != nil {
		return containsFold(v.b, n.plain) != n.all
	}
	return n.re.Match(v.b) != n.all
}

// plainText returns the text in small letters that a pattern stands for, nil where it stands for more. It is looked for
// some ten times faster.
func plainText(pattern string) []byte {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || re.Op != syntax.OpLiteral || re.Flags&syntax.FoldCase != 0 {
		return nil
	}
	var text []byte
	for _, r := range re.Rune {
		if r >= 0x80 {
			return nil
		}
		text = append(text, small(byte(r)))
	}
	return text
}

func small(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// containsFold tells whether a text is in b, in letters of any case.
func containsFold(b, text []byte) bool {
	for i := 0; i+len(text) <= len(b); i++ {
		n := 0
		for n < len(text) && small(b[i+n]) == text[n] {
			n++
		}
		if n == len(text) {
			return true
		}
	}
	return false
}

func (n *orNode) append(b []byte, inside binding) []byte {
	return join(b, n.list, " or ", byOr, inside)
}

func (n *andNode) append(b []byte, inside binding) []byte {
	return join(b, n.list, " and ", byAnd, inside)
}

func join(b []byte, list []node, word string, by, inside binding) []byte {
	if inside > by {
		b = append(b, '(')
	}
	for i, x := range list {
		if i > 0 {
			b = append(b, word...)
		}
		b = x.append(b, by+1)
	}
	if inside > by {
		b = append(b, ')')
	}
	return b
}

func (n *notNode) append(b []byte, _ binding) []byte   { return n.of.append(append(b, "not "...), byNot) }
func (n *thereNode) append(b []byte, _ binding) []byte { return n.a.append(b) }

// signs are how relations are written by whether any value must fit, or all.
var signs = map[bool][]string{false: {"==", "~=", "<", "<=", ">", ">="}, true: {"===", "!=", "<", "<=", ">", ">="}}

func (n *compareNode) append(b []byte, _ binding) []byte {
	if n.all && n.op > unequal {
		b = append(b, "all "...)
	}
	b = append(n.a.append(b), ' ')
	b = append(append(b, signs[n.all][n.op]...), ' ')
	if n.with != nil {
		return append(b, n.with.text...)
	}
	return n.other.append(b)
}

func quantified(b []byte, all bool) []byte {
	if all {
		return append(b, "all "...)
	}
	return b
}

func (n *inNode) append(b []byte, _ binding) []byte {
	b = append(n.a.append(quantified(b, n.all)), " in {"...)
	for i, s := range n.set {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, s.from.text...)
		if s.to != nil {
			b = append(append(b, " .. "...), s.to.text...)
		}
	}
	return append(b, '}')
}

func (n *containsNode) append(b []byte, _ binding) []byte {
	return append(append(n.a.append(quantified(b, n.all)), " contains "...), n.part.text...)
}

func (n *matchesNode) append(b []byte, _ binding) []byte {
	return append(append(n.a.append(quantified(b, n.all)), " matches "...), n.pattern.text...)
}

// cheapFirst returns the nodes in the order of their cost.
func cheapFirst(list []node) []node {
	cheap := slices.Clone(list)
	slices.SortStableFunc(cheap, func(a, b node) int { return a.cost() - b.cost() })
	return cheap
}

func sum(list []node) int {
	n := 0
	for _, x := range list {
		n += x.cost()
	}
	return n
}

func (n *orNode) cost() int       { return sum(n.list) }
func (n *andNode) cost() int      { return sum(n.list) }
func (n *notNode) cost() int      { return n.of.cost() }
func (n *thereNode) cost() int    { return n.a.field.cost() }
func (n *inNode) cost() int       { return n.a.field.cost() + len(n.set)/8 }
func (n *containsNode) cost() int { return n.a.field.cost() + 20 }
func (n *matchesNode) cost() int  { return n.a.field.cost() + 100 }

func (n *compareNode) cost() int {
	if n.other != nil {
		return n.a.field.cost() + n.other.field.cost()
	}
	return n.a.field.cost()
}

// text is a number as it is written.
func (n num) text() string {
	s := strconv.FormatUint(n.n, 10)
	if n.neg {
		s = "-" + s
	}
	return s
}

// Why says, for the packet that was matched last, which parts of the expression hold: a line for each, those inside
// others behind them with two blanks more, and behind a comparison the first values of its field.
func (m *Matcher) Why() []string { return m.why(nil, m.e.root, "") }

func (m *Matcher) why(lines []string, n node, indent string) []string {
	line := indent + map[bool]string{true: "yes  ", false: "no   "}[n.holds(m)]
	var inner []node
	switch n := n.(type) {
	case *andNode:
		line, inner = line+"all of", n.list
	case *orNode:
		line, inner = line+"one of", n.list
	case *notNode:
		line, inner = line+"not", []node{n.of}
	default:
		line += string(n.append(nil, byNot)) + m.values(n)
	}
	lines = append(lines, line)
	for _, x := range inner {
		lines = m.why(lines, x, indent+"  ")
	}
	return lines
}

// maxTold bounds how many values Why tells, maxToldBytes how long each is.
const (
	maxTold      = 4
	maxToldBytes = 64
)

// values tells the values that a condition was about.
func (m *Matcher) values(n node) string {
	var a *operand
	switch n := n.(type) {
	case *compareNode:
		a = n.a
	case *inNode:
		a = n.a
	case *containsNode:
		a = n.a
	case *matchesNode:
		a = n.a
	default:
		return ""
	}
	t := telling{o: a}
	m.each(a, &t)
	if len(t.list) == 0 {
		return ": there is no " + a.field.name
	}
	return ": it is " + strings.Join(t.list, ", ")
}

// telling keeps values as text.
type telling struct {
	o    *operand
	list []string
}

func (t *telling) test(_ *Matcher, v *value) bool {
	if len(t.list) == maxTold {
		t.list = append(t.list, "...")
		return true
	}
	o := *t.o
	w := *v
	w.b = w.b[:min(len(w.b), maxToldBytes)]
	var b []byte
	switch {
	case o.class == text:
		b = append(decode.AppendEscaped(append(b, '"'), w.b), '"')
	case o.class == seconds || o.class == instant:
		b = append(b, time.Duration(w.n.n).String()...)
	case o.class.numeric():
		b = append(b, w.n.text()...)
		if w.name != "" && o.function == "" {
			b = append(append(append(b, " ("...), w.name...), ')')
		}
	case o.class == octets && len(o.slices) > 0:
		b = decode.AppendMAC(b, w.b)
	default:
		b = o.text(b, &w)
	}
	t.list = append(t.list, string(b))
	return false
}
