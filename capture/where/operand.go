package where

import (
	"strconv"

	"sockwire/capture/decode"
)

// operand is a field, a part of it, or what a function makes of it.
type operand struct {
	field    *field
	slices   []slice // of a value, put together; none for all of it
	mask     num
	masked   bool
	function string // "" for none
	class    class  // of its values
	pos, end int    // where it stands
}

// slice is a part of bytes. Numbers below 0 count from the end.
type slice struct {
	from, length int
	last         int  // where byLast: the last byte
	byLast       bool // from-last
	open         bool // to the end
	single       bool // written as one index
}

// of returns the part of b; it tells whether b has it.
func (s slice) of(b []byte) ([]byte, bool) {
	from, to := s.from, 0
	if from < 0 {
		from += len(b)
	}
	switch {
	case s.open:
		to = len(b)
	case s.byLast:
		if to = s.last + 1; s.last < 0 {
			to += len(b)
		}
	default:
		to = from + s.length
	}
	if from < 0 || to > len(b) || from >= to {
		return nil, false
	}
	return b[from:to:to], true
}

func (s slice) append(b []byte) []byte {
	b = strconv.AppendInt(b, int64(s.from), 10)
	switch {
	case s.single:
	case s.open:
		b = append(b, ':')
	case s.byLast:
		b = strconv.AppendInt(append(b, '-'), int64(s.last), 10)
	default:
		b = strconv.AppendInt(append(b, ':'), int64(s.length), 10)
	}
	return b
}

// simple tells whether the values are those of the field as they are.
func (o *operand) simple() bool { return len(o.slices) == 0 && !o.masked && o.function == "" }

func (o *operand) append(b []byte) []byte {
	if o.function != "" {
		b = append(append(b, o.function...), '(')
	}
	b = append(b, o.field.name...)
	for i, s := range o.slices {
		if i == 0 {
			b = append(b, '[')
		} else {
			b = append(b, ',')
		}
		b = s.append(b)
		if i == len(o.slices)-1 {
			b = append(b, ']')
		}
	}
	if o.masked {
		b = strconv.AppendUint(append(b, " & "...), o.mask.n, 10)
	}
	if o.function != "" {
		b = append(b, ')')
	}
	return b
}

// change makes the value of the operand of one of its field; it tells whether there is one. room is for what is made.
func (o *operand) change(v *value, room *[]byte) bool {
	if len(o.slices) == 1 {
		var ok bool
		if v.b, ok = o.slices[0].of(v.b); !ok {
			return false
		}
	} else if len(o.slices) > 1 {
		b := (*room)[:0]
		for _, s := range o.slices {
			piece, ok := s.of(v.b)
			if !ok {
				return false
			}
			b = append(b, piece...)
		}
		*room, v.b = b, b
	}
	if o.masked {
		v.n.n &= o.mask.n
	}
	switch o.function {
	case "len":
		v.n = numOf(int64(len(v.b)))
	case "lower":
		*room = inCase((*room)[:0], v.b, 'A', 'Z')
		v.b = *room
	case "upper":
		*room = inCase((*room)[:0], v.b, 'a', 'z')
		v.b = *room
	case "string":
		*room = o.text((*room)[:0], v)
		v.b = *room
	}
	return true
}

// inCase adds text with the letters of one case, from first to last, in the other one.
func inCase(b, text []byte, first, last byte) []byte {
	for _, c := range text {
		if c >= first && c <= last {
			c ^= 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// anAddress lets an address be shown as any other field.
var anAddress = decode.Definition{Kind: decode.KindIP}

// text adds a value as text.
func (o *operand) text(b []byte, v *value) []byte {
	switch o.field.class {
	case address:
		return decode.AppendValue(b, &decode.Field{Definition: &anAddress, Bytes: v.b})
	case octets:
		if d := o.field.definitions; len(d) > 0 && d[0].Kind == decode.KindMAC {
			return decode.AppendMAC(b, v.b)
		}
		return decode.AppendBytes(b, v.b)
	case text:
		return append(b, v.b...)
	}
	return strconv.AppendUint(b, v.n.n, 10)
}
