package filter

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// Explanation is what an expression means on one link type.
type Explanation struct {
	// Text is the expression with every qualifier and grouping written out.
	Text string
	// Words says it in English, one line for each part, indented by two spaces for each level.
	Words []string
	// Reads are the fields that it looks at, with their bytes.
	Reads []string
	// Warnings are the traps that it may have stepped into.
	Warnings []Warning
	// Program is the compiled program; it accepts nothing where the expression matches nothing.
	Program Program
}

// String renders the explanation for people: words, fields, warnings and the program as a listing.
func (x *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "filter: %s\n\nmatches a frame if\n", x.Text)
	for _, w := range x.Words {
		fmt.Fprintf(&b, "  %s\n", w)
	}
	if len(x.Reads) > 0 {
		b.WriteString("\nreads\n")
		for _, r := range x.Reads {
			fmt.Fprintf(&b, "  %s\n", r)
		}
	}
	for i, w := range x.Warnings {
		if i == 0 {
			b.WriteString("\nwarnings\n")
		}
		fmt.Fprintf(&b, "  column %d: %s\n", w.Col, w.Msg)
	}
	fmt.Fprintf(&b, "\nprogram of %d instructions\n", x.Program.Len())
	return b.String() + string(x.Program.AppendListing(nil, ListAssembly))
}

// Explain says what the expression means on a link type, which bytes it reads, and what may not be meant.
// It refuses what Compile refuses, except a filter that matches nothing, which is a warning. opts may be nil.
func (f *Filter) Explain(link capture.LinkType, opts *Options) (*Explanation, error) {
	opts = cmp.Or(opts, &Options{})
	t, err := f.Trace(link, opts)
	if err != nil {
		return nil, err
	}
	x := &Explanation{Text: f.String()}
	if f.root == nil {
		x.Words = []string{"it is a frame: the empty expression matches everything"}
	} else {
		x.Words = words(nil, f.root, 0)
		x.Reads = t.reading()
		x.Warnings = (&advisor{seen: map[string]bool{}}).walk(f)
	}
	if f.anywhere {
		x.Words = append([]string{"at one of its network headers, the outermost or one inside VLAN, QinQ, MPLS, PPPoE, IP in IP, GRE, VXLAN or Geneve,"}, x.Words...)
		x.Warnings = append(x.Warnings, Warning{1, fmt.Sprintf("'anywhere:' looks at %d network headers, passes %d shims before the first and %d before the others, and %d extension headers; it does not see into fragments but the first, ESP, or tunnels on other UDP ports than %v (VXLAN) and %d (Geneve)",
			maxLayers, outerShims, innerShims, maxExtensions, wire.VXLANPorts(), wire.PortGeneve)})
	}
	x.Program, err = f.Compile(link, opts)
	switch {
	case errors.Is(err, ErrNeverMatches):
		warning := Warning{1, "no packet can match"}
		if e := (*NeverError)(nil); errors.As(err, &e) && len(e.Parts) > 0 {
			warning = Warning{e.Parts[len(e.Parts)-1].Col, "no packet can match: " + e.Because()}
		}
		x.Warnings = append(x.Warnings, warning)
		plain := *opts
		plain.NoOptimize = true
		if x.Program, err = f.Compile(link, &plain); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case len(x.Program.raw) == 1 && f.root != nil:
		x.Warnings = append(x.Warnings, Warning{1, "every packet matches"})
	default:
		if b, c := f.blamer(link, opts); b != nil {
			x.Warnings = append(x.Warnings, b.useless(c)...)
			slices.SortStableFunc(x.Warnings, func(a, b Warning) int { return a.Col - b.Col })
		}
	}
	return x, nil
}

// reading lists the fields and bytes that the conditions look at, in the order of the expression.
func (t *Trace) reading() []string {
	if t.f.anywhere {
		return nil // it looks all over the frame
	}
	r := reading{text: t.text, seen: map[string]bool{}}
	r.cond(t.c)
	return r.out
}

type reading struct {
	text map[*expr]string // of values with a name of their own
	out  []string
	seen map[string]bool
}

func (r *reading) cond(c *cond) {
	switch c.kind {
	case condTest:
		r.value(c.left, mainLoad(c.left), c.what)
		r.value(c.right, mainLoad(c.right), c.what)
	case condNot, condPart:
		r.cond(c.x)
	case condAnd, condOr:
		r.cond(c.x)
		r.cond(c.y)
	}
}

// value lists the loads of a value that have a name; main is the one that is called as the test is.
func (r *reading) value(e, main *expr, what string) {
	if e == nil {
		return
	}
	r.value(e.a, main, what)
	r.value(e.b, main, what)
	name := r.text[e]
	if name == "" && e == main {
		name = what
	}
	if e.op != exLoad || name == "" || e.a == nil && e.k >= extBase {
		return
	}
	line := name + ": " + byteRange(uint64(e.k), int(e.size))
	if after := r.place(e.a); after != "" {
		line += " after " + after
	}
	if !r.seen[line] {
		r.seen[line] = true
		r.out = append(r.out, line)
	}
}

// place says what an offset that differs from packet to packet measures.
func (r *reading) place(e *expr) string {
	switch {
	case e == nil:
		return ""
	case r.text[e] != "":
		return r.text[e]
	case headerLengthOf(e) != nil, e.op == exLsh && e.a.op == exAnd && e.a.a.op == exLoad:
		return "the IPv4 header's length"
	case e.op == exVar:
		return variableNames[e.k]
	case e.op == exAdd:
		a, b := r.place(e.b), r.place(e.a)
		if a == "" || b == "" {
			return a + b
		}
		return a + " and " + b
	}
	return ""
}

// words describes a condition; what belongs to it is indented below it.
func words(out []string, n node, depth int) []string {
	line := func(s string) { out = append(out, strings.Repeat("  ", min(depth, maxIndent))+s) }
	switch n := n.(type) {
	case *junction:
		if n.or {
			line("any of these holds:")
		} else {
			line("all of these hold:")
		}
		for _, x := range chain(nil, n, n.or) {
			out = words(out, x, depth+1)
		}
	case *not:
		if _, ok := n.x.(*junction); !ok {
			line("not: " + describe(n.x))
			return out
		}
		line("not:")
		out = words(out, n.x, depth+1)
	default:
		line(describe(n))
	}
	return out
}

// chain flattens what the same word joins.
func chain(out []node, n node, or bool) []node {
	if j, ok := n.(*junction); ok && j.or == or {
		return chain(chain(out, j.left, or), j.right, or)
	}
	return append(out, n)
}

func describe(n node) string {
	switch n := n.(type) {
	case *not:
		return "not " + describe(n.x)
	case *relation:
		return textOf(n) + relationNote(n)
	case *abbrev:
		return describeProtocol(n.proto)
	case *prim:
		return describePrim(n)
	case *special:
		return describeSpecial(n)
	}
	return textOf(n)
}

func relationNote(n *relation) string {
	protos := map[string]bool{}
	loadsOf(n.left, protos)
	loadsOf(n.right, protos)
	if len(protos) == 0 {
		return ""
	}
	return ", reading " + strings.Join(sortedKeys(protos), " and ") + " headers"
}

func loadsOf(a arith, protos map[string]bool) {
	switch a := a.(type) {
	case *operation:
		loadsOf(a.left, protos)
		loadsOf(a.right, protos)
	case *negation:
		loadsOf(a.x, protos)
	case *load:
		protos[a.proto] = true
		loadsOf(a.index, protos)
	}
}

func describeProtocol(p string) string {
	w := protocolWords[p]
	title := w.title
	if title == "" {
		title = strings.ToUpper(p)
	}
	if w.proto == 0 {
		return "it is " + title
	}
	return "it is " + map[string]string{"": "IPv4 or IPv6", "ip": "IPv4", "ip6": "IPv6"}[w.version] + " carrying " + title
}

// sides says which of two ends a direction means.
func sides(dir, what string) string {
	switch dir {
	case "src":
		return "its source " + what + " is"
	case "dst":
		return "its destination " + what + " is"
	case "src and dst":
		return "its source " + what + " and its destination " + what + " both are"
	case "", "src or dst":
		return "its source or destination " + what + " is"
	}
	return "its 802.11 address " + dir + " is"
}

func describePrim(n *prim) string {
	id := n.id()
	proto := n.q.proto
	switch n.q.typ {
	case "port", "portrange":
		over := "TCP, UDP or SCTP"
		if proto != "" {
			over = strings.ToUpper(proto)
		}
		in := id
		if n.q.typ == "portrange" {
			in = "in " + id
		}
		return fmt.Sprintf("%s %s, in %s over IPv4 or IPv6", sides(n.q.dir, "port"), in, over)
	case "proto", "protochain":
		of := "IP"
		if proto != "" {
			of = strings.ToUpper(proto)
		}
		if n.q.typ == "protochain" {
			return fmt.Sprintf("protocol %s is in its chain of %s headers", id, of)
		}
		return fmt.Sprintf("its %s protocol is %s", of, id)
	case "gateway":
		return fmt.Sprintf("%s is its Ethernet but not its IP source or destination", id)
	}
	if proto == "link" {
		return fmt.Sprintf("%s %s", sides(n.q.dir, "Ethernet address"), id)
	}
	kinds := map[string]string{"": "IPv4, ARP or RARP", "ip": "IPv4", "arp": "ARP", "rarp": "RARP", "ip6": "IPv6",
		"decnet": "DECnet"}
	kind := kinds[proto]
	switch {
	case proto == "" && n.kind == idIPv6:
		kind = "IPv6"
	case proto == "" && n.kind == idName:
		kind = "IPv4, ARP, RARP or IPv6"
	}
	if n.q.typ == "net" {
		id = "in " + id
	} else if n.kind == idName {
		id = "one of " + id
	}
	return fmt.Sprintf("%s %s", sides(n.q.dir, kind+" address"), id)
}

func describeSpecial(n *special) string {
	w := specialWords[n.kw]
	switch {
	case w.shifts:
		says := w.says
		if n.hasNum {
			says += fmt.Sprintf(" %d", n.num)
		}
		return says + "; what is written after this is looked for behind it"
	case w.number == mustNumber:
		return fmt.Sprintf(w.says, n.num)
	case w.says != "":
		return w.says
	case w.protocols != nil:
		return "it is " + strings.TrimSpace(n.proto+" "+n.kw)
	}
	return "it is " + textOf(n)
}

// advisor looks for traps.
type advisor struct {
	out   []Warning
	seen  map[string]bool
	mixed bool // it has warned of "and" and "or"
}

func (a *advisor) warn(s span, format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if !a.seen[msg] {
		a.seen[msg] = true
		a.out = append(a.out, Warning{s.pos + 1, msg})
	}
}

func (a *advisor) walk(f *Filter) []Warning {
	a.node(f.root, f.anywhere)
	slices.SortStableFunc(a.out, func(x, y Warning) int { return x.Col - y.Col })
	return a.out
}

// node returns a keyword in n that shifts what follows, or "".
func (a *advisor) node(n node, anywhere bool) (shifts string) {
	switch n := n.(type) {
	case *junction:
		if n.mixed && !a.mixed {
			a.mixed = true
			a.warn(n.right.where(), "'and' and 'or' bind equally, from left to right: this reads as %s",
				clip(textOf(grouped{n})))
		}
		shifts = a.node(n.left, anywhere)
		if n.or && shifts != "" && readsHeaders(n.right) {
			a.warn(n.right.where(), "this is looked for behind '%s' even where that did not match; write it before '%s' to look without it",
				shifts, shifts)
		}
		return cmp.Or(shifts, a.node(n.right, anywhere))
	case *not:
		if shifts = a.node(n.x, anywhere); shifts != "" {
			a.warn(n.span, "what follows is looked for behind '%s' although that must not be there", shifts)
		}
		return shifts
	case *special:
		if specialWords[n.kw].shifts {
			return n.kw
		}
	case *prim:
		if (n.q.typ == "port" || n.q.typ == "portrange") && !anywhere {
			a.warn(n.span, "'%s' does not see ports behind IPv6 extension headers, nor in fragments but the first", n.q.typ)
		}
		if n.q.typ == "proto" && n.q.proto == "ip6" && !anywhere {
			a.warn(n.span, "'ip6 proto' looks at the first next-header field, and behind a fragment header; 'ip6 protochain' follows them all")
		}
	case *abbrev:
		if w := protocolWords[n.proto]; w.proto != 0 && w.version != "ip" && !anywhere {
			a.warn(n.span, "'%s' in IPv6 is seen right behind the IPv6 header or a fragment header only", n.proto)
		}
	case *relation:
		a.arith(n.left, anywhere)
		a.arith(n.right, anywhere)
	}
	return ""
}

// grouped writes a junction with its left side in parentheses.
type grouped struct{ *junction }

func (g grouped) write(b *strings.Builder) {
	b.WriteByte('(')
	g.left.write(b)
	b.WriteString(")" + g.word())
	g.right.write(b)
}

func (a *advisor) arith(x arith, anywhere bool) {
	switch x := x.(type) {
	case *operation:
		protos := map[string]bool{}
		loadsOf(x.right, protos)
		delete(protos, "link")
		delete(protos, "radio")
		if len(protos) > 0 {
			a.warn(x.right.where(), "no test is made that the packet is %s: only the left operand's protocol is tested for",
				strings.Join(sortedKeys(protos), " and "))
		}
		a.arith(x.left, anywhere)
		a.arith(x.right, anywhere)
	case *negation:
		a.arith(x.x, anywhere)
	case *load:
		a.arith(x.index, anywhere)
		if ipProtocols[x.proto] != 0 && x.proto != "icmp6" && !anywhere {
			a.warn(x.span, "'%s[...]' looks at IPv4 only, and at no fragment but the first", x.proto)
		}
	}
}

// readsHeaders is false for tests of the length and the like.
func readsHeaders(n node) bool {
	s, ok := n.(*special)
	return !ok || !specialWords[s.kw].noHeader
}
