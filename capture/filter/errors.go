package filter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hbollon/go-edlib"
)

// SyntaxError says where an expression is wrong and, where one can be guessed, what was meant. Parse
// returns it for what no link type accepts, Compile for what this link type or these options refuse.
type SyntaxError struct {
	// Expr is the whole expression.
	Expr string
	// Col is the 1-based byte column of the mistake, Len its length in bytes, at least 1.
	Col, Len int
	// Msg says what is wrong, without the place.
	Msg string
	// Suggest is what to write instead, empty when nothing comes to mind.
	Suggest string
}

// span is where a word or a node stands in the expression.
type span struct{ pos, end int }

func (s span) where() span { return s }

// syntaxError is one at s, with what to write instead where that is known.
func syntaxError(expr string, s span, instead, format string, args ...any) *SyntaxError {
	return &SyntaxError{Expr: expr, Col: s.pos + 1, Len: max(s.end-s.pos, 1), Msg: fmt.Sprintf(format, args...),
		Suggest: instead}
}

// bailout carries an error out of the recursion of the parser and the lowerer, which both go down the whole expression.
type bailout struct{ err error }

// caught makes a bailout the error of a function that defers it, and its result nil.
func caught[T any](result **T, err *error) {
	switch r := recover().(type) {
	case nil:
	case bailout:
		*result, *err = nil, r.err
	default:
		panic(r)
	}
}

// Error is one line: the message, its column and the suggestion.
func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("filter: column %d: %s", e.Col, e.Msg)
	if e.Suggest != "" {
		s += "; did you mean " + quote(e.Suggest) + "?"
	}
	return s
}

// caretWidth bounds what Caret shows of a long expression.
const caretWidth = 72

// Caret renders the part of the expression around the mistake with a caret line below it. Bytes that
// are not printable ASCII are shown as '?', so the result is safe for a terminal.
func (e *SyntaxError) Caret() string {
	start := min(max(e.Col-1, 0), len(e.Expr))
	from := 0
	if start > caretWidth/2 {
		from = start - caretWidth/2
	}
	to := min(len(e.Expr), from+caretWidth)
	line := []byte(e.Expr[from:to])
	for i, c := range line {
		switch {
		case c == '\n' || c == '\t' || c == '\r':
			line[i] = ' '
		case c < ' ' || c > '~':
			line[i] = '?'
		}
	}
	n := min(max(e.Len, 1), max(to-start, 1))
	return string(line) + "\n" + strings.Repeat(" ", start-from) + "^" + strings.Repeat("~", n-1)
}

// ErrNeverMatches is wrapped by the error of Compile when the expression can be proven to match no
// packet of the link type, as libpcap refuses it. Options.NoOptimize compiles it all the same.
var ErrNeverMatches = errors.New("expression rejects all packets")

// ErrTooLarge is wrapped by the error of Parse or Compile when the expression is nested too deep or
// its program would be longer than MaxInstructions.
var ErrTooLarge = errors.New("expression is too large")

// quote shows outside text inside a message: short, printable.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:57] + "..."
	}
	return fmt.Sprintf("%q", s)
}

// nearest returns the word of words that is at most two edits from s, or "".
func nearest(s string, words []string) string {
	best, bestDist := "", 3
	if len(s) < 3 {
		bestDist = 2
	}
	if len(s) > 20 {
		return ""
	}
	low := strings.ToLower(s)
	for _, w := range words {
		d := edlib.OSADamerauLevenshteinDistance(low, w)
		if d < bestDist || d == bestDist && best != "" && len(w) == len(s) && len(best) != len(s) {
			best, bestDist = w, d
		}
	}
	return best
}

// Warning is something that often is not what was meant.
type Warning struct {
	Col int // 1-based byte column
	Msg string
}
