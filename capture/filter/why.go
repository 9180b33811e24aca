package filter

import (
	"fmt"
	"strings"
)

// Outcome is what became of a part of an expression on one frame.
type Outcome string

// Outcomes. A part is skipped where the rest decided already. A part that looked outside the captured
// bytes fails, and the frame does not match whatever the rest says.
const (
	Matched    Outcome = "yes"
	NotMatched Outcome = "no"
	Skipped    Outcome = "skipped"
	Failed     Outcome = "fails"
)

// Step is one part of an expression and what it gave on a frame.
type Step struct {
	// Text is the part: with its qualifiers written out, or as far as about 100 bytes where it is made of others.
	Text    string
	Outcome Outcome
	// Because is the comparison that decided, empty for parts made of others.
	Because string
	// Steps are the parts it is made of, in the order in which they were taken.
	Steps []*Step
}

// Why evaluates the expression on a frame and returns what every part of it gave. m may be nil.
func (ev *Evaluator) Why(data []byte, m *Meta) *Step {
	if ev.f.root == nil {
		return &Step{Text: "", Outcome: Matched, Because: "the empty expression matches everything"}
	}
	e := ev.start(data, m)
	top := &Step{}
	e.trace = &tracer{src: ev.f.src, stack: []*Step{top}}
	result := e.run()
	if len(top.Steps) == 1 {
		top = top.Steps[0]
	} else {
		// "anywhere:" takes the expression once for each network header.
		top.Text = clip(ev.f.src)
		top.Outcome = outcome(result)
	}
	if len(e.trace.failure) > 0 && top.Outcome != Failed {
		top.Outcome, top.Because = Failed, e.trace.failure
	}
	return top
}

// FirstFailed returns the first part, in the order taken, that is no condition on others and gave "no" or
// failed while the whole did not match; nil where the whole matched.
func (s *Step) FirstFailed() *Step {
	if s.Outcome == Matched || s.Outcome == Skipped {
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
	fmt.Fprintf(b, "%s%-7s  %s", strings.Repeat("  ", min(depth, maxIndent)), s.Outcome, s.Text)
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

func outcome(r tri) Outcome {
	if r == yes {
		return Matched
	}
	return NotMatched
}

// tracer records an evaluation. A nil tracer records nothing.
type tracer struct {
	src     string
	stack   []*Step
	failure string
	// last are the latest comparisons of the part that is being taken, by outcome.
	last [2]string
}

func textOf(n node) string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

// text is a simple part with its qualifiers, or the beginning of one that is made of others as it was
// written: a long expression has as many parts as words.
func (t *tracer) text(n node) string {
	switch n := n.(type) {
	case *junction:
		return clip(t.src[n.pos:n.end])
	case *not:
		if _, ok := n.x.(*prim); !ok {
			return clip(t.src[n.pos:n.end])
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

func (t *tracer) enter(n node) {
	if t == nil {
		return
	}
	s := &Step{Text: t.text(n), Outcome: Failed}
	top := t.stack[len(t.stack)-1]
	top.Steps = append(top.Steps, s)
	t.stack = append(t.stack, s)
	t.last = [2]string{}
}

func (t *tracer) leave(r tri) {
	if t == nil {
		return
	}
	s := t.stack[len(t.stack)-1]
	t.stack = t.stack[:len(t.stack)-1]
	s.Outcome = outcome(r)
	if len(s.Steps) > 0 {
		return
	}
	s.Because = t.last[0]
	if r == yes && t.last[1] != "" {
		s.Because = t.last[1]
	}
}

func (t *tracer) skipped(n node) {
	if t == nil {
		return
	}
	top := t.stack[len(t.stack)-1]
	top.Steps = append(top.Steps, &Step{Text: t.text(n), Outcome: Skipped})
}

// failed closes the part that looked outside the frame and those around it.
func (t *tracer) failed(what string) {
	if t == nil {
		return
	}
	t.failure = what
	t.stack[len(t.stack)-1].Because = what
	t.stack = t.stack[:1]
}

var contrary = map[string]string{"=": "not", "!=": "not other than", ">": "not more than", "<": "not less than",
	">=": "less than", "<=": "more than"}

var wording = map[string]string{"=": "", "!=": "other than ", ">": "more than ", "<": "less than ", ">=": "at least ", "<=": "at most "}

func (t *tracer) compared(what string, got uint32, op string, want uint32, holds bool) {
	if t == nil {
		return
	}
	show := func(v uint32) string { return showValue(what, v) }
	switch {
	case holds && (op == "=" || got == want):
		t.last[1] = fmt.Sprintf("%s is %s", what, show(got))
	case holds:
		t.last[1] = fmt.Sprintf("%s is %s, %s%s", what, show(got), wording[op], show(want))
	default:
		t.last[0] = fmt.Sprintf("%s is %s, %s %s", what, show(got), contrary[op], show(want))
	}
}

// showValue shows a number as its field is usually written.
func showValue(what string, v uint32) string {
	switch {
	case strings.HasSuffix(what, " address") && !strings.Contains(what, "Ethernet") && !strings.Contains(what, "802.11") && v > 0xffff:
		return ipv4(v).String()
	case strings.Contains(what, "Type") || strings.Contains(what, "address") || strings.Contains(what, "SAP") ||
		strings.Contains(what, "802.11") || strings.Contains(what, "SNAP") || strings.Contains(what, "PPP p"):
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}
