package filter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Filter is a parsed expression. It depends on no link type and on no file of the system, may be
// compiled for several link types, and is safe for concurrent use.
type Filter struct {
	src      string
	root     node // nil matches everything
	anywhere bool
}

// String returns the expression with every qualifier written out and every grouping in parentheses.
// Parsing it again gives the same filter.
func (f *Filter) String() string {
	var b strings.Builder
	if f.anywhere {
		b.WriteString("anywhere:")
		if f.root != nil {
			b.WriteByte(' ')
		}
	}
	if f.root != nil {
		f.root.write(&b)
	}
	return b.String()
}

// node is a condition: one of *junction, *not, *prim, *abbrev, *relation, *special.
type node interface {
	write(b *strings.Builder)
	where() span
}

// arith is a number at filtering time: one of *number, *length, *load, *operation, *negation.
type arith interface {
	write(b *strings.Builder)
	where() span
}

type junction struct {
	span
	or          bool
	left, right node
	// mixed: the word before it, without parentheses between, was the other one.
	mixed bool
}

type not struct {
	span
	x node
}

// qualifiers stand before a name or number; empty fields take the default.
type qualifiers struct {
	proto string
	dir   string
	typ   string // host net port portrange gateway proto protochain
	// none is set where no qualifiers are in force, so that a bare name means nothing.
	none bool
}

func (q qualifiers) write(b *strings.Builder) {
	for _, w := range []string{q.proto, q.dir, q.typ} {
		if w != "" {
			b.WriteString(w)
			b.WriteByte(' ')
		}
	}
}

type idKind uint8

const (
	idName idKind = iota
	idNumber
	idIPv4
	idIPv6
	idMAC
	idARCnet
)

// prim is a qualified name, number or address.
type prim struct {
	span
	q    qualifiers
	kind idKind
	text string // idName, idIPv4 as written
	num  uint32 // idNumber; idIPv4: the address, left-aligned
	mask uint32 // idIPv4: as long as the address is written, or as given
	bits int    // idIPv4: written bits of the address; idIPv6: prefix length
	addr netip.Addr
	mac  [6]byte
	// prefix says that a length or mask was given.
	prefix bool
}

// abbrev is a protocol keyword alone.
type abbrev struct {
	span
	proto string
}

type relation struct {
	span
	op          string // > >= = <= < !=
	left, right arith
}

// special is every primitive that is neither qualified nor a relation: broadcast multicast less greater byte inbound
// outbound ifindex vlan mpls pppoed pppoes geneve vxlan llc type subtype dir, and those that one kind of link has.
type special struct {
	span
	kw     string
	proto  string // of broadcast, multicast, type, subtype and dir
	num    uint32
	hasNum bool
	num2   uint32   // byte: the value; type with subtype: the mask
	op     string   // byte and the fields of ATM and SS7: the operator; llc: the subtype
	nums   []uint32 // the fields of ATM and SS7: any of these; more than one without an operator
	text   string   // pf's words: the name
}

type number struct {
	span
	v uint32
}

type length struct{ span }

type load struct {
	span
	proto string
	index arith
	size  uint32
}

type operation struct {
	span
	op          string // + - * / % & | ^ << >>
	left, right arith
}

type negation struct {
	span
	x arith
}

func (n *junction) write(b *strings.Builder) {
	n.left.write(b)
	b.WriteString(n.word())
	writePart(b, n.right)
}

// word is what joins the sides.
func (n *junction) word() string {
	if n.or {
		return " or "
	}
	return " and "
}

// writePart writes a condition that stands in another.
func writePart(b *strings.Builder, n node) {
	if _, ok := n.(*junction); !ok {
		n.write(b)
		return
	}
	b.WriteByte('(')
	n.write(b)
	b.WriteByte(')')
}

func (n *not) write(b *strings.Builder) {
	b.WriteString("not ")
	writePart(b, n.x)
}

func (n *prim) write(b *strings.Builder) {
	n.q.write(b)
	b.WriteString(n.id())
}

// id is the name, number or address without its qualifiers.
func (n *prim) id() string {
	switch n.kind {
	case idNumber:
		return strconv.FormatUint(uint64(n.num), 10)
	case idIPv4:
		if !n.prefix {
			return n.text
		}
		return fmt.Sprintf("%s mask %s", n.text, ipv4(n.mask))
	case idIPv6:
		if n.prefix {
			return fmt.Sprintf("%s/%d", n.addr, n.bits)
		}
		return n.addr.String()
	case idMAC:
		return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", n.mac[0], n.mac[1], n.mac[2], n.mac[3], n.mac[4], n.mac[5])
	case idName:
		if t, err := lexOne(n.text, 0); err != nil || t.kind != tokName || t.end != len(n.text) {
			return `\` + n.text
		}
	}
	return n.text
}

func (n *abbrev) write(b *strings.Builder) { b.WriteString(n.proto) }

func (n *relation) write(b *strings.Builder) {
	n.left.write(b)
	b.WriteString(" " + n.op + " ")
	n.right.write(b)
}

func (n *special) write(b *strings.Builder) {
	switch n.kw {
	case "byte":
		fmt.Fprintf(b, "byte %d %s %d", n.num, n.op, n.num2)
		return
	case "llc":
		b.WriteString(strings.TrimSpace("llc " + n.op))
		return
	case "ifname", "rset", "reason", "action":
		b.WriteString(n.kw + " " + n.text)
		return
	case "subtype":
		fmt.Fprintf(b, "type %d subtype %d", n.num&wlanTypeMask, n.num&wlanSubtypeMask)
		return
	}
	if n.proto != "" && (n.kw == "broadcast" || n.kw == "multicast") {
		b.WriteString(n.proto + " ")
	}
	b.WriteString(n.kw)
	switch {
	case len(n.nums) > 1:
		before := " ("
		for _, v := range n.nums {
			fmt.Fprintf(b, "%s%d", before, v)
			before = " or "
		}
		b.WriteByte(')')
	case len(n.nums) == 1:
		fmt.Fprintf(b, " %s %d", n.op, n.nums[0])
	case n.hasNum:
		fmt.Fprintf(b, " %d", n.num)
	}
}

func (n *number) write(b *strings.Builder) { b.WriteString(strconv.FormatUint(uint64(n.v), 10)) }
func (n *length) write(b *strings.Builder) { b.WriteString("len") }

func (n *load) write(b *strings.Builder) {
	b.WriteString(n.proto + "[")
	n.index.write(b)
	if n.size != 1 {
		fmt.Fprintf(b, ":%d", n.size)
	}
	b.WriteByte(']')
}

func (n *operation) write(b *strings.Builder) {
	writeOperand(b, n.left)
	b.WriteString(" " + n.op + " ")
	writeOperand(b, n.right)
}

func (n *negation) write(b *strings.Builder) {
	b.WriteByte('-')
	writeOperand(b, n.x)
}

func writeOperand(b *strings.Builder, a arith) {
	switch a.(type) {
	case *operation, *negation:
		b.WriteByte('(')
		a.write(b)
		b.WriteByte(')')
	default:
		a.write(b)
	}
}

func ipv4(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// textOf writes a node or a number as the language has it.
func textOf(n interface{ write(b *strings.Builder) }) string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}
