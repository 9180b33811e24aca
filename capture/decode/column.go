package decode

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Column is a value of each packet for tables: what one name asks for.
type Column struct {
	Name   string
	of     func(b []byte, r *Printer, p *Packet) []byte // of the frame; nil for fields
	fields []*Definition
	ways   []Way // by type of layer
	number bool
	// history tells that it shows what History finds.
	history bool
}

// Number tells whether the column's values are numbers or addresses, never text from the packet.
func (c *Column) Number() bool { return c.number }

// frameColumns are of the frame rather than of a layer. Their names are those of display filters.
var frameColumns = []Column{
	{Name: "frame.number", number: true, history: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return appendUint(b, p.Number)
	}},
	{Name: "frame.time", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		if p.Frame.Time.IsZero() {
			return b
		}
		return r.appendStamp(b, p.Frame.Time)
	}},
	{Name: "frame.time_epoch", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		if p.Frame.Time.IsZero() {
			return b
		}
		return appendEpoch(b, p.Frame.Time)
	}},
	{Name: "frame.time_relative", number: true, history: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return appendSeconds(b, p.sinceFirst)
	}},
	{Name: "frame.time_delta", number: true, history: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return appendSeconds(b, p.sincePrevious)
	}},
	{Name: "frame.len", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return appendInt(b, p.Frame.Length)
	}},
	{Name: "frame.cap_len", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return appendInt(b, len(p.Frame.Data))
	}},
	{Name: "frame.interface_id", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return appendInt(b, p.Frame.Interface)
	}},
	{Name: "frame.protocols", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		for i, l := range p.Layers() {
			if i > 0 {
				b = append(b, ':')
			}
			b = append(b, l.Type.String()...)
		}
		return b
	}},
	{Name: "frame.comment", of: func(b []byte, r *Printer, p *Packet) []byte {
		for i, c := range p.Frame.Comments {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendEscaped(b, []byte(c))
		}
		return b
	}},
	{Name: "protocol", number: true, of: func(b []byte, r *Printer, p *Packet) []byte { // the innermost that is known
		for _, l := range slices.Backward(p.Layers()) {
			if l.Type != TypePayload && l.Type != TypeFragment && l.Flags&Quoted == 0 {
				return append(b, l.Type.String()...)
			}
		}
		return b
	}},
	{Name: "tcp.payload", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return r.appendPayloads(b, p, TypeTCP)
	}},
	{Name: "udp.payload", number: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		return r.appendPayloads(b, p, TypeUDP)
	}},
	{Name: "data.data", number: true, of: func(b []byte, r *Printer, p *Packet) []byte { // what no decoder knows
		return r.appendPayloads(b, p, TypePayload)
	}},
	{Name: "line", history: true, of: func(b []byte, r *Printer, p *Packet) []byte {
		format := r.Time
		r.Time = TimeNone
		b = r.AppendLine(b, p)
		r.Time = format
		return b
	}},
}

// appendPayloads adds what layers of a type carry, in hexadecimal.
func (r *Printer) appendPayloads(b []byte, p *Packet, t Type) []byte {
	for i := range p.layers[:p.n] {
		data := p.Payload(i)
		if p.layers[i].Type != t || len(data) == 0 {
			continue
		}
		if len(b) > 0 {
			if r.Occurrence == LastOccurrence {
				b = b[:0]
			} else {
				b = append(b, cmp.Or(r.Aggregator, ",")...)
			}
		}
		if b = AppendBytes(b, data); r.Occurrence == FirstOccurrence {
			break
		}
	}
	return b
}

// NeedHistory tells whether a column shows what History finds.
func NeedHistory(columns []Column) bool {
	return slices.ContainsFunc(columns, func(c Column) bool { return c.history })
}

// both are names that mean a field of either end, or of either version.
var both = map[string][]string{
	"eth.addr": {"eth.src", "eth.dst"}, "ip.addr": {"ip.src", "ip.dst"}, "ipv6.addr": {"ipv6.src", "ipv6.dst"},
	"tcp.port": {"tcp.srcport", "tcp.dstport"}, "udp.port": {"udp.srcport", "udp.dstport"},
	"sctp.port": {"sctp.srcport", "sctp.dstport"},
}

// columnsOfTshark are its names for what has another here.
var columnsOfTshark = map[string]string{
	"_ws.col.Info": "line", "_ws.col.info": "line", "_ws.col.Protocol": "protocol",
	"_ws.col.protocol": "protocol", "_ws.col.No.": "frame.number",
	"_ws.col.Length": "frame.len", "_ws.col.Time": "frame.time_relative", "frame.time_delta_displayed": "frame.time_delta",
	"tcp.window_size": "tcp.window_size_value",
}

// ColumnNames returns all names that Columns takes, sorted, but for those of JSON.
func ColumnNames() []string {
	var names []string
	for _, c := range frameColumns {
		names = append(names, c.Name)
	}
	for name := range both {
		names = append(names, name)
	}
	for _, d := range Definitions() {
		if d.Kind != KindGroup && d != fMore {
			names = append(names, d.Key)
		}
	}
	slices.Sort(names)
	return names
}

// UnknownColumn is the error of Columns for a name that there is not.
type UnknownColumn struct {
	Name  string
	Index int // among the names
}

func (e *UnknownColumn) Error() string { return fmt.Sprintf("decode: no field is called %q", e.Name) }

// Columns returns the columns with the names. A name is a field's key, such as tcp.dstport, or layer and name as JSON
// has them, such as tcp.dst_port; or one of the frame, such as frame.number, frame.time and line, which is all of a
// packet's line but the time. See ColumnNames.
func Columns(names ...string) ([]Column, error) {
	var columns []Column
	for i, name := range names {
		c, ok := column(name)
		if !ok {
			return nil, &UnknownColumn{name, i}
		}
		columns = append(columns, c)
	}
	return columns, nil
}

func column(name string) (Column, bool) {
	if ours := columnsOfTshark[name]; ours != "" {
		c, ok := column(ours)
		c.Name = name
		return c, ok
	}
	for _, c := range frameColumns {
		if c.Name == name {
			return c, true
		}
	}
	c := Column{Name: name, number: true}
	for _, d := range FieldsNamed(name) {
		if d.Kind != KindGroup {
			c.fields = append(c.fields, d)
			c.number = c.number && d.Kind != KindText
		}
	}
	c.ways = make([]Way, Types)
	for t := range c.ways {
		c.ways[t] = WayTo(Type(t), c.fields)
	}
	return c, len(c.fields) > 0
}

// FieldsNamed returns what a name stands for, groups too: one field by its key, those of both ends, such as tcp.port, or
// else those of a layer that JSON calls so. There are none where nothing is called so.
func FieldsNamed(name string) []*Definition {
	if ours := columnsOfTshark[name]; ours != "" {
		name = ours
	}
	keys := both[name]
	if keys == nil {
		keys = []string{name}
	}
	var fields, inJSON []*Definition
	for _, d := range Definitions() {
		layer, _, _ := strings.Cut(d.Key, ".")
		if slices.Contains(keys, d.Key) {
			fields = append(fields, d)
		} else if layer+"."+d.JSON == name {
			inJSON = append(inJSON, d)
		}
	}
	if len(fields) == 0 {
		return inJSON
	}
	return fields
}

// AppendColumns calls add for each column with its value: nothing where the packet has none, and of several those that
// Occurrence says, with Aggregator between. Numbers are as they stand in the header, flags are 1 and 0, text is escaped.
// The value is valid until the next.
func (r *Printer) AppendColumns(b []byte, p *Packet, columns []Column,
	add func(b []byte, c *Column, value []byte) []byte) []byte {
	r.fields = r.fields[:0]
	clear(r.loaded[:p.n])
	for i := range columns {
		c := &columns[i]
		r.value = r.value[:0]
		if c.of != nil {
			r.value = c.of(r.value, r, p)
		} else if len(c.fields) > 0 {
			r.appendOccurrences(p, c)
		}
		b = add(b, c, r.value)
	}
	return b
}

// appendOccurrences makes the value that of a column of fields.
func (r *Printer) appendOccurrences(p *Packet, c *Column) {
	for i := range p.layers[:p.n] {
		switch c.ways[p.layers[i].Type] {
		case Alone:
			for _, d := range c.fields {
				if r.single = p.AppendSingle(r.single[:0], i, d); len(r.single) > 0 && r.appendOccurrence(&r.single[0]) {
					return
				}
			}
		case AmongAll:
			l := &r.loaded[i]
			if !l.done {
				from := len(r.fields)
				r.fields = r.appendFields(r.fields, p, i)
				*l = loadedLayer{from, len(r.fields), true}
			}
			for k := l.from; k < l.to; k++ {
				if slices.Contains(c.fields, r.fields[k].Definition) && r.appendOccurrence(&r.fields[k]) {
					return
				}
			}
		}
	}
}

// appendOccurrence adds a value, or puts it in place of those before; it reports whether that is all.
func (r *Printer) appendOccurrence(f *Field) bool {
	if len(r.value) > 0 {
		if r.Occurrence == LastOccurrence {
			r.value = r.value[:0]
		} else {
			r.value = append(r.value, cmp.Or(r.Aggregator, ",")...)
		}
	}
	r.value = appendPlain(r.value, f)
	return r.Occurrence == FirstOccurrence
}

// appendPlain adds the value of a field for programs.
func appendPlain(b []byte, f *Field) []byte {
	switch f.Kind {
	case KindBool:
		return append(b, '0'+byte(min(f.Number, 1)))
	case KindHex:
		return appendHexN(b, f.Number, max(1, (f.Bits+3)/4))
	case KindUint:
		return appendUint(b, f.Number)
	case KindText:
		return AppendEscaped(b, f.Bytes)
	case KindBytes:
		return AppendBytes(b, f.Bytes)
	}
	return AppendValue(b, f)
}
