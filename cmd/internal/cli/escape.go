package cli

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plural is a count of things for a summary: "1 datagram", "2 datagrams", "2 replies". what is the word for one of
// them.
func Plural[N int | uint64](n N, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "y"):
		what = strings.TrimSuffix(what, "y") + "ies"
	case strings.HasSuffix(what, "o"):
		what += "es"
	default:
		what += "s"
	}
	return strconv.FormatUint(uint64(n), 10) + " " + what
}

// Parts are those of a sentence.
type Parts []string

// Count adds how many there are of something, "3 lost", if there are any.
func (p *Parts) Count(n uint64, what string) {
	if n > 0 {
		*p = append(*p, strconv.FormatUint(n, 10)+" "+what)
	}
}

// String has the parts with commas between them.
func (p Parts) String() string { return strings.Join(p, ", ") }

// Escape makes text from outside safe to print on one line of a terminal: see AppendEscaped.
func Escape(s string) string {
	if plain(s) {
		return s
	}
	return string(AppendEscaped(nil, s))
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f || s[i] == '\\' {
			return false
		}
	}
	return true
}

// Shown tells whether a character shows itself and nothing else. Not so: control characters (C0, DEL, C1), those that
// turn the direction of writing, separators of lines and paragraphs, characters without width or ink, blanks other than
// the space, and what Unicode has not given out.
func Shown(r rune) bool {
	return unicode.IsPrint(r) && r != brailleBlank &&
		(r < 0x300 || !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && !unicode.Is(unicode.Variation_Selector, r))
}

const brailleBlank = 0x2800 // looks like a space and is a symbol

// escapeJSON rewrites JSON so that its strings have every character that is not Shown as \uXXXX, which every reader
// turns back, or in ASCII all that is not. Only strings can hold such characters.
func escapeJSON(b []byte, ascii bool) []byte {
	at := 0
	const high, one = 0x8080808080808080, 0x0101010101010101 // of each byte; adding 1 sets high for DEL
	for ; at+32 <= len(b); at += 32 {
		p := b[at : at+32 : at+32]
		v, w := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
		x, y := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
		if (v|(v+one)|w|(w+one)|x|(x+one)|y|(y+one))&high != 0 {
			break
		}
	}
	for at < len(b) && b[at] < 0x7f {
		at++
	}
	if at == len(b) {
		return b
	}
	out := make([]byte, at, len(b)+64)
	copy(out, b)
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		switch {
		case r < 0x7f || !ascii && Shown(r):
			out = append(out, b[at:at+n]...)
		case r > 0xffff:
			r -= 0x10000
			out = appendUnit(appendUnit(out, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			out = appendUnit(out, r)
		}
		at += n
	}
	return out
}

// appendUnit appends a UTF-16 code unit as JSON has it.
func appendUnit(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// AppendCSV appends a text as one value of comma-separated values (RFC 4180). It is escaped as AppendEscaped does, and
// gets a ' in front where a spreadsheet would take it for a formula.
func AppendCSV(b []byte, s string) []byte {
	s = Escape(s)
	if s != "" && strings.IndexByte("=+-@|%", s[0]) >= 0 {
		s = "'" + s
	}
	if !strings.ContainsAny(s, `,"`) {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}

// AppendEscaped appends s to b with everything that could act on a terminal or mislead its reader written out:
// control characters and invalid UTF-8 as \n, \t, \r or \xNN, formatting and bidirectional controls, separators
// and other characters that do not print as \u{N}, and the backslash as \\ so that the text can be read back.
func AppendEscaped[T string | []byte](b []byte, s T) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			b = appendEscapedByte(b, c)
			i++
			continue
		}
		var r rune
		var n int
		switch s := any(s).(type) {
		case string:
			r, n = utf8.DecodeRuneInString(s[i:])
		case []byte:
			r, n = utf8.DecodeRune(s[i:])
		}
		switch {
		case r == utf8.RuneError && n == 1:
			b = appendHex(b, c)
		case Shown(r):
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, `\u{`...)
			b = strconv.AppendUint(b, uint64(r), 16)
			b = append(b, '}')
		}
		i += n
	}
	return b
}

func appendEscapedByte(b []byte, c byte) []byte {
	switch {
	case c == '\n':
		return append(b, `\n`...)
	case c == '\t':
		return append(b, `\t`...)
	case c == '\r':
		return append(b, `\r`...)
	case c == '\\':
		return append(b, `\\`...)
	case c < 0x20 || c == 0x7f:
		return appendHex(b, c)
	default:
		return append(b, c)
	}
}

func appendHex(b []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'x', digits[c>>4], digits[c&15])
}
