package table

import (
	"net/netip"
	"strings"

	"sockwire/capture/decode"
	_ "sockwire/capture/decode/app" // which defines the fields of messages
)

// fieldMap says which column a field of a layer goes to, by its path in JSON with "_" between.
type fieldMap map[string]fieldColumn

type fieldColumn struct {
	at    int
	bytes int // of an address for ranges, 0 for none
	list  bool
}

// maxFieldBytes is how much of a text is kept, as in JSON.
const maxFieldBytes = 1 << 16

// fieldColumns adds a column for each JSON name of fields whose keys begin with one of the prefixes, in the order of
// their definitions, inside a group, by its path in JSON, or of the layer itself. Keys that begin with one of not are
// left out.
func fieldColumns(columns []Column, layer, group string, prefixes, not []string) []Column {
	for _, d := range decode.Definitions() {
		if d.Kind == decode.KindGroup || !starts(d.Key, prefixes) || starts(d.Key, not) {
			continue
		}
		c := Column{Name: d.JSON, JSON: layer + "." + d.JSON, Text: d.Name, List: d.List, Kind: Text}
		if group != "" {
			c.Name, c.JSON, c.List = strings.ReplaceAll(group, ".", "_")+"_"+d.JSON, layer+"."+group+"."+d.JSON, true
		}
		switch d.Kind {
		case decode.KindUint, decode.KindHex:
			c.Kind = U64
		case decode.KindBool:
			c.Kind = Flag
		}
		if named(columns, c.Name) {
			continue
		}
		columns = append(columns, c)
		if d.Kind == decode.KindIP && !named(columns, c.Name+"_bytes") {
			c.Name, c.Kind, c.JSON, c.Text = c.Name+"_bytes", Address, "", d.Name+", for ranges"
			columns = append(columns, c)
		}
	}
	return columns
}

func starts(key string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// newFieldMap maps the columns of s that have a JSON name in one of the layers.
func newFieldMap(s *Schema) fieldMap {
	m := fieldMap{}
	for i, c := range s.Columns {
		_, path, _ := strings.Cut(c.JSON, ".")
		if path == "" {
			continue
		}
		f := fieldColumn{at: i, list: c.List}
		if named(s.Columns, c.Name+"_bytes") {
			f.bytes = s.index(c.Name + "_bytes")
		}
		m[strings.ReplaceAll(path, ".", "_")] = f
	}
	return m
}

// fill puts the fields into their columns. The same name again in a column that is no list is left out.
func (m fieldMap) fill(r *rows, fields []decode.Field, texts *texts) {
	var groups [8]string
	for i := range fields {
		f := &fields[i]
		depth := min(int(f.Depth), len(groups)-1)
		if f.Kind == decode.KindGroup {
			groups[depth] = f.JSON
			if depth > 0 {
				groups[depth] = groups[depth-1] + "_" + f.JSON
			}
			continue
		}
		path := f.JSON
		if depth > 0 {
			path = groups[depth-1] + "_" + f.JSON
		}
		c, known := m[path]
		if !known || !c.list && r.has(c.at) {
			continue
		}
		switch f.Kind {
		case decode.KindUint, decode.KindHex:
			r.number(c.at, f.Number)
		case decode.KindBool:
			r.flag(c.at, f.Number != 0)
		case decode.KindState:
			r.text(c.at, f.Note)
		case decode.KindIP:
			a, ok := netip.AddrFromSlice(f.Bytes)
			if !ok {
				continue
			}
			t := texts.ofIP(a)
			r.text(c.at, t.text)
			if c.bytes > 0 {
				r.text(c.bytes, t.bytes)
			}
		case decode.KindMAC:
			r.text(c.at, texts.ofMAC(f.Bytes))
		case decode.KindBytes:
			r.text(c.at, string(decode.AppendBytes(nil, f.Bytes[:min(len(f.Bytes), maxFieldBytes)])))
		case decode.KindText:
			r.outside(c.at, string(f.Bytes[:min(len(f.Bytes), maxFieldBytes)]))
		}
	}
}
