package packet

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// How a payload layer is filled.
type filling uint8

const (
	fillRepeat filling = iota // the pattern over and over, to the size
	fillRandom                // from the seed, anew for each packet
	fillLines                 // one line for each packet
)

// payload is a payload layer that differs from packet to packet.
type payload struct {
	layer   *Payload
	filling filling
	pattern []byte
	size    values
	lines   [][]byte
	choice  values // which line
	place   uint64
}

func appendPattern(b, pattern []byte, size int) []byte {
	for n := len(b) + size; len(b) < n; {
		b = append(b, pattern[:min(len(pattern), n-len(b))]...)
	}
	return b
}

// shellActive are the characters with which text could end a shell's quotes, run a command, write a file or name an old
// command line, whichever quotes stand around the expression, or none.
const shellActive = "'`$;&|<>()!"

// formatPayload writes bytes as a payload layer: text where all of it prints, else hex. Payloads are strangers' bytes, and
// expressions are pasted into shells: what a shell acts on is written as \xNN.
func formatPayload(b []byte) string {
	if len(b) == 0 || !isText(b) {
		return "hex{" + hex.EncodeToString(b) + "}"
	}
	s := []byte("text{")
	for i, c := range b {
		switch {
		case c == '\n':
			s = append(s, `\n`...)
		case c == '\r':
			s = append(s, `\r`...)
		case c == '\t':
			s = append(s, `\t`...)
		case c == '\\' || c == '}' || c == '"' && i == 0:
			s = append(s, '\\', c)
		case strings.IndexByte(shellActive, c) >= 0:
			s = fmt.Appendf(s, `\x%02x`, c)
		default:
			s = append(s, c)
		}
	}
	return string(append(s, '}'))
}

func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}
