package app

import (
	"bytes"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeRESP, respLine, respFields)

// The fields of RESP, what Redis speaks, by the character that an element starts with.
var respSimple = map[byte]*decode.Definition{
	'+': decode.Define("resp.string", "Simple string", decode.KindText).As("string"),
	'-': decode.Define("resp.error", "Error", decode.KindText).As("error"),
	':': decode.Define("resp.integer", "Integer", decode.KindText).As("integer"),
	0:   decode.Define("resp.inline", "Inline command", decode.KindText).As("inline"),
}

var (
	fRESPArray   = decode.Define("resp.array_length", "Elements", decode.KindUint).As("elements")
	fRESPBulk    = decode.Define("resp.bulk_string.value", "Bulk string", decode.KindText).As("bulk_string")
	fRESPElement = decode.Define("resp.element", "Element", decode.KindGroup).As("values").Several()
)

// respElement is an element with its place: kind '*' holds others, '$' is a bulk string.
type respElement struct {
	kind    byte
	off, n  int
	number  int // of elements, -1 for none
	next    int
	present bool // all of it is here
}

// nextRESP reads the element at off. A negative length is that of nothing.
func nextRESP(data []byte, off int) (e respElement, ok bool) {
	line, next, whole := nextLine(data[:min(len(data), off+maxFrame)], off)
	if len(line) == 0 {
		return e, false
	}
	e = respElement{kind: line[0], off: off + 1, n: len(line) - 1, next: next, present: whole}
	switch e.kind {
	case '+', '-', ':', '_', '#', ',', '(':
	case '*', '%', '~', '>':
		n, err := strconv.Atoi(string(line[1:min(len(line), 12)]))
		if err != nil || !whole {
			return e, false
		}
		e.kind, e.number = '*', n
	case '$', '=', '!':
		n, err := strconv.Atoi(string(line[1:min(len(line), 12)]))
		if err != nil || !whole || n > 1<<29 {
			return e, false
		}
		if n = max(n, -1); n >= 0 {
			e.next = next + n + 2
			e.present = next+n <= len(data)
		}
		e.kind, e.off, e.n = '$', next, max(0, min(n, len(data)-next))
		if n < 0 {
			e.kind = '_' // as null has it since version 3
		}
	default:
		e.kind, e.off, e.n = 0, off, len(line)
	}
	return e, true
}

// maxFrame is how far the end of a line is looked for.
const maxFrame = 1 << 16

func respFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	for off, i := 0, 0; off < len(data) && i < maxMessages; i++ {
		e, ok := nextRESP(data, off)
		if !ok {
			return
		}
		w.Group(fRESPElement, off, e.next-off)
		switch d := respSimple[e.kind]; {
		case e.kind == '*':
			w.Value(fRESPArray, e.off, e.n, uint64(max(0, e.number)))
		case e.kind == '$':
			w.Bytes(fRESPBulk, e.off, e.n)
		case d != nil:
			w.Bytes(d, e.off, e.n)
		}
		w.End()
		off = e.next
	}
}

// respLine writes the elements as tcpdump does, texts in quotes.
func respLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "RESP"...)
	for off, i := 0, 0; off < len(data); i++ {
		e, ok := nextRESP(data, off)
		if !ok {
			return b, i > 0
		}
		if i == maxItems {
			return append(b, " ..."...), true
		}
		switch text := data[e.off : e.off+e.n]; e.kind {
		case '*':
		case '$':
			b = decode.AppendQuoted(append(b, ' '), text, maxText)
		case '_':
			b = append(b, " null"...)
		case '-':
			b = decode.AppendQuoted(append(b, " error "...), text, maxText)
		case ':', '#', ',', '(':
			b = decode.AppendEscaped(append(b, ' '), text[:min(len(text), 32)])
		default:
			b = decode.AppendQuoted(append(b, ' '), bytes.TrimSpace(text), maxText)
		}
		off = e.next
	}
	return b, true
}
