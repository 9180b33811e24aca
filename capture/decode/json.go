package decode

import (
	"strconv"
	"time"
	"unicode/utf8"

	"sockwire/capture"
)

// AppendJSON adds one JSON object about p, without a line end:
//
//	{"type":"packet","number":1,"time":"2026-01-02T03:04:05.000000006Z","interface":0,"direction":"in",
//	 "link":"EN10MB","length":74,"captured":74,"segments":3,"drops":1,"comments":["..."],
//	 "layers":[{"layer":"ip","offset":14,"header_length":20,"length":60,"quoted":true,
//	   "fields":{"version":4,...}},...],
//	 "error":{"layer":"tcp","fault":"cut short","offset":34,"need":20,"have":8,"reason":"..."}}
//
// Left out are number when it is 0, time when the source has none, direction when it is unknown, segments when it
// is 1 (0 is a super-packet of unknown count), and drops, comments, quoted and error when there are none. Numbers
// are as they stand in the header, scaled to bytes where the header counts in words; flags are booleans;
// addresses are text; other bytes are hexadecimal text, at most 65,536 bytes of each field. Text from the packet
// has control characters, invisible ones and those that change the direction of writing escaped, and invalid UTF-8
// replaced by U+FFFD. The names of the fields are those of Definitions.
func (r *Printer) AppendJSON(b []byte, p *Packet) []byte {
	f := &p.Frame
	b = append(b, `{"type":"packet"`...)
	if p.Number != 0 {
		b = appendUint(append(b, `,"number":`...), p.Number)
	}
	if !f.Time.IsZero() {
		b = append(b, `,"time":"`...)
		b = append(r.appendStamp(b, f.Time), '"')
	}
	b = appendInt(append(b, `,"interface":`...), f.Interface)
	if f.Direction != capture.DirectionUnknown {
		b = append(b, `,"direction":"`...)
		b = append(append(b, f.Direction.String()...), '"')
	}
	b = append(b, `,"link":"`...)
	b = append(appendLink(b, p), '"')
	b = appendInt(append(b, `,"length":`...), f.Length)
	b = appendInt(append(b, `,"captured":`...), len(f.Data))
	if n := p.Segments(); n != 1 {
		b = appendInt(append(b, `,"segments":`...), n)
	}
	if f.Drops > 0 {
		b = appendUint(append(b, `,"drops":`...), f.Drops)
	}
	for i, c := range f.Comments {
		if i == 0 {
			b = append(b, `,"comments":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendJSONText(b, []byte(c))
		if i == len(f.Comments)-1 {
			b = append(b, ']')
		}
	}
	b = append(b, `,"layers":[`...)
	for i := range p.layers[:p.n] {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.AppendJSONLayer(b, p, i)
	}
	b = append(b, ']')
	if p.failed {
		b = appendJSONError(b, &p.err)
	}
	return append(b, '}')
}

// appendLink adds the name of the link type, as LinkType.String has it but without allocating.
func appendLink(b []byte, p *Packet) []byte {
	if s := p.Frame.Link.Name(); s != "" {
		return append(b, s...)
	}
	return appendUint(append(b, "LINKTYPE_"...), uint64(p.Frame.Link))
}

// AppendJSONLayer adds layer i of p as an element of "layers".
func (r *Printer) AppendJSONLayer(b []byte, p *Packet, i int) []byte {
	l := &p.layers[i]
	b = append(b, `{"layer":"`...)
	b = append(b, l.Type.String()...)
	b = appendInt(append(b, `","offset":`...), l.Offset)
	b = appendInt(append(b, `,"header_length":`...), l.Header)
	b = appendInt(append(b, `,"length":`...), l.Length)
	if l.Flags&Quoted != 0 {
		b = append(b, `,"quoted":true`...)
	}
	r.fields = r.appendFields(r.fields[:0], p, i)
	if len(r.fields) > 0 {
		b = append(b, `,"fields":`...)
		b, _ = appendJSONFields(b, r.fields, 0)
	}
	return append(b, '}')
}

// appendJSONFields adds the fields from a depth on as an object and returns those that do not belong to it.
func appendJSONFields(b []byte, fields []Field, depth uint8) ([]byte, []Field) {
	b = append(b, '{')
	first := true
	var list *Definition // whose array is open
	for len(fields) > 0 && fields[0].Depth >= depth {
		f := &fields[0]
		fields = fields[1:]
		if list != nil && f.Definition == list {
			b = append(b, ',')
		} else {
			if list != nil {
				b = append(b, ']')
				list = nil
			}
			if !first {
				b = append(b, ',')
			}
			b = append(b, f.key...)
			if f.List {
				b = append(b, '[')
				list = f.Definition
			}
		}
		first = false
		if f.Kind == KindGroup {
			b, fields = appendJSONFields(b, fields, f.Depth+1)
		} else {
			b = appendJSONValue(b, f)
		}
	}
	if list != nil {
		b = append(b, ']')
	}
	return append(b, '}'), fields
}

func appendJSONValue(b []byte, f *Field) []byte {
	switch f.Kind {
	case KindUint, KindHex:
		return appendUint(b, f.Number)
	case KindBool:
		return strconv.AppendBool(b, f.Number != 0)
	case KindText:
		return appendJSONText(b, f.Bytes[:min(len(f.Bytes), 1<<16)])
	}
	b = append(b, '"')
	switch f.Kind {
	case KindState:
		b = append(b, f.Note...)
	case KindIP:
		b = appendAddr(b, f.Bytes)
	case KindMAC:
		b = AppendMAC(b, f.Bytes)
	case KindBytes:
		b = AppendBytes(b, f.Bytes[:min(len(f.Bytes), 1<<16)])
	}
	return append(b, '"')
}

// appendJSONText adds a JSON string.
func appendJSONText(b, text []byte) []byte {
	b = append(b, '"')
	for len(text) > 0 {
		c := text[0]
		if c >= ' ' && c < 0x7f {
			if c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
			text = text[1:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		switch {
		case strconv.IsPrint(r) && !(r == utf8.RuneError && n == 1):
			b = append(b, text[:n]...)
		case r > 0xffff:
			r -= 0x10000
			b = appendJSONRune(appendJSONRune(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			b = appendJSONRune(b, r)
		}
		text = text[n:]
	}
	return append(b, '"')
}

func appendJSONRune(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendStamp adds a time as RFC 3339 with nanoseconds, in UTC.
func (r *Printer) appendStamp(b []byte, t time.Time) []byte {
	sec := t.Unix()
	if c := &r.stamp; c.n == 0 || sec != c.at {
		c.at, c.n = sec, len(t.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05"))
	}
	b = append(b, r.stamp.text[:r.stamp.n]...)
	return append(appendNano(b, t.Nanosecond()), 'Z')
}

func appendJSONError(b []byte, e *Error) []byte {
	b = append(b, `,"error":{"layer":"`...)
	b = append(b, e.Layer.String()...)
	b = append(b, `","fault":"`...)
	b = append(b, e.Fault.String()...)
	b = appendInt(append(b, `","offset":`...), e.Offset)
	if e.Need > 0 {
		b = appendInt(append(b, `,"need":`...), e.Need)
		b = appendInt(append(b, `,"have":`...), e.Have)
	}
	if e.Reason != "" {
		b = append(b, `,"reason":"`...)
		b = append(append(b, e.Reason...), '"')
	}
	return append(b, '}')
}
