package cli

import (
	"cmp"
	"os"
	"unicode/utf8"
)

// ASCII tells whether the locale has no more characters than ASCII: the first that is set of LC_ALL, LC_CTYPE and LANG is C or
// POSIX, locale(7). Where none is set, UTF-8 is what terminals have.
func ASCII() bool {
	switch cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")) {
	case "C", "POSIX":
		return true
	}
	return false
}

// typed has what our own texts use beyond ASCII. What is not here becomes a question mark.
var typed = map[rune]string{
	'→': "->", '←': "<-", '↔': "<->", '└': "`", '│': "|", '─': "-", '…': "...", 'µ': "u", 'μ': "u", '≤': "<=", '≥': ">=", '×': "x", '±': "+-", '·': ".",
	'–': "-", '—': "-", '’': "'", '“': `"`, '”': `"`, '²': "2", '•': "*", '≈': "~", '∞': "inf", '√': "sqrt", '█': "#", '▓': "#", '▒': "+", '░': ".", '°': "deg",
}

// ToASCII returns text in ASCII: signs of our own texts as they are typed without them, others as question marks.
func ToASCII(b []byte) []byte {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return appendASCII(append(make([]byte, 0, len(b)+16), b[:i]...), string(b[i:]))
		}
	}
	return b
}

func appendASCII(to []byte, s string) []byte {
	for _, r := range s {
		switch p, ok := typed[r]; {
		case r < utf8.RuneSelf:
			to = append(to, byte(r))
		case ok:
			to = append(to, p...)
		default:
			to = append(to, '?')
		}
	}
	return to
}
