package filter

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds how deep parentheses, "not" and unary minus may nest.
const maxDepth = 1000

// MaxLength bounds the length of an expression in bytes.
const MaxLength = 1 << 20

// Parse reads an expression of pcap-filter(7), optionally after "anywhere:" (see the package comment).
// The empty expression matches every packet. An error is a *SyntaxError. Nothing outside the expression
// is looked at: names are resolved by Compile.
func Parse(expr string) (f *Filter, err error) {
	if len(expr) > MaxLength {
		return nil, fmt.Errorf("filter: %w: %d bytes, at most %d", ErrTooLarge, len(expr), MaxLength)
	}
	toks, err := lex(expr)
	if err != nil {
		return nil, err
	}
	defer caught(&f, &err)
	p := &parser{src: expr, toks: toks}
	f = &Filter{src: expr}
	if len(toks) > 2 && toks[0].kind == tokName && toks[0].text == "anywhere" && p.isAt(1, ":") {
		f.anywhere = true
		p.at = 2
	}
	if p.peek().kind == tokEOF {
		return f, nil
	}
	it := p.sequence(qualifiers{none: true}, false)
	if it.kind != itemTerm {
		p.asID(&it)
	}
	if t := p.peek(); t.kind != tokEOF {
		p.unexpected(t)
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

// close reads what must come last.
func (p *parser) close(text string) token {
	end := p.peek()
	if !p.accept(text) {
		p.unexpected(end)
	}
	return end
}

// take reads a token that must be of that kind.
func (p *parser) take(kind tokenKind) token {
	t := p.next()
	if t.kind != kind {
		p.unexpected(t)
	}
	return t
}

func (p *parser) text(s span) string { return p.src[s.pos:s.end] }

// fail ends the parsing, suggest says so with what to write instead.
func (p *parser) fail(s span, format string, args ...any) { p.suggest("", s, format, args...) }

func (p *parser) suggest(instead string, s span, format string, args ...any) {
	panic(bailout{syntaxError(p.src, s, instead, format, args...)})
}

func (p *parser) unexpected(t token) {
	switch t.kind {
	case tokEOF:
		p.fail(t.span, "the expression ends too early")
	case tokName:
		p.suggest(suggestWord(t.text), t.span, "unexpected %s", quote(p.text(t.span)))
	}
	p.fail(t.span, "unexpected %s", quote(p.text(t.span)))
}

// termWords are what can start a condition.
var termWords = func() []string {
	var words []string
	for w, c := range keywords {
		if len(specialWords[c].links) == 0 && len(w) > 1 {
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
	"lacp": "ether proto slow", "slow": "ether proto slow",
	"loopback": "ether proto loopback", "bootp": "udp port 67 or 68",
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
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		deep := syntaxError(p.src, p.peek().span, "", "nested deeper than %d levels", maxDepth)
		panic(bailout{fmt.Errorf("%w: %w", ErrTooLarge, deep)})
	}
}

// sequence reads units joined by "and" and "or", which bind equally and to the left.
func (p *parser) sequence(q qualifiers, idOnly bool) item {
	it := p.unit(q, idOnly)
	first := true
	var previous *junction
	for {
		t := p.peek()
		isOr := p.isAt(0, "or")
		if !isOr && !p.isAt(0, "and") {
			return it
		}
		p.at++
		if first {
			if it.kind == itemArith {
				p.unexpected(t)
			}
			p.asID(&it)
			// Names alone in parentheses go on with names alone.
			idOnly = idOnly || it.kind == itemID && !q.none
			first = false
		}
		right := p.unit(it.q, idOnly)
		p.asID(&right)
		j := &junction{span: span{it.pos, right.end}, or: isOr, left: it.node, right: right.node}
		j.mixed = previous != nil && previous.or != isOr
		previous = j
		it = item{kind: it.kind, q: right.q, span: j.span, node: j}
	}
}

// asID takes a number that turned out not to be arithmetic as a name under the qualifiers in force.
func (p *parser) asID(it *item) {
	switch it.kind {
	case itemArith:
		p.fail(it.span, "a value alone is no condition; compare it, as in %s != 0", p.src[it.pos:min(it.end, it.pos+30)])
	case itemNumber:
		n, ok := it.num.(*number)
		if !ok {
			p.fail(it.span, "a value alone is no condition")
		}
		pr := &prim{span: it.span, q: it.q, kind: idNumber, num: n.v, text: p.src[it.pos:it.end]}
		p.checkPrim(pr)
		it.kind, it.node, it.num = itemID, pr, nil
	}
}

// unit reads one condition, name or number. After qualifiers (idOnly) only names may come.
func (p *parser) unit(q qualifiers, idOnly bool) item {
	p.enter()
	defer func() { p.depth-- }()
	t := p.peek()
	switch t.kind {
	case tokEOF:
		p.unexpected(t)
	case tokNumber:
		p.at++
		it := item{span: t.span, kind: itemNumber, num: &number{t.span, t.num}, q: q}
		if idOnly {
			return it
		}
		return p.maybeRelation(it)
	case tokName, tokIPv4, tokIPv6, tokMAC, tokARCnet:
		n := p.identifier(q)
		return item{span: n.span, kind: itemID, node: n, q: q}
	}
	switch t.text {
	case "!":
		p.at++
		it := p.unit(q, idOnly)
		p.asID(&it)
		it.span = span{t.pos, it.end}
		it.node = &not{it.span, it.node}
		return it
	case "(":
		p.at++
		it := p.sequence(q, idOnly)
		if p.peek().kind == tokEOF {
			p.fail(t.span, "this parenthesis is not closed")
		}
		it.span = span{t.pos, p.close(")").end}
		switch it.kind {
		case itemTerm:
			// What follows sees the qualifiers from before the parenthesis.
			it.q = q
		case itemNumber, itemArith:
			if !idOnly {
				return p.maybeRelation(it)
			}
		}
		return it
	}
	if idOnly {
		p.unexpected(t)
	}
	if t.kind == tokPunct && t.text != "-" {
		p.unexpected(t)
	}
	if t.text == "-" || t.text == "len" || isProto(t.text) && p.isAt(1, "[") {
		a := p.operand()
		return p.maybeRelation(item{span: a.where(), kind: itemArith, num: a, q: q})
	}
	return p.primitive()
}

// maybeRelation goes on from a value to a relation, if operators follow.
func (p *parser) maybeRelation(it item) item {
	a := p.operators(it.num, 0)
	s := span{it.pos, max(it.end, a.where().end)}
	if a != it.num {
		it = item{span: s, kind: itemArith, num: a, q: it.q}
	}
	op := p.peek()
	if op.kind != tokPunct || !slices.Contains(relations, op.text) {
		return it
	}
	p.at++
	right := p.arithmetic(0)
	s.end = right.where().end
	return item{span: s, kind: itemTerm, q: qualifiers{none: true}, node: &relation{s, op.text, a, right}}
}

var relations = []string{">", ">=", "=", "<=", "<", "!="}

// bindings are how strongly operators bind. In libpcap's grammar "%" and "^" were given no precedence,
// so that they take the nearest operand on their left and everything on their right.
var bindings = map[string]int{"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": bindAll,
	"^": bindAll}

const (
	bindMinus = 6
	bindAll   = 9
)

// arithmetic reads an operand and what follows it, as far as it binds tighter than min.
func (p *parser) arithmetic(min int) arith { return p.operators(p.operand(), min) }

// operators reads what follows a first operand, as far as it binds tighter than min.
func (p *parser) operators(left arith, min int) arith {
	for {
		t := p.peek()
		bind := bindings[t.text]
		if t.kind != tokPunct || bind <= min {
			return left
		}
		p.at++
		if bind == bindAll {
			bind = 0
		}
		right := p.arithmetic(bind)
		op := &operation{span{left.where().pos, right.where().end}, t.text, left, right}
		p.checkOperation(op)
		left = op
	}
}

func (p *parser) checkOperation(op *operation) {
	switch v, known := constant(op.right); {
	case known && v == 0 && (op.op == "/" || op.op == "%"):
		p.fail(op.right.where(), "division by zero")
	case known && v > 31 && (op.op == "<<" || op.op == ">>"):
		p.fail(op.right.where(), "shift by %d, more than 31 bits", v)
	}
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
		l, lok := constant(a.left)
		r, rok := constant(a.right)
		if lok && rok {
			return compute(a.op, l, r)
		}
	}
	return 0, false
}

// compute is arithmetic modulo 2³². A division by zero has no result.
func compute(op string, l, r uint32) (uint32, bool) {
	if r == 0 && (op == "/" || op == "%") {
		return 0, false
	}
	return operations[op](l, r), true
}

var operations = map[string]func(l, r uint32) uint32{
	"+":  func(l, r uint32) uint32 { return l + r },
	"-":  func(l, r uint32) uint32 { return l - r },
	"*":  func(l, r uint32) uint32 { return l * r },
	"/":  func(l, r uint32) uint32 { return l / r },
	"%":  func(l, r uint32) uint32 { return l % r },
	"&":  func(l, r uint32) uint32 { return l & r },
	"|":  func(l, r uint32) uint32 { return l | r },
	"^":  func(l, r uint32) uint32 { return l ^ r },
	"<<": func(l, r uint32) uint32 { return l << r },
	">>": func(l, r uint32) uint32 { return l >> r },
}

func (p *parser) operand() arith {
	p.enter()
	defer func() { p.depth-- }()
	t := p.next()
	switch {
	case t.kind == tokNumber:
		return &number{t.span, t.num}
	case t.kind == tokKeyword && t.text == "len":
		return &length{t.span}
	case t.kind == tokPunct && t.text == "-":
		x := p.arithmetic(bindMinus)
		return &negation{span{t.pos, x.where().end}, x}
	case t.kind == tokPunct && t.text == "(":
		x := p.arithmetic(0)
		p.close(")")
		return x
	case t.kind != tokKeyword || !isProto(t.text) || !p.isAt(0, "["):
		p.unexpected(t)
	}
	return p.index(t)
}

// indexable are the protocols whose bytes can be read.
var indexable = strings.Fields(`link radio ip arp rarp atalk decnet sca lat moprc mopdl ip6
	sctp tcp udp icmp igmp igrp pim vrrp carp icmp6`)

func (p *parser) index(proto token) arith {
	p.at++ // the bracket
	if !slices.Contains(indexable, proto.text) {
		p.fail(proto.span, "bytes of '%s' cannot be read; read them through the header it is in", proto.text)
	}
	i := p.arithmetic(0)
	size := uint32(1)
	if p.accept(":") {
		t := p.take(tokNumber)
		if size = t.num; size != 1 && size != 2 && size != 4 {
			p.fail(t.span, "a size is 1, 2 or 4 bytes")
		}
	}
	return &load{span{proto.pos, p.close("]").end}, proto.text, i, size}
}

func isProto(w string) bool { _, ok := protocolWords[w]; return ok }

// primitive reads a condition that starts with a keyword.
func (p *parser) primitive() item {
	t := p.next()
	start := t
	var q qualifiers
	done := func(n node) item {
		return item{span: n.where(), kind: itemTerm, node: n, q: qualifiers{none: true}}
	}
	if isProto(t.text) {
		q.proto = t.text
		k := p.peek()
		if k.kind != tokKeyword || !qualifierWords[k.text] {
			if t.text == "link" || t.text == "radio" {
				if k.kind != tokEOF && !p.isAt(0, "and") && !p.isAt(0, "or") && !p.isAt(0, ")") {
					p.missingType(t, k)
				}
				p.fail(t.span, "'%s' alone is no condition", p.text(t.span))
			}
			if k.kind == tokName || k.kind == tokIPv4 || k.kind == tokIPv6 || k.kind == tokMAC || k.kind == tokNumber {
				p.missingType(t, k)
			}
			return done(&abbrev{t.span, t.text})
		}
		t = p.next()
	}
	if q.dir = p.direction(t); q.dir != "" {
		switch k := p.peek(); {
		case k.kind == tokKeyword && (k.text == "host" || k.text == "net" || k.text == "port" || k.text == "portrange"):
			q.typ = p.next().text
		case k.kind == tokKeyword && (k.text == "proto" || k.text == "protochain" || k.text == "gateway"):
			p.fail(k.span, "'%s' takes no direction", k.text)
		}
		return p.qualified(start, q)
	}
	switch t.text {
	case "host", "net", "port", "portrange", "proto", "protochain", "gateway":
		q.typ = t.text
		return p.qualified(start, q)
	case "broadcast", "multicast", "type", "subtype", "dir":
	default:
		if q.proto != "" {
			p.unexpected(t)
		}
	}
	return done(p.special(t, q.proto, start.pos))
}

// qualifierWords may follow a protocol.
var qualifierWords = map[string]bool{
	"src": true, "dst": true, "addr1": true, "addr2": true, "addr3": true, "addr4": true, "ra": true, "ta": true,
	"host": true, "net": true, "port": true, "portrange": true, "proto": true, "protochain": true, "gateway": true,
	"broadcast": true, "multicast": true, "type": true, "subtype": true, "dir": true,
}

// missingType explains "tcp 80" and "ip 192.0.2.1".
func (p *parser) missingType(proto, id token) {
	typ := "host"
	hasPorts := proto.text == "tcp" || proto.text == "udp" || proto.text == "sctp"
	word := "" // that was meant by a name
	switch id.kind {
	case tokNumber:
		typ = "proto"
	case tokIPv4, tokIPv6, tokMAC:
		hasPorts = false
	case tokName:
		word = suggestWord(id.text)
	default:
		p.unexpected(id)
	}
	if hasPorts {
		typ = "port"
	}
	instead := fmt.Sprintf("%s %s %s", p.text(proto.span), typ, p.text(id.span))
	if qualifierWords[keywords[word]] {
		instead = p.text(proto.span) + " " + word
	}
	p.suggest(instead, id.span, "what %s is after '%s' must be said", quote(p.text(id.span)), p.text(proto.span))
}

// direction reads a direction that starts with the word t, "" for none.
func (p *parser) direction(t token) string {
	other := "dst"
	switch t.text {
	case "addr1", "addr2", "addr3", "addr4", "ra", "ta":
		return t.text
	case "dst":
		other = "src"
	case "src":
	default:
		return ""
	}
	op := p.peek()
	if !p.isAt(0, "or") && !p.isAt(0, "and") {
		return t.text
	}
	p.at++
	p.close(other)
	return "src " + op.text + " dst"
}

// qualified reads the names that follow qualifiers.
func (p *parser) qualified(start token, q qualifiers) item {
	it := p.unit(q, true)
	p.asID(&it)
	if n, ok := it.node.(*prim); ok {
		n.pos = start.pos
	}
	it.pos = start.pos
	it.kind = itemTerm
	return it
}

// identifier reads a name or an address with its prefix or mask.
func (p *parser) identifier(q qualifiers) *prim {
	t := p.next()
	n := &prim{span: t.span, q: q, text: t.text}
	switch t.kind {
	case tokName:
		n.kind = idName
	case tokIPv4:
		n.kind = idIPv4
		v, bits, err := parseDotted(t.text)
		if q.proto != "decnet" && err != nil {
			p.fail(n.span, "%v", err)
		}
		n.bits = bits
		n.mask = 0xffffffff << (32 - bits)
		n.num = v << (32 - bits)
		switch {
		case p.accept("/"):
			n.prefix, n.mask = true, uint32(uint64(0xffffffff)<<(32-p.prefixLength(n, 32)))
		case p.accept("mask"):
			m := p.take(tokIPv4)
			v, bits, err := parseDotted(m.text)
			if err != nil {
				p.fail(m.span, "%v", err)
			}
			n.end, n.prefix, n.mask = m.end, true, v<<(32-bits)
		}
	case tokIPv6:
		n.kind, n.bits = idIPv6, 128
		var err error
		if n.addr, err = netip.ParseAddr(t.text); err != nil {
			p.fail(n.span, "invalid IPv6 address %s", quote(t.text))
		}
		if p.accept("/") {
			n.prefix, n.bits = true, int(p.prefixLength(n, 128))
		}
	case tokMAC:
		n.kind = idMAC
		n.mac = parseMAC(t.text)
	case tokARCnet:
		n.kind = idARCnet
	}
	p.checkPrim(n)
	return n
}

// prefixLength reads the length behind the slash of n, whose address has so many bits.
func (p *parser) prefixLength(n *prim, bits uint32) uint32 {
	l := p.take(tokNumber)
	if l.num > bits {
		p.fail(l.span, "prefix length %d is more than %d", l.num, bits)
	}
	n.end = l.end
	return l.num
}

// parseDotted reads two to four decimal bytes; bits is 8 for each.
func parseDotted(s string) (v uint32, bits int, err error) {
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseUint(part, 10, 8)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return 0, 32, fmt.Errorf("invalid IPv4 address %s: a part is more than 255", quote(s))
		case err != nil:
			return 0, 32, fmt.Errorf("invalid IPv4 address %s", quote(s))
		}
		v = v<<8 | uint32(n)
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
func (p *parser) checkPrim(n *prim) {
	q := n.q
	id := n.span
	said := p.text(id)
	if q.none {
		p.missingQualifier(n)
	}
	bad := func(kw, what string) { p.fail(id, "'%s' does not go with '%s'", kw, what) }
	if q.proto == "decnet" {
		if n.kind != idIPv4 || n.prefix || q.typ != "" && q.typ != "host" {
			p.fail(id, "'decnet' takes only a DECnet address, area.node")
		}
		if _, err := decnetAddress(n.text); err != nil {
			p.fail(id, "%v", err)
		}
		p.checkDir(n)
		return
	}
	isHost := q.typ == "" || q.typ == "host"
	switch n.kind {
	case idMAC, idARCnet:
		instead := ""
		if isHost {
			instead = "ether host " + said
		}
		if !isHost || q.proto != "link" {
			p.suggest(instead, id, "an Ethernet address goes with 'ether host' only")
		}
		return
	case idIPv6:
		net, _ := n.addr.Prefix(n.bits)
		switch {
		case !isHost && q.typ != "net":
			bad(q.typ, n.id())
		case isHost && n.bits != 128:
			p.suggest("net "+n.id(), id, "'host' takes no prefix length")
		case net.Addr() != n.addr:
			p.suggest("net "+net.String(), id, "%s has bits set outside its prefix", n.id())
		case q.proto != "" && q.proto != "ip6":
			bad(q.proto, "an IPv6 address")
		}
		p.checkDir(n)
		return
	case idIPv4:
		switch {
		case !isHost && q.typ != "net":
			bad(q.typ, said)
		case n.prefix && isHost:
			p.suggest("net "+said, id, "'host' takes no prefix length or mask")
		case n.prefix && n.num&^n.mask != 0:
			p.suggest("net "+netWords(n.num&n.mask, n.mask), id, "%s has bits set outside its prefix", said)
		}
		p.checkIPv4Qualifiers(n)
		return
	}
	switch q.typ {
	case "", "host", "net":
		switch {
		case n.kind == idNumber || q.typ == "net":
			p.checkIPv4Qualifiers(n)
		case q.proto == "link":
		case q.proto == "ip6":
			p.checkDir(n)
		default:
			p.checkIPv4Qualifiers(n)
		}
	case "port", "portrange":
		if !slices.Contains([]string{"", "tcp", "udp", "sctp"}, q.proto) {
			bad(q.proto, q.typ)
		}
		p.checkNumber(n, "port", 65535)
		p.checkDir(n)
	case "gateway":
		if n.kind != idName {
			p.fail(id, "'gateway' takes the name of a host that is in the ethers and hosts files")
		}
		if !slices.Contains([]string{"", "ip", "arp", "rarp"}, q.proto) {
			bad(q.proto, "gateway")
		}
	case "proto", "protochain":
		switch {
		case q.proto == "" || q.proto == "ip" || q.proto == "ip6":
			p.checkNumber(n, "protocol number", 255)
		case q.typ == "protochain":
			bad(q.proto, q.typ)
		case q.proto == "iso":
			p.checkNumber(n, "ISO protocol", 255)
		case q.proto == "isis":
			if n.kind == idName {
				p.fail(id, "'isis proto' takes the number of a PDU type")
			}
			p.checkNumber(n, "IS-IS PDU type", 31)
		case q.proto != "link":
			bad(q.proto, q.typ)
		}
	}
}

// missingQualifier says that a name or number alone means nothing.
func (p *parser) missingQualifier(n *prim) {
	said, instead := p.text(n.span), ""
	switch n.kind {
	case idName:
		if instead = suggestWord(n.text); instead != "" {
			p.suggest(instead, n.span, "unexpected %s", quote(said))
		}
	case idIPv4, idIPv6:
		instead = "host " + said
		if n.prefix || n.kind == idIPv4 && n.bits < 32 {
			instead = "net " + said
		}
	case idMAC:
		instead = "ether host " + said
	case idNumber:
		instead = "port " + said
	}
	p.suggest(instead, n.span, "%s needs a qualifier before it, such as 'host' or 'port'", quote(said))
}

func (p *parser) checkNumber(n *prim, what string, most uint32) {
	if n.kind == idNumber && n.num > most {
		p.fail(n.span, "%s %d is more than %d", what, n.num, most)
	}
}

func (p *parser) checkIPv4Qualifiers(n *prim) {
	switch n.q.proto {
	case "", "ip", "arp", "rarp":
		p.checkDir(n)
		return
	case "link":
		if n.kind != idName {
			p.fail(n.span, "%s is no Ethernet address", quote(p.text(n.span)))
		}
	}
	p.fail(n.span, "'%s' does not go with '%s'", n.q.proto, cmp.Or(n.q.typ, "host"))
}

func (p *parser) checkDir(n *prim) {
	if !slices.Contains([]string{"", "src", "dst", "src or dst", "src and dst"}, n.q.dir) {
		p.fail(n.span, "'%s' is for 802.11 addresses only", n.q.dir)
	}
}

// netWords writes a network with its prefix length, or its mask where that is none.
func netWords(addr, mask uint32) string {
	if n := bits.LeadingZeros32(^mask); mask<<n == 0 {
		return fmt.Sprintf("%s/%d", ipv4(addr), n)
	}
	return fmt.Sprintf("%s mask %s", ipv4(addr), ipv4(mask))
}

// decnetAddress reads area.node, at most 63.1023.
func decnetAddress(s string) (uint16, error) {
	area, node, _ := strings.Cut(s, ".")
	a, aerr := strconv.ParseUint(area, 10, 6)
	n, nerr := strconv.ParseUint(node, 10, 10)
	if aerr != nil || nerr != nil {
		return 0, fmt.Errorf("invalid DECnet address %s, it is area.node up to 63.1023", quote(s))
	}
	return uint16(a<<10 | n), nil
}

// number reads a number, perhaps in parentheses.
func (p *parser) number() uint32 {
	depth := 0
	for p.accept("(") {
		depth++
	}
	t := p.take(tokNumber)
	for range depth {
		p.close(")")
	}
	return t.num
}

// special reads the primitive that starts with the word t.
func (p *parser) special(t token, proto string, pos int) *special {
	n := &special{span: span{pos, t.end}, kw: t.text, proto: proto}
	w, ok := specialWords[t.text]
	if !ok {
		p.unexpected(t)
	}
	if w.protocols != nil && proto != "" && !slices.Contains(w.protocols, proto) {
		p.fail(n.span, "'%s' does not go with '%s'", proto, t.text)
	}
	p.specialNumber(n, w)
	return n
}

// specialNumber reads what follows the keyword.
func (p *parser) specialNumber(n *special, w specialWord) {
	switch w.number {
	case mustNumber:
		num := p.take(tokNumber)
		n.num, n.hasNum, n.end = num.num, true, num.end
	case mayNumber:
		at := p.peek()
		if at.kind != tokNumber && !p.isAt(0, "(") {
			return
		}
		n.num = p.number()
		n.hasNum, n.end = true, p.toks[p.at-1].end
		if n.num > w.limit {
			p.fail(span{at.pos, n.end}, "%s %d is more than %d", w.limitOf, n.num, w.limit)
		}
	case compared:
		p.compared(n, w)
	case name, named:
		p.named(n, w.number)
	case ownSyntax:
		switch n.kw {
		case "byte":
			p.byteTest(n)
		case "llc":
			p.llcType(n)
		default:
			p.wlan(n)
		}
	}
}

// compared reads a number, an operator and a number, or numbers in parentheses with "or" between.
func (p *parser) compared(n *special, w specialWord) {
	number := func() {
		t := p.take(tokNumber)
		if t.num > w.limit {
			p.fail(t.span, "%s %d is more than %d", w.limitOf, t.num, w.limit)
		}
		n.nums, n.end = append(n.nums, t.num), t.end
	}
	op := p.peek()
	if op.kind == tokPunct && slices.Contains(relations, op.text) {
		p.at++
		n.op = op.text
		number()
		return
	}
	n.op = "="
	if !p.accept("(") {
		number()
		return
	}
	number()
	for p.accept("or") {
		number()
	}
	n.end = p.close(")").end
}

// named reads a name, or one that is for a number.
func (p *parser) named(n *special, kind numberAfter) {
	t := p.next()
	n.text, n.end = p.text(t.span), t.end
	if t.kind != tokName && t.kind != tokKeyword && !(n.kw == "reason" && t.kind == tokNumber) {
		p.unexpected(t)
	}
	if kind == name {
		return
	}
	words := pfReasons
	if n.kw == "action" {
		words = pfActions
	}
	v, ok := words[strings.ToLower(n.text)]
	if t.kind == tokNumber {
		v, ok = t.num, t.num <= 0xff
	}
	if !ok {
		p.suggest(nearest(n.text, sortedKeys(words)), t.span, "unknown %s of pf %s", n.kw, quote(n.text))
	}
	n.num, n.hasNum = v, true
}

func (p *parser) byteTest(n *special) {
	i, op := p.take(tokNumber), p.next()
	if op.kind != tokPunct || len(op.text) != 1 || !strings.Contains("&|<>=", op.text) {
		p.unexpected(op)
	}
	v := p.take(tokNumber)
	if v.num > 255 {
		p.fail(v.span, "%d does not fit a byte", v.num)
	}
	n.num, n.op, n.num2, n.end = i.num, op.text, v.num, v.end
}

func (p *parser) llcType(n *special) {
	t := p.peek()
	if t.kind != tokName && !p.isAt(0, "rnr") {
		return
	}
	p.at++
	n.op, n.end = strings.ToLower(t.text), t.end
	if _, ok := llcTypes[n.op]; !ok {
		p.suggest(nearest(t.text, sortedKeys(llcTypes)), t.span, "unknown LLC type %s", quote(t.text))
	}
}

// wlan reads "type T [subtype S]", "subtype S" and "dir D". The number is that of the frame control byte.
func (p *parser) wlan(n *special) {
	t := p.next()
	n.end = t.end
	n.hasNum = true
	if t.kind != tokNumber && t.kind != tokName {
		p.unexpected(t)
	}
	switch n.kw {
	case "dir":
		n.num = p.wlanValue(t, "direction", wlanDirs, 3)
		return
	case "subtype":
		if t.kind == tokNumber {
			p.fail(t.span, "a subtype by number needs its type, as in 'type mgt subtype 0x80'")
		}
		for _, typ := range []uint32{wlanManagement, wlanControl, wlanData} {
			if v, ok := wlanSubtypes[typ][strings.ToLower(t.text)]; ok {
				n.num = typ | v
				return
			}
		}
		p.fail(t.span, "unknown 802.11 subtype %s", quote(t.text))
	}
	n.num = p.wlanValue(t, "type", wlanTypes, wlanTypeMask)
	if !p.accept("subtype") {
		return
	}
	n.kw = "subtype"
	t = p.next()
	n.end = t.end
	switch {
	case t.kind == tokNumber && t.num&^wlanSubtypeMask != 0:
		p.fail(t.span, "invalid 802.11 subtype %#x", t.num)
	case t.kind != tokNumber && t.kind != tokName:
		p.unexpected(t)
	}
	n.num |= p.wlanValue(t, "subtype", wlanSubtypes[n.num], wlanSubtypeMask)
}

// wlanValue is the number of t, in the bits of a mask, or what words call it.
func (p *parser) wlanValue(t token, what string, words map[string]uint32, mask uint32) uint32 {
	v, ok := words[strings.ToLower(t.text)]
	if t.kind == tokNumber {
		v, ok = t.num, t.num&^mask == 0
	}
	if !ok {
		p.suggest(nearest(t.text, sortedKeys(words)), t.span, "unknown 802.11 %s %s", what, quote(t.text))
	}
	return v
}
