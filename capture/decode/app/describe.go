package app

import (
	"encoding/binary"
	"strconv"
	"sync"
	"unicode/utf16"

	"sockwire/capture/decode"
)

// fMessage is the heading of the second and later messages of a segment, for all that describe makes known.
var fMessage = decode.Define("app.message", "Further message", decode.KindGroup).As("messages").Several()

const (
	maxMessages = 64 // described of one segment
	maxItems    = 16 // fields shown of one message in a line
)

// describe makes a protocol known by its fields alone, at the start of the program: a line has its name and those
// fields that are InLine. On a stream fields is called for each message of a segment, see decode.Type.MessageLength.
func describe(t decode.Type, name string, fields func(w *decode.FieldWriter, stream bool)) bool {
	all := func(w *decode.FieldWriter, stream bool) {
		if stream {
			each(w, t.MessageLength, func(w *decode.FieldWriter) { fields(w, true) })
		} else {
			fields(w, false)
		}
	}
	return show(t, func(b, data []byte, stream bool) ([]byte, bool) { return appendBrief(b, name, data, stream, all) }, all)
}

// each describes the messages that follow each other, of which length tells the bytes; 0 where it cannot.
func each(w *decode.FieldWriter, length func(b []byte) int, fields func(w *decode.FieldWriter)) {
	data := w.Data()
	for off, i := 0, 0; off < len(data) && i < maxMessages; i++ {
		n := length(data[off:])
		if n <= 0 {
			if i == 0 {
				fields(w)
			}
			return
		}
		if i > 0 {
			w.Group(fMessage, off, n)
		}
		w.Within(off, off+n, fields)
		if i > 0 {
			w.End()
		}
		off += n
	}
}

// scratch holds fields that only a line is made of.
var scratch = sync.Pool{New: func() any { return new([]decode.Field) }}

// appendBrief adds the line of a protocol that is known by its fields.
func appendBrief(b []byte, name string, data []byte, stream bool, fields func(w *decode.FieldWriter, stream bool)) ([]byte, bool) {
	kept := scratch.Get().(*[]decode.Field)
	defer scratch.Put(kept)
	w := decode.DescribeBytes((*kept)[:0], data)
	fields(&w, stream)
	*kept = w.Fields[:0]
	b = append(b, name...)
	shown, messages, items, next := false, 1, 0, false
	for i := range w.Fields {
		f := &w.Fields[i]
		if f.Definition == fMessage {
			if messages++; messages > maxShown {
				return append(b, "; ..."...), true
			}
			items, next = 0, shown
			continue
		}
		before, ok := f.Line()
		if !ok {
			continue
		}
		if items++; items == maxItems {
			b = append(b, " ..."...)
		}
		if items >= maxItems {
			continue
		}
		flag := f.Kind == decode.KindBool && f.Note == ""
		if flag && f.Number == 0 {
			continue
		}
		if next {
			b, next = append(b, ';'), false
		}
		if flag {
			b, shown = append(b, before...), true
			continue
		}
		b, shown = appendBriefValue(append(b, before...), f), true
	}
	clear(w.Fields) // they point into the frame
	return b, true
}

// appendBriefValue adds a value as a line shows it: a number by its name, where it has one.
func appendBriefValue(b []byte, f *decode.Field) []byte {
	if f.Note != "" {
		return append(b, f.Note...)
	}
	switch f.Kind {
	case decode.KindUint:
		return strconv.AppendUint(b, f.Number, 10)
	case decode.KindHex:
		return strconv.AppendUint(append(b, "0x"...), f.Number, 16)
	case decode.KindText:
		return decode.AppendQuoted(b, f.Bytes, maxText)
	case decode.KindBytes:
		if len(f.Bytes) > 16 {
			return append(decode.AppendBytes(b, f.Bytes[:16]), "..."...)
		}
	}
	return decode.AppendValue(b, f)
}

// utf16Text gives text of 16-bit characters, the least significant byte first, as UTF-8, without zeroes at its end.
func utf16Text(b []byte) []byte {
	b = b[:min(len(b), 2048)]
	u := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		u = append(u, binary.LittleEndian.Uint16(b))
	}
	return trimZeroes([]byte(string(utf16.Decode(u))))
}
