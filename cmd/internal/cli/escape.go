package cli

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

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
		case unicode.IsPrint(r):
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
