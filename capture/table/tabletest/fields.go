package tabletest

import (
	"strings"

	"sockwire/capture/table"
)

// WantFields is what the columns of a table have of a layer's fields, by where --json has them. A value without a column
// is there too, by its path.
func WantFields(s *table.Schema, l *Layer) Row {
	flat := Row{}
	flat.flatten("", l.Fields)
	r, placed := Row{}, map[string]bool{}
	for _, c := range s.Columns {
		layer, path, ok := strings.Cut(c.JSON, ".")
		if !ok || layer == "" {
			continue
		}
		v, there := flat[path]
		if !there {
			continue
		}
		placed[path] = true
		if !c.List {
			v, _, _ = strings.Cut(v, "|")
		}
		r[c.Name] = v
		for _, b := range s.Columns {
			if b.Name == c.Name+"_bytes" {
				for _, a := range strings.Split(v, "|") {
					r.add(b.Name, Bytes16(a))
				}
			}
		}
	}
	for path, v := range flat {
		if !placed[path] && s != table.ICMP { // of which many fields stand in no column
			r["no column for "+path] = v
		}
	}
	return r
}
