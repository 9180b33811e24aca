package where

import (
	"bytes"
	"path/filepath"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// corpus returns the captures of other projects that stand beside the checkout.
func corpus() (files []string) {
	for _, pattern := range []string{"tcpdump/*.pcap", "libpcap/*.pcap", "pcapng/*/*/*.pcapng"} {
		found, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", pattern))
		files = append(files, found...)
	}
	return files
}

// TestFieldsAreFound: each field of each layer of the captures is looked for in that layer, and what is read alone is
// what it is among all. A layer in own has fields of the prefixes there only.
func TestFieldsAreFound(t *testing.T) {
	files := corpus()
	if len(files) == 0 {
		t.Skip("no captures at ../shared/corpus beside the checkout")
	}
	var d decode.Decoder
	var p decode.Packet
	known := make(map[*decode.Definition]*field)
	told := make(map[*decode.Definition]bool)
	var fields, single []decode.Field
	seen := 0
	for _, file := range files {
		r, err := capture.OpenFile(file)
		if err != nil {
			continue // many are broken on purpose
		}
		for f, n := new(capture.Frame), 0; n < 200 && r.Next(f) == nil; n++ {
			_ = d.Decode(*f, &p)
			for i, l := range p.Layers() {
				if fields = fields[:0]; l.Type.HasFields() {
					fields = p.AppendFields(fields, i)
				} else {
					fields = app.Renderer{}.AppendFields(fields, &p, i)
				}
				for k := range fields {
					v := &fields[k]
					x := known[v.Definition]
					if x == nil {
						x = fieldOf(v.Key)
						known[v.Definition] = x
					}
					if x == nil || x.ways[l.Type] == notThere && !told[v.Definition] {
						told[v.Definition] = true
						t.Errorf("%s is not looked for in %v", v.Key, l.Type)
						continue
					}
					if v.Unnamed() && v.Note != "" {
						t.Errorf("%s is called unnamed, and %d is %q", v.Key, v.Number, v.Note)
					}
					seen++
					if x.ways[l.Type] != alone {
						continue
					}
					single = p.AppendSingle(single[:0], i, v.Definition)
					if len(single) != 1 || single[0].Number != v.Number || !bytes.Equal(single[0].Bytes, v.Bytes) || single[0].Bit != v.Bit ||
						single[0].Note != v.Note {
						t.Errorf("%s: %s alone is %+v, among all %+v", file, v.Key, single, *v)
					}
				}
				for _, x := range known {
					if x != nil && x.ways[l.Type] == alone {
						if single = p.AppendSingle(single[:0], i, x.definitions[0]); len(single) > 0 && !has(fields, x.definitions[0]) {
							t.Errorf("%s: %v has %s alone only", file, l.Type, x.name)
						}
					}
				}
			}
		}
		r.Close()
	}
	if seen < 10000 {
		t.Errorf("%d fields only", seen)
	}
}

func has(fields []decode.Field, d *decode.Definition) bool {
	for i := range fields {
		if fields[i].Definition == d {
			return true
		}
	}
	return false
}
