package filter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// Result is what became of a part of an expression on one frame.
type Result string

// Results. A part is skipped where the rest decided already. A part that looked outside the captured
// bytes fails, and the frame does not match whatever the rest says.
const (
	Matched    Result = "yes"
	NotMatched Result = "no"
	Skipped    Result = "skipped"
	Failed     Result = "fails"
)

// Step is one part of an expression and what it gave on a frame.
type Step struct {
	// Text is the part: with its qualifiers written out, or as far as about 100 bytes where it is made of others.
	Text   string
	Result Result
	// Because is the comparison that decided, empty for parts made of others.
	Because string
	// Steps are the parts it is made of, in the order in which they were taken.
	Steps []*Step
}

// Trace tells what the parts of an expression give on frames of one link type. It takes the conditions that the program
// is made of, from left to right and no further than needed, as the program does. It is safe for concurrent use.
type Trace struct {
	f    *Filter
	link capture.LinkType
	c    *cond
	text map[*expr]string
}

// Trace prepares the expression for a link type. It refuses what Compile refuses, but for a filter that matches
// nothing. opts may be nil.
func (f *Filter) Trace(link capture.LinkType, opts *Options) (*Trace, error) {
	opts = cmp.Or(opts, &Options{})
	c, l, err := lowerParts(f, link, opts)
	if err != nil {
		return nil, err
	}
	return &Trace{f: f, link: link, c: c, text: l.called}, nil
}

// WhyFrame is [Trace.Why] for a captured frame.
func (t *Trace) WhyFrame(f *capture.Frame) *Step {
	m := frameMeta(f)
	return t.Why(f.Data, &m)
}

// Why returns what every part of the expression gave on a frame. m may be nil.
func (t *Trace) Why(data []byte, m *Meta) *Step {
	if t.f.root == nil {
		return &Step{Text: "", Result: Matched, Because: "the empty expression matches everything"}
	}
	if m == nil {
		m = &noMeta
	}
	top := &Step{Result: Failed}
	w := &walk{trace: t, data: data, meta: m, stack: []*Step{top}}
	w.run(top)
	if len(top.Steps) == 1 && top.Because == "" {
		return top.Steps[0]
	}
	top.Text = clip(t.f.src) // "anywhere:" takes the expression once for each network header
	return top
}

// walk is one walk over the conditions.
type walk struct {
	trace *Trace
	data  []byte
	meta  *Meta
	vars  [memWords]uint32
	stack []*Step
}

// outside is thrown when the packet is rejected whatever the rest of the expression says.
type outside struct{ what string }

// run walks all conditions. What looked outside the frame fails, with the parts around it.
func (w *walk) run(top *Step) {
	defer func() {
		if r := recover(); r != nil {
			o, ok := r.(outside)
			if !ok {
				panic(r)
			}
			top.Result = Failed
			w.stack[len(w.stack)-1].Because = o.what
		}
	}()
	holds, _ := w.cond(w.trace.c)
	top.Result = result(holds)
}

func result(holds bool) Result {
	if holds {
		return Matched
	}
	return NotMatched
}

// reason is why a condition holds or not: the test that decided, or several that could have. passed is how many tests
// held on the way to it: of two alternatives that both failed, the one that came further says more.
type reason struct {
	tests  []tested
	passed int
}

// tested is the outcome of one test.
type tested struct {
	what      string
	op        string // what the condition needs: "=", "!=", ">", "<=", ">=" or "<"
	got, want uint32
	holds     bool
}

func (w *walk) cond(c *cond) (yes bool, r reason) {
	switch c.kind {
	case condTrue:
		return true, r
	case condFalse:
		return false, r
	case condFail:
		panic(outside{c.what + " lies outside any frame"})
	case condDo:
		w.steps(c.steps, c.what)
		return true, r
	case condPart:
		return w.part(c)
	case condNot:
		yes, r = w.cond(c.x)
		return !yes, r.negate()
	case condAnd:
		if yes, r = w.cond(c.x); !yes {
			w.skip(c.y)
			return false, r
		}
		both, more := w.cond(c.y)
		return both, r.then(more)
	case condOr:
		if yes, r = w.cond(c.x); yes {
			w.skip(c.y)
			return true, r
		}
		either, more := w.cond(c.y)
		if either {
			return true, more
		}
		return false, r.or(more)
	}
	result := holds(c.jump, w.value(c.a, c), w.value(c.b, c))
	return result, reason{tests: []tested{w.tell(c, result)}}
}

// part takes one part of the expression.
func (w *walk) part(c *cond) (bool, reason) {
	s := &Step{Text: w.partText(c.node), Result: Failed}
	top := w.stack[len(w.stack)-1]
	top.Steps = append(top.Steps, s)
	w.stack = append(w.stack, s)
	holds, r := w.cond(c.x)
	w.stack = w.stack[:len(w.stack)-1]
	s.Result = result(holds)
	if len(s.Steps) > 0 {
		return holds, r
	}
	if s.Because = r.String(); s.Because == "" {
		s.Because = fmt.Sprintf("never on link type %v", w.trace.link)
		if holds {
			s.Because = fmt.Sprintf("always on link type %v", w.trace.link)
		}
	}
	return holds, r
}

func (w *walk) skip(c *cond) {
	if c.kind == condPart {
		top := w.stack[len(w.stack)-1]
		top.Steps = append(top.Steps, &Step{Text: w.partText(c.node), Result: Skipped})
	}
}

func (w *walk) steps(steps []step, what string) {
	at := &cond{what: what}
	for _, s := range steps {
		if s.when == nil {
			w.vars[s.v] = w.value(s.e, at)
			continue
		}
		if holds, _ := w.cond(s.when); holds {
			w.steps(s.then, what)
		}
	}
}

// value computes what a test of c needs.
func (w *walk) value(e *expr, c *cond) uint32 {
	switch e.op {
	case exConst:
		return e.k
	case exLen:
		return wireLength(w.data, w.meta)
	case exVar:
		return w.vars[e.k]
	case exLoad:
		return w.load(e, c)
	case exNeg:
		return -w.value(e.a, c)
	case exNone:
		panic(outside{c.what + " lies outside any frame"})
	}
	v, ok := fold(e.op, w.value(e.a, c), w.value(e.b, c))
	if !ok {
		panic(outside{"division by zero in " + c.what})
	}
	return v
}

func (w *walk) load(e *expr, c *cond) uint32 {
	if e.a == nil && e.k >= extBase {
		v, ok := extension(e.k, 0, 0, w.data, w.meta)
		if !ok {
			panic(outside{c.what + " is not known"})
		}
		return v
	}
	at := uint64(e.k)
	if e.a != nil {
		at += uint64(w.value(e.a, c))
	}
	if at+uint64(e.size) > uint64(len(w.data)) {
		is := "needs"
		if main := mainLoad(c.left); main == e {
			is = "is at"
		}
		panic(outside{fmt.Sprintf("%s %s %s, outside the %d captured", c.what, is, byteRange(at, int(e.size)), len(w.data))})
	}
	v := uint32(0)
	for _, b := range w.data[at : at+uint64(e.size)] {
		v = v<<8 | uint32(b)
	}
	return v
}

// mainLoad returns the load whose value is tested, under a mask or not; nil where a test is of something else.
func mainLoad(e *expr) *expr {
	if e != nil && e.op == exAnd && e.b.op == exConst {
		e = e.a
	}
	if e != nil && e.op == exLoad {
		return e
	}
	return nil
}

func byteRange(at uint64, size int) string {
	if size == 1 {
		return fmt.Sprintf("byte %d", at)
	}
	return fmt.Sprintf("bytes %d to %d", at, at+uint64(size)-1)
}

// tell says how a test came out, as it was asked for.
func (w *walk) tell(c *cond, result bool) tested {
	t := tested{what: c.what, holds: result}
	a, b, j := c.left, c.right, c.asked
	turned := a.op == exConst && b.op != exConst
	if turned {
		a, b = b, a
	}
	t.got, t.want = w.value(a, c), w.value(b, c)
	switch {
	case j == jumpEq:
		t.op = "="
	case j == jumpSet:
		t.op, t.got, t.want = "!=", t.got&t.want, 0
	case j == jumpGt && turned:
		t.op = "<"
	case j == jumpGt:
		t.op = ">"
	case turned:
		t.op = "<="
	default:
		t.op = ">="
	}
	asked := map[string]bool{"=": t.got == t.want, "!=": t.got != t.want, ">": t.got > t.want, "<": t.got < t.want,
		">=": t.got >= t.want, "<=": t.got <= t.want}
	if asked[t.op] != result {
		t.op = opposite[t.op] // what runs is the contrary of what was asked for
	}
	return t
}

var opposite = map[string]string{"=": "!=", "!=": "=", ">": "<=", "<=": ">", ">=": "<", "<": ">="}

func (r reason) negate() reason {
	tests := slices.Clone(r.tests)
	for i := range tests {
		tests[i].op, tests[i].holds = opposite[tests[i].op], !tests[i].holds
	}
	return reason{tests, r.passed}
}

// then is the reason for a condition that was taken because r held.
func (r reason) then(next reason) reason {
	if len(next.tests) == 0 {
		return r
	}
	if len(r.tests) > 0 {
		next.passed += r.passed + 1
	}
	return next
}

// or is the reason why neither of two conditions holds.
func (r reason) or(other reason) reason {
	switch {
	case len(other.tests) == 0 || r.passed > other.passed && len(r.tests) > 0:
		return r
	case len(r.tests) == 0 || r.passed < other.passed:
		return other
	}
	return reason{slices.Concat(r.tests, other.tests), r.passed}
}

var contrary = map[string]string{"=": "not", "!=": "not other than", ">": "not more than", "<": "not less than",
	">=": "less than", "<=": "more than"}

var wording = map[string]string{"=": "", "!=": "other than ", ">": "more than ", "<": "less than ",
	">=": "at least ", "<=": "at most "}

// String says it in words. Of several tests it says the last, with all values that one field was compared with.
func (r reason) String() string {
	if len(r.tests) == 0 {
		return ""
	}
	t := r.tests[len(r.tests)-1]
	is := fmt.Sprintf("%s is %s", t.what, showValue(t.what, t.got))
	switch {
	case t.got == t.want && t.op != ">" && t.op != "<":
		return is
	case t.holds && t.op == "!=" && t.want == 0:
		return is
	case t.holds:
		return fmt.Sprintf("%s, %s%s", is, wording[t.op], showValue(t.what, t.want))
	case t.op != "=":
		return fmt.Sprintf("%s, %s %s", is, contrary[t.op], showValue(t.what, t.want))
	}
	var wants []string
	for _, o := range r.tests {
		if o.what == t.what && o.got == t.got && o.op == "=" {
			if w := showValue(o.what, o.want); !slices.Contains(wants, w) {
				wants = append(wants, w)
			}
		}
	}
	last := len(wants) - 1
	list := wants[last]
	if last > 0 {
		list = strings.Join(wants[:last], ", ") + " or " + list
	}
	return is + ", not " + list
}

// FirstFailed returns the first part, in the order taken, that is no condition on others and gave "no" or
// failed while the whole did not match; nil where the whole matched.
func (s *Step) FirstFailed() *Step {
	if s.Result == Matched || s.Result == Skipped {
		return nil
	}
	for _, p := range s.Steps {
		if f := p.FirstFailed(); f != nil {
			return f
		}
	}
	return s
}

// String renders the steps as an indented tree, the deciding one marked. Every line is printable ASCII.
func (s *Step) String() string {
	var b strings.Builder
	s.write(&b, 0, s.FirstFailed())
	return b.String()
}

func (s *Step) write(b *strings.Builder, depth int, first *Step) {
	fmt.Fprintf(b, "%s%-7s  %s", strings.Repeat("  ", min(depth, maxIndent)), s.Result, s.Text)
	if s.Because != "" {
		fmt.Fprintf(b, ": %s", s.Because)
	}
	if s == first {
		b.WriteString("  <- here")
	}
	b.WriteByte('\n')
	for _, p := range s.Steps {
		p.write(b, depth+1, first)
	}
}

// maxIndent is how deep trees are indented.
const maxIndent = 30

// partText is a simple part with its qualifiers, or the beginning of one that is made of others as it was written: a
// long expression has as many parts as words.
func (w *walk) partText(n node) string { return partText(w.trace.f.src, n) }

func partText(src string, n node) string {
	switch n := n.(type) {
	case *junction:
		return clip(src[n.pos:n.end])
	case *not:
		if _, ok := n.x.(*prim); !ok {
			return clip(src[n.pos:n.end])
		}
	}
	return textOf(n)
}

// clip shortens text and makes one printable line of it.
func clip(s string) string {
	const most = 100
	end := ""
	if len(s) > most {
		s, end = s[:most-3], "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s) + end
}

// showValue shows a number as its field is usually written.
func showValue(what string, v uint32) string {
	switch {
	case what == "EtherType" && v <= wire.EtherMaxLength:
		return fmt.Sprintf("%d, a length", v)
	case what == "IP version":
		return fmt.Sprint(v >> 4)
	case what == "VNI":
		return fmt.Sprint(v >> 8)
	case what == "MPLS label":
		return fmt.Sprint(v >> 12)
	case strings.HasSuffix(what, " address") && !strings.Contains(what, "IPv6") &&
		!strings.Contains(what, "Ethernet") && !strings.Contains(what, "802.11") && v > 0xffff:
		return ipv4(v).String()
	case strings.Contains(what, "Type") || strings.Contains(what, "address") || strings.Contains(what, "SAP") ||
		strings.Contains(what, "802.11") || strings.Contains(what, "SNAP") || strings.Contains(what, "PPP p"):
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}
