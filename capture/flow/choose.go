package flow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hbollon/go-edlib"

	"sockwire/capture/filter"
)

// Choice is an expression over what was found of packets, such as
//
//	flow.retransmission and not flow.stream == 3
//
// Names are those of Words, with or without "flow." in front; flow.stream alone is every packet of a stream, and is
// compared with a number by ==, !=, <, <=, > and >=. Parts are joined by and, or, not (&&, ||, !) and parentheses; not
// binds closest, then and. A Choice does not change and may be used by several goroutines.
type Choice struct{ root term }

// term is a part of an expression. It tells whether it may hold, and whether it may not: both while it depends on what
// is still to come.
type term interface {
	eval(f *Facts, final bool) (yes, no bool)
}

// Facts is what is known of a packet.
type Facts struct {
	Stream int // its number, below 0 for none
	Found  Set
}

// Match tells whether what is known of a packet fits.
func (c *Choice) Match(f Facts) bool {
	yes, _ := c.root.eval(&f, true)
	return yes
}

// May tells whether a packet can fit, now or once more is found about it.
func (c *Choice) May(f Facts) bool {
	yes, _ := c.root.eval(&f, false)
	return yes
}

type (
	notTerm  struct{ of term }
	bothTerm struct{ a, b term }
	someTerm struct{ a, b term }
	anyTerm  struct{} // of a stream
	isTerm   struct {
		than string
		n    int
	}
	hasTerm struct{ set Set }
)

func (t notTerm) eval(f *Facts, final bool) (yes, no bool) {
	no, yes = t.of.eval(f, final)
	return yes, no
}

func (t bothTerm) eval(f *Facts, final bool) (yes, no bool) {
	ay, an := t.a.eval(f, final)
	by, bn := t.b.eval(f, final)
	return ay && by, an || bn
}

func (t someTerm) eval(f *Facts, final bool) (yes, no bool) {
	ay, an := t.a.eval(f, final)
	by, bn := t.b.eval(f, final)
	return ay || by, an && bn
}

func (anyTerm) eval(f *Facts, _ bool) (yes, no bool) { return f.Stream >= 0, f.Stream < 0 }

func (t isTerm) eval(f *Facts, _ bool) (yes, no bool) {
	ok := false
	switch t.than {
	case "==":
		ok = f.Stream == t.n
	case "!=":
		ok = f.Stream != t.n
	case "<":
		ok = f.Stream < t.n
	case "<=":
		ok = f.Stream <= t.n
	case ">":
		ok = f.Stream > t.n
	case ">=":
		ok = f.Stream >= t.n
	}
	ok = ok && f.Stream >= 0
	return ok, !ok
}

func (t hasTerm) eval(f *Facts, final bool) (yes, no bool) {
	has := f.Found&t.set != 0
	return has || !final, !has
}

// maxNested bounds how deep an expression is nested.
const maxNested = 100

// ParseChoice reads an expression. The error is a *filter.SyntaxError, which says where it is wrong.
func ParseChoice(text string) (*Choice, error) {
	p := choiceParser{text: text}
	p.next()
	t, err := p.or(0)
	if err == nil && p.token != "" {
		err = p.wrong("and, or or the end must follow, not %q", p.token)
	}
	if err != nil {
		return nil, err
	}
	return &Choice{t}, nil
}

type choiceParser struct {
	text  string
	from  int    // of token in text
	token string // "" at the end
}

// next goes on to the next token: a word, a number or an operator.
func (p *choiceParser) next() {
	at := p.from + len(p.token)
	for at < len(p.text) && (p.text[at] == ' ' || p.text[at] == '\t' || p.text[at] == '\n' || p.text[at] == '\r') {
		at++
	}
	end := at
	for end < len(p.text) && isWord(p.text[end]) {
		end++
	}
	if end == at && at < len(p.text) {
		end++
		if two := p.text[at:min(at+2, len(p.text))]; strings.Contains(" && || == != <= >= ", " "+two+" ") {
			end = at + 2
		}
	}
	p.from, p.token = at, p.text[at:end]
}

func isWord(c byte) bool {
	return c == '.' || c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func (p *choiceParser) wrong(format string, a ...any) *filter.SyntaxError {
	return &filter.SyntaxError{Expr: p.text, Col: p.from + 1, Len: max(len(p.token), 1), Msg: fmt.Sprintf(format, a...)}
}

func (p *choiceParser) or(depth int) (term, error) {
	a, err := p.and(depth)
	for err == nil && (p.token == "or" || p.token == "||") {
		p.next()
		var b term
		b, err = p.and(depth)
		a = someTerm{a, b}
	}
	return a, err
}

func (p *choiceParser) and(depth int) (term, error) {
	a, err := p.not(depth)
	for err == nil && (p.token == "and" || p.token == "&&") {
		p.next()
		var b term
		b, err = p.not(depth)
		a = bothTerm{a, b}
	}
	return a, err
}

func (p *choiceParser) not(depth int) (term, error) {
	if depth > maxNested {
		return nil, p.wrong("it is nested too deep")
	}
	if p.token == "not" || p.token == "!" {
		p.next()
		t, err := p.not(depth + 1)
		return notTerm{t}, err
	}
	if p.token != "(" {
		return p.word()
	}
	open := *p
	p.next()
	t, err := p.or(depth + 1)
	if err == nil && p.token != ")" {
		if p.token == "" {
			return nil, open.wrong("this parenthesis is not closed")
		}
		return nil, p.wrong("and, or or ) must follow, not %q", p.token)
	}
	p.next()
	return t, err
}

// word reads a name, and what it is compared with.
func (p *choiceParser) word() (term, error) {
	switch {
	case p.token == "":
		return nil, p.wrong("a name is missing at the end")
	case !isWord(p.token[0]):
		return nil, p.wrong("a name must stand here, not %q", p.token)
	}
	name := strings.TrimPrefix(p.token, "flow.")
	if name == "stream" {
		p.next()
		return p.compared()
	}
	for i := range words {
		if words[i].Name == name {
			p.next()
			return hasTerm{words[i].set}, nil
		}
	}
	err := p.wrong("no verdict is called %q", p.token)
	err.Suggest = meant(p.token)
	return nil, err
}

func (p *choiceParser) compared() (term, error) {
	than := p.token
	switch than {
	case "==", "!=", "<", "<=", ">", ">=":
	case "=", "eq", "ne", "lt", "le", "gt", "ge": // the words are tshark's
		err := p.wrong("%s does not compare", than)
		err.Suggest = map[string]string{"=": "==", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[than]
		return nil, err
	default:
		return anyTerm{}, nil
	}
	p.next()
	n, err := strconv.ParseUint(p.token, 10, 62)
	if err != nil {
		return nil, p.wrong("the number of a stream must stand here, not %q", p.token)
	}
	p.next()
	return isTerm{than, int(n)}, nil
}

// Word is a name that a Choice knows.
type Word struct {
	Name  string // after "flow."
	Means string
	set   Set
}

// Words returns the names of verdicts that a Choice knows, in the order of the documents.
func Words() []Word { return words }

// Set is what was found of a packet: the kinds of its verdicts and, of a retransmission, the causes, as bits.
type Set uint64

const causeBits = 32

// Set returns the verdict as a Set.
func (v *Verdict) Set() Set {
	if v.Kind == 0 {
		return 0
	}
	s := kindSet(v.Kind)
	if v.Kind == Retransmission {
		s |= causeSet(v.Cause)
	}
	return s
}

func kindSet(k Kind) Set   { return 1 << k }
func causeSet(c Cause) Set { return 1 << (causeBits + c) }

var words = []Word{
	{"verdict", "anything but plain progress: any of these", ^Set(0)},
	{"retransmission", "sent again", kindSet(Retransmission)},
	{"timer", "sent again, for the retransmission timer ran out", causeSet(Timer)},
	{"tail-loss-probe", "sent again as a probe for what was last", causeSet(TailProbe)},
	{"fast", "sent again after duplicate acknowledgements", causeSet(Fast)},
	{"sack", "sent again after selective acknowledgements", causeSet(SACK)},
	{"spurious", "sent again, and that was needless", kindSet(Spurious)},
	{"lost", "lost before or behind the place of the capture", kindSet(LostBefore) | kindSet(LostBehind)},
	{"lost-before", "brings again what was lost before this place", kindSet(LostBefore)},
	{"lost-behind", "seen here and lost behind this place", kindSet(LostBehind)},
	{"missed", "bytes passed that the capture does not have", kindSet(Missed)},
	{"reordered", "later packets went first", kindSet(Reordered)},
	{"duplicate", "the network delivered it twice", kindSet(Duplicate)},
	{"copy", "the same packet, seen at another place", kindSet(Copy)},
	{"duplicate-ack", "the same acknowledgement again", kindSet(DuplicateAck)},
	{"zero-window", "the receiver takes no more", kindSet(ZeroWindow)},
	{"window-probe", "asks whether the window is open again", kindSet(WindowProbe)},
	{"window-full", "fills the window of the receiver", kindSet(WindowFull)},
	{"window-update", "the receiver takes more", kindSet(WindowUpdate)},
	{"keep-alive", "asks whether the other side is there", kindSet(KeepAlive)},
	{"keep-alive-ack", "the answer to that", kindSet(KeepAliveAck)},
	{"reset", "ends the connection at once", kindSet(Reset)},
	{"conflict", "has other bytes than a packet before", kindSet(Conflict)},
	{"corrupt", "its checksum is wrong", kindSet(Corrupt)},
	{"stray", "far from all that the connection is at", kindSet(Stray)},
	{"given-up", "something was dropped to stay within bounds", kindSet(GivenUp)},
	{"undecided", "what became of bytes cannot be told", kindSet(Undecided)},
}

// elsewhere are names of tshark's, and what is meant here.
var elsewhere = map[string]string{
	"retransmission": "retransmission", "fast_retransmission": "fast", "spurious_retransmission": "spurious", "out_of_order": "reordered",
	"duplicate_ack": "duplicate-ack", "lost_segment": "lost", "ack_lost_segment": "missed", "zero_window": "zero-window",
	"zero_window_probe": "window-probe", "window_full": "window-full", "window_update": "window-update", "keep_alive": "keep-alive",
	"keep_alive_ack": "keep-alive-ack", "flags": "verdict",
}

// meant returns the name that is most like one that there is not, "" where none is.
func meant(name string) string {
	switch {
	case name == "tcp.stream" || name == "udp.stream":
		return "flow.stream"
	case len(name) > 64:
		return ""
	}
	if rest, ok := strings.CutPrefix(name, "tcp.analysis."); ok && elsewhere[rest] != "" {
		return "flow." + elsewhere[rest]
	}
	name = strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(name), "flow."), "_", "-")
	best, least := "", max(2, len(name)/3)+1
	for _, known := range append([]Word{{Name: "stream"}}, words...) {
		d := edlib.OSADamerauLevenshteinDistance(name, known.Name)
		if len(name) >= 4 && strings.HasPrefix(known.Name, name) {
			d = 1
		}
		if d < least {
			best, least = known.Name, d
		}
	}
	if best == "" {
		return ""
	}
	return "flow." + best
}
