package where

import (
	"fmt"
	"strings"

	"sockwire/capture/filter"
)

// tokenKind is what a token is.
type tokenKind uint8

const (
	theEnd   tokenKind = iota
	word               // a name, a number, an address, an operator in letters
	quoted             // text, in value
	char               // one byte, in value
	operator           // == and so on, and brackets
	part               // what stands between brackets, in value
)

// token is a piece of an expression.
type token struct {
	kind     tokenKind
	pos, end int
	text     string // as it stands
	value    string
}

// lexer cuts an expression into tokens.
type lexer struct {
	text string
	at   int
}

// operators are those that are no words, longer ones first.
var operators = []string{"===", "!==", "==", "!=", "~=", "<=", ">=", "&&", "||", "..", "<", ">", "!", "~", "&", "=", "(", ")", "{", "}", ","}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-' || c == ':' || c == '/' || c == '%' || c >= 0x80
}

// wrong is a mistake at bytes [pos, end) of the expression.
func wrong(text string, pos, end int, instead, format string, a ...any) *filter.SyntaxError {
	return &filter.SyntaxError{Expr: text, Col: pos + 1, Len: max(end-pos, 1), Msg: fmt.Sprintf(format, a...), Suggest: instead}
}

// next returns the next token.
func (l *lexer) next() (token, *filter.SyntaxError) {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	from := l.at
	rest := l.text[from:]
	switch {
	case rest == "":
		return token{kind: theEnd, pos: from, end: from}, nil
	case rest[0] == '"':
		return l.quoted(from, from+1, false)
	case strings.HasPrefix(rest, `r"`) || strings.HasPrefix(rest, `R"`):
		return l.quoted(from, from+2, true)
	case rest[0] == '\'':
		t, err := l.quoted(from, from+1, false)
		if err == nil && len(t.value) != 1 {
			err = wrong(l.text, from, t.end, `"`+t.value+`"`, "a character stands between single quotes; text stands between double ones")
		}
		t.kind = char
		return t, err
	case rest[0] == '[':
		n := strings.IndexByte(rest, ']')
		if n < 0 {
			return token{}, wrong(l.text, from, from+1, "", "this bracket is not closed")
		}
		l.at += n + 1
		return token{kind: part, pos: from, end: l.at, text: rest[:n+1], value: rest[1:n]}, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.at += len(op)
			return token{kind: operator, pos: from, end: l.at, text: op}, nil
		}
	}
	n := 0
	for n < len(rest) && isWord(rest[n]) && !strings.HasPrefix(rest[n:], "..") {
		n++
	}
	if n == 0 {
		return token{}, wrong(l.text, from, from+1, "", "%q means nothing here", rest[:1])
	}
	l.at += n
	return token{kind: word, pos: from, end: l.at, text: rest[:n]}, nil
}

// quoted reads what is between quotes; at is behind the first. raw takes it as it stands, but for \" which keeps both.
func (l *lexer) quoted(from, at int, raw bool) (token, *filter.SyntaxError) {
	end := l.text[at-1]
	var b []byte
	for at < len(l.text) && l.text[at] != end {
		c := l.text[at]
		at++
		switch {
		case c != '\\' || at == len(l.text):
			b = append(b, c)
		case raw:
			b = append(b, c, l.text[at])
			at++
		default:
			v, n, ok := escape(l.text[at:])
			if !ok {
				return token{}, wrong(l.text, at-1, at+1, `\\`, `there is no escape \%c`, l.text[at])
			}
			b = append(b, v)
			at += n
		}
	}
	if at == len(l.text) {
		return token{}, wrong(l.text, from, from+1, "", "this quote is not closed")
	}
	l.at = at + 1
	return token{kind: quoted, pos: from, end: l.at, text: l.text[from:l.at], value: string(b)}, nil
}

// simpleEscapes are the letters behind a backslash, and what they mean.
var simpleEscapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '"': '"', '\'': '\'', '\\': '\\', '?': '?'}

// escape reads what is behind a backslash: its value and length.
func escape(s string) (v byte, n int, ok bool) {
	if v, ok := simpleEscapes[s[0]]; ok {
		return v, 1, true
	}
	base, most, from := 8, 3, 0
	if s[0] == 'x' {
		base, most, from = 16, 3, 1
	}
	number := 0
	n = from
	for n < len(s) && n < most {
		d := digit(s[n])
		if d >= base {
			break
		}
		number = number*base + d
		n++
	}
	return byte(number), n, n > from && number < 256
}

// digit is the value of a digit, 99 of what is none.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}

// appendQuoted adds text so that it is read back as it is.
func appendQuoted(b []byte, text string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
