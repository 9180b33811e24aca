package where

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sockwire/capture/filter"
)

const (
	// maxLength bounds an expression, in bytes.
	maxLength = 64 << 10
	// maxNested bounds how deep it is nested.
	maxNested = 100
	// maxPattern bounds a regular expression, in bytes.
	maxPattern = 1024
)

// Parse reads an expression. The error is a [*filter.SyntaxError], which says where it is wrong. Fields above the
// transport are known to a program that imports what decodes them, such as capture/decode/app.
func Parse(expr string) (*Expression, error) {
	if len(expr) > maxLength {
		return nil, wrong(expr[:maxLength], maxLength, maxLength, "", "an expression is at most %d bytes long, and this one %d", maxLength, len(expr))
	}
	p := parser{lexer: lexer{text: expr}, e: new(Expression)}
	err := p.next()
	if err == nil {
		p.e.root, err = p.or(0)
	}
	if err == nil && p.token.kind != theEnd {
		err = p.wrong(p.token, "and, or or the end must follow, not %q", p.token.text)
	}
	if err != nil {
		return nil, err
	}
	return p.e, nil
}

type parser struct {
	lexer
	token token
	e     *Expression
}

func (p *parser) wrong(t token, format string, a ...any) *filter.SyntaxError {
	return wrong(p.text, t.pos, t.end, "", format, a...)
}

func (p *parser) next() (err *filter.SyntaxError) {
	p.token, err = p.lexer.next()
	return err
}

// is tells whether the token is one of these operators or words.
func (p *parser) is(texts ...string) bool {
	for _, t := range texts {
		if p.token.text == t && (p.token.kind == operator || p.token.kind == word) {
			return true
		}
	}
	return false
}

// take goes on behind the token if it is one of these.
func (p *parser) take(texts ...string) (bool, *filter.SyntaxError) {
	if !p.is(texts...) {
		return false, nil
	}
	return true, p.next()
}

func (p *parser) or(depth int) (node, *filter.SyntaxError) {
	list, err := p.list(depth, p.and, "or", "||")
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return &orNode{list, cheapFirst(list)}, nil
}

func (p *parser) and(depth int) (node, *filter.SyntaxError) {
	list, err := p.list(depth, p.not, "and", "&&")
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return &andNode{list, cheapFirst(list)}, nil
}

func first(list []node) node {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// list reads parts with one of two words between.
func (p *parser) list(depth int, part func(depth int) (node, *filter.SyntaxError), words ...string) (list []node, err *filter.SyntaxError) {
	for {
		n, err := part(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if more, err := p.take(words...); err != nil || !more {
			return list, err
		}
	}
}

func (p *parser) not(depth int) (node, *filter.SyntaxError) {
	if depth > maxNested {
		return nil, p.wrong(p.token, "it is nested too deep")
	}
	if not, err := p.take("not", "!"); not || err != nil {
		if err != nil {
			return nil, err
		}
		n, err := p.not(depth + 1)
		return &notNode{n}, err
	}
	if !p.is("(") {
		return p.relation()
	}
	open := p.token
	if err := p.next(); err != nil {
		return nil, err
	}
	n, err := p.or(depth + 1)
	switch {
	case err != nil:
		return nil, err
	case p.token.kind == theEnd:
		return nil, p.wrong(open, "this parenthesis is not closed")
	case !p.is(")"):
		return nil, p.wrong(p.token, "and, or or ) must follow, not %q", p.token.text)
	}
	return n, p.next()
}

// comparisons are how values are compared, and whether all must fit.
var comparisons = map[string]compareNode{
	"==": {op: equal}, "eq": {op: equal}, "===": {op: equal, all: true}, "!=": {op: unequal, all: true}, "ne": {op: unequal, all: true},
	"~=": {op: unequal}, "!==": {op: unequal}, "<": {op: less}, "lt": {op: less}, "<=": {op: atMost}, "le": {op: atMost}, ">": {op: more},
	"gt": {op: more}, ">=": {op: atLeast}, "ge": {op: atLeast},
}

// relation reads a field or protocol alone, or compared with something.
func (p *parser) relation() (node, *filter.SyntaxError) {
	any, all := p.is("any"), p.is("all")
	start := p.token
	if any || all {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	op := p.token
	n, err := p.compared(a, all)
	if err != nil {
		return nil, err
	}
	if n != nil {
		if c, ok := n.(*compareNode); ok && (any || all) {
			c.all = all
		}
		return n, nil
	}
	switch {
	case any || all:
		return nil, p.wrong(start, "%s is about a comparison, and there is none behind the field", start.text)
	case op.text == "=":
		return nil, wrong(p.text, op.pos, op.end, "==", "= does not compare")
	case a.function != "":
		return nil, wrong(p.text, a.pos, a.end, "", "%s must be compared with something", a.function)
	}
	return &thereNode{a}, nil
}

// compared reads what follows an operand, nil where it is no comparison.
func (p *parser) compared(a *operand, all bool) (node, *filter.SyntaxError) {
	op := p.token
	if op.kind != operator && op.kind != word {
		return nil, nil
	}
	if c, ok := comparisons[op.text]; ok {
		if err := p.next(); err != nil {
			return nil, err
		}
		c.a = a
		return p.comparison(&c, op)
	}
	switch op.text {
	case "not":
		saved := *p
		if err := p.next(); err != nil {
			return nil, err
		}
		if !p.is("in") {
			*p = saved
			return nil, nil
		}
		n, err := p.in(a, all)
		return &notNode{n}, err
	case "in":
		return p.in(a, all)
	case "contains":
		return p.contains(a, all)
	case "matches", "~":
		return p.matches(a, all)
	}
	return nil, nil
}

// comparison reads what an operand is compared with.
func (p *parser) comparison(c *compareNode, op token) (node, *filter.SyntaxError) {
	if p.token.kind == word && (p.isField(c.a) || p.isFunction()) {
		var err *filter.SyntaxError
		if c.other, err = p.operand(); err != nil {
			return nil, err
		}
		if !comparable(c.a.class, c.other.class) {
			return nil, wrong(p.text, c.other.pos, c.other.end, "", "%s is %v and cannot be compared with %s, which is %v",
				c.a.append(nil), c.a.class, c.other.append(nil), c.other.class)
		}
		return c, nil
	}
	at := p.token
	l, err := p.literal(c.a)
	if err != nil {
		return nil, err
	}
	switch {
	case c.op > unequal && l.named:
		return nil, wrong(p.text, at.pos, at.end, "", "a name is not above or below others: compare the number")
	case c.op > unequal && c.a.class == address && l.network >= 0:
		return nil, wrong(p.text, op.pos, op.end, "==", "a network has addresses in it and outside, and none above or below")
	}
	c.with = l
	return c, nil
}

// comparable tells whether values of two fields can be compared.
func comparable(a, b class) bool {
	return a == b || a.numeric() && b.numeric() && (a == number || a == boolean) && (b == number || b == boolean) ||
		(a == seconds || a == instant) && (b == seconds || b == instant)
}

// isField tells whether the token, behind a comparison with a, is the name of a field, and not a value.
func (p *parser) isField(a *operand) bool {
	f := fieldOf(p.token.text)
	if f == nil {
		return false
	}
	// A word that may be a byte, or text, and is a protocol too is the byte or the text.
	return strings.Contains(p.token.text, ".") || a.class != text && a.class != octets && a.class != number
}

// functions are those that there are.
var functions = []string{"len", "count", "lower", "upper", "string"}

// isFunction tells whether the token is a function.
func (p *parser) isFunction() bool {
	for _, f := range functions {
		if p.token.kind == word && p.token.text == f {
			return strings.HasPrefix(strings.TrimLeft(p.text[p.at:], " \t"), "(")
		}
	}
	return false
}

// operand reads a field, a part of one, or a function of one.
func (p *parser) operand() (*operand, *filter.SyntaxError) {
	t := p.token
	if !p.isFunction() {
		return p.part()
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if err := p.next(); err != nil { // the parenthesis
		return nil, err
	}
	o, err := p.part()
	if err != nil {
		return nil, err
	}
	if !p.is(")") {
		return nil, p.wrong(p.token, ") must follow what %s is of", t.text)
	}
	o.function, o.pos, o.end = t.text, t.pos, p.token.end
	bad := ""
	switch o.function {
	case "len":
		if o.class.numeric() {
			bad = "a number has no length"
		}
		o.class = number
	case "count":
		if !o.simpleField() {
			bad = "count is of a field, not of a part of it"
		}
		o.class = number
	case "string":
		if o.class == seconds || o.class == instant || o.class == state || !o.simpleField() {
			bad = "string is of a number, an address or bytes as they are"
		}
		o.class = text
	default:
		if o.class != text {
			bad = fmt.Sprintf("%s is of text, and %s is %v", o.function, o.field.name, o.class)
		}
	}
	if bad != "" {
		return nil, wrong(p.text, o.pos, o.end, "", "%s", bad)
	}
	return o, p.next()
}

func (o *operand) simpleField() bool { return len(o.slices) == 0 && !o.masked }

// part reads a field, perhaps with a slice or a mask.
func (p *parser) part() (*operand, *filter.SyntaxError) {
	t := p.token
	switch t.kind {
	case theEnd:
		return nil, p.wrong(t, "a field is missing at the end")
	case word:
	default:
		return nil, p.wrong(t, "a field must stand here, not %q", t.text)
	}
	f := fieldOf(t.text)
	if f == nil {
		return nil, p.unknown(t)
	}
	p.e.needs.Place = p.e.needs.Place || f.placed
	p.e.needs.Messages = p.e.needs.Messages || f.deep
	o := &operand{field: f, class: f.class, pos: t.pos, end: t.end}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.token.kind == part {
		if f.class.numeric() {
			return nil, p.wrong(p.token, "%s is %v: it has no parts; some of its bits are taken by &", f.name, f.class)
		}
		if err := p.slices(o); err != nil {
			return nil, err
		}
	}
	if !p.is("&") {
		return o, nil
	}
	if o.class != number {
		return nil, p.wrong(p.token, "& takes bits of a number, and %s is %v", f.name, o.class)
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	at := p.token
	l, err := p.literal(o)
	if err != nil {
		return nil, err
	}
	if l.named || l.n.neg {
		return nil, p.wrong(at, "the bits are given by a number")
	}
	o.mask, o.masked, o.end = l.n, true, at.end
	return o, nil
}

// unknown is the error about a name that there is not.
func (p *parser) unknown(t token) *filter.SyntaxError {
	switch t.text {
	case "and", "or", "in", "contains", "matches", "eq", "ne", "lt", "le", "gt", "ge":
		return p.wrong(t, "a field must stand in front of %s", t.text)
	}
	if raw := otherwise[t.text]; raw != "" {
		return wrong(p.text, t.pos, t.end, raw, "%s, which counts from the start of a stream, is not there", t.text)
	}
	shown := t.text
	if len(shown) > 60 {
		shown = shown[:57] + "..."
	}
	return wrong(p.text, t.pos, t.end, nearest(t.text), "no field and no protocol is called %q", shown)
}

// slices reads what stands between brackets.
func (p *parser) slices(o *operand) *filter.SyntaxError {
	t := p.token
	for piece := range strings.SplitSeq(t.value, ",") {
		s, ok := readSlice(strings.TrimSpace(piece))
		if !ok || len(o.slices) > 16 {
			return p.wrong(t, "a part is [offset:length], [first-last], [index], [:length] or [offset:], not %q", t.text)
		}
		o.slices = append(o.slices, s)
	}
	o.end = t.end
	if o.class == address {
		o.class = octets
	}
	return p.next()
}

func readSlice(text string) (s slice, ok bool) {
	number := func(text string) int {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 0, 20)
		ok = ok && err == nil
		return int(n)
	}
	ok = true
	if from, length, found := strings.Cut(text, ":"); found {
		if strings.TrimSpace(from) != "" {
			s.from = number(from)
		}
		if s.open = strings.TrimSpace(length) == ""; s.open {
			return s, ok && strings.TrimSpace(from) != ""
		}
		s.length = number(length)
		return s, ok && s.length > 0
	}
	if i := strings.IndexByte(text[min(1, len(text)):], '-'); i >= 0 {
		s.from, s.last, s.byLast = number(text[:i+1]), number(text[i+2:]), true
		return s, ok
	}
	s.from, s.length, s.single = number(text), 1, true
	return s, ok
}

func (p *parser) in(a *operand, all bool) (node, *filter.SyntaxError) {
	if err := p.next(); err != nil {
		return nil, err
	}
	if !p.is("{") {
		return nil, p.wrong(p.token, "a set must follow, such as {1, 5..9}")
	}
	open := p.token
	n := &inNode{a: a, all: all}
	for {
		if err := p.next(); err != nil {
			return nil, err
		}
		from, err := p.literal(a)
		if err != nil {
			return nil, err
		}
		s := span{from: *from}
		if p.is("..") {
			at := p.token
			if err := p.next(); err != nil {
				return nil, err
			}
			if s.to, err = p.literal(a); err != nil {
				return nil, err
			}
			if from.named || s.to.named || a.class == address && (from.network >= 0 || s.to.network >= 0) {
				return nil, p.wrong(at, "a range is from one value to another one")
			}
			if more.holds(a.class, &from.value, &s.to.value) {
				return nil, p.wrong(at, "there is nothing from %s to %s", from.text, s.to.text)
			}
		}
		n.set = append(n.set, s)
		switch {
		case p.token.kind == theEnd:
			return nil, p.wrong(open, "this set is not closed")
		case p.is("}"):
			return n, p.next()
		case !p.is(","):
			return nil, wrong(p.text, p.token.pos, p.token.end, ", "+p.token.text, "a comma or } must follow")
		}
	}
}

func (p *parser) contains(a *operand, all bool) (node, *filter.SyntaxError) {
	op := p.token
	if a.class != text && a.class != octets {
		return nil, p.wrong(op, "contains looks into text and bytes, and %s is %v", a.append(nil), a.class)
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	l, err := p.literal(a)
	if err != nil {
		return nil, err
	}
	return &containsNode{a, all, l}, nil
}

func (p *parser) matches(a *operand, all bool) (node, *filter.SyntaxError) {
	op := p.token
	if a.class != text && a.class != octets {
		return nil, p.wrong(op, "matches looks into text and bytes, and %s is %v; string(%s) is text", a.append(nil), a.class, a.field.name)
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	t := p.token
	pattern := t.value
	switch {
	case t.kind == word:
		pattern = t.text
	case t.kind != quoted:
		return nil, p.wrong(t, "a regular expression must follow, in quotes")
	}
	if len(pattern) > maxPattern {
		return nil, p.wrong(t, "a regular expression is at most %d bytes long, and this one %d", maxPattern, len(pattern))
	}
	re, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return nil, p.wrong(t, "%s", strings.Replace(strings.TrimPrefix(err.Error(), "error parsing regexp: "), "(?i)", "", 1))
	}
	return &matchesNode{a, all, &literal{text: string(appendQuoted(nil, pattern))}, plainText(pattern), re}, p.next()
}

// literal reads a value that the operand can be compared with.
func (p *parser) literal(a *operand) (*literal, *filter.SyntaxError) {
	t := p.token
	switch t.kind {
	case word, quoted, char:
	case theEnd:
		return nil, p.wrong(t, "a value is missing at the end")
	default:
		return nil, p.wrong(t, "a value must stand here, not %q", t.text)
	}
	l, err := readLiteral(a, t)
	if err != nil {
		return nil, p.wrong(t, "%s is %v: %v", a.append(nil), a.class, err)
	}
	return l, p.next()
}

// readLiteral reads a value for the class of an operand.
func readLiteral(a *operand, t token) (*literal, error) {
	switch a.class {
	case number:
		return readNumber(a, t)
	case boolean:
		return readFlag(t)
	case state:
		return readState(t)
	case seconds:
		return readSeconds(t)
	case instant:
		return readInstant(t)
	case address:
		return readAddress(a.field, t)
	case octets:
		return readOctets(t)
	}
	return readText(t)
}
