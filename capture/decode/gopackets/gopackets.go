// Package gopackets shows the long tail: protocols that nobody here has taken apart, and github.com/google/gopacket has.
//
// What gopacket may be asked is the list in list.go and nothing else. Each of its decoders stands behind a wall, for they
// were not written for hostile input: it gets a copy of the bytes, of at most 64 KiB and with a clamped capacity; a panic
// ends no more than its own layer; a decoder hands on to another one only where the list says so, so none can lead to one
// that is not in it, such as the one of sFlow, which can take all memory. The decoders of the list were read: none loops or
// allocates more than its input is long, which the tests measure. Its String and Dump are never called: what is shown are
// the fields of its structs, as everything is shown here.
//
// A field lies in its layer, the place of which is known; only bytes and addresses have places of their own.
//
// Linking gopacket's layers costs a program milliseconds at its start and more than a megabyte, so that only programs
// that show packets do.
package gopackets

import (
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// Renderer renders application layers as app.Renderer does, and the long tail. Its zero value is ready, and one can serve
// several goroutines.
type Renderer struct{ app.Renderer }

var _ decode.Applications = Renderer{}

// Shows reports whether the long tail has layers of type t.
func Shows(t decode.Type) bool { return byType[t] != nil }

// AppendLine adds what a line says of layer i, without a line end, and reports whether it could. Text from the packet is
// escaped.
func (r Renderer) AppendLine(b []byte, p *decode.Packet, i int) ([]byte, bool) {
	t := p.Layers()[i].Type
	e := byType[t]
	if e == nil {
		return r.Renderer.AppendLine(b, p, i)
	}
	fields := e.appendFields(nil, p, i)
	if len(fields) == 0 {
		return b, false
	}
	return appendLine(append(b, t.Title()...), fields), true
}

// AppendFields adds the fields of layer i.
func (r Renderer) AppendFields(dst []decode.Field, p *decode.Packet, i int) []decode.Field {
	if e := byType[p.Layers()[i].Type]; e != nil {
		return e.appendFields(dst, p, i)
	}
	return r.Renderer.AppendFields(dst, p, i)
}

// inLine is how many fields a line shows.
const inLine = 8

func appendLine(b []byte, fields []decode.Field) []byte {
	shown := 0
	for k := range fields {
		f := &fields[k]
		switch {
		case shown == inLine:
			return append(b, ", ..."...)
		case f.Kind == decode.KindGroup || f.Kind == decode.KindBytes || f.Kind == decode.KindBool && f.Number == 0:
			continue
		case f.Kind == decode.KindBool:
			b = append(append(b, ", "...), f.Name...)
		default:
			b = append(append(append(b, ", "...), f.Name...), ' ')
			b = decode.AppendValue(b, f)
		}
		shown++
	}
	return b
}
