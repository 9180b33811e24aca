package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxDepth bounds how deep parentheses, "not" and unary minus may nest.
const maxDepth = 1000

// MaxLength bounds the length of an expression in bytes.
const MaxLength = 1 << 20

// Parse reads an expression of pcap-filter(7), optionally after "anywhere:" (see the package comment).
// The empty expression matches every packet. An error is a *SyntaxError. Nothing outside the expression
// is looked at: names are resolved by Compile.
func Parse(expr string) (*Filter, error) {
	if len(expr) > MaxLength {
		return nil, fmt.Errorf("filter: %w: %d bytes, at most %d", ErrTooLarge, len(expr), MaxLength)
	}
	toks, err := lex(expr)
	if err != nil {
		return nil, err
	}
	p := &parser{src: expr, toks: toks}
	f := &Filter{src: expr}
	if len(toks) > 2 && toks[0].kind == tokName && toks[0].text == "anywhere" && p.isAt(1, ":") {
		f.anywhere = true
		p.at = 2
	}
	if p.peek().kind == tokEOF {
		return f, nil
	}
	it, err := p.sequence(qualifiers{none: true}, false)
	if err != nil {
		return nil, err
	}
	if it.kind != itemTerm {
		if err := p.asID(&it); err != nil {
			return nil, err
		}
	}
	if t := p.peek(); t.kind != tokEOF {
		return nil, p.unexpected(t)
	}
	f.root = it.node
	return f, nil
}

// MustParse is like Parse and panics on an error. It is for expressions known at compile time.
func MustParse(expr string) *Filter {
	f, err := Parse(expr)
	if err != nil {
		panic(err)
	}
	return f
}

type parser struct {
	src   string
	toks  []token
	at    int
	depth int
}

type itemKind uint8

const (
	itemTerm   itemKind = iota // a complete condition
	itemID                     // a condition made of names that take the qualifiers in force
	itemNumber                 // a number, perhaps in parentheses: still a name or arithmetic
	itemArith                  // arithmetic that no relation follows yet
)

// item is what the parser has read but may not know yet how to take: "(80" can go on as a port, as
// arithmetic or as a condition.
type item struct {
	span
	kind itemKind
	node node
	num  arith
	q    qualifiers // in force for a name that follows
}

func (p *parser) peek() token { return p.toks[p.at] }
func (p *parser) next() token {
	t := p.toks[p.at]
	if t.kind != tokEOF {
		p.at++
	}
	return t
}

// isAt tells whether the token ahead by n is that keyword or operator.
func (p *parser) isAt(n int, text string) bool {
	if p.at+n >= len(p.toks) {
		return false
	}
	t := p.toks[p.at+n]
	return (t.kind == tokKeyword || t.kind == tokPunct) && t.text == text
}

func (p *parser) accept(text string) bool {
	if !p.isAt(0, text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) errorAt(s span, format string, args ...any) *SyntaxError {
	return &SyntaxError{Expr: p.src, Col: s.pos + 1, Len: max(s.end-s.pos, 1), Msg: fmt.Sprintf(format, args...)}
}

func (p *parser) unexpected(t token) error {
	s := span{t.pos, t.end}
	if t.kind == tokEOF {
		return p.errorAt(s, "the expression ends too early")
	}
	e := p.errorAt(s, "unexpected %s", quote(p.src[t.pos:t.end]))
	if t.kind == tokName {
		e.Suggest = suggestWord(t.text)
	}
	return e
}

// termWords are what can start a condition.
var termWords = func() []string {
	var words []string
	for w, c := range keywords {
		if otherLinks[c] == "" && len(w) > 1 {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return words
}()

// displayFields are fields of Wireshark's display filters that people write by habit.
var displayFields = map[string]string{
	"ip.addr": "host", "ip.src": "src host", "ip.dst": "dst host", "ipv6.addr": "host", "ipv6.src": "src host",
	"ipv6.dst": "dst host", "tcp.port": "tcp port", "tcp.srcport": "tcp src port", "tcp.dstport": "tcp dst port",
	"udp.port": "udp port", "udp.srcport": "udp src port", "udp.dstport": "udp dst port", "eth.addr": "ether host",
	"eth.src": "ether src", "eth.dst": "ether dst", "frame.len": "len", "vlan.id": "vlan", "eth.type": "ether proto",
	"ip.proto": "ip proto", "arp.opcode": "arp[6:2]", "icmp.type": "icmp[icmptype]", "tcp.flags": "tcp[tcpflags]",
}

var commonNames = map[string]string{
	"ipv4": "ip", "ipv6": "ip6", "icmpv6": "icmp6", "http": "tcp port 80", "https": "tcp port 443", "dns": "port 53",
	"ssh": "tcp port 22", "eth": "ether", "dhcp": "udp port 67 or 68", "lldp": "ether proto lldp", "ntp": "udp port 123",
	"lacp": "ether proto slow", "slow": "ether proto slow", "loopback": "ether proto loopback", "bootp": "udp port 67 or 68",
	"size": "len", "length": "len", "xor": "^", "snap": "llc",
}

func suggestWord(s string) string {
	low := strings.ToLower(s)
	if w := displayFields[low]; w != "" {
		return w
	}
	if w := commonNames[low]; w != "" {
		return w
	}
	return nearest(s, termWords)
}

// enter counts nesting; the caller leaves by decrementing depth.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		t := p.peek()
		return fmt.Errorf("%w: %w", ErrTooLarge,
			p.errorAt(span{t.pos, t.end}, "nested deeper than %d levels", maxDepth))
	}
	return nil
}

// sequence reads units joined by "and" and "or", which bind equally and to the left.
func (p *parser) sequence(q qualifiers, idOnly bool) (item, error) {
	it, err := p.unit(q, idOnly)
	if err != nil {
		return item{}, err
	}
	first := true
	var previous *junction
	for {
		t := p.peek()
		isOr := p.isAt(0, "or")
		if !isOr && !p.isAt(0, "and") {
			return it, nil
		}
		p.at++
		if first {
			if it.kind == itemArith {
				return item{}, p.unexpected(t)
			}
			if err := p.asID(&it); err != nil {
				return item{}, err
			}
			// Names alone in parentheses go on with names alone.
			idOnly = idOnly || it.kind == itemID && !q.none
			first = false
		}
		right, err := p.unit(it.q, idOnly)
		if err != nil {
			return item{}, err
		}
		if err := p.asID(&right); err != nil {
			return item{}, err
		}
		j := &junction{span: span{it.pos, right.end}, or: isOr, left: it.node, right: right.node}
		j.mixed = previous != nil && previous.or != isOr
		previous = j
		it = item{kind: it.kind, q: right.q, span: j.span, node: j}
	}
}

// asID takes a number that turned out not to be arithmetic as a name under the qualifiers in force.
func (p *parser) asID(it *item) error {
	switch it.kind {
	case itemArith:
		return p.errorAt(it.span, "a value alone is no condition; compare it, as in %s != 0", p.src[it.pos:min(it.end, it.pos+30)])
	case itemNumber:
		n, ok := it.num.(*number)
		if !ok {
			return p.errorAt(it.span, "a value alone is no condition")
		}
		pr := &prim{span: it.span, q: it.q, kind: idNumber, num: n.v, text: p.src[it.pos:it.end]}
		if err := p.checkPrim(pr); err != nil {
			return err
		}
		it.kind, it.node, it.num = itemID, pr, nil
	}
	return nil
}

// unit reads one condition, name or number. After qualifiers (idOnly) only names may come.
func (p *parser) unit(q qualifiers, idOnly bool) (item, error) {
	if err := p.enter(); err != nil {
		return item{}, err
	}
	defer func() { p.depth-- }()
	t := p.peek()
	s := span{t.pos, t.end}
	switch t.kind {
	case tokEOF:
		return item{}, p.unexpected(t)
	case tokNumber:
		p.at++
		it := item{span: s, kind: itemNumber, num: &number{s, t.num}, q: q}
		if idOnly {
			return it, nil
		}
		return p.maybeRelation(it)
	case tokName, tokIPv4, tokIPv6, tokMAC, tokARCnet:
		n, err := p.identifier(q)
		if err != nil {
			return item{}, err
		}
		return item{span: n.span, kind: itemID, node: n, q: q}, nil
	}
	switch t.text {
	case "!":
		p.at++
		it, err := p.unit(q, idOnly)
		if err != nil {
			return item{}, err
		}
		if err := p.asID(&it); err != nil {
			return item{}, err
		}
		it.span = span{t.pos, it.end}
		it.node = &not{it.span, it.node}
		return it, nil
	case "(":
		p.at++
		it, err := p.sequence(q, idOnly)
		if err != nil {
			return item{}, err
		}
		end := p.peek()
		if !p.accept(")") {
			if end.kind == tokEOF {
				return item{}, p.errorAt(s, "this parenthesis is not closed")
			}
			return item{}, p.unexpected(end)
		}
		it.span = span{t.pos, end.end}
		switch it.kind {
		case itemTerm:
			// What follows sees the qualifiers from before the parenthesis.
			it.q = q
		case itemNumber, itemArith:
			if !idOnly {
				return p.maybeRelation(it)
			}
		}
		return it, nil
	}
	if idOnly {
		return item{}, p.unexpected(t)
	}
	if t.text == "-" || t.text == "len" {
		a, err := p.operand()
		if err != nil {
			return item{}, err
		}
		return p.maybeRelation(item{span: a.where(), kind: itemArith, num: a, q: q})
	}
	if t.kind == tokPunct {
		return item{}, p.unexpected(t)
	}
	if isProto(t.text) && p.isAt(1, "[") {
		a, err := p.operand()
		if err != nil {
			return item{}, err
		}
		return p.maybeRelation(item{span: a.where(), kind: itemArith, num: a, q: q})
	}
	return p.primitive()
}

// maybeRelation goes on from a value to a relation, if operators follow.
func (p *parser) maybeRelation(it item) (item, error) {
	a, err := p.operators(it.num, 0)
	if err != nil {
		return item{}, err
	}
	s := span{it.pos, max(it.end, a.where().end)}
	if a != it.num {
		it = item{span: s, kind: itemArith, num: a, q: it.q}
	}
	op := p.peek()
	if op.kind != tokPunct || !slices.Contains([]string{">", ">=", "=", "<=", "<", "!="}, op.text) {
		return it, nil
	}
	p.at++
	right, err := p.operand()
	if err != nil {
		return item{}, err
	}
	if right, err = p.operators(right, 0); err != nil {
		return item{}, err
	}
	s.end = right.where().end
	return item{span: s, kind: itemTerm, q: qualifiers{none: true},
		node: &relation{s, op.text, a, right}}, nil
}

// bindings are how strongly operators bind. In libpcap's grammar "%" and "^" were given no precedence,
// so that they take the nearest operand on their left and everything on their right.
var bindings = map[string]int{"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 9, "^": 9}

const bindMinus = 6

// operators reads what follows a first operand, as far as it binds tighter than min.
func (p *parser) operators(left arith, min int) (arith, error) {
	for {
		t := p.peek()
		bind := bindings[t.text]
		if t.kind != tokPunct || bind <= min {
			return left, nil
		}
		p.at++
		right, err := p.operand()
		if err != nil {
			return nil, err
		}
		if bind == 9 {
			right, err = p.operators(right, 0)
		} else {
			right, err = p.operators(right, bind)
		}
		if err != nil {
			return nil, err
		}
		op := &operation{span{left.where().pos, right.where().end}, t.text, left, right}
		if err := p.checkOperation(op); err != nil {
			return nil, err
		}
		left = op
	}
}

func (p *parser) checkOperation(op *operation) error {
	v, ok := constant(op.right)
	if !ok {
		return nil
	}
	switch {
	case v == 0 && (op.op == "/" || op.op == "%"):
		return p.errorAt(op.right.where(), "division by zero")
	case v > 31 && (op.op == "<<" || op.op == ">>"):
		return p.errorAt(op.right.where(), "shift by %d, more than 31 bits", v)
	}
	return nil
}

// constant evaluates arithmetic that no packet enters.
func constant(a arith) (uint32, bool) {
	switch a := a.(type) {
	case *number:
		return a.v, true
	case *negation:
		v, ok := constant(a.x)
		return -v, ok
	case *operation:
		l, ok := constant(a.left)
		if !ok {
			return 0, false
		}
		r, ok := constant(a.right)
		if !ok {
			return 0, false
		}
		return compute(a.op, l, r)
	}
	return 0, false
}

// compute is arithmetic modulo 2³². A division by zero has no result.
func compute(op string, l, r uint32) (uint32, bool) {
	switch op {
	case "+":
		return l + r, true
	case "-":
		return l - r, true
	case "*":
		return l * r, true
	case "/":
		if r == 0 {
			return 0, false
		}
		return l / r, true
	case "%":
		if r == 0 {
			return 0, false
		}
		return l % r, true
	case "&":
		return l & r, true
	case "|":
		return l | r, true
	case "^":
		return l ^ r, true
	case "<<":
		return l << r, true
	case ">>":
		return l >> r, true
	}
	panic("filter: unknown operator " + op)
}

func (p *parser) operand() (arith, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	t := p.next()
	s := span{t.pos, t.end}
	switch {
	case t.kind == tokNumber:
		return &number{s, t.num}, nil
	case t.kind == tokKeyword && t.text == "len":
		return &length{s}, nil
	case t.kind == tokPunct && t.text == "-":
		x, err := p.operand()
		if err != nil {
			return nil, err
		}
		if x, err = p.operators(x, bindMinus); err != nil {
			return nil, err
		}
		return &negation{span{t.pos, x.where().end}, x}, nil
	case t.kind == tokPunct && t.text == "(":
		x, err := p.operand()
		if err != nil {
			return nil, err
		}
		if x, err = p.operators(x, 0); err != nil {
			return nil, err
		}
		if end := p.peek(); !p.accept(")") {
			return nil, p.unexpected(end)
		}
		return x, nil
	case t.kind == tokKeyword && isProto(t.text) && p.isAt(0, "["):
		return p.index(t)
	}
	return nil, p.unexpected(t)
}

// indexable are the protocols whose bytes can be read.
var indexable = strings.Fields(`link radio ip arp rarp atalk decnet sca lat moprc mopdl ip6
	sctp tcp udp icmp igmp igrp pim vrrp carp icmp6`)

func (p *parser) index(proto token) (arith, error) {
	p.at++ // the bracket
	if !slices.Contains(indexable, proto.text) {
		return nil, p.errorAt(span{proto.pos, proto.end}, "bytes of '%s' cannot be read; read them through the header it is in", proto.text)
	}
	i, err := p.operand()
	if err != nil {
		return nil, err
	}
	if i, err = p.operators(i, 0); err != nil {
		return nil, err
	}
	size := uint32(1)
	if p.accept(":") {
		t := p.next()
		if t.kind != tokNumber {
			return nil, p.unexpected(t)
		}
		if size = t.num; size != 1 && size != 2 && size != 4 {
			return nil, p.errorAt(span{t.pos, t.end}, "a size is 1, 2 or 4 bytes")
		}
	}
	end := p.peek()
	if !p.accept("]") {
		return nil, p.unexpected(end)
	}
	return &load{span{proto.pos, end.end}, proto.text, i, size}, nil
}

func isProto(w string) bool { _, ok := protocolWords[w]; return ok }

// primitive reads a condition that starts with a keyword.
func (p *parser) primitive() (item, error) {
	t := p.next()
	start := t
	var q qualifiers
	done := func(n node) (item, error) {
		return item{span: n.where(), kind: itemTerm, node: n, q: qualifiers{none: true}}, nil
	}
	if isProto(t.text) {
		q.proto = t.text
		k := p.peek()
		if k.kind != tokKeyword || !qualifierWords[k.text] {
			if t.text == "link" || t.text == "radio" {
				if k.kind != tokEOF && !p.isAt(0, "and") && !p.isAt(0, "or") && !p.isAt(0, ")") {
					return item{}, p.missingType(t, k)
				}
				return item{}, p.errorAt(span{t.pos, t.end}, "'%s' alone is no condition", p.src[t.pos:t.end])
			}
			if k.kind == tokName || k.kind == tokIPv4 || k.kind == tokIPv6 || k.kind == tokMAC || k.kind == tokNumber {
				return item{}, p.missingType(t, k)
			}
			return done(&abbrev{span{t.pos, t.end}, t.text})
		}
		t = p.next()
	}
	if dir, ok, err := p.direction(t); err != nil {
		return item{}, err
	} else if ok {
		q.dir = dir
		switch k := p.peek(); {
		case k.kind == tokKeyword && (k.text == "host" || k.text == "net" || k.text == "port" || k.text == "portrange"):
			q.typ = p.next().text
		case k.kind == tokKeyword && (k.text == "proto" || k.text == "protochain" || k.text == "gateway"):
			return item{}, p.errorAt(span{k.pos, k.end}, "'%s' takes no direction", k.text)
		}
		return p.qualified(start, q)
	}
	switch t.text {
	case "host", "net", "port", "portrange", "proto", "protochain", "gateway":
		q.typ = t.text
		return p.qualified(start, q)
	}
	if q.proto == "" || t.text == "broadcast" || t.text == "multicast" || t.text == "type" || t.text == "subtype" || t.text == "dir" {
		n, err := p.special(t, q.proto, start.pos)
		if err != nil {
			return item{}, err
		}
		return done(n)
	}
	return item{}, p.unexpected(t)
}

// qualifierWords may follow a protocol.
var qualifierWords = map[string]bool{
	"src": true, "dst": true, "addr1": true, "addr2": true, "addr3": true, "addr4": true, "ra": true, "ta": true,
	"host": true, "net": true, "port": true, "portrange": true, "proto": true, "protochain": true, "gateway": true,
	"broadcast": true, "multicast": true, "type": true, "subtype": true, "dir": true,
}

// missingType explains "tcp 80" and "ip 192.0.2.1".
func (p *parser) missingType(proto, id token) error {
	e := p.errorAt(span{id.pos, id.end}, "what %s is after '%s' must be said", quote(p.src[id.pos:id.end]), p.src[proto.pos:proto.end])
	typ := ""
	switch id.kind {
	case tokNumber:
		if proto.text == "tcp" || proto.text == "udp" || proto.text == "sctp" {
			typ = "port"
		} else {
			typ = "proto"
		}
	case tokIPv4, tokIPv6, tokMAC:
		typ = "host"
	case tokName:
		if w := suggestWord(id.text); w != "" && qualifierWords[keywords[w]] {
			e.Suggest = p.src[proto.pos:proto.end] + " " + w
			return e
		}
		typ = "host"
		if proto.text == "tcp" || proto.text == "udp" || proto.text == "sctp" {
			typ = "port"
		}
	default:
		return p.unexpected(id)
	}
	e.Suggest = fmt.Sprintf("%s %s %s", p.src[proto.pos:proto.end], typ, p.src[id.pos:id.end])
	return e
}

// direction reads a direction that starts with the word t.
func (p *parser) direction(t token) (string, bool, error) {
	switch t.text {
	case "addr1", "addr2", "addr3", "addr4", "ra", "ta":
		return t.text, true, nil
	case "src", "dst":
	default:
		return "", false, nil
	}
	op := p.peek()
	if !p.isAt(0, "or") && !p.isAt(0, "and") {
		return t.text, true, nil
	}
	p.at++
	other := "dst"
	if t.text == "dst" {
		other = "src"
	}
	if w := p.peek(); !p.accept(other) {
		return "", false, p.unexpected(w)
	}
	return "src " + op.text + " dst", true, nil
}

// qualified reads the names that follow qualifiers.
func (p *parser) qualified(start token, q qualifiers) (item, error) {
	it, err := p.unit(q, true)
	if err != nil {
		return item{}, err
	}
	if err := p.asID(&it); err != nil {
		return item{}, err
	}
	if n, ok := it.node.(*prim); ok {
		n.pos = start.pos
	}
	it.pos = start.pos
	it.kind = itemTerm
	return it, nil
}

// identifier reads a name or an address with its prefix or mask.
func (p *parser) identifier(q qualifiers) (*prim, error) {
	t := p.next()
	n := &prim{span: span{t.pos, t.end}, q: q, text: t.text}
	switch t.kind {
	case tokName:
		n.kind = idName
	case tokIPv4:
		n.kind = idIPv4
		v, bits, err := parseDotted(t.text)
		if q.proto != "decnet" && err != nil {
			return nil, p.errorAt(n.span, "%v", err)
		}
		n.bits = bits
		n.mask = 0xffffffff << (32 - bits)
		n.num = v << (32 - bits)
		switch {
		case p.isAt(0, "/"):
			p.at++
			l := p.next()
			if l.kind != tokNumber {
				return nil, p.unexpected(l)
			}
			if l.num > 32 {
				return nil, p.errorAt(span{l.pos, l.end}, "prefix length %d is more than 32", l.num)
			}
			n.end, n.prefix, n.mask = l.end, true, uint32(uint64(0xffffffff)<<(32-l.num))
		case p.isAt(0, "mask"):
			p.at++
			m := p.next()
			if m.kind != tokIPv4 {
				return nil, p.unexpected(m)
			}
			v, bits, err := parseDotted(m.text)
			if err != nil {
				return nil, p.errorAt(span{m.pos, m.end}, "%v", err)
			}
			n.end, n.prefix, n.mask = m.end, true, v<<(32-bits)
		}
	case tokIPv6:
		n.kind, n.bits = idIPv6, 128
		a, err := netip.ParseAddr(t.text)
		if err != nil {
			return nil, p.errorAt(n.span, "invalid IPv6 address %s", quote(t.text))
		}
		n.addr = a
		if p.accept("/") {
			l := p.next()
			if l.kind != tokNumber {
				return nil, p.unexpected(l)
			}
			if l.num > 128 {
				return nil, p.errorAt(span{l.pos, l.end}, "prefix length %d is more than 128", l.num)
			}
			n.end, n.prefix, n.bits = l.end, true, int(l.num)
		}
	case tokMAC:
		n.kind = idMAC
		n.mac = parseMAC(t.text)
	case tokARCnet:
		n.kind = idARCnet
	}
	if err := p.checkPrim(n); err != nil {
		return nil, err
	}
	return n, nil
}

// parseDotted reads two to four decimal bytes; bits is 8 for each.
func parseDotted(s string) (v uint32, bits int, err error) {
	for part := range strings.SplitSeq(s, ".") {
		n := uint32(0)
		for i := range len(part) {
			if !isDigit(part[i]) {
				return 0, 32, fmt.Errorf("invalid IPv4 address %s", quote(s))
			}
			if n = n*10 + uint32(part[i]-'0'); n > 255 {
				return 0, 32, fmt.Errorf("invalid IPv4 address %s: a part is more than 255", quote(s))
			}
		}
		v = v<<8 | n
		bits += 8
	}
	return v, bits, nil
}

// parseMAC reads what lenMAC accepted.
func parseMAC(s string) (mac [6]byte) {
	var digits []byte
	groups := strings.FieldsFunc(s, func(r rune) bool { return r == ':' || r == '-' || r == '.' })
	for _, g := range groups {
		if len(g) == 1 {
			g = "0" + g
		}
		digits = append(digits, g...)
	}
	for i := range mac {
		mac[i] = hexValue(digits[2*i])<<4 | hexValue(digits[2*i+1])
	}
	return mac
}

// checkPrim refuses what no link type accepts.
func (p *parser) checkPrim(n *prim) error {
	q := n.q
	id := span{n.pos, n.end}
	if q.none {
		e := p.errorAt(id, "%s needs a qualifier before it, such as 'host' or 'port'", quote(p.src[n.pos:n.end]))
		switch n.kind {
		case idName:
			if e.Suggest = suggestWord(n.text); e.Suggest != "" {
				e.Msg = "unexpected " + quote(p.src[n.pos:n.end])
			}
		case idIPv4, idIPv6:
			e.Suggest = "host " + p.src[n.pos:n.end]
			if n.prefix || n.kind == idIPv4 && n.bits < 32 {
				e.Suggest = "net " + p.src[n.pos:n.end]
			}
		case idMAC:
			e.Suggest = "ether host " + p.src[n.pos:n.end]
		case idNumber:
			e.Suggest = "port " + p.src[n.pos:n.end]
		}
		return e
	}
	bad := func(kw, what string) *SyntaxError {
		return p.errorAt(id, "'%s' does not go with '%s'", kw, what)
	}
	if q.proto == "decnet" {
		if n.kind != idIPv4 || n.prefix || q.typ != "" && q.typ != "host" {
			return p.errorAt(id, "'decnet' takes only a DECnet address, area.node")
		}
		if _, err := decnetAddress(n.text); err != nil {
			return p.errorAt(id, "%v", err)
		}
		return p.checkDir(n)
	}
	isHost := q.typ == "" || q.typ == "host"
	switch n.kind {
	case idMAC, idARCnet:
		if !isHost || q.proto != "link" {
			e := p.errorAt(id, "an Ethernet address goes with 'ether host' only")
			if isHost {
				e.Suggest = "ether host " + p.src[id.pos:id.end]
			}
			return e
		}
		return nil
	case idIPv6:
		if !isHost && q.typ != "net" {
			return bad(q.typ, n.id())
		}
		if isHost && n.bits != 128 {
			e := p.errorAt(id, "'host' takes no prefix length")
			e.Suggest = "net " + n.id()
			return e
		}
		if a16 := n.addr.As16(); !maskedEqual(a16, n.bits) {
			e := p.errorAt(id, "%s has bits set outside its prefix", n.id())
			pfx, _ := n.addr.Prefix(n.bits)
			e.Suggest = "net " + pfx.String()
			return e
		}
		if q.proto != "" && q.proto != "ip6" {
			return bad(q.proto, "an IPv6 address")
		}
		return p.checkDir(n)
	case idIPv4:
		if !isHost && q.typ != "net" {
			return bad(q.typ, p.src[id.pos:id.end])
		}
		if n.prefix {
			if isHost {
				e := p.errorAt(id, "'host' takes no prefix length or mask")
				e.Suggest = "net " + p.src[id.pos:id.end]
				return e
			}
			if n.num&^n.mask != 0 {
				e := p.errorAt(id, "%s has bits set outside its prefix", p.src[id.pos:id.end])
				e.Suggest = fmt.Sprintf("net %s mask %s", ipv4(n.num&n.mask), ipv4(n.mask))
				if l, ok := prefixLength(n.mask); ok {
					e.Suggest = fmt.Sprintf("net %s/%d", ipv4(n.num&n.mask), l)
				}
				return e
			}
		}
		return p.checkIPv4Qualifiers(n)
	}
	switch q.typ {
	case "", "host", "net":
		if n.kind == idNumber {
			return p.checkIPv4Qualifiers(n)
		}
		if q.typ == "net" {
			return p.checkIPv4Qualifiers(n)
		}
		if q.proto == "link" {
			return nil
		}
		if q.proto != "ip6" {
			return p.checkIPv4Qualifiers(n)
		}
		return p.checkDir(n)
	case "port", "portrange":
		switch q.proto {
		case "", "tcp", "udp", "sctp":
		default:
			return bad(q.proto, q.typ)
		}
		if n.kind == idNumber && n.num > 65535 {
			return p.errorAt(id, "port %d is more than 65535", n.num)
		}
		return p.checkDir(n)
	case "gateway":
		if n.kind != idName {
			return p.errorAt(id, "'gateway' takes the name of a host that is in the ethers and hosts files")
		}
		switch q.proto {
		case "", "ip", "arp", "rarp":
			return nil
		}
		return bad(q.proto, "gateway")
	case "proto":
		switch q.proto {
		case "", "ip", "ip6":
			if n.kind == idNumber && n.num > 255 {
				return p.errorAt(id, "protocol number %d is more than 255", n.num)
			}
		case "iso":
			if n.kind == idNumber && n.num > 255 {
				return p.errorAt(id, "ISO protocol %d is more than 255", n.num)
			}
		case "isis":
			if n.kind == idName {
				return p.errorAt(id, "'isis proto' takes the number of a PDU type")
			}
			if n.num > 31 {
				return p.errorAt(id, "IS-IS PDU type %d is more than 31", n.num)
			}
		case "link":
		default:
			return bad(q.proto, "proto")
		}
	case "protochain":
		switch q.proto {
		case "", "ip", "ip6":
			if n.kind == idNumber && n.num > 255 {
				return p.errorAt(id, "protocol number %d is more than 255", n.num)
			}
		default:
			return bad(q.proto, "protochain")
		}
	}
	return nil
}

func (p *parser) checkIPv4Qualifiers(n *prim) error {
	switch n.q.proto {
	case "", "ip", "arp", "rarp":
		return p.checkDir(n)
	case "link":
		if n.kind != idName {
			return p.errorAt(n.span, "%s is no Ethernet address", quote(p.src[n.pos:n.end]))
		}
	}
	return p.errorAt(n.span, "'%s' does not go with '%s'", n.q.proto, cmpOr(n.q.typ, "host"))
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (p *parser) checkDir(n *prim) error {
	switch n.q.dir {
	case "", "src", "dst", "src or dst", "src and dst":
		return nil
	}
	return p.errorAt(n.span, "'%s' is for 802.11 addresses only", n.q.dir)
}

func prefixLength(mask uint32) (int, bool) {
	n := 0
	for mask&0x80000000 != 0 {
		mask <<= 1
		n++
	}
	return n, mask == 0
}

func maskedEqual(a [16]byte, bits int) bool {
	for i := bits; i < 128; i++ {
		if a[i/8]&(0x80>>(i%8)) != 0 {
			return false
		}
	}
	return true
}

// decnetAddress reads area.node, at most 63.1023.
func decnetAddress(s string) (uint16, error) {
	areaText, nodeText, ok := strings.Cut(s, ".")
	area, aok := decimal(areaText, 63)
	node, nok := decimal(nodeText, 1023)
	if !ok || !aok || !nok {
		return 0, fmt.Errorf("invalid DECnet address %s, it is area.node up to 63.1023", quote(s))
	}
	return uint16(area<<10 | node), nil
}

func decimal(s string, most uint32) (uint32, bool) {
	v := uint32(0)
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		if v = v*10 + uint32(s[i]-'0'); v > most {
			return 0, false
		}
	}
	return v, len(s) > 0
}

// number reads a number, perhaps in parentheses.
func (p *parser) number() (uint32, error) {
	depth := 0
	for p.accept("(") {
		depth++
	}
	t := p.next()
	if t.kind != tokNumber {
		return 0, p.unexpected(t)
	}
	for range depth {
		if end := p.peek(); !p.accept(")") {
			return 0, p.unexpected(end)
		}
	}
	return t.num, nil
}

// special reads the primitive that starts with the word t.
func (p *parser) special(t token, proto string, pos int) (node, error) {
	n := &special{span: span{pos, t.end}, kw: t.text, proto: proto}
	w, ok := specialWords[t.text]
	if !ok {
		if link := otherLinks[t.text]; link != "" {
			return nil, p.errorAt(span{t.pos, t.end}, "'%s' is for the link type %s only, which this package does not filter", p.src[t.pos:t.end], link)
		}
		return nil, p.unexpected(t)
	}
	if w.protocols != nil && proto != "" && !slices.Contains(w.protocols, proto) {
		return nil, p.errorAt(n.span, "'%s' does not go with '%s'", proto, t.text)
	}
	if err := p.specialNumber(n, w); err != nil {
		return nil, err
	}
	return n, nil
}

// specialNumber reads what follows the keyword.
func (p *parser) specialNumber(n *special, w specialWord) (err error) {
	switch w.number {
	case mustNumber:
		num := p.next()
		if num.kind != tokNumber {
			return p.unexpected(num)
		}
		n.num, n.hasNum, n.end = num.num, true, num.end
	case mayNumber:
		if p.peek().kind != tokNumber && !p.isAt(0, "(") {
			return nil
		}
		at := p.peek()
		if n.num, err = p.number(); err != nil {
			return err
		}
		n.hasNum, n.end = true, p.toks[p.at-1].end
		if n.num > w.limit {
			return p.errorAt(span{at.pos, n.end}, "%s %d is more than %d", w.limitOf, n.num, w.limit)
		}
	case ownSyntax:
		switch n.kw {
		case "byte":
			return p.byteTest(n)
		case "llc":
			return p.llcType(n)
		}
		return p.wlan(n)
	}
	return nil
}

func (p *parser) byteTest(n *special) error {
	i := p.next()
	op := p.next()
	v := p.next()
	switch {
	case i.kind != tokNumber:
		return p.unexpected(i)
	case op.kind != tokPunct || len(op.text) != 1 || !strings.Contains("&|<>=", op.text):
		return p.unexpected(op)
	case v.kind != tokNumber:
		return p.unexpected(v)
	case v.num > 255:
		return p.errorAt(span{v.pos, v.end}, "%d does not fit a byte", v.num)
	}
	n.num, n.op, n.num2, n.end = i.num, op.text, v.num, v.end
	return nil
}

func (p *parser) llcType(n *special) error {
	t := p.peek()
	if t.kind != tokName && !p.isAt(0, "rnr") {
		return nil
	}
	p.at++
	n.op, n.end = strings.ToLower(t.text), t.end
	if _, ok := llcTypes[n.op]; !ok {
		e := p.errorAt(span{t.pos, t.end}, "unknown LLC type %s", quote(t.text))
		e.Suggest = nearest(t.text, sortedKeys(llcTypes))
		return e
	}
	return nil
}

// wlan reads "type T [subtype S]", "subtype S" and "dir D". The number is that of the frame control byte.
func (p *parser) wlan(n *special) error {
	t := p.next()
	s := span{t.pos, t.end}
	n.end = t.end
	n.hasNum = true
	name := strings.ToLower(t.text)
	if t.kind != tokNumber && t.kind != tokName {
		return p.unexpected(t)
	}
	unknown := func(what string, words map[string]uint32) error {
		e := p.errorAt(s, "unknown 802.11 %s %s", what, quote(t.text))
		e.Suggest = nearest(t.text, sortedKeys(words))
		return e
	}
	switch n.kw {
	case "dir":
		v, ok := wlanDirs[name]
		if t.kind == tokNumber {
			v, ok = t.num, t.num <= 3
		}
		if !ok {
			return unknown("direction", wlanDirs)
		}
		n.num = v
		return nil
	case "subtype":
		if t.kind == tokNumber {
			return p.errorAt(s, "a subtype by number needs its type, as in 'type mgt subtype 0x80'")
		}
		for _, typ := range []uint32{wlanManagement, wlanControl, wlanData} {
			if v, ok := wlanSubtypes[typ][name]; ok {
				n.num = typ | v
				return nil
			}
		}
		return p.errorAt(s, "unknown 802.11 subtype %s", quote(t.text))
	}
	v, ok := wlanTypes[name]
	if t.kind == tokNumber {
		v, ok = t.num, t.num&^wlanTypeMask == 0
	}
	if !ok {
		return unknown("type", wlanTypes)
	}
	n.num = v
	if !p.accept("subtype") {
		return nil
	}
	n.kw = "subtype"
	t = p.next()
	s = span{t.pos, t.end}
	n.end = t.end
	switch t.kind {
	case tokNumber:
		if t.num&^wlanSubtypeMask != 0 {
			return p.errorAt(s, "invalid 802.11 subtype %#x", t.num)
		}
		n.num |= t.num
	case tokName:
		sub, ok := wlanSubtypes[v][strings.ToLower(t.text)]
		if !ok {
			return unknown("subtype", wlanSubtypes[v])
		}
		n.num |= sub
	default:
		return p.unexpected(t)
	}
	return nil
}
