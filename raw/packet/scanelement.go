package packet

import (
	"maps"
	"net/netip"
	"slices"
)

// bind puts values into a target: at once when they are constant, else packet by packet.
func (p *parsing) bind(t target, v values, start int) {
	switch {
	case v.progress == automatic:
		if !t.clear() {
			p.fail(start, "this field is not one that is computed: auto means nothing here")
		}
	case v.isConstant():
		t.set(v.at(0, 0, 0))
	default:
		v.place = uint64(len(p.t.variables) + 1)
		p.t.variables = append(p.t.variables, variable{target: t, values: v})
		t.set(v.at(0, 0, 0))
	}
}

func hasKey(m map[string]optionKind, name string) bool { _, ok := m[name]; return ok }

func optionNames(kinds map[string]optionKind, names ...string) []string {
	return slices.AppendSeq(names, maps.Keys(kinds))
}

// elements reads a bracketed list, one call of read for each element's name.
func (p *parsing) elements(read func(name string, start int)) {
	p.expect('[', "a list")
	n := 0
	p.each(']', "the end of the list", func() {
		start := p.pos
		if n++; n > maxElements {
			p.fail(start, "more than %d elements", maxElements)
		}
		name := p.name()
		if name == "" {
			p.fail(start, "%q where the name of an element is needed", p.rune())
		}
		read(name, start)
	})
}

type genericField struct {
	name   string
	target target
	names  map[string]uint64
}

// generic reads an element that is given by numbers and bytes.
func (p *parsing) generic(name string, fields []genericField, data *[]byte) {
	p.braced(name, fields, map[string]func(){"data": func() { *data = p.bytes() }})
}

// braced reads {field=value, …}: fields that are scalars, and others, each with what reads it.
func (p *parsing) braced(name string, fields []genericField, others map[string]func()) {
	p.expect('{', name)
	p.each('}', "the end of "+name, func() {
		at := p.pos
		f := p.name()
		i := slices.IndexFunc(fields, func(g genericField) bool { return g.name == f })
		other := others[f]
		if i < 0 && other == nil {
			var names []string
			for _, g := range fields {
				names = append(names, g.name)
			}
			p.fail(at, "%s has no field %q%s", name, f, didYouMean(f, slices.AppendSeq(names, maps.Keys(others))))
		}
		p.expect('=', name)
		if other != nil {
			other()
		} else {
			_, addr := fields[i].target.ptr.(*netip.Addr)
			p.bind(fields[i].target, p.values(value{name: f, bits: fields[i].target.bits, addr: addr, names: fields[i].names}), at)
		}
	})
}

// element reads the data of a known option: {value} where it has one field, else {field=value, …}.
func (p *parsing) element(name string, k optionKind, length target) []byte {
	size := k.fixed
	type piece struct {
		field  optionField
		values values
		start  int
	}
	var pieces []piece
	var tail []byte
	tailAt := -1
	if p.accept('{') {
		p.each('}', "the end of "+name, func() {
			start := p.pos
			if f := p.fieldAhead(); f == "len" && !hasField(k, "len") {
				p.name()
				p.expect('=', name)
				p.bind(length, p.values(value{name: "len", bits: length.bits}), start)
			} else {
				i := 0
				if f != "" {
					if i = slices.IndexFunc(k.fields, func(o optionField) bool { return o.name == f }); i < 0 {
						p.fail(start, "%s has no field %q", name, f)
					}
					p.name()
					p.expect('=', name)
				} else if len(k.fields) != 1 {
					p.fail(start, "%s has %d fields: name them, as in %s", name, len(k.fields), exampleOf(name, k))
				}
				field := k.fields[i]
				switch {
				case field.bytes == 0:
					tail, tailAt = p.bytes(), field.offset
				case field.bytes < 0:
					for _, a := range p.addresses(-8 * field.bytes) {
						tail = append(tail, a.AsSlice()...)
					}
					tailAt = field.offset
				default:
					bits := 8 * field.bytes
					if field.bits != 0 {
						bits = field.bits
					}
					v := p.values(value{name: field.name, bits: bits, addr: field.addr, mac: field.mac, names: field.names})
					pieces = append(pieces, piece{field, v, start})
					size = max(size, field.offset+field.bytes)
				}
			}
		})
	}
	data := make([]byte, size, size+len(tail))
	if tailAt >= 0 {
		data = append(data[:tailAt], tail...)
	}
	for _, piece := range pieces {
		at := data[piece.field.offset : piece.field.offset+piece.field.bytes]
		p.bind(target{ptr: &at, bits: 8 * len(at), shift: piece.field.shift, part: piece.field.bits}, piece.values, piece.start)
	}
	return data
}

func hasField(k optionKind, name string) bool {
	return slices.ContainsFunc(k.fields, func(f optionField) bool { return f.name == name })
}

func exampleOf(name string, k optionKind) string {
	if len(k.fields) == 0 {
		return name
	}
	return name + "{" + k.fields[0].name + "=…}"
}

func (p *parsing) addresses(family int) []netip.Addr {
	p.expect('[', "a list of addresses")
	var list []netip.Addr
	p.each(']', "the end of the list", func() {
		start := p.pos
		list = append(list, addrOf(p.scalar(value{name: "address", bits: family, addr: true}, p.word(), start), family))
		if len(list) > maxElements {
			p.fail(start, "more than %d addresses", maxElements)
		}
	})
	return list
}
