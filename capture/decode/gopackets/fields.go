package gopackets

import (
	"net"
	"reflect"
	"strings"
	"unicode"

	"github.com/google/gopacket/layers"

	"sockwire/capture/decode"
)

// member is a field of a struct of gopacket that is shown.
type member struct {
	index      int
	definition *decode.Definition // nil for an embedded struct, whose members stand beside
	inside     []member           // of a struct
}

// members are those of the structs that entries make.
var members = defineAll()

func defineAll() map[reflect.Type][]member {
	m := make(map[reflect.Type][]member)
	for _, e := range list {
		for _, made := range e.makes {
			t := reflect.TypeOf(made.layer)
			m[t] = define(t, made.prefix, 0)
		}
	}
	return m
}

// maxDepth is how deep structs in structs are looked into.
const maxDepth = 3

// define makes the definitions of the fields of a struct.
func define(t reflect.Type, prefix string, depth int) (all []member) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Type == reflect.TypeFor[layers.BaseLayer]() || depth > maxDepth {
			continue
		}
		name, key := words(f.Name), prefix+"."+strings.ToLower(strings.ReplaceAll(words(f.Name), " ", "_"))
		of, several := f.Type, false
		kind, ok := kindOf(of)
		if !ok && of.Kind() == reflect.Slice {
			of, several = of.Elem(), true
			kind, ok = kindOf(of)
		}
		if !ok && of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		m := member{index: i}
		switch {
		case !ok && of.Kind() != reflect.Struct:
			continue // interfaces, maps and functions are not what a packet says
		case !ok && f.Anonymous:
			m.inside = define(of, prefix, depth+1)
		case !ok:
			m.definition, m.inside = decode.Define(key, name, decode.KindGroup), define(of, key, depth+1)
		default:
			m.definition = decode.Define(key, name, kind)
		}
		if several && m.definition != nil {
			m.definition.Several()
		}
		all = append(all, m)
	}
	return all
}

// kindOf returns how a value of a type is held.
func kindOf(t reflect.Type) (decode.Kind, bool) {
	switch t.Kind() {
	case reflect.Bool:
		return decode.KindBool, true
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int, reflect.Uint:
		return decode.KindUint, true
	case reflect.String:
		return decode.KindText, true
	case reflect.Slice, reflect.Array:
		switch {
		case t == reflect.TypeFor[net.IP]():
			return decode.KindIP, true
		case t == reflect.TypeFor[net.HardwareAddr]():
			return decode.KindMAC, true
		case t.Elem().Kind() == reflect.Uint8:
			return decode.KindBytes, true
		}
	}
	return 0, false
}

// words splits a name of Go: "MaxSegmentSize" is Max Segment Size, "IPAddress" IP Address.
func words(name string) string {
	if name == "ASFv1" {
		return name
	}
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		if i > 0 && unicode.IsUpper(c) && (!unicode.IsUpper(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// appendFields adds the fields of layer i of p, which an entry is for.
func (e *entry) appendFields(dst []decode.Field, p *decode.Packet, i int) []decode.Field {
	l := p.Layers()[i]
	out := decode.NewFieldWriter(dst, p, l.Offset, l.Offset+l.Header)
	w := e.decode(p.Header(i))
	for k := range w.layers {
		l := &w.layers[k]
		v := reflect.ValueOf(l.Layer)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		f := writer{w: w, out: &out, handed: l.part, part: l.part}
		if contents, ok := w.place(l.part, l.LayerContents()); ok {
			f.part = contents
		}
		f.members(v, members[v.Type()])
	}
	return out.Fields
}

// writer adds the fields of one layer, which is the part of what its decoder was handed.
type writer struct {
	w      *wall
	out    *decode.FieldWriter
	handed part
	part
}

func (f *writer) members(v reflect.Value, list []member) {
	for i := range list {
		m := &list[i]
		f.value(v.Field(m.index), m)
	}
}

// maxElements is how many elements of a slice are looked at.
const maxElements = 4096

func (f *writer) value(v reflect.Value, m *member) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice && m.definition != nil && m.definition.List {
		for k := range min(v.Len(), maxElements) {
			f.one(v.Index(k), m)
		}
		return
	}
	f.one(v, m)
}

func (f *writer) one(v reflect.Value, m *member) {
	d := m.definition
	switch {
	case d == nil:
		f.members(v, m.inside)
	case d.Kind == decode.KindGroup:
		f.out.Group(d, f.off, f.n)
		f.members(v, m.inside)
		f.out.End()
	case v.Kind() == reflect.Bool:
		n := uint64(0)
		if v.Bool() {
			n = 1
		}
		f.out.Value(d, f.off, f.n, n)
	case v.CanUint():
		f.out.Value(d, f.off, f.n, v.Uint())
	case v.CanInt():
		f.out.Value(d, f.off, f.n, uint64(v.Int()))
	case v.Kind() == reflect.String:
		f.out.Text(d, f.off, f.n, []byte(v.String()))
	case v.Kind() == reflect.Slice:
		if p, ok := f.w.place(f.handed, v.Bytes()); ok {
			f.out.Bytes(d, p.off, p.n)
		} else if v.Len() > 0 {
			f.out.Text(d, f.off, f.n, v.Bytes())
		}
	case v.Kind() == reflect.Array:
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		f.out.Text(d, f.off, f.n, b)
	}
}
