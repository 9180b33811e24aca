package app

import (
	"bytes"
	"strconv"

	"sockwire/capture/decode"
)

const maxLines = 64 // of text described in one segment

// lines is a protocol of commands and answers in lines of text. Which of them a line is its first word tells.
type lines struct {
	commands []string // in capitals; nil takes any word for one

	command, argument *decode.Definition
	code, text        *decode.Definition // of answers that start with three digits
	other             *decode.Definition // a line that is neither; may be nil
}

// showLines makes such a protocol known. Its line is the first one, behind the name.
func showLines(t decode.Type, name string, l *lines) bool {
	return show(t, textLine(name), func(w *decode.FieldWriter, _ bool) { l.fields(w) })
}

func textLine(name string) func(b, data []byte, stream bool) ([]byte, bool) {
	return func(b, data []byte, _ bool) ([]byte, bool) {
		return appendFirst(append(append(b, name...), ": "...), data), true
	}
}

// appendFirst adds the first line of text.
func appendFirst(b, data []byte) []byte {
	line, _, _ := nextLine(data, 0)
	if len(line) > maxText {
		return append(decode.AppendEscaped(b, line[:maxText]), "..."...)
	}
	return decode.AppendEscaped(b, line)
}

// eachLine describes the lines of text, the second and later ones as further messages.
func eachLine(w *decode.FieldWriter, do func(w *decode.FieldWriter, line []byte)) {
	data := w.Data()
	for off, i := 0, 0; off < len(data) && i < maxLines; {
		line, next, _ := nextLine(data, off)
		if len(line) > 0 {
			if i > 0 {
				w.Group(fMessage, off, next-off)
			}
			w.Within(off, off+len(line), func(w *decode.FieldWriter) { do(w, line) })
			if i > 0 {
				w.End()
			}
			i++
		}
		off = next
	}
}

func (l *lines) fields(w *decode.FieldWriter) {
	eachLine(w, func(w *decode.FieldWriter, line []byte) {
		word := wordEnd(line, 0)
		switch n, ok := replyCode(line); {
		case ok:
			w.Value(l.code, 0, 3, n)
			if len(line) > 4 {
				w.Bytes(l.text, 4, len(line)-4)
			}
		case word > 0 && l.isCommand(line[:word]):
			w.Bytes(l.command, 0, word)
			if word+1 < len(line) {
				w.Bytes(l.argument, word+1, -1)
			}
		case l.other != nil:
			w.Bytes(l.other, 0, -1)
		}
	})
}

// wordEnd returns where the word at off ends: at a space, or where the line does.
func wordEnd(line []byte, off int) int {
	if i := bytes.IndexByte(line[min(off, len(line)):], ' '); i >= 0 {
		return off + i
	}
	return len(line)
}

func (l *lines) isCommand(word []byte) bool {
	if l.commands == nil {
		return true
	}
	for _, c := range l.commands {
		if equalFold(word, c) {
			return true
		}
	}
	return false
}

// replyCode reads the three digits that an answer starts with, in front of a space, a hyphen or nothing.
func replyCode(line []byte) (uint64, bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(line[:3]), 10, 16)
	return n, err == nil && n >= 100
}
