package cli

import (
	"cmp"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ASCII tells whether the locale is not one of UTF-8, so that no more than ASCII is sure to be shown: the first that is
// set of LC_ALL, LC_CTYPE and LANG decides, locale(7). Where none is set, UTF-8 is what terminals have.
func ASCII() bool {
	name := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	return name != "" && !strings.Contains(name, "utf-8") && !strings.Contains(name, "utf8")
}

// inLocale returns a writer to w that writes ASCII where the locale has no more. It passes for the terminal that w is.
func inLocale(w io.Writer) io.Writer {
	if !ASCII() {
		return w
	}
	return asciiWriter{w}
}

type asciiWriter struct{ w io.Writer }

func (a asciiWriter) Write(p []byte) (int, error) {
	if _, err := a.w.Write(ToASCII(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (a asciiWriter) Fd() uintptr { return descriptor(a.w) }

// typed has what our own texts use beyond ASCII. What is not here is written out as Escape does.
var typed = map[rune]string{
	'→': "->", '←': "<-", '↔': "<->", '└': "`", '│': "|", '─': "-", '├': "+", '┤': "+", '┬': "+", '┴': "+", '┼': "+", '┌': "+", '┐': "+", '┘': "+", '╵': "|", '╷': "|", '╴': "-", '╶': "-", '●': "o", '…': "...", 'µ': "u", 'μ': "u", '≤': "<=", '≥': ">=", '×': "x", '±': "+-", '·': ".",
	'–': "-", '—': "-", '’': "'", '“': `"`, '”': `"`, '²': "2", '•': "*", '≈': "~", '∞': "inf", '√': "sqrt", '█': "#", '▓': "#", '▒': "+", '░': ".", '°': "deg",
}

// ToASCII returns text in ASCII: signs of our own texts as they are typed without them, others as \u{N}.
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
			to = append(strconv.AppendUint(append(to, `\u{`...), uint64(r), 16), '}')
		}
	}
	return to
}
