package packet

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Bounds on expressions, so that one from outside costs little.
const (
	maxSpec     = 1 << 20 // bytes
	maxLayers   = 64
	maxElements = 256     // options in one list
	maxValues   = 1 << 20 // lines of all files
	maxPayload  = 1 << 18 // bytes
	maxFiles    = 1 << 26 // bytes of all files
)

// Parser reads packet expressions. The zero Parser is ready; it refuses what needs the world outside the expression.
type Parser struct {
	// ReadFile reads the files that "from FILE", file{} and lines{} name; nil refuses them.
	ReadFile func(name string) ([]byte, error)
	// Lookup finds the address of a host name, of IPv4 when family is 4, of IPv6 when it is 6; nil refuses names.
	Lookup func(host string, family int) (netip.Addr, error)
}

// parsing is one run of the parser over one expression.
type parsing struct {
	*Parser
	spec string
	pos  int
	t    *Template

	listed, files int // so far: lines and bytes of files
}

// failure carries a SyntaxError up through the recursive descent.
type failure struct{ err *SyntaxError }

// fail ends the parsing with a problem at byte position pos.
func (p *parsing) fail(pos int, format string, a ...any) {
	column := len([]rune(p.spec[:min(pos, len(p.spec))])) + 1
	panic(failure{&SyntaxError{Column: column, Problem: fmt.Sprintf(format, a...)}})
}

// run calls parse and turns a failure into an error.
func (p *parsing) run(parse func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			err = f.err
		}
	}()
	if len(p.spec) > maxSpec {
		p.fail(0, "the expression has %d bytes, at most %d are read", len(p.spec), maxSpec)
	}
	parse()
	return nil
}

func (p *parsing) space() {
	for p.pos < len(p.spec) && strings.IndexByte(" \t\r\n", p.spec[p.pos]) >= 0 {
		p.pos++
	}
}

// peek returns the next byte that is not space, 0 at the end.
func (p *parsing) peek() byte {
	p.space()
	if p.pos == len(p.spec) {
		return 0
	}
	return p.spec[p.pos]
}

func (p *parsing) accept(c byte) bool {
	if p.peek() == c {
		p.pos++
		return true
	}
	return false
}

func (p *parsing) expect(c byte, where string) {
	if !p.accept(c) {
		if p.pos == len(p.spec) {
			p.fail(p.pos, "the expression ends where %s needs %q", where, c)
		}
		p.fail(p.pos, "%q where %s needs %q", p.rune(), where, c)
	}
}

// each calls read for each of what commas separate, up to the end, which is there.
func (p *parsing) each(end byte, where string, read func()) {
	for p.peek() != end { // which goes past the space
		read()
		if !p.accept(',') {
			break
		}
	}
	p.expect(end, where)
}

// rune returns the character at pos, for an error.
func (p *parsing) rune() string {
	for _, r := range p.spec[p.pos:] {
		return string(r)
	}
	return ""
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}

// name reads a name; "" if there is none.
func (p *parsing) name() string {
	p.space()
	start := p.pos
	for p.pos < len(p.spec) && isNameByte(p.spec[p.pos]) {
		p.pos++
	}
	return p.spec[start:p.pos]
}

// word reads a constant as it is written, up to a delimiter or "..".
func (p *parsing) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.spec) && strings.IndexByte(",{}[]@= \t\r\n\"", p.spec[p.pos]) < 0 && !strings.HasPrefix(p.spec[p.pos:], "..") {
		p.pos++
	}
	if p.pos == start {
		if p.pos == len(p.spec) {
			p.fail(p.pos, "the expression ends where a value is needed")
		}
		p.fail(p.pos, "%q where a value is needed", p.rune())
	}
	return p.spec[start:p.pos]
}

// text reads a quoted string, or a word.
func (p *parsing) text() string {
	if p.peek() != '"' {
		return p.word()
	}
	start := p.pos
	quoted, err := strconv.QuotedPrefix(p.spec[start:])
	if err == nil {
		if s, err := strconv.Unquote(quoted); err == nil {
			p.pos += len(quoted)
			return s
		}
	}
	p.fail(start, "a string that starts here has no end, or an escape that Go does not know")
	return ""
}

// fieldAhead returns the name of the field that starts here, "" if none does. It reads nothing.
func (p *parsing) fieldAhead() string {
	start := p.pos
	name := p.name()
	found := name != "" && p.peek() == '='
	p.pos = start
	if !found {
		return ""
	}
	return name
}
