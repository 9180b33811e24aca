package table

import (
	"net/netip"
	"strconv"
	"strings"

	"sockwire/capture/decode"
)

// moreKey is where a field of a header stands in JSON.
type moreKey struct {
	layer decode.Type
	group [2]*decode.Definition
	field *decode.Definition
}

// maxMoreNames bounds how many names of fields are remembered. There are fewer.
const maxMoreNames = 1 << 12

// more puts the fields of a layer, those whose depth is at least from, into the column of what has none of its own.
func (x *filler) more(r *rows, p *decode.Packet, i int, from uint8) {
	key := moreKey{layer: p.Layers()[i].Type}
	x.fields = p.AppendFields(x.fields[:0], i)
	for k := range x.fields {
		f := &x.fields[k]
		depth := min(int(f.Depth), len(key.group))
		for d := depth; d < len(key.group); d++ {
			key.group[d] = nil
		}
		if f.Kind == decode.KindGroup {
			if depth < len(key.group) {
				key.group[depth] = f.Definition
			}
			continue
		}
		if f.Depth < from {
			continue
		}
		key.field = f.Definition
		name, known := x.names[key]
		if !known {
			name.text = key.name()
			name.at = headerAt[strings.TrimSuffix(name.text, "=")]
			if x.names == nil || len(x.names) >= maxMoreNames {
				x.names = map[moreKey]moreName{}
			}
			x.names[key] = name
		}
		value := x.texts.ofField(f)
		r.outside(pMore, name.text+value)
		if name.at > 0 && !r.has(name.at) {
			switch f.Kind {
			case decode.KindUint, decode.KindHex:
				r.number(name.at, f.Number)
			case decode.KindBool:
				r.flag(name.at, f.Number != 0)
			default:
				r.outside(name.at, value)
			}
		}
	}
}

// moreName is the name of a field, with "=" behind it, and its column, 0 for none.
type moreName struct {
	text string
	at   int
}

func (k *moreKey) name() string {
	name := k.layer.String()
	for _, g := range k.group {
		if g != nil {
			name += "." + g.JSON
		}
	}
	return name + "." + k.field.JSON + "="
}

// ofField returns the value of a field as text.
func (t *texts) ofField(f *decode.Field) string {
	switch f.Kind {
	case decode.KindUint, decode.KindHex:
		return strconv.FormatUint(f.Number, 10)
	case decode.KindBool:
		return strconv.FormatBool(f.Number != 0)
	case decode.KindState:
		return f.Note
	case decode.KindIP:
		if a, ok := netip.AddrFromSlice(f.Bytes); ok {
			return t.ofIP(a).text
		}
		return ""
	case decode.KindMAC:
		return t.ofMAC(f.Bytes)
	case decode.KindBytes:
		return string(decode.AppendBytes(nil, f.Bytes[:min(len(f.Bytes), maxFieldBytes)]))
	}
	return string(f.Bytes[:min(len(f.Bytes), maxFieldBytes)])
}
